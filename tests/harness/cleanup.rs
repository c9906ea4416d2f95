//! What is left when something is killed: nothing, whenever and whoever it is.
#![expect(
    unsafe_code,
    reason = "the disposition of a signal is set between fork and exec"
)]

use crate::bench::{Bench, Done, PROGRAM, await_end, eventually, finish, is_root, skip};
use crate::processes::{self, Process};
use nix::sys::signal::{SigHandler, Signal};
use rstest::rstest;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Cases of all kinds of company: files, children, threads, strangers, some that wait, and some
/// in which `main` ends before the others.
fn lively() -> Bench {
    let numbers: Vec<String> = (0..600).map(|n| format!("'{n}'")).collect();
    let numbers = numbers.join(", ");
    Bench::with(&format!(
        "[[case]]\nname = 'company'\nwhy = 'many act'\nvary = {{ n = [{numbers}] }}\n\
         before = ['peer = process()', 'p = pipe()']\n\
         then = ['child = fork()', 't = thread()', 'child: grand = fork()', \
         'grand: store(map, \"$n\")', 't: load(map, 1)', 'peer: close(-1)', \
         'child: read(p.read, buf, 1) = blocked', 'open(new, O_CREAT|O_RDWR) = ok']\n\
         [[case]]\nname = 'orphan'\nwhy = 'the others outlive main'\nmap = false\n\
         vary = {{ n = [{numbers}] }}\n\
         then = ['p = pipe()', 'child = fork()', 'child: lseek(-1, $n, SEEK_SET) = EBADF', \
         'exit(0)', 'child: read(p.read, buf, 1) = blocked']\n"
    ))
}

fn start(bench: &Bench, filter: &str) -> Child {
    let mut command = bench.program();
    command
        .args(bench.run_args())
        .args(["-j", "2", filter])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    // SAFETY: one system call.
    unsafe { command.pre_exec(heed_interrupts) };
    command.spawn().unwrap()
}

/// What a shell starts in the background ignores SIGINT, and all that it starts in turn.
fn heed_interrupts() -> std::io::Result<()> {
    // SAFETY: no handler is set.
    unsafe { nix::sys::signal::signal(Signal::SIGINT, SigHandler::SigDfl) }?;
    Ok(())
}

/// A run with at least one worker that is at a case.
struct Running {
    runner: Child,
    worker: Process,
    janitor: Process,
}

fn in_the_middle(bench: &Bench, filter: &str, delay: Duration) -> Running {
    let runner = start(bench, filter);
    let pid = runner.id() as i32;
    let mut found = None;
    eventually("a worker is at a case", || {
        let mut workers = processes::workers(bench.mark(), pid).into_iter();
        found = workers.find_map(|worker| {
            let janitor = processes::janitor(bench.mark(), worker.pid)?;
            processes::case(bench.mark(), worker.pid)?;
            Some((worker, janitor))
        });
        found.is_some()
    });
    std::thread::sleep(delay);
    let (worker, janitor) = found.unwrap();
    Running {
        runner,
        worker,
        janitor,
    }
}

/// Ends the runner too, and looks at what is left.
fn assert_nothing_left(bench: &Bench, runner: Child) {
    let mut runner = runner;
    let _ = runner.kill();
    let _ = runner.wait();
    processes::assert_none(bench.mark());
    eventually("no scratch folder is left", || bench.left_over().is_empty());
}

/// Moments, and among which cases.
fn delays() -> impl Iterator<Item = (&'static str, Duration)> {
    let moments = [
        ("company", 0),
        ("orphan", 0),
        ("company", 31),
        ("orphan", 100),
        ("company", 260),
    ];
    moments
        .map(|(filter, ms)| (filter, Duration::from_millis(ms)))
        .into_iter()
}

#[test]
fn the_runner_is_killed() {
    for (filter, delay) in delays() {
        let bench = lively();
        let run = in_the_middle(&bench, filter, delay);
        assert_nothing_left(&bench, run.runner);
    }
}

#[test]
fn the_runner_is_killed_at_its_start() {
    for delay in [0, 2, 4, 8, 16, 32] {
        let bench = lively();
        let runner = start(&bench, "company");
        std::thread::sleep(Duration::from_millis(delay));
        assert_nothing_left(&bench, runner);
    }
}

#[test]
fn the_runner_is_killed_with_its_whole_group() {
    for (filter, delay) in delays() {
        let bench = lively();
        let run = in_the_middle(&bench, filter, delay);
        let group = nix::unistd::Pid::from_raw(run.runner.id() as i32);
        nix::sys::signal::killpg(group, Signal::SIGKILL).unwrap();
        assert_nothing_left(&bench, run.runner);
    }
}

#[test]
fn a_worker_is_killed_and_its_case_ends_with_it() {
    for (filter, delay) in delays() {
        let bench = lively();
        let run = in_the_middle(&bench, filter, delay);
        processes::signal(run.worker.pid, Signal::SIGKILL);
        let pid = run.worker.pid;
        eventually("the worker's case and its janitor are gone", || {
            let left = processes::marked(bench.mark());
            !left
                .iter()
                .any(|p| p.parent == pid || p.session == run.janitor.pid)
        });
        assert_nothing_left(&bench, run.runner);
    }
}

/// The numbers of the System V segments that these processes have made.
fn segments_of(pids: &[i32]) -> Vec<String> {
    let list = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let rows = list
        .lines()
        .skip(1)
        .map(|l| l.split_whitespace().collect::<Vec<_>>());
    // key, shmid, perms, size, cpid: see sysvipc(7).
    rows.filter(|row| {
        row.get(4)
            .is_some_and(|pid| pids.iter().any(|p| p.to_string() == *pid))
    })
    .map(|row| row[1].to_owned())
    .collect()
}

/// What a case made that outlives its processes goes with the worker that is killed.
#[test]
fn segments_and_objects_go_with_a_killed_worker() {
    let objects = Path::new("/dev/shm");
    if !objects.is_dir() || !Path::new("/proc/sysvipc/shm").exists() {
        return skip("neither segments nor objects can be looked for here");
    }
    let bench = Bench::with(
        "[[case]]\nname = 'lasting'\nwhy = 'it waits with both'\nmap = false\n\
         then = ['shmget(IPC_PRIVATE, 1page, IPC_CREAT|S_IRUSR|S_IWUSR) = ok', \
         'shm_open(\"left\", O_RDWR|O_CREAT) = ok', 'read(pipe.read, buf, 1) = blocked']\n",
    );
    let mut runner = start(&bench, "lasting");
    let (mut worker, mut case) = (0, 0);
    eventually("a case has made a segment", || {
        for found in processes::workers(bench.mark(), runner.id() as i32) {
            if let Some(child) = processes::case(bench.mark(), found.pid) {
                (worker, case) = (found.pid, child.pid);
            }
        }
        !segments_of(&[case]).is_empty()
    });
    let folder = bench.left_over();
    let is_there = || {
        let entries = std::fs::read_dir(objects).unwrap().flatten();
        let mut names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        names.any(|n| folder.iter().any(|f| n == format!("{f}.left")))
    };
    eventually("and an object", is_there);
    let _ = runner.kill();
    processes::signal(worker, Signal::SIGKILL);
    eventually("the segment is gone", || segments_of(&[case]).is_empty());
    eventually("the object is gone", || !is_there());
    let _ = runner.wait();
    assert_nothing_left(&bench, runner);
}

/// Without a janitor the processes end all the same; the folder is swept at the next start.
#[test]
fn worker_and_janitor_are_killed() {
    for (filter, delay) in delays() {
        let bench = lively();
        let mut run = in_the_middle(&bench, filter, delay);
        let pid = run.runner.id() as i32;
        processes::signal(pid, Signal::SIGSTOP);
        for worker in processes::workers(bench.mark(), pid) {
            if let Some(janitor) = processes::janitor(bench.mark(), worker.pid) {
                processes::signal(janitor.pid, Signal::SIGKILL);
            }
            processes::signal(worker.pid, Signal::SIGKILL);
        }
        let _ = run.runner.kill();
        let _ = run.runner.wait();
        processes::assert_none(bench.mark());
        assert!(
            !bench.left_over().is_empty(),
            "nobody was there to clear it"
        );
        bench.transcript(&["close(-1)"]);
        bench.assert_clean();
    }
}

/// PR_SET_PDEATHSIG: the worker ends with its runner even if its input does not.
#[test]
fn a_worker_does_not_outlive_its_runner() {
    let bench = lively();
    let run = in_the_middle(&bench, "company", Duration::ZERO);
    let runner = run.runner.id();
    let pipes: Vec<File> = std::fs::read_dir(format!("/proc/{runner}/fd"))
        .unwrap()
        .filter_map(|e| {
            let path = e.ok()?.path();
            let is_pipe = std::fs::read_link(&path)
                .ok()?
                .to_string_lossy()
                .starts_with("pipe:");
            is_pipe.then(|| File::options().write(true).open(path).ok())?
        })
        .collect();
    assert!(!pipes.is_empty());
    assert_nothing_left(&bench, run.runner);
    drop(pipes);
}

#[test]
fn interrupted_from_the_keyboard() {
    for (filter, delay) in delays() {
        let bench = lively();
        let run = in_the_middle(&bench, filter, delay);
        let group = nix::unistd::Pid::from_raw(run.runner.id() as i32);
        nix::sys::signal::killpg(group, Signal::SIGINT).unwrap();
        let done = await_end(run.runner);
        assert_eq!(done.signal, Some(2), "{done:?}");
        processes::assert_none(bench.mark());
        eventually("no scratch folder is left", || bench.left_over().is_empty());
    }
}

/// What others keep in the folder is theirs, whatever it is called.
#[test]
fn only_what_is_our_own_is_swept() {
    let bench = Bench::new();
    for (folder, file) in [
        ("mmapcheck-0.1.0", "Cargo.toml"),
        ("mmapcheck-abcdefghijkl", "notes"),
        ("mmapcheck-results", "file"),
        ("mmapcheck-main", "src"),
    ] {
        let folder = bench.scratch().join(folder);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(file), "precious").unwrap();
    }
    let elsewhere = bench.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("file"), "precious").unwrap();
    std::os::unix::fs::symlink(&elsewhere, bench.scratch().join("mmapcheck-aaaaaaaaaaaa")).unwrap();
    bench.transcript(&["close(-1)"]);
    assert_eq!(bench.left_over().len(), 5);
    assert!(
        bench
            .scratch()
            .join("mmapcheck-abcdefghijkl/notes")
            .exists()
    );
    assert!(bench.scratch().join("mmapcheck-results/file").exists());
    assert!(elsewhere.join("file").exists());
}

/// Violations enough to fill a pipe.
fn talkative() -> Bench {
    let numbers: Vec<String> = (1..801).map(|n| format!("'{n}'")).collect();
    Bench::with(&format!(
        "[[case]]\nname = 'wrong'\nwhy = 'a descriptor stands at 0 when it was opened'\nmap = false\n\
         vary = {{ n = [{}] }}\nthen = ['lseek(file, 0, SEEK_CUR) = $n']\n",
        numbers.join(", ")
    ))
}

#[test]
fn a_reader_that_has_read_enough_ends_it_quietly() {
    let bench = talkative();
    let mut child = bench
        .program()
        .args(bench.run_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("tables: cases; 800 cases"), "{first}");
    let done = await_end(child);
    assert_eq!((done.code, &*done.err), (Some(0), ""), "{done:?}");
    bench.assert_clean();
    for arguments in [&["manual"][..], &["list", "--cases", "cases"]] {
        let mut child = bench
            .program()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = await_end(child);
        assert_eq!((done.code, &*done.err), (Some(0), ""), "{done:?}");
    }
}

#[rstest]
#[case::run(&["run", "--cases", "cases", "--dir", "scratch"])]
#[case::list(&["list", "--cases", "cases"])]
#[case::manual(&["manual"])]
#[case::doctor(&["doctor", "--cases", "cases"])]
#[case::attempt(&["try", "close(-1)"])]
fn an_output_that_is_full_is_told(#[case] arguments: &[&str]) {
    let bench = talkative();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let child = bench
        .program()
        .args(arguments)
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let done = await_end(child);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.err.contains("the output can't be written: "),
        "{done:?}"
    );
    bench.assert_clean();
}

/// Runs a shell script with a file system in memory, of so many bytes, on the scratch folder.
/// `None` where that can't be had.
fn on_small_disk(bench: &Bench, size: &str, script: &str) -> Option<Done> {
    if !is_root() {
        skip("only root can mount a small disk");
        return None;
    }
    let scratch = bench.scratch();
    let options = format!("size={size},mode=0755");
    let mount = [
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs -o \"$2\" none \"$1\" || exit 77; cd \"$3\"; shift 3; eval \"$SCRIPT\"",
        "sh",
    ];
    let mut command = bench.marked("unshare");
    command
        .args(mount)
        .args([scratch.as_path(), Path::new(&options), &bench.path("")])
        .arg(PROGRAM)
        .args(bench.run_args())
        .env("SCRIPT", script);
    let done = finish(&mut command);
    if done.code == Some(77) || done.err.starts_with("unshare") {
        skip("nothing can be mounted here");
        return None;
    }
    Some(done)
}

const FILLING: &str = "
[[case]]
name = 'a'
why = 'a case that takes no room'
map = false
then = ['close(-1) = EBADF']

[[case]]
name = 'big'
why = 'a file that does not fit'
file = { size = '1MiB', content = '\"x\"*eof' }
then = ['load(map, 1) = \"x\"']

[[case]]
name = 'small'
why = 'a file that fits'
file = { size = '1page', content = '\"x\"*eof' }
then = ['load(map, 1) = \"x\"']

[[case]]
name = 'wrong'
why = 'what was found is told all the same'
map = false
then = ['close(-1) = ok']
";

#[test]
fn a_file_that_does_not_fit_harms_only_its_case() {
    let bench = Bench::with(FILLING);
    let Some(done) = on_small_disk(&bench, "256k", "\"$@\" -j 1") else {
        return;
    };
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.out.contains("✗ incomplete  t::big"), "{done:?}");
    assert!(done.out.contains("No space left on device"), "{done:?}");
    assert!(done.out.contains("✗ violation  t::wrong"), "{done:?}");
    let closing = "0 passed, 1 failed (1 against the rule), 1 incomplete, 2 unrecorded";
    assert!(done.out.contains(closing), "{done:?}");
}

/// A store into a hole that finds no room is SIGBUS: that says nothing about mmap.
#[test]
fn a_full_disk_is_no_answer() {
    let bench = Bench::with(
        "[[case]]\nname = 'store'\nwhy = 'a store into a hole takes room'\n\
         then = ['store(map, \"x\") = ok']\n\
         [[case]]\nname = 'write'\nwhy = 'a write takes room'\n\
         then = ['pwrite(file, \"x\", 1, 0) = 1']\n",
    );
    // The filler takes all but the folder itself.
    let script = "cat /dev/zero > scratch/filler 2>/dev/null; \"$@\" -j 1";
    let Some(done) = on_small_disk(&bench, "64k", script) else {
        return;
    };
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.out.contains("2 incomplete"), "{done:?}");
    assert!(done.out.contains("is full"), "{done:?}");
}

#[test]
fn a_folder_that_can_not_be_used_is_told() {
    let bench = Bench::new();
    let done = bench.attempt(&["--dir", "/no/such/folder", "close(-1)"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.err.contains("no scratch folder in /no/such/folder"),
        "{done:?}"
    );
}
