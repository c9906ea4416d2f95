//! Memory objects with a number or a name: System V segments, shared memory objects; and other
//! pages of an object in its mapping.

use super::{Came, Run};
use crate::case::number;
use crate::case::step::{Arg, Step};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::segments::{
    self, FIRST, FLAGS, KEYED, STAT, access, attached, detached, found, numbered, place, replaces,
};
use crate::machine::model::clauses::{Which, files, remap_file, shm};
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::space::{Area, EXEC, READ, WRITE, mark};
use crate::machine::model::world::{Open, Segment, What};
use crate::transcript::Outcome;

/// The longest name of an object that is looked at.
const NAME_MAX: u64 = 1 << 16;

const NONBLOCK: u64 = number::MAP_NONBLOCK as u64;

/// What the standard's reading says of System V segments.
fn not_posix(call: &str) -> Came {
    Err(format!("{call} is not modelled"))
}

impl<'p> Run<'p> {
    pub(super) fn shmget(&mut self, process: usize, step: &'p Step, mut a: [i128; 6]) -> Came {
        if self.is_posix() {
            return not_posix("shmget");
        }
        let keyed = step.args.first() == Some(&Arg::Path("key")) && self.holds(Effect::Keys);
        a[KEYED] = keyed.into();
        let ctx = self.ctx(process, a);
        let there = found(&ctx).map(|(n, _)| n);
        let mode = ctx.flags(FLAGS) as u32 & 0o777;
        let decided = self.decide(Which::Shmget, &ctx);
        self.settle(decided, &mut |run| {
            let n = there.unwrap_or_else(|| {
                let page = run.page();
                let object = run.w.add(Object::new(Kind::Memory, a[1] as u64, page));
                run.w.segments.push(Segment {
                    object,
                    size: a[1],
                    mode,
                    keyed,
                    removed: false,
                    locked: false,
                });
                run.w.segments.len() - 1
            });
            run.bind(step, FIRST + n as i128);
            Ok(Self::bound(step))
        })
    }

    pub(super) fn shmat(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return not_posix("shmat");
        }
        let ctx = self.ctx(process, a);
        let segment = numbered(&ctx).map(|(_, s)| (s.object, s.size));
        let (at, (read_only, executes)) = (place(&ctx), access(&ctx));
        let over = replaces(&ctx);
        let decided = self.decide(Which::Shmat, &ctx);
        let end = at + segment.map_or(0, |(_, size)| self.whole_pages(size));
        match decided.1.last().map(|c| c.id).filter(|_| over) {
            Some("shmat/sealed") => self.cut_areas(process, at, None),
            Some("shmat/space-limit") => self.cut_areas(process, at, Some(end)),
            _ => {}
        }
        self.settle(decided, &mut |run| {
            let Some((object, size)) = segment else {
                return Err("a segment that is not there".to_owned());
            };
            let len = run.whole_pages(size);
            let start = match a[1] {
                0 => run.choose(process, len),
                _ => at,
            };
            if over {
                run.space(process).unmap(start, start + len);
            }
            run.w.attachments += 1;
            let future = run.settings(process).future;
            let write = if read_only { 0 } else { WRITE };
            let area = Area {
                start,
                end: start + len,
                prot: READ | write | if executes { EXEC } else { 0 },
                may: READ | write | EXEC,
                shared: true,
                writes_back: !read_only,
                object: Some((object, 0)),
                // Each has a file of its own.
                through: Some(usize::MAX - run.w.attachments),
                locked: future.is_some(),
                ..Area::of_nothing()
            };
            if run.holds(Effect::Attaches) {
                run.space(process).insert(area);
            }
            if future == Some(false) {
                run.populate(process, start, start + len);
            }
            run.bind(step, start);
            Ok(run.told_move(step, &[a[1], 0, 0, 0, a[1], 0], 1, start))
        })
    }

    fn whole_pages(&self, size: i128) -> i128 {
        let page = i128::from(self.page());
        (size + page - 1).div_euclid(page) * page
    }

    pub(super) fn shmdt(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return not_posix("shmdt");
        }
        let ctx = self.ctx(process, a);
        let ranges = detached(&ctx).unwrap_or_default();
        let decided = self.decide(Which::Shmdt, &ctx);
        self.settle(decided, &mut |run| {
            if run.holds(Effect::Detaches) {
                for (start, end) in &ranges {
                    run.space(process).unmap(*start, *end);
                }
            }
            Ok(Outcome::Ok)
        })
    }

    pub(super) fn shmctl(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return not_posix("shmctl");
        }
        let ctx = self.ctx(process, a);
        let segment = numbered(&ctx).map(|(n, _)| n);
        let decided = self.decide(Which::Shmctl, &ctx);
        self.settle(decided, &mut |run| {
            let removes = a[1] == i128::from(number::IPC_RMID) && run.holds(Effect::RemovesSegment);
            let Some(segment) = segment.and_then(|n| run.w.segments.get_mut(n)) else {
                return Err("a segment that is not there".to_owned());
            };
            match a[1] {
                n if n == i128::from(number::IPC_RMID) => segment.removed |= removes,
                n if n == i128::from(number::SHM_LOCK) => segment.locked = true,
                n if n == i128::from(number::SHM_UNLOCK) => segment.locked = false,
                _ => return Err("this operation of shmctl is not modelled".to_owned()),
            }
            Ok(Outcome::Ok)
        })
    }

    pub(super) fn nattch(&mut self, process: usize, mut a: [i128; 6]) -> Came {
        if self.is_posix() {
            return not_posix("nattch");
        }
        a[1] = STAT;
        let ctx = self.ctx(process, a);
        let count = numbered(&ctx).map_or(0, |(_, s)| attached(&ctx, s));
        let decided = self.decide(Which::Shmctl, &ctx);
        self.settle(decided, &mut |run| {
            Ok(Outcome::Value(run.numbers.number(count as i128)))
        })
    }

    pub(super) fn remap_file(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            let why = "remap_file_pages, which POSIX does not know, is not modelled";
            return Err(why.to_owned());
        }
        let ctx = self.ctx(process, a);
        let (start, len) = remap_file::range(&ctx);
        let first = remap_file::first(&ctx).cloned();
        let decided = self.decide(Which::RemapFile, &ctx);
        self.settle(decided, &mut |run| {
            let (Some(first), true) = (&first, run.holds(Effect::ShowsOthers)) else {
                return Ok(Outcome::Ok);
            };
            let at = (a[3] * i128::from(run.page())) as u64;
            let future = run.settings(process).future;
            let sealed = remap_file::is_write_sealed(&run.ctx(process, a));
            // A new mapping in all but its protection and its lock, which is an ordinary one.
            let area = Area {
                start,
                end: start + len,
                may: first.may & if sealed { !WRITE } else { !0 },
                object: first.object.map(|(n, _)| (n, at)),
                locked: first.locked || future.is_some(),
                not_for_children: false,
                marks: if future == Some(true) {
                    mark::ON_FAULT
                } else {
                    0
                },
                ..first.clone()
            };
            let fills = a[4] as u64 & NONBLOCK == 0 || area.locked;
            run.space(process).unmap(start, start + len);
            run.space(process).insert(area);
            if fills && future != Some(true) {
                run.populate(process, start, start + len);
            }
            Ok(Outcome::Ok)
        })
    }

    /// A name of a shared memory object, and what is to be known of it.
    fn object_name(&mut self, step: &Step, a: &mut [i128; 6]) -> Result<Vec<u8>, String> {
        let mut name = self.data(step, 0)?;
        if let Some(end) = name.iter().position(|b| *b == 0) {
            name.truncate(end);
        }
        if name.len() as u64 > NAME_MAX {
            return Err("a name of an object as long as this".to_owned());
        }
        a[shm::LENGTH] = name.len() as i128;
        a[shm::STROKE] = name.contains(&b'/').into();
        let found = self.w.shm.iter().find(|(n, _)| *n == name);
        a[shm::OBJECT] = found.map_or(0, |(_, n)| *n as i128 + 1);
        Ok(name)
    }

    pub(super) fn shm_open(&mut self, process: usize, step: &'p Step, mut a: [i128; 6]) -> Came {
        let mode = a[2] as u32;
        let name = self.object_name(step, &mut a)?;
        if !self.holds(Effect::FindsObject) {
            a[shm::OBJECT] = 0;
        }
        let decided = self.decide(Which::ShmOpen, &self.ctx(process, a));
        let flags = a[shm::FLAGS] as u64;
        self.settle(decided, &mut |run| {
            let n = match usize::try_from(a[shm::OBJECT] - 1) {
                Ok(n) => n,
                Err(_) => {
                    let mut object = Object::new(Kind::Memory, 0, run.page());
                    // The umask of cases.
                    object.mode = mode & !0o022;
                    object.seals = seal::SEAL;
                    let n = run.w.add(object);
                    run.w.shm.push((name.clone(), n));
                    n
                }
            };
            if flags & number::O_TRUNC as u64 != 0 && run.holds(Effect::OpenCuts) {
                run.resize(n, 0);
            }
            let (read, write) = files::access(flags);
            let fd = run
                .w
                .install(process, Open::new(What::Object(n), read, write));
            run.bind(step, fd);
            Ok(Self::bound(step))
        })
    }

    pub(super) fn shm_unlink(&mut self, process: usize, step: &'p Step, mut a: [i128; 6]) -> Came {
        let name = self.object_name(step, &mut a)?;
        let decided = self.decide(Which::ShmUnlink, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            run.w.shm.retain(|(n, _)| *n != name);
            Ok(Outcome::Ok)
        })
    }
}

/// Numbers of segments that are none are no places.
const _: () = assert!(segments::FIRST > 1 << 64);
