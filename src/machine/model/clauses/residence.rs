//! The clauses of mincore(2).

use super::{answer, effect, when};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::machine::Arch;
use crate::machine::model::space::Addr;

const ADDR: usize = 0;
const LEN: usize = 1;
const VEC: usize = 2;
/// Whether the vector is the harness's own, so that it can hold all.
pub const OWN_VEC: usize = 3;

/// The range in whole pages.
pub fn range(c: &Ctx<'_>) -> (Addr, Addr) {
    let (start, page) = (c.word(ADDR), c.page());
    (
        start,
        start + (c.word(LEN) + page - 1).div_euclid(page) * page,
    )
}

fn aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(ADDR), Errno("EINVAL"))
}

fn other_arch(c: &Ctx<'_>) -> Option<Answer> {
    let why = "where this architecture ends the user's address space for the kernel's own accesses";
    when(c.m.arch != Arch::X86_64, Unmodelled(why))
        .filter(|_| outside(c).is_some() || vec_outside(c).is_some())
}

fn outside(c: &Ctx<'_>) -> Option<Answer> {
    match c.is_outside(c.word(ADDR), c.word(LEN)) {
        Some(outside) => when(outside, Errno("ENOMEM")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

fn vec_outside(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(OWN_VEC) != 0 {
        return None;
    }
    let (start, end) = range(c);
    match c.is_outside(c.word(VEC), (end - start) / c.page()) {
        Some(outside) => when(outside, Errno("EFAULT")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

fn nothing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Nothing)
}

/// How far what is mapped goes on from the beginning of the range.
pub fn mapped_to(c: &Ctx<'_>) -> Addr {
    let (start, end) = range(c);
    let mut at = start;
    for area in c.areas(start, end) {
        if area.start > at {
            break;
        }
        at = area.end.min(end);
    }
    at
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let to = mapped_to(c);
    let known = to >= range(c).1 || c.is_known(to, to + 1);
    when(!known, Unmodelled("what lies there is not known"))
}

fn first_missing(c: &Ctx<'_>) -> Option<Answer> {
    when(mapped_to(c) == c.word(ADDR), Errno("ENOMEM"))
}

fn vec_unwritable(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(OWN_VEC) != 0 {
        return None;
    }
    let told = (mapped_to(c) - c.word(ADDR)) / c.page();
    match c.reach {
        Reach::Whole => None,
        Reach::Short(n) => when(i128::from(n) < told, Errno("EFAULT")),
        Reach::Outside => Some(Errno("EFAULT")),
        Reach::Unknown => Some(Unmodelled("where the answer goes is not known")),
    }
}

fn hole(c: &Ctx<'_>) -> Option<Answer> {
    when(mapped_to(c) < range(c).1, Errno("ENOMEM"))
}

/// mincore(2).
pub static MINCORE: List = List {
    name: "mincore",
    clauses: &[
        answer(
            "mincore/aligned",
            &["mincore(2) ERRORS EINVAL", "mm/mincore.c"],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        ),
        answer(
            "mincore/other-architecture",
            &[
                "mm/mincore.c (access_ok())",
                "arch/x86/include/asm/uaccess_64.h __access_ok()",
            ],
            "What lies outside of the user's address space is told for x86_64.",
            other_arch,
        ),
        answer(
            "mincore/outside",
            &["mincore(2) ERRORS ENOMEM", "mm/mincore.c (access_ok())"],
            "A range that leaves the user's address space is ENOMEM, an empty one too.",
            outside,
        ),
        answer(
            "mincore/vector-outside",
            &["mincore(2) ERRORS EFAULT", "mm/mincore.c (access_ok())"],
            "An answer that would leave the user's address space is EFAULT, before anything is looked at.",
            vec_outside,
        ),
        answer(
            "mincore/nothing",
            &["mm/mincore.c (pages)"],
            "Of an empty range nothing is told.",
            nothing,
        ),
        answer(
            "mincore/unknown",
            &["mincore(2) DESCRIPTION"],
            "What is told of what the case did not map itself is not known.",
            unknown,
        ),
        answer(
            "mincore/first-missing",
            &["mincore(2) ERRORS ENOMEM", "mm/mincore.c do_mincore()"],
            "Where the first page is not mapped, it is ENOMEM, wherever the answer was to go.",
            first_missing,
        ),
        answer(
            "mincore/vector-unwritable",
            &["mincore(2) ERRORS EFAULT", "mm/mincore.c (copy_to_user())"],
            "An answer that can't be written is EFAULT.",
            vec_unwritable,
        ),
        answer(
            "mincore/hole",
            &["mincore(2) ERRORS ENOMEM", "mm/mincore.c do_mincore()"],
            "A page that is not mapped is ENOMEM, once what lies before it is told.",
            hole,
        ),
        effect(
            "mincore/tells",
            &[
                "mincore(2) DESCRIPTION",
                "mm/mincore.c mincore_pte_range(), __mincore_unmapped_range()",
            ],
            "A page is told to be there once it was touched or written: of private memory by its process, of an object by anybody. What lies past the end of an object never is.",
            Effect::TellsResidence,
        ),
    ],
};
