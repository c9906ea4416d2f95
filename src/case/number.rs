//! The numbers of flags, errors, signals and calls: those of the C library on Linux. Elsewhere they
//! are those of Linux on x86_64, so that tables can be read, judged and sent to a worker there; no call
//! is made with them.

#[cfg(not(target_os = "linux"))]
pub use elsewhere::*;
#[cfg(target_os = "linux")]
pub use libc::*;

#[cfg(all(
    target_os = "linux",
    any(target_arch = "s390x", target_arch = "powerpc64")
))]
pub use left_out::{SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect};

/// What the crate `libc` leaves out: `asm/unistd_64.h` has them.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "s390x", target_arch = "powerpc64")
))]
#[allow(non_upper_case_globals, reason = "the names of the C library")]
mod left_out {
    use libc::c_long;

    /// pkey_mprotect(2), pkey_alloc(2) and pkey_free(2).
    const NUMBERS: [c_long; 3] = match cfg!(target_arch = "s390x") {
        true => [384, 385, 386],
        false => [386, 384, 385],
    };
    /// Of pkey_mprotect(2).
    pub const SYS_pkey_mprotect: c_long = NUMBERS[0];
    /// Of pkey_alloc(2).
    pub const SYS_pkey_alloc: c_long = NUMBERS[1];
    /// Of pkey_free(2).
    pub const SYS_pkey_free: c_long = NUMBERS[2];
}

#[cfg(not(target_os = "linux"))]
#[allow(missing_docs, reason = "the manual pages have them under these names")]
mod elsewhere;
