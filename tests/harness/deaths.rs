//! Real deaths: told apart from exits, agreeing with the faults that were caught, and leaving
//! neither a core file nor a line in the kernel's log.

use crate::bench::{Bench, PROGRAM, finish, is_root, skip};
use crate::kernel_log;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A child that ends so, and what is claimed of its end.
fn end_of_child(ends: &str, claim: &str) -> Bench {
    Bench::with(&format!(
        "[[case]]\nname = 'end'\nwhy = 'a child ends'\nend = 'signal'\n\
         prot = 'PROT_READ'\nthen = ['child = fork()', 'child: {ends}', 'wait(child) = {claim}']\n"
    ))
}

/// A shell tells both as 139. See wait(2): WIFEXITED and WIFSIGNALED.
#[rstest]
#[case("exit(139)", "exit 139", 0)]
#[case("exit(139)", "SIGSEGV", 1)]
#[case("store(map, \"x\")", "SIGSEGV", 0)]
#[case("store(map, \"x\")", "exit 139", 1)]
fn an_exit_is_no_death(#[case] ends: &str, #[case] claim: &str, #[case] code: i32) {
    let bench = end_of_child(ends, claim);
    let done = bench.run(&[]);
    assert_eq!(done.code, Some(code), "{done:?}");
    bench.assert_clean();
}

#[rstest]
#[case::main(&["store(a, \"x\")", "close(-1)"], 0, "close(-1) = not reached: main")]
#[case::child(&["c = fork()", "c: store(a, \"x\")", "wait(c)"], 1, "wait(c) = killed SIGSEGV")]
#[case::thread(&["t = thread()", "t: store(a, \"x\")", "close(-1)"], 1, "close(-1) = not reached: main")]
fn a_fault_kills_where_it_is_let(#[case] steps: &[&str], #[case] which: usize, #[case] rest: &str) {
    let bench = Bench::new();
    let mut arguments = vec![
        "--let-die",
        "a = mmap(NULL, 1page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
    ];
    arguments.extend(steps);
    let seen = bench.transcript(&arguments);
    assert!(
        seen[which + 1].ends_with("store(a, \"x\") = killed SIGSEGV"),
        "{seen:?}"
    );
    assert_eq!(seen[which + 2], rest);
    bench.assert_clean();
}

/// What outlives the one who dies goes on.
#[test]
fn the_others_go_on() {
    let bench = Bench::new();
    let seen = bench.transcript(&[
        "--let-die",
        "a = mmap(NULL, 1page, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
        "c = fork()",
        "store(a, \"x\")",
        "c: load(a, 1)",
    ]);
    assert_eq!(
        seen[2..4],
        [
            "store(a, \"x\") = killed SIGSEGV",
            "c: load(a, 1) = x\"00\""
        ]
    );
    bench.assert_clean();
}

/// fork(2): the child of a process with threads is a process of its own. It does not end with the
/// thread that made it, as the wish to die with the parent would have it (PR_SET_PDEATHSIG).
#[test]
fn a_child_outlives_the_thread_that_made_it() {
    let bench = Bench::new();
    let seen = bench.transcript(&[
        "t = thread()",
        "t: c = fork()",
        "wait(t)",
        "c: close(-1)",
        "c: exit(5)",
        "close(-1)",
    ]);
    assert_eq!(
        seen[3..],
        [
            "c: close(-1) = EBADF",
            "c: exit(5) = exit 5",
            "close(-1) = EBADF"
        ]
    );
    bench.assert_clean();
}

/// Faults of each kind that a touch or a call can raise.
const FAULTS: &str = "
[[case]]
name = 'past-eof'
why = 'a page wholly past the end of the file has nothing behind it'
length = '2page'
then = ['load(map + 1page, 1) = SIGBUS']

[[case]]
name = 'read-only'
why = 'what may only be read is not written'
prot = 'PROT_READ'
then = ['store(map, \"x\") = SIGSEGV']

[[case]]
name = 'no-reader'
why = 'a pipe that nobody reads can not be written'
map = false
then = ['p = pipe()', 'close(p.read)', 'write(p.write, \"x\", 1) = EPIPE SIGPIPE']
";

/// Every fault is run once more for real: what the worker is asked for shows that.
#[test]
fn each_fault_is_also_died_of() {
    let bench = Bench::with(FAULTS);
    let asked = bench.path("asked");
    let script = format!("tee -a {} | $W", asked.display());
    let done = bench.run_with_worker(&script, &["--let-die", "-j", "1"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let asked = fs::read_to_string(asked).unwrap();
    let runs = asked
        .lines()
        .filter(|l| l.starts_with("@mmapcheck run "))
        .count();
    assert_eq!(runs, 6, "{asked}");
    bench.assert_clean();
}

/// Lines of the kernel's log that speak of the program: show_signal_msg() in arch/x86/mm/fault.c
/// and its like elsewhere print its name and process number.
#[test]
fn the_kernels_log_has_no_line_of_it() {
    let Some(before) = kernel_log::lines_about("mmapcheck[") else {
        return skip("the kernel's log can't be read here");
    };
    let bench = Bench::with(FAULTS);
    let done = bench.run(&["--let-die"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    bench.transcript(&["--reckless", "munmap(0, top)"]);
    let after = kernel_log::lines_about("mmapcheck[").unwrap();
    let new: Vec<&String> = after.iter().filter(|l| !before.contains(l)).collect();
    assert!(new.is_empty(), "{new:?}");
}

#[test]
fn no_core_file_is_left_in_the_folder() {
    let bench = Bench::with(FAULTS);
    let mut command = bench.marked("sh");
    command.args([
        "-c",
        "ulimit -S -c unlimited 2>/dev/null; exec \"$@\"",
        "sh",
        PROGRAM,
    ]);
    let done = finish(command.args(bench.run_args()).arg("--let-die"));
    assert_eq!(done.code, Some(0), "{done:?}");
    bench.assert_clean();
    let cores = fs::read_dir(bench.path("")).unwrap();
    let names = cores.map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|n| n.starts_with("core")).count(), 0);
}

const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The core pattern as it was, put back at the end.
struct Pattern(String);

impl Pattern {
    fn change(to: &str) -> Option<Self> {
        let was = fs::read_to_string(CORE_PATTERN).ok()?;
        fs::write(CORE_PATTERN, to).ok()?;
        Some(Pattern(was))
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        let _ = fs::write(CORE_PATTERN, &self.0);
    }
}

/// core(5): where cores go to a program, RLIMIT_CORE is not enforced.
#[test]
fn no_core_goes_to_a_program_either() {
    if !is_root() {
        return skip("only root can change where cores go");
    }
    let bench = Bench::with(FAULTS);
    let taker: PathBuf = bench.path("taker");
    let taken = bench.path("taken");
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> {}\ncat > /dev/null\n",
        taken.display()
    );
    fs::write(&taker, script).unwrap();
    fs::set_permissions(&taker, fs::Permissions::from_mode(0o755)).unwrap();
    let Some(_back) = Pattern::change(&format!("|{} %e", taker.display())) else {
        return skip("where cores go can't be changed here");
    };
    // The pattern works: another program's core arrives.
    finish(bench.marked("sh").args(["-c", "kill -SEGV $$"]));
    let taken_from = || fs::read_to_string(&taken).unwrap_or_default();
    for _ in 0..200 {
        if taken_from().contains("sh") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    if !taken_from().contains("sh") {
        return skip("cores do not reach a program here");
    }
    assert_eq!(bench.run(&["--let-die"]).code, Some(0));
    bench.transcript(&["--reckless", "munmap(0, top)"]);
    finish(bench.marked("sh").args(["-c", "kill -SEGV $$"]));
    crate::bench::eventually("the last core arrives", || {
        taken_from().matches("sh").count() == 2
    });
    assert!(!taken_from().contains("mmapcheck"), "{}", taken_from());
}
