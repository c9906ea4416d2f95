//! Random cases in small numbers: this kernel against the model, and against itself. With
//! `MMAPCHECK_RANDOM_CASES` there are as many as it says.

use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmapcheck");

fn random(args: &[&str]) -> Output {
    let count = std::env::var("MMAPCHECK_RANDOM_CASES").unwrap_or_else(|_| "1500".to_owned());
    let mut command = Command::new(PROGRAM);
    command.args(["random", "--seed", "20260401", "--count", &count]);
    command.args(args).env("NO_COLOR", "1").output().unwrap()
}

/// No difference, and a good part of the cases is modelled.
fn agrees(args: &[&str]) {
    let done = random(args);
    let out = String::from_utf8_lossy(&done.stdout);
    let err = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{out}{err}");
    let number = |before: &str| -> u64 {
        let words = out
            .split(before)
            .next()
            .and_then(|o| o.rsplit([' ', '\n']).next());
        words.and_then(|w| w.parse().ok()).unwrap()
    };
    assert!(number(" held") > 2 * number(" unmodelled"), "{out}");
}

#[test]
fn single_calls_agree_with_the_model() {
    agrees(&["--calls"]);
}

#[test]
fn programs_agree_with_the_model() {
    agrees(&["--programs"]);
}

#[test]
fn on_tmpfs_they_agree_too() {
    if Path::new("/dev/shm").is_dir() {
        agrees(&["--dir", "/dev/shm"]);
    } else {
        println!("skipped: there is no /dev/shm");
    }
}

#[test]
fn a_kernel_agrees_with_itself() {
    agrees(&["--against", &format!("{PROGRAM} worker")]);
}

/// Two file systems with other limits are two machines: the difference is found, made small, and
/// can be drawn again.
#[test]
fn another_machine_is_told_apart_and_the_smallest_case_shown() {
    let place = ["--calls", "--against-dir", "/dev/shm"];
    if !Path::new("/dev/shm").is_dir() {
        println!("skipped: there is no /dev/shm");
        return;
    }
    let done = random(&place);
    let out = String::from_utf8_lossy(&done.stdout);
    let (head, _) = out.split_once(" cases, ").unwrap();
    let (one, other) = head.split_once("\nagainst ").unwrap();
    if other.starts_with(one) {
        println!("skipped: temporary files are on the same file system as /dev/shm");
        return;
    }
    assert_eq!(done.status.code(), Some(1), "{out}");
    let (_, found) = out.split_once("[[case]]").expect("a case is shown");
    let (case, rest) = found.split_once("# again: mmapcheck ").unwrap();
    assert!(case.lines().count() < 12, "{case}");
    let seed = rest
        .split("--seed ")
        .nth(1)
        .and_then(|s| s.split_whitespace().next());
    let mut command = Command::new(PROGRAM);
    command.args(["random", "--count", "1", "--seed", seed.unwrap()]);
    let done = command.args(place).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{done:?}");
}
