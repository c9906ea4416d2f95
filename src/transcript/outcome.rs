//! What came of one step, and its notation.

use crate::case::claim::{Place, eat_signal, read_code, read_small};
use crate::case::cursor::Cursor;
use crate::case::errno::Errno;
use crate::case::lexer::Token;
use crate::case::rule::Rule;
use crate::case::signal::{Code, Signal};
use crate::case::{Bytes, Mistake, Quantity};
use std::fmt;

/// What came of one step. Nothing in it depends on where the kernel put things: addresses are
/// told as relations, numbers in the case's own units.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Success without a value.
    Ok,
    /// Success at another address than the one given as a hint.
    Elsewhere,
    /// A number, an address, or the name that was given to the result.
    Value(Quantity),
    /// Success at an address of which these rules hold, among those that were asked about.
    Placed(Vec<Rule>),
    /// The bytes that were read.
    Bytes(Bytes),
    /// An error, with the signal that came with it, if one did.
    Errno(Errno, Option<Signal>),
    /// A caught fault.
    Fault {
        /// The signal.
        signal: Signal,
        /// Its `si_code`.
        code: Code,
        /// What `si_addr` tells.
        place: Place,
    },
    /// The acting process (or, of `wait`, the actor waited for) died of this signal.
    Killed(Signal),
    /// The acting process (or, of `wait`, the actor waited for) ended by this status.
    Exit(i32),
    /// It was not done: what it needs was never made, or who should do it is gone.
    NotReached(String),
    /// It made no progress; a handled signal ended it.
    Blocked,
    /// It made no progress; only SIGKILL ended it.
    Hang,
    /// It took more memory than the guard allows and was ended by it.
    MemoryLimit,
    /// It took away the harness's own memory.
    HarnessUnmapped,
    /// The harness did not make the call: it would have hit the harness itself.
    Refused,
    /// This architecture's calls can't say it, for this reason.
    Unsaid(String),
}

impl Outcome {
    /// Reads a whole text as an outcome.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        if let Some(reason) = text.strip_prefix("unsaid: ") {
            return Ok(Outcome::Unsaid(reason.to_owned()));
        }
        if let Some(name) = text.strip_prefix("not reached: ") {
            return Ok(Outcome::NotReached(name.to_owned()));
        }
        match text {
            "ok" => return Ok(Outcome::Ok),
            "elsewhere" => return Ok(Outcome::Elsewhere),
            "blocked" => return Ok(Outcome::Blocked),
            "hang" => return Ok(Outcome::Hang),
            "memory limit" => return Ok(Outcome::MemoryLimit),
            "harness unmapped" => return Ok(Outcome::HarnessUnmapped),
            "refused: it would hit the harness" => return Ok(Outcome::Refused),
            _ => {}
        }
        let mut words = Cursor::new(text)?;
        let outcome = Outcome::read(&mut words)?;
        words.finish()?;
        Ok(outcome)
    }

    fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        if Bytes::is_ahead(words) {
            return Bytes::read(words).map(Outcome::Bytes);
        }
        if let Some(rule) = Rule::read(words)? {
            let mut rules = vec![rule];
            while words.eat(',') {
                rules.push(Rule::read(words)?.ok_or_else(|| words.surprise("a rule"))?);
            }
            return Ok(Outcome::Placed(rules));
        }
        let word = match words.peek() {
            Some(Token::Ident(word)) => *word,
            _ => return Quantity::read(words).map(Outcome::Value),
        };
        let span = words.span();
        match word {
            "exit" | "errno" => {
                words.next_word();
                let n = read_small(words)?;
                return Ok(match word {
                    "exit" => Outcome::Exit(n),
                    _ => Outcome::Errno(Errno::Number(n), eat_signal(words)),
                });
            }
            "killed" => {
                words.next_word();
                return Ok(Outcome::Killed(read_signal(words)?));
            }
            _ => {}
        }
        if Errno::looks_like(word) {
            words.next_word();
            let errno = Errno::from_name(word)
                .ok_or_else(|| Mistake::unknown(span, "errno", word, Errno::names()))?;
            return Ok(Outcome::Errno(errno, eat_signal(words)));
        }
        if word.starts_with("SIG") || word == "signal" {
            let signal = read_signal(words)?;
            let code = read_code(words, &signal)?.ok_or_else(|| words.surprise("an si_code"))?;
            let place = Place::read(words)?.ok_or_else(|| words.surprise("a place"))?;
            return Ok(Outcome::Fault {
                signal,
                code,
                place,
            });
        }
        Quantity::read(words).map(Outcome::Value)
    }

    /// Whether it is a signal that a touch or a call raised, caught or not.
    pub fn signal(&self) -> Option<&Signal> {
        match self {
            Outcome::Fault { signal, .. } | Outcome::Killed(signal) => Some(signal),
            Outcome::Errno(_, signal) => signal.as_ref(),
            _ => None,
        }
    }
}

fn read_signal(words: &mut Cursor) -> Result<Signal, Mistake> {
    if words.eat_word("signal") {
        return Ok(Signal::from_number(read_small(words)?));
    }
    eat_signal(words).ok_or_else(|| words.surprise("a signal"))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ok => f.write_str("ok"),
            Outcome::Elsewhere => f.write_str("elsewhere"),
            Outcome::Value(q) => write!(f, "{q}"),
            Outcome::Placed(rules) => {
                let rules: Vec<String> = rules.iter().map(Rule::to_string).collect();
                f.write_str(&rules.join(", "))
            }
            Outcome::Bytes(b) => write!(f, "{b}"),
            Outcome::Errno(e, None) => write!(f, "{e}"),
            Outcome::Errno(e, Some(s)) => write!(f, "{e} {s}"),
            Outcome::Fault {
                signal,
                code,
                place,
            } => write!(f, "{signal} {code} {place}"),
            Outcome::Killed(s) => write!(f, "killed {s}"),
            Outcome::Exit(n) => write!(f, "exit {n}"),
            Outcome::NotReached(what) => write!(f, "not reached: {what}"),
            Outcome::Blocked => f.write_str("blocked"),
            Outcome::Hang => f.write_str("hang"),
            Outcome::MemoryLimit => f.write_str("memory limit"),
            Outcome::HarnessUnmapped => f.write_str("harness unmapped"),
            Outcome::Refused => f.write_str("refused: it would hit the harness"),
            Outcome::Unsaid(why) => write!(f, "unsaid: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ok")]
    #[case("1page + 1")]
    #[case("map")]
    #[case("x\"00\"*(1page + 1)")]
    #[case("EPIPE SIGPIPE")]
    #[case("errno 524")]
    #[case("SIGBUS BUS_ADRERR at map + 2page")]
    #[case("SIGSEGV SI_KERNEL nowhere")]
    #[case("SIGSEGV si_code 77 elsewhere")]
    #[case("killed SIGBUS")]
    #[case("killed signal 40")]
    #[case("exit 3")]
    #[case("below 2GiB, aligned 1huge")]
    #[case("not reached: map")]
    #[case("memory limit")]
    #[case("harness unmapped")]
    #[case("refused: it would hit the harness")]
    #[case("unsaid: offsets are counted in pages here")]
    fn prints_what_it_reads(#[case] text: &str) {
        assert_eq!(Outcome::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn rubbish_is_refused() {
        for text in ["", "EWHAT", "SIGBUS", "ok ok", "killed", "exit"] {
            assert!(Outcome::parse(text).is_err(), "{text}");
        }
    }
}
