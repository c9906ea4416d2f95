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

/// Differences that are known and wait for the model to be mended, each with the kernel's function
/// that says who is right. Any other fails, and so does a run that holds too little.
const OPEN: &[&str] = &[
    // A pipe is of a file system that runs nothing: do_mmap() looks at path_noexec() before f_op.
    "mmap: EPERM, the model: ENODEV",
    "mmap: EPERM, the model: EINVAL",
    // __get_unmapped_area() takes a fixed address in the last page for an error's number.
    "mmap: EPERM, the model: ENOMEM",
    // vfs_read() looks at the buffer, and rw_verify_area() at the range, before the directory does.
    "read: EFAULT, the model: EISDIR",
    "pread: EFAULT, the model: EISDIR",
    "pread: EINVAL, the model: EISDIR",
    // generic_write_checks() comes before anything is copied.
    "pwrite: EFBIG, the model: EFAULT",
    // A write of a file's own mapping makes the file longer while it goes on: what was past the
    // end when it began can be read when its turn comes; generic_perform_write().
    "load: bytes, the model: SIGBUS BUS_ADRERR",
    "lseek: a number, the model: a number",
    "pwrite: a number, the model: EFAULT",
    "pwrite: a number, the model: a number",
    "size: a number, the model:",
    // A write past the end that copies nothing has moved the end already: ext4_da_do_write_end(),
    // shmem_write_end().
    "file: file, the model: file",
    "pread: EFAULT, the model: a number",
    // MAX_RW_COUNT holds for /dev/null and /dev/zero too: vfs_write().
    "write: a number, the model: a number",
];

/// No difference but the open ones, and a good part of the cases is modelled.
fn agrees(args: &[&str]) {
    let done = random(args);
    let out = String::from_utf8_lossy(&done.stdout);
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{out}{err}");
    let kinds = out.lines().filter_map(|l| l.strip_prefix("✗ "));
    let fresh: Vec<&str> = kinds
        .filter(|k| !OPEN.iter().any(|o| k.starts_with(o)))
        .collect();
    assert!(fresh.is_empty(), "{fresh:?}\n{out}{err}");
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
