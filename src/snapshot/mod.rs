//! Records: what was observed before, on this machine's like, kept as snapshots facet by facet.
//!
//! `snapshots/linux-x86_64/` is the reference and holds every table whole. Every other folder is
//! named for a [facet](crate::platform::Facet), or for exactly one machine, and holds only the
//! cases that differ, together with what was observed there. A machine's record is the reference
//! with the folders of its facets laid over it, in their fixed order, and last its own.
//!
//! Agreement is never assumed. A facet's file tells, for each group of cases, against which
//! records they were held; once those have changed, or a case is new, nothing is recorded of it
//! there until it is observed again.
//!
//! # Which folder is whose
//!
//! A machine writes to one folder, its *home*: the reference's if it is the reference, the
//! facet's if it differs in one, else the folder of its exact name. A name given by the user is
//! the home whatever the facets are. `kernel-6.1` holds for all kernels up to 6.1; where
//! `kernel-6.12` is there too, it is laid below.

mod bless;
mod file;
mod grid;
mod lay;
mod source;

pub use bless::{Blessed, Blocks};
pub use file::{BadLine, Observed, SOURCE, SnapFile, frame, group, tidy, tidy_block};
pub use grid::{Across, Grids};
pub use source::{Embedded, Folder, SnapshotSource, folders};

use crate::parallel;
use crate::platform::{Facet, FacetKind, Platform, Reference, check_name, release};
use crate::sample::Sample;
use lay::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The file in which the reference describes itself.
pub const PLATFORM_FILE: &str = "platform.toml";

/// What is recorded of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded<'a> {
    /// This block.
    Block(&'a str),
    /// Nothing: the case is new, or what it was held against has changed since.
    Unrecorded,
    /// Nobody has observed this group on a machine like this one; what a nearer machine showed.
    NoRecordFits(Option<&'a str>),
}

/// All records that speak of one machine.
#[derive(Debug)]
pub struct Record {
    reference: Reference,
    facets: Vec<Facet>,
    layers: Vec<Layer>,
    tables: BTreeMap<String, Table>,
    has_description: bool,
    /// How much of the grids is run here, where that is not all.
    sample: Option<Sample>,
}

/// A folder whose records are laid over those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    folder: String,
    /// Which of the machine's facets it speaks of; `None` for the reference and for the exact
    /// machine.
    facet: Option<usize>,
}

/// A snapshot that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The file, as a person finds it.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole can't be read.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// The id of a case within its table: what stands after `::`.
pub fn local(case_id: &str) -> &str {
    case_id.split_once("::").map_or(case_id, |(_, id)| id)
}

/// The stem of the table that a case belongs to.
pub fn stem(case_id: &str) -> &str {
    case_id.split_once("::").map_or("", |(stem, _)| stem)
}

/// What the reference is, by the description beside its records, and whether there is one.
pub fn reference(source: &dyn SnapshotSource) -> Result<(Reference, bool), Damaged> {
    let default = Reference::default();
    let path = format!("{}/{PLATFORM_FILE}", default.name());
    let whole = |message: String| Damaged {
        file: source.shown(&path),
        line: 0,
        message,
    };
    match source.read(&path) {
        Ok(Some(text)) => Ok((Reference::parse(&text).map_err(whole)?, true)),
        Ok(None) => Ok((default, false)),
        Err(e) => Err(whole(e.to_string())),
    }
}

impl Record {
    /// Reads what speaks of `platform`. `name` is the name that the user gave it, if any.
    pub fn load(
        source: &dyn SnapshotSource,
        platform: &Platform,
        name: Option<&str>,
    ) -> Result<Self, Damaged> {
        let (reference, has_description) = reference(source)?;
        let facets = platform.facets(&reference);
        let whole = |message: String| Damaged {
            file: source.shown(""),
            line: 0,
            message,
        };
        if let Some(name) = name {
            usable_name(name, &reference, &facets).map_err(whole)?;
        }
        let files = source.files().map_err(|e| whole(e.to_string()))?;
        let folders: BTreeSet<&str> = files
            .iter()
            .filter_map(|f| f.split_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        let layers = layers(platform, &reference, &facets, name, &folders);
        let mut record = Record {
            reference,
            facets,
            layers,
            tables: BTreeMap::new(),
            has_description,
            sample: None,
        };
        let stems = Vec::from_iter(record.stems(&files));
        let tables = parallel::map(&stems, |stem| record.read_table(source, stem));
        for (stem, table) in stems.into_iter().zip(tables) {
            record.tables.insert(stem, table?);
        }
        Ok(record)
    }

    /// The same, for a machine that runs only a part of each grid.
    #[must_use]
    pub fn sampled(self, sample: Option<Sample>) -> Self {
        Record { sample, ..self }
    }

    /// The folder that this machine's own records are in.
    pub fn home(&self) -> &str {
        self.layers.last().map_or("", |l| &l.folder)
    }

    /// Whether this machine's own records are the reference.
    pub fn is_reference(&self) -> bool {
        self.layers.len() == 1
    }

    /// Whether the reference's own system answers on this machine, see
    /// [`FacetKind::is_native`].
    pub fn is_native(&self) -> bool {
        self.facets.iter().all(|f| f.kind.is_native(&f.value))
    }

    /// In what the machine differs from the reference.
    pub fn facets(&self) -> &[Facet] {
        &self.facets
    }

    /// What the reference is.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Whether a list named `name` speaks of this machine: that of one of its facets, of exactly
    /// this machine, or of the reference's system as long as that system itself answers, on
    /// whatever processor.
    pub fn is_about(&self, name: &str) -> bool {
        use FacetKind::{Emulator, Os, Sandbox};
        if name == self.reference.name() {
            let other = |f: &Facet| matches!(f.kind, Os | Sandbox | Emulator);
            return !self.facets.iter().any(other);
        }
        // An overlay hands a mapping on to the file system that the file really lies on.
        let below = |f: &Facet| match f.value.strip_prefix("overlay-on-") {
            Some(upper) => f.kind == FacetKind::Fs && name.strip_prefix("fs-") == Some(upper),
            None => false,
        };
        let met = |f: &Facet| f.is_met_by(name, &self.reference) || below(f);
        name == self.home() || self.facets.iter().any(met)
    }

    /// Whether a list named `name` speaks of this machine and of what sets it apart, so that an
    /// entry that nothing here needs is not needed at all: not one for all of Linux where another
    /// file system answers, nor one for a kernel on another processor.
    pub fn is_own(&self, name: &str) -> bool {
        let is_alone = self.facets.len() == 1;
        let met = |f: &Facet| f.is_met_by(name, &self.reference);
        name == self.home() || is_alone && self.facets.iter().any(met)
    }

    /// What is recorded of a case, given by its whole id.
    pub fn get(&self, case_id: &str) -> Recorded<'_> {
        let id = file::tidy(local(case_id));
        let Some(table) = self.tables.get(stem(case_id)) else {
            return self.nothing();
        };
        let block = table.full.get(&id).map(|b| &**b);
        if let (Some(block), true) = (block, self.vouched(|i| table.has_seen(i, &id))) {
            return Recorded::Block(block);
        }
        if self.vouched(|i| table.has_observed(i, group(&id))) {
            return Recorded::Unrecorded;
        }
        Recorded::NoRecordFits(block)
    }

    fn nothing(&self) -> Recorded<'_> {
        if self.facets.is_empty() {
            Recorded::Unrecorded
        } else {
            Recorded::NoRecordFits(None)
        }
    }

    /// Whether each facet of the machine, or the machine itself, has seen what `seen` asks of a
    /// layer.
    fn vouched(&self, seen: impl Fn(usize) -> bool) -> bool {
        let exact = self.layers.len() - 1;
        if exact > 0 && self.layers[exact].facet.is_none() && seen(exact) {
            return true;
        }
        (0..self.facets.len()).all(|facet| {
            let mut layers = self.layers.iter().enumerate();
            layers.any(|(i, l)| l.facet == Some(facet) && seen(i))
        })
    }

    fn stems(&self, files: &[String]) -> BTreeSet<String> {
        let mut stems = BTreeSet::new();
        for layer in &self.layers {
            let prefix = format!("{}/", layer.folder);
            let own = files.iter().filter_map(|f| f.strip_prefix(&prefix));
            stems.extend(
                own.filter_map(|f| f.strip_suffix(".snap"))
                    .map(str::to_owned),
            );
        }
        stems
    }

    fn read_table(&self, source: &dyn SnapshotSource, stem: &str) -> Result<Table, Damaged> {
        let mut files = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            files.push(read_file(source, &layer.folder, stem, i == 0)?);
        }
        Ok(Table::lay_over(files))
    }
}

/// One file of one folder, if it is there. `reference` says whether it holds blocks alone.
pub fn read_file(
    source: &dyn SnapshotSource,
    folder: &str,
    stem: &str,
    reference: bool,
) -> Result<Option<SnapFile>, Damaged> {
    let path = format!("{folder}/{stem}.snap");
    let damaged = |line: usize, message: String| Damaged {
        file: source.shown(&path),
        line,
        message,
    };
    let text = source.read(&path).map_err(|e| damaged(0, e.to_string()))?;
    let Some(text) = text else { return Ok(None) };
    let file = SnapFile::parse(&text, reference);
    file.map(Some).map_err(|b| damaged(b.line, b.message))
}

/// What one case's record is in each folder that has one: the folder's name and the block. This
/// is what the folders say, whether or not it is out of date.
pub fn everywhere(
    source: &dyn SnapshotSource,
    case_id: &str,
) -> Result<Vec<(String, String)>, Damaged> {
    let (reference, _) = reference(source)?;
    let names = folders(source).map_err(|e| Damaged {
        file: source.shown(""),
        line: 0,
        message: e.to_string(),
    })?;
    let own = reference.name();
    let others = names.iter().filter(|n| **n != own);
    let id = file::tidy(local(case_id));
    let mut found = Vec::new();
    for folder in names.get(&own).into_iter().chain(others) {
        let file = read_file(source, folder, stem(case_id), *folder == own)?;
        let block = file.and_then(|f| f.blocks.into_iter().find(|(i, _)| *i == id));
        if let Some((_, block)) = block {
            found.push((folder.clone(), block));
        }
    }
    Ok(found)
}

/// The ids of the cases that a folder holds a block of: in a facet's, those that differ.
pub fn held(source: &dyn SnapshotSource, folder: &str) -> Result<Vec<String>, Damaged> {
    let (reference, _) = reference(source)?;
    let files = source.files().map_err(|e| Damaged {
        file: source.shown(""),
        line: 0,
        message: e.to_string(),
    })?;
    let prefix = format!("{folder}/");
    let stems = files
        .iter()
        .filter_map(|f| f.strip_prefix(&prefix)?.strip_suffix(".snap"));
    let mut ids = Vec::new();
    for stem in stems {
        let file = read_file(source, folder, stem, folder == reference.name())?;
        let blocks = file.into_iter().flat_map(|f| f.blocks);
        ids.extend(blocks.map(|(id, _)| format!("{stem}::{id}")));
    }
    Ok(ids)
}

fn layers(
    platform: &Platform,
    reference: &Reference,
    facets: &[Facet],
    name: Option<&str>,
    folders: &BTreeSet<&str>,
) -> Vec<Layer> {
    let mut layers = vec![Layer {
        folder: reference.name(),
        facet: None,
    }];
    for (i, facet) in facets.iter().enumerate() {
        let own = facet.to_string();
        let mut met: Vec<&str> = folders.iter().copied().collect();
        met.retain(|f| *f != own && facet.is_met_by(f, reference));
        if facet.kind == FacetKind::Kernel {
            // The newest is the nearest to the reference, and lies lowest.
            met.sort_by_key(|f| f.strip_prefix("kernel-").and_then(release));
            met.reverse();
        }
        met.push(&own);
        layers.extend(met.into_iter().map(|folder| Layer {
            folder: folder.to_owned(),
            facet: Some(i),
        }));
    }
    let exact = match name {
        Some(name) => Some(name.to_owned()),
        None if facets.len() > 1 => Some(platform.exact_name(reference)),
        None => None,
    };
    if let Some(folder) = exact {
        if layers.last().is_some_and(|l| l.folder != folder) {
            layers.push(Layer {
                folder,
                facet: None,
            });
        }
    }
    layers
}

/// Whether the records of this machine may be kept under a name that the user gave: not under
/// that of the reference, or of a facet, unless the machine is that.
fn usable_name(name: &str, reference: &Reference, facets: &[Facet]) -> Result<(), String> {
    check_name(name)?;
    let kinds = FacetKind::ALL.iter();
    let taken = name == reference.name()
        || kinds.map(|k| k.word()).any(|word| {
            let rest = name.strip_prefix(word);
            rest.is_some_and(|r| r.starts_with('-'))
        });
    let own = match facets {
        [] => name == reference.name(),
        [one] => name == one.to_string(),
        _ => false,
    };
    if !taken || own {
        return Ok(());
    }
    let differs: Vec<String> = facets.iter().map(Facet::to_string).collect();
    Err(match differs.is_empty() {
        true => format!("`{name}` names a facet, and this machine is the reference"),
        false => format!(
            "`{name}` names other machines: this one differs from the reference in {}",
            differs.join(", ")
        ),
    })
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Damaged {}

#[cfg(test)]
mod tests;
