//! The reference of the language against the code: its examples load, its lists are whole.
//!
//! `LANGUAGE=write cargo test --lib language` puts calls that are new into the list of calls.

use super::{HEAD, shown, source};
use crate::case::call::ResultKind;
use crate::case::{call, fault, need, quantity};
use crate::table::load;

const REFERENCE: &str = include_str!("../../case/language.md");

fn examples() -> Vec<String> {
    let mut examples = Vec::new();
    let mut rest = REFERENCE;
    while let Some((_, after)) = rest.split_once("\n```toml\n") {
        let (example, after) = after.split_once("\n```\n").expect("an example has an end");
        examples.push(format!("{example}\n"));
        rest = after;
    }
    examples
}

#[test]
fn every_example_loads() {
    let examples = examples();
    assert!(examples.len() > 15);
    for example in examples {
        let whole = if example.starts_with("title") {
            example
        } else {
            format!("{HEAD}{example}")
        };
        if let Err(wrong) = load(&[source(&whole)]) {
            panic!("{}", shown(&wrong));
        }
    }
}

fn stands(word: &str) {
    let quoted = format!("`{word}`");
    let as_call = format!("`{word}(");
    let stands = REFERENCE.contains(&quoted) || REFERENCE.contains(&as_call);
    assert!(stands, "{word} is not told of");
}

/// The reference with a row for each call, as its entry has it: what a row says of the result
/// stays, new ones stand behind the call that is listed before them.
fn with_all_calls(reference: &str) -> String {
    let mut lines: Vec<String> = reference.lines().map(str::to_owned).collect();
    let mut before = None;
    for call in call::all() {
        let head = format!("| `{}(", call.name);
        let found = lines.iter().position(|l| l.starts_with(&head));
        let gives = match found.and_then(|at| lines[at].rsplit('|').nth(1)) {
            Some(gives) => gives.trim().to_owned(),
            None => gives(call.result).to_owned(),
        };
        let gives = format!(" {gives} ").replace("  ", " ");
        let row = format!("| `{}` | {} |{gives}|", call.signature(), call.doc);
        before = match (found, before) {
            (Some(at), _) => {
                lines[at] = row;
                Some(at)
            }
            (None, Some(last)) => {
                lines.insert(last + 1, row);
                Some(last + 1)
            }
            (None, None) => None,
        };
    }
    lines.join("\n") + "\n"
}

fn gives(result: ResultKind) -> &'static str {
    match result {
        ResultKind::Zero | ResultKind::Never => "",
        ResultKind::Address { .. } | ResultKind::Place | ResultKind::Break => "an address",
        ResultKind::Descriptor => "a descriptor",
        ResultKind::Pipe => "two descriptors",
        ResultKind::Read { .. } => "as `read`",
        ResultKind::Written { .. } => "how many",
        ResultKind::Actor => "an actor",
        ResultKind::Fault => "a fault",
        _ => "a number",
    }
}

#[test]
fn every_call_is_listed() {
    let whole = with_all_calls(REFERENCE);
    if std::env::var_os("LANGUAGE").is_some_and(|l| l == "write") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/case/language.md");
        std::fs::write(path, &whole).unwrap();
        return;
    }
    let other = whole.lines().find(|l| !REFERENCE.contains(*l));
    assert_eq!(other, None, "LANGUAGE=write cargo test --lib language");
}

#[test]
fn a_new_call_finds_its_row() {
    let row = |l: &&str| l.starts_with("| `munmap(");
    let old: Vec<&str> = REFERENCE.lines().filter(|l| !row(l)).collect();
    let again = with_all_calls(&(old.join("\n") + "\n"));
    assert_eq!(again, REFERENCE);
}

#[test]
fn every_list_is_whole() {
    for (name, doc) in call::FIXTURES {
        let written = format!("| `{name}` | {doc} |");
        assert!(REFERENCE.contains(&written), "{written}");
    }
    for (name, _) in call::PATHS
        .iter()
        .chain(call::RESERVED)
        .chain(call::KEYS)
        .chain(quantity::UNITS)
    {
        stands(name);
    }
    for (name, doc) in fault::HOW {
        let written = format!("| `{name}` | {doc} |");
        assert!(REFERENCE.contains(&written), "{written}");
    }
    for (name, doc) in need::NEEDS.iter().chain(fault::FAULTS) {
        let written = format!("\n| `{name}` | {doc} |");
        assert!(REFERENCE.contains(&written), "{written}");
    }
    for domain in call::all().flat_map(call::CallSpec::domains) {
        let names = domain.flags.iter().map(|f| f.0);
        names
            .chain(domain.aliases.iter().map(|a| a.0))
            .for_each(stands);
    }
}
