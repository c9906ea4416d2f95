//! What the steps of a case must agree on: names, actors, ranges, and claims that could hold.

use super::area::Areas;
use super::bytes::Bytes;
use super::call::{self, Act, ArgType, ResultKind};
use super::claim::{Expect, Place};
use super::mistake::{Mistake, nearest};
use super::program::FileSpec;
use super::quantity::{Quantity, Scale, Unit};
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
            Kind::Actor | Kind::Id => {}
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

    /// Each quantity fits the type of its argument, at each page size.
    fn ranges(&mut self, w: &Written) {
        for ((arg, spec), span) in w.step.args.iter().zip(w.step.call.args).zip(&w.arg_spans) {
            let mistake = match (arg, spec.ty) {
                (Arg::Quantity(q), ArgType::Len) => self.fits(q, 0, None, spec.name),
                (Arg::Quantity(q), ArgType::Offset) => {
                    self.fits(q, i64::MIN.into(), Some(i64::MAX.into()), spec.name)
                }
                (
                    Arg::Quantity(q),
                    ArgType::Addr | ArgType::Data | ArgType::Buf | ArgType::Remote | ArgType::Text,
                ) => self.fits(q, 0, None, spec.name),
                (Arg::Quantity(q), ArgType::Limit) => {
                    self.fits(q, 0, Some(u64::MAX.into()), spec.name)
                }
                (Arg::Quantity(q), ArgType::Number) => {
                    self.fits(q, i32::MIN.into(), Some(i32::MAX.into()), spec.name)
                }
                (Arg::Bytes(b), _) => self.bytes_fit(b),
                _ => None,
            };
            if let Some(message) = mistake {
                let m = Mistake::new(span.clone(), message);
                self.complain(m);
            }
        }
    }

    fn fits(&self, q: &Quantity, min: i128, max: Option<i128>, what: &str) -> Option<String> {
        if q.names().next().is_some() {
            return None;
        }
        for page in PAGES {
            let scale = Scale::ordinary(page);
            let max = max.unwrap_or_else(|| scale.word_max());
            let value = self.value(q, &scale, max);
            match value {
                None => return Some(format!("{what} overflows")),
                Some(v) if v < min => {
                    return Some(format!("{what} is negative, and its type has no sign"));
                }
                Some(v) if v > max => {
                    return Some(format!("{what} is more than its type can hold"));
                }
                Some(_) => {}
            }
        }
        None
    }

    fn value(&self, q: &Quantity, scale: &Scale, max: i128) -> Option<i128> {
        let size = &self.file.size;
        q.value(scale, max, &|unit| match unit {
            Unit::Eof => size.value(scale, 0, &|_| None).ok(),
            _ => None,
        })
        .ok()
    }

    fn bytes_fit(&self, b: &Bytes) -> Option<String> {
        if b.chunks.iter().any(|c| c.times.names().next().is_some()) {
            return None;
        }
        let scale = Scale::ordinary(65536);
        let len = b.len(&scale, &|unit| match unit {
            Unit::Eof => self.value(&Quantity::of(1, Unit::Eof), &scale, 0),
            _ => None,
        });
        match len {
            Ok(n) if n <= BYTES_MAX => None,
            _ => Some("more bytes than 16 MiB in one step".to_owned()),
        }
    }

    /// A mapping where the kernel chose may have any neighbour: what looks past it is put into
    /// the arena.
    fn touched_range(&mut self, w: &Written) {
        if self.reckless || w.step.role != Role::Written {
            return;
        }
        let args = &w.step.args;
        let (Some(Arg::Quantity(addr)), true) = (
            args.first(),
            matches!(w.step.call.args.first().map(|a| a.ty), Some(ArgType::Addr)),
        ) else {
            return;
        };
        if w.step.call.name == "mmap" && !is_fixed(args) {
            return;
        }
        let (Some(base), rest) = addr.split_base() else {
            return;
        };
        let Some(length) = self.names.get(base).and_then(|b| b.length.clone()) else {
            return;
        };
        for page in PAGES {
            let scale = Scale::ordinary(page);
            let word = scale.word_max();
            let len = match args.get(1) {
                Some(Arg::Quantity(q)) => self.value(q, &scale, word),
                Some(Arg::Bytes(b)) => b.len(&scale, &|_| None).ok(),
                _ => None,
            };
            let (Some(start), Some(len), Some(mapped)) = (
                self.value(&rest, &scale, word),
                len,
                self.value(&length, &scale, word),
            ) else {
                return;
            };
            let round = |n: i128| (n + i128::from(page) - 1) / i128::from(page) * i128::from(page);
            // Hostile lengths are refused by the kernel before anything is touched.
            let hostile = !w.step.call.touches() && len > 1 << 40;
            let end = if w.step.call.touches() {
                start + len
            } else {
                start + round(len)
            };
            if !hostile && (start < 0 || end > round(mapped)) {
                let m = Mistake::new(
                    w.arg_spans[0].clone(),
                    format!("this goes past `{base}`, where anything may lie"),
                )
                .help("put the mapping into the arena: `addr = \"arena + 16page\"` with MAP_FIXED");
                self.complain(m);
                return;
            }
        }
    }

    /// Whether each claim could come true.
    fn claim(&mut self, w: &Written) {
        let Some(claim) = &w.claim else {
            return;
        };
        for expect in &claim.any_of {
            let why = self.never(w, expect);
            if let Some(why) = why {
                let m = Mistake::new(
                    w.claim_span.clone(),
                    format!("`{expect}` can never hold: {why}"),
                );
                self.complain(m);
            }
            for name in expect_names(expect) {
                if name != "arena"
                    && !self.names.contains_key(&name)
                    && w.step.bind.as_deref() != Some(name.as_str())
                {
                    let m = self.unbound(&name, Kind::Value, w.claim_span.clone());
                    self.complain(m);
                }
            }
        }
    }

    fn never(&self, w: &Written, expect: &Expect) -> Option<String> {
        let call = w.step.call;
        let kind = call.result;
        match expect {
            Expect::Ok if kind == ResultKind::Never => {
                Some(format!("{} does not return", call.name))
            }
            Expect::Ok if kind == ResultKind::End => {
                Some("what ends an actor is `exit 0` or a signal".to_owned())
            }
            Expect::Ok => None,
            Expect::Elsewhere if matches!(kind, ResultKind::Address { .. } | ResultKind::Place) => {
                None
            }
            Expect::Elsewhere => Some(format!("{} gives no address", call.name)),
            Expect::Errno(..) if call.touches() => {
                Some(format!("{} is no system call and sets no errno", call.name))
            }
            Expect::Signal { place, .. } if !call.touches() && kind != ResultKind::End => {
                let raised = matches!(kind, ResultKind::Written { .. } | ResultKind::Number)
                    || MAY_RAISE.contains(&call.name)
                    || w.step.call.act == Act::Exit;
                match place {
                    None if raised || self.reckless => None,
                    _ => Some(format!("{} touches no memory itself", call.name)),
                }
            }
            Expect::Bytes(b) => self.bytes_never(w, b),
            Expect::Value(q) => match kind {
                ResultKind::Number | ResultKind::Measure | ResultKind::Written { .. } => None,
                ResultKind::Break => None,
                ResultKind::Read { buf, .. } if w.step.args[buf] != Arg::Buf => None,
                ResultKind::Address { .. } | ResultKind::Place if q.names().next().is_some() => {
                    None
                }
                _ => Some(format!("{} gives no such value", call.name)),
            },
            Expect::Range(..) => match kind {
                ResultKind::Number | ResultKind::Measure | ResultKind::Written { .. } => None,
                ResultKind::Read { buf, .. } if w.step.args[buf] != Arg::Buf => None,
                _ => Some(format!("{} gives no number", call.name)),
            },
            Expect::Placed(_) if matches!(kind, ResultKind::Address { .. }) => None,
            Expect::Placed(_) => Some(format!("{} gives no address", call.name)),
            Expect::Exit(_) if kind != ResultKind::End => {
                Some("only wait() tells how an actor ended".to_owned())
            }
            _ => None,
        }
    }

    fn bytes_never(&self, w: &Written, b: &Bytes) -> Option<String> {
        let (len, exact) = match w.step.call.result {
            ResultKind::Text => return text_never(w, b),
            ResultKind::Pages { buf, .. } if w.step.args[buf] == Arg::Buf => return None,
            ResultKind::Bytes { len } => (len, true),
            ResultKind::Read { buf, len } if w.step.args[buf] == Arg::Buf => (len, false),
            ResultKind::Words => return None,
            _ => return Some(format!("{} gives no bytes", w.step.call.name)),
        };
        let scale = Scale::ordinary(PAGES[0]);
        let asked = self.value(w.step.args[len].quantity()?, &scale, scale.word_max())?;
        let claimed = b
            .len(&scale, &|unit| match unit {
                Unit::Eof => self.value(&Quantity::of(1, Unit::Eof), &scale, 0),
                _ => None,
            })
            .ok()?;
        let wrong = claimed > asked || (exact && claimed != asked);
        wrong.then(|| format!("{claimed} bytes are claimed of {asked}"))
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
            ResultKind::Id => self.bind(bind.clone(), Kind::Id, process, None),
            ResultKind::Address { len } => {
                let length = match (&step.args[0], &step.args[len]) {
                    (Arg::Quantity(addr), Arg::Quantity(len)) if !in_arena(addr) => {
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

/// Why a text can't be what a step tells.
fn text_never(w: &Written, b: &Bytes) -> Option<String> {
    let scale = Scale::ordinary(PAGES[0]);
    let text = b.content(&scale, &|_| None).ok()?.to_vec(TEXT_MAX)?;
    let text = String::from_utf8_lossy(&text);
    match w.step.call.act {
        Act::Areas => Areas::parse(&text).err(),
        _ => {
            let asked = w.step.args.iter().find_map(|a| match a {
                Arg::Flags(set) => Some(&set.names),
                _ => None,
            })?;
            let all: Vec<&str> = text.split(' ').filter(|_| !text.is_empty()).collect();
            let in_order: Vec<&str> = asked.iter().copied().filter(|a| all.contains(a)).collect();
            (in_order != all).then(|| {
                let asked = asked.join(" ");
                format!("it tells some of `{asked}`, in this order, each after a space")
            })
        }
    }
}

/// Longer texts than this are not looked at.
const TEXT_MAX: u64 = 1 << 16;

/// The most bytes that one step may write or compare.
const BYTES_MAX: i128 = 16 << 20;

/// Calls that give nothing and may raise a signal: they can pass the limit on the size of files.
const MAY_RAISE: [&str; 3] = ["ftruncate", "truncate", "fallocate"];

/// The most actors that a case may have beside `main`.
pub const ACTORS_MAX: usize = 7;

fn is_fixed(args: &[Arg]) -> bool {
    args.iter().any(|a| match a {
        Arg::Flags(f) => f.has("MAP_FIXED") || f.has("MAP_FIXED_NOREPLACE"),
        _ => false,
    })
}

fn in_arena(addr: &Quantity) -> bool {
    addr.names().next().is_some()
}

fn expect_names(expect: &Expect) -> Vec<String> {
    let q = match expect {
        Expect::Placed(rule) => {
            let names = rule.quantities().flat_map(Quantity::names);
            return names.map(str::to_owned).collect();
        }
        Expect::Range(a, b) => {
            let names = a.iter().chain(b).flat_map(Quantity::names);
            return names.map(str::to_owned).collect();
        }
        Expect::Value(q) => q,
        Expect::Signal {
            place: Some(Place::At(q) | Place::InPage(q)),
            ..
        } => q,
        _ => return Vec::new(),
    };
    q.names().map(str::to_owned).collect()
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Value | Kind::Remote => "an address or a number",
            Kind::Id => "a segment",
            Kind::Descriptor => "a descriptor",
            Kind::Actor => "an actor",
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
