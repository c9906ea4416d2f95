//! System V shared memory. What a case leaves behind the harness removes.

use super::{ADDR, Act, ArgType, CallSpec, ResultKind, Slot, arg};
use crate::case::flags;

const ID: super::ArgSpec = arg("shmid", ArgType::Id);

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "shmget",
        args: &[
            arg("key", ArgType::Key),
            arg("size", ArgType::Len),
            arg("shmflg", ArgType::Flags(&flags::SHMGET)),
        ],
        result: ResultKind::Id,
        act: Act::Syscall(super::ipc::SHMGET),
        doc: "makes a segment, or finds the one of a key",
        page: Some("shmget(2)"),
    },
    CallSpec {
        name: "shmat",
        args: &[ID, ADDR, arg("shmflg", ArgType::Flags(&flags::SHMAT))],
        result: ResultKind::Place,
        act: Act::Syscall(super::ipc::SHMAT),
        doc: "maps a segment",
        page: Some("shmat(2)"),
    },
    CallSpec {
        name: "shmdt",
        args: &[ADDR],
        result: ResultKind::Zero,
        act: Act::Syscall(super::ipc::SHMDT),
        doc: "unmaps the segment that was mapped at this address",
        page: Some("shmdt(2)"),
    },
    CallSpec {
        name: "shmctl",
        args: &[ID, arg("op", ArgType::Flags(&flags::SHMCTL))],
        result: ResultKind::Zero,
        act: Act::Shaped(
            super::ipc::SHMCTL,
            &[Slot::Arg(0), Slot::Arg(1), Slot::Const(0)],
        ),
        doc: "removes, locks or unlocks a segment",
        page: Some("shmctl(2)"),
    },
    CallSpec {
        name: "nattch",
        args: &[ID],
        result: ResultKind::Number,
        act: Act::Attached,
        doc: "how many mappings of a segment there are, as shmctl(2) IPC_STAT tells",
        page: Some("shmctl(2)"),
    },
];
