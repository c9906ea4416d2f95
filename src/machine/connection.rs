//! The runner's end of the line to one worker.

use super::frame::{self, Frame, Line};
use super::kernel::Start;
use crate::case::Need;
use crate::platform::Platform;
use crate::transcript::Transcript;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// What came of a case that was sent to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was run.
    Ran(Transcript),
    /// It was not run to its end: the harness or its machine failed, for this reason.
    Incomplete(String),
}

/// A worker that was started and has greeted.
#[derive(Debug)]
pub struct Connection {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    unread: Vec<u8>,
    sequence: u64,
    silence: Duration,
    /// What the machine is.
    pub platform: Platform,
}

/// A case on its way: its place in the plan, and its program as text.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its place in the plan.
    pub index: usize,
    /// What is run.
    pub program: String,
}

/// How many cases may be on their way to one worker, and how many bytes of them: less than a pipe
/// holds, so that neither side ever waits for the other to read.
const WINDOW: usize = 16;
const WINDOW_BYTES: usize = 16 << 10;

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
            child,
            input,
            output,
            unread: Vec::new(),
            sequence: 0,
            silence,
            platform: Platform::unknown(),
        };
        connection.send("start", &start.to_string())?;
        match connection.receive(Instant::now() + silence) {
            Ok(Some(frame)) if frame.kind == "hello" => {
                connection.platform = Platform::parse(&frame.payload)?;
                Ok(connection)
            }
            Ok(Some(frame)) if frame.kind == "error" => {
                Err(format!("the worker `{shown}` says: {}", frame.payload))
            }
            Ok(_) => Err(format!(
                "the worker `{shown}` does not greet as a worker does"
            )),
            Err(why) => Err(format!("the worker `{shown}` {why}")),
        }
    }

    fn send(&mut self, kind: &str, payload: &str) -> Result<u64, String> {
        self.sequence += 1;
        let mut line = Vec::new();
        Frame::new(kind, self.sequence, payload).write(&mut line);
        self.input
            .write_all(&line)
            .and_then(|()| self.input.flush())
            .map_err(|e| format!("does not read: {e}"))?;
        Ok(self.sequence)
    }

    /// The next frame; `None` for one that was damaged on the way.
    fn receive(&mut self, until: Instant) -> Result<Option<Frame>, String> {
        loop {
            if let Some(end) = self.unread.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                match frame::read_line(&line) {
                    Line::Frame(frame) => return Ok(Some(frame)),
                    Line::Damaged(_) => return Ok(None),
                    Line::Stray => continue,
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(0) => return Err(format!("said nothing for {} s", self.silence.as_secs())),
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => return Err(format!("can't be waited for: {e}")),
            }
            let mut chunk = [0u8; 16 << 10];
            match self.output.read(&mut chunk) {
                Ok(0) => return Err("has ended".to_owned()),
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(format!("can't be read: {e}")),
            }
            if self.unread.len() > LINE_MAX {
                return Err("writes a line without end".to_owned());
            }
        }
    }

    /// Asks whether a need is met; the reason where it is not.
    ///
    /// # Errors
    /// The worker is gone or talks rubbish.
    pub fn need(&mut self, need: &Need) -> Result<Option<String>, String> {
        self.send("need", &need.to_string())?;
        let until = Instant::now() + self.silence;
        loop {
            match self.receive(until)? {
                Some(frame) if frame.kind == "met" => return Ok(None),
                Some(frame) if frame.kind == "unmet" => return Ok(Some(frame.payload)),
                _ => {}
            }
        }
    }

    /// Runs cases: takes them from `next` as there is room, gives answers in the order of their
    /// coming. What was not answered when the worker failed is in the error, the first of it
    /// being the case that it was at.
    ///
    /// # Errors
    /// The worker is gone, silent, or talks rubbish; with the jobs that are still to be done.
    pub fn run(
        &mut self,
        next: &mut dyn FnMut() -> Option<Job>,
        answer: &mut dyn FnMut(usize, Answer),
    ) -> Result<(), Failure> {
        let mut waiting: VecDeque<(u64, Job)> = VecDeque::new();
        let mut bytes = 0;
        let mut drained = false;
        let mut again: Vec<usize> = Vec::new();
        loop {
            while !drained && waiting.len() < WINDOW && bytes < WINDOW_BYTES {
                let Some(job) = next() else {
                    drained = true;
                    break;
                };
                bytes += job.program.len();
                if let Err(why) = self.dispatch(job, &mut waiting) {
                    return Err(Failure::of(why, waiting));
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
            let frame = match self.receive(Instant::now() + self.silence) {
                Ok(frame) => frame,
                Err(why) => return Err(Failure::of(why, waiting)),
            };
            // A frame that was damaged on the way, here or there: the oldest case is run again,
            // and given up if that happens twice.
            let known = frame
                .as_ref()
                .filter(|f| f.kind != "damaged")
                .and_then(|f| waiting.iter().position(|(s, _)| *s == f.sequence));
            let Some((at, frame)) = known.zip(frame) else {
                let Some((_, job)) = waiting.pop_front() else {
                    continue;
                };
                if again.contains(&job.index) {
                    bytes -= job.program.len();
                    let why = "its answer was damaged twice".to_owned();
                    answer(job.index, Answer::Incomplete(why));
                } else {
                    again.push(job.index);
                    if let Err(why) = self.dispatch(job, &mut waiting) {
                        return Err(Failure::of(why, waiting));
                    }
                }
                continue;
            };
            let Some((_, job)) = waiting.remove(at) else {
                continue;
            };
            bytes -= job.program.len();
            answer(job.index, read_answer(&frame));
        }
    }

    fn dispatch(&mut self, job: Job, waiting: &mut VecDeque<(u64, Job)>) -> Result<(), String> {
        let sent = self.send("run", &job.program);
        waiting.push_back((self.sequence, job));
        sent.map(|_| ())
    }

    /// Ends the worker in good order: it clears its scratch folder first.
    pub fn close(self) {
        let Connection {
            mut child,
            input,
            silence,
            ..
        } = self;
        drop(input);
        let until = Instant::now() + silence.min(Duration::from_secs(5));
        while Instant::now() < until {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                _ => return,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Ends a worker that does not answer.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No transcript is as long as this.
const LINE_MAX: usize = 64 << 20;

fn read_answer(frame: &Frame) -> Answer {
    match frame.kind.as_str() {
        "result" => match Transcript::parse(&frame.payload) {
            Ok(transcript) => Answer::Ran(transcript),
            Err(m) => Answer::Incomplete(format!("the worker's transcript can't be read: {m}")),
        },
        "error" => Answer::Incomplete(frame.payload.clone()),
        other => Answer::Incomplete(format!("the worker answered with `{other}`")),
    }
}

/// A worker failed.
#[derive(Debug)]
pub struct Failure {
    /// How.
    pub why: String,
    /// What it had not answered; the first is what it was at.
    pub jobs: Vec<Job>,
}

impl Failure {
    fn of(why: String, waiting: VecDeque<(u64, Job)>) -> Self {
        Failure {
            why,
            jobs: waiting.into_iter().map(|(_, job)| job).collect(),
        }
    }
}
