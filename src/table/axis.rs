//! The axes of a case: its columns that are lists, then those of `vary`.

use super::column::{Column, Value};
use super::template::{Spelled, Vary};
use super::text::{Mistakes, Text};
use crate::case::Mistake;
use std::borrow::Cow;

/// One axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Its name in ids and conditions.
    pub name: String,
    /// What its values are.
    pub of: Of,
    /// What ids print for each value; `None` where that depends on `vary`.
    labels: Vec<Option<String>>,
}

/// What an axis is made of.
#[derive(Debug, Clone)]
pub enum Of {
    /// The values of a column.
    Column(Column, Vec<Spelled<Value>>),
    /// The values of a name of `vary`.
    Vary(usize),
}

/// Which combination a part of an id tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one: which value each axis has.
    One(Vec<usize>),
    /// None of them.
    None,
    /// The labels alone do not tell.
    Unsure,
}

/// All axes of a case, the last turning fastest.
#[derive(Debug, Clone, Default)]
pub struct Axes {
    /// The axes.
    pub axes: Vec<Axis>,
    /// The names of `vary`.
    pub vary: Vec<Vary>,
}

impl Axes {
    /// Adds the axis of a column that is a list.
    pub fn add_column(&mut self, column: Column, texts: Vec<Text>, mistakes: &mut Mistakes) {
        let spelled: Vec<Spelled<Value>> = texts
            .into_iter()
            .map(|t| Spelled::new(t, column, &mut self.vary, mistakes))
            .collect();
        let labels: Vec<Option<String>> = spelled
            .iter()
            .map(|s| s.always().map(|v| v.label(column)))
            .collect();
        for (i, label) in labels.iter().enumerate() {
            let first = labels.iter().take(i).position(|l| l == label);
            if let (Some(label), Some(first)) = (label, first) {
                twice(
                    label,
                    &spelled[first].template.text,
                    &spelled[i].template.text,
                    mistakes,
                );
            }
        }
        self.axes.push(Axis {
            name: column.name().to_owned(),
            of: Of::Column(column, spelled),
            labels,
        });
    }

    /// Adds the axes of `vary`, which come last.
    pub fn add_vary(&mut self, mistakes: &mut Mistakes) {
        let leaders = self.vary.iter().enumerate().filter(|(_, v)| v.leads);
        for (which, vary) in leaders {
            for (i, value) in vary.values.iter().enumerate() {
                if let Some(first) = vary.values.iter().take(i).find(|v| v.value == value.value) {
                    twice(&value.value, first, value, mistakes);
                }
            }
            self.axes.push(Axis {
                name: vary.name.value.clone(),
                of: Of::Vary(which),
                labels: vary.values.iter().map(|v| Some(v.value.clone())).collect(),
            });
        }
    }

    /// How many values each has.
    pub fn sizes(&self) -> Vec<usize> {
        self.axes.iter().map(|a| a.labels.len()).collect()
    }

    /// The axis of this name.
    pub fn find(&self, name: &str) -> Option<(usize, &Axis)> {
        let mut all = self.axes.iter().enumerate();
        all.find(|(_, a)| a.name == name)
    }

    /// What a condition may ask for by this name: an axis, or a name that moves together with
    /// one.
    pub fn asked(&self, name: &str) -> Option<(usize, Cow<'_, Axis>)> {
        if let Some((at, axis)) = self.find(name) {
            return Some((at, Cow::Borrowed(axis)));
        }
        let mut vary = self.vary.iter().enumerate();
        let (which, follower) = vary.find(|(_, v)| v.name.value == name)?;
        let labels = follower.values.iter().map(|v| Some(v.value.clone()));
        let axis = Axis {
            name: name.to_owned(),
            of: Of::Vary(which),
            labels: labels.collect(),
        };
        Some((follower.axis, Cow::Owned(axis)))
    }

    /// The value of a column that is the axis `axis`.
    pub fn value(&self, axis: usize, digits: &[usize]) -> Option<Cow<'_, Value>> {
        self.spelled(axis, digits)?.at(&self.vary, digits)
    }

    /// The text of that value.
    pub fn spelled(&self, axis: usize, digits: &[usize]) -> Option<&Spelled<Value>> {
        let Of::Column(_, values) = &self.axes.get(axis)?.of else {
            return None;
        };
        values.get(*digits.get(axis)?)
    }

    /// Whether all values of an axis can be read.
    pub fn is_right(&self, axis: usize) -> bool {
        match self.axes.get(axis).map(|a| &a.of) {
            Some(Of::Column(_, values)) => values.iter().all(Spelled::is_right),
            _ => true,
        }
    }

    /// What ids print for the value that an axis has.
    pub fn label(&self, axis: usize, digits: &[usize]) -> Cow<'_, str> {
        let plain = self.axes.get(axis).zip(digits.get(axis));
        if let Some(label) = plain.and_then(|(a, d)| a.labels.get(*d)?.as_deref()) {
            return Cow::Borrowed(label);
        }
        match (self.axes.get(axis).map(|a| &a.of), self.value(axis, digits)) {
            (Some(Of::Column(column, _)), Some(value)) => Cow::Owned(value.label(*column)),
            _ => Cow::Borrowed(""),
        }
    }

    /// What ids print for the values of an axis, as far as that is the same everywhere.
    pub fn labels<'a>(&'a self, axis: &'a Axis) -> Vec<&'a str> {
        axis.labels.iter().flatten().map(String::as_str).collect()
    }

    /// The part of an id that tells the combination: `[open=O_RDONLY,prot=PROT_READ]`, or nothing.
    pub fn suffix(&self, digits: &[usize]) -> String {
        let mut out = String::new();
        self.add_suffix(digits, &mut out);
        out
    }

    /// The combination that such a part tells.
    pub fn digits(&self, suffix: &str) -> Found {
        if self.axes.iter().any(|a| a.labels.contains(&None)) {
            return Found::Unsure;
        }
        let mut digits = Vec::new();
        match self.descend(suffix, &mut digits) {
            true => Found::One(digits),
            false => Found::None,
        }
    }

    /// Reads the values of the axes that are left; a value may hold what looks like the next one.
    fn descend(&self, rest: &str, digits: &mut Vec<usize>) -> bool {
        let Some(axis) = self.axes.get(digits.len()) else {
            return rest == if self.axes.is_empty() { "" } else { "]" };
        };
        let begins = if digits.is_empty() { '[' } else { ',' };
        let value = rest
            .strip_prefix(begins)
            .and_then(|r| r.strip_prefix(axis.name.as_str()))
            .and_then(|r| r.strip_prefix('='));
        let Some(value) = value else {
            return false;
        };
        for (digit, label) in axis.labels.iter().enumerate() {
            let after = label.as_deref().and_then(|l| value.strip_prefix(l));
            let Some(after) = after.filter(|a| a.starts_with([',', ']'])) else {
                continue;
            };
            digits.push(digit);
            if self.descend(after, digits) {
                return true;
            }
            digits.pop();
        }
        false
    }

    /// Adds that part to an id.
    pub fn add_suffix(&self, digits: &[usize], out: &mut String) {
        for (i, axis) in self.axes.iter().enumerate() {
            out.push(if i == 0 { '[' } else { ',' });
            out.push_str(&axis.name);
            out.push('=');
            out.push_str(&self.label(i, digits));
        }
        if !self.axes.is_empty() {
            out.push(']');
        }
    }

    /// Two values of a column that become equal through `vary` would give two cases one id.
    pub fn check_distinct(&self, digits: &[usize], mistakes: &mut Mistakes) {
        for (i, axis) in self.axes.iter().enumerate() {
            let Of::Column(_, values) = &axis.of else {
                continue;
            };
            let Some(own) = digits.get(i).and_then(|d| values.get(*d)) else {
                continue;
            };
            for (other, spelled) in values.iter().enumerate().take(digits[i]) {
                let may_meet = own.varies() || spelled.varies();
                if !(may_meet && own.is_right() && spelled.is_right()) {
                    continue;
                }
                let mut others = digits.to_vec();
                others[i] = other;
                let (first, second) = (self.label(i, &others), self.label(i, digits));
                if first == second {
                    twice(&first, &spelled.template.text, &own.template.text, mistakes);
                }
            }
        }
    }
}

fn twice(label: &str, first: &Text, second: &Text, mistakes: &mut Mistakes) {
    let m = Mistake::new(
        second.span.clone(),
        format!("`{label}` is in this list already"),
    );
    mistakes.add_beside(m, first.span.clone(), "the same value");
}
