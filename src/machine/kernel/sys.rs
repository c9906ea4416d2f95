//! System calls of the harness itself. Everything here is a thin cover that owns its safety
//! argument; cases go through `door` instead.
#![expect(
    unsafe_code,
    reason = "the C library's functions; each use says why it is sound"
)]

use std::io;
use std::os::fd::RawFd;

/// Turns -1 into the error that the C library noted.
pub fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Runs `work` in a forked child and waits for it. For probes: the caller has one thread.
///
/// # Errors
/// What fork(2) says.
pub fn in_child(work: impl FnOnce()) -> io::Result<libc::c_int> {
    // SAFETY: the child only runs `work` and ends without unwinding into the caller's frames.
    let pid = checked(unsafe { libc::fork() })?;
    if pid == 0 {
        work();
        exit(0);
    }
    wait_for(pid)
}

/// A child process, by the bare system call. The C library's fork would also set its locks and
/// lists right, which this child never uses, at the price of half a dozen page faults; a child
/// that will start threads needs that, and gets it by `full`.
///
/// # Errors
/// What fork(2) says.
///
/// # Safety
/// The child must not return to frames that the parent goes on to use for cleaning up, and, unless
/// `full`, must not allocate or start threads.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub unsafe fn fork(full: bool) -> io::Result<libc::pid_t> {
    // SAFETY: the caller's promise.
    unsafe {
        if full {
            return checked(libc::fork());
        }
        let flags = libc::SIGCHLD as libc::c_ulong;
        let none = 0 as libc::c_ulong;
        // The order of flags and stack is clone(2)'s own on s390x.
        let pid = if cfg!(target_arch = "s390x") {
            libc::syscall(libc::SYS_clone, none, flags, none, none, none)
        } else {
            libc::syscall(libc::SYS_clone, flags, none, none, none, none)
        };
        checked(pid as libc::c_int)
    }
}

/// Waits for one child; the wait status.
///
/// # Errors
/// What waitpid(2) says, but for EINTR.
pub fn wait_for(pid: i32) -> io::Result<libc::c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` outlives the call.
        match checked(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(_) => return Ok(status),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Waits for a child until it ends or a signal comes; `None` for the signal.
///
/// # Errors
/// What waitpid(2) says.
pub fn wait_or_tick(pid: i32) -> io::Result<Option<(i32, libc::c_int)>> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    match checked(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
        Ok(pid) => Ok(Some((pid, status))),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(e) => Err(e),
    }
}

/// Waits until a child has ended, and leaves it to be waited for.
pub fn wait_until_dead(pid: i32) {
    // SAFETY: `info` is plain data, filled in by the kernel.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        while libc::waitid(
            libc::P_PID,
            pid as libc::id_t,
            &raw mut info,
            libc::WEXITED | libc::WNOWAIT,
        ) == -1
            && last_errno() == libc::EINTR
        {}
    }
}

/// Ends this process at once, with nothing flushed or unwound.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn exit(status: libc::c_int) -> ! {
    // SAFETY: it does not return; the library's own function is there in case it did.
    unsafe {
        libc::syscall(libc::SYS_exit_group, status);
        libc::_exit(status)
    }
}

/// The errno of the last call.
pub fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// A pipe whose reading end does not block.
///
/// # Errors
/// What pipe2(2) says.
pub fn pipe_nonblocking_reader() -> io::Result<(RawFd, RawFd)> {
    let (read_end, write_end) = pipe()?;
    // SAFETY: a flag of a descriptor that is ours.
    checked(unsafe { libc::fcntl(read_end, libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((read_end, write_end))
}

/// A pipe.
///
/// # Errors
/// What pipe2(2) says.
pub fn pipe() -> io::Result<(RawFd, RawFd)> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((ends[0], ends[1]))
}

/// Writes all bytes; gives up silently when nobody reads, since nobody would see a complaint.
pub fn write_all(fd: RawFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        // SAFETY: the slice is alive during the call.
        let n = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match n {
            -1 if last_errno() == libc::EINTR => {}
            -1 | 0 => return false,
            n => bytes = &bytes[n as usize..],
        }
    }
    true
}

/// Reads what is there now from a descriptor that does not block. Not inlined: its buffer would
/// make the caller touch stack pages that cost a fault after each fork.
#[inline(never)]
pub fn read_available(fd: RawFd, into: &mut Vec<u8>) {
    let mut chunk = [0u8; 8192];
    loop {
        // SAFETY: the array is alive during the call.
        let n = unsafe { libc::read(fd, chunk.as_mut_ptr().cast(), chunk.len()) };
        if n <= 0 {
            return;
        }
        into.extend_from_slice(&chunk[..n as usize]);
    }
}

/// Fills the whole buffer; false at the end of the stream. A signal does not end it.
pub fn read_exact(fd: RawFd, buf: &mut [u8]) -> bool {
    let mut done = 0;
    while done < buf.len() {
        // SAFETY: the rest of the slice is alive during the call.
        let n = unsafe { libc::read(fd, buf[done..].as_mut_ptr().cast(), buf.len() - done) };
        match n {
            -1 if last_errno() == libc::EINTR => {}
            -1 | 0 => return false,
            n => done += n as usize,
        }
    }
    true
}

/// Puts bytes at an address that the caller owns.
#[cfg(test)]
pub fn copy_out(bytes: &[u8], to: *mut u8) {
    // SAFETY: tests give a place with room for them.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
}

/// Moves a descriptor to the number `to` or the next free one above it.
///
/// # Errors
/// What fcntl(2) says.
pub fn move_up(fd: RawFd, to: RawFd) -> io::Result<RawFd> {
    // SAFETY: both numbers are only looked up.
    let moved = checked(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, to) })?;
    close(fd);
    Ok(moved)
}

/// Closes a descriptor; whether it was open does not matter here.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn close(fd: RawFd) {
    // SAFETY: the caller gives up the descriptor.
    unsafe {
        libc::syscall(libc::SYS_close, fd);
    }
}

/// Closes all descriptors from `first` on.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn close_from(first: RawFd, last: RawFd) {
    // SAFETY: the caller gives up the descriptors.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, last, 0) == -1 {
            // An old kernel, or a sandbox without it.
            for fd in first..=last.min(1100) {
                libc::close(fd);
            }
        }
    }
}

/// Has large pieces of memory taken from the heap too, which a light child does without, and not from
/// mappings of their own, which every fork would copy. The heap becomes shorter only when it is told
/// to: QEMU 7.2 leaves behind the break what was mapped there.
pub fn keep_to_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator's own function; it changes where memory comes from later.
    unsafe {
        // The most that mallopt(3) takes on 64 bits.
        const MOST: libc::c_int = 32 << 20;
        libc::mallopt(libc::M_MMAP_THRESHOLD, MOST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, MOST);
    }
}

/// Gives free memory of the heap back to the kernel: every fork copies the page tables of what is
/// there, used or not.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator's own function; nothing that is in use moves.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The calling process's number.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn process_id() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_getpid) as i32 }
}

/// The calling thread's number.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn thread_id() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// Sends a signal to one thread of a process.
pub fn signal_thread(pid: i32, tid: i32, signal: i32) {
    // SAFETY: numbers only. The caller started that process.
    unsafe {
        libc::syscall(libc::SYS_tgkill, pid, tid, signal);
    }
}

/// Kills a process group that this harness made. Groups 0 and 1 and our own are never meant.
pub fn kill_group(group: i32) {
    if group > 1 {
        // SAFETY: numbers only.
        unsafe {
            libc::kill(-group, libc::SIGKILL);
        }
    }
}

/// Ends the calling thread alone.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: it does not return. The thread's stack stays mapped; the process is short-lived.
        unsafe {
            libc::syscall(libc::SYS_exit, 0);
        }
    }
}

/// A pipe for a case: plain descriptors, as pipe(2) gives them. The error is an errno.
pub fn pipe_ends() -> Result<(RawFd, RawFd), i32> {
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    match unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), 0) } {
        -1 => Err(last_errno()),
        _ => Ok((ends[0], ends[1])),
    }
}

/// Asks to be killed when `parent` ends, and ends if it already has. To be called after every
/// change of user, which clears the wish.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn die_with_parent(parent: i32) {
    // SAFETY: numbers only.
    unsafe {
        // All by syscall(2): each function of the C library that a child touches costs a fault.
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL,
            0,
            0,
            0,
        );
        if libc::syscall(libc::SYS_getppid) as i32 != parent {
            libc::_exit(0);
        }
    }
}

/// Another number for the same open file.
///
/// # Errors
/// What fcntl(2) says.
pub fn duplicate(fd: RawFd) -> io::Result<RawFd> {
    // SAFETY: numbers only.
    checked(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })
}

/// Reads what comes next; `None` at the end of the stream. A signal does not end it.
pub fn read_some(fd: RawFd, buf: &mut [u8]) -> Option<usize> {
    loop {
        // SAFETY: the slice is alive during the call.
        match unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) } {
            -1 if last_errno() == libc::EINTR => {}
            n if n > 0 => return Some(n as usize),
            _ => return None,
        }
    }
}

/// Whether something can be read within so many milliseconds.
pub fn is_readable(fd: RawFd, milliseconds: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, alive during the call.
    let n = unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
    n == 1 && poll.revents & libc::POLLIN != 0
}

/// Those of these descriptors that can be read, or have nobody at the other end; waits for the
/// first at most so long, or for ever.
pub fn wait_readable(fds: &[RawFd], longest: Option<std::time::Duration>) -> Vec<RawFd> {
    let mut polled: Vec<libc::pollfd> = fds.iter().map(|fd| polled(*fd)).collect();
    let ms = longest.map_or(-1, |d| d.as_millis().saturating_add(1).min(60_000) as i32);
    // SAFETY: the entries live during the call.
    let n = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, ms) };
    if n <= 0 {
        return Vec::new();
    }
    let ready = polled.iter().filter(|p| p.revents != 0);
    ready.map(|p| p.fd).collect()
}

fn polled(fd: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }
}

/// Whether nobody is at the other end of a descriptor any more.
pub fn is_hung_up(fd: RawFd) -> bool {
    let mut poll = polled(fd);
    // SAFETY: one entry, alive during the call.
    let n = unsafe { libc::poll(&raw mut poll, 1, 0) };
    n == 1 && poll.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
}

/// Waits until a word that processes share is not `value` any more, is woken, or so long.
pub fn futex_wait(word: &std::sync::atomic::AtomicI32, value: i32, longest: std::time::Duration) {
    let time = libc::timespec {
        tv_sec: longest.as_secs() as libc::time_t,
        tv_nsec: longest.subsec_nanos() as _,
    };
    // SAFETY: the word and the time live during the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            &raw const time,
            0,
            0,
        );
    }
}

/// Wakes all who wait for a word.
pub fn futex_wake(word: &std::sync::atomic::AtomicI32) {
    // SAFETY: the word lives during the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE,
            i32::MAX,
            0,
            0,
            0,
        );
    }
}

/// Puts a child into the process group of another process.
pub fn join_group(group: i32) {
    // SAFETY: numbers only.
    unsafe {
        libc::syscall(libc::SYS_setpgid, 0, group);
    }
}

/// Gives a process (0: this one) a process group of its own. Parent and child both do so, whoever
/// comes first.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn own_group(pid: i32) {
    // SAFETY: numbers only.
    unsafe {
        libc::syscall(libc::SYS_setpgid, pid, pid);
    }
}

/// Waits for one process of a group; false when there is none left.
pub fn wait_group(group: i32) -> bool {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = unsafe { libc::waitpid(-group, &raw mut status, 0) };
    pid > 0 || last_errno() == libc::EINTR
}

/// Makes this process the one that inherits the orphans among its descendants; whether it is.
pub fn adopt_orphans() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 }
}

/// Makes this process one that leaves no core, wherever cores go.
pub fn leave_no_core() {
    // SAFETY: numbers only.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}

/// Whether this process acts with the rights of root.
pub fn is_root() -> bool {
    // SAFETY: no arguments.
    unsafe { libc::syscall(libc::SYS_geteuid) == 0 }
}

/// A descriptor for a process. The error is an errno.
pub fn pidfd(pid: i32) -> Result<RawFd, i32> {
    let number = crate::case::call::PIDFD_OPEN;
    // SAFETY: numbers only.
    match unsafe { libc::syscall(number, pid, 0) } {
        -1 => Err(last_errno()),
        fd => Ok(fd as RawFd),
    }
}
