//! Taking cases apart: whether each case that expects an error gets it for the one reason that it
//! states.
//!
//! A call may be refused for a reason that its table does not speak of, and the case passes all
//! the same. So what breaks the rule is set right, and nothing else, and then the call must
//! succeed. What is set right is looked for, the nearest first: the value of one axis, where the
//! table itself claims that the call then succeeds (the suite runs that case); an argument of the
//! call, or how its file is opened, which is given its ordinary value; an argument of a step
//! before it; a step before it, which is left out.
//!
//! Where a case says `pair = true`, its calls may be wrong in two ways: setting one right leaves
//! the other's error, setting both right succeeds. Where nothing that one can set right helps, the
//! case says why: `apart = "…"`.

mod mend;

pub use mend::{Mend, REACHES, Reach, mends};

use crate::case::{Case, Claim, Expect, Ground, Need, Program};
use crate::machine::connection::{Answer, Job};
use crate::machine::pool::Config;
use crate::table::{Group, Table};
use crate::transcript::{Outcome, Transcript};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A step of a case that is expected to fail with an error.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The case.
    pub id: String,
    /// The step, from 0.
    pub step: usize,
    /// What was set right so that it succeeds.
    pub apart: Apart,
}

/// How a fault was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart {
    /// The table has the case in which this axis alone is another, and claims that it succeeds.
    Axis(String),
    /// Of two faults each has its axis: the table has the cases in which one is right, and the
    /// one in which both are.
    Axes(String, String),
    /// This argument set right made it succeed.
    Set(Reach, String),
    /// These two arguments, each of which left an error when the other was set right.
    Both(String, String),
    /// The case says why it can't be.
    Told(String),
    /// It was not, and the case does not say why.
    Not,
    /// The case says why it may not be, and here it can: by this.
    Idle(String),
    /// The machine can't run it, for this reason.
    Skipped(String),
}

/// The errors of a claim that allows nothing else.
fn errors(claim: &Claim) -> Option<BTreeSet<String>> {
    let error = |e: &Expect| match e {
        Expect::Errno(..) => Some(e.to_string()),
        _ => None,
    };
    claim.any_of.iter().map(error).collect()
}

fn succeeds(claim: &Claim) -> bool {
    let success = |e: &Expect| {
        matches!(
            e,
            Expect::Ok | Expect::Elsewhere | Expect::Value(_) | Expect::Bytes(_)
        )
    };
    claim.any_of.iter().all(success)
}

fn succeeded(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok | Outcome::Elsewhere | Outcome::Value(_) | Outcome::Bytes(_)
    )
}

/// The cases of a group by what they claim: of each, where its steps were written and the claims.
struct Lattice<'g> {
    group: &'g Group,
    claims: Vec<HashMap<usize, Option<Claim>>>,
}

impl<'g> Lattice<'g> {
    fn new(group: &'g Group) -> Self {
        let claims = (0..group.len()).map(|i| {
            let claims = group.case(i).claims.into_iter();
            group.places(i).into_iter().zip(claims).collect()
        });
        Lattice {
            group,
            claims: claims.collect(),
        }
    }

    fn claim(&self, digits: &[usize], place: usize) -> Option<&Claim> {
        let i = self.group.number(digits)?;
        self.claims.get(i)?.get(&place)?.as_ref()
    }

    /// The combinations in which one axis alone is another.
    fn beside(&self, digits: &[usize]) -> Vec<(usize, Vec<usize>)> {
        let mut all = Vec::new();
        for (axis, size) in self.group.sizes().into_iter().enumerate() {
            for value in 0..size {
                let mut other = digits.to_vec();
                if let Some(digit) = other.get_mut(axis).filter(|d| **d != value) {
                    *digit = value;
                    all.push((axis, other));
                }
            }
        }
        all
    }

    /// How the table itself takes the fault at a place apart.
    fn apart(&self, i: usize, place: usize) -> Option<Apart> {
        let digits = self.group.digits(i);
        let own = errors(self.claim(&digits, place)?)?;
        let beside = self.beside(&digits);
        let name = |axis: usize| self.group.axes().nth(axis).unwrap_or_default().to_owned();
        let right = |d: &[usize]| self.claim(d, place).is_some_and(succeeds);
        if let Some((axis, _)) = beside.iter().find(|(_, d)| right(d)) {
            return Some(Apart::Axis(name(*axis)));
        }
        if !self.group.is_pair() {
            return None;
        }
        for (a, one) in &beside {
            for (b, other) in beside.iter().filter(|(b, _)| b > a) {
                let mut both = one.clone();
                if let (Some(to), Some(from)) = (both.get_mut(*b), other.get(*b)) {
                    *to = *from;
                }
                let left = |d: &[usize]| errors(self.claim(d, place)?);
                let (Some(first), Some(second)) = (left(one), left(other)) else {
                    continue;
                };
                if right(&both) && own.iter().all(|e| first.contains(e) || second.contains(e)) {
                    return Some(Apart::Axes(name(*a), name(*b)));
                }
            }
        }
        None
    }
}

/// A fault that the table alone does not take apart.
struct Open {
    /// Which of the faults.
    fault: usize,
    case: Case,
    step: usize,
    pair: bool,
    told: Option<String>,
}

/// Takes apart what can be of these cases, grids aside. `unmet` are the needs that the machine
/// does not meet.
///
/// # Errors
/// No worker can be had.
pub fn take_apart(
    tables: &[Table],
    takes: impl Fn(&str) -> bool,
    config: &Config,
    unmet: &[(Need, String)],
) -> Result<Vec<Fault>, String> {
    let mut faults = Vec::new();
    let mut open = Vec::new();
    let groups = tables.iter().flat_map(|t| &t.groups);
    for group in groups.filter(|g| !g.is_grid()) {
        if (0..group.len()).any(|i| takes(&group.id(i))) {
            look(group, &takes, unmet, &mut faults, &mut open);
        }
    }
    for reach in REACHES {
        search(config, &mut faults, &mut open, |o| {
            let mends = mends(&o.case.program, o.step, reach).into_iter();
            mends
                .map(|m| (Apart::Set(reach, m.what), vec![m.program]))
                .collect()
        })?;
    }
    search(config, &mut faults, &mut open, |o| match o.pair {
        false => Vec::new(),
        true => {
            let pairs = mend::pairs(&o.case.program, o.step).into_iter();
            let tried = pairs.map(|p| {
                let [one, other, both] = p.programs;
                (Apart::Both(p.what.0, p.what.1), vec![both, one, other])
            });
            tried.collect()
        }
    })?;
    Ok(faults)
}

fn look(
    group: &Group,
    takes: &impl Fn(&str) -> bool,
    unmet: &[(Need, String)],
    faults: &mut Vec<Fault>,
    open: &mut Vec<Open>,
) {
    let lattice = Lattice::new(group);
    for i in (0..group.len()).filter(|i| takes(&group.id(*i))) {
        let case = group.case(i);
        let places = group.places(i);
        let claims = case.claims.iter().enumerate();
        let steps = claims.filter(|(_, c)| c.as_ref().is_some_and(|c| errors(c).is_some()));
        for (step, _) in steps {
            let by_table = places.get(step).and_then(|p| lattice.apart(i, *p));
            let skipped = unmet.iter().find(|(n, _)| case.needs.contains(n));
            let told = group.apart().map(str::to_owned);
            let apart = match (by_table, skipped) {
                (Some(Apart::Axis(by)), _) if told.is_some() => Apart::Idle(by),
                (Some(apart), _) => apart,
                (None, Some((need, why))) => Apart::Skipped(format!("needs {need}: {why}")),
                (None, None) => {
                    open.push(Open {
                        fault: faults.len(),
                        case: case.clone(),
                        step,
                        pair: group.is_pair(),
                        told: told.clone(),
                    });
                    told.map_or(Apart::Not, Apart::Told)
                }
            };
            faults.push(Fault {
                id: case.id.clone(),
                step,
                apart,
            });
        }
    }
}

/// Runs what may help each fault that is still open: the first program of a try must succeed, the
/// others must fail with an error. The first try that does so closes it.
fn search(
    config: &Config,
    faults: &mut [Fault],
    open: &mut Vec<Open>,
    tries: impl Fn(&Open) -> Vec<(Apart, Vec<Program>)>,
) -> Result<(), String> {
    let mut tried: Vec<(usize, Apart, usize)> = Vec::new();
    let mut jobs: BTreeMap<(bool, bool), Vec<Job>> = BTreeMap::new();
    let mut places = Vec::new();
    for (n, o) in open.iter().enumerate() {
        for (apart, programs) in tries(o) {
            for (nth, program) in programs.iter().enumerate() {
                let job = Job::new(places.len(), program.to_string());
                places.push((tried.len(), nth == 0, program.steps.len()));
                let mounts = program.file.on != Ground::Ordinary;
                jobs.entry((program.root, mounts)).or_default().push(job);
            }
            tried.push((n, apart, programs.len()));
        }
    }
    let mut held = vec![0usize; tried.len()];
    for ((root, mounts), jobs) in jobs {
        let mut config = config.clone();
        config.start.root = root;
        config.start.namespace = mounts;
        config.run(vec![config.lane(jobs.into_iter())], &mut |place, answer| {
            let (which, first, steps) = places[place];
            if let Answer::Ran(transcript, _) = answer {
                held[which] += usize::from(is_so(&transcript, steps, first));
            }
        })?;
    }
    let mut closed = BTreeSet::new();
    for ((n, apart, programs), held) in tried.into_iter().zip(held) {
        if held < programs || !closed.insert(n) {
            continue;
        }
        let o = &open[n];
        faults[o.fault].apart = match (&o.told, apart) {
            (Some(_), apart) => Apart::Idle(apart.by()),
            (None, apart) => apart,
        };
    }
    let mut n = 0;
    open.retain(|_| {
        n += 1;
        !closed.contains(&(n - 1))
    });
    Ok(())
}

/// Whether the last step succeeded, or else failed with an error.
fn is_so(transcript: &Transcript, steps: usize, success: bool) -> bool {
    match transcript.outcomes.last() {
        Some(outcome) if transcript.outcomes.len() == steps => match success {
            true => succeeded(outcome),
            false => matches!(outcome, Outcome::Errno(..)),
        },
        _ => false,
    }
}

impl Apart {
    /// By what.
    pub fn by(&self) -> String {
        match self {
            Apart::Axis(by) | Apart::Set(_, by) | Apart::Idle(by) => by.clone(),
            Apart::Axes(a, b) | Apart::Both(a, b) => format!("{a} and {b}"),
            Apart::Told(why) | Apart::Skipped(why) => why.clone(),
            Apart::Not => "nothing".to_owned(),
        }
    }

    /// Whether something is not as it should be.
    pub fn is_wrong(&self) -> bool {
        *self == Apart::Not
    }
}
