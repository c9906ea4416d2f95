//! What this machine can do, found out by trying.
#![expect(
    unsafe_code,
    reason = "small calls of the harness on memory and descriptors of its own"
)]

mod objects;
mod space;

use super::rights::Powers;
use super::{maps, sys, touch};
use crate::case::{Need, Scale};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whether a need is met; else why not.
///
/// # Errors
/// The reason, for people.
pub fn need(need: &Need, scale: &Scale, powers: Powers) -> Result<(), String> {
    if let Some(found) = space::ability(need.name, scale) {
        return found;
    }
    let met = match need.name {
        "root" => powers.root,
        "64-bit" => scale.bits == 64,
        "MAP_FIXED_NOREPLACE" => knows_noreplace(scale),
        "MAP_SHARED_VALIDATE" => refuses_unknown_flags(scale),
        "memfd" => memfd(),
        "O_PATH" => knows_path(),
        "proc" => maps::Room::new().own().next().is_some(),
        "write-implies-read" => write_implies_read(scale),
        "sparse" => keeps_holes(),
        other => return objects::need(other, scale, powers),
    };
    if met {
        return Ok(());
    }
    Err(match need.name {
        "root" => "the harness was not started as root".to_owned(),
        "64-bit" => format!("pointers have {} bits", scale.bits),
        "proc" => "proc(5) is not mounted".to_owned(),
        "write-implies-read" => "a write-only page can't be read here".to_owned(),
        "sparse" => "this file system fills holes".to_owned(),
        other => format!("this kernel does not know {other}"),
    })
}

const ANON: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const NOREPLACE: i32 = 0x10_0000;

/// Maps anonymous memory for a probe. The result is the address or the errno.
fn try_map(at: u64, len: u64, prot: i32, flags: i32) -> Result<u64, i32> {
    // SAFETY: never with MAP_FIXED, so nothing that exists is replaced.
    let got = unsafe { libc::mmap(at as *mut _, len as usize, prot, flags, -1, 0) };
    if got == libc::MAP_FAILED {
        Err(sys::last_errno())
    } else {
        Ok(got as u64)
    }
}

fn unmap(at: u64, len: u64) {
    // SAFETY: only what `try_map` gave.
    unsafe {
        libc::munmap(at as *mut _, len as usize);
    }
}

fn knows_noreplace(scale: &Scale) -> bool {
    let Ok(first) = try_map(0, scale.page, libc::PROT_NONE, ANON) else {
        return false;
    };
    let again = try_map(first, scale.page, libc::PROT_NONE, ANON | NOREPLACE);
    if let Ok(other) = again {
        unmap(other, scale.page);
    }
    unmap(first, scale.page);
    again == Err(libc::EEXIST)
}

fn refuses_unknown_flags(scale: &Scale) -> bool {
    const UNKNOWN: i32 = 0x100_0000;
    let flags = libc::MAP_SHARED_VALIDATE | UNKNOWN;
    // SAFETY: as in `try_map`; `.` is the scratch folder, which can't be mapped in any case.
    let errno = unsafe {
        let fd = libc::open(c"probe".as_ptr(), libc::O_RDWR | libc::O_CREAT, 0o600);
        libc::unlink(c"probe".as_ptr());
        let got = libc::mmap(std::ptr::null_mut(), scale.page as usize, 0, flags, fd, 0);
        let errno = sys::last_errno();
        sys::close(fd);
        if got != libc::MAP_FAILED {
            unmap(got as u64, scale.page);
            return false;
        }
        errno
    };
    errno == libc::EOPNOTSUPP
}

fn memfd() -> bool {
    // SAFETY: a constant string.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_create, c"probe".as_ptr(), 0) };
    if fd >= 0 {
        sys::close(fd as i32);
    }
    fd >= 0
}

fn knows_path() -> bool {
    // SAFETY: a constant string; one byte of room.
    unsafe {
        let fd = libc::open(c".".as_ptr(), libc::O_PATH);
        let mut byte = 0u8;
        let read = libc::read(fd, (&raw mut byte).cast(), 1);
        let errno = sys::last_errno();
        sys::close(fd);
        fd >= 0 && read == -1 && errno == libc::EBADF
    }
}

fn write_implies_read(scale: &Scale) -> bool {
    let Ok(at) = try_map(0, scale.page, libc::PROT_WRITE, ANON) else {
        return false;
    };
    let mut byte = 0u8;
    let read = touch::load(at as usize, &raw mut byte, 1).is_ok();
    unmap(at, scale.page);
    read
}

fn keeps_holes() -> bool {
    let Ok(file) = tempfile::tempfile_in(".") else {
        return false;
    };
    if file.set_len(1 << 20).is_err() {
        return false;
    }
    use std::os::fd::AsRawFd;
    // SAFETY: numbers only.
    unsafe { libc::lseek64(file.as_raw_fd(), 0, libc::SEEK_HOLE) == 0 }
}

/// The page size.
pub fn page() -> u64 {
    sysconf(libc::_SC_PAGESIZE).unwrap_or(4096)
}

/// What units are worth here.
pub fn scale() -> Scale {
    let bits = usize::BITS;
    let page = page();
    Scale {
        page,
        huge: huge_page().unwrap_or(page / 8 * page),
        ram: sysconf(libc::_SC_PHYS_PAGES).unwrap_or(0) * page,
        top: top(page, bits),
        min_addr: min_addr().unwrap_or(65536).next_multiple_of(page),
        bits,
    }
}

/// What `vm.mmap_min_addr` is set to, which may be less than a page: proc_sys_vm(5).
fn min_addr() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/vm/mmap_min_addr").ok()?;
    text.trim().parse().ok()
}

fn sysconf(name: i32) -> Option<u64> {
    // SAFETY: numbers only.
    u64::try_from(unsafe { libc::sysconf(name) })
        .ok()
        .filter(|n| *n > 0)
}

fn huge_page() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("Hugepagesize:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024).filter(|n| n.is_power_of_two())
}

/// The first address that can't be mapped: halving the address space by whether a page at that
/// place is refused for lack of address space (ENOMEM, mmap(2)) or not.
fn top(page: u64, bits: u32) -> u64 {
    let pages = if bits == 64 {
        u64::MAX / page
    } else {
        (1u64 << bits) / page
    };
    let (mut good, mut bad) = (1, pages);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        let at = middle * page;
        match try_map(
            at,
            page,
            libc::PROT_NONE,
            ANON | NOREPLACE | libc::MAP_NORESERVE,
        ) {
            Ok(got) => {
                unmap(got, page);
                if got == at {
                    good = middle
                } else {
                    bad = middle
                }
            }
            Err(libc::EEXIST) => good = middle,
            Err(_) => bad = middle,
        }
    }
    bad * page
}

/// How long a bare fork takes here, as the median of a few.
pub fn fork_time() -> Duration {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let _ = sys::in_child(|| {});
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[2]
}

/// The file system under a folder, by its name in proc_pid_mountinfo(5). Of an overlay, the one on
/// which its files really lie is told too, where it can be seen from here: `overlay-on-tmpfs`.
pub fn file_system(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
    let Some((kind, options)) = mounted_at(&mounts, &dir) else {
        return by_magic(&dir);
    };
    if kind != "overlay" {
        return kind.to_owned();
    }
    let mut upper = options
        .split(',')
        .filter_map(|o| o.strip_prefix("upperdir="));
    match upper.next().map(Path::new) {
        Some(upper) if upper.is_dir() => match mounted_at(&mounts, upper) {
            Some((below, _)) if below != "overlay" => format!("overlay-on-{below}"),
            _ => kind.to_owned(),
        },
        _ => kind.to_owned(),
    }
}

/// The kind and the options of the mount under a folder: the deepest, and of equals the last,
/// which is mounted on top.
fn mounted_at<'m>(mounts: &'m str, dir: &Path) -> Option<(&'m str, &'m str)> {
    let mut best: Option<(usize, &str, &str)> = None;
    for line in mounts.lines() {
        let Some((head, tail)) = line.split_once(" - ") else {
            continue;
        };
        let Some(point) = head.split_whitespace().nth(4) else {
            continue;
        };
        let point = point.replace("\\040", " ");
        let mut tail = tail.split_whitespace();
        let kind = tail.next().unwrap_or("unknown");
        let options = tail.nth(1).unwrap_or("");
        if dir.starts_with(&point) && best.is_none_or(|(len, ..)| point.len() >= len) {
            best = Some((point.len(), kind, options));
        }
    }
    best.map(|(_, kind, options)| (kind, options))
}

/// By the number in statfs(2), where mounts are not told.
fn by_magic(dir: &Path) -> String {
    let Ok(path) = std::ffi::CString::new(dir.as_os_str().as_encoded_bytes()) else {
        return "unknown".to_owned();
    };
    // SAFETY: `stat` is plain data, filled in by the call.
    let magic = unsafe {
        let mut stat: libc::statfs = std::mem::zeroed();
        if libc::statfs(path.as_ptr(), &raw mut stat) != 0 {
            return "unknown".to_owned();
        }
        stat.f_type as u64 & 0xffff_ffff
    };
    match magic {
        0xef53 => "ext4",
        0x0102_1994 => "tmpfs",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x794c_7630 => "overlay",
        0x6573_5546 => "fuse",
        0x0102_1997 => "9p",
        0x8584_58f6 => "ramfs",
        _ => return format!("{magic:#x}"),
    }
    .to_owned()
}

/// The release of the kernel.
pub fn kernel_release() -> String {
    // SAFETY: `names` is plain data, filled in by the call; the strings end in NUL.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut names) != 0 {
            return "unknown".to_owned();
        }
        std::ffi::CStr::from_ptr(names.release.as_ptr())
            .to_string_lossy()
            .into_owned()
    }
}

/// The C library that this program is linked with.
pub fn libc_name() -> &'static str {
    if cfg!(target_env = "gnu") {
        "glibc"
    } else if cfg!(target_env = "musl") {
        "musl"
    } else {
        "libc"
    }
}

/// gVisor names itself in the kernel's log (`/dev/kmsg` does not exist there, syslog(2) does).
pub fn sandbox() -> &'static str {
    let mut log = vec![0u8; 64 << 10];
    // SAFETY: room for as many bytes as are asked for; 3 reads without clearing.
    let n = unsafe { libc::klogctl(3, log.as_mut_ptr().cast(), log.len() as i32) };
    let log = &log[..usize::try_from(n).unwrap_or(0)];
    if log.windows(6).any(|w| w == b"gVisor") {
        "gvisor"
    } else {
        "none"
    }
}

/// QEMU's user mode answers for /proc/self/exe itself, with the guest's program; by another name
/// the link still leads to QEMU.
pub fn emulator() -> &'static str {
    let exe = fs::read_link("/proc/thread-self/exe").unwrap_or_default();
    let name = exe.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("qemu-") {
        "qemu-user"
    } else if exe.components().any(|c| c.as_os_str() == "valgrind") {
        "valgrind"
    } else {
        "none"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_a_real_machine() {
        let scale = scale();
        assert!(scale.page.is_power_of_two() && scale.huge > scale.page);
        assert!(scale.ram > scale.huge);
        // The stack lies below the top.
        let here = &raw const scale as u64;
        assert!(here < scale.top && scale.top % scale.page == 0);
        #[cfg(target_arch = "x86_64")]
        assert!(scale.top == (1 << 47) - 4096 || scale.top == (1 << 56) - 4096);
    }

    #[test]
    fn the_deepest_mount_counts_and_an_overlay_tells_what_it_lies_on() {
        let mounts = "22 1 254:0 / / rw shared:1 - ext4 /dev/root rw\n\
             23 22 0:5 / /a\\040b rw - tmpfs none rw,size=4k\n\
             24 22 0:6 / /o rw - overlay overlay rw,lowerdir=/l,upperdir=/a b/u,workdir=/w\n\
             rubbish\n";
        let at = |dir: &str| mounted_at(mounts, Path::new(dir)).map(|m| m.0);
        assert_eq!(at("/"), Some("ext4"));
        assert_eq!(at("/abc"), Some("ext4"));
        assert_eq!(at("/a b/u"), Some("tmpfs"));
        assert_eq!(at("/o/m"), Some("overlay"));
    }

    #[test]
    fn file_systems_by_name() {
        assert_eq!(file_system(Path::new("/proc")), "proc");
        assert_eq!(by_magic(Path::new("/proc")), "0x9fa0");
    }

    #[test]
    fn every_need_has_a_probe() {
        let scale = scale();
        for (name, _) in crate::case::need::NEEDS {
            let n = Need::parse(name).unwrap();
            if let Err(why) = need(&n, &scale, Powers::default()) {
                assert!(!why.contains("does not know it"), "{name}: {why}");
            }
        }
    }
}
