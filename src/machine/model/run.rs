//! Going through a program, step by step.

mod actors;
mod advice;
mod begin;
mod faults;
mod files;
mod limits;
mod mapping;
mod memory;
mod remap;
mod residence;
mod sealing;
mod segments;
mod told;
mod transfer;

use super::Model;
use super::call::{Ctx, Reach};
use super::clause::{Answer, Clause, Decision, Effect, Force, Reading, Told as ToldAddr};
use super::clauses::Which;
use super::machine::{Entry, Fs, Machine};
use super::space::ARENA;
use super::told::{Allowed, AllowedFile, Told};
use super::world::{Ended, World};
use crate::case::call::{Act, ArgType};
use crate::case::claim::Place;
use crate::case::errno::Errno;
use crate::case::program::End;
use crate::case::quantity::NoValue;
use crate::case::signal::{Code, Signal};
use crate::case::step::{Arg, Fd, Step};
use crate::case::{Content, Ground, Program, Quantity, Unit};
use crate::transcript::{FileAfter, Numbers, Outcome, Transcript};
use std::rc::Rc;

/// The arena of 64-bit machines, and what is free on both sides of it.
const ARENA_SIZE: i128 = 1 << 30;

/// Goes through a program; a set of outcomes is followed as `observed` says.
pub fn run(model: &Model, program: &Program, observed: Option<&Transcript>) -> Told {
    let on_tmpfs;
    let machine = match program.file.on {
        Ground::Tmpfs => {
            on_tmpfs = Machine {
                fs: Fs::Tmpfs,
                ..model.machine.clone()
            };
            &on_tmpfs
        }
        _ => &model.machine,
    };
    let mut run = match Run::new((model, machine), program, observed) {
        Ok(run) => run,
        Err(why) => {
            let unmodelled = || Allowed::Unmodelled(why.clone());
            return Told {
                steps: program.steps.iter().map(|_| unmodelled()).collect(),
                file: AllowedFile::Unmodelled(why.clone()),
                decided: Vec::new(),
            };
        }
    };
    let mut steps = Vec::with_capacity(program.steps.len());
    for (i, step) in program.steps.iter().enumerate() {
        run.number = i;
        let allowed = match &run.lost {
            Some(lost) => lost.clone(),
            None => run.step(step),
        };
        if let (Allowed::Unmodelled(_), None) = (&allowed, &run.lost) {
            run.lost = Some(allowed.clone());
        }
        steps.push(allowed);
    }
    Told {
        steps,
        file: run.file(),
        decided: run.decided,
    }
}

/// One run of a program.
struct Run<'p> {
    model: &'p Model,
    /// The machine, whose file system may be the case's own.
    machine: &'p Machine,
    program: &'p Program,
    observed: Option<&'p Transcript>,
    eof: u64,
    numbers: Numbers<'p>,
    w: World<'p>,
    /// What the scratch file began with, without the hole behind it.
    initial: Rc<Content>,
    decided: Vec<(usize, &'static Clause)>,
    /// Which step it is.
    number: usize,
    /// What is to be said of all that follows, where the world is not known any more.
    lost: Option<Allowed>,
    /// The signal that kills who makes this step.
    dying: Option<&'static str>,
    /// Whether advice may have taken pages out of memory.
    aged: bool,
    /// Who makes this step.
    actor: usize,
}

/// What a step comes to.
type Came = Result<Allowed, String>;

/// Why a step was not made.
enum Not {
    /// This name is not bound.
    Reached(String),
    /// The model can't work it out.
    Modelled(String),
}

impl<'p> Run<'p> {
    fn new(
        (model, machine): (&'p Model, &'p Machine),
        program: &'p Program,
        observed: Option<&'p Transcript>,
    ) -> Result<Self, String> {
        let scale = &machine.scale;
        if machine.entry_for(program.via) == Entry::Other {
            return Err("this C library's entry is not modelled".to_owned());
        }
        let is_fault = |s: &Step| matches!(s.call.act, Act::Fault(_) | Act::Limit);
        let on_purpose = program.file.on != Ground::Ordinary || program.steps.iter().any(is_fault);
        if on_purpose && model.rules.reading() == Reading::Posix {
            return Err("limits, and what goes wrong on purpose, are not modelled".to_owned());
        }
        if program.file.on == Ground::Overlay {
            return Err("what an overlay does on purpose is not modelled".to_owned());
        }
        let size = program.file.size.value(scale, i64::MAX.into(), &|_| None);
        let eof = size
            .ok()
            .and_then(|n| u64::try_from(n).ok())
            .ok_or("the size of the file is none")?;
        let bound = |unit: &Unit| (*unit == Unit::Eof).then_some(i128::from(eof));
        let content = &program.file.content;
        let initial = content
            .content(scale, &bound)
            .map_err(|_| "the content of the file has no value")?;
        let mut run = Run {
            model,
            machine,
            program,
            observed,
            eof,
            numbers: Numbers::new(program, scale, eof),
            w: World::default(),
            initial: Rc::new(initial),
            decided: Vec::new(),
            number: 0,
            lost: None,
            dying: None,
            aged: false,
            actor: 0,
        };
        run.begin();
        Ok(run)
    }

    fn page(&self) -> u64 {
        self.machine.scale.page
    }

    /// One step.
    fn step(&mut self, step: &'p Step) -> Allowed {
        let actor = self.w.actors.iter().position(|a| a.name == step.actor);
        let actor = match actor {
            Some(n) if !self.w.actors[n].gone => n,
            _ => return one(Outcome::NotReached(step.actor.clone())),
        };
        if let Some(rule) = step.asks.first().filter(|_| step.call.name != "mmap") {
            return Allowed::Unmodelled(format!("whether it lies `{rule}`"));
        }
        let process = self.w.actors[actor].process;
        self.actor = actor;
        if step.call.act == Act::Limit {
            let came = self.setrlimit(process, step);
            return came.unwrap_or_else(Allowed::Unmodelled);
        }
        let mut args = [0i128; 6];
        for ((slot, arg), spec) in args.iter_mut().zip(&step.args).zip(step.call.args) {
            match self.word(arg, spec.ty) {
                Ok(value) => *slot = value,
                Err(Not::Reached(name)) => return one(Outcome::NotReached(name)),
                Err(Not::Modelled(why)) => return Allowed::Unmodelled(why),
            }
        }
        if let Some(came) = self.meets_fault(process, step) {
            return came.unwrap_or_else(Allowed::Unmodelled);
        }
        if let Some(unmodelled) = self.takes_no_part(process, step) {
            return unmodelled;
        }
        let came = match (step.call.act, step.call.name) {
            (Act::Fault(fault), _) => self.bring_about(process, step, fault, args),
            (Act::Withdraw, _) => self.withdraw(step),
            (_, "mmap") => self.mmap(process, step, args),
            (_, "munmap") => self.munmap(process, step, args),
            (_, "mprotect") => self.mprotect(process, step, args),
            (_, "msync") => self.msync(process, step, args),
            (_, "open") => self.open(process, step, args),
            (_, "close") => self.close(process, step, args),
            (_, "unlink") => self.unlink(process, step, args),
            (_, "ftruncate") => self.ftruncate(process, step, args),
            (_, "read") => self.read(process, step, args, false),
            (_, "pread") => self.read(process, step, args, true),
            (_, "write") => self.write(process, step, args, false),
            (_, "pwrite") => self.write(process, step, args, true),
            (Act::Lseek, _) => self.lseek(process, step, args),
            (Act::Size, _) => self.size(process, step, args),
            (_, "madvise") => self.madvise(process, args),
            (_, "mlock" | "mlock2") => self.mlock(process, args),
            (_, "munlock") => self.munlock(process, args),
            (_, "mlockall") => self.mlockall(process, args),
            (_, "munlockall") => self.munlockall(process, args),
            (_, "prctl") => self.prctl(process, step, args),
            (_, "brk") => self.brk(process, step, args),
            (_, "shmget") => self.shmget(process, step, args),
            (_, "shmat") => self.shmat(process, step, args),
            (_, "shmdt") => self.shmdt(process, args),
            (_, "shmctl") => self.shmctl(process, args),
            (Act::Attached, _) => self.nattch(process, args),
            (_, "remap_file_pages") => self.remap_file(process, args),
            (Act::ShmOpen, _) => self.shm_open(process, step, args),
            (Act::ShmUnlink, _) => self.shm_unlink(process, step, args),
            (Act::PosixMadvise, _) => self.posix_madvise(process, args),
            (_, "mremap") => self.mremap(process, step, args),
            (_, "mincore") => self.mincore(process, step, args),
            (_, "mseal") => self.mseal(process, args),
            (_, "memfd_create") => self.memfd_create(process, step, args),
            (_, "fcntl") => self.fcntl(process, args),
            (_, "dup") => self.dup(process, step, args),
            (_, "fallocate") => self.fallocate(process, args),
            (Act::Areas, _) => self.areas(process, args),
            (Act::VmFlags, _) => self.vmflags(process, step, args),
            (Act::Status, _) => self.status(process, step),
            (Act::Pipe, _) => self.pipe(process, step),
            (Act::Load, _) => self.load(process, step, args),
            (Act::Store, _) => self.store(process, step, args),
            (Act::Fill, _) => self.fill(process, step, args),
            (Act::Fork, _) => self.fork(process, step),
            (Act::Thread, _) => self.thread(process, step),
            (Act::Process, _) => self.process(step),
            (Act::Wait, _) => self.wait(process, step),
            (Act::Exit, _) => self.exit(process, args),
            _ => Err(format!("{} is not modelled", step.call.name)),
        };
        if let Some(signal) = self.dying.take() {
            self.end(process, Ended::Killed(signal));
        }
        came.unwrap_or_else(Allowed::Unmodelled)
    }

    /// The value of an argument.
    fn word(&self, arg: &Arg, ty: ArgType) -> Result<i128, Not> {
        match arg {
            Arg::Quantity(q) => self.quantity(q, ty),
            Arg::Flags(set) => Ok(match ty {
                ArgType::Flags(domain) | ArgType::Choice(domain) => set.bits(domain).into(),
                _ => set.extra.into(),
            }),
            Arg::Fd(Fd::Number(n)) => Ok((*n).into()),
            Arg::Fd(Fd::Name(n)) => self.w.value(n).ok_or_else(|| Not::Reached(n.clone())),
            Arg::Code => Err(Not::Modelled("code of a machine".to_owned())),
            Arg::Path(_)
            | Arg::Bytes(_)
            | Arg::Buf
            | Arg::Actor(_)
            | Arg::Word(_)
            | Arg::Fault(_) => Ok(0),
        }
    }

    fn quantity(&self, q: &Quantity, ty: ArgType) -> Result<i128, Not> {
        let scale = &self.machine.scale;
        let signed = matches!(
            ty,
            ArgType::Offset | ArgType::Int(..) | ArgType::Mode | ArgType::Number
        );
        let max = if signed {
            i64::MAX.into()
        } else {
            scale.word_max()
        };
        let bound = |unit: &Unit| match unit {
            Unit::Eof => Some(self.eof.into()),
            Unit::Name(n) if n == "arena" => Some(ARENA),
            Unit::Name(n) => self.w.value(n),
            _ => None,
        };
        match q.value(scale, max, &bound) {
            Ok(n) if signed => Ok(n),
            Ok(n) if matches!(ty, ArgType::Len) => {
                if (0..=max).contains(&n) {
                    Ok(n)
                } else {
                    Err(Not::Modelled(format!("{q} is no length")))
                }
            }
            // An address without a place wraps around as the machine's words do.
            Ok(n) if n < 0 && n >= -max => Ok(n + max + 1),
            Ok(n) => Ok(n),
            Err(NoValue::Unbound(name)) => Err(Not::Reached(name)),
            Err(NoValue::Overflow) => Err(Not::Modelled(format!("{q} overflows"))),
        }
    }

    fn ctx(&self, process: usize, a: [i128; 6]) -> Ctx<'_> {
        Ctx {
            m: self.machine,
            w: &self.w,
            process,
            a,
            path: "",
            positioned: false,
            store: false,
            by_kernel: false,
            root: self.program.root,
            reach: Reach::Whole,
        }
    }

    /// What the clauses of a call say, and who had a say.
    fn decide(&self, which: Which, ctx: &Ctx<'_>) -> (Decision, Vec<&'static Clause>) {
        let mut by = Vec::new();
        let decision = self
            .model
            .rules
            .decide(which as usize, ctx, &mut |c| by.push(c));
        (decision, by)
    }

    /// Whether an effect's clause stands; it is noted as having had a say.
    fn holds(&mut self, effect: Effect) -> bool {
        match self.model.rules.effect(effect) {
            Some(clause) => {
                let entry = (self.number, clause);
                let told = |(n, c): &(usize, &Clause)| *n == entry.0 && std::ptr::eq(*c, clause);
                if !self.decided.iter().any(told) {
                    self.decided.push(entry);
                }
                true
            }
            None => false,
        }
    }

    fn is_posix(&self) -> bool {
        self.model.rules.reading() == Reading::Posix
    }

    /// Turns a decision into a set of outcomes; `succeed` is asked for that of success, and makes
    /// it happen, where it is possible and is what is followed.
    fn settle(
        &mut self,
        decided: (Decision, Vec<&'static Clause>),
        succeed: &mut dyn FnMut(&mut Self) -> Result<Outcome, String>,
    ) -> Came {
        let (decision, by) = decided;
        let number = self.number;
        self.decided.extend(by.into_iter().map(|c| (number, c)));
        if let Some(force) = decision.open {
            self.lost = Some(Allowed::Open(force));
            return Ok(Allowed::Open(force));
        }
        let mut set = Vec::with_capacity(1);
        for answer in &decision.answers {
            match answer {
                Answer::Errno(name) => set.push(errno(name, None)),
                Answer::Raise(_, signal) if self.kills() => {
                    self.dying = Some(signal);
                    set.push(Outcome::Killed(signal_named(signal)));
                }
                Answer::Raise(name, signal) => set.push(errno(name, Some(signal))),
                Answer::Blocked => set.push(Outcome::Blocked),
                Answer::Nothing => set.push(Outcome::Ok),
                Answer::Elsewhere => set.push(Outcome::Elsewhere),
                Answer::Fault(..) => {}
                Answer::Unmodelled(why) => return Err((*why).to_owned()),
            }
        }
        if decision.success {
            let failed = self
                .seen()
                .is_some_and(|o| matches!(o, Outcome::Errno(..)) && set.contains(o));
            if failed {
                // What success would have been can't be told without making it happen.
                return Ok(Allowed::OneOf(set));
            }
            set.insert(0, succeed(self)?);
        }
        Ok(Allowed::OneOf(set))
    }

    /// What was observed of this step.
    fn seen(&self) -> Option<&'p Outcome> {
        self.observed?.outcomes.get(self.number)
    }

    /// What follows depends on what the standard leaves open.
    fn leave_open(&mut self) -> Allowed {
        self.lost = Some(Allowed::Open(Force::Unspecified));
        Allowed::Open(Force::Unspecified)
    }

    /// The outcome of a fault; the process dies of it where faults kill.
    fn fault(
        &mut self,
        process: usize,
        step: &Step,
        asked: i128,
        at: i128,
        (signal, code, told): (&'static str, &'static str, ToldAddr),
    ) -> Outcome {
        if self.kills() {
            self.end(process, Ended::Killed(signal));
            return Outcome::Killed(signal_named(signal));
        }
        let page = i128::from(self.page());
        let place = match told {
            ToldAddr::Byte => Place::At(self.relative(step, asked, at)),
            ToldAddr::Page => {
                let (_, offset) = super::space::split(at);
                let start = at - offset.rem_euclid(page);
                if start == at {
                    Place::At(self.relative(step, asked, at))
                } else {
                    Place::InPage(self.relative(step, asked, start))
                }
            }
            ToldAddr::Nowhere => Place::Nowhere,
        };
        Outcome::Fault {
            signal: signal_named(signal),
            code: Code::from_name(code).unwrap_or(Code::Number(0)),
            place,
        }
    }

    fn kills(&self) -> bool {
        self.program.end == End::Signal || self.program.die_at == Some(self.number)
    }

    fn relative(&self, step: &Step, asked: i128, at: i128) -> Quantity {
        let q = step.args.first().and_then(Arg::quantity);
        let told = q.and_then(|q| self.numbers.relative(q, at - asked));
        told.unwrap_or_else(|| self.numbers.number(at))
    }

    /// Binds what a step gives.
    fn bind(&mut self, step: &'p Step, value: i128) {
        if let Some(name) = &step.bind {
            self.w.bind(name, "", value);
        }
    }

    /// The name that a step binds, as its outcome tells it.
    fn bound(step: &Step) -> Outcome {
        step.bind
            .as_ref()
            .map_or(Outcome::Ok, |b| Outcome::Value(Quantity::name(b)))
    }

    /// What the scratch file holds.
    fn file(&self) -> AllowedFile {
        let Some(scratch) = self.w.scratch.and_then(|n| self.w.objects.get(n)) else {
            return AllowedFile::Is(FileAfter::None);
        };
        match &self.lost {
            Some(Allowed::Unmodelled(why)) => return AllowedFile::Unmodelled(why.clone()),
            Some(Allowed::Open(force)) => return AllowedFile::Open(*force),
            _ => {}
        }
        if !scratch.is_touched() {
            return AllowedFile::Is(FileAfter::Unchanged);
        }
        let mut initial = (*self.initial).clone();
        initial.fill(0, self.eof.saturating_sub(initial.len()));
        let content = scratch.content();
        AllowedFile::Is(if content == initial {
            FileAfter::Unchanged
        } else {
            FileAfter::Holds(self.numbers.bytes(&content))
        })
    }
}

fn one(outcome: Outcome) -> Allowed {
    Allowed::OneOf(vec![outcome])
}

fn errno(name: &str, signal: Option<&&'static str>) -> Outcome {
    let errno = Errno::from_name(name).unwrap_or(Errno::Number(0));
    Outcome::Errno(errno, signal.map(|s| signal_named(s)))
}

fn signal_named(name: &'static str) -> Signal {
    Signal::from_name(name).unwrap_or(Signal::Number(0))
}
