//! Machines: what runs a program and leaves a transcript.

pub mod connection;
pub mod frame;
pub mod init;
pub mod kernel;
pub mod model;
pub mod pool;
