//! Lines that fit the reader's window.

use std::io::IsTerminal;

/// The widest line that is written where nothing says otherwise.
const WIDTH: usize = 80;

/// How wide lines may be: 80, or the terminal's width where that is known and less.
pub fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH;
    }
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(w), _)) => WIDTH.min(usize::from(w)).max(20),
        None => WIDTH,
    }
}

/// A word as a shell takes it unchanged.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `text` in lines of at most `width` characters, broken at spaces; the first is indented by
/// `first`, the others by `rest` spaces. A word that is longer than a line stands whole.
pub fn wrap(text: &str, first: usize, rest: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = " ".repeat(first);
    let mut empty = true;
    let mut used = first;
    for word in text.split(' ') {
        let len = word.chars().count();
        if !empty && used + 1 + len > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(rest)));
            used = rest;
            empty = true;
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += len;
        empty = false;
    }
    lines.push(line);
    lines
}

/// `1 case`, `12 cases`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn breaks_at_spaces() {
        assert_eq!(wrap("aa bb cc", 2, 4, 7), ["  aa bb", "    cc"]);
        assert_eq!(wrap("aaaaaaaa b", 2, 4, 7), ["  aaaaaaaa", "    b"]);
        assert_eq!(wrap("", 2, 4, 7), ["  "]);
    }

    #[test]
    fn a_shell_takes_it_unchanged() {
        for word in ["eof::past-eof", "a[b=c]", "it's", "", "x \"y\" $z"] {
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
        assert_eq!(quoted("eof::past-eof"), "eof::past-eof");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-z ]{0,60}", width in 8usize..30) {
            let lines = wrap(&text, 0, 0, width);
            prop_assert_eq!(lines.join(" "), text);
            for line in lines {
                prop_assert!(line.chars().count() <= width || !line.trim().contains(' '));
            }
        }
    }
}
