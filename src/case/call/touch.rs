//! Touching memory, which is no system call.

use super::{ADDR, Act, ArgType, CallSpec, LENGTH, ResultKind, arg};

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "load",
        args: &[ADDR, arg("count", ArgType::Len)],
        result: ResultKind::Bytes { len: 1 },
        act: Act::Load,
        doc: "reads memory byte by byte, from the first to the last",
        page: None,
    },
    CallSpec {
        name: "store",
        args: &[ADDR, arg("bytes", ArgType::Bytes)],
        result: ResultKind::Zero,
        act: Act::Store,
        doc: "writes memory byte by byte, from the first to the last",
        page: None,
    },
    CallSpec {
        name: "fill",
        args: &[ADDR, LENGTH, arg("byte", ArgType::Bytes)],
        result: ResultKind::Zero,
        act: Act::Fill,
        doc: "writes one byte over and over",
        page: None,
    },
    CallSpec {
        name: "execute",
        args: &[ADDR],
        result: ResultKind::Number,
        act: Act::Execute,
        doc: "calls the function at an address, and tells what it returns",
        page: None,
    },
];
