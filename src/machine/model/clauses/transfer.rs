//! The clauses of read(2), pread(2), write(2) and pwrite(2).

mod write;

use super::files::{harness_number, not_open};
use super::{answer, effect, when};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::Answer::{Blocked, Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::world::{Pipe, What};
pub use write::taken;
use write::{
    no_reader, write_elsewhere, write_faults, write_limit, write_no_room, write_sealed,
    write_too_far, write_waits,
};

const FD: usize = 0;
const COUNT: usize = 2;
const OFFSET: usize = 3;

/// The most that one call transfers: MAX_RW_COUNT of include/linux/fs.h.
pub fn transfer_max(c: &Ctx<'_>) -> u64 {
    0x7fff_ffff & !(c.m.scale.page - 1)
}

/// How many bytes are asked for, as far as one call can go.
pub fn asked(c: &Ctx<'_>) -> u64 {
    u64::try_from(c.word(COUNT))
        .unwrap_or(0)
        .min(transfer_max(c))
}

fn is_stream(c: &Ctx<'_>) -> bool {
    matches!(
        c.what(FD),
        Some(What::PipeRead(_) | What::PipeWrite(_) | What::Socket)
    )
}

fn offset_negative(c: &Ctx<'_>) -> Option<Answer> {
    when(c.positioned && c.word(OFFSET) < 0, Errno("EINVAL"))
}

fn no_position(c: &Ctx<'_>) -> Option<Answer> {
    when(c.positioned && is_stream(c), Errno("ESPIPE"))
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

/// Where a transfer begins, O_APPEND aside.
fn position(c: &Ctx<'_>) -> i128 {
    if c.positioned {
        return c.word(OFFSET);
    }
    c.fd(FD).map_or(0, |o| o.position.into())
}

fn end_overflows(c: &Ctx<'_>) -> Option<Answer> {
    let end = position(c) + c.word(COUNT);
    when(!is_stream(c) && end > i128::from(i64::MAX), Errno("EINVAL"))
}

fn pipe<'a>(c: &Ctx<'a>) -> Option<(usize, &'a Pipe)> {
    let (What::PipeRead(n) | What::PipeWrite(n)) = c.what(FD)? else {
        return None;
    };
    Some((n, c.w.pipes.get(n)?))
}

fn read_waits(c: &Ctx<'_>) -> Option<Answer> {
    let (n, pipe) = pipe(c)?;
    let waits = pipe.is_empty() && c.word(COUNT) > 0 && c.w.has_end(What::PipeWrite(n));
    let at_once = c.fd(FD).is_some_and(|o| o.nonblock);
    when(waits, if at_once { Errno("EAGAIN") } else { Blocked })
}

/// How many bytes a read can get.
pub fn readable(c: &Ctx<'_>) -> u64 {
    let count = asked(c);
    match c.fd(FD).map(|o| o.what) {
        Some(What::Object(n)) => {
            let size = c.w.objects.get(n).map_or(0, |o| o.size);
            count.min(size.saturating_sub(position(c).max(0) as u64))
        }
        Some(What::PipeRead(n)) => count.min(c.w.pipes.get(n).map_or(0, Pipe::len)),
        Some(What::Zero) => count,
        _ => 0,
    }
}

fn read_faults(c: &Ctx<'_>) -> Option<Answer> {
    let bytes = readable(c);
    match c.reach {
        Reach::Unknown => when(
            bytes > 0,
            Unmodelled("what lies at the buffer is not known"),
        ),
        Reach::Short(n) => {
            let got = pipe(c).map_or(n, |(_, pipe)| pipe.whole(n));
            when(bytes > 0 && got == 0, Errno("EFAULT"))
        }
        _ => None,
    }
}

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
            "read/directory",
            &["POSIX.1-2024 read() ERRORS [EISDIR]", "read(2) ERRORS EISDIR", "fs/libfs.c generic_read_dir()"],
            "A directory is EISDIR, where buffer and range are good.",
            read_directory,
        ),
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
            "Where the first byte can't be put into the buffer, it is EFAULT, and no signal; of a pipe, where any of the first page can't.",
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
        effect(
            "read/pipe-by-page",
            &["fs/pipe.c pipe_read()"],
            "A pipe gives the pages that it holds one by one: one that does not fit into what can be reached of the buffer stays, and those before it count.",
            Effect::PipeGivesPages,
        )
        .linux(),
        effect(
            "read/at-most",
            &["read(2) NOTES", "fs/read_write.c vfs_read(), vfs_write()", "include/linux/fs.h MAX_RW_COUNT"],
            "No call transfers more than 2 GiB less a page, of what kind of file so ever; it is no error to ask for more.",
            Effect::AtMost,
        )
        .linux(),
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
            "write/limit",
            &[
                "POSIX.1-2024 write() ERRORS [EFBIG]",
                "getrlimit(2) RLIMIT_FSIZE",
                "fs/read_write.c generic_write_check_limits()",
            ],
            "A write to a file that begins at or behind RLIMIT_FSIZE is EFBIG, with SIGXFSZ.",
            write_limit,
        )
        .linux(),
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
            "write/no-room",
            &[
                "POSIX.1-2024 write() ERRORS [ENOSPC]",
                "write(2) ERRORS ENOSPC",
                "mm/shmem.c shmem_write_begin()",
            ],
            "Where there is no room for a page that the file does not have it is ENOSPC; from Linux 6.18 on before the buffer is looked at.",
            write_no_room,
        )
        .linux(),
        answer(
            "write/sealed",
            &[
                "F_ADD_SEALS(2const) F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_GROW",
                "mm/shmem.c shmem_write_begin()",
            ],
            "A file that is sealed against writing takes no bytes, one sealed against growing none past its end: EPERM; seen with Linux 6.18 before the buffer is looked at, up to 6.12 after.",
            write_sealed,
        )
        .linux(),
        answer(
            "write/other-file-system",
            &["fs/btrfs/file.c btrfs_buffered_write()", "fs/fuse/file.c fuse_fill_write_pages()"],
            "How far a write goes whose bytes can't all be had is told for ext4 and for files in memory.",
            write_elsewhere,
        )
        .linux(),
        answer(
            "write/faults",
            &[
                "write(2) ERRORS EFAULT",
                "mm/filemap.c generic_perform_write()",
                "fs/pipe.c pipe_write()",
            ],
            "Where the first byte can't be had from the buffer, it is EFAULT, and no signal; of a pipe, where any of the first page can't. What is not looked at does not fault: /dev/null takes all.",
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
            "write/page-by-page",
            &["mm/filemap.c generic_perform_write()"],
            "A write goes on page by page: where its buffer is a mapping of the file itself, what has been written so far can be read in its turn, and what was past the end when the call began is past it no more.",
            Effect::WritesByPage,
        )
        .linux(),
        effect(
            "write/lengthens-though-it-fails",
            &["fs/ext4/inode.c ext4_da_do_write_end()", "mm/shmem.c shmem_write_end()", "mm/filemap.c generic_perform_write()"],
            "A write behind the end whose buffer faults at once has made the file longer, up to where it was to begin, though not a byte is written: seen with Linux 6.18; up to 6.12 the buffer is looked at before.",
            Effect::FailedWriteLengthens,
        )
        .linux(),
        effect(
            "write/up-to-the-greatest-size",
            &["write(2) ERRORS EFBIG", "fs/read_write.c generic_write_check_limits()"],
            "A write that begins before the greatest size of a file, or before RLIMIT_FSIZE, and would end behind it is cut short there.",
            Effect::CutAtGreatest,
        )
        .linux(),
        effect(
            "write/pipe-by-page",
            &["fs/pipe.c pipe_write()"],
            "A pipe takes whole pages: of a page that faults it keeps nothing, and those before it count.",
            Effect::PipeTakesPages,
        )
        .linux(),
    ],
};
