//! The calls that make, change and remove mappings.

use super::{ADDR, Act, ArgType, CallSpec, FD, LENGTH, OFFSET, ResultKind, arg, opt, sys};
use crate::case::flags;
use crate::case::number;

pub(super) static CALLS: &[CallSpec] = &[
    CallSpec {
        name: "mmap",
        args: &[
            ADDR,
            LENGTH,
            arg("prot", ArgType::Flags(&flags::PROT)),
            arg("flags", ArgType::Flags(&flags::MAP)),
            FD,
            OFFSET,
        ],
        result: ResultKind::Address { len: 1 },
        act: Act::Syscall(sys::SYS_mmap),
        doc: "maps a file or anonymous memory",
        page: Some("mmap(2)"),
    },
    CallSpec {
        name: "munmap",
        args: &[ADDR, LENGTH],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_munmap),
        doc: "removes the mappings of a range",
        page: Some("munmap(2)"),
    },
    CallSpec {
        name: "mprotect",
        args: &[ADDR, LENGTH, arg("prot", ArgType::Flags(&flags::PROT))],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_mprotect),
        doc: "sets the protection of a range",
        page: Some("mprotect(2)"),
    },
    CallSpec {
        name: "msync",
        args: &[ADDR, LENGTH, arg("flags", ArgType::Flags(&flags::MSYNC))],
        result: ResultKind::Zero,
        act: Act::Syscall(sys::SYS_msync),
        doc: "writes a range back to its file",
        page: Some("msync(2)"),
    },
    CallSpec {
        name: "mremap",
        args: &[
            arg("old_address", ArgType::Addr),
            arg("old_size", ArgType::Len),
            arg("new_size", ArgType::Len),
            arg("flags", ArgType::Flags(&flags::MREMAP)),
            opt("new_address", ArgType::Addr, "NULL"),
        ],
        result: ResultKind::Address { len: 2 },
        act: Act::Syscall(number::SYS_mremap),
        doc: "grows, shrinks or moves a mapping",
        page: Some("mremap(2)"),
    },
    CallSpec {
        name: "remap_file_pages",
        args: &[
            ADDR,
            arg("size", ArgType::Len),
            arg("prot", ArgType::Flags(&flags::PROT)),
            arg("pgoff", ArgType::Len),
            opt("flags", ArgType::Flags(&flags::MAP), "0"),
        ],
        result: ResultKind::Zero,
        act: Act::Syscall(number::SYS_remap_file_pages),
        doc: "lets other pages of the file appear in a shared mapping; `pgoff` counts pages",
        page: Some("remap_file_pages(2)"),
    },
];
