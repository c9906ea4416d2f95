//! All dresses of one comparison: their numbers are the same.

use super::*;
use crate::compare::{Note, Shown};
use crate::judge::tests::past_eof;
use serde_json::Value;
use std::collections::BTreeMap;

fn shown(mark: Mark, outcome: &str) -> Shown {
    Shown {
        mark,
        outcomes: vec![outcome.into()],
    }
}

fn cluster(name: &str, n: usize) -> Cluster {
    let ids = (0..n).map(|i| format!("eof/x::{name}[at=map + {i}page,flags=A|B]"));
    Cluster {
        stem: "eof/x".into(),
        name: name.into(),
        pattern: "at=*, flags=A|B".into(),
        ids: ids.collect(),
        steps: vec!["load(map, 1)".into()],
        cells: vec![
            shown(Mark::Allowed, "SIGBUS BUS_ADRERR at map + 1page"),
            shown(Mark::Breaks, "x\"00\" <&>"),
            shown(Mark::Skipped, "needs root"),
        ],
        case: Some(past_eof()),
        bucket: None,
        notes: vec![
            vec![],
            vec![Note {
                reason: "why | so".into(),
                reckon: Some("care".into()),
                link: "https://x.example/?a=1&b=2".into(),
            }],
            vec![],
        ],
    }
}

fn comparison(rows: usize, each: usize) -> Comparison {
    Comparison {
        sides: vec![
            ("linux-x86_64".into(), "linux 6.18".into()),
            ("fs-odd".into(), "odd".into()),
            ("run-3".into(), "there".into()),
        ],
        cases: 1000 + rows * each + 7,
        agree: 1000,
        agreed: BTreeMap::from([("eof/x".into(), 600), ("access".into(), 400)]),
        differ: rows * each,
        open: 7,
        unanswered: vec![
            BTreeMap::new(),
            BTreeMap::new(),
            BTreeMap::from([("needs root".into(), rows * each + 7)]),
        ],
        clusters: (0..rows)
            .map(|n| cluster(&format!("row-{n}"), each))
            .collect(),
        alone: vec![0, rows * each, 0],
        buckets: BTreeMap::new(),
        one_sided: Vec::new(),
    }
}

fn dress(f: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    f(&mut anstream::StripStream::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_numbers_agree_in_every_dress() {
    for (rows, each) in [(0, 0), (1, 1), (3, 20), (250, 2)] {
        let c = comparison(rows, each);
        let (plain, mark, page) = (
            dress(|o| text(o, 80, &c)),
            dress(|o| markdown(o, &c)),
            dress(|o| html(o, &c)),
        );
        let doc: Value = serde_json::from_str(&dress(|o| json(o, &c))).unwrap();
        let told = sentence(&c);
        let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(&told), "{plain}");
        assert!(mark.contains(&told) && page.contains(&told));
        for (key, n) in [
            ("cases", c.cases),
            ("agree", c.agree),
            ("differ", c.differ),
            ("open", c.open),
        ] {
            assert_eq!(doc[key], n, "{key}");
        }
        let listed = doc["differences"].as_array().unwrap();
        let ids: usize = listed
            .iter()
            .map(|d| d["ids"].as_array().unwrap().len())
            .sum();
        assert_eq!((listed.len(), ids), (rows, c.differ));
        assert_eq!(page.matches("<section class=\"card\"").count(), rows);
        let rows_in_text = plain
            .lines()
            .filter(|l| l.trim_start().starts_with("✗"))
            .count();
        assert_eq!(rows_in_text, rows);
        let in_markdown = mark.lines().filter(|l| l.starts_with("| <code>")).count();
        assert_eq!(in_markdown, rows.min(200));
        if rows > 200 {
            assert!(
                mark.contains(&format!("… and {} more rows", rows - 200)),
                "{mark}"
            );
        }
        if rows > 0 {
            assert_eq!(doc["alone"]["fs-odd"], c.differ);
            let only = format!("Only fs-odd differs, and the others agree: {}", c.differ);
            assert!(mark.contains(&only), "{mark}");
        }
        assert!(page.len() < 1 << 20, "{}", page.len());
    }
}

#[test]
fn lines_fit_the_terminal() {
    let c = comparison(2, 3);
    for line in dress(|o| text(o, 80, &c)).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_page_stays_small_and_its_places_are_ids() {
    let page = dress(|o| html(o, &comparison(400, 100)));
    assert!(page.len() < 1 << 20, "{}", page.len());
    assert!(page.contains("… and 100 more"));
    let page = dress(|o| html(o, &comparison(2, 3)));
    for place in ["eof/x::row-0", "eof/x::row-1[at=map_+_2page,flags=A|B]"] {
        assert_eq!(
            page.matches(&format!(" id=\"{place}\"")).count(),
            1,
            "{place}"
        );
    }
    let mut places: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .filter_map(|s| s.split('"').next())
        .collect();
    let all = places.len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), all, "a place stands twice");
    assert!(!page.contains("<script") && !page.contains("<&>"));
    assert!(page.contains("?a=1&amp;b=2"));
}

#[test]
fn as_a_person_sees_it() {
    insta::assert_snapshot!(dress(|o| text(o, 80, &comparison(1, 2))), @r#"
    eof/x::row-0
      2 cases: at=*, flags=A|B
      a page wholly past the end of the file has nothing behind it
        load(map, 1)
          ✓ linux-x86_64  SIGBUS BUS_ADRERR at map + 1page
          ✗ fs-odd        x"00" <&>
          – run-3         needs root
        known: why | so
        reckon with: care

    run-3: 9 without an answer: needs root
    only fs-odd differs, and the others agree: 2
    linux-x86_64, fs-odd and run-3 agree on 1000 of 1009 cases, differ on 2, and 7
      are not answered by all.
    "#);
}
