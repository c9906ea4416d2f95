//! Machines: what runs a program and leaves a transcript.

pub mod connection;
pub mod frame;
pub mod init;
#[cfg(target_os = "linux")]
pub mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
pub mod kernel;
pub mod model;
pub mod pool;
pub mod start;
