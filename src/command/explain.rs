//! `mmapcheck explain`.

use super::{Sources, Stop, config};
use crate::cli::Explain;
use crate::machine::model::{Model, Reading};
use crate::report::{self, Explained};
use crate::snapshot::{Record, everywhere};
use crate::suite::{Filter, Plan};
use crate::table::Table;

/// Tells all about one case.
pub fn explain(args: &Explain) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let case = find(&sources.tables, &args.case)?;
    let config = config(&args.place)?;
    let (platform, _) = config.ask(&[]).map_err(Stop::Failed)?;
    let record = Record::load(sources.snapshots.as_ref(), &platform, None)?;
    let known = sources.known(&record)?;
    let listed: Vec<_> = known
        .naming(&case.id)
        .filter_map(|n| known.entry(n))
        .collect();
    let readings: Vec<_> = [Reading::Linux, Reading::Posix]
        .into_iter()
        .map(|reading| report::Reading {
            name: reading.name().to_owned(),
            told: Model::of(&platform, reading).map(|m| m.run(&case.program)),
            program: &case.program,
        })
        .collect();
    let what = Explained {
        modelled: &readings,
        case: &case,
        scale: &platform.scale,
        home: record.home(),
        here: record.get(&case.id),
        everywhere: &everywhere(sources.snapshots.as_ref(), &case.id)?,
        known: &listed,
    };
    report::explain(&mut report::out(), report::width(), &what)?;
    Ok(0)
}

/// The case that is named.
pub fn find(tables: &[Table], id: &str) -> Result<crate::case::Case, Stop> {
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
    let plan = if exact.is_empty() {
        plan_of(false)
    } else {
        exact
    };
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
