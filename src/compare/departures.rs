//! Where a machine departs from a reading of the model: the standard's clause on one side, the
//! clause on the other that says what the machine does.

use super::{Cell, Side, axes};
use crate::case::Case;
use crate::machine::model::clause::Rule;
use crate::machine::model::{Clause, Departure, Model, Reading, Told};
use crate::snapshot::stem;
use crate::suite::Plan;
use crate::transcript::Transcript;
use std::collections::{BTreeMap, HashMap};

/// A machine held against a reading.
#[derive(Debug)]
pub struct Departures {
    /// The machine: its name, and what it is.
    pub side: (String, String),
    /// What is read.
    pub reading: Reading,
    /// How many cases the machine answered and the model says all of.
    pub held: usize,
    /// How many of those it departs in.
    pub departing: usize,
    /// How many the model does not say all of.
    pub unmodelled: usize,
    /// How many the machine did not answer.
    pub unanswered: usize,
    /// By what is departed from, in the order of the clauses' names.
    pub points: Vec<Point>,
}

/// Cases that depart from the same clauses, for the same reason.
#[derive(Debug)]
pub struct Point {
    /// The clauses that are departed from; empty where it follows from the steps before.
    pub asked: Vec<&'static Clause>,
    /// The clauses of the system's own reading that say what it does; empty where it follows from
    /// the steps before, `None` where that reading says otherwise too.
    pub done: Option<Vec<&'static Clause>>,
    /// What is allowed and what came, each once, with the number of cases.
    pub outcomes: BTreeMap<(String, String), usize>,
    /// By group of cases: its name with its table, and the pattern of those that depart.
    pub groups: Vec<(String, String)>,
    /// How many cases.
    pub cases: usize,
    /// The first of them, and the line of its record that departs.
    pub example: (Case, String),
}

/// Holds the answers of `side` to the cases of `plan` against a reading of the model.
///
/// # Errors
/// There is no model of such a machine.
pub fn departures(side: &Side, reading: Reading, plan: &Plan<'_>) -> Result<Departures, String> {
    let asked = Model::of(&side.platform, reading)?;
    let own = Model::of(&side.platform, Reading::Linux)?;
    let mut found = Departures {
        side: (side.name.clone(), side.about.clone()),
        reading,
        held: 0,
        departing: 0,
        unmodelled: 0,
        unanswered: 0,
        points: Vec::new(),
    };
    let mut points: BTreeMap<Key, Gathered> = BTreeMap::new();
    for index in 0..plan.len() {
        let case = plan.case(index);
        let Cell::Answer(answer) = side.cell(&case.id) else {
            found.unanswered += 1;
            continue;
        };
        let Some(came) = Transcript::of_lines(&case.program, &answer.lines) else {
            found.unanswered += 1;
            continue;
        };
        let told = asked.follow(&case.program, &came);
        let departed = told.departures(&case.program, &came).into_iter().next();
        if departed.is_none() && told.unmodelled().is_some() {
            found.unmodelled += 1;
            continue;
        }
        found.held += 1;
        let Some(departed) = departed else { continue };
        found.departing += 1;
        let clauses = clauses_of(&told, departed.step);
        let own = reason(&own, &case, &came, &departed);
        let key = (names(&clauses), own.as_deref().map(names));
        let point = points.entry(key).or_insert_with(|| Gathered {
            asked: clauses,
            done: own,
            outcomes: BTreeMap::new(),
            ids: Vec::new(),
            example: (case.clone(), departed.line.clone()),
        });
        let pair = (departed.allowed, departed.outcome);
        *point.outcomes.entry(pair).or_default() += 1;
        point.ids.push(case.id);
    }
    let groups = all_groups(plan);
    let points = points.into_values().map(|p| p.into_point(&groups));
    found.points = points.collect();
    Ok(found)
}

type Key = (Vec<&'static str>, Option<Vec<&'static str>>);

struct Gathered {
    asked: Vec<&'static Clause>,
    done: Option<Vec<&'static Clause>>,
    outcomes: BTreeMap<(String, String), usize>,
    ids: Vec<String>,
    example: (Case, String),
}

impl Gathered {
    fn into_point(self, all: &HashMap<String, Vec<String>>) -> Point {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for id in &self.ids {
            groups.entry(group(id)).or_default().push(id);
        }
        let groups = groups.into_iter().map(|(name, ids)| {
            let all = all.get(name).map_or(&[][..], Vec::as_slice);
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            (name.to_owned(), axes::pattern(&ids, &all))
        });
        Point {
            asked: self.asked,
            done: self.done,
            outcomes: self.outcomes,
            groups: groups.collect(),
            cases: self.ids.len(),
            example: self.example,
        }
    }
}

/// The clauses that had a say in a step, each once: those that say how it fails, if there are any,
/// else those that say what it does.
fn clauses_of(told: &Told, step: usize) -> Vec<&'static Clause> {
    let mut clauses: Vec<&'static Clause> = Vec::new();
    for (_, clause) in told.decided.iter().filter(|(s, _)| *s == step) {
        if !clauses.iter().any(|c| c.id == clause.id) {
            clauses.push(clause);
        }
    }
    let fails = |c: &'static Clause| matches!(c.rule, Rule::Answer(_));
    if clauses.iter().any(|c| fails(c)) {
        clauses.retain(|c| fails(c));
    }
    clauses
}

/// The clauses of the system's own reading for what it did, where they allow it.
fn reason(
    own: &Model,
    case: &Case,
    came: &Transcript,
    at: &Departure,
) -> Option<Vec<&'static Clause>> {
    let told = own.follow(&case.program, came);
    let departs = told.departures(&case.program, came);
    let is_allowed = !departs.iter().any(|d| d.step == at.step);
    is_allowed.then(|| clauses_of(&told, at.step))
}

fn names(clauses: &[&'static Clause]) -> Vec<&'static str> {
    clauses.iter().map(|c| c.id).collect()
}

/// The id without the values of its axes.
fn group(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// The ids of all cases of the plan, by group.
fn all_groups(plan: &Plan<'_>) -> HashMap<String, Vec<String>> {
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for id in (0..plan.len()).map(|i| plan.id(i)) {
        debug_assert!(!stem(&id).is_empty(), "an id begins with its table");
        groups.entry(group(&id).to_owned()).or_default().push(id);
    }
    groups
}
