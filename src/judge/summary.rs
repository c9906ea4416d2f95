//! Counting verdicts, and the exit code that follows.

use super::{Judged, Modelled, Nearest, Skip, Verdict};
use crate::case::fault::FAULTS;
use crate::case::need::NEEDS;

/// What else than a broken rule or a changed answer is to fail a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Cases without a record fail.
    pub strict: bool,
    /// These skips fail.
    pub require: Vec<Require>,
    /// What changed is being recorded, and so is no failure.
    pub bless: bool,
}

/// Skips that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Require {
    /// All.
    All,
    /// Those for want of this need.
    Need(&'static str),
}

impl Require {
    /// Reads `all` or the name of a need; the error names those that there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        if word == "all" {
            return Ok(Require::All);
        }
        let all = || NEEDS.iter().chain(FAULTS);
        let found = all().find(|(name, _)| *name == word);
        found.map(|(name, _)| Require::Need(name)).ok_or_else(|| {
            let names: Vec<&str> = all().map(|(name, _)| *name).collect();
            format!(
                "no need is named `{word}`: `all`, or one of {}",
                names.join(", ")
            )
        })
    }

    fn holds(&self, skip: &Skip) -> bool {
        match self {
            Require::All => true,
            Require::Need(name) => skip.need.as_deref() == Some(name),
        }
    }
}

impl Policy {
    /// Whether a verdict fails the run.
    pub fn fails(&self, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Pass | Verdict::Known(..) | Verdict::Unexplained(_) => false,
            Verdict::Unrecorded(_) => self.strict,
            Verdict::Skipped(skip) => self.require.iter().any(|r| r.holds(skip)),
            Verdict::Changed => !self.bless,
            Verdict::Violation(_)
            | Verdict::Departs(_)
            | Verdict::ChangedKnown(..)
            | Verdict::Incomplete(_)
            | Verdict::Refused(_)
            | Verdict::NotFired(_)
            | Verdict::OtherDeath(_) => true,
        }
    }
}

/// How many cases came out how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// As claimed and as recorded.
    pub passed: usize,
    /// Broke a rule.
    pub violations: usize,
    /// Not as the model allows.
    pub departing: usize,
    /// As the model says, whatever else is to be said of them.
    pub agreeing: usize,
    /// The model does not say.
    pub unmodelled: usize,
    /// Why there is no model of the machine, where there is none.
    pub no_model: Option<String>,
    /// Not as recorded.
    pub changed: usize,
    /// Not as recorded, and recorded anew.
    pub recorded_anew: usize,
    /// As claimed, without a record here.
    pub unrecorded: usize,
    /// Of those that ran: nothing is claimed of them, they are only recorded.
    pub unclaimed: usize,
    /// Of the unrecorded: other than on the nearest machine.
    pub differing: usize,
    /// Broke a rule as is tolerated.
    pub known: usize,
    /// Broke a rule as is recorded, and nothing explains it, where another system answers.
    pub unexplained: usize,
    /// As recorded, where another system answers, and otherwise than the model says.
    pub unlike: usize,
    /// Broke a rule otherwise than is tolerated.
    pub changed_known: usize,
    /// Entries of the list of known deviations that nothing needs any more.
    pub stale: usize,
    /// Not run, for a reason.
    pub skipped: usize,
    /// Of the skipped: those that were required.
    pub required: usize,
    /// The harness failed on them.
    pub incomplete: usize,
    /// Would have hit the harness.
    pub refused: usize,
    /// Brought about a fault that nothing met.
    pub not_fired: usize,
    /// Faults that were left to kill, beside the run in which they were caught.
    pub deaths: usize,
    /// Of those: where both told another story.
    pub other_deaths: usize,
    /// Without a record, where that fails.
    strictly: usize,
}

impl Summary {
    /// Counts one verdict.
    pub fn add(&mut self, verdict: &Verdict, policy: &Policy) {
        let fails = policy.fails(verdict);
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Violation(_) => self.violations += 1,
            Verdict::Departs(_) => self.departing += 1,
            Verdict::Changed if !fails => self.recorded_anew += 1,
            Verdict::Changed => self.changed += 1,
            Verdict::Unrecorded(nearest) => {
                self.unrecorded += 1;
                self.differing += usize::from(*nearest == Nearest::Differs);
                self.strictly += usize::from(fails);
            }
            Verdict::Known(..) => self.known += 1,
            Verdict::Unexplained(_) => self.unexplained += 1,
            Verdict::ChangedKnown(..) => self.changed_known += 1,
            Verdict::Skipped(_) => {
                self.skipped += 1;
                self.required += usize::from(fails);
            }
            Verdict::Incomplete(_) => self.incomplete += 1,
            Verdict::Refused(_) => self.refused += 1,
            Verdict::NotFired(_) => self.not_fired += 1,
            Verdict::OtherDeath(_) => self.other_deaths += 1,
        }
    }

    /// Counts what the model said of one case.
    pub fn add_modelled(&mut self, judged: &Judged) {
        match judged.modelled {
            Modelled::Agrees => self.agreeing += 1,
            Modelled::Unmodelled => self.unmodelled += 1,
            Modelled::Departs => self.unlike += usize::from(judged.verdict == Verdict::Pass),
            Modelled::NotAsked => {}
        }
    }

    /// How many cases were looked at, run or not.
    pub fn cases(&self) -> usize {
        self.ran() + self.skipped + self.incomplete + self.refused + self.not_fired
    }

    /// How many cases ran to an answer.
    pub fn ran(&self) -> usize {
        self.passed
            + self.violations
            + self.departing
            + self.changed
            + self.recorded_anew
            + self.unrecorded
            + self.known
            + self.unexplained
            + self.changed_known
    }

    /// How many things are not as they should be, leaving aside what the harness failed on.
    pub fn failed(&self) -> usize {
        self.violations
            + self.departing
            + self.changed
            + self.changed_known
            + self.stale
            + self.required
            + self.refused
            + self.not_fired
            + self.other_deaths
            + self.strictly
    }

    /// The exit code: 3 the harness failed on a case, 1 something is not as it should be, 4
    /// nothing was run, 0 all is well. A run that the harness could not finish has proved
    /// nothing, so 3 outweighs 1.
    pub fn exit_code(&self) -> u8 {
        if self.incomplete > 0 {
            3
        } else if self.failed() > 0 {
            1
        } else if self.ran() == 0 {
            4
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn skip(need: Option<&str>) -> Verdict {
        Verdict::Skipped(Skip {
            need: need.map(str::to_owned),
            reason: "why".into(),
        })
    }

    fn policy(strict: bool, require: &[&str]) -> Policy {
        let require = require.iter().map(|w| Require::parse(w).unwrap());
        Policy {
            strict,
            require: require.collect(),
            bless: false,
        }
    }

    #[rstest]
    #[case(Verdict::Incomplete("x".into()), 3)]
    #[case(Verdict::Violation(vec![]), 1)]
    #[case(Verdict::Departs(vec![]), 1)]
    #[case(Verdict::Changed, 1)]
    #[case(Verdict::ChangedKnown(vec![], vec![]), 1)]
    #[case(Verdict::Refused(0), 1)]
    #[case(Verdict::NotFired(0), 1)]
    #[case(Verdict::Pass, 0)]
    #[case(Verdict::Known(vec![], vec![]), 0)]
    #[case(Verdict::Unexplained(vec![]), 0)]
    #[case(Verdict::Unrecorded(Nearest::None), 0)]
    #[case(Verdict::Unrecorded(Nearest::Differs), 0)]
    #[case(skip(Some("root")), 0)]
    fn one_verdict_among_passes(#[case] verdict: Verdict, #[case] code: u8) {
        let policy = Policy::default();
        let mut summary = Summary::default();
        summary.add(&Verdict::Pass, &policy);
        summary.add(&verdict, &policy);
        assert_eq!(summary.exit_code(), code);
        assert_eq!(policy.fails(&verdict), code != 0);
        assert_eq!(summary.cases(), 2);
    }

    #[test]
    fn nothing_run_is_no_success() {
        let mut summary = Summary::default();
        assert_eq!(summary.exit_code(), 4);
        summary.add(&skip(None), &Policy::default());
        assert_eq!(summary.exit_code(), 4);
    }

    #[test]
    fn what_is_recorded_anew_is_no_failure() {
        let policy = Policy {
            bless: true,
            ..Policy::default()
        };
        let mut summary = Summary::default();
        summary.add(&Verdict::Changed, &policy);
        assert_eq!((summary.failed(), summary.cases()), (0, 1));
        assert_eq!(summary.exit_code(), 0);
    }

    #[test]
    fn a_stale_entry_fails() {
        let mut summary = Summary::default();
        summary.add(&Verdict::Pass, &Policy::default());
        summary.stale = 1;
        assert_eq!(summary.exit_code(), 1);
    }

    #[rstest]
    #[case(&["all"], None, 1)]
    #[case(&["all"], Some("root"), 1)]
    #[case(&["root"], Some("root"), 1)]
    #[case(&["memfd", "root"], Some("root"), 1)]
    #[case(&["root"], Some("memfd"), 0)]
    #[case(&["root"], None, 0)]
    fn required_skips(#[case] require: &[&str], #[case] need: Option<&str>, #[case] code: u8) {
        let policy = policy(false, require);
        let mut summary = Summary::default();
        summary.add(&Verdict::Pass, &policy);
        summary.add(&skip(need), &policy);
        assert_eq!(summary.exit_code(), code);
    }

    #[test]
    fn strict_wants_records() {
        let policy = policy(true, &[]);
        let mut summary = Summary::default();
        summary.add(&Verdict::Unrecorded(Nearest::Agrees), &policy);
        assert_eq!((summary.failed(), summary.exit_code()), (1, 1));
    }

    #[test]
    fn an_unknown_need_is_told() {
        let e = Require::parse("rot").unwrap_err();
        assert!(
            e.starts_with("no need is named `rot`: `all`, or one of root,"),
            "{e}"
        );
    }
}
