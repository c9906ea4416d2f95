//! Faults through the whole program: what nothing has met fails the run, and so does what can't be
//! brought about where it is required.

use crate::bench::{Bench, Done, PROGRAM, finish, skip};
use mmapcheck::case::fault::FAULTS;
use rstest::rstest;

/// Kinds of reasons for which a case is skipped; there are no others.
const REASONS: [&str; 11] = [
    "os",
    "kernel-version",
    "kernel-config",
    "cpu",
    "privilege",
    "policy",
    "filesystem",
    "limit-not-enforced",
    "busy",
    "resource",
    "not-enabled",
];

/// A case of anonymous memory, with these steps.
fn case(steps: &str) -> Bench {
    Bench::with(&format!(
        "[[case]]\nname = 'one'\nwhy = 'a fault is met'\nlength = '3page'\n\
         flags = 'MAP_PRIVATE|MAP_ANONYMOUS'\nthen = [{steps}]\n"
    ))
}

/// Whether this machine can't bring about what the case needs, which is said.
fn is_skipped(done: &Done) -> bool {
    let skipped = done.out.contains("1 skipped");
    if skipped {
        skip(&done.out);
    }
    skipped
}

/// All that is claimed comes about, and yet the case says nothing about the fault.
#[rstest]
#[case::fewer_calls("'fault errno(munmap, 2, EINVAL)', 'munmap(map, 1page) = ok'")]
#[case::another_call("'fault errno(munmap, 1, EINVAL)', 'mprotect(map, 1page, PROT_READ) = ok'")]
#[case::another_page("'fault page(map, 1page, sigbus)', 'load(map + 1page, 1) = x\"00\"'")]
#[case::no_store("'fault page(map, 1page, write_protect)', 'load(map + 1page, 1) = x\"00\"'")]
#[case::no_touch("'fault dead_page(map + 1page)', 'load(map, 1) = x\"00\"'")]
#[case::poison_elsewhere("'fault page(map, 1page, poison)', 'load(map + 2page, 1) = x\"00\"'")]
#[case::no_race("'fault page(map, 1page, race_unmap)', 'load(map + 1page, 1) = x\"00\"'")]
#[case::nobody_waits("'fault hang(map, 1page)', 'load(map + 1page, 1) = x\"00\"'")]
#[case::nobody_is_late("'fault slow(map, 1page, 5)', 'load(map + 1page, 1) = x\"00\"'")]
#[case::withdrawn("'f = fault errno(munmap, 1, EINVAL)', 'withdraw(f)', 'munmap(map, 1page) = ok'")]
fn what_nothing_has_met_fails_the_run(#[case] steps: &str) {
    let bench = case(steps);
    let done = bench.run(&[]);
    if is_skipped(&done) {
        return;
    }
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.out.contains("✗ not-fired  t::one"), "{done:?}");
    assert!(done.out.contains("nothing met the fault"), "{done:?}");
    assert!(done.out.contains("1 failed (1 not-fired)"), "{done:?}");
    // It is not recorded either, so that nobody takes it for an observation.
    let done = bench.run(&["--bless"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    let records = bench.records();
    assert!(
        !records.values().any(|r| r.contains("fault")),
        "{records:?}"
    );
    bench.assert_clean();
}

#[rstest]
#[case::call(
    "'fault errno(munmap, 2, EINVAL)', 'munmap(map, 1page) = ok', 'munmap(map, 1page) = EINVAL'"
)]
#[case::page("'fault page(map, 1page, sigbus)', 'load(map, 1) = SIGBUS BUS_ADRERR at map'")]
#[case::store(
    "'fault page(map, 1page, write_protect)', 'store(map, \"x\") = SIGBUS BUS_ADRERR at map'"
)]
#[case::dead_page("'fault dead_page(map)', 'load(map, 1) = SIGBUS BUS_ADRERR at map'")]
#[case::hang("'fault hang(map, 1page)', 'load(map, 1) = blocked'")]
fn what_is_met_passes(#[case] steps: &str) {
    let bench = case(steps);
    let done = bench.run(&["--bless"]);
    if is_skipped(&done) {
        return;
    }
    assert_eq!(done.code, Some(0), "{done:?}");
    let done = bench.run(&["--strict"]);
    assert_eq!(done.code, Some(0), "{done:?}");
}

/// Runs the program where there may be no more user namespaces: in one, of which that is a setting.
/// `None` where that can't be had.
fn without_namespaces(bench: &Bench, arguments: &[&str]) -> Option<Done> {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces || exit 77; exec \"$@\"";
    let mut command = bench.marked("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
            PROGRAM,
        ])
        .args(arguments);
    let done = finish(&mut command);
    if done.code == Some(77) || done.err.starts_with("unshare") {
        skip("there are no user namespaces here");
        return None;
    }
    Some(done)
}

#[test]
fn a_fault_that_is_required_and_can_not_be_had_fails_the_run() {
    let bench = Bench::with(
        "[[case]]\nname = 'one'\nwhy = 'there is no room'\nfile = { size = '2page', on = 'tmpfs' }\n\
         then = ['fault full()', 'store(map, \"x\") = SIGBUS']\n\
         [[case]]\nname = 'two'\nwhy = 'a page is dead'\n\
         then = ['fault dead_page(map)', 'load(map, 1) = SIGBUS']\n",
    );
    let run = |more: &[&str]| {
        let arguments: Vec<&str> = bench
            .run_args()
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        without_namespaces(&bench, &arguments)
    };
    for required in ["full", "all"] {
        let Some(done) = run(&["--require", required]) else {
            return;
        };
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.out.contains("✗ skipped  t::one"), "{done:?}");
        assert!(done.out.contains("(resource)"), "{done:?}");
    }
    let done = run(&["--require", "dead_page"]).unwrap();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("1 skipped"), "{done:?}");
    let done = run(&["--require", "dead_pages"]).unwrap();
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.err.contains("dead_page"), "{done:?}");
    bench.assert_clean();
}

/// The lines of the doctor that tell of faults: whether, the name, and what or why.
fn faults_of(done: &Done) -> Vec<(String, String, String)> {
    assert_eq!(done.code, Some(0), "{done:?}");
    let lines = done.out.lines().skip_while(|l| *l != "faults").skip(1);
    lines
        .take_while(|l| l.starts_with(' '))
        .map(|line| {
            let (met, rest) = line.trim().split_once(' ').unwrap();
            let (name, told) = rest.trim().split_once(' ').unwrap();
            (met.to_owned(), name.to_owned(), told.trim().to_owned())
        })
        .collect()
}

#[test]
fn the_doctor_tells_of_every_fault_whether_and_why_not() {
    let bench = case("'load(map, 1) = x\"00\"'");
    let arguments = ["doctor", "--dir", "scratch", "--cases", "cases"];
    let here = faults_of(&finish(bench.program().args(arguments)));
    let names: Vec<&str> = here.iter().map(|f| &*f.1).collect();
    let all: Vec<&str> = FAULTS.iter().map(|f| f.0).collect();
    assert_eq!(names, all);
    let fewer = without_namespaces(&bench, &arguments).map(|done| faults_of(&done));
    let fewer = fewer.unwrap_or_default();
    for (met, name, told) in here.iter().chain(&fewer) {
        match &**met {
            "yes" => assert!(FAULTS.contains(&(name, told)), "{name}: {told}"),
            _ => {
                let reason = told.rsplit_once('(').and_then(|(_, r)| r.strip_suffix(')'));
                assert!(
                    REASONS.contains(&reason.unwrap_or_default()),
                    "{name}: {told}"
                );
            }
        }
    }
    for (met, name, told) in &fewer {
        let is_mounted = matches!(&**name, "full" | "noexec" | "readonly" | "diverge");
        assert!(!is_mounted || met == "no", "{name}: {told}");
    }
}
