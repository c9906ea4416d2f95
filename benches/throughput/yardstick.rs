//! The bare loops. Each runs in a process of its own that has nothing else in it: how much memory a
//! process has mapped is a part of what its fork costs.
#![expect(unsafe_code, reason = "fork and what its child does are what is timed")]

use super::cost::{self, Cost};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};
use std::ffi::CString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Which loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// fork, _exit, wait.
    Fork,
    /// The same, with what a plain case does in the child: rights are dropped, where there are
    /// any, and the file is made, mapped, touched, unmapped and removed.
    Calls,
}

/// By this argument the program knows that it is a loop.
const WORD: &str = "--yardstick";

/// An ordinary user, where the folder's owner is root.
const ORDINARY: u32 = 48_327;

/// What one turn of the loop costs, over `width` loops at once, each on a CPU of its own.
pub fn time(which: Loop, width: usize, turns: usize, dir: &Path) -> Result<Cost, String> {
    let before = cost::taken();
    let folder = tempfile::Builder::new()
        .prefix("mmapcheck-bench-")
        .tempdir_in(dir)
        .map_err(|e| format!("{}: {e}", dir.display()))?;
    if Uid::effective().is_root() {
        let (user, group) = ordinary(dir);
        chown(folder.path(), Some(user), Some(group)).map_err(|e| e.to_string())?;
    }
    let start = |cpu: usize| {
        let own = std::env::current_exe()?;
        Command::new(own)
            .args([
                WORD,
                &format!("{which:?}"),
                &cpu.to_string(),
                &turns.to_string(),
            ])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    };
    let loops: Result<Vec<_>, _> = (0..width).map(start).collect();
    let mut loops = loops.map_err(|e| format!("a loop can't be started: {e}"))?;
    // Each says that it is ready; then all are let go together.
    let mut outputs = Vec::new();
    for one in &mut loops {
        let mut output = BufReader::new(one.stdout.take().ok_or("no output")?);
        let mut ready = String::new();
        output.read_line(&mut ready).map_err(|e| e.to_string())?;
        outputs.push(output);
    }
    for one in &mut loops {
        drop(one.stdin.take());
    }
    let mut rate = 0.0;
    for (mut one, mut output) in loops.into_iter().zip(outputs) {
        let mut told = String::new();
        output
            .read_to_string(&mut told)
            .map_err(|e| e.to_string())?;
        one.wait().map_err(|e| e.to_string())?;
        let seconds: f64 = told
            .trim()
            .parse()
            .map_err(|_| format!("a loop failed: {told}"))?;
        rate += turns as f64 / seconds;
    }
    let cpu = cost::taken().children - before.children;
    Ok(Cost {
        clock: 1.0 / rate,
        cpu: cpu / (width * (turns + first_turns(turns))) as f64,
        runner: 0.0,
    })
}

/// If this process was started as a loop: runs it.
pub fn asked_for() -> Option<Result<(), String>> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [word, which, cpu, turns, folder] = args.as_slice() else {
        return None;
    };
    if word != WORD {
        return None;
    }
    let which = if which == "Fork" {
        Loop::Fork
    } else {
        Loop::Calls
    };
    let number = |text: &std::ffi::OsString| text.to_string_lossy().parse().unwrap_or(0);
    Some(run(which, number(cpu), number(turns), folder.into()))
}

fn run(which: Loop, cpu: usize, turns: usize, folder: PathBuf) -> Result<(), String> {
    pin(cpu).map_err(|e| e.to_string())?;
    let rights = Uid::effective().is_root().then(|| ordinary(&folder));
    let file = folder.join(format!("file-{cpu}"));
    let path = CString::new(file.as_os_str().as_bytes()).map_err(|e| e.to_string())?;
    for _ in 0..first_turns(turns) {
        turn(which, &path, rights)?;
    }
    println!("ready");
    // The end of the input is the sign to go.
    let _ = std::io::stdin().read(&mut [0]);
    let began = Instant::now();
    for _ in 0..turns {
        turn(which, &path, rights)?;
    }
    let took = began.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{took}").map_err(|e| e.to_string())
}

/// How many turns go before those that are timed.
fn first_turns(turns: usize) -> usize {
    turns / 20
}

/// Keeps this process on one CPU, counted among those that it may use.
fn pin(cpu: usize) -> nix::Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let set: Vec<usize> = (0..CpuSet::count())
        .filter(|c| allowed.is_set(*c) == Ok(true))
        .collect();
    let mut one = CpuSet::new();
    one.set(set[cpu % set.len()])?;
    sched_setaffinity(Pid::from_raw(0), &one)
}

/// Whom the loops run as: the folder's owner, if that is an ordinary user.
fn ordinary(dir: &Path) -> (u32, u32) {
    match std::fs::metadata(dir) {
        Ok(data) if data.uid() != 0 => (data.uid(), data.gid()),
        _ => (ORDINARY, ORDINARY),
    }
}

/// In each child, as a minimal harness without a worker has to do it.
fn drop_rights((user, group): (u32, u32)) -> bool {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    setgroups(&[]).is_ok()
        && setresgid(group, group, group).is_ok()
        && setresuid(user, user, user).is_ok()
}

fn turn(which: Loop, path: &CString, rights: Option<(u32, u32)>) -> Result<(), String> {
    // SAFETY: this process has one thread, so the child may do what the parent may.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let done = which == Loop::Fork || (rights.is_none_or(drop_rights) && calls(path));
        // SAFETY: ends the child, without what the parent would do at its end.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    let mut status = 0;
    // SAFETY: `status` lives during the call.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    match (child, ended, status) {
        (-1, ..) => Err("fork failed".to_owned()),
        (_, ended, 0) if ended == child => Ok(()),
        _ => Err(format!("a child ended with the status {status:#x}")),
    }
}

/// What a plain case does, unwatched.
fn calls(path: &CString) -> bool {
    // SAFETY: the path ends with a zero byte; the page that is touched was mapped just before.
    unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let fd = libc::open(
            path.as_ptr(),
            libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
            0o600,
        );
        if fd < 0 || libc::ftruncate(fd, page as libc::off_t) != 0 {
            return false;
        }
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let map = libc::mmap(std::ptr::null_mut(), page, prot, libc::MAP_SHARED, fd, 0);
        if map == libc::MAP_FAILED {
            return false;
        }
        let byte = map.cast::<u8>();
        let zero = byte.read_volatile() == 0;
        byte.write_volatile(b'x');
        zero && libc::munmap(map, page) == 0 && libc::unlink(path.as_ptr()) == 0
    }
}
