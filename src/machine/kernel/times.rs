//! Whether the times of a file moved: yes or no, never when.
//!
//! Kernels give times in the steps of a coarse clock, so that two changes soon after each other may
//! leave the same time. Access and modification are set to a moment long ago, which any change
//! shows against; the time of the last change of state can't be set, so the clock is waited for.
#![expect(unsafe_code, reason = "stat and futimens on descriptors of the case")]

use super::sys::last_errno;

/// The longest text that [`Marks::moved`] writes.
pub const TEXT_MAX: usize = 64;

/// How many descriptors can be marked at a time.
const MARKS: usize = 4;

/// A moment that no file of a case was used at: 2001-09-09 01:46:40 UTC.
const LONG_AGO: libc::time_t = 1_000_000_000;

/// What is remembered of one descriptor.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    fd: i32,
    atime: (i64, i64),
    mtime: (i64, i64),
    ctime: (i64, i64),
    blocks: i64,
    size: i64,
}

/// What an actor remembers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks {
    used: usize,
    marks: [Mark; MARKS],
}

impl Marks {
    /// Marks a descriptor.
    ///
    /// # Errors
    /// What futimens(3) or fstat(2) says; ENOMEM where too many are marked.
    pub fn set(&mut self, fd: i32) -> Result<(), i32> {
        let ago = libc::timespec {
            tv_sec: LONG_AGO,
            tv_nsec: 0,
        };
        // SAFETY: two times that live during the call.
        if unsafe { libc::futimens(fd, [ago, ago].as_ptr()) } != 0 {
            return Err(last_errno());
        }
        let mark = stat(fd)?;
        wait_past(mark.ctime);
        let known = self.marks[..self.used].iter().position(|m| m.fd == fd);
        let place = known.unwrap_or(self.used);
        *self.marks.get_mut(place).ok_or(libc::ENOMEM)? = mark;
        self.used = self.used.max(place + 1);
        Ok(())
    }

    /// Writes the names of those parts of `what` that differ from what was marked; how long that is.
    ///
    /// # Errors
    /// What fstat(2) says; ENOENT where the descriptor was not marked.
    pub fn moved(&self, fd: i32, what: u64, text: &mut [u8; TEXT_MAX]) -> Result<usize, i32> {
        let mut marks = self.marks[..self.used].iter();
        let before = marks.find(|m| m.fd == fd).ok_or(libc::ENOENT)?;
        let now = stat(fd)?;
        let differs = [
            ("atime", 1, before.atime != now.atime),
            ("mtime", 2, before.mtime != now.mtime),
            ("ctime", 4, before.ctime != now.ctime),
            ("blocks", 8, before.blocks != now.blocks),
            ("size", 16, before.size != now.size),
        ];
        let mut len = 0;
        for (name, bit, differs) in differs {
            if differs && what & bit != 0 {
                let stroke: &[u8] = if len == 0 { b"" } else { b"|" };
                for byte in stroke.iter().chain(name.as_bytes()) {
                    text[len] = *byte;
                    len += 1;
                }
            }
        }
        Ok(len)
    }
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the fields have other widths elsewhere"
)]
fn stat(fd: i32) -> Result<Mark, i32> {
    // SAFETY: `stat` is plain data, filled in by the call.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        if libc::fstat64(fd, &raw mut stat) != 0 {
            return Err(last_errno());
        }
        Ok(Mark {
            fd,
            atime: (stat.st_atime.into(), stat.st_atime_nsec as i64),
            mtime: (stat.st_mtime.into(), stat.st_mtime_nsec as i64),
            ctime: (stat.st_ctime.into(), stat.st_ctime_nsec as i64),
            blocks: stat.st_blocks as i64,
            size: stat.st_size,
        })
    }
}

/// Waits until the clock from which files get their times has gone on from this moment, for at most
/// 50 ms.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the fields have other widths elsewhere"
)]
fn wait_past(moment: (i64, i64)) {
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    for _ in 0..50 {
        // SAFETY: both times live during the calls.
        unsafe {
            let mut now: libc::timespec = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now);
            if (now.tv_sec.into(), now.tv_nsec as i64) > moment {
                return;
            }
            libc::nanosleep(&raw const pause, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    fn moved(marks: &Marks, fd: i32) -> String {
        let mut text = [0; TEXT_MAX];
        let len = marks.moved(fd, 31, &mut text).unwrap();
        String::from_utf8(text[..len].to_vec()).unwrap()
    }

    #[test]
    fn what_a_write_moves() {
        let mut file = tempfile::tempfile().unwrap();
        let fd = file.as_raw_fd();
        let mut marks = Marks::default();
        assert_eq!(marks.moved(fd, 31, &mut [0; TEXT_MAX]), Err(libc::ENOENT));
        marks.set(fd).unwrap();
        assert_eq!(moved(&marks, fd), "");
        file.write_all(b"x").unwrap();
        let after = moved(&marks, fd);
        assert!(after.starts_with("mtime|ctime") && after.ends_with("size"));
        marks.set(fd).unwrap();
        assert_eq!(moved(&marks, fd), "");
        assert_eq!(file.read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(marks.set(-1), Err(libc::EBADF));
    }
}
