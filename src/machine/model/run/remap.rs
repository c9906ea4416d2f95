//! Growing, shrinking and moving mappings.

use super::{Came, Run};
use crate::case::Quantity;
use crate::case::step::{Arg, Step};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::remap::{Remap, grows_in_place, hinted};
use crate::machine::model::space::{Area, Known, Place, mark, split};
use crate::transcript::Outcome;

impl<'p> Run<'p> {
    pub(super) fn mremap(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("mremap, which POSIX does not know, is not modelled".to_owned());
        }
        let ctx = self.ctx(process, a);
        let r = Remap::of(&ctx);
        let in_place = grows_in_place(&ctx);
        let follows = hinted(&ctx) == Known::Free;
        let decided = self.decide(Which::Mremap, &ctx);
        // What lay at the new place is gone before the end of the old one is looked at.
        let stopped = decided.1.last().map(|c| c.id);
        if r.is_fixed()
            && matches!(
                stopped,
                Some("mremap/onto-itself" | "mremap/tail-sealed" | "mremap/new-address-too-low")
            )
        {
            self.space(process).unmap(r.to, r.to + r.new);
        }
        if r.is_fixed() && stopped == Some("mremap/stays-beyond-limit") {
            let first = self.area_at(process, r.addr).map_or(r.addr, |a| a.end);
            let len = r.old.min(first - r.addr);
            self.space(process).unmap(r.to, r.to + len);
        }
        if stopped == Some("mremap/new-place-sealed") {
            self.cut_areas(process, r.to, None);
        }
        if stopped == Some("mremap/new-address-too-low") {
            self.shrink(process, r);
        }
        self.settle(decided, &mut |run| {
            let got = match () {
                () if r.only_moves() => run.move_several(process, r),
                () if r.goes() => run.move_one(process, r, follows),
                () if r.new <= r.old => {
                    run.shrink(process, r);
                    r.addr
                }
                () if in_place => {
                    run.grow_in_place(process, r);
                    r.addr
                }
                () => run.move_one(process, r, false),
            };
            run.bind(step, got);
            Ok(run.told_move(step, &a, 0, got))
        })
    }

    fn shrink(&mut self, process: usize, r: Remap) {
        if r.new < r.old && self.holds(Effect::Shrinks) {
            self.space(process).unmap(r.addr + r.new, r.addr + r.old);
        }
    }

    fn grow_in_place(&mut self, process: usize, r: Remap) {
        if !self.holds(Effect::Grows) {
            return;
        }
        let Some(area) = self.area_at(process, r.addr) else {
            return;
        };
        let (end, grown) = (area.end, area.end + (r.new - r.old));
        let locked = area.locked;
        let mut more = area.clone();
        more.cut_to(end, grown);
        self.space(process).insert(more);
        if locked {
            self.populate(process, end, grown);
        }
    }

    fn area_at(&self, process: usize, addr: i128) -> Option<Area> {
        self.w.processes.get(process)?.space.at(addr).cloned()
    }

    /// Moves all mappings of a range.
    fn move_several(&mut self, process: usize, r: Remap) -> i128 {
        let end = r.addr + r.old;
        let areas = self
            .w
            .processes
            .get(process)
            .map(|p| p.space.within(r.addr, end));
        let mut ranges: Vec<_> = areas
            .into_iter()
            .flatten()
            .map(|a| (a.start.max(r.addr), a.end.min(end)))
            .collect();
        if ranges.len() > 1 && !self.holds(Effect::MovesSeveral) {
            ranges.truncate(1);
        }
        for (from, to) in ranges {
            let there = r.to + (from - r.addr);
            self.relocate(process, (from, to - from), (there, to - from), r.stays());
        }
        r.to
    }

    /// Moves one mapping, or a part of it, to a place that is named or that the kernel chooses.
    fn move_one(&mut self, process: usize, r: Remap, follows: bool) -> i128 {
        let to = match r.is_fixed() || r.stays() && follows {
            true => r.to,
            false => self.choose(process, r.new),
        };
        if r.is_fixed() {
            self.space(process).unmap(r.to, r.to + r.new);
        }
        self.shrink(process, r);
        let kept = r.old.min(r.new);
        self.relocate(process, (r.addr, kept), (to, r.new), r.stays());
        to
    }

    fn relocate(
        &mut self,
        process: usize,
        (from, old): (i128, i128),
        (to, new): (i128, i128),
        stays: bool,
    ) {
        if !self.holds(Effect::MovesMapping) {
            return;
        }
        // The new place may be a part of the same mapping, which is shorter without it.
        self.space(process).unmap(to, to + new);
        let Some(mut area) = self.area_at(process, from) else {
            return;
        };
        let whole = (area.start, area.end);
        area.cut_to(from, from + new);
        if area.record == 0 {
            area.home = to;
        }
        (area.start, area.end) = (to, to + new);
        let locked = area.locked;
        let space = self.space(process);
        space.carry(from, from + old, to);
        if stays {
            space.insert(area);
            if self.holds(Effect::Stays) {
                let bare = whole == (from, from + old);
                self.space(process).change(whole.0, whole.1, &mut |a| {
                    a.locked = false;
                    a.marks &= !mark::ON_FAULT;
                    a.record = if bare { 0 } else { a.record };
                });
            } else {
                self.space(process).unmap(from, from + old);
            }
        } else {
            space.unmap(from, from + old);
            space.insert(area);
        }
        if locked && new > old {
            self.populate(process, to + old, to + new);
        }
    }

    /// The address that was got, by the argument that it is, else by where it lies.
    /// `first` is the number of the argument that is an address.
    pub(super) fn told_move(&self, step: &Step, a: &[i128; 6], first: usize, got: i128) -> Outcome {
        if a[0] == 0 {
            return Self::bound(step);
        }
        let named = [(0, first), (4, 4.max(first))];
        let named = named.into_iter().find(|(i, _)| a[*i] == got).map(|n| n.1);
        let q = named.and_then(|i| step.args.get(i)).and_then(Arg::quantity);
        match (q, split(got)) {
            (Some(q), _) => Outcome::Value(q.with_eof(&self.program.file.size)),
            (None, (Place::Arena, offset)) => {
                Outcome::Value(Quantity::name("arena").plus(&self.numbers.number(offset)))
            }
            _ => Outcome::Elsewhere,
        }
    }
}
