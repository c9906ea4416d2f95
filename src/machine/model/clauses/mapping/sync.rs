//! The clauses of msync(2).

use super::super::{answer, effect, when};
use super::{ADDR, FLAGS, LEN, aligned, range, unknown_range};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::space::{Place, split};

fn unknown_sync(c: &Ctx<'_>) -> Option<Answer> {
    let known = bits(number::MS_ASYNC | number::MS_SYNC | number::MS_INVALIDATE);
    // The kernel takes the flags for an int.
    let flags = c.flags(FLAGS) & 0xffff_ffff;
    when(flags & !known != 0, Errno("EINVAL"))
}

fn both_syncs(c: &Ctx<'_>) -> Option<Answer> {
    let both = bits(number::MS_ASYNC | number::MS_SYNC);
    when(c.flags(FLAGS) & both == both, Errno("EINVAL"))
}

fn neither_sync(c: &Ctx<'_>) -> Option<Answer> {
    let both = bits(number::MS_ASYNC | number::MS_SYNC);
    when(c.flags(FLAGS) & both == 0, Errno("EINVAL"))
}

fn sync_wraps(c: &Ctx<'_>) -> Option<Answer> {
    // The length is rounded up before the sum is looked at: the last page of lengths becomes 0.
    let len = c.pages(LEN)?;
    let (place, offset) = split(c.word(ADDR));
    let end = offset + len;
    let max = c.m.scale.word_max() + 1;
    match place {
        Place::Absolute => when(end >= max && c.word(LEN) != 0, Errno("ENOMEM")),
        _ if end < max / 2 => None,
        _ => Some(Unmodelled("where the place lies is not known")),
    }
}

fn syncs_nothing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0 || c.pages(LEN).is_none(), Nothing)
}

fn sync_locked(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let locked = c.areas(start, end).iter().any(|a| a.locked);
    let invalidates = c.flags(FLAGS) & bits(number::MS_INVALIDATE) != 0;
    when(invalidates && locked, Errno("EBUSY"))
}

fn sync_hole(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, end));
    when(!mapped, Errno("ENOMEM"))
}

/// msync(2).
pub static MSYNC: List = List {
    name: "msync",
    clauses: &[
        answer(
            "msync/unknown-flag",
            &["POSIX.1-2024 msync() ERRORS [EINVAL]", "msync(2) ERRORS EINVAL", "mm/msync.c"],
            "Flags that are not known are EINVAL.",
            unknown_sync,
        ),
        answer(
            "msync/aligned",
            &["msync(2) ERRORS EINVAL", "mm/msync.c"],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        )
        .linux(),
        answer(
            "msync/may-want-aligned",
            &["POSIX.1-2024 msync() ERRORS, may fail, [EINVAL]"],
            "An address that is not a multiple of the page size may be refused with EINVAL.",
            aligned,
        )
        .posix(Force::Permitted),
        answer(
            "msync/both-flags",
            &["POSIX.1-2024 msync() ERRORS [EINVAL]", "msync(2) ERRORS EINVAL", "mm/msync.c"],
            "MS_ASYNC together with MS_SYNC is EINVAL.",
            both_syncs,
        ),
        answer(
            "msync/neither-flag",
            &["POSIX.1-2024 msync() DESCRIPTION: either MS_ASYNC or MS_SYNC"],
            "One of MS_ASYNC and MS_SYNC is to be given: neither may be EINVAL.",
            neither_sync,
        )
        .posix(Force::Permitted),
        answer(
            "msync/wraps",
            &["POSIX.1-2024 msync() ERRORS [ENOMEM]", "mm/msync.c"],
            "A range that wraps around is ENOMEM.",
            sync_wraps,
        ),
        answer(
            "msync/nothing",
            &["mm/msync.c"],
            "A length that rounds to zero, be it by overflow, is nothing to do.",
            syncs_nothing,
        )
        .linux(),
        answer(
            "msync/wraps-by-rounding",
            &["POSIX.1-2024 msync() ERRORS [ENOMEM]"],
            "A length that no address space holds is outside of it: ENOMEM.",
            posix_sync_wraps,
        )
        .posix(Force::Required),
        answer(
            "msync/unknown",
            &["msync(2) DESCRIPTION"],
            "What is written back beside what the case mapped itself is not known.",
            unknown_range,
        ),
        answer(
            "msync/locked",
            &["POSIX.1-2024 msync() ERRORS [EBUSY]", "msync(2) ERRORS EBUSY", "mm/msync.c"],
            "MS_INVALIDATE on locked memory is EBUSY.",
            sync_locked,
        ),
        answer(
            "msync/hole",
            &["POSIX.1-2024 msync() ERRORS [ENOMEM]", "msync(2) ERRORS ENOMEM", "mm/msync.c"],
            "A page of the range that is not mapped is ENOMEM.",
            sync_hole,
        ),
        effect(
            "msync/clears-behind-the-end",
            &["mmap(2) BUGS", "fs/ext4/page-io.c ext4_bio_write_folio()"],
            "Writing back a file's last page clears what was stored behind the end; tmpfs has nowhere to write to.",
            Effect::SyncClears,
        )
        .linux(),
    ],
};

fn posix_sync_wraps(c: &Ctx<'_>) -> Option<Answer> {
    when(c.pages(LEN).is_none(), Errno("ENOMEM"))
}
