//! Using up the number of areas that a process may have.
#![expect(unsafe_code, reason = "mappings in a range that is this fault's own")]

use crate::machine::kernel::sys::last_errno;
use std::time::{Duration, Instant};

/// More than this many areas are not made: it would take too long, and much memory of the kernel.
pub const MOST: usize = 262_144;
/// How many single mappings are tried after the last split: a split needs two areas, a mapping one.
const SINGLE: usize = 16;

/// Makes areas until the kernel refuses: every second page of a range gets rights of its own, then
/// single pages are mapped behind it. The range of all of them, to be unmapped as one. `goes_on` is
/// called now and then, since it takes a while.
///
/// # Errors
/// ENOMEM where not even the range can be had; E2BIG where the kernel does not refuse, or not in
/// that time: a kernel without a limit may take longer with each area.
pub fn exhaust(page: u64, within: Duration, goes_on: impl Fn()) -> Result<(u64, u64), i32> {
    let until = Instant::now() + within;
    let page = page as usize;
    let len = (MOST + SINGLE) * page;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping touches nothing that exists, and all that follows stays in it.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(last_errno());
        }
        let start = start as usize;
        let page_at = |n: usize| (start + n * page) as *mut libc::c_void;
        libc::munmap(page_at(MOST), SINGLE * page);
        let split = |n: &usize| libc::mprotect(page_at(*n), page, libc::PROT_READ) != 0;
        let in_time = |n: &usize| {
            if n & 0x3ff != 1 {
                return true;
            }
            goes_on();
            Instant::now() < until
        };
        let mut pages = (1..MOST - 1).step_by(2).take_while(in_time);
        let refused = pages.find(split).is_some();
        let mut last = MOST;
        while refused && last < MOST + SINGLE {
            // Neighbours of different rights, or they would be one area.
            let prot = match (last - MOST) % 2 {
                0 => libc::PROT_READ,
                _ => libc::PROT_NONE,
            };
            let fixed = flags | libc::MAP_FIXED;
            if libc::mmap(page_at(last), page, prot, fixed, -1, 0) == libc::MAP_FAILED {
                return Ok((start as u64, (start + last * page) as u64));
            }
            last += 1;
        }
        libc::munmap(start as *mut libc::c_void, len);
    }
    Err(libc::E2BIG)
}

/// Takes the areas away.
///
/// # Errors
/// The errno of munmap(2).
pub fn give_back(start: u64, end: u64) -> Result<(), i32> {
    // SAFETY: the range of `exhaust`.
    match unsafe { libc::munmap(start as usize as *mut libc::c_void, (end - start) as usize) } {
        0 => Ok(()),
        _ => Err(last_errno()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::kernel::sys;

    #[test]
    fn no_more_areas_can_be_made_until_they_are_given_back() {
        let status = sys::in_child(|| {
            let another = || {
                // SAFETY: a new mapping.
                unsafe {
                    libc::mmap(
                        std::ptr::null_mut(),
                        1 << 16,
                        libc::PROT_NONE,
                        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                        -1,
                        0,
                    ) != libc::MAP_FAILED
                }
            };
            let before = another();
            let Ok((start, end)) = exhaust(
                crate::machine::kernel::probe::scale().page,
                Duration::from_secs(60),
                || (),
            ) else {
                sys::exit(9);
            };
            let during = another();
            let after = give_back(start, end).is_ok() && another();
            sys::exit(i32::from(before && !during && after));
        });
        let status = libc::WEXITSTATUS(status.unwrap());
        // Where so many areas may be made that it would take too long, there is nothing to test.
        assert!(status == 1 || status == 9, "{status}");
    }
}
