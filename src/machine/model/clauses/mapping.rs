//! The clauses of munmap(2), mprotect(2) and msync(2).

mod protect;
mod sync;

pub use protect::{MPROTECT, Stop, protected, stops_at};
pub use sync::MSYNC;

use super::{answer, effect, when};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::space::{EXEC, Place, READ, WRITE, mark, split};

const ADDR: usize = 0;
const LEN: usize = 1;
const FLAGS: usize = 2;

/// The protection that flags ask for.
pub fn prot_of(flags: u64) -> u8 {
    let mut prot = 0;
    for (flag, bit) in [
        (number::PROT_READ, READ),
        (number::PROT_WRITE, WRITE),
        (number::PROT_EXEC, EXEC),
    ] {
        if flags & bits(flag) != 0 {
            prot |= bit;
        }
    }
    prot
}

fn aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(ADDR), Errno("EINVAL"))
}

fn length_zero(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Errno("EINVAL"))
}

/// The range in whole pages.
fn range(c: &Ctx<'_>) -> (i128, i128) {
    let start = c.word(ADDR);
    (start, start + c.pages(LEN).unwrap_or(0))
}

fn munmap_outside(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(LEN) > c.top() {
        return Some(Errno("EINVAL"));
    }
    match c.is_outside(c.word(ADDR), c.word(LEN)) {
        Some(outside) => when(outside, Errno("EINVAL")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

fn unknown_range(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let why = "what lies there is not known";
    when(!c.is_known(start, end), Unmodelled(why))
}

fn munmap_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let sealed = c
        .areas(start, end)
        .iter()
        .any(|a| a.is_marked(mark::SEALED));
    when(sealed, Errno("EPERM"))
}

fn is_wrapping(c: &Ctx<'_>) -> Option<bool> {
    let len = c.pages(LEN);
    let (place, offset) = split(c.word(ADDR));
    let end = offset + len.unwrap_or(0);
    let max = c.m.scale.word_max() + 1;
    match place {
        _ if len.is_none() => Some(true),
        Place::Absolute => Some(end >= max),
        // No place lies in the upper half.
        _ if end < max / 2 => Some(false),
        _ if end >= max => Some(true),
        _ => None,
    }
}

fn wraps(c: &Ctx<'_>) -> Option<Answer> {
    match is_wrapping(c) {
        Some(wraps) => when(wraps, Errno("ENOMEM")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

/// munmap(2).
pub static MUNMAP: List = List {
    name: "munmap",
    clauses: &[
        answer(
            "munmap/aligned",
            &["munmap(2) DESCRIPTION", "mm/vma.c do_vmi_munmap()"],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        )
        .linux(),
        answer(
            "munmap/may-want-aligned",
            &["POSIX.1-2024 munmap() ERRORS, may fail, [EINVAL]"],
            "An address that is not a multiple of the page size may be refused with EINVAL.",
            aligned,
        )
        .posix(Force::Permitted),
        answer(
            "munmap/outside",
            &[
                "POSIX.1-2024 munmap() ERRORS [EINVAL]",
                "mm/vma.c do_vmi_munmap()",
            ],
            "A range that leaves the address space is EINVAL.",
            munmap_outside,
        ),
        answer(
            "munmap/length-zero",
            &[
                "POSIX.1-2024 munmap() ERRORS [EINVAL]",
                "munmap(2) ERRORS EINVAL",
                "mm/vma.c do_vmi_munmap()",
            ],
            "A length of zero is EINVAL.",
            length_zero,
        ),
        answer(
            "munmap/unknown",
            &["munmap(2) DESCRIPTION"],
            "What is taken out beside what the case mapped itself is not known.",
            unknown_range,
        ),
        answer(
            "munmap/sealed",
            &[
                "mm/vma.c vms_gather_munmap_vmas()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "A range that holds a sealed page is EPERM, and nothing is taken out.",
            munmap_sealed,
        )
        .linux(),
        effect(
            "munmap/unmaps",
            &[
                "POSIX.1-2024 munmap() DESCRIPTION",
                "munmap(2) DESCRIPTION",
                "mm/vma.c do_vmi_align_munmap()",
            ],
            "All pages that hold a part of the range are taken out, and what is not mapped is no error.",
            Effect::Unmaps,
        ),
        effect(
            "munmap/cuts-areas",
            &["mm/vma.c vms_gather_munmap_vmas(), vms_abort_munmap_vmas()"],
            "What is refused on its way, by a seal or by a limit on what would be put there, has cut the area in two in which the range begins; by a limit also the one in which it ends.",
            Effect::CutsAreas,
        )
        .linux(),
    ],
};
