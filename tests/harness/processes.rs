//! The processes of a run, found by the mark in their environment: proc_pid_environ(5),
//! proc_pid_stat(5).

use crate::bench::{MARK, eventually};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
    let mut entry = format!("{MARK}=").into_bytes();
    entry.extend_from_slice(mark.as_os_str().as_bytes());
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|e| {
        let name = e.ok()?.file_name();
        name.to_str()?.parse::<i32>().ok()
    });
    let carries = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|b| *b == 0).any(|e| e == entry)
    };
    numbers.filter(carries).filter_map(look).collect()
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

/// The case that a worker runs: the child that has a process group, but no session, of its own.
pub fn case(mark: &Path, worker: i32) -> Option<Process> {
    let all = marked(mark);
    all.into_iter()
        .find(|p| p.parent == worker && p.group == p.pid && p.session != p.pid)
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
