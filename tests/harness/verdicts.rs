//! Verdicts through the whole program, the bad ones first.

use crate::bench::{Bench, Done, finish, is_root};
use std::collections::BTreeMap;
use std::fs;

/// One case; `expect` is the claim that a test makes of a mapping at an offset of one byte, which
/// mmap(2) refuses with EINVAL.
fn offset(expect: &str) -> String {
    format!(
        "[[case]]\nname = 'offset'\nwhy = 'the offset is a multiple of the page size'\n\
         offset = '1'\nexpect = '{expect}'\n"
    )
}

const GOOD: &str = "[[case]]\nname = 'good'\nwhy = 'a file can be mapped'\nexpect = 'ok'\n";

/// What was printed, without the times and with no place of this machine in it.
fn told(bench: &Bench, done: &Done) -> String {
    let place = bench.path("").display().to_string();
    let text = done.out.replace(&place, "/bench/");
    let lines = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((counts, time)) if time.ends_with(" s") => format!("{counts} in TIME"),
        _ => line.trim_end().to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    // The first sentence tells of the machine, and may take two lines.
    let body = lines
        .iter()
        .position(|l| !l.starts_with("tables:") && !l.starts_with(' '));
    lines[body.unwrap_or(0)..].join("\n")
}

#[test]
fn a_case_that_should_fail_does_and_all_is_told_of_it() {
    let bench = Bench::with(&(GOOD.to_owned() + &offset("ok | ENODEV")));
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.out.starts_with("tables: cases; 2 cases on here ("),
        "{done:?}"
    );
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ violation  t::offset
        the offset is a multiple of the page size
        mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 1)
        allowed   ok | ENODEV
        observed  EINVAL
        rule      mmap(2)
        at        cases/t.toml:7
        again     mmapcheck run --cases cases --snapshots snapshots --known known --dir scratch --platform here --exact t::offset
        tolerate  list it in ci/known/here.toml, with a reason and a link

    0 passed, 1 failed (1 against the rule), 1 unrecorded in TIME
    not recorded for here: 1 case, of which nobody can say whether it changed;
      `--bless` writes to snapshots/here
    ");
    bench.assert_clean();
}

/// The command that is shown beside a failure shows it again, and nothing else.
#[test]
fn the_command_that_is_shown_does_what_it_says() {
    let bench = Bench::with(&(GOOD.to_owned() + &offset("ok")));
    let done = bench.run(&[]);
    let mut lines = done.out.lines();
    let command = lines.find_map(|l| l.strip_prefix("    again")).unwrap();
    let words = shlex::split(command).unwrap();
    assert_eq!(words[0], "mmapcheck");
    let again = finish(bench.program().args(&words[1..]));
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.out.starts_with("tables: cases; 1 case on here ("));
    assert!(again.out.contains("✗ violation  t::offset"), "{again:?}");
}

#[test]
fn a_case_that_changed_against_its_record_fails() {
    let bench = Bench::with(&(GOOD.to_owned() + &offset("EINVAL | ENODEV")));
    assert_eq!(bench.run(&["--bless"]).code, Some(0));
    assert_eq!(bench.run(&["--strict"]).code, Some(0));
    let (path, record) = bench.records().pop_last().unwrap();
    assert!(record.contains("EINVAL"), "{record}");
    fs::write(path, record.replace("EINVAL", "ENODEV")).unwrap();
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ changed  t::offset
        the offset is a multiple of the page size
        not what was recorded here
        mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 1)
        recorded  mmap = ENODEV
        observed  mmap = EINVAL
        rule      mmap(2)
        at        cases/t.toml:7
        again     mmapcheck run --cases cases --snapshots snapshots --known known --dir scratch --platform here --exact t::offset
        accept    `--bless` records what was observed

    1 passed, 1 failed (1 changed) in TIME
    ");
}

#[test]
fn without_a_record_only_strictness_fails() {
    let bench = Bench::with(GOOD);
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    0 passed, 0 failed, 1 unrecorded in TIME
    not recorded for here: 1 case, of which nobody can say whether it changed;
      `--bless` writes to snapshots/here
    ");
    let done = bench.run(&["--strict"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ unrecorded  t::good
        a file can be mapped
        as the rule allows; nothing is recorded of it here
        mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        rule      mmap(2)
        at        cases/t.toml:3
        again     mmapcheck run --cases cases --snapshots snapshots --known known --dir scratch --platform here --exact t::good

    0 passed, 1 failed (1 unrecorded), 1 unrecorded in TIME
    not recorded for here: 1 case, of which nobody can say whether it changed;
      `--bless` writes to snapshots/here
    ");
}

fn known(outcome: &str) -> String {
    format!(
        "[[known]]\ncase = 't::offset'\noutcome = '{outcome}'\nreason = 'a test'\n\
         link = 'https://issues.example/1'\n"
    )
}

#[test]
fn a_known_deviation_is_tolerated_while_it_is_the_one_that_is_listed() {
    let bench = Bench::with(&offset("ok"));
    bench.known(&known("EINVAL"));
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    bench.known(&known("ENODEV"));
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ another deviation  t::offset
        the offset is a multiple of the page size
        mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 1)
        allowed   ok
        observed  EINVAL
        rule      mmap(2)
        at        cases/t.toml:3
        again     mmapcheck run --cases cases --snapshots snapshots --known known --dir scratch --platform here --exact t::offset
        listed    ENODEV  (known/here.toml:2)

    0 passed, 1 failed (1 deviating otherwise than tolerated) in TIME
    ");
}

/// What is another thing at each run is told as known, and what was recorded before that was
/// known goes with the next record: a table of nothing else keeps none.
#[test]
fn what_varies_is_not_recorded_nor_kept() {
    let bench = Bench::with(&offset("EINVAL | ENODEV"));
    let done = bench.run_as("here+fs-9p", &["--bless"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(bench.records().len(), 1);
    let entry = known("").replace("outcome = ''", "varies = true");
    fs::write(bench.path("known/here+fs-9p.toml"), entry).unwrap();
    let done = bench.run_as("here+fs-9p", &["--bless"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("1 known and tolerated"), "{done:?}");
    assert_eq!(bench.records(), BTreeMap::new());
}

#[test]
fn a_stale_entry_fails() {
    let bench = Bench::with(&offset("EINVAL"));
    bench.known(&known("ENODEV"));
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ stale  t::offset
        what is listed as a known deviation is observed no more
        listed    ENODEV
        reason    a test
        at        known/here.toml:2
        mend      take the entry out of the list

    0 passed, 1 failed (1 stale), 1 unrecorded in TIME
    not recorded for here: 1 case, of which nobody can say whether it changed;
      `--bless` writes to snapshots/here
    ");
}

#[test]
fn a_refused_step_fails() {
    let bench = Bench::with(
        "[[case]]\nname = 'all'\nwhy = 'this would take the harness away'\nmap = false\n\
         then = ['munmap(0, top) = ok']\n",
    );
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(1), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    ✗ refused  t::all
        this would take the harness away
        a step was refused: it would hit the harness, and the case is not `reckless`
        munmap(NULL, top)
        rule      mmap(2)
        at        cases/t.toml:3
        again     mmapcheck run --cases cases --snapshots snapshots --known known --dir scratch --platform here --exact t::all
        allow     write `reckless = true` in the case

    0 passed, 1 failed (1 refused) in TIME
    ");
}

#[test]
fn a_skip_is_told_and_fails_where_it_is_required() {
    let needy = GOOD.replace("'good'", "'needy'") + "needs = 'root'\n";
    let bench = Bench::with(&(GOOD.to_owned() + &needy));
    let run = |more: &[&str]| {
        let mut command = match is_root() {
            true => bench.as_somebody(),
            false => bench.program(),
        };
        finish(command.args(bench.run_args()).args(more))
    };
    let done = run(&[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    insta::assert_snapshot!(told(&bench, &done), @r"
    skipped 1: needs root: the harness was not started as root (privilege)
    0 passed, 0 failed, 1 unrecorded, 1 skipped in TIME
    not recorded for here: 1 case, of which nobody can say whether it changed;
      `--bless` writes to snapshots/here
    ");
    assert_eq!(run(&["--require", "memfd"]).code, Some(0));
    for required in ["root", "all"] {
        let done = run(&["--require", required]);
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.out.contains("✗ skipped  t::needy"), "{done:?}");
    }
    // Where nothing but skipped cases is chosen, nothing was run.
    assert_eq!(run(&["needy"]).code, Some(4));
    if is_root() {
        assert_eq!(bench.run(&["--require", "root"]).code, Some(0));
    }
}

#[test]
fn mistakes_are_shown_all_at_once_and_nothing_is_run() {
    let bench = Bench::with(&(GOOD.to_owned() + &offset("EINVLA")));
    bench.table("u", &GOOD.replace("'ok'", "'ok'\nprto = 'PROT_READ'"));
    bench.table(
        "v",
        &GOOD.replace("'ok'", "'ok'\nthen = ['load(map, 1parsec)']"),
    );
    let done = bench.run(&[]);
    assert_eq!((done.code, &*done.out), (Some(2), ""), "{done:?}");
    for words in [
        "cases/t.toml:11:11",
        "did you mean `EINVAL`?",
        "cases/u.toml:7:1",
        "did you mean `prot`?",
        "cases/v.toml:7:",
        "parsec",
        "3 mistakes; nothing was run",
    ] {
        assert!(done.err.contains(words), "{words}: {}", done.err);
    }
    bench.assert_clean();
}

#[test]
fn mistakes_in_the_list_of_known_deviations_stop_the_run() {
    let bench = Bench::with(GOOD);
    bench.known(&known("EINVAL").replace("reason", "raeson"));
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.err.contains("did you mean `reason`?"), "{done:?}");
    // An entry for a case that does not exist; these tables are all that there are.
    bench.known(&known("EINVAL"));
    let arguments = ["run", "--known", "known", "--platform", "here"];
    let done = finish(bench.program().args(arguments).args(["--dir", "scratch"]));
    assert_eq!((done.code, &*done.out), (Some(2), ""), "{done:?}");
    assert!(
        done.err.contains("no case is named `t::offset`"),
        "{done:?}"
    );
}

#[test]
fn a_filter_that_selects_nothing_is_no_success() {
    let bench = Bench::with(GOOD);
    for filter in [
        &["nothing-of-this-name"][..],
        &["--exact", "t::goo"],
        &["--skip", "t::"],
    ] {
        let done = bench.run(filter);
        assert_eq!(done.code, Some(4), "{done:?}");
        assert!(done.err.contains("no case is named so"), "{done:?}");
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    let bench = Bench::with(&format!(
        "{}[[case]]\nname = 'product'\nwhy = 'a product'\n\
         open = ['O_RDONLY', 'O_WRONLY', 'O_RDWR']\nprot = ['PROT_READ', 'PROT_WRITE']\n\
         flags = ['MAP_SHARED', 'MAP_PRIVATE']\nexpect = 'ok | ENODEV'\n",
        offset("ok")
    ));
    let first = bench.run(&["-j", "4"]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let second = bench.run(&["-j", "1"]);
    assert_eq!(told(&bench, &first), told(&bench, &second));
    assert!(told(&bench, &first).contains("EACCES"), "{first:?}");
    bench.run(&["--bless"]);
    let records = bench.records();
    assert!(!records.is_empty());
    bench.run(&["--bless"]);
    assert_eq!(bench.records(), records);
    bench.forget();
    bench.run(&["--bless"]);
    assert_eq!(bench.records(), records);
}
