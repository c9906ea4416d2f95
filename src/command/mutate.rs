//! `mmapcheck mutate`.

use super::{Sources, Stop};
use crate::cli::Mutate;
use crate::machine::model::{Model, Reading};
use crate::random::mutants::{self, Notice};
use crate::report;
use crate::snapshot::Record;
use crate::suite::{Filter, Plan};
use std::io::Write;

/// Spoils each clause in turn and tells which mutants no case notices.
pub fn mutate(args: &Mutate) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let plan = Plan::new(&sources.tables, &Filter::default());
    let platform = mutants::recorded();
    let record = Record::load(sources.snapshots.as_ref(), &platform, None)?;
    let model = Model::of(&platform, Reading::Linux).map_err(Stop::Failed)?;
    let mut all = mutants::all(&model, &args.clauses);
    if all.is_empty() {
        report::note("no clause is named so")?;
        return Ok(4);
    }
    let held = mutants::by_tables(&model, &mut all, &plan, &record);
    mutants::by_random(&model, &mut all, args.seed, args.random).map_err(Stop::Failed)?;
    let mut out = report::out();
    let of = |wanted: fn(&Notice) -> bool| all.iter().filter(|m| wanted(&m.notice)).count();
    let noticed = of(|n| matches!(n, Notice::Case(_)));
    let equal = of(|n| matches!(n, Notice::None));
    for mutant in &all {
        match &mutant.notice {
            Notice::Case(id) if args.all => writeln!(out, "noticed     {}: {id}", mutant.spoilt)?,
            Notice::Case(_) => {}
            Notice::Random(seed) => {
                writeln!(out, "✗ unnoticed {}", mutant.spoilt)?;
                let program = mutants::random_case(*seed).map_err(Stop::Failed)?;
                for line in program.to_string().lines() {
                    writeln!(out, "      {line}")?;
                }
            }
            Notice::None => writeln!(out, "equivalent  {}", mutant.spoilt)?,
        }
    }
    let counted = all.len() - equal;
    let part = 100.0 * noticed as f64 / counted.max(1) as f64;
    writeln!(
        out,
        "{} mutants, {held} cases: {noticed} noticed, {} not, {equal} that {} random cases can't \
         tell from the model; {part:.1} % of those that can be told are noticed",
        all.len(),
        counted - noticed,
        args.random,
    )?;
    Ok(u8::from(part < args.at_least))
}
