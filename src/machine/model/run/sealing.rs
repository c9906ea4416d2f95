//! Memory files, their seals, and room taken in files.

use super::{Came, Run};
use crate::case::Content;
use crate::case::step::{Arg, Step};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::allocation::{COLLAPSE, INSERT, PUNCH, ZERO, keeps, what};
use crate::machine::model::clauses::sealing::{
    ADD, ALLOW_SEALING, NAME_LENGTH, NOEXEC_SEAL, added,
};
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::world::{Open, What};
use crate::transcript::Outcome;
use std::rc::Rc;

/// The name of a memory file is looked at no further.
const NAME_ROOM: i128 = 251;

impl<'p> Run<'p> {
    pub(super) fn memfd_create(
        &mut self,
        process: usize,
        step: &'p Step,
        mut a: [i128; 6],
    ) -> Came {
        if self.is_posix() {
            return Err("memfd_create, which POSIX does not know, is not modelled".to_owned());
        }
        let reach = match step.args.first() {
            Some(Arg::Bytes(_)) => {
                let name = self.data(step, 0)?;
                let end = name.iter().position(|b| *b == 0);
                a[NAME_LENGTH] = end.unwrap_or(name.len()) as i128;
                Reach::Whole
            }
            _ => self.name(process, &mut a),
        };
        let ctx = Ctx {
            reach,
            ..self.ctx(process, a)
        };
        let flags = ctx.flags(1);
        let decided = self.decide(Which::MemfdCreate, &ctx);
        self.settle(decided, &mut |run| {
            let mut object = Object::new(Kind::Memory, 0, run.page());
            object.mode = 0o777;
            object.seals = seal::SEAL;
            if run.holds(Effect::MaySeal) {
                if flags & NOEXEC_SEAL != 0 {
                    object.mode = 0o666;
                    object.seals = seal::EXEC;
                } else if flags & ALLOW_SEALING != 0 {
                    object.seals = 0;
                }
            }
            let n = run.w.add(object);
            let fd = run
                .w
                .install(process, Open::new(What::Object(n), true, true));
            run.bind(step, fd);
            Ok(Self::bound(step))
        })
    }

    /// How long a name in memory is, and whether it can be read.
    fn name(&mut self, process: usize, a: &mut [i128; 6]) -> Reach {
        let reach = self.reach(process, (a[0], NAME_ROOM), NAME_ROOM as u64, false);
        let len = match reach {
            Reach::Whole => NAME_ROOM as u64,
            Reach::Short(n) => n,
            other => return other,
        };
        let name = self.fetch(process, a[0], len).to_vec(1 << 10);
        let end = name.unwrap_or_default().iter().position(|b| *b == 0);
        a[NAME_LENGTH] = end.map_or(NAME_ROOM, |n| n as i128);
        match (end, reach) {
            (None, Reach::Short(_)) => Reach::Short(0),
            _ => Reach::Whole,
        }
    }

    pub(super) fn fcntl(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err(match a[1] {
                3 | 4 => "fcntl is not modelled".to_owned(),
                _ => "seals, which POSIX does not know, are not modelled".to_owned(),
            });
        }
        let ctx = self.ctx(process, a);
        let more = added(&ctx);
        let what = ctx.what(0);
        let decided = self.decide(Which::Fcntl, &ctx);
        self.settle(decided, &mut |run| {
            let Some(What::Object(n)) = what else {
                return Err("seals of what is no file".to_owned());
            };
            let begins_sealed = run.w.objects[n].kind == Kind::File;
            let seals = run.w.objects[n].seals | if begins_sealed { seal::SEAL } else { 0 };
            if a[1] != ADD {
                return Ok(Outcome::Value(run.numbers.number(seals.into())));
            }
            if run.holds(Effect::AddsSeals) {
                run.w.objects[n].seals |= more;
            }
            Ok(Outcome::Value(run.numbers.number(0)))
        })
    }

    pub(super) fn dup(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let decided = self.decide(Which::Dup, &self.ctx(process, a));
        self.settle(decided, &mut |run| {
            let Some(index) = run.w.open_index(process, a[0]) else {
                return Err("a descriptor that is none".to_owned());
            };
            let fd = match run.holds(Effect::SharesOpen) {
                true => run.w.share(process, index),
                false => {
                    let open = run.w.opens[index].clone();
                    run.w.install(process, open)
                }
            };
            run.bind(step, fd);
            Ok(Self::bound(step))
        })
    }

    pub(super) fn fallocate(&mut self, process: usize, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let (mode, keeps, file) = (what(&ctx), keeps(&ctx), ctx.what(0));
        let decided = self.decide(Which::Fallocate, &ctx);
        self.settle(decided, &mut |run| {
            let Some(What::Object(n)) = file else {
                return Err("room in what is no file".to_owned());
            };
            run.allocate(n, mode, keeps, (a[2] as u64, (a[2] + a[3]) as u64));
            Ok(Outcome::Ok)
        })
    }

    fn allocate(&mut self, n: usize, mode: u64, keeps: bool, (from, to): (u64, u64)) {
        let old = self.w.objects[n].size;
        let page = self.page();
        match mode {
            COLLAPSE | INSERT => return self.shift(n, mode, from, to),
            PUNCH | ZERO => {
                if self.holds(Effect::ZeroesRange) {
                    self.give_room(n, from.div_ceil(page), to / page);
                    self.w.objects[n].zero(from, to);
                    if !self.is_in_memory(n) {
                        self.w.objects[n].clear_on_disk(from, to);
                    }
                }
            }
            _ => {
                if self.is_in_memory(n) {
                    self.take_room(n, from / page, to.div_ceil(page));
                    self.w.objects[n].reserve(from / page, to.div_ceil(page));
                }
            }
        }
        let grows = mode != PUNCH && !keeps && to > old;
        if grows && self.holds(Effect::AllocationGrows) {
            self.w.objects[n].size = to;
            self.w.objects[n].note(old, to);
        }
    }

    /// Takes a range out of a file, or puts one in.
    fn shift(&mut self, n: usize, mode: u64, from: u64, to: u64) {
        if !self.holds(Effect::ShiftsRange) {
            return;
        }
        let object = &mut self.w.objects[n];
        let mut content = Content::default();
        object.read(0, from, &mut content);
        let size = match mode {
            COLLAPSE => {
                object.read(to, object.size, &mut content);
                object.size - (to - from)
            }
            _ => {
                content.fill(0, to - from);
                object.read(from, object.size, &mut content);
                object.size + (to - from)
            }
        };
        object.begin_anew(Rc::new(content), size);
        self.take_pages(n, from);
    }
}
