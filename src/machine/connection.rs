//! The runner's end of the line to one worker.

use super::frame::{self, Frame, Line};
use super::start::Start;
use crate::case::Need;
use crate::platform::Platform;
use crate::transcript::Transcript;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What came of a case that was sent to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was run, and took so long by its worker's clock.
    Ran(Transcript, Duration),
    /// It was not run to its end: the harness or its machine failed, for this reason.
    Incomplete(String),
}

/// A worker that was started and has greeted.
#[derive(Debug)]
pub struct Connection {
    child: Leash,
    input: ChildStdin,
    output: ChildStdout,
    unread: Vec<u8>,
    /// So many bytes of `unread` hold no line end.
    searched: usize,
    /// Frames that are to be sent together.
    unsent: Vec<u8>,
    sequence: u64,
    silence: Duration,
    /// What the machine is.
    pub platform: Platform,
}

/// The worker's process, which does not outlive its connection.
#[derive(Debug)]
struct Leash(Child);

impl Leash {
    /// How it ended, in words, now that its output has.
    fn end(&mut self) -> String {
        // Its output is closed a moment before it can be waited for.
        match self.wait_until(Instant::now() + Duration::from_millis(200)) {
            Some(status) => format!("has ended ({status})"),
            None => "has ended".to_owned(),
        }
    }

    fn wait_until(&mut self, until: Instant) -> Option<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(None) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended => return ended.ok().flatten(),
            }
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // Either fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A case on its way: its place in the plan, and its program as text.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its place in the plan.
    pub index: usize,
    /// What is run.
    pub program: String,
    /// Whether it is the only one on its way: a worker died with it before, and if this one dies
    /// too, it is known which case it was at.
    pub alone: bool,
    /// Whether it waits long and does nothing: such a one keeps nobody waiting.
    pub waits: bool,
}

impl Job {
    /// Whether nothing else is to be on its way with it.
    fn is_single(&self) -> bool {
        self.alone || self.waits
    }

    /// A job that may go with others.
    pub fn new(index: usize, program: String) -> Self {
        Job {
            index,
            program,
            alone: false,
            waits: false,
        }
    }
}

/// How many cases may be on their way to one worker, and how many bytes of them: less than a pipe
/// holds, so that neither side ever waits for the other to read.
const WINDOW: usize = 32;
const WINDOW_BYTES: usize = 32 << 10;

impl Connection {
    /// Starts a worker and waits for its greeting.
    ///
    /// # Errors
    /// It can't be started, says why it won't work, or says nothing for so long.
    pub fn open(command: &[OsString], start: &Start, silence: Duration) -> Result<Self, String> {
        let (program, args) = command.split_first().ok_or("an empty worker command")?;
        let shown = program.to_string_lossy();
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("the worker `{shown}` can't be started: {e}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("the worker `{shown}` has no streams"));
        };
        let mut connection = Connection {
            child: Leash(child),
            input,
            output,
            unread: Vec::new(),
            searched: 0,
            unsent: Vec::new(),
            sequence: 0,
            silence,
            platform: Platform::unknown(),
        };
        match connection.greet(start) {
            Ok(()) => Ok(connection),
            Err(why) => Err(format!("the worker `{shown}` {why}")),
        }
    }

    fn greet(&mut self, start: &Start) -> Result<(), String> {
        // Whoever waits for room in the pipe for ever does not look at the clock.
        fcntl(&self.input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|e| format!("can't be written to: {e}"))?;
        self.send("start", &start.to_string())?;
        let until = Instant::now() + self.silence;
        loop {
            match self.receive(until)? {
                Some(frame) if frame.kind == "hello" => {
                    self.platform = Platform::parse(&frame.payload)
                        .map_err(|e| format!("does not say what its machine is: {e}"))?;
                    return Ok(());
                }
                Some(frame) if frame.kind == "error" => {
                    return Err(format!("says: {}", frame.payload));
                }
                // Nobody listened to what was said before.
                Some(frame) if frame.kind == "ready" => {
                    self.send("start", &start.to_string())?;
                }
                // A line that nobody listens to may give an echo, whole or not.
                None => {}
                Some(frame) if frame.kind == "start" => {}
                Some(_) => return Err("does not greet as a worker does".to_owned()),
            }
        }
    }

    fn send(&mut self, kind: &str, payload: &str) -> Result<u64, String> {
        let sequence = self.put(kind, payload);
        self.flush()?;
        Ok(sequence)
    }

    /// Makes a frame ready to be sent with the next flush; its number.
    fn put(&mut self, kind: &str, payload: &str) -> u64 {
        self.sequence += 1;
        frame::write(kind, self.sequence, payload, &mut self.unsent);
        self.sequence
    }

    fn flush(&mut self) -> Result<(), String> {
        let lines = std::mem::take(&mut self.unsent);
        let until = Instant::now() + self.silence;
        let mut rest = &lines[..];
        while !rest.is_empty() {
            match self.input.write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.await_room(until)?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // It reads no more; what it had said before is still to be heard, and then its end.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => break,
                Err(e) => return Err(format!("can't be written to: {e}")),
            }
        }
        self.unsent = lines;
        self.unsent.clear();
        Ok(())
    }

    /// Waits until the worker reads on. What it says meanwhile is taken in: it may be waiting for
    /// that itself.
    fn await_room(&mut self, until: Instant) -> Result<(), String> {
        let mut fds = [
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.input.as_fd(), PollFlags::POLLOUT),
        ];
        match poll(&mut fds, left_until(until)) {
            Ok(0) => return Err(format!("read nothing for {} s", self.silence.as_secs())),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => return Ok(()),
            Err(e) => return Err(format!("can't be waited for: {e}")),
        }
        if fds[0].any() == Some(true) {
            self.take_in()?;
        }
        Ok(())
    }

    /// Reads once, from an output that has something to read.
    fn take_in(&mut self) -> Result<(), String> {
        let mut chunk = [0u8; 16 << 10];
        match self.output.read(&mut chunk) {
            Ok(0) => return Err(self.child.end()),
            Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("can't be read: {e}")),
        }
        if self.unread.len() > LINE_MAX {
            return Err("writes a line without end".to_owned());
        }
        Ok(())
    }

    fn has_line(&self) -> bool {
        let fresh = self.unread.get(self.searched..).unwrap_or_default();
        fresh.contains(&b'\n')
    }

    /// The next whole line that has come.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let fresh = self.unread.get(self.searched..)?;
        let Some(end) = fresh.iter().position(|b| *b == b'\n') else {
            self.searched = self.unread.len();
            return None;
        };
        let end = self.searched + end;
        self.searched = 0;
        Some(self.unread.drain(..=end).collect())
    }

    /// The next frame; `None` for one that was damaged on the way.
    fn receive(&mut self, until: Instant) -> Result<Option<Frame>, String> {
        loop {
            while let Some(line) = self.next_line() {
                match frame::read_line(&line) {
                    Line::Frame(frame) => return Ok(Some(frame)),
                    Line::Damaged(_) => return Ok(None),
                    Line::Stray => {}
                }
            }
            // Strays are no answer, however many there are.
            let left = left_until(until);
            let mut fds = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, left) {
                Ok(n) if n == 0 || left == PollTimeout::ZERO => {
                    return Err(format!("said nothing for {} s", self.silence.as_secs()));
                }
                Ok(_) => self.take_in()?,
                Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(format!("can't be waited for: {e}")),
            }
        }
    }

    /// Asks whether a need is met; the reason where it is not.
    ///
    /// # Errors
    /// The worker is gone or talks rubbish.
    pub fn need(&mut self, need: &Need) -> Result<Option<String>, String> {
        let mut asked = self.send("need", &need.to_string())?;
        let until = Instant::now() + self.silence;
        let mut again = false;
        loop {
            match self.receive(until)?.filter(|f| f.kind != "damaged") {
                Some(frame) if frame.sequence != asked => {}
                Some(frame) if frame.kind == "met" => return Ok(None),
                Some(frame) if frame.kind == "unmet" => return Ok(Some(frame.payload)),
                Some(frame) => return Err(format!("answers with `{}`", frame.kind)),
                None if again => return Err("is not understood".to_owned()),
                None => {
                    asked = self.send("need", &need.to_string())?;
                    again = true;
                }
            }
        }
    }

    /// Runs cases: takes them from `next` as there is room, gives answers in the order of their
    /// coming.
    ///
    /// # Errors
    /// The worker is gone, silent, or talks rubbish; with the jobs that are still to be done.
    pub fn run(
        &mut self,
        next: &mut dyn FnMut() -> Option<Job>,
        answer: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), Failure> {
        let mut line = Waiting::default();
        loop {
            // What has come is heard first, so that what is sent goes together.
            if line.sent.is_empty() || !self.has_line() {
                if let Err(why) = self.send_more(next, &mut line) {
                    return Err(line.failure(why));
                }
            }
            if line.sent.is_empty() {
                return Ok(());
            }
            let frame = match self.receive(Instant::now() + self.silence) {
                Ok(frame) => frame,
                Err(why) => return Err(line.failure(why)),
            };
            let lost = match frame.as_ref().filter(|f| f.kind != "damaged") {
                // A frame that was damaged on the way, here or there, is that of the oldest case:
                // they are answered in their order.
                None => 1,
                // Those before the one that is answered were lost altogether.
                Some(f) => match line.sent.iter().position(|(s, _)| *s == f.sequence) {
                    Some(at) => at,
                    // Answered already, or nobody's.
                    None => continue,
                },
            };
            for _ in 0..lost {
                if let Err(why) = self.send_again(&mut line, answer) {
                    return Err(line.failure(why));
                }
            }
            if let Some(frame) = frame.filter(|f| f.kind != "damaged") {
                if let Some((_, job)) = line.take_first() {
                    answer(job.index, read_answer(&frame));
                }
            }
        }
    }

    fn send_more(
        &mut self,
        next: &mut dyn FnMut() -> Option<Job>,
        line: &mut Waiting,
    ) -> Result<(), String> {
        while line.has_room() {
            let Some(job) = line.held.take().or_else(&mut *next) else {
                break;
            };
            if job.is_single() && !line.sent.is_empty() {
                line.held = Some(job);
                break;
            }
            self.dispatch(job, line);
        }
        self.flush()
    }

    /// Sends the oldest case again, or gives it up if that happens for the second time.
    fn send_again(
        &mut self,
        line: &mut Waiting,
        answer: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), String> {
        let Some((_, job)) = line.take_first() else {
            return Ok(());
        };
        if line.again.contains(&job.index) {
            let why = "its answer was damaged twice".to_owned();
            answer(job.index, Answer::Incomplete(why));
            return Ok(());
        }
        line.again.push(job.index);
        self.dispatch(job, line);
        self.flush()
    }

    fn dispatch(&mut self, job: Job, line: &mut Waiting) {
        let sequence = self.put("run", &job.program);
        line.bytes += job.program.len();
        line.sent.push_back((sequence, job));
    }

    /// Ends the worker in good order: it clears its scratch folder first.
    pub fn close(mut self) {
        // One that is gone already needs no word.
        let _ = self.send("end", "");
        let Connection {
            mut child,
            input,
            silence,
            ..
        } = self;
        drop(input);
        let until = Instant::now() + silence.min(Duration::from_secs(5));
        child.wait_until(until);
    }
}

fn left_until(until: Instant) -> PollTimeout {
    let left = until.saturating_duration_since(Instant::now());
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// The cases that a worker has got and not answered.
#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they were sent, with their sequence numbers.
    sent: VecDeque<(u64, Job)>,
    /// How long their programs are together.
    bytes: usize,
    /// One that is to be sent when nothing else is on its way.
    held: Option<Job>,
    /// Those that were sent for the second time.
    again: Vec<usize>,
}

impl Waiting {
    fn has_room(&self) -> bool {
        let single = self.sent.front().is_some_and(|(_, job)| job.is_single());
        !single && self.sent.len() < WINDOW && self.bytes < WINDOW_BYTES
    }

    fn take_first(&mut self) -> Option<(u64, Job)> {
        let first = self.sent.pop_front()?;
        self.bytes -= first.1.program.len();
        Some(first)
    }

    fn failure(self, why: String) -> Failure {
        Failure {
            why,
            sent: self.sent.into_iter().map(|(_, job)| job).collect(),
            held: self.held,
        }
    }
}

/// No transcript is as long as this.
const LINE_MAX: usize = 64 << 20;

fn read_answer(frame: &Frame) -> Answer {
    match frame.kind.as_str() {
        "result" => {
            let (took, text) = frame::untimed(&frame.payload);
            match Transcript::parse(text) {
                Ok(transcript) => Answer::Ran(transcript, took),
                Err(m) => Answer::Incomplete(format!("the worker's transcript can't be read: {m}")),
            }
        }
        "error" => Answer::Incomplete(frame.payload.clone()),
        other => Answer::Incomplete(format!("the worker answered with `{other}`")),
    }
}

/// A worker failed.
#[derive(Debug)]
pub struct Failure {
    /// How.
    pub why: String,
    /// What it had got and not answered; it was at one of them.
    pub sent: Vec<Job>,
    /// What it was about to get.
    pub held: Option<Job>,
}
