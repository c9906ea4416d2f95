//! What the open files of processes take up: on tmpfs, and of a memfd, that is memory which no
//! process has mapped.
#![expect(unsafe_code, reason = "statx(2) without a word to the file's server")]

use super::sys::checked;
use std::collections::HashMap;
use std::ffi::CString;
use std::fs;

/// A file: where it lies, and its number there.
type File = (u64, u64);

/// Files and the bytes that each takes up, once however many descriptors there are.
#[derive(Debug, Default)]
pub struct Held(HashMap<File, u64>);

impl Held {
    /// Adds the files that a process has open, as far as they can be seen.
    pub fn add_process(&mut self, pid: i32) {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return;
        };
        for descriptor in open.flatten() {
            self.add(descriptor.path().into_os_string().into_encoded_bytes());
        }
    }

    /// Adds the file that a descriptor of this process has open.
    pub fn add_own(&mut self, fd: i32) {
        self.add(format!("/proc/self/fd/{fd}").into_bytes());
    }

    fn add(&mut self, path: Vec<u8>) {
        let Ok(path) = CString::new(path) else { return };
        if let Some((file, bytes)) = taken(&path) {
            self.0.insert(file, bytes);
        }
    }

    /// What they all take up, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.values().sum()
    }
}

/// A file, and how many bytes it takes up, whatever its size. A server in user space is not asked,
/// since it may never answer: what the kernel knows is enough.
fn taken(path: &CString) -> Option<(File, u64)> {
    /// `AT_STATX_DONT_SYNC`, `STATX_INO | STATX_BLOCKS` and `struct statx` of statx(2), which not
    /// all libraries have: the words of the number, of the blocks and of the device.
    const DONT_SYNC: libc::c_int = 0x4000;
    const WANTED: libc::c_uint = 0x100 | 0x400;
    const WORDS: usize = 256 / 8;
    const INO: usize = 32 / 8;
    const BLOCKS: usize = 48 / 8;
    const DEVICE: usize = 136 / 8;
    let mut told = [0u64; WORDS];
    // SAFETY: the path ends in a zero, and the words are as many as the kernel writes.
    let done = unsafe {
        libc::syscall(
            libc::SYS_statx,
            libc::AT_FDCWD,
            path.as_ptr(),
            DONT_SYNC,
            WANTED,
            told.as_mut_ptr(),
        )
    };
    checked(done as libc::c_int).ok()?;
    Some(((told[DEVICE], told[INO]), told[BLOCKS].saturating_mul(512)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_counts_once_by_what_it_takes_up() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        file.set_len(1 << 40).unwrap();
        let again = file.try_clone().unwrap();
        let mut held = Held::default();
        held.add_own(file.as_raw_fd());
        held.add_own(again.as_raw_fd());
        assert_eq!(held.bytes(), file.metadata().unwrap().blocks() * 512);
        assert!(held.bytes() >= 1 << 20 && held.bytes() < 1 << 30);
        held.add_own(-1);
        held.add_process(-1);
        let alone = held.bytes();
        held.add_process(std::process::id() as i32);
        assert!(held.bytes() >= alone);
    }
}
