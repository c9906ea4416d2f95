//! Conditions: which combinations a rule, a step or an exclusion fits.

use super::axis::{Axes, Axis, Of};
use super::column::{Column, Value as ColumnValue};
use super::fields::{self, Value};
use super::template::{Spell, Spelled};
use super::text::{Mistakes, Text};
use crate::case::flags::FlagSet;
use crate::case::mistake::nearest;
use crate::case::{Arg, Mistake};
use std::ops::Range;

/// A condition on the values of axes; all must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    /// An axis, and which of its values it may have.
    tests: Vec<(usize, Vec<bool>)>,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Condition {
    /// Reads `{ open = "O_WRONLY", prot = "has PROT_WRITE" }`; tells each mistake. Notes which
    /// names of `vary` it asks for in `asked`.
    pub fn read(key: &str, value: Value<'_>, axes: &Axes, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.count();
        let fields = fields::table(key, value, None, mistakes)?;
        let mut tests = Vec::new();
        for (key, value) in fields.in_order() {
            match axes.asked(&key.value) {
                Some((at, axis)) => {
                    if let Some(mask) = read_mask(&axis, value, axes, mistakes) {
                        tests.push((at, mask));
                    }
                }
                None => mistakes.add(no_axis(&key, axes)),
            }
        }
        if tests.is_empty() && mistakes.count() == before {
            let m = Mistake::new(value.span(), format!("this `{key}` asks for nothing"));
            mistakes.add(m.help("an axis and its value: { open = \"O_RDONLY\" }"));
        }
        (mistakes.count() == before).then(|| Condition {
            tests,
            span: value.span(),
        })
    }

    /// Whether it holds of a combination.
    pub fn holds(&self, digits: &[usize]) -> bool {
        self.tests.iter().all(|(axis, mask)| {
            let value = digits.get(*axis).and_then(|d| mask.get(*d));
            value.copied().unwrap_or(false)
        })
    }

    /// The axes that it asks for.
    pub fn axes(&self) -> impl Iterator<Item = usize> {
        self.tests.iter().map(|(axis, _)| *axis)
    }
}

fn no_axis(key: &Text, axes: &Axes) -> Mistake {
    let word = &key.value;
    if Column::find(word).is_some() {
        return Mistake::new(
            key.span.clone(),
            format!("`{word}` is no list in this case, so there is nothing to choose"),
        );
    }
    let followers = axes.vary.iter().filter(|v| !v.leads);
    let mut known: Vec<&str> = axes.axes.iter().map(|a| a.name.as_str()).collect();
    known.extend(followers.map(|v| v.name.value.as_str()));
    if known.is_empty() {
        let m = Mistake::new(key.span.clone(), "this case has no lists to choose from");
        return m.help("a column that is a list is an axis: open = [\"O_RDONLY\", \"O_RDWR\"]");
    }
    Mistake::unknown(key.span.clone(), "axis", word, known)
}

/// Which values of the axis are meant; `None` after a mistake.
fn read_mask(
    axis: &Axis,
    value: Value<'_>,
    axes: &Axes,
    mistakes: &mut Mistakes,
) -> Option<Vec<bool>> {
    let before = mistakes.count();
    let listed = fields::list(&axis.name, value, mistakes)?;
    if listed.texts.is_empty() {
        let m = Mistake::new(listed.span.clone(), "an empty list holds nowhere");
        mistakes.add(m);
    }
    let mut all = Vec::new();
    for text in &listed.texts {
        match test(axis, text, axes) {
            Ok(mask) => {
                all.resize(mask.len(), false);
                for (all, one) in all.iter_mut().zip(mask) {
                    *all |= one;
                }
            }
            Err(mistake) => mistakes.add_in(text, mistake),
        }
    }
    (mistakes.count() == before).then_some(all)
}

/// Which values of the axis one text means.
fn test(axis: &Axis, text: &Text, axes: &Axes) -> Result<Vec<bool>, Mistake> {
    let word = text.value.as_str();
    let mask = match &axis.of {
        Of::Vary(which) => {
            let values = axes.vary.get(*which).map_or(&[][..], |v| &v.values);
            let literal = values.iter().any(|v| v.value == word);
            if let (Some(test), false) = (flag_test(word), literal) {
                of_flags(axis, values, test, word.len())?
            } else {
                let (wanted, at) = match word.strip_prefix("not ") {
                    Some(rest) if !literal => (rest, 4),
                    _ => (word, 0),
                };
                let mask = values.iter().map(|v| v.value == wanted);
                let mask: Vec<bool> = mask.collect();
                some(axis, &mask, wanted, &(at..word.len()), axes)?;
                mask.iter().map(|hit| *hit != (at > 0)).collect()
            }
        }
        Of::Column(column, values) => of_column(axis, *column, values, word, axes)?,
    };
    if mask.iter().all(|hit| !hit) {
        let m = Mistake::new(
            0..word.len(),
            format!("no value of `{}` is like this", axis.name),
        );
        return Err(m.help(values_of(axis, axes)));
    }
    Ok(mask)
}

/// Which values of a name, read as words joined by `|`, have these words or lack them.
fn of_flags(
    axis: &Axis,
    values: &[Text],
    (has, names, at): (bool, &str, usize),
    end: usize,
) -> Result<Vec<bool>, Mistake> {
    let words =
        |text: &str| -> Vec<String> { text.split('|').map(|w| w.trim().to_owned()).collect() };
    let wanted = words(names);
    let values: Vec<Vec<String>> = values.iter().map(|v| words(&v.value)).collect();
    for word in &wanted {
        if !values.iter().flatten().any(|w| w == word) {
            let message = format!("no value of `{}` has `{word}`", axis.name);
            let m = Mistake::new(at..end, message);
            let known = values.iter().flatten().map(String::as_str);
            return Err(match nearest(word, known) {
                Some(near) => m.help(format!("did you mean `{near}`?")),
                None => m,
            });
        }
    }
    let mask = values.iter().map(|value| match has {
        true => wanted.iter().all(|w| value.contains(w)),
        false => wanted.iter().all(|w| !value.contains(w)),
    });
    Ok(mask.collect())
}

fn of_column(
    axis: &Axis,
    column: Column,
    values: &[Spelled<ColumnValue>],
    word: &str,
    axes: &Axes,
) -> Result<Vec<bool>, Mistake> {
    if values.iter().any(Spelled::varies) {
        return Err(Mistake::new(
            0..word.len(),
            format!("the values of `{}` depend on `vary`", axis.name),
        )
        .help("put the condition on the name in `vary`"));
    }
    let values = || values.iter().map(Spelled::always);
    if let (Some((has, names, at)), Some(domain)) = (flag_test(word), column.domain()) {
        let wanted = FlagSet::parse(names, domain).map_err(|m| shifted(m, at))?;
        let mask = values().map(|v| match v {
            Some(ColumnValue::Arg(Arg::Flags(set))) if has => {
                wanted.names.iter().all(|n| set.has(n)) && set.extra & wanted.extra == wanted.extra
            }
            Some(ColumnValue::Arg(Arg::Flags(set))) => {
                wanted.names.iter().all(|n| !set.has(n)) && set.extra & wanted.extra == 0
            }
            _ => false,
        });
        return Ok(mask.collect());
    }
    let (wanted, at) = match word.strip_prefix("not ") {
        Some(rest) => (rest, 4),
        None => (word, 0),
    };
    let value = ColumnValue::spell(wanted, column).map_err(|m| shifted(m, at))?;
    let mask: Vec<bool> = values().map(|v| v == Some(&value)).collect();
    some(axis, &mask, &value.label(column), &(at..word.len()), axes)?;
    Ok(mask.iter().map(|hit| *hit != (at > 0)).collect())
}

/// `has FLAG` and `lacks FLAG`: whether it must be there, the flags, and where they begin.
fn flag_test(word: &str) -> Option<(bool, &str, usize)> {
    let has = word.strip_prefix("has ").map(|rest| (true, rest, 4));
    has.or_else(|| word.strip_prefix("lacks ").map(|rest| (false, rest, 6)))
}

fn shifted(mistake: Mistake, by: usize) -> Mistake {
    Mistake {
        span: mistake.span.start + by..mistake.span.end + by,
        ..mistake
    }
}

/// Complains unless some value is meant.
fn some(
    axis: &Axis,
    mask: &[bool],
    wanted: &str,
    span: &Range<usize>,
    axes: &Axes,
) -> Result<(), Mistake> {
    if mask.iter().any(|hit| *hit) {
        return Ok(());
    }
    let m = Mistake::new(
        span.clone(),
        format!("`{}` is never `{wanted}` in this case", axis.name),
    );
    let labels = axes.labels(axis);
    Err(match nearest(wanted, labels.iter().copied()) {
        Some(near) => m.help(format!("did you mean `{near}`?")),
        None => m.help(values_of(axis, axes)),
    })
}

fn values_of(axis: &Axis, axes: &Axes) -> String {
    let labels = axes.labels(axis);
    let mut list: Vec<String> = labels.iter().take(8).map(|l| format!("`{l}`")).collect();
    if labels.len() > 8 {
        list.push("…".to_owned());
    }
    format!("its values are {}", list.join(", "))
}
