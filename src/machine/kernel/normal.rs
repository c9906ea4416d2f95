//! What a worker sets to the same state everywhere before the first case: descriptors, limits,
//! signals, umask, personality. A child inherits all of it.
#![expect(unsafe_code, reason = "process-wide settings, with numbers only")]

use super::sys::{self, checked};
use super::touch;
use std::io;

/// Numbers from here on belong to the worker: a child closes them. Below 256, since every fork
/// copies the table of descriptors up to the highest.
pub const HIGH: i32 = 210;
/// Numbers from here on, up to [`HIGH`], are the harness's own in a child.
pub const KEPT: i32 = 160;

/// Puts the process into the state in which every case begins. To be called before rights are
/// dropped, since lowering limits is all that an ordinary user can do.
///
/// # Errors
/// What the kernel says to a setting without which nothing can be relied upon.
pub fn settle() -> io::Result<()> {
    // SAFETY: numbers, and plain data that lives during each call.
    unsafe {
        libc::umask(0o022);
        // READ_IMPLIES_EXEC and its like change what mmap does; 0xffffffff asks only.
        if libc::personality(0xffff_ffff) != 0 {
            libc::personality(0);
        }
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        // The C library keeps two of the numbers for itself, and says so.
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    limits()?;
    touch::catch_all()
}

/// The limits of getrlimit(2), as an ordinary login has them: soft limits that no case meets by
/// accident, no core files.
fn limits() -> io::Result<()> {
    set_limit(libc::RLIMIT_CORE as i32, 0)?;
    for (resource, soft) in [
        (libc::RLIMIT_STACK, 8 << 20),
        (libc::RLIMIT_MEMLOCK, 8 << 20),
    ] {
        set_limit(resource as i32, soft)?;
    }
    for (resource, what) in [
        (libc::RLIMIT_AS, "address space"),
        (libc::RLIMIT_DATA, "data"),
        (libc::RLIMIT_FSIZE, "the size of files"),
    ] {
        must_set_limit(resource as i32, libc::RLIM_INFINITY, what)?;
    }
    Ok(())
}

/// Sets a soft limit without which cases would come out otherwise.
fn must_set_limit(resource: i32, soft: libc::rlim_t, what: &str) -> io::Result<()> {
    let got = set_limit(resource, soft)?;
    if got < soft {
        return Err(io::Error::other(format!(
            "the limit on {what} is {got} here and can't be raised{}: start it without (ulimit)",
            match soft {
                libc::RLIM_INFINITY => String::new(),
                needed => format!(" to the {needed} that are needed"),
            }
        )));
    }
    Ok(())
}

/// Sets a soft limit, or as much of it as is allowed; what it is then. The hard limit is raised
/// where it must be and may be, and never lowered.
fn set_limit(resource: i32, soft: libc::rlim_t) -> io::Result<libc::rlim_t> {
    // SAFETY: `limit` lives during the calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        checked(libc::getrlimit(resource as _, &raw mut limit))?;
        let hard = limit.rlim_max;
        limit.rlim_cur = soft;
        limit.rlim_max = hard.max(soft);
        if libc::setrlimit(resource as _, &raw const limit) == 0 {
            return Ok(soft);
        }
        limit.rlim_cur = soft.min(hard);
        limit.rlim_max = hard;
        checked(libc::setrlimit(resource as _, &raw const limit))?;
        Ok(limit.rlim_cur)
    }
}

/// Moves the worker's own streams out of the way of the cases' descriptors: 0, 1 and 2 become
/// /dev/null, everything else that was inherited is closed. Returns where input and output are.
///
/// # Errors
/// What fcntl(2) or open(2) says; the streams are where they were then.
pub fn settle_descriptors() -> io::Result<(i32, i32)> {
    must_set_limit(libc::RLIMIT_NOFILE as i32, 1024, "open files")?;
    // SAFETY: a constant string and numbers.
    let null = checked(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })
        .map_err(|e| io::Error::new(e.kind(), format!("/dev/null can't be opened: {e}")))?;
    let null = sys::move_up(null, HIGH)?;
    let input = sys::move_up(0, HIGH)?;
    let output = sys::move_up(1, HIGH)?;
    sys::close_from(0, HIGH - 1);
    sys::close_from(output + 1, i32::MAX);
    // SAFETY: numbers only; 0, 1 and 2 are free.
    unsafe {
        for _ in 0..3 {
            checked(libc::fcntl(null, libc::F_DUPFD, 0))?;
        }
    }
    sys::close(null);
    Ok((input, output))
}

/// Keeps this process and its children on one CPU: handing a child from one to another costs as
/// much as the case itself. Not being allowed to does not matter.
pub fn pin(cpu: usize) {
    // SAFETY: the set is plain data that lives during the calls.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return;
        }
        let set: Vec<usize> = (0..8 * size)
            .filter(|c| libc::CPU_ISSET(*c, &allowed))
            .collect();
        let Some(chosen) = set.get(cpu % set.len().max(1)) else {
            return;
        };
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(*chosen, &mut one);
        libc::sched_setaffinity(0, size, &raw const one);
    }
}

/// Starts or stops the timer whose SIGALRM wakes the worker from waiting.
pub fn tick_every(period: Option<std::time::Duration>) {
    let period = period.unwrap_or_default();
    let time = libc::timeval {
        tv_sec: period.as_secs() as libc::time_t,
        tv_usec: period.subsec_micros() as libc::suseconds_t,
    };
    let timer = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: `timer` lives during the call.
    unsafe {
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}
