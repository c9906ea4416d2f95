//! The arena: a range of the address space where nothing lies, and where the kernel puts nothing
//! unless it is asked to.

use super::maps;

/// The free range that tables call `arena`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arena {
    /// Its first address, aligned to 1 GiB (64 MiB on 32 bits).
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
}

impl Arena {
    /// Chooses a range, with as much free space on both sides again.
    ///
    /// Kernels put mappings near the top of the address space and go down, or at a third of it and
    /// go up (`mmap_base` and `TASK_UNMAPPED_BASE` in the kernel's `arch/*/mm/mmap.c` and
    /// `asm/processor.h`); programs lie near the bottom. The candidates lie between these.
    pub fn find(bits: u32) -> Option<Self> {
        let (candidates, len): (&[u64], u64) = if bits == 64 {
            (
                &[
                    0x10_0000_0000,
                    0x18_0000_0000,
                    0x20_0000_0000,
                    0x4_0000_0000,
                ],
                1 << 30,
            )
        } else {
            (
                &[0x2000_0000, 0x1800_0000, 0x2800_0000, 0x6000_0000],
                64 << 20,
            )
        };
        let mut room = maps::Room::new();
        let taken = room.own();
        candidates
            .iter()
            .map(|&start| Arena {
                start,
                end: start + len,
            })
            .find(|a| {
                taken
                    .clone()
                    .all(|t| t.end <= a.start - len.min(a.start) || t.start >= a.end + len)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free() {
        let arena = Arena::find(usize::BITS).unwrap();
        for taken in maps::Room::new().own() {
            assert!(taken.end <= arena.start || taken.start >= arena.end);
        }
    }
}
