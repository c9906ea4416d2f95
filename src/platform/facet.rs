//! Facets: in what a machine differs from the reference, one thing at a time.
//!
//! The reference describes itself in `platform.toml` beside its records:
//!
//! ```toml
//! os = "linux"
//! kernel = "6.18"
//! arch = "x86_64"
//! page = 4096
//! fs = "ext4"
//! door = "raw"
//! sandbox = "none"
//! emulator = "none"
//! ```
//!
//! `door`, `sandbox` and `emulator` may be left out.

use super::Platform;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// A kind of difference, in the order in which records are laid over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FacetKind {
    /// Another operating system.
    Os,
    /// Another architecture.
    Arch,
    /// Another page size.
    Page,
    /// Another kernel, by its first two numbers.
    Kernel,
    /// Another file system under the scratch folder.
    Fs,
    /// Calls go through a C library's entry rather than straight to the kernel.
    Libc,
    /// A sandbox answers in the kernel's place.
    Sandbox,
    /// An emulator stands between.
    Emulator,
}

/// One difference from the reference; it prints as the name of its folder: `fs-tmpfs`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facet {
    /// In what the machine differs.
    pub kind: FacetKind,
    /// What it has there: `tmpfs`, `64k`, `6.1`; only letters, digits and `._-`.
    pub value: String,
}

/// What the reference machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The operating system.
    pub os: String,
    /// The kernel; only its first two numbers count.
    pub kernel: String,
    /// The architecture.
    pub arch: String,
    /// The page size in bytes.
    pub page: u64,
    /// The file system.
    pub fs: String,
    /// `raw`, or the C library through whose entry the calls go.
    pub door: String,
    /// The sandbox; `none` without.
    pub sandbox: String,
    /// The emulator; `none` without.
    pub emulator: String,
}

/// What the project records first: taken where no `platform.toml` says otherwise.
impl Default for Reference {
    fn default() -> Self {
        Reference {
            os: "linux".to_owned(),
            kernel: "6.18".to_owned(),
            arch: "x86_64".to_owned(),
            page: 4096,
            fs: "ext4".to_owned(),
            door: "raw".to_owned(),
            sandbox: "none".to_owned(),
            emulator: "none".to_owned(),
        }
    }
}

impl Reference {
    /// Reads `platform.toml`; an error tells the key that is missing or has the wrong type.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|e| e.message().to_owned())?;
        let get = |key: &str| {
            let mut entries = table.get_ref().iter();
            let found = entries.find(|(name, _)| name.get_ref() == key)?;
            Some(found.1.get_ref())
        };
        let word = |key: &str, default: Option<&str>| match (get(key), default) {
            (Some(DeValue::String(s)), _) => Ok(s.to_string()),
            (Some(_), _) => Err(format!("`{key}` must be a string")),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(format!("`{key}` is missing")),
        };
        let page = match get("page") {
            Some(DeValue::Integer(n)) => u64::from_str_radix(n.as_str(), n.radix())
                .ok()
                .filter(|n| n.is_power_of_two())
                .ok_or_else(|| format!("a page size of {n} bytes can't be"))?,
            Some(_) => return Err("`page` must be a number of bytes".to_owned()),
            None => return Err("`page` is missing".to_owned()),
        };
        Ok(Reference {
            os: word("os", None)?,
            kernel: word("kernel", None)?,
            arch: word("arch", None)?,
            page,
            fs: word("fs", None)?,
            door: word("door", Some("raw"))?,
            sandbox: word("sandbox", Some("none"))?,
            emulator: word("emulator", Some("none"))?,
        })
    }

    /// The folder of its records: `linux-x86_64`.
    pub fn name(&self) -> String {
        format!("{}-{}", word(&self.os), word(&self.arch))
    }
}

/// What `Reference::parse` reads.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "os = {:?}", self.os)?;
        writeln!(f, "kernel = {:?}", self.kernel)?;
        writeln!(f, "arch = {:?}", self.arch)?;
        writeln!(f, "page = {}", self.page)?;
        writeln!(f, "fs = {:?}", self.fs)?;
        writeln!(f, "door = {:?}", self.door)?;
        writeln!(f, "sandbox = {:?}", self.sandbox)?;
        writeln!(f, "emulator = {:?}", self.emulator)
    }
}

impl FacetKind {
    /// All kinds, in the fixed order.
    pub const ALL: [FacetKind; 8] = [
        FacetKind::Os,
        FacetKind::Arch,
        FacetKind::Page,
        FacetKind::Kernel,
        FacetKind::Fs,
        FacetKind::Libc,
        FacetKind::Sandbox,
        FacetKind::Emulator,
    ];

    /// How the names of its folders begin.
    pub fn word(self) -> &'static str {
        match self {
            FacetKind::Os => "os",
            FacetKind::Arch => "arch",
            FacetKind::Page => "page",
            FacetKind::Kernel => "kernel",
            FacetKind::Fs => "fs",
            FacetKind::Libc => "libc",
            FacetKind::Sandbox => "sandbox",
            FacetKind::Emulator => "emulator",
        }
    }

    /// Whether the reference's own system still answers where a machine has this value in place
    /// of the reference's: its file systems and its own C library belong to it, another kernel or
    /// another library does not.
    pub fn is_native(self, value: &str) -> bool {
        match self {
            FacetKind::Fs => true,
            FacetKind::Libc => value == "glibc",
            _ => false,
        }
    }

    /// Whether the files of this value are kept by another machine: when a mapping and the calls on
    /// its file learn of each other is then a matter of time. The names are those of
    /// proc_pid_mountinfo(5).
    pub fn is_remote(self, value: &str) -> bool {
        const REMOTE: [&str; 7] = ["9p", "afs", "ceph", "cifs", "nfs", "nfs4", "smb3"];
        self == FacetKind::Fs && REMOTE.contains(&value)
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.word(), self.value)
    }
}

impl Facet {
    /// Whether the folder or list named `name` speaks of a machine with this facet. A name of a
    /// kernel older than the reference speaks of all kernels up to that one; `emulator-qemu-user`
    /// speaks of `emulator-qemu-user-10.0` too.
    pub fn is_met_by(&self, name: &str, reference: &Reference) -> bool {
        let own = self.to_string();
        let rest = own.strip_prefix(name);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && name.contains('-')) {
            return true;
        }
        if self.kind != FacetKind::Kernel {
            return false;
        }
        let named = name.strip_prefix("kernel-").and_then(release);
        match (release(&self.value), named, release(&reference.kernel)) {
            (Some(own), Some(named), Some(top)) => own <= named && named < top,
            _ => false,
        }
    }
}

impl Platform {
    /// In what this machine differs from the reference, in the fixed order. A sandbox that
    /// answers in the kernel's place may claim any release, and its file systems are its own, so
    /// neither is compared there.
    pub fn facets(&self, reference: &Reference) -> Vec<Facet> {
        let release_of = |text: &str| match release(text) {
            Some((major, minor)) => format!("{major}.{minor}"),
            None => text.to_owned(),
        };
        let mut kernel = (release_of(&self.kernel), release_of(&reference.kernel));
        if self.sandbox != "none" {
            kernel.0.clone_from(&kernel.1);
        }
        let fs = match self.sandbox.as_str() {
            "none" => &self.fs,
            _ => &reference.fs,
        };
        let here = [
            (FacetKind::Os, self.os.clone(), reference.os.clone()),
            (FacetKind::Arch, self.arch.clone(), reference.arch.clone()),
            (
                FacetKind::Page,
                page_name(self.scale.page),
                page_name(reference.page),
            ),
            (FacetKind::Kernel, kernel.0, kernel.1),
            (FacetKind::Fs, fs.clone(), reference.fs.clone()),
            (FacetKind::Libc, self.door.clone(), reference.door.clone()),
            (
                FacetKind::Sandbox,
                self.sandbox.clone(),
                reference.sandbox.clone(),
            ),
            (
                FacetKind::Emulator,
                self.emulator.clone(),
                reference.emulator.clone(),
            ),
        ];
        here.into_iter()
            .filter(|(_, own, other)| own != other)
            .map(|(kind, own, _)| Facet {
                kind,
                value: word(&own),
            })
            .collect()
    }

    /// The name of exactly this machine: `linux-aarch64+page-64k+fs-tmpfs`.
    pub fn exact_name(&self, reference: &Reference) -> String {
        let mut name = format!("{}-{}", word(&self.os), word(&self.arch));
        for facet in self.facets(reference) {
            if !matches!(facet.kind, FacetKind::Os | FacetKind::Arch) {
                name.push('+');
                name.push_str(&facet.to_string());
            }
        }
        name
    }
}

/// Whether a name given by the user can be the name of a folder.
pub fn check_name(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let first = name.chars().next();
    if first.is_some_and(|c| c.is_ascii_alphanumeric()) && name.chars().all(fine) {
        return Ok(());
    }
    Err(format!(
        "`{name}` can't name a platform: letters, digits and `._+-`, beginning with one of the first two"
    ))
}

/// The first two numbers of a kernel's release.
pub fn release(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let rest = parts.next()?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((major, rest[..digits].parse().ok()?))
}

fn page_name(page: u64) -> String {
    if page >= 1024 && page % 1024 == 0 {
        format!("{}k", page / 1024)
    } else {
        page.to_string()
    }
}

/// A word that can be part of a folder's name, whatever a worker sent.
fn word(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let kept: String = text
        .chars()
        .take(64)
        .map(|c| if fine(c) { c } else { '_' })
        .collect();
    if kept.is_empty() {
        return "unknown".to_owned();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::tests::reference_machine;

    fn names(p: &Platform) -> Vec<String> {
        let facets = p.facets(&Reference::default());
        facets.iter().map(Facet::to_string).collect()
    }

    #[test]
    fn the_reference_has_none() {
        assert!(names(&reference_machine()).is_empty());
    }

    #[test]
    fn each_difference_in_the_fixed_order() {
        let mut p = reference_machine();
        p.emulator = "qemu-user".into();
        p.door = "glibc".into();
        p.fs = "tmpfs".into();
        p.kernel = "6.1.0-13-amd64".into();
        p.scale.page = 65536;
        p.arch = "aarch64".into();
        assert_eq!(
            names(&p),
            [
                "arch-aarch64",
                "page-64k",
                "kernel-6.1",
                "fs-tmpfs",
                "libc-glibc",
                "emulator-qemu-user"
            ]
        );
        assert_eq!(
            p.exact_name(&Reference::default()),
            "linux-aarch64+page-64k+kernel-6.1+fs-tmpfs+libc-glibc+emulator-qemu-user"
        );
    }

    #[test]
    fn a_sandbox_s_release_is_not_believed_and_its_files_are_its_own() {
        let mut p = reference_machine();
        p.sandbox = "gvisor".into();
        p.kernel = "4.4.0".into();
        p.fs = "overlay".into();
        assert_eq!(names(&p), ["sandbox-gvisor"]);
    }

    #[test]
    fn a_hostile_greeting_can_t_name_another_folder() {
        let mut p = reference_machine();
        p.fs = "../../etc".into();
        assert_eq!(names(&p), ["fs-.._.._etc"]);
        p.fs = String::new();
        assert_eq!(names(&p), ["fs-unknown"]);
        assert!(check_name("../x").is_err());
        assert!(check_name("").is_err());
        assert!(check_name(".x").is_err());
        assert!(check_name("linux-x86_64+fs-xfs").is_ok());
    }

    #[test]
    fn a_name_speaks_of_all_its_versions() {
        let reference = Reference::default();
        let facet = Facet {
            kind: FacetKind::Emulator,
            value: "qemu-user-10.0".into(),
        };
        for (name, met) in [
            ("emulator-qemu-user-10.0", true),
            ("emulator-qemu-user", true),
            ("emulator-qemu", true),
            ("emulator", false),
            ("emulator-qemu-user-1", false),
            ("emulator-qemu-user-10.0-x", false),
        ] {
            assert_eq!(facet.is_met_by(name, &reference), met, "{name}");
        }
    }

    #[test]
    fn an_older_kernel_s_name_holds_up_to_that_one() {
        let reference = Reference::default();
        let mut p = reference_machine();
        p.kernel = "6.1.9".into();
        let facet = p.facets(&reference).remove(0);
        for (name, met) in [
            ("kernel-6.1", true),
            ("kernel-6.12", true),
            ("kernel-5.10", false),
            ("kernel-6.18", false),
            ("kernel-6.19", false),
            ("kernel-x", false),
            ("fs-6.1", false),
        ] {
            assert_eq!(facet.is_met_by(name, &reference), met, "{name}");
        }
        p.kernel = "6.19.1".into();
        let facet = p.facets(&reference).remove(0);
        assert!(facet.is_met_by("kernel-6.19", &reference));
        assert!(!facet.is_met_by("kernel-6.20", &reference));
    }

    #[test]
    fn releases() {
        assert_eq!(release("6.18.44"), Some((6, 18)));
        assert_eq!(release("6.1-rc1"), Some((6, 1)));
        assert_eq!(release("6"), None);
        assert_eq!(release("hurd"), None);
        assert_eq!(release(""), None);
    }

    #[test]
    fn the_reference_prints_what_it_reads() {
        let reference = Reference::default();
        assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
    }

    #[test]
    fn what_is_wrong_with_a_description_is_named() {
        let whole = Reference::default().to_string();
        let cut = whole.replace("fs = \"ext4\"\n", "");
        assert_eq!(Reference::parse(&cut).unwrap_err(), "`fs` is missing");
        let odd = whole.replace("4096", "4095");
        assert!(Reference::parse(&odd).is_err());
        let odd = whole.replace("4096", "\"4096\"");
        assert!(Reference::parse(&odd).is_err());
        assert!(Reference::parse("os =").is_err());
        let short = whole.replace("door = \"raw\"\n", "");
        assert_eq!(Reference::parse(&short), Ok(Reference::default()));
    }
}
