//! The specification as a page: each clause with its citation, the number of cases that it
//! decides, and who departs from it.

use crate::machine::model::Told;
use crate::machine::model::clause::{Clause, Force, In, Rule};
use crate::machine::model::clauses::LISTS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Which cases each clause had a say in.
#[derive(Debug, Default)]
pub struct Decided {
    cases: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Decided {
    /// Adds one case.
    pub fn add(&mut self, id: &str, told: &Told) {
        for (_, clause) in &told.decided {
            self.cases
                .entry(clause.id)
                .or_default()
                .insert(id.to_owned());
        }
    }

    fn of(&self, clause: &Clause) -> usize {
        self.cases.get(clause.id).map_or(0, BTreeSet::len)
    }

    /// Whether a clause has a say in a case that this pattern names.
    fn names(&self, clause: &Clause, pattern: &str) -> bool {
        let cases = self.cases.get(clause.id).into_iter().flatten();
        let mut cases = cases;
        cases.any(|id| crate::known::matches(pattern, id))
    }
}

const HEAD: &str = "\
# The specification

This page is made by `mmapcheck model --specification`; the clauses stand in
`src/machine/model/clauses/`. It says what each call does, clause by clause, in the order in which
the clauses apply: where one applies, those after it in the list are not asked any more, in the
reading of Linux. The standard does not say in which order errors are looked for (POSIX.1 XSH 2.3),
so in its reading any of the errors that apply may come.

Each clause tells in which reading it stands, *Linux* or *POSIX*, or both; where it stands there;
in how many of the cases it has a say (on x86_64 with pages of 4 KiB, ext4); and which lists of known
deviations name cases that it has a say in.
";

/// The page. `departing` are the known deviations: the list's name, and the pattern of its cases.
pub fn specification(decided: &Decided, departing: &[(String, String)]) -> String {
    let mut page = HEAD.to_owned();
    for list in LISTS {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {}\n\n", list.name);
        for (n, clause) in list.clauses.iter().enumerate() {
            let _ = write!(page, "{}", entry(n + 1, clause, decided, departing));
        }
    }
    page
}

fn entry(n: usize, clause: &Clause, decided: &Decided, departing: &[(String, String)]) -> String {
    let reading = match clause.reading {
        In::Both => "POSIX and Linux",
        In::Posix => "POSIX",
        In::Linux => "Linux",
    };
    let force = match clause.force {
        Force::Required => String::new(),
        other => format!(", {other}"),
    };
    let kind = match clause.rule {
        Rule::Answer(_) => "",
        Rule::Effect(_) => ", an effect",
    };
    let cases = match decided.of(clause) {
        0 => "no case".to_owned(),
        1 => "1 case".to_owned(),
        n => format!("{n} cases"),
    };
    let lists: BTreeSet<&str> = departing
        .iter()
        .filter(|(_, pattern)| decided.names(clause, pattern))
        .map(|(list, _)| list.as_str())
        .collect();
    let mut text = format!(
        "{n}. **{}** ({reading}{force}{kind}; {cases})  \n   {}  \n   *{}*\n",
        clause.id,
        clause.text,
        clause.cite.join("; ")
    );
    if !lists.is_empty() {
        let names: Vec<&str> = lists.into_iter().collect();
        let _ = writeln!(text, "   Deviations are known of: {}", names.join(", "));
    }
    text
}
