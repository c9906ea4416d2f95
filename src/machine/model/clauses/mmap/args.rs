//! What mmap(2) was given.

use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::world::What;

/// The address; the arguments by number.
pub const ADDR: usize = 0;

/// The length.
pub const LEN: usize = 1;

/// The protection.
pub const PROT: usize = 2;

/// The flags.
pub const FLAGS: usize = 3;

/// The descriptor.
pub const FD: usize = 4;

/// The offset.
pub const OFFSET: usize = 5;
pub(super) const TYPE: u64 = 0xf;
pub(super) const SHARED: u64 = bits(number::MAP_SHARED);
pub(super) const PRIVATE: u64 = bits(number::MAP_PRIVATE);
pub(super) const VALIDATE: u64 = 3;

/// The type MAP_DROPPABLE.
pub const DROPPABLE: u64 = 8;
pub(super) const ANONYMOUS: u64 = bits(number::MAP_ANONYMOUS);
pub(super) const FIXED: u64 = bits(number::MAP_FIXED);
pub(super) const NOREPLACE: u64 = 0x10_0000;

/// MAP_32BIT of x86.
pub const X86_32BIT: u64 = 0x40;
pub(super) const X86_ABOVE4G: u64 = 0x80;
pub(super) const GROWSDOWN: u64 = bits(number::MAP_GROWSDOWN);
pub(super) const LOCKED: u64 = bits(number::MAP_LOCKED);
pub(super) const POPULATE: u64 = bits(number::MAP_POPULATE);
pub(super) const NONBLOCK: u64 = bits(number::MAP_NONBLOCK);

/// MAP_NORESERVE.
pub const NORESERVE: u64 = bits(number::MAP_NORESERVE);
pub(super) const HUGETLB: u64 = bits(number::MAP_HUGETLB);
pub(super) const SYNC: u64 = 0x8_0000;

/// LEGACY_MAP_MASK of include/linux/mman.h.
pub(super) const LEGACY: u64 = SHARED
    | PRIVATE
    | FIXED
    | ANONYMOUS
    | bits(number::MAP_DENYWRITE)
    | bits(number::MAP_EXECUTABLE)
    | 0x400_0000
    | GROWSDOWN
    | LOCKED
    | NORESERVE
    | POPULATE
    | NONBLOCK
    | bits(number::MAP_STACK)
    | HUGETLB
    | (21 << 26)
    | (30 << 26);

/// What lies between a stack and what is below it: `stack_guard_gap` of mm/mmap.c, in pages.
pub const GUARD_PAGES: i128 = 256;

/// A call that fills more than this may meet the guard on memory.
pub const FILL_MAX: i128 = 64 << 20;

/// How mmap was called, in words.
#[derive(Debug, Clone, Copy)]
pub struct Mmap {
    /// The sharing type.
    pub kind: u64,
    /// All flags.
    pub flags: u64,
}

impl Mmap {
    /// Reads the flags of a call.
    pub fn of(c: &Ctx<'_>) -> Self {
        let flags = c.flags(FLAGS);
        Mmap {
            kind: flags & TYPE,
            flags,
        }
    }

    /// Whether a flag is given.
    pub fn has(self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether it maps memory without a file.
    pub fn is_anonymous(self) -> bool {
        self.has(ANONYMOUS)
    }

    /// Whether the address is meant.
    pub fn is_fixed(self) -> bool {
        self.has(FIXED | NOREPLACE)
    }

    /// Whether what is there may be replaced.
    pub fn replaces(self) -> bool {
        self.has(FIXED) && !self.has(NOREPLACE)
    }

    /// Whether stores are shared.
    pub fn is_shared(self) -> bool {
        matches!(self.kind, SHARED | VALIDATE)
    }

    /// Whether it is a mapping that grows downwards.
    pub fn grows_down(self) -> bool {
        self.has(GROWSDOWN)
    }

    /// Whether it is filled ahead of the first touch.
    pub fn populates(self) -> bool {
        self.is_locked() || self.flags & (POPULATE | NONBLOCK) == POPULATE
    }

    /// Whether it is to be locked.
    pub fn is_locked(self) -> bool {
        self.has(LOCKED)
    }
}

pub(super) fn writes(c: &Ctx<'_>) -> bool {
    c.flags(PROT) & bits(number::PROT_WRITE) != 0
}

pub(super) fn with_file(c: &Ctx<'_>) -> bool {
    !Mmap::of(c).is_anonymous()
}

pub(super) fn is_regular(c: &Ctx<'_>) -> bool {
    matches!(c.what(FD), Some(What::Object(_)))
}

pub(super) fn length(c: &Ctx<'_>) -> i128 {
    c.pages(LEN).unwrap_or(0)
}
