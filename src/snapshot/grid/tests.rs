use super::super::file::{Observed, SOURCE, SnapFile, frame, group, tidy, tidy_block};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn across(axis: &str, values: &[&str]) -> Across {
    Across {
        axis: axis.to_owned(),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
    }
}

fn file(blocks: &[(&str, &str)], across: Across) -> SnapFile {
    let blocks = blocks.iter();
    SnapFile {
        blocks: blocks.map(|(i, b)| ((*i).into(), (*b).into())).collect(),
        grids: Grids::from([("g".to_owned(), across)]),
        ..SnapFile::default()
    }
}

/// What is read back, by id.
fn back(text: &str, reference: bool) -> (BTreeMap<String, String>, SnapFile) {
    let read = SnapFile::parse(&frame(SOURCE, text), reference);
    let read = read.unwrap_or_else(|e| panic!("{e}\n{text}"));
    let blocks = read.blocks.clone();
    let count = blocks.len();
    let blocks: BTreeMap<String, String> = blocks.into_iter().collect();
    assert_eq!(blocks.len(), count);
    (blocks, read)
}

const CELLS: [(&str, &str); 6] = [
    ("g[at=NULL,n=0]", "  munmap = EINVAL\n"),
    ("g[at=NULL,n=1page - 1]", "  munmap = ok\n"),
    ("g[at=map,n=0]", "  munmap = EINVAL\n"),
    (
        "g[at=map,n=1page - 1]",
        "  munmap = ok\n  load = x\"00\"\n  file unchanged\n",
    ),
    ("g[at=map + 1,n=0]", "  munmap = ENOMEM\n"),
    ("plain", "  mmap = map\n"),
];

#[test]
fn a_grid_is_one_line_for_each_row() {
    let text = file(&CELLS, across("n", &["0", "1page - 1"])).content(true);
    insta::assert_snapshot!(text, @r#"
    grid g
      across n
        1 0
        2 1page - 1
      where
        I munmap = EINVAL
        M munmap = ENOMEM
        . munmap = ok
        , munmap = ok
          load = x"00"
          file unchanged
      rows         12
        at=NULL    I.
        at=map     I,
        at=map + 1 M-
    plain
      mmap = map
    "#);
}

#[test]
fn one_changed_cell_is_one_changed_line() {
    let columns = || across("n", &["0", "1page - 1"]);
    let old = file(&CELLS, columns()).content(true);
    let (_, read) = back(&old, true);
    let mut cells = CELLS;
    cells[2].1 = "  munmap = ENOMEM\n";
    let mut new = file(&cells, columns());
    new.legends.clone_from(&read.legends);
    let new = new.content(true);
    let changed: Vec<(&str, &str)> = old
        .lines()
        .zip(new.lines())
        .filter(|(a, b)| a != b)
        .collect();
    assert_eq!(changed, [("    at=map     I,", "    at=map     M,")]);
    assert_eq!(old.lines().count(), new.lines().count());
}

#[test]
fn a_new_outcome_takes_no_symbol_from_another() {
    let columns = || across("n", &["0", "1page - 1"]);
    let (_, read) = back(&file(&CELLS, columns()).content(true), true);
    let mut cells = CELLS;
    // It is told first, and would like the same letter best.
    cells[0].1 = "  mmap = EINVAL\n";
    let mut new = file(&cells, columns());
    new.legends.clone_from(&read.legends);
    let text = new.content(true);
    assert!(text.contains("\n    i mmap = EINVAL\n"), "{text}");
    assert!(text.contains("\n    at=NULL    i.\n"), "{text}");
    assert!(text.contains("\n    at=map     I,\n"), "{text}");
}

#[test]
fn more_outcomes_than_symbols_stand_below() {
    let cells: Vec<(String, String)> = (0..200)
        .map(|n| (format!("g[n={n}]"), format!("  size = {n}\n")))
        .collect();
    let cells: Vec<(&str, &str)> = cells
        .iter()
        .map(|(i, b)| (i.as_str(), b.as_str()))
        .collect();
    let text = file(&cells, across("n", &[])).content(true);
    assert!(text.contains('*'));
    let (blocks, _) = back(&text, true);
    assert_eq!(blocks.len(), 200);
    for (id, block) in cells {
        assert_eq!(blocks[id], block);
    }
}

#[test]
fn what_was_not_observed_is_kept() {
    let mut facet = file(&CELLS[..3], across("n", &["0", "1page - 1"]));
    let not = ["g[at=map + 1,n=0]", "g[at=map,n=0]", "g[no]"];
    let observed = Observed {
        cases: 3,
        base: 7,
        not: not.iter().map(|i| (*i).to_owned()).collect(),
        sample: None,
    };
    facet.observed.insert("g".to_owned(), observed.clone());
    let text = facet.content(false);
    assert!(text.contains("    at=map + 1 ?-\n"), "{text}");
    let (blocks, read) = back(&text, false);
    assert_eq!(blocks.len(), 3);
    assert_eq!(read.observed["g"], observed);
    assert_eq!(read.content(false), text);
}

#[test]
fn damaged_grids_are_told_by_line() {
    let text = frame(
        SOURCE,
        &file(&CELLS, across("n", &["0", "1page - 1"])).content(true),
    );
    for (from, to, line, what) in [
        ("  across n\n", "", 5, "expected `across`"),
        ("    1 0\n", "    10\n", 6, "a number and a value"),
        ("  where\n", "", 14, "a number and a value"),
        (
            "    M munmap",
            "    - munmap",
            10,
            "a symbol and what it stands for",
        ),
        (
            "    M munmap",
            "    I munmap",
            10,
            "stands for something already",
        ),
        (
            "    at=map     I,",
            "    at=map     I,,",
            17,
            "expected 2 symbols",
        ),
        (
            "    at=map     I,",
            "    at=map     I~",
            17,
            "what `~` stands for",
        ),
        ("    at=map     I,", "    at=map     I?", 17, "whole"),
        ("at=map     I,", "at=NULL    I,", 17, "stands here twice"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text);
        let e = SnapFile::parse(&wrong, true).unwrap_err();
        assert!(e.message.contains(what), "{from}: {e}");
        let about_grid = what == "stands here twice" || what == "whole";
        assert_eq!(e.line, if about_grid { 4 } else { line }, "{from}: {e}");
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,3}",
        "[ -~]{0,8}",
        Just("map + 1page".to_owned()),
        Just("a,n=b".to_owned()),
        Just("A|B".to_owned()),
    ]
}

fn block() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("munmap = EINVAL".to_owned()),
        Just("munmap = ok".to_owned()),
        Just("file unchanged".to_owned()),
        "[ -~]{0,20}",
    ];
    proptest::collection::vec(line, 1..4).prop_map(|lines| {
        let text: String = lines.iter().map(|l| format!("  {l}\n")).collect();
        tidy_block(&text)
    })
}

proptest! {
    /// Whatever the ids and the blocks: what was written is read back, all of it.
    #[test]
    fn nothing_is_lost(
        cells in proptest::collection::vec((value(), value(), block(), 0..4u8), 0..40),
        columns in proptest::collection::vec(value(), 0..4),
    ) {
        let mut new = SnapFile::default();
        let mut ids = BTreeSet::new();
        let mut observed = Observed { cases: cells.len(), base: 1, not: Vec::new(), sample: None };
        for (a, n, block, kind) in cells {
            let id = tidy(&match kind {
                3 => format!("g[n={n}]"),
                _ => format!("g[a={a},n={n}]"),
            });
            if group(&id) != "g" || !ids.insert(id.clone()) {
                continue;
            }
            match kind {
                0 => observed.not.push(id),
                _ => new.blocks.push((id, block)),
            }
        }
        observed.not.sort_unstable();
        let grid = Across { axis: "n".to_owned(), values: Vec::new() };
        let mut values: Vec<String> = columns;
        values.retain(|v| v.trim() == v && !v.is_empty());
        values.dedup();
        new.grids.insert("g".to_owned(), Across { values, ..grid });
        new.observed.insert("g".to_owned(), observed.clone());
        let text = new.content(false);
        // insta cuts what is invisible at the end, which no line of a record has.
        let (blocks, read) = back(&text, false);
        let expected: BTreeMap<String, String> = new.blocks.iter().cloned().collect();
        prop_assert_eq!(&blocks, &expected, "{}", text);
        let not: BTreeSet<&String> = read.observed["g"].not.iter().collect();
        prop_assert_eq!(not, observed.not.iter().collect::<BTreeSet<_>>(), "{}", text);
        // And as whole records, written once more with the symbols that they have.
        prop_assert_eq!(back(&read.content(false), false).0, expected);
    }
}
