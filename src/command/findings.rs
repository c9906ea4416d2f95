//! `mmapcheck findings`.

use super::{Sources, Stop, compare::side, unexplained};
use crate::case::Case;
use crate::cli::Findings;
use crate::compare::{Cell, Side};
use crate::known::{Entry, Tolerated};
use crate::report::{self, Finding, Harm};
use crate::snapshot::tidy;
use crate::suite::{Filter, Plan};
use std::collections::{BTreeSet, HashSet};

/// Writes the page of findings.
pub fn findings(args: &Findings) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let text = match &args.unexplained {
        Some(folders) => unexplained::text(&sources, folders)?,
        None => page(&sources)?,
    };
    report::page(&text)?;
    Ok(0)
}

/// The page: all lists of known deviations, with the cases and records that show them.
fn page(sources: &Sources) -> Result<String, Stop> {
    let plan = Plan::new(&sources.tables, &Filter::default());
    let cases = Cases {
        ids: (0..plan.len()).map(|i| plan.id(i)).collect(),
        plan: &plan,
    };
    let mut found: Vec<Finding> = Vec::new();
    let mut list_of: Option<(String, Vec<Place>)> = None;
    for (list, entry) in sources.all_known()? {
        let places = match list_of.take().filter(|(name, _)| *name == list) {
            Some((_, places)) => places,
            None => places(sources, &list, &cases)?,
        };
        let shown = Shown::of(&cases, &places, &entry);
        list_of = Some((list.clone(), places));
        let same = |f: &&mut Finding| f.list == list && f.reason == entry.reason;
        if let Some(finding) = found.iter_mut().find(same) {
            finding.harm = finding.harm.min(harm(&shown.outcomes));
            finding.seen.extend(shown.seen);
            finding.outcomes.extend(shown.outcomes);
            continue;
        }
        let smallest = shown.smallest.as_ref();
        let cite = || smallest.map(|c| c.cite.join("; "));
        let first = || cases.named(&entry).next();
        found.push(Finding {
            harm: harm(&shown.outcomes),
            name: match entry.cases.first() {
                Some(p) if p.text != "*" => p.text.clone(),
                _ => smallest.map_or(entry.tolerated().to_owned(), |c| c.id.clone()),
            },
            why: match smallest {
                Some(case) => case.why.clone(),
                None => first().map_or(String::new(), |c| c.why),
            },
            smallest: smallest.map(|c| c.id.clone()),
            seen: shown.seen,
            rule: entry.rule.clone().or_else(cite).unwrap_or_default(),
            outcomes: shown.outcomes,
            reason: entry.reason,
            reckon: entry.reckon,
            link: entry.link,
            report: entry.report,
            list,
        });
    }
    Ok(report::findings(found))
}

/// All cases, by their ids.
struct Cases<'a> {
    ids: Vec<String>,
    plan: &'a Plan<'a>,
}

impl Cases<'_> {
    fn named<'c>(&'c self, entry: &'c Entry) -> impl Iterator<Item = Case> + 'c {
        let all = self.ids.iter().enumerate();
        all.filter(|(_, id)| entry.names(id))
            .map(|(i, _)| self.plan.case(i))
    }
}

/// Records in which a list's deviations may be seen.
struct Place {
    side: Side,
    /// The cases that the records hold themselves, by their number; of the reference's own
    /// system, where cases that differ from nothing may be listed too, all.
    own: Option<Vec<usize>>,
}

fn places(sources: &Sources, list: &str, cases: &Cases<'_>) -> Result<Vec<Place>, Stop> {
    if !crate::known::is_foreign(list) {
        let side = side(sources, list).ok();
        return Ok(side
            .map(|side| Place { side, own: None })
            .into_iter()
            .collect());
    }
    let folders = crate::snapshot::folders(sources.snapshots.as_ref())?;
    let speaks = |part: &str| {
        let rest = part.strip_prefix(list);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let mut places = Vec::new();
    for folder in folders
        .iter()
        .filter(|f| *f == list || f.split('+').any(speaks))
    {
        let held = crate::snapshot::held(sources.snapshots.as_ref(), folder)?;
        let held: HashSet<String> = held.into_iter().collect();
        let all = cases.ids.iter().enumerate();
        let own = all.filter(|(_, id)| held.contains(&tidy(id)));
        places.push(Place {
            own: Some(own.map(|(i, _)| i).collect()),
            side: side(sources, folder)?,
        });
    }
    Ok(places)
}

/// What records show of an entry.
#[derive(Default)]
struct Shown {
    seen: Vec<String>,
    outcomes: BTreeSet<String>,
    smallest: Option<Case>,
}

impl Shown {
    fn of(cases: &Cases<'_>, places: &[Place], entry: &Entry) -> Self {
        let mut shown = Shown::default();
        if let Tolerated::Outcome(outcome) = &entry.outcome {
            shown.outcomes.insert(outcome.clone());
        }
        if entry.outcome == Tolerated::Varying {
            // No record shows it.
            shown.outcomes.insert("another at each run".to_owned());
            shown.seen = cases.named(entry).map(|c| c.id).collect();
            return shown;
        }
        for place in places {
            match &place.own {
                None => cases.named(entry).for_each(|c| shown.look(place, entry, c)),
                Some(own) => own
                    .iter()
                    .filter(|i| entry.names(&cases.ids[**i]))
                    .for_each(|i| shown.look(place, entry, cases.plan.case(*i))),
            }
        }
        shown
    }

    fn look(&mut self, place: &Place, entry: &Entry, case: Case) {
        let told = outcomes(&place.side, &case, entry);
        if told.is_empty() {
            return;
        }
        self.outcomes.extend(told);
        self.seen.push(case.id.clone());
        let size = |c: &Case| (c.program.steps.len(), c.id.len());
        if self.smallest.as_ref().is_none_or(|s| size(&case) < size(s)) {
            self.smallest = Some(case);
        }
    }
}

/// The worst of what these outcomes do to a program.
fn harm(outcomes: &BTreeSet<String>) -> Harm {
    let harms = outcomes.iter().map(|o| Harm::of(o));
    harms.min().unwrap_or(Harm::Error)
}

/// What a machine's records show of what an entry tolerates: the outcomes, each once. Where the
/// entry leaves it to the record, these are those that break the rule.
fn outcomes(side: &Side, case: &Case, entry: &Entry) -> Vec<String> {
    let Cell::Answer(answer) = side.cell(&case.id) else {
        return Vec::new();
    };
    let tolerates = |step: &str, outcome: &str| {
        entry.tolerates(&crate::known::Observed {
            line: &format!("{step} = {outcome}"),
            outcome,
        })
    };
    if let Tolerated::Outcome(outcome) = &entry.outcome {
        let shows = answer.lines.iter().any(|(step, o)| tolerates(step, o));
        return shows.then(|| outcome.clone()).into_iter().collect();
    }
    let broken = crate::judge::broken(case, &answer.lines, &side.scale);
    let broken = broken.into_iter().flatten();
    let shown = broken.filter(|(step, outcome)| tolerates(step, outcome));
    shown.map(|(_, outcome)| outcome).collect()
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
                entry.named()
            );
        }
    }
}
