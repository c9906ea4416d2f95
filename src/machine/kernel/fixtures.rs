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
        let mut pairs = [None; PAIRS.len()];
        for (index, which) in case.fixtures.iter().enumerate() {
            let name = call::FIXTURES.get(*which).map_or("", |f| f.0);
            let fd = match name {
                "closed" => closed(),
                "wild" => Some(WILD),
                other => one_of_two(other, &mut pairs).unwrap_or_else(|| open_one(other, case.eof)),
            };
            if let Some(fd) = fd {
                turn.bind(index, fd.into());
            }
        }
    }
}

/// What two names share, and how both are made.
type Pair = (&'static str, &'static str, fn() -> Option<(i32, i32)>);

static PAIRS: [Pair; 4] = [
    ("pipe.read", "pipe.write", || sys::pipe_ends().ok()),
    ("socket", "socket.other", || sockets(libc::SOCK_STREAM)),
    ("datagram", "datagram.other", || sockets(libc::SOCK_DGRAM)),
    ("tty", "tty.master", terminal),
];

/// The descriptor of a name that is one of two, made together; nothing for another name.
fn one_of_two(name: &str, made: &mut [Option<(i32, i32)>; PAIRS.len()]) -> Option<Option<i32>> {
    let place = PAIRS.iter().position(|p| p.0 == name || p.1 == name)?;
    let (first, _, make) = PAIRS[place];
    made[place] = made[place].or_else(make);
    Some(made[place].map(|two| if first == name { two.0 } else { two.1 }))
}

fn sockets(kind: i32) -> Option<(i32, i32)> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    (made == 0).then_some((ends[0], ends[1]))
}

/// The two ends of a new pty(7). The near one is asked for by ioctl_tty(2), without a path.
pub fn terminal() -> Option<(i32, i32)> {
    static UNLOCK: i32 = 0;
    let master = open_path(c"/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
    // SAFETY: a number that lives during the call, and numbers.
    let near = unsafe {
        libc::ioctl(master, libc::TIOCSPTLCK, &raw const UNLOCK);
        libc::ioctl(master, libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY)
    };
    (near >= 0).then_some((near, master))
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
    let (path, flags) = match name {
        "dir" => (c".", libc::O_RDONLY),
        "dir-path" => (c".", libc::O_PATH),
        "dev-zero" => (c"/dev/zero", libc::O_RDWR),
        "dev-null" => (c"/dev/null", libc::O_RDWR),
        "dev-full" => (c"/dev/full", libc::O_RDWR),
        "dev-random" => (c"/dev/random", libc::O_RDONLY),
        "dev-urandom" => (c"/dev/urandom", libc::O_RDONLY),
        "proc-file" => (c"/proc/self/status", libc::O_RDONLY),
        "proc-mem" => (c"/proc/self/mem", libc::O_RDWR),
        "sysfs-file" => (SYSFS_FILE, libc::O_RDONLY),
        "path" => (c"file", libc::O_PATH),
        "symlink" => (c"link", libc::O_PATH | libc::O_NOFOLLOW),
        "block-device" => return block_device(),
        "fifo" => return fifo(),
        "memfd" => return memfd(0, size),
        "memfd-sealable" => return memfd(libc::MFD_ALLOW_SEALING, size),
        _ => return made(name),
    };
    open_path(path, flags)
}

/// A file that every sysfs(5) has.
pub const SYSFS_FILE: &std::ffi::CStr = c"/sys/devices/system/cpu/online";

/// Descriptors that have no path.
fn made(name: &str) -> Option<i32> {
    // SAFETY: numbers, and plain data that lives during the call.
    let fd = unsafe {
        match name {
            "tcp" => libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0),
            "epoll" => libc::epoll_create1(0),
            "eventfd" => libc::eventfd(0, 0),
            "timerfd" => libc::timerfd_create(libc::CLOCK_MONOTONIC, 0),
            "signalfd" => {
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&raw mut none);
                libc::signalfd(-1, &raw const none, 0)
            }
            "inotify" => libc::inotify_init1(0),
            "pidfd" => libc::syscall(libc::SYS_pidfd_open, sys::process_id(), 0) as i32,
            _ => -1,
        }
    };
    (fd >= 0).then_some(fd)
}

fn memfd(flags: libc::c_uint, size: u64) -> Option<i32> {
    // SAFETY: a constant string and numbers.
    unsafe {
        let name = c"mmapcheck".as_ptr();
        let fd = libc::syscall(libc::SYS_memfd_create, name, flags) as i32;
        if fd >= 0 && libc::ftruncate64(fd, size as i64) != 0 {
            sys::close(fd);
            return None;
        }
        (fd >= 0).then_some(fd)
    }
}

/// A fifo whose name is gone at once.
fn fifo() -> Option<i32> {
    // SAFETY: constant strings and numbers.
    unsafe {
        if libc::mkfifo(c"fifo".as_ptr(), 0o600) != 0 {
            return None;
        }
        let fd = open_path(c"fifo", libc::O_RDWR);
        libc::unlink(c"fifo".as_ptr());
        fd
    }
}

/// What disks are usually called. A loop device is not among them: it comes and goes with whoever
/// uses it, so that what a probe has seen may be gone before a case opens it.
static DISKS: [&std::ffi::CStr; 5] = [
    c"/dev/vda",
    c"/dev/sda",
    c"/dev/nvme0n1",
    c"/dev/xvda",
    c"/dev/mmcblk0",
];

/// A disk that can be read and is not empty: the first of the usual names.
pub fn block_device() -> Option<i32> {
    let holds_bytes = |fd: &i32| {
        // SAFETY: numbers only, of a descriptor that is ours.
        let size = unsafe { libc::lseek64(*fd, 0, libc::SEEK_END) };
        if size <= 0 {
            sys::close(*fd);
        }
        size > 0
    };
    DISKS
        .iter()
        .filter_map(|name| open_path(name, libc::O_RDONLY))
        .find(holds_bytes)
}
