//! The worker: takes cases as frames, gives transcripts as frames.

use super::arena::Arena;
use super::compiled::{Compiled, Context, Own, Word};
use super::guard::{self, Limits};
use super::janitor::Janitor;
use super::journal::{Journal, Raw};
use super::lent::{Ballast, Lent};
use super::render::Renderer;
use super::rights::{Powers, Rights};
use super::scratch::{self, Names, Scratch};
use super::supervise::{Came, NotRun, all_unsaid, unsaid};
use super::{abi, faults, lasting, maps, namespace, normal, probe, sys, touch};
use crate::case::fault::FAULTS;
use crate::case::need::Reason;
use crate::case::program::{Door, Known};
use crate::case::{Need, Program, Scale};
use crate::machine::frame::{self, Frame, Line};
use crate::machine::start::Start;
use crate::platform::Platform;
use crate::transcript::Transcript;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A worker that has been started.
#[derive(Debug)]
pub struct Worker {
    /// Its process.
    pub(super) pid: i32,
    /// The scratch folder.
    pub(super) home: PathBuf,
    /// Whether it may mount what a case needs; the cases may not.
    pub(super) in_namespace: bool,
    pub(super) door: Door,
    pub(super) scale: Scale,
    pub(super) arena: Arena,
    pub(super) journal: Journal,
    pub(super) janitor: Janitor,
    pub(super) limits: Limits,
    /// Whether orphans of a case become the worker's children.
    pub(super) adopts: bool,
    /// Steps that came before.
    known: Known,
    /// What children of the present batch read.
    lent: Lent,
    /// What they do without.
    pub(super) ballast: Ballast,
    /// The areas of the harness, as far as the present batch has asked for them.
    harness: Harness,
    /// What they are read into.
    room: maps::Room,
    pub(super) ticking: bool,
    pub(super) bytes: Vec<u8>,
    /// Names that only this worker uses.
    pub(super) own: Own,
    /// What a worker started like this one could keep.
    powers: Powers,
    platform: Platform,
}

/// Areas that are the harness's own; `None` where the kernel does not tell.
pub(super) type Areas = Option<&'static [(u64, u64)]>;

/// The areas of the harness, as they were found once in a batch.
#[derive(Debug, Default)]
struct Harness {
    /// How much room the bytes of files had, whether the case had the break to itself, and how many
    /// areas its child did without.
    is_for: (usize, bool, usize),
    areas: Option<Areas>,
}

/// Runs a worker on its standard streams until the runner is gone, or only tells it why there can
/// be none. The exit status.
pub fn serve(refusal: Option<&str>) -> i32 {
    if let Some(why) = refusal {
        return refuse(&io::Error::other(why));
    }
    sys::keep_to_heap();
    let (input, output) = match normal::settle_descriptors() {
        Ok(streams) => streams,
        Err(e) => return refuse(&e),
    };
    let mut stream = Stream::new(input, output);
    let Some(first) = stream.first_frame() else {
        return 0;
    };
    let started = Start::parse(&first.payload)
        .and_then(|start| Worker::start(&start, &stream).map_err(|e| e.to_string()));
    let worker = match started {
        Ok(worker) if first.kind == "start" => worker,
        Ok(_) => return 3,
        Err(why) => {
            stream.send(&Frame::new("error", first.sequence, why));
            stream.flush();
            return 3;
        }
    };
    let hello = worker.platform.to_string();
    stream.send(&Frame::new("hello", first.sequence, hello));
    let mut worker = worker;
    worker.rehearse();
    loop {
        // What has come is made ready before the first fork: every page that is written between
        // two forks costs a fault, so the parsing is done in one go. Only a part of what the
        // runner lets wait is taken, so that it sends more while these run.
        let frames = stream.take_frames(BATCH);
        // A serial line has no end that could be seen at the other.
        if frames.iter().any(|f| f.kind == "end") {
            break;
        }
        let ready: Vec<Ready> = frames
            .into_iter()
            .map(|frame| worker.make_ready(frame))
            .collect();
        worker.answer_all(ready, &mut stream);
        worker.forget_batch();
        stream.flush();
        if stream.has_frame() {
            continue;
        }
        worker.rest();
        if !stream.fill() {
            break;
        }
    }
    worker.janitor.finish();
    0
}

/// Tells the runner why this process can't be a worker.
fn refuse(why: &io::Error) -> i32 {
    let mut stream = Stream::new(0, 1);
    if let Some(first) = stream.first_frame() {
        stream.send(&Frame::new("error", first.sequence, why.to_string()));
        stream.flush();
    }
    3
}

/// What came of it, and how long that took.
type Done = (Ready, Result<Came, NotRun>, Duration);

/// A frame with the work that it asks for, as far as that can be made ready.
struct Ready {
    frame: Frame,
    case: Option<Result<ReadyCase, String>>,
}

/// A case that can be run, with room for what comes of it.
pub(super) struct ReadyCase {
    program: Program,
    pub(super) compiled: Compiled,
    raw: Raw,
}

impl Worker {
    fn start(start: &Start, stream: &Stream) -> io::Result<Self> {
        let parent = std::os::unix::process::parent_id() as i32;
        sys::die_with_parent(parent);
        normal::settle()?;
        let page = probe::page();
        let unused = touch::library_signal_stack(page);
        touch::leave_rseq();
        let mut lent = Lent::new()?;
        lent.hold_signal_stack()?;
        if let Some(cpu) = start.cpu {
            normal::pin(cpu);
        }
        Scratch::sweep(&start.dir);
        lasting::sweep(scratch::PREFIX);
        let mut journal = Journal::new(start.pipe_journal)?;
        let names = Names::choose(&start.dir)?;
        let streams = [stream.input, stream.output];
        let own = Own::of(std::process::id() as i32, &names.folder());
        let mut janitor = Janitor::start(&journal, &names, &own, &streams)?;
        janitor.move_up(normal::HIGH)?;
        let scratch = Scratch::make(names)?;
        let powers = Powers::own();
        let rights = if start.root {
            Rights::Root
        } else {
            Rights::ordinary(&start.dir)
        };
        if let Rights::Become(uid, gid) = rights {
            std::os::unix::fs::chown(scratch.path(), Some(uid), Some(gid))?;
        }
        // The lock is held as long as this descriptor is open.
        sys::move_up(sys::duplicate(scratch.lock_fd())?, normal::HIGH)?;
        std::env::set_current_dir(scratch.path())?;
        let fs = probe::file_system(scratch.path());
        drop(scratch);
        if let Some((read_end, write_end)) = journal.pipe_ends() {
            let ends = (
                sys::move_up(read_end, normal::KEPT)?,
                sys::move_up(write_end, normal::KEPT)?,
            );
            journal.set_pipe_ends(ends);
        }
        rights.take(parent)?;
        if start.namespace {
            namespace::enter(parent)?;
        }
        let home = std::env::current_dir()?;
        let adopts = sys::adopt_orphans();
        let scale = probe::scale();
        let arena = Arena::find(scale.bits)
            .ok_or_else(|| io::Error::other("no free range for the arena"))?;
        sys::trim_heap();
        let ballast = Ballast::find(page, unused);
        let platform = platform(start, &rights, fs, scale.clone());
        Ok(Worker {
            pid: sys::process_id(),
            door: start.door,
            limits: limits(start),
            adopts,
            known: Known::default(),
            lent,
            ballast,
            harness: Harness::default(),
            room: maps::Room::new(),
            ticking: false,
            bytes: Vec::new(),
            powers,
            home,
            in_namespace: start.namespace,
            own,
            scale,
            arena,
            journal,
            janitor,
            platform,
        })
    }

    /// Whether an emulator translates what this worker runs.
    pub(super) fn is_emulated(&self) -> bool {
        self.platform.emulator != "none"
    }

    /// The cases of the last batch are told and gone: their room is free.
    #[expect(unsafe_code, reason = "nothing holds what was lent any more")]
    pub(super) fn forget_batch(&mut self) {
        self.harness = Harness::default();
        // SAFETY: `answer_all` has consumed every case that was made ready, and their children
        // have ended.
        unsafe { self.lent.clear() }
    }

    fn make_ready(&mut self, frame: Frame) -> Ready {
        let case = (frame.kind == "run").then(|| self.compile(&frame.payload));
        Ready { frame, case }
    }

    /// Runs all cases, then tells what came of them: telling writes to many pages. A case that
    /// took long is told at once, with those before it.
    fn answer_all(&mut self, ready: Vec<Ready>, stream: &mut Stream) {
        let mut done: Vec<Done> = Vec::with_capacity(ready.len());
        let mut began = Instant::now();
        for mut work in ready {
            let start = Instant::now();
            let came = match &mut work.case {
                Some(Ok(case)) if unsaid(&case.compiled).is_none() => {
                    self.run(&case.compiled, &mut case.raw)
                }
                _ => Err(NotRun::Failed(String::new())),
            };
            done.push((work, came, start.elapsed()));
            if began.elapsed() > LONG {
                self.tell(&mut done, stream);
                stream.flush();
                began = Instant::now();
            }
        }
        self.tell(&mut done, stream);
    }

    fn tell(&mut self, done: &mut Vec<Done>, stream: &mut Stream) {
        // What is told takes memory.
        self.harness = Harness::default();
        for (work, came, took) in done.drain(..) {
            stream.send(&self.answer(&work, came, took));
        }
    }

    /// The answer to one frame.
    fn answer(&self, work: &Ready, came: Result<Came, NotRun>, took: Duration) -> Frame {
        let frame = &work.frame;
        let reply = |kind: &str, text: String| Frame::new(kind, frame.sequence, text);
        let result = |t: &Transcript| reply("result", frame::timed(took, &t.to_string()));
        match (&work.case, came) {
            (Some(Ok(case)), came) => {
                if let Some(transcript) = unsaid(&case.compiled) {
                    return result(&transcript);
                }
                return match came {
                    Ok(came) => result(&self.transcript(case, &came)),
                    Err(NotRun::Unsaid(why)) => result(&all_unsaid(&case.compiled, why)),
                    Err(NotRun::Failed(why)) => reply("error", why),
                };
            }
            (Some(Err(why)), _) => return reply("error", why.clone()),
            (None, _) => {}
        }
        match frame.kind.as_str() {
            "need" => match Need::parse(&frame.payload) {
                Ok(need) => match self.meets(&need) {
                    Ok(()) => reply("met", String::new()),
                    Err(why) => reply("unmet", why),
                },
                Err(m) => reply("unmet", m.to_string()),
            },
            "damaged" => reply("damaged", String::new()),
            other => reply("error", format!("a worker does not know `{other}`")),
        }
    }

    /// The areas of the harness in the next child, where it can read them. Between the cases of a
    /// batch the worker takes no memory but for the bytes of files, so that they are looked up once.
    pub(super) fn harness(&mut self, case_has_break: bool) -> Result<Areas, String> {
        let left_out = self.ballast.left_out();
        let is_for = (self.bytes.capacity(), case_has_break, left_out.len());
        let found = &mut self.harness;
        if let Some(areas) = found.areas.filter(|_| found.is_for == is_for) {
            return Ok(areas);
        }
        let areas = match self.room.harness(case_has_break) {
            None => None,
            Some(ranges) => {
                let there = maps::without(ranges, left_out);
                Some(self.lent.put(&there).ok_or("no room for its own areas")?)
            }
        };
        let areas = found.areas.insert(areas);
        found.is_for = is_for;
        Ok(*areas)
    }

    /// Tries whether a need is met; else why not, with the kind of reason.
    fn meets(&self, need: &Need) -> Result<(), String> {
        let unmet = |reason: Reason, why: String| format!("{why} ({reason})");
        if FAULTS.iter().any(|(name, _)| *name == need.name) {
            // Those that one process brings about for another are told of by shared memory; a limit
            // is the process's own.
            if self.journal.is_pipe() && !need.name.starts_with("limit-") {
                let why = "processes share no memory here";
                return Err(unmet(Reason::Os, why.to_owned()));
            }
            let met = faults::probe::fault(need.name, self.scale.page);
            return met.map_err(|(reason, why)| unmet(reason, why));
        }
        let met = probe::need(need, &self.scale, self.powers);
        met.map_err(|why| unmet(need.reason(), why))
    }

    fn transcript(&self, case: &ReadyCase, came: &Came) -> Transcript {
        let (scale, arena) = (&self.scale, self.arena);
        Renderer::new(&case.program, &case.compiled, &case.raw, scale, arena).transcript(came)
    }

    pub(super) fn compile(&mut self, text: &str) -> Result<ReadyCase, String> {
        let program = Program::parse_with(text, &mut self.known).map_err(|m| m.to_string())?;
        let context = Context {
            scale: &self.scale,
            arena: &self.arena,
            door: self.door,
            own: &self.own,
        };
        let mut compiled = Compiled::new(&program, &context, &mut self.lent)?;
        for op in compiled.lent.ops {
            let mut words = op.words.iter().enumerate();
            let why = words.find_map(|(i, w)| match w {
                Word::Known(n) => abi::unsaid(op.call, i, *n),
                _ => None,
            });
            compiled.unsaid = compiled.unsaid.take().or(why);
        }
        Ok(ReadyCase {
            raw: Raw::with_room(compiled.lent.ops.len()),
            program,
            compiled,
        })
    }
}

/// 300 ms without a note, more where even a bare fork is slow, though no more than six times as much:
/// that each look has found the call asleep says more than any time, and a page which a case lets
/// come after ten seconds must not be awaited.
fn limits(start: &Start) -> Limits {
    const IDLE: Duration = Duration::from_millis(300);
    const ORDINARY_FORK: Duration = Duration::from_micros(400);
    // No call of a case takes a second of it, and the worker must not seem dead before this and a
    // quarter more have passed.
    const COMPUTES: Duration = Duration::from_secs(8);
    let slowness = probe::fork_time().as_secs_f64() / ORDINARY_FORK.as_secs_f64();
    Limits {
        idle: IDLE.mul_f64(slowness.clamp(1.0, 6.0)),
        busy: start.busy.map_or(COMPUTES, Duration::from_millis),
        by_clock: start.busy.is_none(),
        memory: start.memory,
    }
}

fn platform(start: &Start, rights: &Rights, fs: String, scale: Scale) -> Platform {
    let libc = probe::libc_name().to_owned();
    Platform {
        os: std::env::consts::OS.to_owned(),
        kernel: probe::kernel_release(),
        arch: std::env::consts::ARCH.to_owned(),
        fs,
        door: match start.door {
            Door::Raw => "raw".to_owned(),
            Door::Libc => libc.clone(),
        },
        libc,
        sandbox: probe::sandbox().to_owned(),
        emulator: probe::emulator().to_owned(),
        rights: rights.describe().to_owned(),
        scale,
    }
}

/// The worker's end of the line.
struct Stream {
    input: i32,
    output: i32,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// How many cases are made ready, run and told together; a runner lets more wait than this.
const BATCH: usize = 8;

/// A case that took longer is told before the next is run.
const LONG: Duration = Duration::from_millis(200);

/// Answers are kept back until there is nothing more to be read, or this much of them.
const UNSENT_MAX: usize = 16 << 10;

impl Stream {
    fn new(input: i32, output: i32) -> Self {
        Stream {
            input,
            output,
            unread: Vec::new(),
            unsent: Vec::new(),
        }
    }

    fn send(&mut self, frame: &Frame) {
        frame.write(&mut self.unsent);
        if self.unsent.len() > UNSENT_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        // If the runner is gone, the end of the input says so too.
        sys::write_all(self.output, &self.unsent);
        self.unsent.clear();
    }

    /// The frames that have come whole. Stray lines are passed over; a damaged one is given as a
    /// frame that says so, and the runner sends its case again.
    fn take_frames(&mut self, most: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut at = 0;
        while let Some(end) = self.unread[at..].iter().position(|b| *b == b'\n') {
            if frames.len() == most {
                break;
            }
            match frame::read_line(&self.unread[at..=at + end]) {
                Line::Frame(frame) => frames.push(frame),
                Line::Damaged(sequence) => {
                    frames.push(Frame::new("damaged", sequence.unwrap_or(0), ""));
                }
                Line::Stray => {}
            }
            at += end + 1;
        }
        self.unread.drain(..at);
        frames
    }

    /// Whether a line has come whole.
    fn has_frame(&self) -> bool {
        self.unread.contains(&b'\n')
    }

    /// Waits for more input; false at its end.
    fn fill(&mut self) -> bool {
        const CHUNK: usize = 16 << 10;
        let len = self.unread.len();
        self.unread.resize(len + CHUNK, 0);
        let n = sys::read_some(self.input, &mut self.unread[len..]);
        self.unread.truncate(len + n.unwrap_or(0));
        n.is_some() && self.unread.len() < LINE_MAX
    }

    fn first_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take_frames(1).into_iter().next() {
                return Some(frame);
            }
            if !self.fill() {
                return None;
            }
        }
    }
}

/// No case is as long as this; a stream without line ends is no runner's.
const LINE_MAX: usize = 8 << 20;

impl Worker {
    /// Nothing to do for now: no more ticks.
    fn rest(&mut self) {
        if self.ticking {
            normal::tick_every(None);
            self.ticking = false;
        }
    }

    /// Work begins: the guard looks at every tick.
    pub(super) fn wake(&mut self) {
        if !self.ticking {
            // Through a pipe the journal must be emptied often, or the child waits for room.
            let period = match self.journal.is_pipe() {
                true => Duration::from_millis(2),
                false => guard::TICK,
            };
            normal::tick_every(Some(period));
            self.ticking = true;
        }
    }
}
