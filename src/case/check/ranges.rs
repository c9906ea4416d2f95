//! Quantities that fit their arguments, and ranges that lie in what they touch.

use super::{Checker, PAGES};
use crate::case::bytes::Bytes;
use crate::case::call::ArgType;
use crate::case::mistake::Mistake;
use crate::case::quantity::{Quantity, Scale, Unit};
use crate::case::step::{Arg, Role, Written};

/// The most bytes that one step may write or compare.
const BYTES_MAX: i128 = 16 << 20;

impl Checker<'_> {
    /// Each quantity fits the type of its argument, at each page size.
    pub(super) fn ranges(&mut self, w: &Written) {
        for ((arg, spec), span) in w.step.args.iter().zip(w.step.call.args).zip(&w.arg_spans) {
            let mistake = match (arg, spec.ty) {
                (Arg::Quantity(q), ArgType::Len) => self.fits(q, 0, None, spec.name),
                (Arg::Quantity(q), ArgType::Offset) => {
                    self.fits(q, i64::MIN.into(), Some(i64::MAX.into()), spec.name)
                }
                (
                    Arg::Quantity(q),
                    ArgType::Addr | ArgType::Data | ArgType::Buf | ArgType::Remote | ArgType::Text,
                ) => self.fits(q, 0, None, spec.name),
                (Arg::Quantity(q), ArgType::Limit) => {
                    self.fits(q, 0, Some(u64::MAX.into()), spec.name)
                }
                (Arg::Quantity(q), ArgType::Number) => {
                    self.fits(q, i32::MIN.into(), Some(i32::MAX.into()), spec.name)
                }
                (Arg::Bytes(b), _) => self.bytes_fit(b),
                _ => None,
            };
            if let Some(message) = mistake {
                let m = Mistake::new(span.clone(), message);
                self.complain(m);
            }
        }
    }

    pub(super) fn fits(
        &self,
        q: &Quantity,
        min: i128,
        max: Option<i128>,
        what: &str,
    ) -> Option<String> {
        if q.names().next().is_some() {
            return None;
        }
        for page in PAGES {
            let scale = Scale::ordinary(page);
            let max = max.unwrap_or_else(|| scale.word_max());
            let value = self.value(q, &scale, max);
            match value {
                None => return Some(format!("{what} overflows")),
                Some(v) if v < min => {
                    return Some(format!("{what} is negative, and its type has no sign"));
                }
                Some(v) if v > max => {
                    return Some(format!("{what} is more than its type can hold"));
                }
                Some(_) => {}
            }
        }
        None
    }

    pub(super) fn value(&self, q: &Quantity, scale: &Scale, max: i128) -> Option<i128> {
        let size = &self.file.size;
        q.value(scale, max, &|unit| match unit {
            Unit::Eof => size.value(scale, 0, &|_| None).ok(),
            _ => None,
        })
        .ok()
    }

    pub(super) fn bytes_fit(&self, b: &Bytes) -> Option<String> {
        if b.chunks.iter().any(|c| c.times.names().next().is_some()) {
            return None;
        }
        let scale = Scale::ordinary(65536);
        let len = b.len(&scale, &|unit| match unit {
            Unit::Eof => self.value(&Quantity::of(1, Unit::Eof), &scale, 0),
            _ => None,
        });
        match len {
            Ok(n) if n <= BYTES_MAX => None,
            _ => Some("more bytes than 16 MiB in one step".to_owned()),
        }
    }

    /// A mapping where the kernel chose may have any neighbour: what looks past it is put into
    /// the arena.
    pub(super) fn touched_range(&mut self, w: &Written) {
        if self.reckless || w.step.role != Role::Written {
            return;
        }
        let args = &w.step.args;
        let (Some(Arg::Quantity(addr)), true) = (
            args.first(),
            matches!(w.step.call.args.first().map(|a| a.ty), Some(ArgType::Addr)),
        ) else {
            return;
        };
        if w.step.call.name == "mmap" && !is_fixed(args) {
            return;
        }
        let (Some(base), rest) = addr.split_base() else {
            return;
        };
        let Some(length) = self.names.get(base).and_then(|b| b.length.clone()) else {
            return;
        };
        for page in PAGES {
            let scale = Scale::ordinary(page);
            let word = scale.word_max();
            let len = match args.get(1) {
                Some(Arg::Quantity(q)) => self.value(q, &scale, word),
                Some(Arg::Bytes(b)) => b.len(&scale, &|_| None).ok(),
                _ => None,
            };
            let (Some(start), Some(len), Some(mapped)) = (
                self.value(&rest, &scale, word),
                len,
                self.value(&length, &scale, word),
            ) else {
                return;
            };
            let round = |n: i128| (n + i128::from(page) - 1) / i128::from(page) * i128::from(page);
            // Hostile lengths are refused by the kernel before anything is touched.
            let hostile = !w.step.call.touches() && len > 1 << 40;
            let end = if w.step.call.touches() {
                start + len
            } else {
                start + round(len)
            };
            if !hostile && (start < 0 || end > round(mapped)) {
                let m = Mistake::new(
                    w.arg_spans[0].clone(),
                    format!("this goes past `{base}`, where anything may lie"),
                )
                .help("put the mapping into the arena: `addr = \"arena + 16page\"` with MAP_FIXED");
                self.complain(m);
                return;
            }
        }
    }
}

fn is_fixed(args: &[Arg]) -> bool {
    args.iter().any(|a| match a {
        Arg::Flags(f) => f.has("MAP_FIXED") || f.has("MAP_FIXED_NOREPLACE"),
        _ => false,
    })
}

pub(super) fn in_arena(addr: &Quantity) -> bool {
    addr.names().next().is_some()
}
