//! The calls that a step can make, described as data.
//!
//! A plain system call is one entry of a theme's list: its name, its arguments with their types, and
//! the kind of its result. Notation, diagnostics, help and execution follow from that entry. Only
//! what is no plain call (touching memory, processes) has code of its own in the machine, chosen
//! by its [`Act`].

mod actors;
mod faults;
mod files;
mod mapping;
mod touch;

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
    /// A descriptor: a bound name, one of [`FIXTURES`], or a number.
    Fd,
    /// One of [`PATHS`].
    Path,
    /// Bytes to be written: a byte string, which lies in memory of the harness, or the address
    /// of bytes in a mapping.
    Data,
    /// Where bytes are read to: `buf` is memory of the harness, else an address.
    Buf,
    /// A byte string.
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
    /// A descriptor.
    Descriptor,
    /// Two descriptors, bound as `name.read` and `name.write`.
    Pipe,
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
    /// `lseek`: 32-bit architectures give the result through a pointer.
    Lseek,
    /// `fstat`, of which the size is told.
    Size,
    /// `pipe2`, which gives two descriptors.
    Pipe,
    /// A load, byte by byte.
    Load,
    /// A store, byte by byte.
    Store,
    /// A store of one byte repeated.
    Fill,
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

/// The number of a system call on this architecture.
pub type Sysno = libc::c_long;

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
    pub use libc::{
        SYS_close, SYS_ftruncate64 as SYS_ftruncate, SYS_mmap2 as SYS_mmap, SYS_mprotect,
        SYS_msync, SYS_munmap, SYS_openat, SYS_pread64, SYS_pwrite64, SYS_read, SYS_unlinkat,
        SYS_write,
    };
}
#[cfg(not(target_pointer_width = "32"))]
mod sys {
    pub use libc::{
        SYS_close, SYS_ftruncate, SYS_mmap, SYS_mprotect, SYS_msync, SYS_munmap, SYS_openat,
        SYS_pread64, SYS_pwrite64, SYS_read, SYS_unlinkat, SYS_write,
    };
}

/// All calls, by theme, in the order in which help lists them.
static THEMES: &[&[CallSpec]] = &[
    mapping::CALLS,
    files::CALLS,
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
    ("closed", "the number of a descriptor that was just closed"),
    ("wild", "a number that never was a descriptor"),
];

/// What a path argument can name: a case can't name any other.
pub static PATHS: &[(&str, &str)] = &[
    ("file", "the scratch file"),
    ("new", "a name in the scratch folder that nothing has yet"),
    ("dir", "the scratch folder itself"),
];

/// Names that are always bound, and so can't be bound again.
pub static RESERVED: &[(&str, &str)] = &[
    (
        "arena",
        "a range of the address space where nothing lies and nothing is put unasked",
    ),
    ("buf", "memory of the harness, for reads"),
    ("main", "the process that the case begins with"),
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

    /// Whether it touches memory from the program, so that it can fault.
    pub fn touches(&self) -> bool {
        matches!(self.act, Act::Load | Act::Store | Act::Fill)
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
