//! The same is observed whichever way it is looked at: all tables, by everyone.

use crate::bench::{Bench, Done, PROGRAM, finish, is_root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's own tables.
fn tables() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cases")
        .display()
        .to_string()
}

fn observe(bench: &Bench, mut command: Command, more: &[&str]) -> Done {
    let arguments = [
        "run",
        "--snapshots",
        "snapshots",
        "--known",
        "known",
        "--dir",
        "scratch",
        "--platform",
        "here",
        "--bless",
        "--cases",
    ];
    let cases = bench.path("cases");
    let done = finish(command.args(arguments).arg(cases).args(more));
    // Broken rules are the tables' own affair; here only a run that came to its end counts.
    assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    done
}

/// An ordinary user in place of root, one worker in place of four: neither may show.
#[test]
fn whoever_looks_the_same_is_seen() {
    as_somebody_with(&[]);
}

/// Nor may a journal through a pipe. Faults are left out: those that processes bring about for each
/// other want memory that they share.
#[test]
fn through_a_pipe_the_same_is_seen() {
    as_somebody_with(&["--pipe-journal", "--skip", "faults/", "--skip", "hugetlb"]);
}

fn as_somebody_with(more: &[&str]) {
    let bench = Bench::new();
    finish(
        Command::new("cp")
            .args(["-r", &tables()])
            .arg(bench.path("")),
    );
    let common = ["--sample", "1%"];
    let with = |more: &[&'static str]| [&common[..], more].concat();
    let skipped: Vec<&str> = more
        .iter()
        .copied()
        .filter(|m| *m != "--pipe-journal")
        .collect();
    observe(
        &bench,
        bench.program(),
        &[&with(&["-j", "4"])[..], &skipped].concat(),
    );
    let plain = bench.records();
    assert!(plain.len() > 10, "{}", plain.len());
    bench.forget();
    let command = match is_root() {
        true => bench.as_somebody(),
        false => bench.program(),
    };
    let done = observe(&bench, command, &[&with(&["-j", "1"])[..], more].concat());
    let other = bench.records();
    let lost: Vec<_> = plain.keys().filter(|k| !other.contains_key(*k)).collect();
    let came: Vec<_> = other.keys().filter(|k| !plain.contains_key(*k)).collect();
    assert!(lost.is_empty() && came.is_empty(), "{lost:?} {came:?}");
    for (path, text) in &other {
        // What only root can do is seen by root alone, and is left out as a whole.
        let plain = without(&plain[path], &groups_of_root(path, &bench));
        assert_same(&plain, text, &not_run(&done));
    }
    bench.assert_clean();
}

/// What a run tells of the cases that it did not run, and why.
fn not_run(done: &Done) -> String {
    let paragraphs = done.out.split("\n\n");
    let told = paragraphs.filter(|p| p.contains("incomplete") || p.contains("skipped "));
    told.collect::<Vec<_>>().join("\n\n") + &done.err
}

/// The names of the cases of a table that an ordinary user skips.
fn groups_of_root(record: &Path, bench: &Bench) -> Vec<String> {
    let below: PathBuf = record.iter().skip_while(|p| *p != "here").skip(1).collect();
    let path = bench.path("cases").join(below).with_extension("toml");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let cases = text.split("\n[[case]]\n").skip(1);
    let value = |case: &str, key: &str| {
        let line = case.lines().find(|l| l.starts_with(key));
        line.map(|l| l.split_once('=').map_or("", |l| l.1).trim().to_owned())
    };
    let skipped = |case: &&str| {
        let needs = value(case, "needs ").unwrap_or_default();
        ["\"root\"", "\"block-device\"", "\"CAP_"]
            .iter()
            .any(|n| needs.contains(n))
    };
    cases
        .filter(skipped)
        .filter_map(|case| Some(value(case, "name ")?.trim_matches('"').to_owned()))
        .collect()
}

/// A record without these groups: their lines in its head, and their blocks.
fn without(record: &str, groups: &[String]) -> String {
    let is_of = |line: &str, ends: &[char]| {
        let name = line.trim_start().split(ends).next().unwrap_or_default();
        groups.iter().any(|g| g == name)
    };
    let mut kept = String::new();
    let mut left_out = false;
    for line in record.lines() {
        let begins = !line.starts_with(' ') && !line.is_empty();
        if begins {
            left_out = is_of(line, &['[']);
        }
        if !(left_out || line.starts_with("  ") && is_of(line, &[' '])) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn assert_same(was: &str, is: &str, told: &str) {
    if was != is {
        let lines = was.lines().zip(is.lines()).find(|(a, b)| a != b);
        let lines = lines.unwrap_or((was, is));
        panic!("{lines:?} has become another; the run said\n{told}");
    }
}

/// Each fault is run once more for real: both stories must agree.
#[test]
fn what_is_let_die_dies_of_what_was_caught() {
    let bench = Bench::new();
    let mut command = bench.program();
    let arguments = [
        "run",
        "--let-die",
        "--dir",
        "scratch",
        "--platform",
        "here",
        "--cases",
    ];
    let done = finish(command.args(arguments).arg(tables()));
    assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    assert!(!done.out.contains("other death"), "{}", done.out);
    bench.assert_clean();
}

/// The library's entry takes the calls where a run asks for it. What it checks itself shows: an
/// offset that is no multiple of a page never reaches the kernel, and is refused all the same.
#[test]
fn through_the_librarys_entry() {
    let bench = Bench::with(
        "[[case]]\nname = 'offset'\nwhy = 'the offset is a multiple of the page size'\n\
         offset = '1'\nexpect = 'EINVAL'\n\
         [[case]]\nname = 'good'\nwhy = 'a file can be mapped'\nvia = ['raw', 'libc']\n\
         then = ['store(map, \"x\") = ok', 'pread(file, buf, 1, 0) = \"x\"']\n",
    );
    let done = bench.run(&["--via", "libc"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(
        done.out.replace("\n        ", " ").contains("through "),
        "{done:?}"
    );
    assert!(!bench.run(&[]).out.contains("through "), "{done:?}");
    assert!(!PROGRAM.is_empty());
    bench.assert_clean();
}

/// What a process uses of a limit is told by a file, which it must be able to open even where it may
/// open none: else the limit would be nothing, and all after it fail.
#[test]
fn what_is_used_is_known_without_a_descriptor() {
    let bench = Bench::with(
        "[[case]]\nname = 'used'\nwhy = 'what is left of a limit is left'\nmap = false\nthen = [\n\
         'setrlimit(RLIMIT_NOFILE, 0) = ok',\n\
         'setrlimit(RLIMIT_AS, used + 64page) = ok',\n\
         'mmap(NULL, 1page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = ok',\n\
         'mmap(NULL, 128page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = ENOMEM',\n\
         'open(file, O_RDONLY) = EMFILE']\n",
    );
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    bench.assert_clean();
}
