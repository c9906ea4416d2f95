//! A mistake in a file, and how it is shown: file, line, column, caret, and what would mend it.

use crate::case::Mistake;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A mistake at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    path: String,
    text: Arc<str>,
    span: Range<usize>,
    message: String,
    help: Option<String>,
    beside: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// A mistake in the file that is shown as `path` and holds `text`; its span counts in bytes
    /// from the beginning of the file.
    pub fn new(path: &str, text: &Arc<str>, mistake: Mistake) -> Self {
        Diagnostic {
            path: path.to_owned(),
            span: within(text, mistake.span),
            text: Arc::clone(text),
            message: mistake.message,
            help: mistake.help,
            beside: None,
        }
    }

    /// The same, with another place of the file that has to do with it.
    #[must_use]
    pub fn beside(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.beside = Some((within(&self.text, span), label.into()));
        self
    }

    /// The file, as it is shown to people.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        line_of(&self.text, self.span.start)
    }

    /// The column, counted in characters from 1.
    pub fn column(&self) -> usize {
        let before = self.text.get(..self.span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.chars().count() + 1
    }

    /// Where it is, in bytes from the beginning of the file.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would mend it, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The whole, over several lines, without a newline at its end.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(WIDTH);
        let mut snippet = Snippet::source(&*self.text)
            .path(&self.path)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some((span, label)) = &self.beside {
            let context = AnnotationKind::Context.span(span.clone());
            snippet = snippet.annotation(context.label(label));
        }
        let mut group = Level::ERROR.primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

/// One line: `path:line:column: message; help`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.path, self.line(), self.column())?;
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Longer lines of the file are cut, so that the caret stands below its word on any terminal.
const WIDTH: usize = 80;

/// The line, from 1, of the byte at `offset`.
pub fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|b| **b == b'\n').count() + 1
}

/// The span, kept within the text and on whole characters.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, span: Range<usize>) -> String {
        let mistake = Mistake::new(span, "wrong").help("right");
        Diagnostic::new("t.toml", &Arc::from(text), mistake).render(false)
    }

    #[test]
    fn places_in_odd_texts() {
        for (text, span) in [
            ("", 0..0),
            ("", 5..9),
            ("a\n", 2..2),
            ("é\r\né", 1..2),
            ("a\nb\nc", 0..5),
            ("\u{1b}[31m\t\0x", 2..3),
        ] {
            let shown = render(text, span);
            assert!(
                shown.contains("wrong") && shown.contains("t.toml:"),
                "{shown}"
            );
            assert!(!shown.contains('\u{1b}'), "{shown:?}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let text: Arc<str> = Arc::from("x\néé = 1");
        let d = Diagnostic::new("t", &text, Mistake::new(6..7, "wrong"));
        assert_eq!((d.line(), d.column()), (2, 3));
        assert_eq!(d.to_string(), "t:2:3: wrong");
    }
}
