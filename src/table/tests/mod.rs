//! Tests of the loader as a whole.

mod expansion;
mod folder;
mod hostile;
mod language;
mod mistakes;

use super::{Diagnostic, Source, Table, load};
use crate::case::Case;

/// One table of this text.
fn source(text: &str) -> Source {
    Source {
        stem: "t".to_owned(),
        path: "t.toml".to_owned(),
        text: text.to_owned(),
    }
}

/// The head of a table, so that a test states its cases only.
const HEAD: &str = "title = \"T\"\ncite = \"mmap(2)\"\n";

fn table(text: &str) -> Table {
    match load(&[source(text)]) {
        Ok(mut tables) => tables.remove(0),
        Err(wrong) => panic!("{}", shown(&wrong)),
    }
}

fn shown(wrong: &[Diagnostic]) -> String {
    let all: Vec<String> = wrong.iter().map(|d| d.render(false)).collect();
    all.join("\n\n")
}

/// The table of these cases, with a head and, for each case, the keys that say nothing here.
fn cases(text: &str) -> Vec<Case> {
    let text = text.replace("[[case]]\n", "[[case]]\nwhy = \"because\"\n");
    let table = table(&format!("{HEAD}{text}"));
    let groups = table.groups.iter();
    groups
        .flat_map(|g| (0..g.len()).map(|i| g.case(i)))
        .collect()
}

fn ids(text: &str) -> Vec<String> {
    cases(text).into_iter().map(|c| c.id).collect()
}
