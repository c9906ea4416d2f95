//! The clauses of the calls on files and descriptors.

use super::shm::no_descriptor;
use super::{answer, effect, when};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Raise, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::world::{Open, What};

/// The descriptor is the first argument of all of these.
const FD: usize = 0;
const FLAGS: usize = 1;
const LENGTH: usize = 1;

/// From this number on a descriptor may be the harness's own.
const HARNESS: i128 = 130;
/// From this number on none is: RLIMIT_NOFILE.
const FILES_MAX: i128 = 1024;

const ACCESS: u64 = 3;
const CREATE: u64 = bits(number::O_CREAT);
const EXCLUSIVE: u64 = bits(number::O_EXCL);
const DIRECTORY: u64 = bits(number::O_DIRECTORY);
const TRUNCATE: u64 = bits(number::O_TRUNC);
const PATH_ONLY: u64 = bits(number::O_PATH);

/// The access that open flags ask for: reading, writing.
pub fn access(flags: u64) -> (bool, bool) {
    match flags & ACCESS {
        0 => (true, false),
        1 => (false, true),
        2 => (true, true),
        // The fourth is for ioctl(2) alone.
        _ => (false, false),
    }
}

/// The object that a path names.
pub fn named<'a>(c: &Ctx<'a>) -> Option<&'a Object> {
    let number = match c.path {
        "file" => c.w.file,
        "new" => c.w.new,
        _ => None,
    };
    c.w.objects.get(number?)
}

fn is_dir(c: &Ctx<'_>) -> bool {
    c.path == "dir"
}

fn exists(c: &Ctx<'_>) -> bool {
    is_dir(c) || named(c).is_some()
}

fn flags(c: &Ctx<'_>) -> u64 {
    let flags = c.flags(FLAGS);
    if flags & PATH_ONLY == 0 {
        return flags;
    }
    // O_PATH_FLAGS of include/linux/fcntl.h: the others are passed over.
    flags & (PATH_ONLY | DIRECTORY | bits(number::O_NOFOLLOW | number::O_CLOEXEC))
}

fn open_rare(c: &Ctx<'_>) -> Option<Answer> {
    let tmpfile = bits(number::O_TMPFILE) & !DIRECTORY;
    let rare = flags(c) & (tmpfile | bits(number::O_DIRECT)) != 0;
    when(rare, Unmodelled("O_TMPFILE and O_DIRECT"))
}

fn open_creates_directory(c: &Ctx<'_>) -> Option<Answer> {
    let both = CREATE | DIRECTORY;
    let asked = flags(c) & both == both;
    match c.m.kernel >= (6, 4) {
        true => when(asked, Errno("EINVAL")),
        false => when(
            asked,
            Unmodelled("O_CREAT with O_DIRECTORY before Linux 6.4"),
        ),
    }
}

fn open_exists(c: &Ctx<'_>) -> Option<Answer> {
    let both = CREATE | EXCLUSIVE;
    when(flags(c) & both == both && exists(c), Errno("EEXIST"))
}

fn open_missing(c: &Ctx<'_>) -> Option<Answer> {
    when(flags(c) & CREATE == 0 && !exists(c), Errno("ENOENT"))
}

fn open_not_directory(c: &Ctx<'_>) -> Option<Answer> {
    let file = named(c).is_some();
    when(flags(c) & DIRECTORY != 0 && file, Errno("ENOTDIR"))
}

fn open_is_directory(c: &Ctx<'_>) -> Option<Answer> {
    let flags = flags(c);
    let writes = flags & ACCESS != 0 || flags & (TRUNCATE | CREATE) != 0;
    when(is_dir(c) && writes, Errno("EISDIR"))
}

fn open_denied(c: &Ctx<'_>) -> Option<Answer> {
    let flags = flags(c);
    if flags & PATH_ONLY != 0 || c.root {
        return None;
    }
    let mode = named(c)?.mode;
    let reads = flags & ACCESS != 1;
    let writes = flags & ACCESS != 0 || flags & TRUNCATE != 0;
    let denied = reads && mode & 0o400 == 0 || writes && mode & 0o200 == 0;
    when(denied, Errno("EACCES"))
}

pub(super) fn harness_number(c: &Ctx<'_>) -> Option<Answer> {
    let fd = c.word(FD);
    let none = c.w.open(c.process, fd).is_none();
    // The fixtures `closed` and `wild` are numbers in between that are known to be free.
    let free = fd == super::CLOSED || fd == super::WILD;
    let why = "the number may be one of the harness's own descriptors";
    when(
        none && !free && (HARNESS..FILES_MAX).contains(&fd),
        Unmodelled(why),
    )
}

pub(super) fn not_open(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_none(), Errno("EBADF"))
}

fn not_even_path(c: &Ctx<'_>) -> Option<Answer> {
    let open = c.w.open(c.process, c.word(FD));
    when(open.is_none(), Errno("EBADF"))
}

fn unlink_missing(c: &Ctx<'_>) -> Option<Answer> {
    when(!exists(c), Errno("ENOENT"))
}

fn unlink_directory(c: &Ctx<'_>) -> Option<Answer> {
    when(is_dir(c), Errno("EISDIR"))
}

fn cut_negative(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LENGTH) < 0, Errno("EINVAL"))
}

fn cut_not_file(c: &Ctx<'_>) -> Option<Answer> {
    let can = |o: &Open| matches!(o.what, What::Object(_)) && o.write || o.what == What::Foreign;
    when(c.fd(FD).is_some_and(|o| !can(o)), Errno("EINVAL"))
}

fn posix_cut_not_writable(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_some_and(|o| !o.write), Errno("EBADF"))
}

/// The greatest size of what a descriptor leads to.
pub(super) fn size_max(c: &Ctx<'_>) -> Option<u64> {
    let object = c.w.object_of(c.fd(FD)?)?;
    match object.kind {
        Kind::Memory => Some(i64::MAX as u64),
        Kind::File => c.m.file_max(),
    }
}

fn cut_too_large(c: &Ctx<'_>) -> Option<Answer> {
    if c.what(FD) == Some(What::Foreign) {
        return Some(Unmodelled("what this kind of descriptor is"));
    }
    // Every file system holds 1 TiB.
    let n = c.word(LENGTH);
    match size_max(c) {
        Some(max) => when(n > i128::from(max), Errno("EFBIG")),
        None => when(
            n > 1 << 40,
            Unmodelled("the greatest size of a file of this file system"),
        ),
    }
}

/// A file that would get this size, longer than it is: EFBIG beyond RLIMIT_FSIZE.
pub(super) fn grows_beyond_limit(c: &Ctx<'_>, size: i128) -> Option<Answer> {
    let limit = c.limits().file?;
    let old = c.w.object_of(c.fd(FD)?)?.size;
    when(
        size > i128::from(old) && size > limit,
        Raise("EFBIG", "SIGXFSZ"),
    )
}

fn cut_limit(c: &Ctx<'_>) -> Option<Answer> {
    grows_beyond_limit(c, c.word(LENGTH))
}

fn cut_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?)?;
    let (old, new) = (i128::from(object.size), c.word(LENGTH));
    let shrinks = new < old && object.seals & seal::SHRINK != 0;
    let grows = new > old && object.seals & seal::GROW != 0;
    when(shrinks || grows, Errno("EPERM"))
}

fn seek_stream(c: &Ctx<'_>) -> Option<Answer> {
    let stream = matches!(
        c.what(FD),
        Some(What::PipeRead(_) | What::PipeWrite(_) | What::Socket)
    );
    when(stream, Errno("ESPIPE"))
}

fn seek_foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = matches!(
        c.what(FD),
        Some(What::Dir | What::Event | What::Proc | What::Device | What::Foreign)
    );
    when(foreign, Unmodelled("where this kind of descriptor stands"))
}

fn seek_whence(c: &Ctx<'_>) -> Option<Answer> {
    when(!(0..=4).contains(&c.word(2)), Errno("EINVAL"))
}

fn seek_data(c: &Ctx<'_>) -> Option<Answer> {
    let whence = c.word(2);
    if whence != i128::from(number::SEEK_DATA) && whence != i128::from(number::SEEK_HOLE) {
        return None;
    }
    let object = c.w.object_of(c.fd(FD)?)?;
    let n = c.word(1);
    if n < 0 || n >= i128::from(object.size) {
        return Some(Errno("ENXIO"));
    }
    Some(Unmodelled("where the file system keeps holes"))
}

/// Where lseek leads, O_APPEND or not.
pub fn seek_target(c: &Ctx<'_>) -> i128 {
    let n = c.word(1);
    let Some(open) = c.fd(FD) else {
        return 0;
    };
    match c.word(2) {
        0 => n,
        1 => n + i128::from(open.position),
        _ => n + i128::from(c.w.object_of(open).map_or(0, |o| o.size)),
    }
}

fn seek_outside(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?);
    object?;
    let to = seek_target(c);
    match size_max(c) {
        _ if to < 0 => Some(Errno("EINVAL")),
        Some(max) => when(to > i128::from(max), Errno("EINVAL")),
        None => when(
            to > 1 << 40,
            Unmodelled("the greatest size of a file of this file system"),
        ),
    }
}

fn size_foreign(c: &Ctx<'_>) -> Option<Answer> {
    let open = c.w.open(c.process, c.word(FD))?;
    let why = "the size that a directory or a special descriptor tells";
    when(
        matches!(open.what, What::Dir | What::Device | What::Foreign),
        Unmodelled(why),
    )
}

/// open(2).
pub static OPEN: List = List {
    name: "open",
    clauses: &[
        answer(
            "open/rare-flags",
            &["open(2) O_TMPFILE, O_DIRECT"],
            "Files without a name and transfers past the cache are not modelled.",
            open_rare,
        ),
        answer(
            "open/creates-directory",
            &["open(2) BUGS", "fs/open.c build_open_flags()"],
            "O_CREAT with O_DIRECTORY is EINVAL from Linux 6.4 on.",
            open_creates_directory,
        )
        .linux(),
        answer(
            "open/no-descriptor",
            &[
                "POSIX.1-2024 open() ERRORS [EMFILE]",
                "open(2) ERRORS EMFILE",
                "fs/open.c do_sys_openat2(), fs/file.c alloc_fd()",
            ],
            "Without a descriptor left below RLIMIT_NOFILE it is EMFILE, before the name is looked at.",
            no_descriptor,
        ),
        answer(
            "open/exists",
            &[
                "POSIX.1-2024 open() ERRORS [EEXIST]",
                "open(2) ERRORS EEXIST",
            ],
            "O_CREAT with O_EXCL where the name exists is EEXIST.",
            open_exists,
        ),
        answer(
            "open/missing",
            &[
                "POSIX.1-2024 open() ERRORS [ENOENT]",
                "open(2) ERRORS ENOENT",
            ],
            "Without O_CREAT, a name that does not exist is ENOENT.",
            open_missing,
        ),
        answer(
            "open/is-directory",
            &[
                "POSIX.1-2024 open() ERRORS [EISDIR]",
                "open(2) ERRORS EISDIR",
                "fs/namei.c do_open(), may_open()",
            ],
            "A directory can't be opened for writing, made or cut: EISDIR.",
            open_is_directory,
        ),
        answer(
            "open/not-directory",
            &[
                "POSIX.1-2024 open() ERRORS [ENOTDIR]",
                "open(2) ERRORS ENOTDIR",
                "fs/namei.c do_open()",
            ],
            "O_DIRECTORY with a file is ENOTDIR.",
            open_not_directory,
        ),
        answer(
            "open/denied",
            &[
                "POSIX.1-2024 open() ERRORS [EACCES]",
                "open(2) ERRORS EACCES",
                "fs/namei.c may_open()",
            ],
            "Access that the file's mode does not grant is EACCES.",
            open_denied,
        ),
        effect(
            "open/cuts",
            &["POSIX.1-2024 open() O_TRUNC", "open(2) O_TRUNC"],
            "O_TRUNC cuts the file to nothing.",
            Effect::OpenCuts,
        ),
    ],
};

/// close(2).
pub static CLOSE: List = List {
    name: "close",
    clauses: &[
        answer(
            "close/harness",
            &["close(2) DESCRIPTION"],
            "Numbers that the harness may use are not modelled.",
            harness_number,
        ),
        answer(
            "close/not-open",
            &[
                "POSIX.1-2024 close() ERRORS [EBADF]",
                "close(2) ERRORS EBADF",
            ],
            "What is not open is EBADF.",
            not_even_path,
        ),
    ],
};

/// unlink(2).
pub static UNLINK: List = List {
    name: "unlink",
    clauses: &[
        answer(
            "unlink/directory",
            &["unlink(2) ERRORS EISDIR", "fs/namei.c do_unlinkat()"],
            "A directory is EISDIR.",
            unlink_directory,
        ),
        answer(
            "unlink/missing",
            &[
                "POSIX.1-2024 unlink() ERRORS [ENOENT]",
                "unlink(2) ERRORS ENOENT",
            ],
            "A name that does not exist is ENOENT.",
            unlink_missing,
        ),
    ],
};

/// ftruncate(2).
pub static FTRUNCATE: List = List {
    name: "ftruncate",
    clauses: &[
        answer(
            "ftruncate/negative",
            &[
                "POSIX.1-2024 ftruncate() ERRORS [EINVAL]",
                "truncate(2) ERRORS EINVAL",
                "fs/open.c do_sys_ftruncate()",
            ],
            "A negative length is EINVAL.",
            cut_negative,
        ),
        answer(
            "ftruncate/not-open",
            &[
                "POSIX.1-2024 ftruncate() ERRORS [EBADF]",
                "truncate(2) ERRORS EBADF",
            ],
            "What is not open is EBADF.",
            not_open,
        ),
        answer(
            "ftruncate/not-writable",
            &[
                "POSIX.1-2024 ftruncate() ERRORS [EBADF] or [EINVAL]",
                "truncate(2) ERRORS EINVAL",
                "fs/open.c do_ftruncate()",
            ],
            "What is no file, or not open for writing, is EINVAL.",
            cut_not_file,
        ),
        answer(
            "ftruncate/not-writable-either",
            &["POSIX.1-2024 ftruncate() ERRORS [EBADF] or [EINVAL]"],
            "The standard lets a descriptor that is not open for writing be EBADF too.",
            posix_cut_not_writable,
        )
        .posix(Force::Permitted),
        answer(
            "ftruncate/limit",
            &[
                "POSIX.1-2024 ftruncate() ERRORS [EFBIG]",
                "getrlimit(2) RLIMIT_FSIZE",
                "fs/attr.c inode_newsize_ok()",
            ],
            "A file that would become longer than RLIMIT_FSIZE is EFBIG, with SIGXFSZ.",
            cut_limit,
        )
        .linux(),
        answer(
            "ftruncate/too-large",
            &[
                "POSIX.1-2024 ftruncate() ERRORS [EFBIG]",
                "truncate(2) ERRORS EFBIG",
                "fs/attr.c inode_newsize_ok()",
            ],
            "A length that no file of the file system has is EFBIG.",
            cut_too_large,
        ),
        answer(
            "ftruncate/sealed",
            &[
                "F_ADD_SEALS(2const) F_SEAL_SHRINK, F_SEAL_GROW",
                "mm/shmem.c shmem_setattr()",
            ],
            "A file that is sealed against it becomes neither shorter nor longer: EPERM.",
            cut_sealed,
        )
        .linux(),
        effect(
            "ftruncate/takes-pages",
            &[
                "POSIX.1-2024 ftruncate() DESCRIPTION: the pages beyond the new end shall be discarded",
                "mm/truncate.c truncate_pagecache()",
            ],
            "Pages behind the new end are gone from all mappings, with the copies that private mappings had of them.",
            Effect::CutTakesPages,
        ),
        effect(
            "ftruncate/clears",
            &[
                "POSIX.1-2024 ftruncate() DESCRIPTION: the extra data is no longer available; zero-filled",
                "truncate(2) DESCRIPTION",
            ],
            "What is cut off is gone: where the file grows again, it is zeros.",
            Effect::CutClears,
        ),
        effect(
            "ftruncate/extended-zeros",
            &[
                "POSIX.1-2024 ftruncate() DESCRIPTION: the extended area shall appear as if it were zero-filled",
            ],
            "Where a file grows, what is new is zeros, whatever was stored behind its end before.",
            Effect::GrowthClears,
        )
        .posix(Force::Required),
        effect(
            "ftruncate/growth-clears",
            &[
                "mmap(2) BUGS",
                "fs/ext4/inode.c ext4_setattr(), ext4_write_end()",
                "mm/shmem.c shmem_setattr()",
            ],
            "Where a file grows, what was stored behind its end before is cleared; tmpfs keeps it.",
            Effect::GrowthClears,
        )
        .linux(),
    ],
};

/// lseek(2).
pub static LSEEK: List = List {
    name: "lseek",
    clauses: &[
        answer(
            "lseek/not-open",
            &[
                "POSIX.1-2024 lseek() ERRORS [EBADF]",
                "lseek(2) ERRORS EBADF",
            ],
            "What is not open is EBADF.",
            not_open,
        ),
        answer(
            "lseek/whence",
            &[
                "POSIX.1-2024 lseek() ERRORS [EINVAL]",
                "lseek(2) ERRORS EINVAL",
                "fs/read_write.c ksys_lseek()",
            ],
            "A whence that is none is EINVAL.",
            seek_whence,
        ),
        answer(
            "lseek/stream",
            &[
                "POSIX.1-2024 lseek() ERRORS [ESPIPE]",
                "lseek(2) ERRORS ESPIPE",
            ],
            "A pipe or socket does not stand anywhere: ESPIPE.",
            seek_stream,
        ),
        answer(
            "lseek/foreign",
            &["lseek(2) NOTES"],
            "Where directories and special descriptors stand is not modelled.",
            seek_foreign,
        ),
        answer(
            "lseek/data",
            &["lseek(2) SEEK_DATA, ERRORS ENXIO"],
            "SEEK_DATA and SEEK_HOLE behind the end are ENXIO.",
            seek_data,
        ),
        answer(
            "lseek/outside",
            &[
                "POSIX.1-2024 lseek() ERRORS [EINVAL]",
                "lseek(2) ERRORS EINVAL",
                "fs/read_write.c vfs_setpos()",
            ],
            "Before the beginning, or behind the greatest size, it is EINVAL.",
            seek_outside,
        ),
    ],
};

/// The size that fstat(2) tells.
pub static SIZE: List = List {
    name: "size",
    clauses: &[
        answer(
            "size/not-open",
            &[
                "POSIX.1-2024 fstat() ERRORS [EBADF]",
                "fstat(2) ERRORS EBADF",
            ],
            "What is not open is EBADF.",
            not_even_path,
        ),
        answer(
            "size/foreign",
            &["stat(3type) st_size"],
            "The size of a directory is the file system's own business.",
            size_foreign,
        ),
    ],
};
