//! What a machine is: everything that is known to change an answer.

mod facet;

pub use facet::{Facet, FacetKind, Reference, check_name, release};

use crate::case::Scale;
use std::fmt;

/// The door of a worker that makes no calls, since nobody has written that for its system.
pub const NO_DOOR: &str = "none";

/// A machine as a worker describes it in its greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system, in lower case: `linux`.
    pub os: String,
    /// The kernel's release, as uname(2) tells it: `6.18.44`.
    pub kernel: String,
    /// The architecture that the worker was built for: `x86_64`.
    pub arch: String,
    /// The file system of the scratch folder: `ext4`.
    pub fs: String,
    /// The C library through whose entry the calls go; `raw` where they go to the kernel.
    pub door: String,
    /// The C library that the worker is linked with: `glibc`, `musl`.
    pub libc: String,
    /// The sandbox that the worker runs in: `gvisor`; `none` where it is none that we know.
    pub sandbox: String,
    /// The emulator that runs the worker: `qemu-user`; `none` where it is none that we know.
    pub emulator: String,
    /// `ordinary`, or what could not be given up: `root without capabilities`.
    pub rights: String,
    /// Page size, memory and address space.
    pub scale: Scale,
}

impl Platform {
    /// A machine of which nothing is known yet.
    pub fn unknown() -> Self {
        let unknown = || "unknown".to_owned();
        Platform {
            os: unknown(),
            kernel: unknown(),
            arch: unknown(),
            fs: unknown(),
            door: unknown(),
            libc: unknown(),
            sandbox: unknown(),
            emulator: unknown(),
            rights: unknown(),
            scale: Scale::ordinary(4096),
        }
    }

    /// Gives a facet that the worker could not tell. Page size and kernel are told by numbers of
    /// their own, which this does not change.
    pub fn set(&mut self, kind: FacetKind, value: String) {
        match kind {
            FacetKind::Os => self.os = value,
            FacetKind::Arch => self.arch = value,
            FacetKind::Kernel => self.kernel = value,
            FacetKind::Fs => self.fs = value,
            FacetKind::Libc => self.door = value,
            FacetKind::Sandbox => self.sandbox = value,
            FacetKind::Emulator => self.emulator = value,
            FacetKind::Page => {}
        }
    }

    /// Reads what `Display` writes; a missing or unreadable line is an error that names it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let get = |key: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(key)?.strip_prefix(' '))
                .map(str::to_owned)
                .ok_or_else(|| format!("the greeting lacks `{key}`"))
        };
        let number = |key: &str| {
            get(key)?
                .parse::<u64>()
                .map_err(|_| format!("`{key}` of the greeting is no number"))
        };
        let page = number("page")?;
        if !page.is_power_of_two() || page < 512 {
            return Err(format!("a page size of {page} bytes can't be"));
        }
        Ok(Platform {
            os: get("os")?,
            kernel: get("kernel")?,
            arch: get("arch")?,
            fs: get("fs")?,
            door: get("door")?,
            libc: get("libc")?,
            sandbox: get("sandbox")?,
            emulator: get("emulator")?,
            rights: get("rights")?,
            scale: Scale {
                page,
                huge: number("huge")?,
                ram: number("ram")?,
                top: number("top")?,
                min_addr: number("min-addr")?,
                bits: number("bits")? as u32,
            },
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "os {}", self.os)?;
        writeln!(f, "kernel {}", self.kernel)?;
        writeln!(f, "arch {}", self.arch)?;
        writeln!(f, "fs {}", self.fs)?;
        writeln!(f, "door {}", self.door)?;
        writeln!(f, "libc {}", self.libc)?;
        writeln!(f, "sandbox {}", self.sandbox)?;
        writeln!(f, "emulator {}", self.emulator)?;
        writeln!(f, "rights {}", self.rights)?;
        writeln!(f, "page {}", self.scale.page)?;
        writeln!(f, "huge {}", self.scale.huge)?;
        writeln!(f, "ram {}", self.scale.ram)?;
        writeln!(f, "top {}", self.scale.top)?;
        writeln!(f, "min-addr {}", self.scale.min_addr)?;
        writeln!(f, "bits {}", self.scale.bits)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The machine that the records in tests were made on.
    pub(crate) fn reference_machine() -> Platform {
        Platform {
            os: "linux".into(),
            kernel: "6.18.44".into(),
            arch: "x86_64".into(),
            fs: "ext4".into(),
            door: "raw".into(),
            libc: "glibc".into(),
            sandbox: "none".into(),
            emulator: "none".into(),
            rights: "ordinary".into(),
            scale: Scale::ordinary(4096),
        }
    }

    #[test]
    fn prints_what_it_reads() {
        let p = reference_machine();
        assert_eq!(Platform::parse(&p.to_string()), Ok(p.clone()));
        let cut = p.to_string().replace("fs ext4\n", "");
        assert_eq!(
            Platform::parse(&cut).unwrap_err(),
            "the greeting lacks `fs`"
        );
        let odd = p.to_string().replace("page 4096", "page 4095");
        assert!(Platform::parse(&odd).is_err());
    }
}
