//! `mmapcheck compare`.

use super::{Sources, Stop};
use crate::cli::{Compare, Page};
use crate::compare::{Side, compare as held};
use crate::report;
use crate::snapshot::Folder;
use crate::suite::{Filter, Plan};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Holds platforms against each other.
pub fn compare(args: &Compare) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let filter = Filter {
        any_of: args.only.clone(),
        none_of: args.skip.clone(),
        ..Filter::default()
    };
    let plan = Plan::new(&sources.tables, &filter);
    let mut sides = Vec::new();
    for name in &args.sides {
        sides.push(side(&sources, name)?);
    }
    let comparison = held(&sides, &plan, &|id| filter.takes(id));
    let mut out = BufWriter::new(report::out());
    match args.format {
        Page::Text => report::compare::text(&mut out, report::width(), &comparison)?,
        Page::Markdown => report::compare::markdown(&mut out, &comparison)?,
        Page::Json => report::compare::json(&mut out, &comparison)?,
        Page::Html => report::compare::html(&mut out, &comparison)?,
    }
    out.flush()?;
    Ok(match comparison.compared() {
        0 => 4,
        _ => u8::from(!comparison.is_same()),
    })
}

/// What is named: a file of results, a folder of records, or a machine whose records there are.
pub fn side(sources: &Sources, word: &str) -> Result<Side, Stop> {
    let wrong = |why: String| Stop::Usage(format!("`{word}` can't be compared: {why}"));
    let lists = |record: &_| sources.tolerated(record);
    let path = Path::new(word);
    if path.is_file() {
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        return Side::run(&name, &text, sources.snapshots.as_ref(), &lists).map_err(wrong);
    }
    let (folder, name) = (path.parent(), path.file_name().unwrap_or_default());
    let name = name.to_string_lossy();
    let side = match folder.filter(|f| !f.as_os_str().is_empty()) {
        Some(folder) => Side::records(&name, &Folder(folder.to_path_buf()), &lists),
        None => Side::records(&name, sources.snapshots.as_ref(), &lists),
    };
    side.map_err(wrong)
}
