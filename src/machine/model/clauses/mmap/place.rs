//! Conditions about length and place.

use super::super::when;
use super::args::*;
use crate::case::errno;
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer;
use crate::machine::model::clause::Answer::{Elsewhere, Errno, Unmodelled};
use crate::machine::model::machine::{Arch, Fs};
use crate::machine::model::space::{Known, Place, mark, split};
use crate::machine::model::world::What;

pub(super) fn length_zero(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Errno("EINVAL"))
}

pub(super) fn length_overflow(c: &Ctx<'_>) -> Option<Answer> {
    when(c.pages(LEN).is_none(), Errno("ENOMEM"))
}

pub(super) fn length_too_long(c: &Ctx<'_>) -> Option<Answer> {
    when(length(c) > c.top(), Errno("ENOMEM"))
}

pub(super) fn low_memory(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    if c.m.arch != Arch::X86_64 || m.is_fixed() || !m.has(X86_32BIT) {
        return None;
    }
    let len = length(c);
    // Between 1 GiB and 2 GiB, of which address space randomisation takes up to 32 MiB.
    if len > 1 << 30 {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > 512 << 20,
            Unmodelled("whether so much is free below 2 GiB"),
        )
    }
}

pub(super) fn no_room(c: &Ctx<'_>) -> Option<Answer> {
    let (m, len) = (Mmap::of(c), length(c));
    if m.is_fixed() || len > c.top() {
        return None;
    }
    // The stack takes 128 MiB at the top at least: MIN_GAP in arch/x86/mm/mmap.c and its like.
    if len > c.top() - (128 << 20) {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > c.top() / 4,
            Unmodelled("whether so large a gap is free"),
        )
    }
}

/// The kernel hands the address back and takes it for an error: in the last page of the word, less
/// one byte, lie the numbers of errors.
pub(super) fn fixed_at_error(c: &Ctx<'_>) -> Option<Answer> {
    let (place, offset) = split(c.word(ADDR));
    let number = c.m.scale.word_max() + 1 - offset;
    if !Mmap::of(c).is_fixed() || place != Place::Absolute || !(1..=4095).contains(&number) {
        return None;
    }
    let number = i32::try_from(number).unwrap_or_default();
    Some(match errno::Errno::from_number(number) {
        errno::Errno::Name(name) => Errno(name),
        errno::Errno::Number(_) => Unmodelled("an error without a name"),
    })
}

pub(in crate::machine::model::clauses) fn fixed_outside(c: &Ctx<'_>) -> Option<Answer> {
    if !Mmap::of(c).is_fixed() {
        return None;
    }
    match c.is_outside(c.word(ADDR), length(c)) {
        Some(outside) => when(outside, Errno("ENOMEM")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

pub(super) fn fixed_aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).is_fixed() && c.off_page(ADDR), Errno("EINVAL"))
}

pub(in crate::machine::model::clauses) fn fixed_too_low(c: &Ctx<'_>) -> Option<Answer> {
    let (place, offset) = split(c.word(ADDR));
    let low = place == Place::Absolute && offset < i128::from(c.m.scale.min_addr);
    when(Mmap::of(c).is_fixed() && low && !c.root, Errno("EPERM"))
}

pub(super) fn noreplace(c: &Ctx<'_>) -> Option<Answer> {
    if !Mmap::of(c).has(NOREPLACE) {
        return None;
    }
    let start = c.word(ADDR);
    match c.space()?.look(start, start + length(c)) {
        Known::Taken => Some(Errno("EEXIST")),
        Known::Free => None,
        Known::No => Some(Unmodelled("what lies there is not known")),
    }
}

pub(in crate::machine::model::clauses) fn fixed_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let start = c.word(ADDR);
    let end = start + length(c);
    let known = || c.is_known(start, end);
    when(
        Mmap::of(c).is_fixed() && !known(),
        Unmodelled("what lies there is not known"),
    )
}

pub(super) fn lock_right(c: &Ctx<'_>) -> Option<Answer> {
    let none = c.limits().locked == 0;
    when(Mmap::of(c).is_locked() && none && !c.root, Errno("EPERM"))
}

/// Whether what is mapped is locked from the beginning.
pub fn locks(c: &Ctx<'_>) -> bool {
    let future = c.w.processes.get(c.process).and_then(|p| p.settings.future);
    Mmap::of(c).is_locked() || future.is_some()
}

pub(in crate::machine::model::clauses) fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    if !locks(c) || c.root {
        return None;
    }
    let locked = c.space().map_or(0, |s| s.locked());
    let page = c.page();
    let limit = c.limits().locked.div_euclid(page) * page;
    when(locked + length(c) > limit, Errno("EAGAIN"))
}

/// How much of the range is mapped already, where it is replaced.
pub(super) fn replaced(c: &Ctx<'_>) -> i128 {
    if !Mmap::of(c).replaces() {
        return 0;
    }
    let (start, end) = (c.word(ADDR), c.word(ADDR) + length(c));
    let areas = c.areas(start, end).iter();
    areas.map(|a| a.end.min(end) - a.start.max(start)).sum()
}

pub(in crate::machine::model::clauses) fn space_limit(c: &Ctx<'_>) -> Option<Answer> {
    let limits = c.limits();
    if limits.space.is_none() && limits.data.is_none() {
        return None;
    }
    let m = Mmap::of(c);
    let is_data = !m.is_shared() && writes(c) && !m.grows_down();
    when(
        !c.may_expand(length(c) - replaced(c), is_data),
        Errno("ENOMEM"),
    )
}

pub(super) fn memory(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let own = m.kind == PRIVATE && writes(c);
    let shared = m.is_shared() && (m.is_anonymous() || c.what(FD) == Some(What::Zero));
    if m.has(NORESERVE) || !(own || shared) {
        return None;
    }
    let (len, ram) = (length(c), i128::from(c.m.scale.ram));
    if len > 4 * ram {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > ram,
            Unmodelled("how much swap there is beside the memory is not told"),
        )
    }
}

pub(super) fn fills_too_much(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(
        m.populates() && length(c) > FILL_MAX,
        Unmodelled("the guard on memory may end it"),
    )
}

pub(super) fn hint(c: &Ctx<'_>) -> Option<Answer> {
    let addr = c.word(ADDR);
    if Mmap::of(c).is_fixed() || addr == 0 {
        return None;
    }
    when(hint_place(c).is_none(), Elsewhere)
}

/// Between these addresses the arena lies, and what is free on both sides of it
/// (`kernel/arena.rs`).
pub(super) const ARENA_WITHIN: std::ops::Range<i128> = (1 << 34) - (1 << 30)..(1 << 37) + (2 << 30);

pub(super) fn hint_covers_arena(c: &Ctx<'_>) -> Option<Answer> {
    let (place, at) = split(c.word(ADDR));
    if Mmap::of(c).is_fixed() || at == 0 || place != Place::Absolute {
        return None;
    }
    // A hint that is too low is taken for the lowest place that may be mapped.
    let at = at.max(i128::from(c.m.scale.min_addr));
    let meets = at < ARENA_WITHIN.end && at + length(c) > ARENA_WITHIN.start;
    when(meets, Unmodelled("whether it is put over the arena"))
}

pub(super) fn hint_of_far_offset(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.fd(FD).is_some_and(|o| c.w.is_file(o)) && c.m.fs != Fs::Tmpfs;
    let own_zeros = c.what(FD) == Some(What::Zero) && Mmap::of(c).kind != SHARED;
    if !with_file(c) || !(on_disk || own_zeros) || Mmap::of(c).is_fixed() || c.word(ADDR) == 0 {
        return None;
    }
    let overflows = c.word(OFFSET) + i128::from(c.m.scale.huge) > i128::from(i64::MAX);
    let why = "whether the hint is followed where the offset overflows";
    when(overflows, Unmodelled(why))
}

pub(super) fn hint_is_doubtful(c: &Ctx<'_>) -> Option<Answer> {
    if Mmap::of(c).is_fixed() {
        return None;
    }
    let at = hint_place(c)?;
    when(!c.is_known(at, at + length(c)), Elsewhere)
}

/// Where a hint leads, if it is one that could be followed.
pub fn hint_place(c: &Ctx<'_>) -> Option<i128> {
    let m = Mmap::of(c);
    let addr = c.word(ADDR);
    let at = addr - split(addr).1.rem_euclid(c.page());
    let low = c.m.arch == Arch::X86_64 && m.has(X86_32BIT);
    let (place, offset) = split(at);
    let absolute = place == Place::Absolute;
    if m.is_fixed() || offset == 0 && absolute || low {
        return None;
    }
    if absolute && offset < i128::from(c.m.scale.min_addr) {
        return None;
    }
    let len = length(c);
    if c.is_outside(at, len) == Some(true) {
        return None;
    }
    let gap = GUARD_PAGES * c.page();
    let space = c.space()?;
    let clash = |a: &crate::machine::model::space::Area| {
        let start = a.start - if a.grows_down { gap } else { 0 };
        a.end > at && start < at + len
    };
    let taken = space.within(at, at + len + gap).iter().any(clash);
    (!taken).then_some(at)
}

pub(in crate::machine::model::clauses) fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let start = c.word(ADDR);
    let areas = c.areas(start, start + length(c));
    let sealed = areas.iter().any(|a| a.is_marked(mark::SEALED));
    when(Mmap::of(c).replaces() && sealed, Errno("EPERM"))
}

pub(super) fn hugetlb_file(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(m.has(HUGETLB) && !m.is_anonymous(), Errno("EINVAL"))
}

pub(super) fn hugetlb_size(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let log = m.flags >> 26 & 0x3f;
    // The sizes that an x86_64 kernel can have; which of them it has is the machine's business.
    let possible = c.m.arch != Arch::X86_64 || matches!(log, 0 | 21 | 30);
    when(
        m.has(HUGETLB) && m.is_anonymous() && !possible,
        Errno("EINVAL"),
    )
}

pub(super) fn hugetlb_pages(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let why = "how many huge pages are free is not told";
    when(m.has(HUGETLB) && m.is_anonymous(), Unmodelled(why))
}
