//! The harness is killed at random moments of the fault tables, and a second later nothing is
//! left: no process, no mount, no namespace, no file.
//!
//! `MMAPCHECK_LEAK_MOMENTS` says how many moments, else there are few; `MMAPCHECK_LEAK_SEED` draws the
//! same ones again. Where many are asked for, a second is a second; else other tests run beside
//! this one, and what is left has longer to go.

use crate::bench::{Bench, eventually, finish, is_root, skip};
use crate::processes::{self, Trace};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// How many moments there are unless it is said.
const FEW: usize = 8;

/// How long nothing may be left, where nothing else runs.
const SECOND: Duration = Duration::from_secs(1);

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not `{text}`")),
    )
}

/// A sequence of numbers that a seed gives: splitmix64, by Guy Steele, Doug Lea and Christine Flood,
/// "Fast Splittable Pseudorandom Number Generators" (2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A part of a time.
    fn part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// A place with the fault tables.
fn with_fault_tables() -> Bench {
    let bench = Bench::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/faults");
    let to = bench.path("cases/faults");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    bench
}

/// Who runs the harness.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Whoever runs the tests.
    Tester,
    /// An ordinary user, whom root lets run it.
    Somebody,
}

fn command(bench: &Bench, who: Who) -> Command {
    let mut command = match who {
        Who::Tester => bench.program(),
        Who::Somebody => bench.as_somebody(),
    };
    command.args(bench.run_args()).args(["-j", "2"]);
    command
}

/// What is left of a run, each in words; empty where nothing is.
fn left(bench: &Bench, trace: &Trace, objects: &BTreeSet<String>) -> Vec<String> {
    let mut left: Vec<String> = processes::traced(bench.mark(), trace)
        .into_iter()
        .map(|p| format!("a process: {p}"))
        .collect();
    left.extend(processes::mounts_below(bench.mark()));
    left.extend(
        bench
            .left_over()
            .into_iter()
            .map(|f| format!("a file: {f}")),
    );
    let shared = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let names = shared.map(|e| e.file_name().to_string_lossy().into_owned());
    let is_ours = |name: &String| objects.iter().any(|o| name.starts_with(o.as_str()));
    left.extend(names.filter(is_ours).map(|n| format!("an object: {n}")));
    left
}

/// Kills the runner, or its whole group, after a while; what it left, and how long that took to go.
fn kill_after(who: Who, delay: Duration, group: bool) -> (Vec<String>, Duration) {
    let bench = with_fault_tables();
    let mut runner = command(&bench, who)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    std::thread::sleep(delay);
    let mut trace = Trace::of(bench.mark());
    let objects: BTreeSet<String> = bench.left_over().into_iter().collect();
    let pid = runner.id() as i32;
    let killed = Instant::now();
    // The runner alone; what it has started ends by itself.
    processes::signal(if group { -pid } else { pid }, Signal::SIGKILL);
    trace.add(Trace::of(bench.mark()));
    let _ = runner.wait();
    let patience = match number_of("MMAPCHECK_LEAK_MOMENTS") {
        Some(_) => SECOND,
        None => 20 * SECOND,
    };
    loop {
        let left = left(&bench, &trace, &objects);
        let took = killed.elapsed();
        if left.is_empty() || took > patience {
            return (left, took);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn nothing_is_left_of_a_run_of(who: Who) {
    let moments = number_of("MMAPCHECK_LEAK_MOMENTS").map_or(FEW, |n| n as usize);
    let seed = number_of("MMAPCHECK_LEAK_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64
    });
    let mut draw = Draw(seed);
    let bench = with_fault_tables();
    let began = Instant::now();
    let done = finish(&mut command(&bench, who));
    let whole = began.elapsed();
    assert!(matches!(done.code, Some(0 | 1)), "{done:?}");
    bench.assert_clean();
    let mut slowest = Duration::ZERO;
    let mut wrong = String::new();
    for n in 1..=moments {
        let delay = draw.part_of(whole);
        let group = draw.next() % 4 == 0;
        let (left, took) = kill_after(who, delay, group);
        slowest = slowest.max(took);
        if !left.is_empty() {
            wrong += &format!(
                "{n}, killed after {delay:?}, {}: {left:#?}\n",
                if group { "with its group" } else { "alone" }
            );
        }
    }
    eprintln!(
        "{moments} moments of {whole:?}, seed {seed}: the last thing was gone after {slowest:?}"
    );
    assert!(wrong.is_empty(), "MMAPCHECK_LEAK_SEED={seed}\n{wrong}");
}

#[test]
fn killed_at_any_moment_of_the_fault_tables_nothing_is_left() {
    nothing_is_left_of_a_run_of(Who::Tester);
}

#[test]
fn nor_where_an_ordinary_user_has_run_them() {
    if !is_root() {
        return skip("the test above has done it");
    }
    nothing_is_left_of_a_run_of(Who::Somebody);
}

/// What would be left is found: a process without the mark, whatever it calls itself.
#[test]
fn what_is_left_is_found() {
    let bench = Bench::new();
    let none = BTreeSet::new();
    assert_eq!(left(&bench, &Trace::default(), &none), [""; 0]);
    fs::write(bench.scratch().join("forgotten"), "x").unwrap();
    assert_eq!(
        left(&bench, &Trace::default(), &none),
        ["a file: forgotten"]
    );
    fs::remove_file(bench.scratch().join("forgotten")).unwrap();
    // By its program, though nothing of the mark is in its environment.
    let sleep = bench.path("sleep");
    fs::copy("/bin/sleep", &sleep).unwrap();
    let mut child = Command::new(&sleep).arg("60").env_clear().spawn().unwrap();
    eventually("it is found by its program", || {
        left(&bench, &Trace::default(), &none).len() == 1
    });
    let _ = child.kill();
    let _ = child.wait();
    // By its process group, when the others of it are gone.
    let mut first = bench
        .marked("sh")
        .args(["-c", "cd / && env -i sleep 60 & wait"])
        .process_group(0)
        .spawn()
        .unwrap();
    let group = first.id() as i32;
    let mut trace = Trace::default();
    eventually("both are there", || {
        trace = Trace::of(bench.mark());
        processes::traced(bench.mark(), &trace).len() == 2
    });
    let _ = first.kill();
    let _ = first.wait();
    assert_eq!(left(&bench, &Trace::default(), &none), [""; 0]);
    assert_eq!(left(&bench, &trace, &none).len(), 1);
    processes::signal(-group, Signal::SIGKILL);
    eventually("it is gone", || left(&bench, &trace, &none).is_empty());
}
