//! What a worker does once in its own process, before the first case, under an emulator.
//!
//! An emulator translates code when it is first run, and a child takes along what its parent has
//! had translated. All that only children run would be translated anew for each case: half of what
//! a case costs there.
#![expect(
    unsafe_code,
    reason = "what a child is given is used by the worker itself"
)]

use super::child::{Actor, Setting};
use super::fixtures::Fixtures;
use super::scratch::CaseFile;
use super::supervise::clear;
use super::worker::Worker;

/// What cases do most: calls that succeed and calls that fail, loads and stores. All is as before
/// when they are done. No touch faults: the address of a fault may stay in a register, and be told
/// again of the next (so seen of ppc64le under QEMU).
pub const STEPS: &str = "size 2page
open file = open(file, O_RDWR)
own map = mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
step store(map, \"abc\")
step load(map, 3)
step fill(map, 1page, \"x\")
step msync(map, 1page, MS_SYNC)
step pwrite(file, \"b\", 1, 0)
step pread(file, buf, 1, 0)
step ftruncate(file, 1page)
step mprotect(map, 1, PROT_NONE)
step areas(map, 2page)
step mincore(map, 1page)
step madvise(map + 1, 1page, MADV_NORMAL)
step munmap(map, 2page)
step close(file)
";

impl Worker {
    /// Rehearses, if this worker is emulated. A folder that takes no file is none to rehearse in:
    /// the cases will tell of it.
    pub(super) fn rehearse(&mut self) {
        if !self.is_emulated() || self.journal.is_pipe() {
            return;
        }
        let Ok(case) = self.compile(STEPS) else {
            return;
        };
        let Some(Ok(_file)) = case.compiled.file.as_ref().map(CaseFile::make) else {
            return;
        };
        self.journal.reset(case.compiled.lent.ops.len());
        // SAFETY: it is used up before the journal is reset and the case is forgotten.
        act(
            unsafe { self.setting(&case.compiled, (None, None), Some(&[]), false) },
            self.pid,
        );
        self.journal.reset(0);
        clear(&case.compiled);
        drop(case);
        self.forget_batch();
    }
}

/// Does what a child does, but for its end.
fn act(setting: Setting, pid: i32) {
    let mut main = Actor::main(setting);
    main.turn.pids[0] = pid;
    Fixtures::open(&setting.compiled, &mut main.turn);
    setting.journal.take_turn(0, pid, pid);
    main.act_on();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Program;

    #[test]
    fn what_is_rehearsed_can_be_read() {
        let program = Program::parse(STEPS).unwrap();
        assert!(program.uses_file() && program.steps.len() > 10);
    }
}
