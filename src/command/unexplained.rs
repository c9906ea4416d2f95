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
    let mut text = String::new();
    for folder in all
        .iter()
        .filter(|f| folders.is_empty() || folders.contains(f))
    {
        let side = side(sources, folder)?;
        let held = crate::snapshot::held(sources.snapshots.as_ref(), folder)?;
        let held: HashSet<String> = held.into_iter().collect();
        let mut groups: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut cases = 0;
        for i in 0..plan.len() {
            let id = plan.id(i);
            if !held.contains(&tidy(&id)) {
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
