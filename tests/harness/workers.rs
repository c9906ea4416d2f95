//! Workers that die, are silent, talk rubbish or lose what they say: a clear word and exit code 3
//! where the harness failed, the same answers as ever where it could make up for it.

use crate::bench::{Bench, Done, await_end, finish, is_root, skip};
use crate::processes;
use mmapcheck::machine::frame::{Frame, Line, read_line};
use nix::sys::signal::Signal;
use rstest::rstest;
use std::io::Write;
use std::process::{Command, Stdio};

/// As many cases as keep several windows full, each with an answer of its own.
fn many() -> Bench {
    let numbers: Vec<String> = (100..240).map(|n| format!("'z{n}z'")).collect();
    Bench::with(&format!(
        "[[case]]\nname = 'many'\nwhy = 'what is written is read'\nneeds = ['proc', 'memfd']\nvary = {{ word = [{}] }}\n\
         then = ['store(map, \"$word\")', 'load(map, 5) = \"$word\"']\n",
        numbers.join(", ")
    ))
}

const CASES: usize = 140;

/// Records what an undisturbed run observes.
fn recorded() -> Bench {
    let bench = many();
    let done = bench.run(&["--bless"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    bench
}

fn assert_as_ever(bench: &Bench, done: &Done) {
    assert_eq!(done.code, Some(0), "{done:?}");
    let closing = format!("{CASES} passed, 0 failed in ");
    assert!(done.out.contains(&closing), "{done:?}");
    assert_eq!(done.err, "");
    bench.assert_clean();
}

/// One case can't be run, the others are as ever.
fn assert_one_incomplete(bench: &Bench, done: &Done, word: &str, why: &str) {
    assert_eq!(done.code, Some(3), "{done:?}");
    let head = format!("✗ incomplete  t::many[word={word}]");
    assert!(done.out.contains(&head), "{done:?}");
    assert_eq!(done.out.matches("✗").count(), 1, "{done:?}");
    assert!(done.out.contains(why), "{done:?}");
    let closing = format!("{} passed, 0 failed, 1 incomplete", CASES - 1);
    assert!(done.out.contains(&closing), "{done:?}");
    bench.assert_clean();
}

#[rstest]
#[case::not_there("/no/such/program", "can't be started")]
#[case::fails("false", "has ended (exit status: 1)")]
#[case::greets_otherwise("echo hello", "has ended (exit status: 0)")]
#[case::unreadable("sh -c 'unfinished", "can't be read")]
fn a_worker_that_can_not_be_had(#[case] worker: &str, #[case] why: &str) {
    let bench = many();
    let done = finish(
        bench
            .program()
            .args(bench.run_args())
            .args(["--worker", worker]),
    );
    let code = if why == "can't be read" { 2 } else { 3 };
    assert_eq!((done.code, &*done.out), (Some(code), ""), "{done:?}");
    assert!(done.err.contains(why), "{done:?}");
    bench.assert_clean();
}

#[test]
fn a_worker_without_dev_null_says_so() {
    let alone = Command::new("unshare").args(["-m", "true"]).output();
    if !is_root() || !alone.is_ok_and(|o| o.status.success()) {
        return skip("only root has a mount namespace of its own");
    }
    let bench = many();
    let script = "exec unshare -m sh -c \"mount -t tmpfs none /dev && exec $W\"";
    let done = bench.run_with_worker(script, &["-j", "1"]);
    assert_eq!((done.code, &*done.out), (Some(3), ""), "{done:?}");
    assert!(
        done.err.contains("/dev/null can't be opened: No such file"),
        "{done:?}"
    );
    bench.assert_clean();
}

#[test]
fn a_worker_with_too_few_descriptors_says_how_many_it_needs() {
    let bench = many();
    let done = bench.run_with_worker("ulimit -n 256 && exec $W", &["-j", "1"]);
    if is_root() && done.code != Some(3) {
        return skip("who may raise the limit does so");
    }
    assert_eq!((done.code, &*done.out), (Some(3), ""), "{done:?}");
    let why = "the limit on open files is 256 here and can't be raised to the 1024 that are needed";
    assert!(done.err.contains(why), "{done:?}");
    bench.assert_clean();
}

/// As with `--worker 'ssh host ./mmapcheck worker' --silence 120`: a shell over there that knows
/// nothing of the environment here, and nothing between the two but the line.
#[test]
fn a_worker_may_be_behind_a_shell_with_an_environment_of_its_own() {
    let bench = recorded();
    let script = "exec env -i PATH=/usr/bin:/bin sh -c \"$W\" 2>/dev/null | cat";
    let done = bench.run_with_worker(script, &["--silence", "120"]);
    assert_as_ever(&bench, &done);
}

/// What a call may take of a CPU is measured there, and said here.
#[test]
fn a_worker_is_told_how_long_a_call_may_compute() {
    let bench = recorded();
    let heard = bench.path("heard");
    let script = format!("tee -a {} | $W", heard.display());
    let done = bench.run_with_worker(&script, &["--busy", "54321"]);
    assert_as_ever(&bench, &done);
    let heard = std::fs::read_to_string(heard).unwrap();
    assert!(heard.contains("busy 54321"), "{heard}");
}

/// The first answer tells what the machine is; after it the worker can't be started any more.
#[test]
fn a_worker_that_starts_no_more_ends_the_run_and_what_was_seen_is_kept() {
    let bench = recorded();
    let count = bench.path("count");
    let script = format!(
        "echo x >> {0}; test $(wc -l < {0}) -le 2 || exit 1; sed -u /z150z/Q | $W",
        count.display()
    );
    let done = bench.run_with_worker(&script, &["-j", "1"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("has ended"), "{done:?}");
    // What came before is told, and what was not run is not passed over.
    assert!(
        done.out.contains("50 passed, 0 failed, 90 incomplete"),
        "{done:?}"
    );
    bench.assert_clean();
}

#[rstest]
#[case::stray_lines("yes rubbish")]
#[case::no_lines("cat /dev/zero")]
#[case::marks("yes \"@mmapcheck hello\"")]
fn a_worker_that_writes_rubbish(#[case] program: &str) {
    let bench = many();
    let done = bench.run_with_worker(&format!("exec {program}"), &["--silence", "1"]);
    assert_eq!((done.code, &*done.out), (Some(3), ""), "{done:?}");
    assert!(done.err.contains("the worker `sh` "), "{done:?}");
    processes::assert_none(bench.mark());
}

/// A greeting that is none: a frame of the right form that says nothing.
#[rstest]
#[case::empty("hello", "")]
#[case::rubbish("hello", "scale\nos")]
#[case::other("result", "ok\nno file\n")]
fn a_greeting_must_be_one(#[case] kind: &str, #[case] payload: &str) {
    let bench = many();
    let mut line = Vec::new();
    Frame::new(kind, 1, payload).write(&mut line);
    let path = bench.path("greeting");
    std::fs::write(&path, line).unwrap();
    let done = bench.run_with_worker(&format!("exec cat {}", path.display()), &[]);
    assert_eq!((done.code, &*done.out), (Some(3), ""), "{done:?}");
    assert!(done.err.starts_with("mmapcheck: "), "{done:?}");
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let bench = many();
    let mut worker = bench
        .program()
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = Vec::new();
    let start = format!(
        "protocol 0 0.0.0\ndir {}\nmemory 1000000\n",
        bench.scratch().display()
    );
    Frame::new("start", 1, start).write(&mut line);
    worker.stdin.take().unwrap().write_all(&line).unwrap();
    let done = await_end(worker);
    assert_eq!(done.code, Some(3), "{done:?}");
    let Line::Frame(answer) = read_line(done.out.as_bytes()) else {
        panic!("{done:?}");
    };
    assert_eq!(answer.kind, "error");
    assert!(
        answer.payload.contains("both must be of one version"),
        "{answer:?}"
    );
    // And the runner passes that on.
    let path = bench.path("refusal");
    std::fs::write(&path, done.out).unwrap();
    let done = bench.run_with_worker(&format!("exec cat {}", path.display()), &[]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("both must be of one version"), "{done:?}");
    bench.assert_clean();
}

#[rstest]
#[case::from_the_start("exec sleep 1000")]
#[case::once_it_has_greeted("sed -u 1q | $W; exec sleep 1000")]
#[case::and_does_not_read("exec 3<&0; head -c 200 <&3 > /dev/null; exec sleep 1000")]
fn a_worker_that_never_answers(#[case] script: &str) {
    let bench = many();
    let done = bench.run_with_worker(script, &["--silence", "1", "-j", "1"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    let told = format!("{}{}", done.out, done.err);
    assert!(told.contains("said nothing for 1 s"), "{done:?}");
    bench.assert_clean();
}

/// More than a pipe holds, in one case: a worker that does not read must not keep the runner from
/// looking at the clock.
#[test]
fn a_worker_that_never_reads() {
    let text = "x".repeat(100_000);
    let bench = Bench::with(&format!(
        "[[case]]\nname = 'long'\nwhy = 'a long text'\nfile = {{ size = '100000', \
         content = '\"{text}\"' }}\nthen = ['load(map, 1) = \"x\"']\n"
    ));
    assert_eq!(bench.run(&[]).code, Some(0));
    let script = "sed -u 1q | $W; exec sleep 1000";
    let done = bench.run_with_worker(script, &["--silence", "1"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    bench.assert_clean();
}

/// Noise that a line may pick up, and that is made up for.
#[rstest]
#[case::console_before_each_frame("$W | sed -u \"s/^/[  1.23] usb 1-1: new device /\"")]
#[case::stray_lines("$W | sed -u \"i a line of the kernel\"")]
#[case::carriage_returns("$W | sed -u \"s/$/\\r/\"")]
#[case::twice("$W | sed -u p")]
#[case::one_answer_damaged("$W | sed -u \"20s/z/y/\"")]
#[case::many_answers_damaged("$W | sed -u \"20s/z/y/;60s/z/y/;61s/z/y/;110s/z/y/\"")]
#[case::one_answer_cut("$W | sed -u \"20s/.....$//\"")]
#[case::one_answer_lost("$W | sed -u 20d")]
#[case::many_answers_lost("$W | sed -u \"20d;60d;61d;110d\"")]
#[case::one_request_damaged("sed -u \"20s/z/y/\" | $W")]
#[case::many_requests_damaged("sed -u \"20s/z/y/;60s/z/y/;61s/z/y/;110s/z/y/\" | $W")]
#[case::one_request_lost("sed -u 20d | $W")]
fn a_bad_line_is_made_up_for(#[case] script: &str) {
    let bench = recorded();
    let done = bench.run_with_worker(script, &["-j", "1", "--silence", "5"]);
    assert_as_ever(&bench, &done);
}

#[rstest]
#[case::answer("$W | sed -u \"s/z150z/z151z/\"")]
#[case::request("sed -u \"s/z150z/z151z/\" | $W")]
fn what_is_damaged_each_time_is_given_up(#[case] script: &str) {
    let bench = recorded();
    let done = bench.run_with_worker(script, &["-j", "1"]);
    assert_one_incomplete(&bench, &done, "z150z", "damaged");
}

/// The worker gets its input by lines, and dies when one holds a word. What it had answered and
/// not yet sent is lost with it.
fn dies_at(word: &str) -> String {
    format!(
        "d=$(mktemp -d); mkfifo $d/in; $W < $d/in & w=$!; exec 3> $d/in; rm -r $d; \
         while IFS= read -r l; do case $l in *{word}*) kill -9 $w; exit 1;; esac; \
         printf \"%s\\n\" \"$l\" >&3; done"
    )
}

#[test]
fn a_case_that_always_kills_its_worker_is_given_up_and_no_other() {
    let bench = recorded();
    for jobs in ["1", "2"] {
        let done = bench.run_with_worker(&dies_at("z150z"), &["-j", jobs]);
        assert_one_incomplete(&bench, &done, "z150z", "twice");
    }
}

#[test]
fn several_such_cases_in_a_row() {
    let bench = recorded();
    let done = bench.run_with_worker(&dies_at("z15[0-5]z"), &["-j", "1"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    let closing = format!("{} passed, 0 failed, 6 incomplete", CASES - 6);
    assert!(done.out.contains(&closing), "{done:?}");
    bench.assert_clean();
}

/// Runs four times; each time a worker gets a signal, at another moment. How many there were that
/// had not ended by then.
fn with_a_signal_to_a_worker(bench: &Bench, signal: Signal) -> usize {
    let mut met = 0;
    for round in 0..4u64 {
        let runner = bench
            .program()
            .args(bench.run_args())
            .args(["-j", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = runner.id() as i32;
        std::thread::sleep(std::time::Duration::from_millis(20 + 15 * round));
        // One alone: a case that is with two of them when they die counts as their end.
        if let Some(worker) = processes::workers(bench.mark(), pid).first() {
            processes::signal(worker.pid, signal);
            met += 1;
        }
        assert_as_ever(bench, &await_end(runner));
    }
    met
}

#[test]
fn a_worker_that_is_killed_is_started_anew() {
    with_a_signal_to_a_worker(&recorded(), Signal::SIGKILL);
}

/// A fault that was none, as an emulator with a mistake gives it, or a signal from a stranger: a
/// worker that went on with the default action would hand that down to all its cases.
#[test]
fn a_worker_that_meets_a_fault_itself_does_not_go_on() {
    let numbers: Vec<String> = (100..240).map(|n| format!("'{n}page'")).collect();
    let bench = Bench::with(&format!(
        "[[case]]\nname = 'many'\nwhy = 'what is unmapped is gone'\nvary = {{ len = [{}] }}\n\
         then = ['munmap(map, 1page) = ok', 'load(map, 1) = SIGSEGV at map']\nlength = '$len'\n",
        numbers.join(", ")
    ));
    let done = bench.run(&["--bless"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let met = with_a_signal_to_a_worker(&bench, Signal::SIGSEGV);
    assert!(met > 0, "each run was over too soon");
}
