//! Byte strings: `"hello"`, `x"00"*4096`, `"a"*1page + hole*1page`.

use super::cursor::Cursor;
use super::lexer::Token;
use super::mistake::Mistake;
use super::quantity::{NoValue, Quantity, Scale, Unit};
use std::fmt;

/// One part of a byte string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// What is repeated; `None` is a hole, which only a file can have and which reads as zeros.
    pub pattern: Option<Vec<u8>>,
    /// How many times; for a hole, how many bytes.
    pub times: Quantity,
}

/// A byte string as it is written: its length may depend on the page size.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Bytes {
    /// Its parts in order.
    pub chunks: Vec<Chunk>,
}

impl Bytes {
    /// These very bytes.
    pub fn literal(bytes: &[u8]) -> Self {
        Bytes {
            chunks: vec![Chunk {
                pattern: Some(bytes.to_vec()),
                times: Quantity::bytes(1),
            }],
        }
    }

    /// Its length.
    pub fn len(
        &self,
        scale: &Scale,
        bound: &dyn Fn(&Unit) -> Option<i128>,
    ) -> Result<i128, NoValue> {
        let mut sum = 0i128;
        for chunk in &self.chunks {
            let times = chunk
                .times
                .value(scale, i128::from(u64::MAX), bound)?
                .max(0);
            let one = chunk.pattern.as_ref().map_or(1, |p| p.len() as i128);
            let part = times.checked_mul(one).ok_or(NoValue::Overflow)?;
            sum = sum.checked_add(part).ok_or(NoValue::Overflow)?;
        }
        Ok(sum)
    }

    /// What it says on one machine, as runs.
    pub fn content(
        &self,
        scale: &Scale,
        bound: &dyn Fn(&Unit) -> Option<i128>,
    ) -> Result<Content, NoValue> {
        let mut content = Content::default();
        for chunk in &self.chunks {
            let times = chunk
                .times
                .value(scale, i128::from(u64::MAX), bound)?
                .max(0);
            let times = u64::try_from(times).map_err(|_| NoValue::Overflow)?;
            match &chunk.pattern {
                None => content.fill(0, times),
                Some(p) if p.len() == 1 => content.fill(p[0], times),
                Some(p) => {
                    let total = (p.len() as u64).checked_mul(times);
                    if total.is_none_or(|t| t > CONTENT_MAX) {
                        return Err(NoValue::Overflow);
                    }
                    for _ in 0..times {
                        content.extend(p);
                    }
                }
            }
        }
        Ok(content)
    }

    /// Whether it has a hole.
    pub fn has_hole(&self) -> bool {
        self.chunks.iter().any(|c| c.pattern.is_none())
    }

    /// Reads a whole text as a byte string.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut words = Cursor::new(text)?;
        let bytes = Bytes::read(&mut words)?;
        words.finish()?;
        Ok(bytes)
    }

    /// Whether a byte string is ahead.
    pub fn is_ahead(words: &Cursor) -> bool {
        match words.peek() {
            Some(Token::Bytes(_)) => true,
            Some(Token::Ident(w)) => *w == "hole",
            _ => false,
        }
    }

    /// Reads a byte string: parts joined by `+`, each perhaps repeated with `*`.
    pub fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        let mut chunks = Vec::new();
        loop {
            let pattern = match words.peek() {
                Some(Token::Bytes(b)) => Some(b.clone()),
                Some(Token::Ident(w)) if *w == "hole" => None,
                _ => return Err(words.surprise("a byte string, like \"hello\" or x\"00\"")),
            };
            let span = words.span();
            words.next_word();
            let times = if words.eat('*') {
                read_times(words)?
            } else if pattern.is_none() {
                return Err(Mistake::new(span, "a hole needs a size").help("write `hole*1page`"));
            } else {
                Quantity::bytes(1)
            };
            // `""` says nothing, alone or beside others: equal strings are equal values.
            if pattern.as_ref().is_none_or(|p| !p.is_empty()) {
                chunks.push(Chunk { pattern, times });
            }
            if !words.eat('+') {
                return Ok(Bytes { chunks });
            }
        }
    }
}

/// Content that is not a run of one byte is worked out in memory only up to this size.
const CONTENT_MAX: u64 = 64 << 20;

/// What follows `*`: one term, or a sum in parentheses.
fn read_times(words: &mut Cursor) -> Result<Quantity, Mistake> {
    if words.eat('(') {
        let q = Quantity::read(words)?;
        words.expect(')', "the sum")?;
        return Ok(q);
    }
    let (mut text, span) = match words.next_word() {
        Some((Token::Number(n), span)) => (n.to_string(), span),
        Some((Token::Ident(w), span)) => (w.to_owned(), span),
        _ => return Err(words.surprise("how many times")),
    };
    if matches!(words.peek(), Some(Token::Ident(_))) && words.span().start == span.end {
        if let Some((Token::Ident(unit), _)) = words.next_word() {
            text.push_str(unit);
        }
    }
    if words.eat('/') {
        let Some(Token::Number(n)) = words.peek() else {
            return Err(words.surprise("what the unit is divided by"));
        };
        text.push_str(&format!("/{n}"));
        words.next_word();
    }
    Quantity::parse(&text).map_err(|m| Mistake { span, ..m })
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chunks.is_empty() {
            return f.write_str("\"\"");
        }
        for (i, chunk) in self.chunks.iter().enumerate() {
            if i > 0 {
                f.write_str(" + ")?;
            }
            match &chunk.pattern {
                None => f.write_str("hole")?,
                Some(p) => print_literal(p, f)?,
            }
            let once = chunk.times == Quantity::bytes(1) && chunk.pattern.is_some();
            if !once {
                let times = chunk.times.to_string();
                if times.contains(' ') || times.starts_with('-') {
                    write!(f, "*({times})")?;
                } else {
                    write!(f, "*{times}")?;
                }
            }
        }
        Ok(())
    }
}

/// From this length on, one byte repeated within other bytes is printed as such.
const REPEAT_MIN: usize = 5;

/// Splits bytes where it makes them readable: text, other bytes, one byte repeated.
fn literal_chunks(bytes: &[u8], chunks: &mut Vec<Chunk>) {
    let kind = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let same = rest.iter().take_while(|b| **b == first).count();
        let (len, times) = if same >= REPEAT_MIN {
            (1, same)
        } else {
            let repeats = |at: usize| rest[at..].iter().take_while(|b| **b == rest[at]).count();
            let len = (0..rest.len())
                .take_while(|&i| kind(rest[i]) == kind(first) && repeats(i) < REPEAT_MIN)
                .count();
            (len.max(1), 1)
        };
        chunks.push(Chunk {
            pattern: Some(rest[..len].to_vec()),
            times: Quantity::bytes(times as i128),
        });
        rest = &rest[len * times..];
    }
}

/// Text where it is printable, else hexadecimal.
fn print_literal(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let printable = |b: &u8| (0x20..0x7f).contains(b) && *b != b'"' && *b != b'\\';
    if bytes.iter().all(printable) {
        return write!(f, "\"{}\"", String::from_utf8_lossy(bytes));
    }
    f.write_str("x\"")?;
    for (i, b) in bytes.iter().enumerate() {
        if i > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{b:02x}")?;
    }
    f.write_str("\"")
}

/// One stretch of content.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Run {
    Fill(u8, u64),
    Literal(Vec<u8>),
}

/// Bytes that were observed, or are expected, on one machine: runs of one byte are kept as a
/// count, so that 1 TiB of zeros costs nothing. Equal bytes are equal contents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    runs: Vec<Run>,
}

/// Runs of one byte are kept as a count from this length on.
const RUN_MIN: usize = 16;

impl Content {
    /// The content of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut c = Content::default();
        c.extend(bytes);
        c
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.runs
            .iter()
            .map(|r| match r {
                Run::Fill(_, n) => *n,
                Run::Literal(b) => b.len() as u64,
            })
            .sum()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Appends `n` times `byte`.
    pub fn fill(&mut self, byte: u8, mut n: u64) {
        if n == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(Run::Fill(last, count)) if *last == byte => {
                *count = count.saturating_add(n);
                return;
            }
            Some(Run::Literal(bytes)) => {
                // Equal bytes at the end of a literal belong to the run.
                let tail = bytes.iter().rev().take_while(|b| **b == byte).count();
                if tail as u64 + n >= RUN_MIN as u64 {
                    let keep = bytes.len() - tail;
                    bytes.truncate(keep);
                    n += tail as u64;
                    if keep == 0 {
                        self.runs.pop();
                    }
                    self.fill_after_literal(byte, n);
                    return;
                }
                bytes.resize(bytes.len() + n as usize, byte);
                return;
            }
            _ => {}
        }
        if n >= RUN_MIN as u64 {
            self.runs.push(Run::Fill(byte, n));
        } else {
            self.runs.push(Run::Literal(vec![byte; n as usize]));
        }
    }

    fn fill_after_literal(&mut self, byte: u8, n: u64) {
        match self.runs.last_mut() {
            Some(Run::Fill(last, count)) if *last == byte => *count = count.saturating_add(n),
            _ => self.runs.push(Run::Fill(byte, n)),
        }
    }

    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let n = rest.iter().take_while(|b| **b == first).count();
            self.fill(first, n as u64);
            rest = &rest[n..];
        }
    }

    /// Written in the notation; `number` says how counts are printed.
    pub fn notation(&self, number: &dyn Fn(u64) -> Quantity) -> Bytes {
        let mut chunks = Vec::new();
        for run in &self.runs {
            match run {
                Run::Fill(byte, n) => chunks.push(Chunk {
                    pattern: Some(vec![*byte]),
                    times: number(*n),
                }),
                Run::Literal(bytes) => literal_chunks(bytes, &mut chunks),
            }
        }
        Bytes { chunks }
    }

    /// The stretches in order: the byte that is repeated, or the bytes themselves; and the length.
    pub fn stretches(&self) -> impl Iterator<Item = (Option<u8>, &[u8], u64)> {
        self.runs.iter().map(|run| match run {
            Run::Fill(byte, n) => (Some(*byte), &[][..], *n),
            Run::Literal(bytes) => (None, bytes.as_slice(), bytes.len() as u64),
        })
    }

    /// Whether these are its bytes.
    pub fn equals(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        self.stretches().all(|(byte, literal, len)| {
            let Some(n) = usize::try_from(len).ok().filter(|n| *n <= rest.len()) else {
                return false;
            };
            let (head, tail) = rest.split_at(n);
            rest = tail;
            byte.map_or(head == literal, |b| head.iter().all(|h| *h == b))
        }) && rest.is_empty()
    }

    /// All bytes, where they are at most `limit`.
    pub fn to_vec(&self, limit: u64) -> Option<Vec<u8>> {
        if self.len() > limit {
            return None;
        }
        let mut out = Vec::with_capacity(self.len() as usize);
        for run in &self.runs {
            match run {
                Run::Fill(byte, n) => out.resize(out.len() + *n as usize, *byte),
                Run::Literal(bytes) => out.extend_from_slice(bytes),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canon(text: &str) -> String {
        Bytes::parse(text).unwrap().to_string()
    }

    #[test]
    fn canonical_forms() {
        assert_eq!(canon("\"hello\""), "\"hello\"");
        assert_eq!(canon("x\"00\"*4096"), "x\"00\"*4KiB");
        assert_eq!(canon("x\"00\"*(1page+1)"), "x\"00\"*(1page + 1)");
        assert_eq!(
            canon("\"a\"*page/2 + hole*2page"),
            "\"a\"*page/2 + hole*2page"
        );
        assert!(Bytes::parse("hole").is_err());
        for cut in ["\"a\"*", "\"a\"*2page/", "\"a\"*2page/page"] {
            let mistake = Bytes::parse(cut).unwrap_err();
            assert!(cut.get(mistake.span.clone()).is_some(), "{mistake:?}");
        }
    }

    #[test]
    fn a_tebibyte_of_zeros_is_one_run() {
        let scale = Scale::ordinary(4096);
        let c = Bytes::parse("hole*1TiB + \"x\"")
            .unwrap()
            .content(&scale, &|_| None)
            .unwrap();
        assert_eq!(c.len(), (1 << 40) + 1);
        let printed = c.notation(&|n| Quantity::bytes(n.into())).to_string();
        assert_eq!(printed, "x\"00\"*1TiB + \"x\"");
    }

    proptest! {
        #[test]
        fn equal_bytes_are_equal_contents(
            parts in proptest::collection::vec((prop_oneof![0u8..3, b'a'..b'd'], 0usize..40), 0..8),
            cut in 0usize..200,
        ) {
            let flat: Vec<u8> = parts.iter().flat_map(|(b, n)| vec![*b; *n]).collect();
            let mut built = Content::default();
            for (b, n) in &parts {
                built.fill(*b, *n as u64);
            }
            let cut = cut.min(flat.len());
            let mut halves = Content::from_bytes(&flat[..cut]);
            halves.extend(&flat[cut..]);
            prop_assert_eq!(&built, &Content::from_bytes(&flat));
            prop_assert_eq!(&halves, &built);
            prop_assert!(built.equals(&flat));
            let printed = built.notation(&|n| Quantity::bytes(n.into())).to_string();
            let read = Bytes::parse(&printed).unwrap();
            prop_assert_eq!(read.content(&Scale::ordinary(4096), &|_| None).unwrap(), built.clone());
            prop_assert!(!built.equals(&[&flat[..], b"z"].concat()));
            prop_assert_eq!(built.to_vec(1 << 20).unwrap(), flat);
        }
    }
}
