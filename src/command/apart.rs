//! `mmapcheck apart`.

use super::{Sources, Stop, config};
use crate::apart::{Apart, Fault, Reach, take_apart};
use crate::cli::Aparts;
use crate::report;
use crate::suite::{Filter, Plan};
use std::collections::BTreeMap;
use std::io::Write;

/// Takes cases apart and tells by what.
pub fn apart(args: &Aparts) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let filter = Filter {
        any_of: args.filter.clone(),
        ..Filter::default()
    };
    let plan = Plan::new(&sources.tables, &filter);
    let config = config(&args.place)?;
    let (_, unmet) = config.ask(&plan.needs()).map_err(Stop::Failed)?;
    let faults = take_apart(&sources.tables, |id| filter.takes(id), &config, &unmet);
    let faults = faults.map_err(Stop::Failed)?;
    let mut out = std::io::BufWriter::new(report::out());
    for fault in faults.iter().filter(|f| f.apart.is_wrong()) {
        let said = "no argument set right makes it succeed";
        writeln!(out, "{}\n    step {}: {said}", fault.id, fault.step + 1)?;
    }
    for (how, n) in counted(&faults) {
        writeln!(out, "{n:8}  {how}")?;
    }
    let wrong = faults.iter().filter(|f| f.apart.is_wrong()).count();
    writeln!(
        out,
        "{:8}  errors are expected, {wrong} for a reason unknown",
        faults.len()
    )?;
    out.flush()?;
    Ok(match (faults.len(), wrong) {
        (0, _) => 4,
        (_, 0) => 0,
        _ => 1,
    })
}

/// How many were taken apart how.
fn counted(faults: &[Fault]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for fault in faults {
        let how = match &fault.apart {
            Apart::Axis(_) => "by the value of an axis, in the table".to_owned(),
            Apart::Axes(..) => "two faults, by the values of two axes, in the table".to_owned(),
            Apart::Set(Reach::Call, by) => format!("by {by}"),
            Apart::Set(Reach::Before, _) => "by an argument of a step before".to_owned(),
            Apart::Set(Reach::Without, _) => "by a step before, left out".to_owned(),
            Apart::Both(..) => "two faults, by two arguments".to_owned(),
            Apart::Told(why) => format!("not taken apart: {why}"),
            Apart::Skipped(why) => format!("skipped: {why}"),
            Apart::Idle(by) => format!("by {by}, though the case says that it may not be"),
            Apart::Not => continue,
        };
        *counts.entry(how).or_default() += 1;
    }
    counts
}
