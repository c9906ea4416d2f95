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
//! `case` is an id, or a pattern in which `*` stands for anything, or a list of them: one cause may
//! have many cases. `outcome` is the line of the transcript, or its outcome alone. These two,
//! `reason` and `link` must be there. `rule` is given where the case's own citations do not tell
//! it, `open` where the standard leaves it open; `report` where there is a public report.
//!
//! Where a step can't be had at all, each step after it may break its rule too.
//! `rest = "follows"` tolerates those with it.
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
//! An entry is stale only when every case that it names was run and none needed it, on the machine
//! of which its list speaks: what all of Linux does need not be so on each file system.
//!
//! # Other systems
//!
//! Where another kernel, architecture, sandbox or emulator answers than the reference's, rules may
//! be broken by the thousand, and the record already holds what exactly is observed. The list of
//! such a machine ([`FacetKind::is_native`]) may leave `outcome` out, or give in its place a pattern
//! of outcomes or lines, `like = "SIGBUS BUS_ADRALN *"`: then each of these is tolerated that is
//! recorded there. What is as recorded, breaks a rule and stands in no list is *unexplained*: it is
//! counted and told, and fails nothing. On the reference's own system all is as above.
//!
//! An emulator may also answer one case in another way at each run, by where its own memory lies or
//! how busy its host is, and so may a file system of another machine ([`FacetKind::is_remote`]).
//! `varies = true` in place of an outcome says so: the case is run, whatever comes of it is tolerated,
//! and nothing is recorded of it.
//!
//! | observed | recorded there | listed | verdict | exit |
//! |---|---|---|---|---|
//! | anything | nothing | yes, it varies | known | 0 |
//! | not allowed | the same | yes, by pattern or without an outcome | known | 0 |
//! | not allowed | the same | no, or another outcome | unexplained | 0 |
//! | not allowed | something else | yes, by pattern or without an outcome | changed | 1 |
//! | not allowed | something else | no | violation | 1 |
//! | not allowed | nothing | yes, by pattern or without an outcome | violation | 1 |

mod read;

use crate::diagnostic::{Diagnostic, SourceText};
use crate::platform::FacetKind;
use crate::snapshot::{Record, SnapshotSource};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One tolerated deviation.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Ids of cases, or patterns with `*`; at least one.
    pub cases: Vec<Pattern>,
    /// What is tolerated.
    pub outcome: Tolerated,
    /// Whether all that breaks rules later in the same case follows from it.
    pub rest_follows: bool,
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
    /// Whether its list speaks of just this machine, so that it may be stale here.
    is_own: bool,
    source: Arc<SourceText>,
}

/// What an entry tolerates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerated {
    /// This line of the transcript, or this outcome, in canonical notation.
    Outcome(String),
    /// What is recorded and looks like this: a line or an outcome, in which `*` stands for
    /// anything.
    Like(String),
    /// Whatever is recorded.
    Recorded,
    /// Whatever comes: it is another at each run, and is not recorded.
    Varying,
}

/// The cases that an entry speaks of.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The id of a case, or a pattern in which `*` stands for anything.
    pub text: String,
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
    /// Whether another system answers than the reference's.
    is_foreign: bool,
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
        let mut known = Known {
            entries: Vec::new(),
            is_foreign: !record.is_native(),
        };
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
            let (mut entries, wrong) = read::entries(SourceText { file, text }, name);
            mistakes.extend(wrong);
            if record.is_about(name) {
                let is_own = record.is_own(name);
                entries.iter_mut().for_each(|e| e.is_own = is_own);
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
            let (entries, wrong) = read::entries(SourceText { file, text }, name);
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

    /// Whether what is recorded of a rule that is broken is tolerated though nothing explains it:
    /// where another system answers than the reference's.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Whether each of these entries says itself which outcome it tolerates.
    pub fn say_outcomes(&self, entries: &[usize]) -> bool {
        let mut entries = entries.iter().filter_map(|n| self.entry(*n));
        entries.all(|e| matches!(e.outcome, Tolerated::Outcome(_)))
    }

    /// Whether an entry may name a case whose id begins so.
    pub fn may_name(&self, begin: &str) -> bool {
        let mut patterns = self.entries.iter().flat_map(|e| &e.cases);
        patterns.any(|p| {
            let known = p.text.split('*').next().unwrap_or_default();
            known.starts_with(begin) || begin.starts_with(known)
        })
    }

    /// Whether an entry names this case.
    pub fn names(&self, id: &str) -> bool {
        self.entries.iter().any(|e| e.names(id))
    }

    /// The patterns that name no case of `ids`: mistakes in the list.
    pub fn without_case<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<Diagnostic> {
        let patterns = self
            .entries
            .iter()
            .flat_map(|e| e.cases.iter().map(move |p| (e, p)));
        let mut left: Vec<(&Entry, &Pattern)> = patterns.collect();
        for id in ids {
            if left.is_empty() {
                break;
            }
            left.retain(|(_, p)| !matches(&p.text, id));
        }
        left.into_iter()
            .map(|(e, p)| e.complain(p, format!("no case is named `{}`", p.text)))
            .collect()
    }

    /// The entries by which what this case does is another at each run.
    pub fn varying(&self, id: &str) -> Vec<usize> {
        let varies = |n: &usize| self.entries[*n].outcome == Tolerated::Varying;
        self.naming(id).filter(varies).collect()
    }

    /// What the list says of a case whose transcript breaks rules in `broken`, in the order of its
    /// steps.
    pub fn listed(&self, id: &str, broken: &[Observed<'_>]) -> Listed {
        let naming: Vec<usize> = self.naming(id).collect();
        if naming.is_empty() {
            return Listed::No;
        }
        let mut used: Vec<usize> = Vec::new();
        for b in broken {
            let found = naming.iter().find(|n| self.entries[**n].tolerates(b));
            match found {
                Some(n) if !used.contains(n) => used.push(*n),
                Some(_) => {}
                None if used.iter().any(|n| self.entries[*n].rest_follows) => {}
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
        self.cases.iter().any(|p| matches(&p.text, id))
    }

    /// Its patterns, as they are shown: the first, and how many more there are.
    pub fn named(&self) -> String {
        let first = self.cases.first().map_or("", |p| &p.text);
        match self.cases.len() {
            0 | 1 => first.to_owned(),
            n => format!("{first} and {} more", n - 1),
        }
    }

    /// What it tolerates, as it is shown.
    pub fn tolerated(&self) -> &str {
        match &self.outcome {
            Tolerated::Outcome(text) | Tolerated::Like(text) => text,
            Tolerated::Recorded => "whatever is recorded",
            Tolerated::Varying => "whatever comes",
        }
    }

    /// Whether this is the outcome that it tolerates.
    pub fn tolerates(&self, observed: &Observed<'_>) -> bool {
        match &self.outcome {
            Tolerated::Outcome(text) => text == observed.line || text == observed.outcome,
            Tolerated::Like(text) => {
                matches(text, observed.line) || matches(text, observed.outcome)
            }
            Tolerated::Recorded | Tolerated::Varying => true,
        }
    }

    /// The file that it stands in, and its line from 1.
    pub fn place(&self) -> (&str, usize) {
        let first = self.cases.first();
        let line = first.map_or(1, |p| self.complain(p, String::new()).position().0);
        (&self.source.file, line)
    }

    fn complain(&self, at: &Pattern, message: String) -> Diagnostic {
        Diagnostic {
            source: self.source.clone(),
            span: at.span.clone(),
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
            self.tolerated(),
            self.named()
        )
    }
}

/// Whether a list of this name speaks of machines on which another system answers than the
/// reference's: one of its parts names a facet of such a kind.
pub fn is_foreign(list: &str) -> bool {
    is_of(list, |kind, value| !kind.is_native(value))
}

/// Whether what such machines do may be another thing at each run.
fn may_vary(list: &str) -> bool {
    is_foreign(list) || is_of(list, FacetKind::is_remote)
}

fn is_of(list: &str, is_such: impl Fn(FacetKind, &str) -> bool) -> bool {
    let is = |part: &str| {
        FacetKind::ALL.iter().any(|kind| {
            let rest = part.strip_prefix(kind.word());
            let value = rest.and_then(|rest| rest.strip_prefix('-'));
            value.is_some_and(|value| is_such(*kind, value))
        })
    };
    list.split('+').any(is)
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
            .filter(|(n, e)| e.is_own && self.idle[*n])
            .filter(|(n, _)| !self.needed[*n] && !self.unchecked[*n])
            .map(|(_, e)| e)
    }
}

#[cfg(test)]
pub(crate) mod tests;
