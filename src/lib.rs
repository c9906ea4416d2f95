//! mmapcheck tells what mmap(2) and its family really do on a machine.
#![deny(unsafe_code)]

pub mod apart;
pub mod carried;
pub mod case;
pub mod cli;
pub mod command;
pub mod compare;
pub mod diagnostic;
pub mod digest;
pub mod judge;
pub mod known;
pub mod machine;
mod parallel;
pub mod platform;
pub mod random;
pub mod report;
pub mod roster;
pub mod sample;
pub mod snapshot;
pub mod suite;
pub mod table;
pub mod transcript;
