//! Where snapshots come from: a folder, or the files that the binary carries.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A tree of snapshot files. Paths are relative to it, with `/` between their parts.
pub trait SnapshotSource: Send + Sync {
    /// The paths of all files, sorted.
    fn files(&self) -> io::Result<Vec<String>>;

    /// The text of one file; `None` where there is none.
    fn read(&self, path: &str) -> io::Result<Option<String>>;

    /// How a person finds the file.
    fn shown(&self, path: &str) -> String;
}

/// Snapshots in a folder. A folder that is not there holds none.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

/// Snapshots that the binary carries: path and text of each file.
#[derive(Debug, Clone)]
pub struct Embedded(pub Vec<(String, String)>);

impl SnapshotSource for Folder {
    fn files(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        walk(&self.0, "", &mut found)?;
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &str) -> io::Result<Option<String>> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => text_of(bytes).map(Some),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn shown(&self, path: &str) -> String {
        self.0.join(path).display().to_string()
    }
}

impl SnapshotSource for Embedded {
    fn files(&self) -> io::Result<Vec<String>> {
        let mut found: Vec<String> = self.0.iter().map(|(path, _)| path.clone()).collect();
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &str) -> io::Result<Option<String>> {
        let found = self.0.iter().find(|(p, _)| p == path);
        Ok(found.map(|(_, text)| text.clone()))
    }

    fn shown(&self, path: &str) -> String {
        format!("embedded {path}")
    }
}

/// The names of the folders at the top, sorted.
pub fn folders(source: &dyn SnapshotSource) -> io::Result<BTreeSet<String>> {
    let files = source.files()?;
    Ok(files
        .iter()
        .filter_map(|path| path.split_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .collect())
}

fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if prefix.is_empty() && is_absent(&e) => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // No file of ours has such a name.
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn is_absent(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound
}

fn text_of(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let lines = e.as_bytes()[..good].iter().filter(|b| **b == b'\n');
        let message = format!("line {}: not UTF-8", lines.count() + 1);
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}
