//! Values as C spells them.

use super::{Speller, TAKEN, comment};
use crate::case::bytes::Bytes;
use crate::case::call::{ArgSpec, ArgType};
use crate::case::{Arg, Fd, Quantity, Unit};
use std::collections::HashMap;

/// Byte strings up to this length are written out.
const WRITTEN_OUT: u64 = 64;

impl Speller<'_> {
    pub(super) fn written_out(&self, b: &Bytes) -> Option<Vec<u8>> {
        let content = b.content(self.scale, &|u| self.eof(u)).ok()?;
        content.to_vec(WRITTEN_OUT)
    }

    pub(super) fn arg(&self, arg: &Arg, spec: &ArgSpec) -> String {
        match (arg, spec.ty) {
            (Arg::Quantity(q), ArgType::Len) => self.length(q),
            (Arg::Quantity(q), ArgType::Offset) => self.offset(q),
            (Arg::Quantity(q), ArgType::Mode) => {
                let n = q.value(self.scale, 0, &|_| None).unwrap_or_default();
                format!("0{n:o}")
            }
            (Arg::Quantity(q), ArgType::Int(..)) => self.offset(q),
            (Arg::Quantity(q), ArgType::Number) => self.offset(q),
            (Arg::Quantity(q), _) => self.address(q),
            (Arg::Flags(set), ArgType::Flags(domain) | ArgType::Choice(domain)) => {
                set.display(domain)
            }
            (Arg::Fd(Fd::Name(n)), _) => fd_name(n),
            (Arg::Path(key), ArgType::Key) => (*key).to_owned(),
            (Arg::Path(path), _) => match *path {
                "dir" => "\".\"".to_owned(),
                path => format!("\"{path}\""),
            },
            (Arg::Bytes(b), _) => match self.written_out(b) {
                Some(text) => literal(&text),
                None => format!("bytes {}", comment(&b.to_string())),
            },
            (Arg::Actor(name), _) => c_name(name),
            _ => arg.display(spec),
        }
    }

    pub(super) fn length(&self, q: &Quantity) -> String {
        let value = self.number(q, self.scale.word_max());
        value.map_or_else(|| self.named(q), number)
    }

    pub(super) fn offset(&self, q: &Quantity) -> String {
        let value = self.number(q, i64::MAX.into());
        value.map_or_else(|| self.named(q), number)
    }

    pub(super) fn address(&self, q: &Quantity) -> String {
        let q = q.with_eof(&self.file.size);
        match (self.number(&q, self.scale.word_max()), q.split_base()) {
            (Some(0), _) => "NULL".to_owned(),
            (Some(n), _) => format!("(void *){n:#x}"),
            _ => self.named(&q),
        }
    }

    /// A quantity that counts from a name: `map + 4096`.
    pub(super) fn named(&self, q: &Quantity) -> String {
        let q = q.with_eof(&self.file.size);
        let (base, rest) = q.split_base();
        let value = self.number(&rest, self.scale.word_max());
        match (base, value) {
            (Some(base), Some(0)) => c_name(base),
            (Some(base), Some(n)) if n < 0 => format!("{} - {}", c_name(base), number(-n)),
            (Some(base), Some(n)) => format!("{} + {}", c_name(base), number(n)),
            _ => format!("0 {}", comment(&q.to_string())),
        }
    }

    pub(super) fn number(&self, q: &Quantity, max: i128) -> Option<i128> {
        q.value(self.scale, max, &|u| self.eof(u)).ok()
    }

    pub(super) fn eof(&self, unit: &Unit) -> Option<i128> {
        let size = || self.file.size.value(self.scale, 0, &|_| None).ok();
        (*unit == Unit::Eof).then(size)?
    }
}

/// Decimal where a person would write it so.
pub(super) fn number(n: i128) -> String {
    if n.unsigned_abs() < 1 << 32 {
        n.to_string()
    } else if n < 0 {
        format!("-{:#x}", n.unsigned_abs())
    } else {
        format!("{n:#x}")
    }
}

/// A name of the notation as C can have it.
pub(super) fn c_name(name: &str) -> String {
    let name = name.replace('-', "_");
    if TAKEN.contains(&name.as_str()) {
        return format!("{name}_");
    }
    match name.split_once('.') {
        Some((pipe, "read")) => format!("{pipe}[0]"),
        Some((pipe, _)) => format!("{pipe}[1]"),
        None => name,
    }
}

/// The variable of a descriptor.
pub(super) fn fd_name(name: &str) -> String {
    let own = HashMap::from([
        ("file", "fd"),
        ("pipe.read", "pipe_ends[0]"),
        ("pipe.write", "pipe_ends[1]"),
        ("socket", "pair[0]"),
        ("socket.other", "pair[1]"),
        ("datagram", "datagrams[0]"),
        ("datagram.other", "datagrams[1]"),
        ("tty", "terminal[0]"),
        ("tty.master", "terminal[1]"),
        ("eventfd", "event"),
        ("timerfd", "timer"),
        ("signalfd", "signals"),
        ("inotify", "watch"),
    ]);
    own.get(name)
        .map_or_else(|| c_name(name), |n| (*n).to_owned())
}

pub(super) fn character(byte: u8) -> String {
    match byte {
        b'\'' | b'\\' => format!("'\\{}'", byte as char),
        0x20..0x7f => format!("'{}'", byte as char),
        _ => format!("{byte:#04x}"),
    }
}

/// A string of C; other bytes are octal, which ends after three digits.
pub(in crate::report) fn literal(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(*byte as char);
            }
            // `??` would begin a trigraph.
            b'?' => out.push_str("\\?"),
            0x20..0x7f => out.push(*byte as char),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}
