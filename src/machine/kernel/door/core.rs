//! What a core file holds: core(5), read as an independent reader would.
#![expect(unsafe_code, reason = "structures that are read from a file")]

use super::{Returned, Wide, last_errno};
use std::ffi::CStr;
use std::mem::MaybeUninit;

#[cfg(target_pointer_width = "32")]
use libc::{Elf32_Ehdr as Header, Elf32_Phdr as Segment};
#[cfg(target_pointer_width = "64")]
use libc::{Elf64_Ehdr as Header, Elf64_Phdr as Segment};

/// What a core file is called where its name is the kernel's own, in the folder of who died.
pub const NAME: &CStr = c"core";

/// Copies bytes of a process that died from its core file: actor, buffer, address, count. Fewer
/// where the file has fewer of the area, none where it has none, and EFAULT where nothing was
/// mapped.
pub fn read(args: &[Wide]) -> Returned {
    // SAFETY: a constant string and numbers.
    let fd = unsafe { libc::open(NAME.as_ptr(), libc::O_RDONLY) };
    if fd < 0 {
        return Err(last_errno());
    }
    let read = find(fd, args[2] as u64, args[3] as usize)
        .and_then(|(offset, count)| copy(fd, args[1] as usize, count, offset));
    // SAFETY: it was opened above.
    unsafe { libc::close(fd) };
    read
}

/// Where the bytes of an address are in the file, and how many of `count` there are.
#[allow(
    clippy::useless_conversion,
    reason = "the words have 32 bits elsewhere"
)]
fn find(fd: i32, addr: u64, count: usize) -> Result<(u64, usize), i32> {
    let header: Header = structure(fd, 0)?;
    if header.e_ident.get(..4) != Some(b"\x7fELF") {
        return Err(libc::ENOEXEC);
    }
    for n in 0..u64::from(header.e_phnum) {
        let at = u64::from(header.e_phoff) + n * u64::from(header.e_phentsize);
        let segment: Segment = structure(fd, at)?;
        let inside = addr.wrapping_sub(u64::from(segment.p_vaddr));
        if segment.p_type == libc::PT_LOAD && inside < u64::from(segment.p_memsz) {
            let there = u64::from(segment.p_filesz).saturating_sub(inside);
            let offset = u64::from(segment.p_offset) + inside;
            return Ok((offset, count.min(there as usize)));
        }
    }
    Err(libc::EFAULT)
}

fn structure<T>(fd: i32, offset: u64) -> Result<T, i32> {
    let mut read = MaybeUninit::<T>::uninit();
    let size = size_of::<T>();
    let got = copy(fd, read.as_mut_ptr() as usize, size, offset)?;
    if got as usize != size {
        return Err(libc::ENOEXEC);
    }
    // SAFETY: all of it was written, and any bytes are a value of these structures of numbers.
    Ok(unsafe { read.assume_init() })
}

fn copy(fd: i32, to: usize, count: usize, offset: u64) -> Returned {
    // SAFETY: room for `count` bytes, or an address that a case asks for.
    let got = unsafe { libc::pread64(fd, to as *mut _, count, offset as libc::off64_t) };
    super::returned(got as i64)
}
