//! Touching memory: loads, stores, and what the kernel reads and writes for a case.

use super::{Came, Run};
use crate::case::step::{Arg, Step};
use crate::case::{Content, Unit};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::{Answer, Clause, Effect, Force, Told};
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::mmap::FILL_MAX;
use crate::machine::model::clauses::touch::growing;
use crate::machine::model::object::{Block, Kind, Resident, ZEROS};
use crate::machine::model::space::split;
use crate::machine::model::told::Allowed;
use crate::transcript::Outcome;

/// The most bytes that one step may load: what the journal of the kernel machine holds.
const LOAD_MAX: i128 = 4 << 20;

/// A fault: signal, code, and what address is told.
type Fault = (&'static str, &'static str, Told);

/// What comes of touching one page.
struct Touched {
    /// It faults, or may.
    fault: Option<Fault>,
    /// Or it faults so.
    or: Option<Fault>,
    /// It waits until a signal comes.
    blocked: bool,
    /// It may succeed.
    success: bool,
    /// The standard leaves open what is there.
    open: bool,
}

impl<'p> Run<'p> {
    /// Touches the page that holds `at`.
    fn touch(
        &mut self,
        process: usize,
        at: i128,
        to: i128,
        store: bool,
    ) -> Result<Touched, String> {
        if !self.w.faults.is_empty() {
            self.interfere(process, at, store);
        }
        let (mut touched, by) = self.look(process, at, store, false)?;
        touched.open |= self.is_posix() && self.is_open(process, at, to);
        let number = self.number;
        for clause in by {
            if !self
                .decided
                .iter()
                .any(|(n, c)| *n == number && c.id == clause.id)
            {
                self.decided.push((number, clause));
            }
        }
        if touched.success {
            self.grow(process, at);
            self.arrive(process, at);
        }
        Ok(touched)
    }

    fn look(
        &self,
        process: usize,
        at: i128,
        store: bool,
        by_kernel: bool,
    ) -> Result<(Touched, Vec<&'static Clause>), String> {
        let ctx = Ctx {
            store,
            by_kernel,
            ..self.ctx(process, [at, 0, 0, 0, 0, 0])
        };
        let (decision, by) = self.decide(Which::Touch, &ctx);
        let (mut fault, mut or) = (None, None);
        let mut blocked = false;
        for answer in &decision.answers {
            match answer {
                Answer::Fault(signal, code, told) => {
                    or = fault.replace((*signal, *code, *told));
                }
                Answer::Blocked => blocked = true,
                Answer::Unmodelled(why) => return Err((*why).to_owned()),
                _ => {}
            }
        }
        let touched = Touched {
            fault,
            or,
            blocked,
            success: decision.success,
            open: decision.open.is_some(),
        };
        Ok((touched, by))
    }

    /// Whether the standard leaves open what a part of a page holds: the object was changed there
    /// after it was mapped privately, its end moved there, or something was stored behind it.
    fn is_open(&self, process: usize, at: i128, to: i128) -> bool {
        let Some(space) = self.w.processes.get(process).map(|p| &p.space) else {
            return false;
        };
        let Some(area) = space.at(at) else {
            return false;
        };
        let Some((n, from)) = area.offset(at) else {
            return false;
        };
        let Some(object) = self.w.objects.get(n) else {
            return false;
        };
        let end = from.saturating_add((to - at) as u64);
        let (low, high) = (object.size.min(area.size), object.size.max(area.size));
        let resized = low < high && from < high && low < end;
        let own = space.own.contains_key(&self.page_of(at));
        let changed = object.has_changed(area.since, from, end);
        let behind = end > object.size && from.div_euclid(self.page()) == object.size / self.page();
        resized || !area.shared && !own && changed || behind && changed
    }

    /// Notes that a page that was touched is in memory now.
    pub(super) fn arrive(&mut self, process: usize, at: i128) {
        let (page, start) = (self.page(), self.page_of(at));
        let space = self.space(process);
        let Some(area) = space.at(at) else {
            return;
        };
        match area.offset(at) {
            _ if space.own.contains_key(&start) => {}
            None => space.fill(start, start + i128::from(page), false),
            Some((n, at)) => {
                self.take_room(n, at / page, at / page + 1);
                if let Some(object) = self.w.objects.get_mut(n) {
                    object.arrive(at / page, at / page + 1, true);
                }
            }
        }
    }

    /// Notes that pages of an object are there from now on: those that were not take room.
    pub(super) fn take_room(&mut self, n: usize, from: u64, to: u64) {
        if let Some(room) = self.w.room {
            self.w.room = Some(room.saturating_sub(self.lacking(n, from, to)));
        }
    }

    /// How many pages of a range of an object on the case's own file system are not there.
    pub(super) fn lacking(&self, n: usize, from: u64, to: u64) -> u64 {
        let object = self.w.objects.get(n);
        let Some(object) = object.filter(|o| o.kind == Kind::File) else {
            return 0;
        };
        let lacks = |i: &u64| object.has_page(*i) == Resident::No;
        (from..to).filter(lacks).count() as u64
    }

    /// Gives back the room of a range of an object.
    pub(super) fn give_room(&mut self, n: usize, from: u64, to: u64) {
        let Some(room) = self.w.room else {
            return;
        };
        let pages = self
            .w
            .objects
            .get(n)
            .map_or(0, |o| o.size.div_ceil(self.page()));
        let to = to.min(pages);
        let there =
            to.saturating_sub(from) - self.lacking(n, from, to).min(to.saturating_sub(from));
        self.w.room = Some(room + there);
    }

    pub(super) fn page_of(&self, at: i128) -> i128 {
        at - split(at).1.rem_euclid(i128::from(self.page()))
    }

    fn grow(&mut self, process: usize, at: i128) {
        let ctx = self.ctx(process, [at, 0, 0, 0, 0, 0]);
        if ctx.space().is_some_and(|s| s.at(at).is_some()) {
            return;
        }
        if let Some(from) = growing(&ctx).map(|a| a.start) {
            let to = self.page_of(at);
            self.space(process).grow_down(from, to);
        }
    }

    /// What a page of a process holds.
    fn block_at(&self, process: usize, at: i128) -> Block {
        let Some(p) = self.w.processes.get(process) else {
            return ZEROS;
        };
        if let Some(block) = p.space.own.get(&self.page_of(at)) {
            return block.clone();
        }
        let offset = p.space.at(at).and_then(|a| a.offset(at));
        match offset.and_then(|(n, at)| Some((self.w.objects.get(n)?, at))) {
            Some((object, at)) => object.block(at / self.page()),
            None => ZEROS,
        }
    }

    /// Appends a part of a page to what is loaded. In the standard's reading, what lies behind the
    /// end in its last page is zeros, whatever was stored there before it was mapped.
    fn append(&self, process: usize, at: i128, (from, to): (u64, u64), out: &mut Content) {
        let block = self.block_at(process, at);
        let area = self.w.processes.get(process).and_then(|p| p.space.at(at));
        let place = area.and_then(|a| a.offset(at));
        let place = place.and_then(|(n, offset)| Some((self.w.objects.get(n)?.size, offset)));
        let (keep, rest) = match place {
            Some((size, offset)) if self.is_posix() => {
                let keep = size.saturating_sub(offset).min(to - from);
                (keep, to - from - keep)
            }
            _ => (to - from, 0),
        };
        block.append_to(from, from + keep, out);
        out.fill(0, rest);
    }

    pub(super) fn load(&mut self, process: usize, step: &Step, a: [i128; 6]) -> Came {
        let (start, len) = (a[0], a[1]);
        let end = start + len;
        if len > LOAD_MAX {
            return Err("more bytes than the journal holds".to_owned());
        }
        let mut content = Content::default();
        let mut set = Vec::with_capacity(1);
        let mut at = start;
        while at < end {
            let next = (self.page_of(at) + i128::from(self.page())).min(end);
            let touched = self.touch(process, at, next, false)?;
            if touched.open {
                return Ok(Allowed::Open(Force::Unspecified));
            }
            if touched.blocked {
                return Ok(super::one(Outcome::Blocked));
            }
            if let Some(fault) = touched.or {
                set.push(self.fault(process, step, start, at, fault));
            }
            if let Some(fault) = touched.fault {
                let outcome = self.fault(process, step, start, at, fault);
                if !touched.success {
                    set.push(outcome);
                    return Ok(Allowed::OneOf(set));
                }
                if !set.contains(&outcome) {
                    set.push(outcome);
                }
            }
            let inside = (at - self.page_of(at)) as u64;
            let to = inside + (next - at) as u64;
            self.append(process, at, (inside, to), &mut content);
            at = next;
        }
        set.insert(0, Outcome::Bytes(self.numbers.bytes(&content)));
        Ok(Allowed::OneOf(set))
    }

    pub(super) fn store(&mut self, process: usize, step: &Step, a: [i128; 6]) -> Came {
        let bytes = self.data(step, 1)?;
        self.put(process, step, a[0], bytes.len() as i128, &|from, to| {
            Chunk::Bytes(&bytes[from as usize..to as usize])
        })
    }

    pub(super) fn fill(&mut self, process: usize, step: &Step, a: [i128; 6]) -> Came {
        let bytes = self.data(step, 2)?;
        let byte = bytes.first().copied().unwrap_or(0);
        self.put(process, step, a[0], a[1], &|from, to| {
            Chunk::Fill(byte, to - from)
        })
    }

    /// The bytes that a step writes.
    pub(super) fn data(&self, step: &Step, arg: usize) -> Result<Vec<u8>, String> {
        let Some(Arg::Bytes(bytes)) = step.args.get(arg) else {
            return Err("no bytes to write".to_owned());
        };
        if let [chunk] = bytes.chunks.as_slice() {
            if let (Some(pattern), true) = (&chunk.pattern, chunk.times.is_plain()) {
                if chunk.times == crate::case::Quantity::bytes(1) {
                    return Ok(pattern.clone());
                }
            }
        }
        let eof = i128::from(self.eof);
        let bound = |unit: &Unit| (*unit == Unit::Eof).then_some(eof);
        let content = bytes.content(&self.machine.scale, &bound);
        let bytes = content.ok().and_then(|c| c.to_vec(16 << 20));
        bytes.ok_or_else(|| "a byte string has no value".to_owned())
    }

    /// Stores bytes from the first to the last, up to where it faults.
    fn put<'a>(
        &mut self,
        process: usize,
        step: &Step,
        start: i128,
        len: i128,
        part: &dyn Fn(u64, u64) -> Chunk<'a>,
    ) -> Came {
        let end = start + len;
        let mut at = start;
        while at < end {
            if at - start > FILL_MAX {
                return Err("the guard on memory may end it".to_owned());
            }
            let next = (self.page_of(at) + i128::from(self.page())).min(end);
            let touched = self.touch(process, at, next, true)?;
            if touched.open {
                return Ok(self.leave_open());
            }
            if touched.blocked {
                return Ok(super::one(Outcome::Blocked));
            }
            if let (Some(fault), false) = (touched.fault, touched.success) {
                let faults = [Some(fault), touched.or].into_iter().flatten();
                let set = faults.map(|f| self.fault(process, step, start, at, f));
                return Ok(Allowed::OneOf(set.collect()));
            }
            let chunk = part((at - start) as u64, (next - start) as u64);
            self.put_chunk(process, at, chunk);
            at = next;
        }
        Ok(super::one(Outcome::Ok))
    }

    /// Puts bytes into one page, which may be stored to.
    fn put_chunk(&mut self, process: usize, at: i128, chunk: Chunk<'_>) {
        let page = self.page();
        let start = self.page_of(at);
        let Some(area) = self.w.processes.get(process).and_then(|p| p.space.at(at)) else {
            return;
        };
        let (shared, offset) = (area.shared, area.offset(at));
        let through = match offset {
            Some(place) if shared => self.holds(Effect::SharedStores).then_some(Some(place)),
            Some(place) => match self.holds(Effect::PrivateCopies) {
                true => Some(None),
                false => Some(Some(place)),
            },
            None => Some(None),
        };
        match through {
            None => {}
            Some(Some((n, offset))) => {
                let Some(object) = self.w.objects.get_mut(n) else {
                    return;
                };
                match chunk {
                    Chunk::Bytes(bytes) => object.put(offset, bytes),
                    Chunk::Fill(byte, len) => {
                        let inside = offset % page;
                        object.put_fill(offset / page, inside, inside + len, byte);
                    }
                }
            }
            Some(None) => {
                let mut block = self.block_at(process, at);
                let inside = (at - start) as usize;
                match chunk {
                    Chunk::Fill(byte, len) if len == page => block = Block::Fill(byte),
                    Chunk::Fill(byte, len) => {
                        block.bytes_mut(page)[inside..inside + len as usize].fill(byte);
                    }
                    Chunk::Bytes(bytes) => {
                        let place = &mut block.bytes_mut(page)[inside..inside + bytes.len()];
                        place.copy_from_slice(bytes);
                    }
                }
                self.space(process).keep(start, block);
            }
        }
    }

    /// Whether the kernel can load from a page.
    pub(super) fn can_touch(&self, process: usize, at: i128) -> bool {
        let faults = |(touched, _): &(Touched, Vec<&Clause>)| touched.fault.is_some();
        !self
            .look(process, at, false, true)
            .as_ref()
            .map_or(true, faults)
    }

    /// Makes the process's own copy of a page, if there is a page of the object to be copied.
    pub(super) fn copy_page(&mut self, process: usize, at: i128) -> bool {
        let faults = |(touched, _): &(Touched, Vec<&Clause>)| touched.fault.is_some();
        if self
            .look(process, at, true, true)
            .as_ref()
            .map_or(true, faults)
        {
            return false;
        }
        let block = self.block_at(process, at);
        let start = self.page_of(at);
        self.space(process).keep(start, block);
        true
    }

    /// How far the kernel gets in memory that a case named as a buffer. Of the whole range `(start,
    /// len)` it only asks whether it is the user's; it touches `touched` bytes.
    pub(super) fn reach(
        &mut self,
        process: usize,
        (start, len): (i128, i128),
        touched: u64,
        store: bool,
    ) -> Reach {
        if self.ctx(process, [0; 6]).is_outside(start, len) == Some(true) {
            return Reach::Outside;
        }
        let mut at = start;
        while at < start + i128::from(touched) {
            if at - start > FILL_MAX {
                return Reach::Unknown;
            }
            match self.look(process, at, store, true) {
                Err(_) => return Reach::Unknown,
                Ok((touched, _)) if touched.fault.is_some() => {
                    return match touched.success {
                        true => Reach::Unknown,
                        false => Reach::Short((at - start) as u64),
                    };
                }
                Ok((touched, _)) if touched.open => return Reach::Unknown,
                Ok(_) => self.grow(process, at),
            }
            at = self.page_of(at) + i128::from(self.page());
        }
        Reach::Whole
    }

    /// Bytes of a process's memory, which can be reached.
    pub(super) fn fetch(&self, process: usize, start: i128, len: u64) -> Content {
        let mut content = Content::default();
        let (mut at, end) = (start, start + i128::from(len));
        while at < end {
            let next = (self.page_of(at) + i128::from(self.page())).min(end);
            let inside = (at - self.page_of(at)) as u64;
            let to = inside + (next - at) as u64;
            self.block_at(process, at)
                .append_to(inside, to, &mut content);
            at = next;
        }
        content
    }

    /// Puts bytes into a process's memory, which can be reached.
    pub(super) fn place(&mut self, process: usize, start: i128, bytes: &[u8]) {
        let mut at = start;
        let mut rest = bytes;
        while !rest.is_empty() {
            let next = self.page_of(at) + i128::from(self.page());
            let n = rest.len().min((next - at) as usize);
            let (head, tail) = rest.split_at(n);
            self.arrive(process, at);
            self.put_chunk(process, at, Chunk::Bytes(head));
            rest = tail;
            at = next;
        }
    }
}

/// A part of what is stored.
enum Chunk<'a> {
    Bytes(&'a [u8]),
    Fill(u8, u64),
}
