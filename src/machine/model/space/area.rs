//! Areas: pages that lie together and were mapped alike.

use super::Addr;

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
    /// The open description that it was mapped through; none is memory without a file.
    pub through: Option<usize>,
    /// What else the kernel notes of it, of the constants of [`mark`].
    pub marks: u32,
    /// Of private anonymous memory: the address that its first page counts as having. A move takes
    /// it along where pages were stored to.
    pub home: Addr,
    /// Which record of private pages it has (`anon_vma`); 0 is none.
    pub record: u32,
    /// Whether that record came from a parent.
    pub inherited: bool,
}

/// What the kernel notes of an area that no byte shows.
pub mod mark {
    /// Its pages are counted as promised (`VM_ACCOUNT`).
    pub const ACCOUNTED: u32 = 1;
    /// MAP_NORESERVE.
    pub const UNRESERVED: u32 = 2;
    /// MADV_RANDOM.
    pub const RANDOM: u32 = 4;
    /// MADV_SEQUENTIAL.
    pub const SEQUENTIAL: u32 = 8;
    /// MADV_DONTDUMP.
    pub const UNDUMPED: u32 = 0x10;
    /// mseal(2).
    pub const SEALED: u32 = 0x20;
    /// MLOCK_ONFAULT.
    pub const ON_FAULT: u32 = 0x40;
    /// MADV_HUGEPAGE.
    pub const HUGE: u32 = 0x80;
    /// MADV_NOHUGEPAGE.
    pub const SMALL: u32 = 0x100;
    /// MADV_MERGEABLE.
    pub const MERGEABLE: u32 = 0x200;
    /// A page that is missing gives a signal: userfaultfd(2).
    pub const MISSING: u32 = 0x400;
    /// A store gives a signal.
    pub const UNWRITTEN: u32 = 0x800;
    /// A page that is missing never comes.
    pub const AWAITED: u32 = 0x1000;
    /// It comes late.
    pub const LATE: u32 = 0x2000;
    /// Whoever should supply it goes away.
    pub const FORSAKEN: u32 = 0x4000;
    /// It is unmapped in the middle of the touch.
    pub const RACE_UNMAP: u32 = 0x8000;
    /// All rights to it are taken in the middle of the touch.
    pub const RACE_PROTECT: u32 = 0x1_0000;
    /// Other memory is mapped over it in the middle of the touch.
    pub const RACE_REPLACE: u32 = 0x2_0000;
    /// It has had guard pages. Neighbours are one whether they have or not: `VM_STICKY` of
    /// include/linux/mm.h.
    pub const GUARDED: u32 = 0x4_0000;
    /// All that userfaultfd(2) leaves on an area.
    pub const TAKEN_OVER: u32 = 0x3_fc00;
}

impl Area {
    /// An area of memory without a file, of no length and without rights.
    pub fn of_nothing() -> Self {
        Area {
            start: 0,
            end: 0,
            prot: 0,
            may: 0,
            shared: false,
            writes_back: false,
            object: None,
            grows_down: false,
            locked: false,
            not_for_children: false,
            wiped_on_fork: false,
            droppable: false,
            size: 0,
            since: 0,
            through: None,
            marks: 0,
            home: 0,
            record: 0,
            inherited: false,
        }
    }

    /// Whether it has one of these marks.
    pub fn is_marked(&self, marks: u32) -> bool {
        self.marks & marks != 0
    }

    /// Whether it is memory of its process alone that no file is behind.
    pub fn is_anonymous(&self) -> bool {
        !self.shared && self.through.is_none()
    }

    /// Whether it counts as data.
    pub fn is_data(&self) -> bool {
        !self.shared && self.prot & WRITE != 0 && !self.grows_down
    }

    /// Whether what lies behind is alike in all but what may be done with it, and goes on where
    /// this one ends: `anon_vma_compatible()` of mm/vma.c.
    pub(super) fn is_kin(&self, behind: &Area) -> bool {
        let goes_on = match (self.object, behind.object) {
            (None, None) => behind.home - behind.start == self.home - self.start,
            (Some((a, from)), Some((b, at))) => {
                a == b && at == from.wrapping_add((behind.start - self.start) as u64)
            }
            _ => false,
        };
        self.end == behind.start
            && goes_on
            && (self.may, self.shared, self.writes_back)
                == (behind.may, behind.shared, behind.writes_back)
            && (self.grows_down, self.locked) == (behind.grows_down, behind.locked)
            && self.not_for_children == behind.not_for_children
            && self.wiped_on_fork == behind.wiped_on_fork
            && self.droppable == behind.droppable
            && self.through == behind.through
            && (self.marks ^ behind.marks) & !mark::GUARDED == 0
            && (self.size, self.since) == (behind.size, behind.since)
    }

    /// Whether what lies behind is one area with this one: `vma_merge_existing_range()` of
    /// mm/vma.c.
    pub(super) fn joins(&self, behind: &Area) -> bool {
        let records = self.record == behind.record
            || (self.record == 0 || behind.record == 0) && !self.inherited && !behind.inherited;
        self.prot == behind.prot && records && self.is_kin(behind)
    }

    /// Whether it holds the address.
    pub fn holds(&self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }

    /// Where in its object an address lies.
    pub fn offset(&self, addr: Addr) -> Option<(usize, u64)> {
        let (object, at) = self.object?;
        Some((object, at.wrapping_add((addr - self.start) as u64)))
    }

    /// Makes it another range of what it is of: its object and its pages go on in both directions.
    pub fn cut_to(&mut self, start: Addr, end: Addr) {
        self.cut_front(start);
        self.end = end;
    }

    pub(super) fn cut_front(&mut self, to: Addr) {
        if let Some((_, at)) = &mut self.object {
            *at = at.wrapping_add((to - self.start) as u64);
        }
        self.home += to - self.start;
        self.start = to;
    }
}
