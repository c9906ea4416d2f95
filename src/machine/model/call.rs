//! What a clause gets to see of a call: its arguments, and the world as it is.

use super::machine::Machine;
use super::space::{Addr, Area, Place, Space, split};
use super::world::{Limits, Open, Process, What, World};

/// A call that is about to be judged.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// The platform.
    pub m: &'a Machine,
    /// The world before the call.
    pub w: &'a World<'a>,
    /// Whose call it is.
    pub process: usize,
    /// Its arguments, in the order of the manual page.
    pub a: [i128; 6],
    /// Of open(2) and unlink(2): which path.
    pub path: &'static str,
    /// Of a read or write: whether it names its offset.
    pub positioned: bool,
    /// Of a touch: whether it stores.
    pub store: bool,
    /// Of a touch: whether a system call makes it.
    pub by_kernel: bool,
    /// Whether it has the rights of root.
    pub root: bool,
    /// How far a transfer gets in its buffer.
    pub reach: Reach,
}

/// How far a transfer gets in memory that the case named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// So many bytes, of which there are fewer than asked for.
    Short(u64),
    /// To its end.
    Whole,
    /// It leaves the user's part of the address space.
    Outside,
    /// It can't be known: what lies there is not the case's own.
    Unknown,
}

/// The first bits of a flag word.
pub const fn bits(n: i32) -> u64 {
    n as u64
}

impl<'a> Ctx<'a> {
    /// The page size, a power of two.
    pub fn page(&self) -> i128 {
        i128::from(self.m.scale.page)
    }

    /// The end of the user's address space.
    pub fn top(&self) -> i128 {
        i128::from(self.m.scale.top)
    }

    /// The address space.
    pub fn space(&self) -> Option<&'a Space> {
        self.w.processes.get(self.process).map(|p| &p.space)
    }

    /// What the process may have.
    pub fn limits(&self) -> Limits {
        let process = self.w.processes.get(self.process);
        process.map_or_else(Limits::default, |p| p.limits)
    }

    /// Whether the process may have more areas of so many bytes, and whether they count as data:
    /// `may_expand_vm()` of mm/mmap.c.
    pub fn may_expand(&self, more: i128, is_data: bool) -> bool {
        self.may_hold(more, is_data.then_some(more))
    }

    /// The same, of so many bytes in all and so many of data, where these are looked at.
    pub fn may_hold(&self, more: i128, data: Option<i128>) -> bool {
        let (limits, page) = (self.limits(), self.page());
        let fits = |limit: Option<i128>, used: fn(&Space) -> i128, more: i128| {
            let Some(limit) = limit else {
                return true;
            };
            let used = self.space().map_or(0, used);
            used + more <= limit.div_euclid(page) * page
        };
        fits(limits.space, Space::mapped, more)
            && data.is_none_or(|more| fits(limits.data, Space::data, more))
    }

    /// Whether no descriptor is left.
    pub fn has_no_descriptor(&self) -> bool {
        let Some(limit) = self.limits().files else {
            return false;
        };
        let process = self.w.processes.get(self.process);
        let free = process.map_or(0, Process::lowest_free);
        free as i128 >= limit
    }

    /// A word of the call.
    pub fn word(&self, i: usize) -> i128 {
        self.a.get(i).copied().unwrap_or(0)
    }

    /// A flag word of the call.
    pub fn flags(&self, i: usize) -> u64 {
        self.word(i) as u64
    }

    /// The description behind the descriptor that is argument `i`; O_PATH descriptors are none.
    pub fn fd(&self, i: usize) -> Option<&'a Open> {
        let open = self.w.open(self.process, self.word(i))?;
        (!open.path).then_some(open)
    }

    /// Whether an address lies off a page boundary.
    pub fn off_page(&self, i: usize) -> bool {
        split(self.word(i)).1 & (self.page() - 1) != 0
    }

    /// A length rounded up to whole pages; `None` where that is more than a word holds.
    pub fn pages(&self, i: usize) -> Option<i128> {
        let page = self.page();
        let len = self.word(i);
        let up = (len + page - 1) & !(page - 1);
        (up <= self.m.scale.word_max()).then_some(up)
    }

    /// Whether a range ends behind the user's address space; `None` where that can't be known.
    pub fn is_outside(&self, start: Addr, len: i128) -> Option<bool> {
        let (place, offset) = split(start);
        let end = offset.checked_add(len)?;
        match place {
            Place::Absolute => Some(offset > self.top() || end > self.top()),
            // The arena begins somewhere between these (see `kernel/arena.rs`).
            Place::Arena | Place::Chosen(_) => {
                let (least, most) = match (self.m.scale.bits, place) {
                    (64, Place::Arena) => (1 << 34, 1 << 37),
                    (_, Place::Arena) => (0x1800_0000, 0x6000_0000),
                    _ => (0, self.top()),
                };
                if least + end > self.top() {
                    Some(true)
                } else if most + end <= self.top() || self.is_known(start, start + len) {
                    Some(false)
                } else {
                    None
                }
            }
        }
    }

    /// Whether it is known what lies in a range.
    pub fn is_known(&self, start: Addr, end: Addr) -> bool {
        self.space().is_some_and(|s| s.is_known(start, end))
    }

    /// The areas that a range meets.
    pub fn areas(&self, start: Addr, end: Addr) -> &'a [Area] {
        self.space().map_or(&[], |s| s.within(start, end))
    }

    /// What a descriptor leads to.
    pub fn what(&self, i: usize) -> Option<What> {
        self.fd(i).map(|o| o.what)
    }
}
