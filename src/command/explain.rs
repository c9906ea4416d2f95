//! `mmapcheck explain`.

use super::{Sources, Stop};
use crate::cli::Explain;
use crate::report;
use crate::snapshot::everywhere;
use crate::suite::{Filter, Plan};
use crate::table::Table;

/// Tells all about one case.
pub fn explain(args: &Explain) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let case = find(&sources.tables, &args.case)?;
    let recorded = everywhere(sources.snapshots.as_ref(), &case.id)?;
    report::explain(&mut report::out(), &case, &recorded)?;
    Ok(0)
}

fn find(tables: &[Table], id: &str) -> Result<crate::case::Case, Stop> {
    let plan_of = |exact| {
        Plan::new(
            tables,
            &Filter {
                any_of: vec![id.to_owned()],
                exact,
                ..Filter::default()
            },
        )
    };
    let exact = plan_of(true);
    let plan = if exact.is_empty() { plan_of(false) } else { exact };
    match plan.len() {
        0 => {
            let all = Plan::new(tables, &Filter::default());
            let ids: Vec<String> = (0..all.len()).map(|i| all.id(i)).collect();
            let near = crate::case::mistake::nearest(id, ids.iter().map(String::as_str));
            let near = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            Err(Stop::Usage(format!("no case is named `{id}`{near}")))
        }
        1 => Ok(plan.case(0)),
        n => {
            let first: Vec<String> = (0..n.min(10)).map(|i| plan.id(i)).collect();
            let more = if n > 10 { "\n  …" } else { "" };
            Err(Stop::Usage(format!(
                "{n} cases have `{id}` in their id:\n  {}{more}",
                first.join("\n  ")
            )))
        }
    }
}
