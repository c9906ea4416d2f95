//! The janitor: a process that outlives its worker by a moment and clears what it leaves.
//!
//! It holds the reading end of a pipe whose writing end only the worker has. However the worker
//! ends, the pipe ends with it; then the janitor kills the case that was running and removes the
//! scratch folder. It is forked before rights are dropped, so it can remove what a case made, and
//! has a session of its own, so that neither Ctrl-C nor a kill of the worker's group reaches it.
#![expect(unsafe_code, reason = "fork and signal dispositions")]

use super::compiled::Own;
use super::journal::Journal;
use super::scratch::Names;
use super::sys;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::time::Duration;

/// The worker's side.
#[derive(Debug)]
pub struct Janitor {
    pid: i32,
    pipe: RawFd,
}

impl Janitor {
    /// Forks it, before there is anything to clear, and waits until it is out of the worker's
    /// group: a kill of that group in between would take both, and what was made by then stay.
    /// `to_close` are descriptors that it must not keep open: the runner waits for the end of the
    /// worker's output.
    ///
    /// # Errors
    /// What fork(2) or pipe2(2) says.
    pub fn start(
        journal: &Journal,
        scratch: &Names,
        own: &Own,
        to_close: &[RawFd],
    ) -> io::Result<Self> {
        let (read_end, write_end) = sys::pipe()?;
        let (apart, is_apart) = sys::pipe()?;
        // SAFETY: the worker has one thread; the child runs `watch` and never returns.
        let pid = sys::checked(unsafe { libc::fork() })?;
        if pid == 0 {
            sys::close(write_end);
            to_close.iter().for_each(|fd| sys::close(*fd));
            stand_apart();
            sys::close(apart);
            sys::close(is_apart);
            watch(read_end, journal, scratch, own);
        }
        sys::close(read_end);
        sys::close(is_apart);
        // Nobody writes there: it ends when the janitor has closed it.
        let _ = sys::read_exact(apart, &mut [0u8]);
        sys::close(apart);
        Ok(Janitor {
            pid,
            pipe: write_end,
        })
    }

    /// Gives the pipe another number.
    ///
    /// # Errors
    /// What fcntl(2) says.
    pub fn move_up(&mut self, to: RawFd) -> io::Result<()> {
        self.pipe = sys::move_up(self.pipe, to)?;
        Ok(())
    }

    /// Tells which process group runs, where the janitor can't see the journal.
    pub fn tell_group(&self, group: i32) {
        sys::write_all(self.pipe, &group.to_ne_bytes());
    }

    /// Lets it do its work, and waits until it has.
    pub fn finish(self) {
        sys::close(self.pipe);
        let _ = sys::wait_for(self.pid);
    }
}

/// Leaves the worker's session, and heeds no signal that asks for an end.
fn stand_apart() {
    // SAFETY: numbers only.
    unsafe {
        libc::setsid();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
    let _ = std::env::set_current_dir("/");
}

fn watch(pipe: RawFd, journal: &Journal, scratch: &Names, own: &Own) -> ! {
    let mut told = 0;
    let mut word = [0u8; 4];
    while sys::read_exact(pipe, &mut word) {
        told = i32::from_ne_bytes(word);
    }
    let group = if told != 0 { told } else { journal.group() };
    sys::kill_group(group);
    let mut pids = journal.pids();
    pids.push(group);
    own.clear(&pids);
    remove(&scratch.fresh);
    remove(&scratch.path);
    sys::exit(0)
}

/// A process that was just killed may still be making files.
fn remove(path: &Path) {
    for _ in 0..500 {
        match std::fs::remove_dir_all(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => return,
        }
    }
}
