//! Rules about addresses: what a claim can say of a place that the kernel chooses.
//!
//! An address itself is never told. A rule is worked out by the machine, where the claim asks about
//! it, and the outcome tells which of the rules that were asked about hold.

use super::cursor::Cursor;
use super::mistake::Mistake;
use super::quantity::Quantity;
use std::fmt;

/// What holds of a mapping that lies at an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rule {
    /// All of it lies below this address.
    Below(Quantity),
    /// It begins at a multiple of this.
    Aligned(Quantity),
    /// All of it lies from the first address up to the second.
    Inside(Quantity, Quantity),
    /// It ends where this address is, or begins there.
    Touching(Quantity),
}

/// The words that a rule begins with.
pub static WORDS: &[&str] = &["below", "aligned", "inside", "touching"];

impl Rule {
    /// Reads a rule, if one is ahead.
    ///
    /// # Errors
    /// Its quantity is none.
    pub fn read(words: &mut Cursor) -> Result<Option<Self>, Mistake> {
        for word in WORDS {
            if words.eat_word(word) {
                return Rule::read_after(word, words).map(Some);
            }
        }
        Ok(None)
    }

    fn read_after(word: &str, words: &mut Cursor) -> Result<Self, Mistake> {
        let first = Quantity::read(words)?;
        Ok(match word {
            "below" => Rule::Below(first),
            "aligned" => Rule::Aligned(first),
            "touching" => Rule::Touching(first),
            _ => {
                words.expect('.', "the first address of `inside A..B`")?;
                words.expect('.', "`.`")?;
                Rule::Inside(first, Quantity::read(words)?)
            }
        })
    }

    /// The quantities in it.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        let (first, second) = match self {
            Rule::Below(q) | Rule::Aligned(q) | Rule::Touching(q) => (q, None),
            Rule::Inside(a, b) => (a, Some(b)),
        };
        std::iter::once(first).chain(second)
    }

    /// Whether it holds of `len` bytes at `at`, where quantities are worth what `value` says;
    /// `None` where one of them has no value.
    pub fn holds(
        &self,
        at: i128,
        len: i128,
        value: &dyn Fn(&Quantity) -> Option<i128>,
    ) -> Option<bool> {
        let end = at.saturating_add(len);
        Some(match self {
            Rule::Below(q) => end <= value(q)?,
            Rule::Aligned(q) => at.checked_rem(value(q)?)? == 0,
            Rule::Inside(a, b) => at >= value(a)? && end <= value(b)?,
            Rule::Touching(q) => {
                let q = value(q)?;
                end == q || at == q
            }
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Below(q) => write!(f, "below {q}"),
            Rule::Aligned(q) => write!(f, "aligned {q}"),
            Rule::Inside(a, b) => write!(f, "inside {a}..{b}"),
            Rule::Touching(q) => write!(f, "touching {q}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Scale, Unit};

    fn holds(text: &str, at: i128, len: i128) -> Option<bool> {
        let mut words = Cursor::new(text).unwrap();
        let rule = Rule::read(&mut words).unwrap().unwrap();
        assert_eq!(rule.to_string(), text);
        let bound = |unit: &Unit| (*unit == Unit::Name("map".to_owned())).then_some(0x8000);
        rule.holds(at, len, &|q| {
            q.value(&Scale::ordinary(4096), 0, &bound).ok()
        })
    }

    #[test]
    fn rules() {
        assert_eq!(holds("below 2GiB", 0x7fff_f000, 0x1000), Some(true));
        assert_eq!(holds("below 2GiB", 0x7fff_f000, 0x1001), Some(false));
        assert_eq!(holds("aligned 2MiB", 0x20_0000, 1), Some(true));
        assert_eq!(holds("aligned 2MiB", 0x20_1000, 1), Some(false));
        assert_eq!(holds("aligned 0", 0x20_1000, 1), None);
        assert_eq!(holds("inside map..map + 2page", 0x8000, 0x2000), Some(true));
        assert_eq!(
            holds("inside map..map + 2page", 0x9000, 0x2000),
            Some(false)
        );
        assert_eq!(holds("touching map", 0x7000, 0x1000), Some(true));
        assert_eq!(holds("touching map", 0x8000, 0x1000), Some(true));
        assert_eq!(holds("touching map", 0x7000, 0x2000), Some(false));
        assert_eq!(holds("touching other", 0x7000, 0x2000), None);
    }
}
