//! What the steps of a case must agree on: names, actors, ranges, and claims that could hold.

mod claims;
mod ranges;

use super::call::{self, Act, ResultKind};
use super::fault::Fault;
use super::mistake::{Mistake, nearest};
use super::program::{FileSpec, Ground};
use super::quantity::Quantity;
use super::step::{Arg, Fd, Kind, Role, Written};
use std::collections::HashMap;
use std::ops::Range;

/// The page sizes that quantities are checked at before anything is run.
const PAGES: [u64; 3] = [4096, 16384, 65536];

/// A mistake in one of the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InStep {
    /// Which step, counted from 0.
    pub step: usize,
    /// What is wrong; the span counts in the text of that step.
    pub mistake: Mistake,
}

/// Checks the steps of one case against each other; finds all mistakes.
pub fn check(steps: &[Written], file: &FileSpec, reckless: bool) -> Vec<InStep> {
    let mut checker = Checker::new(file, reckless);
    for (i, written) in steps.iter().enumerate() {
        checker.at = i;
        checker.step(written);
    }
    checker.found
}

/// What is known of a bound name.
struct Bound {
    kind: Kind,
    /// The process that can use it.
    process: usize,
    /// For an address: how long its mapping is, if that is known and it lies where the kernel
    /// chose.
    length: Option<Quantity>,
}

struct ActorState {
    process: usize,
    thread: bool,
    gone: bool,
}

struct Checker<'a> {
    file: &'a FileSpec,
    reckless: bool,
    at: usize,
    names: HashMap<String, Bound>,
    actors: HashMap<String, ActorState>,
    /// For each process, which process it was forked from.
    parents: Vec<Option<usize>>,
    mapped: bool,
    found: Vec<InStep>,
}

impl<'a> Checker<'a> {
    fn new(file: &'a FileSpec, reckless: bool) -> Self {
        let main = ActorState {
            process: 0,
            thread: false,
            gone: false,
        };
        Checker {
            file,
            reckless,
            at: 0,
            names: HashMap::new(),
            actors: HashMap::from([("main".to_owned(), main)]),
            parents: vec![None],
            mapped: false,
            found: Vec::new(),
        }
    }

    fn complain(&mut self, mistake: Mistake) {
        self.found.push(InStep {
            step: self.at,
            mistake,
        });
    }

    fn step(&mut self, w: &Written) {
        let process = self.actor(w);
        for u in &w.uses() {
            self.name_use(&u.name, u.kind, &u.span, process);
        }
        self.ranges(w);
        self.touched_range(w);
        self.ground(w);
        self.claim(w);
        self.effect(w, process);
    }

    /// The process that acts in this step.
    fn actor(&mut self, w: &Written) -> usize {
        let name = &w.step.actor;
        let span = w.actor_span.clone().unwrap_or(0..0);
        match self.actors.get(name) {
            Some(state) if state.gone => {
                let process = state.process;
                self.complain(Mistake::new(span, format!("`{name}` has already ended")));
                process
            }
            Some(state) => state.process,
            None => {
                let known: Vec<&str> = self.actors.keys().map(String::as_str).collect();
                let mut m = Mistake::unknown(span, "actor", name, known);
                if m.help.as_deref().is_none_or(|h| !h.starts_with("did you")) {
                    m.help = Some(format!("make it first: `{name} = fork()`"));
                }
                self.complain(m);
                0
            }
        }
    }

    fn name_use(&mut self, name: &str, kind: Kind, span: &Range<usize>, process: usize) {
        if kind == Kind::Value && name == "arena" {
            return;
        }
        if kind == Kind::Descriptor
            && name != "file"
            && call::FIXTURES.iter().any(|(n, _)| *n == name)
        {
            return;
        }
        if kind == Kind::Actor {
            if !self.actors.contains_key(name) {
                let known: Vec<&str> = self.actors.keys().map(String::as_str).collect();
                let m = Mistake::unknown(span.clone(), "actor", name, known);
                self.complain(m);
            }
            return;
        }
        let Some(bound) = self.names.get(name) else {
            let m = self.unbound(name, kind, span.clone());
            self.complain(m);
            return;
        };
        let system_wide = matches!(kind, Kind::Id | Kind::Remote);
        let kind = match kind {
            Kind::Remote => Kind::Value,
            kind => kind,
        };
        if bound.kind != kind {
            let (is, wanted) = (bound.kind.word(), kind.word());
            self.complain(Mistake::new(
                span.clone(),
                format!("`{name}` is {is}, and {wanted} is needed here"),
            ));
        } else if !system_wide && !self.sees(process, bound.process) {
            self.complain(
                Mistake::new(
                    span.clone(),
                    format!("`{name}` was made by another process, which does not share it"),
                )
                .help("each process uses what it made itself, or had when it was forked"),
            );
        }
    }

    fn unbound(&self, name: &str, kind: Kind, span: Range<usize>) -> Mistake {
        let bound = self.names.iter().filter(|(_, b)| b.kind == kind);
        let mut known: Vec<&str> = bound.map(|(n, _)| n.as_str()).collect();
        match kind {
            Kind::Value | Kind::Remote => {
                known.extend(super::quantity::UNITS.iter().map(|u| u.0));
            }
            Kind::Descriptor => known.extend(call::FIXTURES.iter().map(|f| f.0)),
            Kind::Actor | Kind::Fault | Kind::Id => {}
        }
        let m = Mistake::new(span, format!("nothing is bound to `{name}` here"));
        match nearest(name, known.iter().copied()) {
            Some(near) => m.help(format!("did you mean `{near}`?")),
            None => m.help(format!("a step before this one binds it: `{name} = …`")),
        }
    }

    /// Whether process `who` has what process `owner` bound: its own, or its parent's from before.
    fn sees(&self, who: usize, owner: usize) -> bool {
        let mut at = Some(who);
        while let Some(p) = at {
            if p == owner {
                return true;
            }
            at = self.parents[p];
        }
        false
    }

    /// Only a file system of the case's own can be filled, or mounted anew.
    fn ground(&mut self, w: &Written) {
        let of_mount = matches!(
            w.step.call.act,
            Act::Fault(Fault::Full | Fault::NoExec | Fault::ReadOnly)
        );
        if of_mount && self.file.on != Ground::Tmpfs {
            let m = Mistake::new(0..0, "this is for a file system of the case's own");
            self.complain(m.help("write `file = { on = \"tmpfs\" }`"));
        }
    }

    /// What the step leaves behind for the steps after it.
    fn effect(&mut self, w: &Written, process: usize) {
        let step = &w.step;
        self.mapped |= matches!(
            step.call.result,
            ResultKind::Address { .. } | ResultKind::Place
        );
        match step.call.act {
            Act::Exit => self.end_of(&step.actor),
            Act::Wait => {
                if let Some(Arg::Actor(name)) = step.args.first() {
                    let name = name.clone();
                    self.waited_for(&name);
                }
            }
            _ => {}
        }
        let Some(bind) = &step.bind else {
            if step.call.result == ResultKind::Actor {
                self.complain(
                    Mistake::new(0..0, format!("{} needs a name", step.call.name))
                        .help(format!("write `child = {}()`", step.call.name)),
                );
            }
            return;
        };
        if step.role == Role::Written {
            self.fresh(bind, &w.bind_span);
        }
        match step.call.result {
            ResultKind::Actor => self.new_actor(w, bind, process),
            ResultKind::Pipe => {
                for end in ["read", "write"] {
                    self.bind(format!("{bind}.{end}"), Kind::Descriptor, process, None);
                }
            }
            ResultKind::Descriptor => self.bind(bind.clone(), Kind::Descriptor, process, None),
            ResultKind::Fault => self.bind(bind.clone(), Kind::Fault, process, None),
            ResultKind::Id => self.bind(bind.clone(), Kind::Id, process, None),
            ResultKind::Address { len } => {
                let length = match (&step.args[0], &step.args[len]) {
                    (Arg::Quantity(addr), Arg::Quantity(len)) if !ranges::in_arena(addr) => {
                        Some(len.clone())
                    }
                    _ => None,
                };
                self.bind(bind.clone(), Kind::Value, process, length);
            }
            _ => self.bind(bind.clone(), Kind::Value, process, None),
        }
    }

    fn new_actor(&mut self, w: &Written, bind: &str, process: usize) {
        if self.actors.len() > ACTORS_MAX {
            self.complain(Mistake::new(
                w.bind_span.clone(),
                format!("a case has at most {ACTORS_MAX} actors beside main"),
            ));
        }
        let owner = match w.step.call.act {
            Act::Thread => process,
            Act::Fork => {
                self.parents.push(Some(process));
                self.parents.len() - 1
            }
            _ => {
                if self.mapped {
                    self.complain(
                        Mistake::new(
                            w.bind_span.clone(),
                            "an unrelated process is started before anything is mapped",
                        )
                        .help("move this step to `before`"),
                    );
                }
                self.parents.push(None);
                self.parents.len() - 1
            }
        };
        let state = ActorState {
            process: owner,
            thread: w.step.call.act == Act::Thread,
            gone: false,
        };
        self.actors.insert(bind.to_owned(), state);
    }

    /// An actor that is waited for ends; a thread alone.
    fn waited_for(&mut self, actor: &str) {
        match self.actors.get_mut(actor) {
            Some(state) if state.thread => state.gone = true,
            _ => self.end_of(actor),
        }
    }

    /// A process ends, with all its threads.
    fn end_of(&mut self, actor: &str) {
        if let Some(process) = self.actors.get(actor).map(|a| a.process) {
            for state in self.actors.values_mut() {
                state.gone |= state.process == process;
            }
        }
    }

    fn bind(&mut self, name: String, kind: Kind, process: usize, length: Option<Quantity>) {
        let bound = Bound {
            kind,
            process,
            length,
        };
        self.names.insert(name, bound);
    }

    fn fresh(&mut self, name: &str, span: &Range<usize>) {
        let reserved = call::RESERVED
            .iter()
            .chain(call::FIXTURES)
            .any(|(n, _)| *n == name)
            || super::quantity::UNITS.iter().any(|(n, _)| *n == name)
            || name == "NULL"
            || super::claim::begins_outcome(name);
        let message = if reserved {
            format!("`{name}` has a meaning of its own and can't be bound")
        } else if self.names.contains_key(name) || self.actors.contains_key(name) {
            format!("`{name}` is already bound")
        } else {
            return;
        };
        self.complain(Mistake::new(span.clone(), message).help("choose another name"));
    }
}

/// The most actors that a case may have beside `main`.
pub const ACTORS_MAX: usize = 7;

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Value | Kind::Remote => "an address or a number",
            Kind::Id => "a segment",
            Kind::Descriptor => "a descriptor",
            Kind::Actor => "an actor",
            Kind::Fault => "a fault",
        }
    }
}

/// Whether a step uses the descriptor `name`.
pub fn uses_fd(written: &Written, name: &str) -> bool {
    written
        .step
        .args
        .iter()
        .any(|a| matches!(a, Arg::Fd(Fd::Name(n)) if n == name))
}

#[cfg(test)]
mod tests;
