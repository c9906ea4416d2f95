//! The real machine: the kernel that this program runs on.
//!
//! A worker is this same program, started again, single-threaded. It takes cases as frames and
//! gives transcripts as frames. For each case it forks a child, which makes the calls.

mod abi;
mod actors;
mod arena;
mod child;
mod code;
mod compiled;
mod door;
mod faults;
mod fixtures;
mod guard;
mod held;
mod janitor;
mod journal;
mod lasting;
mod lent;
mod maps;
mod namespace;
mod normal;
mod probe;
mod rehearsal;
mod render;
mod rights;
mod scratch;
mod supervise;
mod sys;
mod times;
mod told;
mod touch;
mod turn;
mod worker;

pub use crate::machine::start::{PROTOCOL, Start};
pub use rehearsal::STEPS as REHEARSED;
pub use rights::is_root;
pub use worker::serve;
