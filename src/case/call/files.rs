//! The calls on files and descriptors.

use super::{Act, ArgType, COUNT, CallSpec, FD, OFFSET, ResultKind, arg, opt, sys};
use crate::case::flags;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "open",
        args: &[
            arg("path", ArgType::Path),
            arg("flags", ArgType::Flags(&flags::OPEN)),
            opt("mode", ArgType::Mode, "0600"),
        ],
        result: ResultKind::Descriptor,
        act: Act::Syscall(sys::SYS_openat),
        doc: "opens a file of the scratch folder; the mode, in octal, is 0600 unless given",
        page: Some("open(2)"),
    },
    CallSpec {
        name: "close",
        args: &[FD],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_close),
        doc: "closes a descriptor",
        page: Some("close(2)"),
    },
    CallSpec {
        name: "unlink",
        args: &[arg("path", ArgType::Path)],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_unlinkat),
        doc: "removes the name of a file",
        page: Some("unlink(2)"),
    },
    CallSpec {
        name: "ftruncate",
        args: &[FD, arg("length", ArgType::Offset)],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_ftruncate),
        doc: "sets the size of a file",
        page: Some("truncate(2)"),
    },
    CallSpec {
        name: "read",
        args: &[FD, arg("buf", ArgType::Buf), COUNT],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Syscall(sys::SYS_read),
        doc: "reads from where the descriptor stands",
        page: Some("read(2)"),
    },
    CallSpec {
        name: "write",
        args: &[FD, arg("buf", ArgType::Data), COUNT],
        result: ResultKind::Written { len: 2 },
        act: Act::Syscall(sys::SYS_write),
        doc: "writes to where the descriptor stands",
        page: Some("write(2)"),
    },
    CallSpec {
        name: "pread",
        args: &[FD, arg("buf", ArgType::Buf), COUNT, OFFSET],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Syscall(sys::SYS_pread64),
        doc: "reads at an offset",
        page: Some("pread(2)"),
    },
    CallSpec {
        name: "pwrite",
        args: &[FD, arg("buf", ArgType::Data), COUNT, OFFSET],
        result: ResultKind::Written { len: 2 },
        act: Act::Syscall(sys::SYS_pwrite64),
        doc: "writes at an offset",
        page: Some("pwrite(2)"),
    },
    CallSpec {
        name: "lseek",
        args: &[FD, OFFSET, arg("whence", ArgType::Flags(&flags::WHENCE))],
        result: ResultKind::Number,
        act: Act::Lseek,
        doc: "moves the descriptor and tells where it stands",
        page: Some("lseek(2)"),
    },
    CallSpec {
        name: "size",
        args: &[FD],
        result: ResultKind::Number,
        act: Act::Size,
        doc: "the size that fstat(2) tells",
        page: Some("fstat(2)"),
    },
    CallSpec {
        name: "pipe",
        args: &[],
        result: ResultKind::Pipe,
        act: Act::Pipe,
        doc: "makes a pipe, bound as `name.read` and `name.write`",
        page: Some("pipe(2)"),
    },
];
