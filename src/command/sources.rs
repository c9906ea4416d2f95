//! Where tables, records and known deviations come from.

use super::Stop;
use crate::carried;
use crate::cli::{Grids, Tables, Which};
use crate::diagnostic::Diagnostic;
use crate::known::Known;
use crate::report;
use crate::snapshot::{Embedded, Folder, Record, SnapshotSource};
use crate::suite::Filter;
use crate::table::{self, Source, Table};
use std::path::{Path, PathBuf};

/// What a command works on.
pub struct Sources {
    /// The tables.
    pub tables: Vec<Table>,
    /// Where they come from, as it is told.
    pub told: String,
    /// The records.
    pub snapshots: Box<dyn SnapshotSource>,
    /// Their folder, where they can be written.
    pub folder: Option<PathBuf>,
    known: Box<dyn SnapshotSource>,
    /// Whether these are all the tables that the lists of known deviations speak of.
    is_whole: bool,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Finds and reads them. Every mistake in the tables is shown before anything else is done.
    pub fn find(args: &Tables) -> Result<Self, Stop> {
        match &args.cases {
            Some(path) => Sources::in_folder(path, args),
            None if is_checkout(Path::new(".")) => Sources::in_folder(Path::new("cases"), args),
            None => Sources::carried(args),
        }
    }

    fn in_folder(cases: &Path, args: &Tables) -> Result<Self, Stop> {
        let wrong = |e: std::io::Error| Stop::Usage(format!("the tables can't be read: {e}"));
        let sources = if cases.is_dir() {
            table::read_folder(cases).map_err(wrong)?
        } else {
            let text = std::fs::read_to_string(cases).map_err(|e| {
                wrong(std::io::Error::new(
                    e.kind(),
                    format!("{}: {e}", cases.display()),
                ))
            })?;
            let stem = cases.file_stem().unwrap_or_default().to_string_lossy();
            vec![Source {
                stem: stem.into_owned(),
                path: cases.display().to_string(),
                text,
            }]
        };
        let beside = match cases.parent() {
            Some(p) if p.as_os_str().is_empty() => Path::new("."),
            Some(p) => p,
            None => Path::new("."),
        };
        let folder = args
            .snapshots
            .clone()
            .unwrap_or_else(|| plain(&beside.join("snapshots")));
        let known = args
            .known
            .clone()
            .unwrap_or_else(|| plain(&beside.join("ci/known")));
        Ok(Sources {
            tables: load(&sources)?,
            told: cases.display().to_string(),
            snapshots: Box::new(Folder(folder.clone())),
            folder: Some(folder),
            known: Box::new(Folder(known)),
            is_whole: args.cases.is_none(),
        })
    }

    fn carried(args: &Tables) -> Result<Self, Stop> {
        let files = carried::files().map_err(|e| Stop::Failed(e.to_string()))?;
        let below = |prefix: &str| -> Vec<(String, String)> {
            files
                .iter()
                .filter_map(|(path, text)| {
                    Some((path.strip_prefix(prefix)?.to_owned(), text.clone()))
                })
                .collect()
        };
        let sources: Vec<Source> = below("cases/")
            .into_iter()
            .filter_map(|(path, text)| {
                Some(Source {
                    stem: path.strip_suffix(".toml")?.to_owned(),
                    path: format!("cases/{path}"),
                    text,
                })
            })
            .collect();
        let snapshots: Box<dyn SnapshotSource> = match &args.snapshots {
            Some(folder) => Box::new(Folder(folder.clone())),
            None => Box::new(Embedded(below("snapshots/"))),
        };
        let known: Box<dyn SnapshotSource> = match &args.known {
            Some(folder) => Box::new(Folder(folder.clone())),
            None => Box::new(Embedded(below("ci/known/"))),
        };
        Ok(Sources {
            tables: load(&sources)?,
            told: format!("embedded {:016x}", carried::digest()),
            snapshots,
            folder: args.snapshots.clone(),
            known,
            is_whole: true,
        })
    }

    /// The known deviations of the machine of `record`, for those who only look at them.
    pub fn tolerated(&self, record: &Record) -> Result<Known, String> {
        Known::load(self.known.as_ref(), record).map_err(|wrong| rendered(&wrong))
    }

    /// All known deviations, with the names of the lists that they stand in.
    pub fn all_known(&self) -> Result<Vec<(String, crate::known::Entry)>, Stop> {
        Known::everywhere(self.known.as_ref()).map_err(|wrong| Stop::Usage(rendered(&wrong)))
    }

    /// The known deviations that speak of the machine of `record`.
    pub fn known(&self, record: &Record) -> Result<Known, Stop> {
        let known = Known::load(self.known.as_ref(), record);
        let known = known.map_err(|wrong| Stop::Usage(rendered(&wrong)))?;
        if !self.is_whole {
            // Some of the project's tables, or somebody's own: the lists may speak of others.
            return Ok(known);
        }
        let ids: Vec<String> = self
            .tables
            .iter()
            .flat_map(|t| &t.groups)
            .filter(|g| known.may_name(&g.whole_name()))
            .flat_map(|g| (0..g.len()).map(|i| g.id(i)))
            .collect();
        let idle = known.without_case(ids.iter().map(String::as_str));
        if idle.is_empty() {
            return Ok(known);
        }
        Err(Stop::Usage(rendered(&idle)))
    }
}

/// Diagnostics as one text.
fn rendered(all: &[Diagnostic]) -> String {
    let texts: Vec<String> = all
        .iter()
        .map(|d| d.render(report::is_colourful()))
        .collect();
    texts.join("\n")
}

/// The tables, or all mistakes in them as one text.
fn load(sources: &[Source]) -> Result<Vec<Table>, Stop> {
    if sources.is_empty() {
        return Err(Stop::Usage("there is no table, no file *.toml".to_owned()));
    }
    table::load(sources).map_err(|wrong| {
        let told = wrong.iter().map(|d| d.render(report::is_colourful()));
        Stop::Usage(report::mistakes(told.collect()))
    })
}

/// `./ci/known` is shown as `ci/known`.
fn plain(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_path_buf()
}

/// Whether a folder is the top of a checkout of the project.
pub(super) fn is_checkout(dir: &Path) -> bool {
    let named = std::fs::read_to_string(dir.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|l| l.trim() == "name = \"mmapcheck\""));
    named && dir.join("cases").is_dir()
}

impl From<&Which> for Filter {
    fn from(which: &Which) -> Self {
        Filter {
            any_of: which.filter.clone(),
            none_of: which.skip.clone(),
            exact: which.exact,
            part: which.partition,
            grids: which.grids != Grids::None,
            others: which.grids != Grids::Only,
            sample: which.sample,
        }
    }
}
