//! Limits, locks of all memory, and settings of a process.

use super::{Came, Run, errno, one};
use crate::case::flags;
use crate::case::number;
use crate::case::step::{Arg, Step};
use crate::case::{Quantity, Unit};
use crate::machine::model::clause::{Answer, Effect};
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::settings::{
    GET_MDWE, GET_THP, MDWE_NO_INHERIT, SET_MDWE, SET_THP, at, page_up,
};
use crate::machine::model::machine::Entry;
use crate::machine::model::space::{Area, EXEC, Place, READ, WRITE, mark, split};
use crate::machine::model::world::{LOCK_LIMIT, Settings};
use crate::transcript::Outcome;

/// What a process uses that the model does not count: its own code, stack and heap, and the
/// harness. A limit that is given as a number lies below it, or far beyond.
const BARE: i128 = 1 << 96;
/// A number below this is less than any process uses.
const LITTLE: i128 = 1 << 20;
/// A number beyond this is no limit.
const MUCH: i128 = 1 << 42;

impl<'p> Run<'p> {
    pub(super) fn setrlimit(&mut self, process: usize, step: &'p Step) -> Came {
        let [Arg::Flags(set), Arg::Quantity(limit)] = step.args.as_slice() else {
            return Err("a limit of nothing".to_owned());
        };
        let resource = set.bits(&flags::RESOURCE);
        let is = |n: u64| resource == n;
        let used = self.used(process, resource);
        let scale = &self.machine.scale;
        let bound = |unit: &Unit| match unit {
            Unit::Name(name) if name == "used" => used,
            _ => None,
        };
        let max = (1 << 64) - 1;
        let value = match limit.value(scale, max, &bound) {
            Ok(value) => value.clamp(0, BARE * 2),
            Err(_) => return Err("a limit that has no value".to_owned()),
        };
        let given = limit.names().next().is_none();
        // Beside what the model does not count.
        let beside = match value {
            _ if !given => Some(value - BARE),
            n if n < LITTLE => Some(-1),
            n if n > MUCH => None,
            _ => return Err("a limit that may be less than a process uses".to_owned()),
        };
        let Some(p) = self.w.processes.get_mut(process) else {
            return Err("limits of nobody".to_owned());
        };
        let limits = &mut p.limits;
        match () {
            () if is(number::RLIMIT_AS as u64) => limits.space = beside,
            () if is(number::RLIMIT_DATA as u64) => {
                // A limit of nothing is none: may_expand_vm() of mm/mmap.c.
                limits.data = beside.filter(|_| value != 0);
                limits.data_given = given.then_some(value);
            }
            () if is(number::RLIMIT_MEMLOCK as u64) => {
                if value > LOCK_LIMIT {
                    return Err("how much may be locked at most is not told".to_owned());
                }
                limits.locked = value;
            }
            () if is(number::RLIMIT_FSIZE as u64) => {
                limits.file = (value < i128::from(i64::MAX)).then_some(value);
            }
            () if is(number::RLIMIT_NOFILE as u64) => {
                if given && value != 0 {
                    return Err("how many descriptors the harness has is not told".to_owned());
                }
                limits.files = Some(value);
            }
            () if is(number::RLIMIT_NPROC as u64) && value == 0 => limits.no_processes = true,
            () if is(number::RLIMIT_STACK as u64) => limits.stack = true,
            () if is(number::RLIMIT_CORE as u64) => {}
            () => return Err("this limit is not modelled".to_owned()),
        }
        Ok(one(Outcome::Ok))
    }

    /// What a process uses of a limit.
    fn used(&self, process: usize, resource: u64) -> Option<i128> {
        let p = self.w.processes.get(process)?;
        let is = |n: u64| resource == n;
        Some(match () {
            () if is(number::RLIMIT_AS as u64) => BARE + p.space.mapped(),
            () if is(number::RLIMIT_DATA as u64) => BARE + p.space.data(),
            () if is(number::RLIMIT_MEMLOCK as u64) => p.space.locked(),
            () if is(number::RLIMIT_NOFILE as u64) => p.lowest_free() as i128,
            () => return None,
        })
    }

    pub(super) fn mlockall(&mut self, process: usize, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Mlockall, &self.ctx(process, a));
        let (current, future) = (a[0] & 1 != 0, a[0] & 2 != 0);
        let on_fault = a[0] & 4 != 0;
        self.settle(decided, &mut |run| {
            if run.holds(Effect::LocksLater) {
                if let Some(p) = run.w.processes.get_mut(process) {
                    p.settings.future = future.then_some(on_fault);
                }
            }
            if current && run.holds(Effect::LocksAll) {
                let ranges = run.all_areas(process);
                for (start, end) in ranges {
                    run.lock_range(process, (start, end), on_fault);
                    if !on_fault {
                        run.populate_all(process, start, end);
                    }
                }
            } else if !future {
                run.unlock_all(process);
            }
            Ok(Outcome::Ok)
        })
    }

    pub(super) fn munlockall(&mut self, process: usize, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Munlockall, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            if run.holds(Effect::UnlocksAll) {
                run.unlock_all(process);
                if let Some(p) = run.w.processes.get_mut(process) {
                    p.settings.future = None;
                }
            }
            Ok(Outcome::Ok)
        })
    }

    fn all_areas(&self, process: usize) -> Vec<(i128, i128)> {
        let areas = self.w.processes.get(process).map(|p| p.space.areas());
        let areas = areas.into_iter().flatten();
        areas.map(|a| (a.start, a.end)).collect()
    }

    fn unlock_all(&mut self, process: usize) {
        for (start, end) in self.all_areas(process) {
            self.space(process).change(start, end, &mut |area| {
                area.locked = false;
                area.marks &= !mark::ON_FAULT;
            });
        }
    }

    pub(super) fn prctl(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("prctl, which POSIX does not know, is not modelled".to_owned());
        }
        let mut a = a;
        if let Some(Arg::Bytes(_)) = step.args.get(4) {
            a[4] = 1;
        }
        let decided = self.decide(Which::Prctl, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            let Some(p) = run.w.processes.get_mut(process) else {
                return Err("settings of nobody".to_owned());
            };
            let s = &mut p.settings;
            let told = match a[0] {
                SET_MDWE => {
                    let set = a[1];
                    if run.holds(Effect::Denies) {
                        run.settings(process).mdwe = set;
                    }
                    0
                }
                GET_MDWE => s.mdwe,
                SET_THP => {
                    s.no_huge = a[1] != 0;
                    0
                }
                GET_THP => s.no_huge.into(),
                _ => return Err("this operation of prctl is not modelled".to_owned()),
            };
            Ok(Outcome::Value(run.numbers.number(told)))
        })
    }

    pub(super) fn settings(&mut self, process: usize) -> &mut Settings {
        let last = self.w.processes.len() - 1;
        &mut self.w.processes[process.min(last)].settings
    }

    /// What a child does not get of its parent's settings.
    pub(super) fn inherit_settings(&mut self, child: usize) {
        let s = self.settings(child);
        s.future = None;
        if s.mdwe & MDWE_NO_INHERIT != 0 {
            s.mdwe = 0;
        }
    }

    pub(super) fn brk(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("brk, which POSIX does not know, is not modelled".to_owned());
        }
        self.begin_break(process);
        let ctx = self.ctx(process, a);
        let (old, new) = (page_up(&ctx, at(&ctx).1), page_up(&ctx, a[0]));
        let (decision, by) = self.decide(Which::Brk, &ctx);
        let number = self.number;
        let stays = !decision.success;
        self.decided.extend(by.into_iter().map(|c| (number, c)));
        if let Some(Answer::Unmodelled(why)) = decision.answers.first() {
            return Err((*why).to_owned());
        }
        if !stays && self.holds(Effect::MovesBreak) {
            self.move_break(process, (old, new));
            if let Some((_, now)) = &mut self.settings(process).brk {
                *now = a[0];
            }
        }
        let now = self.settings(process).brk.unwrap_or_default().1;
        let by_library = self.machine.entry_for(self.program.via) == Entry::Glibc;
        // The library tells only of a break that is lower than was asked for.
        if by_library && a[0] != 0 && is_lower(now, a[0]) {
            return Ok(one(errno("ENOMEM", None)));
        }
        Ok(one(self.told_break(step, &a, now)))
    }

    /// Finds a place for the break. What lies behind it is free, further than cases move it.
    fn begin_break(&mut self, process: usize) {
        if self.settings(process).brk.is_none() {
            let room = 512 * i128::from(self.page());
            let start = self.choose(process, room);
            self.settings(process).brk = Some((start, start));
        }
    }

    fn move_break(&mut self, process: usize, (old, new): (i128, i128)) {
        if new < old {
            return self.space(process).unmap(new, old);
        }
        if new == old {
            return;
        }
        let future = self.settings(process).future;
        self.space(process).insert(Area {
            start: old,
            end: new,
            prot: READ | WRITE,
            may: READ | WRITE | EXEC,
            locked: future.is_some(),
            marks: mark::ACCOUNTED,
            home: old,
            ..Area::of_nothing()
        });
        if future == Some(false) {
            self.populate(process, old, new);
        }
    }

    /// Where the break is, by what was asked for, else from where a step before found it.
    fn told_break(&mut self, step: &'p Step, a: &[i128; 6], now: i128) -> Outcome {
        if a[0] == 0 {
            if let Some(name) = &step.bind {
                self.w.bind(name, "", now);
                return Outcome::Value(Quantity::name(name));
            }
        }
        self.bind(step, now);
        let asked = step.args.first().and_then(Arg::quantity);
        if let Some(asked) = asked.filter(|_| a[0] == now) {
            return Outcome::Value(asked.clone());
        }
        let before = self.program.steps[..self.number].iter().rev();
        let mut alike = before.filter(|s| s.call.name == "brk" && s.actor == step.actor);
        let other = alike.find_map(|s| s.bind.as_deref());
        match other.and_then(|name| Some((name, self.w.value(name)?))) {
            Some((name, other)) => {
                let more = self.numbers.number(now - other);
                Outcome::Value(Quantity::name(name).plus(&more))
            }
            None => Outcome::Elsewhere,
        }
    }
}

/// Whether an address lies below another, of which one is a place that the kernel chose.
fn is_lower(addr: i128, than: i128) -> bool {
    match (split(addr), split(than)) {
        ((a, m), (b, n)) if a == b => m < n,
        // A number that was asked for and was not had lies at one end of the address space.
        (_, (Place::Absolute, n)) => n > 1 << 40,
        _ => false,
    }
}
