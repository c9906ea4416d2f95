//! Processes and threads, and their ends.

use super::{Act, ArgType, CallSpec, ResultKind, arg};

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "fork",
        args: &[],
        result: ResultKind::Actor,
        act: Act::Fork,
        doc: "a child process, which acts in `name: step`",
        page: Some("fork(2)"),
    },
    CallSpec {
        name: "thread",
        args: &[],
        result: ResultKind::Actor,
        act: Act::Thread,
        doc: "a thread of the acting process",
        page: Some("pthreads(7)"),
    },
    CallSpec {
        name: "process",
        args: &[],
        result: ResultKind::Actor,
        act: Act::Process,
        doc: "a process that was started before the case and shares nothing but the files",
        page: None,
    },
    CallSpec {
        name: "wait",
        args: &[arg("actor", ArgType::Actor)],
        result: ResultKind::End,
        act: Act::Wait,
        doc: "waits for an actor to end: `exit 0`, or the signal that killed it",
        page: Some("wait(2)"),
    },
    CallSpec {
        name: "exit",
        args: &[arg("status", ArgType::Int(0, 255))],
        result: ResultKind::Never,
        act: Act::Exit,
        doc: "ends the acting process",
        page: Some("_exit(2)"),
    },
    CallSpec {
        name: "pidfd",
        args: &[arg("actor", ArgType::Actor)],
        result: ResultKind::Descriptor,
        act: Act::Pidfd,
        doc: "a descriptor for the process of an actor",
        page: Some("pidfd_open(2)"),
    },
];
