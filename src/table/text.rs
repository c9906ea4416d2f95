//! Strings of a table and where each of their bytes stands in the file.

use super::Source;
use super::diagnostic::Diagnostic;
use crate::case::Mistake;
use std::ops::Range;
use std::sync::Arc;

/// A string of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it says, escapes resolved.
    pub value: String,
    /// Where it stands in the file, its quotes included.
    pub span: Range<usize>,
    /// Where its first byte stands, if each of its bytes stands in the file as it is.
    begins: Option<usize>,
}

impl Text {
    /// The string `value`, which was read from this span of the file.
    pub fn new(value: &str, span: Range<usize>, file: &str) -> Self {
        let raw = file.get(span.clone()).unwrap_or_default();
        let begins = [3, 1].into_iter().find_map(|quotes| {
            let inner = raw.get(quotes..raw.len().checked_sub(quotes)?)?;
            // The newline that follows three quotes is no part of the string.
            let cut = inner.len().checked_sub(value.len())?;
            let is_newline = matches!(inner.get(..cut), Some("" | "\n" | "\r\n"));
            (is_newline && inner.ends_with(value)).then_some(span.start + quotes + cut)
        });
        Text {
            value: value.to_owned(),
            span,
            begins,
        }
    }

    /// The place in the file of a span in the string; all of the string where escapes make that
    /// uncertain.
    pub fn place(&self, span: Range<usize>) -> Range<usize> {
        match self.begins {
            Some(at) => at + span.start..at + span.end,
            None => self.span.clone(),
        }
    }
}

/// The mistakes that were found in one file.
#[derive(Debug)]
pub struct Mistakes {
    path: String,
    text: Arc<str>,
    found: Vec<Diagnostic>,
}

impl Mistakes {
    /// None so far.
    pub fn new(source: &Source) -> Self {
        Mistakes {
            path: source.path.clone(),
            text: Arc::from(source.text.as_str()),
            found: Vec::new(),
        }
    }

    /// The whole file.
    pub fn file(&self) -> &str {
        &self.text
    }

    /// Adds a mistake whose span counts in the file.
    pub fn add(&mut self, mistake: Mistake) {
        let found = Diagnostic::new(&self.path, &self.text, mistake);
        self.push(found);
    }

    /// Adds a mistake whose span counts in a string of the file.
    pub fn add_in(&mut self, text: &Text, mistake: Mistake) {
        let span = text.place(mistake.span.clone());
        self.add(Mistake { span, ..mistake });
    }

    /// Adds a mistake, with another place that has to do with it.
    pub fn add_beside(&mut self, mistake: Mistake, span: Range<usize>, label: &str) {
        let found = Diagnostic::new(&self.path, &self.text, mistake).beside(span, label);
        self.push(found);
    }

    /// The same mistake shows in many combinations; it is told once.
    fn push(&mut self, found: Diagnostic) {
        if self.found.len() < MOST && !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// All of them in the order of the file, but for those that `tell` rejects.
    pub fn finish(mut self, tell: impl Fn(&Diagnostic) -> bool) -> Vec<Diagnostic> {
        self.found.retain(tell);
        self.found.sort_by_key(|d| d.span().start);
        self.found
    }
}

/// A file with more mistakes than this is no table; nobody reads them all.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_where_they_stand() {
        for (raw, value, at) in [
            ("'abc'", "abc", Some(1)),
            ("\"abc\"", "abc", Some(1)),
            ("'''abc'''", "abc", Some(3)),
            ("'''\nabc'''", "abc", Some(4)),
            ("\"\"\"\r\nabc\"\"\"", "abc", Some(5)),
            ("\"a\\u0062c\"", "abc", None),
            ("\"\"", "", Some(1)),
        ] {
            let file = format!("x = {raw}");
            let text = Text::new(value, 4..file.len(), &file);
            assert_eq!(text.begins, at.map(|a| a + 4), "{raw}");
        }
    }
}
