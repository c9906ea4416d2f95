//! Turns: the actors of a case act one after another, in the order of the steps.
//!
//! Each actor has a pipe from which it takes its turn. What is handed on is all that the next one
//! must know: the step, the bound values, who is gone. So it works between processes that share no
//! memory, and a thread takes its turn as a process does. A case with `main` alone has no pipes.

use super::compiled::{ACTORS_MAX, NAMES_MAX};
use super::sys;
use std::io;
use std::os::fd::RawFd;

/// The place in the pipes of the worker itself, who hands on the turn of an actor that died.
pub const WORKER: usize = ACTORS_MAX;

/// What is handed on.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The step to be done next.
    pub step: u32,
    /// Which actors exist, as bits.
    pub born: u32,
    /// Which actors are gone, as bits.
    pub gone: u32,
    /// Which actors are threads of another actor's process, as bits.
    pub threads: u32,
    /// An actor that is about to die, and must be dead before anything goes on; or -1.
    pub dying: i32,
    /// The receiver is to end, and to hand the turn back to this actor; or -1.
    pub end_for: i32,
    /// Which names are bound, as bits.
    pub bound: u64,
    /// Their values.
    pub values: [i64; NAMES_MAX],
    /// The processes of the actors.
    pub pids: [i32; ACTORS_MAX],
    /// Which actor made each actor; -1 for the worker.
    pub parents: [i32; ACTORS_MAX],
}

impl Default for Turn {
    fn default() -> Self {
        Turn {
            step: 0,
            born: 1,
            gone: 0,
            threads: 0,
            dying: -1,
            end_for: -1,
            bound: 0,
            values: [0; NAMES_MAX],
            pids: [0; ACTORS_MAX],
            parents: [-1; ACTORS_MAX],
        }
    }
}

const SIZE: usize = 4 * 6 + 8 + 8 * NAMES_MAX + 4 * 2 * ACTORS_MAX;

impl Turn {
    /// The value of a name, if it is bound.
    pub fn value(&self, name: usize) -> Option<i64> {
        let bound = name < NAMES_MAX && self.bound & (1 << name) != 0;
        bound.then(|| self.values[name])
    }

    /// Binds a name.
    pub fn bind(&mut self, name: usize, value: i64) {
        if name < NAMES_MAX {
            self.bound |= 1 << name;
            self.values[name] = value;
        }
    }

    /// Whether an actor can act.
    pub fn is_alive(&self, actor: usize) -> bool {
        actor < ACTORS_MAX && self.born & (1 << actor) != 0 && self.gone & (1 << actor) == 0
    }

    /// Whether an actor is a thread of another actor's process.
    pub fn is_thread(&self, actor: usize) -> bool {
        self.threads & (1 << actor) != 0
    }

    /// Notes that an actor is gone.
    pub fn set_gone(&mut self, actor: usize) {
        self.gone |= 1 << actor;
    }

    /// Notes that an actor's process is gone with all its threads; the actor that is the process.
    pub fn set_process_gone(&mut self, actor: usize) -> usize {
        let pid = self.pids[actor];
        let mut process = actor;
        for other in 0..ACTORS_MAX {
            if self.pids[other] == pid && self.born & (1 << other) != 0 {
                self.set_gone(other);
                if !self.is_thread(other) {
                    process = other;
                }
            }
        }
        process
    }

    /// Who sees to an actor's end: the actor that made it, else another of the same process, whose
    /// child it is too; or the worker.
    pub fn undertaker(&self, process: usize) -> usize {
        let Ok(parent) = usize::try_from(self.parents[process]) else {
            return WORKER;
        };
        if self.is_alive(parent) {
            return parent;
        }
        let same = |other: &usize| self.is_alive(*other) && self.pids[*other] == self.pids[parent];
        (0..ACTORS_MAX).find(same).unwrap_or(WORKER)
    }

    fn to_bytes(self) -> [u8; SIZE] {
        let mut out = [0u8; SIZE];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.step.to_ne_bytes());
        put(&self.born.to_ne_bytes());
        put(&self.gone.to_ne_bytes());
        put(&self.threads.to_ne_bytes());
        put(&self.dying.to_ne_bytes());
        put(&self.end_for.to_ne_bytes());
        put(&self.bound.to_ne_bytes());
        self.values.iter().for_each(|v| put(&v.to_ne_bytes()));
        self.pids.iter().for_each(|v| put(&v.to_ne_bytes()));
        self.parents.iter().for_each(|v| put(&v.to_ne_bytes()));
        out
    }

    fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        let mut at = 0;
        let four = |at: &mut usize| {
            let mut word = [0u8; 4];
            word.copy_from_slice(&bytes[*at..*at + 4]);
            *at += 4;
            word
        };
        let step = u32::from_ne_bytes(four(&mut at));
        let born = u32::from_ne_bytes(four(&mut at));
        let gone = u32::from_ne_bytes(four(&mut at));
        let threads = u32::from_ne_bytes(four(&mut at));
        let dying = i32::from_ne_bytes(four(&mut at));
        let end_for = i32::from_ne_bytes(four(&mut at));
        let eight = |at: &mut usize| {
            let mut word = [0u8; 8];
            word.copy_from_slice(&bytes[*at..*at + 8]);
            *at += 8;
            word
        };
        let bound = u64::from_ne_bytes(eight(&mut at));
        let mut values = [0; NAMES_MAX];
        values
            .iter_mut()
            .for_each(|v| *v = i64::from_ne_bytes(eight(&mut at)));
        let mut pids = [0; ACTORS_MAX];
        pids.iter_mut()
            .for_each(|v| *v = i32::from_ne_bytes(four(&mut at)));
        let mut parents = [0; ACTORS_MAX];
        parents
            .iter_mut()
            .for_each(|v| *v = i32::from_ne_bytes(four(&mut at)));
        Turn {
            step,
            born,
            gone,
            threads,
            dying,
            end_for,
            bound,
            values,
            pids,
            parents,
        }
    }
}

/// The pipes of one case: one for each actor, and the worker's.
#[derive(Debug)]
pub struct Pipes {
    ends: Vec<(RawFd, RawFd)>,
}

impl Pipes {
    /// Makes the pipes, at numbers from `base` on.
    ///
    /// # Errors
    /// What pipe2(2) or fcntl(2) says.
    pub fn new(actors: usize, base: RawFd) -> io::Result<Self> {
        let mut pipes = Pipes { ends: Vec::new() };
        for place in 0..=WORKER {
            if place < actors || place == WORKER {
                let (read_end, write_end) = sys::pipe()?;
                pipes.ends.push((-1, -1));
                let last = pipes.ends.len() - 1;
                pipes.ends[last].0 = sys::move_up(read_end, base)?;
                pipes.ends[last].1 = sys::move_up(write_end, base)?;
            } else {
                pipes.ends.push((-1, -1));
            }
        }
        Ok(pipes)
    }

    /// The descriptor from which a place takes its turn.
    pub fn reading_end(&self, place: usize) -> RawFd {
        self.ends.get(place).map_or(-1, |e| e.0)
    }

    /// Hands the turn to a place.
    pub fn hand(&self, to: usize, turn: &Turn) -> bool {
        let Some((_, write_end)) = self.ends.get(to) else {
            return false;
        };
        sys::write_all(*write_end, &turn.to_bytes())
    }

    /// Waits for the turn.
    pub fn take(&self, place: usize) -> Option<Turn> {
        let mut bytes = [0u8; SIZE];
        sys::read_exact(self.reading_end(place), &mut bytes).then(|| Turn::from_bytes(&bytes))
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for (read_end, write_end) in &self.ends {
            for fd in [read_end, write_end] {
                if *fd >= 0 {
                    sys::close(*fd);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_arrives_whole() {
        let pipes = Pipes::new(2, 100).unwrap();
        let mut turn = Turn {
            step: 7,
            dying: 3,
            ..Turn::default()
        };
        turn.bind(63, -5);
        turn.pids[1] = 99;
        turn.set_gone(0);
        assert!(pipes.hand(1, &turn));
        let taken = pipes.take(1).unwrap();
        assert_eq!(taken.to_bytes(), turn.to_bytes());
        assert_eq!(taken.value(63), Some(-5));
        assert_eq!(taken.value(62), None);
        assert!(!taken.is_alive(0) && !taken.is_alive(1));
    }
}
