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
    /// Whether it is known what is done, and in which combinations.
    pub is_right: bool,
}

impl Planned {
    /// Reads the list of steps under `key`; one that is not even a step is `None`.
    pub fn read_all(
        key: &str,
        fields: &Fields<'_>,
        axes: &mut Axes,
        mistakes: &mut Mistakes,
    ) -> Vec<Option<Self>> {
        let items = fields.items(key, "a list of steps", mistakes);
        let steps = items.into_iter();
        steps.map(|i| Planned::read(i, axes, mistakes)).collect()
    }

    /// The steps before the first that can't be relied on, and whether there is such a one.
    pub fn reliable(steps: Vec<Option<Self>>) -> (Vec<Self>, bool) {
        let all = steps.len();
        let right = steps.into_iter().map_while(|s| s.filter(|s| s.is_right));
        let right: Vec<Self> = right.collect();
        let whole = right.len() == all;
        (right, whole)
    }

    fn read(item: Value<'_>, axes: &mut Axes, mistakes: &mut Mistakes) -> Option<Self> {
        match item.get_ref() {
            DeValue::String(_) => {
                let text = fields::string("a step", item, mistakes)?;
                Some(Planned::plain(text, axes, mistakes))
            }
            DeValue::Table(_) => Planned::read_table(item, axes, mistakes),
            _ => {
                let wanted = "a string, or a table { step = …, when = …, expect = … }";
                mistakes.add(fields::wrong_type("a step", wanted, item));
                None
            }
        }
    }

    fn plain(text: Text, axes: &mut Axes, mistakes: &mut Mistakes) -> Self {
        let written = Spelled::new(text, (), &mut axes.vary, mistakes);
        Planned {
            is_right: written.is_right(),
            written,
            when: None,
            rules: None,
        }
    }

    fn read_table(item: Value<'_>, axes: &mut Axes, mistakes: &mut Mistakes) -> Option<Self> {
        let known = ["step", "when", "expect"];
        let fields = fields::table("a step", item, Some(&known), mistakes)?;
        let help = "{ step = 'load(map, 1)', when = …, expect = … }";
        let text = fields.required("step", help, mistakes)?;
        let mut step = Planned::plain(text, axes, mistakes);
        if let Some(value) = fields.get("when") {
            step.when = Condition::read("when", value, axes, mistakes);
            step.is_right &= step.when.is_some();
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
        let claim = rule.claim.as_ref()?;
        claim.at(&axes.vary, digits).map(Cow::into_owned)
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
