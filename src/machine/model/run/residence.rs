//! Which pages are in memory, and sealing.

use super::{Came, Run};
use crate::case::Content;
use crate::case::step::{Arg, Step};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::{Answer, Effect};
use crate::machine::model::clauses::{Which, residence, seal};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Resident};
use crate::machine::model::space::mark;
use crate::transcript::Outcome;

impl Run<'_> {
    pub(super) fn mincore(&mut self, process: usize, step: &Step, mut a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("mincore, which POSIX does not know, is not modelled".to_owned());
        }
        let page = i128::from(self.page());
        let own = matches!(step.args.get(2), Some(Arg::Buf) | None);
        a[residence::OWN_VEC] = own.into();
        let vec = a[2];
        let count = (a[1] + page - 1).div_euclid(page);
        let reach = match own {
            true => Reach::Whole,
            false => self.reach(
                process,
                (vec, count),
                u64::try_from(count).unwrap_or(0),
                true,
            ),
        };
        let ctx = Ctx {
            reach,
            ..self.ctx(process, a)
        };
        let to = residence::mapped_to(&ctx);
        let decided = self.decide(Which::Mincore, &ctx);
        let empty = decided.0.answers.contains(&Answer::Nothing);
        if own && empty {
            let number = self.number;
            self.decided
                .extend(decided.1.into_iter().map(|c| (number, c)));
            return Ok(super::one(Outcome::Bytes(
                self.numbers.bytes(&Content::default()),
            )));
        }
        let begun = decided
            .1
            .last()
            .is_none_or(|c| matches!(c.id, "mincore/hole" | "mincore/vector-unwritable"));
        let mut told = Vec::new();
        if begun {
            told = self.residence(process, a[0], to)?;
            if let (false, Reach::Short(n)) = (own, reach) {
                told.truncate(n as usize);
            }
            if !own {
                self.place(process, vec, &told);
            }
        }
        self.settle(decided, &mut |run| {
            Ok(match own {
                true => Outcome::Bytes(run.numbers.bytes(&Content::from_bytes(&told))),
                false => Outcome::Ok,
            })
        })
    }

    /// A byte for each page of a range that is mapped.
    fn residence(&mut self, process: usize, start: i128, end: i128) -> Result<Vec<u8>, String> {
        if self.aged {
            return Err("what was advised may have moved pages out of memory".to_owned());
        }
        if !self.holds(Effect::TellsResidence) {
            return Ok(Vec::new());
        }
        let page = self.page();
        let mut told = Vec::new();
        let mut at = start;
        while at < end {
            if told.len() >= 1 << 20 {
                return Err("more pages than the model tells of".to_owned());
            }
            let Some(space) = self.w.processes.get(process).map(|p| &p.space) else {
                return Ok(told);
            };
            let offset = space.at(at).and_then(|a| a.offset(at));
            let object = offset.and_then(|(n, at)| Some((self.w.objects.get(n)?, n, at / page)));
            let resident = match object {
                _ if space.is_present(at) => Resident::Yes,
                None => Resident::No,
                Some((object, n, index)) => object.told_resident(index, self.is_in_memory(n)),
            };
            match resident {
                Resident::Yes => told.push(1),
                Resident::No => told.push(0),
                Resident::Unknown => {
                    return Err("what the system keeps of a file is its own business".to_owned());
                }
            }
            at += i128::from(page);
        }
        Ok(told)
    }

    /// Whether an object lies in memory and nowhere else.
    pub(super) fn is_in_memory(&self, object: usize) -> bool {
        let object = self.w.objects.get(object);
        object.is_none_or(|o| o.kind == Kind::Memory) || self.machine.fs == Fs::Tmpfs
    }

    pub(super) fn mseal(&mut self, process: usize, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("mseal, which POSIX does not know, is not modelled".to_owned());
        }
        let ctx = self.ctx(process, a);
        let (start, end) = seal::range(&ctx);
        let decided = self.decide(Which::Mseal, &ctx);
        self.settle(decided, &mut |run| {
            if run.holds(Effect::Seals) {
                run.space(process)
                    .change(start, end, &mut |area| area.marks |= mark::SEALED);
            }
            Ok(Outcome::Ok)
        })
    }
}
