//! Reading lists of known deviations, by hand from spanned values: all mistakes at once, each in
//! its place.

use super::{Entry, Pattern, Tolerated};
use crate::case::Mistake;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::transcript::Outcome;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const KEYS: [&str; 10] = [
    "case", "outcome", "like", "varies", "rest", "reason", "link", "rule", "reckon", "report",
];

/// The entries of the list of this name, and its mistakes.
pub(super) fn entries(source: SourceText, list: &str) -> (Vec<Entry>, Vec<Diagnostic>) {
    let source = Arc::new(source);
    let mut reader = Reader {
        source: source.clone(),
        may_be_open: super::is_foreign(list),
        may_vary: super::may_vary(list),
        entries: Vec::new(),
        mistakes: Vec::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for e in errors {
        let span = e.span().unwrap_or(0..0);
        reader.complain(span, e.message(), None);
    }
    if reader.mistakes.is_empty() {
        reader.list(table.get_ref());
    }
    (reader.entries, reader.mistakes)
}

struct Reader {
    source: Arc<SourceText>,
    /// Whether an entry may tolerate any outcome that is recorded.
    may_be_open: bool,
    /// Whether an entry may tolerate whatever comes.
    may_vary: bool,
    entries: Vec<Entry>,
    mistakes: Vec<Diagnostic>,
}

impl Reader {
    fn complain(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Diagnostic {
            source: self.source.clone(),
            span,
            message: message.into(),
            help,
        });
    }

    fn unknown_key(&mut self, span: Range<usize>, key: &str, known: &[&str]) {
        let mistake = Mistake::unknown(span.clone(), "key", key, known.iter().copied());
        self.complain(span, mistake.message, mistake.help);
    }

    fn list(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            if key.get_ref() != "known" {
                self.unknown_key(key.span(), key.get_ref(), &["known"]);
                continue;
            }
            let DeValue::Array(list) = value.get_ref() else {
                let help = "write `[[known]]`, twice bracketed".to_owned();
                self.complain(key.span(), "`known` is a list of tables", Some(help));
                continue;
            };
            for item in list {
                match item.get_ref() {
                    DeValue::Table(entry) => self.entry(entry, item.span()),
                    _ => self.complain(item.span(), "expected a table", None),
                }
            }
        }
    }

    fn entry(&mut self, table: &DeTable<'_>, span: Range<usize>) {
        for (key, _) in table {
            if !KEYS.contains(&&**key.get_ref()) {
                self.unknown_key(key.span(), key.get_ref(), &KEYS);
            }
        }
        let cases = self.patterns(table, &span);
        let outcome = self.tolerated(table, &span);
        let rest_follows = get(table, "rest").is_some_and(|rest| self.follows(rest));
        let [reason, link] = ["reason", "link"].map(|key| self.word(table, key, &span));
        let link = link.filter(|link| self.is_link(link));
        let mut maybe = |key: &str| {
            get(table, key)?;
            self.word(table, key, &span)
        };
        let (rule, reckon, report) = (maybe("rule"), maybe("reckon"), maybe("report"));
        let report = report.filter(|link| self.is_link(link));
        if let (Some(cases), Some(outcome), Some(reason), Some(link)) =
            (cases, outcome, reason, link)
        {
            self.entries.push(Entry {
                cases,
                outcome,
                rest_follows,
                reason: reason.0,
                link: link.0,
                rule: rule.map(|w| w.0),
                reckon: reckon.map(|w| w.0),
                report: report.map(|w| w.0),
                is_own: false,
                source: self.source.clone(),
            });
        }
    }

    /// The cases: one pattern, or a list of them.
    fn patterns(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Pattern>> {
        let pattern = |(text, span)| Pattern { text, span };
        let Some(DeValue::Array(list)) = get(table, "case").map(Spanned::get_ref) else {
            return self.word(table, "case", span).map(|w| vec![pattern(w)]);
        };
        let words = list.iter().map(|item| self.text(item, "case"));
        let patterns: Vec<Pattern> = words.flatten().map(pattern).collect();
        if list.is_empty() {
            self.complain(span.clone(), "`case` says nothing", None);
        }
        (!patterns.is_empty()).then_some(patterns)
    }

    /// What is tolerated.
    fn tolerated(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Tolerated> {
        let has_outcome = get(table, "outcome").is_some();
        if let Some(varies) = get(table, "varies") {
            return self.varying(varies, has_outcome || get(table, "like").is_some());
        }
        if let Some(like) = get(table, "like") {
            let (text, at) = self.text(like, "like")?;
            if has_outcome || !self.may_be_open {
                let message = match has_outcome {
                    true => "`like` stands in place of `outcome`",
                    false => "`like` is for machines on which another system answers",
                };
                self.complain(at, message, None);
                return None;
            }
            return Some(Tolerated::Like(text));
        }
        if self.may_be_open && !has_outcome {
            return Some(Tolerated::Recorded);
        }
        let (text, at) = self.word(table, "outcome", span)?;
        match canonical(&text) {
            Ok(text) => Some(Tolerated::Outcome(text)),
            Err(m) => {
                self.complain(at, m.message, m.help);
                None
            }
        }
    }

    fn follows(&mut self, value: &Spanned<DeValue<'_>>) -> bool {
        let follows = text_of(value) == Some("follows");
        if !follows {
            self.complain(value.span(), "`rest` can only be \"follows\"", None);
        }
        follows
    }

    fn varying(&mut self, value: &Spanned<DeValue<'_>>, has_other: bool) -> Option<Tolerated> {
        let is_true = matches!(value.get_ref(), DeValue::Boolean(true));
        let message = match (is_true, has_other, self.may_vary) {
            (true, false, true) => return Some(Tolerated::Varying),
            (false, ..) => "`varies` can only be `true`",
            (_, true, _) => "`varies` stands in place of `outcome` and `like`",
            _ => "`varies` is for machines and file systems on which another system answers",
        };
        self.complain(value.span(), message, None);
        None
    }

    fn is_link(&mut self, (text, at): &(String, Range<usize>)) -> bool {
        let fine = text.starts_with("https://") && text.len() > "https://".len();
        if !fine {
            let help = "give the report of it: `https://…`".to_owned();
            self.complain(at.clone(), "a link begins with `https://`", Some(help));
        }
        fine
    }

    /// A string that must be there and must not be blank, and where it is.
    fn word(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        whole: &Range<usize>,
    ) -> Option<(String, Range<usize>)> {
        let Some(value) = get(table, key) else {
            self.complain(whole.clone(), format!("`{key}` is missing"), None);
            return None;
        };
        self.text(value, key)
    }

    /// A string that must not be blank, and where it is.
    fn text(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<(String, Range<usize>)> {
        match text_of(value) {
            None => {
                let message = format!("`{key}` must be a string");
                self.complain(value.span(), message, None);
                None
            }
            Some(text) if text.trim().is_empty() => {
                self.complain(value.span(), format!("`{key}` says nothing"), None);
                None
            }
            Some(text) => Some((text.to_owned(), value.span())),
        }
    }
}

fn get<'a, 't>(table: &'a DeTable<'t>, key: &str) -> Option<&'a Spanned<DeValue<'t>>> {
    let found = table.iter().find(|(k, _)| k.get_ref() == key);
    found.map(|(_, value)| value)
}

fn text_of<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// An outcome, or a line of a transcript, in canonical notation.
fn canonical(text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    let whole = Outcome::parse(text);
    if let Ok(outcome) = whole {
        return Ok(outcome.to_string());
    }
    // The outcome may hold quoted bytes with ` = ` in them: the longest that can be read is it.
    let mut nearest = None;
    for (at, _) in text.match_indices(" = ") {
        let (line, outcome) = (&text[..at], &text[at + 3..]);
        match Outcome::parse(outcome) {
            Ok(outcome) => return Ok(format!("{line} = {outcome}")),
            Err(m) => nearest = Some(m),
        }
    }
    whole
        .map(|o| o.to_string())
        .map_err(|m| nearest.unwrap_or(m))
}
