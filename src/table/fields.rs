//! The keys of a TOML table, read by hand: serde would lose the places and blur the messages.

use super::text::{Mistakes, Text};
use crate::case::Mistake;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its span.
pub type Value<'t> = &'t Spanned<DeValue<'t>>;

/// A string or a list of strings.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The strings.
    pub texts: Vec<Text>,
    /// Whether it was written as a list.
    pub is_list: bool,
    /// Where it stands.
    pub span: Range<usize>,
}

/// The keys of one table.
#[derive(Debug, Clone)]
pub struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table, or its header, stands.
    pub span: Range<usize>,
}

impl<'t> Fields<'t> {
    /// The keys of a table; those that are not `known` are mistakes.
    pub fn new(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        known: &[&str],
        mistakes: &mut Mistakes,
    ) -> Self {
        for key in table.keys() {
            let word: &str = key.get_ref();
            if !known.contains(&word) {
                let known = known.iter().copied();
                mistakes.add(Mistake::unknown(key.span(), "key", word, known));
            }
        }
        Fields { table, span }
    }

    /// All keys in the order in which they are written.
    pub fn in_order(&self) -> Vec<(Text, Value<'t>)> {
        let mut all: Vec<_> = self.table.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        all.into_iter()
            .map(|(key, value)| {
                let (word, span) = (key.get_ref(), key.span());
                // A bare key has no quotes: its mistakes mark it whole.
                (Text::new(word, span, ""), value)
            })
            .collect()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value<'t>> {
        self.table.get(key)
    }

    /// Where a key stands.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(k, _)| k.span())
    }

    /// A string.
    pub fn string(&self, key: &str, mistakes: &mut Mistakes) -> Option<Text> {
        let value = self.get(key)?;
        string(key, value, mistakes)
    }

    /// A string that says something, or the mistake that it is missing.
    pub fn required(&self, key: &str, help: &str, mistakes: &mut Mistakes) -> Option<Text> {
        if self.get(key).is_none() {
            let m = Mistake::new(self.span.clone(), format!("`{key}` is missing"));
            mistakes.add(m.help(help));
        }
        let text = self.string(key, mistakes)?;
        is_said(key, &text, mistakes).then_some(text)
    }

    /// A string or a list of strings.
    pub fn list(&self, key: &str, mistakes: &mut Mistakes) -> Option<Listed> {
        list(key, self.get(key)?, mistakes)
    }

    /// A string or a list of strings, each of which says something.
    pub fn sayings(&self, key: &str, mistakes: &mut Mistakes) -> Option<Vec<String>> {
        let listed = self.list(key, mistakes)?;
        let texts = listed.texts.into_iter();
        let said = texts.filter(|t| is_said(key, t, mistakes));
        Some(said.map(|t| t.value).collect())
    }

    /// `true` or `false`.
    pub fn truth(&self, key: &str, mistakes: &mut Mistakes) -> Option<bool> {
        let value = self.get(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            mistakes.add(wrong_type(&format!("`{key}`"), "`true` or `false`", value));
        }
        truth
    }

    /// A table.
    pub fn table(
        &self,
        key: &str,
        known: Option<&[&str]>,
        mistakes: &mut Mistakes,
    ) -> Option<Fields<'t>> {
        table(key, self.get(key)?, known, mistakes)
    }

    /// A list of anything.
    pub fn items(&self, key: &str, what: &str, mistakes: &mut Mistakes) -> Vec<Value<'t>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => {
                mistakes.add(wrong_type(&format!("`{key}`"), what, value));
                Vec::new()
            }
        }
    }
}

/// The value as a string.
pub fn string(key: &str, value: Value<'_>, mistakes: &mut Mistakes) -> Option<Text> {
    match value.get_ref() {
        DeValue::String(s) => Some(Text::new(s, value.span(), mistakes.file())),
        _ => {
            mistakes.add(wrong_type(&format!("`{key}`"), "a string", value));
            None
        }
    }
}

/// The value as a string or a list of strings.
pub fn list(key: &str, value: Value<'_>, mistakes: &mut Mistakes) -> Option<Listed> {
    let span = value.span();
    match value.get_ref() {
        DeValue::String(_) => Some(Listed {
            texts: string(key, value, mistakes).into_iter().collect(),
            is_list: false,
            span,
        }),
        DeValue::Array(items) => {
            let mut texts = Vec::new();
            for item in items.iter() {
                texts.push(string(key, item, mistakes)?);
            }
            Some(Listed {
                texts,
                is_list: true,
                span,
            })
        }
        _ => {
            mistakes.add(wrong_type(
                &format!("`{key}`"),
                "a string or a list of strings",
                value,
            ));
            None
        }
    }
}

/// The value as a table; where `known` is given, other keys are mistakes.
pub fn table<'t>(
    key: &str,
    value: Value<'t>,
    known: Option<&[&str]>,
    mistakes: &mut Mistakes,
) -> Option<Fields<'t>> {
    match (value.get_ref(), known) {
        (DeValue::Table(table), Some(known)) => {
            Some(Fields::new(table, value.span(), known, mistakes))
        }
        (DeValue::Table(table), None) => Some(Fields {
            table,
            span: value.span(),
        }),
        _ => {
            mistakes.add(wrong_type(&format!("`{key}`"), "a table", value));
            None
        }
    }
}

/// The mistake of a value that is not what it should be.
pub fn wrong_type(what: &str, wanted: &str, value: Value<'_>) -> Mistake {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let m = Mistake::new(
        value.span(),
        format!("{what} is {wanted}, and this is {found}"),
    );
    match value.get_ref() {
        DeValue::Integer(n) if wanted.contains("string") => {
            m.help(format!("numbers stand in quotes too: \"{n}\""))
        }
        _ => m,
    }
}

fn is_said(key: &str, text: &Text, mistakes: &mut Mistakes) -> bool {
    let said = !text.value.trim().is_empty();
    if !said {
        let m = Mistake::new(text.span.clone(), format!("`{key}` says nothing"));
        mistakes.add(m);
    }
    said
}
