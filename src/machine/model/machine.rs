//! The platform as the model knows it.

use crate::case::Scale;
use crate::case::program::Door;
use crate::platform::{Platform, release};

/// The architectures whose faults and flags are modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
    /// IBM Z, which tells of a fault the page alone.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
}

/// The file systems whose own ways are modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fs {
    /// ext4.
    Ext4,
    /// tmpfs.
    Tmpfs,
    /// Another, of which no more is known than holds for all.
    Other,
}

/// Through which entry the calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The kernel's own.
    Raw,
    /// The GNU C library's.
    Glibc,
    /// Another library's, which is not modelled.
    Other,
}

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What units are worth.
    pub scale: Scale,
    /// The architecture.
    pub arch: Arch,
    /// The first two numbers of the kernel's release.
    pub kernel: (u32, u32),
    /// The file system of the scratch folder.
    pub fs: Fs,
    /// The entry that calls take where the case does not say.
    pub entry: Entry,
    /// The library's entry.
    pub libc: Entry,
}

impl Machine {
    /// The machine of a platform.
    ///
    /// # Errors
    /// Why there is no model of it.
    pub fn of(platform: &Platform) -> Result<Self, String> {
        if platform.os != "linux" {
            return Err(format!("there is no model of {}", platform.os));
        }
        if platform.scale.bits != 64 {
            return Err("there is no model of 32-bit platforms".to_owned());
        }
        // There sizes, offsets and lengths go by huge pages (fs/hugetlbfs/inode.c).
        if platform.fs == "hugetlbfs" {
            return Err("there is no model of hugetlbfs".to_owned());
        }
        let arch = match platform.arch.as_str() {
            "x86_64" => Arch::X86_64,
            "aarch64" => Arch::Aarch64,
            "s390x" => Arch::S390x,
            "riscv64" => Arch::Riscv64,
            other => return Err(format!("there is no model of {other}")),
        };
        let entry = |name: &str| match name {
            "raw" => Entry::Raw,
            "glibc" => Entry::Glibc,
            _ => Entry::Other,
        };
        Ok(Machine {
            scale: platform.scale.clone(),
            arch,
            kernel: release(&platform.kernel).unwrap_or((0, 0)),
            fs: match platform.fs.as_str() {
                "ext4" => Fs::Ext4,
                "tmpfs" => Fs::Tmpfs,
                _ => Fs::Other,
            },
            entry: entry(&platform.door),
            libc: entry(&platform.libc),
        })
    }

    /// An ordinary x86_64 machine with pages of this size and an ext4 file system.
    pub fn ordinary(page: u64) -> Self {
        Machine {
            scale: Scale::ordinary(page),
            arch: Arch::X86_64,
            kernel: (6, 18),
            fs: Fs::Ext4,
            entry: Entry::Raw,
            libc: Entry::Glibc,
        }
    }

    /// The entry that a program's calls take.
    pub fn entry_for(&self, via: Option<Door>) -> Entry {
        match via {
            None => self.entry,
            Some(Door::Raw) => Entry::Raw,
            Some(Door::Libc) => self.libc,
        }
    }

    /// The greatest size of a file of the scratch folder: `s_maxbytes` of its file system.
    pub fn file_max(&self) -> Option<u64> {
        match self.fs {
            // 2^32 - 1 blocks of 4 KiB, ext4_max_size() in fs/ext4/super.c.
            Fs::Ext4 => Some(0xffff_ffff * 4096),
            Fs::Tmpfs => Some(i64::MAX as u64),
            Fs::Other => None,
        }
    }
}
