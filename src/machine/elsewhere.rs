//! The worker where the system is not Linux: it tells what machine it is and that it makes no calls
//! there. Every case is then skipped, for `os`. All else (reading and judging tables, comparing
//! records, workers on other machines) is as on Linux.

use super::frame::{self, Frame, Line};
pub use super::start::{PROTOCOL, Start};
use crate::platform::{NO_DOOR, Platform};
use std::io::{self, BufRead, Write};

/// Whether this process could make a case run as root: none runs here.
pub fn is_root() -> bool {
    false
}

/// Answers the runner until it is gone. The exit status.
pub fn serve(refusal: Option<&str>) -> i32 {
    match answer_all(refusal) {
        Ok(()) => 0,
        Err(_) => 3,
    }
}

fn answer_all(refusal: Option<&str>) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        let Line::Frame(asked) = frame::read_line(&line) else {
            continue;
        };
        let (kind, payload) = match asked.kind.as_str() {
            "end" => break,
            "start" => match (refusal, Start::parse(&asked.payload)) {
                (Some(why), _) => ("error", why.to_owned()),
                (None, Err(why)) => ("error", why),
                (None, Ok(_)) => ("hello", platform().to_string()),
            },
            "need" => ("unmet", why()),
            _ => ("error", why()),
        };
        let mut bytes = Vec::new();
        Frame::new(kind, asked.sequence, payload).write(&mut bytes);
        output.write_all(&bytes)?;
        output.flush()?;
    }
    Ok(())
}

fn why() -> String {
    format!("no calls are made on {}", std::env::consts::OS)
}

fn platform() -> Platform {
    Platform {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        door: NO_DOOR.to_owned(),
        sandbox: "none".to_owned(),
        emulator: "none".to_owned(),
        ..Platform::unknown()
    }
}
