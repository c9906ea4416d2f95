//! From raw numbers to outcomes: addresses become relations, numbers the case's own quantities.

use super::arena::Arena;
use super::compiled::{Compiled, Op};
use super::journal::{Raw, Record, kind};
use super::supervise::Came;
use crate::case::call::ResultKind;
use crate::case::claim::Place;
use crate::case::errno::Errno;
use crate::case::signal::{Code, Signal};
use crate::case::step::Arg;
use crate::case::{Content, Program, Quantity, Scale};
use crate::transcript::{FileAfter, Numbers, Outcome, Transcript};

/// How the processes of a case ended, where that is no step's own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it should: all steps were done, or `main` ended as a step said.
    Orderly,
    /// The step made no progress, and only SIGKILL ended it.
    Hang,
    /// The case took too much memory.
    Memory,
    /// A process ended with this wait status in the middle of a step.
    Lost(i32),
}

/// What is needed to tell what came of a case.
pub struct Renderer<'a> {
    program: &'a Program,
    compiled: &'a Compiled,
    raw: &'a Raw,
    scale: &'a Scale,
    arena: Arena,
    numbers: Numbers<'a>,
}

impl<'a> Renderer<'a> {
    /// A renderer for one case.
    pub fn new(
        program: &'a Program,
        compiled: &'a Compiled,
        raw: &'a Raw,
        scale: &'a Scale,
        arena: Arena,
    ) -> Self {
        Renderer {
            program,
            compiled,
            raw,
            scale,
            arena,
            numbers: Numbers::new(program, scale, compiled.lent.eof),
        }
    }

    /// What came of the whole case.
    pub fn transcript(&self, came: &Came) -> Transcript {
        let file = match &came.file {
            None => FileAfter::None,
            Some(Ok(None)) => FileAfter::Unchanged,
            Some(Ok(Some(content))) => FileAfter::Holds(self.numbers.bytes(content)),
            Some(Err(e)) => FileAfter::Unreadable(e.to_string()),
        };
        Transcript {
            outcomes: self.outcomes(came.ended, came.status),
            file,
        }
    }

    /// The outcomes of all steps. `main_status` is how `main` really ended.
    fn outcomes(&self, ended: Ended, main_status: i32) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(self.compiled.lent.ops.len());
        let mut lost = None;
        for (i, op) in self.compiled.lent.ops.iter().enumerate() {
            let record = self.raw.record(i);
            let actor = &self.compiled.actors[op.actor];
            let outcome = match record.kind {
                kind::NONE => Outcome::NotReached(lost.unwrap_or(actor).clone()),
                kind::INTENT => {
                    lost = Some(actor);
                    self.unfinished(ended)
                }
                kind::DYING if op.actor == 0 => ended_as(main_status),
                kind::EXITING if op.actor == 0 => ended_as(main_status),
                _ => self.outcome(i, op, &record),
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    fn unfinished(&self, ended: Ended) -> Outcome {
        match ended {
            Ended::Memory => Outcome::MemoryLimit,
            Ended::Lost(_) if self.compiled.lent.reckless => Outcome::HarnessUnmapped,
            Ended::Lost(status) => ended_as(status),
            Ended::Hang | Ended::Orderly => Outcome::Hang,
        }
    }

    fn outcome(&self, i: usize, op: &Op, record: &Record) -> Outcome {
        let signal = (record.signal != 0).then(|| Signal::from_number(record.signal));
        match record.kind {
            kind::VALUE => self.value(i, op, record),
            kind::ERRNO => Outcome::Errno(Errno::from_number(record.errno), signal),
            kind::FAULT => self.fault(i, record),
            kind::BYTES => {
                let content = Content::from_bytes(self.raw.bytes(record));
                Outcome::Bytes(self.numbers.bytes(&content))
            }
            kind::UNBOUND => {
                let name = usize::try_from(record.value).ok();
                let name = name.and_then(|n| self.compiled.names.get(n));
                Outcome::NotReached(name.cloned().unwrap_or_default())
            }
            kind::BLOCKED => Outcome::Blocked,
            kind::REFUSED => Outcome::Refused,
            kind::DYING => Outcome::Killed(Signal::from_number(record.signal)),
            kind::EXITING => Outcome::Exit(record.value as i32),
            kind::ENDED => ended_as(record.value as i32),
            kind::TOO_LONG => Outcome::Unsaid("more bytes than the journal holds".to_owned()),
            _ => Outcome::NotReached(self.compiled.actors[op.actor].clone()),
        }
    }

    fn value(&self, i: usize, op: &Op, record: &Record) -> Outcome {
        let bind = self.program.steps[i].bind.as_deref();
        let name = || bind.map_or(Outcome::Ok, |b| Outcome::Value(Quantity::name(b)));
        match op.call.result {
            ResultKind::Zero | ResultKind::End | ResultKind::Never => Outcome::Ok,
            ResultKind::Descriptor | ResultKind::Id | ResultKind::Pipe | ResultKind::Actor => {
                name()
            }
            ResultKind::Address { .. } | ResultKind::Place if record.asked == 0 => name(),
            ResultKind::Address { .. } | ResultKind::Place => self.address(i, record),
            _ => Outcome::Value(self.numbers.number(record.value.into())),
        }
    }

    /// An address that was asked for, or another.
    fn address(&self, i: usize, record: &Record) -> Outcome {
        let got = record.value as u64;
        let step = &self.program.steps[i];
        let asked = step.args.get(step.call.address()).and_then(Arg::quantity);
        match asked {
            Some(q) if got == record.asked => Outcome::Value(q.with_eof(&self.program.file.size)),
            _ if (self.arena.start..self.arena.end).contains(&got) => {
                let offset = self.numbers.number(i128::from(got - self.arena.start));
                Outcome::Value(Quantity::name("arena").plus(&offset))
            }
            _ => Outcome::Elsewhere,
        }
    }

    fn fault(&self, i: usize, record: &Record) -> Outcome {
        let signal = Signal::from_number(record.signal);
        let code = Code::from_number(&signal, record.code);
        Outcome::Fault {
            place: self.place(i, record),
            signal,
            code,
        }
    }

    /// What si_addr tells of the byte that was touched.
    fn place(&self, i: usize, record: &Record) -> Place {
        let page = self.scale.page;
        let in_page = record.touched & !(page - 1);
        if record.addr == record.touched {
            Place::At(self.relative(i, record, record.touched))
        } else if record.addr == 0 {
            Place::Nowhere
        } else if record.addr == in_page {
            Place::InPage(self.relative(i, record, in_page))
        } else {
            Place::Elsewhere
        }
    }

    /// An address in the terms of the step's own: its name, and how far from there.
    fn relative(&self, i: usize, record: &Record, addr: u64) -> Quantity {
        let asked = self.program.steps[i].args.first().and_then(Arg::quantity);
        let Some(asked) = asked else {
            return Quantity::bytes(addr.into());
        };
        let from_asked = i128::from(addr) - i128::from(record.asked);
        let told = self.numbers.relative(asked, from_asked);
        told.unwrap_or_else(|| self.numbers.number(addr.into()))
    }
}

/// A wait status as an outcome: an exit is never confused with a death.
pub fn ended_as(status: i32) -> Outcome {
    if libc::WIFEXITED(status) {
        Outcome::Exit(libc::WEXITSTATUS(status))
    } else {
        Outcome::Killed(Signal::from_number(libc::WTERMSIG(status)))
    }
}
