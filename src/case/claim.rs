//! Claims: what a table says may come of a call.

use super::bytes::Bytes;
use super::cursor::Cursor;
use super::errno::Errno;
use super::lexer::Token;
use super::mistake::Mistake;
use super::quantity::Quantity;
use super::rule::{self, Rule};
use super::signal::{Code, Signal};
use std::fmt;

/// The outcomes that are allowed: any one of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The allowed outcomes, at least one.
    pub any_of: Vec<Expect>,
}

/// One allowed outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expect {
    /// Success, whatever the value.
    Ok,
    /// Success at another address than the one given as a hint.
    Elsewhere,
    /// An error, perhaps together with a signal (EPIPE with SIGPIPE).
    Errno(Errno, Option<Signal>),
    /// A fault, or death by this signal.
    Signal {
        /// The signal.
        signal: Signal,
        /// Its `si_code`; any where none is given.
        code: Option<Code>,
        /// Where; anywhere where none is given.
        place: Option<Place>,
    },
    /// A number or an address.
    Value(Quantity),
    /// A number of this range: not less than the first, not more than the second.
    Range(Option<Quantity>, Option<Quantity>),
    /// An address that this rule holds of.
    Placed(Rule),
    /// Bytes.
    Bytes(Bytes),
    /// The end of an actor by this status.
    Exit(i32),
    /// The call waits, and a handled signal ends it.
    Blocked,
    /// The call waits, and only SIGKILL ends it.
    Hang,
}

/// Where a fault happened, told by `si_addr`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// The very byte that was touched.
    At(Quantity),
    /// The first byte of the page that was touched (s390x tells no more).
    InPage(Quantity),
    /// No address was given (`si_addr` is 0).
    Nowhere,
    /// An address that has nothing to do with what was touched.
    Elsewhere,
}

/// The words that a claim can begin with, beside names of errors and signals.
pub static WORDS: &[&str] = &["ok", "elsewhere", "errno", "exit", "blocked", "hang"];

/// Whether a word begins an outcome, and so can't be a name: a sum that is printed with the name
/// first would be read as that outcome.
pub fn begins_outcome(word: &str) -> bool {
    WORDS.contains(&word)
        || rule::WORDS.contains(&word)
        || matches!(word, "killed" | "signal" | "hole")
        || word.starts_with("SIG")
        || Errno::looks_like(word)
}

impl Claim {
    /// Reads a whole text as a claim.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut words = Cursor::new(text)?;
        let claim = Claim::read(&mut words)?;
        words.finish()?;
        Ok(claim)
    }

    /// The rules about addresses that the machine must work out for it.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.any_of.iter().filter_map(Expect::rule)
    }

    /// Reads outcomes joined by `|`.
    pub fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        let mut any_of = vec![Expect::read(words)?];
        while words.eat('|') {
            any_of.push(Expect::read(words)?);
        }
        Ok(Claim { any_of })
    }
}

impl Expect {
    /// Reads one outcome.
    pub fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        if Bytes::is_ahead(words) {
            return Bytes::read(words).map(Expect::Bytes);
        }
        if let Some(rule) = Rule::read(words)? {
            return Ok(Expect::Placed(rule));
        }
        let Some(Token::Ident(word)) = words.peek() else {
            return read_number(words);
        };
        let (word, span) = (*word, words.span());
        let simple = match word {
            "ok" => Some(Expect::Ok),
            "elsewhere" => Some(Expect::Elsewhere),
            "blocked" => Some(Expect::Blocked),
            "hang" => Some(Expect::Hang),
            _ => None,
        };
        if let Some(simple) = simple {
            words.next_word();
            return Ok(simple);
        }
        if word == "exit" || word == "errno" {
            words.next_word();
            let n = read_small(words)?;
            return Ok(match word {
                "exit" => Expect::Exit(n),
                _ => Expect::Errno(Errno::from_number(n), None),
            });
        }
        if Errno::looks_like(word) {
            words.next_word();
            let errno = Errno::from_name(word)
                .ok_or_else(|| Mistake::unknown(span, "errno", word, Errno::names()))?;
            return Ok(Expect::Errno(errno, eat_signal(words)));
        }
        if word.starts_with("SIG") {
            words.next_word();
            let signal = Signal::from_name(word)
                .ok_or_else(|| Mistake::unknown(span, "signal", word, Signal::names()))?;
            return read_fault(words, signal);
        }
        read_number(words)
    }

    /// The rule that the machine must work out for this.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Expect::Placed(rule) => Some(rule),
            _ => None,
        }
    }
}

/// A number, `1..3`, `>= 1` or `<= 3`.
fn read_number(words: &mut Cursor) -> Result<Expect, Mistake> {
    for mark in ['<', '>'] {
        if words.eat(mark) {
            words.expect('=', "`<` or `>`: a bound is itself allowed")?;
            let bound = Some(Quantity::read(words)?);
            return Ok(match mark {
                '<' => Expect::Range(None, bound),
                _ => Expect::Range(bound, None),
            });
        }
    }
    let first = Quantity::read(words)?;
    if !words.eat('.') {
        return Ok(Expect::Value(first));
    }
    words.expect('.', "`.` in a range like `1..3`")?;
    Ok(Expect::Range(Some(first), Some(Quantity::read(words)?)))
}

/// A whole number that fits an exit status or an errno.
pub fn read_small(words: &mut Cursor) -> Result<i32, Mistake> {
    match words.peek() {
        Some(Token::Number(n)) if *n <= 0xffff => {
            let n = *n as i32;
            words.next_word();
            Ok(n)
        }
        _ => Err(words.surprise("a small number")),
    }
}

/// Takes the name of a signal if one is ahead.
pub fn eat_signal(words: &mut Cursor) -> Option<Signal> {
    let Some(Token::Ident(word)) = words.peek() else {
        return None;
    };
    let signal = Signal::from_name(word)?;
    words.next_word();
    Some(signal)
}

fn read_fault(words: &mut Cursor, signal: Signal) -> Result<Expect, Mistake> {
    let code = read_code(words, &signal)?;
    let place = Place::read(words)?;
    Ok(Expect::Signal {
        signal,
        code,
        place,
    })
}

/// Takes an `si_code` if one is ahead; it must be one that comes with this signal.
pub fn read_code(words: &mut Cursor, signal: &Signal) -> Result<Option<Code>, Mistake> {
    let Some(Token::Ident(word)) = words.peek() else {
        return Ok(None);
    };
    if *word == "si_code" {
        words.next_word();
        return Ok(Some(Code::Number(read_small(words)?)));
    }
    if matches!(*word, "at" | "in" | "nowhere" | "elsewhere") {
        return Ok(None);
    }
    let (word, span) = (*word, words.span());
    let code = Code::from_name(word)
        .ok_or_else(|| Mistake::unknown(span.clone(), "si_code", word, Code::names()))?;
    if !code.fits(signal) {
        return Err(Mistake::new(
            span,
            format!("{word} never comes with {signal}"),
        ));
    }
    words.next_word();
    Ok(Some(code))
}

impl Place {
    /// Reads `at X`, `in page X`, `nowhere` or `elsewhere`, if one is ahead.
    pub fn read(words: &mut Cursor) -> Result<Option<Self>, Mistake> {
        if words.eat_word("at") {
            return Ok(Some(Place::At(Quantity::read(words)?)));
        }
        if words.eat_word("in") {
            if !words.eat_word("page") {
                return Err(words.surprise("`page` after `in`"));
            }
            return Ok(Some(Place::InPage(Quantity::read(words)?)));
        }
        if words.eat_word("nowhere") {
            return Ok(Some(Place::Nowhere));
        }
        if words.eat_word("elsewhere") {
            return Ok(Some(Place::Elsewhere));
        }
        Ok(None)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.any_of.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{e}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Ok => f.write_str("ok"),
            Expect::Elsewhere => f.write_str("elsewhere"),
            Expect::Errno(e, None) => write!(f, "{e}"),
            Expect::Errno(e, Some(s)) => write!(f, "{e} {s}"),
            Expect::Signal {
                signal,
                code,
                place,
            } => {
                write!(f, "{signal}")?;
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                if let Some(place) = place {
                    write!(f, " {place}")?;
                }
                Ok(())
            }
            Expect::Value(q) => write!(f, "{q}"),
            Expect::Placed(rule) => write!(f, "{rule}"),
            Expect::Range(Some(a), Some(b)) => write!(f, "{a}..{b}"),
            Expect::Range(Some(a), None) => write!(f, ">= {a}"),
            Expect::Range(None, Some(b)) => write!(f, "<= {b}"),
            Expect::Range(None, None) => f.write_str("ok"),
            Expect::Bytes(b) => write!(f, "{b}"),
            Expect::Exit(n) => write!(f, "exit {n}"),
            Expect::Blocked => f.write_str("blocked"),
            Expect::Hang => f.write_str("hang"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::At(q) => write!(f, "at {q}"),
            Place::InPage(q) => write!(f, "in page {q}"),
            Place::Nowhere => f.write_str("nowhere"),
            Place::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        for text in [
            "ok",
            "EINVAL | ENODEV",
            "SIGBUS BUS_ADRERR at map + 2page",
            "SIGSEGV in page map",
            "SIGSEGV SI_KERNEL nowhere",
            "EPIPE SIGPIPE",
            "exit 3",
            "1page + 1",
            "x\"00 00\"",
            "errno 524",
            "map | elsewhere",
            "1page..3page",
            ">= 1",
            "<= start + 3page",
            "below 2GiB | aligned 1huge",
            "inside arena..arena + 4page",
            "touching map + 1page",
        ] {
            assert_eq!(Claim::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes() {
        let e = Claim::parse("EINVLA").unwrap_err();
        assert_eq!(e.help.as_deref(), Some("did you mean `EINVAL`?"));
        let e = Claim::parse("SIGBUS SEGV_MAPERR").unwrap_err();
        assert_eq!(e.message, "SEGV_MAPERR never comes with SIGBUS");
        assert!(Claim::parse("ok |").is_err());
    }
}
