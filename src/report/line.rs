//! One model of results: what every form for machines says of a case, in the same words.

use super::{CaseDone, Start};
use crate::judge::{Summary, Verdict};
use crate::known::Entry;
use crate::snapshot::tidy;
use std::collections::BTreeMap;

/// What is told of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseLine {
    /// Its id.
    pub id: String,
    /// The verdict in one word.
    pub verdict: &'static str,
    /// Whether it fails the run.
    pub fails: bool,
    /// The rule in a sentence.
    pub why: String,
    /// Where the rule stands.
    pub cite: Vec<String>,
    /// The table's file.
    pub file: String,
    /// Its line in the table, from 1.
    pub line: usize,
    /// What was observed: the lines of the transcript; none where it was not run.
    pub answer: Option<Vec<String>>,
    /// What is recorded, where that is something else.
    pub recorded: Option<Vec<String>>,
    /// The outcomes that the rule does not allow.
    pub breaches: Vec<BreachLine>,
    /// The verdict as a sentence; of a case that was not run, the reason.
    pub told: String,
    /// Of a skipped case: the need that is not met, where it is one.
    pub need: Option<String>,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// An outcome that the rule does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreachLine {
    /// The step with its outcome, as the transcript has it.
    pub line: String,
    /// What is allowed.
    pub allowed: String,
    /// What came of it.
    pub observed: String,
}

/// All verdicts in a word, in the order in which they are counted.
pub const WORDS: [&str; 13] = [
    "pass",
    "violation",
    "departure",
    "changed",
    "unrecorded",
    "known",
    "unexplained",
    "another deviation",
    "skipped",
    "incomplete",
    "refused",
    "other death",
    "not-fired",
];

/// A verdict in a word.
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Violation(_) => "violation",
        Verdict::Departs(_) => "departure",
        Verdict::Changed => "changed",
        Verdict::Unrecorded(_) => "unrecorded",
        Verdict::Known(..) => "known",
        Verdict::Unexplained(_) => "unexplained",
        Verdict::ChangedKnown(..) => "another deviation",
        Verdict::Skipped(_) => "skipped",
        Verdict::Incomplete(_) => "incomplete",
        Verdict::Refused(_) => "refused",
        Verdict::OtherDeath(_) => "other death",
        Verdict::NotFired(_) => "not-fired",
    }
}

/// How often each word came, as a summary has it.
pub fn counts(s: &Summary) -> [(&'static str, usize); 13] {
    let n = [
        s.passed,
        s.violations,
        s.departing,
        s.changed + s.recorded_anew,
        s.unrecorded,
        s.known,
        s.unexplained,
        s.changed_known,
        s.skipped,
        s.incomplete,
        s.refused,
        s.other_deaths,
        s.not_fired,
    ];
    let mut out = [("", 0); 13];
    for (slot, pair) in out.iter_mut().zip(WORDS.into_iter().zip(n)) {
        *slot = pair;
    }
    out
}

/// A block of a record as lines without their indentation.
pub fn lines(block: &str) -> Vec<String> {
    block.lines().map(|l| l.trim_start().to_owned()).collect()
}

/// Where the model was departed from, as a sentence.
fn departed(places: &[crate::machine::model::Departure]) -> String {
    let told: Vec<String> = places
        .iter()
        .map(|d| format!("{}, and the model says {}", d.line, d.allowed))
        .collect();
    told.join("; ")
}

impl CaseLine {
    /// What is told of a case that has its verdict.
    pub fn of(done: &CaseDone<'_>) -> Self {
        let (case, judged) = (done.case, done.judged);
        let breaches = match &judged.verdict {
            Verdict::Violation(b)
            | Verdict::Known(b, _)
            | Verdict::Unexplained(b)
            | Verdict::ChangedKnown(b, _) => &b[..],
            _ => &[],
        };
        let recorded = judged.recorded.as_deref();
        let recorded = recorded.filter(|r| judged.observed.as_deref().is_some_and(|o| o != *r));
        let told = match &judged.verdict {
            Verdict::Skipped(skip) => skip.reason.clone(),
            Verdict::Incomplete(why) => why.clone(),
            Verdict::Departs(places) => departed(places),
            other => other.to_string(),
        };
        CaseLine {
            id: tidy(&case.id),
            verdict: word(&judged.verdict),
            fails: done.fails,
            why: tidy(&case.why),
            cite: case.cite.iter().map(|c| tidy(c)).collect(),
            file: tidy(&case.file),
            line: case.line,
            answer: judged.observed.as_deref().map(lines),
            recorded: recorded.map(lines),
            breaches: breaches
                .iter()
                .map(|b| BreachLine {
                    line: tidy(&b.line),
                    allowed: b.allowed.to_string(),
                    observed: tidy(&b.observed.to_string()),
                })
                .collect(),
            told: tidy(&told),
            need: match &judged.verdict {
                Verdict::Skipped(skip) => skip.need.clone(),
                _ => None,
            },
            micros: u64::try_from(done.took.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Whether the case was run and gave an answer.
    pub fn ran(&self) -> bool {
        self.answer.is_some()
    }

    /// What there is to see of it in a few lines: what is allowed or recorded, and what came.
    pub fn details(&self) -> String {
        let mut out = vec![self.why.clone(), self.told.clone()];
        for b in &self.breaches {
            out.push(b.line.clone());
            out.push(format!("  allowed {}", b.allowed));
        }
        if let (Some(recorded), Some(answer)) = (&self.recorded, &self.answer) {
            let (before, after) = (recorded.join("\n"), answer.join("\n"));
            for change in super::changes(&before, &after) {
                let side = |label: &str, lines: &[&str]| match lines {
                    [] => format!("  {label} nothing of it"),
                    lines => format!("  {label} {}", lines.join("; ")),
                };
                out.push(side("recorded", &change.before));
                out.push(side("observed", &change.after));
            }
        }
        out.join("\n")
    }
}

/// What is told of a stale entry of the lists of known deviations.
pub fn stale(entry: &Entry) -> String {
    tidy(&entry.to_string())
}

/// Counts what the forms were told, to hold it against the summary at the end.
#[derive(Debug, Default)]
pub struct Tally {
    /// By word, how many cases.
    pub cases: BTreeMap<&'static str, usize>,
    /// How many cases failed.
    pub failed: usize,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, line: &CaseLine) {
        *self.cases.entry(line.verdict).or_default() += 1;
        self.failed += usize::from(line.fails);
    }

    /// How many cases have come, each counted once.
    pub fn told(&self) -> usize {
        let all: usize = self.cases.values().sum();
        all - self.cases.get("other death").copied().unwrap_or_default()
    }
}

/// What is told of the run as a whole.
pub fn headline(start: &Start) -> String {
    format!(
        "{} cases on {} ({})",
        start.cases, start.home, start.machine
    )
}
