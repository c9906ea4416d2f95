//! Address spaces: areas, and the pages that a process has for itself.
//!
//! An address is a number beside a *place* whose own address is not known: the arena, or where the
//! kernel chose to put something. Both are kept in one `i128`: the place above, the distance below.
//! So the arithmetic that cases do on addresses is plain addition, and two places never meet.

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

/// May be read.
pub const READ: u8 = 1;
/// May be written.
pub const WRITE: u8 = 2;
/// May be executed.
pub const EXEC: u8 = 4;

/// Pages that lie together and were mapped alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Its first address.
    pub start: Addr,
    /// The first address behind it.
    pub end: Addr,
    /// What may be done now.
    pub prot: u8,
    /// What mprotect(2) may allow.
    pub may: u8,
    /// Whether stores reach the object.
    pub shared: bool,
    /// Whether it was mapped so; a shared mapping of a descriptor that can't write is not `shared`
    /// in the kernel's eyes.
    pub writes_back: bool,
    /// The object behind it, and where in it the area begins; none is memory of its own.
    pub object: Option<(usize, u64)>,
    /// Whether it grows downwards when touched below.
    pub grows_down: bool,
    /// Whether it is locked in memory.
    pub locked: bool,
    /// Whether a child does not get it.
    pub not_for_children: bool,
    /// Whether a child gets zeros in its place.
    pub wiped_on_fork: bool,
    /// Whether the kernel may drop it at any time (MAP_DROPPABLE).
    pub droppable: bool,
    /// How large its object was when it was mapped.
    pub size: u64,
    /// How often its object had been changed when it was mapped.
    pub since: usize,
}

impl Area {
    /// Whether it holds the address.
    pub fn holds(&self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }

    /// Where in its object an address lies.
    pub fn offset(&self, addr: Addr) -> Option<(usize, u64)> {
        let (object, at) = self.object?;
        Some((object, at.wrapping_add((addr - self.start) as u64)))
    }

    fn cut_front(&mut self, to: Addr) {
        if let Some((_, at)) = &mut self.object {
            *at = at.wrapping_add((to - self.start) as u64);
        }
        self.start = to;
    }
}

/// The address space of a process.
#[derive(Debug, Clone, Default)]
pub struct Space {
    /// In order, without overlap.
    areas: Vec<Area>,
    /// Pages that the process has for itself, by their first address.
    pub own: BTreeMap<Addr, Block>,
    /// Ranges where nothing lies but what the case put there.
    known: Vec<(Addr, Addr)>,
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

    fn split_at(&mut self, addr: Addr) {
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
    }

    /// Drops the process's own pages of a range.
    pub fn forget(&mut self, start: Addr, end: Addr) {
        if !self.own.is_empty() {
            self.own.retain(|at, _| *at < start || *at >= end);
        }
    }

    /// Puts an area where nothing lies.
    pub fn insert(&mut self, area: Area) {
        let i = self.after(area.start);
        self.areas.insert(i, area);
    }

    /// Changes the areas of a range, which end and begin at its ends.
    pub fn change(&mut self, start: Addr, end: Addr, change: &mut dyn FnMut(&mut Area)) {
        self.split_at(start);
        self.split_at(end);
        let areas = self.areas.iter_mut();
        areas
            .filter(|a| a.end > start && a.start < end)
            .for_each(change);
    }

    /// Grows the area that begins at `from` down to `to`.
    pub fn grow_down(&mut self, from: Addr, to: Addr) {
        let i = self.after(from);
        if let Some(area) = self.areas.get_mut(i).filter(|a| a.start == from) {
            area.start = to;
        }
    }

    /// How many bytes are locked in memory.
    pub fn locked(&self) -> i128 {
        let locked = self.areas.iter().filter(|a| a.locked);
        locked.map(|a| a.end - a.start).sum()
    }
}

#[cfg(test)]
mod tests {
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
            grows_down: false,
            locked: false,
            wiped_on_fork: false,
            droppable: false,
            not_for_children: false,
            size: 0,
            since: 0,
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
