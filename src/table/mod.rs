//! Case tables: TOML in, cases out, and every mistake with its place.
//!
//! What a table can say is told in [`crate::case`].

mod axis;
mod column;
mod columns;
mod condition;
mod diagnostic;
mod entry;
mod fields;
mod group;
mod plan;
mod planned;
mod product;
mod rules;
mod template;
mod text;
mod typed;
mod verify;

#[cfg(test)]
mod tests;

pub use diagnostic::Diagnostic;
pub use group::Group;
pub use typed::{Typed, steps, steps_on};

use crate::case::Mistake;
use crate::parallel;
use crate::snapshot::Grids;
use entry::{Defaults, Home};
use fields::Fields;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use text::{Mistakes, Text};
use toml::de::DeTable;

/// A table as it was found: not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What ids begin with: the path below the folder, without `.toml`.
    pub stem: String,
    /// The file, as it is shown to people.
    pub path: String,
    /// What the file holds.
    pub text: String,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// What ids begin with.
    pub stem: String,
    /// The file, as it is shown to people.
    pub path: String,
    /// What it is about, in a few words.
    pub title: String,
    /// More of it.
    pub about: Option<String>,
    /// Its cases, in the order of the file.
    pub groups: Vec<Group>,
}

impl Table {
    /// How many cases it has.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Group::len).sum()
    }

    /// How its grids are laid out in a record.
    pub fn grids(&self) -> Grids {
        let grids = self.groups.iter().filter(|g| g.is_grid());
        grids
            .filter_map(|g| Some((g.name().to_owned(), g.across()?)))
            .collect()
    }

    /// Whether it has none, which never happens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All tables, in the order of the sources, or every mistake in them.
pub fn load<'a>(sources: &'a [Source]) -> Result<Vec<Table>, Vec<Diagnostic>> {
    let mut stems: HashMap<&str, &str> = HashMap::new();
    let twice = |s: &'a Source| (s, stems.insert(&s.stem, &s.path));
    let all: Vec<(&Source, Option<&str>)> = sources.iter().map(twice).collect();
    let mut tables = Vec::new();
    let mut wrong = Vec::new();
    for table in parallel::map(&all, |(source, twice)| read(source, *twice)) {
        match table {
            Ok(table) => tables.push(table),
            Err(mut mistakes) => wrong.append(&mut mistakes),
        }
    }
    if wrong.is_empty() {
        Ok(tables)
    } else {
        Err(wrong)
    }
}

/// The files `*.toml` below a folder, sorted by stem. What lies in hidden folders, and hidden
/// files, are left alone.
pub fn read_folder(dir: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    read_below(dir, "", &mut sources)?;
    sources.sort_by(|a, b| a.stem.cmp(&b.stem));
    Ok(sources)
}

fn read_below(dir: &Path, prefix: &str, sources: &mut Vec<Source>) -> io::Result<()> {
    let named =
        |path: &Path, e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    for entry in std::fs::read_dir(dir).map_err(|e| named(dir, e))? {
        let path = entry.map_err(|e| named(dir, e))?.path();
        let Some(name) = path.file_name().map(|n| n.to_string_lossy().into_owned()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            read_below(&path, &format!("{prefix}{name}/"), sources)?;
        } else if let Some(stem) = name.strip_suffix(".toml") {
            sources.push(Source {
                stem: format!("{prefix}{stem}"),
                path: path.display().to_string(),
                text: std::fs::read_to_string(&path).map_err(|e| named(&path, e))?,
            });
        }
    }
    Ok(())
}

/// The keys of a table.
const KEYS: [&str; 6] = ["title", "about", "cite", "defaults", "case", "grid"];

fn read(source: &Source, twice: Option<&str>) -> Result<Table, Vec<Diagnostic>> {
    let mut mistakes = Mistakes::new(source);
    if let Some(other) = twice {
        let m = Mistake::new(0..0, format!("{other} has the stem `{}` too", source.stem));
        mistakes.add(m);
    }
    if !source.stem.split('/').all(entry::is_plain) {
        let message = format!("`{}` can't begin an id", source.stem);
        let m = Mistake::new(0..0, message);
        mistakes
            .add(m.help("files and folders of tables are named in small letters, digits and `-`"));
    }
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let broken: Vec<usize> = errors
        .iter()
        .map(|e| e.span().map_or(0, |s| s.start))
        .collect();
    let regions = regions(document.get_ref());
    let region = |at: usize| regions.partition_point(|start| *start <= at);
    let wrong_regions: Vec<usize> = broken.iter().map(|at| region(*at)).collect();
    let table = read_document(source, document.get_ref(), &mut mistakes);
    // What the TOML parser passed over would be told as missing: where it stumbled, only that is
    // told.
    let mut found = mistakes.finish(|d| !wrong_regions.contains(&region(d.span().start)));
    let text = Arc::from(source.text.as_str());
    found.extend(errors.iter().map(|e| {
        let m = Mistake::new(e.span().unwrap_or(0..0), e.message());
        Diagnostic::new(&source.path, &text, m)
    }));
    found.sort_by_key(|d| d.span().start);
    match table {
        Some(table) if found.is_empty() => Ok(table),
        _ => Err(found),
    }
}

/// Where each case begins.
fn regions(document: &DeTable<'_>) -> Vec<usize> {
    let lists = ["case", "grid"]
        .into_iter()
        .filter_map(|key| document.get(key));
    let items = lists.filter_map(|l| l.get_ref().as_array()).flatten();
    let mut regions: Vec<usize> = items.map(|c| c.span().start).collect();
    regions.sort_unstable();
    regions
}

fn read_document(
    source: &Source,
    document: &DeTable<'_>,
    mistakes: &mut Mistakes,
) -> Option<Table> {
    let fields = Fields::new(document, 0..0, &KEYS, mistakes);
    let title = fields.required("title", "what the table is about: title = \"…\"", mistakes);
    let about = fields.string("about", mistakes);
    let mut defaults = Defaults::read(&fields, mistakes);
    defaults.cite = fields.sayings("cite", mistakes).unwrap_or_default();
    let home = Home {
        stem: Arc::from(source.stem.as_str()),
        path: Arc::from(source.path.as_str()),
        defaults: &defaults,
    };
    let mut names: HashMap<String, Text> = HashMap::new();
    let mut groups = Vec::new();
    let cases = fields.items("case", "a list of tables, each begun by [[case]]", mistakes);
    let grids = fields.items("grid", "a list of tables, each begun by [[grid]]", mistakes);
    if cases.is_empty() && grids.is_empty() {
        let m = Mistake::new(0..0, "this table has no case");
        mistakes.add(m.help("a case begins with [[case]]"));
    }
    let cases = cases.into_iter().map(|c| (c, false));
    let mut all: Vec<_> = cases.chain(grids.into_iter().map(|g| (g, true))).collect();
    all.sort_by_key(|(item, _)| item.span().start);
    for (item, is_grid) in all {
        let (name, group) = entry::read(item, is_grid, &home, mistakes);
        groups.extend(group);
        let Some(name) = name else {
            continue;
        };
        if let Some(first) = names.get(&name.value) {
            let message = format!("another case is named `{}`", name.value);
            let m = Mistake::new(name.span.clone(), message);
            mistakes.add_beside(m, first.span.clone(), "this one");
        } else {
            names.insert(name.value.clone(), name);
        }
    }
    Some(Table {
        stem: source.stem.clone(),
        path: source.path.clone(),
        title: title?.value,
        about: about.map(|a| a.value),
        groups,
    })
}
