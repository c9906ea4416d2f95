//! Files and descriptors.

use super::{Came, Run};
use crate::case::number;
use crate::case::step::{Arg, Step};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::files::{access, seek_target};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Object};
use crate::machine::model::told::Allowed;
use crate::machine::model::world::{Open, What};
use crate::transcript::Outcome;

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
        open.path = has(number::O_PATH);
        if open.path {
            (open.read, open.write) = (false, false);
            return open;
        }
        open.append = has(number::O_APPEND);
        open.nonblock = has(number::O_NONBLOCK);
        if let (true, What::Object(n)) = (has(number::O_TRUNC), what) {
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
    pub(super) fn resize(&mut self, n: usize, size: u64) {
        let Some(old) = self.w.objects.get(n).map(|o| o.size) else {
            return;
        };
        if size > old {
            self.clear_behind(n);
            self.w.objects[n].size = size;
            self.w.objects[n].note(old, size);
        } else if size < old {
            self.give_room(n, size.div_ceil(self.page()), u64::MAX);
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
    pub(super) fn clear_behind(&mut self, n: usize) {
        let on_disk = self.w.objects[n].kind == Kind::File;
        match self.machine.fs {
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
}
