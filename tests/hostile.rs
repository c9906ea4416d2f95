//! Spoilt notation, lines and records: a mistake or the same again, never a panic.

mod properties;

use mmapcheck::machine::frame::Frame;
use mmapcheck::table::{self, Table};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::Path;
use std::sync::OnceLock;

fn tables() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        table::load(&table::read_folder(&cases).unwrap()).unwrap()
    })
}

/// The first case of each group, as it is sent to a worker; each step and claim in it.
fn programs() -> Vec<String> {
    let groups = tables().iter().flat_map(|t| &t.groups);
    groups.map(|g| g.case(0).program.to_string()).collect()
}

fn pieces() -> Vec<String> {
    let mut pieces = vec![
        "1page/2 + 3KiB - eof".to_owned(),
        "hole*1page + \"a\"*(1page - 1) + x\"00 ff\"".to_owned(),
        "PROT_READ|PROT_WRITE|0x40000000".to_owned(),
    ];
    for group in tables().iter().flat_map(|t| &t.groups) {
        let case = group.case(0);
        for (step, claim) in case.program.steps.iter().zip(&case.claims) {
            pieces.push(step.to_string());
            pieces.extend(claim.iter().map(|c| c.to_string()));
            pieces.extend(claim.iter().map(|c| format!("{step} = {c}")));
        }
    }
    pieces.sort();
    pieces.dedup();
    pieces
}

/// The first bytes of each recorded file, and what a facet's file and a list begin with.
fn records() -> Vec<String> {
    let mut texts = vec![
        "---\nsource: tests/suite.rs\n---\nobserved: group, cases, digest of the base\n  \
         access 23 1f2e3d4c5b6a7988\n    not access[open=O_PATH]\naccess[open=O_RDWR]\n  \
         mmap = ENODEV\n"
            .to_owned(),
        "[[known]]\ncase = \"eof::*\"\noutcome = \"SIGBUS\"\nreason = \"r\"\nlink = \"l\"\n"
            .to_owned(),
        mmapcheck::platform::Reference::default().to_string(),
    ];
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/linux-x86_64");
    for file in std::fs::read_dir(reference).into_iter().flatten().flatten() {
        if let Ok(text) = std::fs::read_to_string(file.path()) {
            texts.push(text.chars().take(1500).collect());
        }
    }
    texts
}

/// A change of a text: where, how much of it goes, and what comes instead.
fn change() -> impl Strategy<Value = (Index, usize, String)> {
    let words = select(vec![
        "",
        " ",
        "\"",
        "(",
        ")",
        "*",
        "+",
        "-",
        "|",
        "/",
        ",",
        ":",
        "=",
        "0",
        "1",
        "0x",
        "-1",
        "max",
        "page",
        "1page",
        "eof",
        "hole",
        "hole*1",
        "x\"",
        "x\"00\"",
        "ok",
        "EINVAL",
        "SIGBUS",
        "at ",
        "in page ",
        "map",
        "file",
        "\n",
        "\r",
        "\\",
        "\\x",
        "@mmapcheck ",
        "é",
        "\u{0}",
        "18446744073709551615",
        "99999999999999999999",
        "1TiB",
        "main: ",
        "child: ",
        "a = ",
    ]);
    (any::<Index>(), 0usize..8, words.prop_map(str::to_owned))
}

fn spoilt(texts: Vec<String>) -> impl Strategy<Value = String> {
    let changes = prop::collection::vec(change(), 0..5);
    (select(texts), changes).prop_map(|(text, changes)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, gone, new) in changes {
            let at = at.index(chars.len() + 1);
            let end = (at + gone).min(chars.len());
            chars.splice(at..end, new.chars());
        }
        chars.into_iter().collect()
    })
}

#[test]
fn what_the_tables_say_survives() {
    for text in pieces().iter().chain(&programs()) {
        properties::notation(text);
    }
    for text in records() {
        properties::record(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_notation(text in spoilt(pieces())) {
        properties::notation(&text);
    }

    #[test]
    fn spoilt_programs(text in spoilt(programs())) {
        properties::notation(&text);
    }

    #[test]
    fn spoilt_lines(text in spoilt(programs()), bit in any::<Index>(), flip in 0u32..9) {
        let mut line = Vec::new();
        Frame::new("run", 7, text).write(&mut line);
        let at = bit.index(line.len());
        line[at] ^= (1u32 << flip) as u8;
        properties::line(&line);
    }

    #[test]
    fn spoilt_records(text in spoilt(records())) {
        properties::record(&text);
        properties::line(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_tables(text in spoilt(one_by_one())) {
        properties::table(&text);
    }
}

/// A table for each case of the project's: the head of its table, and the case.
fn one_by_one() -> Vec<String> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut found = Vec::new();
    for source in table::read_folder(&cases).unwrap() {
        let mut parts = source.text.split("[[case]]\n");
        let head = parts.next().unwrap_or_default().to_owned();
        found.extend(parts.map(|case| format!("{head}[[case]]\n{case}")));
    }
    found
}
