//! `mmapcheck model`.

use super::{Sources, Stop, config};
use crate::cli::ModelArgs;
use crate::machine::model::{Machine, Model, Reading, Rules};
use crate::report::{self, Decided};
use crate::suite::{Filter, Plan};
use crate::table::Table;
use std::io::Write;

/// Prints what the model allows of cases, or the specification.
pub fn model(args: &ModelArgs) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let plan = Plan::new(&sources.tables, &Filter::from(&args.which));
    if plan.is_empty() {
        report::note("no case is named so; `mmapcheck list` shows what there is")?;
        return Ok(4);
    }
    let mut out = std::io::BufWriter::new(report::out());
    if args.specification {
        let known = sources.all_known()?;
        let patterns = |(list, entry): (String, crate::known::Entry)| {
            let cases = entry.cases.into_iter();
            cases.map(move |p| (list.clone(), p.text))
        };
        // The page is that of Linux.
        let own = known
            .into_iter()
            .filter(|(list, _)| !crate::known::is_foreign(list));
        let departing: Vec<_> = own.flat_map(patterns).collect();
        write!(out, "{}", page(&sources.tables, &departing))?;
        out.flush()?;
        return Ok(0);
    }
    let reading = Reading::from_name(&args.reading).unwrap_or(Reading::Linux);
    let (mut platform, _) = config(&args.place)?.ask(&[]).map_err(Stop::Failed)?;
    if let Some(page) = args.page {
        if !page.is_power_of_two() || page < 512 {
            return Err(Stop::Usage(format!("a page size of {page} bytes can't be")));
        }
        platform.scale.page = page;
    }
    let model = Model::of(&platform, reading).map_err(Stop::Usage)?;
    for index in 0..plan.len() {
        let case = plan.case(index);
        let told = model.run(&case.program);
        writeln!(out, "{}", case.id)?;
        for line in told.lines(&case.program) {
            writeln!(out, "  {line}")?;
        }
        if args.clauses {
            for (step, clause) in &told.decided {
                writeln!(out, "  # step {}: {}", step + 1, clause.id)?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

/// The specification as a page, with the cases of these tables counted on the reference machine.
pub fn page(tables: &[Table], departing: &[(String, String)]) -> String {
    let plan = Plan::new(tables, &Filter::default());
    let mut decided = Decided::default();
    for reading in [Reading::Linux, Reading::Posix] {
        let model = Model {
            machine: Machine::ordinary(4096),
            rules: Rules::new(reading),
        };
        for index in 0..plan.len() {
            let case = plan.case(index);
            decided.add(&case.id, &model.run(&case.program));
        }
    }
    report::specification(&decided, departing)
}
