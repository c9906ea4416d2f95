//! The reference of the language against the code: its examples load, its lists are whole.

use super::{HEAD, shown, source};
use crate::case::{call, need, quantity};
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

#[test]
fn every_list_is_whole() {
    for call in call::all() {
        let written = format!("| `{}` | {} |", call.signature(), call.doc);
        assert!(REFERENCE.contains(&written), "{written}");
    }
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
    for (name, doc) in need::NEEDS {
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
