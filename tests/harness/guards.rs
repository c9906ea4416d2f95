//! Guards: what does not end is ended and told as such, and what comes after it runs as ever.

use crate::bench::{Bench, skip};
use rstest::rstest;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn last(bench: &Bench, arguments: &[&str]) -> String {
    bench.transcript(arguments).pop().unwrap_or_default()
}

#[test]
fn a_call_that_waits_for_ever_is_blocked_and_the_case_goes_on() {
    let bench = Bench::new();
    let seen = bench.transcript(&[
        "p = pipe()",
        "read(p.read, buf, 1)",
        "write(p.write, \"x\", 1)",
    ]);
    assert_eq!(
        seen[1..],
        [
            "read(p.read, buf, 1) = blocked",
            "write(p.write, \"x\", 1) = 1"
        ]
    );
    bench.assert_clean();
}

#[rstest]
#[case("child = fork()")]
#[case("child = thread()")]
fn whoever_waits_is_woken(#[case] make: &str) {
    let bench = Bench::new();
    let seen = bench.transcript(&[
        "p = pipe()",
        make,
        "child: read(p.read, buf, 1)",
        "wait(child)",
    ]);
    assert_eq!(seen[2], "child: read(p.read, buf, 1) = blocked");
    bench.assert_clean();
}

#[test]
fn a_slow_case_is_not_a_blocked_one() {
    // 400 MiB are far more than 20 ms of work, which is how often the guard looks.
    let bench = Bench::new();
    let map = "a = mmap(NULL, 400MiB, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)";
    assert_eq!(
        last(&bench, &[map, "fill(a, 400MiB, \"x\")"]),
        "fill(a, 400MiB, \"x\") = ok"
    );
}

/// MAP_NORESERVE keeps heuristic overcommit from refusing them (mmap(2), proc_sys_vm(5)), and
/// MAP_POPULATE asks for all of it at once.
#[rstest]
#[case::written(
    "PROT_READ|PROT_WRITE",
    "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_POPULATE"
)]
#[case::read("PROT_READ", "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_POPULATE")]
#[case::shared(
    "PROT_READ|PROT_WRITE",
    "MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE|MAP_POPULATE"
)]
fn a_tebibyte_asked_for_at_once_is_stopped(#[case] prot: &str, #[case] flags: &str) {
    let bench = Bench::new();
    let call = format!("mmap(NULL, 1TiB, {prot}, {flags}, -1, 0)");
    let seen = bench.transcript(&[&call, "close(-1)"]);
    assert_eq!(
        seen,
        [
            format!("{call} = memory limit"),
            "close(-1) = not reached: main".to_owned()
        ]
    );
    bench.assert_clean();
}

/// So much that only memory itself can tell: its page tables weigh less than what is allowed.
#[rstest]
#[case::private("MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_POPULATE")]
#[case::shared("MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE|MAP_POPULATE")]
fn each_kind_of_memory_counts(#[case] flags: &str) {
    let bench = Bench::new();
    let call = format!("mmap(NULL, 2GiB, PROT_READ|PROT_WRITE, {flags}, -1, 0)");
    let seen = last(&bench, &["--memory", "256", &call]);
    assert_eq!(seen, format!("{call} = memory limit"));
}

#[test]
fn memory_taken_step_by_step_is_stopped_too() {
    let bench = Bench::new();
    let map = "a = mmap(NULL, 1TiB, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0)";
    let fill = "fill(a, 1TiB, \"x\")";
    let seen = bench.transcript(&["--memory", "64", map, fill]);
    assert_eq!(seen[1], format!("{fill} = memory limit"));
    // By a child, of which the guard must know too.
    let seen = bench.transcript(&[
        "--memory",
        "64",
        map,
        "c = fork()",
        &format!("c: {fill}"),
        "wait(c)",
    ]);
    assert_eq!(
        seen[2..],
        [
            format!("c: {fill} = memory limit"),
            "wait(c) = not reached: c".to_owned()
        ]
    );
    bench.assert_clean();
}

/// What lies on tmpfs is memory, and outlives the process that wrote it.
#[test]
fn a_file_in_memory_counts() {
    let shm = Path::new("/dev/shm");
    if !shm.is_dir() {
        return skip("no /dev/shm here");
    }
    let dir = tempfile::tempdir_in(shm).unwrap();
    let bench = Bench::new();
    let fill = "fill(a, 1TiB, \"x\")";
    // Written by a call, it is in nobody's address space.
    let write = "pwrite(file, a, 1GiB, 0)";
    let seen = bench.transcript(&[
        "--memory",
        "256",
        "--dir",
        dir.path().to_str().unwrap(),
        "a = mmap(NULL, 1GiB, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0)",
        write,
    ]);
    assert!(
        seen.contains(&format!("{write} = memory limit")),
        "{seen:?}"
    );
    let seen = bench.transcript(&[
        "--memory",
        "64",
        "--size",
        "1TiB",
        "--dir",
        dir.path().to_str().unwrap(),
        "a = mmap(NULL, 1TiB, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)",
        fill,
    ]);
    assert!(seen.contains(&format!("{fill} = memory limit")), "{seen:?}");
    bench.assert_clean();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// What is allocated of a file in memory lies in nobody's address space, whoever closes it later.
#[rstest]
#[case::memfd("m = memfd_create(\"\", 0)")]
#[case::shared_memory_object("m = shm_open(\"a\", O_RDWR|O_CREAT)")]
fn what_is_allocated_and_not_mapped_counts(#[case] make: &str) {
    let bench = Bench::new();
    let call = "fallocate(m, 0, 0, 8GiB)";
    let mut seen = bench.transcript(&["--memory", "256", make, call]);
    assert_eq!(seen.pop(), Some(format!("{call} = memory limit")));
    let forked = ["--memory", "256", make, "c = fork()", &format!("c: {call}")];
    let mut seen = bench.transcript(&forked);
    assert_eq!(seen.pop(), Some(format!("c: {call} = memory limit")));
    bench.assert_clean();
}

/// proc_sys_vm(5), overcommit_memory: mode 0 refuses obvious overcommits of address space.
#[test]
fn a_tebibyte_that_is_to_be_kept_free_is_refused_where_there_is_none() {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    if read("/proc/sys/vm/overcommit_memory").trim() != "0" {
        return skip("overcommit is not heuristic here");
    }
    let memory = read("/proc/meminfo");
    let kib = |key: &str| {
        let line = memory
            .lines()
            .find(|l| l.starts_with(key))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0)
    };
    if (kib("MemTotal:") + kib("SwapTotal:")) >> 30 > 0 {
        return skip("this machine has a tebibyte");
    }
    let call =
        "mmap(NULL, 1TiB, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0)";
    assert_eq!(last(&Bench::new(), &[call]), format!("{call} = ENOMEM"));
}

/// 2^47 bytes are more than the user's half of the address space of x86-64 with four levels, and
/// within what a length can say; with five levels they can be had.
#[test]
fn a_case_may_ask_for_more_than_there_is() {
    let bench = Bench::new();
    for flags in [
        "MAP_PRIVATE|MAP_ANONYMOUS",
        "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE",
    ] {
        let call = format!("mmap(NULL, 128TiB, PROT_NONE, {flags}, -1, 0)");
        let seen = last(&bench, &[&call]);
        assert!(
            seen == format!("{call} = ENOMEM") || seen == format!("{call} = ok"),
            "{seen}"
        );
    }
}

#[test]
fn after_all_of_this_the_next_case_runs_as_ever() {
    let long = "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE";
    let cases = format!(
        "[[case]]\nname = 'blocked'\nwhy = 'an empty pipe'\nmap = false\n\
         then = ['p = pipe()', 'read(p.read, buf, 1) = blocked']\n\
         [[case]]\nname = 'a'\nwhy = 'a file'\nthen = ['load(map, 1) = x\"00\"']\n\
         [[case]]\nname = 'all'\nwhy = 'all memory'\nmap = false\n\
         then = ['m = mmap(NULL, 1TiB, PROT_READ|PROT_WRITE, {long}, -1, 0)', \
                 'c = fork()', 'c: fill(m, 1TiB, \"x\") = blocked']\n\
         [[case]]\nname = 'b'\nwhy = 'a file'\nthen = ['load(map, 1) = x\"00\"']\n\
         [[case]]\nname = 'gone'\nwhy = 'no harness'\nmap = false\nreckless = true\n\
         then = ['munmap(0, top) = ok']\n\
         [[case]]\nname = 'c'\nwhy = 'a file'\nthen = ['load(map, 1) = x\"00\"']\n"
    );
    let bench = Bench::with(&cases);
    let done = bench.run(&["-j", "1", "--memory", "64"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.out.contains("observed  memory limit"), "{done:?}");
    assert!(done.out.contains("observed  harness unmapped"), "{done:?}");
    assert!(
        done.out
            .contains("2 failed (2 against the rule), 4 unrecorded"),
        "{done:?}"
    );
    bench.assert_clean();
}

#[rstest]
#[case("munmap(0, top)")]
#[case("mprotect(0, top, PROT_NONE)")]
#[case("mmap(0, top, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)")]
#[case("mremap(arena, 1page, top - 2GiB, MREMAP_MAYMOVE|MREMAP_FIXED, 1GiB)")]
#[case("madvise(0, top, MADV_DONTNEED)")]
#[case("mseal(0, top)")]
fn the_harness_is_not_hit_unless_a_case_is_reckless(#[case] call: &str) {
    let bench = Bench::new();
    let seen = bench.transcript(&[call, "close(-1)"]);
    let refused = seen[0].ends_with(" = refused: it would hit the harness");
    assert!(refused && seen[1] == "close(-1) = EBADF", "{seen:?}");
}

/// Below the break as a case finds it lies the heap of the harness.
#[test]
fn the_break_is_not_moved_into_the_harness() {
    let bench = Bench::new();
    let seen = bench.transcript(&["start = brk(NULL)", "brk(start - 1page)", "brk(NULL)"]);
    let told = [
        "brk(NULL) = start",
        "brk(start - 1page) = refused: it would hit the harness",
        "brk(NULL) = start",
    ];
    assert_eq!(seen, told);
}

/// The kernel refuses these before it does anything: munmap(2) and mmap(2), a range outside of
/// the address space. So they need not be refused by the harness.
#[test]
fn what_can_do_no_harm_is_asked() {
    let bench = Bench::new();
    assert_eq!(
        last(&bench, &["munmap(0, max)"]),
        "munmap(NULL, max) = EINVAL"
    );
}

/// A store that runs on until it faults would run into whatever lies behind the mapping.
#[test]
fn a_store_without_end_is_refused() {
    let bench = Bench::new();
    let map = "a = mmap(NULL, 1page, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)";
    for length in ["max", "top", "1TiB"] {
        let seen = last(&bench, &[map, &format!("fill(a, {length}, \"x\")")]);
        assert!(
            seen.ends_with(" = refused: it would hit the harness"),
            "{seen}"
        );
    }
}

/// The intent is noted before the call, so that what took the harness away is named.
#[rstest]
#[case::main(&["munmap(0, top)", "close(-1)"], 0, "close(-1) = not reached: main")]
#[case::child(&["c = fork()", "c: munmap(0, top)", "wait(c)"], 1, "wait(c) = not reached: c")]
#[case::thread(&["c = thread()", "c: munmap(0, top)", "wait(c)"], 1, "wait(c) = not reached: c")]
fn who_takes_the_harness_away_is_named(
    #[case] steps: &[&str],
    #[case] which: usize,
    #[case] rest: &str,
) {
    let bench = Bench::new();
    let mut arguments = vec!["--reckless"];
    arguments.extend(steps);
    let seen = bench.transcript(&arguments);
    assert!(seen[which].ends_with(" = harness unmapped"), "{seen:?}");
    assert_eq!(seen[which + 1], rest);
    bench.assert_clean();
}

/// Those that wait have workers of their own, and answers come many at once: each case's time is
/// its own all the same.
#[test]
fn what_a_case_took_is_told_of_that_case() {
    let bench = Bench::with(
        "[[case]]\nname = 'at-once'\nwhy = 'nothing waits'\nmap = false\n\
         vary = { n = ['1', '2', '3', '4'] }\nthen = ['lseek(-1, $n, SEEK_SET) = EBADF']\n\
         [[case]]\nname = 'waits'\nwhy = 'nobody writes'\nmap = false\n\
         then = ['p = pipe()', 'read(p.read, buf, 1) = blocked']\n\
         [[case]]\nname = 'then'\nwhy = 'nothing waits'\nmap = false\n\
         then = ['lseek(-1, 0, SEEK_SET) = EBADF']\n",
    );
    let file = bench.path("report.jsonl");
    let report = format!("json={}", file.display());
    bench.run(&["--report", &report, "-j", "1"]);
    let text = fs::read_to_string(file).unwrap();
    let cases = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let micros: Vec<(String, u64)> = cases
        .filter(|c| c["type"] == "case")
        .map(|c| {
            (
                c["id"].as_str().unwrap().to_owned(),
                c["micros"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(micros.len(), 6, "{text}");
    for (id, micros) in micros {
        assert!(micros > 0, "{id} took no time");
        // What a call is given before it counts as one that waits for ever.
        assert!(!id.contains("waits") || micros > 300_000, "{id}: {micros}");
    }
}
