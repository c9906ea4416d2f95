//! The calls that a step can make, described as data.
//!
//! A plain system call is one entry of a theme's list: its name, its arguments with their types, and
//! the kind of its result. Notation, diagnostics, help and execution follow from that entry. Only
//! what is no plain call (touching memory, processes) has code of its own in the machine, chosen
//! by its [`Act`].

mod actors;
mod advice;
mod faults;
mod files;
mod locking;
mod mapping;
mod objects;
mod process;
mod segments;
mod told;
mod touch;
mod transfer;

use super::fault::Fault;
use super::flags::Domain;

/// What an argument may be.
#[derive(Debug, Clone, Copy)]
pub enum ArgType {
    /// An address: a quantity that usually starts from a name, or `NULL`.
    Addr,
    /// A length (`size_t`).
    Len,
    /// A file offset (`off_t`), which may be negative.
    Offset,
    /// A small whole number from the first to the second.
    Int(i64, i64),
    /// The permissions of a new file, in octal: `0600`.
    Mode,
    /// A flag word.
    Flags(&'static Domain),
    /// One of the names of a flag word, and nothing else.
    Choice(&'static Domain),
    /// A whole number, or a name that is bound to one.
    Number,
    /// A descriptor: a bound name, one of [`FIXTURES`], or a number.
    Fd,
    /// One of [`PATHS`].
    Path,
    /// Bytes to be written: a byte string, which lies in memory of the harness, `code`, or the
    /// address of bytes in a mapping.
    Data,
    /// Where bytes are read to: `buf` is memory of the harness, else an address.
    Buf,
    /// A byte string, or `code`.
    Bytes,
    /// Another actor of the case.
    Actor,
    /// The name of a plain system call.
    Call,
    /// Which of many, counted from 1; or `all`.
    Nth,
    /// An error by its name.
    Errno,
    /// One of these words.
    Word(&'static [(&'static str, &'static str)]),
    /// A fault that was brought about before.
    Fault,
    /// A word that ends in a NUL: a byte string, or the address of one in a mapping.
    Text,
    /// An address in the process of the actor that is named before it.
    Remote,
    /// One of [`KEYS`].
    Key,
    /// What is no descriptor and yet has a number: a System V segment.
    Id,
    /// A byte string of which the harness makes the name of a shared memory object, all its own.
    Name,
    /// A limit, in which `used` is what the acting process uses of it.
    Limit,
}

/// One argument of a call.
#[derive(Debug)]
pub struct ArgSpec {
    /// Its name in the manual page.
    pub name: &'static str,
    /// What it may be.
    pub ty: ArgType,
    /// What is taken when it is left out; only at the end.
    pub default: Option<&'static str>,
}

/// What a call that succeeds gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// Nothing but success: `ok`.
    Zero,
    /// A number.
    Number,
    /// An address, bound together with the length given in that argument.
    Address {
        /// Which argument is the length.
        len: usize,
    },
    /// Where the break is.
    Break,
    /// A size that means something only beside another of its kind, and is told so.
    Measure,
    /// A text, made from what the kernel says.
    Text,
    /// A byte for each page of a range, where they went to `buf`.
    Pages {
        /// Which argument is the length.
        len: usize,
        /// Which argument says where to.
        buf: usize,
    },
    /// An address, of a mapping whose length no argument tells.
    Place,
    /// A descriptor.
    Descriptor,
    /// What is no descriptor and yet has a number.
    Id,
    /// Two descriptors, bound as `name.read` and `name.write`.
    Pipe,
    /// Some of the names of a flag word, as text: `"mtime|ctime"`.
    Words,
    /// As many bytes as were asked for.
    Bytes {
        /// Which argument is the length.
        len: usize,
    },
    /// The bytes read, where they went to `buf`; else their number.
    Read {
        /// Which argument says where to.
        buf: usize,
        /// Which argument is the most that may come.
        len: usize,
    },
    /// How many bytes of the data were taken.
    Written {
        /// Which argument is the most that may go.
        len: usize,
    },
    /// A new actor.
    Actor,
    /// A fault, which can be withdrawn.
    Fault,
    /// How an actor ended.
    End,
    /// It does not return.
    Never,
}

/// How a step is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A system call whose arguments are words.
    Syscall(Sysno),
    /// A system call that takes its paths from a folder: AT_FDCWD stands before each.
    At(Sysno),
    /// A system call whose words are put together from the arguments.
    Shaped(Sysno, &'static [Slot]),
    /// `lseek`: 32-bit architectures give the result through a pointer.
    Lseek,
    /// `fstat`, of which the size is told.
    Size,
    /// Marks the times of a file.
    Times,
    /// Asks which of them changed.
    Moved,
    /// `setrlimit` of a soft limit, which may count from what is in use.
    Limit,
    /// `shmctl` IPC_STAT, of which the number of attachments is told.
    Attached,
    /// `shm_open`, by the C library.
    ShmOpen,
    /// `shm_unlink`, by the C library.
    ShmUnlink,
    /// `process_vm_readv` or `process_vm_writev`: the call of this number.
    ProcessVm(Sysno),
    /// Bytes of a process that died, from its core file.
    Core,
    /// An operation by io_submit(2), waited for; whether it writes.
    Aio(bool),
    /// An operation by io_uring(7), waited for; whether it writes.
    Uring(bool),
    /// Gives up all capabilities but these.
    Keep,
    /// `pipe2`, which gives two descriptors.
    Pipe,
    /// A load, byte by byte.
    Load,
    /// A store, byte by byte.
    Store,
    /// A store of one byte repeated.
    Fill,
    /// A call of the code that lies at an address.
    Execute,
    /// `process_madvise`, whose range stands in a list.
    ProcessMadvise,
    /// `posix_madvise`, which is no system call and returns its error.
    PosixMadvise,
    /// The areas of a range.
    Areas,
    /// A count of the areas of a range.
    Smaps,
    /// The flags of an area.
    VmFlags,
    /// A size of the process.
    Status,
    /// A descriptor for the process of an actor.
    Pidfd,
    /// A child process.
    Fork,
    /// A thread of the acting process.
    Thread,
    /// A process that shares nothing but the files.
    Process,
    /// Waiting for an actor to end.
    Wait,
    /// The end of the acting process.
    Exit,
    /// Something that goes wrong from here on.
    Fault(Fault),
    /// The end of such a fault.
    Withdraw,
}

/// Where one word of a [`Act::Shaped`] call is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The argument of this number.
    Arg(usize),
    /// The low half of that argument, or all of it where a word holds 64 bits.
    Low(usize),
    /// Its high half, or nothing.
    High(usize),
    /// This number, whatever the arguments.
    Const(i64),
    /// The address of an iovec(3type) list: so many pairs of address and length, from this argument on.
    Vector(usize, usize),
}

/// The number of a system call on this architecture.
pub type Sysno = std::ffi::c_long;

/// A call as it can be written in a table.
#[derive(Debug)]
pub struct CallSpec {
    /// Its name.
    pub name: &'static str,
    /// Its arguments in order.
    pub args: &'static [ArgSpec],
    /// What it gives.
    pub result: ResultKind,
    /// How it is brought about.
    pub act: Act,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The manual page that defines it, if one does.
    pub page: Option<&'static str>,
}

/// The number of a call that is younger than Linux 5.1: since then they are the same everywhere,
/// counted from where an architecture's numbers begin (`scripts/syscall.tbl`).
const fn since_5_1(number: Sysno) -> Sysno {
    if cfg!(target_arch = "mips64") {
        5000 + number
    } else if cfg!(target_arch = "mips") {
        4000 + number
    } else {
        number
    }
}

/// The number of pidfd_open(2).
pub const PIDFD_OPEN: Sysno = since_5_1(434);

/// The number of process_madvise(2).
pub const PROCESS_MADVISE: Sysno = since_5_1(440);

const fn arg(name: &'static str, ty: ArgType) -> ArgSpec {
    ArgSpec {
        name,
        ty,
        default: None,
    }
}

const fn opt(name: &'static str, ty: ArgType, default: &'static str) -> ArgSpec {
    ArgSpec {
        name,
        ty,
        default: Some(default),
    }
}

const ADDR: ArgSpec = arg("addr", ArgType::Addr);
const LENGTH: ArgSpec = arg("length", ArgType::Len);
const COUNT: ArgSpec = arg("count", ArgType::Len);
const FD: ArgSpec = arg("fd", ArgType::Fd);
const OFFSET: ArgSpec = arg("offset", ArgType::Offset);

#[cfg(target_pointer_width = "32")]
mod sys {
    //! 32-bit architectures have the 64-bit offset entries beside the old ones.
    pub use crate::case::number::{
        SYS_close, SYS_fcntl64 as SYS_fcntl, SYS_ftruncate64 as SYS_ftruncate,
        SYS_mmap2 as SYS_mmap, SYS_mprotect, SYS_msync, SYS_munmap, SYS_openat, SYS_pread64,
        SYS_pwrite64, SYS_read, SYS_truncate64 as SYS_truncate, SYS_unlinkat, SYS_write,
    };
}
#[cfg(not(target_pointer_width = "32"))]
mod sys {
    pub use crate::case::number::{
        SYS_close, SYS_fcntl, SYS_ftruncate, SYS_mmap, SYS_mprotect, SYS_msync, SYS_munmap,
        SYS_openat, SYS_pread64, SYS_pwrite64, SYS_read, SYS_truncate, SYS_unlinkat, SYS_write,
    };
}

#[cfg(not(target_pointer_width = "32"))]
use crate::case::number::SYS_setuid as SYS_SETUID;
#[cfg(target_pointer_width = "32")]
use crate::case::number::SYS_setuid32 as SYS_SETUID;

/// memfd_secret(2): one number everywhere, but that MIPS counts from elsewhere.
pub const SYS_MEMFD_SECRET: Sysno = if cfg!(target_arch = "mips") {
    4447
} else if cfg!(target_arch = "mips64") {
    5447
} else {
    447
};

/// The calls of System V shared memory. Some architectures had a single call for all of them
/// before Linux 5.1, and the library's headers tell of that one alone.
#[cfg(any(
    target_arch = "x86",
    target_arch = "s390x",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "mips",
    target_arch = "m68k",
    target_arch = "sparc",
    target_arch = "sparc64"
))]
mod ipc {
    use super::Sysno;
    const BASE: Sysno = if cfg!(target_arch = "mips") { 4000 } else { 0 };
    pub const SHMGET: Sysno = BASE + 395;
    pub const SHMCTL: Sysno = BASE + 396;
    pub const SHMAT: Sysno = BASE + 397;
    pub const SHMDT: Sysno = BASE + 398;
}
#[cfg(not(any(
    target_arch = "x86",
    target_arch = "s390x",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "mips",
    target_arch = "m68k",
    target_arch = "sparc",
    target_arch = "sparc64"
)))]
mod ipc {
    pub use crate::case::number::{
        SYS_shmat as SHMAT, SYS_shmctl as SHMCTL, SYS_shmdt as SHMDT, SYS_shmget as SHMGET,
    };
}

/// All calls, by theme, in the order in which help lists them.
static THEMES: &[&[CallSpec]] = &[
    mapping::CALLS,
    advice::CALLS,
    locking::CALLS,
    process::CALLS,
    told::CALLS,
    files::CALLS,
    transfer::CALLS,
    objects::CALLS,
    segments::CALLS,
    touch::CALLS,
    actors::CALLS,
    faults::CALLS,
];

/// All calls.
pub fn all() -> impl Iterator<Item = &'static CallSpec> + Clone {
    THEMES.iter().copied().flatten()
}

/// The call of this name.
pub fn find(name: &str) -> Option<&'static CallSpec> {
    all().find(|c| c.name == name)
}

/// Descriptors that the harness opens for a case that names them.
pub static FIXTURES: &[(&str, &str)] = &[
    ("file", "the scratch file, opened as the column `open` says"),
    ("dir", "the scratch folder"),
    ("pipe.read", "the reading end of a pipe"),
    ("pipe.write", "the writing end of a pipe"),
    ("socket", "one end of a pair of stream sockets"),
    ("dev-zero", "/dev/zero"),
    ("dev-null", "/dev/null"),
    (
        "memfd",
        "memory as a file, memfd_create(2), of the declared size",
    ),
    ("path", "the scratch file opened with O_PATH"),
    ("epoll", "an epoll(7) instance"),
    ("eventfd", "an eventfd(2)"),
    ("proc-file", "a file of proc(5)"),
    ("memfd-sealable", "the same, made with MFD_ALLOW_SEALING"),
    ("socket.other", "the other end of that pair"),
    ("datagram", "one end of a pair of datagram sockets"),
    ("datagram.other", "the other end of that pair"),
    ("tcp", "a stream socket of the internet, not connected"),
    ("fifo", "a fifo(7), open for reading and writing"),
    ("tty", "a terminal: the other end of a new pty(7)"),
    ("tty.master", "the master's end of it"),
    ("dev-full", "/dev/full"),
    ("dev-random", "/dev/random"),
    ("dev-urandom", "/dev/urandom"),
    ("sysfs-file", "a file of sysfs(5)"),
    (
        "proc-mem",
        "/proc/self/mem: the process's own memory as a file",
    ),
    ("timerfd", "a timerfd_create(2)"),
    ("signalfd", "a signalfd(2)"),
    ("inotify", "an inotify(7) instance"),
    ("pidfd", "a pidfd_open(2) of the process itself"),
    ("dir-path", "the scratch folder opened with O_PATH"),
    (
        "symlink",
        "a symbolic link to the scratch file, opened with O_PATH and O_NOFOLLOW",
    ),
    (
        "block-device",
        "a disk, opened for reading alone; root's alone",
    ),
    ("closed", "the number of a descriptor that was just closed"),
    ("wild", "a number that never was a descriptor"),
];

/// What a path argument can name: a case can't name any other.
pub static PATHS: &[(&str, &str)] = &[
    ("file", "the scratch file"),
    ("new", "a name in the scratch folder that nothing has yet"),
    ("dir", "the scratch folder itself"),
    ("link", "a symbolic link to the scratch file"),
];

/// What names a System V segment.
pub static KEYS: &[(&str, &str)] = &[
    (
        "IPC_PRIVATE",
        "no key: a segment that nobody else can ask for",
    ),
    (
        "key",
        "a key of the harness's own, which no segment has when the case begins",
    ),
];

/// Names that are always bound, and so can't be bound again.
pub static RESERVED: &[(&str, &str)] = &[
    (
        "arena",
        "a range of the address space where nothing lies and nothing is put unasked",
    ),
    ("buf", "memory of the harness, for reads"),
    ("main", "the process that the case begins with"),
    (
        "used",
        "of a limit: what the acting process uses of it at that moment",
    ),
];

impl CallSpec {
    /// How it is written: `munmap(addr, length)`.
    pub fn signature(&self) -> String {
        let args: Vec<String> = self
            .args
            .iter()
            .map(|a| match a.default {
                Some(_) => format!("[{}]", a.name),
                None => a.name.to_owned(),
            })
            .collect();
        format!("{}({})", self.name, args.join(", "))
    }

    /// How many arguments must be given.
    pub fn required(&self) -> usize {
        self.args.iter().filter(|a| a.default.is_none()).count()
    }

    /// The argument that says where memory is, or where it is wanted: the first address.
    pub fn address(&self) -> usize {
        let is_address = |a: &ArgSpec| matches!(a.ty, ArgType::Addr);
        self.args.iter().position(is_address).unwrap_or(0)
    }

    /// The flag words among the arguments.
    pub fn domains(&self) -> impl Iterator<Item = &'static Domain> {
        self.args.iter().filter_map(|a| match a.ty {
            ArgType::Flags(domain) | ArgType::Choice(domain) => Some(domain),
            _ => None,
        })
    }

    /// The number of the system call that it makes, where it makes just one whose words are its
    /// arguments.
    pub fn number(&self) -> Option<Sysno> {
        match self.act {
            Act::Syscall(number) | Act::At(number) | Act::Shaped(number, _) => Some(number),
            _ => None,
        }
    }

    /// Whether it touches memory from the program, so that it can fault.
    pub fn touches(&self) -> bool {
        matches!(self.act, Act::Load | Act::Store | Act::Fill | Act::Execute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_come_last() {
        for (i, c) in all().enumerate() {
            assert!(all().take(i).all(|d| d.name != c.name), "{}", c.name);
            let first = c.args.iter().position(|a| a.default.is_some());
            let first = first.unwrap_or(c.args.len());
            assert!(c.args[first..].iter().all(|a| a.default.is_some()));
        }
    }

    #[test]
    fn signatures() {
        assert_eq!(
            find("open").unwrap().signature(),
            "open(path, flags, [mode])"
        );
    }
}
