//! The command line: what is refused, what is carried, what is shown.

use crate::bench::{Bench, finish};
use rstest::rstest;

#[rstest]
#[case::none(&[])]
#[case::unknown(&["rnu"])]
#[case::no_steps(&["try"])]
#[case::jobs(&["run", "-j", "0"])]
#[case::part(&["run", "--partition", "slice:3/2"])]
#[case::need(&["run", "--require", "rot"])]
#[case::tables(&["run", "--cases", "/no/such/folder"])]
#[case::no_table(&["run", "--cases", "scratch"])]
#[case::step(&["try", "maap(NULL)"])]
#[case::case(&["explain", "no::such-case", "--cases", "cases"])]
#[case::bless(&["run", "--bless"])]
#[case::worker(&["try", "--worker", "'", "close(-1)"])]
fn usage_is_code_2_and_says_why(#[case] arguments: &[&str]) {
    let bench =
        Bench::with("[[case]]\nname = 'good'\nwhy = 'a file can be mapped'\nexpect = 'ok'\n");
    let done = finish(bench.program().args(arguments));
    assert_eq!((done.code, &*done.out), (Some(2), ""), "{done:?}");
    assert!(!done.err.is_empty());
    bench.assert_clean();
}

/// Outside a checkout the program runs the tables that it carries.
#[test]
fn the_tables_are_carried() {
    let bench = Bench::new();
    let run = |filter: &str| {
        let arguments = ["run", "--dir", "scratch", "--platform", "here", filter];
        finish(bench.program().args(arguments))
    };
    let done = run("arguments::");
    assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    assert!(done.out.starts_with("tables: embedded "), "{done:?}");
    let done = finish(bench.program().args(["list", "--count"]));
    let last = done.out.lines().last().unwrap_or_default();
    let total: usize = last
        .trim()
        .strip_suffix("  in all")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(total > 1000, "{done:?}");
}

#[test]
fn parts_are_the_whole() {
    let bench = Bench::with(
        "[[case]]\nname = 'a'\nwhy = 'a product'\nprot = ['PROT_READ', 'PROT_WRITE']\n\
         flags = ['MAP_SHARED', 'MAP_PRIVATE']\nlength = ['1', '1page', 'eof']\nexpect = 'ok'\n\
         [[case]]\nname = 'b'\nwhy = 'one more'\nexpect = 'ok'\n",
    );
    let list = |part: &str| {
        let arguments = ["list", "--cases", "cases", "--partition", part];
        let done = finish(bench.program().args(arguments));
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut whole = list("slice:1/1");
    assert_eq!(whole.len(), 13);
    whole.sort();
    for way in ["slice", "hash"] {
        let mut parts: Vec<String> = (1..=3)
            .flat_map(|n| list(&format!("{way}:{n}/3")))
            .collect();
        parts.sort();
        assert_eq!(parts, whole, "{way}");
    }
}

#[test]
fn two_runs_are_held_side_by_side() {
    let case = |length: &str| {
        format!(
            "[[case]]\nname = 'a'\nwhy = 'a rule'\nprot = ['PROT_READ', 'PROT_WRITE']\n\
             expect = 'ok'\n[[case]]\nname = 'b'\nwhy = 'one more'\nlength = '{length}'\nexpect = 'EINVAL | ok'\n"
        )
    };
    let bench = Bench::with(&case("0"));
    let run = |name: &str, more: &[&str]| {
        let file = bench.path(name);
        let report = format!("json={}", file.display());
        let mut command = bench.program();
        command.args(bench.run_args()).args(["--report", &report]);
        let done = finish(command.args(more));
        assert!(file.is_file(), "{done:?}");
        file.display().to_string()
    };
    let before = run("before.jsonl", &[]);
    bench.table("t", &case("1page"));
    let after = run("after.jsonl", &["--skip", "PROT_READ"]);
    let compare =
        |a: &str, b: &str| finish(bench.program().args(["compare", "--cases", "cases", a, b]));
    let done = compare(&before, &before);
    assert_eq!(done.code, Some(0), "{done:?}");
    let done = compare(&before, &after);
    assert_eq!(done.code, Some(1), "{done:?}");
    for told in [
        "changed  t::b\n",
        "✓ before  EINVAL\n",
        "≠ after   map\n",
        "after: 1 without an answer: not recorded\n",
        "0 broken, 0 fixed, 1 changed, 0 new, 1 gone\n",
        "before and after agree on 1 of 3 cases, differ on 1, and 1 is not answered by all.\n",
    ] {
        let out = done.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.contains(&told), "{told}: {}", done.out);
    }
    let done = compare(&before, "nothing-here");
    assert_eq!(done.code, Some(2), "{done:?}");
}

#[test]
fn the_doctor_tells_of_every_need() {
    let bench =
        Bench::with("[[case]]\nname = 'good'\nwhy = 'a file can be mapped'\nexpect = 'ok'\n");
    let done = finish(
        bench
            .program()
            .args(["doctor", "--dir", "scratch", "--cases", "cases"]),
    );
    assert_eq!((done.code, &*done.err), (Some(0), ""), "{done:?}");
    for (need, _) in mmapcheck::case::need::NEEDS {
        let told = |l: &str| {
            let mut words = l.split_whitespace();
            matches!(words.next(), Some("yes" | "no")) && words.next() == Some(need)
        };
        assert!(done.out.lines().any(told), "{need}: {}", done.out);
    }
    bench.assert_clean();
}

#[test]
fn nothing_is_coloured_that_is_no_terminal() {
    let bench = Bench::with(
        "[[case]]\nname = 'wrong'\nwhy = 'nothing is at descriptor -1'\nmap = false\n\
         then = ['close(-1) = ok']\n",
    );
    let mut command = bench.program();
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
    let done = finish(command.args(bench.run_args()));
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        !done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'),
        "{done:?}"
    );
    // But for the command, which is copied as a line.
    let lines = done.out.lines().filter(|l| !l.starts_with("    again"));
    let longest = lines.map(|l| l.chars().count()).max();
    assert!(longest <= Some(80), "{done:?}");
}

/// A worker whose runner goes away before the first word has nothing to do.
#[test]
fn a_worker_without_a_runner_ends() {
    let bench = Bench::new();
    let done = finish(bench.program().arg("worker"));
    assert_eq!(
        (done.code, &*done.out, &*done.err),
        (Some(0), "", ""),
        "{done:?}"
    );
}
