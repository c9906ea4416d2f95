//! Reading the notation word by word.

use super::lexer::{Token, lex};
use super::mistake::Mistake;
use std::ops::Range;

/// A place in a lexed text.
#[derive(Debug)]
pub struct Cursor<'a> {
    words: Vec<(Token<'a>, Range<usize>)>,
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Lexes `text` and stands before its first word.
    pub fn new(text: &'a str) -> Result<Self, Mistake> {
        Ok(Cursor {
            words: lex(text)?,
            at: 0,
            end: text.len(),
        })
    }

    /// The word ahead.
    pub fn peek(&self) -> Option<&Token<'a>> {
        self.words.get(self.at).map(|(t, _)| t)
    }

    /// The word `n` places ahead; 0 is the next one.
    pub fn peek_at(&self, n: usize) -> Option<&Token<'a>> {
        self.words.get(self.at + n).map(|(t, _)| t)
    }

    /// Where the word ahead is; an empty span at the end of the text.
    pub fn span(&self) -> Range<usize> {
        self.words
            .get(self.at)
            .map_or(self.end..self.end, |(_, s)| s.clone())
    }

    /// Where the word just taken ends.
    pub fn taken_to(&self) -> usize {
        match self.at.checked_sub(1).and_then(|last| self.words.get(last)) {
            Some((_, span)) => span.end,
            None => 0,
        }
    }

    /// Whether all words are taken.
    pub fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    /// Takes the next word.
    pub fn next_word(&mut self) -> Option<(Token<'a>, Range<usize>)> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    /// Takes the mark `c` if it is ahead.
    pub fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(c));
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes the name `word` if it is ahead.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Ident(w)) if *w == word);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes the mark `c` or complains; `after` tells what it should follow.
    pub fn expect(&mut self, c: char, after: &str) -> Result<(), Mistake> {
        if self.eat(c) {
            return Ok(());
        }
        Err(self.surprise(&format!("`{c}` after {after}")))
    }

    /// Takes a name or complains.
    pub fn ident(&mut self, what: &str) -> Result<(&'a str, Range<usize>), Mistake> {
        match self.peek() {
            Some(Token::Ident(word)) => {
                let found = (*word, self.span());
                self.at += 1;
                Ok(found)
            }
            _ => Err(self.surprise(what)),
        }
    }

    /// The mistake of finding something else than `expected`.
    pub fn surprise(&self, expected: &str) -> Mistake {
        let found = self.peek().map_or("the end".to_owned(), Token::describe);
        Mistake::new(self.span(), format!("expected {expected}, found {found}"))
    }

    /// Complains if words are left.
    pub fn finish(&self) -> Result<(), Mistake> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(Mistake::new(
                self.span(),
                format!("{} is more than belongs here", word.describe()),
            )),
        }
    }
}
