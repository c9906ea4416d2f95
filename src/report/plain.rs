//! What is printed beside the report of a run.

use super::text::count;
use crate::case::Mistake;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::io::{self, IsTerminal, Write};

/// Standard output; escape sequences for colour are taken out where they are unwanted.
pub fn out() -> anstream::AutoStream<std::io::Stdout> {
    anstream::AutoStream::auto(std::io::stdout())
}

/// Whether standard error shows colours: on a terminal, and not where NO_COLOR says no.
pub fn is_colourful() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
        && (std::io::stderr().is_terminal() || std::env::var_os("CLICOLOR_FORCE").is_some())
}

/// Prints a text as it is.
pub fn page(text: &str) -> io::Result<()> {
    let mut out = out();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Tells why a command ended early, on standard error; gives the exit code back.
pub fn complain(why: &str, code: u8) -> u8 {
    let told = match code {
        2 if why.contains('\n') => why.to_owned(),
        _ => format!("mmapcheck: {why}"),
    };
    // Where nobody reads there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{told}");
    code
}

/// Prints a remark on standard error.
pub fn note(text: &str) -> io::Result<()> {
    writeln!(anstream::stderr(), "mmapcheck: {text}")
}

/// Mistakes, each told already, with how many they are: none of them lets anything be run.
pub fn mistakes(mut told: Vec<String>) -> String {
    let (one, several) = ("mistake; nothing was run", "mistakes; nothing was run");
    told.push(count(told.len(), one, several));
    told.join("\n\n")
}

/// A mistake in a text of the command line, with the text and a caret.
pub fn mistake(text: &str, mistake: &Mistake) -> String {
    let end = text.len();
    let span = mistake.span.start.min(end)..mistake.span.end.min(end);
    let snippet = Snippet::source(text).annotation(AnnotationKind::Primary.span(span));
    let mut group = Level::ERROR
        .primary_title(mistake.message.as_str())
        .element(snippet);
    if let Some(help) = &mistake.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if is_colourful() {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group]).to_string()
}

#[cfg(test)]
mod tests {
    use super::mistakes;

    #[test]
    fn mistakes_are_counted() {
        let told = |n: usize| mistakes(vec!["wrong".to_owned(); n]);
        assert_eq!(told(1), "wrong\n\n1 mistake; nothing was run");
        assert!(told(2).ends_with("wrong\n\nwrong\n\n2 mistakes; nothing was run"));
    }
}
