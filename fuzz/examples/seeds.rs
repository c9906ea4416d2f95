//! Writes what the fuzzers begin with, made from the project's tables and records: `corpus/TARGET/`
//! and the dictionary `corpus/words.dict`, in the folder `fuzz`.

use mmapcheck::case::call::{self, FIXTURES, PATHS, RESERVED};
use mmapcheck::case::errno::Errno;
use mmapcheck::case::flags;
use mmapcheck::case::need::NEEDS;
use mmapcheck::case::quantity::UNITS;
use mmapcheck::case::signal::{Code, Signal};
use mmapcheck::machine::frame::Frame;
use mmapcheck::platform::{Platform, Reference};
use mmapcheck::snapshot::{Folder, SnapshotSource};
use mmapcheck::table::{self, Source, Table};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How many cases of a product are taken: they are much alike.
const CASES: usize = 2;

/// A longer seed only slows the fuzzer.
const LONGEST: usize = 4096;

const KNOWN: &str = "[[known]]\ncase = \"eof::*\"\noutcome = \"SIGBUS BUS_ADRERR at map\"\n\
    reason = \"why\"\nlink = \"https://example.org/1\"\n";

fn main() -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = fuzz.join("..");
    let corpus = fuzz.join("corpus");
    let sources = table::read_folder(&top.join("cases"))?;
    let tables = table::load(&sources).map_err(|wrong| {
        io::Error::other(wrong.iter().map(|d| d.render(false)).collect::<String>())
    })?;
    write(&corpus.join("table"), sources.iter().flat_map(one_by_one))?;
    write(&corpus.join("notation"), notation(&tables).into_iter())?;
    let records = records(&Folder(top.join("snapshots")))?;
    write(
        &corpus.join("frame"),
        frames(&tables).into_iter().chain(records),
    )?;
    fs::write(corpus.join("words.dict"), dictionary())
}

fn write(folder: &PathBuf, seeds: impl Iterator<Item = String>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let seeds: BTreeSet<String> = seeds.filter(|s| s.len() <= LONGEST).collect();
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{i:05}")), seed)?;
    }
    println!("{}: {} seeds", folder.display(), seeds.len());
    Ok(())
}

/// A table for each case: the head of its table, and the case.
fn one_by_one(source: &Source) -> Vec<String> {
    let mut parts = source.text.split("[[case]]\n");
    let head = parts.next().unwrap_or_default();
    parts
        .map(|case| format!("{head}[[case]]\n{case}"))
        .collect()
}

/// Programs, steps and claims.
fn notation(tables: &[Table]) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for group in tables.iter().flat_map(|t| &t.groups) {
        for i in (0..group.len()).take(CASES) {
            let case = group.case(i);
            texts.insert(case.program.to_string());
            for (step, claim) in case.program.steps.iter().zip(&case.claims) {
                texts.insert(step.to_string());
                texts.extend(claim.iter().map(|c| format!("{step} = {c}")));
                texts.extend(claim.iter().map(|c| c.to_string()));
            }
        }
    }
    texts
}

/// What a runner sends, and what a worker could answer.
fn frames(tables: &[Table]) -> Vec<String> {
    let platform = Platform::unknown().to_string();
    let mut texts = vec![
        platform.clone(),
        Reference::default().to_string(),
        KNOWN.to_owned(),
    ];
    texts.push(line("hello", 1, &platform));
    for group in tables.iter().flat_map(|t| &t.groups) {
        let case = group.case(0);
        let mut transcript = String::new();
        for claim in &case.claims {
            let outcome = claim.as_ref().and_then(|c| c.any_of.first());
            transcript += &outcome.map_or("ok\n".to_owned(), |o| format!("{o}\n"));
        }
        transcript += "file = x\"00\"*1page + \"a\"\n";
        texts.push(line("run", 7, &case.program.to_string()));
        texts.push(line("result", 7, &transcript));
        texts.push(transcript);
    }
    texts
}

fn line(kind: &str, sequence: u64, payload: &str) -> String {
    let mut bytes = Vec::new();
    Frame::new(kind, sequence, payload).write(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn records(folder: &Folder) -> io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in folder.files()? {
        texts.extend(folder.read(&file)?);
    }
    Ok(texts)
}

fn dictionary() -> String {
    let domains = [
        &flags::PROT,
        &flags::MAP,
        &flags::OPEN,
        &flags::MSYNC,
        &flags::WHENCE,
    ];
    let mut words: BTreeSet<&str> = domains.iter().flat_map(|d| d.flags).map(|f| f.0).collect();
    words.extend(call::all().map(|c| c.name));
    words.extend(Errno::names().chain(Signal::names()).chain(Code::names()));
    for list in [NEEDS, UNITS, FIXTURES, RESERVED] {
        words.extend(list.iter().map(|w| w.0));
    }
    words.extend(PATHS.iter().map(|p| p.0));
    words.extend([
        "title = ",
        "cite = ",
        "[defaults]",
        "[[case]]",
        "name = ",
        "why = ",
        "expect = ",
        "when = ",
        "is = ",
        "then = ",
        "before = ",
        "vary = ",
        "exclude = ",
        "map = false",
        "end = ",
        "step = ",
        "has ",
        "lacks ",
        "not ",
        "hole*",
        "at ",
        "in page ",
        "nowhere",
        "elsewhere",
        "killed ",
        "exit ",
        "errno ",
        "si_code ",
        "not reached: ",
        "unsaid: ",
        "file = ",
        "file unchanged",
        "no file",
        "@mmapcheck ",
        "observed: group, cases, digest of the base",
        "    not ",
        "---",
    ]);
    let quoted = words.iter().map(|w| format!("{:?}\n", w.replace('"', "")));
    quoted.collect()
}
