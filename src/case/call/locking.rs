//! Locking memory, and sealing it.

use super::{ADDR, Act, ArgType, CallSpec, LENGTH, ResultKind, arg, opt, since_5_1};
use crate::case::flags;
use crate::case::number;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "mlock",
        args: &[ADDR, LENGTH],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_mlock),
        doc: "makes a range resident and keeps it so",
        page: Some("mlock(2)"),
    },
    CallSpec {
        name: "mlock2",
        args: &[ADDR, LENGTH, arg("flags", ArgType::Flags(&flags::MLOCK2))],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_mlock2),
        doc: "the same, perhaps only of what is resident",
        page: Some("mlock2(2)"),
    },
    CallSpec {
        name: "munlock",
        args: &[ADDR, LENGTH],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_munlock),
        doc: "ends that",
        page: Some("munlock(2)"),
    },
    CallSpec {
        name: "mlockall",
        args: &[arg("flags", ArgType::Flags(&flags::MLOCKALL))],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_mlockall),
        doc: "locks all that is mapped, or will be",
        page: Some("mlockall(2)"),
    },
    CallSpec {
        name: "munlockall",
        args: &[],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_munlockall),
        doc: "ends that",
        page: Some("munlockall(2)"),
    },
    CallSpec {
        name: "mseal",
        args: &[
            ADDR,
            LENGTH,
            opt("flags", ArgType::Flags(&flags::NONE), "0"),
        ],
        result: ResultKind::Zero,
        act: Act::Syscall(since_5_1(462)),
        doc: "forbids for good to unmap, move or change a range",
        page: Some("mseal(2)"),
    },
];
