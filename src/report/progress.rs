//! A line on standard error that tells how far a run is, where it takes long and somebody looks.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// No line is shown before this; most runs are over by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is written anew.
const PACE: Duration = Duration::from_millis(100);

/// The line.
pub struct Progress {
    out: Box<dyn Write>,
    started: Instant,
    /// When it was last written; `None` while it is not on the screen.
    written: Option<Duration>,
    width: usize,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// A line for the terminal on standard error, if it is one.
    pub fn of_terminal() -> Option<Self> {
        let err = std::io::stderr();
        err.is_terminal()
            .then(|| Progress::new(Box::new(err), super::width()))
    }

    /// A line of at most `width` characters, written to `out`.
    pub fn new(out: Box<dyn Write>, width: usize) -> Self {
        Progress {
            out,
            started: Instant::now(),
            written: None,
            width,
        }
    }

    /// Tells how many of `cases` are done, and which one is next.
    pub fn show(&mut self, done: usize, cases: usize, failed: usize, id: &str) {
        let now = self.started.elapsed();
        self.show_at(now, done, cases, failed, id);
    }

    fn show_at(&mut self, now: Duration, done: usize, cases: usize, failed: usize, id: &str) {
        let due = self.written.map_or(PATIENCE, |last| last + PACE);
        if now < due {
            return;
        }
        let failures = match failed {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        let line = format!("{done}/{cases}{failures}  {id}");
        let line: String = line.chars().take(self.width.saturating_sub(1)).collect();
        // A terminal that is gone is no reason to stop.
        let _ = write!(self.out, "\r\x1b[K{line}").and_then(|()| self.out.flush());
        self.written = Some(now);
    }

    /// Takes the line off the screen, before something else is written there.
    pub fn clear(&mut self) {
        if self.written.is_some() {
            let _ = write!(self.out, "\r\x1b[K").and_then(|()| self.out.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn patience_pace_and_width() {
        let screen = Screen::default();
        let mut progress = Progress::new(Box::new(screen.clone()), 20);
        let mut at = |ms: u64| {
            progress.show_at(Duration::from_millis(ms), 1, 2, 3, "eof::past-eof");
            std::mem::take(&mut *screen.0.lock().unwrap())
        };
        assert!(at(0).is_empty() && at(999).is_empty());
        assert_eq!(at(1000), b"\r\x1b[K1/2, 3 failed  eof:");
        assert!(at(1050).is_empty());
        assert!(!at(1100).is_empty());
        progress.clear();
        assert_eq!(*screen.0.lock().unwrap(), b"\r\x1b[K");
    }

    #[test]
    fn a_short_run_shows_nothing() {
        let screen = Screen::default();
        let mut progress = Progress::new(Box::new(screen.clone()), 20);
        progress.show(1, 2, 0, "x");
        drop(progress);
        assert!(screen.0.lock().unwrap().is_empty());
    }
}
