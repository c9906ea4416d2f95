//! The processes of a run, found by the mark in their environment: proc_pid_environ(5),
//! proc_pid_stat(5).

use crate::bench::{MARK, eventually};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A process as proc_pid_stat(5) tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Its state letter.
    pub state: char,
}

/// All processes that carry a mark.
pub fn marked(mark: &Path) -> Vec<Process> {
    let carries = |pid: &i32| carries(*pid, mark);
    numbers().filter(carries).filter_map(look).collect()
}

/// The numbers of all processes.
fn numbers() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().filter_map(|e| {
        let name = e.ok()?.file_name();
        name.to_str()?.parse::<i32>().ok()
    })
}

fn carries(pid: i32, mark: &Path) -> bool {
    let mut entry = format!("{MARK}=").into_bytes();
    entry.extend_from_slice(mark.as_os_str().as_bytes());
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|b| *b == 0).any(|e| e == entry)
}

/// By what the processes of a run are known even where they don't carry its mark.
#[derive(Debug, Default)]
pub struct Trace {
    groups: BTreeSet<i32>,
    /// What the links of their namespaces say, but for those of this process.
    namespaces: BTreeSet<PathBuf>,
}

impl Trace {
    /// That of all who carry the mark now.
    pub fn of(mark: &Path) -> Self {
        let own = namespaces(std::process::id() as i32);
        let found = marked(mark);
        let others = |p: &Process| namespaces(p.pid).into_iter().filter(|n| !own.contains(n));
        Trace {
            groups: found.iter().map(|p| p.group).collect(),
            namespaces: found
                .iter()
                .flat_map(|p| others(p).collect::<Vec<_>>())
                .collect(),
        }
    }

    /// And another.
    pub fn add(&mut self, other: Trace) {
        self.groups.extend(other.groups);
        self.namespaces.extend(other.namespaces);
    }
}

/// The user namespace and the mount namespace of a process: namespaces(7).
fn namespaces(pid: i32) -> Vec<PathBuf> {
    let link = |kind: &&str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    ["user", "mnt"].iter().filter_map(link).collect()
}

/// All processes that carry a mark, or are of its groups, in its namespaces, or run a program or
/// work in a folder below the mark; each in words. Who has ended and whom nobody has waited for yet
/// does not count: all that it had is gone, and some machines' init takes its time.
pub fn traced(mark: &Path, trace: &Trace) -> Vec<String> {
    let is_of = |p: &Process| {
        let below = |what: &str| {
            fs::read_link(format!("/proc/{}/{what}", p.pid)).is_ok_and(|l| l.starts_with(mark))
        };
        let same = |n: &PathBuf| trace.namespaces.contains(n);
        let has_ended = matches!(p.state, 'Z' | 'X');
        !has_ended
            && (trace.groups.contains(&p.group)
                || carries(p.pid, mark)
                || namespaces(p.pid).iter().any(same)
                || below("exe")
                || below("cwd"))
    };
    let told = |p: Process| {
        let name = fs::read_to_string(format!("/proc/{}/comm", p.pid)).unwrap_or_default();
        let stack = fs::read_to_string(format!("/proc/{}/stack", p.pid)).unwrap_or_default();
        format!("{} {p:?} {stack}", name.trim())
    };
    numbers().filter_map(look).filter(is_of).map(told).collect()
}

/// The mounts below a folder, in whatever namespace a process is that can be looked at.
pub fn mounts_below(folder: &Path) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for pid in numbers() {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/mnt")) else {
            continue;
        };
        if !seen.insert(namespace) {
            continue;
        }
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        let below = mounts.lines().filter(|line| {
            // The fifth word is where: proc_pid_mountinfo(5).
            let at = line.split_whitespace().nth(4);
            at.is_some_and(|at| Path::new(at).starts_with(folder))
        });
        found.extend(below.map(|line| format!("a mount: {line}")));
    }
    found
}

fn look(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.chars().next()?;
    let mut number = || words.next()?.parse::<i32>().ok();
    Some(Process {
        pid,
        parent: number()?,
        group: number()?,
        session: number()?,
        state,
    })
}

/// The workers of a runner: its children.
pub fn workers(mark: &Path, runner: i32) -> Vec<Process> {
    let all = marked(mark);
    all.into_iter().filter(|p| p.parent == runner).collect()
}

/// The janitor of a worker: the child that has a session of its own.
pub fn janitor(mark: &Path, worker: i32) -> Option<Process> {
    let all = marked(mark);
    all.into_iter()
        .find(|p| p.parent == worker && p.session == p.pid)
}

/// A process of the case that a worker runs: a child without a session of its own.
pub fn case(mark: &Path, worker: i32) -> Option<Process> {
    let all = marked(mark);
    all.into_iter()
        .find(|p| p.parent == worker && p.session != p.pid)
}

/// Sends a signal to a process that the test has started.
pub fn signal(pid: i32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// Nobody who carries the mark is left, or is within a moment.
pub fn assert_none(mark: &Path) {
    let mut left = Vec::new();
    eventually("all processes are gone", || {
        left = marked(mark);
        left.is_empty()
    });
}

/// A line of proc_pid_status(5), without its key.
pub fn status(pid: i32, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}
