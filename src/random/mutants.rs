//! Holes in the tables: a model that lacks a clause, or applies two in the wrong order, must be
//! noticed by a case.

use super::draw::{Drawn, Scope, Shape};
use crate::case::Program;
use crate::case::Scale;
use crate::machine::model::clause::Rule;
use crate::machine::model::{Model, Told};
use crate::platform::Platform;
use crate::snapshot::{Record, Recorded};
use crate::suite::Plan;
use std::collections::HashMap;

/// The machine whose record is the reference: what a mutant is held against.
pub fn recorded() -> Platform {
    let words = |word: &str| word.to_owned();
    Platform {
        os: words("linux"),
        kernel: words("6.18.44"),
        arch: words("x86_64"),
        fs: words("ext4"),
        door: words("raw"),
        libc: words("glibc"),
        sandbox: words("none"),
        emulator: words("none"),
        rights: words("ordinary"),
        scale: Scale::ordinary(4096),
    }
}

/// How a model is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spoilt {
    /// A clause is switched off.
    Without(&'static str),
    /// A clause comes after the one that should follow it.
    Swapped(&'static str, &'static str),
}

impl std::fmt::Display for Spoilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Spoilt::Without(id) => write!(f, "without {id}"),
            Spoilt::Swapped(id, next) => write!(f, "{id} after {next}"),
        }
    }
}

impl Spoilt {
    /// The clause that has to apply for a case to come out otherwise.
    fn clause(self) -> &'static str {
        match self {
            Spoilt::Without(id) | Spoilt::Swapped(id, _) => id,
        }
    }
}

/// Who notices a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This case does.
    Case(String),
    /// No case does, but the random case of this seed tells it from the model.
    Random(u64),
    /// Neither.
    None,
}

/// A mutant and who notices it.
#[derive(Debug)]
pub struct Mutant {
    /// What it is.
    pub spoilt: Spoilt,
    model: Model,
    /// Who notices it.
    pub notice: Notice,
}

/// All mutants of a model, or those of the clauses whose id holds one of these words.
pub fn all(model: &Model, only: &[String]) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let clauses: Vec<_> = model.rules.clauses().collect();
    for (n, clause) in clauses.iter().enumerate() {
        let meant = only.is_empty() || only.iter().any(|w| clause.id.contains(w.as_str()));
        if !meant {
            continue;
        }
        let mut add = |spoilt, rules| {
            if let Some(rules) = rules {
                let model = Model {
                    machine: model.machine.clone(),
                    rules,
                };
                mutants.push(Mutant {
                    spoilt,
                    model,
                    notice: Notice::None,
                });
            }
        };
        add(Spoilt::Without(clause.id), model.rules.without(clause.id));
        if let (Rule::Answer(_), Some(next)) = (clause.rule, clauses.get(n + 1)) {
            let swapped = model.rules.swapped(clause.id);
            add(Spoilt::Swapped(clause.id, next.id), swapped);
        }
    }
    mutants
}

/// Holds each mutant against what is recorded of the cases. Only those cases are looked at in
/// which the clause had a say: no other can come out otherwise. How many cases were held.
pub fn by_tables(model: &Model, mutants: &mut [Mutant], plan: &Plan<'_>, record: &Record) -> usize {
    let by_clause = index(mutants);
    let mut held = 0;
    for n in 0..plan.len() {
        let case = plan.case(n);
        let Recorded::Block(block) = record.get(&case.id) else {
            continue;
        };
        let told = model.run(&case.program);
        if told.against_block(&case, block).is_some() {
            continue;
        }
        held += 1;
        for m in reached(&told, &by_clause) {
            let Some(mutant) = mutants.get_mut(m).filter(|m| m.notice == Notice::None) else {
                continue;
            };
            let spoilt = mutant.model.run(&case.program);
            if says_less(&told, &spoilt) || spoilt.against_block(&case, block).is_some() {
                mutant.notice = Notice::Case(case.id.clone());
            }
        }
    }
    held
}

/// Tries to tell those that no case noticed from the model by random cases.
///
/// # Errors
/// No case can be drawn.
pub fn by_random(
    model: &Model,
    mutants: &mut [Mutant],
    seed: u64,
    count: u64,
) -> Result<(), String> {
    let by_clause = index(mutants);
    for seed in (0..count).map(|n| seed.wrapping_add(n)) {
        if mutants.iter().all(|m| m.notice != Notice::None) {
            break;
        }
        let program = Drawn::new(seed, Shape::Both, Scope::Modelled)?.program()?;
        let told = model.run(&program);
        for m in reached(&told, &by_clause) {
            let Some(mutant) = mutants.get_mut(m).filter(|m| m.notice == Notice::None) else {
                continue;
            };
            if differs(&told, &mutant.model.run(&program)) {
                mutant.notice = Notice::Random(seed);
            }
        }
    }
    Ok(())
}

/// The mutants of each clause, by their places.
fn index(mutants: &[Mutant]) -> HashMap<&'static str, Vec<usize>> {
    let mut by_clause: HashMap<_, Vec<usize>> = HashMap::new();
    for (n, mutant) in mutants.iter().enumerate() {
        let of = by_clause.entry(mutant.spoilt.clause()).or_default();
        of.push(n);
    }
    by_clause
}

fn reached(told: &Told, by_clause: &HashMap<&'static str, Vec<usize>>) -> Vec<usize> {
    let mut of: Vec<usize> = Vec::new();
    for (_, clause) in &told.decided {
        of.extend(by_clause.get(clause.id).into_iter().flatten());
    }
    of.sort_unstable();
    of.dedup();
    of
}

/// Whether a spoilt model no longer says what the whole one does say.
fn says_less(whole: &Told, spoilt: &Told) -> bool {
    whole.unmodelled().is_none() && spoilt.unmodelled().is_some()
}

/// Whether they say different things. What the whole one does not say can't be said wrongly.
fn differs(whole: &Told, spoilt: &Told) -> bool {
    whole.unmodelled().is_none() && (whole.steps != spoilt.steps || whole.file != spoilt.file)
}

/// A random case in the notation of programs, for a report.
///
/// # Errors
/// No case can be drawn.
pub fn random_case(seed: u64) -> Result<Program, String> {
    Drawn::new(seed, Shape::Both, Scope::Modelled)?.program()
}
