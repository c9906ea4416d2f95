//! The clauses of mseal(2).

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::space::{Addr, Place, split};

const ADDR: usize = 0;
const LEN: usize = 1;
const FLAGS: usize = 2;

/// The range in whole pages.
pub fn range(c: &Ctx<'_>) -> (Addr, Addr) {
    let start = c.word(ADDR);
    (start, start + c.pages(LEN).unwrap_or(0))
}

fn unknown_flag(c: &Ctx<'_>) -> Option<Answer> {
    when(c.flags(FLAGS) != 0, Errno("EINVAL"))
}

fn aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(ADDR), Errno("EINVAL"))
}

fn too_long(c: &Ctx<'_>) -> Option<Answer> {
    when(c.pages(LEN).is_none(), Errno("EINVAL"))
}

fn wraps(c: &Ctx<'_>) -> Option<Answer> {
    let (place, end) = split(range(c).1);
    let word = c.m.scale.word_max() + 1;
    let beyond = end >= word;
    match place {
        Place::Absolute => when(beyond, Errno("EINVAL")),
        // A place lies above its own distance from 0, and below the upper half.
        _ if beyond || end >= word - c.page() => Some(Errno("EINVAL")),
        _ if end < word / 2 => None,
        _ => Some(Unmodelled("where the place lies is not known")),
    }
}

fn nothing(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    when(start == end, Nothing)
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    // A hole that is known of decides, whatever lies behind it.
    let first_hole = c
        .areas(start, end)
        .iter()
        .try_fold(start, |at, a| match a.start > at {
            true => Err(at),
            false => Ok(a.end),
        });
    let hole = first_hole.unwrap_or_else(|at| at);
    let told = hole < end && c.is_known(hole, hole + 1);
    when(
        !told && !c.is_known(start, end),
        Unmodelled("what lies there is not known"),
    )
}

fn hole(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, end));
    when(!mapped, Errno("ENOMEM"))
}

/// mseal(2).
pub static MSEAL: List = List {
    name: "mseal",
    clauses: &[
        answer(
            "mseal/unknown-flag",
            &[
                "mm/mseal.c do_mseal()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "There are no flags yet: any is EINVAL.",
            unknown_flag,
        ),
        answer(
            "mseal/aligned",
            &[
                "mm/mseal.c do_mseal()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        ),
        answer(
            "mseal/too-long",
            &["mm/mseal.c do_mseal() (small negative lengths)"],
            "A length that rounds up to more than a word holds is EINVAL.",
            too_long,
        ),
        answer(
            "mseal/wraps",
            &["mm/mseal.c do_mseal() (end < start)"],
            "A range that wraps around is EINVAL.",
            wraps,
        ),
        answer(
            "mseal/nothing",
            &["mm/mseal.c do_mseal() (end == start)"],
            "An empty range is nothing to do.",
            nothing,
        ),
        answer(
            "mseal/unknown",
            &["Documentation/userspace-api/mseal.rst"],
            "What is sealed beside what the case mapped itself is not known.",
            unknown,
        ),
        answer(
            "mseal/hole",
            &[
                "mm/mseal.c check_mm_seal()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "A page that is not mapped is ENOMEM, and nothing is sealed.",
            hole,
        ),
        effect(
            "mseal/seals",
            &[
                "mm/mseal.c apply_mm_seal()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "The pages of the range can't be unmapped, moved, replaced or protected anew from then on.",
            Effect::Seals,
        ),
    ],
};
