//! Records against folders that were made by hand, and blessing against loading.

use super::*;
use crate::platform::tests::reference_machine;
use proptest::prelude::*;
use std::process::Command;

fn machine(change: impl Fn(&mut Platform)) -> Platform {
    let mut p = reference_machine();
    change(&mut p);
    p
}

fn on_tmpfs() -> Platform {
    machine(|p| p.fs = "tmpfs".into())
}

fn embedded(files: &[(&str, &str)]) -> Embedded {
    let framed = |(path, text): &(&str, &str)| ((*path).to_owned(), frame(SOURCE, text));
    Embedded(files.iter().map(framed).collect())
}

fn blocks(list: &[(&str, &str)]) -> Blocks {
    list.iter()
        .map(|(id, b)| ((*id).to_owned(), (*b).to_owned()))
        .collect()
}

fn ids(list: &[&str]) -> Vec<String> {
    list.iter().map(|id| (*id).to_owned()).collect()
}

/// A folder of snapshots that is blessed and loaded again.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Shelf(tempfile::tempdir().unwrap())
    }

    fn load(&self, platform: &Platform) -> Record {
        Record::load(&Folder(self.0.path().into()), platform, None).unwrap()
    }

    fn bless(&self, platform: &Platform, order: &[&str], seen: &[(&str, &str)]) -> Blessed {
        let record = self.load(platform);
        let order = ids(order);
        let done = record.bless(self.0.path(), "eof", order, &Grids::new(), &blocks(seen));
        done.unwrap()
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.path().join(path)).unwrap_or_default()
    }
}

const A: &str = "  mmap = map\n";
const B: &str = "  mmap = EINVAL\n";
const C: &str = "  mmap = ENODEV\n";

#[test]
fn the_reference_is_what_it_holds() {
    let source = embedded(&[(
        "linux-x86_64/eof.snap",
        "one\n  mmap = map\ntwo[a=1]\n  x\n",
    )]);
    let record = Record::load(&source, &reference_machine(), None).unwrap();
    assert!(record.is_reference());
    assert_eq!(record.home(), "linux-x86_64");
    assert_eq!(record.get("eof::one"), Recorded::Block(A));
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Block("  x\n"));
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Unrecorded);
    assert_eq!(record.get("other::one"), Recorded::Unrecorded);
}

#[test]
fn a_machine_that_nobody_observed_is_told_so() {
    let source = embedded(&[("linux-x86_64/eof.snap", "one\n  mmap = map\n")]);
    let record = Record::load(&source, &on_tmpfs(), None).unwrap();
    assert_eq!(record.home(), "fs-tmpfs");
    assert_eq!(record.get("eof::one"), Recorded::NoRecordFits(Some(A)));
    assert_eq!(record.get("eof::two"), Recorded::NoRecordFits(None));
    assert_eq!(record.get("other::one"), Recorded::NoRecordFits(None));
}

#[test]
fn a_facet_holds_what_differs_and_what_it_was_held_against() {
    let shelf = Shelf::new();
    let order = ["one", "two[a=1]", "two[a=2]"];
    let all = [("one", A), ("two[a=1]", A), ("two[a=2]", B)];
    shelf.bless(&reference_machine(), &order, &all);
    let seen = [("one", A), ("two[a=1]", C), ("two[a=2]", B)];
    assert_eq!(shelf.bless(&on_tmpfs(), &order, &seen), Blessed::Written);
    insta::assert_snapshot!(shelf.text("fs-tmpfs/eof.snap"), @r"
    ---
    source: tests/suite.rs
    ---
    observed: group, cases, digest of the base
      one 1 7b6713c50ffb6569
      two 2 f709e393e2f16285
    two[a=1]
      mmap = ENODEV
    ");
    let record = shelf.load(&on_tmpfs());
    for (id, block) in seen {
        assert_eq!(record.get(&format!("eof::{id}")), Recorded::Block(block));
    }
    assert_eq!(shelf.bless(&on_tmpfs(), &order, &seen), Blessed::Unchanged);
}

#[test]
fn an_agreeing_facet_has_its_header() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["one"], &[("one", A)]);
    shelf.bless(&on_tmpfs(), &["one"], &[("one", A)]);
    let text = shelf.text("fs-tmpfs/eof.snap");
    assert!(
        text.contains("observed:") && !text.contains("mmap"),
        "{text}"
    );
}

#[test]
fn a_changed_base_makes_the_group_unrecorded_and_no_other() {
    let shelf = Shelf::new();
    let order = ["one", "two[a=1]", "two[a=2]"];
    let all = [("one", A), ("two[a=1]", A), ("two[a=2]", B)];
    shelf.bless(&reference_machine(), &order, &all);
    shelf.bless(
        &on_tmpfs(),
        &order,
        &[("one", A), ("two[a=1]", C), ("two[a=2]", B)],
    );
    shelf.bless(&reference_machine(), &order, &[("two[a=2]", A)]);
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::one"), Recorded::Block(A));
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Unrecorded);
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Unrecorded);
}

#[test]
fn a_new_case_is_unrecorded() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["two[a=1]"], &[("two[a=1]", A)]);
    shelf.bless(&on_tmpfs(), &["two[a=1]"], &[("two[a=1]", A)]);
    let order = ["one", "two[a=1]", "two[a=2]"];
    shelf.bless(&reference_machine(), &order, &[("one", A), ("two[a=2]", B)]);
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Unrecorded);
    assert_eq!(record.get("eof::one"), Recorded::NoRecordFits(Some(A)));
}

#[test]
fn skipped_cases_keep_their_lines() {
    let shelf = Shelf::new();
    let order = ["one", "two[a=1]", "two[a=2]"];
    let all = [("one", A), ("two[a=1]", A), ("two[a=2]", B)];
    shelf.bless(&reference_machine(), &order, &all);
    assert_eq!(
        shelf.bless(&reference_machine(), &order, &[("one", A)]),
        Blessed::Unchanged
    );
    shelf.bless(
        &on_tmpfs(),
        &order,
        &[("one", C), ("two[a=1]", C), ("two[a=2]", B)],
    );
    let before = shelf.text("fs-tmpfs/eof.snap");
    for part in [&[("one", C)][..], &[("two[a=2]", B)], &[]] {
        assert_eq!(shelf.bless(&on_tmpfs(), &order, part), Blessed::Unchanged);
    }
    assert_eq!(shelf.text("fs-tmpfs/eof.snap"), before);
}

#[test]
fn a_partly_skipped_group_counts_for_the_rest() {
    let shelf = Shelf::new();
    let order = ["two[a=1]", "two[a=2]"];
    shelf.bless(
        &reference_machine(),
        &order,
        &[("two[a=1]", A), ("two[a=2]", B)],
    );
    shelf.bless(&on_tmpfs(), &order, &[("two[a=1]", A)]);
    assert!(
        shelf
            .text("fs-tmpfs/eof.snap")
            .contains("    not two[a=2]\n")
    );
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Block(A));
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Unrecorded);
    // What was not observed may change without a word.
    shelf.bless(&reference_machine(), &order, &[("two[a=2]", A)]);
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Block(A));
    // And is observed later.
    shelf.bless(&on_tmpfs(), &order, &[("two[a=2]", C)]);
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Block(A));
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Block(C));
}

#[test]
fn what_ran_against_old_records_does_not_vouch_for_the_rest() {
    let shelf = Shelf::new();
    let order = ["two[a=1]", "two[a=2]"];
    shelf.bless(
        &reference_machine(),
        &order,
        &[("two[a=1]", A), ("two[a=2]", B)],
    );
    shelf.bless(&on_tmpfs(), &order, &[("two[a=1]", C), ("two[a=2]", B)]);
    shelf.bless(&reference_machine(), &order, &[("two[a=2]", A)]);
    shelf.bless(&on_tmpfs(), &order, &[("two[a=2]", B)]);
    let record = shelf.load(&on_tmpfs());
    assert_eq!(record.get("eof::two[a=1]"), Recorded::Unrecorded);
    assert_eq!(record.get("eof::two[a=2]"), Recorded::Block(B));
}

#[test]
fn vanished_cases_go_and_so_does_an_empty_file() {
    let shelf = Shelf::new();
    shelf.bless(
        &reference_machine(),
        &["one", "two"],
        &[("one", A), ("two", B)],
    );
    shelf.bless(&on_tmpfs(), &["one", "two"], &[("one", C), ("two", B)]);
    shelf.bless(&on_tmpfs(), &["two"], &[]);
    let text = shelf.text("fs-tmpfs/eof.snap");
    assert!(!text.contains("one") && text.contains("two"), "{text}");
    assert_eq!(shelf.bless(&on_tmpfs(), &[], &[]), Blessed::Removed);
    shelf.bless(&reference_machine(), &["two"], &[]);
    assert!(!shelf.text("linux-x86_64/eof.snap").contains("one"));
}

#[test]
fn nothing_observed_writes_nothing() {
    let shelf = Shelf::new();
    assert_eq!(shelf.bless(&on_tmpfs(), &["one"], &[]), Blessed::Unchanged);
    assert!(!shelf.0.path().join("fs-tmpfs").exists());
}

#[test]
fn only_the_own_folder_is_written() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["one"], &[("one", A)]);
    shelf.bless(&on_tmpfs(), &["one"], &[("one", B)]);
    let (reference, tmpfs) = (
        shelf.text("linux-x86_64/eof.snap"),
        shelf.text("fs-tmpfs/eof.snap"),
    );
    let both = machine(|p| {
        p.fs = "tmpfs".into();
        p.door = "glibc".into();
    });
    shelf.bless(&both, &["one"], &[("one", C)]);
    let own = "linux-x86_64+fs-tmpfs+libc-glibc/eof.snap";
    assert!(shelf.text(own).contains("ENODEV"));
    assert_eq!(shelf.text("linux-x86_64/eof.snap"), reference);
    assert_eq!(shelf.text("fs-tmpfs/eof.snap"), tmpfs);
    assert_eq!(shelf.load(&both).get("eof::one"), Recorded::Block(C));
}

#[test]
fn two_facets_that_were_observed_are_a_record_of_both() {
    let shelf = Shelf::new();
    let glibc = machine(|p| p.door = "glibc".into());
    let both = machine(|p| {
        p.fs = "tmpfs".into();
        p.door = "glibc".into();
    });
    let order = ["one", "two"];
    shelf.bless(&reference_machine(), &order, &[("one", A), ("two", A)]);
    shelf.bless(&on_tmpfs(), &order, &[("one", B), ("two", A)]);
    assert_eq!(
        shelf.load(&both).get("eof::one"),
        Recorded::NoRecordFits(Some(B))
    );
    shelf.bless(&glibc, &order, &[("one", A), ("two", C)]);
    let record = shelf.load(&both);
    // The second facet's record was made over the reference, not over the first facet.
    assert_eq!(record.get("eof::one"), Recorded::Unrecorded);
    assert_eq!(record.get("eof::two"), Recorded::Block(C));
}

#[test]
fn a_kernel_s_record_holds_for_older_ones() {
    let shelf = Shelf::new();
    let kernel = |release: &'static str| machine(move |p| p.kernel = release.into());
    let order = ["one", "two"];
    shelf.bless(&reference_machine(), &order, &[("one", A), ("two", A)]);
    shelf.bless(&kernel("6.12.1"), &order, &[("one", B), ("two", A)]);
    assert_eq!(
        shelf.load(&kernel("6.1.9")).get("eof::one"),
        Recorded::Block(B)
    );
    shelf.bless(&kernel("6.1.9"), &order, &[("one", B), ("two", C)]);
    let old = shelf.text("kernel-6.1/eof.snap");
    assert!(old.contains("ENODEV") && !old.contains("EINVAL"), "{old}");
    assert_eq!(
        shelf.load(&kernel("5.10")).get("eof::two"),
        Recorded::Block(C)
    );
    assert_eq!(
        shelf.load(&kernel("6.12")).get("eof::two"),
        Recorded::Block(A)
    );
    assert!(matches!(
        shelf.load(&kernel("6.13")).get("eof::two"),
        Recorded::NoRecordFits(_)
    ));
}

#[test]
fn a_name_of_the_user_s_is_the_home() {
    let shelf = Shelf::new();
    let source = Folder(shelf.0.path().into());
    let load = |p: &Platform, name| Record::load(&source, p, Some(name));
    assert_eq!(load(&on_tmpfs(), "board").unwrap().home(), "board");
    assert_eq!(load(&on_tmpfs(), "fs-tmpfs").unwrap().home(), "fs-tmpfs");
    let here = reference_machine();
    assert_eq!(load(&here, "linux-x86_64").unwrap().home(), "linux-x86_64");
    for (p, name) in [
        (&on_tmpfs(), "linux-x86_64"),
        (&on_tmpfs(), "fs-ext4"),
        (&here, "fs-tmpfs"),
        (&here, "../x"),
    ] {
        assert!(load(p, name).is_err(), "{name}");
    }
}

#[test]
fn damage_is_told_with_file_and_line() {
    let body = |text: &str| format!("---\nsource: x\n---\n{text}");
    let observed = "observed: group, cases, digest of the base\n";
    let reference = [
        (String::new(), 1),
        ("one\n".to_owned(), 1),
        ("---\nsource: x\n".to_owned(), 1),
        (body("  mmap = map\n"), 4),
        (body("one\n  a\n\ntwo\n"), 6),
        (body("one\n  a\none\n"), 6),
        (body("one\n<<<<<<< HEAD\n"), 5),
        (body("one\n\ttab\n"), 5),
        (body(observed), 4),
    ];
    for (text, line) in reference {
        let e = SnapFile::parse(&text, true).unwrap_err();
        assert_eq!(e.line, line, "{text:?}: {e}");
    }
    let facet = [
        (body("one\n"), 4),
        (body(&format!("{observed}  one\n")), 5),
        (body(&format!("{observed}  one 1 12\n")), 5),
        (body(&format!("{observed}  one x 0123456789abcdef\n")), 5),
        (body(&format!("{observed}  one 1 0123456789abcdef x\n")), 5),
        (body(&format!("{observed}    not one\n")), 5),
        (body(&format!("{observed}one\n  a\n")), 5),
    ];
    for (text, line) in facet {
        let e = SnapFile::parse(&text, false).unwrap_err();
        assert_eq!(e.line, line, "{text:?}: {e}");
    }
    let source = Embedded(vec![("linux-x86_64/eof.snap".into(), body("  x\n"))]);
    let e = Record::load(&source, &reference_machine(), None).unwrap_err();
    assert_eq!(
        e.to_string(),
        "embedded linux-x86_64/eof.snap:4: this line belongs to no case"
    );
}

#[test]
fn bytes_that_are_no_text_are_damage() {
    let shelf = Shelf::new();
    let folder = shelf.0.path().join("linux-x86_64");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("eof.snap"), b"---\n\xff").unwrap();
    let e = Record::load(&Folder(shelf.0.path().into()), &reference_machine(), None);
    assert!(e.unwrap_err().message.contains("line 2: not UTF-8"));
}

#[test]
fn every_folder_tells_what_it_holds() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["one"], &[("one", A)]);
    shelf.bless(&on_tmpfs(), &["one"], &[("one", B)]);
    let found = everywhere(&Folder(shelf.0.path().into()), "eof::one").unwrap();
    let expected = [("linux-x86_64", A), ("fs-tmpfs", B)];
    assert_eq!(found, expected.map(|(f, b)| (f.to_owned(), b.to_owned())));
}

#[test]
fn the_first_reference_describes_itself() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["one"], &[("one", A)]);
    let text = shelf.text("linux-x86_64/platform.toml");
    assert_eq!(Reference::parse(&text), Ok(Reference::default()));
}

#[test]
fn blessing_settles_what_waits_for_review_and_leaves_no_litter() {
    let shelf = Shelf::new();
    shelf.bless(&reference_machine(), &["one"], &[("one", A)]);
    let folder = shelf.0.path().join("linux-x86_64");
    std::fs::write(folder.join("eof.snap.new"), "x").unwrap();
    shelf.bless(&reference_machine(), &["one"], &[("one", B)]);
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["eof.snap", "platform.toml"]);
}

/// Runs in a process of its own, which `blessing_writes_what_insta_writes` starts.
#[test]
#[ignore = "a part of blessing_writes_what_insta_writes"]
fn insta_writes() {
    // Run by itself, it has nothing to do.
    if std::env::var("SNAP_DIR").is_err() {
        return;
    }
    let of = |name: &str| std::env::var(name).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(of("SNAP_DIR"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(of("SNAP_NAME"), of("SNAP_TEXT")));
}

#[test]
fn blessing_writes_what_insta_writes() {
    let order = ["one", "two[a=\"x y\"]"];
    let bytes = "  load(map, 1) = x\"00\"\n  file unchanged\n";
    let seen = blocks(&[("one", A), ("two[a=\"x y\"]", bytes)]);
    for platform in [reference_machine(), on_tmpfs()] {
        for stem in ["eof", "faults/full"] {
            let (mine, theirs) = (Shelf::new(), Shelf::new());
            let record = mine.load(&platform);
            let text = record
                .text(stem, ids(&order), &Grids::new(), &seen)
                .unwrap();
            let (folder, name) = record.insta_place(stem);
            let done = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "snapshot::tests::insta_writes", "--ignored"])
                .env("INSTA_UPDATE", "always")
                .env("INSTA_WORKSPACE_ROOT", env!("CARGO_MANIFEST_DIR"))
                .env("SNAP_DIR", theirs.0.path().join(folder))
                .env("SNAP_NAME", name)
                .env("SNAP_TEXT", &text)
                .output()
                .unwrap();
            record
                .bless(mine.0.path(), stem, ids(&order), &Grids::new(), &seen)
                .unwrap();
            let path = record.path(stem).display().to_string();
            assert_eq!(theirs.text(&path), frame(file!(), &text), "{done:?}");
            assert_eq!(mine.text(&path), frame(SOURCE, &text));
        }
    }
}

/// Cases `two[a=0]` … and `one`, some of them observed.
fn observation() -> impl Strategy<Value = Vec<Option<u8>>> {
    proptest::collection::vec(proptest::option::of(0u8..3), 6)
}

const ORDER: [&str; 6] = [
    "one", "two[a=0]", "two[a=1]", "two[a=2]", "six[b=0]", "six[b=1]",
];

fn seen_of(observation: &[Option<u8>]) -> Vec<(&'static str, &'static str)> {
    let pairs = ORDER.iter().zip(observation);
    pairs
        .filter_map(|(id, o)| Some((*id, [A, B, C][usize::from((*o)?)])))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_blessed_is_recorded(history in proptest::collection::vec((0usize..4, observation()), 1..8)) {
        let shelf = Shelf::new();
        let machines = [
            reference_machine(),
            on_tmpfs(),
            machine(|p| p.door = "glibc".into()),
            machine(|p| { p.fs = "tmpfs".into(); p.door = "glibc".into(); }),
        ];
        for (who, observation) in history {
            let seen = seen_of(&observation);
            let before = shelf.load(&machines[who]);
            shelf.bless(&machines[who], &ORDER, &seen);
            let after = shelf.load(&machines[who]);
            for (id, block) in &seen {
                prop_assert_eq!(after.get(&format!("eof::{id}")), Recorded::Block(block));
            }
            for id in ORDER.iter().filter(|id| seen.iter().all(|(s, _)| s != *id)) {
                let id = format!("eof::{id}");
                if let Recorded::Block(block) = before.get(&id) {
                    prop_assert_eq!(after.get(&id), Recorded::Block(block));
                }
            }
            prop_assert_eq!(shelf.bless(&machines[who], &ORDER, &seen), Blessed::Unchanged);
        }
    }

    #[test]
    fn reading_never_panics(text in "(---\n)?(source: x\n---\n)?(observed: group, cases, digest of the base\n)?([ a-z0-9\\[\\]\n]{0,40})", reference in any::<bool>()) {
        if let Ok(file) = SnapFile::parse(&text, reference) {
            let again = SnapFile::parse(&frame("x", &file.content(reference)), reference);
            if !file.content(reference).contains(" \n") {
                prop_assert_eq!(again, Ok(file));
            }
        }
    }
}
