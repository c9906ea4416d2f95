//! Descriptors that a case finds open when it begins.
#![expect(
    unsafe_code,
    reason = "the C library's functions, with constant arguments"
)]

use super::compiled::LentCase;
use super::sys;
use super::turn::Turn;
use crate::case::call;

/// Above the numbers that a case's own descriptors get, below those of the harness.
const CLOSED: i32 = 140;
/// A number that was never a descriptor.
const WILD: i32 = 150;

/// Opens what a program names.
#[derive(Debug)]
pub struct Fixtures;

impl Fixtures {
    /// Opens the fixtures and binds their names; one that can't be opened stays unbound, so that
    /// the steps that need it are not reached.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn open(case: &LentCase, turn: &mut Turn) {
        let mut pipe = None;
        for (index, which) in case.fixtures.iter().enumerate() {
            let name = call::FIXTURES.get(*which).map_or("", |f| f.0);
            let fd = match name {
                "pipe.read" => pipe_end(&mut pipe).map(|p| p.0),
                "pipe.write" => pipe_end(&mut pipe).map(|p| p.1),
                "closed" => closed(),
                "wild" => Some(WILD),
                other => open_one(other, case.eof),
            };
            if let Some(fd) = fd {
                turn.bind(index, fd.into());
            }
        }
    }
}

fn pipe_end(pipe: &mut Option<(i32, i32)>) -> Option<(i32, i32)> {
    if pipe.is_none() {
        *pipe = sys::pipe_ends().ok();
    }
    *pipe
}

fn closed() -> Option<i32> {
    let fd = open_path(c"/dev/null", libc::O_RDWR)?;
    let high = sys::move_up(fd, CLOSED).ok()?;
    sys::close(high);
    Some(high)
}

fn open_path(path: &std::ffi::CStr, flags: i32) -> Option<i32> {
    // SAFETY: a C string and numbers.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    (fd >= 0).then_some(fd)
}

fn open_one(name: &str, size: u64) -> Option<i32> {
    // SAFETY: constant strings and numbers; `ends` has room for two.
    let fd = unsafe {
        match name {
            "dir" => return open_path(c".", libc::O_RDONLY),
            "dev-zero" => return open_path(c"/dev/zero", libc::O_RDWR),
            "dev-null" => return open_path(c"/dev/null", libc::O_RDWR),
            "proc-file" => return open_path(c"/proc/self/status", libc::O_RDONLY),
            "path" => return open_path(c"file", libc::O_PATH),
            "socket" => {
                let mut ends = [-1; 2];
                libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr());
                ends[0]
            }
            "memfd" => {
                let fd = libc::syscall(libc::SYS_memfd_create, c"mmapcheck".as_ptr(), 0) as i32;
                if fd >= 0 && libc::ftruncate64(fd, size as i64) != 0 {
                    sys::close(fd);
                    return None;
                }
                fd
            }
            "epoll" => libc::epoll_create1(0),
            "eventfd" => libc::eventfd(0, 0),
            _ => -1,
        }
    };
    (fd >= 0).then_some(fd)
}
