//! `mmapcheck compare`.

use super::{Sources, Stop};
use crate::cli::{Compare, Page};
use crate::compare::departures::departures;
use crate::compare::{Side, compare as held};
use crate::machine::model::Reading;
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
    if let Some((reading, name)) = against_model(&args.sides)? {
        let side = side(&sources, name)?;
        return departing(args.format, &side, reading, &plan);
    }
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

/// The reading, and what is held against it, where a reading is named among the sides.
fn against_model(sides: &[String]) -> Result<Option<(Reading, &str)>, Stop> {
    let is_model = |s: &&String| s.starts_with(MODEL);
    let Some(model) = sides.iter().find(is_model) else {
        return Ok(None);
    };
    let reading = model.strip_prefix(MODEL).unwrap_or_default();
    let reading = Reading::from_name(reading).ok_or_else(|| {
        Stop::Usage(format!(
            "the model has no reading `{reading}`: there are `posix` and `linux`"
        ))
    })?;
    match sides {
        [one, other]
            if one != other && [one, other].iter().filter(|s| is_model(s)).count() == 1 =>
        {
            let machine = if is_model(&one) { other } else { one };
            Ok(Some((reading, machine)))
        }
        _ => Err(Stop::Usage(format!(
            "one side alone can be held against the model: `mmapcheck compare linux-x86_64 {model}`"
        ))),
    }
}

/// What the names of the model's readings begin with.
const MODEL: &str = "model:";

/// Tells where a machine departs from a reading.
fn departing(form: Page, side: &Side, reading: Reading, plan: &Plan<'_>) -> Result<u8, Stop> {
    let found = departures(side, reading, plan).map_err(Stop::Usage)?;
    let mut out = BufWriter::new(report::out());
    match form {
        Page::Text => report::departures::text(&mut out, report::width(), &found)?,
        Page::Markdown => report::departures::markdown(&mut out, &found)?,
        Page::Json => report::departures::json(&mut out, &found)?,
        Page::Html => report::departures::html(&mut out, &found)?,
    }
    out.flush()?;
    Ok(match found.held {
        0 => 4,
        _ => u8::from(found.departing > 0),
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
