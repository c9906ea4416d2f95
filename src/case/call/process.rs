//! What holds for the whole process: its break, its protection keys, its settings.

use super::{ADDR, Act, ArgType, CallSpec, LENGTH, ResultKind, arg, opt};
use crate::case::flags;
use crate::case::number;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "brk",
        args: &[ADDR],
        result: ResultKind::Break,
        act: Act::Syscall(number::SYS_brk),
        doc: "moves the end of the data segment, and tells where it is then",
        page: Some("brk(2)"),
    },
    CallSpec {
        name: "pkey_alloc",
        args: &[
            arg("flags", ArgType::Flags(&flags::NONE)),
            arg("access_rights", ArgType::Flags(&flags::PKEY_RIGHTS)),
        ],
        result: ResultKind::Number,
        act: Act::Syscall(number::SYS_pkey_alloc),
        doc: "takes a protection key",
        page: Some("pkey_alloc(2)"),
    },
    CallSpec {
        name: "pkey_free",
        args: &[arg("pkey", ArgType::Number)],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_pkey_free),
        doc: "gives it back",
        page: Some("pkey_free(2)"),
    },
    CallSpec {
        name: "pkey_mprotect",
        args: &[
            ADDR,
            LENGTH,
            arg("prot", ArgType::Flags(&flags::PROT)),
            arg("pkey", ArgType::Number),
        ],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_pkey_mprotect),
        doc: "sets the protection and the key of a range",
        page: Some("pkey_mprotect(2)"),
    },
    CallSpec {
        name: "prctl",
        args: &[
            arg("op", ArgType::Choice(&flags::PRCTL)),
            opt("arg2", ArgType::Flags(&flags::PRCTL_ARG), "0"),
            opt("arg3", ArgType::Addr, "NULL"),
            opt("arg4", ArgType::Len, "0"),
            opt("arg5", ArgType::Text, "NULL"),
        ],
        result: ResultKind::Number,
        act: Act::Syscall(number::SYS_prctl),
        doc: "settings of the process that change what mappings do",
        page: Some("prctl(2)"),
    },
    CallSpec {
        name: "personality",
        args: &[arg("persona", ArgType::Flags(&flags::PERSONA))],
        result: ResultKind::Number,
        act: Act::Syscall(number::SYS_personality),
        doc: "sets the personality, and tells the one before",
        page: Some("personality(2)"),
    },
];
