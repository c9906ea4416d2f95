//! userfaultfd(2), in the form that is for faults of user mode only, which ordinary users may have.
#![expect(unsafe_code, reason = "userfaultfd(2), and its requests of ioctl(2)")]

use crate::machine::kernel::sys::{self, last_errno};
use std::os::fd::RawFd;

/// Faults of the kernel's own, in the middle of a system call, are not waited for.
const USER_MODE_ONLY: libc::c_int = 1;
const API: u64 = 0xaa;
/// Stores to pages that are there can be held up (Linux 5.7).
const FEATURE_WRITE_PROTECT: u64 = 1;
/// So can those to shared memory (Linux 5.19), and to pages that are not there yet (Linux 6.4).
const FEATURE_WRITE_PROTECT_MORE: u64 = 1 << 12 | 1 << 13;
/// A signal comes instead of a message.
pub const FEATURE_SIGBUS: u64 = 1 << 7;
/// Pages can be poisoned (Linux 6.6).
pub const FEATURE_POISON: u64 = 1 << 14;
/// All that is needed for a signal at a store.
pub const FEATURES_OF_STORES: u64 =
    FEATURE_SIGBUS | FEATURE_WRITE_PROTECT | FEATURE_WRITE_PROTECT_MORE;

#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct Range {
    start: u64,
    len: u64,
}

/// `struct uffdio_register`, `uffdio_zeropage` and `uffdio_poison` are alike: a range, what is
/// asked for, and what came of it.
#[repr(C)]
struct OfRange {
    range: Range,
    mode: u64,
    result: u64,
}

/// `struct uffdio_writeprotect`.
#[repr(C)]
struct Protect {
    range: Range,
    mode: u64,
}

const REQUEST_API: libc::Ioctl = libc::_IOWR::<Api>(0xaa, 0x3f);
const REGISTER: libc::Ioctl = libc::_IOWR::<OfRange>(0xaa, 0x00);
const WAKE: libc::Ioctl = libc::_IOR::<Range>(0xaa, 0x02);
const ZEROPAGE: libc::Ioctl = libc::_IOWR::<OfRange>(0xaa, 0x04);
const WRITE_PROTECT: libc::Ioctl = libc::_IOWR::<Protect>(0xaa, 0x06);
const POISON: libc::Ioctl = libc::_IOWR::<OfRange>(0xaa, 0x08);
const MODE_MISSING: u64 = 1;
const MODE_WRITE_PROTECT: u64 = 2;

/// Makes a descriptor with these features.
///
/// # Errors
/// The errno of userfaultfd(2), or of its handshake.
pub fn open(features: u64) -> Result<RawFd, i32> {
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | USER_MODE_ONLY;
    // SAFETY: numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    if fd == -1 {
        return Err(last_errno());
    }
    let fd = fd as RawFd;
    let mut api = Api {
        api: API,
        features,
        ioctls: 0,
    };
    request(fd, REQUEST_API, &raw mut api).inspect_err(|_| sys::close(fd))?;
    Ok(fd)
}

fn request<T>(fd: RawFd, number: libc::Ioctl, about: *mut T) -> Result<(), i32> {
    // SAFETY: each caller gives the struct that the request takes, alive during the call.
    match unsafe { libc::ioctl(fd, number, about) } {
        -1 => Err(last_errno()),
        _ => Ok(()),
    }
}

fn of_range(fd: RawFd, number: libc::Ioctl, start: u64, len: u64, mode: u64) -> Result<(), i32> {
    let mut about = OfRange {
        range: Range { start, len },
        mode,
        result: 0,
    };
    request(fd, number, &raw mut about)
}

/// Takes over the missing pages of a range.
///
/// # Errors
/// The errno of UFFDIO_REGISTER: EINVAL where this kind of memory can't be.
pub fn register(fd: RawFd, start: u64, len: u64) -> Result<(), i32> {
    of_range(fd, REGISTER, start, len, MODE_MISSING)
}

/// Lets no store to the pages of a range through.
///
/// # Errors
/// The errno of UFFDIO_REGISTER or UFFDIO_WRITEPROTECT.
pub fn write_protect(fd: RawFd, start: u64, len: u64) -> Result<(), i32> {
    of_range(fd, REGISTER, start, len, MODE_WRITE_PROTECT)?;
    let range = Range { start, len };
    let mut about = Protect { range, mode: 1 };
    request(fd, WRITE_PROTECT, &raw mut about)
}

/// Marks the pages of a range as bad memory.
///
/// # Errors
/// The errno of UFFDIO_POISON: EEXIST where a page is there already.
pub fn poison(fd: RawFd, start: u64, len: u64) -> Result<(), i32> {
    of_range(fd, POISON, start, len, 0)
}

/// Puts zeros into a range, and wakes who waits for it.
///
/// # Errors
/// The errno of UFFDIO_ZEROPAGE.
pub fn zeros(fd: RawFd, start: u64, len: u64) -> Result<(), i32> {
    of_range(fd, ZEROPAGE, start, len, 0)
}

/// Wakes who waits for a range: each touches it once more.
///
/// # Errors
/// The errno of UFFDIO_WAKE.
pub fn wake(fd: RawFd, start: u64, len: u64) -> Result<(), i32> {
    let mut range = Range { start, len };
    request(fd, WAKE, &raw mut range)
}

/// The address of a touch that waits; `None` where none does.
pub fn next_touch(fd: RawFd) -> Option<u64> {
    /// `struct uffd_msg`: the event, then for a page fault its flags and its address.
    const SIZE: usize = 32;
    const PAGE_FAULT: u8 = 0x12;
    let mut message = [0u8; SIZE];
    // SAFETY: room for one message.
    let n = unsafe { libc::read(fd, message.as_mut_ptr().cast(), SIZE) };
    if n != SIZE as isize || message[0] != PAGE_FAULT {
        return None;
    }
    let mut address = [0u8; 8];
    address.copy_from_slice(&message[16..24]);
    Some(u64::from_ne_bytes(address))
}
