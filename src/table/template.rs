//! Texts with `$names`, and what they say once the names are replaced.

use super::product::COMBINATIONS_MAX;
use super::text::{Mistakes, Text};
use crate::case::mistake::nearest;
use crate::case::step::Written;
use crate::case::{Claim, Mistake, Quantity};
use std::borrow::Cow;
use std::ops::Range;

/// What can be read from a text.
pub trait Spell: Sized + Clone {
    /// What must be known to read it.
    type By: Copy;
    /// Reads it.
    fn spell(text: &str, by: Self::By) -> Result<Self, Mistake>;
}

impl Spell for Written {
    type By = ();
    fn spell(text: &str, (): ()) -> Result<Self, Mistake> {
        Written::parse(text)
    }
}

impl Spell for Claim {
    type By = ();
    fn spell(text: &str, (): ()) -> Result<Self, Mistake> {
        Claim::parse(text)
    }
}

/// An axis of `vary`.
#[derive(Debug, Clone)]
pub struct Vary {
    /// Its name.
    pub name: Text,
    /// Its values.
    pub values: Vec<Text>,
    /// Which axis of the case it is.
    pub axis: usize,
    /// Whether something depends on it.
    pub used: bool,
    /// Whether its values stand in ids; those that move together with it do not.
    pub leads: bool,
}

/// A text with names in it.
#[derive(Debug, Clone)]
pub struct Template {
    /// As it is written.
    pub text: Text,
    /// Each `$name`: where it is, and which of the names.
    names: Vec<(Range<usize>, usize)>,
}

/// A text with its names replaced, and where its parts came from.
struct Filled {
    text: String,
    /// For each name: its span in the filled text and which one of the template's it is.
    parts: Vec<(Range<usize>, usize)>,
}

impl Template {
    /// Finds the names in a text; unknown ones are mistakes.
    pub fn new(text: Text, vary: &mut [Vary], mistakes: &mut Mistakes) -> Self {
        let mut names = Vec::new();
        for span in dollars(&text.value) {
            let word = text.value.get(span.start + 1..span.end).unwrap_or_default();
            match vary.iter().position(|v| v.name.value == word) {
                Some(at) => {
                    if let Some(found) = vary.get_mut(at) {
                        found.used = true;
                    }
                    names.push((span, at));
                }
                None => {
                    let known = vary.iter().map(|v| v.name.value.as_str());
                    let m = Mistake::new(span, format!("`vary` has no `{word}`"));
                    mistakes.add_in(
                        &text,
                        match nearest(word, known) {
                            Some(near) => m.help(format!("did you mean `${near}`?")),
                            None => m.help(format!("add it: vary = {{ {word} = [\"…\"] }}")),
                        },
                    );
                }
            }
        }
        Template { text, names }
    }

    /// The names that it uses, each once.
    fn uses(&self) -> Vec<usize> {
        let mut uses: Vec<usize> = self.names.iter().map(|(_, v)| *v).collect();
        uses.sort_unstable();
        uses.dedup();
        uses
    }

    fn fill(&self, vary: &[Vary], digits: &[usize]) -> Filled {
        let text = &self.text.value;
        let mut filled = Filled {
            text: String::with_capacity(text.len()),
            parts: Vec::new(),
        };
        let mut from = 0;
        for (i, (span, v)) in self.names.iter().enumerate() {
            filled
                .text
                .push_str(text.get(from..span.start).unwrap_or_default());
            let value = value_of(vary, *v, digits).map_or("", |t| &t.value);
            // `2page - $n` takes away all of `1page + 1`.
            let whole = filled.text.trim_end().ends_with(['-', '*']) && is_sum(value);
            if whole {
                filled.text.push('(');
            }
            let start = filled.text.len();
            filled.text.push_str(value);
            filled.parts.push((start..filled.text.len(), i));
            if whole {
                filled.text.push(')');
            }
            from = span.end;
        }
        filled.text.push_str(text.get(from..).unwrap_or_default());
        filled
    }

    /// Tells a mistake whose span counts in the filled text.
    pub fn complain(
        &self,
        mistake: Mistake,
        vary: &[Vary],
        digits: &[usize],
        mistakes: &mut Mistakes,
    ) {
        let filled = self.fill(vary, digits);
        let start = self.unfill(mistake.span.start, &filled, false);
        let end = self.unfill(mistake.span.end, &filled, true).max(start);
        let touched = filled.parts.iter().find(|(part, _)| {
            part.start < mistake.span.end.max(mistake.span.start + 1)
                && mistake.span.start < part.end
        });
        let value = touched
            .and_then(|(_, i)| self.names.get(*i))
            .and_then(|(_, v)| value_of(vary, *v, digits));
        let place = self.text.place(start..end);
        let mistake = Mistake {
            span: place,
            ..mistake
        };
        match value {
            Some(value) => mistakes.add_beside(mistake, value.span.clone(), "with this value"),
            None => mistakes.add(mistake),
        }
    }

    /// The place in the template of a place in the filled text.
    fn unfill(&self, at: usize, filled: &Filled, is_end: bool) -> usize {
        let mut shift: isize = 0;
        for ((name, _), (part, _)) in self.names.iter().zip(&filled.parts) {
            if at < part.start || (is_end && at == part.start) {
                break;
            }
            if at < part.end || (is_end && at == part.end) {
                return if is_end { name.end } else { name.start };
            }
            shift = name.end as isize - part.end as isize;
        }
        at.saturating_add_signed(shift)
    }
}

/// Whether a value is a quantity of more than one part.
fn is_sum(value: &str) -> bool {
    value.contains(['+', '-']) && Quantity::parse(value).is_ok()
}

fn value_of<'v>(vary: &'v [Vary], which: usize, digits: &[usize]) -> Option<&'v Text> {
    let axis = vary.get(which)?;
    axis.values.get(*digits.get(axis.axis)?)
}

/// Where each `$name` of a text is.
fn dollars(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = bytes.iter().skip(at).position(|b| *b == b'$') {
        let start = at + offset;
        let word = bytes.iter().skip(start + 1);
        let len = word
            .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'_')
            .count();
        at = start + 1 + len;
        if bytes.get(start + 1).is_some_and(u8::is_ascii_lowercase) {
            found.push(start..at);
        }
    }
    found
}

/// A text that is read once for each value of its names.
#[derive(Debug, Clone)]
pub struct Spelled<T: Spell> {
    /// The text.
    pub template: Template,
    by: T::By,
    /// The names that it uses: which axis, and how many values that has.
    uses: Vec<(usize, usize)>,
    kept: Kept<T>,
}

#[derive(Debug, Clone)]
enum Kept<T> {
    /// What it says for each combination of the names, the last turning fastest.
    All(Vec<T>),
    /// There are too many to keep; the text is read where it is asked for. This is the first.
    First(Box<T>),
    /// It can't be read; the mistakes are told.
    Wrong,
}

/// Texts with more values than this are read anew each time, so that a great table stays small.
const KEPT_MAX: usize = 4096;

impl<T: Spell> Spelled<T> {
    /// Reads the text with every value of its names; tells each mistake.
    pub fn new(text: Text, by: T::By, vary: &mut [Vary], mistakes: &mut Mistakes) -> Self {
        let before = mistakes.count();
        let template = Template::new(text, vary, mistakes);
        let mut uses: Vec<(usize, usize)> = template
            .uses()
            .into_iter()
            .filter_map(|v| vary.get(v).map(|v| (v.axis, v.values.len())))
            .collect();
        // Names that move together are one axis.
        uses.sort_unstable();
        uses.dedup();
        let mut spelled = Spelled {
            template,
            by,
            uses,
            kept: Kept::Wrong,
        };
        if mistakes.count() == before {
            spelled.kept = spelled.read_all(vary, mistakes);
        }
        spelled
    }

    fn read_all(&self, vary: &[Vary], mistakes: &mut Mistakes) -> Kept<T> {
        let mut sizes = self.uses.iter().map(|(_, n)| *n);
        let total = sizes.try_fold(1usize, |t, n| t.checked_mul(n));
        // A greater product is told as a mistake of the whole case.
        let Some(total) = total.filter(|t| *t <= COMBINATIONS_MAX) else {
            return Kept::Wrong;
        };
        let mut all = Vec::new();
        let mut digits = vec![
            0;
            self.uses
                .iter()
                .map(|(axis, _)| axis + 1)
                .max()
                .unwrap_or(0)
        ];
        let mut wrong = 0;
        for at in 0..total {
            let mut rest = at;
            for (axis, n) in self.uses.iter().rev() {
                if let Some(digit) = digits.get_mut(*axis) {
                    *digit = rest % n;
                }
                rest /= n;
            }
            match T::spell(&self.template.fill(vary, &digits).text, self.by) {
                Ok(read) if total <= KEPT_MAX || all.is_empty() => all.push(read),
                Ok(_) => {}
                Err(m) => {
                    self.template.complain(m, vary, &digits, mistakes);
                    wrong += 1;
                    if wrong == WRONG_MAX {
                        break;
                    }
                }
            }
        }
        match all.pop() {
            Some(first) if wrong == 0 && total > KEPT_MAX => Kept::First(Box::new(first)),
            Some(last) if wrong == 0 => {
                all.push(last);
                Kept::All(all)
            }
            _ => Kept::Wrong,
        }
    }

    /// What it says in a combination; `None` where it can't be read.
    pub fn at(&self, vary: &[Vary], digits: &[usize]) -> Option<Cow<'_, T>> {
        match &self.kept {
            Kept::All(all) => {
                let mut at = 0;
                for (axis, n) in &self.uses {
                    at = at * n + digits.get(*axis)?;
                }
                all.get(at).map(Cow::Borrowed)
            }
            Kept::First(_) => {
                let text = self.template.fill(vary, digits).text;
                T::spell(&text, self.by).ok().map(Cow::Owned)
            }
            Kept::Wrong => None,
        }
    }

    /// What it says, where it says the same in every combination.
    pub fn always(&self) -> Option<&T> {
        match &self.kept {
            Kept::All(all) if self.uses.is_empty() => all.first(),
            _ => None,
        }
    }

    /// Whether something holds of what it says in some combination; where that is not kept, of
    /// the text with the first values.
    pub fn any(&self, holds: impl Fn(&T) -> bool) -> bool {
        match &self.kept {
            Kept::All(all) => all.iter().any(holds),
            Kept::First(first) => holds(first),
            Kept::Wrong => false,
        }
    }

    /// Whether it depends on `vary`.
    pub fn varies(&self) -> bool {
        !self.uses.is_empty()
    }

    /// Whether it can be read.
    pub fn is_right(&self) -> bool {
        !matches!(self.kept, Kept::Wrong)
    }
}

/// One text is wrong with so many values at most; more would say nothing new.
const WRONG_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_small_letter() {
        assert_eq!(dollars("load($a, $b1_c) \"$5 $X $\""), [5..7, 9..14]);
        assert_eq!(dollars("$$a $b"), [1..3, 4..6]);
    }
}
