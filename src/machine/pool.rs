//! Several workers at once.

use super::connection::{Answer, Connection, Failure, Job};
use super::start::Start;
use crate::case::Need;
use crate::platform::Platform;
use std::collections::VecDeque;
use std::ffi::OsString;
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
    fn open(&self, number: usize) -> Result<Connection, String> {
        let mut start = self.start.clone();
        start.cpu = start.cpu.map(|first| first + number);
        Connection::open(&self.command, &start, self.silence)
    }

    /// What the machine is, and the reason for each need that it does not meet.
    ///
    /// # Errors
    /// No worker can be had.
    pub fn ask(&self, needs: &[Need]) -> Result<(Platform, Vec<(Need, String)>), String> {
        let began = Instant::now();
        let mut failures = 0;
        loop {
            match self.ask_once(needs) {
                Ok(told) => return Ok(told),
                Err(why) => {
                    failures += 1;
                    if failures >= STARTS || began.elapsed() >= self.silence {
                        return Err(why);
                    }
                }
            }
        }
    }

    fn ask_once(&self, needs: &[Need]) -> Result<(Platform, Vec<(Need, String)>), String> {
        let mut connection = self.open(0)?;
        let mut unmet = Vec::new();
        for need in needs {
            if let Some(why) = connection.need(need)? {
                unmet.push((need.clone(), why));
            }
        }
        let platform = connection.platform.clone();
        connection.close();
        Ok((platform, unmet))
    }

    /// Runs all jobs; answers come in any order. Those that wait long and do nothing have workers of
    /// their own, so many that they wait side by side, and beside the others.
    ///
    /// # Errors
    /// No worker can be had. What was answered before has been answered.
    pub fn run(
        &self,
        waiting: Vec<Job>,
        jobs: impl Iterator<Item = Job> + Send,
        answer: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), String> {
        let ordinary = self.jobs.max(1);
        let idle = waiting.len().min(self.idle * ordinary);
        let (waiting, along) = match idle {
            0 => (Vec::new(), waiting),
            _ => (waiting, Vec::new()),
        };
        let queue = Queue {
            waiting: Mutex::new(waiting.into()),
            jobs: Mutex::new(jobs.chain(along)),
            again: Mutex::new(VecDeque::new()),
        };
        let (sender, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..ordinary + idle)
                .map(|number| {
                    let (queue, sender) = (&queue, sender.clone());
                    // The thread lives as long as its worker: the worker is killed when the
                    // thread that started it ends (PR_SET_PDEATHSIG of prctl(2)).
                    scope.spawn(move || self.serve(number, queue, &sender))
                })
                .collect();
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

    /// One worker's thread: starts it, and starts it anew when it dies.
    fn serve<I: Iterator<Item = Job>>(
        &self,
        number: usize,
        queue: &Queue<I>,
        sender: &Sender<Vec<(usize, Answer)>>,
    ) -> Result<(), String> {
        let mut failures = 0;
        let mut barren = 0;
        loop {
            let began = Instant::now();
            let mut connection = match self.open(number) {
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
            let mut next = || match number < self.jobs.max(1) {
                true => queue.next(),
                false => queue.next_waiting(),
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

/// What is still to be done.
struct Queue<I> {
    jobs: Mutex<I>,
    /// Those that wait long.
    waiting: Mutex<VecDeque<Job>>,
    /// Cases that were with a worker that died.
    again: Mutex<VecDeque<Job>>,
}

impl<I: Iterator<Item = Job>> Queue<I> {
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
