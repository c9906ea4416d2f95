//! The clauses of fallocate(2).

use super::files::grows_beyond_limit;
use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Object, Resident, seal};
use crate::machine::model::world::What;

const FD: usize = 0;
const MODE: usize = 1;
const OFFSET: usize = 2;
const LEN: usize = 3;

/// FALLOC_FL_KEEP_SIZE.
pub const KEEP: u64 = 1;
/// FALLOC_FL_PUNCH_HOLE.
pub const PUNCH: u64 = 2;
/// FALLOC_FL_COLLAPSE_RANGE.
pub const COLLAPSE: u64 = 8;
/// FALLOC_FL_ZERO_RANGE.
pub const ZERO: u64 = 0x10;
/// FALLOC_FL_INSERT_RANGE.
pub const INSERT: u64 = 0x20;
const UNSHARE: u64 = 0x40;
const WRITE_ZEROES: u64 = 0x80;

/// The blocks that ext4 is made with.
const BLOCK: i128 = 4096;
/// What room is taken for at most without a thought of how much there is.
const ROOM: i128 = 64 << 20;

/// The mode, without what keeps the size.
pub fn what(c: &Ctx<'_>) -> u64 {
    mode(c) & !KEEP
}

fn mode(c: &Ctx<'_>) -> u64 {
    c.flags(MODE) & 0xffff_ffff
}

/// Whether the size stays.
pub fn keeps(c: &Ctx<'_>) -> bool {
    mode(c) & KEEP != 0
}

fn object<'a>(c: &Ctx<'a>) -> Option<&'a Object> {
    c.w.object_of(c.fd(FD)?)
}

fn end(c: &Ctx<'_>) -> i128 {
    c.word(OFFSET) + c.word(LEN)
}

fn not_open(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_none(), Errno("EBADF"))
}

fn foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = matches!(c.what(FD), Some(What::Foreign | What::Device | What::Proc));
    when(
        foreign,
        Unmodelled("whether this kind of descriptor takes room"),
    )
}

fn range(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(OFFSET) < 0 || c.word(LEN) <= 0, Errno("EINVAL"))
}

fn unknown_mode(c: &Ctx<'_>) -> Option<Answer> {
    let mut known = KEEP | PUNCH | COLLAPSE | ZERO | INSERT | UNSHARE;
    if c.m.kernel >= (6, 17) {
        known |= WRITE_ZEROES;
    }
    when(mode(c) & !known != 0, Errno("EOPNOTSUPP"))
}

fn mixed_modes(c: &Ctx<'_>) -> Option<Answer> {
    let wrong = match what(c) {
        0 | UNSHARE | ZERO => false,
        PUNCH => !keeps(c),
        COLLAPSE | INSERT | WRITE_ZEROES => keeps(c),
        _ => true,
    };
    if wrong && c.m.kernel < (6, 12) {
        return Some(Unmodelled("how modes were told apart before Linux 6.12"));
    }
    when(wrong, Errno("EOPNOTSUPP"))
}

fn not_writable(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_some_and(|o| !o.write), Errno("EBADF"))
}

fn pipe(c: &Ctx<'_>) -> Option<Answer> {
    let pipe = matches!(c.what(FD), Some(What::PipeRead(_) | What::PipeWrite(_)));
    when(pipe, Errno("ESPIPE"))
}

fn not_a_file(c: &Ctx<'_>) -> Option<Answer> {
    when(
        !matches!(c.what(FD), Some(What::Object(_))),
        Errno("ENODEV"),
    )
}

fn max(c: &Ctx<'_>) -> Option<u64> {
    match object(c)?.kind {
        Kind::Memory => Some(i64::MAX as u64),
        Kind::File => c.m.file_max(),
    }
}

fn too_far(c: &Ctx<'_>) -> Option<Answer> {
    match max(c) {
        Some(max) => when(end(c) > i128::from(max), Errno("EFBIG")),
        None => when(
            end(c) > 1 << 40,
            Unmodelled("the greatest size of a file of this file system"),
        ),
    }
}

fn on_ext4(c: &Ctx<'_>) -> bool {
    c.m.fs == Fs::Ext4 && object(c).is_some_and(|o| o.kind == Kind::File)
}

fn other_fs(c: &Ctx<'_>) -> Option<Answer> {
    let other = c.m.fs == Fs::Other && object(c).is_some_and(|o| o.kind == Kind::File);
    when(other, Unmodelled("which modes the file system has"))
}

fn mode_not_there(c: &Ctx<'_>) -> Option<Answer> {
    let there = match on_ext4(c) {
        true => matches!(what(c), 0 | PUNCH | COLLAPSE | ZERO | INSERT),
        false => matches!(what(c), 0 | PUNCH),
    };
    if on_ext4(c) && what(c) == WRITE_ZEROES {
        return Some(Unmodelled("whether the disk writes zeros by itself"));
    }
    when(!there, Errno("EOPNOTSUPP"))
}

fn limit(c: &Ctx<'_>) -> Option<Answer> {
    let size = object(c).map_or(0, |o| i128::from(o.size));
    match what(c) {
        0 | ZERO if !keeps(c) => grows_beyond_limit(c, end(c)),
        INSERT => grows_beyond_limit(c, size + c.word(LEN)),
        _ => None,
    }
}

fn no_room(c: &Ctx<'_>) -> Option<Answer> {
    let (room, object) = (c.w.room?, object(c)?);
    let page = c.m.scale.page;
    let (first, last) = (c.word(OFFSET) as u64 / page, (end(c) as u64).div_ceil(page));
    if what(c) != 0 || object.kind != Kind::File || last - first > ROOM as u64 / page {
        return None;
    }
    let pages = (first..last).map(|i| object.has_page(i));
    let lacking = pages.clone().filter(|p| *p == Resident::No).count() as u64;
    let doubtful = pages.filter(|p| *p == Resident::Unknown).count() as u64;
    match lacking > room {
        true => Some(Errno("ENOSPC")),
        false => when(
            lacking + doubtful > room,
            Unmodelled("which pages of the file are there"),
        ),
    }
}

fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let object = object(c)?;
    let writes = object.seals & (seal::WRITE | seal::FUTURE_WRITE) != 0;
    let grows = object.seals & seal::GROW != 0 && end(c) > i128::from(object.size);
    let refused = match what(c) {
        PUNCH => writes,
        _ => grows,
    };
    when(refused, Errno("EPERM"))
}

fn off_block(c: &Ctx<'_>) -> Option<Answer> {
    let shifts = matches!(what(c), COLLAPSE | INSERT);
    let off = c.word(OFFSET) % BLOCK != 0 || c.word(LEN) % BLOCK != 0;
    when(shifts && off, Errno("EINVAL"))
}

fn nothing_behind(c: &Ctx<'_>) -> Option<Answer> {
    let size = object(c).map_or(0, |o| i128::from(o.size));
    let wrong = match what(c) {
        COLLAPSE => end(c) >= size,
        INSERT => c.word(OFFSET) >= size,
        _ => false,
    };
    when(wrong, Errno("EINVAL"))
}

fn grows_too_far(c: &Ctx<'_>) -> Option<Answer> {
    let size = object(c).map_or(0, |o| i128::from(o.size));
    let max = max(c).map_or(0, i128::from);
    when(
        what(c) == INSERT && c.word(LEN) > max - size,
        Errno("EFBIG"),
    )
}

fn too_much(c: &Ctx<'_>) -> Option<Answer> {
    let takes = matches!(what(c), 0 | ZERO);
    when(
        takes && c.word(LEN) > ROOM,
        Unmodelled("how much room there is is not told"),
    )
}

fn doubtful_end(c: &Ctx<'_>) -> Option<Answer> {
    let object = object(c)?;
    let inside = object.size % c.m.scale.page != 0 && object.is_touched();
    let grows = matches!(what(c), 0 | ZERO) && !keeps(c) && end(c) > i128::from(object.size);
    let shifts = matches!(what(c), COLLAPSE | INSERT);
    when(
        inside && (grows || shifts),
        Unmodelled("what becomes of what was stored behind the end"),
    )
}

fn posix(c: &Ctx<'_>) -> Option<Answer> {
    let _ = c;
    Some(Unmodelled(
        "fallocate, which POSIX does not know, is not modelled",
    ))
}

/// fallocate(2).
pub static FALLOCATE: List = List {
    name: "fallocate",
    clauses: &[
        answer(
            "fallocate/unknown-to-posix",
            &["fallocate(2) STANDARDS"],
            "The standard has posix_fallocate() alone.",
            posix,
        )
        .posix(crate::machine::model::clause::Force::Required),
        answer(
            "fallocate/not-open",
            &["fallocate(2) ERRORS EBADF", "fs/open.c ksys_fallocate()"],
            "What is not open is EBADF.",
            not_open,
        ),
        answer(
            "fallocate/foreign",
            &["fallocate(2) ERRORS ENODEV"],
            "What special descriptors say is not modelled.",
            foreign,
        ),
        answer(
            "fallocate/range",
            &["fallocate(2) ERRORS EINVAL", "fs/open.c vfs_fallocate()"],
            "A negative offset, or a length that is not positive, is EINVAL.",
            range,
        ),
        answer(
            "fallocate/unknown-mode",
            &[
                "fallocate(2) ERRORS EOPNOTSUPP",
                "fs/open.c vfs_fallocate()",
            ],
            "A mode that is not known is EOPNOTSUPP.",
            unknown_mode,
        ),
        answer(
            "fallocate/mixed-modes",
            &[
                "fallocate(2) ERRORS EINVAL, EOPNOTSUPP",
                "fs/open.c vfs_fallocate()",
            ],
            "Of the modes one is given: two are EOPNOTSUPP. A hole wants FALLOC_FL_KEEP_SIZE beside it, taking out and putting in must not have it.",
            mixed_modes,
        ),
        answer(
            "fallocate/not-writable",
            &["fallocate(2) ERRORS EBADF", "fs/open.c vfs_fallocate()"],
            "What is not open for writing is EBADF.",
            not_writable,
        ),
        answer(
            "fallocate/pipe",
            &["fallocate(2) ERRORS ESPIPE", "fs/open.c vfs_fallocate()"],
            "A pipe is ESPIPE.",
            pipe,
        ),
        answer(
            "fallocate/not-a-file",
            &["fallocate(2) ERRORS ENODEV", "fs/open.c vfs_fallocate()"],
            "What is no file is ENODEV.",
            not_a_file,
        ),
        answer(
            "fallocate/too-far",
            &["fallocate(2) ERRORS EFBIG", "fs/open.c vfs_fallocate()"],
            "An end behind the greatest size of a file is EFBIG.",
            too_far,
        ),
        answer(
            "fallocate/other-file-system",
            &["fallocate(2) ERRORS EOPNOTSUPP"],
            "What other file systems than ext4 and tmpfs do is not modelled.",
            other_fs,
        ),
        answer(
            "fallocate/mode-not-there",
            &[
                "fallocate(2) ERRORS EOPNOTSUPP",
                "fs/ext4/extents.c ext4_fallocate()",
                "mm/shmem.c shmem_fallocate()",
            ],
            "A mode that the file system does not have is EOPNOTSUPP: tmpfs takes room and punches holes alone.",
            mode_not_there,
        ),
        answer(
            "fallocate/limit",
            &[
                "fallocate(2) ERRORS EFBIG",
                "getrlimit(2) RLIMIT_FSIZE",
                "fs/attr.c inode_newsize_ok()",
            ],
            "A file that would become longer than RLIMIT_FSIZE is EFBIG, with SIGXFSZ.",
            limit,
        ),
        answer(
            "fallocate/sealed",
            &[
                "F_ADD_SEALS(2const) F_SEAL_WRITE, F_SEAL_GROW",
                "mm/shmem.c shmem_fallocate()",
            ],
            "A file that is sealed against writing gets no hole, and one sealed against growing takes no room past its end: EPERM.",
            sealed,
        ),
        answer(
            "fallocate/off-block",
            &[
                "fallocate(2) ERRORS EINVAL",
                "fs/ext4/extents.c ext4_collapse_range(), ext4_insert_range()",
            ],
            "What is taken out or put in begins and ends where blocks do: else EINVAL.",
            off_block,
        ),
        answer(
            "fallocate/nothing-behind",
            &[
                "fallocate(2) ERRORS EINVAL",
                "fs/ext4/extents.c ext4_collapse_range(), ext4_insert_range()",
            ],
            "What is taken out must end before the end of the file, and what is put in begin before it: else EINVAL.",
            nothing_behind,
        ),
        answer(
            "fallocate/grows-too-far",
            &[
                "fallocate(2) ERRORS EFBIG",
                "fs/ext4/extents.c ext4_insert_range()",
            ],
            "A hole that would make the file too long is EFBIG.",
            grows_too_far,
        ),
        answer(
            "fallocate/no-room",
            &["fallocate(2) ERRORS ENOSPC", "mm/shmem.c shmem_fallocate()"],
            "Where there is no room for all of a range it is ENOSPC, and none is taken.",
            no_room,
        ),
        answer(
            "fallocate/too-much",
            &["fallocate(2) ERRORS ENOSPC"],
            "Whether there is room for much is not told.",
            too_much,
        ),
        answer(
            "fallocate/doubtful-end",
            &["mmap(2) BUGS"],
            "What was stored behind the end of a file that then grows is not modelled.",
            doubtful_end,
        ),
        effect(
            "fallocate/grows",
            &[
                "fallocate(2) DESCRIPTION",
                "fs/ext4/extents.c ext4_do_fallocate(), ext4_zero_range()",
                "mm/shmem.c shmem_fallocate()",
            ],
            "Room taken or zeroed past the end makes the file longer, by zeros, unless its size is to be kept.",
            Effect::AllocationGrows,
        ),
        effect(
            "fallocate/zeroes",
            &[
                "fallocate(2) DESCRIPTION, Deallocating file space, Zeroing file space",
                "mm/truncate.c truncate_pagecache_range()",
            ],
            "A hole, and a range that is zeroed, is zeros from then on; a private mapping keeps the pages that it has copied.",
            Effect::ZeroesRange,
        ),
        effect(
            "fallocate/shifts",
            &[
                "fallocate(2) DESCRIPTION, Collapsing file space, Increasing file space",
                "fs/ext4/extents.c ext4_collapse_range(), ext4_insert_range()",
                "mm/truncate.c truncate_pagecache()",
            ],
            "What lies behind a range that is taken out moves up, and behind one that is put in moves on; pages behind its beginning are gone from all mappings, with the copies that private mappings had of them.",
            Effect::ShiftsRange,
        ),
    ],
};
