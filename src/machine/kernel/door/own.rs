//! Calls that are more than words: structures are filled in, or the C library has the only entry.
#![expect(
    unsafe_code,
    reason = "the calls under test, with whatever arguments a case asks for"
)]

use super::{Returned, Wide, asynchronous, core, last_errno, returned};
use crate::case::call::{Act, CallSpec, Sysno};

/// Makes one of these calls.
pub fn call(spec: &CallSpec, args: &[Wide]) -> Returned {
    match spec.act {
        Act::Attached => segment(args[0] as i32).map(|s| s.attached),
        Act::ShmOpen => shm_open(args),
        Act::ShmUnlink => {
            // SAFETY: a string that the harness has made.
            returned(unsafe { libc::shm_unlink(args[0] as usize as *const libc::c_char).into() })
        }
        Act::ProcessVm(number) => process_vm(number, args),
        Act::Core => core::read(args),
        Act::Aio(writes) => asynchronous::submit(writes, args),
        Act::Uring(writes) => asynchronous::ring(writes, args),
        Act::Limit => limit(args[0] as i32, args[1] as u64),
        Act::Keep => keep(args[0] as u64),
        _ => Err(libc::ENOSYS),
    }
}

/// Its return value is the same at both doors: no kernel has this call.
fn shm_open(args: &[Wide]) -> Returned {
    let name = args[0] as usize as *const libc::c_char;
    // SAFETY: a string that the harness has made, and numbers.
    returned(unsafe { libc::shm_open(name, args[1] as i32, args[2] as libc::mode_t).into() })
}

/// process_vm_readv(2) or process_vm_writev(2) of one stretch: actor, local, remote, count.
fn process_vm(number: Sysno, args: &[Wide]) -> Returned {
    let vector = |at: Wide| libc::iovec {
        iov_base: at as usize as *mut libc::c_void,
        iov_len: args[3] as usize,
    };
    let (local, remote) = (vector(args[1]), vector(args[2]));
    // SAFETY: both lists live during the call, which may move bytes where the case asked for it.
    let value = unsafe {
        libc::syscall(
            number,
            args[0] as libc::pid_t,
            &raw const local,
            1usize,
            &raw const remote,
            1usize,
            0usize,
        )
    };
    #[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
    returned(value.into())
}

/// The two limits of prlimit64, which have 64 bits everywhere.
#[repr(C)]
#[derive(Default)]
struct Limits {
    soft: u64,
    hard: u64,
}

/// Sets a soft limit; the hard one stays.
fn limit(resource: i32, soft: u64) -> Returned {
    let mut limits = Limits::default();
    let (none, new): (*mut Limits, *mut Limits) = (std::ptr::null_mut(), &raw mut limits);
    // SAFETY: `limits` lives during the calls.
    unsafe {
        if libc::syscall(libc::SYS_prlimit64, 0, resource, none, new) != 0 {
            return Err(last_errno());
        }
        limits.soft = soft;
        let new = &raw const limits;
        #[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
        returned(libc::syscall(libc::SYS_prlimit64, 0, resource, new, none).into())
    }
}

/// How much of a limit the calling process uses; 0 where that can't be told. As the kernel counts
/// it: `total_vm`, `data_vm` and `locked_vm` of `struct mm_struct`, as proc_pid_status(5) shows them.
pub fn used(resource: i32) -> i64 {
    let key: &[u8] = match resource as u64 {
        n if n == libc::RLIMIT_AS as u64 => b"VmSize:",
        n if n == libc::RLIMIT_DATA as u64 => b"VmData:",
        n if n == libc::RLIMIT_MEMLOCK as u64 => b"VmLck:",
        n if n == libc::RLIMIT_NOFILE as u64 => return lowest_free(),
        _ => return 0,
    };
    let mut text = [0u8; 2048];
    let len = status(&mut text).unwrap_or_else(|errno| match errno {
        libc::EMFILE => with_descriptors(|| status(&mut text)).unwrap_or(0),
        _ => 0,
    });
    let text = &text[..len];
    let line = text.split(|b| *b == b'\n').find(|l| l.starts_with(key));
    let digits = line
        .unwrap_or_default()
        .iter()
        .filter(|b| b.is_ascii_digit());
    1024 * digits.fold(0i64, |n, b| {
        n.wrapping_mul(10).wrapping_add(i64::from(b - b'0'))
    })
}

/// Reads what proc_pid_status(5) shows of the calling process; how many bytes that are.
fn status(text: &mut [u8]) -> Result<usize, i32> {
    // SAFETY: a constant path, and room for as many bytes as are asked for.
    unsafe {
        let fd = libc::open(c"/proc/self/status".as_ptr(), libc::O_RDONLY);
        if fd < 0 {
            return Err(last_errno());
        }
        let n = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        usize::try_from(n).map_err(|_| last_errno())
    }
}

/// Does something that needs a descriptor where the soft limit leaves none.
fn with_descriptors(mut act: impl FnMut() -> Result<usize, i32>) -> Result<usize, i32> {
    let resource = libc::RLIMIT_NOFILE as i32;
    let mut limits = Limits::default();
    let none: *mut Limits = std::ptr::null_mut();
    // SAFETY: `limits` lives during the call.
    unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, resource, none, &raw mut limits);
    }
    limit(resource, limits.hard)?;
    let done = act();
    limit(resource, limits.soft)?;
    done
}

/// The number that the next descriptor gets.
fn lowest_free() -> i64 {
    // SAFETY: numbers that are only looked up: under a limit that is reached already, none could
    // be had for a try.
    let is_open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } != -1;
    (0..).take_while(is_open).count() as i64
}

/// Gives up all capabilities but these, in the present and for good (capset(2), version 3).
fn keep(mask: u64) -> Returned {
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = [VERSION_3, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let data = [low, low, 0, high, high, 0];
    // SAFETY: both have the size that version 3 asks for.
    #[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
    returned(unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr()).into() })
}

/// What is told of a segment.
struct Segment {
    attached: i64,
    size: i64,
}

fn segment(id: i32) -> Result<Segment, i32> {
    // SAFETY: `stat` is plain data, filled in by the call.
    unsafe {
        let mut stat: libc::shmid_ds = std::mem::zeroed();
        if libc::shmctl(id, libc::IPC_STAT, &raw mut stat) != 0 {
            return Err(last_errno());
        }
        Ok(Segment {
            attached: stat.shm_nattch as i64,
            size: stat.shm_segsz as i64,
        })
    }
}

/// The size of a segment; 0 where there is none.
pub fn segment_size(id: i32) -> i64 {
    segment(id).map_or(0, |s| s.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used() {
        assert!(used(libc::RLIMIT_AS as i32) > used(libc::RLIMIT_DATA as i32));
        assert!(used(libc::RLIMIT_DATA as i32) > 4096);
        assert!(used(libc::RLIMIT_NOFILE as i32) > 2);
        assert_eq!(used(libc::RLIMIT_FSIZE as i32), 0);
    }
}
