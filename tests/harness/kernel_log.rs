//! The kernel's log, where it may be read: kmsg in the kernel's documentation
//! (Documentation/ABI/testing/dev-kmsg).

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

/// All lines that hold a word; `None` where the log can't be read, or where the kernel does not
/// tell of processes that signals kill (debug.exception-trace).
pub fn lines_about(word: &str) -> Option<Vec<String>> {
    let tells = std::fs::read_to_string("/proc/sys/debug/exception-trace").ok()?;
    if tells.trim() == "0" {
        return None;
    }
    let mut log = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open("/dev/kmsg")
        .ok()?;
    let mut lines = Vec::new();
    let mut record = [0u8; 8192];
    loop {
        // Each read gives one record.
        match log.read(&mut record) {
            Ok(n) => lines.push(String::from_utf8_lossy(&record[..n]).into_owned()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            // Records were overwritten meanwhile: the next read goes on behind them.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
            Err(_) => return None,
        }
    }
    lines.retain(|l| l.contains(word));
    Some(lines)
}
