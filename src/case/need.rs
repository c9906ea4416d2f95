//! Needs: abilities that a machine must have for a case to say anything about it.

use super::cursor::Cursor;
use super::lexer::Token;
use super::mistake::Mistake;
use std::fmt;

/// An ability that a case needs; the machine finds out by trying.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// Which: one of [`NEEDS`].
    pub name: &'static str,
    /// How much of it, for those that are counted.
    pub at_least: Option<u64>,
}

/// All needs, with what they mean.
pub static NEEDS: &[(&str, &str)] = &[
    ("root", "the rights of root, for this case alone"),
    ("64-bit", "pointers of 64 bits"),
    ("MAP_FIXED_NOREPLACE", "mmap knows MAP_FIXED_NOREPLACE"),
    (
        "MAP_SHARED_VALIDATE",
        "mmap knows it, and refuses unknown flags",
    ),
    ("memfd", "memfd_create(2)"),
    ("O_PATH", "open knows O_PATH"),
    ("proc", "proc(5) is mounted"),
    (
        "write-implies-read",
        "this architecture has no write-only pages",
    ),
    ("sparse", "the file system keeps holes"),
];

impl Need {
    /// Reads `name` or `name >= number`; the comparison is written out as the field does.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let trimmed = text.trim();
        let (word, at_least) = match trimmed.split_once(">=") {
            Some((word, n)) => {
                let mut words = Cursor::new(n)?;
                match words.next_word() {
                    Some((Token::Number(n), _)) if words.is_done() => (word.trim(), Some(n)),
                    _ => {
                        return Err(Mistake::new(0..text.len(), "expected a number after `>=`"));
                    }
                }
            }
            None => (trimmed, None),
        };
        match NEEDS.iter().find(|(name, _)| *name == word) {
            Some((name, _)) => Ok(Need { name, at_least }),
            None => Err(Mistake::unknown(
                0..text.len(),
                "need",
                word,
                NEEDS.iter().map(|n| n.0),
            )),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.at_least {
            Some(n) => write!(f, " >= {n}"),
            None => Ok(()),
        }
    }
}
