//! Address spaces: areas, and the pages that a process has for itself.
//!
//! An address is a number beside a *place* whose own address is not known: the arena, or where the
//! kernel chose to put something. Both are kept in one `i128`: the place above, the distance below.
//! So the arithmetic that cases do on addresses is plain addition, and two places never meet.

mod area;

pub use area::{Area, EXEC, READ, WRITE, mark};

use super::object::Block;
use std::collections::BTreeMap;

/// An address: a place, and how far from there.
pub type Addr = i128;

/// Which place an address is beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// None: it is the number itself.
    Absolute,
    /// The arena.
    Arena,
    /// What the kernel chose, by number.
    Chosen(i128),
}

const SHIFT: u32 = 80;

/// Where the arena begins.
pub const ARENA: Addr = 1 << SHIFT;

/// Where the place of this number begins.
pub fn chosen(n: usize) -> Addr {
    (n as i128 + 2) << SHIFT
}

/// The place that an address is beside, and how far from there.
pub fn split(addr: Addr) -> (Place, i128) {
    let place = (addr + (1 << (SHIFT - 1))) >> SHIFT;
    let offset = addr - (place << SHIFT);
    let place = match place {
        0 => Place::Absolute,
        1 => Place::Arena,
        n => Place::Chosen(n - 2),
    };
    (place, offset)
}

/// Ranges without what lies from `start` to `end`.
fn without(ranges: &[(Addr, Addr)], start: Addr, end: Addr) -> Vec<(Addr, Addr)> {
    let cut = |(from, to): &(Addr, Addr)| [(*from, (*to).min(start)), ((*from).max(end), *to)];
    let left = ranges.iter().flat_map(cut);
    left.filter(|(from, to)| from < to).collect()
}

/// The address space of a process.
#[derive(Debug, Clone, Default)]
pub struct Space {
    /// In order, without overlap.
    areas: Vec<Area>,
    /// Pages that the process has for itself, by their first address.
    pub own: BTreeMap<Addr, Block>,
    /// Ranges of private anonymous memory whose pages were made present without being stored to.
    present: Vec<(Addr, Addr)>,
    /// Ranges of guard pages, MADV_GUARD_INSTALL.
    guards: Vec<(Addr, Addr)>,
    /// Ranges of pages that are marked as bad memory, UFFDIO_POISON.
    poisoned: Vec<(Addr, Addr)>,
    /// Ranges where nothing lies but what the case put there.
    known: Vec<(Addr, Addr)>,
    /// How many records of private pages were begun.
    records: u32,
}

/// What is known of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing lies there.
    Free,
    /// Something lies there.
    Taken,
    /// The kernel or the harness may have put something there.
    No,
}

impl Space {
    /// All areas in order.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// A space of which it is known that nothing lies in these ranges.
    pub fn knowing(known: &[(Addr, Addr)]) -> Self {
        Space {
            known: known.to_vec(),
            ..Space::default()
        }
    }

    /// Makes known that nothing but what the case puts there lies in a range.
    pub fn learn(&mut self, start: Addr, end: Addr) {
        self.known.push((start, end));
    }

    /// Makes unknown what lies in the holes of places that the kernel has chosen: it may choose them
    /// for the next one.
    pub fn doubt_holes(&mut self) {
        let known = std::mem::take(&mut self.known);
        let (chosen, rest): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|(start, _)| matches!(split(*start).0, Place::Chosen(_)));
        self.known = rest;
        for (start, end) in chosen {
            let areas = self.within(start, end).iter();
            let mapped = areas.map(|a| (a.start.max(start), a.end.min(end)));
            let mapped: Vec<_> = mapped.collect();
            self.known.extend(mapped);
        }
    }

    /// The number of the first area that ends behind `addr`.
    pub fn after(&self, addr: Addr) -> usize {
        self.areas.partition_point(|a| a.end <= addr)
    }

    /// The area that holds an address.
    pub fn at(&self, addr: Addr) -> Option<&Area> {
        self.areas.get(self.after(addr)).filter(|a| a.holds(addr))
    }

    /// The areas that a range meets.
    pub fn within(&self, start: Addr, end: Addr) -> &[Area] {
        let first = self.after(start);
        let last = self.areas.partition_point(|a| a.start < end);
        self.areas.get(first..last.max(first)).unwrap_or_default()
    }

    /// Whether all of a range is known: areas, or known to be free.
    pub fn is_known(&self, start: Addr, end: Addr) -> bool {
        let mut at = start;
        while at < end {
            let area = self.at(at).map(|a| a.end);
            let free = || self.known.iter().find(|(s, e)| *s <= at && at < *e);
            let Some(to) = area.or_else(|| free().map(|r| r.1)) else {
                return false;
            };
            at = to;
        }
        true
    }

    /// What is known of a range.
    pub fn look(&self, start: Addr, end: Addr) -> Known {
        if !self.within(start, end).is_empty() {
            Known::Taken
        } else if self.is_known(start, end) {
            Known::Free
        } else {
            Known::No
        }
    }

    /// Whether every page of a range is mapped.
    pub fn is_mapped(&self, start: Addr, end: Addr) -> bool {
        let mut at = start;
        for area in self.within(start, end) {
            if area.start > at {
                return false;
            }
            at = area.end;
        }
        at >= end
    }

    /// Cuts the area in two that holds an address, which does not begin there.
    pub fn split_at(&mut self, addr: Addr) {
        let i = self.after(addr);
        if let Some(area) = self.areas.get_mut(i).filter(|a| a.start < addr) {
            let mut back = area.clone();
            area.end = addr;
            back.cut_front(addr);
            self.areas.insert(i + 1, back);
        }
    }

    /// Takes everything out of a range.
    pub fn unmap(&mut self, start: Addr, end: Addr) {
        if self.within(start, end).is_empty() {
            return;
        }
        self.split_at(start);
        self.split_at(end);
        self.areas.retain(|a| a.end <= start || a.start >= end);
        self.forget(start, end);
        self.unguard(start, end);
    }

    /// Makes guard pages of a range, and drops what the process has there for itself.
    pub fn guard(&mut self, start: Addr, end: Addr) {
        self.forget(start, end);
        self.unguard(start, end);
        self.guards.push((start, end));
        let met = self.areas.iter_mut();
        met.filter(|a| a.end > start && a.start < end)
            .for_each(|a| a.marks |= mark::GUARDED);
        let areas = self.within(start, end).iter();
        let private: Vec<_> = areas
            .filter(|a| !a.shared)
            .map(|a| a.start.max(start))
            .collect();
        private.into_iter().for_each(|at| self.begin_record(at));
    }

    /// Removes the guard pages of a range.
    pub fn unguard(&mut self, start: Addr, end: Addr) {
        if !self.guards.is_empty() {
            self.guards = without(&self.guards, start, end);
        }
    }

    /// The first guard page of a range.
    pub fn first_guard(&self, start: Addr, end: Addr) -> Option<Addr> {
        let met = self
            .guards
            .iter()
            .filter(|(from, to)| *from < end && start < *to);
        met.map(|(from, _)| (*from).max(start)).min()
    }

    /// Drops the process's own pages of a range.
    pub fn forget(&mut self, start: Addr, end: Addr) {
        if !self.own.is_empty() {
            self.own.retain(|at, _| *at < start || *at >= end);
        }
        if !self.present.is_empty() {
            self.present = without(&self.present, start, end);
        }
        if !self.poisoned.is_empty() {
            self.poisoned = without(&self.poisoned, start, end);
        }
    }

    /// Marks the pages of a range as bad memory.
    pub fn poison(&mut self, start: Addr, end: Addr) {
        self.poisoned.push((start, end));
    }

    /// The first page of a range that is marked as bad memory.
    pub fn first_poisoned(&self, start: Addr, end: Addr) -> Option<Addr> {
        let met = self.poisoned.iter();
        let met = met.filter(|(from, to)| *from < end && start < *to);
        met.map(|(from, _)| (*from).max(start)).min()
    }

    /// Puts an area where nothing lies; neighbours that are alike are one with it.
    pub fn insert(&mut self, area: Area) {
        let (start, end) = (area.start, area.end);
        let i = self.after(start);
        if self.areas.is_empty() {
            self.areas.reserve_exact(1);
        }
        self.areas.insert(i, area);
        self.join(start, end);
    }

    /// Changes the areas of a range, which end and begin at its ends; neighbours that are alike
    /// then are one.
    pub fn change(&mut self, start: Addr, end: Addr, change: &mut dyn FnMut(&mut Area)) {
        self.split_at(start);
        self.split_at(end);
        let areas = self.areas.iter_mut();
        areas
            .filter(|a| a.end > start && a.start < end)
            .for_each(change);
        self.join(start, end);
    }

    /// Makes one of neighbours that are alike, in a range and at its ends.
    fn join(&mut self, start: Addr, end: Addr) {
        let mut i = self.after(start).saturating_sub(1);
        while let [a, b, ..] = self.areas.get_mut(i..).unwrap_or_default() {
            if a.start > end {
                return;
            }
            if a.joins(b) {
                a.end = b.end;
                a.record = a.record.max(b.record);
                a.marks |= b.marks;
                self.areas.remove(i + 1);
            } else {
                i += 1;
            }
        }
    }

    /// Gives a process a page of its own.
    pub fn keep(&mut self, page: Addr, block: Block) {
        self.own.insert(page, block);
        self.begin_record(page);
    }

    /// Begins a record of private pages for the area of an address, or takes that of a neighbour:
    /// `find_mergeable_anon_vma()` of mm/vma.c.
    fn begin_record(&mut self, addr: Addr) {
        let i = self.after(addr);
        let Some(area) = self.areas.get(i).filter(|a| a.record == 0 && a.holds(addr)) else {
            return;
        };
        let usable = |a: &&Area| a.record != 0 && !a.inherited;
        let next = self.areas.get(i + 1).filter(|n| area.is_kin(n));
        let before = i.checked_sub(1).and_then(|i| self.areas.get(i));
        let before = before.filter(|b| b.is_kin(area));
        let shared = next
            .filter(usable)
            .or(before.filter(usable))
            .map(|a| a.record);
        let record = shared.unwrap_or_else(|| {
            self.records += 1;
            self.records
        });
        if let Some(area) = self.areas.get_mut(i) {
            area.record = record;
        }
    }

    /// Notes that all pages of a range of private anonymous memory are present, and whether they
    /// may be stored to.
    pub fn fill(&mut self, start: Addr, end: Addr, writable: bool) {
        let is_in = |(from, to): &&(Addr, Addr)| *from <= start && end <= *to;
        if self.present.iter().find(is_in).is_none() {
            self.present.push((start, end));
        }
        if writable {
            self.begin_record(start);
        }
    }

    /// Whether a page of private anonymous memory is present.
    pub fn is_present(&self, page: Addr) -> bool {
        let holds = |(from, to): &(Addr, Addr)| *from <= page && page < *to;
        self.own.contains_key(&page) || self.present.iter().any(holds)
    }

    /// Makes it the space of a child, which may have no locks: records come from the parent, and
    /// where there is none the page tables are not copied (`vma_needs_copy()` of mm/memory.c).
    pub fn inherit(&mut self, unlocks: bool) {
        for area in &mut self.areas {
            area.inherited |= area.record != 0;
            area.locked &= !unlocks;
            area.marks &= if unlocks { !mark::ON_FAULT } else { !0 };
            // userfaultfd(2) is not inherited: dup_userfaultfd() of fs/userfaultfd.c.
            area.marks &= !mark::TAKEN_OVER;
        }
        let bare = self.areas.iter().filter(|a| a.record == 0);
        for area in bare.filter(|a| a.is_anonymous()) {
            self.present = without(&self.present, area.start, area.end);
        }
    }

    /// Takes the pages that the process has for itself from one range to another place.
    pub fn carry(&mut self, from: Addr, end: Addr, to: Addr) {
        let by = to - from;
        let pages: Vec<Addr> = self.own.range(from..end).map(|(at, _)| *at).collect();
        for at in pages {
            if let Some(block) = self.own.remove(&at) {
                self.own.insert(at + by, block);
            }
        }
        let moved: Vec<_> = self
            .present
            .iter()
            .map(|(a, b)| ((*a).max(from), (*b).min(end)))
            .filter(|(a, b)| a < b)
            .collect();
        self.forget(from, end);
        let guards = self
            .guards
            .iter()
            .map(|(a, b)| ((*a).max(from), (*b).min(end)));
        let guards: Vec<_> = guards.filter(|(a, b)| a < b).collect();
        self.unguard(from, end);
        self.guards
            .extend(guards.into_iter().map(|(a, b)| (a + by, b + by)));
        self.present
            .extend(moved.into_iter().map(|(a, b)| (a + by, b + by)));
    }

    /// Grows the area that begins at `from` down to `to`.
    pub fn grow_down(&mut self, from: Addr, to: Addr) {
        let i = self.after(from);
        if let Some(area) = self.areas.get_mut(i).filter(|a| a.start == from) {
            area.home -= area.start - to;
            area.start = to;
        }
    }

    /// How many bytes are mapped.
    pub fn mapped(&self) -> i128 {
        self.areas.iter().map(|a| a.end - a.start).sum()
    }

    /// How many bytes are private and may be written: `is_data_mapping()` of mm/vma.h.
    pub fn data(&self) -> i128 {
        let data = self.areas.iter().filter(|a| a.is_data());
        data.map(|a| a.end - a.start).sum()
    }

    /// How many bytes are locked in memory.
    pub fn locked(&self) -> i128 {
        let locked = self.areas.iter().filter(|a| a.locked);
        locked.map(|a| a.end - a.start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::ZEROS;
    use super::*;

    fn area(start: Addr, end: Addr) -> Area {
        Area {
            start,
            end,
            prot: READ,
            may: READ,
            shared: true,
            writes_back: true,
            object: Some((0, 100)),
            home: start,
            ..Area::of_nothing()
        }
    }

    #[test]
    fn a_hole_in_the_middle_leaves_two() {
        let mut space = Space::knowing(&[(0, 100)]);
        space.insert(area(10, 50));
        space.unmap(20, 30);
        let ranges: Vec<_> = space.areas().iter().map(|a| (a.start, a.end)).collect();
        assert_eq!(ranges, [(10, 20), (30, 50)]);
        assert_eq!(space.areas()[1].offset(35), Some((0, 125)));
        assert!(!space.is_mapped(10, 50) && space.is_mapped(30, 50));
        assert_eq!(space.look(20, 30), Known::Free);
        assert_eq!(space.look(20, 31), Known::Taken);
        assert_eq!(space.look(90, 101), Known::No);
    }

    #[test]
    fn neighbours_that_are_alike_are_one() {
        let anonymous = |start, end| Area {
            object: None,
            shared: false,
            ..area(start, end)
        };
        let ranges = |s: &Space| -> Vec<_> { s.areas().iter().map(|a| (a.start, a.end)).collect() };
        let mut space = Space::default();
        space.insert(anonymous(10, 20));
        space.insert(anonymous(30, 40));
        space.insert(anonymous(20, 30));
        assert_eq!(ranges(&space), [(10, 40)]);
        space.change(20, 30, &mut |a| a.prot = 0);
        assert_eq!(ranges(&space), [(10, 20), (20, 30), (30, 40)]);
        space.keep(12, ZEROS);
        space.keep(32, ZEROS);
        space.change(20, 30, &mut |a| a.prot = READ);
        // The middle has no record of its own; the outer two have one each.
        assert_eq!(ranges(&space), [(10, 30), (30, 40)]);
    }

    #[test]
    fn pages_go_with_a_move() {
        let mut space = Space::default();
        space.own.insert(10, ZEROS);
        space.fill(10, 30, false);
        space.carry(10, 20, 50);
        assert!(space.is_present(50) && space.is_present(59) && !space.is_present(60));
        assert!(!space.is_present(10) && space.is_present(20));
    }

    #[test]
    fn places_do_not_meet() {
        assert_eq!(split(ARENA - 1), (Place::Arena, -1));
        assert_eq!(split(chosen(3) + 5), (Place::Chosen(3), 5));
        assert_eq!(split(-1), (Place::Absolute, -1));
        assert_eq!(
            split(0xffff_ffff_ffff_ffff),
            (Place::Absolute, 0xffff_ffff_ffff_ffff)
        );
    }
}
