//! The clauses of the calls on files and descriptors.

use super::{answer, effect, when};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
<<<<<<< HEAD
use crate::machine::model::object::{Kind, Object};
use crate::machine::model::world::{Open, What};
=======
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::world::{Open, PIPE_ROOM, What};
>>>>>>> modelled-3

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

<<<<<<< HEAD
=======
fn offset_negative(c: &Ctx<'_>) -> Option<Answer> {
    when(c.positioned && c.word(OFFSET) < 0, Errno("EINVAL"))
}

fn no_position(c: &Ctx<'_>) -> Option<Answer> {
    let stream = matches!(
        c.what(FD),
        Some(What::PipeRead(_) | What::PipeWrite(_) | What::Socket)
    );
    when(c.positioned && stream, Errno("ESPIPE"))
}

fn read_denied(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_some_and(|o| !o.read), Errno("EBADF"))
}

fn write_denied(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_some_and(|o| !o.write), Errno("EBADF"))
}

fn read_directory(c: &Ctx<'_>) -> Option<Answer> {
    when(c.what(FD) == Some(What::Dir), Errno("EISDIR"))
}

fn foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = matches!(
        c.what(FD),
        Some(What::Socket | What::Event | What::Proc | What::Device | What::Foreign)
    );
    when(foreign, Unmodelled("what this kind of descriptor holds"))
}

fn outside(c: &Ctx<'_>) -> Option<Answer> {
    when(c.reach == Reach::Outside, Errno("EFAULT"))
}

/// Where a transfer begins.
fn position(c: &Ctx<'_>) -> i128 {
    if c.positioned {
        return c.word(OFFSET);
    }
    c.fd(FD).map_or(0, |o| o.position.into())
}

fn end_overflows(c: &Ctx<'_>) -> Option<Answer> {
    let object = matches!(c.what(FD), Some(What::Object(_) | What::Zero | What::Null));
    let end = position(c) + c.word(COUNT);
    when(object && end > i128::from(i64::MAX), Errno("EINVAL"))
}

fn count_too_large(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(COUNT) > i128::from(i64::MAX), Errno("EINVAL"))
}

fn pipe_data(c: &Ctx<'_>) -> Option<(usize, usize)> {
    let (What::PipeRead(n) | What::PipeWrite(n)) = c.what(FD)? else {
        return None;
    };
    Some((n, c.w.pipes.get(n)?.data.len()))
}

fn read_waits(c: &Ctx<'_>) -> Option<Answer> {
    let (n, len) = pipe_data(c)?;
    let waits = len == 0 && c.word(COUNT) > 0 && c.w.has_end(What::PipeWrite(n));
    let at_once = c.fd(FD).is_some_and(|o| o.nonblock);
    when(waits, if at_once { Errno("EAGAIN") } else { Blocked })
}

/// How many bytes a read can get.
pub fn readable(c: &Ctx<'_>) -> u64 {
    let count = c.word(COUNT).max(0) as u64;
    match c.fd(FD).map(|o| o.what) {
        Some(What::Object(n)) => {
            let size = c.w.objects.get(n).map_or(0, |o| o.size);
            count.min(size.saturating_sub(position(c).max(0) as u64))
        }
        Some(What::PipeRead(n)) => {
            let len = c.w.pipes.get(n).map_or(0, |p| p.data.len());
            count.min(len as u64)
        }
        Some(What::Zero) => count,
        _ => 0,
    }
}

fn read_faults(c: &Ctx<'_>) -> Option<Answer> {
    let bytes = readable(c);
    match c.reach {
        Reach::Short(0) => when(bytes > 0, Errno("EFAULT")),
        Reach::Short(n) if pipe_data(c).is_some() => when(n < bytes, Errno("EFAULT")),
        Reach::Unknown => when(
            bytes > 0,
            Unmodelled("what lies at the buffer is not known"),
        ),
        _ => None,
    }
}

fn write_waits(c: &Ctx<'_>) -> Option<Answer> {
    let (_, len) = pipe_data(c)?;
    let room = PIPE_ROOM.saturating_sub(len) as i128;
    let at_once = c.fd(FD).is_some_and(|o| o.nonblock);
    match c.word(COUNT) > room {
        true if at_once => Some(Unmodelled("how much a pipe takes at once")),
        waits => when(waits, Blocked),
    }
}

fn no_reader(c: &Ctx<'_>) -> Option<Answer> {
    let (n, _) = pipe_data(c)?;
    when(
        !c.w.has_end(What::PipeRead(n)) && c.word(COUNT) > 0,
        Raise("EPIPE", "SIGPIPE"),
    )
}

fn write_too_far(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(COUNT) == 0 || !matches!(c.what(FD), Some(What::Object(_))) {
        return None;
    }
    let at = write_position(c);
    match size_max(c) {
        Some(max) => when(at >= i128::from(max), Errno("EFBIG")),
        None => when(
            at > 1 << 40,
            Unmodelled("the greatest size of a file of this file system"),
        ),
    }
}

/// Where a write begins, O_APPEND aside.
fn write_position(c: &Ctx<'_>) -> i128 {
    let appends = c.fd(FD).filter(|o| o.append);
    match appends.and_then(|o| c.w.object_of(o)) {
        Some(object) => object.size.into(),
        None => position(c),
    }
}

fn write_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?)?;
    if c.word(COUNT) == 0 || object.seals == 0 {
        return None;
    }
    if object.seals & (seal::WRITE | seal::FUTURE_WRITE) != 0 {
        return Some(Errno("EPERM"));
    }
    let (page, size) = (c.page(), i128::from(object.size));
    let (at, end) = (write_position(c), write_position(c) + c.word(COUNT));
    if object.seals & seal::GROW == 0 || end <= size {
        return None;
    }
    // It goes page by page: what lies in a page before that of the end is written.
    match at / page < size / page {
        true => Some(Unmodelled("a write that a seal cuts")),
        false => Some(Errno("EPERM")),
    }
}

fn cut_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?)?;
    let (old, new) = (i128::from(object.size), c.word(LENGTH));
    let shrinks = new < old && object.seals & seal::SHRINK != 0;
    let grows = new > old && object.seals & seal::GROW != 0;
    when(shrinks || grows, Errno("EPERM"))
}

fn write_faults(c: &Ctx<'_>) -> Option<Answer> {
    let touches = !matches!(c.what(FD), Some(What::Null | What::Zero));
    if !touches || c.word(COUNT) == 0 {
        return None;
    }
    match c.reach {
        Reach::Short(0) => Some(Errno("EFAULT")),
        Reach::Short(_) => when(pipe_data(c).is_some(), Errno("EFAULT")),
        Reach::Unknown => Some(Unmodelled("what lies at the buffer is not known")),
        _ => None,
    }
}

>>>>>>> modelled-3
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

<<<<<<< HEAD
=======
/// read(2) and pread(2).
pub static READ: List = List {
    name: "read",
    clauses: &[
        answer(
            "read/offset-negative",
            &[
                "POSIX.1-2024 pread() ERRORS [EINVAL]",
                "pread(2)",
                "fs/read_write.c ksys_pread64()",
            ],
            "A negative offset is EINVAL.",
            offset_negative,
        ),
        answer(
            "read/harness",
            &["read(2) DESCRIPTION"],
            "Numbers that the harness may use are not modelled.",
            harness_number,
        ),
        answer(
            "read/not-open",
            &["POSIX.1-2024 read() ERRORS [EBADF]", "read(2) ERRORS EBADF"],
            "What is not open is EBADF.",
            not_open,
        ),
        answer(
            "read/no-position",
            &[
                "POSIX.1-2024 pread() ERRORS [ESPIPE]",
                "pread(2)",
                "fs/read_write.c ksys_pread64()",
            ],
            "A pipe or socket has no offsets: ESPIPE.",
            no_position,
        ),
        answer(
            "read/not-readable",
            &[
                "POSIX.1-2024 read() ERRORS [EBADF]",
                "read(2) ERRORS EBADF",
                "fs/read_write.c vfs_read()",
            ],
            "What is not open for reading is EBADF.",
            read_denied,
        ),
        answer(
            "read/directory",
            &["read(2) ERRORS EISDIR"],
            "A directory is EISDIR.",
            read_directory,
        ),
        answer(
            "read/foreign",
            &["read(2) DESCRIPTION"],
            "What sockets and special descriptors give is not modelled.",
            foreign,
        ),
        answer(
            "read/outside",
            &[
                "read(2) ERRORS EFAULT",
                "fs/read_write.c vfs_read(), access_ok()",
            ],
            "A buffer that ends behind the address space is EFAULT, whatever there is to read.",
            outside,
        ),
        answer(
            "read/count-too-large",
            &["read(2) NOTES", "fs/read_write.c rw_verify_area()"],
            "A count that is negative as a signed word is EINVAL.",
            count_too_large,
        )
        .linux(),
        answer(
            "read/end-overflows",
            &[
                "POSIX.1-2024 read() ERRORS [EOVERFLOW]",
                "fs/read_write.c rw_verify_area()",
            ],
            "A range that ends behind the greatest offset is EINVAL.",
            end_overflows,
        )
        .linux(),
        answer(
            "read/waits",
            &[
                "POSIX.1-2024 read() DESCRIPTION",
                "pipe(7)",
                "fs/pipe.c pipe_read()",
            ],
            "An empty pipe that somebody may write to is waited for, or EAGAIN with O_NONBLOCK.",
            read_waits,
        ),
        answer(
            "read/faults",
            &[
                "read(2) ERRORS EFAULT",
                "mm/filemap.c filemap_read()",
                "fs/pipe.c pipe_read()",
            ],
            "Where the first byte can't be put into the buffer, it is EFAULT, and no signal; of a pipe, where any can't.",
            read_faults,
        ),
        effect(
            "read/stops-at-the-end",
            &[
                "POSIX.1-2024 read() DESCRIPTION: end-of-file",
                "read(2) RETURN VALUE",
            ],
            "Reading stops at the end of the file; behind it there is nothing to read.",
            Effect::ReadStops,
        ),
        effect(
            "read/moves",
            &[
                "POSIX.1-2024 read() DESCRIPTION: file offset",
                "read(2) DESCRIPTION",
            ],
            "read and write move the descriptor by what they transfer; pread and pwrite don't.",
            Effect::Moves,
        ),
        effect(
            "read/partial",
            &[
                "mm/filemap.c filemap_read()",
                "mm/filemap.c generic_perform_write()",
            ],
            "A transfer of a file that faults after its first byte tells how far it came.",
            Effect::PartialTransfer,
        ),
    ],
};

/// write(2) and pwrite(2).
pub static WRITE: List = List {
    name: "write",
    clauses: &[
        answer(
            "write/offset-negative",
            &[
                "POSIX.1-2024 pwrite() ERRORS [EINVAL]",
                "pwrite(2)",
                "fs/read_write.c ksys_pwrite64()",
            ],
            "A negative offset is EINVAL.",
            offset_negative,
        ),
        answer(
            "write/harness",
            &["write(2) DESCRIPTION"],
            "Numbers that the harness may use are not modelled.",
            harness_number,
        ),
        answer(
            "write/not-open",
            &[
                "POSIX.1-2024 write() ERRORS [EBADF]",
                "write(2) ERRORS EBADF",
            ],
            "What is not open is EBADF.",
            not_open,
        ),
        answer(
            "write/no-position",
            &[
                "POSIX.1-2024 pwrite() ERRORS [ESPIPE]",
                "pwrite(2)",
                "fs/read_write.c ksys_pwrite64()",
            ],
            "A pipe or socket has no offsets: ESPIPE.",
            no_position,
        ),
        answer(
            "write/not-writable",
            &[
                "POSIX.1-2024 write() ERRORS [EBADF]",
                "write(2) ERRORS EBADF",
                "fs/read_write.c vfs_write()",
            ],
            "What is not open for writing is EBADF.",
            write_denied,
        ),
        answer(
            "write/foreign",
            &["write(2) DESCRIPTION"],
            "What sockets and special descriptors take is not modelled.",
            foreign,
        ),
        answer(
            "write/outside",
            &[
                "write(2) ERRORS EFAULT",
                "fs/read_write.c vfs_write(), access_ok()",
            ],
            "A buffer that ends behind the address space is EFAULT.",
            outside,
        ),
        answer(
            "write/count-too-large",
            &["write(2) NOTES", "fs/read_write.c rw_verify_area()"],
            "A count that is negative as a signed word is EINVAL.",
            count_too_large,
        )
        .linux(),
        answer(
            "write/end-overflows",
            &[
                "POSIX.1-2024 write() ERRORS [EFBIG]",
                "fs/read_write.c rw_verify_area()",
            ],
            "A range that ends behind the greatest offset is EINVAL.",
            end_overflows,
        )
        .linux(),
        answer(
            "write/no-reader",
            &[
                "POSIX.1-2024 write() ERRORS [EPIPE]",
                "pipe(7)",
                "fs/pipe.c pipe_write()",
            ],
            "A pipe that nobody can read is EPIPE, with SIGPIPE.",
            no_reader,
        ),
        answer(
            "write/faults",
            &[
                "write(2) ERRORS EFAULT",
                "mm/filemap.c generic_perform_write()",
                "fs/pipe.c pipe_write()",
            ],
            "Where the first byte can't be had from the buffer, it is EFAULT, and no signal; of a pipe, where any can't. What is not looked at does not fault: /dev/null takes all.",
            write_faults,
        ),
        answer(
            "write/waits",
            &[
                "POSIX.1-2024 write() DESCRIPTION",
                "pipe(7)",
                "fs/pipe.c pipe_write()",
            ],
            "A full pipe is waited for.",
            write_waits,
        ),
        answer(
            "write/too-far",
            &[
                "POSIX.1-2024 write() ERRORS [EFBIG]",
                "write(2) ERRORS EFBIG",
                "fs/read_write.c generic_write_checks_count()",
            ],
            "Behind the greatest size of a file of the file system it is EFBIG.",
            write_too_far,
        ),
        answer(
            "write/sealed",
            &[
                "F_ADD_SEALS(2const) F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_GROW",
                "mm/shmem.c shmem_write_begin()",
            ],
            "A file that is sealed against writing takes no bytes, one sealed against growing none past its end: EPERM.",
            write_sealed,
        )
        .linux(),
        effect(
            "write/appends",
            &["POSIX.1-2024 open() O_APPEND", "open(2) O_APPEND"],
            "With O_APPEND, writes go to the end of the file.",
            Effect::Appends,
        ),
        effect(
            "write/pwrite-appends",
            &["pwrite(2) BUGS", "fs/read_write.c generic_write_checks()"],
            "So do those of pwrite, whatever the offset.",
            Effect::PwriteAppends,
        )
        .linux(),
        effect(
            "write/pipe-all-or-nothing",
            &["fs/pipe.c pipe_write()"],
            "A pipe keeps nothing of a write that faults, and loses nothing by a read that faults.",
            Effect::PipeAllOrNothing,
        ),
    ],
};

>>>>>>> modelled-3
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
