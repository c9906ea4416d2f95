//! Touching memory that may fault: the Rust side of `touch.c`.
#![expect(
    unsafe_code,
    reason = "the C functions, and the addresses that cases ask for"
)]

use std::io;

/// A signal that came during a touch, in raw numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fault {
    /// The signal.
    pub signal: i32,
    /// Its si_code.
    pub code: i32,
    /// Its si_addr.
    pub addr: u64,
    /// The byte that was being touched.
    pub touched: u64,
}

unsafe extern "C" {
    fn mmapcheck_catch(signal: libc::c_int) -> libc::c_int;
    fn mmapcheck_die_with(parent: libc::pid_t, worker: libc::pid_t);
    fn mmapcheck_leave_rseq();
    fn mmapcheck_raised() -> libc::c_int;
    fn mmapcheck_guarded() -> libc::c_int;
    fn mmapcheck_load(from: *const u8, to: *mut u8, n: usize, out: *mut Fault) -> libc::c_int;
    fn mmapcheck_store(to: *mut u8, from: *const u8, n: usize, out: *mut Fault) -> libc::c_int;
    fn mmapcheck_fill(to: *mut u8, byte: u8, n: usize, out: *mut Fault) -> libc::c_int;
    fn mmapcheck_execute(at: usize, value: *mut i32, out: *mut Fault) -> libc::c_int;
    fn mmapcheck_sync_code(from: *mut u8, n: usize);
}

/// The signals that a touch or a call may raise.
pub const CAUGHT: [i32; 8] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGPIPE,
    libc::SIGXFSZ,
];

/// Installs the handler for all of them and for the guard's SIGALRM.
///
/// # Errors
/// What sigaction(2) says.
pub fn catch_all() -> io::Result<()> {
    for signal in CAUGHT.iter().chain(&[libc::SIGALRM]) {
        // SAFETY: the handler only touches its thread's own state.
        super::sys::checked(unsafe { mmapcheck_catch(*signal) })?;
    }
    Ok(())
}

/// Gives the calling thread a stack of its own for signal handlers. It is never freed: its thread
/// lives for the rest of one case.
///
/// # Errors
/// What sigaltstack(2) says.
pub fn own_signal_stack() -> io::Result<()> {
    const SIZE: usize = 64 << 10;
    let stack = Box::leak(vec![0u8; SIZE].into_boxed_slice());
    // SAFETY: the memory is leaked, so it outlives every signal.
    unsafe { signal_stack(stack.as_mut_ptr(), SIZE) }
}

/// Makes this the calling thread's stack for signal handlers.
///
/// # Errors
/// What sigaltstack(2) says.
///
/// # Safety
/// Nothing else uses these bytes as long as the thread lives.
pub unsafe fn signal_stack(start: *mut u8, size: usize) -> io::Result<()> {
    let stack = libc::stack_t {
        ss_sp: start.cast(),
        ss_flags: 0,
        ss_size: size,
    };
    // SAFETY: the caller's promise.
    super::sys::checked(unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) })?;
    Ok(())
}

/// The stack for signal handlers that the standard library has given this thread, with the page
/// below it that guards it: whole pages, as advice about it takes them (madvise(2)).
pub fn library_signal_stack(page: u64) -> Option<(usize, usize)> {
    // SAFETY: plain data, filled in by the call.
    unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        let asked = libc::sigaltstack(std::ptr::null(), &raw mut stack);
        if asked != 0 || stack.ss_flags & libc::SS_DISABLE != 0 {
            return None;
        }
        let start = stack.ss_sp as usize;
        let guard = start.checked_sub(page as usize)?;
        let end = start + stack.ss_size;
        Some((guard, end.next_multiple_of(page as usize)))
    }
}

/// Asks to be ended when this process has neither this parent nor this worker for a parent any
/// more. Its parent may end before it, and so may the thread that made it, for which the kernel's
/// own wish to die with the parent (PR_SET_PDEATHSIG of prctl(2)) would end it too.
pub fn die_with_worker(parent: i32, worker: i32) {
    // SAFETY: numbers only; the handler asks for the parent and ends the process.
    unsafe { mmapcheck_die_with(parent, worker) }
}

/// Asks the kernel not to write into the calling thread's record of restartable sequences
/// (rseq(2)) any more: it does so after every fork, in parent and child.
pub fn leave_rseq() {
    // SAFETY: no arguments; where the record is not known nothing is done.
    unsafe { mmapcheck_leave_rseq() }
}

/// The signal that a call raised since the last question; 0 for none.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn raised() -> i32 {
    // SAFETY: no arguments.
    unsafe { mmapcheck_raised() }
}

/// Whether the guard's signal came since the last question.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn guarded() -> bool {
    // SAFETY: no arguments.
    unsafe { mmapcheck_guarded() != 0 }
}

/// Loads `n` bytes into memory of the harness.
///
/// # Errors
/// The signal that came.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn load(from: usize, to: *mut u8, n: usize) -> Result<(), Fault> {
    let mut fault = Fault::default();
    // SAFETY: the case's own address: a fault is caught. `to` has room: it came from the journal.
    match unsafe { mmapcheck_load(from as *const u8, to, n, &raw mut fault) } {
        0 => Ok(()),
        _ => Err(fault),
    }
}

/// Stores bytes.
///
/// # Errors
/// The signal that came.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn store(to: usize, bytes: &[u8]) -> Result<(), Fault> {
    let mut fault = Fault::default();
    // SAFETY: the case's own address: a fault is caught, and ranges of the harness were refused.
    match unsafe { mmapcheck_store(to as *mut u8, bytes.as_ptr(), bytes.len(), &raw mut fault) } {
        0 => Ok(()),
        _ => Err(fault),
    }
}

/// Stores one byte `n` times.
///
/// # Errors
/// The signal that came.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn fill(to: usize, byte: u8, n: usize) -> Result<(), Fault> {
    let mut fault = Fault::default();
    // SAFETY: as for `store`.
    match unsafe { mmapcheck_fill(to as *mut u8, byte, n, &raw mut fault) } {
        0 => Ok(()),
        _ => Err(fault),
    }
}

/// Calls the function at an address; what it returns.
///
/// # Errors
/// The signal that came.
pub fn execute(at: usize) -> Result<i32, Fault> {
    let mut fault = Fault::default();
    let mut value = 0;
    // SAFETY: as for `store`; what lies there is the case's own code, or faults.
    match unsafe { mmapcheck_execute(at, &raw mut value, &raw mut fault) } {
        0 => Ok(value),
        _ => Err(fault),
    }
}

/// Lets calls see code that was just stored.
pub fn sync_code(from: usize, n: usize) {
    // SAFETY: the bytes there were stored a moment ago.
    unsafe { mmapcheck_sync_code(from as *mut u8, n) }
}

/// Blocks the signals that a touch may raise, so that the kernel kills: it does so where such a
/// signal is blocked (`force_sig_info_to_task` in `kernel/signal.c`), and does not log it, since a
/// handler is installed (`unhandled_signal`). Signals that calls raise get their default action.
/// No core is left unless a limit allows it, which none does that a case has not set: the process
/// is made undumpable, which a piped core pattern respects too.
pub fn let_kill() {
    // SAFETY: plain data and numbers; the process is about to die.
    unsafe {
        let mut core: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_CORE, &raw mut core);
        if core.rlim_cur == 0 {
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        }
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in CAUGHT {
            if signal == libc::SIGPIPE || signal == libc::SIGXFSZ {
                libc::signal(signal, libc::SIG_DFL);
            } else {
                libc::sigaddset(&raw mut set, signal);
            }
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
