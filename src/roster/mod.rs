//! The platforms that this machine can have, each declared in a small file in `ci/platforms/`:
//! what it is made of, how its worker is built and started, what it needs.
//!
//! ```toml
//! title  = "QEMU 10.0 user mode, aarch64"
//! target = "aarch64-unknown-linux-musl"
//! unpack = ["trixie/qemu-user"]
//! is     = { emulator = "qemu-user-10.0" }
//! start  = 'exec "$UNPACKED/usr/bin/qemu-aarch64" "$WORKER" worker'
//! ```
//!
//! | key | what it says | else |
//! |---|---|---|
//! | `title` | what it is, for people | required |
//! | `start` | a shell script that becomes the worker (it ends in `exec`) | this program as a worker |
//! | `target` | the Rust target that `$WORKER` is built for | `$WORKER` is this program |
//! | `install` | Debian packages of the machine's own suite, installed where they are missing | none |
//! | `unpack` | packages of any suite, `suite/name` or `suite/name:architecture`, unpacked into `$UNPACKED` | none |
//! | `kernel` | a package with a kernel, or one that depends on it; `$KERNEL` is its image | none |
//! | `modules` | modules of that kernel that are loaded before all else, with what they depend on | none |
//! | `init` | what the worker does as the first process of a kernel, see below; makes `$INITRD` | none |
//! | `prepare` | a shell script, run once in `$KEPT` | none |
//! | `private-mounts` | whether `start` runs in a mount namespace of its own | no |
//! | `needs` | `root`, an architecture as in `arch x86_64`, or an absolute path that must be there | nothing |
//! | `is` | facets that the worker can't tell itself | none |
//! | `record` | the folder of its records, where no facet tells it from another platform | by its facets |
//! | `dir` | the folder of the scratch files, on the worker's side | `$MNT` with private mounts, `/tmp` |
//! | `via` | `raw`, or `libc` for calls through the C library | `raw` |
//! | `sample` | how much of the grids is run, as in `2%` | all |
//! | `limit` | how long it may take, in seconds | 600 |
//! | `busy` | how much CPU time, in milliseconds, a call may take before it counts as one that never ends: for emulators, which may loop in code of their own | 8000, or 12 s by the clock, more where a fork is slow |
//! | `silence` | how long the worker may be silent, in seconds | 60 |
//!
//! Scripts are run by `sh -eu` and find in their environment, beside what the table names, `KEPT`
//! (a folder of the platform's own that stays), `RUN` (one that goes with the run) and `MNT` (an
//! empty folder in it). A worker may be started several times. With private mounts `RUN` is then a
//! file system of its own, which is fresh each time.
//!
//! The lines of `init` are done in their order by [the worker as first
//! process](crate::machine::init), after the modules are loaded.

mod debian;
mod initrd;
mod launch;
mod modules;
mod read;
mod worker;

pub use debian::Debian;
pub use launch::{Launch, Ready, sweep};
pub use read::read;

use crate::diagnostic::{Diagnostic, SourceText};
use crate::platform::{FacetKind, Platform};
use crate::sample::Sample;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A platform as its file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The stem of its file.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// The Rust target of its worker; `None` for this very program.
    pub target: Option<String>,
    /// Debian packages of the machine's own suite.
    pub install: Vec<String>,
    /// Packages that are only unpacked.
    pub unpack: Vec<Package>,
    /// The package of its kernel.
    pub kernel: Option<Package>,
    /// Modules of that kernel.
    pub modules: Vec<String>,
    /// What the first process does.
    pub init: Option<String>,
    /// What is done once.
    pub prepare: Option<String>,
    /// What becomes the worker.
    pub start: Option<String>,
    /// Whether it mounts.
    pub private_mounts: bool,
    /// What this machine must have.
    pub needs: Vec<Requirement>,
    /// Facets that the worker can't tell.
    pub is: Vec<(FacetKind, String)>,
    /// The folder of its records.
    pub record: Option<String>,
    /// Where the scratch files lie, on the worker's side.
    pub dir: Option<String>,
    /// Whether calls go through the C library.
    pub libc: bool,
    /// How much of the grids is run; all where there is none.
    pub sample: Option<Sample>,
    /// How much CPU time a call may take, where that is not the worker's own measure.
    pub busy: Option<Duration>,
    /// How long it may take.
    pub limit: Duration,
    /// How long its worker may be silent.
    pub silence: Duration,
}

/// A Debian package of some suite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// `trixie`.
    pub suite: String,
    /// `qemu-user`.
    pub name: String,
    /// `arm64`; that of this machine where there is none.
    pub arch: Option<String>,
}

/// What the machine that runs must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// The rights of root.
    Root,
    /// This architecture.
    Arch(String),
    /// This file.
    Path(String),
}

impl Package {
    /// Reads `suite/name` and `suite/name:architecture`.
    pub fn parse(text: &str) -> Option<Self> {
        let (suite, rest) = text.split_once('/')?;
        let (name, arch) = match rest.split_once(':') {
            Some((name, arch)) => (name, Some(arch)),
            None => (rest, None),
        };
        let fine = |word: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
            word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain)
        };
        (fine(suite) && fine(name) && arch.is_none_or(fine)).then(|| Package {
            suite: suite.to_owned(),
            name: name.to_owned(),
            arch: arch.map(str::to_owned),
        })
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.suite, self.name)?;
        match &self.arch {
            Some(arch) => write!(f, ":{arch}"),
            None => Ok(()),
        }
    }
}

impl Requirement {
    /// Reads a requirement.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "root" => Some(Requirement::Root),
            None if text.starts_with('/') => Some(Requirement::Path(text.to_owned())),
            Some(("arch", arch)) if !arch.is_empty() => Some(Requirement::Arch(arch.to_owned())),
            _ => None,
        }
    }

    /// Why this machine does not have it.
    pub fn missing(&self) -> Option<String> {
        match self {
            Requirement::Root if !crate::machine::kernel::is_root() => {
                Some("needs root".to_owned())
            }
            Requirement::Arch(arch) if arch != std::env::consts::ARCH => {
                Some(format!("needs a machine of {arch}"))
            }
            Requirement::Path(path) if !Path::new(path).exists() => Some(format!("needs {path}")),
            _ => None,
        }
    }
}

impl Entry {
    /// The machine, with what its worker could not tell.
    pub fn identify(&self, mut platform: Platform) -> Platform {
        for (kind, value) in &self.is {
            platform.set(*kind, value.clone());
        }
        platform
    }
}

/// All platforms of a folder, by their names; or all mistakes in their files.
///
/// # Errors
/// The folder can't be read.
pub fn read_folder(folder: &Path) -> io::Result<Result<Vec<Entry>, Vec<Diagnostic>>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let mut entries = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let source = SourceText {
            file: path.display().to_string(),
            text: std::fs::read_to_string(&path)?,
        };
        match read(&stem, source) {
            Ok(entry) => entries.push(entry),
            Err(found) => mistakes.extend(found),
        }
    }
    Ok(if mistakes.is_empty() {
        Ok(entries)
    } else {
        Err(mistakes)
    })
}
