//! A worker in a user namespace and a mount namespace of its own: there an ordinary user may mount
//! file systems, which nobody else sees and which end with the worker.
#![expect(
    unsafe_code,
    reason = "unshare(2) and mount(2), with strings that live"
)]

use super::sys::{self, checked};
use crate::case::program::Ground;
use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder in the scratch folder over which a case's file system is mounted.
pub const POINT: &str = "mount";

/// How many pages a case's file system holds.
const PAGES: u64 = 64;

/// Enters the namespaces, as the user who it is: with all capabilities there, and none elsewhere.
/// To be called with one thread, after rights were dropped.
///
/// # Errors
/// What the kernel says: ENOSPC where there may be no more namespaces, EPERM or EACCES where a
/// policy of the machine is against it.
pub fn enter(parent: i32) -> io::Result<()> {
    // SAFETY: numbers only; this process has one thread.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: as before.
    unsafe {
        checked(libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS))?;
        // New rights have made the process undumpable, so that its files in /proc are root's.
        checked(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0))?;
    }
    sys::die_with_parent(parent);
    // A kernel without it asks for no such thing.
    let _ = fs::write("/proc/self/setgroups", "deny");
    fs::write("/proc/self/uid_map", format!("{user} {user} 1\n"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1\n"))?;
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None)
}

fn mount(
    what: Option<&CStr>,
    at: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    options: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: the strings live during the call.
    checked(unsafe {
        libc::mount(
            pointer(what),
            at.as_ptr(),
            pointer(kind),
            flags,
            pointer(options).cast(),
        )
    })
    .map(|_| ())
}

/// The file system of one case; the current folder is in it as long as this lives.
#[derive(Debug)]
pub struct Laid {
    home: PathBuf,
    kind: Ground,
}

impl Laid {
    /// Mounts what a case asks for, and goes to where its file is to be made.
    ///
    /// # Errors
    /// What mount(2) says.
    pub fn lay(kind: Ground, home: &Path, page: u64) -> io::Result<Self> {
        fs::create_dir(POINT).or_else(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(e),
        })?;
        let room = match kind {
            Ground::Tmpfs => PAGES * page,
            _ => 4 * PAGES * page,
        };
        let options = CString::new(format!("size={room},mode=700"))?;
        let point = CString::new(POINT)?;
        mount(
            Some(c"mmapcheck"),
            &point,
            Some(c"tmpfs"),
            libc::MS_NOSUID | libc::MS_NODEV,
            Some(&options),
        )?;
        let laid = Laid {
            home: home.to_owned(),
            kind,
        };
        std::env::set_current_dir(POINT)?;
        if kind == Ground::Overlay {
            for folder in ["lower", "upper", "work", "merged"] {
                fs::create_dir(folder)?;
            }
            std::env::set_current_dir("lower")?;
        }
        Ok(laid)
    }

    /// After the file was made: lays the overlay over it, and goes there.
    ///
    /// # Errors
    /// What mount(2) says.
    pub fn cover(&self) -> io::Result<()> {
        if self.kind != Ground::Overlay {
            return Ok(());
        }
        std::env::set_current_dir("..")?;
        mount(
            Some(c"mmapcheck"),
            c"merged",
            Some(c"overlay"),
            libc::MS_NOSUID | libc::MS_NODEV,
            Some(c"lowerdir=lower,upperdir=upper,workdir=work,userxattr"),
        )?;
        std::env::set_current_dir("merged")
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        // Where one of these fails, the end of the worker ends the mount all the same.
        let _ = std::env::set_current_dir(&self.home);
        if let Ok(point) = CString::new(POINT) {
            // SAFETY: a string that lives; what is mounted there is the case's own.
            unsafe {
                libc::umount2(point.as_ptr(), libc::MNT_DETACH);
            }
        }
    }
}

/// Mounts the current folder's file system anew with these flags beside those that it has.
///
/// # Errors
/// The errno of mount(2): EBUSY where it is to become read-only and something may be written.
pub fn remount(flags: libc::c_ulong) -> Result<(), i32> {
    let flags = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_NOSUID | libc::MS_NODEV | flags;
    mount(None, c".", None, flags, None).map_err(|e| e.raw_os_error().unwrap_or(libc::EPERM))
}

/// Whether the current folder's file system is mounted with a flag.
pub fn is_mounted_with(flag: libc::c_ulong) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let wanted = match flag {
        libc::MS_NOEXEC => FsFlags::ST_NOEXEC,
        _ => FsFlags::ST_RDONLY,
    };
    statvfs(".").is_ok_and(|s| s.flags().contains(wanted))
}

/// Tries whether a case's file system can be mounted below the current folder, and then something
/// on it. In a child process: there is no way back.
///
/// # Errors
/// The errno of what failed.
pub fn attempt(kind: Ground, page: u64, then: impl FnOnce() -> Result<(), i32>) -> Result<(), i32> {
    let parent = std::os::unix::process::parent_id() as i32;
    let home = std::env::current_dir();
    let laid = enter(parent).and_then(|()| {
        let laid = Laid::lay(kind, &home?, page)?;
        fs::write("file", "x")?;
        laid.cover()?;
        fs::read("file").map(|_| laid)
    });
    match laid {
        Ok(_laid) => then(),
        Err(e) => Err(e.raw_os_error().unwrap_or(libc::EPERM)),
    }
}
