//! Judging: what a case observed, held against its claims, the record and the known deviations.
//!
//! Nothing here runs or prints anything: the same input gives the same verdict.

mod death;
mod fit;
mod summary;

pub use death::same_death;
pub use fit::Values;
pub use summary::{Policy, Require, Summary};

use crate::case::{Case, Claim, Role, Scale};
use crate::known::{Entry, Known, Ledger, Listed, Observed};
use crate::machine::model::{Departure, Model};
use crate::snapshot::{Recorded, tidy_block};
use crate::transcript::{Outcome, Transcript, brief_key, key, line};
use std::fmt;

/// What a machine made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It ran to its end.
    Done(Transcript),
    /// It was not run.
    Skipped(Skip),
    /// The harness or its machine failed on the way: why.
    Incomplete(String),
}

/// Why a case was not run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Skip {
    /// The need that is not met, where it is one: its name.
    pub need: Option<String>,
    /// The reason, as it is shown.
    pub reason: String,
}

/// A step whose outcome the rule does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which step of the program, from 0.
    pub step: usize,
    /// The step and its outcome, as the transcript prints them.
    pub line: String,
    /// What is allowed.
    pub allowed: Claim,
    /// What came of it.
    pub observed: Outcome,
}

/// What is to be said of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All is as claimed and as recorded.
    Pass,
    /// Steps came out as the rule does not allow: at least one.
    Violation(Vec<Breach>),
    /// All is as claimed, but the model does not allow it: at least one place.
    Departs(Vec<Departure>),
    /// All is as claimed, but not as recorded.
    Changed,
    /// All is as claimed; nothing is recorded of it here.
    Unrecorded(Nearest),
    /// Steps break the rule as the list of known deviations says: these entries. None does, where
    /// the list says that what comes is another at each run.
    Known(Vec<Breach>, Vec<usize>),
    /// Steps break the rule as is recorded here, and nothing explains it: another system answers
    /// here than the reference's.
    Unexplained(Vec<Breach>),
    /// Steps break the rule otherwise than the list of known deviations says: what it tolerates,
    /// with the place where it says so.
    ChangedKnown(Vec<Breach>, Vec<String>),
    /// It was not run.
    Skipped(Skip),
    /// The harness or its machine failed on the way: why.
    Incomplete(String),
    /// This step, counted from 0, was not made: it would have hit the harness itself.
    Refused(usize),
    /// Nothing met the fault that this step, counted from 0, brought about.
    NotFired(usize),
    /// Left to die of its fault, it told another story than when the fault was caught: which.
    OtherDeath(String),
}

/// Of a case without a record here: what other machines showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearest {
    /// Nothing is recorded of it.
    None,
    /// The record of the nearest machine says the same; it does not speak for this one.
    Agrees,
    /// The record of the nearest machine says something else.
    Differs,
}

/// A verdict, with what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What is to be said.
    pub verdict: Verdict,
    /// The block that was observed, to be recorded; `None` where there is nothing to record.
    pub observed: Option<String>,
    /// The block that is recorded here, or, where no record fits, on the nearest machine.
    pub recorded: Option<String>,
    /// What the model said.
    pub modelled: Modelled,
}

/// What the model said of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Modelled {
    /// It was not asked, or there is none.
    #[default]
    NotAsked,
    /// It allows what was observed.
    Agrees,
    /// It does not.
    Departs,
    /// It does not say.
    Unmodelled,
}

/// Judges one case.
///
/// A violation outweighs a departure from the model, and that a difference from the record: a claim
/// speaks for every machine, the model for this one. A deviation that is tolerated is still held
/// against the record.
pub fn judge(
    case: &Case,
    ran: Ran,
    recorded: Recorded<'_>,
    known: &Known,
    scale: &Scale,
    model: Option<&Model>,
) -> Judged {
    let block = match recorded {
        Recorded::Block(b) | Recorded::NoRecordFits(Some(b)) => Some(b.to_owned()),
        Recorded::Unrecorded | Recorded::NoRecordFits(None) => None,
    };
    let transcript = match ran {
        Ran::Done(transcript) => transcript,
        Ran::Skipped(skip) => return not_run(Verdict::Skipped(skip), block),
        Ran::Incomplete(why) => return not_run(Verdict::Incomplete(why), block),
    };
    if let Some(verdict) = no_answer(case, &transcript) {
        return not_run(verdict, block);
    }
    let observed = match case.is_grid {
        true => tidy_block(&transcript.brief_block(&case.program)),
        false => tidy_block(&transcript.block(&case.program)),
    };
    let breaches = breaches(case, &transcript, scale);
    let at = |n: usize| transcript.outcomes.get(n) == Some(&Outcome::NotFired);
    if let Some(step) = (0..transcript.outcomes.len()).find(|n| at(*n)) {
        // What went wrong elsewhere tells more of why nothing met the fault.
        if breaches.iter().all(|b| at(b.step)) {
            return not_run(Verdict::NotFired(step), block);
        }
    }
    let varying = known.varying(&case.id);
    if !varying.is_empty() {
        return not_run(Verdict::Known(breaches, varying), None);
    }
    let (modelled, departures) = match model {
        Some(model) => held_against(model, case, &transcript),
        None => (Modelled::NotAsked, Vec::new()),
    };
    let against_record = against_record(recorded, &observed);
    let verdict = if breaches.is_empty() && departures.is_empty() {
        against_record
    } else {
        let as_recorded = against_record == Verdict::Pass;
        // Of another system's deviation a list tells what breaks the rule, not what sets its
        // other steps apart from Linux.
        let aside = as_recorded && known.is_foreign() && !breaches.is_empty();
        let departing = if aside { &[][..] } else { &departures };
        match listed(case, known, &breaches, departing) {
            Listed::Tolerated(_) if against_record == Verdict::Changed => Verdict::Changed,
            // Where an entry leaves the outcome to the record, that must say it.
            Listed::Tolerated(entries) if as_recorded || known.say_outcomes(&entries) => {
                Verdict::Known(breaches, entries)
            }
            Listed::No | Listed::Otherwise(_) if as_recorded && known.is_foreign() => {
                match breaches.is_empty() {
                    // Only the model of Linux says otherwise.
                    true => Verdict::Pass,
                    false => Verdict::Unexplained(breaches),
                }
            }
            Listed::No | Listed::Tolerated(_) if breaches.is_empty() => {
                Verdict::Departs(departures)
            }
            Listed::No | Listed::Tolerated(_) => Verdict::Violation(breaches),
            Listed::Otherwise(_) if breaches.is_empty() => Verdict::Departs(departures),
            Listed::Otherwise(entries) => {
                let entries = entries.iter().filter_map(|n| known.entry(*n));
                Verdict::ChangedKnown(breaches, entries.map(told).collect())
            }
        }
    };
    Judged {
        verdict,
        observed: Some(observed),
        recorded: block,
        modelled,
    }
}

/// What the model says of what was observed.
fn held_against(model: &Model, case: &Case, transcript: &Transcript) -> (Modelled, Vec<Departure>) {
    let told = model.follow(&case.program, transcript);
    let departures = told.departures(&case.program, transcript);
    let modelled = match (departures.is_empty(), told.unmodelled()) {
        (false, _) => Modelled::Departs,
        (true, Some(_)) => Modelled::Unmodelled,
        (true, None) => Modelled::Agrees,
    };
    (modelled, departures)
}

fn not_run(verdict: Verdict, recorded: Option<String>) -> Judged {
    Judged {
        verdict,
        observed: None,
        recorded,
        modelled: Modelled::NotAsked,
    }
}

/// The verdict on a transcript that answers nothing.
fn no_answer(case: &Case, transcript: &Transcript) -> Option<Verdict> {
    let (told, steps) = (transcript.outcomes.len(), case.program.steps.len());
    if told != steps {
        let why = format!("the transcript tells of {told} steps, and the case has {steps}");
        return Some(Verdict::Incomplete(why));
    }
    for (step, outcome) in transcript.outcomes.iter().enumerate() {
        match outcome {
            Outcome::Unsaid(reason) => {
                return Some(Verdict::Skipped(Skip {
                    need: None,
                    reason: reason.clone(),
                }));
            }
            Outcome::Refused => return Some(Verdict::Refused(step)),
            _ => {}
        }
    }
    None
}

fn breaches(case: &Case, transcript: &Transcript, scale: &Scale) -> Vec<Breach> {
    let values = Values {
        scale,
        file: &case.program.file,
    };
    let steps = case.program.steps.iter().zip(&transcript.outcomes);
    let claimed = steps.zip(&case.claims).enumerate();
    let broken = claimed.filter_map(|(n, ((step, outcome), claim))| {
        let claim = claim.as_ref().filter(|c| !values.fits(c, outcome))?;
        Some(Breach {
            step: n,
            line: line(step, outcome).unwrap_or_else(|| format!("open = {outcome}")),
            allowed: claim.clone(),
            observed: outcome.clone(),
        })
    });
    broken.collect()
}

/// Whether what is told of a case, step by step, is what its rule allows; `None` where that can't
/// be said, since it has no claims or the lines are not those of the case as it now is.
pub fn allowed(case: &Case, lines: &[(String, String)], scale: &Scale) -> Option<bool> {
    if case.claims.iter().all(Option::is_none) {
        return None;
    }
    Some(broken(case, lines, scale)?.is_empty())
}

/// The outcomes that the rule does not allow, each after the step that it came of, with its
/// arguments; `None` where the lines are not those of the case as it now is. The lines of a grid's
/// case may be brief, as records have them.
pub fn broken(
    case: &Case,
    lines: &[(String, String)],
    scale: &Scale,
) -> Option<Vec<(String, String)>> {
    let values = Values {
        scale,
        file: &case.program.file,
    };
    let mut lines = lines.iter().peekable();
    let mut broken = Vec::new();
    for (step, claim) in case.program.steps.iter().zip(&case.claims) {
        let key = key(step);
        let is_told = |told: &str| told == key || case.is_grid && told == brief_key(step);
        let outcome = match lines.next_if(|(told, _)| is_told(told)) {
            Some((_, outcome)) => Outcome::parse(outcome).ok()?,
            None if step.role == Role::Open => Outcome::Ok,
            None => return None,
        };
        if claim.as_ref().is_some_and(|c| !values.fits(c, &outcome)) {
            broken.push((key, outcome.to_string()));
        }
    }
    Some(broken)
}

fn listed(case: &Case, known: &Known, breaches: &[Breach], departures: &[Departure]) -> Listed {
    let outcomes: Vec<String> = breaches.iter().map(|b| b.observed.to_string()).collect();
    let broken = breaches.iter().zip(&outcomes).map(|(b, outcome)| {
        let line = &b.line;
        // That nothing met a fault is known when all is over.
        let is_last = b.observed == Outcome::NotFired;
        ((is_last, b.step), Observed { line, outcome })
    });
    let beyond = |d: &&Departure| breaches.iter().all(|b| b.step != d.step);
    let departing = departures.iter().filter(beyond).map(|d| {
        let (line, outcome) = (&d.line, &d.outcome);
        let is_last = *outcome == Outcome::NotFired.to_string();
        ((is_last, d.step), Observed { line, outcome })
    });
    let mut seen: Vec<((bool, usize), Observed<'_>)> = broken.chain(departing).collect();
    seen.sort_by_key(|(place, _)| *place);
    let seen: Vec<Observed<'_>> = seen.into_iter().map(|(_, observed)| observed).collect();
    known.listed(&case.id, &seen)
}

/// What an entry tolerates, and where it says so.
fn told(entry: &Entry) -> String {
    let (file, line) = entry.place();
    format!("{}  ({file}:{line})", entry.tolerated())
}

fn against_record(recorded: Recorded<'_>, observed: &str) -> Verdict {
    match recorded {
        Recorded::Block(block) if block == observed => Verdict::Pass,
        Recorded::Block(_) => Verdict::Changed,
        Recorded::Unrecorded | Recorded::NoRecordFits(None) => Verdict::Unrecorded(Nearest::None),
        Recorded::NoRecordFits(Some(block)) if block == observed => {
            Verdict::Unrecorded(Nearest::Agrees)
        }
        Recorded::NoRecordFits(Some(_)) => Verdict::Unrecorded(Nearest::Differs),
    }
}

impl Verdict {
    /// Notes in the ledger of known deviations what the case of this id needed.
    pub fn enter(&self, id: &str, ledger: &mut Ledger<'_>) {
        match self {
            Verdict::Pass
            | Verdict::Violation(_)
            | Verdict::Unexplained(_)
            | Verdict::Unrecorded(_) => ledger.ran(id, &[]),
            Verdict::Known(_, entries) => ledger.ran(id, entries),
            // These are reported themselves; their entries are not called stale on top of it.
            Verdict::ChangedKnown(..)
            | Verdict::Departs(_)
            | Verdict::Changed
            | Verdict::Skipped(_)
            | Verdict::Incomplete(_)
            | Verdict::Refused(_)
            | Verdict::NotFired(_)
            | Verdict::OtherDeath(_) => ledger.not_run(id),
        }
    }
}

/// One sentence, as it is shown.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => f.write_str("as the rule allows, and as recorded"),
            Verdict::Violation(_) => f.write_str("the rule does not allow this"),
            Verdict::Departs(_) => f.write_str("the model does not allow this"),
            Verdict::Changed => f.write_str("not what was recorded here"),
            Verdict::Unrecorded(Nearest::None) => {
                f.write_str("as the rule allows; nothing is recorded of it here")
            }
            Verdict::Unrecorded(Nearest::Agrees) => f.write_str(
                "as the rule allows; no record fits this machine, the nearest says the same",
            ),
            Verdict::Unrecorded(Nearest::Differs) => f.write_str(
                "as the rule allows; no record fits this machine, the nearest says otherwise",
            ),
            Verdict::Known(..) => {
                f.write_str("the rule does not allow this; it is known and tolerated")
            }
            Verdict::Unexplained(_) => f.write_str(
                "the rule does not allow this; it is recorded here, and nothing explains it",
            ),
            Verdict::ChangedKnown(..) => f.write_str(
                "the rule does not allow this, and it is not the deviation that is tolerated",
            ),
            Verdict::Skipped(skip) => write!(f, "skipped: {}", skip.reason),
            Verdict::Incomplete(why) => write!(f, "not run to its end: {why}"),
            Verdict::OtherDeath(why) => f.write_str(why),
            Verdict::NotFired(_) => {
                f.write_str("nothing met the fault: what came of the case says nothing about it")
            }
            Verdict::Refused(_) => f.write_str(
                "a step was refused: it would hit the harness, and the case is not `reckless`",
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
