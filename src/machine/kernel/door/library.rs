//! The C library's functions for files, transfers, memory objects and segments.
#![expect(
    unsafe_code,
    reason = "the calls under test, with whatever arguments a case asks for"
)]

use super::Wide;
use crate::case::call::CallSpec;

/// With offsets of 64 bits everywhere: musl has no others.
mod wide {
    #[cfg(not(target_env = "gnu"))]
    pub use libc::{preadv2, pwritev2};
    #[cfg(target_env = "gnu")]
    pub use libc::{preadv64v2 as preadv2, pwritev64v2 as pwritev2};
}

/// Calls the C library's function of this name, if it has one; what it returns.
pub fn call(spec: &CallSpec, a: &[Wide]) -> Option<i64> {
    let p = |i: usize| a[i] as usize as *mut libc::c_void;
    let s = |i: usize| a[i] as usize as *const libc::c_char;
    let int = |i: usize| a[i] as libc::c_int;
    let n = |i: usize| a[i] as usize;
    let off = |i: usize| a[i] as libc::off64_t;
    let vector = |i: usize| libc::iovec {
        iov_base: p(i),
        iov_len: n(i + 1),
    };
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: as for the raw calls: the case's own arguments, in a child whose memory nobody else
    // needs. Lists of vectors live during the calls.
    let value: i64 = unsafe {
        match spec.name {
            "rename" => libc::rename(s(0), s(1)).into(),
            "link" => libc::link(s(0), s(1)).into(),
            "truncate" => libc::truncate64(s(0), off(1)).into(),
            "fallocate" => libc::fallocate64(int(0), int(1), off(2), off(3)).into(),
            "fsync" => libc::fsync(int(0)).into(),
            "fdatasync" => libc::fdatasync(int(0)).into(),
            "dup" => libc::dup(int(0)).into(),
            "fcntl" => libc::fcntl(int(0), int(1), a[2] as libc::c_long).into(),
            "readv" => libc::readv(int(0), [vector(1), vector(3)].as_ptr(), 2) as i64,
            "writev" => libc::writev(int(0), [vector(1), vector(3)].as_ptr(), 2) as i64,
            "preadv2" => wide::preadv2(int(0), [vector(1)].as_ptr(), 1, off(3), int(4)) as i64,
            "pwritev2" => wide::pwritev2(int(0), [vector(1)].as_ptr(), 1, off(3), int(4)) as i64,
            "send" => libc::send(int(0), p(1), n(2), int(3)) as i64,
            "recv" => libc::recv(int(0), p(1), n(2), int(3)) as i64,
            "sendfile" => libc::sendfile64(int(0), int(1), none.cast(), n(2)) as i64,
            "splice" => {
                libc::splice(int(0), none.cast(), int(1), none.cast(), n(2), a[3] as u32) as i64
            }
            "vmsplice" => libc::vmsplice(int(0), [vector(1)].as_ptr(), 1, a[3] as u32) as i64,
            "copy_file_range" => {
                libc::copy_file_range(int(0), none.cast(), int(1), none.cast(), n(2), 0) as i64
            }
            "memfd_create" => libc::memfd_create(s(0), a[1] as libc::c_uint).into(),
            "setuid" => libc::setuid(a[0] as libc::uid_t).into(),
            "shmget" => libc::shmget(a[0] as libc::key_t, n(1), int(2)).into(),
            "shmat" => {
                let at = libc::shmat(int(0), p(1), int(2));
                if at as isize == -1 {
                    -1
                } else {
                    at as usize as i64
                }
            }
            "shmdt" => libc::shmdt(p(0)).into(),
            "shmctl" => libc::shmctl(int(0), int(1), none.cast()).into(),
            _ => return None,
        }
    };
    Some(value)
}
