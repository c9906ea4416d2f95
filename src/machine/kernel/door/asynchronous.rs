//! One operation by io_submit(2) or by io_uring(7), begun and waited for.
//!
//! What the operation itself came to is its outcome: a count or an errno, whether the kernel said so
//! when it took the operation or when it was done.
#![expect(
    unsafe_code,
    reason = "structures that are shared with the kernel; the calls under test"
)]

use super::{Returned, Wide, last_errno};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// `struct iocb` of io_submit(2).
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    key_and_flags: [u32; 2],
    opcode: u16,
    priority: i16,
    fd: u32,
    buf: u64,
    count: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    eventfd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Default)]
struct Event {
    data: u64,
    iocb: u64,
    result: i64,
    result2: i64,
}

fn outcome(result: i64) -> Returned {
    match i32::try_from(result) {
        Ok(errno @ -4095..=-1) => Err(-errno),
        _ => Ok(result),
    }
}

/// Reads or writes by io_submit(2): descriptor, address, count, offset.
pub fn submit(writes: bool, args: &[Wide]) -> Returned {
    let mut context: libc::c_ulong = 0;
    let mut iocb = Iocb {
        opcode: u16::from(writes),
        fd: args[0] as u32,
        buf: args[1] as u64,
        count: args[2] as u64,
        offset: args[3] as i64,
        ..Iocb::default()
    };
    let mut list = [&raw mut iocb];
    let mut event = Event::default();
    let no_limit = ptr::null::<libc::timespec>();
    // SAFETY: all structures live until the operation is done, which is waited for; what it does
    // with the case's memory is what the case asks for.
    unsafe {
        if libc::syscall(libc::SYS_io_setup, 1, &raw mut context) != 0 {
            return Err(last_errno());
        }
        let mut result = Err(libc::EINTR);
        if libc::syscall(libc::SYS_io_submit, context, 1usize, list.as_mut_ptr()) == 1 {
            let event = &raw mut event;
            if libc::syscall(
                libc::SYS_io_getevents,
                context,
                1usize,
                1usize,
                event,
                no_limit,
            ) == 1
            {
                result = outcome((*event).result);
            }
        } else {
            result = Err(last_errno());
        }
        // The context ends with its process: io_destroy(2) would wait for as long as that end does.
        result
    }
}

/// `struct io_uring_params`: what is used of it, by the places of its 32-bit words.
type Params = [u32; 30];

/// Words of [`Params`]: offsets into the rings.
mod word {
    pub const SQ_ENTRIES: usize = 0;
    pub const CQ_ENTRIES: usize = 1;
    pub const SQ_TAIL: usize = 11;
    pub const SQ_ARRAY: usize = 16;
    pub const CQ_HEAD: usize = 20;
    pub const CQ_TAIL: usize = 21;
    pub const CQ_CQES: usize = 25;
}

/// Where io_uring(7) wants its parts mapped from.
const SQ_RING: i64 = 0;
const CQ_RING: i64 = 0x800_0000;
const SQES: i64 = 0x1000_0000;

const SQE_SIZE: usize = 64;
const CQE_SIZE: usize = 16;

/// `struct io_uring_sqe`.
#[repr(C)]
#[derive(Default)]
struct Sqe {
    opcode: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    offset: u64,
    addr: u64,
    len: u32,
    rw_flags: u32,
    user_data: u64,
    buf_index: u16,
    rest: [u16; 11],
}

/// A part of a ring, mapped.
struct Part {
    at: *mut u8,
    len: usize,
}

impl Part {
    fn map(ring: i32, len: usize, from: i64) -> Result<Self, i32> {
        // SAFETY: a new mapping touches nothing that exists.
        let at = unsafe {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap64(ptr::null_mut(), len, prot, libc::MAP_SHARED, ring, from)
        };
        if at == libc::MAP_FAILED {
            return Err(last_errno());
        }
        Ok(Part { at: at.cast(), len })
    }

    /// A counter at an offset that the kernel has told.
    fn counter(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel tells offsets within the ring, aligned for what lies there.
        unsafe { &*self.at.add(offset as usize).cast() }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: what `map` has mapped, which nobody uses any more.
        unsafe {
            libc::munmap(self.at.cast(), self.len);
        }
    }
}

/// Reads or writes by io_uring(7): descriptor, address, count, offset, whether the buffer is
/// registered before.
pub fn ring(writes: bool, args: &[Wide]) -> Returned {
    let mut params: Params = [0; 30];
    // SAFETY: `params` has the size of the kernel's structure and lives during the call.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) } as i32;
    if ring < 0 {
        return Err(last_errno());
    }
    let result = operate(ring, &params, writes, args);
    super::super::sys::close(ring);
    result
}

fn operate(ring: i32, params: &Params, writes: bool, args: &[Wide]) -> Returned {
    const REGISTER_BUFFERS: u32 = 0;
    const GETEVENTS: u32 = 1;
    const OPCODES: [[u8; 2]; 2] = [[22, 23], [4, 5]];
    let entries = |n: usize| params[n] as usize;
    let sq_len = entries(word::SQ_ARRAY) + 4 * entries(word::SQ_ENTRIES);
    let cq_len = entries(word::CQ_CQES) + CQE_SIZE * entries(word::CQ_ENTRIES);
    let sq = Part::map(ring, sq_len, SQ_RING)?;
    let cq = Part::map(ring, cq_len, CQ_RING)?;
    let sqes = Part::map(ring, SQE_SIZE * entries(word::SQ_ENTRIES), SQES)?;
    let registered = args[4] != 0;
    let vector = libc::iovec {
        iov_base: args[1] as usize as *mut libc::c_void,
        iov_len: args[2] as usize,
    };
    // SAFETY: the vector lives during the call. The entry and the index are written within the
    // parts that were mapped for them, before the counter tells the kernel of them; the result is
    // read when the kernel's counter says that it is there.
    unsafe {
        let vector = &raw const vector;
        if registered
            && libc::syscall(
                libc::SYS_io_uring_register,
                ring,
                REGISTER_BUFFERS,
                vector,
                1,
            ) != 0
        {
            return Err(last_errno());
        }
        sqes.at.cast::<Sqe>().write(Sqe {
            opcode: OPCODES[usize::from(registered)][usize::from(writes)],
            fd: args[0] as i32,
            offset: args[3] as u64,
            addr: args[1] as u64,
            len: args[2] as u32,
            ..Sqe::default()
        });
        sq.counter(params[word::SQ_ARRAY])
            .store(0, Ordering::Relaxed);
        sq.counter(params[word::SQ_TAIL])
            .store(1, Ordering::Release);
        let none = ptr::null::<libc::sigset_t>();
        let entered = libc::syscall(
            libc::SYS_io_uring_enter,
            ring,
            1,
            1,
            GETEVENTS,
            none,
            0usize,
        );
        if entered < 0 {
            return Err(last_errno());
        }
        let head = cq.counter(params[word::CQ_HEAD]);
        if cq.counter(params[word::CQ_TAIL]).load(Ordering::Acquire) == head.load(Ordering::Relaxed)
        {
            return Err(libc::EINTR);
        }
        let result = cq
            .at
            .add(params[word::CQ_CQES] as usize + 8)
            .cast::<i32>()
            .read();
        outcome(result.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<Iocb>(), 64);
        assert_eq!(size_of::<Event>(), 32);
        assert_eq!(size_of::<Sqe>(), SQE_SIZE);
        assert_eq!(size_of::<Params>(), 120);
    }

    #[test]
    fn a_read_gives_its_bytes_or_its_errno() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        let mut room = [0u8; 8];
        let fd = Wide::from(file.as_raw_fd());
        let at = room.as_mut_ptr() as usize as Wide;
        // Neither is there everywhere.
        if let Ok(n) = submit(false, &[fd, at, 8, 0]) {
            assert_eq!((n, &room[..5]), (5, &b"hello"[..]));
            assert_eq!(submit(false, &[-1, at, 8, 0]), Err(libc::EBADF));
        }
        room = [0; 8];
        if let Ok(n) = ring(false, &[fd, at, 8, 1, 0]) {
            assert_eq!((n, &room[..4]), (4, &b"ello"[..]));
            assert_eq!(ring(false, &[-1, at, 8, 0, 0]), Err(libc::EBADF));
            assert_eq!(ring(true, &[fd, 1, 8, 0, 0]), Err(libc::EFAULT));
        }
    }
}
