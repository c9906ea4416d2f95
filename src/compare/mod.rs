//! Platforms side by side: what each says of a case, and where they differ.
//!
//! Agreement is a number and differences are rows. A case counts as agreed only where every side
//! answered, and gave the same answer: one that is skipped or unrecorded somewhere is counted as
//! that, whatever the others say.

pub mod axes;
pub mod departures;
mod side;

pub use side::{Answer, Cell, Side};

use crate::case::Case;
use crate::judge::allowed;
use crate::snapshot::{local, stem, tidy};
use crate::suite::Plan;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which of two sides does what; only where two are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// The first breaks the rule, the second does not.
    Fixed,
    /// The second breaks the rule, the first does not.
    Broken,
    /// Both answer, otherwise, and the rule makes no difference between them.
    Changed,
    /// Only the second answers.
    New,
    /// Only the first answers.
    Gone,
}

impl Bucket {
    /// All, in the order in which they are told.
    pub const ALL: [Bucket; 5] = [
        Bucket::Broken,
        Bucket::Fixed,
        Bucket::Changed,
        Bucket::New,
        Bucket::Gone,
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Bucket::Fixed => "fixed",
            Bucket::Broken => "broken",
            Bucket::Changed => "changed",
            Bucket::New => "new",
            Bucket::Gone => "gone",
        }
    }
}

/// What is to be thought of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// As the rule allows, and as most do.
    Allowed,
    /// As the rule allows, but not what most do.
    Other,
    /// The rule does not allow it.
    Breaks,
    /// It can't be run there.
    Skipped,
    /// Nothing is known of it there.
    Unknown,
}

impl Mark {
    /// All, in the order of a legend.
    pub const ALL: [Mark; 5] = [
        Mark::Allowed,
        Mark::Other,
        Mark::Breaks,
        Mark::Skipped,
        Mark::Unknown,
    ];

    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Mark::Allowed => "✓",
            Mark::Other => "≠",
            Mark::Breaks => "✗",
            Mark::Skipped => "–",
            Mark::Unknown => "?",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Allowed => "as the rule allows",
            Mark::Other => "as the rule allows, but not what most do",
            Mark::Breaks => "breaks the rule",
            Mark::Skipped => "not run, for a reason",
            Mark::Unknown => "not recorded",
        }
    }
}

/// One side's answer in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown {
    /// What is to be thought of it.
    pub mark: Mark,
    /// The outcomes, one for each of the row's steps; or the reason why there is none.
    pub outcomes: Vec<String>,
}

/// Cases of one group that differ in the same way.
#[derive(Debug)]
pub struct Cluster {
    /// The table.
    pub stem: String,
    /// The name of the group within it.
    pub name: String,
    /// The pattern of axes: [`axes::pattern`].
    pub pattern: String,
    /// Their ids, in the order of the tables.
    pub ids: Vec<String>,
    /// The steps in which they differ, as the first of them has them.
    pub steps: Vec<String>,
    /// What each side shows.
    pub cells: Vec<Shown>,
    /// The first of them, where a table has it.
    pub case: Option<Case>,
    /// Of two sides: which bucket.
    pub bucket: Option<Bucket>,
    /// By side, what is known and tolerated there: why, what to reckon with, and the link.
    pub notes: Vec<Vec<Note>>,
}

/// What is known of a deviation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Why it is so.
    pub reason: String,
    /// What a program must reckon with.
    pub reckon: Option<String>,
    /// Where one can read about it.
    pub link: String,
}

/// All of it.
#[derive(Debug)]
pub struct Comparison {
    /// The sides: name, and what it is.
    pub sides: Vec<(String, String)>,
    /// How many cases were looked at.
    pub cases: usize,
    /// On how many every side answered, and the same.
    pub agree: usize,
    /// By table, how many those are.
    pub agreed: BTreeMap<String, usize>,
    /// On how many those that answered differ.
    pub differ: usize,
    /// How many are left: not answered by every side, and no difference among those that did.
    pub open: usize,
    /// By side, how many it did not answer, by the reason.
    pub unanswered: Vec<BTreeMap<String, usize>>,
    /// Where they differ.
    pub clusters: Vec<Cluster>,
    /// By side: how many cases it alone answers otherwise than all others, which agree. Empty
    /// where two are compared.
    pub alone: Vec<usize>,
    /// Of two sides: how many cases are in each bucket.
    pub buckets: BTreeMap<Bucket, usize>,
    /// Of two sides: the cases that only one of them answers.
    pub one_sided: Vec<(Bucket, String)>,
}

/// How far cases differ: the steps, and what each side shows.
struct Row {
    steps: Vec<String>,
    cells: Vec<Shown>,
    bucket: Option<Bucket>,
}

/// Compares the sides over the cases of a plan, and over those that only results have.
pub fn compare(sides: &[Side], plan: &Plan<'_>, takes: &dyn Fn(&str) -> bool) -> Comparison {
    let mut all = Comparison {
        sides: sides
            .iter()
            .map(|s| (s.name.clone(), s.about.clone()))
            .collect(),
        cases: 0,
        agree: 0,
        agreed: BTreeMap::new(),
        differ: 0,
        open: 0,
        unanswered: vec![BTreeMap::new(); sides.len()],
        clusters: Vec::new(),
        alone: vec![0; if sides.len() > 2 { sides.len() } else { 0 }],
        buckets: BTreeMap::new(),
        one_sided: Vec::new(),
    };
    let ids: Vec<String> = (0..plan.len()).map(|i| plan.id(i)).collect();
    let planned: BTreeSet<String> = ids.iter().map(|id| tidy(id)).collect();
    let beside: BTreeSet<String> = sides
        .iter()
        .flat_map(Side::ids)
        .filter(|id| !planned.contains(id) && takes(id))
        .collect();
    let mut found: HashMap<(String, String, Vec<Shown>), usize> = HashMap::new();
    let planned = ids.into_iter().enumerate().map(|(i, id)| (id, Some(i)));
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for (id, index) in planned.chain(beside.into_iter().map(|id| (id, None))) {
        let name = crate::snapshot::group(&id).to_owned();
        groups.entry(name).or_default().push(id.clone());
        let cells: Vec<Cell> = sides.iter().map(|s| s.cell(&id)).collect();
        let Some((row, case)) = all.take(&id, &cells, sides, || Some(plan.case(index?))) else {
            continue;
        };
        let (stem, name) = (
            stem(&id).to_owned(),
            crate::snapshot::group(local(&id)).to_owned(),
        );
        let key = (stem.clone(), name.clone(), row.cells.clone());
        match found.get(&key).and_then(|n| all.clusters.get_mut(*n)) {
            Some(cluster) => cluster.ids.push(id),
            None => {
                found.insert(key, all.clusters.len());
                all.clusters.push(Cluster {
                    stem,
                    name,
                    pattern: String::new(),
                    notes: sides
                        .iter()
                        .zip(&row.cells)
                        .map(|(s, c)| notes(s, &id, c))
                        .collect(),
                    ids: vec![id],
                    steps: row.steps,
                    cells: row.cells,
                    case,
                    bucket: row.bucket,
                });
            }
        }
    }
    for cluster in &mut all.clusters {
        let group = groups.get(&format!("{}::{}", cluster.stem, cluster.name));
        let every: Vec<&str> = group.into_iter().flatten().map(String::as_str).collect();
        let some: Vec<&str> = cluster.ids.iter().map(String::as_str).collect();
        cluster.pattern = axes::pattern(&some, &every);
    }
    all
}

impl Comparison {
    /// Counts a case; the row, where sides differ.
    fn take(
        &mut self,
        id: &str,
        cells: &[Cell],
        sides: &[Side],
        case: impl FnOnce() -> Option<Case>,
    ) -> Option<(Row, Option<Case>)> {
        self.cases += 1;
        for (cell, unanswered) in cells.iter().zip(&mut self.unanswered) {
            let reason = match cell {
                Cell::Answer(_) => continue,
                Cell::Skipped(why) | Cell::Incomplete(why) => why.clone(),
                Cell::Unrecorded => "not recorded".to_owned(),
            };
            *unanswered.entry(reason).or_default() += 1;
        }
        let answers: Vec<&Answer> = cells.iter().filter_map(answer).collect();
        if let [first, second] = cells {
            let bucket = match (answer(first), answer(second)) {
                (Some(_), None) => Some(Bucket::Gone),
                (None, Some(_)) => Some(Bucket::New),
                _ => None,
            };
            if let Some(bucket) = bucket {
                *self.buckets.entry(bucket).or_default() += 1;
                self.one_sided.push((bucket, id.to_owned()));
            }
        }
        let differ = answers.windows(2).any(|pair| pair[0] != pair[1]);
        if !differ {
            if answers.len() == cells.len() {
                self.agree += 1;
                *self.agreed.entry(stem(id).to_owned()).or_default() += 1;
            } else {
                self.open += 1;
            }
            return None;
        }
        self.differ += 1;
        if let Some(alone) = alone(cells) {
            if let Some(n) = self.alone.get_mut(alone) {
                *n += 1;
            }
        }
        let case = case();
        let row = row(cells, sides, case.as_ref());
        if let Some(bucket) = row.bucket {
            *self.buckets.entry(bucket).or_default() += 1;
        }
        Some((row, case))
    }

    /// Whether nothing differs, and nothing is on one side alone.
    pub fn is_same(&self) -> bool {
        self.differ == 0 && self.one_sided.is_empty()
    }

    /// How many cases at least two sides answered.
    pub fn compared(&self) -> usize {
        self.agree + self.differ
    }
}

fn answer(cell: &Cell) -> Option<&Answer> {
    match cell {
        Cell::Answer(a) => Some(a),
        _ => None,
    }
}

/// The one side that answers otherwise than the others, at least two, which agree.
fn alone(cells: &[Cell]) -> Option<usize> {
    let answering: Vec<(usize, &Answer)> = cells
        .iter()
        .enumerate()
        .filter_map(|(n, c)| Some((n, answer(c)?)))
        .collect();
    if answering.len() < 3 {
        return None;
    }
    let other = |n: usize| {
        answering
            .iter()
            .filter(move |(m, _)| *m != n)
            .map(|(_, a)| *a)
    };
    answering.iter().map(|(n, _)| *n).find(|n| {
        let rest: Vec<&Answer> = other(*n).collect();
        rest.windows(2).all(|pair| pair[0] == pair[1])
    })
}

/// A step of an answer, by its text and which of that text it is, and its outcome. Two answers of
/// one case are held against each other by that.
type Keyed<'a> = ((&'a str, usize), &'a str);

/// The steps of an answer.
fn keyed(answer: &Answer) -> Vec<Keyed<'_>> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let lines = answer.lines.iter().map(|(step, outcome)| {
        let n = seen.entry(step).or_default();
        *n += 1;
        ((step.as_str(), *n), outcome.as_str())
    });
    lines.collect()
}

fn row(cells: &[Cell], sides: &[Side], case: Option<&Case>) -> Row {
    let answers: Vec<Option<Vec<Keyed<'_>>>> = cells.iter().map(|c| answer(c).map(keyed)).collect();
    let mut steps: Vec<(&str, usize)> = Vec::new();
    for (key, _) in answers.iter().flatten().flatten() {
        if !steps.contains(key) {
            steps.push(*key);
        }
    }
    let of = |lines: &[Keyed<'_>], step: &(&str, usize)| {
        let found = lines.iter().find(|(key, _)| key == step);
        found.map_or_else(
            || "not told".to_owned(),
            |(_, outcome)| (*outcome).to_owned(),
        )
    };
    steps.retain(|step| {
        let told: BTreeSet<String> = answers.iter().flatten().map(|a| of(a, step)).collect();
        told.len() > 1
    });
    // What the file holds follows from the steps, and is another text for each size of it.
    if steps.iter().any(|(step, _)| *step != "file") {
        steps.retain(|(step, _)| *step != "file");
    }
    let outcomes: Vec<Option<Vec<String>>> = answers
        .iter()
        .map(|a| {
            let lines = a.as_ref()?;
            Some(steps.iter().map(|s| of(lines, s)).collect())
        })
        .collect();
    let most = most(&outcomes);
    let rule: Vec<Option<bool>> = cells
        .iter()
        .zip(sides)
        .map(|(cell, side)| allowed(case?, &answer(cell)?.lines, &side.scale))
        .collect();
    let shown = cells
        .iter()
        .zip(&outcomes)
        .zip(&rule)
        .map(|((cell, outcomes), rule)| {
            let (mark, outcomes) = match (cell, outcomes) {
                (Cell::Answer(_), Some(o)) => {
                    let mark = match rule {
                        Some(false) => Mark::Breaks,
                        _ if Some(o) == most.as_ref() => Mark::Allowed,
                        _ => Mark::Other,
                    };
                    (mark, o.clone())
                }
                (Cell::Skipped(why), _) => (Mark::Skipped, vec![why.clone()]),
                (Cell::Incomplete(why), _) => (Mark::Unknown, vec![why.clone()]),
                _ => (Mark::Unknown, vec!["not recorded".to_owned()]),
            };
            Shown { mark, outcomes }
        });
    let bucket = match rule[..] {
        [Some(false), Some(true)] => Some(Bucket::Fixed),
        [Some(true), Some(false)] => Some(Bucket::Broken),
        [_, _] => Some(Bucket::Changed),
        _ => None,
    };
    Row {
        cells: shown.collect(),
        steps: steps.iter().map(|(step, _)| (*step).to_owned()).collect(),
        bucket,
    }
}

/// What most answer; of as many, what the first of them answers.
fn most(outcomes: &[Option<Vec<String>>]) -> Option<Vec<String>> {
    let votes = |o: &Vec<String>| outcomes.iter().flatten().filter(|p| *p == o).count();
    let mut best: Option<&Vec<String>> = None;
    for o in outcomes.iter().flatten() {
        if best.is_none_or(|b| votes(o) > votes(b)) {
            best = Some(o);
        }
    }
    best.cloned()
}

/// What the lists say of a deviation that is shown.
fn notes(side: &Side, id: &str, shown: &Shown) -> Vec<Note> {
    if shown.mark != Mark::Breaks {
        return Vec::new();
    }
    let mut notes: Vec<Note> = Vec::new();
    let listed = side.known.naming(id).filter_map(|n| side.known.entry(n));
    for entry in listed {
        let note = Note {
            reason: entry.reason.clone(),
            reckon: entry.reckon.clone(),
            link: entry.link.clone(),
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

#[cfg(test)]
mod tests;
