//! The numbers of flags, errors, signals and calls: those of the C library on Linux. Elsewhere they
//! are those of Linux on x86_64, so that tables can be read, judged and sent to a worker there; no call
//! is made with them.

#[cfg(not(target_os = "linux"))]
pub use elsewhere::*;
#[cfg(target_os = "linux")]
pub use libc::*;

#[cfg(not(target_os = "linux"))]
#[allow(missing_docs, reason = "the manual pages have them under these names")]
mod elsewhere;
