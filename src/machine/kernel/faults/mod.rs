//! Faults: brought about by the case's own process, kept and taken back by a process of their own.
#![expect(
    unsafe_code,
    reason = "mapping an empty object, and changing a page in the middle of a touch"
)]

pub mod board;
pub mod keeper;
mod limit;
mod maps;
pub mod probe;
mod room;
mod running;
mod seccomp;
mod uffd;
mod wire;

pub use board::Board;
pub use seccomp::filter;
pub use wire::pair;

use super::child::{Actor, value};
use super::compiled::{Extent, Op, Word};
use super::journal::{Journal, Record, kind};
use super::sys::{self, last_errno};
use crate::case::call::{Act, ArgType};
use crate::case::fault::Fault;
use board::{ASKED, DONE};
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::Request;

/// The word that says how a fault shows.
fn manner(op: &Op) -> &'static str {
    let spec = op.call.args.iter().zip(op.words);
    let mut words = spec.filter_map(|(arg, word)| match (arg.ty, word) {
        (ArgType::Word(list), Word::Known(n)) => list.get(usize::try_from(*n).ok()?),
        _ => None,
    });
    words.next().map_or("", |w| w.0)
}

/// Brings a fault about, or withdraws one.
pub fn act(actor: &mut Actor, step: usize, op: &'static Op, args: &[i128]) -> Record {
    let mut words = [0i64; 6];
    for (word, arg) in words.iter_mut().zip(args) {
        *word = *arg as i64;
    }
    let request = Request {
        withdraw: 0,
        step: step as u32,
        args: words,
    };
    let done = match op.call.act {
        Act::Fault(fault) => arm(actor, fault, op, &request),
        _ => withdraw(actor, words[0]),
    };
    match done {
        Ok(()) => {
            if let (Some(name), Some(fault)) = (op.bind, op.fault) {
                actor.turn.bind(name, fault as i64);
            }
            value(0)
        }
        Err(errno) => Record {
            kind: kind::ERRNO,
            errno,
            ..Record::default()
        },
    }
}

fn withdraw(actor: &Actor, fault: i64) -> Result<(), i32> {
    let fault = usize::try_from(fault).ok();
    let ops = actor.setting.compiled.ops;
    let step = ops
        .iter()
        .position(|op| op.fault.is_some() && op.fault == fault);
    let request = Request {
        withdraw: 1,
        step: step.ok_or(libc::EINVAL)? as u32,
        args: [0; 6],
    };
    let slot = fault.and_then(|f| actor.setting.journal.board().slot(f));
    let op = step.and_then(|s| ops.get(s)).map(|op| op.call.act);
    if let (Some(Act::Fault(Fault::MapsExhausted)), Some(slot)) = (op, slot) {
        // Only who has them can unmap them.
        let (start, end) = slot.range();
        maps::give_back(start, end)?;
    }
    wire::ask(actor.setting.keeper, &request, &[])
}

fn arm(actor: &Actor, fault: Fault, op: &'static Op, request: &Request) -> Result<(), i32> {
    let keeper = actor.setting.keeper;
    let (start, len) = (request.args[0] as u64, request.args[1] as u64);
    match fault {
        Fault::Errno => with_listener(actor, request, None),
        Fault::Swap => with_listener(actor, request, Some(request.args[2] as RawFd)),
        Fault::DeadPage => {
            let object = empty_object()?;
            let done = map_over(object, start, len)
                .and_then(|()| wire::ask(keeper, request, &[object]))
                .map(|()| note_bite(actor, op, start, len));
            sys::close(object);
            done
        }
        Fault::MapsExhausted => {
            let journal = actor.setting.journal;
            let most = Duration::from_secs(60);
            let (start, end) = maps::exhaust(actor.setting.page, most, || journal.goes_on())?;
            let request = Request {
                args: [start as i64, (end - start) as i64, 0, 0, 0, 0],
                ..*request
            };
            wire::ask(keeper, &request, &[])
        }
        Fault::Full | Fault::NoExec | Fault::ReadOnly | Fault::Running => {
            wire::ask(keeper, request, &[])
        }
        Fault::Page | Fault::Slow | Fault::Hang => {
            let how = manner(op);
            let fd = uffd::open(match how {
                "sigbus" => uffd::FEATURE_SIGBUS,
                "poison" => uffd::FEATURE_POISON,
                "write_protect" => uffd::FEATURES_OF_STORES,
                _ => 0,
            })?;
            let registered = match how {
                "write_protect" => uffd::write_protect(fd, start, len),
                _ => uffd::register(fd, start, len),
            };
            let done = registered
                .and_then(|()| match how {
                    "poison" => uffd::poison(fd, start, len),
                    "race_unmap" | "race_protect" | "race_replace" => stand_by(actor, how),
                    _ => Ok(()),
                })
                .and_then(|()| wire::ask(keeper, request, &[fd]));
            if done.is_ok() && matches!(how, "sigbus" | "poison" | "write_protect") {
                note_bite(actor, op, start, len);
            }
            sys::close(fd);
            done
        }
    }
}

/// Arms a fault of calls: whose listener the keeper does not have yet gets it along.
fn with_listener(actor: &Actor, request: &Request, file: Option<RawFd>) -> Result<(), i32> {
    let keeper = actor.setting.keeper;
    let listener = seccomp::install(actor.setting.compiled.filter)?;
    let done = match (listener, file) {
        (Some(listener), Some(file)) => wire::ask(keeper, request, &[listener, file]),
        (Some(fd), None) | (None, Some(fd)) => wire::ask(keeper, request, &[fd]),
        (None, None) => wire::ask(keeper, request, &[]),
    };
    if let Some(listener) = listener {
        sys::close(listener);
    }
    done
}

/// A file without a byte and without a name.
fn empty_object() -> Result<RawFd, i32> {
    // SAFETY: constant strings and numbers.
    unsafe {
        let fd = libc::syscall(libc::SYS_memfd_create, c"empty".as_ptr(), libc::MFD_CLOEXEC);
        if fd >= 0 {
            return Ok(fd as RawFd);
        }
        match libc::open(c".".as_ptr(), libc::O_TMPFILE | libc::O_RDWR, 0o600) {
            -1 => Err(last_errno()),
            fd => Ok(fd),
        }
    }
}

fn map_over(object: RawFd, start: u64, len: u64) -> Result<(), i32> {
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: the case's own range: those of the harness were refused before.
    let got = unsafe {
        libc::mmap(
            start as usize as *mut libc::c_void,
            len as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            object,
            0,
        )
    };
    match got {
        libc::MAP_FAILED => Err(last_errno()),
        _ => Ok(()),
    }
}

/// Notes whether a page of the range can't be had, or can't be written: asked of the kernel, which
/// then gives an errno and no signal (MADV_POPULATE_READ and MADV_POPULATE_WRITE, Linux 5.14; a
/// kernel that does not know them can't be asked).
fn note_bite(actor: &Actor, op: &Op, start: u64, len: u64) {
    const MADV_POPULATE_READ: i32 = 22;
    const MADV_POPULATE_WRITE: i32 = 23;
    let advice = match manner(op) {
        "write_protect" => MADV_POPULATE_WRITE,
        _ => MADV_POPULATE_READ,
    };
    let page = actor.setting.page;
    let at = (start & !(page - 1)) as usize as *mut libc::c_void;
    // SAFETY: it only makes pages present.
    let bites = unsafe { libc::madvise(at, len as usize, advice) } != 0;
    let board = actor.setting.journal.board();
    if let Some(slot) = op.fault.and_then(|f| board.slot(f)).filter(|_| bites) {
        slot.bite();
    }
}

/// Starts a thread that changes a page when the keeper asks for it.
fn stand_by(actor: &Actor, how: &'static str) -> Result<(), i32> {
    let journal = actor.setting.journal;
    let page = actor.setting.page as usize;
    let address = std::ptr::from_ref(journal) as usize;
    std::thread::Builder::new()
        .stack_size(64 << 10)
        .spawn(move || {
            // SAFETY: a case's process never returns to the frame that owns the journal.
            let board = unsafe { (*(address as *const Journal)).board() };
            loop {
                while board.race.load(Ordering::SeqCst) != ASKED {
                    let now = board.race.load(Ordering::SeqCst);
                    if now != ASKED {
                        sys::futex_wait(&board.race, now, Duration::from_secs(60));
                    }
                }
                change(board.race_at.load(Ordering::SeqCst), page, how);
                board.race.store(DONE, Ordering::SeqCst);
                sys::futex_wake(&board.race);
            }
        })
        .map(|_| ())
        .map_err(|e| e.raw_os_error().unwrap_or(libc::EAGAIN))
}

fn change(at: u64, page: usize, how: &str) {
    let at = at as usize as *mut libc::c_void;
    // SAFETY: a page of the case's own that is being touched, in a range that the case named.
    unsafe {
        match how {
            "race_unmap" => {
                libc::munmap(at, page);
            }
            "race_protect" => {
                libc::mprotect(at, page, libc::PROT_NONE);
            }
            _ => {
                let prot = libc::PROT_READ | libc::PROT_WRITE;
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                libc::mmap(at, page, prot, flags, -1, 0);
            }
        }
    }
}

/// Notes which faults a step reaches into.
pub fn reach(board: &Board, op: &Op, args: &[i128]) {
    if matches!(op.call.act, Act::Fault(_) | Act::Withdraw) {
        return;
    }
    for (addr, extent) in op.ranges {
        if matches!(op.words.get(*addr), Some(Word::Data(..) | Word::Buf)) {
            continue;
        }
        let len = match extent {
            Extent::Arg(len) => match op.words.get(*len) {
                Some(Word::Data(_, len)) => *len as u64,
                _ => args.get(*len).map_or(0, |n| *n as u64),
            },
            Extent::Bytes(len) => *len as u64,
            // What the kernel tells of pages is told without touching them.
            Extent::Pages(_) => continue,
        };
        let start = args.get(*addr).map_or(0, |n| *n as u64);
        board.reach(start, start.saturating_add(len));
    }
}
