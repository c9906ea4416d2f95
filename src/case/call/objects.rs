//! Memory that is an object of its own and has a descriptor; limits and rights.

use super::{Act, ArgType, CallSpec, ResultKind, arg, opt};
use crate::case::flags;
use crate::case::number;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "memfd_create",
        args: &[
            arg("name", ArgType::Text),
            arg("flags", ArgType::Flags(&flags::MEMFD)),
        ],
        result: ResultKind::Descriptor,
        act: Act::Syscall(number::SYS_memfd_create),
        doc: "makes an empty file in memory",
        page: Some("memfd_create(2)"),
    },
    CallSpec {
        name: "memfd_secret",
        args: &[opt("flags", ArgType::Flags(&flags::SECRET), "0")],
        result: ResultKind::Descriptor,
        act: Act::Syscall(super::SYS_MEMFD_SECRET),
        doc: "makes an empty file in memory that the kernel itself does not see",
        page: Some("memfd_secret(2)"),
    },
    CallSpec {
        name: "shm_open",
        args: &[
            arg("name", ArgType::Name),
            arg("oflag", ArgType::Flags(&flags::OPEN)),
            opt("mode", ArgType::Mode, "0600"),
        ],
        result: ResultKind::Descriptor,
        act: Act::ShmOpen,
        doc: "opens a shared memory object; its name is put behind one of the harness's own",
        page: Some("shm_open(3)"),
    },
    CallSpec {
        name: "shm_unlink",
        args: &[arg("name", ArgType::Name)],
        result: ResultKind::Zero,
        act: Act::ShmUnlink,
        doc: "removes the name of a shared memory object",
        page: Some("shm_unlink(3)"),
    },
    CallSpec {
        name: "setrlimit",
        args: &[
            arg("resource", ArgType::Flags(&flags::RESOURCE)),
            arg("limit", ArgType::Limit),
        ],
        result: ResultKind::Zero,
        act: Act::Limit,
        doc: "sets a soft limit, which may count from what is `used`",
        page: Some("setrlimit(2)"),
    },
    CallSpec {
        name: "keep",
        args: &[arg("capabilities", ArgType::Flags(&flags::CAPABILITY))],
        result: ResultKind::Zero,
        act: Act::Keep,
        doc: "gives up all capabilities but these",
        page: Some("capset(2)"),
    },
    CallSpec {
        name: "setuid",
        args: &[arg("uid", ArgType::Int(0, 0x7fff_ffff))],
        result: ResultKind::Zero,
        act: Act::Syscall(super::SYS_SETUID),
        doc: "takes another user's rights",
        page: Some("setuid(2)"),
    },
];
