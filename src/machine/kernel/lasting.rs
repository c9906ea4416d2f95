//! What a case makes that outlives its processes: System V segments and shared memory objects. It
//! is removed after each case that could make it; by the janitor, if the worker is killed.
#![expect(unsafe_code, reason = "shmctl, with structures of its own")]

use super::compiled::Own;
use std::fs;
use std::time::{Duration, SystemTime};

/// Where the C library keeps shared memory objects (shm_overview(7)).
const OBJECTS: &str = "/dev/shm";

/// The first byte of every key that a harness uses: the rest is the number of its worker.
const KEY: i32 = 0x4d00_0000;

/// More segments than a case makes with its key, one after the other.
const SAME_KEY: u32 = 8;

/// Of shmctl(2): the greatest index in use; what lies at an index.
const SHM_INFO: i32 = 14;
const SHM_STAT: i32 = 13;

/// `SHM_STAT_ANY` of shmctl(2): like `SHM_STAT`, whatever the permissions of the segment.
const STAT_ANY: i32 = 15;

impl Own {
    /// The names of the worker `pid`, whose scratch folder is called so.
    pub fn of(pid: i32, folder: &str) -> Self {
        Own {
            key: KEY | (pid & 0x00ff_ffff),
            object: format!("/{folder}."),
        }
    }

    /// Removes what the processes of a case have left.
    pub fn clear(&self, pids: &[i32]) {
        for (id, segment) in segments() {
            let made_there = pids.contains(&segment.shm_cpid);
            if made_there || key_of(&segment) == self.key {
                remove(id);
            }
        }
        self.clear_by_key();
        let prefix = self.object.trim_start_matches('/');
        remove_objects(|name, _| name.starts_with(prefix));
    }

    /// Removes segments as one can where nobody tells which there are, as under gVisor. One that
    /// was removed while it was attached may have left its key to another.
    fn clear_by_key(&self) {
        for _ in 0..SAME_KEY {
            match with_key(self.key) {
                Some(id) if remove(id) => {}
                _ => break,
            }
        }
    }
}

/// Removes what a harness left that was killed together with its janitor.
pub fn sweep(prefix: &str) {
    for (id, segment) in segments() {
        let ours = key_of(&segment) & 0x7f00_0000 == KEY;
        if ours && segment.shm_nattch == 0 && is_old(segment_time(&segment)) {
            remove(id);
        }
    }
    remove_objects(|name, made| name.starts_with(prefix) && is_old(made));
}

fn is_old(made: Option<SystemTime>) -> bool {
    made.and_then(|t| SystemTime::now().duration_since(t).ok())
        .is_some_and(|age| age > Duration::from_secs(60))
}

fn remove_objects(wanted: impl Fn(&str, Option<SystemTime>) -> bool) {
    for entry in fs::read_dir(OBJECTS).into_iter().flatten().flatten() {
        let made = entry.metadata().and_then(|m| m.modified()).ok();
        let is_file = entry.file_type().is_ok_and(|t| t.is_file());
        if is_file && wanted(&entry.file_name().to_string_lossy(), made) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// All segments that there are.
fn segments() -> Vec<(i32, libc::shmid_ds)> {
    // SAFETY: each structure is plain data, filled in by the call. SHM_INFO writes less than that.
    unsafe {
        let mut stat: libc::shmid_ds = std::mem::zeroed();
        let last = libc::shmctl(0, SHM_INFO, &raw mut stat);
        (0..=last)
            .filter_map(|index| {
                let mut stat: libc::shmid_ds = std::mem::zeroed();
                let mut id = libc::shmctl(index, STAT_ANY, &raw mut stat);
                if id == -1 {
                    id = libc::shmctl(index, SHM_STAT, &raw mut stat);
                }
                (id != -1).then_some((id, stat))
            })
            .collect()
    }
}

/// The segment of a key, if there is one and it may be found.
fn with_key(key: i32) -> Option<i32> {
    // SAFETY: numbers only.
    let id = unsafe { libc::shmget(key, 0, 0) };
    (id >= 0).then_some(id)
}

/// Whether it could be removed.
fn remove(id: i32) -> bool {
    // SAFETY: numbers only; the segment is one that a case has made.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) == 0 }
}

#[cfg(target_env = "musl")]
fn key_of(segment: &libc::shmid_ds) -> i32 {
    segment.shm_perm.__ipc_perm_key
}
#[cfg(not(target_env = "musl"))]
fn key_of(segment: &libc::shmid_ds) -> i32 {
    segment.shm_perm.__key
}

fn segment_time(segment: &libc::shmid_ds) -> Option<SystemTime> {
    #[allow(clippy::unnecessary_cast, reason = "times have 32 bits elsewhere")]
    let seconds = u64::try_from(segment.shm_ctime as i64).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exists(id: i32) -> bool {
        segments().iter().any(|(known, _)| *known == id)
    }

    fn make(key: i32) -> i32 {
        // SAFETY: numbers only.
        let id = unsafe { libc::shmget(key, 1, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
        assert!(id >= 0);
        id
    }

    #[test]
    fn what_a_case_left_is_removed_and_nothing_else() {
        let own = Own::of(
            0x55_0000 + std::process::id() as i32 % 1000,
            "mmapcheck-test-of-own",
        );
        let other = make(libc::IPC_PRIVATE);
        let left = make(own.key);
        let object = fs::File::create(format!("{OBJECTS}{}left", own.object));
        own.clear(&[]);
        assert!(exists(other) && !exists(left));
        if object.is_ok() {
            assert!(!fs::exists(format!("{OBJECTS}{}left", own.object)).unwrap());
        }
        own.clear(&[std::process::id() as i32]);
        assert!(!exists(other));
    }

    #[test]
    fn what_nobody_tells_of_is_removed_by_its_key() {
        let own = Own::of(
            0x66_0000 + std::process::id() as i32 % 1000,
            "mmapcheck-test",
        );
        let left = make(own.key);
        own.clear_by_key();
        assert!(!exists(left));
    }
}
