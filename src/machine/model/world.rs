//! All that a case can change: objects, open descriptions, processes, names.

use super::object::{Kind, Object};
use super::space::{Addr, Space};
use std::collections::VecDeque;

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An object of bytes, by its number.
    Object(usize),
    /// The scratch folder.
    Dir,
    /// The reading end of a pipe, by its number.
    PipeRead(usize),
    /// The writing end of a pipe.
    PipeWrite(usize),
    /// A stream socket.
    Socket,
    /// /dev/zero.
    Zero,
    /// /dev/null.
    Null,
    /// An epoll(7) instance or an eventfd(2), whose own calls are not modelled.
    Event,
    /// A file of proc(5).
    Proc,
    /// What has no pages, and whose own calls are not modelled: a terminal, a timer, a fifo.
    Device,
    /// What the model knows nothing of.
    Foreign,
}

/// An open file description.
#[derive(Debug, Clone)]
pub struct Open {
    /// Where it leads.
    pub what: What,
    /// Whether it may be read.
    pub read: bool,
    /// Whether it may be written.
    pub write: bool,
    /// O_APPEND.
    pub append: bool,
    /// O_NONBLOCK.
    pub nonblock: bool,
    /// O_PATH: it stands for the name alone.
    pub path: bool,
    /// Where it stands.
    pub position: u64,
}

impl Open {
    /// A description of `what`, for reading and writing as told.
    pub fn new(what: What, read: bool, write: bool) -> Self {
        Open {
            what,
            read,
            write,
            append: false,
            nonblock: false,
            path: false,
            position: 0,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By this status.
    Exit(i32),
    /// Of this signal.
    Killed(&'static str),
}

/// A process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its memory.
    pub space: Space,
    /// Its descriptors: which description each number leads to.
    pub fds: Vec<Option<usize>>,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
    /// Whether somebody has waited for it.
    pub waited: bool,
    /// Who made it.
    pub parent: Option<usize>,
    /// What it may have.
    pub limits: Limits,
    /// How it is set.
    pub settings: Settings,
}

/// What holds for a whole process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether what is mapped is locked (MCL_FUTURE), and if so whether it is left unfilled.
    pub future: Option<bool>,
    /// The mask of PR_SET_MDWE.
    pub mdwe: i128,
    /// PR_SET_THP_DISABLE.
    pub no_huge: bool,
    /// Where the break began, and where it is, once it was looked for.
    pub brk: Option<(Addr, Addr)>,
}

impl Process {
    /// The number that the next descriptor gets.
    pub fn lowest_free(&self) -> usize {
        let free = self.fds.iter().position(Option::is_none);
        free.unwrap_or(self.fds.len())
    }
}

/// The soft limits of a process; none where cases have no limit of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_AS, in bytes as [`Space::mapped`] counts them; less than nothing is more than the
    /// process has.
    pub space: Option<i128>,
    /// RLIMIT_DATA, in bytes as [`Space::data`] counts them.
    pub data: Option<i128>,
    /// RLIMIT_DATA as it was given, where it does not count from what is in use: what the break
    /// is held against.
    pub data_given: Option<i128>,
    /// RLIMIT_MEMLOCK in bytes.
    pub locked: i128,
    /// RLIMIT_FSIZE in bytes.
    pub file: Option<i128>,
    /// RLIMIT_NOFILE: the first number that no descriptor gets.
    pub files: Option<i128>,
    /// Whether RLIMIT_NPROC is 0.
    pub no_processes: bool,
    /// Whether RLIMIT_STACK was set.
    pub stack: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            space: None,
            data: None,
            data_given: None,
            locked: LOCK_LIMIT,
            file: None,
            files: None,
            no_processes: false,
            stack: false,
        }
    }
}

/// The soft RLIMIT_MEMLOCK and RLIMIT_STACK that cases run under.
pub const LOCK_LIMIT: i128 = 8 << 20;

/// A System V segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its memory.
    pub object: usize,
    /// Its size in bytes.
    pub size: i128,
    /// Its permissions.
    pub mode: u32,
    /// Whether it has a key.
    pub keyed: bool,
    /// Whether it was removed; it is gone once nobody has it mapped.
    pub removed: bool,
    /// Whether it is locked.
    pub locked: bool,
}

/// What was brought about on purpose.
#[derive(Debug, Clone)]
pub struct Brought<'p> {
    /// Its name, by which it is withdrawn.
    pub name: Option<&'p str>,
    /// What it is.
    pub harm: Harm,
}

/// What goes wrong on purpose.
#[derive(Debug, Clone)]
pub enum Harm {
    /// Calls of this name fail.
    Call {
        /// The name.
        name: &'static str,
        /// Which of them, from 1; 0 is all.
        nth: i128,
        /// How many from there.
        times: i128,
        /// By which error.
        errno: &'static str,
        /// How many there were.
        seen: i128,
    },
    /// An object without a byte lies there; how many it gets when the harm is taken back.
    Empty(usize, u64),
    /// A range of a process is marked so.
    Marked(usize, (Addr, Addr), u32),
    /// There is no room on the file system.
    Full,
}

/// Who acts.
#[derive(Debug, Clone)]
pub struct Actor<'p> {
    /// Its name.
    pub name: &'p str,
    /// Its process.
    pub process: usize,
    /// Whether it is a thread of another actor's process.
    pub thread: bool,
    /// Whether it is gone.
    pub gone: bool,
    /// Whether calls that it makes can be made to fail.
    pub watched: bool,
}

/// How many pages a pipe holds: PIPE_DEF_BUFFERS of include/linux/pipe_fs_i.h.
pub const PIPE_SLOTS: usize = 16;

/// A page of a pipe: its bytes, and how many of them have been read.
#[derive(Debug, Clone, Default)]
struct Slot {
    bytes: Vec<u8>,
    read: usize,
}

/// A pipe.
#[derive(Debug, Clone, Default)]
pub struct Pipe {
    slots: VecDeque<Slot>,
}

impl Pipe {
    /// How many pages are in use.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is nothing to be read.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many bytes there are to be read.
    pub fn len(&self) -> u64 {
        self.pages().sum()
    }

    fn pages(&self) -> impl Iterator<Item = u64> + '_ {
        self.slots.iter().map(|s| (s.bytes.len() - s.read) as u64)
    }

    /// How many bytes the pages hold that fit wholly into `n` bytes.
    pub fn whole(&self, n: u64) -> u64 {
        let mut sum = 0;
        for page in self.pages() {
            if sum + page > n {
                break;
            }
            sum += page;
        }
        sum
    }

    /// How many bytes of a write of `count` go behind those of the last page: those that fill no
    /// page of their own, if there is room.
    pub fn merged(&self, count: u64, page: u64) -> u64 {
        let rest = count % page;
        let fits = |s: &Slot| s.bytes.len() as u64 + rest <= page;
        if self.slots.back().is_some_and(fits) {
            rest
        } else {
            0
        }
    }

    /// Takes bytes of a write of `count`, which may have faulted behind them.
    pub fn put(&mut self, bytes: &[u8], count: u64, page: u64) {
        let merged = self.merged(count, page).min(bytes.len() as u64);
        let (head, rest) = bytes.split_at(merged as usize);
        if let Some(last) = self.slots.back_mut() {
            last.bytes.extend(head);
        }
        for part in rest.chunks(page as usize) {
            self.slots.push_back(Slot {
                bytes: part.to_vec(),
                read: 0,
            });
        }
    }

    /// Takes the first `n` bytes out, or leaves them in.
    pub fn get(&mut self, n: u64, leave: bool) -> Vec<u8> {
        let mut got = Vec::new();
        for slot in &mut self.slots {
            let left = n as usize - got.len();
            let part = slot.bytes.get(slot.read..).unwrap_or_default();
            let part = part.get(..left.min(part.len())).unwrap_or_default();
            got.extend_from_slice(part);
            if !leave {
                slot.read += part.len();
            }
        }
        self.slots.retain(|s| s.read < s.bytes.len());
        got
    }
}

/// All that a case can change.
#[derive(Debug, Clone, Default)]
pub struct World<'p> {
    /// Files and memory.
    pub objects: Vec<Object>,
    /// Open descriptions.
    pub opens: Vec<Open>,
    /// Pipes.
    pub pipes: Vec<Pipe>,
    /// Processes; the first is that of `main`.
    pub processes: Vec<Process>,
    /// Actors; the first is `main`.
    pub actors: Vec<Actor<'p>>,
    /// Bound names and their values.
    pub names: Vec<(Name<'p>, i128)>,
    /// What the name `file` leads to now.
    pub file: Option<usize>,
    /// What the name `new` leads to now.
    pub new: Option<usize>,
    /// The scratch file that the case began with.
    pub scratch: Option<usize>,
    /// How many places the kernel has chosen so far.
    pub places: usize,
    /// System V segments.
    pub segments: Vec<Segment>,
    /// How often a segment was attached.
    pub attachments: usize,
    /// Shared memory objects by their names.
    pub shm: Vec<(Vec<u8>, usize)>,
    /// What was brought about and not taken back.
    pub faults: Vec<Brought<'p>>,
    /// How many more pages there is room for on the case's own file system, where that is told.
    pub room: Option<u64>,
}

/// A bound name; the ends of a pipe have two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'p> {
    /// The name.
    pub word: &'p str,
    /// `.read` or `.write`, or nothing.
    pub end: &'static str,
}

impl Name<'_> {
    /// Whether this is how it is written.
    pub fn is(&self, text: &str) -> bool {
        if self.end.is_empty() {
            self.word == text
        } else {
            text.strip_suffix(self.end) == Some(self.word)
        }
    }
}

impl<'p> World<'p> {
    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<i128> {
        let found = self.names.iter().rev().find(|(n, _)| n.is(name));
        found.map(|(_, v)| *v)
    }

    /// Binds a name.
    pub fn bind(&mut self, word: &'p str, end: &'static str, value: i128) {
        self.names.push((Name { word, end }, value));
    }

    /// The open description behind a number.
    pub fn open(&self, process: usize, fd: i128) -> Option<&Open> {
        self.opens.get(self.open_index(process, fd)?)
    }

    /// Its place in the list.
    pub fn open_index(&self, process: usize, fd: i128) -> Option<usize> {
        let fds = &self.processes.get(process)?.fds;
        *fds.get(usize::try_from(fd).ok()?)?
    }

    /// Gives a description the lowest free number.
    pub fn install(&mut self, process: usize, open: Open) -> i128 {
        self.opens.push(open);
        self.share(process, self.opens.len() - 1)
    }

    /// Gives a description that is there the lowest free number beside the one that it has.
    pub fn share(&mut self, process: usize, index: usize) -> i128 {
        let Some(process) = self.processes.get_mut(process) else {
            return -1;
        };
        let fd = process.lowest_free();
        match process.fds.get_mut(fd) {
            Some(slot) => *slot = Some(index),
            None => process.fds.push(Some(index)),
        }
        fd as i128
    }

    /// Makes an object; its number.
    pub fn add(&mut self, object: Object) -> usize {
        self.objects.push(object);
        self.objects.len() - 1
    }

    /// Whether a living process can reach an end of a pipe.
    pub fn has_end(&self, end: What) -> bool {
        let living = self.processes.iter().filter(|p| p.ended.is_none());
        let mut opens = living.flat_map(|p| p.fds.iter().flatten());
        opens.any(|o| self.opens.get(*o).is_some_and(|o| o.what == end))
    }

    /// The object that a description leads to.
    pub fn object_of(&self, open: &Open) -> Option<&Object> {
        match open.what {
            What::Object(n) => self.objects.get(n),
            _ => None,
        }
    }

    /// Whether a description leads to a file of the scratch folder.
    pub fn is_file(&self, open: &Open) -> bool {
        self.object_of(open).is_some_and(|o| o.kind == Kind::File)
    }
}
