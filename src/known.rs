//! Known deviations: observed outcomes that break a rule, and are tolerated for a stated reason.
//!
//! ```toml
//! # ci/known/fs-tmpfs.toml: the file is named for a facet or for a platform
//! [[known]]
//! case    = "eof::store-past-eof[*]"
//! outcome = "store(map + 1page, \"x\") = ok"
//! reason  = "why this machine does so, and why it is not mended"
//! link    = "https://…"
//! reckon  = "what a program must reckon with there"
//! rule    = "the clause that it breaks, or `open`"
//! report  = "https://…"
//! ```
//!
//! `case` is an id, or a pattern in which `*` stands for anything. `outcome` is the line of the
//! transcript, or its outcome alone. These two, `reason` and `link` must be there. `rule` is given
//! where the case's own citations do not tell it, `open` where the standard leaves it open;
//! `report` where there is a public report.
//!
//! | observed | listed | verdict | exit |
//! |---|---|---|---|
//! | allowed | no | pass | 0 |
//! | not allowed | no | violation | 1 |
//! | not allowed | yes, this outcome | known | 0 |
//! | not allowed | yes, another outcome | changed | 1 |
//! | allowed | yes | stale | 1 |
//! | not run | yes | known, not checked | 0 |
//! | – | yes, no such case | a mistake in the list | 2 |
//!
//! A pattern is stale only when every case that it names was run and none needed it.

mod read;

use crate::diagnostic::{Diagnostic, SourceText};
use crate::snapshot::{Record, SnapshotSource};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One tolerated deviation.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The id of a case, or a pattern with `*`.
    pub case: String,
    /// The tolerated line of the transcript, or its outcome alone, in canonical notation.
    pub outcome: String,
    /// Why it is tolerated.
    pub reason: String,
    /// Where one can read about it.
    pub link: String,
    /// Which rule it breaks; `open` where the standard leaves it open. Else the case's own
    /// citations tell.
    pub rule: Option<String>,
    /// What a program must reckon with.
    pub reckon: Option<String>,
    /// Where it was reported in public, where that is known.
    pub report: Option<String>,
    source: Arc<SourceText>,
    span: Range<usize>,
}

/// What breaks a rule: a line of the transcript, and the outcome in it.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The line as it is printed: `mmap = EINVAL`.
    pub line: &'a str,
    /// The outcome alone: `EINVAL`.
    pub outcome: &'a str,
}

/// The deviations that are tolerated on one machine.
#[derive(Debug, Default)]
pub struct Known {
    entries: Vec<Entry>,
}

/// What the list says of a case that broke rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Nothing.
    No,
    /// Each broken rule is tolerated, by these entries.
    Tolerated(Vec<usize>),
    /// The case is listed, but something else was observed than these entries tolerate.
    Otherwise(Vec<usize>),
}

impl Known {
    /// Reads all lists of `source` and keeps those that speak of the machine that `record` is
    /// for. All mistakes of all lists are given, also of those for other machines.
    pub fn load(source: &dyn SnapshotSource, record: &Record) -> Result<Self, Vec<Diagnostic>> {
        let mut known = Known::default();
        let mut mistakes = Vec::new();
        let unreadable = |path: &str, e: &std::io::Error| Diagnostic {
            source: Arc::new(SourceText {
                file: source.shown(path),
                text: String::new(),
            }),
            span: 0..0,
            message: format!("can't be read: {e}"),
            help: None,
        };
        let files = match source.files() {
            Ok(files) => files,
            Err(e) => return Err(vec![unreadable("", &e)]),
        };
        for path in files {
            let Some(name) = path.strip_suffix(".toml") else {
                continue;
            };
            let text = match source.read(&path) {
                Ok(text) => text.unwrap_or_default(),
                Err(e) => {
                    mistakes.push(unreadable(&path, &e));
                    continue;
                }
            };
            let file = source.shown(&path);
            let (entries, wrong) = read::entries(SourceText { file, text });
            mistakes.extend(wrong);
            if record.is_about(name) {
                known.entries.extend(entries);
            }
        }
        if mistakes.is_empty() {
            Ok(known)
        } else {
            Err(mistakes)
        }
    }

    /// All entries of all lists, with the name of their list, whatever machine they speak of.
    pub fn everywhere(
        source: &dyn SnapshotSource,
    ) -> Result<Vec<(String, Entry)>, Vec<Diagnostic>> {
        let mut all = Vec::new();
        let mut mistakes = Vec::new();
        for path in source.files().unwrap_or_default() {
            let Some(name) = path.strip_suffix(".toml") else {
                continue;
            };
            let text = source.read(&path).ok().flatten().unwrap_or_default();
            let file = source.shown(&path);
            let (entries, wrong) = read::entries(SourceText { file, text });
            mistakes.extend(wrong);
            all.extend(entries.into_iter().map(|e| (name.to_owned(), e)));
        }
        if mistakes.is_empty() {
            Ok(all)
        } else {
            Err(mistakes)
        }
    }

    /// The entry of this number, as [`Listed`] counts them.
    pub fn entry(&self, n: usize) -> Option<&Entry> {
        self.entries.get(n)
    }

    /// Whether an entry may name a case whose id begins so.
    pub fn may_name(&self, begin: &str) -> bool {
        self.entries.iter().any(|e| {
            let known = e.case.split('*').next().unwrap_or_default();
            known.starts_with(begin) || begin.starts_with(known)
        })
    }

    /// The entries that name no case of `ids`: mistakes in the list.
    pub fn without_case<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<Diagnostic> {
        let mut left: HashSet<usize> = (0..self.entries.len()).collect();
        for id in ids {
            if left.is_empty() {
                break;
            }
            left.retain(|n| !self.entries[*n].names(id));
        }
        let mut left: Vec<usize> = left.into_iter().collect();
        left.sort_unstable();
        let entries = left.into_iter().map(|n| &self.entries[n]);
        entries
            .map(|e| e.complain(format!("no case is named `{}`", e.case)))
            .collect()
    }

    /// What the list says of a case whose transcript breaks rules in `broken`.
    pub fn listed(&self, id: &str, broken: &[Observed<'_>]) -> Listed {
        let naming: Vec<usize> = self.naming(id).collect();
        if naming.is_empty() {
            return Listed::No;
        }
        let mut used = Vec::new();
        for b in broken {
            let found = naming.iter().find(|n| self.entries[**n].tolerates(b));
            match found {
                Some(n) if !used.contains(n) => used.push(*n),
                Some(_) => {}
                None => return Listed::Otherwise(naming),
            }
        }
        Listed::Tolerated(used)
    }

    /// The numbers of the entries that name the case of this id.
    pub fn naming<'a>(&'a self, id: &'a str) -> impl Iterator<Item = usize> + 'a {
        let entries = self.entries.iter().enumerate();
        entries.filter(move |(_, e)| e.names(id)).map(|(n, _)| n)
    }
}

impl Entry {
    /// Whether the entry speaks of the case of this id.
    pub fn names(&self, id: &str) -> bool {
        matches(&self.case, id)
    }

    /// Whether this is the outcome that it tolerates.
    pub fn tolerates(&self, observed: &Observed<'_>) -> bool {
        self.outcome == observed.line || self.outcome == observed.outcome
    }

    /// The file that it stands in, and its line from 1.
    pub fn place(&self) -> (&str, usize) {
        let line = self.complain(String::new()).position().0;
        (&self.source.file, line)
    }

    fn complain(&self, message: String) -> Diagnostic {
        Diagnostic {
            source: self.source.clone(),
            span: self.span.clone(),
            message,
            help: None,
        }
    }
}

/// The sentence that a stale entry is reported with.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = self.place();
        write!(
            f,
            "{file}:{line}: `{}` no longer needs to be tolerated: {}",
            self.outcome, self.case
        )
    }
}

/// Whether `text` is what `pattern` says; `*` stands for anything, also nothing.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// What became of each entry in a run.
#[derive(Debug)]
pub struct Ledger<'a> {
    known: &'a Known,
    needed: Vec<bool>,
    idle: Vec<bool>,
    unchecked: Vec<bool>,
}

impl<'a> Ledger<'a> {
    /// A ledger in which nothing has run.
    pub fn new(known: &'a Known) -> Self {
        let n = known.entries.len();
        Ledger {
            known,
            needed: vec![false; n],
            idle: vec![false; n],
            unchecked: vec![false; n],
        }
    }

    /// A case ran, and these entries were needed for it; the others that name it were not.
    pub fn ran(&mut self, id: &str, needed: &[usize]) {
        for n in self.known.naming(id) {
            if needed.contains(&n) {
                self.needed[n] = true;
            } else {
                self.idle[n] = true;
            }
        }
    }

    /// A case did not run, or not to its end.
    pub fn not_run(&mut self, id: &str) {
        for n in self.known.naming(id) {
            self.unchecked[n] = true;
        }
    }

    /// The entries that no case needs any more.
    pub fn stale(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        let entries = self.known.entries.iter().enumerate();
        entries
            .filter(|(n, _)| self.idle[*n] && !self.needed[*n] && !self.unchecked[*n])
            .map(|(_, e)| e)
    }
}

#[cfg(test)]
pub(crate) mod tests;
