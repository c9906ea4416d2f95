//! What is recorded against the rules and stands in no list: the work that a list of known
//! deviations has before it.

use super::{Sources, Stop, compare::side};
use crate::case::Case;
use crate::compare::{Cell, Side};
use crate::known::{Listed, Observed};
use crate::snapshot::tidy;
use crate::suite::{Filter, Plan};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

/// A page for each of these folders of records, or for all: how many cases, and which lines break
/// the rule in which group of cases how often, the most frequent first.
pub(super) fn text(sources: &Sources, folders: &[String]) -> Result<String, Stop> {
    let plan = Plan::new(&sources.tables, &Filter::default());
    let all = crate::snapshot::folders(sources.snapshots.as_ref())?;
    if let Some(none) = folders.iter().find(|f| !all.contains(*f)) {
        return Err(Stop::Usage(format!("no records are called `{none}`")));
    }
    let mut text = String::new();
    let is_asked = |f: &&String| folders.is_empty() || folders.contains(f);
    let listed_at_home = listed_at_home(sources, &plan)?;
    for folder in all.iter().filter(is_asked) {
        let side = side(sources, folder)?;
        let held = crate::snapshot::held(sources.snapshots.as_ref(), folder)?;
        let held: HashSet<String> = held.into_iter().collect();
        let mut groups: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut cases = 0;
        for i in 0..plan.len() {
            let id = plan.id(i);
            if !held.contains(&tidy(&id)) && !listed_at_home.contains(&i) {
                continue;
            }
            let lines = left(&side, &plan.case(i));
            cases += usize::from(!lines.is_empty());
            let group = id.split('[').next().unwrap_or_default();
            for line in lines {
                *groups.entry((group.to_owned(), line)).or_default() += 1;
            }
        }
        let _ = writeln!(text, "{folder}: {cases} cases");
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for ((group, line), n) in groups {
            let _ = writeln!(text, "{n:6}  {group}  {line}");
        }
    }
    Ok(text)
}

/// The cases whose rule the reference itself may break, by their number: where a machine does as
/// it does, its own records do not hold them.
fn listed_at_home(sources: &Sources, plan: &Plan<'_>) -> Result<HashSet<usize>, Stop> {
    let (reference, _) = crate::snapshot::reference(sources.snapshots.as_ref())?;
    let home = side(sources, &reference.name())?;
    let is_listed = |i: &usize| home.known.names(&plan.id(*i));
    Ok((0..plan.len()).filter(is_listed).collect())
}

/// The lines of a case that break its rule, where its entries do not tolerate them.
fn left(side: &Side, case: &Case) -> Vec<String> {
    let Cell::Answer(answer) = side.cell(&case.id) else {
        return Vec::new();
    };
    let broken = crate::judge::broken(case, &answer.lines, &side.scale).unwrap_or_default();
    let lines: Vec<String> = broken
        .iter()
        .map(|(step, o)| format!("{step} = {o}"))
        .collect();
    let observed = broken.iter().zip(&lines);
    let observed: Vec<Observed<'_>> = observed
        .map(|((_, outcome), line)| Observed { line, outcome })
        .collect();
    match side.known.listed(&case.id, &observed) {
        Listed::Tolerated(_) => Vec::new(),
        Listed::No | Listed::Otherwise(_) => lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Tables;
    use std::path::PathBuf;

    fn said_with(known: Option<PathBuf>, folder: &str) -> Result<String, Stop> {
        let tables = Tables {
            cases: None,
            snapshots: None,
            known,
        };
        text(&Sources::find(&tables)?, &[folder.to_owned()])
    }

    /// With our lists nothing is left on Linux's own file systems; without them there is.
    #[test]
    fn what_no_list_explains_is_told() {
        let none = tempfile::tempdir().unwrap();
        for folder in ["linux-x86_64", "fs-tmpfs", "fs-f2fs", "fs-9p"] {
            let ours = said_with(None, folder).unwrap();
            assert_eq!(ours, format!("{folder}: 0 cases\n"));
            let all = said_with(Some(none.path().to_owned()), folder).unwrap();
            assert!(!all.starts_with(&ours), "{all}");
        }
        let f2fs = said_with(Some(none.path().to_owned()), "fs-f2fs").unwrap();
        let line = "     1  objects/seals::executable-while-mapped  fcntl(made, F_ADD_SEALS, F_SEAL_EXEC) = 0\n";
        assert!(f2fs.contains(line), "{f2fs}");
    }

    #[test]
    fn records_that_there_are_not_are_a_mistake() {
        assert!(said_with(None, "fs-none").is_err());
    }
}
