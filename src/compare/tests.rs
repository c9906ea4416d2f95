//! Sides made by hand.

use super::*;
use crate::case::Scale;
use crate::judge::tests::past_eof;
use crate::known::Known;
use crate::snapshot::{Embedded, Record};
use crate::table::{self, Source, Table};
use proptest::prelude::*;

const TABLE: &str = r#"
title = "t"
cite  = "c"

[[case]]
name   = "a"
why    = "a rule"
prot   = ["PROT_NONE", "PROT_READ", "PROT_WRITE"]
expect = "ok"

[[case]]
name   = "b"
why    = "another"
expect = "EINVAL | ENODEV"
"#;

const IDS: [&str; 4] = [
    "t::a[prot=PROT_NONE]",
    "t::a[prot=PROT_READ]",
    "t::a[prot=PROT_WRITE]",
    "t::b",
];

fn tables() -> Vec<Table> {
    let source = Source {
        stem: "t".into(),
        path: "t.toml".into(),
        text: TABLE.into(),
    };
    table::load(&[source]).unwrap()
}

fn nothing_known(_: &Record) -> Result<Known, String> {
    Ok(Known::default())
}

/// A run in which each case has this outcome of its call, or none where it begins with `-`.
fn side(name: &str, outcomes: &[(&str, &str)]) -> Side {
    let mut text = String::from(r#"{"type":"run","schema":1,"machine":"m","platform":{}}"#);
    for (id, outcome) in outcomes {
        let line = match outcome.strip_prefix('-') {
            Some(why) => serde_json::json!({
                "type": "case", "id": id, "verdict": "skipped", "reason": why,
            }),
            None => serde_json::json!({
                "type": "case", "id": id, "verdict": "pass",
                "answer": [format!("mmap = {outcome}"), "file unchanged"],
            }),
        };
        text.push_str(&format!("\n{line}"));
    }
    text.push_str("\n{\"type\":\"end\"}\n");
    Side::run(name, &text, &Embedded(Vec::new()), &nothing_known).unwrap()
}

fn held(sides: &[Side]) -> Comparison {
    let tables = tables();
    let plan = Plan::new(&tables, &crate::suite::Filter::default());
    compare(sides, &plan, &|_| true)
}

fn pairs<'a>(outcomes: &[&'a str]) -> Vec<(&'static str, &'a str)> {
    IDS.iter().copied().zip(outcomes.iter().copied()).collect()
}

#[test]
fn five_buckets() {
    let a = side("a", &pairs(&["map", "EIO", "map", "EINVAL"]));
    let b = side("b", &pairs(&["EIO", "map", "map", "ENODEV"]));
    let c = held(&[a, b]);
    assert_eq!((c.cases, c.agree, c.differ, c.open), (4, 1, 3, 0));
    let told: Vec<_> = c
        .clusters
        .iter()
        .map(|c| (c.bucket.unwrap(), &c.ids[0][..]))
        .collect();
    let expected = [
        (Bucket::Broken, IDS[0]),
        (Bucket::Fixed, IDS[1]),
        (Bucket::Changed, IDS[3]),
    ];
    assert_eq!(told, expected);
    let marks: Vec<_> = c
        .clusters
        .iter()
        .map(|c| (c.cells[0].mark, c.cells[1].mark))
        .collect();
    let (good, other, bad) = (Mark::Allowed, Mark::Other, Mark::Breaks);
    assert_eq!(marks, [(good, bad), (bad, other), (good, other)]);
}

#[test]
fn what_is_not_answered_is_no_agreement() {
    let a = side("a", &pairs(&["map", "-no root", "map"]));
    let b = side("b", &pairs(&["-no root", "-no root", "map", "EINVAL"]));
    let c = held(&[a, b]);
    assert_eq!((c.cases, c.agree, c.differ, c.open), (4, 1, 0, 3));
    let one_sided: Vec<_> = c.one_sided.iter().map(|(b, id)| (*b, &id[..])).collect();
    assert_eq!(one_sided, [(Bucket::Gone, IDS[0]), (Bucket::New, IDS[3])]);
    assert_eq!(c.unanswered[0]["no root"], 1);
    assert_eq!(c.unanswered[0]["not recorded"], 1);
    assert_eq!(c.unanswered[1]["no root"], 2);
    assert!(!c.is_same());
}

#[test]
fn who_alone_differs_and_what_is_alike_is_one_row() {
    let most = ["map", "map", "EIO", "EINVAL"];
    let a = side("a", &pairs(&most));
    let b = side("b", &pairs(&most));
    let c = side("c", &pairs(&["EACCES", "EACCES", "EIO", "ENODEV"]));
    let d = side("d", &pairs(&["map", "map", "-why", "-why"]));
    let all = held(&[a, b, c, d]);
    assert_eq!(all.alone, [0, 0, 3, 0]);
    assert_eq!((all.agree, all.differ, all.open), (0, 3, 1));
    let first = &all.clusters[0];
    assert_eq!(
        (first.ids.len(), first.pattern.as_str()),
        (2, "prot={PROT_NONE PROT_READ}")
    );
    assert_eq!(first.cells[2].mark, Mark::Breaks);
    assert_eq!(first.cells[2].outcomes, ["EACCES"]);
    assert_eq!(all.clusters[1].cells[3].mark, Mark::Skipped);
    assert!(all.buckets.is_empty());
}

#[test]
fn a_case_that_no_table_has_is_held_too() {
    let a = side("a", &[("x::gone[n=1]", "map")]);
    let b = side("b", &[("x::gone[n=1]", "EIO")]);
    let c = held(&[a, b]);
    assert_eq!((c.differ, c.open), (1, 4));
    assert_eq!(c.clusters[0].bucket, Some(Bucket::Changed));
    assert!(c.clusters[0].case.is_none());
}

#[test]
fn results_that_are_none_are_told_by_their_line() {
    let wrong = |text: &str| {
        Side::run("x", text, &Embedded(Vec::new()), &nothing_known)
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(wrong(""), "line 1: no results");
    assert!(wrong("{}").starts_with("line 1: results begin"));
    assert!(wrong(r#"{"type":"run","schema":2}"#).contains("schema 2"));
    assert!(wrong("{\"type\":\"run\",\"schema\":1}\n{").starts_with("line 2: "));
    assert!(wrong("{\"type\":\"run\",\"schema\":1}\n{\"type\":\"case\"}").contains("without id"));
}

#[test]
fn an_answer_is_judged_by_the_claims() {
    let case = past_eof();
    let scale = Scale::ordinary(4096);
    let judged = |text: &str| allowed(&case, &Answer::of(text.lines()).lines, &scale);
    let good = "mmap = map\nload(map + 1page, 1) = SIGBUS BUS_ADRERR at map + 1page\n\
                load(map, 1) = x\"00\"\nfile unchanged";
    assert_eq!(judged(good), Some(true));
    assert_eq!(
        judged(&good.replace("SIGBUS BUS_ADRERR at map + 1page", "x\"00\"")),
        Some(false)
    );
    assert_eq!(judged(&good.replace("mmap =", "mremap =")), None);
    assert_eq!(judged(""), None);
}

const OUTCOMES: [&str; 5] = ["map", "EIO", "EINVAL", "ENODEV", "-why"];

proptest! {
    #[test]
    fn every_case_is_counted_once_and_both_ways_mirror(
        a in proptest::collection::vec(0..OUTCOMES.len(), 0..5),
        b in proptest::collection::vec(0..OUTCOMES.len(), 0..5),
    ) {
        let of = |name: &str, which: &[usize]| {
            let outcomes: Vec<&str> = which.iter().take(4).map(|n| OUTCOMES[*n]).collect();
            side(name, &pairs(&outcomes))
        };
        let there = held(&[of("a", &a), of("b", &b)]);
        let back = held(&[of("b", &b), of("a", &a)]);
        let same = held(&[of("a", &a), of("a", &a)]);
        for c in [&there, &back, &same] {
            prop_assert_eq!(c.agree + c.differ + c.open, c.cases);
            prop_assert_eq!(c.clusters.iter().map(|c| c.ids.len()).sum::<usize>(), c.differ);
            let in_buckets: usize = c.buckets.values().sum();
            prop_assert_eq!(in_buckets, c.differ + c.one_sided.len());
        }
        prop_assert_eq!((same.differ, same.one_sided.len()), (0, 0));
        let n = |c: &Comparison, b: Bucket| c.buckets.get(&b).copied().unwrap_or_default();
        use Bucket::{Broken, Changed, Fixed, Gone, New};
        for (one, other) in [(Fixed, Broken), (Broken, Fixed), (New, Gone), (Changed, Changed)] {
            prop_assert_eq!(n(&there, one), n(&back, other));
        }
    }
}
