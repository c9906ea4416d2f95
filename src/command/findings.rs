//! `mmapcheck findings`.

use super::{Sources, Stop, compare::side};
use crate::case::Case;
use crate::cli::Findings;
use crate::compare::{Cell, Side};
use crate::known::Entry;
use crate::report::{self, Finding, Harm};
use crate::suite::{Filter, Plan};

/// Writes the page of findings.
pub fn findings(args: &Findings) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    report::page(&page(&sources)?)?;
    Ok(0)
}

/// The page: all lists of known deviations, with the cases and records that show them.
fn page(sources: &Sources) -> Result<String, Stop> {
    let plan = Plan::new(&sources.tables, &Filter::default());
    let ids: Vec<String> = (0..plan.len()).map(|i| plan.id(i)).collect();
    let mut found: Vec<Finding> = Vec::new();
    for (list, entry) in sources.all_known()? {
        let records = side(sources, &list).ok();
        let named: Vec<Case> = (0..plan.len())
            .filter(|i| entry.names(&ids[*i]))
            .map(|i| plan.case(i))
            .collect();
        let seen: Vec<&Case> = named
            .iter()
            .filter(|c| records.as_ref().is_some_and(|r| shows(r, c, &entry)))
            .collect();
        let smallest = seen
            .iter()
            .min_by_key(|c| (c.program.steps.len(), c.id.len()));
        let outcome = (entry.case.clone(), entry.outcome.clone());
        let same = |f: &&mut Finding| f.list == list && f.reason == entry.reason;
        if let Some(finding) = found.iter_mut().find(same) {
            finding.seen.extend(seen.iter().map(|c| c.id.clone()));
            finding.outcomes.push(outcome);
            continue;
        }
        let cite = || smallest.map(|c| c.cite.join("; "));
        found.push(Finding {
            harm: Harm::of(&entry.outcome),
            why: named.first().map(|c| c.why.clone()).unwrap_or_default(),
            smallest: smallest.map(|c| c.id.clone()),
            seen: seen.iter().map(|c| c.id.clone()).collect(),
            rule: entry.rule.clone().or_else(cite).unwrap_or_default(),
            outcomes: vec![outcome],
            reason: entry.reason,
            reckon: entry.reckon,
            link: entry.link,
            report: entry.report,
            list,
        });
    }
    Ok(report::findings(found))
}

/// Whether a machine's records show what an entry tolerates.
fn shows(side: &Side, case: &Case, entry: &Entry) -> bool {
    let Cell::Answer(answer) = side.cell(&case.id) else {
        return false;
    };
    answer.lines.iter().any(|(step, outcome)| {
        entry.tolerates(&crate::known::Observed {
            line: &format!("{step} = {outcome}"),
            outcome,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Tables;

    fn ours() -> Sources {
        let tables = Tables {
            cases: None,
            snapshots: None,
            known: None,
        };
        Sources::find(&tables).unwrap_or_else(|e| panic!("{e:?}"))
    }

    #[test]
    fn the_page_is_what_the_lists_say() {
        let page = page(&ours()).unwrap_or_else(|e| panic!("{e:?}"));
        let kept = std::fs::read_to_string("ci/findings/README.md").unwrap();
        assert_eq!(
            page, kept,
            "write it anew: mmapcheck findings > ci/findings/README.md"
        );
    }

    #[test]
    fn each_entry_tells_what_to_reckon_with() {
        for (list, entry) in ours().all_known().unwrap_or_else(|e| panic!("{e:?}")) {
            assert!(
                entry.reckon.is_some(),
                "ci/known/{list}.toml: `{}` lacks `reckon`: what a program must reckon with",
                entry.case
            );
        }
    }
}
