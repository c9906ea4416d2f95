//! The clauses of shm_open(3) and shm_unlink(3), as the GNU C library makes them of open(2) and
//! unlink(2) on a file system in memory.

use super::{answer, effect, when};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::machine::Entry;

/// Of both: how long the name is, as the run found out.
pub const LENGTH: usize = 0;
/// The flags of shm_open.
pub const FLAGS: usize = 1;
/// The object of this name, counted from 1; 0 is none.
pub const OBJECT: usize = 3;
/// Whether a stroke is in the name.
pub const STROKE: usize = 4;

/// NAME_MAX.
const NAME_MAX: i128 = 255;
/// The harness puts a part of its own before the name, which is no longer.
const OWN_MAX: i128 = 100;

const ACCESS: u64 = 3;
const CREATE: u64 = bits(number::O_CREAT);
const EXCLUSIVE: u64 = bits(number::O_EXCL);
const TRUNCATE: u64 = bits(number::O_TRUNC);

fn exists(c: &Ctx<'_>) -> bool {
    c.word(OBJECT) != 0
}

fn other_library(c: &Ctx<'_>) -> Option<Answer> {
    let other = c.m.libc != Entry::Glibc;
    when(other, Unmodelled("this C library's shared memory objects"))
}

fn is_bad_name(c: &Ctx<'_>) -> Option<bool> {
    let n = c.word(LENGTH);
    match c.word(STROKE) != 0 || n >= NAME_MAX {
        true => Some(true),
        false => (n <= NAME_MAX - OWN_MAX).then_some(false),
    }
}

fn unknown_name(c: &Ctx<'_>) -> Option<Answer> {
    let why = "whether the name is too long with what the harness puts before it";
    when(is_bad_name(c).is_none(), Unmodelled(why))
}

fn bad_name(c: &Ctx<'_>) -> Option<Answer> {
    when(is_bad_name(c) == Some(true), Errno("EINVAL"))
}

fn bad_name_to_remove(c: &Ctx<'_>) -> Option<Answer> {
    when(is_bad_name(c) == Some(true), Errno("ENOENT"))
}

fn long_name(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LENGTH) >= NAME_MAX, Errno("ENAMETOOLONG"))
}

fn odd_name(c: &Ctx<'_>) -> Option<Answer> {
    let odd = c.word(LENGTH) >= NAME_MAX || c.word(STROKE) != 0;
    when(odd, Errno("EINVAL"))
}

fn stroke(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(STROKE) != 0, Errno("EINVAL"))
}

fn rare(c: &Ctx<'_>) -> Option<Answer> {
    let known = ACCESS | CREATE | EXCLUSIVE | TRUNCATE | bits(number::O_CLOEXEC);
    let rare = c.flags(FLAGS) & !known != 0;
    when(rare, Unmodelled("rare flags of shm_open"))
}

fn write_only(c: &Ctx<'_>) -> Option<Answer> {
    let access = c.flags(FLAGS) & ACCESS;
    when(!matches!(access, 0 | 2), Errno("EINVAL"))
}

pub(super) fn no_descriptor(c: &Ctx<'_>) -> Option<Answer> {
    when(c.has_no_descriptor(), Errno("EMFILE"))
}

fn there(c: &Ctx<'_>) -> Option<Answer> {
    let both = CREATE | EXCLUSIVE;
    when(c.flags(FLAGS) & both == both && exists(c), Errno("EEXIST"))
}

fn missing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.flags(FLAGS) & CREATE == 0 && !exists(c), Errno("ENOENT"))
}

fn denied(c: &Ctx<'_>) -> Option<Answer> {
    let object = usize::try_from(c.word(OBJECT) - 1).ok()?;
    let mode = c.w.objects.get(object)?.mode;
    let (flags, access) = (c.flags(FLAGS), c.flags(FLAGS) & ACCESS);
    let writes = access != 0 || flags & TRUNCATE != 0;
    let denied = access != 1 && mode & 0o400 == 0 || writes && mode & 0o200 == 0;
    when(denied && !c.root, Errno("EACCES"))
}

fn gone(c: &Ctx<'_>) -> Option<Answer> {
    when(!exists(c), Errno("ENOENT"))
}

/// shm_open(3).
pub static OPEN: List = List {
    name: "shm_open",
    clauses: &[
        answer(
            "shm_open/library",
            &["shm_open(3) VERSIONS"],
            "Of C libraries that of GNU is modelled.",
            other_library,
        )
        .linux(),
        answer(
            "shm_open/name-unknown",
            &["shm_open(3) ERRORS ENAMETOOLONG"],
            "Names that may be too long, once the harness has put a part of its own before them, are not modelled.",
            unknown_name,
        ),
        answer(
            "shm_open/name",
            &[
                "shm_open(3) ERRORS EINVAL",
                "glibc posix/shm-directory.c __shm_get_name()",
            ],
            "A name with a stroke in it, or of more than 255 bytes, is EINVAL.",
            bad_name,
        )
        .linux(),
        answer(
            "shm_open/name-too-long",
            &["POSIX.1-2024 shm_open() ERRORS, may fail, [ENAMETOOLONG]"],
            "A name that is too long may be ENAMETOOLONG.",
            long_name,
        )
        .posix(Force::Permitted),
        answer(
            "shm_open/name-not-supported",
            &["POSIX.1-2024 shm_open() ERRORS [EINVAL]: not supported for the given name"],
            "A name that is not supported is EINVAL; which those are is for the implementation to say.",
            odd_name,
        )
        .posix(Force::Permitted),
        answer(
            "shm_open/name-with-a-stroke",
            &["POSIX.1-2024 shm_open() DESCRIPTION: implementation-defined"],
            "What strokes in a name mean is for the implementation to say.",
            stroke,
        )
        .posix(Force::ImplementationDefined),
        answer(
            "shm_open/rare-flags",
            &["shm_open(3) DESCRIPTION"],
            "Other flags than those of the standard are not modelled.",
            rare,
        ),
        answer(
            "shm_open/write-only",
            &["POSIX.1-2024 shm_open() DESCRIPTION: exactly one of O_RDONLY and O_RDWR"],
            "What comes of O_WRONLY is not said.",
            write_only,
        )
        .posix(Force::Unspecified),
        answer(
            "shm_open/no-descriptor",
            &[
                "POSIX.1-2024 shm_open() ERRORS [EMFILE]",
                "shm_open(3) ERRORS EMFILE",
            ],
            "Without a descriptor left it is EMFILE, and nothing is made.",
            no_descriptor,
        ),
        answer(
            "shm_open/exists",
            &[
                "POSIX.1-2024 shm_open() ERRORS [EEXIST]",
                "shm_open(3) ERRORS EEXIST",
            ],
            "O_CREAT with O_EXCL where the name exists is EEXIST.",
            there,
        ),
        answer(
            "shm_open/missing",
            &[
                "POSIX.1-2024 shm_open() ERRORS [ENOENT]",
                "shm_open(3) ERRORS ENOENT",
            ],
            "Without O_CREAT, a name that no object has is ENOENT.",
            missing,
        ),
        answer(
            "shm_open/denied",
            &[
                "POSIX.1-2024 shm_open() ERRORS [EACCES]",
                "shm_open(3) ERRORS EACCES",
            ],
            "Access that the object's mode does not grant, emptying it among them, is EACCES.",
            denied,
        ),
        effect(
            "shm_open/finds",
            &[
                "POSIX.1-2024 shm_open() DESCRIPTION",
                "shm_open(3) DESCRIPTION",
            ],
            "Who opens a name opens the object that has it; without one a new object of no bytes is made.",
            Effect::FindsObject,
        ),
    ],
};

/// shm_unlink(3).
pub static UNLINK: List = List {
    name: "shm_unlink",
    clauses: &[
        answer(
            "shm_unlink/library",
            &["shm_open(3) VERSIONS"],
            "Of C libraries that of GNU is modelled.",
            other_library,
        )
        .linux(),
        answer(
            "shm_unlink/name-unknown",
            &["shm_open(3) ERRORS ENAMETOOLONG"],
            "Names that may be too long, once the harness has put a part of its own before them, are not modelled.",
            unknown_name,
        ),
        answer(
            "shm_unlink/name",
            &["glibc rt/shm_unlink.c"],
            "A name that no object can have is ENOENT.",
            bad_name_to_remove,
        )
        .linux(),
        answer(
            "shm_unlink/name-too-long",
            &["POSIX.1-2024 shm_unlink() ERRORS, may fail, [ENAMETOOLONG]"],
            "A name that is too long may be ENAMETOOLONG.",
            long_name,
        )
        .posix(Force::Permitted),
        answer(
            "shm_unlink/missing",
            &[
                "POSIX.1-2024 shm_unlink() ERRORS [ENOENT]",
                "shm_open(3) ERRORS ENOENT",
            ],
            "A name that no object has is ENOENT.",
            gone,
        ),
    ],
};
