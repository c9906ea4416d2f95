//! Frames: how a runner and a worker talk over any stream of bytes.
//!
//! One frame is one line: `@mmapcheck KIND SEQUENCE LENGTH CHECKSUM PAYLOAD`, all of it printable
//! ASCII. A serial line may put a carriage return before the newline, and a kernel may print on the
//! same line, before a frame or into it: what stands before the mark is skipped, and what does not
//! have its length and checksum is [`Line::Damaged`]. In the payload `@`, `\`, line ends and all that is
//! not printable are escaped; its length counts bytes before that. The checksum is over kind, sequence
//! and payload.
//!
//! What is said, each in its own frame, an answer under the number of its question:
//!
//! | runner | worker | |
//! |---|---|---|
//! | `start` | `hello` | the [version and what is asked for](super::start::Start); the [machine](crate::platform::Platform) |
//! | | `ready` | a line that was not listened to before is now: `start` is said again |
//! | `need` | `met`, `unmet` | a [need](crate::case::need), and the reason where it is not met |
//! | `run` | `result` | a [program](crate::case::Program), how long it took and its [transcript](crate::transcript) |
//! | `end` | | nothing more will come |
//! | any | `error` | what is wrong with the question, or with the machine |
//! | any | `damaged` | it did not come whole: say it again |
//!
//! The runner begins. It may send up to 32 cases before the first is answered. `end` ends the
//! worker, and so does the end of the stream where it can be seen.

use crate::digest::Digest;
use std::io::Write;
use std::time::Duration;

/// What every frame begins with.
const MARK: &str = "@mmapcheck ";

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is about: one lower-case word.
    pub kind: String,
    /// Which case or question it belongs to.
    pub sequence: u64,
    /// Its text.
    pub payload: String,
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A frame, whole.
    Frame(Frame),
    /// Something that was a frame; the sequence number, if it can still be read.
    Damaged(Option<u64>),
    /// Somebody else's line.
    Stray,
}

impl Frame {
    /// A frame of this kind.
    pub fn new(kind: &str, sequence: u64, payload: impl Into<String>) -> Self {
        Frame {
            kind: kind.to_owned(),
            sequence,
            payload: payload.into(),
        }
    }

    /// Appends the frame's line, with its newline.
    pub fn write(&self, out: &mut Vec<u8>) {
        write(&self.kind, self.sequence, &self.payload, out);
    }
}

/// Appends the line of a frame, with its newline.
pub fn write(kind: &str, sequence: u64, payload: &str, out: &mut Vec<u8>) {
    let checksum = checksum(kind, sequence, payload);
    let length = payload.len();
    // Writing to memory does not fail.
    let _ = write!(out, "{MARK}{kind} {sequence} {length} {checksum:08x} ");
    escape(payload, out);
    out.push(b'\n');
}

/// The payload of a `result`: how long it took, in whole microseconds, and the text.
pub fn timed(took: Duration, text: &str) -> String {
    format!("took {}\n{text}", took.as_micros())
}

/// What [`timed`] was made of; what does not tell its time took none.
pub fn untimed(payload: &str) -> (Duration, &str) {
    let told = payload.strip_prefix("took ").and_then(|rest| {
        let (micros, text) = rest.split_once('\n')?;
        Some((Duration::from_micros(micros.parse().ok()?), text))
    });
    told.unwrap_or((Duration::ZERO, payload))
}

fn checksum(kind: &str, sequence: u64, payload: &str) -> u32 {
    let mut digest = Digest::default();
    digest.add(kind.as_bytes());
    digest.add(&sequence.to_le_bytes());
    digest.add(payload.as_bytes());
    (digest.value() ^ (digest.value() >> 32)) as u32
}

/// Reads one line, without or with its newline.
pub fn read_line(line: &[u8]) -> Line {
    let Some(start) = find_last(line, MARK.as_bytes()) else {
        return Line::Stray;
    };
    let body = &line[start + MARK.len()..];
    let end = body
        .iter()
        .rposition(|b| *b != b'\n' && *b != b'\r')
        .map_or(0, |i| i + 1);
    let mut parts = body[..end].splitn(5, |b| *b == b' ');
    let mut word = || parts.next().and_then(|p| std::str::from_utf8(p).ok());
    let (kind, sequence, length, told) = (word(), word(), word(), word());
    let sequence: Option<u64> = sequence.and_then(|s| s.parse().ok());
    let frame = (|| {
        let payload = unescape(parts.next().unwrap_or_default())?;
        let frame = Frame::new(kind?, sequence?, payload);
        let whole = length?.parse() == Ok(frame.payload.len())
            && u32::from_str_radix(told?, 16)
                == Ok(checksum(&frame.kind, frame.sequence, &frame.payload));
        whole.then_some(frame)
    })();
    frame.map_or(Line::Damaged(sequence), Line::Frame)
}

fn find_last(line: &[u8], mark: &[u8]) -> Option<usize> {
    // A payload can't hold the mark: `@` is escaped in it.
    let mut end = line.len();
    loop {
        let at = line[..end].iter().rposition(|b| *b == mark[0])?;
        if line[at..].starts_with(mark) {
            return Some(at);
        }
        end = at;
    }
}

fn escape(text: &str, out: &mut Vec<u8>) {
    let is_special = |b: &u8| matches!(b, b'\\' | b'@' | 0..=0x1f | 0x7f..=0xff);
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(is_special) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        match after[0] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            // Writing to memory does not fail.
            b => drop(write!(out, "\\x{b:02x}")),
        }
        rest = &after[1..];
    }
    out.extend_from_slice(rest);
}

fn unescape(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (&e, after) = after[1..].split_first()?;
        rest = after;
        match e {
            b'n' => out.push(b'\n'),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            _ => return None,
        }
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        let took = Duration::from_micros(12_345);
        assert_eq!(
            untimed(&timed(took, "ok\nno file\n")),
            (took, "ok\nno file\n")
        );
        for text in ["ok\n", "took\n", "took 1", "took x\nok\n"] {
            assert_eq!(untimed(text), (Duration::ZERO, text));
        }
    }
    use proptest::prelude::*;

    fn line(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        frame.write(&mut out);
        out
    }

    #[test]
    fn stray_lines_and_console_noise() {
        assert_eq!(read_line(b"[    1.2] reboot: Power down\r\n"), Line::Stray);
        assert_eq!(read_line(b""), Line::Stray);
        let frame = Frame::new("result", 7, "ok\nno file\n");
        let mut noisy = b"[ 3.4] User process fault: ".to_vec();
        noisy.extend(line(&frame));
        noisy.pop();
        noisy.extend(b"\r\n");
        assert_eq!(read_line(&noisy), Line::Frame(frame.clone()));
        let mut inside = line(&frame);
        inside.splice(30..30, b"[ 3.4] noise".iter().copied());
        assert!(matches!(read_line(&inside), Line::Damaged(_)));
    }

    proptest! {
        #[test]
        fn any_payload_survives(kind in "[a-z]{1,8}", sequence: u64, payload in "\\PC*[\n\\\\@]*") {
            let frame = Frame::new(&kind, sequence, payload);
            let line = line(&frame);
            prop_assert!(line[..line.len() - 1].iter().all(|b| (0x20..0x7f).contains(b)));
            prop_assert_eq!(read_line(&line), Line::Frame(frame));
        }

        #[test]
        fn a_flipped_bit_is_damage_or_a_stray_line(at in 0usize..60, bit in 0u32..8) {
            let frame = Frame::new("result", 12, "SIGBUS BUS_ADRERR at map\nfile unchanged\n");
            let mut bytes = line(&frame);
            let at = at % (bytes.len() - 1);
            bytes[at] ^= 1 << bit;
            if let Line::Frame(read) = read_line(&bytes) {
                prop_assert_eq!(read, frame);
            }
        }

        #[test]
        fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_line(&bytes);
            let mut marked = MARK.as_bytes().to_vec();
            marked.extend(bytes);
            let _ = read_line(&marked);
        }
    }
}
