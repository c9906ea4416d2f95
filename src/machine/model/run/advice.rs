//! Advice and locks.

use super::{Came, Run};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::advice::{
    COLD, DODUMP, DOFORK, DONTDUMP, DONTFORK, DONTNEED, DONTNEED_LOCKED, FREE, GUARD_INSTALL,
    GUARD_REMOVE, KEEPONFORK, NORMAL, PAGEOUT, POPULATE_READ, POPULATE_WRITE, RANDOM, REMOVE,
    SEQUENTIAL, WILLNEED, WIPEONFORK, mapped_to, populates_to, range, refused_at,
};
use crate::machine::model::machine::Entry;
use crate::machine::model::space::{Area, mark};
use crate::transcript::Outcome;

impl Run<'_> {
    pub(super) fn madvise(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("madvise, which POSIX does not know, is not modelled".to_owned());
        }
        let ctx = self.ctx(process, a);
        let (start, end) = range(&ctx);
        let populates = matches!(a[2] as u64 & 0xffff_ffff, POPULATE_READ | POPULATE_WRITE);
        let stop = match populates {
            true => populates_to(&ctx).0,
            false => refused_at(&ctx).unwrap_or(end),
        };
        let decided = self.decide(Which::Madvise, &ctx);
        // A hole, or an area that refuses, is told after what comes before it was done.
        let walked = decided.0.success
            || decided.1.iter().any(|c| {
                matches!(
                    c.id,
                    "madvise/hole" | "madvise/refused" | "madvise/populating-stops"
                )
            });
        if walked && start < stop {
            self.advise(process, start, stop.max(start), a[2] as u64);
        }
        self.settle(decided, &mut |_| Ok(Outcome::Ok))
    }

    pub(super) fn posix_madvise(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.machine.libc != Entry::Glibc {
            return Err("this C library's posix_madvise is not modelled".to_owned());
        }
        let decided = self.decide(Which::PosixMadvise, &self.ctx(process, a));
        match decided.0.success && !self.is_posix() {
            true => self.madvise(process, a),
            false => self.settle(decided, &mut |_| Ok(Outcome::Ok)),
        }
    }

    fn advise(&mut self, process: usize, start: i128, end: i128, advice: u64) {
        if !self.holds(Effect::Advises) {
            return;
        }
        self.aged |= matches!(advice, WILLNEED | FREE | COLD | PAGEOUT);
        match advice {
            RANDOM | SEQUENTIAL | NORMAL => self.space(process).change(start, end, &mut |area| {
                area.marks &= !(mark::RANDOM | mark::SEQUENTIAL);
                area.marks |= match advice {
                    RANDOM => mark::RANDOM,
                    SEQUENTIAL => mark::SEQUENTIAL,
                    _ => 0,
                };
            }),
            DONTDUMP | DODUMP => self.space(process).change(start, end, &mut |area| {
                area.marks &= !mark::UNDUMPED;
                area.marks |= if advice == DONTDUMP {
                    mark::UNDUMPED
                } else {
                    0
                };
            }),
            DONTNEED | DONTNEED_LOCKED => self.space(process).forget(start, end),
            REMOVE => self.remove(process, start, end),
            POPULATE_READ | POPULATE_WRITE => {
                self.touch_all(process, (start, end), advice == POPULATE_WRITE);
            }
            GUARD_INSTALL => {
                for (from, to) in self.mapped(process, start, end) {
                    self.space(process).guard(from, to);
                }
            }
            GUARD_REMOVE => self.space(process).unguard(start, end),
            DONTFORK | DOFORK => self.space(process).change(start, end, &mut |area| {
                area.not_for_children = advice == DONTFORK;
            }),
            WIPEONFORK | KEEPONFORK => self.space(process).change(start, end, &mut |area| {
                area.wiped_on_fork = advice == WIPEONFORK;
            }),
            _ => {}
        }
    }

    /// What is mapped of a range.
    fn mapped(&self, process: usize, start: i128, end: i128) -> Vec<(i128, i128)> {
        let areas = self
            .w
            .processes
            .get(process)
            .map(|p| p.space.within(start, end));
        let areas = areas.into_iter().flatten();
        areas
            .map(|a| (a.start.max(start), a.end.min(end)))
            .collect()
    }

    /// Touches each page of a range, which can be touched.
    fn touch_all(&mut self, process: usize, (start, end): (i128, i128), store: bool) {
        let page = self.page();
        for (from, to) in self.mapped(process, start, end) {
            let area = self.w.processes.get(process).and_then(|p| p.space.at(from));
            let Some((shared, object)) = area.map(|a| (a.shared, a.offset(from))) else {
                continue;
            };
            match object {
                None => self.space(process).fill(from, to, store),
                Some((n, at)) => {
                    let last = (at + (to - from) as u64).div_ceil(page);
                    if let Some(object) = self.w.objects.get_mut(n) {
                        object.arrive(at / page, last, true);
                    }
                    let mut at = from;
                    while store && !shared && at < to && self.copy_page(process, at) {
                        at += i128::from(page);
                    }
                }
            }
        }
    }

    /// Frees a range of the objects that lie there.
    fn remove(&mut self, process: usize, start: i128, end: i128) {
        let page = self.page();
        let Some(p) = self.w.processes.get(process) else {
            return;
        };
        let areas: Vec<Area> = p.space.within(start, end).to_vec();
        for area in areas {
            let (from, to) = (area.start.max(start), area.end.min(end));
            let Some((n, at)) = area.offset(from) else {
                continue;
            };
            let Some(object) = self.w.objects.get_mut(n) else {
                continue;
            };
            let last = at.saturating_add((to - from) as u64);
            let last = last.min(object.size.div_ceil(page).saturating_mul(page));
            object.free(at / page, last / page);
        }
    }

    pub(super) fn mlock(&mut self, process: usize, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let start = range(&ctx).0;
        let end = mapped_to(&ctx);
        let decided = self.decide(Which::Mlock, &ctx);
        let on_fault = a[2] != 0;
        let unreachable = decided.1.iter().any(|c| c.id == "mlock/unreachable");
        // What ends at a hole has set the locks before it, and fills nothing.
        let fills = !on_fault && (decided.0.success || unreachable);
        let begun = decided.0.success || decided.1.iter().any(|c| c.id == "mlock/hole");
        let begun = begun || unreachable;
        if begun && start < end && self.holds(Effect::Locks) {
            self.lock_range(process, (start, end), on_fault);
            if fills {
                self.populate_all(process, start, end);
            }
        }
        self.settle(decided, &mut |_| Ok(Outcome::Ok))
    }

    /// Locks what is mapped of a range, now or at its first touch.
    pub(super) fn lock_range(
        &mut self,
        process: usize,
        (start, end): (i128, i128),
        on_fault: bool,
    ) {
        self.space(process).change(start, end, &mut |area| {
            // What may be dropped is not locked, and nothing says so.
            area.locked = !area.droppable;
            area.marks &= !mark::ON_FAULT;
            area.marks |= if on_fault { mark::ON_FAULT } else { 0 };
        });
    }

    pub(super) fn munlock(&mut self, process: usize, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let start = range(&ctx).0;
        let end = mapped_to(&ctx);
        let decided = self.decide(Which::Munlock, &ctx);
        let begun = decided.0.success || decided.1.iter().any(|c| c.id == "munlock/hole");
        if begun && start < end && self.holds(Effect::Unlocks) {
            self.space(process).change(start, end, &mut |area| {
                area.locked = false;
                area.marks &= !mark::ON_FAULT;
            });
        }
        self.settle(decided, &mut |_| Ok(Outcome::Ok))
    }

    pub(super) fn populate_all(&mut self, process: usize, start: i128, end: i128) {
        let Some(p) = self.w.processes.get(process) else {
            return;
        };
        let areas = p.space.within(start, end).iter();
        // What can't be touched ends it: `__mm_populate()` of mm/gup.c.
        let ranges: Vec<_> = areas
            .take_while(|a| a.prot != 0)
            .map(|a| (a.start.max(start), a.end.min(end)))
            .collect();
        for (from, to) in ranges {
            self.populate(process, from, to);
        }
    }
}
