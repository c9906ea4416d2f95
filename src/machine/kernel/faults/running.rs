//! A program that is running: the smallest that the kernel takes, stopped before its first
//! instruction, so that what it would do does not matter.
#![expect(unsafe_code, reason = "fork, ptrace(2) and execve(2)")]

use crate::machine::kernel::sys;
use std::ffi::CStr;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

/// What elf(5) puts before everything else: which kind of machine, and how numbers are written.
const IDENT: usize = 16;

/// The head of a program for the machine on which this program runs.
fn program() -> std::io::Result<Vec<u8>> {
    let mut own = [0u8; 64];
    std::fs::File::open("/proc/self/exe")?.read_exact(&mut own)?;
    let wide = own.get(4) == Some(&2);
    let big = own.get(5) == Some(&2);
    let mut out = own[..IDENT].to_vec();
    let number = |out: &mut Vec<u8>, value: u64, bytes: usize| {
        let le = value.to_le_bytes();
        match big {
            false => out.extend_from_slice(&le[..bytes]),
            true => out.extend(le[..bytes].iter().rev()),
        }
    };
    let word = if wide { 8 } else { 4 };
    let (head, part) = if wide { (64, 56) } else { (52, 32) };
    const BASE: u64 = 0x40_0000;
    let size = head + part + 16;
    number(&mut out, 2, 2); // ET_EXEC
    out.extend_from_slice(&own[18..20]); // e_machine
    number(&mut out, 1, 4); // e_version
    number(&mut out, BASE + head + part, word); // e_entry
    number(&mut out, head, word); // e_phoff
    number(&mut out, 0, word); // e_shoff
    let flags = if wide { 48 } else { 36 };
    out.extend_from_slice(&own[flags..flags + 4]); // e_flags
    for (value, bytes) in [(head, 2), (part, 2), (1, 2), (0, 2), (0, 2), (0, 2)] {
        number(&mut out, value, bytes);
    }
    const LOAD: u64 = 1;
    const READ_EXECUTE: u64 = 5;
    number(&mut out, LOAD, 4);
    if wide {
        number(&mut out, READ_EXECUTE, 4);
    }
    for value in [0, BASE, BASE, size, size] {
        number(&mut out, value, word);
    }
    if !wide {
        number(&mut out, READ_EXECUTE, 4);
    }
    number(&mut out, 0x1_0000, word);
    out.resize(size as usize, 0);
    Ok(out)
}

/// Writes the program to `path` and starts it; its process, which is stopped.
///
/// # Errors
/// The errno of open(2) or execve(2): ETXTBSY where somebody may write to it.
pub fn start(path: &CStr) -> Result<i32, i32> {
    let errno = |e: std::io::Error| e.raw_os_error().unwrap_or(libc::EIO);
    let name = std::path::Path::new(path.to_str().map_err(|_| libc::ENOENT)?);
    let text = program().map_err(errno)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o700)
        .open(name)
        .map_err(errno)?;
    file.write_all(&text).map_err(errno)?;
    drop(file);
    let own = std::process::id() as i32;
    // SAFETY: the child makes three calls and ends; the path lives as long as the case.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        sys::die_with_parent(own);
        // SAFETY: as before; with PTRACE_TRACEME the program stops when it has been loaded.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            let none: [*const libc::c_char; 2] = [path.as_ptr(), std::ptr::null()];
            libc::execve(path.as_ptr(), none.as_ptr(), none[1..].as_ptr());
        }
        sys::exit(sys::last_errno());
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } == -1 {
        if sys::last_errno() != libc::EINTR {
            return Err(sys::last_errno());
        }
    }
    match status {
        s if libc::WIFSTOPPED(s) => Ok(pid),
        s if libc::WIFEXITED(s) => Err(libc::WEXITSTATUS(s)),
        _ => Err(libc::ENOEXEC),
    }
}

/// Ends it.
pub fn stop(pid: i32) {
    // SAFETY: a child of this process, which is not waited for yet.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
    }
    let _ = sys::wait_for(pid);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_until_it_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        let pid = start(&name).unwrap();
        let open = OpenOptions::new().write(true).open(&path);
        assert_eq!(open.unwrap_err().raw_os_error(), Some(libc::ETXTBSY));
        stop(pid);
        let writer = OpenOptions::new().write(true).open(&path).unwrap();
        assert_eq!(start(&name), Err(libc::ETXTBSY));
        drop(writer);
    }
}
