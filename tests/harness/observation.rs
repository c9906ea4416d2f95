//! The same is observed whichever way it is looked at: all tables, by everyone.

use crate::bench::{Bench, Done, PROGRAM, finish, is_root};
use std::path::Path;
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

/// A journal through a pipe, an ordinary user in place of root, one worker in place of four: none
/// of it may show.
#[test]
fn however_it_is_looked_at_the_same_is_seen() {
    let bench = Bench::new();
    finish(
        Command::new("cp")
            .args(["-r", &tables()])
            .arg(bench.path("")),
    );
    observe(&bench, bench.program(), &["-j", "4"]);
    let plain = bench.records();
    assert!(plain.len() > 10, "{}", plain.len());
    bench.forget();
    let command = match is_root() {
        true => bench.as_somebody(),
        false => bench.program(),
    };
    observe(&bench, command, &["-j", "1", "--pipe-journal"]);
    let other = bench.records();
    assert!(plain.keys().eq(other.keys()), "{:?}", other.keys());
    for (path, text) in &other {
        assert_same(&plain[path], text);
    }
    bench.assert_clean();
}

fn assert_same(was: &str, is: &str) {
    if was != is {
        let lines = was.lines().zip(is.lines()).find(|(a, b)| a != b);
        panic!("{:?} has become another", lines.unwrap_or((was, is)));
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
