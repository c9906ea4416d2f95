//! How far calls reach from the addresses that they are given.

use super::{Builder, Op, Word};
use crate::case::call::{Act, ArgType, ResultKind};
use crate::case::{Arg, Fd};
use crate::machine::kernel::code;

impl Builder<'_> {
    /// Whether the step could reach memory that the case did not make itself.
    pub(super) fn is_wild(&self, step: &crate::case::Step, op: &Op) -> bool {
        if step.call.name == "mmap" && !is_fixed(op) {
            return false;
        }
        step.call.name == "shmat" || op.ranges.iter().any(|range| self.is_wild_range(op, *range))
    }

    fn is_wild_range(&self, op: &Op, (addr, extent): (usize, Extent)) -> bool {
        let arena = self.context.arena;
        let len = match extent {
            Extent::Bytes(n) => n,
            Extent::Pages(_) => return !matches!(op.words[addr], Word::Buf),
            Extent::Arg(len) => match &op.words[len] {
                Word::Known(n) => *n,
                Word::Data(_, len) => *len as i128,
                _ => return true,
            },
        };
        match &op.words[addr] {
            Word::Known(start) => {
                let inside = *start >= arena.start as i128
                    && start
                        .checked_add(len)
                        .is_some_and(|e| e <= arena.end as i128);
                !inside
            }
            Word::Sum(offset, names) => match names {
                [(name, 1)] => !self.lengths.iter().any(|(known, mapped)| {
                    known == name && *offset >= 0 && offset.saturating_add(len) <= *mapped
                }),
                _ => true,
            },
            _ => false,
        }
    }
}

/// How far a call reaches from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As many bytes as this argument says, or holds.
    Arg(usize),
    /// So many bytes.
    Bytes(i128),
    /// A byte for each page of this argument.
    Pages(usize),
}

/// The ranges of memory that a step may change, or that it can't do without: which argument is the
/// address, and how far it reaches. What only asks the kernel reaches nothing.
pub(super) fn ranges(step: &crate::case::Step) -> Vec<(usize, Extent)> {
    match (step.call.act, step.call.result) {
        (Act::Areas | Act::Smaps | Act::VmFlags | Act::Status, _) => Vec::new(),
        (Act::Execute, _) => vec![(0, Extent::Bytes(code::REACH))],
        (_, ResultKind::Pages { len, buf }) => vec![(buf, Extent::Pages(len))],
        _ if step.call.name == "mremap" => {
            let mut found = vec![(0, Extent::Arg(1))];
            // A flag without a name may be this one too.
            let fixed =
                |a: &Arg| matches!(a, Arg::Flags(f) if f.has("MREMAP_FIXED") || f.extra != 0);
            if step.args.iter().any(fixed) {
                found.push((4, Extent::Arg(2)));
            }
            found
        }
        _ => {
            let found = ranges_of(step);
            found
                .into_iter()
                .map(|(addr, len)| (addr, Extent::Arg(len)))
                .collect()
        }
    }
}

/// Which arguments are ranges of addresses: the address and its length, or the bytes stored.
fn ranges_of(step: &crate::case::Step) -> Vec<(usize, usize)> {
    let args = step.call.args;
    let is_memory = |a: &Arg| matches!(a, Arg::Fd(Fd::Name(n)) if n == "proc-mem");
    let own_memory = step.args.iter().any(is_memory);
    let is_addr = |t: ArgType| match t {
        ArgType::Addr | ArgType::Buf | ArgType::Data | ArgType::Remote => true,
        // The process's memory as a file: its offsets are addresses.
        ArgType::Offset => own_memory,
        _ => false,
    };
    let is_len = |t: ArgType| matches!(t, ArgType::Len | ArgType::Bytes);
    let mut found = Vec::new();
    for (at, _) in args.iter().enumerate().filter(|(_, a)| is_addr(a.ty)) {
        let after = args[at + 1..].iter().position(|a| is_len(a.ty));
        let before = || args[..at].iter().position(|a| is_len(a.ty));
        if let Some(len) = after.map(|n| at + 1 + n).or_else(before) {
            found.push((at, len));
        }
    }
    found
}

/// Whether an mmap replaces what lies at its address.
pub fn is_fixed(op: &Op) -> bool {
    let flags = op.call.args.iter().position(|a| a.name == "flags");
    match flags.map(|i| &op.words[i]) {
        Some(Word::Known(bits)) => bits & i128::from(libc::MAP_FIXED) != 0,
        _ => true,
    }
}
