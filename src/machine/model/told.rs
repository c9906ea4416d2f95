//! What the model says of a case: for each step the outcomes that are allowed.

use super::clause::{Clause, Force};
use crate::case::signal::Signal;
use crate::case::{Case, Program};
use crate::transcript::{FileAfter, Outcome, Transcript, brief_line, line};
use std::fmt;

/// What may come of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// One of these.
    OneOf(Vec<Outcome>),
    /// Anything: the standard leaves it open.
    Open(Force),
    /// The model does not say, and why.
    Unmodelled(String),
}

/// What the scratch file may hold afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedFile {
    /// This.
    Is(FileAfter),
    /// Anything: it depends on what the standard leaves open.
    Open(Force),
    /// The model does not say, and why.
    Unmodelled(String),
}

/// A transcript whose outcomes are sets.
#[derive(Debug, Clone)]
pub struct Told {
    /// One for each step.
    pub steps: Vec<Allowed>,
    /// The scratch file afterwards.
    pub file: AllowedFile,
    /// The clauses that had a say, with the step in which they had it.
    pub decided: Vec<(usize, &'static Clause)>,
}

/// Where an observed transcript is not what the model allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Which step of the program, from 0; the file's comes after the last.
    pub step: usize,
    /// The line of the transcript.
    pub line: String,
    /// The outcome alone.
    pub outcome: String,
    /// What is allowed.
    pub allowed: String,
    /// The clauses that say so.
    pub clauses: Vec<&'static str>,
}

impl Allowed {
    /// Whether an outcome is allowed; `None` where the model does not say.
    pub fn allows(&self, outcome: &Outcome) -> Option<bool> {
        match self {
            Allowed::OneOf(set) => {
                // No bytes can be written in two ways, which print alike.
                let same = |o: &Outcome| o == outcome || o.to_string() == outcome.to_string();
                Some(set.iter().any(same))
            }
            Allowed::Open(_) => Some(true),
            Allowed::Unmodelled(_) => None,
        }
    }
}

impl Told {
    /// Whether the model says all of the case; else the first reason why not.
    pub fn unmodelled(&self) -> Option<&str> {
        let steps = self.steps.iter().find_map(|s| match s {
            Allowed::Unmodelled(why) => Some(why.as_str()),
            _ => None,
        });
        steps.or(match &self.file {
            AllowedFile::Unmodelled(why) => Some(why),
            AllowedFile::Is(_) | AllowedFile::Open(_) => None,
        })
    }

    /// The clauses that had a say in one step.
    pub fn clauses_of(&self, step: usize) -> Vec<&'static str> {
        let of_step = self.decided.iter().filter(|(s, _)| *s == step);
        of_step.map(|(_, c)| c.id).collect()
    }

    /// Where a transcript is not what is allowed.
    pub fn departures(&self, program: &Program, transcript: &Transcript) -> Vec<Departure> {
        let mut found = Vec::new();
        let steps = self.steps.iter().zip(&transcript.outcomes).enumerate();
        for (n, (allowed, outcome)) in steps {
            // What the harness did not do, or ended, says nothing of the machine.
            if is_foreign(outcome) {
                return found;
            }
            if allowed.allows(outcome) == Some(false) {
                let told = program.steps.get(n).and_then(|s| line(s, outcome));
                found.push(Departure {
                    step: n,
                    line: told.unwrap_or_else(|| format!("open = {outcome}")),
                    outcome: outcome.to_string(),
                    allowed: allowed.to_string(),
                    clauses: self.clauses_of(n),
                });
            }
        }
        if let AllowedFile::Is(file) = &self.file {
            let same = *file == transcript.file || file.to_string() == transcript.file.to_string();
            if !same && found.is_empty() {
                found.push(Departure {
                    step: self.steps.len(),
                    line: transcript.file.to_string(),
                    outcome: transcript.file.to_string(),
                    allowed: file.to_string(),
                    clauses: Vec::new(),
                });
            }
        }
        found
    }

    /// The first line of a recorded block that is not allowed, with what is; `None` where all are,
    /// or where the model does not say.
    pub fn against_block(&self, case: &Case, block: &str) -> Option<(String, String)> {
        let line = if case.is_grid { brief_line } else { line };
        let mut recorded = block.lines().map(str::trim);
        for (step, allowed) in case.program.steps.iter().zip(&self.steps) {
            let Allowed::OneOf(set) = allowed else {
                return None;
            };
            let lines: Vec<String> = set.iter().filter_map(|o| line(step, o)).collect();
            if lines.is_empty() {
                continue;
            }
            let own = recorded.next().unwrap_or_default();
            if !lines.iter().any(|l| l == own) {
                return Some((own.to_owned(), allowed.to_string()));
            }
        }
        let AllowedFile::Is(file) = &self.file else {
            return None;
        };
        let own = recorded.next();
        let expected = (*file != FileAfter::None).then(|| file.to_string());
        (own != expected.as_deref()).then(|| (own.unwrap_or_default().to_owned(), file.to_string()))
    }

    /// The lines of the transcript, in the notation of the records.
    pub fn lines(&self, program: &Program) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, allowed) in program.steps.iter().zip(&self.steps) {
            let told = match allowed {
                Allowed::OneOf(set) => match set.as_slice() {
                    [one] => line(step, one),
                    [first, ..] => line(step, first)
                        .or_else(|| Some("open = ok".to_owned()))
                        .map(|l| replace_outcome(&l, &first.to_string(), &allowed.to_string())),
                    [] => None,
                },
                other => line(step, &Outcome::Blocked)
                    .map(|l| replace_outcome(&l, "blocked", &other.to_string())),
            };
            lines.extend(told);
        }
        match &self.file {
            AllowedFile::Is(FileAfter::None) => {}
            file => lines.push(file.to_string()),
        }
        lines
    }
}

/// Whether an outcome is the harness's doing, or that of somebody who kills from outside.
fn is_foreign(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Unsaid(_) | Outcome::Refused => true,
        Outcome::MemoryLimit | Outcome::HarnessUnmapped => true,
        Outcome::Killed(signal) => *signal == Signal::Name("SIGKILL"),
        _ => false,
    }
}

fn replace_outcome(line: &str, outcome: &str, by: &str) -> String {
    let head = line.strip_suffix(outcome).unwrap_or(line);
    format!("{head}{by}")
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::OneOf(set) => {
                for (i, outcome) in set.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" | ")?;
                    }
                    write!(f, "{outcome}")?;
                }
                Ok(())
            }
            Allowed::Open(force) => write!(f, "{force}"),
            Allowed::Unmodelled(why) => write!(f, "unmodelled: {why}"),
        }
    }
}

impl fmt::Display for AllowedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedFile::Is(file) => write!(f, "{file}"),
            AllowedFile::Open(force) => write!(f, "file {force}"),
            AllowedFile::Unmodelled(why) => write!(f, "file unmodelled: {why}"),
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Force::Required => "required",
            Force::Permitted => "permitted",
            Force::Unspecified => "unspecified",
            Force::ImplementationDefined => "implementation-defined",
        })
    }
}
