//! How a case's processes ask their keeper for something: one message, with descriptors beside it,
//! and one answer.
#![expect(
    unsafe_code,
    reason = "descriptors in messages of a socket, by sendmsg(2) and recvmsg(2)"
)]

use crate::machine::kernel::sys::{checked, last_errno};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Request {
    /// 0: arm it; 1: withdraw it.
    pub withdraw: u32,
    /// Which step of the case brought the fault about.
    pub step: u32,
    /// The values of the step's arguments.
    pub args: [i64; 6],
}

/// The most descriptors beside a message.
const FDS: usize = 2;
/// Room for their header and numbers; the alignment is that of the header.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Two ends that keep messages apart.
///
/// # Errors
/// What socketpair(2) says.
pub fn pair() -> io::Result<(RawFd, RawFd)> {
    let mut ends = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two descriptors.
    checked(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    Ok((ends[0], ends[1]))
}

/// Asks, and waits for the answer. Allocates nothing.
///
/// # Errors
/// The errno that the keeper answers, or EPIPE where there is none.
pub fn ask(socket: RawFd, request: &Request, fds: &[RawFd]) -> Result<(), i32> {
    send(socket, request, fds)?;
    let mut answer = [0u8; 4];
    // SAFETY: room for the answer.
    let n = unsafe { libc::recv(socket, answer.as_mut_ptr().cast(), answer.len(), 0) };
    match (n, i32::from_ne_bytes(answer)) {
        (4, 0) => Ok(()),
        (4, errno) => Err(errno),
        _ => Err(libc::EPIPE),
    }
}

fn send(socket: RawFd, request: &Request, fds: &[RawFd]) -> Result<(), i32> {
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: std::ptr::from_ref(request).cast_mut().cast(),
        iov_len: size_of::<Request>(),
    };
    let len = size_of_val(fds) as u32;
    // SAFETY: everything that the message names lives until it is sent; the control room is
    // aligned and large enough for `FDS` descriptors.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if !fds.is_empty() && fds.len() <= FDS {
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(len) as _;
            let head = libc::CMSG_FIRSTHDR(&raw const message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(len) as _;
            std::ptr::copy_nonoverlapping(
                fds.as_ptr().cast::<u8>(),
                libc::CMSG_DATA(head),
                len as usize,
            );
        }
        libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL)
    };
    match sent {
        -1 => Err(last_errno()),
        _ => Ok(()),
    }
}

/// Takes the next request; `None` when nobody is left who could ask.
pub fn receive(socket: RawFd) -> Option<(Request, Vec<OwnedFd>)> {
    let mut request = Request::default();
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: (&raw mut request).cast(),
        iov_len: size_of::<Request>(),
    };
    let mut fds = Vec::new();
    // SAFETY: as in `send`; any bytes are a valid `Request`. The descriptors are ours alone.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control.0.len() as _;
        let n = libc::recvmsg(socket, &raw mut message, libc::MSG_CMSG_CLOEXEC);
        if n != size_of::<Request>() as isize {
            return None;
        }
        let mut head = libc::CMSG_FIRSTHDR(&raw const message);
        while !head.is_null() {
            if (*head).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*head).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let first = libc::CMSG_DATA(head).cast::<RawFd>();
                for i in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(first.add(i).read_unaligned()));
                }
            }
            head = libc::CMSG_NXTHDR(&raw const message, head);
        }
    }
    Some((request, fds))
}

/// Answers a request: 0, or an errno.
pub fn answer(socket: RawFd, errno: i32) {
    let bytes = errno.to_ne_bytes();
    // SAFETY: the bytes live during the call. Whoever asked may be gone.
    unsafe {
        libc::send(
            socket,
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_request_arrives_with_its_descriptors() {
        let (here, there) = pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let request = Request {
            withdraw: 0,
            step: 3,
            args: [1, -2, i64::MAX, 0, 0, 6],
        };
        let asker = std::thread::spawn({
            let fd = file.as_raw_fd();
            move || ask(here, &request, &[fd, fd])
        });
        let (got, mut fds) = receive(there).unwrap();
        assert_eq!((got, fds.len()), (request, 2));
        answer(there, libc::ENOMEM);
        assert_eq!(asker.join().unwrap(), Err(libc::ENOMEM));
        file.write_all(b"x").unwrap();
        let mut same = std::fs::File::from(fds.remove(0));
        std::io::Seek::rewind(&mut same).unwrap();
        let mut text = String::new();
        same.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        crate::machine::kernel::sys::close(here);
        assert!(receive(there).is_none());
        crate::machine::kernel::sys::close(there);
    }
}
