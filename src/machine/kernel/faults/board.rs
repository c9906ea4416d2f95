//! The board: memory that a case's processes, its keeper and the worker share, on which stands
//! which faults are armed and what has met them.

use crate::machine::kernel::compiled::FAULTS_MAX;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// What stands of one fault.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Slot {
    state: AtomicU32,
    /// How many calls or touches came that it could have been about.
    seen: AtomicU32,
    /// How many met it.
    fired: AtomicU32,
    /// Whether, when it was armed, a touch that the kernel made for the harness met it.
    bites: AtomicU32,
    /// How many steps reached into its range.
    reached: AtomicU32,
    start: AtomicU64,
    end: AtomicU64,
}

/// The slots, and what is said between the keeper and a thread of the case.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Board {
    /// Whether a step's own call is being made, and not one of the harness.
    in_step: AtomicU32,
    /// What a thread of the case is asked for: [`QUIET`], [`ASKED`] or [`DONE`].
    pub race: AtomicI32,
    /// Which page it is about.
    pub race_at: AtomicU64,
    slots: [Slot; FAULTS_MAX],
}

/// Nothing is asked for.
pub const QUIET: i32 = 0;
/// The page is to be changed.
pub const ASKED: i32 = 1;
/// It has been.
pub const DONE: i32 = 2;

const ARMED: u32 = 1;
const WITHDRAWN: u32 = 2;

impl Board {
    /// Wipes it for the next case.
    pub fn reset(&self) {
        self.in_step.store(0, Ordering::Relaxed);
        self.race.store(QUIET, Ordering::Relaxed);
        self.race_at.store(0, Ordering::Relaxed);
        for slot in &self.slots {
            for word in [
                &slot.state,
                &slot.seen,
                &slot.fired,
                &slot.bites,
                &slot.reached,
            ] {
                word.store(0, Ordering::Relaxed);
            }
            slot.start.store(0, Ordering::Relaxed);
            slot.end.store(0, Ordering::Relaxed);
        }
    }

    /// The slot of a fault of this case.
    pub fn slot(&self, fault: usize) -> Option<&Slot> {
        self.slots.get(fault)
    }

    /// Says whether the calls that are made now are those of a step.
    pub fn set_in_step(&self, is: bool) {
        self.in_step.store(is.into(), Ordering::SeqCst);
    }

    /// Whether they are.
    pub fn is_in_step(&self) -> bool {
        self.in_step.load(Ordering::SeqCst) != 0
    }

    /// Notes which armed faults a step reaches into.
    pub fn reach(&self, start: u64, end: u64) {
        for slot in &self.slots {
            let (from, to) = (
                slot.start.load(Ordering::Relaxed),
                slot.end.load(Ordering::Relaxed),
            );
            if slot.is_armed() && start < to && from < end {
                slot.reached.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Slot {
    /// Arms it, over a range of addresses if it has one.
    pub fn arm(&self, start: u64, end: u64) {
        self.start.store(start, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.state.store(ARMED, Ordering::SeqCst);
    }

    /// The range of addresses over which it is armed.
    pub fn range(&self) -> (u64, u64) {
        let word = |w: &AtomicU64| w.load(Ordering::SeqCst);
        (word(&self.start), word(&self.end))
    }

    /// Whether it is armed.
    pub fn is_armed(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ARMED
    }

    /// Takes it back.
    pub fn withdraw(&self) {
        self.state.store(WITHDRAWN, Ordering::SeqCst);
    }

    /// Counts a call or a touch that it could be about; which one it is, from 1.
    pub fn see(&self) -> u32 {
        self.seen.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Counts one that met it.
    pub fn fire(&self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that a touch by the kernel met it.
    pub fn bite(&self) {
        self.bites.store(1, Ordering::SeqCst);
    }

    /// Whether something met it.
    pub fn has_fired(&self) -> bool {
        let is = |word: &AtomicU32| word.load(Ordering::SeqCst) > 0;
        is(&self.fired) || is(&self.bites) && is(&self.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_fired_if_it_bites_and_a_step_reached_it() {
        let board = Board::default();
        let slot = board.slot(2).unwrap();
        board.reach(0, 100);
        slot.arm(10, 20);
        assert!(!slot.has_fired());
        board.reach(20, 30);
        board.reach(0, 10);
        slot.bite();
        assert!(!slot.has_fired());
        board.reach(19, 20);
        assert!(slot.has_fired());
        board.reset();
        assert!(!slot.has_fired() && !slot.is_armed());
        slot.arm(0, 0);
        slot.fire();
        assert!(slot.has_fired());
        assert!(board.slot(FAULTS_MAX).is_none());
    }
}
