//! Faults: what is brought about on purpose, so that the steps after it meet it.

use super::{ADDR, Act, ArgType, CallSpec, FD, LENGTH, ResultKind, arg, opt};
use crate::case::fault::{Fault, HOW};

const CALL: super::ArgSpec = arg("call", ArgType::Call);
const NTH: super::ArgSpec = arg("nth", ArgType::Nth);

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "fault errno",
        args: &[
            CALL,
            NTH,
            arg("errno", ArgType::Errno),
            opt("times", ArgType::Int(1, 1 << 20), "1"),
        ],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Errno),
        doc: "the nth call of a kind from here on fails with this error, and so do as many after it as make `times`",
        page: Some("seccomp_unotify(2)"),
    },
    CallSpec {
        name: "fault swap",
        args: &[CALL, NTH, FD],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Swap),
        doc: "under the nth call of a kind from here on its descriptor becomes this file, and stays it",
        page: Some("seccomp_unotify(2)"),
    },
    CallSpec {
        name: "fault dead_page",
        args: &[ADDR, opt("length", ArgType::Len, "1page")],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::DeadPage),
        doc: "an empty object is mapped over the range",
        page: Some("mmap(2)"),
    },
    CallSpec {
        name: "fault page",
        args: &[ADDR, LENGTH, arg("how", ArgType::Word(HOW))],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Page),
        doc: "what is touched in the range for the first time meets this, see below",
        page: Some("userfaultfd(2)"),
    },
    CallSpec {
        name: "fault slow",
        args: &[ADDR, LENGTH, arg("milliseconds", ArgType::Int(1, 10_000))],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Slow),
        doc: "a page of the range that is touched for the first time comes so late, as zeros",
        page: Some("userfaultfd(2)"),
    },
    CallSpec {
        name: "fault hang",
        args: &[ADDR, LENGTH],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Hang),
        doc: "a page of the range that is touched for the first time never comes",
        page: Some("userfaultfd(2)"),
    },
    CallSpec {
        name: "fault maps_exhausted",
        args: &[],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::MapsExhausted),
        doc: "the acting process gets so many areas that the kernel allows it no more",
        page: Some("mmap(2)"),
    },
    CallSpec {
        name: "fault full",
        args: &[opt("leave", ArgType::Len, "0")],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Full),
        doc: "the case's own file system is filled until so much room is left",
        page: Some("tmpfs(5)"),
    },
    CallSpec {
        name: "fault noexec",
        args: &[],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::NoExec),
        doc: "the case's own file system is mounted anew with `noexec`",
        page: Some("mount(2)"),
    },
    CallSpec {
        name: "fault readonly",
        args: &[],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::ReadOnly),
        doc: "the case's own file system is mounted anew to be read only",
        page: Some("mount(2)"),
    },
    CallSpec {
        name: "fault running",
        args: &[arg("path", ArgType::Path)],
        result: ResultKind::Fault,
        act: Act::Fault(Fault::Running),
        doc: "a program is written to this file, and run",
        page: Some("execve(2)"),
    },
    CallSpec {
        name: "withdraw",
        args: &[arg("fault", ArgType::Fault)],
        result: ResultKind::Zero,
        act: Act::Withdraw,
        doc: "takes a fault back",
        page: None,
    },
];
