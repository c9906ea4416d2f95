//! The page of findings: what is known to break a rule, worst first.

use crate::report::{count, quoted};
use crate::transcript::Outcome;
use std::collections::BTreeSet;

/// How many outcomes of one finding are shown.
const OUTCOMES: usize = 6;

/// What is done to a program that relied on the rule; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// It waits forever, or takes all memory.
    Hang,
    /// It is killed.
    Crash,
    /// It reads or leaves other bytes than it should.
    Data,
    /// It is told another error than it should be, or none.
    Error,
}

/// A deviation on one platform.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How bad it is.
    pub harm: Harm,
    /// The list that it stands in: a platform or a facet.
    pub list: String,
    /// The rule in a sentence.
    pub why: String,
    /// Where the rule stands; `open` where the standard leaves it open.
    pub rule: String,
    /// The first pattern of the cases that it names.
    pub name: String,
    /// The outcomes.
    pub outcomes: BTreeSet<String>,
    /// Why it is so.
    pub reason: String,
    /// What a program must reckon with.
    pub reckon: Option<String>,
    /// Where one can read about it.
    pub link: String,
    /// Where it was reported.
    pub report: Option<String>,
    /// The cases whose records show it.
    pub seen: Vec<String>,
    /// The smallest of them.
    pub smallest: Option<String>,
}

impl Harm {
    /// What an outcome does to a program, by the outcome or the line of the transcript.
    pub fn of(outcome: &str) -> Self {
        let (_, outcome) = match crate::transcript::parted(outcome) {
            (whole, "") => ("", whole),
            parts => parts,
        };
        match Outcome::parse(outcome) {
            Ok(Outcome::Hang | Outcome::Blocked | Outcome::MemoryLimit) => Harm::Hang,
            Ok(Outcome::Fault { .. } | Outcome::Killed(_) | Outcome::Errno(_, Some(_))) => {
                Harm::Crash
            }
            Ok(Outcome::Bytes(_)) => Harm::Data,
            Ok(Outcome::Value(q)) if q.names().next().is_none() => Harm::Data,
            _ => Harm::Error,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Harm::Hang => "Hangs",
            Harm::Crash => "Crashes",
            Harm::Data => "Data that differ",
            Harm::Error => "Wrong errors",
        }
    }
}

/// The page.
pub fn findings(mut found: Vec<Finding>) -> String {
    found.sort_by(|a, b| {
        let key = |f: &Finding| (f.harm, f.list.clone());
        key(a).cmp(&key(b))
    });
    let mut page = String::from(
        "# Findings\n\n\
         What is known to break a rule, worst first. This page is written by `mmapcheck findings` \
         from the lists in `ci/known/` and the records in `snapshots/`; a test holds it to them.\n",
    );
    for harm in [Harm::Hang, Harm::Crash, Harm::Data, Harm::Error] {
        let these: Vec<&Finding> = found.iter().filter(|f| f.harm == harm).collect();
        page.push_str(&format!("\n## {}\n", harm.title()));
        if these.is_empty() {
            page.push_str("\nNone is known.\n");
        }
        for finding in these {
            one(&mut page, finding);
        }
    }
    page
}

fn one(page: &mut String, f: &Finding) {
    let name = f.name.split('[').next().unwrap_or(&f.name);
    let name = name.trim_end_matches('*');
    page.push_str(&format!("\n### {}: `{name}`\n\n", f.list));
    let mut item = |label: &str, text: &str| page.push_str(&format!("- {label}: {text}\n"));
    item("rule", &f.why);
    match f.rule.as_str() {
        "open" => item("stands in", "nowhere: the standard leaves it open"),
        rule => item("stands in", rule),
    }
    if !f.outcomes.is_empty() {
        item("observed", &observed(&f.outcomes));
    }
    item("because", &format!("{} ([more]({}))", f.reason, f.link));
    if let Some(reckon) = &f.reckon {
        item("reckon with it", reckon);
    }
    let seen: BTreeSet<&String> = f.seen.iter().collect();
    item(
        "recorded",
        &format!("in {}", count(seen.len(), "case", "cases")),
    );
    match (&f.report, &f.smallest) {
        (Some(report), _) => item("report", report),
        (None, Some(id)) => {
            item("smallest case", &format!("`{id}`"));
            item("in C", &format!("`mmapcheck c {}`", quoted(id)));
        }
        (None, None) => {}
    }
}

/// The outcomes in a line, the worst first, where there are many only some of them.
fn observed(outcomes: &BTreeSet<String>) -> String {
    let mut worst: Vec<&String> = outcomes.iter().collect();
    worst.sort_by_key(|o| Harm::of(o));
    let told: Vec<String> = worst
        .iter()
        .take(OUTCOMES)
        .map(|o| format!("`{o}`"))
        .collect();
    let told = told.join(", ");
    match worst.len().saturating_sub(OUTCOMES) {
        0 => told,
        n => format!("{told} and {n} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("hang", Harm::Hang)]
    #[case("wait(child) = blocked", Harm::Hang)]
    #[case("SIGBUS BUS_ADRERR at map", Harm::Crash)]
    #[case("wait(child) = killed SIGSEGV", Harm::Crash)]
    #[case("load(map, 1) = \"x\"", Harm::Data)]
    #[case("size(file) = 101", Harm::Data)]
    #[case("EINVAL", Harm::Error)]
    #[case("mmap = map", Harm::Error)]
    #[case("msync(map, max, MS_ASYNC) = ok", Harm::Error)]
    fn what_it_does(#[case] outcome: &str, #[case] harm: Harm) {
        assert_eq!(Harm::of(outcome), harm);
    }

    #[test]
    fn the_worst_comes_first() {
        let finding = |outcome: &str, report: Option<&str>| Finding {
            harm: Harm::of(outcome),
            list: "fs-odd".into(),
            why: "a rule".into(),
            rule: "open".into(),
            name: "t::c[*]".into(),
            outcomes: [outcome.to_owned()].into(),
            reason: "so".into(),
            reckon: None,
            link: "https://x.example/".into(),
            report: report.map(str::to_owned),
            seen: vec!["t::c[a=1]".into(), "t::c[a=1]".into()],
            smallest: Some("t::c[a=1]".into()),
        };
        let page = findings(vec![
            finding("EINVAL", Some("https://x.example/1")),
            finding("\"x\"", None),
            finding("hang", None),
        ]);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(at("`hang`") < at("`\"x\"`") && at("`\"x\"`") < at("`EINVAL`"));
        assert!(page.contains("## Crashes\n\nNone is known."));
        assert!(page.contains("in 1 case\n"), "{page}");
        assert_eq!(page.matches("smallest case").count(), 2);
        assert!(page.contains("report: https://x.example/1"));
    }
}
