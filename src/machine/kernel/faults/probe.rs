//! Whether this machine can bring a fault about, found out by doing it in a child process.
#![expect(unsafe_code, reason = "memory and calls of the probing child's own")]

use super::{map_over, uffd};
use crate::case::need::Reason;
use crate::case::program::Ground;
use crate::machine::kernel::namespace;
use crate::machine::kernel::sys::{self, last_errno};
use std::time::Duration;

/// Why a fault can't be brought about.
pub type Unmet = (Reason, String);

/// Tries a fault of [`crate::case::fault::FAULTS`].
///
/// # Errors
/// Why it can't be brought about here.
pub fn fault(name: &str, page: u64) -> Result<(), Unmet> {
    let attempt: fn(u64) -> Result<(), i32> = match name {
        "errno" | "swap" => notice,
        "dead_page" => dead_page,
        "page" => |page| missing(page, uffd::FEATURE_SIGBUS),
        "poison" => |page| missing(page, uffd::FEATURE_POISON),
        "write_protect" => stores,
        "race" | "slow" | "hang" => |page| missing(page, 0),
        "maps_exhausted" => |page| {
            let (start, end) = super::maps::exhaust(page, Duration::from_secs(5), || ())?;
            super::maps::give_back(start, end)
        },
        "full" => {
            |page| namespace::attempt(Ground::Tmpfs, page, || super::room::fill(0).map(|_| ()))
        }
        "noexec" => {
            |page| namespace::attempt(Ground::Tmpfs, page, || namespace::remount(libc::MS_NOEXEC))
        }
        "readonly" => {
            |page| namespace::attempt(Ground::Tmpfs, page, || namespace::remount(libc::MS_RDONLY))
        }
        "diverge" => |page| namespace::attempt(Ground::Overlay, page, diverge),
        "running" => |_| running(),
        "hugetlb" => |_| no_free_huge_page(),
        _ if name.starts_with("limit-") => match super::limit::probe(name) {
            Some(probe) => probe,
            None => return Err((Reason::Os, "this worker does not know it".to_owned())),
        },
        _ => {
            return Err((Reason::Os, "this worker does not know it".to_owned()));
        }
    };
    match in_scratch(|| attempt(page)) {
        0 => Ok(()),
        errno => Err(why(name, errno)),
    }
}

/// Runs an attempt in a child; its errno, or 0.
fn in_scratch(attempt: impl FnOnce() -> Result<(), i32>) -> i32 {
    let status = sys::in_child(|| {
        let errno = attempt().err().unwrap_or(0);
        sys::exit(if errno > 255 { 255 } else { errno });
    });
    match status {
        Ok(status) if libc::WIFEXITED(status) => libc::WEXITSTATUS(status),
        _ => libc::EFAULT,
    }
}

fn why(name: &str, errno: i32) -> Unmet {
    let error = std::io::Error::from_raw_os_error(errno);
    let calls = matches!(name, "errno" | "swap");
    let how = match name {
        "errno" | "swap" => "seccomp(2)",
        "dead_page" => "an empty object over a page",
        "maps_exhausted" if errno == libc::E2BIG => {
            let why = "so many areas are allowed that it would take too long (vm.max_map_count)";
            return (Reason::Resource, why.to_owned());
        }
        _ if name.starts_with("limit-") && errno == super::limit::NO_BITE => {
            return (Reason::LimitNotEnforced, "it does not bite".to_owned());
        }
        "hugetlb" if errno == libc::EBUSY => {
            return (Reason::Resource, "huge pages are free here".to_owned());
        }
        "maps_exhausted" => "mprotect(2)",
        _ if name.starts_with("limit-") => "setrlimit(2)",
        "hugetlb" => "huge pages",
        "running" => "execve(2) of a program in the scratch folder",
        "full" | "noexec" | "readonly" | "diverge" => "a mount in a user namespace",

        _ => "userfaultfd(2) for user mode",
    };
    let reason = match errno {
        libc::EBUSY if calls => Reason::Busy,
        libc::EACCES if name == "running" => Reason::Filesystem,
        libc::ENOSPC => Reason::Resource,
        libc::ENOSYS | libc::ENODEV => Reason::KernelConfig,
        libc::EPERM | libc::EACCES => Reason::Policy,
        libc::EINVAL => Reason::KernelVersion,
        libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::EAGAIN => Reason::Resource,
        _ => Reason::Policy,
    };
    (reason, format!("{how}: {error}"))
}

/// A call that is noticed, and fails as it is told to: by a thread here, where there is no victim.
fn notice(_: u64) -> Result<(), i32> {
    let filter = Box::leak(super::seccomp::for_call(libc::SYS_getppid).into_boxed_slice());
    let (here, there) = super::pair().map_err(|e| e.raw_os_error().unwrap_or(libc::EMFILE))?;
    // SAFETY: the child does nothing but answer one call, and ends.
    let keeper = unsafe { libc::fork() };
    if keeper == 0 {
        sys::close(here);
        super::seccomp::answer_one(there, libc::ENOSPC);
        sys::exit(0);
    }
    sys::close(there);
    let listener = super::seccomp::install(filter)?.ok_or(libc::EBUSY)?;
    super::wire::ask(here, &super::Request::default(), &[listener])?;
    // SAFETY: no arguments.
    let got = unsafe { libc::syscall(libc::SYS_getppid) };
    match (got, last_errno()) {
        (-1, libc::ENOSPC) => Ok(()),
        _ => Err(libc::EPERM),
    }
}

/// A new page.
///
/// # Errors
/// The errno of mmap(2).
pub fn fresh(page: u64) -> Result<u64, i32> {
    // SAFETY: a new mapping touches nothing that exists.
    let got = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            page as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    match got {
        libc::MAP_FAILED => Err(last_errno()),
        at => Ok(at as u64),
    }
}

/// Whether a page gives a signal when it is touched.
fn bites(at: u64) -> Result<(), i32> {
    let mut byte = 0u8;
    match super::super::touch::load(at as usize, &raw mut byte, 1) {
        Err(_) => Ok(()),
        Ok(()) => Err(libc::EINVAL),
    }
}

fn dead_page(page: u64) -> Result<(), i32> {
    let at = fresh(page)?;
    map_over(super::empty_object()?, at, page)?;
    bites(at)
}

/// Whether a file that is copied up is another for who has mapped it.
fn diverge() -> Result<(), i32> {
    let error = |e: std::io::Error| e.raw_os_error().unwrap_or(libc::EIO);
    std::fs::write("file", "y").map_err(error)
}

fn running() -> Result<(), i32> {
    let started = super::running::start(c"probe");
    let _ = std::fs::remove_file("probe");
    started.map(super::running::stop)
}

/// Whether there are huge pages and none is free (proc_meminfo(5)); EBUSY where one is.
fn no_free_huge_page() -> Result<(), i32> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|_| libc::ENOSYS)?;
    let value = |key: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let over = std::fs::read_to_string("/proc/sys/vm/nr_overcommit_hugepages");
    let over = over.ok().and_then(|t| t.trim().parse::<u64>().ok());
    match (value("HugePages_Free:"), value("HugePages_Rsvd:"), over) {
        (None, ..) => Err(libc::ENOSYS),
        (Some(free), rsvd, Some(0) | None) if free <= rsvd.unwrap_or(0) => Ok(()),
        _ => Err(libc::EBUSY),
    }
}

/// Whether stores to a page give a signal, and loads don't.
fn stores(page: u64) -> Result<(), i32> {
    let at = fresh(page)?;
    let fd = uffd::open(uffd::FEATURES_OF_STORES)?;
    uffd::write_protect(fd, at, page)?;
    let bite = super::super::touch::store(at as usize, b"x").is_err();
    match (bite, bites(at)) {
        (true, Err(_)) => Ok(()),
        _ => Err(libc::EINVAL),
    }
}

fn missing(page: u64, feature: u64) -> Result<(), i32> {
    let at = fresh(page)?;
    let fd = uffd::open(feature)?;
    uffd::register(fd, at, page)?;
    match feature {
        uffd::FEATURE_SIGBUS => bites(at),
        uffd::FEATURE_POISON => uffd::poison(fd, at, page).and_then(|()| bites(at)),
        _ => uffd::zeros(fd, at, page),
    }
}
