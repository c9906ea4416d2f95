//! The steps of a case as the table gives them: with names to be replaced, and left out where they
//! don't fit.

use super::axis::Axes;
use super::condition::Condition;
use super::fields::{self, Fields, Value};
use super::product::Product;
use super::rules::{Rule, Rules};
use super::template::Spelled;
use super::text::{Mistakes, Text};
use crate::case::step::Written;
use crate::case::{Claim, Mistake};
use std::borrow::Cow;
use toml::de::DeValue;

/// One step of `before` or `then`.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its text.
    pub written: Spelled<Written>,
    /// The combinations in which it is made.
    pub when: Option<Condition>,
    /// Its claim by rules, instead of one in the text.
    pub rules: Option<Rules>,
}

impl Planned {
    /// Reads the list of steps under `key`.
    pub fn read_all(
        key: &str,
        fields: &Fields<'_>,
        axes: &mut Axes,
        mistakes: &mut Mistakes,
    ) -> Vec<Self> {
        let mut steps = Vec::new();
        for item in fields.items(key, "a list of steps", mistakes) {
            steps.extend(Planned::read(item, axes, mistakes));
        }
        steps
    }

    fn read(item: Value<'_>, axes: &mut Axes, mistakes: &mut Mistakes) -> Option<Self> {
        let plain = |text: Text, axes: &mut Axes, mistakes: &mut Mistakes| Planned {
            written: Spelled::new(text, (), &mut axes.vary, mistakes),
            when: None,
            rules: None,
        };
        if !matches!(item.get_ref(), DeValue::Table(_)) {
            let text = match item.get_ref() {
                DeValue::String(_) => fields::string("a step", item, mistakes)?,
                _ => {
                    let wanted = "a string, or a table { step = …, when = …, expect = … }";
                    mistakes.add(fields::wrong_type("a step", wanted, item));
                    return None;
                }
            };
            return Some(plain(text, axes, mistakes));
        }
        let known = ["step", "when", "expect"];
        let fields = fields::table("a step", item, Some(&known), mistakes)?;
        let help = "{ step = 'load(map, 1)', when = …, expect = … }";
        let text = fields.required("step", help, mistakes)?;
        let mut step = plain(text, axes, mistakes);
        if let Some(value) = fields.get("when") {
            step.when = Condition::read("when", value, axes, mistakes);
            // What chooses between steps is used as much as what stands in them.
            for axis in step.when.iter().flat_map(Condition::axes) {
                for vary in axes.vary.iter_mut().filter(|v| v.axis == axis) {
                    vary.used = true;
                }
            }
        }
        if let Some(value) = fields.get("expect") {
            step.rules = Rules::read("expect", value, axes, mistakes);
            let claimed = step.written.any(|w| w.claim.is_some());
            if claimed {
                let span = fields.key_span("expect").unwrap_or_else(|| value.span());
                let m = Mistake::new(span, "this step has a claim in its text already");
                mistakes.add(m.help("claim it in one place"));
            }
        }
        Some(step)
    }

    /// Whether it is made in a combination.
    pub fn is_made(&self, digits: &[usize]) -> bool {
        self.when.as_ref().is_none_or(|w| w.holds(digits))
    }

    /// Whether it claims something, somewhere.
    pub fn claims(&self) -> bool {
        self.rules.is_some() || self.written.any(|w| w.claim.is_some())
    }

    /// The step in a combination, and the rule that gives its claim, if it is a rule that does.
    pub fn at(&self, axes: &Axes, digits: &[usize]) -> Option<(Cow<'_, Written>, Option<&Rule>)> {
        let written = self.written.at(&axes.vary, digits)?;
        Some((written, self.rules.as_ref().and_then(|r| r.pick(digits))))
    }

    /// The claim of a rule in a combination.
    pub fn claim(rule: &Rule, axes: &Axes, digits: &[usize]) -> Option<Claim> {
        rule.claim.at(&axes.vary, digits).map(Cow::into_owned)
    }

    /// Whether all of it can be read.
    pub fn is_right(&self) -> bool {
        self.written.is_right() && self.rules.as_ref().is_none_or(Rules::are_right)
    }

    /// Tells what is wrong with its rules, and whether it is ever made.
    pub fn survey(&self, product: &Product, axes: &Axes, mistakes: &mut Mistakes) {
        if let Some(rules) = &self.rules {
            rules.survey(product, axes, |d| self.is_made(d), mistakes);
        }
        if let Some(when) = &self.when {
            let mut made = false;
            product.each(|digits| made |= when.holds(digits));
            if !made {
                let m = Mistake::new(when.span.clone(), "this step is never made");
                mistakes.add(m.help("the combinations that it fits are excluded"));
            }
        }
    }
}
