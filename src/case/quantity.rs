//! Quantities: lengths, offsets and addresses as sums of units.
//!
//! A quantity says `1page - 1` rather than 4095, so that one table serves every page size. It is
//! worked out only where the case runs, in the [`Scale`] of that machine.

use super::claim::begins_outcome;
use super::cursor::Cursor;
use super::lexer::Token;
use super::mistake::Mistake;
use std::fmt;
use std::ops::Range;

/// What a quantity is counted in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// The address of something that the case has made (`map`, `arena`), or a number that a step
    /// returned.
    Name(String),
    /// The end of the user's part of the address space.
    Top,
    /// The greatest value of the argument's type.
    Max,
    /// The machine's memory, in bytes.
    Ram,
    /// The size of a huge page.
    Huge,
    /// The declared size of the file.
    Eof,
    /// The lowest address that may be mapped (`vm.mmap_min_addr`).
    MinAddr,
    /// The page size.
    Page,
    /// One byte.
    Byte,
}

/// The units that have a word of their own, with what they mean.
pub const UNITS: &[(&str, &str)] = &[
    ("page", "the page size"),
    ("huge", "the size of a huge page"),
    ("eof", "the declared size of the file"),
    ("ram", "the machine's memory"),
    ("top", "the end of the user's address space"),
    ("min-addr", "the lowest address that may be mapped"),
    ("max", "the greatest value of the argument's type"),
    ("KiB", "1024 bytes"),
    ("MiB", "1024 KiB"),
    ("GiB", "1024 MiB"),
    ("TiB", "1024 GiB"),
];

/// One part of the sum: `number * unit / divisor`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Term {
    unit: Unit,
    number: i128,
    divisor: u32,
}

/// A sum of units. Equal sums are equal values: terms are merged and sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Quantity {
    terms: Vec<Term>,
}

/// What a quantity's units are worth on one machine, for one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The page size in bytes, a power of two.
    pub page: u64,
    /// The size of a huge page in bytes.
    pub huge: u64,
    /// The machine's memory in bytes.
    pub ram: u64,
    /// The end of the user's address space: the first address that can't be mapped.
    pub top: u64,
    /// The lowest address that may be mapped.
    pub min_addr: u64,
    /// The width of a pointer: 32 or 64.
    pub bits: u32,
}

impl Scale {
    /// An ordinary 64-bit machine with pages of this size: what tables are checked against before
    /// anything is run.
    pub fn ordinary(page: u64) -> Self {
        Scale {
            page,
            huge: page / 8 * page,
            ram: 8 << 30,
            top: (1 << 47) - page,
            min_addr: 1 << 16,
            bits: 64,
        }
    }

    /// The greatest value of an unsigned word.
    pub fn word_max(&self) -> i128 {
        (1i128 << self.bits) - 1
    }
}

/// Why a quantity has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoValue {
    /// It names something that is not bound.
    Unbound(String),
    /// It does not fit in 127 bits.
    Overflow,
}

impl Quantity {
    /// A count of bytes.
    pub fn bytes(n: i128) -> Self {
        Quantity::of(n, Unit::Byte)
    }

    /// `n` of a unit.
    pub fn of(n: i128, unit: Unit) -> Self {
        let mut q = Quantity::default();
        q.add_term(n, 1, unit);
        q
    }

    /// The address of a bound name.
    pub fn name(name: impl Into<String>) -> Self {
        Quantity::of(1, Unit::Name(name.into()))
    }

    /// The sum of two quantities.
    #[must_use]
    pub fn plus(&self, other: &Quantity) -> Self {
        let mut sum = self.clone();
        for t in &other.terms {
            sum.add_term(t.number, t.divisor, t.unit.clone());
        }
        sum
    }

    /// Adds `number * unit / divisor`; a sum that leaves 127 bits stays apart and fails when it
    /// is worked out.
    fn add_term(&mut self, number: i128, divisor: u32, unit: Unit) {
        let same = self
            .terms
            .iter_mut()
            .find(|t| t.unit == unit && t.divisor == divisor);
        match same {
            Some(t) => match t.number.checked_add(number) {
                Some(sum) => t.number = sum,
                None => self.terms.push(Term {
                    unit,
                    number,
                    divisor,
                }),
            },
            None => self.terms.push(Term {
                unit,
                number,
                divisor,
            }),
        }
        self.terms.retain(|t| t.number != 0);
        self.terms
            .sort_by(|a, b| (&a.unit, a.divisor).cmp(&(&b.unit, b.divisor)));
    }

    /// The terms as unit, number and divisor.
    pub fn parts(&self) -> impl Iterator<Item = (&Unit, i128, u32)> {
        self.terms.iter().map(|t| (&t.unit, t.number, t.divisor))
    }

    /// The names that it depends on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|t| match &t.unit {
            Unit::Name(n) => Some(n.as_str()),
            _ => None,
        })
    }

    /// The name that it starts from, and the rest: `map + 1page` is `map` and `1page`.
    pub fn split_base(&self) -> (Option<&str>, Quantity) {
        let base = self.terms.iter().find_map(|t| match &t.unit {
            Unit::Name(n) if t.number == 1 && t.divisor == 1 => Some(n.as_str()),
            _ => None,
        });
        let rest = self
            .terms
            .iter()
            .filter(|t| !matches!((&t.unit, base), (Unit::Name(n), Some(b)) if n == b))
            .cloned()
            .collect();
        (base, Quantity { terms: rest })
    }

    /// Whether it is a plain number of bytes, the same on every machine.
    pub fn is_plain(&self) -> bool {
        self.terms.iter().all(|t| t.unit == Unit::Byte)
    }

    /// Whether the unit `unit` has a part in it.
    pub fn uses(&self, unit: &Unit) -> bool {
        self.terms.iter().any(|t| t.unit == *unit)
    }

    /// The same with the declared size of the file put in for `eof`.
    #[must_use]
    pub fn with_eof(&self, eof: &Quantity) -> Quantity {
        let mut out = Quantity::default();
        for t in &self.terms {
            if t.unit == Unit::Eof && t.divisor == 1 {
                for e in &eof.terms {
                    let number = e.number.saturating_mul(t.number);
                    out.add_term(number, e.divisor, e.unit.clone());
                }
            } else {
                out.add_term(t.number, t.divisor, t.unit.clone());
            }
        }
        out
    }

    /// Its value. `max` is the greatest value of the argument's type; `bound` knows the names and
    /// the size of the file (asked as [`Unit::Eof`]).
    pub fn value(
        &self,
        scale: &Scale,
        max: i128,
        bound: &dyn Fn(&Unit) -> Option<i128>,
    ) -> Result<i128, NoValue> {
        let mut sum = 0i128;
        for t in &self.terms {
            let unit = match &t.unit {
                Unit::Byte => 1,
                Unit::Page => i128::from(scale.page),
                Unit::Huge => i128::from(scale.huge),
                Unit::Ram => i128::from(scale.ram),
                Unit::Top => i128::from(scale.top),
                Unit::MinAddr => i128::from(scale.min_addr),
                Unit::Max => max,
                Unit::Eof => bound(&Unit::Eof).ok_or_else(|| NoValue::Unbound("eof".to_owned()))?,
                Unit::Name(n) => bound(&t.unit).ok_or_else(|| NoValue::Unbound(n.clone()))?,
            };
            let part = t.number.checked_mul(unit).ok_or(NoValue::Overflow)?;
            let part = part / i128::from(t.divisor.max(1));
            sum = sum.checked_add(part).ok_or(NoValue::Overflow)?;
        }
        Ok(sum)
    }

    /// A number in the form that is the same on each page size: whole pages, halves of a page and
    /// what is left over.
    pub fn in_pages(n: i128, scale: &Scale) -> Quantity {
        let page = i128::from(scale.page);
        let (whole, rest) = (n.div_euclid(page), n.rem_euclid(page));
        let mut q = Quantity::default();
        if (n >= 0 && n < page * 3 / 8) || (n < 0 && -n < page * 3 / 8) {
            q.add_term(n, 1, Unit::Byte);
        } else if rest < page * 3 / 8 {
            q.add_term(whole, 1, Unit::Page);
            q.add_term(rest, 1, Unit::Byte);
        } else if rest <= page * 5 / 8 {
            q.add_term(2 * whole + 1, 2, Unit::Page);
            q.add_term(rest - page / 2, 1, Unit::Byte);
        } else {
            q.add_term(whole + 1, 1, Unit::Page);
            q.add_term(rest - page, 1, Unit::Byte);
        }
        q
    }

    /// Reads a whole text as a quantity.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut words = Cursor::new(text)?;
        let q = Quantity::read(&mut words)?;
        words.finish()?;
        Ok(q)
    }

    /// Reads a sum.
    pub fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        Quantity::read_nested(words, NESTED_MAX)
    }

    fn read_nested(words: &mut Cursor, depth: u32) -> Result<Self, Mistake> {
        let mut q = Quantity::default();
        let mut sign = if words.eat('-') { -1 } else { 1 };
        loop {
            let start = words.span().start;
            if depth > 0 && words.eat('(') {
                let inner = Quantity::read_nested(words, depth - 1)?;
                words.expect(')', "the sum")?;
                for t in inner.terms {
                    q.add_term(t.number.saturating_mul(sign), t.divisor, t.unit);
                }
            } else {
                let (number, divisor, unit) = read_term(words)?;
                q.add_term(number * sign, divisor, unit);
            }
            let twice = |t: &Term| matches!(t.unit, Unit::Name(_)) && t.number.abs() > 1;
            if q.terms.iter().any(twice) {
                let span = start..words.taken_to();
                return Err(Mistake::new(
                    span,
                    "what has a name stands in a sum only once",
                ));
            }
            sign = if words.eat('+') {
                1
            } else if words.eat('-') {
                -1
            } else {
                return Ok(q);
            };
        }
    }
}

/// How deep parentheses may stand in each other.
const NESTED_MAX: u32 = 8;

fn read_term(words: &mut Cursor) -> Result<(i128, u32, Unit), Mistake> {
    let (number, unit, mut factor) = match words.next_word() {
        Some((Token::Number(n), _)) => match words.peek() {
            Some(Token::Ident(_)) => {
                let (word, span) = words.ident("a unit")?;
                let (unit, factor) = unit_of(word).ok_or_else(|| {
                    Mistake::unknown(span, "unit", word, UNITS.iter().map(|u| u.0))
                })?;
                (i128::from(n), unit, factor)
            }
            _ => (i128::from(n), Unit::Byte, 1),
        },
        Some((Token::Ident("NULL"), _)) => (0, Unit::Byte, 1),
        Some((Token::Ident(word), span)) => match unit_of(word) {
            Some((unit, factor)) => (1, unit, factor),
            None if begins_outcome(word) => {
                let message = format!("`{word}` can't be a name: outcomes are written so");
                return Err(Mistake::new(span, message));
            }
            None => (1, Unit::Name(word.to_owned()), 1),
        },
        Some((other, span)) => {
            return Err(Mistake::new(
                span,
                format!("expected a quantity, found {}", other.describe()),
            )
            .help("quantities are sums of units: `1page + 1`, `eof - 1`, `64KiB`"));
        }
        None => return Err(words.surprise("a quantity")),
    };
    let mut divisor = 1;
    if words.eat('/') {
        let span = words.span();
        divisor = match words.next_word() {
            Some((Token::Number(n @ 1..=1024), _)) => n as u32,
            _ => return Err(Mistake::new(span, "a unit is divided by 1 to 1024")),
        };
        if unit == Unit::Byte || matches!(unit, Unit::Name(_)) {
            return Err(Mistake::new(span, "only a unit like `page` can be divided"));
        }
        if factor == 0 {
            factor = 1;
        }
    }
    Ok((number * factor, divisor, unit))
}

fn unit_of(word: &str) -> Option<(Unit, i128)> {
    Some(match word {
        "page" => (Unit::Page, 1),
        "huge" => (Unit::Huge, 1),
        "eof" => (Unit::Eof, 1),
        "ram" => (Unit::Ram, 1),
        "top" => (Unit::Top, 1),
        "min-addr" => (Unit::MinAddr, 1),
        "max" => (Unit::Max, 1),
        "KiB" => (Unit::Byte, 1 << 10),
        "MiB" => (Unit::Byte, 1 << 20),
        "GiB" => (Unit::Byte, 1 << 30),
        "TiB" => (Unit::Byte, 1 << 40),
        _ => return None,
    })
}

/// Where a quantity was found: its value with its span in the text.
pub type Spanned = (Quantity, Range<usize>);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        // A sum does not begin with a minus where it can be helped: `1page - 1`, not `-1 + 1page`.
        let first = self.terms.iter().position(|t| t.number > 0).unwrap_or(0);
        let rest = self
            .terms
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != first)
            .map(|(_, t)| t);
        let head = &self.terms[first];
        if head.number < 0 {
            f.write_str("-")?;
        }
        head.print(f)?;
        for t in rest {
            f.write_str(if t.number < 0 { " - " } else { " + " })?;
            t.print(f)?;
        }
        Ok(())
    }
}

impl Term {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.number.unsigned_abs();
        let word = match &self.unit {
            Unit::Byte => return print_bytes(n, f),
            Unit::Name(name) => name.as_str(),
            Unit::Page => "page",
            Unit::Huge => "huge",
            Unit::Eof => "eof",
            Unit::Ram => "ram",
            Unit::Top => "top",
            Unit::MinAddr => "min-addr",
            Unit::Max => "max",
        };
        let counted = matches!(self.unit, Unit::Page | Unit::Huge);
        if n != 1 || (counted && self.divisor == 1) {
            write!(f, "{n}")?;
        }
        f.write_str(word)?;
        if self.divisor != 1 {
            write!(f, "/{}", self.divisor)?;
        }
        Ok(())
    }
}

fn print_bytes(n: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if n >= 1 << shift && n % (1 << shift) == 0 && n >> shift < 1 << 20 {
            return write!(f, "{}{unit}", n >> shift);
        }
    }
    if n >= 1 << 32 {
        write!(f, "{n:#x}")
    } else {
        write!(f, "{n}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canon(text: &str) -> String {
        Quantity::parse(text).unwrap().to_string()
    }

    fn value(text: &str, page: u64) -> i128 {
        let q = Quantity::parse(text).unwrap();
        q.value(&Scale::ordinary(page), i128::from(u64::MAX), &|_| None)
            .unwrap()
    }

    #[test]
    fn canonical_forms() {
        assert_eq!(canon("page"), "1page");
        assert_eq!(canon("1page+1"), "1page + 1");
        assert_eq!(canon("-1 + page"), "1page - 1");
        assert_eq!(canon("page/2"), "page/2");
        assert_eq!(canon("3page/2 + 2KiB"), "3page/2 + 2KiB");
        assert_eq!(canon("map + eof - 1"), "map + eof - 1");
        assert_eq!(canon("0x10"), "16");
        assert_eq!(canon("1page - 1page"), "0");
        assert_eq!(canon("NULL"), "0");
        assert_eq!(canon("-1page"), "-1page");
        assert_eq!(canon("3page - (1page + 1)"), "2page - 1");
        assert_eq!(canon("(eof - (1 - page)) + 2"), "eof + 1page + 1");
        assert_eq!(canon("0xffffffffffffffff"), "0xffffffffffffffff");
    }

    #[test]
    fn values() {
        assert_eq!(value("1page + 1", 4096), 4097);
        assert_eq!(value("page/2", 65536), 32768);
        assert_eq!(value("max", 4096), i128::from(u64::MAX));
        assert_eq!(value("2GiB", 4096), 2 << 30);
    }

    #[test]
    fn mistakes() {
        let e = Quantity::parse("2pages").unwrap_err();
        assert_eq!(e.help.as_deref(), Some("did you mean `page`?"));
        assert!(Quantity::parse("").is_err());
        assert!(Quantity::parse("1page 2").is_err());
        assert!(Quantity::parse("page/0").is_err());
        assert!(Quantity::parse("(1page").is_err());
        assert!(Quantity::parse(&"(".repeat(100_000)).is_err());
    }

    #[test]
    fn pages_are_the_same_on_each_page_size() {
        for text in [
            "1page",
            "1page - 1",
            "page/2",
            "3page + 7",
            "5",
            "3page/2",
            "-1page",
        ] {
            for page in [4096, 16384, 65536] {
                let n = value(text, page);
                let q = Quantity::in_pages(n, &Scale::ordinary(page));
                assert_eq!(q.to_string(), canon(text), "at {page}");
            }
        }
    }

    #[test]
    fn a_name_is_not_counted() {
        assert!(Quantity::parse("map + 1 + map").is_err());
        assert!(Quantity::parse("-map - map").is_err());
        assert_eq!(canon("map + 1 - map"), "1");
        assert_eq!(canon("1page - map"), "1page - map");
    }

    #[test]
    fn a_word_that_begins_an_outcome_is_no_name() {
        for text in ["1 + ok", "map + EINVAL", "SIGBUS", "hole - 1", "-killed"] {
            let e = Quantity::parse(text).unwrap_err();
            assert!(e.message.ends_with("outcomes are written so"), "{text}");
        }
        assert!(Quantity::parse("E + okay + e2").is_ok());
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(n in any::<i64>(), page in 0u32..9, half in any::<bool>()) {
            let mut q = Quantity::bytes(i128::from(n));
            q.add_term(i128::from(page), if half { 2 } else { 1 }, Unit::Page);
            q.add_term(1, 1, Unit::Name("map".into()));
            prop_assert_eq!(Quantity::parse(&q.to_string()).unwrap(), q);
        }

        #[test]
        fn pages_keep_the_value(n in any::<i64>(), shift in 12u32..17) {
            let scale = Scale::ordinary(1 << shift);
            let q = Quantity::in_pages(i128::from(n), &scale);
            prop_assert_eq!(q.value(&scale, 0, &|_| None), Ok(i128::from(n)));
        }
    }
}
