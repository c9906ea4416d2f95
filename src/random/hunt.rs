//! Random cases on two machines at once, and what becomes of those that differ.

use super::draw::{self, Drawn, Scope, Shape};
use super::toml;
use crate::case::Program;
use crate::machine::connection::{Answer, Connection, Job};
use crate::machine::model::{Model, Told};
use crate::machine::pool::Config;
use crate::transcript::{Outcome, Transcript, line};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// What is to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Calls, programs, or both.
    pub shape: Shape,
    /// Which calls.
    pub scope: Scope,
    /// The seed of the first case; each further one has the next number.
    pub seed: u64,
    /// How many.
    pub count: u64,
}

/// What the first machine is held against.
#[derive(Debug)]
pub enum Other<'a> {
    /// The specification.
    Model(&'a Model),
    /// Another machine.
    Machine(&'a Config),
}

/// A hunt for differences.
#[derive(Debug)]
pub struct Hunt<'a> {
    /// The first machine.
    pub config: &'a Config,
    /// The other.
    pub other: Other<'a>,
    /// What is drawn.
    pub order: Order,
    /// How many kinds of difference are shrunk and told.
    pub most: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many cases were held against each other.
    pub held: u64,
    /// How many the model does not cover, by reason.
    pub unmodelled: BTreeMap<String, u64>,
    /// How many were not run to their end, and why the first was not.
    pub incomplete: (u64, Option<String>),
    /// How many differ.
    pub differing: u64,
    /// Of each kind of difference: how many cases, and the seed of the first.
    pub kinds: BTreeMap<String, (u64, u64)>,
}

/// A case that differs, as small as it could be made.
#[derive(Debug)]
pub struct Difference {
    /// Its seed.
    pub seed: u64,
    /// What kind of difference it is, and how many cases showed it.
    pub kind: (String, u64),
    /// The case.
    pub program: Program,
    /// What differs, in lines.
    pub told: Vec<String>,
    /// As it would stand in a table.
    pub toml: String,
    /// Whether it came again when the case was run again.
    pub again: bool,
}

/// How many cases are on both machines at a time.
const CHUNK: u64 = 8192;
/// How many smaller cases are tried for each difference.
const TRIES: usize = 600;

/// Where two answers differ.
struct Differs {
    kind: String,
    told: Vec<String>,
}

impl Hunt<'_> {
    /// Draws, runs and compares all; `progress` is told how many are done and how many differ.
    ///
    /// # Errors
    /// No worker can be had.
    pub fn run(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Tally, String> {
        let mut tally = Tally::default();
        match &self.other {
            Other::Model(model) => {
                let programs = Mutex::new(HashMap::new());
                let jobs = self.jobs(0..self.order.count, Some(&programs));
                self.config
                    .run(vec![self.config.lane(jobs)], &mut |n, came| {
                        let program = lock(&programs).remove(&n);
                        let seed = self.seed(n as u64);
                        match (came, program) {
                            (Answer::Ran(t, _), Some(p)) => tally.judge(seed, model, &p, &t),
                            (Answer::Incomplete(why), _) => tally.give_up(why),
                            (_, None) => tally.give_up("an answer to nothing".to_owned()),
                        }
                        if n % 1024 == 0 {
                            progress(tally.held, tally.differing);
                        }
                    })?;
            }
            Other::Machine(other) => {
                let mut from = 0;
                while from < self.order.count {
                    let chunk = from..(from + CHUNK).min(self.order.count);
                    self.both(other, chunk.clone(), &mut tally)?;
                    from = chunk.end;
                    progress(tally.held, tally.differing);
                }
            }
        }
        Ok(tally)
    }

    fn seed(&self, n: u64) -> u64 {
        self.order.seed.wrapping_add(n)
    }

    fn jobs<'p>(
        &'p self,
        range: std::ops::Range<u64>,
        keep: Option<&'p Mutex<HashMap<usize, Program>>>,
    ) -> impl Iterator<Item = Job> + Send + 'p {
        range.filter_map(move |n| {
            let order = &self.order;
            let text = draw::text(self.seed(n), order.shape, order.scope).ok()?;
            if let Some(keep) = keep {
                let program = Program::parse(&text).ok()?;
                lock(keep).insert(n as usize, program);
            }
            Some(Job::new(n as usize, text))
        })
    }

    fn both(
        &self,
        other: &Config,
        range: std::ops::Range<u64>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let mut first = HashMap::new();
        let lane = self.config.lane(self.jobs(range.clone(), None));
        self.config.run(vec![lane], &mut |n, came| {
            first.insert(n, came);
        })?;
        let lane = other.lane(self.jobs(range, None));
        other.run(vec![lane], &mut |n, second| {
            let seed = self.seed(n as u64);
            let text = draw::text(seed, self.order.shape, self.order.scope);
            let program = text.and_then(|t| Program::parse(&t).map_err(|m| m.message));
            match (first.remove(&n), second, program) {
                (Some(Answer::Ran(a, _)), Answer::Ran(b, _), Ok(p)) => {
                    tally.held += 1;
                    tally.enter(seed, two(&p, &a, &b));
                }
                (Some(Answer::Incomplete(why)), ..) | (_, Answer::Incomplete(why), _) => {
                    tally.give_up(why);
                }
                _ => tally.give_up("an answer to nothing".to_owned()),
            }
        })
    }

    /// Makes the first case of each kind of difference as small as it can be made.
    ///
    /// # Errors
    /// No worker can be had.
    pub fn shrink(&self, tally: &Tally) -> Result<Vec<Difference>, String> {
        let mut probe = Probe {
            hunt: self,
            first: None,
            second: None,
        };
        let mut found: Vec<Difference> = Vec::new();
        for (kind, (cases, seed)) in tally.kinds.iter().take(self.most) {
            let mut difference = self.smallest(&mut probe, *seed)?;
            difference.kind = (kind.clone(), *cases);
            found.push(difference);
        }
        Ok(found)
    }

    fn smallest(&self, probe: &mut Probe<'_>, seed: u64) -> Result<Difference, String> {
        let mut drawn = Drawn::new(seed, self.order.shape, self.order.scope)?;
        let mut best = (drawn.program()?, None);
        best.1 = probe.differs(&best.0)?;
        let again = best.1.is_some();
        // What is smaller must differ in the same way: else it shows another difference.
        let kind = best.1.as_ref().map(|(d, _)| d.kind.clone());
        let mut tries = 0;
        let mut last = best.0.to_string();
        let mut more = again && drawn.simplify();
        while more && tries < TRIES {
            let program = drawn.program()?;
            let text = program.to_string();
            let differs = match text == last {
                // Another way to say the same: it goes on being smaller.
                true => true,
                false => {
                    tries += 1;
                    match probe.differs(&program)? {
                        Some(found) if Some(&found.0.kind) == kind.as_ref() => {
                            last = text;
                            best = (program, Some(found));
                            true
                        }
                        _ => false,
                    }
                }
            };
            more = match differs {
                true => drawn.simplify(),
                false => drawn.complicate(),
            };
        }
        let (program, found) = best;
        let (told, observed) = found.map_or((Vec::new(), None), |(d, t)| (d.told, Some(t)));
        let name = format!("random-{seed:x}");
        let toml = observed.map_or(String::new(), |t| toml::case(&name, &program, &t, &told));
        Ok(Difference {
            seed,
            kind: (String::new(), 1),
            program,
            told,
            toml,
            again,
        })
    }
}

impl Tally {
    fn judge(&mut self, seed: u64, model: &Model, program: &Program, observed: &Transcript) {
        let told = model.follow(program, observed);
        match told.unmodelled() {
            Some(why) => *self.unmodelled.entry(why.to_owned()).or_default() += 1,
            None => self.held += 1,
        }
        self.enter(seed, departs(&told, program, observed));
    }

    fn enter(&mut self, seed: u64, differs: Option<Differs>) {
        if let Some(differs) = differs {
            self.differing += 1;
            self.kinds.entry(differs.kind).or_insert((0, seed)).0 += 1;
        }
    }

    fn give_up(&mut self, why: String) {
        self.incomplete.0 += 1;
        self.incomplete.1.get_or_insert(why);
    }
}

/// Single cases, one after the other, on workers that stay.
struct Probe<'a> {
    hunt: &'a Hunt<'a>,
    first: Option<Connection>,
    second: Option<Connection>,
}

impl Probe<'_> {
    fn differs(&mut self, program: &Program) -> Result<Option<(Differs, Transcript)>, String> {
        let Some(a) = ask(&mut self.first, self.hunt.config, program)? else {
            return Ok(None);
        };
        let found = match &self.hunt.other {
            Other::Model(model) => against(model, program, &a),
            Other::Machine(other) => match ask(&mut self.second, other, program)? {
                Some(b) => two(program, &a, &b),
                None => None,
            },
        };
        Ok(found.map(|d| (d, a)))
    }
}

/// Runs one case; nothing where it does not come to its end.
fn ask(
    line: &mut Option<Connection>,
    config: &Config,
    program: &Program,
) -> Result<Option<Transcript>, String> {
    let mut connection = match line.take() {
        Some(connection) => connection,
        None => Connection::open(&config.command, &config.start, config.silence)?,
    };
    let mut job = Some(Job::new(0, program.to_string()));
    let mut came = None;
    let result = connection.run(&mut || job.take(), &mut |_, answer| came = Some(answer));
    // One that failed is not asked again.
    if result.is_ok() {
        *line = Some(connection);
    }
    Ok(match came {
        Some(Answer::Ran(transcript, _)) => Some(transcript),
        _ => None,
    })
}

/// Where the model does not allow what was observed.
fn against(model: &Model, program: &Program, observed: &Transcript) -> Option<Differs> {
    departs(&model.follow(program, observed), program, observed)
}

/// Where an observed transcript is not what is allowed.
fn departs(told: &Told, program: &Program, observed: &Transcript) -> Option<Differs> {
    let departures = told.departures(program, observed);
    let first = departures.first()?;
    let call = program
        .steps
        .get(first.step)
        .map_or("file", |s| s.call.name);
    let mut lines = Vec::new();
    for d in &departures {
        lines.push(format!("observed: {}", d.line));
        let clauses = match d.clauses.is_empty() {
            true => String::new(),
            false => format!(" ({})", d.clauses.join(", ")),
        };
        lines.push(format!("the model: {}{clauses}", d.allowed));
    }
    Some(Differs {
        kind: format!(
            "{call}: {}, the model: {}",
            rough(&first.outcome),
            rough(&first.allowed)
        ),
        told: lines,
    })
}

/// Where two machines differ.
fn two(program: &Program, a: &Transcript, b: &Transcript) -> Option<Differs> {
    let steps = program.steps.iter().zip(&a.outcomes).zip(&b.outcomes);
    for ((step, left), right) in steps {
        let silent = |o: &Outcome| matches!(o, Outcome::Unsaid(_) | Outcome::Refused);
        if silent(left) || silent(right) {
            return None;
        }
        if left != right {
            let shown = |o| line(step, o).unwrap_or_else(|| format!("open = {o}"));
            return Some(Differs {
                kind: format!(
                    "{}: {}, the other: {}",
                    step.call.name,
                    rough(&left.to_string()),
                    rough(&right.to_string())
                ),
                told: vec![
                    format!("the one:   {}", shown(left)),
                    format!("the other: {}", shown(right)),
                ],
            });
        }
    }
    (a.file != b.file).then(|| Differs {
        kind: "file".to_owned(),
        told: vec![
            format!("the one:   {}", a.file),
            format!("the other: {}", b.file),
        ],
    })
}

/// An outcome without its numbers and bytes, so that those of one cause look alike.
fn rough(outcome: &str) -> String {
    let mut words = outcome.split([' ', '(']);
    let first = words.next().unwrap_or_default();
    match first {
        w if w.starts_with(|c: char| c.is_ascii_digit() || c == '-') => "a number".to_owned(),
        w if w.starts_with(['"', '\'']) || w.starts_with("x\"") => "bytes".to_owned(),
        "arena" | "map" | "a" | "b" | "c" | "got" => "an address".to_owned(),
        w if w.starts_with("SIG") => outcome.split(" at ").next().unwrap_or(w).to_owned(),
        w => w.to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
