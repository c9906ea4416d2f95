//! A mistake in a file, shown with its line, a caret and what would mend it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The file, as a person finds it.
    pub file: String,
    /// What it holds.
    pub text: String,
}

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file that it is in.
    pub source: Arc<SourceText>,
    /// Where, in bytes of its text.
    pub span: Range<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What would mend it, where that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column, both from 1; columns count characters.
    pub fn position(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.span().start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The diagnostic as a person reads it; `colour` adds escape sequences.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let snippet = Snippet::source(&*self.source.text)
            .path(&*self.source.file)
            .annotation(AnnotationKind::Primary.span(self.span()));
        let mut report = vec![Level::ERROR.primary_title(&*self.message).element(snippet)];
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(&**help)));
        }
        renderer.render(&report)
    }

    /// The span within the text and between characters, whatever it was made of.
    fn span(&self) -> Range<usize> {
        let text = &self.source.text;
        let fit = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = fit(self.span.start);
        start..fit(self.span.end).max(start)
    }
}

/// One line: file, line, column and what is wrong.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}: {}", self.source.file, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(span: Range<usize>) -> Diagnostic {
        let source = SourceText {
            file: "ci/known/x.toml".into(),
            text: "[[known]]\ncäse = 1\n".into(),
        };
        Diagnostic {
            source: Arc::new(source),
            span,
            message: "unknown key `cäse`".into(),
            help: Some("did you mean `case`?".into()),
        }
    }

    #[test]
    fn shows_line_and_caret() {
        assert_eq!(
            at(10..15).to_string(),
            "ci/known/x.toml:2:1: unknown key `cäse`; did you mean `case`?"
        );
        insta::assert_snapshot!(at(10..15).render(false), @r"
        error: unknown key `cäse`
         --> ci/known/x.toml:2:1
          |
        2 | cäse = 1
          | ^^^^
          |
        help: did you mean `case`?
        ");
    }

    #[test]
    fn a_span_from_anywhere_is_shown_somewhere() {
        for start in 0..30 {
            for end in 0..30 {
                assert!(!at(start..end).render(false).is_empty());
                assert!(at(start..end).position().0 >= 1);
            }
        }
    }
}
