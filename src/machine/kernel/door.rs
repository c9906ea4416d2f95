//! The doors to the kernel: the raw system call, and the C library's function.
#![expect(
    unsafe_code,
    reason = "the calls under test, with whatever arguments a case asks for"
)]

mod asynchronous;
mod core;
mod library;
mod own;

pub use core::NAME as CORE;
pub use own::{segment_size, used};

use super::abi;
use super::sys::last_errno;
use crate::case::call::{Act, CallSpec, PROCESS_MADVISE, Sysno};
use crate::case::program::Door;

/// What a call returned: the value, or the errno.
pub type Returned = Result<i64, i32>;

/// One argument in the width of the notation; the door narrows it to a register.
pub type Wide = i128;

fn returned(value: i64) -> Returned {
    // A raw mmap may return an address that is negative as a number; only -1 is failure, as the
    // C library has already sorted out the kernel's small negative numbers.
    if value == -1 {
        Err(last_errno())
    } else {
        Ok(value)
    }
}

/// Makes a plain system call through a door.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn call(door: Door, spec: &CallSpec, args: &[Wide]) -> Returned {
    if door == Door::Libc {
        if let Some(result) = through_libc(spec, args) {
            return result;
        }
        if let Some(result) = library::call(spec, args) {
            return returned(result);
        }
    }
    match spec.act {
        Act::Lseek => lseek(args),
        Act::Size => size(args),
        Act::ProcessMadvise => process_madvise(args),
        Act::PosixMadvise => posix_madvise(args),
        Act::Syscall(number) if abi::is_in_block(spec) => {
            let block = abi::encode(spec, args);
            bare(number, [block.as_ptr() as usize, 0, 0, 0, 0, 0], spec)
        }
        Act::Syscall(number) => bare(number, abi::encode(spec, args), spec),
        Act::At(number) => bare(number, abi::encode_at(spec, args), spec),
        Act::Shaped(number, shape) => {
            let mut vectors = abi::Vectors::default();
            let words = abi::encode_shape(shape, args, &mut vectors);
            bare(number, words, spec)
        }
        _ => own::call(spec, args),
    }
}

/// The bare system call.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
fn bare(number: Sysno, words: [usize; 6], spec: &CallSpec) -> Returned {
    // SAFETY: this is the purpose of the harness: the call under test, in a child whose memory
    // nobody else needs. Ranges of the harness itself were refused before.
    let value = unsafe {
        libc::syscall(
            number, words[0], words[1], words[2], words[3], words[4], words[5],
        )
    };
    returned(widen(value, spec))
}

/// An address is not negative, whatever its highest bit; other results are numbers.
#[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
fn widen(value: libc::c_long, spec: &CallSpec) -> i64 {
    use crate::case::call::ResultKind;
    if value == -1 || !matches!(spec.result, ResultKind::Address { .. } | ResultKind::Place) {
        return value.into();
    }
    value as usize as i64
}

#[cfg(target_pointer_width = "64")]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
fn lseek(args: &[Wide]) -> Returned {
    // SAFETY: numbers only.
    returned(unsafe {
        libc::syscall(
            libc::SYS_lseek,
            args[0] as i32,
            args[1] as i64,
            args[2] as i32,
        )
    })
}

#[cfg(target_pointer_width = "32")]
fn lseek(args: &[Wide]) -> Returned {
    let mut result = 0i64;
    let (high, low) = ((args[1] >> 32) as u32, args[1] as u32);
    // SAFETY: `result` outlives the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS__llseek,
            args[0] as i32,
            high,
            low,
            &raw mut result,
            args[2] as i32,
        )
    };
    if done == -1 {
        Err(last_errno())
    } else {
        Ok(result)
    }
}

fn size(args: &[Wide]) -> Returned {
    // SAFETY: `stat` is plain data, filled in by the call.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        match libc::fstat64(args[0] as i32, &raw mut stat) {
            0 => Ok(stat.st_size),
            _ => Err(last_errno()),
        }
    }
}

/// The range of `args[1]` and `args[2]`, named `args[5]` times.
fn process_madvise(args: &[Wide]) -> Returned {
    // The kernel refuses more than UIO_MAXIOV (1024) before it looks at one.
    const MOST: usize = 4;
    let times = args[5] as usize;
    if times > MOST && times <= 1024 {
        return Err(libc::E2BIG);
    }
    let range = [args[1] as usize, args[2] as usize];
    let list = [range; MOST];
    // SAFETY: the list outlives the call, and the kernel reads no more of it than there is.
    let n = unsafe {
        libc::syscall(
            PROCESS_MADVISE,
            args[0] as i32,
            list.as_ptr(),
            times,
            args[3] as i32,
            args[4] as u32,
        )
    };
    #[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
    returned(n.into())
}

fn posix_madvise(args: &[Wide]) -> Returned {
    // SAFETY: as for the raw calls.
    match unsafe {
        libc::posix_madvise(args[0] as usize as *mut _, args[1] as usize, args[2] as i32)
    } {
        0 => Ok(0),
        errno => Err(errno),
    }
}

/// `brk` of the C library tells success alone, also where the break was not moved since it is
/// higher than was asked for; `sbrk` tells where it is.
fn library_brk(addr: Wide) -> i64 {
    // SAFETY: ranges of the harness were refused.
    unsafe {
        if addr == 0 {
            return libc::sbrk(0) as usize as i64;
        }
        match libc::brk(addr as usize as *mut _) {
            0 => libc::sbrk(0) as usize as i64,
            failed => failed.into(),
        }
    }
}

/// The C library's own function, for the calls where it has one that is more than the bare call.
fn through_libc(spec: &CallSpec, a: &[Wide]) -> Option<Returned> {
    let p = |i: usize| a[i] as usize as *mut libc::c_void;
    let fd = |i: usize| a[i] as libc::c_int;
    let n = |i: usize| a[i] as usize;
    let off = |i: usize| a[i] as libc::off64_t;
    // SAFETY: as for the raw calls.
    let value = unsafe {
        match spec.name {
            "mmap" => {
                let at = libc::mmap64(p(0), n(1), fd(2), fd(3), fd(4), off(5));
                if at == libc::MAP_FAILED {
                    -1
                } else {
                    at as usize as i64
                }
            }
            "munmap" => libc::munmap(p(0), n(1)).into(),
            "mprotect" => libc::mprotect(p(0), n(1), fd(2)).into(),
            "msync" => libc::msync(p(0), n(1), fd(2)).into(),
            "mremap" => {
                let at = libc::mremap(p(0), n(1), n(2), fd(3), p(4));
                if at == libc::MAP_FAILED {
                    -1
                } else {
                    at as usize as i64
                }
            }
            "remap_file_pages" => libc::remap_file_pages(p(0), n(1), fd(2), n(3), fd(4)).into(),
            "madvise" => libc::madvise(p(0), n(1), fd(2)).into(),
            "mincore" => libc::mincore(p(0), n(1), p(2).cast()).into(),
            "mlock" => libc::mlock(p(0), n(1)).into(),
            "mlock2" => libc::mlock2(p(0), n(1), a[2] as libc::c_uint).into(),
            "munlock" => libc::munlock(p(0), n(1)).into(),
            "mlockall" => libc::mlockall(fd(0)).into(),
            "munlockall" => libc::munlockall().into(),
            "brk" => library_brk(a[0]),
            "prctl" => libc::prctl(fd(0), n(1), n(2), n(3), n(4)).into(),
            "personality" => libc::personality(a[0] as libc::c_ulong).into(),
            "ftruncate" => libc::ftruncate64(fd(0), off(1)).into(),
            "read" => libc::read(fd(0), p(1), n(2)) as i64,
            "write" => libc::write(fd(0), p(1), n(2)) as i64,
            "pread" => libc::pread64(fd(0), p(1), n(2), off(3)) as i64,
            "pwrite" => libc::pwrite64(fd(0), p(1), n(2), off(3)) as i64,
            "lseek" => libc::lseek64(fd(0), off(1), fd(2)),
            "open" => libc::open64(p(0).cast(), fd(1), a[2] as libc::c_uint).into(),
            "unlink" => libc::unlink(p(0).cast()).into(),
            "close" => libc::close(fd(0)).into(),
            _ => return None,
        }
    };
    Some(returned(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::call::{ArgType, find};

    #[test]
    fn both_doors_open() {
        let close = find("close").unwrap();
        assert_eq!(call(Door::Raw, close, &[-1]), Err(libc::EBADF));
        assert_eq!(call(Door::Libc, close, &[-1]), Err(libc::EBADF));
    }

    /// Those without one are called the bare way at either door.
    #[test]
    fn the_library_has_entries_of_its_own() {
        // What it has not, or what is not told here, goes straight to the kernel at both doors.
        const NONE: [&str; 5] = [
            "memfd_secret",
            "mseal",
            "pkey_alloc",
            "pkey_free",
            "pkey_mprotect",
        ];
        let mut missing = Vec::new();
        for spec in crate::case::call::all() {
            let plain = matches!(spec.act, Act::Syscall(_) | Act::At(_) | Act::Shaped(..));
            // A call that can do no harm: all arguments are out of range.
            let is_path = |t| matches!(t, ArgType::Path | ArgType::Text);
            if plain && !spec.args.iter().any(|a| is_path(a.ty)) {
                let args = vec![-1; spec.args.len()];
                let has =
                    through_libc(spec, &args).is_some() || library::call(spec, &args).is_some();
                if !has {
                    missing.push(spec.name);
                }
            }
        }
        assert!(NONE.iter().all(|n| missing.contains(n)), "{missing:?}");
        assert!(missing.len() < 10, "{missing:?}");
    }
}
