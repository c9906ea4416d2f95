//! The list of system calls that a worker needs, in `docs/workers.md`, kept true by a worker under
//! a filter that lets only these through: whatever else it asks for is not there, as on a kernel
//! that is still being written. And a worker whose file system refuses what some cases need.
#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]

use crate::bench::PROGRAM;
use mmapcheck::machine::frame::{self, Frame, Line, read_line};
use mmapcheck::machine::kernel::{REHEARSED, Start};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The numbers of the calls that the list may name.
macro_rules! numbers {
    ($($name:ident)*) => {
        &[$((stringify!($name), libc::$name)),*]
    };
}

const NUMBERS: &[(&str, libc::c_long)] = numbers! {
    SYS_access SYS_arch_prctl SYS_brk SYS_capget SYS_capset SYS_chdir SYS_chown SYS_clone SYS_close
    SYS_close_range SYS_dup SYS_dup2 SYS_execve SYS_exit SYS_exit_group SYS_fchmod SYS_fcntl SYS_flock
    SYS_fork SYS_fstat SYS_ftruncate SYS_futex SYS_getcwd SYS_getdents64 SYS_getegid SYS_geteuid
    SYS_getgid SYS_getpgid SYS_getpid SYS_getppid SYS_getrandom SYS_gettid SYS_getuid SYS_kill
    SYS_lseek SYS_madvise SYS_mkdir SYS_mmap SYS_mprotect SYS_munmap SYS_nanosleep SYS_newfstatat
    SYS_openat SYS_personality SYS_pipe2 SYS_poll SYS_ppoll SYS_prctl SYS_pread64 SYS_prlimit64
    SYS_pwrite64 SYS_read SYS_readlink SYS_readlinkat SYS_rename SYS_rmdir SYS_rseq SYS_rt_sigaction
    SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigtimedwait SYS_sched_getaffinity
    SYS_sched_setaffinity SYS_set_robust_list SYS_set_tid_address SYS_setgroups SYS_setitimer
    SYS_setpgid SYS_setresgid SYS_setresuid SYS_setsid SYS_shmctl SYS_sigaltstack SYS_statfs
    SYS_statx SYS_sysinfo SYS_syslog SYS_tgkill SYS_umask SYS_uname SYS_unlink SYS_unlinkat SYS_wait4
    SYS_waitid SYS_write
};

/// A case that maps a file, touches it on both sides of its end, and unmaps it.
const CASE: &str = "open file = open(file, O_RDWR)\n\
    own map = mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)\n\
    step store(map, \"x\")\n\
    step load(map + 1page, 1)\n\
    step munmap(map, 2page)\n";

/// What comes of it.
const RIGHT: &str =
    "file\nmap\nok\nSIGBUS BUS_ADRERR at map + 1page\nok\nfile = \"x\" + x\"00\"*(1page - 1)\n";

/// The calls of a row of the list.
fn listed(row: &str) -> Vec<&'static str> {
    let page = include_str!("../../docs/workers.md");
    let head = format!("| {row} | ");
    let found = page.lines().find_map(|l| l.strip_prefix(&head));
    let calls = found.unwrap_or_else(|| panic!("docs/workers.md has no row `{row}`"));
    calls.split('`').skip(1).step_by(2).collect()
}

fn number(name: &str) -> i64 {
    let found = NUMBERS
        .iter()
        .find(|(n, _)| n.strip_prefix("SYS_") == Some(name));
    found
        .unwrap_or_else(|| panic!("`{name}` is no call of this list"))
        .1
}

/// Lets these through; any other call is not there.
fn filter(calls: &[&str]) -> BpfProgram {
    let rules: BTreeMap<i64, _> = calls.iter().map(|c| (number(c), Vec::new())).collect();
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, absent, SeccompAction::Allow, TargetArch::x86_64);
    filter.unwrap().try_into().unwrap()
}

/// Refuses these as a file system does that has no such files; all others are let through.
fn refusing(calls: &[i64]) -> BpfProgram {
    let rules: BTreeMap<i64, _> = calls.iter().map(|c| (*c, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, TargetArch::x86_64);
    filter.unwrap().try_into().unwrap()
}

/// What a worker that may make only these calls answers to a case; why it gives no answer.
fn answer(calls: &[&str]) -> Result<String, String> {
    let came = answers(filter(calls), &[("run", CASE)])?.remove(0);
    match came.kind.as_str() {
        "result" => Ok(told(&came)),
        _ => Err(came.payload),
    }
}

/// What a result tells of the case.
fn told(result: &Frame) -> String {
    frame::untimed(&result.payload).1.to_owned()
}

/// What a worker under this filter answers to frames of these kinds with these payloads; why it
/// gives no answer.
fn answers(filter: BpfProgram, frames: &[(&str, &str)]) -> Result<Vec<Frame>, String> {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    // SAFETY: only system calls are made, on what was made ready before the fork.
    unsafe {
        command
            .pre_exec(move || apply_filter(&filter).map_err(|_| std::io::ErrorKind::Other.into()));
    }
    let mut worker = command.spawn().map_err(|e| e.to_string())?;
    let group = worker.id() as i32;
    let start = Start {
        cpu: Some(0),
        memory: 64 << 20,
        ..Start::in_folder(scratch.path())
    };
    let mut asked = Vec::new();
    frame::write("start", 1, &start.to_string(), &mut asked);
    for (number, (kind, payload)) in (2..).zip(frames) {
        frame::write(kind, number, payload, &mut asked);
    }
    // One that has ended already reads nothing.
    let _ = worker.stdin.take().unwrap().write_all(&asked);
    let output = BufReader::new(worker.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = output.split(b'\n').map_while(Result::ok);
        for line in lines {
            if let Line::Frame(frame) = read_line(&[&line[..], b"\n"].concat()) {
                let _ = sender.send(frame);
            }
        }
    });
    let came: Result<Vec<Frame>, String> = frames.iter().map(|_| next(&receiver)).collect();
    // SAFETY: a group of our own making, whose leader is not yet waited for.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    let _ = worker.wait();
    if came.is_ok() {
        // Whoever still has the other end was killed with its group; what is left of a worker
        // that lacks calls may have left that group, and then nobody waits for it.
        let _ = reader.join();
    }
    came
}

/// The next answer among what a worker says.
fn next(answers: &mpsc::Receiver<Frame>) -> Result<Frame, String> {
    loop {
        let frame = answers.recv_timeout(PATIENCE).map_err(|e| e.to_string())?;
        if frame.kind != "hello" {
            return Ok(frame);
        }
    }
}

/// Many times what an answer takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// All calls of the list.
fn all() -> Vec<&'static str> {
    let rows = [
        "needed",
        "made where they are there",
        "made there as root",
        "made by the C library before",
    ];
    rows.into_iter().flat_map(listed).collect()
}

#[test]
fn a_worker_needs_no_other_calls_than_the_list_names() {
    assert_eq!(answer(&all()).as_deref(), Ok(RIGHT));
}

#[test]
fn each_call_of_the_list_is_needed() {
    let idle: Vec<&str> = listed("needed")
        .into_iter()
        .filter(|left_out| {
            let calls: Vec<&str> = all().into_iter().filter(|c| c != left_out).collect();
            answer(&calls).as_deref() == Ok(RIGHT)
        })
        .collect();
    assert!(idle.is_empty(), "the worker does without {idle:?}");
}

/// As vfat is: a need tells of it, and a case that did not ask leaves nothing in the way of others.
#[test]
fn a_file_system_without_links_and_fifos_is_told_of() {
    let filter = refusing(&[
        libc::SYS_symlink,
        libc::SYS_symlinkat,
        libc::SYS_mknod,
        libc::SYS_mknodat,
    ]);
    let link = "open file = open(file, O_RDWR)\nstep again = open(link, O_RDWR)\n";
    let asked = [
        ("need", "symlinks"),
        ("need", "fifos"),
        ("run", link),
        ("run", CASE),
    ];
    let came = answers(filter, &asked).unwrap();
    let kinds: Vec<&str> = came.iter().map(|f| f.kind.as_str()).collect();
    assert_eq!(kinds, ["unmet", "unmet", "error", "result"], "{came:?}");
    assert_eq!(told(&came[3]), RIGHT);
}

/// The worker does these steps in its own process, where a fault would stay behind.
#[test]
fn what_is_rehearsed_under_an_emulator_does_not_fault() {
    let came = answers(refusing(&[]), &[("run", REHEARSED)]).unwrap();
    let told = told(&came[0]);
    let steps = REHEARSED.lines().count() - 1;
    assert_eq!(told.lines().count(), steps + 1, "and the file: {told}");
    for wrong in ["SIG", "not reached", "refused", "blocked"] {
        assert!(!told.contains(wrong), "{told}");
    }
}
