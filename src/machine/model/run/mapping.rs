//! Making, changing and removing mappings.

use super::{Came, Run};
use crate::case::number;
use crate::case::rule::Rule;
use crate::case::step::{Arg, Step};
use crate::case::{Content, Quantity};
use crate::machine::model::call::bits;
use crate::machine::model::clause::{Answer, Clause, Effect};
use crate::machine::model::clauses::mapping::{prot_of, protected, stops_at};
use crate::machine::model::clauses::mmap::{
    ADDR, DROPPABLE, FD, Mmap, NORESERVE, OFFSET, PROT, X86_32BIT, hint_place, is_write_sealed,
};
use crate::machine::model::clauses::{Which, mmap};
use crate::machine::model::machine::{Arch, Fs};
use crate::machine::model::object::{Kind, Object};
use crate::machine::model::space::{Area, EXEC, Place, READ, WRITE, chosen, mark, split};
use crate::machine::model::world::What;
use crate::transcript::Outcome;
use std::rc::Rc;

/// What a new mapping is marked with: `accountable_mapping()` of mm/vma.h.
fn marks(m: Mmap, prot: u64) -> u32 {
    if m.has(NORESERVE) {
        return mark::UNRESERVED;
    }
    match !m.is_shared() && prot_of(prot) & WRITE != 0 {
        true => mark::ACCOUNTED,
        false => 0,
    }
}

/// Gives an area another protection, and counts its pages as promised where they may be stored to
/// now: `mprotect_fixup()` of mm/mprotect.c.
fn protect(area: &mut Area, prot: u8) {
    let writable = area.prot & WRITE != 0;
    if prot & WRITE != 0 {
        if !area.shared && !writable && !area.is_marked(mark::UNRESERVED) {
            area.marks |= mark::ACCOUNTED;
        }
    } else if area.is_anonymous() && area.record == 0 && area.prot != prot {
        area.marks &= !mark::ACCOUNTED;
    }
    area.prot = prot;
}

impl<'p> Run<'p> {
    pub(super) fn mmap(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let mut decided = self.decide(Which::Mmap, &ctx);
        // Going elsewhere is success at another place.
        let answers = &mut decided.0.answers;
        let elsewhere = answers.contains(&Answer::Elsewhere);
        let must = elsewhere && !decided.0.success && answers.len() == 1;
        if must {
            answers.clear();
            decided.0.success = true;
        }
        let late = |c: &&Clause| matches!(c.id, "mmap/sync" | "mmap/socket");
        if !decided.0.success && decided.1.last().is_some_and(late) {
            self.fail_late(process, a);
        }
        if !decided.0.success {
            self.refuse_late(process, a, decided.1.last().map_or("", |c| c.id));
        }
        let moved = elsewhere && self.seen() == Some(&Outcome::Elsewhere);
        self.settle(decided, &mut |run| run.map(process, step, a, must || moved))
    }

    /// Which of the rules that a claim asks about hold of a place, where any does.
    fn placed(
        &mut self,
        step: &Step,
        a: [i128; 6],
        (start, len): (i128, i128),
    ) -> Result<Option<Outcome>, String> {
        if step.asks.is_empty() {
            return Ok(None);
        }
        if self.is_posix() || !self.holds(Effect::ChoosesWithin) {
            return Err("where the kernel puts what it chooses".to_owned());
        }
        let scale = &self.machine.scale;
        let (page, top) = (i128::from(scale.page), i128::from(scale.top));
        let low = i128::from(scale.min_addr);
        let value = |q: &Quantity| q.value(scale, scale.word_max(), &|_| None).ok();
        let absolute = split(start).0 == Place::Absolute;
        let in_low_memory = self.machine.arch == Arch::X86_64
            && a[mmap::FLAGS] as u64 & X86_32BIT != 0
            && split(start).0 != Place::Arena;
        let holds = |rule: &Rule| match rule {
            _ if absolute => rule.holds(start, len, &value),
            Rule::Aligned(q) => {
                let to = value(q)?;
                (to > 0 && page % to == 0).then(|| split(start).1 % to == 0)
            }
            Rule::Inside(from, to) => (value(from)? <= low && value(to)? >= top).then_some(true),
            Rule::Below(q) => {
                let q = value(q)?;
                (q >= top || in_low_memory && q >= 2 << 30).then_some(true)
            }
            Rule::Touching(_) => None,
        };
        let mut told = Vec::new();
        for rule in &step.asks {
            match holds(rule) {
                Some(true) => told.push(rule.clone()),
                Some(false) => {}
                None => return Err(format!("whether it lies `{rule}`")),
            }
        }
        Ok((!told.is_empty()).then_some(Outcome::Placed(told)))
    }

    /// Makes a mapping; the outcome tells its address.
    fn map(
        &mut self,
        process: usize,
        step: &'p Step,
        a: [i128; 6],
        elsewhere: bool,
    ) -> Result<Outcome, String> {
        let ctx = self.ctx(process, a);
        let m = Mmap::of(&ctx);
        let hint = hint_place(&ctx).filter(|_| !elsewhere);
        let page = i128::from(self.page());
        let mut len = ctx.pages(mmap::LEN).unwrap_or(0);
        if len != a[mmap::LEN] && !self.holds(Effect::WholePages) {
            len -= page;
        }
        let hint = hint.filter(|_| self.is_posix() || self.holds(Effect::FollowsHint));
        let start = match (m.is_fixed(), hint) {
            (true, _) => a[ADDR],
            (false, Some(at)) => at,
            (false, None) => self.choose(process, len),
        };
        let end = start + len;
        if m.replaces() && !self.is_free(process, start, end) {
            if !self.holds(Effect::Replaces) {
                return Ok(self.told_address(step, a[ADDR], start));
            }
            self.space(process).unmap(start, end);
        }
        let mut area = self.area(process, m, a, start, end)?;
        let future = self.settings(process).future;
        if let Some(on_fault) = future.filter(|_| self.holds(Effect::LocksLater)) {
            area.locked = !area.droppable;
            area.marks |= if on_fault { mark::ON_FAULT } else { 0 };
        }
        let fills = m.populates() && future != Some(true) || future == Some(false);
        if len > 0 {
            self.space(process).insert(area);
        }
        self.bind(step, start);
        if fills && len > 0 {
            self.populate(process, start, end);
        }
        if let Some(placed) = self.placed(step, a, (start, len))? {
            return Ok(placed);
        }
        Ok(self.told_address(step, a[ADDR], start))
    }

    /// What an mmap that is refused by the clause `id` has done before.
    fn refuse_late(&mut self, process: usize, a: [i128; 6], id: &str) {
        let ctx = self.ctx(process, a);
        let end = a[ADDR] + ctx.pages(mmap::LEN).unwrap_or(0);
        if !Mmap::of(&ctx).replaces() {
            return;
        }
        match id {
            "mmap/sealed" => self.cut_areas(process, a[ADDR], None),
            "mmap/space-limit" | "mmap/memory" => self.cut_areas(process, a[ADDR], Some(end)),
            _ => {}
        }
    }

    /// What a call that is refused on its way has done: the areas at both ends of the range that
    /// it was to clear are cut in two, or that at its beginning unless it is sealed.
    pub(super) fn cut_areas(&mut self, process: usize, start: i128, end: Option<i128>) {
        let sealed = |area: &Area| area.is_marked(mark::SEALED);
        let space = self.w.processes.get(process).map(|p| &p.space);
        let first = space.and_then(|s| s.at(start));
        if first.is_none_or(sealed) && end.is_none() || !self.holds(Effect::CutsAreas) {
            return;
        }
        self.space(process).split_at(start);
        if let Some(end) = end {
            self.space(process).split_at(end);
        }
    }

    /// What comes of a mapping that the file itself refuses: its place was cleared for it before.
    fn fail_late(&mut self, process: usize, a: [i128; 6]) {
        let ctx = self.ctx(process, a);
        let (start, len) = (a[ADDR], ctx.pages(mmap::LEN).unwrap_or(0));
        if Mmap::of(&ctx).replaces()
            && !self.is_free(process, start, start + len)
            && self.holds(Effect::FailsLate)
        {
            self.space(process).unmap(start, start + len);
        }
    }

    /// Fills a mapping ahead of its first touch: where it is private and can be written, with
    /// copies of its own, as if each page had been stored to.
    pub(super) fn populate(&mut self, process: usize, start: i128, end: i128) {
        let Some(p) = self.w.processes.get(process) else {
            return;
        };
        let Some(area) = p.space.at(start) else {
            return;
        };
        let (writable, object) = (area.prot & WRITE != 0, area.offset(start));
        let copies = !area.shared && writable;
        if area.prot == 0 || !self.holds(Effect::Populates) {
            return;
        }
        let page = self.page();
        if self.w.room.is_some() || !self.w.faults.is_empty() {
            return self.populate_with_care(process, (start, end), copies);
        }
        match object {
            None => return self.space(process).fill(start, end, writable),
            Some((n, at)) => {
                if let Some(object) = self.w.objects.get_mut(n) {
                    let last = object
                        .size
                        .div_ceil(page)
                        .min((at + (end - start) as u64) / page);
                    object.arrive(at / page, last, true);
                }
            }
        }
        if !copies {
            return;
        }
        let mut at = start;
        while at < end && self.copy_page(process, at) {
            at += i128::from(self.page());
        }
    }

    /// The same where a page may not be had: up to that.
    fn populate_with_care(&mut self, process: usize, (start, end): (i128, i128), copies: bool) {
        let mut at = start;
        while at < end {
            let had = match copies {
                true => self.copy_page(process, at),
                false => self.can_touch(process, at),
            };
            if !had {
                return;
            }
            self.arrive(process, at);
            at += i128::from(self.page());
        }
    }

    fn is_free(&self, process: usize, start: i128, end: i128) -> bool {
        let space = self.w.processes.get(process).map(|p| &p.space);
        space.is_none_or(|s| s.within(start, end).is_empty())
    }

    /// A place that the kernel chooses: nothing is known of what lies beside it. It may be a hole in
    /// what it chose before.
    pub(super) fn choose(&mut self, process: usize, len: i128) -> i128 {
        let start = chosen(self.w.places);
        self.w.places += 1;
        self.space(process).doubt_holes();
        self.space(process).learn(start, start + len);
        start
    }

    pub(super) fn space(&mut self, process: usize) -> &mut crate::machine::model::space::Space {
        let last = self.w.processes.len() - 1;
        &mut self.w.processes[process.min(last)].space
    }

    fn area(
        &mut self,
        process: usize,
        m: Mmap,
        a: [i128; 6],
        start: i128,
        end: i128,
    ) -> Result<Area, String> {
        let open = match m.is_anonymous() {
            true => None,
            false => self.w.open(process, a[FD]).cloned(),
        };
        let sealed = !self.is_posix() && is_write_sealed(&self.ctx(process, a));
        let writable = open.as_ref().is_none_or(|o| o.write);
        let shared = m.is_shared();
        let object = match open.map(|o| o.what) {
            Some(What::Object(n)) => Some((n, a[OFFSET] as u64)),
            None => self.anonymous(shared, (end - start) as u64),
            Some(What::Zero) => self.zero(shared, (end - start) as u64, a[OFFSET] as u64),
            Some(_) => return Err("what this kind of descriptor maps".to_owned()),
        };
        // Only the standard leaves open what was changed after it was mapped.
        let of = object.filter(|_| self.is_posix());
        let of = of.and_then(|(n, _)| self.w.objects.get(n));
        let through = match m.is_anonymous() {
            true => None,
            false => self.w.open_index(process, a[FD]),
        };
        Ok(Area {
            start,
            end,
            prot: prot_of(a[PROT] as u64),
            may: match shared && (!writable || sealed) {
                true => READ | EXEC,
                false => READ | WRITE | EXEC,
            },
            shared,
            writes_back: shared && writable,
            since: of.map_or(0, Object::version),
            size: of.map_or(0, |o| o.size),
            object,
            grows_down: m.grows_down(),
            locked: m.is_locked(),
            not_for_children: false,
            wiped_on_fork: m.is_anonymous() && m.kind == DROPPABLE,
            through,
            marks: marks(m, a[PROT] as u64),
            home: start,
            record: 0,
            inherited: false,
            droppable: m.is_anonymous() && m.kind == DROPPABLE,
        })
    }

    /// Memory by way of /dev/zero.
    fn zero(&mut self, shared: bool, len: u64, offset: u64) -> Option<(usize, u64)> {
        let (object, at) = self.anonymous(shared, len)?;
        let keeps = shared && offset != 0 && self.holds(Effect::ZeroKeepsOffset);
        Some((object, if keeps { offset } else { at }))
    }

    /// Memory without a file: an object where it is shared.
    fn anonymous(&mut self, shared: bool, len: u64) -> Option<(usize, u64)> {
        let page = self.page();
        let zeros = self.holds(Effect::AnonymousZeros);
        if !shared && zeros {
            return None;
        }
        let mut object = Object::new(Kind::Memory, len, page);
        if !zeros {
            let mut rubbish = Content::default();
            rubbish.fill(0xff, len);
            object = object.holding(Rc::new(rubbish));
        }
        Some((self.w.add(object), 0))
    }

    /// An address as an outcome tells it.
    fn told_address(&self, step: &Step, asked: i128, got: i128) -> Outcome {
        if asked == 0 {
            return Self::bound(step);
        }
        let q = step.args.first().and_then(Arg::quantity);
        match (q, split(got)) {
            (Some(q), _) if got == asked => Outcome::Value(q.with_eof(&self.program.file.size)),
            (_, (Place::Arena, offset)) => {
                Outcome::Value(Quantity::name("arena").plus(&self.numbers.number(offset)))
            }
            _ => Outcome::Elsewhere,
        }
    }

    pub(super) fn munmap(&mut self, process: usize, _: &Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let page = ctx.page();
        let start = a[0] - split(a[0]).1.rem_euclid(page);
        let end = start + ctx.pages(1).unwrap_or(0);
        let decided = self.decide(Which::Munmap, &ctx);
        if decided.1.last().is_some_and(|c| c.id == "munmap/sealed") {
            self.cut_areas(process, start, None);
        }
        self.settle(decided, &mut |run| {
            if run.holds(Effect::Unmaps) {
                run.space(process).unmap(start, end);
            }
            Ok(Outcome::Ok)
        })
    }

    pub(super) fn mprotect(&mut self, process: usize, _: &Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let decided = self.decide(Which::Mprotect, &ctx);
        let (start, end) = protected(&ctx);
        let stop = stops_at(&ctx).map(|(at, _)| at);
        let partly =
            |answer: &Answer| matches!(answer, Answer::Errno("EACCES" | "ENOMEM" | "EPERM"));
        let failed = !decided.0.success && decided.0.answers.iter().all(partly);
        let begun = decided.1.iter().any(|c| {
            matches!(
                c.id,
                "mprotect/beyond-the-descriptor"
                    | "mprotect/hole"
                    | "mprotect/access"
                    | "mprotect/sealed"
            )
        });
        let (page, offset) = (ctx.page(), split(a[0]).1);
        let aligned = offset.rem_euclid(page) == 0;
        let prot = prot_of(a[2] as u64);
        let came = self.settle(decided, &mut |run| {
            if a[1] != 0 && aligned && run.holds(Effect::Protects) {
                run.space(process)
                    .change(start, end, &mut |area| protect(area, prot));
            }
            Ok(Outcome::Ok)
        });
        if let (true, true, Some(stop)) = (failed, begun, stop) {
            if self.is_posix() {
                self.leave_open();
            } else if stop > start && self.holds(Effect::ProtectsUpTo) {
                self.space(process)
                    .change(start, stop, &mut |area| protect(area, prot));
            }
        }
        came
    }

    pub(super) fn msync(&mut self, process: usize, _: &Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let (start, end) = (a[0], a[0] + ctx.pages(1).unwrap_or(0));
        let waits = ctx.flags(2) & bits(number::MS_SYNC) != 0;
        let decided = self.decide(Which::Msync, &ctx);
        // Holes are passed over, and told at the end: what lies between them is written back.
        let reached = decided.0.success || decided.1.iter().any(|c| c.id == "msync/hole");
        if waits && reached {
            self.write_back(process, start, end);
        }
        self.settle(decided, &mut |_| Ok(Outcome::Ok))
    }

    fn write_back(&mut self, process: usize, start: i128, end: i128) {
        let Some(p) = self.w.processes.get(process) else {
            return;
        };
        let areas: Vec<Area> = p.space.within(start, end).to_vec();
        for area in areas.iter().filter(|a| a.writes_back) {
            let Some((n, _)) = area.object else {
                continue;
            };
            let on_disk = |o: &Object| o.kind == Kind::File;
            if !self.w.objects.get(n).is_some_and(on_disk) || self.machine.fs == Fs::Tmpfs {
                continue;
            }
            let (from, to) = (area.start.max(start), area.end.min(end));
            let first = area.offset(from).map_or(0, |(_, at)| at);
            let last = first.saturating_add((to - from) as u64);
            let size = self.w.objects[n].size;
            if (first..last).contains(&size) && self.holds(Effect::SyncClears) {
                self.w.objects[n].clear_tail();
            }
        }
    }
}
