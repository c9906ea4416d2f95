//! The child: one case in a process of its own. It takes its turns, makes the calls, and notes
//! before each what it is about to do and after each what came of it. Nothing is allocated or
//! parsed here, so that the address space stays as the case left it.
//!
//! All that a child runs is put into one section of the program, `.text.hot.child`: a forked child
//! starts without page tables for its code, and each stretch that it touches costs a fault.
#![expect(unsafe_code, reason = "the names of sections, nothing else")]

use super::compiled::{Extent, LentCase, Op, Word, is_fixed};
use super::fixtures::Fixtures;
use super::journal::{Journal, Record, kind};
use super::times::Marks;
use super::turn::{Pipes, Turn, WORKER};
use super::{actors, door, faults, sys, told, touch};
use crate::case::call::{Act, ResultKind};
use crate::case::program::End;
use crate::machine::kernel::arena::Arena;

/// The most arguments that a call has.
const ARGS_MAX: usize = 6;

/// The status by which a process ends that should have died of a signal and did not.
pub const SURVIVED: i32 = 97;

/// What a child is given. Everything in it stays alive until the process ends: the child never
/// returns to the frames that own it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// What is run.
    pub compiled: LentCase,
    /// Where it is noted.
    pub journal: &'static Journal,
    /// How turns are handed on, where there is more than one actor.
    pub pipes: Option<&'static Pipes>,
    /// The free range.
    pub arena: Arena,
    /// Where the harness lies, if a step could hit it; `None` where that can't be known.
    pub harness: Option<&'static [(u64, u64)]>,
    /// The page size.
    pub page: u64,
    /// The end of the user's address space.
    pub top: u64,
    /// Where the break is when the case begins.
    pub heap_end: u64,
    /// The worker's process; -1 where orphans do not become its children.
    pub worker: i32,
    /// Where the keeper of its faults is asked; -1 where it has none.
    pub keeper: i32,
    /// Whether children of `main` may die with it: not where it is planned that it dies first.
    pub die_together: bool,
}

/// One actor of the case.
#[derive(Debug)]
pub struct Actor {
    /// What it was given.
    pub setting: Setting,
    /// Which actor it is; 0 is `main`.
    pub index: usize,
    /// The turn, while it is this actor's.
    pub turn: Turn,
    /// The times that it remembers.
    pub marks: Marks,
}

/// Runs a case as `main`, in its process of this number. Does not return.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn run(main: &mut Actor, pid: i32) -> ! {
    main.turn.pids[0] = pid;
    Fixtures::open(&main.setting.compiled, &mut main.turn);
    actors::start_peers(main);
    // The first thread of a process has its number.
    main.setting.journal.take_turn(0, pid, pid);
    main.act_on();
    sys::exit(0)
}

impl Actor {
    /// Who is `main` in a child that is to be made. The worker fills it in: what writes so much
    /// memory lies apart from what a child runs.
    pub fn main(setting: Setting) -> Self {
        Actor {
            setting,
            index: 0,
            turn: Turn::default(),
            marks: Marks::default(),
        }
    }

    /// Notes that this actor acts now.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn has_turn(&self) {
        let pid = self.turn.pids[self.index];
        self.setting
            .journal
            .take_turn(self.index, pid, sys::thread_id());
    }

    /// Acts whenever it is this actor's turn, until the case is over.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn act_on(&mut self) {
        let ops = self.setting.compiled.ops;
        loop {
            let step = self.turn.step as usize;
            let Some(op) = ops.get(step) else {
                if self.index == 0 {
                    return;
                }
                let to = if self.turn.is_alive(0) { 0 } else { WORKER };
                self.hand_on(to);
                continue;
            };
            if op.actor == self.index {
                let record = self.act(step, op);
                self.setting.journal.note(step, record);
                self.turn.step += 1;
            } else if self.turn.is_alive(op.actor) {
                self.hand_on(op.actor);
            } else {
                self.setting.journal.note(
                    step,
                    Record {
                        kind: kind::GONE,
                        ..Record::default()
                    },
                );
                self.turn.step += 1;
            }
        }
    }

    /// Hands the turn on, and waits until it comes back.
    pub fn hand_on(&mut self, to: usize) {
        let Some(pipes) = self.setting.pipes else {
            sys::exit(SURVIVED);
        };
        pipes.hand(to, &self.turn);
        self.await_turn();
    }

    /// Waits for the turn; ends this actor if that is what the turn says.
    pub fn await_turn(&mut self) {
        let turn = self.setting.pipes.and_then(|p| p.take(self.index));
        let Some(turn) = turn else {
            sys::exit(SURVIVED);
        };
        self.turn = turn;
        if let Ok(dying) = usize::try_from(self.turn.dying) {
            sys::wait_until_dead(self.turn.pids[dying]);
            self.turn.dying = -1;
        }
        if let Ok(back) = usize::try_from(self.turn.end_for) {
            actors::end_for(self, back);
        }
        self.has_turn();
    }

    /// Does one step.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn act(&mut self, step: usize, op: &'static Op) -> Record {
        let mut args = [0i128; ARGS_MAX];
        if let (Act::Limit, Some(name), Some(Word::Known(resource))) =
            (op.call.act, op.bind, op.words.first())
        {
            self.turn.bind(name, door::used(*resource as i32));
        }
        for (slot, word) in args.iter_mut().zip(op.words) {
            match self.word(word) {
                Ok(value) => *slot = value,
                Err(name) => {
                    return Record {
                        kind: kind::UNBOUND,
                        value: name as i64,
                        ..Record::default()
                    };
                }
            }
        }
        let intent = Record {
            kind: kind::INTENT,
            asked: args[op.call.address()] as u64,
            ..Record::default()
        };
        self.setting.journal.note(step, intent);
        if self.would_hit_harness(op, &args) || Self::would_hit_machine(op, &args) {
            return Record {
                kind: kind::REFUSED,
                ..intent
            };
        }
        let args = &args[..op.words.len().min(ARGS_MAX)];
        let has_faults = self.setting.compiled.faults > 0;
        if has_faults {
            faults::reach(self.setting.journal.board(), op, args);
        }
        let last = op.last_address.map_or(0, |i| args[i] as u64);
        let mut record = match op.call.act {
            Act::Fault(_) | Act::Withdraw => faults::act(self, step, op, args),
            Act::Thread if has_faults => {
                // What the library calls to make a thread belongs to the step.
                let board = self.setting.journal.board();
                board.set_in_step(true);
                let record = actors::act(self, step, op, args);
                board.set_in_step(false);
                record
            }
            Act::Fork | Act::Thread | Act::Process | Act::Wait | Act::Exit => {
                actors::act(self, step, op, args)
            }
            Act::Load | Act::Store | Act::Fill | Act::Execute => self.touch(op, args),
            Act::Areas | Act::Smaps | Act::VmFlags | Act::Status => {
                told::read(self.setting.journal, op, args)
            }
            Act::Pidfd => self.pidfd(op),
            Act::Pipe => self.two(op, sys::pipe_ends()),
            Act::Times => returned(self.marks.set(args[0] as i32)),
            Act::Moved => self.moved(args[0] as i32, args[1] as u64),
            _ => self.call(op, args),
        };
        record.asked = intent.asked;
        if record.kind == kind::VALUE {
            record.touched = last;
        }
        let signal = record.signal;
        let dies =
            self.setting.compiled.end == End::Signal || self.setting.compiled.die_at == Some(step);
        if dies && signal != 0 && matches!(record.kind, kind::FAULT | kind::ERRNO) {
            self.die(step, op, args, signal);
        }
        record
    }

    /// The value of an argument, or the name that is not bound.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn word(&self, word: &Word) -> Result<i128, usize> {
        let value = |name: &usize| self.turn.value(*name).map(i128::from).ok_or(*name);
        Ok(match word {
            Word::Known(n) => *n,
            Word::Sum(constant, factors) => {
                let mut sum = *constant;
                for (name, factor) in *factors {
                    sum = sum.wrapping_add(value(name)?.wrapping_mul(*factor));
                }
                sum
            }
            Word::Data(at, _) => *at as i128,
            Word::Buf => 0,
            Word::Path(p) => p.as_ptr() as usize as i128,
            Word::Name(name) => value(name)?,
            Word::Pid(actor) => self.turn.pids[*actor].into(),
        })
    }

    /// Whether a step would change or read memory of the harness itself.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn would_hit_harness(&self, op: &Op, args: &[i128]) -> bool {
        let setting = &self.setting;
        if op.call.result == ResultKind::Break {
            return !setting.may_be_break(args[0]);
        }
        if setting.compiled.reckless || !setting.compiled.wild {
            return false;
        }
        if op.call.name == "mmap" && !is_fixed(op) {
            return false;
        }
        if op.call.name == "shmat" && args[2] & i128::from(libc::SHM_REMAP) != 0 {
            let size = door::segment_size(args[0] as i32);
            return self.range_hits_harness(op, args[1], size.into());
        }
        op.ranges.iter().any(|(addr, extent)| {
            let len = match extent {
                Extent::Bytes(n) => *n,
                Extent::Pages(of) => pages(args[*of], setting.page.into()),
                Extent::Arg(len) => match &op.words[*len] {
                    Word::Data(_, len) => *len as i128,
                    _ => args[*len],
                },
            };
            let foreign = matches!(op.words[*addr], Word::Data(..) | Word::Buf);
            !foreign && self.range_hits_harness(op, args[*addr], len)
        })
    }

    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn range_hits_harness(&self, op: &Op, start: i128, len: i128) -> bool {
        let setting = &self.setting;
        let end = start + len;
        let page = i128::from(setting.page);
        let start = start / page * page;
        let end = (end + page - 1) / page * page;
        // The kernel refuses these as a whole: see vm_munmap() and do_mmap() in mm/mmap.c, and the
        // wrap-around checks at the head of do_mprotect_pkey(), msync() and their like. A store
        // is no call: it goes on until it faults.
        let stores = matches!(op.call.act, Act::Store | Act::Fill);
        let whole = matches!(op.call.name, "munmap" | "mmap") && end > i128::from(setting.top);
        if whole || !stores && end > i128::from(usize::MAX as u64) + 1 {
            return false;
        }
        let Some(harness) = setting.harness else {
            let arena = &setting.arena;
            return start < i128::from(arena.start) || end > i128::from(arena.end);
        };
        harness
            .iter()
            .any(|(s, e)| start < i128::from(*e) && end > i128::from(*s))
    }

    /// Whether the step would take a page of the machine out of service: the right to do so is
    /// root's, and nothing gives the page back.
    fn would_hit_machine(op: &Op, args: &[i128]) -> bool {
        let advice = op.call.args.iter().position(|a| a.name == "advice");
        matches!(advice.map(|a| args[a]), Some(100 | 101)) && sys::is_root()
    }

    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn touch(&mut self, op: &Op, args: &[i128]) -> Record {
        let at = args[0] as usize;
        let result = match (op.call.act, op.words.get(1), op.data) {
            (Act::Load, ..) => return self.load(at, args[1]),
            (Act::Store, Some(Word::Data(..)), Some(bytes)) => {
                let stored = touch::store(at, bytes);
                if stored.is_ok() && op.is_code {
                    touch::sync_code(at, bytes.len());
                }
                stored
            }
            (Act::Execute, ..) => {
                return match touch::execute(at) {
                    Ok(n) => self.succeeded(op, n.into(), None),
                    Err(fault) => faulted(fault),
                };
            }
            (Act::Fill, _, Some(bytes)) => {
                let byte = bytes.first().copied().unwrap_or(0);
                touch::fill(at, byte, args[1] as usize)
            }
            _ => Ok(()),
        };
        match result {
            Ok(()) => value(0),
            Err(fault) => faulted(fault),
        }
    }

    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn load(&mut self, at: usize, len: i128) -> Record {
        let room = usize::try_from(len)
            .ok()
            .and_then(|n| self.setting.journal.room(n));
        let Some((bytes_at, place)) = room else {
            return Record {
                kind: kind::TOO_LONG,
                ..Record::default()
            };
        };
        match touch::load(at, place, len as usize) {
            Ok(()) => Record {
                kind: kind::BYTES,
                bytes_at,
                bytes_len: len as u32,
                ..Record::default()
            },
            Err(fault) => faulted(fault),
        }
    }

    /// A system call, with its bytes put where they belong and its result bound.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn call(&mut self, op: &Op, args: &[i128]) -> Record {
        // Not copied as a whole: for that the C library's function is called, a page more.
        let mut wide: [i128; ARGS_MAX] = std::array::from_fn(|i| args.get(i).copied().unwrap_or(0));
        let mut room = None;
        if let ResultKind::Read { buf, len } = op.call.result {
            if matches!(op.words[buf], Word::Buf) {
                let n = usize::try_from(args[len]).ok();
                let Some(place) = n.and_then(|n| self.setting.journal.room(n)) else {
                    return Record {
                        kind: kind::TOO_LONG,
                        ..Record::default()
                    };
                };
                wide[buf] = place.1 as usize as i128;
                room = Some((place.0, None));
            }
        }
        if let ResultKind::Pages { len, buf } = op.call.result {
            if matches!(op.words[buf], Word::Buf) {
                let page = i128::from(self.setting.page);
                let refused = args[0].saturating_add(args[len]) > self.setting.top.into();
                // The kernel refuses a range that leaves the address space before it writes.
                let n = if refused { 0 } else { pages(args[len], page) };
                let place = usize::try_from(n).ok();
                let Some(place) = place.and_then(|n| self.setting.journal.room(n)) else {
                    return Record {
                        kind: kind::TOO_LONG,
                        ..Record::default()
                    };
                };
                wide[buf] = place.1 as usize as i128;
                room = Some((place.0, Some(n as u32)));
            }
        }
        if let ResultKind::Written { len } = op.call.result {
            let too_long = |w: &Word| matches!(w, Word::Data(_, n) if (*n as i128) < args[len]);
            if op.words.iter().any(too_long) {
                return Record {
                    kind: kind::REFUSED,
                    ..Record::default()
                };
            }
        }
        touch::guarded();
        touch::raised();
        let has_faults = self.setting.compiled.faults > 0;
        if has_faults {
            self.setting.journal.board().set_in_step(true);
        }
        let returned = door::call(self.setting.compiled.door, op.call, &wide[..args.len()]);
        if has_faults {
            self.setting.journal.board().set_in_step(false);
        }
        let record = match returned {
            Ok(n) => self.succeeded(op, n, room),
            Err(errno) => Record {
                kind: kind::ERRNO,
                errno,
                ..Record::default()
            },
        };
        Record {
            kind: if touch::guarded() {
                kind::BLOCKED
            } else {
                record.kind
            },
            signal: touch::raised(),
            ..record
        }
    }

    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn succeeded(&mut self, op: &Op, n: i64, room: Option<(u32, Option<u32>)>) -> Record {
        if let Some(name) = op.bind {
            self.turn.bind(name, n);
        }
        match room {
            Some((bytes_at, len)) => Record {
                kind: kind::BYTES,
                bytes_at,
                bytes_len: len.unwrap_or(n as u32),
                ..Record::default()
            },
            None => value(n),
        }
    }

    fn pidfd(&mut self, op: &Op) -> Record {
        let pid = self.turn.pids[op.other.unwrap_or(0)];
        match sys::pidfd(pid) {
            Ok(fd) => self.succeeded(op, fd.into(), None),
            Err(errno) => Record {
                kind: kind::ERRNO,
                errno,
                ..Record::default()
            },
        }
    }

    /// Two descriptors with a name each.
    fn two(&mut self, op: &Op, made: Result<(i32, i32), i32>) -> Record {
        match made {
            Ok((read_end, write_end)) => {
                if let Some(name) = op.bind {
                    self.turn.bind(name, read_end.into());
                    self.turn.bind(name + 1, write_end.into());
                }
                value(0)
            }
            Err(errno) => Record {
                kind: kind::ERRNO,
                errno,
                ..Record::default()
            },
        }
    }

    /// Which of these parts of what stat tells have changed since they were marked.
    fn moved(&mut self, fd: i32, what: u64) -> Record {
        let mut text = [0u8; super::times::TEXT_MAX];
        let len = match self.marks.moved(fd, what, &mut text) {
            Ok(len) => len,
            Err(errno) => return returned(Err(errno)),
        };
        match self.setting.journal.put(&text[..len]) {
            Some(bytes_at) => Record {
                kind: kind::BYTES,
                bytes_at,
                bytes_len: len as u32,
                ..Record::default()
            },
            None => Record {
                kind: kind::TOO_LONG,
                ..Record::default()
            },
        }
    }

    /// Dies of the signal that a step raises: hands the turn on and does the step once more, with
    /// nothing to catch it.
    fn die(&mut self, step: usize, op: &Op, args: &[i128], signal: i32) -> ! {
        let record = Record {
            kind: kind::DYING,
            signal,
            ..Record::default()
        };
        self.setting.journal.note(step, record);
        actors::leave(self);
        touch::let_kill();
        match op.call.act {
            Act::Load | Act::Store | Act::Fill | Act::Execute => {
                self.touch(op, args);
            }
            _ => {
                self.call(op, args);
            }
        }
        sys::exit(SURVIVED)
    }
}

fn returned(result: Result<(), i32>) -> Record {
    match result {
        Ok(()) => value(0),
        Err(errno) => Record {
            kind: kind::ERRNO,
            errno,
            ..Record::default()
        },
    }
}

/// The record of a value.
pub fn value(value: i64) -> Record {
    Record {
        kind: kind::VALUE,
        value,
        ..Record::default()
    }
}

/// How many pages hold so many bytes.
fn pages(bytes: i128, page: i128) -> i128 {
    bytes.saturating_add(page - 1) / page
}

impl Setting {
    /// Whether a case may move the break there: nowhere, where it can't be, or behind the heap of
    /// the harness, which ends where the break was when the case began.
    fn may_be_break(&self, addr: i128) -> bool {
        // No program begins below this: see `mmap_min_addr` in proc_sys_vm(5).
        const NO_PROGRAM: i128 = 0x10000;
        self.compiled.reckless || addr <= NO_PROGRAM || addr >= i128::from(self.heap_end)
    }
}

fn faulted(fault: touch::Fault) -> Record {
    Record {
        kind: if fault.signal == libc::SIGALRM {
            kind::BLOCKED
        } else {
            kind::FAULT
        },
        signal: fault.signal,
        code: fault.code,
        addr: fault.addr,
        touched: fault.touched,
        ..Record::default()
    }
}
