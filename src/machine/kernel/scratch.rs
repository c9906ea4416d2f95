//! The scratch folder of a worker, and the file of a case in it.

use super::sys;
use crate::case::Content;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What the folders of finished workers are called, and, until they are locked, of new ones.
const PREFIX: &str = "mmapcheck-";
const NEW_PREFIX: &str = ".mmapcheck-new-";

/// A folder that is locked as long as somebody uses it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock: File,
}

impl Scratch {
    /// Makes and locks a folder in `dir`. It gets its final name only when it is locked, so that
    /// a folder of that name that nobody locks is nobody's.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let fresh = tempfile::Builder::new()
            .prefix(NEW_PREFIX)
            .tempdir_in(dir)
            .map_err(|e| name_place(&e, dir))?
            .keep();
        let lock = File::open(&fresh)?;
        lock_now(&lock)?;
        let name = fresh
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = dir.join(name.replace(NEW_PREFIX, PREFIX));
        fs::rename(&fresh, &path)?;
        Ok(Scratch { path, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor that holds the lock.
    pub fn lock_fd(&self) -> RawFd {
        self.lock.as_raw_fd()
    }

    /// Removes folders that nobody uses any more: a harness was killed together with its janitor.
    pub fn sweep(dir: &Path) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stale = name.starts_with(PREFIX) && is_unlocked(&entry.path())
                || name.starts_with(NEW_PREFIX) && is_old(&entry.path());
            if stale && entry.file_type().is_ok_and(|t| t.is_dir()) {
                // What another user left is not ours to remove, and stays.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn name_place(e: &io::Error, dir: &Path) -> io::Error {
    io::Error::new(
        e.kind(),
        format!("no scratch folder in {}: {e}", dir.display()),
    )
}

fn lock_now(file: &File) -> io::Result<()> {
    nix_flock(file.as_raw_fd())
}

#[expect(unsafe_code, reason = "flock(2) on a descriptor that is ours")]
fn nix_flock(fd: RawFd) -> io::Result<()> {
    // SAFETY: numbers only.
    sys::checked(unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) })?;
    Ok(())
}

fn is_unlocked(path: &Path) -> bool {
    File::open(path).and_then(|f| lock_now(&f)).is_ok()
}

fn is_old(path: &Path) -> bool {
    let made = fs::symlink_metadata(path).and_then(|m| m.modified());
    made.ok()
        .and_then(|t| SystemTime::now().duration_since(t).ok())
        .is_some_and(|age| age > Duration::from_secs(60))
}

/// The scratch file of one case, held open by the worker so that it can be read afterwards even
/// if the case has unlinked it.
#[derive(Debug)]
pub struct CaseFile {
    file: File,
}

/// Files up to this size are read and compared as a whole.
const WHOLE: u64 = 1 << 20;

/// The most data that is read from a file with holes.
const DATA_MAX: u64 = 64 << 20;

impl CaseFile {
    /// Makes `file` in the current folder with this content; runs of zeros become holes where
    /// they are whole stretches of a big file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(content: &Content) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open("file")?;
        file.set_len(content.len())?;
        content.write_to(&file)?;
        Ok(CaseFile { file })
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// How many bytes it takes up, whatever its size: on tmpfs that is memory.
    pub fn taken(&self) -> u64 {
        self.file.metadata().map_or(0, |m| m.blocks() * 512)
    }

    /// What it holds; `None` if that is just what it held before.
    ///
    /// # Errors
    /// What the file system says.
    pub fn after(&self, before: &Content, scratch: &mut Vec<u8>) -> io::Result<Option<Content>> {
        let size = self.file.metadata()?.len();
        let now = if size <= WHOLE {
            if scratch.len() < size as usize {
                scratch.resize(size as usize, 0);
            }
            let bytes = &mut scratch[..size as usize];
            self.file.read_exact_at(bytes, 0)?;
            if before.equals(bytes) {
                return Ok(None);
            }
            Content::from_bytes(bytes)
        } else {
            self.by_stretches(size)?
        };
        Ok((now != *before).then_some(now))
    }

    /// Reads data, and counts holes.
    fn by_stretches(&self, size: u64) -> io::Result<Content> {
        let mut content = Content::default();
        let mut at = 0;
        let mut data = 0;
        while at < size {
            let start = seek(self.fd(), at, libc::SEEK_DATA)
                .unwrap_or(size)
                .min(size);
            content.fill(0, start - at);
            let end = seek(self.fd(), start, libc::SEEK_HOLE)
                .unwrap_or(size)
                .min(size);
            data += end.saturating_sub(start);
            if data > DATA_MAX {
                return Err(io::Error::other("more than 64 MiB of data"));
            }
            let mut bytes = vec![0; end.saturating_sub(start) as usize];
            self.file.read_exact_at(&mut bytes, start)?;
            content.extend(&bytes);
            at = end.max(start);
            if start == end && at < size {
                break;
            }
        }
        content.fill(0, size.saturating_sub(content.len()));
        Ok(content)
    }
}

#[expect(unsafe_code, reason = "lseek(2) on a descriptor that is ours")]
fn seek(fd: RawFd, at: u64, whence: i32) -> Option<u64> {
    // SAFETY: numbers only.
    let found = unsafe { libc::lseek64(fd, at as i64, whence) };
    u64::try_from(found).ok()
}

impl Content {
    /// Writes all that is not zero at its place in a file that has the right size already.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_to(&self, file: &File) -> io::Result<()> {
        let mut at = 0;
        for (byte, bytes, len) in self.stretches() {
            match (byte, bytes) {
                (Some(0), _) => {}
                (Some(byte), _) => {
                    let chunk = vec![byte; len.min(1 << 16) as usize];
                    let mut done = 0;
                    while done < len {
                        let n = chunk.len().min((len - done) as usize);
                        file.write_all_at(&chunk[..n], at + done)?;
                        done += n as u64;
                    }
                }
                (None, bytes) => file.write_all_at(bytes, at)?,
            }
            at += len;
        }
        (&*file).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_folder_is_not_swept_and_a_left_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let used = Scratch::make(dir.path()).unwrap();
        let left = dir.path().join("mmapcheck-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("file"), "x").unwrap();
        let other = dir.path().join("somebody-elses");
        fs::create_dir(&other).unwrap();
        Scratch::sweep(dir.path());
        assert!(used.path().exists() && other.exists());
        assert!(!left.exists());
    }
}
