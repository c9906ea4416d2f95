//! The keeper: a process beside a case that has faults. It holds what brings them about, and
//! takes them back; it is no victim of any. It ends with the case's process group.

use super::board::{ASKED, Board, DONE, QUIET};
use super::seccomp::{self, Notice, Reply};
use super::wire::{self, Request};
use super::{manner, room, running, uffd};
use crate::case::call::Act;
use crate::case::fault::Fault;
use crate::machine::kernel::compiled::{Op, Word};
use crate::machine::kernel::{namespace, sys};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a thread of the case may take to change a page.
const RACE: Duration = Duration::from_secs(2);

/// What the keeper holds for one fault.
struct Held {
    op: &'static Op,
    fault: usize,
    /// A userfaultfd, the file that is put under a descriptor, or the empty object.
    file: Option<OwnedFd>,
    range: (u64, u64),
    /// A program that runs.
    process: Option<i32>,
    /// Pages that are to come, and when.
    due: Vec<(Instant, u64)>,
}

struct Keeper {
    socket: RawFd,
    ops: &'static [Op],
    board: &'static Board,
    page: u64,
    listeners: Vec<OwnedFd>,
    held: Vec<Held>,
}

/// Keeps the faults of a case until nobody is left who could ask for one.
pub fn keep(socket: RawFd, ops: &'static [Op], board: &'static Board, page: u64) {
    let mut keeper = Keeper {
        socket,
        ops,
        board,
        page,
        listeners: Vec::new(),
        held: Vec::new(),
    };
    while keeper.attend() {}
}

impl Keeper {
    /// Waits for something and sees to it; false when nobody is left.
    fn attend(&mut self) -> bool {
        let watched: Vec<RawFd> = std::iter::once(self.socket)
            .chain(self.listeners.iter().map(AsRawFd::as_raw_fd))
            .chain(self.touched().map(|(_, fd)| fd))
            .collect();
        let ready = sys::wait_readable(&watched, self.until_due());
        self.deliver();
        let is_ready = |fd: RawFd| ready.contains(&fd);
        // Calls and touches first: whoever asks for a withdrawal has made them before.
        self.calls(&is_ready);
        self.touches(&is_ready);
        if is_ready(self.socket) {
            let Some((request, fds)) = wire::receive(self.socket) else {
                return false;
            };
            let errno = self.serve(&request, fds).err().unwrap_or(0);
            wire::answer(self.socket, errno);
        }
        true
    }

    /// The userfaultfds that tell of touches, with the places in `held`.
    fn touched(&self) -> impl Iterator<Item = (usize, RawFd)> {
        let is_one = |h: &&Held| {
            matches!(
                h.op.call.act,
                Act::Fault(Fault::Slow | Fault::Hang | Fault::Page)
            )
        };
        let all = self.held.iter().enumerate().filter(move |(_, h)| is_one(h));
        all.filter_map(|(i, h)| Some((i, h.file.as_ref()?.as_raw_fd())))
    }

    fn until_due(&self) -> Option<Duration> {
        let next = self.held.iter().flat_map(|h| &h.due).map(|d| d.0).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Gives the pages whose time has come.
    fn deliver(&mut self) {
        let now = Instant::now();
        for held in &mut self.held {
            let Some(file) = &held.file else { continue };
            for (_, at) in held.due.extract_due(now) {
                // It may have been unmapped meanwhile; then who waits is woken by that.
                let _ = uffd::zeros(file.as_raw_fd(), at, self.page);
            }
        }
    }

    fn calls(&mut self, is_ready: &dyn Fn(RawFd) -> bool) {
        let mut gone = Vec::new();
        for (i, listener) in self.listeners.iter().enumerate() {
            if !is_ready(listener.as_raw_fd()) {
                continue;
            }
            match seccomp::receive(listener) {
                Some(notice) => {
                    let answer = self.answer_for(listener, &notice);
                    seccomp::reply(listener, &notice, answer);
                }
                None if sys::is_hung_up(listener.as_raw_fd()) => gone.push(i),
                None => {}
            }
        }
        for i in gone.into_iter().rev() {
            self.listeners.remove(i);
        }
    }

    /// What becomes of a call: that of a step counts, and is held against each fault.
    fn answer_for(&self, listener: &OwnedFd, notice: &Notice) -> Reply {
        if !self.board.is_in_step() {
            return Reply::Go;
        }
        for held in &self.held {
            let Some(call) = seccomp::about(held.op) else {
                continue;
            };
            let slot = self.board.slot(held.fault).filter(|s| s.is_armed());
            let (Some(slot), true) = (slot, seccomp::is_number_of(call, notice.number)) else {
                continue;
            };
            let known = |n: usize| match held.op.words.get(n) {
                Some(Word::Known(n)) => u32::try_from(*n).unwrap_or(0),
                _ => 0,
            };
            let hits = |n: u32, times: u32| {
                let nth = known(1);
                nth == 0 || n >= nth && n - nth < times
            };
            match &held.file {
                None if hits(slot.see(), known(3)) => {
                    slot.fire();
                    return Reply::Fail(known(2) as i32);
                }
                None => {}
                Some(file) => {
                    let at = seccomp::word_of_fd(call);
                    let fd = at.and_then(|at| notice.args.get(at)).map(|fd| *fd as i32);
                    // A call without a file is not meant.
                    let Some(fd) = fd.filter(|fd| *fd >= 0) else {
                        continue;
                    };
                    if hits(slot.see(), 1)
                        && seccomp::put_file(listener, notice, fd as u32, file).is_ok()
                    {
                        slot.fire();
                    }
                }
            }
        }
        Reply::Go
    }

    fn touches(&mut self, is_ready: &dyn Fn(RawFd) -> bool) {
        let ready: Vec<usize> = self
            .touched()
            .filter(|(_, fd)| is_ready(*fd))
            .map(|(i, _)| i)
            .collect();
        for i in ready {
            let Some(held) = self.held.get_mut(i) else {
                continue;
            };
            let Some(fd) = held.file.as_ref().map(AsRawFd::as_raw_fd) else {
                continue;
            };
            if let Some(at) = uffd::next_touch(fd) {
                if let Some(slot) = self.board.slot(held.fault) {
                    slot.fire();
                }
                let at = at & !(self.page - 1);
                meet(held, at, self.board, self.page);
            }
        }
    }

    fn serve(&mut self, request: &Request, fds: Vec<OwnedFd>) -> Result<(), i32> {
        let op = self.ops.get(request.step as usize).ok_or(libc::EINVAL)?;
        let (Some(fault), Act::Fault(kind)) = (op.fault, op.call.act) else {
            return Err(libc::EINVAL);
        };
        let slot = self.board.slot(fault).ok_or(libc::EINVAL)?;
        if request.withdraw != 0 {
            slot.withdraw();
            return self.withdraw(fault);
        }
        let mut fds = fds.into_iter();
        let wanted = usize::from(kind != Fault::Errno);
        if fds.len() > wanted {
            self.listeners.extend(fds.next());
        }
        let start = request.args[0] as u64;
        let mut file = fds.next();
        let mut process = None;
        match kind {
            Fault::Full => {
                let leave = request.args[0].max(0) as u64;
                let filler = room::fill(leave)?;
                if room::is_left(&filler, leave) {
                    slot.fire();
                }
                file = Some(filler.into());
            }
            Fault::NoExec | Fault::ReadOnly => {
                let flag = flag_of(kind);
                namespace::remount(flag)?;
                if namespace::is_mounted_with(flag) {
                    slot.fire();
                }
            }
            Fault::Running => {
                let Some(Word::Path(path)) = op.words.first() else {
                    return Err(libc::EINVAL);
                };
                process = Some(running::start(path)?);
                slot.fire();
            }
            // The one who asks has been refused.
            Fault::MapsExhausted => slot.fire(),
            _ => {}
        }
        let range = match kind {
            Fault::Errno
            | Fault::Swap
            | Fault::Full
            | Fault::NoExec
            | Fault::ReadOnly
            | Fault::Running => (0, 0),
            _ => (start, start.saturating_add(request.args[1] as u64)),
        };
        slot.arm(range.0, range.1);
        self.held.push(Held {
            op,
            fault,
            file,
            range,
            process,
            due: Vec::new(),
        });
        Ok(())
    }

    fn withdraw(&mut self, fault: usize) -> Result<(), i32> {
        let i = self.held.iter().position(|h| h.fault == fault);
        let held = self.held.remove(i.ok_or(libc::EINVAL)?);
        let size = held.range.1 - held.range.0;
        match (held.op.call.act, held.file) {
            // The object gets the pages that it lacked.
            (Act::Fault(Fault::DeadPage), Some(file)) => {
                let sized = std::fs::File::from(file).set_len(size);
                sized.map_err(|e| e.raw_os_error().unwrap_or(libc::EIO))
            }
            (Act::Fault(Fault::NoExec | Fault::ReadOnly), _) => {
                let mut flags = self.held.iter().map(|h| match h.op.call.act {
                    Act::Fault(kind) => flag_of(kind),
                    _ => 0,
                });
                namespace::remount(flags.next().unwrap_or(0))
            }
            _ => {
                held.process.into_iter().for_each(running::stop);
                Ok(())
            }
        }
    }
}

/// The flag with which a file system is mounted anew.
fn flag_of(kind: Fault) -> libc::c_ulong {
    match kind {
        Fault::NoExec => libc::MS_NOEXEC,
        Fault::ReadOnly => libc::MS_RDONLY,
        _ => 0,
    }
}

/// What a touch of the page at `at` meets.
fn meet(held: &mut Held, at: u64, board: &Board, page: u64) {
    match (held.op.call.act, manner(held.op)) {
        (Act::Fault(Fault::Slow), _) => {
            let ms = match held.op.words.get(2) {
                Some(Word::Known(n)) => u64::try_from(*n).unwrap_or(0),
                _ => 0,
            };
            held.due
                .push((Instant::now() + Duration::from_millis(ms), at));
        }
        (Act::Fault(Fault::Page), "close") => held.file = None,
        (Act::Fault(Fault::Page), _) => {
            board.race_at.store(at, Ordering::SeqCst);
            board.race.store(ASKED, Ordering::SeqCst);
            sys::futex_wake(&board.race);
            let until = Instant::now() + RACE;
            while board.race.load(Ordering::SeqCst) != DONE && Instant::now() < until {
                sys::futex_wait(&board.race, ASKED, Duration::from_millis(20));
            }
            board.race.store(QUIET, Ordering::SeqCst);
            if let Some(file) = &held.file {
                let _ = uffd::wake(file.as_raw_fd(), at, page);
            }
        }
        // It is never answered.
        _ => {}
    }
}

/// Taking out what is due.
trait ExtractDue {
    fn extract_due(&mut self, now: Instant) -> Vec<(Instant, u64)>;
}

impl ExtractDue for Vec<(Instant, u64)> {
    fn extract_due(&mut self, now: Instant) -> Vec<(Instant, u64)> {
        let (due, rest) = self.drain(..).partition(|(when, _)| *when <= now);
        *self = rest;
        due
    }
}
