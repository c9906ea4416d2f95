//! Abilities of file systems, of memory that is an object of its own, and of transfers.

use super::super::rights::Powers;
use super::super::scratch::is_of_huge_pages;
use super::super::{fixtures, sys};
use crate::case::Scale;
use crate::case::errno::Errno;
use crate::case::flags::CAPABILITY;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::{fs, io, ptr};

/// What trying gave: nothing, or the errno.
type Tried = Result<(), i32>;

/// Whether a need is met; else why not.
///
/// # Errors
/// The reason, for people.
pub fn need(name: &str, scale: &Scale, powers: Powers) -> Result<(), String> {
    const KEEP: i32 = libc::FALLOC_FL_KEEP_SIZE;
    const WRITE_ZEROES: i32 = 0x80;
    let tried = match name {
        "memfd-seals" => seals(),
        "memfd-exec" => memfd(libc::MFD_NOEXEC_SEAL).map(drop),
        "memfd_secret" => secret(scale),
        "hugetlb-empty" => return empty_pool(),
        "huge-files" => return huge_files(),
        "O_TMPFILE" => open(c".", libc::O_TMPFILE | libc::O_RDWR).map(drop),
        "O_DIRECT" => direct(scale),
        "fallocate" => allocate(0, scale),
        "punch-hole" => allocate(libc::FALLOC_FL_PUNCH_HOLE | KEEP, scale),
        "zero-range" => allocate(libc::FALLOC_FL_ZERO_RANGE, scale),
        "write-zeroes" => allocate(WRITE_ZEROES, scale),
        "unshare-range" => allocate(libc::FALLOC_FL_UNSHARE_RANGE, scale),
        "collapse-range" => allocate(libc::FALLOC_FL_COLLAPSE_RANGE, scale),
        "insert-range" => allocate(libc::FALLOC_FL_INSERT_RANGE, scale),
        "atime" => return atime(),
        "symlinks" => made(std::os::unix::fs::symlink("file", "probe")),
        "fifos" => made(nix::unistd::mkfifo("probe", nix::sys::stat::Mode::S_IRWXU)),
        "sysv-shm" => segment(),
        "posix-shm" => object(),
        "aio" => asynchronous(),
        "io_uring" => ring(),
        "process_vm" => process_vm(),
        "core-file" => return core_file(),
        "proc-mem" => own_memory(),
        "tty" => terminal(),
        "inet" => internet(),
        "sysfs" => open(fixtures::SYSFS_FILE, libc::O_RDONLY).map(drop),
        "pidfd" => pidfd(),
        "block-device" => return disk(powers),
        "data-limit" => return data_limit(scale),
        capability => return has(capability, powers),
    };
    tried.map_err(|errno| match errno {
        libc::ENOSYS => "this kernel does not know it".to_owned(),
        libc::EOPNOTSUPP => "it is not supported here".to_owned(),
        errno => format!("trying gave {}", Errno::from_number(errno)),
    })
}

/// A descriptor that a call gave, or the errno.
#[allow(clippy::unnecessary_cast, reason = "a long has 32 bits elsewhere")]
fn descriptor(got: libc::c_long) -> Result<OwnedFd, i32> {
    if got < 0 {
        return Err(sys::last_errno());
    }
    // SAFETY: a call has just given it, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(got as i32) })
}

fn done(got: libc::c_long) -> Tried {
    match got {
        -1 => Err(sys::last_errno()),
        _ => Ok(()),
    }
}

fn open(path: &CStr, flags: i32) -> Result<OwnedFd, i32> {
    // SAFETY: a constant string and numbers.
    descriptor(unsafe { libc::open(path.as_ptr(), flags, 0o600) }.into())
}

/// A file in the scratch folder whose name is gone at once.
fn scratch(flags: i32) -> Result<OwnedFd, i32> {
    let fd = open(
        c"probe",
        libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | flags,
    );
    let _ = fs::remove_file("probe");
    fd
}

/// A name in the scratch folder that was made, and is gone at once.
fn made<E: Into<io::Error>>(probe: Result<(), E>) -> Tried {
    let _ = fs::remove_file("probe");
    probe.map_err(|e| e.into().raw_os_error().unwrap_or(libc::EIO))
}

fn memfd(flags: libc::c_uint) -> Result<OwnedFd, i32> {
    // SAFETY: a constant string and a number.
    descriptor(unsafe { libc::syscall(libc::SYS_memfd_create, c"probe".as_ptr(), flags) })
}

fn seals() -> Tried {
    const FUTURE_WRITE: i32 = 0x10;
    let fd = memfd(libc::MFD_ALLOW_SEALING)?;
    // SAFETY: numbers only.
    done(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, FUTURE_WRITE) }.into())
}

fn secret(scale: &Scale) -> Tried {
    let number = crate::case::call::SYS_MEMFD_SECRET;
    // SAFETY: numbers only.
    let fd = descriptor(unsafe { libc::syscall(number, 0) })?;
    let len = scale.page as usize;
    // SAFETY: a new mapping, removed at once.
    unsafe {
        done(libc::ftruncate64(fd.as_raw_fd(), scale.page as i64).into())?;
        let prot = libc::PROT_READ;
        let at = libc::mmap(
            ptr::null_mut(),
            len,
            prot,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            0,
        );
        if at == libc::MAP_FAILED {
            return Err(sys::last_errno());
        }
        done(libc::munmap(at, len).into())
    }
}

fn empty_pool() -> Result<(), String> {
    if let Err(errno) = memfd(libc::MFD_HUGETLB) {
        return Err(format!(
            "a memory file of huge pages gave {}",
            Errno::from_number(errno)
        ));
    }
    let overcommit = fs::read_to_string("/proc/sys/vm/nr_overcommit_hugepages");
    match huge_pages("HugePages_Total:") {
        Some(0) if overcommit.is_ok_and(|n| n.trim() == "0") => Ok(()),
        Some(_) => Err("there are huge pages in the pool, or more may be had".to_owned()),
        None => Err("the kernel tells nothing of its pool of huge pages".to_owned()),
    }
}

/// A number of proc_meminfo(5).
fn huge_pages(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let told = text.lines().find_map(|l| l.strip_prefix(name))?;
    told.trim().parse().ok()
}

fn huge_files() -> Result<(), String> {
    const LEAST: u64 = 8;
    if !fs::File::open(".").is_ok_and(|folder| is_of_huge_pages(&folder)) {
        return Err("this file system is not hugetlbfs".to_owned());
    }
    match huge_pages("HugePages_Free:") {
        Some(n) if n >= LEAST => Ok(()),
        n => Err(format!(
            "{} huge pages are free, of {LEAST}",
            n.unwrap_or_default()
        )),
    }
}

fn direct(scale: &Scale) -> Tried {
    let fd = scratch(libc::O_DIRECT)?;
    let len = scale.page as usize;
    // SAFETY: a new mapping, which lives during the write and is removed at once.
    unsafe {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(ptr::null_mut(), len, prot, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return Err(sys::last_errno());
        }
        let wrote = done(libc::write(fd.as_raw_fd(), at, len) as libc::c_long);
        libc::munmap(at, len);
        wrote
    }
}

/// Tries a mode of fallocate(2) on the first page of a file of four.
fn allocate(mode: i32, scale: &Scale) -> Tried {
    let fd = scratch(0)?;
    let page = scale.page as i64;
    // SAFETY: numbers only.
    unsafe {
        done(libc::ftruncate64(fd.as_raw_fd(), 4 * page).into())?;
        done(libc::fallocate64(fd.as_raw_fd(), mode, 0, page).into())
    }
}

/// A read moves the time of the last access from long ago.
fn atime() -> Result<(), String> {
    let moved = || {
        let fd = scratch(0)?;
        let mut marks = super::super::times::Marks::default();
        let mut byte = 0u8;
        // SAFETY: a byte that lives during both calls.
        unsafe {
            done(libc::write(fd.as_raw_fd(), (&raw const byte).cast(), 1) as libc::c_long)?;
            marks.set(fd.as_raw_fd())?;
            done(libc::pread64(fd.as_raw_fd(), (&raw mut byte).cast(), 1, 0) as libc::c_long)?;
        }
        let mut text = [0; super::super::times::TEXT_MAX];
        marks.moved(fd.as_raw_fd(), 1, &mut text)
    };
    match moved() {
        Ok(0) => Err("a read does not move the time of the last access here".to_owned()),
        Ok(_) => Ok(()),
        Err(errno) => Err(format!("trying gave {}", Errno::from_number(errno))),
    }
}

fn segment() -> Tried {
    // SAFETY: numbers, and the address that the call itself gave.
    unsafe {
        let id = libc::shmget(libc::IPC_PRIVATE, 1, libc::IPC_CREAT | 0o600);
        done(id.into())?;
        let at = libc::shmat(id, ptr::null(), 0);
        let attached = if at as isize == -1 {
            Err(sys::last_errno())
        } else {
            done(libc::shmdt(at).into())
        };
        libc::shmctl(id, libc::IPC_RMID, ptr::null_mut());
        attached
    }
}

fn object() -> Tried {
    let name = std::ffi::CString::new(format!("/mmapcheck-probe-{}", sys::process_id()));
    let name = name.map_err(|_| libc::EINVAL)?;
    // SAFETY: a string that lives during both calls, and numbers.
    unsafe {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let made = descriptor(libc::shm_open(name.as_ptr(), flags, 0o600).into());
        libc::shm_unlink(name.as_ptr());
        made.map(drop)
    }
}

fn asynchronous() -> Tried {
    let mut context: libc::c_ulong = 0;
    // SAFETY: a number that lives during the call; then the number itself.
    unsafe {
        done(libc::syscall(libc::SYS_io_setup, 1, &raw mut context))?;
        done(libc::syscall(libc::SYS_io_destroy, context))
    }
}

fn ring() -> Tried {
    let mut params = [0u32; 30];
    // SAFETY: as many bytes as `struct io_uring_params` has, which live during the call.
    descriptor(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) }).map(drop)
}

fn process_vm() -> Tried {
    let (mut here, there) = (0u8, 7u8);
    let vector = |at: *mut u8| libc::iovec {
        iov_base: at.cast(),
        iov_len: 1,
    };
    let ends = sys::pipe().map_err(|e| e.raw_os_error().unwrap_or(0))?;
    // SAFETY: the child waits for the end of the pipe and ends; all that the calls read and write
    // lives on this frame.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            sys::close(ends.1);
            sys::read_exact(ends.0, &mut [0]);
            sys::exit(0);
        }
        let (local, remote) = (vector(&raw mut here), vector((&raw const there).cast_mut()));
        let read = libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0);
        let read = done(read as libc::c_long);
        sys::close(ends.0);
        sys::close(ends.1);
        let _ = sys::wait_for(pid);
        read
    }
}

/// A child is killed, and may leave a core.
fn core_file() -> Result<(), String> {
    // SAFETY: the child raises a signal that kills it, and does nothing else.
    let status = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
            libc::signal(libc::SIGABRT, libc::SIG_DFL);
            libc::raise(libc::SIGABRT);
            sys::exit(0);
        }
        sys::wait_for(pid).unwrap_or(0)
    };
    let left = fs::remove_file("core");
    match (libc::WIFSIGNALED(status) && libc::WCOREDUMP(status), left) {
        (true, Ok(())) => Ok(()),
        (true, Err(_)) => Err("cores go elsewhere: /proc/sys/kernel/core_pattern".to_owned()),
        (false, _) => Err("no core was written".to_owned()),
    }
}

fn own_memory() -> Tried {
    let fd = open(c"/proc/self/mem", libc::O_RDWR)?;
    let mut byte = 0u8;
    let at = &raw mut byte;
    // SAFETY: a byte of this frame is written over itself.
    unsafe {
        done(libc::pwrite64(fd.as_raw_fd(), at.cast(), 1, at as usize as i64) as libc::c_long)
    }
}

fn terminal() -> Tried {
    let (near, master) = fixtures::terminal().ok_or_else(sys::last_errno)?;
    sys::close(near);
    sys::close(master);
    Ok(())
}

fn internet() -> Tried {
    // SAFETY: numbers only.
    descriptor(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) }.into()).map(drop)
}

fn pidfd() -> Tried {
    // SAFETY: numbers only.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, sys::process_id(), 0) }).map(drop)
}

fn disk(powers: Powers) -> Result<(), String> {
    if !powers.root {
        return Err("the harness was not started as root".to_owned());
    }
    match powers.disk {
        true => Ok(()),
        false => Err("no disk with one of the usual names can be opened".to_owned()),
    }
}

/// Since Linux 4.7 the limit counts private memory that can be written; `ignore_rlimit_data` on
/// the kernel's command line turns that off.
fn data_limit(scale: &Scale) -> Result<(), String> {
    let len = scale.page as usize * 16;
    let status = sys::in_child(|| {
        // SAFETY: a structure that lives during the calls, in a child of its own; a new mapping.
        let refused = unsafe {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_DATA, &raw mut limit);
            // Not 0, which may_expand_vm() in mm/mmap.c lets pass (a workaround for valgrind).
            limit.rlim_cur = 1;
            libc::setrlimit(libc::RLIMIT_DATA, &raw const limit);
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(ptr::null_mut(), len, prot, flags, -1, 0) == libc::MAP_FAILED
        };
        sys::exit(i32::from(refused));
    });
    match status {
        Ok(status) if libc::WEXITSTATUS(status) == 1 => Ok(()),
        _ => Err("a limit of one byte refuses no private memory here".to_owned()),
    }
}

fn has(name: &str, powers: Powers) -> Result<(), String> {
    let Some((_, bit)) = CAPABILITY.flags.iter().find(|(n, _)| *n == name) else {
        return Err("this worker does not know it".to_owned());
    };
    match (powers.root, powers.capabilities & bit) {
        (false, _) => Err("the harness was not started as root".to_owned()),
        (true, 0) => Err("root lacks this capability here".to_owned()),
        _ => Ok(()),
    }
}
