//! Calls that move bytes in other ways than read and write do: every one takes mapped memory for a
//! buffer.

use super::{Act, ArgType, COUNT, CallSpec, FD, OFFSET, ResultKind, Slot, arg, opt};
use crate::case::flags;
use crate::case::number;

const RWF: super::ArgSpec = opt("flags", ArgType::Flags(&flags::RWF), "0");
const SEND: super::ArgSpec = opt("flags", ArgType::Flags(&flags::SEND), "0");
const URING: super::ArgSpec = opt("buffers", ArgType::Flags(&flags::URING), "0");
const SPLICE: super::ArgSpec = opt("flags", ArgType::Flags(&flags::SPLICE), "0");

/// A descriptor, one list of two pairs.
const PAIRS: &[Slot] = &[Slot::Arg(0), Slot::Vector(1, 2), Slot::Const(2)];
/// A descriptor, a list of one pair, the two halves of an offset, flags.
const AT: &[Slot] = &[
    Slot::Arg(0),
    Slot::Vector(1, 1),
    Slot::Const(1),
    Slot::Low(3),
    Slot::High(3),
    Slot::Arg(4),
];

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "readv",
        args: &[
            FD,
            arg("addr", ArgType::Addr),
            COUNT,
            opt("addr2", ArgType::Addr, "NULL"),
            opt("count2", ArgType::Len, "0"),
        ],
        result: ResultKind::Number,
        act: Act::Shaped(number::SYS_readv, PAIRS),
        doc: "reads to two places, one after the other",
        page: Some("readv(2)"),
    },
    CallSpec {
        name: "writev",
        args: &[
            FD,
            arg("addr", ArgType::Addr),
            COUNT,
            opt("addr2", ArgType::Addr, "NULL"),
            opt("count2", ArgType::Len, "0"),
        ],
        result: ResultKind::Number,
        act: Act::Shaped(number::SYS_writev, PAIRS),
        doc: "writes from two places, one after the other",
        page: Some("writev(2)"),
    },
    CallSpec {
        name: "preadv2",
        args: &[FD, arg("buf", ArgType::Buf), COUNT, OFFSET, RWF],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Shaped(number::SYS_preadv2, AT),
        doc: "reads at an offset, or at -1 where the descriptor stands, in the way that the flags say",
        page: Some("preadv2(2)"),
    },
    CallSpec {
        name: "pwritev2",
        args: &[FD, arg("buf", ArgType::Data), COUNT, OFFSET, RWF],
        result: ResultKind::Written { len: 2 },
        act: Act::Shaped(number::SYS_pwritev2, AT),
        doc: "writes at an offset, or at -1 where the descriptor stands, in the way that the flags say",
        page: Some("pwritev2(2)"),
    },
    CallSpec {
        name: "send",
        args: &[FD, arg("buf", ArgType::Data), COUNT, SEND],
        result: ResultKind::Written { len: 2 },
        act: Act::Shaped(
            number::SYS_sendto,
            &[Slot::Arg(0), Slot::Arg(1), Slot::Arg(2), Slot::Arg(3)],
        ),
        doc: "sends through a socket",
        page: Some("send(2)"),
    },
    CallSpec {
        name: "recv",
        args: &[FD, arg("buf", ArgType::Buf), COUNT, SEND],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Shaped(
            number::SYS_recvfrom,
            &[Slot::Arg(0), Slot::Arg(1), Slot::Arg(2), Slot::Arg(3)],
        ),
        doc: "receives from a socket",
        page: Some("recv(2)"),
    },
    CallSpec {
        name: "sendfile",
        args: &[arg("out_fd", ArgType::Fd), arg("in_fd", ArgType::Fd), COUNT],
        result: ResultKind::Number,
        act: Act::Shaped(
            number::SYS_sendfile,
            &[Slot::Arg(0), Slot::Arg(1), Slot::Const(0), Slot::Arg(2)],
        ),
        doc: "moves bytes from one descriptor, where it stands, to another",
        page: Some("sendfile(2)"),
    },
    CallSpec {
        name: "splice",
        args: &[
            arg("fd_in", ArgType::Fd),
            arg("fd_out", ArgType::Fd),
            COUNT,
            SPLICE,
        ],
        result: ResultKind::Number,
        act: Act::Shaped(
            number::SYS_splice,
            &[
                Slot::Arg(0),
                Slot::Const(0),
                Slot::Arg(1),
                Slot::Const(0),
                Slot::Arg(2),
                Slot::Arg(3),
            ],
        ),
        doc: "moves bytes between a pipe and another descriptor",
        page: Some("splice(2)"),
    },
    CallSpec {
        name: "vmsplice",
        args: &[FD, arg("addr", ArgType::Addr), COUNT, SPLICE],
        result: ResultKind::Number,
        act: Act::Shaped(
            number::SYS_vmsplice,
            &[
                Slot::Arg(0),
                Slot::Vector(1, 1),
                Slot::Const(1),
                Slot::Arg(3),
            ],
        ),
        doc: "puts pages of memory into a pipe, or takes what is in it to memory",
        page: Some("vmsplice(2)"),
    },
    CallSpec {
        name: "copy_file_range",
        args: &[arg("fd_in", ArgType::Fd), arg("fd_out", ArgType::Fd), COUNT],
        result: ResultKind::Number,
        act: Act::Shaped(
            number::SYS_copy_file_range,
            &[
                Slot::Arg(0),
                Slot::Const(0),
                Slot::Arg(1),
                Slot::Const(0),
                Slot::Arg(2),
                Slot::Const(0),
            ],
        ),
        doc: "copies bytes from one file, where its descriptor stands, to another",
        page: Some("copy_file_range(2)"),
    },
    CallSpec {
        name: "aio_read",
        args: &[FD, arg("buf", ArgType::Buf), COUNT, OFFSET],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Aio(false),
        doc: "reads by io_submit(2), and waits until it is done",
        page: Some("io_submit(2)"),
    },
    CallSpec {
        name: "aio_write",
        args: &[FD, arg("buf", ArgType::Data), COUNT, OFFSET],
        result: ResultKind::Written { len: 2 },
        act: Act::Aio(true),
        doc: "writes by io_submit(2), and waits until it is done",
        page: Some("io_submit(2)"),
    },
    CallSpec {
        name: "uring_read",
        args: &[FD, arg("buf", ArgType::Buf), COUNT, OFFSET, URING],
        result: ResultKind::Read { buf: 1, len: 2 },
        act: Act::Uring(false),
        doc: "reads by io_uring(7), and waits until it is done",
        page: Some("io_uring(7)"),
    },
    CallSpec {
        name: "uring_write",
        args: &[FD, arg("buf", ArgType::Data), COUNT, OFFSET, URING],
        result: ResultKind::Written { len: 2 },
        act: Act::Uring(true),
        doc: "writes by io_uring(7), and waits until it is done",
        page: Some("io_uring(7)"),
    },
    CallSpec {
        name: "process_vm_readv",
        args: &[
            arg("actor", ArgType::Actor),
            arg("buf", ArgType::Buf),
            arg("remote", ArgType::Remote),
            COUNT,
        ],
        result: ResultKind::Read { buf: 1, len: 3 },
        act: Act::ProcessVm(number::SYS_process_vm_readv),
        doc: "reads the memory of another process",
        page: Some("process_vm_readv(2)"),
    },
    CallSpec {
        name: "core_read",
        args: &[
            arg("actor", ArgType::Actor),
            arg("buf", ArgType::Buf),
            arg("remote", ArgType::Remote),
            COUNT,
        ],
        result: ResultKind::Read { buf: 1, len: 3 },
        act: Act::Core,
        doc: "reads what was the memory of a process from the core file that its death left",
        page: Some("core(5)"),
    },
    CallSpec {
        name: "process_vm_writev",
        args: &[
            arg("actor", ArgType::Actor),
            arg("buf", ArgType::Data),
            arg("remote", ArgType::Remote),
            COUNT,
        ],
        result: ResultKind::Written { len: 3 },
        act: Act::ProcessVm(number::SYS_process_vm_writev),
        doc: "writes the memory of another process",
        page: Some("process_vm_writev(2)"),
    },
];
