//! What a case costs, by the clock and in CPU time.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What one case or turn of a loop costs, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// By the clock, over all that run at once.
    pub clock: f64,
    /// The CPU time of the process that runs it, and of its children.
    pub cpu: f64,
    /// The CPU time of whoever hands out the cases, where somebody does.
    pub runner: f64,
}

/// The CPU time that was taken so far, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// By this process.
    pub own: f64,
    /// By its children that have ended, and theirs.
    pub children: f64,
}

/// The CPU time that was taken so far.
pub fn taken() -> Taken {
    let of = |who| {
        getrusage(who).map_or(0.0, |usage| {
            let time = usage.user_time() + usage.system_time();
            time.num_microseconds() as f64 / 1e6
        })
    };
    Taken {
        own: of(UsageWho::RUSAGE_SELF),
        children: of(UsageWho::RUSAGE_CHILDREN),
    }
}
