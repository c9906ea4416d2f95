//! What the kernel says of areas and processes, without touching them.

use super::{ADDR, Act, ArgType, CallSpec, LENGTH, ResultKind, arg};
use crate::case::flags;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "areas",
        args: &[ADDR, LENGTH],
        result: ResultKind::Text,
        act: Act::Areas,
        doc: "what lies in a range, as proc_pid_maps(5) tells it",
        page: Some("proc_pid_maps(5)"),
    },
    CallSpec {
        name: "smaps",
        args: &[ADDR, LENGTH, arg("field", ArgType::Flags(&flags::SMAPS))],
        result: ResultKind::Number,
        act: Act::Smaps,
        doc: "a count of the areas in a range, in bytes",
        page: Some("proc_pid_smaps(5)"),
    },
    CallSpec {
        name: "vmflags",
        args: &[ADDR, arg("which", ArgType::Flags(&flags::VMFLAGS))],
        result: ResultKind::Text,
        act: Act::VmFlags,
        doc: "which of these flags the area of an address has",
        page: Some("proc_pid_smaps(5)"),
    },
    CallSpec {
        name: "status",
        args: &[arg("field", ArgType::Flags(&flags::STATUS))],
        result: ResultKind::Measure,
        act: Act::Status,
        doc: "a size of the acting process, in bytes",
        page: Some("proc_pid_status(5)"),
    },
];
