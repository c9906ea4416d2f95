//! What the kernel says of the acting process in /proc/self: read by the child into the journal,
//! as much of it as the step asks about, and turned into the notation by the worker.
#![expect(
    unsafe_code,
    reason = "reading into the journal, by bare system calls, without allocating"
)]

use super::compiled::Op;
use super::journal::{Journal, Record, kind};
use super::sys;
use crate::case::area::{Area, Areas, Piece};
use crate::case::call::{Act, ArgType};
use crate::case::step::Arg;
use crate::case::{Quantity, Scale, Step};
use std::ffi::CStr;

/// The most that a step keeps of what it reads.
const ROOM: usize = 256 << 10;

/// The range that a step asks about: first address, and the first behind it.
fn range(op: &Op, args: &[i128]) -> (u64, u64) {
    let start = args.first().copied().unwrap_or(0);
    let len = match op.call.act {
        Act::VmFlags => 1,
        _ => args.get(1).copied().unwrap_or(0),
    };
    let word = |n: i128| u64::try_from(n).unwrap_or(u64::MAX);
    (word(start), word(start.saturating_add(len)))
}

/// Reads what the step asks for.
pub fn read(journal: &Journal, op: &Op, args: &[i128]) -> Record {
    let failed = |kind: u32, errno: i32| Record {
        kind,
        errno,
        ..Record::default()
    };
    let path = match op.call.act {
        Act::Areas => c"/proc/self/maps",
        Act::Status => c"/proc/self/status",
        _ => c"/proc/self/smaps",
    };
    let (start, end) = match op.call.act {
        Act::Status => (0, u64::MAX),
        _ => range(op, args),
    };
    let Some((at, place)) = journal.room(ROOM) else {
        return failed(kind::TOO_LONG, 0);
    };
    // SAFETY: `room` gave that many bytes to this step alone.
    let buf = unsafe { std::slice::from_raw_parts_mut(place, ROOM) };
    match read_lines(path, buf, start, end) {
        Ok(len) => {
            journal.give_back(at, len);
            Record {
                kind: kind::BYTES,
                bytes_at: at,
                bytes_len: len as u32,
                addr: start,
                touched: end,
                ..Record::default()
            }
        }
        Err(errno) => {
            journal.give_back(at, 0);
            match errno {
                0 => failed(kind::TOO_LONG, 0),
                errno => failed(kind::ERRNO, errno),
            }
        }
    }
}

/// Reads a file line by line and keeps the lines of areas that overlap the range, and those that
/// belong to them; of a file that is no list of areas, all. The error is an errno, 0 for no room.
fn read_lines(path: &CStr, buf: &mut [u8], start: u64, end: u64) -> Result<usize, i32> {
    // SAFETY: a constant string and numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
            0,
        )
    };
    if fd == -1 {
        return Err(sys::last_errno());
    }
    let fd = fd as i32;
    let (mut kept, mut held) = (0, 0);
    let mut keep = true;
    let result = loop {
        let free = &mut buf[held..];
        if free.is_empty() {
            break Err(0);
        }
        // SAFETY: the slice is alive during the call.
        let n = unsafe { libc::syscall(libc::SYS_read, fd, free.as_mut_ptr(), free.len()) };
        match usize::try_from(n) {
            Ok(0) => break Ok(kept),
            Ok(n) => held += n,
            Err(_) => break Err(sys::last_errno()),
        }
        let mut line = kept;
        while let Some(len) = buf[line..held].iter().position(|b| *b == b'\n') {
            let next = line + len + 1;
            if let Some((first, behind)) = head(&buf[line..next]) {
                keep = first < end && behind > start;
            }
            if keep {
                buf.copy_within(line..next, kept);
                kept += next - line;
            }
            line = next;
        }
        buf.copy_within(line..held, kept);
        held = kept + (held - line);
    };
    sys::close(fd);
    result
}

/// The range at the beginning of an area's line.
fn head(line: &[u8]) -> Option<(u64, u64)> {
    let dash = line.iter().take(17).position(|b| *b == b'-')?;
    let space = line.iter().take(35).position(|b| *b == b' ')?;
    let hex = |digits: &[u8]| {
        let mut n = 0u64;
        for digit in digits {
            n = n << 4 | u64::from((*digit as char).to_digit(16)?);
        }
        (!digits.is_empty()).then_some(n)
    };
    Some((hex(&line[..dash])?, hex(line.get(dash + 1..space)?)?))
}

/// What was read, in the notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A text.
    Text(String),
    /// A number of bytes.
    Number(i128),
}

/// Turns what was read into what the step tells.
pub fn tell(step: &Step, record: &Record, bytes: &[u8], scale: &Scale) -> Told {
    let text = String::from_utf8_lossy(bytes);
    match step.call.act {
        Act::Areas => Told::Text(areas(&text, record.addr, record.touched, scale).to_string()),
        Act::VmFlags => Told::Text(flags(&text, asked(step))),
        _ => Told::Number(sum(&text, asked(step))),
    }
}

/// The words that the step asks about.
fn asked(step: &Step) -> &[&'static str] {
    let mut args = step.args.iter().zip(step.call.args);
    let words = args.find_map(|(arg, spec)| match (arg, spec.ty) {
        (Arg::Flags(set), ArgType::Flags(_)) => Some(set.names.as_slice()),
        _ => None,
    });
    words.unwrap_or_default()
}

fn areas(text: &str, start: u64, end: u64, scale: &Scale) -> Areas {
    let pages = |n: u64| Quantity::in_pages(n.into(), scale);
    let mut pieces = Vec::new();
    let mut at = start;
    for line in text.lines() {
        let Some((first, behind)) = head(line.as_bytes()) else {
            continue;
        };
        if behind <= start || first >= end {
            continue;
        }
        if first > at {
            pieces.push(Piece::Free(pages(first.min(end) - at)));
        }
        let (from, to) = (first.max(start), behind.min(end));
        let mut words = line.split_ascii_whitespace().skip(1);
        let perms = words.next().unwrap_or("????").to_owned();
        let offset = words.next().and_then(|w| u64::from_str_radix(w, 16).ok());
        let inode = words.nth(1).unwrap_or("0");
        let name = words.next().filter(|w| w.starts_with('['));
        pieces.push(Piece::Area(Area {
            goes_before: first < start,
            perms,
            length: pages(to.saturating_sub(from)),
            offset: (inode != "0").then(|| pages(offset.unwrap_or(0) + (from - first))),
            name: name.map(|n| n.trim_matches(['[', ']']).to_owned()),
            goes_on: behind > end,
        }));
        at = to;
    }
    if at < end {
        pieces.push(Piece::Free(pages(end - at)));
    }
    Areas { pieces }
}

/// Those of the flags that stand in the line `VmFlags`.
fn flags(text: &str, asked: &[&str]) -> String {
    let line = text.lines().find_map(|l| l.strip_prefix("VmFlags:"));
    let has: Vec<&str> = line.unwrap_or("").split_ascii_whitespace().collect();
    let set: Vec<&str> = asked.iter().copied().filter(|a| has.contains(a)).collect();
    set.join(" ")
}

/// The sum of the lines of these names, which count in kB.
fn sum(text: &str, asked: &[&str]) -> i128 {
    let mut total = 0i128;
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if asked.contains(&name) {
            let number = value.split_ascii_whitespace().next();
            let kib: i128 = number.and_then(|n| n.parse().ok()).unwrap_or(0);
            total = total.saturating_add(kib.saturating_mul(1024));
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "1000-3000 rw-p 00000000 00:00 0 \n\
        3000-4000 rw-s 00002000 08:02 173521 /tmp/file with a name\n\
        6000-9000 ---p 00000000 00:00 0    [anon:mine]\n";

    fn told(start: u64, end: u64) -> String {
        areas(MAPS, start, end, &Scale::ordinary(4096)).to_string()
    }

    #[test]
    fn areas_and_what_is_between_them() {
        assert_eq!(
            told(0x1000, 0xa000),
            "rw-p 2page; rw-s 1page +2page; free 2page; ---p 3page [anon:mine]; free 1page"
        );
        assert_eq!(told(0x2000, 0x3000), "<rw-p 1page");
    }

    #[test]
    fn heads_of_lines() {
        assert_eq!(head(b"1000-3000 rw-p"), Some((0x1000, 0x3000)));
        assert_eq!(head(b"Rss:    4 kB"), None);
        assert_eq!(head(b""), None);
        assert_eq!(head(b"-"), None);
        let top = b"ffffffffff600000-ffffffffff601000 --xp";
        assert_eq!(
            head(top),
            Some((0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000))
        );
    }

    #[test]
    fn only_the_lines_of_the_range_are_kept() {
        let mut buf = vec![0u8; ROOM];
        let here = MAPS.as_ptr() as u64;
        let n = read_lines(c"/proc/self/smaps", &mut buf, here, here + 1).unwrap();
        let text = String::from_utf8_lossy(&buf[..n]);
        assert_eq!(
            text.lines()
                .filter(|l| head(l.as_bytes()).is_some())
                .count(),
            1
        );
        assert!(sum(&text, &["Rss"]) > 0, "{text}");
        assert_eq!(
            read_lines(c"/nonexistent", &mut buf, 0, 1),
            Err(libc::ENOENT)
        );
        assert_eq!(
            read_lines(c"/proc/self/maps", &mut [0; 16], 0, u64::MAX),
            Err(0)
        );
    }
}
