//! What this machine can do with its address space.

use super::{ANON, sys, touch, try_map, unmap};
use crate::case::Scale;
use crate::case::call;
use crate::machine::kernel::code::RETURN_42;
use std::fs;

/// Whether an ability is there, else why not; `None` where the name is of another kind.
pub fn ability(name: &str, scale: &Scale) -> Option<Result<(), String>> {
    let page = scale.page;
    let unknown = || format!("this kernel does not know {name}");
    let say = |met: bool, why: &str| if met { Ok(()) } else { Err(why.to_owned()) };
    Some(
        match name {
            "mseal" => {
                isolated(|| with_page(page, |at| call_number("mseal", &[at, page, 0]).is_ok()))
            }
            "pkeys" => say(
                isolated(|| call_number("pkey_alloc", &[0, 0]).is_ok()).is_ok(),
                "pkey_alloc(2) gives no key: this CPU or kernel has no protection keys",
            ),
            "mlock2" => {
                isolated(|| with_page(page, |at| call_number("mlock2", &[at, page, 1]).is_ok()))
            }
            "mlock" => say(
                isolated(|| with_page(page, |at| call_number("mlock", &[at, page]).is_ok()))
                    .is_ok(),
                "not even one page can be locked (RLIMIT_MEMLOCK)",
            ),
            "MADV_FREE" => advice(page, 8),
            "MADV_WIPEONFORK" => advice(page, 18),
            "MADV_COLD" => advice(page, 20),
            "MADV_POPULATE" => advice(page, 22),
            "MADV_DONTNEED_LOCKED" => advice(page, 24),
            "MADV_COLLAPSE" => say(
                collapses(scale),
                "madvise can't collapse pages into a huge one",
            ),
            "MADV_GUARD_INSTALL" => advice(page, 102),
            "guard-shared" => say(
                isolated(|| {
                    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
                    try_map(0, page, libc::PROT_READ, flags)
                        .is_ok_and(|at| call_number("madvise", &[at, page, 102]).is_ok())
                })
                .is_ok(),
                "only private anonymous memory takes a guard here",
            ),
            "process_madvise" => isolated(|| with_page(page, |at| advises_itself(at, page))),
            "MREMAP_DONTUNMAP" => isolated(|| {
                with_page(page, |at| {
                    call_number("mremap", &[at, page, page, 5, 0]).is_ok()
                })
            }),
            "MAP_DROPPABLE" => mapped(page, libc::PROT_READ, 0x8 | libc::MAP_ANONYMOUS),
            "MAP_32BIT" => say(
                cfg!(target_arch = "x86_64") && scale.bits == 64,
                "only x86-64 has MAP_32BIT",
            ),
            "MAP_GROWSDOWN" => say(
                isolated(|| grows_down(page)).is_ok(),
                "an area of MAP_GROWSDOWN does not grow here",
            ),
            "execute" if RETURN_42.is_empty() => {
                Err("no code is known for this architecture".to_owned())
            }
            "execute" => say(
                isolated(|| executes(page)).is_ok(),
                "what is written into a mapping can't be executed here",
            ),
            "execute-only" => say(
                isolated(|| is_unreadable(page)).is_ok(),
                "a page that can be executed can be read too",
            ),
            "thp" => say(
                setting("/sys/kernel/mm/transparent_hugepage/enabled")
                    .is_some_and(|s| s == "always" || s == "madvise"),
                "there are no transparent huge pages, or they are switched off",
            ),
            "ksm" => advice(page, 12),
            "hugetlb" => say(
                pool_is_empty(),
                "the pool of huge pages is missing or has pages",
            ),
            "smaps" => say(
                fs::read_to_string("/proc/self/smaps").is_ok_and(|t| t.contains("VmFlags:")),
                "there is no /proc/self/smaps with flags",
            ),
            "MDWE" => isolated(|| call_number("prctl", &[66, 0, 0, 0, 0]).is_ok()),
            "anon-names" => isolated(|| {
                with_page(page, |at| {
                    let name = c"probe".as_ptr() as u64;
                    call_number("prctl", &[0x53_56_4d_41, 0, at, page, name]).is_ok()
                })
            }),
            "memory-merge" => isolated(|| call_number("prctl", &[67, 0, 0, 0, 0]).is_ok()),
            "read-implies-exec" => say(
                isolated(|| obeys_persona(page)).is_ok(),
                "READ_IMPLIES_EXEC changes nothing here",
            ),
            "overcommit" => say(
                fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|t| t.trim() == "0"),
                "/proc/sys/vm/overcommit_memory is not 0, or not to be read",
            ),
            _ => return None,
        }
        .map_err(|why| if why.is_empty() { unknown() } else { why }),
    )
}

/// Runs a probe in a child, whose address space and settings nobody needs; an empty reason where
/// it says no.
fn isolated(probe: impl FnOnce() -> bool) -> Result<(), String> {
    let status = sys::in_child(|| {
        if probe() {
            sys::exit(42);
        }
    });
    match status {
        Ok(status) if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42 => Ok(()),
        _ => Err(String::new()),
    }
}

/// Makes the system call of this name of the vocabulary.
fn call_number(name: &str, args: &[u64]) -> Result<u64, i32> {
    let number = match call::find(name).map(|c| c.act) {
        Some(call::Act::Syscall(number)) => number,
        Some(call::Act::ProcessMadvise) => call::PROCESS_MADVISE,
        _ => return Err(libc::ENOSYS),
    };
    let word = |i: usize| args.get(i).copied().unwrap_or(0) as usize;
    // SAFETY: calls on memory of a probe, in a child of its own.
    let got =
        unsafe { libc::syscall(number, word(0), word(1), word(2), word(3), word(4), word(5)) };
    match got {
        -1 => Err(sys::last_errno()),
        n => Ok(n as u64),
    }
}

/// Whether it holds of a fresh page of private anonymous memory that has been written.
fn with_page(page: u64, holds: impl FnOnce(u64) -> bool) -> bool {
    let Ok(at) = try_map(0, page, libc::PROT_READ | libc::PROT_WRITE, ANON) else {
        return false;
    };
    touch::store(at as usize, b"x").is_ok() && holds(at)
}

fn advice(page: u64, number: u64) -> Result<(), String> {
    isolated(|| {
        with_page(page, |at| {
            call_number("madvise", &[at, page, number]).is_ok()
        })
    })
}

fn advises_itself(at: u64, page: u64) -> bool {
    let Ok(pidfd) = sys::pidfd(sys::process_id()) else {
        return false;
    };
    let range = [at as usize, page as usize];
    let list = range.as_ptr() as u64;
    call_number("process_madvise", &[pidfd as u64, list, 1, 20, 0]) == Ok(page)
}

fn mapped(page: u64, prot: i32, flags: i32) -> Result<(), String> {
    match try_map(0, page, prot, flags) {
        Ok(at) => {
            unmap(at, page);
            Ok(())
        }
        Err(_) => Err(String::new()),
    }
}

fn collapses(scale: &Scale) -> bool {
    let huge = scale.huge;
    isolated(|| {
        let Ok(at) = try_map(0, 2 * huge, libc::PROT_READ | libc::PROT_WRITE, ANON) else {
            return false;
        };
        let aligned = at.next_multiple_of(huge);
        touch::fill(aligned as usize, 1, huge as usize).is_ok()
            && call_number("madvise", &[aligned, huge, 25]).is_ok()
    })
    .is_ok()
}

fn grows_down(page: u64) -> bool {
    // Far from its neighbours: the guard gap is 256 pages unless the kernel is told otherwise.
    let room = 1024 * page;
    let Ok(at) = try_map(0, room, libc::PROT_NONE, ANON) else {
        return false;
    };
    let top = at + room - page;
    unmap(at, room);
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    let Ok(got) = try_map(top, page, rw, ANON | libc::MAP_GROWSDOWN) else {
        return false;
    };
    touch::store((got - 1) as usize, b"x").is_ok()
}

fn executes(page: u64) -> bool {
    let rwx = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let Ok(at) = try_map(0, page, rwx, ANON) else {
        return false;
    };
    if touch::store(at as usize, RETURN_42).is_err() {
        return false;
    }
    touch::sync_code(at as usize, RETURN_42.len());
    touch::execute(at as usize) == Ok(42)
}

fn is_unreadable(page: u64) -> bool {
    let Ok(at) = try_map(0, page, libc::PROT_EXEC, ANON) else {
        return false;
    };
    let mut byte = 0u8;
    touch::load(at as usize, &raw mut byte, 1).is_err()
}

/// The word in brackets of a file of sysfs, or its only one.
fn setting(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let chosen = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    Some(chosen.map_or(text.trim(), |(word, _)| word).to_owned())
}

/// Whether there is a pool of huge pages, none in it, and none to be had beyond it.
fn pool_is_empty() -> bool {
    let is_zero = |path: &str| fs::read_to_string(path).is_ok_and(|t| t.trim() == "0");
    is_zero("/proc/sys/vm/nr_hugepages") && is_zero("/proc/sys/vm/nr_overcommit_hugepages")
}

fn obeys_persona(page: u64) -> bool {
    if RETURN_42.is_empty() || call_number("personality", &[0x40_0000]).is_err() {
        return false;
    }
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    let Ok(at) = try_map(0, page, rw, ANON) else {
        return false;
    };
    if touch::store(at as usize, RETURN_42).is_err() {
        return false;
    }
    touch::sync_code(at as usize, RETURN_42.len());
    touch::execute(at as usize) == Ok(42)
}
