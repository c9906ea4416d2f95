//! How arguments lie in registers: the one place that knows the architectures' calling rules.
//!
//! Sources: syscall(2), "Architecture calling conventions" and "Architecture-specific
//! requirements"; mmap2(2); the kernel's `arch/*/kernel/sys_*.c`.

use super::door::Wide;
use crate::case::call::{ArgType, CallSpec, Slot};

/// Why this architecture's entry can't say an argument.
pub fn unsaid(spec: &CallSpec, arg: usize, value: Wide) -> Option<String> {
    let in_pages = cfg!(target_pointer_width = "32") && spec.name == "mmap";
    if in_pages && matches!(spec.args[arg].ty, ArgType::Offset) && value % 4096 != 0 {
        return Some("mmap2 counts the offset in units of 4096 bytes".to_owned());
    }
    None
}

/// The words of a system call.
pub fn encode(spec: &CallSpec, args: &[Wide]) -> [usize; 6] {
    words(spec, args, false)
}

/// The words of a system call that takes its paths from a folder: the scratch folder, where each
/// child stands.
pub fn encode_at(spec: &CallSpec, args: &[Wide]) -> [usize; 6] {
    words(spec, args, true)
}

/// Whether the entry takes the address of a block with the words, in place of the words: so does mmap
/// on s390x (mm/mmap.c, old_mmap()).
pub fn is_in_block(spec: &CallSpec) -> bool {
    cfg!(target_arch = "s390x") && spec.name == "mmap"
}

/// Room for the vectors that a shaped call hands over.
#[derive(Debug)]
pub struct Vectors([libc::iovec; 2]);

impl Default for Vectors {
    fn default() -> Self {
        let none = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Vectors([none; 2])
    }
}

/// The words of a system call that are put together from its arguments.
pub fn encode_shape(shape: &[Slot], args: &[Wide], vectors: &mut Vectors) -> [usize; 6] {
    let mut words = [0usize; 6];
    for (word, slot) in words.iter_mut().zip(shape) {
        *word = match slot {
            Slot::Arg(n) | Slot::Low(n) => args[*n] as usize,
            Slot::High(_) if usize::BITS == 64 => 0,
            Slot::High(n) => (args[*n] >> 32) as usize,
            Slot::Const(n) => *n as usize,
            Slot::Vector(at, count) => {
                for (n, vector) in vectors.0.iter_mut().take(*count).enumerate() {
                    *vector = libc::iovec {
                        iov_base: args[at + 2 * n] as usize as *mut libc::c_void,
                        iov_len: args[at + 2 * n + 1] as usize,
                    };
                }
                vectors.0.as_ptr() as usize
            }
        };
    }
    words
}

fn words(spec: &CallSpec, args: &[Wide], at: bool) -> [usize; 6] {
    let mut words = [0usize; 6];
    let mut used = 0;
    let mut push = |word: usize| {
        if let Some(slot) = words.get_mut(used) {
            *slot = word;
        }
        used += 1;
        used
    };
    for (arg, value) in spec.args.iter().zip(args) {
        match arg.ty {
            ArgType::Offset if cfg!(target_pointer_width = "32") => {
                encode_offset(spec, *value, &mut push);
            }
            ArgType::Path if at => {
                push(libc::AT_FDCWD as usize);
                push(*value as usize);
            }
            _ => {
                push(*value as usize);
            }
        }
    }
    words
}

/// On 32 bits: mmap2 counts pages of 4096 bytes; others take two halves, which start at an even
/// register where the architecture's rules for 64-bit arguments say so.
fn encode_offset(spec: &CallSpec, value: Wide, push: &mut impl FnMut(usize) -> usize) {
    let odd = spec
        .args
        .iter()
        .position(|a| matches!(a.ty, ArgType::Offset))
        .unwrap_or(0)
        % 2
        == 1;
    if spec.name == "mmap" {
        push((value >> 12) as usize);
        return;
    }
    let (low, high) = (value as u32 as usize, ((value >> 32) as u32) as usize);
    let aligned = cfg!(any(
        target_arch = "arm",
        target_arch = "mips",
        target_arch = "powerpc"
    ));
    // ftruncate has one word before the offset, pread three, fallocate two before the first.
    if aligned && odd {
        push(0);
    }
    if cfg!(target_endian = "little") {
        push(low);
        push(high);
    } else {
        push(high);
        push(low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::call::find;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn words_are_the_arguments() {
        let mmap = find("mmap").unwrap();
        assert_eq!(
            encode(mmap, &[1, 2, 3, 4, -1, 6]),
            [1, 2, 3, 4, usize::MAX, 6]
        );
        let open = find("open").unwrap();
        assert_eq!(
            encode_at(open, &[1, 2, 3])[..4],
            [libc::AT_FDCWD as usize, 1, 2, 3]
        );
    }
}
