//! A file system without room.
#![expect(unsafe_code, reason = "fallocate(2) on a descriptor that is ours")]

use crate::machine::kernel::sys::last_errno;
use nix::sys::statvfs::statvfs;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// More than this is no file system of a case's own.
const MOST: u64 = 1 << 30;

/// How many bytes are free in the current folder's file system.
#[allow(
    clippy::useless_conversion,
    reason = "on 32 bits the numbers are narrower"
)]
fn free() -> Option<u64> {
    let told = statvfs(".").ok()?;
    Some(u64::from(told.blocks_available()).saturating_mul(u64::from(told.fragment_size())))
}

/// Fills the current folder's file system with a file that has no name, until `leave` bytes are
/// free. The file, whose end is the end of the fault.
///
/// # Errors
/// The errno of open(2) or fallocate(2); EFBIG where there is more room than a case's own file
/// system has.
pub fn fill(leave: u64) -> Result<File, i32> {
    let error = |e: std::io::Error| e.raw_os_error().unwrap_or(libc::EIO);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .open(".")
        .map_err(error)?;
    let mut size = 0;
    // What is free may be told late, and more may be set free meanwhile.
    for _ in 0..100 {
        let more = free().ok_or(libc::EIO)?.saturating_sub(leave);
        if more == 0 {
            return Ok(file);
        }
        if more > MOST {
            return Err(libc::EFBIG);
        }
        // SAFETY: numbers only.
        let done = unsafe { libc::fallocate64(file.as_raw_fd(), 0, size, more as i64) };
        if done != 0 {
            return Err(last_errno());
        }
        size += more as i64;
    }
    Err(libc::EAGAIN)
}

/// Whether the file system of a file that fills it has just so much room left.
pub fn is_left(filler: &File, leave: u64) -> bool {
    if leave > 0 {
        return free() == Some(leave);
    }
    let end = filler.metadata().map_or(0, |m| m.len());
    let more = filler.write_at(b"x", end);
    more.is_err_and(|e| e.raw_os_error() == Some(libc::ENOSPC))
}
