//! `mmapcheck list`.

use super::{Sources, Stop, compare::side};
use crate::case::Case;
use crate::cli::List;
use crate::compare::{Cell, Side};
use crate::report;
use crate::snapshot::folders;
use crate::suite::{Filter, Plan};
use crate::transcript::key;
use std::io::Write;

/// Lists cases, one id a line.
pub fn list(args: &List) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let filter = Filter::from(&args.which);
    let mut out = std::io::BufWriter::new(report::out());
    if args.count {
        let mut total = 0;
        for table in &sources.tables {
            let plan = Plan::new(std::slice::from_ref(table), &filter);
            if !plan.is_empty() {
                writeln!(out, "{:8}  {:24}  {}", plan.len(), table.stem, table.title)?;
            }
            total += plan.len();
        }
        writeln!(out, "{total:8}  in all")?;
        out.flush()?;
        return Ok(if total == 0 { 4 } else { 0 });
    }
    let plan = Plan::new(&sources.tables, &filter);
    if args.call.is_some() || args.outcome.is_some() {
        return symptoms(args, &sources, &plan, &mut out);
    }
    for index in 0..plan.len() {
        writeln!(out, "{}", plan.id(index))?;
    }
    out.flush()?;
    Ok(if plan.is_empty() { 4 } else { 0 })
}

/// Lists the cases that show something, and the machines on which they do.
fn symptoms(
    args: &List,
    sources: &Sources,
    plan: &Plan<'_>,
    out: &mut impl Write,
) -> Result<u8, Stop> {
    let unreadable = |e: std::io::Error| Stop::Usage(format!("the records can't be read: {e}"));
    let names = folders(sources.snapshots.as_ref()).map_err(unreadable)?;
    let mut sides = Vec::new();
    if args.outcome.is_some() {
        for name in &names {
            sides.push(side(sources, name)?);
        }
    }
    let mut found = 0;
    for index in 0..plan.len() {
        let case = plan.case(index);
        let makes = |n: usize| {
            args.call
                .is_none_or(|c| case.program.steps[n].call.name == c)
        };
        let steps: Vec<usize> = (0..case.program.steps.len())
            .filter(|n| makes(*n))
            .collect();
        let Some(wanted) = args.outcome.as_deref() else {
            if !steps.is_empty() {
                found += 1;
                writeln!(out, "{}", case.id)?;
            }
            continue;
        };
        let mut places: Vec<&str> = Vec::new();
        if steps.iter().any(|n| is_claimed(&case, *n, wanted)) {
            places.push("claimed");
        }
        let shows = |s: &&Side| steps.iter().any(|n| is_shown(&case, s, *n, wanted));
        places.extend(sides.iter().filter(shows).map(|s| s.name.as_str()));
        if !places.is_empty() {
            found += 1;
            writeln!(out, "{}  {}", case.id, places.join(" "))?;
        }
    }
    out.flush()?;
    Ok(if found == 0 { 4 } else { 0 })
}

/// Whether an outcome is the one that is looked for, or begins with its words.
fn is_it(outcome: &str, wanted: &str) -> bool {
    let rest = outcome.strip_prefix(wanted);
    rest.is_some_and(|r| r.is_empty() || r.starts_with(' '))
}

fn is_claimed(case: &Case, step: usize, wanted: &str) -> bool {
    let claim = case.claims.get(step).and_then(Option::as_ref);
    claim.is_some_and(|c| c.any_of.iter().any(|e| is_it(&e.to_string(), wanted)))
}

fn is_shown(case: &Case, side: &Side, step: usize, wanted: &str) -> bool {
    let Cell::Answer(answer) = side.cell(&case.id) else {
        return false;
    };
    let mut lines = answer.lines.iter().peekable();
    for (n, s) in case.program.steps.iter().enumerate() {
        let told = lines.next_if(|(text, _)| *text == key(s));
        if n == step {
            return told.is_some_and(|(_, outcome)| is_it(outcome, wanted));
        }
    }
    false
}
