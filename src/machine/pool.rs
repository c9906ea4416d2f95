//! Several workers at once.

use super::connection::{Answer, Connection, Failure, Job};
use super::start::Start;
use crate::case::Need;
use crate::platform::Platform;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::iter::Peekable;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How workers are started.
#[derive(Debug, Clone)]
pub struct Config {
    /// The command of a worker: program and arguments.
    pub command: Vec<OsString>,
    /// What a worker is asked for.
    pub start: Start,
    /// How many run at once.
    pub jobs: usize,
    /// How many more there may be, for each of those, for cases that wait long; where none may
    /// be, such cases go with the others.
    pub idle: usize,
    /// How long a worker may be silent before it counts as dead.
    pub silence: Duration,
}

/// Jobs, made as they are asked for.
pub type Jobs<'a> = Box<dyn Iterator<Item = Job> + Send + 'a>;

/// Jobs that want workers of one kind.
pub struct Lane<'a> {
    /// What its workers are asked for.
    pub start: Start,
    /// Those that wait long and do nothing; where no workers may be had for them, they go with the
    /// others.
    pub waiting: Vec<Job>,
    /// The others.
    pub jobs: Jobs<'a>,
}

/// What a machine can't do, and the reason.
pub type Unmet = (Need, String);

/// How many answers are handed over at once.
const BATCH: usize = 16;

/// How many workers there are for cases that wait long, for each other worker, where they cost
/// little.
pub const IDLE: usize = 8;

/// How many times in a row a worker may fail to start before the run is given up.
const STARTS: usize = 3;

/// How many workers in a row may die without an answer before the run is given up: more than the
/// cases that one expects to find beside each other which all kill their worker.
const BARREN: usize = 24;

impl Config {
    fn open(&self, start: &Start, number: usize) -> Result<Connection, String> {
        let mut start = start.clone();
        start.cpu = start.cpu.map(|first| first + number);
        Connection::open(&self.command, &start, self.silence)
    }

    /// What the machine is, and the reason for each need that it does not meet.
    ///
    /// # Errors
    /// No worker can be had.
    pub fn ask(&self, needs: &[Need]) -> Result<(Platform, Vec<Unmet>), String> {
        let (platform, unmet, ()) = self.ask_while(needs, |_| ())?;
        Ok((platform, unmet))
    }

    /// The same, and what `meanwhile` makes of the platform while the worker tries the needs.
    ///
    /// # Errors
    /// No worker can be had.
    pub fn ask_while<T: Send>(
        &self,
        needs: &[Need],
        meanwhile: impl FnOnce(&Platform) -> T + Send,
    ) -> Result<(Platform, Vec<Unmet>, T), String> {
        let mut connection = self.persist(|| self.open(&self.start, 0))?;
        let platform = connection.platform.clone();
        let (unmet, made) = std::thread::scope(|scope| {
            let made = scope.spawn(|| meanwhile(&platform));
            let unmet = tried(&mut connection, needs);
            let unmet = unmet.or_else(|_| {
                self.persist(|| {
                    connection = self.open(&self.start, 0)?;
                    tried(&mut connection, needs)
                })
            });
            (unmet, made.join())
        });
        let unmet = unmet?;
        let made = made.map_err(|_| "a thread of the runner panicked")?;
        connection.close();
        Ok((platform, unmet, made))
    }

    /// Does it again while it fails, unless that is too often or too long.
    fn persist<T>(&self, mut this: impl FnMut() -> Result<T, String>) -> Result<T, String> {
        let began = Instant::now();
        let mut failures = 0;
        loop {
            match this() {
                Ok(done) => return Ok(done),
                Err(why) => {
                    failures += 1;
                    if failures >= STARTS || began.elapsed() >= self.silence {
                        return Err(why);
                    }
                }
            }
        }
    }

    /// Jobs for workers as this asks for them.
    pub fn lane<'a>(&self, jobs: impl Iterator<Item = Job> + Send + 'a) -> Lane<'a> {
        Lane {
            start: self.start.clone(),
            waiting: Vec::new(),
            jobs: Box::new(jobs),
        }
    }

    /// Runs the jobs of all lanes; answers come in any order. Each thread goes from lane to lane and
    /// begins at one of its own, since what one lane waits for costs another nothing. Jobs that wait
    /// long and do nothing have workers of their own, so many that they wait side by side, and beside
    /// the others.
    ///
    /// # Errors
    /// No worker can be had. What was answered before has been answered.
    pub fn run(
        &self,
        lanes: Vec<Lane<'_>>,
        answer: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), String> {
        let ordinary = self.jobs.max(1);
        let queues: Vec<(Queue<'_>, usize)> = lanes.into_iter().map(|l| self.queue(l)).collect();
        let (sender, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            // A thread lives as long as its worker: the worker is killed when the thread that
            // started it ends (PR_SET_PDEATHSIG of prctl(2)).
            let mut threads = Vec::new();
            for number in 0..ordinary {
                let (queues, sender) = (&queues, sender.clone());
                threads.push(scope.spawn(move || {
                    let (after, first) = queues.split_at(number % queues.len().max(1));
                    let mut in_turn = first.iter().chain(after);
                    in_turn.try_for_each(|(queue, _)| self.serve(number, queue, &sender))
                }));
            }
            for (queue, idle) in &queues {
                for number in ordinary..ordinary + idle {
                    let sender = sender.clone();
                    threads.push(scope.spawn(move || self.serve(number, queue, &sender)));
                }
            }
            drop(sender);
            for (index, came) in answers.into_iter().flatten() {
                answer(index, came);
            }
            let mut result = Ok(());
            for thread in threads {
                match thread.join() {
                    Ok(Ok(())) => {}
                    Ok(Err(why)) => result = Err(why),
                    Err(_) => result = Err("a thread of the runner panicked".to_owned()),
                }
            }
            result
        })
    }

    /// What is to be done of a lane, and how many workers there are for what waits long.
    fn queue<'a>(&self, lane: Lane<'a>) -> (Queue<'a>, usize) {
        let Lane {
            start,
            waiting,
            jobs,
        } = lane;
        let idle = waiting.len().min(self.idle * self.jobs.max(1));
        let (waiting, along) = match idle {
            0 => (Vec::new(), waiting),
            _ => (waiting, Vec::new()),
        };
        let all: Jobs<'a> = Box::new(jobs.chain(along));
        let queue = Queue {
            start,
            waiting: Mutex::new(waiting.into()),
            jobs: Mutex::new(all.peekable()),
            again: Mutex::new(VecDeque::new()),
        };
        (queue, idle)
    }

    /// One worker of a lane: starts it, and starts it anew when it dies.
    fn serve(
        &self,
        number: usize,
        queue: &Queue<'_>,
        sender: &Sender<Vec<(usize, Answer)>>,
    ) -> Result<(), String> {
        let waits = number >= self.jobs.max(1);
        let mut failures = 0;
        let mut barren = 0;
        loop {
            let began = Instant::now();
            if queue.is_done(waits) {
                return Ok(());
            }
            let mut connection = match self.open(&queue.start, number) {
                Ok(connection) => connection,
                Err(why) => {
                    failures += 1;
                    if failures >= STARTS || began.elapsed() >= self.silence {
                        return Err(why);
                    }
                    continue;
                }
            };
            failures = 0;
            // Waking the receiver for each case would cost a good part of a case.
            let mut came = Vec::new();
            let mut answers = 0;
            let mut next = || match waits {
                true => queue.next_waiting(),
                false => queue.next(),
            };
            let result = connection.run(&mut next, &mut |index, answer| {
                answers += 1;
                came.push((index, answer));
                if came.len() >= BATCH {
                    // The receiver goes away only with the whole run.
                    let _ = sender.send(std::mem::take(&mut came));
                }
            });
            let _ = sender.send(came);
            let Err(failure) = result else {
                connection.close();
                return Ok(());
            };
            drop(connection);
            barren = if answers == 0 { barren + 1 } else { 0 };
            let why = queue.put_back(failure, sender);
            if barren >= BARREN {
                return Err(format!(
                    "workers greet but answer nothing: the last one {why}"
                ));
            }
        }
    }
}

/// Those of the needs that the worker's machine does not meet.
fn tried(connection: &mut Connection, needs: &[Need]) -> Result<Vec<Unmet>, String> {
    let mut unmet = Vec::new();
    for need in needs {
        if let Some(why) = connection.need(need)? {
            unmet.push((need.clone(), why));
        }
    }
    Ok(unmet)
}

/// What is still to be done.
struct Queue<'a> {
    start: Start,
    jobs: Mutex<Peekable<Jobs<'a>>>,
    /// Those that wait long.
    waiting: Mutex<VecDeque<Job>>,
    /// Cases that were with a worker that died.
    again: Mutex<VecDeque<Job>>,
}

impl Queue<'_> {
    /// Whether a worker would find nothing to do.
    fn is_done(&self, waiting: bool) -> bool {
        let none = match waiting {
            true => lock(&self.waiting).is_empty(),
            false => lock(&self.jobs).peek().is_none(),
        };
        none && lock(&self.again).is_empty()
    }

    fn next(&self) -> Option<Job> {
        let again = lock(&self.again).pop_front();
        again.or_else(|| lock(&self.jobs).next())
    }

    /// For a worker of those that wait.
    fn next_waiting(&self) -> Option<Job> {
        let waiting = lock(&self.waiting).pop_front();
        waiting.or_else(|| lock(&self.again).pop_front())
    }

    /// A worker died. Which of its cases it was at is not known, since what it had answered may
    /// have died with it; so each is tried once more, alone. One that was alone is given up.
    fn put_back(&self, failure: Failure, sender: &Sender<Vec<(usize, Answer)>>) -> String {
        let Failure { why, sent, held } = failure;
        let mut again = lock(&self.again);
        match &sent[..] {
            [job] if job.alone => {
                let answer = Answer::Incomplete(format!("its worker {why}, twice"));
                let _ = sender.send(vec![(job.index, answer)]);
            }
            _ => again.extend(sent.into_iter().map(|job| Job { alone: true, ..job })),
        }
        again.extend(held);
        why
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
