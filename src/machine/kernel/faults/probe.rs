//! Whether this machine can bring a fault about, found out by doing it in a child process.
#![expect(unsafe_code, reason = "memory and calls of the probing child's own")]

use super::{map_over, uffd};
use crate::case::need::Reason;
use crate::machine::kernel::sys::{self, last_errno};

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
        "race" | "slow" | "hang" => |page| missing(page, 0),
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
        _ => "userfaultfd(2) for user mode",
    };
    let reason = match errno {
        libc::EBUSY if calls => Reason::Busy,
        libc::ENOSYS => Reason::KernelConfig,
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

fn fresh(page: u64) -> Result<u64, i32> {
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
