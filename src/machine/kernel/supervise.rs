//! One case from the worker's side: the file, the fork, the watch, the end.
#![expect(
    unsafe_code,
    reason = "fork, and lending to the child what outlives it"
)]

use super::child::{self, Actor, Setting};
use super::compiled::{Compiled, Op};
use super::guard::{Finding, Guard};
use super::journal::{Journal, Raw, Record, kind};
use super::namespace::Laid;
use super::render::Ended;
use super::scratch::CaseFile;
use super::turn::{Pipes, WORKER};
use super::worker::{Areas, Worker};
use super::{faults, lent, normal, rights, scratch, sys};
use crate::case::Content;
use crate::case::call::{Act, ResultKind};
use crate::case::errno::Errno;
use crate::case::program::{End, Ground};
use crate::transcript::{FileAfter, Outcome, Transcript};
use std::io;

/// What came of a case, in raw numbers; its records were put into a [`Raw`].
#[derive(Debug)]
pub struct Came {
    /// How the processes ended.
    pub ended: Ended,
    /// The wait status of `main`.
    pub status: i32,
    /// What the file holds, if the case has one; `None` in it for no change.
    pub file: Option<io::Result<Option<Content>>>,
}

/// Why a case was not run.
#[derive(Debug)]
pub enum NotRun {
    /// This machine can't say it: no fault of anybody's.
    Unsaid(String),
    /// The harness or its machine failed.
    Failed(String),
}

impl From<String> for NotRun {
    fn from(why: String) -> Self {
        NotRun::Failed(why)
    }
}

/// A file that the file system refuses for what it is, its size or that it is written to, can't be
/// had there; all else is the harness's trouble.
fn not_made(e: &io::Error) -> NotRun {
    match e.raw_os_error() {
        Some(number @ (libc::EFBIG | libc::EINVAL | libc::EOPNOTSUPP)) => {
            let name = Errno::from_number(number);
            NotRun::Unsaid(format!("this file system can't hold such a file: {name}"))
        }
        _ => NotRun::Failed(format!("the scratch file can't be made: {e}")),
    }
}

impl Worker {
    /// Runs one case.
    pub(super) fn run(&mut self, compiled: &Compiled, raw: &mut Raw) -> Result<Came, NotRun> {
        let came = self.run_and_leave(compiled, raw);
        if came.is_err() && matches!(compiled.lent.on, Ground::Ordinary) {
            // What could not be set up whole would be in the next one's way.
            clear(compiled);
        }
        came
    }

    /// Allocates as little as can be: each page that is written between two forks costs a fault.
    fn run_and_leave(&mut self, compiled: &Compiled, raw: &mut Raw) -> Result<Came, NotRun> {
        self.wake();
        let laid = match compiled.lent.on {
            Ground::Ordinary => None,
            kind if self.in_namespace => {
                let laid = Laid::lay(kind, &self.home, self.scale.page);
                Some(laid.map_err(|e| {
                    NotRun::Failed(format!("the case's file system can't be mounted: {e}"))
                })?)
            }
            _ => {
                let why = "this worker may not mount anything";
                return Err(NotRun::Failed(why.to_owned()));
            }
        };
        let file = match &compiled.file {
            Some(content) => {
                let made = CaseFile::make(content);
                Some(made.map_err(|e| not_made(&e))?)
            }
            None => None,
        };
        let file = match &laid {
            None => file,
            Some(laid) => {
                // A descriptor that may write keeps a file system from becoming read only, and has a
                // file copied up.
                let has_file = file.is_some();
                drop(file);
                let covered = laid.cover().and_then(|()| match has_file {
                    true => CaseFile::open().map(Some),
                    false => Ok(None),
                });
                covered.map_err(|e| {
                    NotRun::Failed(format!("the case's file system can't be laid: {e}"))
                })?
            }
        };
        if compiled.others.contains(&c"link") {
            let made = std::os::unix::fs::symlink("file", "link");
            made.map_err(|e| format!("the symbolic link can't be made: {e}"))?;
        }
        let pipes = match compiled.actors.len() {
            0 | 1 => None,
            n => Some(Pipes::new(n, normal::KEPT).map_err(|e| e.to_string())?),
        };
        let has_faults = compiled.lent.faults > 0;
        let socket = match has_faults {
            true => Some(Line::new().map_err(|e| e.to_string())?),
            false => None,
        };
        self.journal.reset(compiled.lent.ops.len());
        let die_together = !main_may_end_early(compiled);
        if has_faults {
            self.journal.board().reset();
        }
        let makes_actors = compiled.actors.len() > 1 || self.journal.is_pipe() || has_faults;
        self.ballast.hand_down(makes_actors);
        let harness = match compiled.lent.wild {
            true => self.harness(moves_break(compiled))?,
            false => Some(&[][..]),
        };
        let lines = (pipes.as_ref(), socket.as_ref());
        // SAFETY: only a child uses it, which never returns from `child::run`: what this frame and
        // its callers own is never dropped in that process.
        let setting = unsafe { self.setting(compiled, lines, harness, die_together) };
        let mut main = Actor::main(setting);
        let pid = self
            .branch(makes_actors, &mut main, file.as_ref().map(CaseFile::fd))
            .map_err(|e| format!("no child: {e}"))?;
        if let Some(line) = socket {
            self.start_keeper(compiled, pid, line)?;
        }
        let watch = Watch {
            worker: self,
            compiled,
            pipes: pipes.as_ref(),
            file: file.as_ref(),
            main: pid,
        };
        let (ended, status) = watch.until_over();
        if compiled.lasting {
            let mut pids = self.journal.pids();
            pids.push(pid);
            self.own.clear(&pids);
        }
        self.journal.collect(compiled.lent.ops.len(), raw);
        if has_faults {
            self.tell_idle_faults(compiled, raw);
        }
        let file = match (&file, &compiled.file) {
            (Some(file), Some(before)) => Some(file.after(before, &mut self.bytes)),
            _ => None,
        };
        let lacked_room =
            laid.is_none() && raw.records.iter().any(lacks_room) && scratch::is_full();
        if laid.is_none() {
            clear(compiled);
        }
        if lacked_room {
            let why = "the file system of the scratch folder is full";
            return Err(NotRun::Failed(why.to_owned()));
        }
        Ok(Came {
            ended,
            status,
            file,
        })
    }

    /// Starts the process that keeps the faults of a case, in the case's own group.
    fn start_keeper(&self, compiled: &Compiled, main: i32, line: Line) -> Result<(), String> {
        let worker = std::process::id() as i32;
        sys::own_group(main);
        // SAFETY: the child runs only what follows, and never returns from here.
        let pid = unsafe { sys::fork(true) };
        if matches!(pid, Ok(0)) {
            sys::die_with_parent(worker);
            sys::join_group(main);
            let socket = line.take_keepers();
            faults::keeper::keep(
                socket,
                compiled.lent.ops,
                self.journal.board(),
                self.scale.page,
            );
            sys::exit(0);
        }
        if pid.is_err() {
            sys::kill_group(main);
            let _ = sys::wait_for(main);
        }
        pid.map(|_| ()).map_err(|e| format!("no keeper: {e}"))
    }

    /// A fault that was brought about and that nothing met proves nothing. Where a process was
    /// meant to die early, what would have met it may not have come to it.
    fn tell_idle_faults(&self, compiled: &Compiled, raw: &mut Raw) {
        if compiled.lent.die_at.is_some() {
            return;
        }
        for (op, record) in compiled.lent.ops.iter().zip(&mut raw.records) {
            let slot = op.fault.and_then(|f| self.journal.board().slot(f));
            if record.kind == kind::VALUE && slot.is_some_and(|s| !s.has_fired()) {
                record.kind = kind::NOT_FIRED;
            }
        }
    }

    /// Tells the janitor which process group runs; 0 for none.
    #[inline(always)]
    fn set_group(&self, group: i32) {
        self.journal.set_group(group);
        if self.journal.is_pipe() {
            self.janitor.tell_group(group);
        }
    }

    /// What a child is given.
    ///
    /// # Safety
    /// It is used as long as all that it is made of is there and unchanged.
    pub(super) unsafe fn setting(
        &self,
        compiled: &Compiled,
        (pipes, line): (Option<&Pipes>, Option<&Line>),
        harness: Areas,
        die_together: bool,
    ) -> Setting {
        // SAFETY: the caller's promise.
        unsafe {
            Setting {
                compiled: compiled.lent,
                journal: forever(&self.journal),
                pipes: pipes.map(|p| forever(p)),
                arena: self.arena,
                harness,
                page: self.scale.page,
                top: self.scale.top,
                heap_end: lent::brk() as u64,
                worker: if self.adopts { self.pid } else { -1 },
                die_together,
                keeper: line.map_or(-1, |l| l.child),
            }
        }
    }

    /// Makes the child, and returns its number. All that happens in the child happens from here
    /// on. `full` tells whether it will start others, `file` is the worker's own descriptor.
    #[inline(never)]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn branch(&self, full: bool, main: &mut Actor, file: Option<i32>) -> io::Result<i32> {
        // SAFETY: the child uses only what it has a copy of, and never returns from here.
        let pid = unsafe { sys::fork(full) }?;
        if pid != 0 {
            return Ok(pid);
        }
        let own = sys::process_id();
        sys::die_with_parent(self.pid);
        sys::own_group(0);
        self.journal.come_near();
        if self.in_namespace {
            // There the worker may do anything; a case is an ordinary user's.
            let _ = rights::drop_capabilities();
        }
        // Here, and not by the worker: it might be killed after the first fork and before that.
        self.set_group(own);
        sys::close_from(normal::HIGH, i32::MAX);
        if main.setting.compiled.reckless {
            // It may take away what would catch its last fault.
            sys::leave_no_core();
        }
        if let Some(fd) = file {
            sys::close(fd);
        }
        child::run(main, own)
    }
}

/// Lends something for the rest of the process's life.
///
/// # Safety
/// The caller never returns to the owner.
unsafe fn forever<T>(thing: &T) -> &'static T {
    // SAFETY: the caller's promise.
    unsafe { &*std::ptr::from_ref(thing) }
}

/// Whether a step lets `main` end while others go on.
fn main_may_end_early(compiled: &Compiled) -> bool {
    let exits = |op: &Op| op.actor == 0 && op.call.act == Act::Exit;
    compiled.lent.end == End::Signal
        || compiled.lent.die_at.is_some()
        || compiled.lent.ops.iter().any(exits)
}

/// Whether a step moves the break, so that what lies behind it is the case's own.
fn moves_break(compiled: &Compiled) -> bool {
    let mut ops = compiled.lent.ops.iter();
    ops.any(|op| op.call.result == ResultKind::Break)
}

/// The transcript of a case that this architecture can't say.
pub(super) fn unsaid(compiled: &Compiled) -> Option<Transcript> {
    let why = compiled.unsaid.clone()?;
    Some(all_unsaid(compiled, why))
}

/// The transcript of a case that was not run.
pub(super) fn all_unsaid(compiled: &Compiled, why: String) -> Transcript {
    Transcript {
        outcomes: vec![Outcome::Unsaid(why); compiled.lent.ops.len()],
        file: FileAfter::None,
    }
}

/// Whether it may be the disk that speaks.
fn lacks_room(record: &Record) -> bool {
    match record.kind {
        kind::ERRNO => [libc::ENOSPC, libc::EDQUOT].contains(&record.errno),
        kind::FAULT | kind::DYING => record.signal == libc::SIGBUS,
        _ => false,
    }
}

/// Removes what the case has left in the scratch folder.
pub(super) fn clear(compiled: &Compiled) {
    if compiled.file.is_some() {
        let _ = std::fs::remove_file("file");
    }
    for name in &compiled.others {
        let _ = std::fs::remove_file(name.to_string_lossy().as_ref());
    }
}

/// The line between a case and the keeper of its faults.
pub(super) struct Line {
    child: i32,
    keeper: i32,
}

impl Line {
    fn new() -> io::Result<Self> {
        let (child, keeper) = faults::pair()?;
        Ok(Line {
            child: sys::move_up(child, normal::KEPT)?,
            keeper: sys::move_up(keeper, normal::HIGH)?,
        })
    }

    /// In the keeper: its end, at a low number, and nothing else open.
    fn take_keepers(&self) -> i32 {
        const OWN: i32 = 3;
        sys::close_from(0, normal::HIGH - 1);
        let fd = sys::move_up(self.keeper, OWN).unwrap_or(-1);
        sys::close_from(normal::HIGH, i32::MAX);
        fd
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        sys::close(self.child);
        sys::close(self.keeper);
    }
}

struct Watch<'a> {
    worker: &'a mut Worker,
    compiled: &'a Compiled,
    pipes: Option<&'a Pipes>,
    file: Option<&'a CaseFile>,
    main: i32,
}

impl Watch<'_> {
    /// Watches the case until nothing of it is left. How it ended, and the wait status of `main`.
    fn until_over(mut self) -> (Ended, i32) {
        sys::own_group(self.main);
        let mut guard = Guard::new(self.worker.limits, &self.worker.journal);
        let (mut ended, status) = self.main_ends(&mut guard);
        if ended == Ended::Orderly {
            ended = self.others_go_on(&mut guard).unwrap_or(ended);
        }
        let company = self.compiled.actors.len() > 1 || self.compiled.lent.faults > 0;
        if company || ended != Ended::Orderly {
            self.bury();
        }
        self.worker.set_group(0);
        self.worker.journal.receive();
        if ended == Ended::Orderly && self.is_unfinished() {
            ended = Ended::Lost(status);
        }
        (ended, status)
    }

    fn journal(&self) -> &Journal {
        &self.worker.journal
    }

    /// Whether the step that was noted last was begun and never ended.
    fn is_unfinished(&self) -> bool {
        let journal = self.journal();
        journal.record(journal.step()).kind == kind::INTENT
    }

    fn main_ends(&mut self, guard: &mut Guard) -> (Ended, i32) {
        let mut ended = Ended::Orderly;
        loop {
            match sys::wait_or_tick(self.main) {
                Ok(Some((_, status))) => return (ended, status),
                // Somebody else has reaped it: there is nothing left to be learnt.
                Err(_) => return (ended, 0),
                Ok(None) => {
                    self.worker.journal.receive();
                    if ended == Ended::Orderly {
                        if let Some(bad) = self.look(guard) {
                            ended = bad;
                            sys::kill_group(self.main);
                        }
                    }
                }
            }
        }
    }

    fn look(&self, guard: &mut Guard) -> Option<Ended> {
        match guard.look(self.journal(), self.main, self.file) {
            Finding::Fine => None,
            Finding::Hang => Some(Ended::Hang),
            Finding::Memory => Some(Ended::Memory),
            Finding::Dead => Some(Ended::Lost(libc::SIGKILL)),
        }
    }

    /// After `main` has ended as planned, the others may have steps left: the worker hands them
    /// the turn, until one comes back from the last step.
    fn others_go_on(&mut self, guard: &mut Guard) -> Option<Ended> {
        let pipes = self.pipes?;
        let mut waited = sys::is_readable(pipes.reading_end(WORKER), 0);
        while waited {
            let mut turn = pipes.take(WORKER)?;
            if let Ok(dying) = usize::try_from(turn.dying) {
                let pid = turn.pids[dying];
                if pid != self.main {
                    sys::wait_until_dead(pid);
                }
                turn.dying = -1;
            }
            loop {
                let step = turn.step as usize;
                let op = self.compiled.lent.ops.get(step)?;
                if turn.is_alive(op.actor) {
                    pipes.hand(op.actor, &turn);
                    break;
                }
                let gone = Record {
                    kind: kind::GONE,
                    ..Record::default()
                };
                self.journal().note(step, gone);
                turn.step += 1;
            }
            waited = false;
            while !waited {
                waited = sys::is_readable(pipes.reading_end(WORKER), 20);
                self.worker.journal.receive();
                if !waited {
                    if let Some(bad) = self.look(guard) {
                        return Some(bad);
                    }
                }
            }
        }
        None
    }

    /// Kills what is left of the case, and waits until nothing is.
    fn bury(&self) {
        sys::kill_group(self.main);
        while sys::wait_group(self.main) {}
    }
}
