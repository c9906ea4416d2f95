//! Rights: a case runs as an ordinary user would, also where the harness was started as root.
#![expect(
    unsafe_code,
    reason = "changing users and capabilities, with numbers only"
)]

use super::fixtures;
use super::sys::{self, checked};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A user of our own: high, so that nobody else's files, limits and counts are its. Not 65534,
/// for which file systems reserve blocks and which other services share. In ASCII it reads MMAP.
const OWN_USER: u32 = 0x4d4d_4150;

/// Whose rights a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// It was not started as root: it stays who it is.
    AsStarted,
    /// It was: it becomes this user.
    Become(u32, u32),
    /// No user but root exists here: it gives up its capabilities.
    WithoutCapabilities,
    /// A case needs root.
    Root,
}

impl Rights {
    /// Ordinary rights for work in `dir`: those of the folder's owner, else of a user of our own.
    pub fn ordinary(dir: &Path) -> Self {
        // SAFETY: no arguments.
        if unsafe { libc::geteuid() } != 0 {
            return Rights::AsStarted;
        }
        let owner = fs::metadata(dir).map_or((0, 0), |m| (m.uid(), m.gid()));
        if owner.0 != 0 && owner.0 != 65534 && is_mapped(owner.0) {
            return Rights::Become(owner.0, owner.1);
        }
        if is_mapped(OWN_USER) {
            Rights::Become(OWN_USER, OWN_USER)
        } else {
            Rights::WithoutCapabilities
        }
    }

    /// How the greeting tells it.
    pub fn describe(self) -> &'static str {
        match self {
            Rights::AsStarted | Rights::Become(..) => "ordinary",
            Rights::WithoutCapabilities => "root without capabilities",
            Rights::Root => "root",
        }
    }

    /// Takes these rights, for good. Changing users clears the wish to die with the parent and
    /// makes the process undumpable (credentials(7), PR_SET_DUMPABLE), which closes its own
    /// /proc/self files to it; so the order matters.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take(self, parent: i32) -> io::Result<()> {
        // SAFETY: numbers only.
        unsafe {
            if let Rights::Become(uid, gid) = self {
                checked(libc::setgroups(0, std::ptr::null()))?;
                checked(libc::setresgid(gid, gid, gid))?;
                checked(libc::setresuid(uid, uid, uid))?;
            }
            if self == Rights::WithoutCapabilities {
                drop_capabilities()?;
            }
            if self != Rights::Root {
                checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            }
            checked(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0))?;
        }
        super::sys::die_with_parent(parent);
        Ok(())
    }
}

/// Whether a user exists in this user namespace; where that can't be read, every user does.
fn is_mapped(uid: u32) -> bool {
    let Ok(map) = fs::read_to_string("/proc/self/uid_map") else {
        return true;
    };
    map.lines().any(|line| {
        let mut words = line
            .split_whitespace()
            .map(|w| w.parse::<u64>().unwrap_or(0));
        let (first, _, count) = (words.next(), words.next(), words.next());
        let first = first.unwrap_or(0);
        (first..first + count.unwrap_or(0)).contains(&u64::from(uid))
    })
}

/// Gives up all capabilities, with
/// `struct __user_cap_header_struct` and two `__user_cap_data_struct` of capget(2), version 3.
pub fn drop_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = [VERSION_3, 0];
    let data = [0u32; 6];
    // SAFETY: both have the size that version 3 asks for.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr()) };
    if done == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What a worker that keeps its rights can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Powers {
    /// Whether it is root.
    pub root: bool,
    /// Its effective capabilities, as bits.
    pub capabilities: u64,
    /// Whether it can read a disk.
    pub disk: bool,
}

impl Powers {
    /// Those of this process.
    pub fn own() -> Self {
        const VERSION_3: u32 = 0x2008_0522;
        let mut header = [VERSION_3, 0];
        let mut data = [0u32; 6];
        // SAFETY: both have the size that version 3 asks for.
        let got =
            unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) };
        let disk = is_root().then(fixtures::block_device).flatten();
        disk.inspect(|fd| sys::close(*fd));
        Powers {
            disk: disk.is_some(),
            root: is_root(),
            capabilities: match got {
                0 => u64::from(data[3]) << 32 | u64::from(data[0]),
                _ => 0,
            },
        }
    }
}

/// Whether this process could make a case run as root.
pub fn is_root() -> bool {
    // SAFETY: no arguments.
    unsafe { libc::geteuid() == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::kernel::sys;

    fn status_line(key: &str) -> String {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// What setresuid(2) takes away must be there again afterwards.
    #[test]
    fn an_ordinary_user_is_dumpable_has_no_privileges_and_dies_with_its_parent() {
        let dir = tempfile::tempdir().unwrap();
        let status = sys::in_child(|| {
            let parent = std::os::unix::process::parent_id() as i32;
            let took = Rights::ordinary(dir.path()).take(parent).is_ok();
            let mut signal = 0i32;
            // SAFETY: `signal` outlives the call.
            let (dumpable, asked) = unsafe {
                (
                    libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0),
                    libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal, 0, 0, 0),
                )
            };
            let good = took
                && !is_root()
                && dumpable == 1
                && asked == 0
                && signal == libc::SIGKILL
                && status_line("NoNewPrivs:") == "1"
                && u64::from_str_radix(&status_line("CapEff:"), 16) == Ok(0)
                // Its own files in /proc are its own.
                && fs::read("/proc/self/maps").is_ok()
                && fs::metadata("/proc/self/mem").is_ok_and(|m| m.uid() != 0);
            sys::exit(if good { 7 } else { 1 });
        })
        .unwrap();
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }

    #[test]
    fn capabilities_can_be_given_up_where_there_is_no_other_user() {
        if !is_root() {
            // Without capabilities there is nothing to give up: capset(2) with fewer succeeds.
            assert!(drop_capabilities().is_ok());
            return;
        }
        let status = sys::in_child(|| {
            let parent = std::os::unix::process::parent_id() as i32;
            let took = Rights::WithoutCapabilities.take(parent).is_ok();
            let none = u64::from_str_radix(&status_line("CapEff:"), 16) == Ok(0);
            sys::exit(if took && none && is_root() { 7 } else { 1 });
        })
        .unwrap();
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
