//! What a run makes of the machine's own snapshots: the text for the assertion, and `--bless`.

use super::file::{self, SOURCE, SnapFile, frame, group};
use super::grid::Grids;
use super::lay::{Table, observe};
use super::{PLATFORM_FILE, Record};
use crate::sample::Sample;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The blocks that a run observed, by the case's id within its table.
pub type Blocks = BTreeMap<String, String>;

/// What blessing did to one table's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blessed {
    /// The file already said so; it was not touched.
    Unchanged,
    /// The file was written.
    Written,
    /// The file was removed: nothing is left to be recorded.
    Removed,
}

impl Record {
    /// The content of the machine's own snapshot of a table after a run: what was observed, with
    /// what is recorded of the cases that did not run. `ids` are the ids of all cases that the
    /// table has, within the table and in its order; a case that is not among them has vanished. `grids` are
    /// the groups that are written as grids.
    /// `None` where there is nothing to record and nothing recorded.
    ///
    /// This is the text for the one insta assertion of the table.
    pub fn text(
        &self,
        stem: &str,
        ids: impl IntoIterator<Item = String>,
        grids: &Grids,
        observed: &Blocks,
    ) -> Option<String> {
        let empty = Table::default();
        let table = self.tables.get(stem).unwrap_or(&empty);
        let ids: Vec<String> = ids.into_iter().map(|id| file::tidy(&id)).collect();
        let observed: BTreeMap<String, String> = observed
            .iter()
            .map(|(id, block)| (file::tidy(id), file::tidy_block(block)))
            .collect();
        let mut new = if self.is_reference() {
            reference_file(table, &ids, observed)
        } else {
            let of_grid = |name: &str| self.sample.filter(|_| grids.contains_key(name));
            facet_file(table, &ids, &observed, &of_grid)
        };
        new.grids.clone_from(grids);
        for name in grids.keys() {
            new.legends.insert(name.clone(), table.legend(name));
        }
        if new.blocks.is_empty() && new.observed.is_empty() {
            return None;
        }
        Some(new.content(self.is_reference()))
    }

    /// Where the machine's own snapshot of a table is, below the folder of all snapshots.
    pub fn path(&self, stem: &str) -> PathBuf {
        PathBuf::from(self.home()).join(format!("{stem}.snap"))
    }

    /// The same place as insta wants it told: the folder for `set_snapshot_path`, below the folder
    /// of all snapshots, and the name of the snapshot.
    pub fn insta_place(&self, stem: &str) -> (PathBuf, String) {
        let (folder, name) = match stem.rsplit_once('/') {
            Some((folder, name)) => (PathBuf::from(self.home()).join(folder), name),
            None => (PathBuf::from(self.home()), stem),
        };
        (folder, name.to_owned())
    }

    /// Writes [`Record::text`] where it belongs, below the folder `snapshots`: the same bytes as
    /// accepting it in review. No other machine's file is touched, and a file is either the old
    /// one or the new one, whole.
    pub fn bless(
        &self,
        snapshots: &Path,
        stem: &str,
        ids: impl IntoIterator<Item = String>,
        grids: &Grids,
        observed: &Blocks,
    ) -> io::Result<Blessed> {
        let path = snapshots.join(self.path(stem));
        let done = match self.text(stem, ids, grids, observed) {
            Some(content) => write_content(&path, &content)?,
            None => remove(&path)?,
        };
        // What was waiting for review is settled.
        remove(&path.with_extension("snap.new"))?;
        if self.is_reference() && !self.has_description {
            let description = snapshots.join(self.home()).join(PLATFORM_FILE);
            if !description.exists() {
                write_whole(&description, self.reference.to_string().as_bytes())?;
            }
        }
        Ok(done)
    }
}

fn reference_file(
    table: &Table,
    ids: &[String],
    mut observed: BTreeMap<String, String>,
) -> SnapFile {
    let mut new = SnapFile::default();
    for id in ids {
        let old = || table.full.get(id).map(|b| b.to_string());
        if let Some(block) = observed.remove(id).or_else(old) {
            new.blocks.push((id.clone(), block));
        }
    }
    new
}

fn facet_file(
    table: &Table,
    ids: &[String],
    observed: &BTreeMap<String, String>,
    sample: &dyn Fn(&str) -> Option<Sample>,
) -> SnapFile {
    let mut groups: Vec<(&str, Vec<&String>)> = Vec::new();
    for id in ids {
        let name = group(id);
        match groups.last_mut() {
            Some((last, members)) if *last == name => members.push(id),
            _ => groups.push((name, vec![id])),
        }
    }
    let own = table.own.iter().flat_map(|f| &f.blocks);
    let old: HashMap<&str, &str> = own.map(|(id, b)| (id.as_str(), b.as_str())).collect();
    let mut new = SnapFile::default();
    for (name, members) in groups {
        if members.iter().any(|id| observed.contains_key(*id)) {
            let group = (name, &members[..], sample(name));
            add_observed(&mut new, table, &old, group, observed);
        } else {
            keep(&mut new, table, name, &members);
        }
    }
    new
}

/// A group of which at least one case ran. What the file had seen of the others stands, if it was
/// held against the same records; else their blocks are kept as what was seen once.
fn add_observed(
    new: &mut SnapFile,
    table: &Table,
    old: &HashMap<&str, &str>,
    (name, members, sample): (&str, &[&String], Option<Sample>),
    observed: &BTreeMap<String, String>,
) {
    let mut seen = BTreeSet::new();
    let mut once = Vec::new();
    for id in members.iter().copied() {
        let now = observed.get(id).map(String::as_str);
        if let Some(block) = now.or_else(|| table.own_block(id)) {
            seen.insert(id.as_str());
            if table.base.get(id).is_none_or(|b| **b != *block) {
                new.blocks.push((id.clone(), block.to_owned()));
            }
        } else if let Some(block) = old.get(id.as_str()) {
            once.push(id.clone());
            new.blocks.push((id.clone(), (*block).to_owned()));
        }
    }
    let entry = observe(&table.base, name, &seen, once, sample);
    new.observed.insert(name.to_owned(), entry);
}

/// A group of which nothing ran keeps its entry and its blocks, current or not.
fn keep(new: &mut SnapFile, table: &Table, name: &str, members: &[&String]) {
    let Some(own) = &table.own else { return };
    let Some(entry) = own.observed.get(name) else {
        return;
    };
    new.observed.insert(name.to_owned(), entry.clone());
    let members: BTreeSet<&String> = members.iter().copied().collect();
    let blocks = own.blocks.iter().filter(|(id, _)| members.contains(id));
    new.blocks.extend(blocks.cloned());
}

fn write_content(path: &Path, content: &str) -> io::Result<Blessed> {
    let bytes = frame(SOURCE, content);
    match std::fs::read(path) {
        // insta leaves a file alone whose content is right, whatever its header says.
        Ok(old) if same_content(&old, &bytes) => return Ok(Blessed::Unchanged),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    write_whole(path, bytes.as_bytes())?;
    Ok(Blessed::Written)
}

fn same_content(old: &[u8], new: &str) -> bool {
    let Ok(old) = std::str::from_utf8(old) else {
        return false;
    };
    let body = |text: &str| {
        Some(
            text.strip_prefix("---\n")?
                .split_once("\n---\n")?
                .1
                .to_owned(),
        )
    };
    body(old).is_some() && body(old) == body(new)
}

/// Writes beside the file and then renames, so that nobody ever sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".mmapcheck-")
        .tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    temporary.as_file().set_permissions(readable)?;
    temporary.persist(path).map_err(|e| e.error)?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<Blessed> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(Blessed::Removed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Blessed::Unchanged),
        Err(e) => Err(e),
    }
}
