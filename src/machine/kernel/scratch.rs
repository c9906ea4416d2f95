//! The scratch folder of a worker, and the file of a case in it.

use super::{namespace, sys};
use crate::case::Content;
use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::statvfs;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, SystemTime};

/// What the folders of finished workers are called, and, until they are locked, of new ones.
pub const PREFIX: &str = "mmapcheck-";
const NEW_PREFIX: &str = ".mmapcheck-new-";

/// So many letters and digits follow.
const RANDOM: usize = 12;

/// All that cases and probes make in the folder.
const MADE: [&str; 6] = ["file", "new", "link", "fifo", "probe", "core"];

/// What a folder will be called: first by the one name, then by the other.
#[derive(Debug, Clone)]
pub struct Names {
    /// Until it is locked.
    pub fresh: PathBuf,
    /// From then on.
    pub path: PathBuf,
}

impl Names {
    /// Names in `dir` that nothing has. They are known before the folder is there, so that
    /// whoever is to clear it is there before it too.
    ///
    /// # Errors
    /// There is no current folder, and `dir` is relative to it.
    pub fn choose(dir: &Path) -> io::Result<Self> {
        // Whoever removes it may be somewhere else by then.
        let dir = std::path::absolute(dir)?;
        let mut number = RandomState::new().build_hasher().finish();
        let mut random = String::with_capacity(RANDOM);
        for _ in 0..RANDOM {
            random.extend(char::from_digit((number % 36) as u32, 36));
            number /= 36;
        }
        Ok(Names {
            fresh: dir.join(format!("{NEW_PREFIX}{random}")),
            path: dir.join(format!("{PREFIX}{random}")),
        })
    }
}

impl Names {
    /// What it is called in its folder.
    pub fn folder(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// A folder that is locked as long as somebody uses it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock: File,
}

impl Scratch {
    /// Makes and locks a folder. It gets its final name only when it is locked, so that a folder
    /// of that name that nobody locks is nobody's.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(names: Names) -> io::Result<Self> {
        let Names { fresh, path } = names;
        DirBuilder::new()
            .mode(0o700)
            .create(&fresh)
            .map_err(|e| name_place(&e, &path))?;
        let lock = File::open(&fresh)?;
        lock_now(&lock)?;
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
    /// What looks otherwise than such a folder is somebody else's, whatever it is called.
    pub fn sweep(dir: &Path) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_named(&name, PREFIX) || is_named(&name, NEW_PREFIX) && is_old(&entry.path()) {
                // What another user left is not ours to remove, and stays.
                let _ = remove_left(&entry.path());
            }
        }
    }
}

fn name_place(e: &io::Error, path: &Path) -> io::Error {
    let dir = path.parent().unwrap_or(path).display();
    io::Error::new(e.kind(), format!("no scratch folder in {dir}: {e}"))
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

fn is_named(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Removes a folder if nobody holds its lock and nothing is in it but what cases make.
fn remove_left(path: &Path) -> io::Result<()> {
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(path)?;
    lock_now(&folder)?;
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != namespace::POINT && !MADE.iter().any(|made| name == *made) {
            return Ok(());
        }
    }
    for name in MADE {
        let _ = unlinkat(&folder, name, UnlinkatFlags::NoRemoveDir);
    }
    let _ = unlinkat(&folder, namespace::POINT, UnlinkatFlags::RemoveDir);
    fs::remove_dir(path)
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

/// Fills a file of the right size. On hugetlbfs write(2) is EINVAL whatever it is given
/// (mmap(2) NOTES, "Huge page mappings"; hugetlbfs_file_operations in fs/hugetlbfs/inode.c has no
/// such call): there it is filled through a mapping.
fn fill(file: &File, content: &Content) -> io::Result<()> {
    match content.write_to(file) {
        Err(_) if is_of_huge_pages(file) => store(file, content),
        done => done,
    }
}

/// Whether a file lies on hugetlbfs, by the number in statfs(2).
#[allow(
    clippy::unnecessary_cast,
    reason = "the number is narrower, or may be negative, elsewhere"
)]
pub fn is_of_huge_pages(file: &File) -> bool {
    const HUGETLBFS: u64 = 0x9584_58f6;
    fstatfs(file).is_ok_and(|s| s.filesystem_type().0 as u64 & 0xffff_ffff == HUGETLBFS)
}

#[expect(unsafe_code, reason = "a mapping of a file that nobody else has yet")]
fn store(file: &File, content: &Content) -> io::Result<()> {
    let len = usize::try_from(content.len()).map_err(io::Error::other)?;
    // SAFETY: a new mapping of the whole file, which lives until the end of this function. Huge pages
    // are set aside for it, so that no touch of it lacks one.
    unsafe {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let at = libc::mmap(
            ptr::null_mut(),
            len,
            prot,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        );
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        content.store_to(std::slice::from_raw_parts_mut(at.cast(), len));
        sys::checked(libc::munmap(at, len)).map(|_| ())
    }
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
        let filled = file
            .set_len(content.len())
            .and_then(|()| fill(&file, content));
        if filled.is_err() {
            // The next case needs the name, and the room.
            let _ = fs::remove_file("file");
        }
        filled.map(|()| CaseFile { file })
    }

    /// Opens `file` in the current folder, only to be read.
    ///
    /// # Errors
    /// What open(2) says.
    pub fn open() -> io::Result<Self> {
        File::open("file").map(|file| CaseFile { file })
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// What it holds; `None` if that is just what it held before.
    ///
    /// # Errors
    /// What the file system says.
    pub fn after(&self, before: &Content, scratch: &mut Vec<u8>) -> io::Result<Option<Content>> {
        if before.len() <= WHOLE {
            // One byte more than it held: most files are neither longer nor shorter afterwards, and
            // need not be asked for their size.
            let size = before.len() as usize;
            if scratch.len() <= size {
                scratch.resize(size + 1, 0);
            }
            let read = self.file.read_at(&mut scratch[..=size], 0)?;
            if read == size {
                let now = &scratch[..size];
                return Ok((!before.equals(now)).then(|| Content::from_bytes(now)));
            }
        }
        let size = self.file.metadata()?.len();
        let now = if size <= WHOLE {
            if scratch.len() < size as usize {
                scratch.resize(size as usize, 0);
            }
            let bytes = &mut scratch[..size as usize];
            self.file.read_exact_at(bytes, 0)?;
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
            let found = seek(self.fd(), at, libc::SEEK_DATA);
            let start = found.unwrap_or(at.max(LAST)).min(size);
            content.fill(0, start - at);
            let end = found.and_then(|_| seek(self.fd(), start, libc::SEEK_HOLE));
            let end = end.unwrap_or(size).min(size);
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

/// Whether the file system of the current folder has no room left, as far as it tells: then a
/// SIGBUS or an ENOSPC speaks of the disk, not of the call.
#[allow(
    clippy::useless_conversion,
    reason = "on 32 bits the numbers are narrower"
)]
pub fn is_full() -> bool {
    const LEAST: u64 = 64 << 10;
    statvfs(".").is_ok_and(|s| {
        // Without a limit tmpfs tells of no blocks at all.
        let left = u64::from(s.blocks_available()).saturating_mul(u64::from(s.fragment_size()));
        s.blocks() > 0 && left < LEAST
    })
}

#[expect(unsafe_code, reason = "lseek(2) on a descriptor that is ours")]
fn seek(fd: RawFd, at: u64, whence: i32) -> Option<u64> {
    // SAFETY: numbers only.
    let found = unsafe { libc::lseek64(fd, at as i64, whence) };
    u64::try_from(found).ok()
}

/// Behind here the last page of all offsets may begin, whatever the page size. On Linux a file in
/// memory does not tell of data in that page: where it ends overflows (mapping_seek_hole_data() in
/// mm/filemap.c).
const LAST: u64 = i64::MAX as u64 & !0xffff;

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

    /// Stores all that is not zero at its place in `memory`, which is as long and holds zeros.
    fn store_to(&self, memory: &mut [u8]) {
        let mut rest = memory;
        for (byte, bytes, len) in self.stretches() {
            let (here, behind) = rest.split_at_mut((len as usize).min(rest.len()));
            match byte {
                Some(0) => {}
                Some(byte) => here.fill(byte),
                None => here.copy_from_slice(bytes),
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_folder_is_not_swept_and_a_left_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let used = Scratch::make(Names::choose(dir.path()).unwrap()).unwrap();
        let folder = |name: &str, file: &str| {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join(file), "x").unwrap();
            path
        };
        let left = folder("mmapcheck-leftleftleft", "file");
        let others = [
            folder("somebody-elses", "file"),
            folder("mmapcheck-0.1.0", "file"),
            folder("mmapcheck-abcdefghijkl", "notes"),
            folder(".mmapcheck-new-abcdefghijkl", "file"),
        ];
        Scratch::sweep(dir.path());
        assert!(used.path().exists() && others.iter().all(|o| o.exists()));
        assert!(!left.exists());
    }

    #[test]
    fn what_is_stored_is_what_would_be_written() {
        let mut bytes = vec![b'a'; 5000];
        bytes.extend([0; 300]);
        bytes.extend(*b"hello");
        bytes.extend([0; 7]);
        let content = Content::from_bytes(&bytes);
        let mut memory = vec![0; bytes.len()];
        content.store_to(&mut memory);
        assert_eq!(memory, bytes);
        let file = tempfile::tempfile().unwrap();
        content.write_to(&file).unwrap();
        let mut written = vec![0; bytes.len() - 7];
        file.read_exact_at(&mut written, 0).unwrap();
        assert_eq!(written, bytes[..written.len()]);
        assert!(!is_of_huge_pages(&file));
    }
}
