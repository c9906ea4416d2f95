//! The words of the notation: what steps, quantities, flags and claims are spelled with.

use super::mistake::Mistake;
use std::ops::Range;

/// One word of the notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// A name: letters, digits, `_`, and `-` or `.` between letters (`min-addr`, `pipe.read`).
    Ident(&'a str),
    /// A number, decimal or `0x` hexadecimal.
    Number(u64),
    /// Bytes: `"text"` or `x"00 ff"`.
    Bytes(Vec<u8>),
    /// One of `( ) , = | + - * / : $ . < >`.
    Mark(char),
}

impl Token<'_> {
    /// How the word is called in a diagnostic.
    pub fn describe(&self) -> String {
        match self {
            Token::Ident(word) => format!("`{word}`"),
            Token::Number(n) => format!("`{n}`"),
            Token::Bytes(_) => "a byte string".to_owned(),
            Token::Mark(c) => format!("`{c}`"),
        }
    }
}

/// Splits `text` into words with their places.
pub fn lex(text: &str) -> Result<Vec<(Token<'_>, Range<usize>)>, Mistake> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(text.len() / 3);
    let mut at = 0;
    while at < bytes.len() {
        let c = bytes[at];
        match c {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let (value, end) = quoted(text, at)?;
                out.push((Token::Bytes(value), at..end));
                at = end;
            }
            b'x' if bytes.get(at + 1) == Some(&b'"') => {
                let (value, end) = hex(text, at)?;
                out.push((Token::Bytes(value), at..end));
                at = end;
            }
            b'0'..=b'9' => {
                let (value, end) = number(text, at)?;
                out.push((Token::Number(value), at..end));
                at = end;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let end = ident_end(bytes, at);
                out.push((Token::Ident(&text[at..end]), at..end));
                at = end;
            }
            b'(' | b')' | b',' | b'=' | b'|' | b'+' | b'-' | b'*' | b'/' | b':' | b'$' | b'.'
            | b'<' | b'>' => {
                out.push((Token::Mark(c as char), at..at + 1));
                at += 1;
            }
            _ => {
                let len = text[at..].chars().next().map_or(1, char::len_utf8);
                let c = &text[at..at + len];
                return Err(Mistake::new(
                    at..at + len,
                    format!("`{}` has no meaning here", c.escape_debug()),
                ));
            }
        }
    }
    Ok(out)
}

fn ident_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < bytes.len() {
        let joins = matches!(bytes[end], b'-' | b'.')
            && end > start
            && bytes.get(end + 1).is_some_and(u8::is_ascii_alphabetic);
        if bytes[end].is_ascii_alphanumeric() || bytes[end] == b'_' || joins {
            end += 1;
        } else {
            break;
        }
    }
    end
}

fn number(text: &str, start: usize) -> Result<(u64, usize), Mistake> {
    let rest = &text.as_bytes()[start..];
    let is_hex = rest.len() > 2 && rest[0] == b'0' && (rest[1] == b'x' || rest[1] == b'X');
    // As in C and in what strace prints: a leading zero makes a number octal.
    let is_octal = rest.len() > 1 && rest[0] == b'0' && rest[1].is_ascii_digit();
    let (radix, skip) = match (is_hex, is_octal) {
        (true, _) => (16, 2),
        (_, true) => (8, 0),
        _ => (10, 0),
    };
    let len = rest[skip..]
        .iter()
        .take_while(|c| c.is_ascii_digit() || (is_hex && c.is_ascii_hexdigit()))
        .count();
    let end = start + skip + len;
    let digits = &text[start + skip..end];
    match u64::from_str_radix(digits, radix) {
        Ok(value) => Ok((value, end)),
        Err(_) if digits.is_empty() => Err(Mistake::new(start..end, "`0x` needs digits")),
        Err(_) if is_octal => Err(Mistake::new(
            start..end,
            "a number that begins with 0 is octal, or too large",
        )),
        Err(_) => Err(Mistake::new(
            start..end,
            format!("`{}` does not fit in 64 bits", &text[start..end]),
        )),
    }
}

fn quoted(text: &str, start: usize) -> Result<(Vec<u8>, usize), Mistake> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => {
                return Err(Mistake::new(
                    start..text.len(),
                    "this byte string has no closing quote",
                ));
            }
            Some(b'"') => return Ok((out, at + 1)),
            Some(b'\\') => {
                let (value, len) = match bytes.get(at + 1) {
                    Some(b'n') => (b'\n', 2),
                    Some(b't') => (b'\t', 2),
                    Some(b'r') => (b'\r', 2),
                    Some(b'0') => (0, 2),
                    Some(b'\\') => (b'\\', 2),
                    Some(b'"') => (b'"', 2),
                    _ => {
                        let len = text[at + 1..].chars().next().map_or(0, char::len_utf8);
                        return Err(Mistake::new(at..at + 1 + len, "unknown escape").help(
                            r#"known are \n \t \r \0 \\ \"; other bytes are written x"1b""#,
                        ));
                    }
                };
                out.push(value);
                at += len;
            }
            Some(&byte) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

fn hex(text: &str, start: usize) -> Result<(Vec<u8>, usize), Mistake> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = start + 2;
    let mut half: Option<u8> = None;
    loop {
        match bytes.get(at) {
            None => {
                return Err(Mistake::new(
                    start..text.len(),
                    "this byte string has no closing quote",
                ));
            }
            Some(b'"') if half.is_none() => return Ok((out, at + 1)),
            Some(b' ') if half.is_none() => {}
            Some(&byte) => match ((byte as char).to_digit(16), half.take()) {
                (Some(digit), None) => half = Some(digit as u8),
                (Some(digit), Some(high)) => out.push(high << 4 | digit as u8),
                (None, _) => {
                    let len = text[at..].chars().next().map_or(1, char::len_utf8);
                    return Err(
                        Mistake::new(at..at + len, "expected two hexadecimal digits")
                            .help(r#"bytes are written x"00 ff""#),
                    );
                }
            },
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token<'_>> {
        lex(text).unwrap().into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn numbers_units_and_names() {
        assert_eq!(
            words("min-addr - 1page"),
            [
                Token::Ident("min-addr"),
                Token::Mark('-'),
                Token::Number(1),
                Token::Ident("page")
            ]
        );
        assert_eq!(
            words("0x1F x\"00 fF\" \"a\\\"\""),
            [
                Token::Number(31),
                Token::Bytes(vec![0, 255]),
                Token::Bytes(b"a\"".to_vec())
            ]
        );
    }

    #[test]
    fn mistakes_have_places() {
        assert_eq!(lex("load(map, \"x").unwrap_err().span, 10..12);
        assert_eq!(lex("x\"0\"").unwrap_err().span, 3..4);
        assert_eq!(lex("18446744073709551616").unwrap_err().span, 0..20);
        assert!(lex("08").unwrap_err().message.contains("octal"));
        assert_eq!(words("0644"), [Token::Number(0o644)]);
        assert_eq!(lex("a é").unwrap_err().span, 2..4);
        assert_eq!(lex("\"\\é\"").unwrap_err().span, 1..4);
    }
}
