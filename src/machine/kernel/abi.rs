//! How arguments lie in registers: the one place that knows the architectures' calling rules.
//!
//! Sources: syscall(2), "Architecture calling conventions" and "Architecture-specific
//! requirements"; mmap2(2); the kernel's `arch/*/kernel/sys_*.c`.

use super::door::Wide;
use crate::case::call::{ArgType, CallSpec};

/// Why this architecture's entry can't say an argument.
pub fn unsaid(spec: &CallSpec, arg: usize, value: Wide) -> Option<String> {
    let in_pages = cfg!(target_pointer_width = "32") && spec.name == "mmap";
    if in_pages && matches!(spec.args[arg].ty, ArgType::Offset) && value % 4096 != 0 {
        return Some("mmap2 counts the offset in units of 4096 bytes".to_owned());
    }
    None
}

/// The words of a system call. Paths go through the `*at` entries, relative to the scratch folder.
pub fn encode(spec: &CallSpec, args: &[Wide]) -> [usize; 6] {
    let mut words = [0usize; 6];
    let mut used = 0;
    let mut push = |word: usize| {
        if let Some(slot) = words.get_mut(used) {
            *slot = word;
        }
        used += 1;
        used
    };
    if matches!(spec.args.first().map(|a| a.ty), Some(ArgType::Path)) {
        push(libc::AT_FDCWD as usize);
    }
    for (i, (arg, value)) in spec.args.iter().zip(args).enumerate() {
        match arg.ty {
            ArgType::Offset if cfg!(target_pointer_width = "32") => {
                encode_offset(spec, *value, &mut push);
                let _ = i;
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
    // ftruncate has one word before the offset, pread and pwrite have three: both are odd.
    if aligned {
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
            encode(open, &[1, 2, 3])[..4],
            [libc::AT_FDCWD as usize, 1, 2, 3]
        );
    }
}
