//! Whether limits bite: each is set to next to nothing, and what it should refuse is tried.
#![expect(
    unsafe_code,
    reason = "limits, memory and descriptors of a probing child's own"
)]

use crate::machine::kernel::sys::{self, last_errno};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What a probe gives where the limit is taken and refuses nothing: no call that it makes gives
/// this.
pub const NO_BITE: i32 = libc::ERANGE;

/// The probe of a limit, to be run in a child process: it sets the limit.
pub fn probe(name: &str) -> Option<fn(u64) -> Result<(), i32>> {
    Some(match name {
        "limit-as" => |page| with(Resource::RLIMIT_AS, &[libc::ENOMEM], || map(page)),
        "limit-data" => |page| with(Resource::RLIMIT_DATA, &[libc::ENOMEM], || map(page)),
        "limit-memlock" => |page| {
            let at = super::probe::fresh(page)?;
            // SAFETY: it only makes a page of the probe's own resident.
            let lock = || unsafe { libc::mlock(at as usize as *const libc::c_void, page as usize) };
            with(Resource::RLIMIT_MEMLOCK, &[libc::EPERM, libc::ENOMEM], lock)
        },
        "limit-fsize" => |page| {
            let file = super::empty_object()?;
            // SAFETY: numbers only; the signal that comes with the error is passed over.
            let grow = || unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::ftruncate(file, page as libc::off_t)
            };
            with(Resource::RLIMIT_FSIZE, &[libc::EFBIG], grow)
        },
        "limit-nofile" => |_| {
            let file = super::empty_object()?;
            // SAFETY: a number only.
            with(Resource::RLIMIT_NOFILE, &[libc::EMFILE], || unsafe {
                libc::dup(file)
            })
        },
        "limit-nproc" => |_| with(Resource::RLIMIT_NPROC, &[libc::EAGAIN], fork),
        _ => return None,
    })
}

/// Sets a limit to 1 and tries what it should refuse with one of these errors. A limit of 0 is none
/// at all for RLIMIT_DATA (`may_expand_vm` in the kernel's mm/mmap.c).
fn with(resource: Resource, errors: &[i32], attempt: impl FnOnce() -> i32) -> Result<(), i32> {
    let (_, hard) = getrlimit(resource).map_err(|e| e as i32)?;
    setrlimit(resource, 1, hard).map_err(|e| e as i32)?;
    if attempt() >= 0 {
        return Err(NO_BITE);
    }
    match last_errno() {
        errno if errors.contains(&errno) => Ok(()),
        errno => Err(errno),
    }
}

fn map(page: u64) -> i32 {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping touches nothing that exists.
    let got = unsafe { libc::mmap(std::ptr::null_mut(), page as usize, prot, flags, -1, 0) };
    match got {
        libc::MAP_FAILED => -1,
        _ => 0,
    }
}

fn fork() -> i32 {
    // SAFETY: the child ends at once.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        sys::exit(0);
    }
    if pid > 0 {
        let _ = sys::wait_for(pid);
    }
    pid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refuses_nothing_does_not_bite() {
        let status = sys::in_child(|| {
            let idle = with(Resource::RLIMIT_FSIZE, &[libc::EFBIG], || 0);
            let file = super::super::empty_object().unwrap_or(-1);
            let bites = probe("limit-fsize").map(|p| p(4096));
            sys::exit(i32::from(
                idle == Err(NO_BITE) && file >= 0 && bites == Some(Ok(())),
            ));
        });
        assert_eq!(libc::WEXITSTATUS(status.unwrap()), 1);
        assert!(probe("limit-of-nothing").is_none());
    }
}
