//! Advice about memory, and what is resident of it.

use super::{ADDR, Act, ArgType, CallSpec, LENGTH, ResultKind, arg, opt};
use crate::case::flags;
use crate::case::number;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "madvise",
        args: &[ADDR, LENGTH, arg("advice", ArgType::Flags(&flags::MADVISE))],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_madvise),
        doc: "advises the kernel about a range",
        page: Some("madvise(2)"),
    },
    CallSpec {
        name: "process_madvise",
        args: &[
            arg("pidfd", ArgType::Fd),
            ADDR,
            LENGTH,
            arg("advice", ArgType::Flags(&flags::MADVISE)),
            opt("flags", ArgType::Flags(&flags::NONE), "0"),
            opt("times", ArgType::Int(0, 1025), "1"),
        ],
        result: ResultKind::Number,
        act: Act::ProcessMadvise,
        doc: "advises the kernel about a range of another process; the range stands `times` times in the list",
        page: Some("process_madvise(2)"),
    },
    CallSpec {
        name: "posix_madvise",
        args: &[
            ADDR,
            LENGTH,
            arg("advice", ArgType::Flags(&flags::POSIX_MADVISE)),
        ],
        result: ResultKind::Zero,
        act: Act::PosixMadvise,
        doc: "the C library's own, whatever the door; it returns its error",
        page: Some("posix_madvise(3)"),
    },
    CallSpec {
        name: "mincore",
        args: &[ADDR, LENGTH, opt("vec", ArgType::Buf, "buf")],
        result: ResultKind::Pages { len: 1, buf: 2 },
        act: Act::Syscall(number::SYS_mincore),
        doc: "a byte for each page: `01` where it is resident",
        page: Some("mincore(2)"),
    },
];
