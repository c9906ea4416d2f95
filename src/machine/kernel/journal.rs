//! The journal: what a child is about to do and what came of it, noted where nothing is lost when
//! the child dies.
//!
//! Usually it is memory that worker and children share. Where memory is not shared over fork (some
//! emulators), the same records go through a pipe.

use super::compiled::{ACTORS_MAX, STEPS_MAX};
use super::faults::Board;
use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// How many bytes the loads and reads of one case may give together.
pub const BYTES_MAX: usize = 4 << 20;

/// What came of a step, in raw numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// One of the `kind` constants.
    pub kind: u32,
    /// errno, or 0.
    pub errno: i32,
    /// The signal that came, or 0.
    pub signal: i32,
    /// Its si_code.
    pub code: i32,
    /// Its si_addr.
    pub addr: u64,
    /// The byte that was being touched.
    pub touched: u64,
    /// The value returned, or a wait status.
    pub value: i64,
    /// The first argument as it was used, where it is an address.
    pub asked: u64,
    /// Where the bytes read lie in the journal, and how many they are.
    pub bytes_at: u32,
    /// How many bytes were read.
    pub bytes_len: u32,
}

/// The kinds of records.
pub mod kind {
    /// Nothing was noted: the step was not reached.
    pub const NONE: u32 = 0;
    /// The step was begun.
    pub const INTENT: u32 = 1;
    /// The call returned `value`.
    pub const VALUE: u32 = 2;
    /// The call failed with `errno`.
    pub const ERRNO: u32 = 3;
    /// A touch faulted.
    pub const FAULT: u32 = 4;
    /// Bytes were read.
    pub const BYTES: u32 = 5;
    /// A name that it needs is not bound: `value` is its index.
    pub const UNBOUND: u32 = 6;
    /// The guard's signal ended it.
    pub const BLOCKED: u32 = 7;
    /// It would have hit the harness.
    pub const REFUSED: u32 = 8;
    /// The actor is about to die of `signal`.
    pub const DYING: u32 = 9;
    /// The actor is about to exit with status `value`.
    pub const EXITING: u32 = 10;
    /// An actor ended with wait status `value`.
    pub const ENDED: u32 = 11;
    /// Who should act is gone.
    pub const GONE: u32 = 12;
    /// The bytes did not fit into the journal.
    pub const TOO_LONG: u32 = 13;
    /// A fault was brought about, and nothing met it.
    pub const NOT_FIRED: u32 = 14;
}

/// What was noted of a case, kept until it is told.
#[derive(Debug, Default)]
pub struct Raw {
    /// A record for each step.
    pub records: Vec<Record>,
    /// The bytes that were read.
    pub bytes: Vec<u8>,
}

impl Raw {
    /// Room for a case of so many steps.
    pub fn with_room(steps: usize) -> Self {
        Raw {
            records: Vec::with_capacity(steps),
            bytes: Vec::with_capacity(64),
        }
    }

    /// The record of a step.
    pub fn record(&self, step: usize) -> Record {
        self.records.get(step).copied().unwrap_or_default()
    }

    /// Bytes that a step has read.
    pub fn bytes(&self, record: &Record) -> &[u8] {
        let at = record.bytes_at as usize;
        let end = at.saturating_add(record.bytes_len as usize);
        self.bytes.get(at..end).unwrap_or_default()
    }
}

/// The shared part.
#[repr(C)]
struct Shared {
    /// Rises with each note: no rise is no progress.
    progress: AtomicU32,
    /// The step that is being done.
    step: AtomicU32,
    /// The thread that is doing it.
    holder: AtomicI32,
    /// The process group of the case that runs, for the janitor.
    group: AtomicI32,
    /// The processes of the case.
    pids: [AtomicI32; ACTORS_MAX],
    used: AtomicU32,
    board: Board,
    /// Written by the actor whose turn it is, read when it has ended: never through a reference.
    records: UnsafeCell<[Record; STEPS_MAX]>,
    bytes: UnsafeCell<[u8; BYTES_MAX]>,
}

/// The journal as the worker and its children see it.
#[derive(Debug)]
pub struct Journal {
    shared: *mut Shared,
    /// Where memory is not shared: the pipe's ends.
    pipe: Option<(i32, i32)>,
    /// What has come through the pipe and is no whole message yet.
    pending: Vec<u8>,
}

/// The step number of a message that only tells about the holder.
const ABOUT_HOLDER: u32 = u32::MAX;

impl Journal {
    /// Maps the journal; `by_pipe` forces the pipe even where memory is shared.
    ///
    /// # Errors
    /// What mmap(2) or pipe(2) says.
    #[expect(
        unsafe_code,
        reason = "maps fresh anonymous memory, owned by the journal alone"
    )]
    pub fn new(by_pipe: bool) -> io::Result<Self> {
        // Where the pipe is asked for, it must do: nothing may come by the memory.
        let sharing = if by_pipe {
            libc::MAP_PRIVATE
        } else {
            libc::MAP_SHARED
        };
        // SAFETY: a new mapping of anonymous memory touches nothing that exists. Zero bytes are a
        // valid `Shared`.
        let shared = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Shared>(),
                libc::PROT_READ | libc::PROT_WRITE,
                sharing | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if shared == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mut journal = Journal {
            shared: shared.cast(),
            pipe: None,
            pending: Vec::new(),
        };
        if by_pipe || !journal.is_shared_over_fork()? {
            journal.pipe = Some(super::sys::pipe_nonblocking_reader()?);
        }
        Ok(journal)
    }

    /// Whether records go through a pipe.
    pub fn is_pipe(&self) -> bool {
        self.pipe.is_some()
    }

    /// The descriptors that a child must keep, and those that it must not.
    pub fn pipe_ends(&self) -> Option<(i32, i32)> {
        self.pipe
    }

    /// Moves the pipe's ends to other numbers.
    pub fn set_pipe_ends(&mut self, ends: (i32, i32)) {
        self.pipe = Some(ends);
    }

    /// Tries whether what a forked child writes is seen here.
    fn is_shared_over_fork(&mut self) -> io::Result<bool> {
        let shared = self.shared();
        shared.progress.store(0, Ordering::SeqCst);
        super::sys::in_child(|| shared.progress.store(0x5eed, Ordering::SeqCst))?;
        let seen = shared.progress.load(Ordering::SeqCst) == 0x5eed;
        shared.progress.store(0, Ordering::SeqCst);
        Ok(seen)
    }

    #[expect(unsafe_code, reason = "the mapping lives as long as the process")]
    fn shared(&self) -> &'static Shared {
        // SAFETY: `new` mapped it, nothing unmaps it, and what others write at the same time are
        // atomics; records and bytes are only touched through raw pointers.
        unsafe { &*self.shared }
    }

    /// What stands of the case's faults. Where records go through a pipe, nobody else sees it.
    pub fn board(&self) -> &'static Board {
        &self.shared().board
    }

    /// Has the kernel map what of the journal the worker has touched, all at once: reading does
    /// that (`do_fault_around` in the kernel's mm/memory.c), writing first would map one page.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn come_near(&self) {
        std::hint::black_box(self.shared().group.load(Ordering::Relaxed));
    }

    /// Forgets the last case.
    pub fn reset(&mut self, steps: usize) {
        let shared = self.shared();
        shared.used.store(0, Ordering::Relaxed);
        shared.step.store(0, Ordering::Relaxed);
        shared.holder.store(0, Ordering::Relaxed);
        for pid in &shared.pids {
            pid.store(0, Ordering::Relaxed);
        }
        for i in 0..steps.min(STEPS_MAX) {
            self.write_record(i, Record::default());
        }
        self.pending.clear();
    }

    #[expect(unsafe_code, reason = "a bounds-checked write into the shared array")]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    fn write_record(&self, step: usize, record: Record) {
        if step < STEPS_MAX {
            // SAFETY: in bounds; only the holder of the turn writes, and the worker reads a
            // record that is being written only after its writer is dead.
            unsafe {
                let at = self.shared().records.get().cast::<Record>().add(step);
                at.write_volatile(record);
            }
        }
    }

    /// The record of a step.
    #[expect(unsafe_code, reason = "a bounds-checked read from the shared array")]
    pub fn record(&self, step: usize) -> Record {
        if step >= STEPS_MAX {
            return Record::default();
        }
        // SAFETY: in bounds, and any bytes are a valid `Record`.
        unsafe {
            self.shared()
                .records
                .get()
                .cast::<Record>()
                .add(step)
                .read_volatile()
        }
    }

    /// Bytes that a step has read.
    #[expect(unsafe_code, reason = "a bounds-checked view of the shared bytes")]
    pub fn bytes(&self, record: &Record) -> &[u8] {
        let (at, len) = (record.bytes_at as usize, record.bytes_len as usize);
        if at.checked_add(len).is_none_or(|end| end > BYTES_MAX) {
            return &[];
        }
        // SAFETY: in bounds; read after the child has ended.
        unsafe { std::slice::from_raw_parts(self.shared().bytes.get().cast::<u8>().add(at), len) }
    }

    /// Takes away what was noted of a case, into `raw`.
    pub fn collect(&self, steps: usize, raw: &mut Raw) {
        raw.records.clear();
        raw.records.extend((0..steps).map(|step| self.record(step)));
        let used = self.shared().used.load(Ordering::Relaxed);
        let all = Record {
            bytes_len: used,
            ..Record::default()
        };
        raw.bytes.clear();
        raw.bytes.extend_from_slice(self.bytes(&all));
    }

    /// Room for `len` bytes that a step is about to read.
    #[expect(unsafe_code, reason = "a bounds-checked place in the shared bytes")]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn room(&self, len: usize) -> Option<(u32, *mut u8)> {
        let shared = self.shared();
        let at = shared.used.load(Ordering::Relaxed) as usize;
        let end = at.checked_add(len).filter(|end| *end <= BYTES_MAX)?;
        shared.used.store(end as u32, Ordering::Relaxed);
        // SAFETY: in bounds.
        let place = unsafe { shared.bytes.get().cast::<u8>().add(at) };
        Some((at as u32, place))
    }

    /// Gives back what a step did not need of the room that it took last, at `at`: it used `len`.
    pub fn give_back(&self, at: u32, len: usize) {
        let end = (at as usize).saturating_add(len).min(BYTES_MAX);
        self.shared().used.store(end as u32, Ordering::Relaxed);
    }

    /// Puts bytes into the journal; where they are, if there is room.
    #[expect(unsafe_code, reason = "room for as many bytes was just given")]
    pub fn put(&self, bytes: &[u8]) -> Option<u32> {
        let (at, place) = self.room(bytes.len())?;
        // SAFETY: the room is ours, and has this length.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        Some(at)
    }

    /// Notes what is about to happen, or what came of it. Called by the actor whose turn it is.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn note(&self, step: usize, record: Record) {
        self.write_record(step, record);
        let shared = self.shared();
        shared.step.store(step as u32, Ordering::Release);
        shared.progress.fetch_add(1, Ordering::Release);
        if let Some((_, write_end)) = self.pipe {
            let mut message = Vec::with_capacity(8 + size_of::<Record>());
            message.extend_from_slice(&(step as u32).to_ne_bytes());
            message.extend_from_slice(&record_bytes(&record));
            if record.kind == kind::BYTES {
                message.extend_from_slice(self.bytes(&record));
            }
            super::sys::write_all(write_end, &message);
        }
    }

    /// Notes that the calling thread of this process acts from now on.
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
    pub fn take_turn(&self, actor: usize, pid: i32, tid: i32) {
        let shared = self.shared();
        shared.holder.store(tid, Ordering::Release);
        shared.progress.fetch_add(1, Ordering::Release);
        if let Some(slot) = shared.pids.get(actor) {
            slot.store(pid, Ordering::Release);
        }
        if let Some((_, write_end)) = self.pipe {
            let record = Record {
                kind: actor as u32,
                errno: pid,
                signal: tid,
                ..Record::default()
            };
            let mut message = ABOUT_HOLDER.to_ne_bytes().to_vec();
            message.extend_from_slice(&record_bytes(&record));
            super::sys::write_all(write_end, &message);
        }
    }

    /// Takes in what has come through the pipe. Does nothing where memory is shared.
    pub fn receive(&mut self) {
        let Some((read_end, _)) = self.pipe else {
            return;
        };
        super::sys::read_available(read_end, &mut self.pending);
        const HEAD: usize = 4 + size_of::<Record>();
        let mut at = 0;
        while self.pending.len() - at >= HEAD {
            let Some((step, record)) = parse_message(&self.pending[at..at + HEAD]) else {
                break;
            };
            let extra = if step != ABOUT_HOLDER && record.kind == kind::BYTES {
                record.bytes_len as usize
            } else {
                0
            };
            if self.pending.len() - at < HEAD + extra {
                break;
            }
            let bytes = self.pending[at + HEAD..at + HEAD + extra].to_vec();
            at += HEAD + extra;
            self.take_in(step, record, &bytes);
        }
        self.pending.drain(..at);
    }

    #[expect(
        unsafe_code,
        reason = "a bounds-checked copy into the worker's own journal"
    )]
    fn take_in(&mut self, step: u32, mut record: Record, bytes: &[u8]) {
        let shared = self.shared();
        shared.progress.fetch_add(1, Ordering::Relaxed);
        if step == ABOUT_HOLDER {
            shared.holder.store(record.signal, Ordering::Relaxed);
            if let Some(slot) = shared.pids.get(record.kind as usize) {
                slot.store(record.errno, Ordering::Relaxed);
            }
            return;
        }
        shared.step.store(step, Ordering::Relaxed);
        if record.kind == kind::BYTES {
            // Each process counts by itself what it has read, so the place that it tells may be
            // another's too.
            match self.room(bytes.len()) {
                Some((at, place)) => {
                    record.bytes_at = at;
                    // SAFETY: `room` gives room for as many; here nobody else shares this memory.
                    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
                }
                None => record.kind = kind::TOO_LONG,
            }
        }
        self.write_record(step as usize, record);
    }

    /// A number that rises with each note.
    pub fn progress(&self) -> u32 {
        self.shared().progress.load(Ordering::Acquire)
    }

    /// Says that a step that takes the harness long is going on.
    pub fn goes_on(&self) {
        self.shared().progress.fetch_add(1, Ordering::Release);
    }

    /// The step noted last.
    pub fn step(&self) -> usize {
        self.shared().step.load(Ordering::Acquire) as usize
    }

    /// The thread that acts.
    pub fn holder(&self) -> i32 {
        self.shared().holder.load(Ordering::Acquire)
    }

    /// The processes of the case, each once.
    pub fn pids(&self) -> Vec<i32> {
        let shared = self.shared();
        let mut pids: Vec<i32> = shared
            .pids
            .iter()
            .map(|p| p.load(Ordering::Acquire))
            .collect();
        pids.retain(|p| *p > 0);
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Tells the janitor which process group runs now; 0 for none.
    pub fn set_group(&self, group: i32) {
        self.shared().group.store(group, Ordering::Release);
    }

    /// The process group that runs.
    pub fn group(&self) -> i32 {
        self.shared().group.load(Ordering::Acquire)
    }
}

fn record_bytes(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(size_of::<Record>());
    out.extend_from_slice(&record.kind.to_ne_bytes());
    out.extend_from_slice(&record.errno.to_ne_bytes());
    out.extend_from_slice(&record.signal.to_ne_bytes());
    out.extend_from_slice(&record.code.to_ne_bytes());
    out.extend_from_slice(&record.addr.to_ne_bytes());
    out.extend_from_slice(&record.touched.to_ne_bytes());
    out.extend_from_slice(&record.value.to_ne_bytes());
    out.extend_from_slice(&record.asked.to_ne_bytes());
    out.extend_from_slice(&record.bytes_at.to_ne_bytes());
    out.extend_from_slice(&record.bytes_len.to_ne_bytes());
    out
}

fn parse_message(bytes: &[u8]) -> Option<(u32, Record)> {
    let u32_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let record = Record {
        kind: u32_at(4)?,
        errno: u32_at(8)? as i32,
        signal: u32_at(12)? as i32,
        code: u32_at(16)? as i32,
        addr: u64_at(20)?,
        touched: u64_at(28)?,
        value: u64_at(36)? as i64,
        asked: u64_at(44)?,
        bytes_at: u32_at(52)?,
        bytes_len: u32_at(56)?,
    };
    Some((u32_at(0)?, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted_by_a_child(by_pipe: bool) {
        let mut journal = Journal::new(by_pipe).unwrap();
        assert_eq!(journal.is_pipe(), by_pipe);
        journal.reset(3);
        let before = journal.progress();
        crate::machine::kernel::sys::in_child(|| {
            journal.take_turn(1, 77, 78);
            let (at, place) = journal.room(3).unwrap();
            crate::machine::kernel::sys::copy_out(b"abc", place);
            journal.note(
                2,
                Record {
                    kind: kind::BYTES,
                    bytes_at: at,
                    bytes_len: 3,
                    addr: u64::MAX,
                    ..Record::default()
                },
            );
        })
        .unwrap();
        journal.receive();
        let record = journal.record(2);
        assert_eq!(record.addr, u64::MAX);
        assert_eq!(journal.bytes(&record), b"abc");
        assert_eq!((journal.step(), journal.holder()), (2, 78));
        assert_eq!(journal.pids(), [77]);
        assert_ne!(journal.progress(), before);
        assert_eq!(journal.record(1).kind, kind::NONE);
    }

    #[test]
    fn what_a_child_notes_is_read_here() {
        noted_by_a_child(false);
    }

    #[test]
    fn by_a_pipe_too() {
        noted_by_a_child(true);
    }

    #[test]
    fn by_a_pipe_no_process_overwrites_what_another_has_read() {
        let mut journal = Journal::new(true).unwrap();
        journal.reset(2);
        for (step, bytes) in [b"abc", b"xyz"].iter().enumerate() {
            crate::machine::kernel::sys::in_child(|| {
                let (at, place) = journal.room(3).unwrap();
                crate::machine::kernel::sys::copy_out(*bytes, place);
                let record = Record {
                    kind: kind::BYTES,
                    bytes_at: at,
                    bytes_len: 3,
                    ..Record::default()
                };
                journal.note(step, record);
            })
            .unwrap();
        }
        journal.receive();
        assert_eq!(journal.bytes(&journal.record(0)), b"abc");
        assert_eq!(journal.bytes(&journal.record(1)), b"xyz");
    }

    #[test]
    fn rubbish_in_a_record_reads_no_foreign_bytes() {
        let journal = Journal::new(false).unwrap();
        let record = Record {
            bytes_at: u32::MAX,
            bytes_len: u32::MAX,
            ..Record::default()
        };
        assert_eq!(journal.bytes(&record), b"");
        assert!(journal.room(BYTES_MAX + 1).is_none());
    }
}
