//! What a runner asks of a worker, before the first case.

use crate::case::program::Door;
use std::path::PathBuf;

/// What runner and worker must agree on; raised with every change of frames or notation.
pub const PROTOCOL: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

/// What a runner asks of a worker in its first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Where the scratch folder is made, on the worker's side.
    pub dir: PathBuf,
    /// Through which entry calls go, unless a case says otherwise.
    pub door: Door,
    /// Whether it keeps the rights of root.
    pub root: bool,
    /// Whether it may mount what its cases need, in namespaces of its own.
    pub namespace: bool,
    /// Whether the journal goes through a pipe even where memory can be shared.
    pub pipe_journal: bool,
    /// The CPU to stay on, counted among those that are allowed.
    pub cpu: Option<usize>,
    /// The ceiling on a case's memory, in bytes.
    pub memory: u64,
    /// After how many milliseconds of CPU time a call that does not come to its end counts as one
    /// that never does; by the worker's own measure, and by the clock, where none is given.
    pub busy: Option<u64>,
}

/// The ceiling on a case's memory unless it is said otherwise, in bytes.
pub const MEMORY: u64 = 512 << 20;

impl Start {
    /// What is ordinary: raw calls, as a user without rights, on any CPU, with shared memory for a
    /// journal and [`MEMORY`] for a case.
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        Start {
            dir: dir.into(),
            door: Door::Raw,
            root: false,
            namespace: false,
            pipe_journal: false,
            cpu: None,
            memory: MEMORY,
            busy: None,
        }
    }

    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// What is missing, or that it comes from another version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let get = |key: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(key)?.strip_prefix(' '))
        };
        let protocol = get("protocol").unwrap_or("none");
        if protocol != PROTOCOL {
            return Err(format!(
                "the runner speaks `{protocol}`, this worker `{PROTOCOL}`: both must be of one version"
            ));
        }
        Ok(Start {
            dir: PathBuf::from(get("dir").ok_or("no `dir`")?),
            door: if get("door") == Some("libc") {
                Door::Libc
            } else {
                Door::Raw
            },
            root: get("rights") == Some("root"),
            namespace: get("namespace") == Some("own"),
            pipe_journal: get("journal") == Some("pipe"),
            cpu: get("cpu").and_then(|n| n.parse().ok()),
            memory: get("memory")
                .and_then(|n| n.parse().ok())
                .ok_or("no `memory`")?,
            busy: get("busy").and_then(|n| n.parse().ok()),
        })
    }
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "protocol {PROTOCOL}")?;
        writeln!(f, "dir {}", self.dir.display())?;
        writeln!(f, "memory {}", self.memory)?;
        if self.door == Door::Libc {
            writeln!(f, "door libc")?;
        }
        if self.root {
            writeln!(f, "rights root")?;
        }
        if self.namespace {
            writeln!(f, "namespace own")?;
        }
        if self.pipe_journal {
            writeln!(f, "journal pipe")?;
        }
        if let Some(cpu) = self.cpu {
            writeln!(f, "cpu {cpu}")?;
        }
        if let Some(busy) = self.busy {
            writeln!(f, "busy {busy}")?;
        }
        Ok(())
    }
}
