//! Rules: what is claimed in which combination.

use super::axis::Axes;
use super::condition::Condition;
use super::fields::{self, Value};
use super::product::Product;
use super::template::Spelled;
use super::text::{Mistakes, Text};
use crate::case::{Claim, Mistake};
use std::ops::Range;
use toml::de::DeValue;

/// A claim, and where it is made.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The combinations that it fits; all where there is none.
    when: Option<Condition>,
    /// What is claimed; `None` where the table says that nothing is.
    pub claim: Option<Spelled<Claim>>,
    /// Where it stands.
    span: Range<usize>,
}

/// Rules, of which the first that fits wins.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    span: Range<usize>,
}

impl Rules {
    /// Reads a claim, or a list of `{ when = …, is = "claim" }`.
    pub fn read(
        key: &str,
        value: Value<'_>,
        axes: &mut Axes,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let wanted = "a claim, or a list of rules { when = …, is = \"claim\" }";
        let rules = match value.get_ref() {
            DeValue::String(_) => {
                let text = fields::string(key, value, mistakes)?;
                vec![Rule {
                    when: None,
                    span: text.span.clone(),
                    claim: claim_of(text, axes, mistakes),
                }]
            }
            DeValue::Array(items) => {
                let mut rules = Vec::new();
                for item in items.iter() {
                    if item.get_ref().is_str() {
                        let m =
                            Mistake::new(item.span(), "a rule is a table, and this is a string");
                        mistakes.add(m.help("several outcomes are one claim: \"EINVAL | ENODEV\""));
                        rules.push(None);
                        continue;
                    }
                    rules.push(Rule::read(item, axes, mistakes));
                }
                if items.is_empty() {
                    let m = Mistake::new(value.span(), format!("`{key}` has no rule"));
                    mistakes.add(m);
                }
                rules.into_iter().collect::<Option<Vec<Rule>>>()?
            }
            _ => {
                mistakes.add(fields::wrong_type(&format!("`{key}`"), wanted, value));
                return None;
            }
        };
        Some(Rules {
            rules,
            span: value.span(),
        })
    }

    /// The rule that wins in a combination.
    pub fn pick(&self, digits: &[usize]) -> Option<&Rule> {
        self.rules
            .iter()
            .find(|r| r.when.as_ref().is_none_or(|w| w.holds(digits)))
    }

    /// Where it is said that nothing is claimed.
    pub fn unclaimed(&self) -> impl Iterator<Item = &Range<usize>> {
        let rules = self.rules.iter().filter(|r| r.claim.is_none());
        rules.map(|r| &r.span)
    }

    /// Tells the rules that never win, and the combinations that none fits, among those where the
    /// call is made.
    pub fn survey(
        &self,
        product: &Product,
        axes: &Axes,
        made: impl Fn(&[usize]) -> bool,
        mistakes: &mut Mistakes,
    ) {
        // Nothing can be wrong with one claim for all; of none, the mistake is told already.
        if matches!(self.rules.as_slice(), [] | [Rule { when: None, .. }]) {
            return;
        }
        let mut wins = vec![false; self.rules.len()];
        let mut fits = vec![false; self.rules.len()];
        let mut without = Vec::new();
        let mut missed = 0usize;
        product.each(|digits| {
            if !made(digits) {
                return;
            }
            let mut won = false;
            for (i, rule) in self.rules.iter().enumerate() {
                // Once a rule has won somewhere, nothing more is asked of it.
                if won && fits[i] {
                    continue;
                }
                if rule.when.as_ref().is_none_or(|w| w.holds(digits)) {
                    fits[i] = true;
                    wins[i] |= !won;
                    won = true;
                }
            }
            if !won {
                missed += 1;
                if without.is_empty() {
                    without = digits.to_vec();
                }
            }
        });
        for ((rule, won), fitted) in self.rules.iter().zip(wins).zip(fits) {
            if !won {
                mistakes.add(rule.never(fitted));
            }
        }
        if missed > 0 {
            let mut message = format!("no rule fits {}", axes.suffix(&without));
            if missed > 1 {
                message.push_str(&format!(" and {} more", missed - 1));
            }
            let m = Mistake::new(self.span.clone(), message);
            mistakes.add(m.help("a last rule without `when` takes all that is left"));
        }
    }
}

/// The word for a claim that is not made.
const UNCLAIMED: &str = "unclaimed";

fn claim_of(text: Text, axes: &mut Axes, mistakes: &mut Mistakes) -> Option<Spelled<Claim>> {
    (text.value != UNCLAIMED).then(|| Spelled::new(text, (), &mut axes.vary, mistakes))
}

impl Rule {
    fn read(item: Value<'_>, axes: &mut Axes, mistakes: &mut Mistakes) -> Option<Self> {
        let fields = fields::table("a rule", item, Some(&["when", "is"]), mistakes)?;
        let when = fields.get("when");
        let when = when.map(|value| Condition::read("when", value, axes, mistakes));
        let help = "{ when = …, is = \"EINVAL\" }";
        let claim = fields.required("is", help, mistakes)?;
        let claim = claim_of(claim, axes, mistakes);
        Some(Rule {
            when: match when {
                Some(read) => Some(read?),
                None => None,
            },
            claim,
            span: item.span(),
        })
    }

    fn never(&self, fitted: bool) -> Mistake {
        let why = if fitted {
            "the rules before it take every combination that it fits"
        } else {
            "no combination that is left fits it"
        };
        Mistake::new(self.span.clone(), format!("this rule never wins: {why}"))
    }
}
