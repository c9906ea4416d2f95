//! A fixed part of many cases.

use crate::digest::Digest;
use crate::snapshot::local;
use std::fmt;

/// A part of the cases, told by their ids within their tables: the same on each run and on each
/// machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How much, in millionths.
    per_million: u32,
}

impl Sample {
    /// So many of a hundred; `None` unless that is more than 0 and at most 100.
    pub fn percent(percent: f64) -> Option<Self> {
        let right = percent > 0.0 && percent <= 100.0;
        right.then_some(Sample {
            per_million: ((percent * 10_000.0).round() as u32).max(1),
        })
    }

    /// Reads `2%`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::percent(text.strip_suffix('%')?.parse().ok()?)
    }

    /// Whether the case of this id, whole or within its table, is in the sample.
    pub fn takes(self, id: &str) -> bool {
        // The low bits of this digest know little but the last letters.
        let digest = Digest::of(local(id).as_bytes());
        (digest ^ (digest >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
            < (u64::from(self.per_million) << 32) / 1_000_000
    }
}

/// What [`Sample::parse`] reads.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.per_million) / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_what_it_reads() {
        for text in ["2%", "0.5%", "100%", "0.0001%", "33.3333%"] {
            assert_eq!(Sample::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "2", "%", "0%", "101%", "-1%", "NaN%", "inf%", "x%"] {
            assert_eq!(Sample::parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_takes_its_part_and_the_same_one_by_either_id() {
        let sample = Sample::percent(2.0).unwrap();
        let ids: Vec<String> = (0..20_000).map(|n| format!("g[n={n}]")).collect();
        let taken = ids.iter().filter(|id| sample.takes(id)).count();
        assert!((300..500).contains(&taken), "{taken}");
        for id in &ids[..500] {
            assert_eq!(sample.takes(id), sample.takes(&format!("grids/a::{id}")));
        }
    }
}
