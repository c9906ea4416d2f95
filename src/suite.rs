//! A run of tables on a machine: what is chosen, run, judged, and told.

use crate::case::{Case, Ground, Need, Program};
use crate::digest::Digest;
use crate::judge::{Judged, Policy, Ran, Skip, Summary, Verdict, judge, same_death};
use crate::known::{Known, Ledger};
use crate::machine::connection::{Answer, Job};
use crate::machine::model::{Model, Reading};
use crate::machine::pool::{Config, Lane};
use crate::machine::start::Start;
use crate::platform::{NO_DOOR, Platform};
use crate::report::{CaseDone, Event};
use crate::sample::Sample;
use crate::snapshot::{Blocks, Record, local};
use crate::table::{Group, Table};
use crate::transcript::Transcript;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Which cases are meant.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Ids that hold one of these; all where there is none.
    pub any_of: Vec<String>,
    /// Not those that hold one of these.
    pub none_of: Vec<String>,
    /// The words are whole ids.
    pub exact: bool,
    /// Of what is left, only this part.
    pub part: Option<Partition>,
    /// Grids are meant.
    pub grids: bool,
    /// All but grids are meant.
    pub others: bool,
    /// Of the grids, only this part.
    pub sample: Option<Sample>,
}

impl Default for Filter {
    fn default() -> Self {
        Filter {
            any_of: Vec::new(),
            none_of: Vec::new(),
            exact: false,
            part: None,
            grids: true,
            others: true,
            sample: None,
        }
    }
}

/// One part of all cases: its number from 1, and how many parts there are. The parts are disjoint,
/// and together they are all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// Every so many-th case, in the order of the tables.
    Slice(usize, usize),
    /// By a digest of the id, which is the same on every machine and in every release.
    Hash(usize, usize),
}

impl Partition {
    /// Whether the case of this id, the `nth` from 1, is in this part.
    pub fn holds(self, id: impl FnOnce() -> String, nth: usize) -> bool {
        match self {
            Partition::Slice(part, parts) => nth % parts == part % parts,
            Partition::Hash(part, parts) => {
                let mut digest = Digest::default();
                digest.add(id().as_bytes());
                digest.value() % parts as u64 == part as u64 - 1
            }
        }
    }
}

impl Filter {
    /// Whether the case of this id is meant, parts aside.
    pub fn takes(&self, id: &str) -> bool {
        let hit = |word: &String| {
            if self.exact {
                id == word
            } else {
                id.contains(word.as_str())
            }
        };
        (self.any_of.is_empty() || self.any_of.iter().any(hit)) && !self.none_of.iter().any(hit)
    }
}

/// The chosen cases, in the order of the tables. A million of them take a few megabytes.
#[derive(Debug)]
pub struct Plan<'a> {
    tables: &'a [Table],
    picks: Vec<Pick>,
}

/// A case by its place.
#[derive(Debug, Clone, Copy)]
struct Pick {
    table: u32,
    group: u32,
    case: u32,
}

impl<'a> Plan<'a> {
    /// Chooses among the cases of `tables`.
    pub fn new(tables: &'a [Table], filter: &Filter) -> Self {
        let mut picks = Vec::new();
        let mut seen = 0;
        for (t, table) in tables.iter().enumerate() {
            for (g, group) in table.groups.iter().enumerate() {
                let is_meant = if group.is_grid() {
                    filter.grids
                } else {
                    filter.others
                };
                if !is_meant {
                    continue;
                }
                let sample = filter.sample.filter(|_| group.is_grid());
                let all = filter.any_of.is_empty() && filter.none_of.is_empty() && sample.is_none();
                let takes = |id: &str| filter.takes(id) && sample.is_none_or(|s| s.takes(id));
                for case in 0..group.len() {
                    if all || takes(&group.id(case)) {
                        seen += 1;
                        let in_part = |p: Partition| p.holds(|| group.id(case), seen);
                        if filter.part.is_none_or(in_part) {
                            picks.push(Pick {
                                table: t as u32,
                                group: g as u32,
                                case: case as u32,
                            });
                        }
                    }
                }
            }
        }
        Plan { tables, picks }
    }

    /// How many cases are chosen.
    pub fn len(&self) -> usize {
        self.picks.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    fn group(&self, index: usize) -> &'a Group {
        let pick = self.picks[index];
        &self.tables[pick.table as usize].groups[pick.group as usize]
    }

    /// The chosen case of this number.
    pub fn case(&self, index: usize) -> Case {
        self.group(index).case(self.picks[index].case as usize)
    }

    /// Its id.
    pub fn id(&self, index: usize) -> String {
        self.group(index).id(self.picks[index].case as usize)
    }

    /// What the machine must be able to do for the chosen case of this number.
    fn needs_of(&self, index: usize) -> Vec<&'a Need> {
        self.group(index).needs_of(self.picks[index].case as usize)
    }

    /// All needs of the chosen cases, each once.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        let mut last = None;
        for pick in &self.picks {
            if last == Some((pick.table, pick.group)) {
                continue;
            }
            last = Some((pick.table, pick.group));
            let group = &self.tables[pick.table as usize].groups[pick.group as usize];
            for need in group.needs() {
                if !needs.contains(need) {
                    needs.push(need.clone());
                }
            }
        }
        needs
    }
}

/// What a run found, beside what it told on the way.
#[derive(Debug, Default)]
pub struct Found {
    /// How many cases came out how.
    pub summary: Summary,
    /// What was observed, by table.
    pub observed: BTreeMap<String, Blocks>,
    /// Why the run was broken off, if it was.
    pub broken_off: Option<String>,
}

/// All that a run needs.
#[derive(Debug)]
pub struct Suite<'a> {
    /// What is run.
    pub plan: &'a Plan<'a>,
    /// On what machine.
    pub config: &'a Config,
    /// What that machine is.
    pub platform: &'a Platform,
    /// The needs that it does not meet, with the reasons.
    pub unmet: &'a [(Need, String)],
    /// What is recorded of it.
    pub record: &'a Record,
    /// What is tolerated there.
    pub known: &'a Known,
    /// What fails the run.
    pub policy: &'a Policy,
    /// Whether every faulting case is run once more for each fault, left to die of it.
    pub let_die: bool,
}

/// What kind of worker cases have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worker {
    /// An ordinary one.
    Ordinary,
    /// One that may mount file systems, in namespaces of its own.
    Mounting,
    /// One with the rights of root.
    Root,
}

/// Takes the events of a run.
pub type Sink<'a> = dyn FnMut(&Event<'_>) -> io::Result<()> + 'a;

impl Suite<'_> {
    /// Runs it. Events come in the order of the plan.
    ///
    /// Where no worker can be had any more, what was observed before is in what was found.
    ///
    /// # Errors
    /// Nobody takes the events any more.
    pub fn run(&self, sink: &mut Sink<'_>) -> Result<Found, Failed> {
        let mut telling = Telling::new(self, sink);
        let unmet: HashMap<&Need, &String> = self.unmet.iter().map(|(n, why)| (n, why)).collect();
        let mut ordinary = Vec::new();
        let mut as_root = Vec::new();
        let mut mounting = Vec::new();
        for index in 0..self.plan.len() {
            if self.platform.door == NO_DOOR {
                let skip = other_system(&self.platform.os);
                telling.has_come(index, Ran::Skipped(skip), Duration::ZERO)?;
                continue;
            }
            let needs = self.plan.needs_of(index);
            match needs.iter().find_map(|n| unmet.get(*n).map(|why| (n, why))) {
                Some((need, why)) => {
                    let skip = Skip {
                        need: Some(need.name.to_owned()),
                        reason: format!("needs {need}: {why}"),
                    };
                    telling.has_come(index, Ran::Skipped(skip), Duration::ZERO)?;
                }
                None if needs.iter().any(|n| n.brings_root()) => as_root.push(index as u32),
                None if self.plan.group(index).ground() != Ground::Ordinary => {
                    mounting.push(index as u32);
                }
                None => ordinary.push(index as u32),
            }
        }
        let mut lanes = vec![
            (Worker::Ordinary, ordinary),
            (Worker::Mounting, mounting),
            (Worker::Root, as_root),
        ];
        lanes.retain(|(_, these)| !these.is_empty());
        match self.run_these(&lanes, &mut telling) {
            Ok(()) => {}
            Err(Failed::Machine(why)) => telling.break_off(why)?,
            Err(failed) => return Err(failed),
        }
        telling.finish()
    }

    fn run_these(
        &self,
        lanes: &[(Worker, Vec<u32>)],
        telling: &mut Telling<'_, '_>,
    ) -> Result<(), Failed> {
        let unread = AtomicBool::new(false);
        let all = lanes.iter().map(|(worker, these)| {
            let mut lane = self.lane(these);
            lane.start = self.start_of(*worker);
            let jobs = lane.jobs.take_while(|_| !unread.load(Ordering::Relaxed));
            lane.jobs = Box::new(jobs);
            lane
        });
        let mut told = Ok(());
        let mut caught = Vec::new();
        let result = self.config.run(all.collect(), &mut |index, answer| {
            let mut time = Duration::ZERO;
            let ran = match answer {
                Answer::Ran(transcript, took) => {
                    time = took;
                    if self.let_die && transcript.outcomes.iter().any(|o| o.signal().is_some()) {
                        caught.push((index, transcript.clone()));
                    }
                    Ran::Done(transcript)
                }
                Answer::Incomplete(why) => Ran::Incomplete(why),
            };
            if told.is_ok() {
                told = telling.has_come(index, ran, time);
                // Nobody reads it any more: what was not sent yet need not be run.
                unread.store(told.is_err(), Ordering::Relaxed);
            }
        });
        told?;
        result.map_err(Failed::Machine)?;
        for (worker, these) in lanes {
            let mut own = caught.clone();
            own.retain(|(index, _)| these.binary_search(&(*index as u32)).is_ok());
            if !own.is_empty() {
                self.deaths(*worker, &own, telling)?;
            }
        }
        Ok(())
    }

    /// The jobs of these cases.
    fn lane<'b>(&'b self, these: &[u32]) -> Lane<'b> {
        let mut waiting = Vec::new();
        let mut others = Vec::with_capacity(these.len());
        for index in these.iter().map(|index| *index as usize) {
            if !self.plan.group(index).waits() {
                others.push(index);
                continue;
            }
            let program = self.plan.case(index).program;
            waiting.push(Job {
                waits: true,
                ..Job::new(index, program.to_string())
            });
        }
        let jobs = others.into_iter().map(|index| {
            let program = self.plan.case(index).program;
            Job::new(index, program.to_string())
        });
        Lane {
            waiting,
            ..self.config.lane(jobs)
        }
    }

    /// What a worker of this kind is asked for.
    fn start_of(&self, worker: Worker) -> Start {
        Start {
            root: worker == Worker::Root,
            namespace: worker == Worker::Mounting,
            ..self.config.start.clone()
        }
    }

    /// Runs each faulting case once for each of its faults, left to die of it, and holds that
    /// against what was caught.
    fn deaths(
        &self,
        worker: Worker,
        caught: &[(usize, Transcript)],
        telling: &mut Telling<'_, '_>,
    ) -> Result<(), Failed> {
        let mut places = Vec::new();
        let mut jobs = Vec::new();
        for (which, (index, transcript)) in caught.iter().enumerate() {
            for (step, outcome) in transcript.outcomes.iter().enumerate() {
                // The end of another, told by wait(), is no fault of this step.
                let own = !matches!(outcome, crate::transcript::Outcome::Killed(_));
                if own && outcome.signal().is_some() {
                    let program = Program {
                        die_at: Some(step),
                        ..self.plan.case(*index).program
                    };
                    jobs.push(Job::new(places.len(), program.to_string()));
                    places.push((which, step));
                }
            }
        }
        telling.found.summary.deaths += places.len();
        let mut wrong = BTreeMap::new();
        let mut lane = self.config.lane(jobs.into_iter());
        lane.start = self.start_of(worker);
        let result = self.config.run(vec![lane], &mut |place, answer| {
            let (which, step) = places[place];
            let (index, transcript) = &caught[which];
            let verdict = match answer {
                Answer::Incomplete(why) => Err(why),
                Answer::Ran(died, _) => {
                    same_death(&self.plan.case(*index).program, transcript, &died, step)
                }
            };
            if let Err(why) = verdict {
                wrong.insert((*index, step), why);
            }
        });
        result.map_err(Failed::Machine)?;
        for ((index, _), why) in wrong {
            telling.other_death(index, why)?;
        }
        Ok(())
    }
}

/// Why nothing is run on a system.
fn other_system(os: &str) -> Skip {
    Skip {
        need: Some("os".to_owned()),
        reason: format!("needs os linux: no calls are made on {os}"),
    }
}

/// Why a run did not come to its end.
#[derive(Debug)]
pub enum Failed {
    /// No worker can be had.
    Machine(String),
    /// The events can't be told.
    Report(io::Error),
}

impl From<io::Error> for Failed {
    fn from(e: io::Error) -> Self {
        Failed::Report(e)
    }
}

/// Judges what comes, and tells it in the order of the plan.
/// After so long it is said again which case all wait for.
const HELD_BACK: Duration = Duration::from_secs(1);

struct Telling<'s, 'a> {
    suite: &'s Suite<'s>,
    sink: &'s mut Sink<'a>,
    waiting: BTreeMap<usize, (Ran, Duration)>,
    next: usize,
    ledger: Ledger<'s>,
    found: Found,
    /// When the sink last heard something.
    heard: Instant,
    model: Option<Model>,
}

impl<'s, 'a> Telling<'s, 'a> {
    fn new(suite: &'s Suite<'s>, sink: &'s mut Sink<'a>) -> Self {
        let mut found = Found::default();
        let model = match Model::of(suite.platform, Reading::Linux) {
            Ok(model) => Some(model),
            Err(why) => {
                found.summary.no_model = Some(why);
                None
            }
        };
        Telling {
            model,
            suite,
            sink,
            waiting: BTreeMap::new(),
            next: 0,
            ledger: Ledger::new(suite.known),
            found,
            heard: Instant::now(),
        }
    }

    /// A case has come. They are told in their order: where one holds the others back, it is said
    /// from time to time which, so that a sink that has no more time can say so.
    fn has_come(&mut self, index: usize, ran: Ran, took: Duration) -> Result<(), Failed> {
        self.waiting.insert(index, (ran, took));
        while let Some((ran, took)) = self.waiting.remove(&self.next) {
            self.tell(self.next, ran, took)?;
            self.next += 1;
            self.heard = Instant::now();
        }
        if self.heard.elapsed() > HELD_BACK {
            self.heard = Instant::now();
            let id = self.suite.plan.id(self.next);
            let done = self.next;
            (self.sink)(&Event::Running { done, id: &id })?;
        }
        Ok(())
    }

    fn tell(&mut self, index: usize, ran: Ran, took: Duration) -> Result<(), Failed> {
        let suite = self.suite;
        let case = suite.plan.case(index);
        let recorded = suite.record.get(&case.id);
        let scale = &suite.platform.scale;
        let model = self.model.as_ref();
        let judged = judge(&case, ran, recorded, suite.known, scale, model);
        if let Some(block) = &judged.observed {
            let stem = crate::snapshot::stem(&case.id).to_owned();
            let blocks = self.found.observed.entry(stem).or_default();
            blocks.insert(local(&case.id).to_owned(), block.clone());
        }
        judged.verdict.enter(&case.id, &mut self.ledger);
        self.found.summary.add(&judged.verdict, suite.policy);
        self.found.summary.add_modelled(&judged);
        let ran = judged.observed.is_some();
        self.found.summary.unclaimed += usize::from(case.is_unclaimed && ran);
        self.event(&case, &judged, took)?;
        (self.sink)(&Event::Running {
            done: index + 1,
            id: &case.id,
        })?;
        Ok(())
    }

    fn event(&mut self, case: &Case, judged: &Judged, took: Duration) -> Result<(), Failed> {
        let fails = self.suite.policy.fails(&judged.verdict);
        (self.sink)(&Event::Case(&CaseDone {
            case,
            judged,
            fails,
            took,
        }))?;
        Ok(())
    }

    /// Tells what has come; the rest counts as not run to its end.
    fn break_off(&mut self, why: String) -> Result<(), Failed> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for index in self.next..self.suite.plan.len() {
            match waiting.remove(&index) {
                Some((ran, took)) => self.tell(index, ran, took)?,
                None => {
                    let verdict = Verdict::Incomplete(why.clone());
                    verdict.enter(&self.suite.plan.id(index), &mut self.ledger);
                    self.found.summary.add(&verdict, self.suite.policy);
                }
            }
        }
        self.found.broken_off = Some(why);
        Ok(())
    }

    /// A case died otherwise than its caught faults said.
    fn other_death(&mut self, index: usize, why: String) -> Result<(), Failed> {
        let case = self.suite.plan.case(index);
        let judged = Judged {
            verdict: Verdict::OtherDeath(why),
            observed: None,
            recorded: None,
            modelled: crate::judge::Modelled::NotAsked,
        };
        self.found.summary.add(&judged.verdict, self.suite.policy);
        self.event(&case, &judged, Duration::ZERO)
    }

    fn finish(mut self) -> Result<Found, Failed> {
        for entry in self.ledger.stale() {
            self.found.summary.stale += 1;
            (self.sink)(&Event::Stale(entry))?;
        }
        Ok(self.found)
    }
}
