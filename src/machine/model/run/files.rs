//! Files and descriptors.

use super::{Came, Run};
use crate::case::Content;
use crate::case::step::{Arg, Step};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::{Answer, Effect};
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::files::{access, readable, seek_target};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Object};
use crate::machine::model::told::Allowed;
use crate::machine::model::world::{Open, Pipe, What};
use crate::transcript::Outcome;

/// The most bytes that one step may read or write.
const BYTES_MAX: i128 = 4 << 20;

impl<'p> Run<'p> {
    pub(super) fn open(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let path = match step.args.first() {
            Some(Arg::Path(path)) if matches!(*path, "file" | "new" | "dir") => *path,
            _ => return Err("links are not modelled".to_owned()),
        };
        let ctx = Ctx {
            path,
            ..self.ctx(process, a)
        };
        let decided = self.decide(Which::Open, &ctx);
        let flags = a[1] as u64;
        self.settle(decided, &mut |run| {
            let open = run.opened(path, flags, a[2] as u32);
            let fd = run.w.install(process, open);
            run.bind(step, fd);
            Ok(Self::bound(step))
        })
    }

    fn opened(&mut self, path: &'static str, flags: u64, mode: u32) -> Open {
        let has = |flag: i32| flags & flag as u64 != 0;
        let what = match path {
            "dir" => What::Dir,
            _ => What::Object(self.named_or_made(path, mode)),
        };
        let (read, write) = access(flags);
        let mut open = Open::new(what, read, write);
        open.path = has(libc::O_PATH);
        if open.path {
            (open.read, open.write) = (false, false);
            return open;
        }
        open.append = has(libc::O_APPEND);
        open.nonblock = has(libc::O_NONBLOCK);
        if let (true, What::Object(n)) = (has(libc::O_TRUNC), what) {
            if self.holds(Effect::OpenCuts) {
                self.resize(n, 0);
            }
        }
        open
    }

    fn named_or_made(&mut self, path: &'static str, mode: u32) -> usize {
        let named = match path {
            "new" => self.w.new,
            _ => self.w.file,
        };
        if let Some(n) = named {
            return n;
        }
        let mut object = Object::new(Kind::File, 0, self.page());
        // The umask of cases.
        object.mode = mode & !0o022;
        let n = self.w.add(object);
        match path {
            "new" => self.w.new = Some(n),
            _ => self.w.file = Some(n),
        }
        n
    }

    pub(super) fn close(&mut self, process: usize, _: &Step, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Close, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            let what = run.w.open(process, a[0]).map(|o| o.what);
            let fds = run.w.processes.get_mut(process).map(|p| &mut p.fds);
            let slot = fds.and_then(|f| f.get_mut(usize::try_from(a[0]).unwrap_or(usize::MAX)));
            if let Some(slot) = slot {
                *slot = None;
            }
            run.outlive(process, what);
            Ok(Outcome::Ok)
        })
    }

    /// Where mappings do not outlive their descriptors, they go.
    fn outlive(&mut self, process: usize, what: Option<What>) {
        let Some(What::Object(n)) = what else {
            return;
        };
        let space = &self.space(process);
        let of_object =
            |a: &&crate::machine::model::space::Area| a.object.is_some_and(|o| o.0 == n);
        let ranges: Vec<_> = space
            .areas()
            .iter()
            .filter(of_object)
            .map(|a| (a.start, a.end))
            .collect();
        if !ranges.is_empty() && !self.holds(Effect::Outlives) {
            for (start, end) in ranges {
                self.space(process).unmap(start, end);
            }
        }
    }

    pub(super) fn unlink(&mut self, process: usize, step: &Step, a: [i128; 6]) -> Came {
        let path = match step.args.first() {
            Some(Arg::Path(path)) if matches!(*path, "file" | "new" | "dir") => *path,
            _ => return Err("links are not modelled".to_owned()),
        };
        let ctx = Ctx {
            path,
            ..self.ctx(process, a)
        };
        let decided = self.decide(Which::Unlink, &ctx);
        self.settle(decided, &mut |run| {
            let gone = match path {
                "new" => run.w.new.take(),
                _ => run.w.file.take(),
            };
            run.outlive(process, gone.map(What::Object));
            Ok(Outcome::Ok)
        })
    }

    pub(super) fn ftruncate(&mut self, process: usize, _: &Step, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Ftruncate, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            if let Some(What::Object(n)) = run.w.open(process, a[0]).map(|o| o.what) {
                run.resize(n, a[1] as u64);
            }
            Ok(Outcome::Ok)
        })
    }

    /// Gives an object another size.
    fn resize(&mut self, n: usize, size: u64) {
        let Some(old) = self.w.objects.get(n).map(|o| o.size) else {
            return;
        };
        if size > old {
            self.clear_behind(n);
            self.w.objects[n].size = size;
            self.w.objects[n].note(old, size);
        } else if size < old {
            if self.holds(Effect::CutClears) {
                self.w.objects[n].cut(size);
            } else {
                self.w.objects[n].size = size;
                self.w.objects[n].note(size, old);
            }
            if self.holds(Effect::CutTakesPages) {
                self.take_pages(n, size);
            }
        }
    }

    /// Before a file grows: what was stored behind its end.
    fn clear_behind(&mut self, n: usize) {
        let on_disk = self.w.objects[n].kind == Kind::File;
        match self.model.machine.fs {
            _ if self.w.objects[n].size % self.page() == 0 => {}
            _ if self.is_posix() => {
                if self.holds(Effect::GrowthClears) {
                    self.w.objects[n].clear_tail();
                }
            }
            Fs::Tmpfs => {}
            Fs::Ext4 | Fs::Other if !on_disk => {}
            Fs::Other => {
                let why = "what the file system does behind the end";
                self.lost = Some(Allowed::Unmodelled(why.to_owned()));
            }
            Fs::Ext4 => {
                if self.holds(Effect::GrowthClears) {
                    self.w.objects[n].clear_tail();
                }
            }
        }
    }

    /// Drops the copies that private mappings have of pages behind the end.
    pub(super) fn take_pages(&mut self, n: usize, size: u64) {
        let page = self.page();
        let first = size.div_ceil(page) * page;
        for process in &mut self.w.processes {
            if process.space.own.is_empty() {
                continue;
            }
            let of_object = process.space.areas().iter();
            let of_object = of_object.filter(|a| a.object.is_some_and(|o| o.0 == n));
            let ranges: Vec<_> = of_object
                .map(|a| {
                    let begins = a.object.map_or(0, |o| o.1);
                    let keep = i128::from(first.saturating_sub(begins));
                    (a.start + keep, a.end)
                })
                .collect();
            for (start, end) in ranges {
                process.space.forget(start, end);
            }
        }
    }

    /// The address of a buffer that the case named, if it did.
    fn buffer(step: &Step, a: [i128; 6]) -> Option<i128> {
        match step.args.get(1) {
            Some(Arg::Quantity(_)) => Some(a[1]),
            _ => None,
        }
    }

    pub(super) fn read(
        &mut self,
        process: usize,
        step: &'p Step,
        a: [i128; 6],
        positioned: bool,
    ) -> Came {
        let buffer = Self::buffer(step, a);
        let reach = match buffer {
            Some(at) => self.reach(process, at, a[2], true),
            None if a[2] > BYTES_MAX => return Err("more bytes than the journal holds".to_owned()),
            None => Reach::Whole,
        };
        let ctx = Ctx {
            positioned,
            reach,
            ..self.ctx(process, a)
        };
        let bytes = readable(&ctx);
        let from = match positioned {
            true => a[3] as u64,
            false => ctx.fd(0).map_or(0, |o| o.position),
        };
        let decided = self.decide(Which::Read, &ctx);
        let torn = decided.0.answers.contains(&Answer::Errno("EFAULT"));
        let what = self.w.open(process, a[0]).map(|o| o.what);
        // A pipe's bytes are put into the buffer up to where it faults, and stay in the pipe.
        if let (true, Some(at), Reach::Short(n), Some(What::PipeRead(p))) =
            (torn, buffer, reach, what)
        {
            let data = self.w.pipes.get(p).map(|p| &p.data);
            let part: Vec<u8> = data
                .into_iter()
                .flatten()
                .take(n as usize)
                .copied()
                .collect();
            self.place(process, at, &part);
        }
        self.settle(decided, &mut |run| {
            let want = match (reach, run.holds(Effect::PartialTransfer)) {
                (Reach::Short(n), true) => bytes.min(n),
                _ => bytes,
            };
            if i128::from(want) > BYTES_MAX {
                return Err("more bytes than the model moves".to_owned());
            }
            let stops = run.holds(Effect::ReadStops);
            let want = if stops { want } else { a[2] as u64 };
            let content = run.take(what, from, want);
            let moves = !positioned && run.holds(Effect::Moves);
            run.advance(process, a[0], moves, want);
            run.bind(step, want.into());
            match buffer {
                Some(at) => {
                    let bytes = content.to_vec(16 << 20).unwrap_or_default();
                    run.place(process, at, &bytes);
                    Ok(Outcome::Value(run.numbers.number(want.into())))
                }
                None => Ok(Outcome::Bytes(run.numbers.bytes(&content))),
            }
        })
    }

    /// Bytes out of what a descriptor leads to.
    fn take(&mut self, what: Option<What>, from: u64, n: u64) -> Content {
        let mut content = Content::default();
        match what {
            Some(What::Object(o)) => {
                let (page, fs) = (self.page(), self.model.machine.fs);
                if let Some(object) = self.w.objects.get_mut(o) {
                    let to = from.saturating_add(n);
                    object.read(from, to, &mut content);
                    // Reading memory gives it no page that it does not have.
                    if object.kind == Kind::File && fs != Fs::Tmpfs && n > 0 {
                        object.arrive(from / page, to.div_ceil(page), true);
                    }
                }
            }
            Some(What::PipeRead(p)) => {
                if let Some(pipe) = self.w.pipes.get_mut(p) {
                    let n = pipe.data.len().min(n as usize);
                    let bytes: Vec<u8> = pipe.data.drain(..n).collect();
                    content.extend(&bytes);
                }
            }
            Some(What::Zero) => content.fill(0, n),
            _ => {}
        }
        content
    }

    /// Moves a descriptor that stands somewhere.
    fn advance(&mut self, process: usize, fd: i128, moves: bool, n: u64) {
        let index = self.w.open_index(process, fd).filter(|_| moves);
        if let Some(open) = index.and_then(|i| self.w.opens.get_mut(i)) {
            if matches!(open.what, What::Object(_)) {
                open.position = open.position.saturating_add(n);
            }
        }
    }

    pub(super) fn write(
        &mut self,
        process: usize,
        step: &'p Step,
        a: [i128; 6],
        positioned: bool,
    ) -> Came {
        let buffer = Self::buffer(step, a);
        let reach = match buffer {
            Some(at) => self.reach(process, at, a[2], false),
            None => Reach::Whole,
        };
        let data = match buffer {
            None => self.data(step, 1)?,
            Some(_) => Vec::new(),
        };
        if buffer.is_none() && (data.len() as i128) < a[2] {
            return Err("more bytes than are there".to_owned());
        }
        let ctx = Ctx {
            positioned,
            reach,
            ..self.ctx(process, a)
        };
        let decided = self.decide(Which::Write, &ctx);
        let what = self.w.open(process, a[0]).map(|o| o.what);
        self.settle(decided, &mut |run| {
            let keeps = matches!(what, Some(What::Null | What::Zero));
            let n = match reach {
                _ if keeps => a[2] as u64,
                Reach::Short(n) => n.min(a[2] as u64),
                _ => a[2] as u64,
            };
            run.bind(step, n.into());
            if keeps {
                return Ok(Outcome::Value(run.numbers.number(n.into())));
            }
            if i128::from(n) > BYTES_MAX {
                return Err("more bytes than the model moves".to_owned());
            }
            let bytes = match buffer {
                Some(at) => run
                    .fetch(process, at, n)
                    .to_vec(16 << 20)
                    .unwrap_or_default(),
                None => data[..n as usize].to_vec(),
            };
            run.put_file(process, a, positioned, &bytes);
            Ok(Outcome::Value(run.numbers.number(n.into())))
        })
    }

    /// Puts bytes into what a descriptor leads to.
    fn put_file(&mut self, process: usize, a: [i128; 6], positioned: bool, bytes: &[u8]) {
        let Some(open) = self.w.open(process, a[0]).cloned() else {
            return;
        };
        match open.what {
            What::PipeWrite(p) => {
                if let Some(pipe) = self.w.pipes.get_mut(p) {
                    pipe.data.extend(bytes);
                }
            }
            What::Object(n) => {
                let size = self.w.objects.get(n).map_or(0, |o| o.size);
                let appends = open.append
                    && self.holds(Effect::Appends)
                    && (!positioned || self.holds(Effect::PwriteAppends));
                let at = match (appends, positioned) {
                    (true, _) => size,
                    (false, true) => a[3] as u64,
                    (false, false) => open.position,
                };
                let end = at.saturating_add(bytes.len() as u64);
                if bytes.is_empty() {
                    return;
                }
                if end > size {
                    if at > size {
                        self.clear_behind(n);
                    }
                    self.w.objects[n].size = end;
                }
                self.w.objects[n].put(at, bytes);
                let page = self.page();
                self.w.objects[n].arrive(at / page, end.div_ceil(page), false);
                if !positioned && self.holds(Effect::Moves) {
                    if let Some(i) = self.w.open_index(process, a[0]) {
                        self.w.opens[i].position = end;
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn lseek(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let decided = self.decide(Which::Lseek, &ctx);
        let to = seek_target(&ctx);
        self.settle(decided, &mut |run| {
            let index = run.w.open_index(process, a[0]);
            let Some(open) = index.and_then(|i| run.w.opens.get_mut(i)) else {
                return Ok(Outcome::Ok);
            };
            let to = match open.what {
                What::Object(_) => to,
                _ => 0,
            };
            open.position = to as u64;
            run.bind(step, to);
            Ok(Outcome::Value(run.numbers.number(to)))
        })
    }

    pub(super) fn size(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Size, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            let open = run.w.open(process, a[0]);
            let object = open.and_then(|o| run.w.object_of(o));
            let size = object.map_or(0, |o| o.size);
            run.bind(step, size.into());
            Ok(Outcome::Value(run.numbers.number(size.into())))
        })
    }

    /// Makes a pipe; its two descriptors.
    pub(super) fn new_pipe(&mut self, process: usize) -> (i128, i128) {
        self.w.pipes.push(Pipe::default());
        let n = self.w.pipes.len() - 1;
        let from = self
            .w
            .install(process, Open::new(What::PipeRead(n), true, false));
        let to = self
            .w
            .install(process, Open::new(What::PipeWrite(n), false, true));
        (from, to)
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
