//! Reading and writing through descriptors.

use super::{Came, Run};
use crate::case::Content;
use crate::case::step::{Arg, Step};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::{Clause, Decision, Effect};
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::transfer::{readable, taken, transfer_max};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::Kind;
use crate::machine::model::told::Allowed;
use crate::machine::model::world::{Pipe, What};
use crate::transcript::Outcome;

/// The most bytes that one step may read or write.
const BYTES_MAX: u64 = 4 << 20;

/// Nearer than this, what a copy of bytes onto themselves leaves depends on the processor: it may
/// copy so many bytes at a time.
const NEAR: u64 = 64;

/// Why a copy onto itself is not told.
const OVERLAPS: &str = "what a copy of bytes onto themselves leaves depends on the processor";

/// Where the bytes of a write come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// Memory that the case named, which may be reached up to somewhere.
    Memory(i128),
    /// The case itself.
    Given(&'a [u8]),
}

/// A transfer: who, through which descriptor, with which arguments.
#[derive(Clone, Copy)]
struct Transfer {
    process: usize,
    a: [i128; 6],
    positioned: bool,
}

impl<'p> Run<'p> {
    /// The address of a buffer that the case named, if it did.
    fn buffer(step: &Step, a: [i128; 6]) -> Option<i128> {
        match step.args.get(1) {
            Some(Arg::Quantity(_)) => Some(a[1]),
            _ => None,
        }
    }

    /// A transfer, and its buffer if the case named one.
    fn transfer(
        process: usize,
        step: &Step,
        a: [i128; 6],
        positioned: bool,
    ) -> (Transfer, Option<i128>) {
        let transfer = Transfer {
            process,
            a,
            positioned,
        };
        (transfer, Self::buffer(step, a))
    }

    fn transfer_ctx(&self, t: Transfer, reach: Reach) -> Ctx<'_> {
        Ctx {
            positioned: t.positioned,
            reach,
            ..self.ctx(t.process, t.a)
        }
    }

    fn decide_transfer(
        &self,
        which: Which,
        t: Transfer,
        reach: Reach,
    ) -> (Decision, Vec<&'static Clause>) {
        self.decide(which, &self.transfer_ctx(t, reach))
    }

    pub(super) fn read(
        &mut self,
        process: usize,
        step: &'p Step,
        a: [i128; 6],
        positioned: bool,
    ) -> Came {
        let (t, buffer) = Self::transfer(process, step, a, positioned);
        if buffer.is_none() && a[2] > i128::from(BYTES_MAX) {
            return Err("more bytes than the journal holds".to_owned());
        }
        let bytes = readable(&self.transfer_ctx(t, Reach::Whole));
        let reach = match buffer {
            Some(at) => self.reach(process, (at, a[2]), bytes, true),
            None => Reach::Whole,
        };
        let decided = self.decide_transfer(Which::Read, t, reach);
        let torn = decided.1.last().is_some_and(|c| c.id == "read/faults");
        let what = self.w.open(process, a[0]).map(|o| o.what);
        if let (true, Some(What::Object(n))) = (torn, what) {
            // The page is asked for before the bytes are put anywhere: filemap_read() of mm/filemap.c.
            if !self.is_in_memory(n) {
                self.w.objects[n].disturb();
            }
        }
        if let (true, Some(at), Reach::Short(n), Some(What::PipeRead(p))) =
            (torn, buffer, reach, what)
        {
            self.place_torn(process, at, p, n);
        }
        self.settle(decided, &mut |run| {
            let short = match reach {
                Reach::Short(n) => n,
                _ => bytes,
            };
            let got = match what {
                Some(What::PipeRead(p)) => run.pipe_gives(process, p, buffer, (bytes, short)),
                _ => run.file_gives(t, what, buffer, (bytes, short)),
            }?;
            run.bind(step, got.0.into());
            match buffer {
                Some(_) => Ok(Outcome::Value(run.numbers.number(got.0.into()))),
                None => Ok(Outcome::Bytes(run.numbers.bytes(&got.1))),
            }
        })
    }

    /// A page of a pipe that does not fit is put into the buffer up to where it faults, and stays.
    fn place_torn(&mut self, process: usize, at: i128, pipe: usize, n: u64) {
        let part = self.w.pipes.get_mut(pipe).map(|p| p.get(n, true));
        self.place(process, at, &part.unwrap_or_default());
    }

    /// Reads a pipe: how much, and what. `short` bytes of the buffer can be reached.
    fn pipe_gives(
        &mut self,
        process: usize,
        pipe: usize,
        buffer: Option<i128>,
        (bytes, short): (u64, u64),
    ) -> Result<(u64, Content), String> {
        let mut n = bytes;
        if short < bytes {
            if self.holds(Effect::PipeGivesPages) {
                n = self.w.pipes.get(pipe).map_or(0, |p| p.whole(short));
            } else {
                n = short;
            }
        }
        if let Some(at) = buffer.filter(|_| n < short) {
            self.place_torn(process, at, pipe, short);
        }
        let got = self.w.pipes.get_mut(pipe).map(|p| p.get(n, false));
        let got = got.unwrap_or_default();
        if let Some(at) = buffer {
            self.place(process, at, &got);
        }
        Ok((n, Content::from_bytes(&got)))
    }

    /// Reads anything else: how much, and what.
    fn file_gives(
        &mut self,
        t: Transfer,
        what: Option<What>,
        buffer: Option<i128>,
        (bytes, short): (u64, u64),
    ) -> Result<(u64, Content), String> {
        let mut n = bytes;
        if short < bytes && self.holds(Effect::PartialTransfer) {
            n = short;
        }
        if n > BYTES_MAX {
            return Err("more bytes than the model moves".to_owned());
        }
        if !self.holds(Effect::ReadStops) {
            n = t.a[2] as u64;
        }
        let from = match t.positioned {
            true => t.a[3] as u64,
            false => self.w.open(t.process, t.a[0]).map_or(0, |o| o.position),
        };
        let mut content = Content::default();
        match (what, buffer) {
            (Some(What::Object(o)), Some(at)) => self.copy_out(t.process, (o, from), at, n)?,
            (Some(What::Object(o)), None) => {
                if let Some(object) = self.w.objects.get(o) {
                    object.read(from, from.saturating_add(n), &mut content);
                }
                self.was_read(o, from, n);
            }
            (Some(What::Zero), Some(at)) => self.place(t.process, at, &vec![0; n as usize]),
            (Some(What::Zero), None) => content.fill(0, n),
            _ => {}
        }
        if !t.positioned && self.holds(Effect::Moves) {
            let index = self.w.open_index(t.process, t.a[0]);
            if let Some(open) = index.and_then(|i| self.w.opens.get_mut(i)) {
                if matches!(open.what, What::Object(_)) {
                    open.position = open.position.saturating_add(n);
                }
            }
        }
        Ok((n, content))
    }

    /// Notes that bytes of an object were read. Reading memory gives it no page that it has not.
    fn was_read(&mut self, object: usize, from: u64, n: u64) {
        let page = self.page();
        if !self.is_in_memory(object) && n > 0 {
            let last = from.saturating_add(n).div_ceil(page);
            self.w.objects[object].arrive(from / page, last, true);
        }
    }

    /// Copies from an object to memory, byte after byte: what has been copied may be read again
    /// where the memory is the object's own.
    fn copy_out(
        &mut self,
        process: usize,
        (object, from): (usize, u64),
        to: i128,
        n: u64,
    ) -> Result<(), String> {
        let mut done = 0;
        while done < n {
            let (at, into) = (from + done, to + i128::from(done));
            let mut part = (n - done).min(self.to_page_end(into));
            let area = self.w.processes.get(process).and_then(|p| p.space.at(into));
            if let Some((o, offset)) = area.filter(|a| a.shared).and_then(|a| a.offset(into)) {
                if o == object {
                    part = apart(at, offset, part)?;
                }
            }
            let mut content = Content::default();
            if let Some(object) = self.w.objects.get(object) {
                object.read(at, at + part, &mut content);
            }
            self.place(
                process,
                into,
                &content.to_vec(BYTES_MAX).unwrap_or_default(),
            );
            done += part;
        }
        self.was_read(object, from, n);
        Ok(())
    }

    /// How many bytes there are from an address to the end of its page.
    fn to_page_end(&self, at: i128) -> u64 {
        let page = i128::from(self.page());
        (page - at.rem_euclid(page)) as u64
    }

    pub(super) fn write(
        &mut self,
        process: usize,
        step: &'p Step,
        a: [i128; 6],
        positioned: bool,
    ) -> Came {
        let (t, buffer) = Self::transfer(process, step, a, positioned);
        let data = match buffer {
            None => self.data(step, 1)?,
            Some(_) => Vec::new(),
        };
        if buffer.is_none() && (data.len() as i128) < a[2] {
            return Err("more bytes than are there".to_owned());
        }
        let (source, reach) = match buffer {
            Some(at) => (Source::Memory(at), self.write_reach(t, at)),
            None => (Source::Given(&data), Reach::Whole),
        };
        let mut decided = self.decide_transfer(Which::Write, t, reach);
        let mut reach = reach;
        if decided.1.last().is_some_and(|c| c.id == "write/faults") && self.lengthens(t) {
            // What lies at the buffer may be the part by which the file has become longer.
            if let Some(at) = buffer {
                reach = self.write_reach(t, at);
                decided = self.decide_transfer(Which::Write, t, reach);
            }
        }
        let what = self.w.open(process, a[0]).map(|o| o.what);
        if let (Some("write/faults"), Some(What::Object(n))) =
            (decided.1.last().map(|c| c.id), what)
        {
            self.w.objects[n].disturb();
        }
        self.settle(decided, &mut |run| {
            let n = match what {
                Some(What::Object(_)) => run.file_takes(t, source, reach)?,
                Some(What::PipeWrite(p)) => run.pipe_takes(t, p, source, reach)?,
                Some(What::Null | What::Zero) if run.holds(Effect::AtMost) => run.at_most(a[2]),
                _ => a[2] as u64,
            };
            run.bind(step, n.into());
            Ok(Outcome::Value(run.numbers.number(n.into())))
        })
    }

    /// So many bytes as are asked for, or as one call can transfer.
    fn at_most(&self, count: i128) -> u64 {
        (count as u64).min(transfer_max(&self.ctx(0, [0; 6])))
    }

    fn write_reach(&mut self, t: Transfer, at: i128) -> Reach {
        let keeps = self.w.open(t.process, t.a[0]).map(|o| o.what);
        let most = match keeps {
            Some(What::Null | What::Zero) => 0,
            _ => self.at_most(t.a[2]),
        };
        self.reach(t.process, (at, t.a[2]), most, false)
    }

    /// The object that a write goes to, and where in it.
    fn target(&mut self, t: Transfer) -> Option<(usize, u64)> {
        let open = self.w.open(t.process, t.a[0])?.clone();
        let What::Object(n) = open.what else {
            return None;
        };
        let appends = open.append
            && self.holds(Effect::Appends)
            && (!t.positioned || self.holds(Effect::PwriteAppends));
        let at = match (appends, t.positioned) {
            (true, _) => self.w.objects.get(n)?.size,
            (false, true) => t.a[3] as u64,
            (false, false) => open.position,
        };
        Some((n, at))
    }

    /// A write that faults at once makes its file longer all the same; whether it has.
    fn lengthens(&mut self, t: Transfer) -> bool {
        let Some((n, at)) = self.target(t) else {
            return false;
        };
        let object = &self.w.objects[n];
        let (m, behind) = (&self.machine, at > object.size);
        let on_disk = object.kind == Kind::File;
        if !behind || self.is_posix() || m.kernel < (6, 13) {
            return false;
        }
        if m.kernel < (6, 18) || on_disk && m.fs == Fs::Other {
            let why = "whether a write that fails makes its file longer";
            self.lost = Some(Allowed::Unmodelled(why.to_owned()));
            return false;
        }
        if !self.holds(Effect::FailedWriteLengthens) {
            return false;
        }
        self.lengthen(n, at);
        true
    }

    /// Makes an object longer before bytes are put there.
    fn lengthen(&mut self, n: usize, size: u64) {
        let old = self.w.objects[n].size;
        if size > old {
            self.clear_behind(n);
            self.w.objects[n].size = size;
            self.w.objects[n].note(old, size);
        }
    }

    /// Writes to an object; how much.
    fn file_takes(&mut self, t: Transfer, source: Source<'_>, reach: Reach) -> Result<u64, String> {
        let Some((object, at)) = self.target(t) else {
            return Ok(0);
        };
        let mut count = self.at_most(t.a[2]);
        let max = match self.w.objects[object].kind {
            Kind::Memory => Some(i64::MAX as u64),
            Kind::File => self.machine.file_max(),
        };
        let limit = self.w.processes[t.process].limits.file;
        let limit = limit.and_then(|n| u64::try_from(n).ok());
        let max = max.into_iter().chain(limit).min();
        if let Some(max) = max.filter(|max| count > max.saturating_sub(at)) {
            if self.holds(Effect::CutAtGreatest) {
                count = max.saturating_sub(at);
            }
        }
        let done = match source {
            Source::Given(bytes) => {
                let part = bytes.get(..count as usize).unwrap_or(bytes);
                self.put_at(object, at, part);
                count
            }
            Source::Memory(from) if self.holds(Effect::WritesByPage) => {
                self.copy_in(t.process, from, (object, at), count)?
            }
            Source::Memory(from) => {
                let n = match reach {
                    Reach::Short(n) => n.min(count),
                    _ => count,
                };
                let bytes = self.moved(t.process, from, n)?;
                self.put_at(object, at, &bytes);
                n
            }
        };
        if done < count {
            self.w.objects[object].disturb();
        }
        if done > 0 && !t.positioned && self.holds(Effect::Moves) {
            if let Some(i) = self.w.open_index(t.process, t.a[0]) {
                self.w.opens[i].position = at.saturating_add(done);
            }
        }
        Ok(done)
    }

    /// Copies from memory to an object, page by page, up to where it faults; how much.
    fn copy_in(
        &mut self,
        process: usize,
        from: i128,
        (object, to): (usize, u64),
        count: u64,
    ) -> Result<u64, String> {
        let mut done = 0;
        while done < count {
            if done > BYTES_MAX {
                return Err("more bytes than the model moves".to_owned());
            }
            let (at, into) = (from + i128::from(done), to.saturating_add(done));
            match self.reach(process, (at, 1), 1, false) {
                Reach::Whole => {}
                Reach::Unknown => return Err("what lies at the buffer is not known".to_owned()),
                Reach::Short(_) | Reach::Outside => break,
            }
            let page = self.page();
            let mut part = (count - done).min(self.to_page_end(at));
            part = part.min(page - into % page);
            if let Some((o, offset)) = self.backing(process, at) {
                if o == object {
                    part = apart(offset, into, part)?;
                }
            }
            let bytes = self.moved(process, at, part)?;
            self.put_at(object, into, &bytes);
            done += part;
        }
        Ok(done)
    }

    /// Which object's own page lies at an address, and where in the object it is.
    fn backing(&self, process: usize, at: i128) -> Option<(usize, u64)> {
        let space = &self.w.processes.get(process)?.space;
        let own = space.own.contains_key(&self.page_of(at));
        space.at(at)?.offset(at).filter(|_| !own)
    }

    /// Bytes of memory, not too many.
    fn moved(&mut self, process: usize, at: i128, n: u64) -> Result<Vec<u8>, String> {
        let fits = n <= BYTES_MAX;
        let (mut page, end) = (self.page_of(at), at + i128::from(n));
        while fits && page < end {
            self.arrive(process, page.max(at));
            page += i128::from(self.page());
        }
        let bytes = fits.then(|| self.fetch(process, at, n).to_vec(BYTES_MAX));
        bytes
            .flatten()
            .ok_or_else(|| "more bytes than the model moves".to_owned())
    }

    /// Puts bytes into an object, which may become longer.
    fn put_at(&mut self, n: usize, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.lengthen(n, at);
        let end = at.saturating_add(bytes.len() as u64);
        let page = self.page();
        self.take_room(n, at / page, end.div_ceil(page));
        let object = &mut self.w.objects[n];
        object.size = object.size.max(end);
        object.put(at, bytes);
        object.arrive(at / page, end.div_ceil(page), false);
    }

    /// Writes to a pipe; how much.
    fn pipe_takes(
        &mut self,
        t: Transfer,
        pipe: usize,
        source: Source<'_>,
        reach: Reach,
    ) -> Result<u64, String> {
        let mut n = t.a[2] as u64;
        if let Reach::Short(short) = reach {
            let whole = taken(&self.transfer_ctx(t, reach)).map_or(0, |(n, _)| n);
            n = match self.holds(Effect::PipeTakesPages) {
                true => whole,
                false => short,
            };
        }
        let bytes = match source {
            Source::Given(bytes) => bytes.get(..n as usize).unwrap_or(bytes).to_vec(),
            Source::Memory(at) => self.moved(t.process, at, n)?,
        };
        let page = self.page();
        if let Some(pipe) = self.w.pipes.get_mut(pipe) {
            pipe.put(&bytes, t.a[2] as u64, page);
        }
        Ok(n)
    }

    /// Makes a pipe; its two descriptors.
    pub(super) fn new_pipe(&mut self, process: usize) -> (i128, i128) {
        use crate::machine::model::world::Open;
        self.w.pipes.push(Pipe::default());
        let n = self.w.pipes.len() - 1;
        let read = Open::new(What::PipeRead(n), true, false);
        let write = Open::new(What::PipeWrite(n), false, true);
        (
            self.w.install(process, read),
            self.w.install(process, write),
        )
    }

    pub(super) fn pipe(&mut self, process: usize, step: &'p Step) -> Came {
        let (from, to) = self.new_pipe(process);
        if let Some(name) = &step.bind {
            self.w.bind(name, ".read", from);
            self.w.bind(name, ".write", to);
        }
        Ok(super::one(Self::bound(step)))
    }
}

/// How many of `part` bytes can be copied from one place of an object to another without reading
/// what was just written.
///
/// # Errors
/// The places are so near that it can't be told.
fn apart(from: u64, to: u64, part: u64) -> Result<u64, String> {
    let ahead = to.wrapping_sub(from);
    if to <= from || ahead >= part {
        Ok(part)
    } else if ahead < NEAR {
        Err(OVERLAPS.to_owned())
    } else {
        Ok(ahead)
    }
}
