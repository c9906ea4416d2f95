//! The clauses of mprotect(2).

use super::super::settings::{MDWE_REFUSE, settings};
use super::super::{answer, effect, when};
use super::{FLAGS, LEN, aligned, prot_of, range, wraps};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::machine::Arch;
use crate::machine::model::space::{Area, EXEC, Place, READ, WRITE, mark, split};
use crate::machine::model::world::Limits;

const GROWS_DOWN: u64 = 0x0100_0000;
const GROWS_UP: u64 = 0x0200_0000;

/// PROT_SEM, which every architecture takes and none heeds.
const SEM: u64 = 0x8;

/// Why a walk through the areas of a range ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is mapped there.
    Hole,
    /// What it maps may not be accessed so.
    Access,
    /// It is sealed.
    Sealed,
}

fn grows_both(c: &Ctx<'_>) -> Option<Answer> {
    let both = GROWS_DOWN | GROWS_UP;
    when(c.flags(FLAGS) & both == both, Errno("EINVAL"))
}

fn protects_nothing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Nothing)
}

fn unknown_prot(c: &Ctx<'_>) -> Option<Answer> {
    let mut known = bits(number::PROT_READ | number::PROT_WRITE | number::PROT_EXEC);
    known |= SEM | GROWS_DOWN | GROWS_UP;
    let foreign = c.flags(FLAGS) & !known;
    if foreign & 0xf0 != 0 && c.m.arch != Arch::X86_64 {
        return Some(Unmodelled("protections of this architecture alone"));
    }
    when(foreign != 0, Errno("EINVAL"))
}

fn posix_prot(c: &Ctx<'_>) -> Option<Answer> {
    let known = bits(number::PROT_READ | number::PROT_WRITE | number::PROT_EXEC);
    let why = "a protection that POSIX does not know";
    when(c.flags(FLAGS) & !known != 0, Unmodelled(why))
}

fn posix_combination(c: &Ctx<'_>) -> Option<Answer> {
    let prot = prot_of(c.flags(FLAGS));
    when(!matches!(prot, 0 | READ | WRITE | 3), Errno("ENOTSUP"))
}

/// The range that mprotect changes: of a mapping that grows, from its beginning or to its end.
pub fn protected(c: &Ctx<'_>) -> (i128, i128) {
    let (mut start, mut end) = range(c);
    let flags = c.flags(FLAGS);
    if let Some(first) = c.areas(start, end).first() {
        if flags & GROWS_DOWN != 0 {
            start = first.start;
        } else if flags & GROWS_UP != 0 {
            end = first.end;
        }
    }
    (start, end)
}

fn first_missing(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let first = c.areas(start, end).first();
    let missing = match first {
        None => true,
        Some(area) => area.start > start && c.flags(FLAGS) & GROWS_DOWN == 0,
    };
    when(missing, Errno("ENOMEM"))
}

fn does_not_grow(c: &Ctx<'_>) -> Option<Answer> {
    let flags = c.flags(FLAGS);
    let (start, end) = range(c);
    let first = c.areas(start, end).first()?;
    let down = flags & GROWS_DOWN != 0 && !first.grows_down;
    when(down || flags & GROWS_UP != 0, Errno("EINVAL"))
}

/// Where a walk through the areas of a range ends early, and why.
pub fn stops_at(c: &Ctx<'_>) -> Option<(i128, Stop)> {
    let (start, end) = protected(c);
    let prot = prot_of(c.flags(FLAGS));
    let mut at = start;
    for area in c.areas(start, end) {
        if area.start > at {
            return Some((at, Stop::Hole));
        }
        if prot & !area.may != 0 || is_denied(c, area, prot) {
            return Some((at, Stop::Access));
        }
        if area.is_marked(mark::SEALED) {
            return Some((at, Stop::Sealed));
        }
        at = area.end;
    }
    (at < end).then_some((at, Stop::Hole))
}

/// Whether PR_SET_MDWE stands against a protection: `map_deny_write_exec()` of
/// include/linux/mman.h.
fn is_denied(c: &Ctx<'_>, area: &Area, prot: u8) -> bool {
    let gains = prot & EXEC != 0 && (prot & WRITE != 0 || area.prot & EXEC == 0);
    gains && settings(c).mdwe & MDWE_REFUSE != 0
}

fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let stopped = stops_at(c);
    when(matches!(stopped, Some((_, Stop::Sealed))), Errno("EPERM"))
}

fn data_limit(c: &Ctx<'_>) -> Option<Answer> {
    let prot = prot_of(c.flags(FLAGS));
    if prot & WRITE == 0 || c.limits() == Limits::default() {
        return None;
    }
    let (start, end) = protected(c);
    let becomes = |a: &&Area| {
        !a.is_data()
            && Area {
                prot,
                ..(**a).clone()
            }
            .is_data()
    };
    let areas = c.areas(start, end).iter().filter(becomes);
    let mut parts = areas.map(|a| a.end.min(end) - a.start.max(start));
    // The first area that is too much ends it.
    let first = parts.next()?;
    match parts.next() {
        None => when(
            !c.may_expand(first, true) && c.may_expand(first, false),
            Errno("ENOMEM"),
        ),
        Some(_) => Some(Unmodelled("several areas that become data under a limit")),
    }
}

fn more_than_memory(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = protected(c);
    let areas = c.areas(start, end).iter();
    let counted = areas.filter(|a| !a.shared && !a.is_marked(mark::ACCOUNTED | mark::UNRESERVED));
    let pages: i128 = counted.map(|a| a.end.min(end) - a.start.max(start)).sum();
    let writable = prot_of(c.flags(FLAGS)) & WRITE != 0;
    when(
        writable && pages > i128::from(c.m.scale.ram),
        Unmodelled("more memory than there is is not modelled"),
    )
}

fn beyond_descriptor(c: &Ctx<'_>) -> Option<Answer> {
    let stopped = stops_at(c);
    when(matches!(stopped, Some((_, Stop::Access))), Errno("EACCES"))
}

fn hole(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = protected(c);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, end));
    when(!mapped, Errno("ENOMEM"))
}

fn posix_beyond(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let prot = prot_of(c.flags(FLAGS));
    let beyond = c.areas(start, end).iter().any(|a| prot & !a.may != 0);
    when(beyond, Errno("EACCES"))
}

/// mprotect(2).
pub static MPROTECT: List = List {
    name: "mprotect",
    clauses: &[
        answer(
            "mprotect/unknown-to-posix",
            &["POSIX.1-2024 mprotect() DESCRIPTION"],
            "Protections that the standard does not name have no meaning in it.",
            posix_prot,
        )
        .posix(Force::Required),
        answer(
            "mprotect/grows-both-ways",
            &["mprotect(2) ERRORS EINVAL", "mm/mprotect.c do_mprotect_pkey()"],
            "PROT_GROWSDOWN together with PROT_GROWSUP is EINVAL.",
            grows_both,
        )
        .linux(),
        answer(
            "mprotect/aligned",
            &["mprotect(2) ERRORS EINVAL", "mm/mprotect.c do_mprotect_pkey()"],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        )
        .linux(),
        answer(
            "mprotect/may-want-aligned",
            &["POSIX.1-2024 mprotect() ERRORS, may fail, [EINVAL]"],
            "An address that is not a multiple of the page size may be refused with EINVAL.",
            aligned,
        )
        .posix(Force::Permitted),
        answer(
            "mprotect/length-zero",
            &["mm/mprotect.c do_mprotect_pkey()"],
            "A length of zero changes nothing and is no error, whatever else is wrong.",
            protects_nothing,
        )
        .linux(),
        answer(
            "mprotect/wraps",
            &["POSIX.1-2024 mprotect() ERRORS [ENOMEM]", "mprotect(2) ERRORS ENOMEM", "mm/mprotect.c do_mprotect_pkey()"],
            "A range that wraps around is ENOMEM.",
            wraps,
        ),
        answer(
            "mprotect/unknown-prot",
            &["mprotect(2) ERRORS EINVAL", "include/linux/mman.h arch_validate_prot()"],
            "Protections that are not known are EINVAL.",
            unknown_prot,
        )
        .linux(),
        answer(
            "mprotect/combination",
            &["POSIX.1-2024 mprotect() ERRORS [ENOTSUP]"],
            "Combinations of protections other than none, read, write, and both may be ENOTSUP.",
            posix_combination,
        )
        .posix(Force::Permitted),
        answer(
            "mprotect/unknown",
            &["mprotect(2) DESCRIPTION"],
            "What is protected beside what the case mapped itself is not known.",
            mprotect_unknown,
        ),
        answer(
            "mprotect/first-missing",
            &["mprotect(2) ERRORS ENOMEM", "mm/mprotect.c do_mprotect_pkey()"],
            "Where the first page is not mapped, it is ENOMEM and nothing is changed.",
            first_missing,
        )
        .linux(),
        answer(
            "mprotect/does-not-grow",
            &["mprotect(2) ERRORS EINVAL", "mm/mprotect.c do_mprotect_pkey()"],
            "PROT_GROWSDOWN on a mapping that does not grow downwards is EINVAL, and so is PROT_GROWSUP where stacks grow down.",
            does_not_grow,
        )
        .linux(),
        answer(
            "mprotect/data-limit",
            &["getrlimit(2) RLIMIT_DATA", "mprotect(2) ERRORS ENOMEM", "mm/mprotect.c mprotect_fixup()"],
            "Private memory that becomes writable becomes data: beyond RLIMIT_DATA it is ENOMEM.",
            data_limit,
        )
        .linux(),
        answer(
            "mprotect/memory",
            &["mm/mprotect.c mprotect_fixup()", "proc_sys_vm(5) overcommit_memory"],
            "What is more than there is of memory is not modelled.",
            more_than_memory,
        ),
        answer(
            "mprotect/sealed",
            &["mm/mprotect.c mprotect_fixup() (can_modify_vma())", "Documentation/userspace-api/mseal.rst"],
            "A sealed page is EPERM; what comes before it has been changed.",
            sealed,
        )
        .linux(),
        answer(
            "mprotect/beyond-the-descriptor",
            &["mprotect(2) ERRORS EACCES", "mm/mprotect.c do_mprotect_pkey()"],
            "What the descriptor did not allow when it was mapped, or PR_SET_MDWE does not allow, is EACCES, if no hole comes before it.",
            beyond_descriptor,
        )
        .linux(),
        answer(
            "mprotect/access",
            &["POSIX.1-2024 mprotect() ERRORS [EACCES]"],
            "A protection that violates the access to the object is EACCES.",
            posix_beyond,
        )
        .posix(Force::Required),
        answer(
            "mprotect/hole",
            &["POSIX.1-2024 mprotect() ERRORS [ENOMEM]", "mprotect(2) ERRORS ENOMEM", "mm/mprotect.c do_mprotect_pkey()"],
            "A page of the range that is not mapped is ENOMEM.",
            hole,
        ),
        effect(
            "mprotect/up-to",
            &["POSIX.1-2024 mprotect() DESCRIPTION: may have changed the protection of some", "mm/mprotect.c do_mprotect_pkey()"],
            "Where it fails on its way, what comes before has been changed.",
            Effect::ProtectsUpTo,
        ),
        effect(
            "mprotect/protects",
            &["POSIX.1-2024 mprotect() DESCRIPTION", "mprotect(2) DESCRIPTION"],
            "The protection holds from then on, for whole pages, and for all threads of the process.",
            Effect::Protects,
        ),
    ],
};

fn mprotect_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    // Beside an unmapped first page nothing else counts.
    let (place, offset) = split(start);
    if place == Place::Absolute && offset >= c.top() {
        return None;
    }
    // With PROT_GROWSDOWN, what comes first in the range counts, wherever it is.
    let down = c.flags(FLAGS) & GROWS_DOWN != 0;
    let first = c.areas(start, end).first().map_or(end, |a| a.start);
    let looked = if down {
        first - start
    } else {
        c.page().min(end - start)
    };
    let is_known = c.is_known(start, start + looked);
    let first_is_missing = first > start && is_known;
    let why = "what lies there is not known";
    when(
        !first_is_missing && !c.is_known(start, end) && (!is_known || known_stop(c).is_none()),
        Unmodelled(why),
    )
}

/// Where the walk stops although the end of the range is not known: within what is known.
fn known_stop(c: &Ctx<'_>) -> Option<i128> {
    let (at, _) = stops_at(c)?;
    c.is_known(at, at + 1).then_some(at)
}
