//! Mistakes in a text written by a person: where, what, and the nearest right word.

use std::fmt;
use std::ops::Range;

/// A mistake in one piece of notation. The span counts bytes from the start of that piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is, in bytes; may be empty at the end of the text.
    pub span: Range<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What would mend it, where that is known.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake without a hint.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Mistake {
            span,
            message: message.into(),
            help: None,
        }
    }

    /// The same mistake with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A word that is not one of `known`: names the nearest one, or the first few.
    pub fn unknown<'a>(
        span: Range<usize>,
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "none is allowed here".to_owned(),
            None => {
                let mut list: Vec<String> =
                    known.iter().take(12).map(|w| format!("`{w}`")).collect();
                if known.len() > 12 {
                    list.push("…".to_owned());
                }
                format!("expected one of {}", list.join(", "))
            }
        };
        Mistake::new(span, format!("unknown {what} `{word}`")).help(help)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// The word of `known` that is nearest to `word`, if any is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    known
        .into_iter()
        .map(|k| {
            let distance = strsim::damerau_levenshtein(&folded, &k.to_lowercase());
            (distance, k)
        })
        .filter(|(distance, k)| *distance <= word.len().max(k.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_forgives_case_and_typing() {
        let known = ["MAP_SHARED", "MAP_PRIVATE", "MAP_FIXED"];
        assert_eq!(nearest("MAP_SHRED", known), Some("MAP_SHARED"));
        assert_eq!(nearest("map_private", known), Some("MAP_PRIVATE"));
        assert_eq!(nearest("O_RDWR", known), None);
    }
}
