//! `mmapcheck list`.

use super::{Sources, Stop};
use crate::cli::List;
use crate::report;
use crate::suite::{Filter, Plan};
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
    for index in 0..plan.len() {
        writeln!(out, "{}", plan.id(index))?;
    }
    out.flush()?;
    Ok(if plan.is_empty() { 4 } else { 0 })
}
