//! seccomp(2): a filter that lets chosen calls be noticed, and the keeper's side of it.
#![expect(unsafe_code, reason = "seccomp(2), and its requests of ioctl(2)")]

use crate::case::call::{self, Act, Sysno};
use crate::case::fault::Fault;
use crate::machine::kernel::compiled::{Op, Word};
use crate::machine::kernel::sys::{checked, last_errno};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Wait for the answer even if a signal is handled meanwhile (Linux 5.19): else the call would
/// be broken off, or be noticed twice.
const WAIT_KILLABLE: libc::c_ulong = 1 << 5;

/// The numbers under which the calls of a name are made: by the raw entry, and by the library's.
fn numbers(name: &str) -> Vec<Sysno> {
    let own = call::find(name).and_then(|c| c.number());
    #[cfg_attr(
        any(target_arch = "aarch64", target_arch = "riscv64"),
        allow(unused_mut, reason = "there is but one number for each")
    )]
    let mut numbers: Vec<Sysno> = own.into_iter().collect();
    #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
    match name {
        "open" => numbers.push(libc::SYS_open),
        "unlink" => numbers.push(libc::SYS_unlink),
        _ => {}
    }
    numbers
}

/// The call that a fault is about, by its place among all calls.
pub fn about(op: &Op) -> Option<&'static call::CallSpec> {
    let Act::Fault(Fault::Errno | Fault::Swap) = op.call.act else {
        return None;
    };
    match op.words.first() {
        Some(Word::Known(n)) => call::all().nth(usize::try_from(*n).ok()?),
        _ => None,
    }
}

/// Which word of a call is its descriptor.
pub fn word_of_fd(call: &call::CallSpec) -> Option<usize> {
    let is_fd = |a: &call::ArgSpec| matches!(a.ty, call::ArgType::Fd);
    let arg = call.args.iter().position(is_fd)?;
    match call.act {
        Act::Shaped(_, slots) => slots.iter().position(|s| *s == call::Slot::Arg(arg)),
        _ => Some(arg),
    }
}

/// Whether a number is one of a call's.
pub fn is_number_of(call: &call::CallSpec, number: i32) -> bool {
    numbers(call.name)
        .iter()
        .any(|n| i64::from(*n as i32) == i64::from(number))
}

/// A filter that has the calls noticed that the faults among these steps are about, and lets all
/// others pass; empty where there are none. See seccomp(2) for the language.
pub fn filter(ops: &[Op]) -> Vec<libc::sock_filter> {
    let mut noticed: Vec<Sysno> = Vec::new();
    for call in ops.iter().filter_map(about) {
        for number in numbers(call.name) {
            if !noticed.contains(&number) {
                noticed.push(number);
            }
        }
    }
    if noticed.is_empty() {
        return Vec::new();
    }
    noticing(&noticed)
}

/// A filter that has one call noticed.
pub fn for_call(number: Sysno) -> Vec<libc::sock_filter> {
    noticing(&[number])
}

fn noticing(noticed: &[Sysno]) -> Vec<libc::sock_filter> {
    let code = |code: u32, jt: usize, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jt as u8,
        jf: 0,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let end = libc::BPF_RET | libc::BPF_K;
    // The number of the call stands first in struct seccomp_data.
    let mut program = vec![code(load, 0, 0)];
    for (i, number) in noticed.iter().enumerate() {
        program.push(code(equal, noticed.len() - i, *number as u32));
    }
    program.push(code(end, 0, libc::SECCOMP_RET_ALLOW));
    program.push(code(end, 0, libc::SECCOMP_RET_USER_NOTIF));
    program
}

/// Puts the filter on the calling thread and those that it will make. The descriptor of what is
/// noticed; `None` where this thread has such a filter already.
///
/// # Errors
/// The errno of seccomp(2).
pub fn install(filter: &'static [libc::sock_filter]) -> Result<Option<RawFd>, i32> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE;
    // SAFETY: the program outlives the call, and lets everything pass until it is answered for.
    let got = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    match got {
        -1 if last_errno() == libc::EBUSY => Ok(None),
        -1 => Err(last_errno()),
        fd => Ok(Some(fd as RawFd)),
    }
}

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Notice {
    id: u64,
    /// Its number.
    pub number: i32,
    /// Its arguments.
    pub args: [u64; 6],
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It is made.
    Go,
    /// It fails with this errno.
    Fail(i32),
}

/// Takes the next call from a listener; `None` where its caller is gone.
pub fn receive(listener: &OwnedFd) -> Option<Notice> {
    // SAFETY: plain data, which must be zero, and room for what comes.
    unsafe {
        let mut notice: libc::seccomp_notif = std::mem::zeroed();
        let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
        if libc::ioctl(listener.as_raw_fd(), request, &raw mut notice) != 0 {
            return None;
        }
        Some(Notice {
            id: notice.id,
            number: notice.data.nr,
            args: notice.data.args,
        })
    }
}

/// Answers.
pub fn reply(listener: &OwnedFd, notice: &Notice, reply: Reply) {
    const CONTINUE: u32 = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let (error, flags) = match reply {
        Reply::Go => (0, CONTINUE),
        Reply::Fail(errno) => (-errno, 0),
    };
    let response = libc::seccomp_notif_resp {
        id: notice.id,
        val: 0,
        error,
        flags,
    };
    // SAFETY: plain data that lives during the call. It fails where the caller is gone.
    unsafe {
        let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
        libc::ioctl(listener.as_raw_fd(), request, &raw const response);
    }
}

/// For a probe: takes a listener from the socket and lets the next call fail with this errno.
pub fn answer_one(socket: RawFd, errno: i32) {
    let Some((_, fds)) = super::wire::receive(socket) else {
        return;
    };
    super::wire::answer(socket, 0);
    if let Some(listener) = fds.first() {
        if let Some(notice) = receive(listener) {
            reply(listener, &notice, Reply::Fail(errno));
        }
    }
}

/// Puts another file under a descriptor of the one whose call waits.
///
/// # Errors
/// What ioctl(2) says.
pub fn put_file(listener: &OwnedFd, notice: &Notice, under: u32, file: &OwnedFd) -> io::Result<()> {
    let put = libc::seccomp_notif_addfd {
        id: notice.id,
        flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
        srcfd: file.as_raw_fd() as u32,
        newfd: under,
        newfd_flags: 0,
    };
    // SAFETY: plain data that lives during the call.
    checked(unsafe {
        let request = libc::SECCOMP_IOCTL_NOTIF_ADDFD;
        libc::ioctl(listener.as_raw_fd(), request, &raw const put)
    })
    .map(|_| ())
}
