//! The steps of each combination against each other, before anything is run.
//!
//! Every combination of a case is looked at, up to 4096. Of a case that stands for more, 4096 are
//! looked at, spread evenly, and for each value of each axis the first combination that has it.
//! Each text is read with each value of the names that stand in it, however many there are.

use super::column::{CALL, Column, PAGES};
use super::plan::{Cell, Made, Origin, Plan, What};
use super::template::{Spell, Spelled};
use super::text::Mistakes;
use crate::case::check::{self, InStep};
use crate::case::step::Written;
use crate::case::{FileSpec, Mistake, Scale, Unit};
use std::borrow::Cow;
use std::ops::Range;

/// How many combinations of a case are looked at one by one.
const LOOKED_AT: usize = 4096;

/// A place that is in no step: where the claim of a rule is told to be.
const IN_RULE: Range<usize> = usize::MAX..usize::MAX;

/// Tells what is wrong with the combinations of a case; `span` is where the case begins.
pub fn verify(plan: &Plan, span: &Range<usize>, mistakes: &mut Mistakes) {
    bound_twice(plan, mistakes);
    for i in plan.product.sample(LOOKED_AT) {
        let digits = plan.product.digits(i);
        let look = Look {
            plan,
            span,
            digits: &digits,
        };
        plan.axes.check_distinct(&digits, mistakes);
        let file = plan.file(&digits);
        look.file(&file, mistakes);
        look.steps(&file, mistakes);
    }
}

/// The own call binds `map`; no step before it may.
fn bound_twice(plan: &Plan, mistakes: &mut Mistakes) {
    let binds_map = |w: &Written| w.step.bind.as_deref() == Some("map");
    for step in plan.before.iter().filter(|_| plan.maps) {
        if !step.written.any(binds_map) {
            continue;
        }
        let text = &step.written.template.text;
        let before_equals = text.value.split('=').next().unwrap_or_default().trim_end();
        let m = Mistake::new(
            0..before_equals.len(),
            "`map` is what the case's own call gives",
        );
        mistakes.add_in(text, m.help("choose another name, or say `map = false`"));
    }
}

/// One combination.
struct Look<'p> {
    plan: &'p Plan,
    span: &'p Range<usize>,
    digits: &'p [usize],
}

impl Look<'_> {
    fn steps(&self, file: &FileSpec, mistakes: &mut Mistakes) {
        let made = self.plan.steps(self.digits);
        let written: Vec<Written> = made.iter().filter_map(|m| self.written(m)).collect();
        // A step from columns prints as it is read, so that none is lost here.
        if written.len() != made.len() {
            return;
        }
        for InStep { step, mistake } in check::check(&written, file, self.plan.reckless) {
            if let (Some(made), Some(written)) = (made.get(step), written.get(step)) {
                self.complain(made, written, mistake, mistakes);
            }
        }
    }

    /// The step with all its places.
    fn written(&self, made: &Made<'_>) -> Option<Written> {
        let mut written = match &made.what {
            What::Written(written) => Cow::into_owned(written.clone()),
            What::Columns(step) => {
                let mut written = Written::parse(&step.to_string()).ok()?;
                written.step.role = step.role;
                written
            }
        };
        let from_text = matches!(made.what, What::Written(_)) && made.rule.is_none();
        if !from_text {
            written.claim = self.plan.claim(made, self.digits);
            written.claim_span = IN_RULE;
        }
        Some(written)
    }

    /// Tells a mistake where the words that it speaks of were written.
    fn complain(
        &self,
        made: &Made<'_>,
        written: &Written,
        mistake: Mistake,
        mistakes: &mut Mistakes,
    ) {
        if mistake.span == IN_RULE {
            if let Some(claim) = made.rule.and_then(|r| r.claim.as_ref()) {
                let whole = 0..claim.template.text.value.len();
                return self.tell(
                    claim,
                    Mistake {
                        span: whole,
                        ..mistake
                    },
                    mistakes,
                );
            }
        }
        match made.origin {
            Origin::Step(step) => self.tell(&step.written, mistake, mistakes),
            Origin::Open => self.tell_of_column(Some(Column::Open), mistake, mistakes),
            Origin::Own => {
                let at = written.arg_spans.iter().position(|s| *s == mistake.span);
                let column = at.and_then(|at| CALL.get(at)).copied();
                self.tell_of_column(column, mistake, mistakes);
            }
        }
    }

    fn tell<T: Spell>(&self, spelled: &Spelled<T>, mistake: Mistake, mistakes: &mut Mistakes) {
        let vary = &self.plan.axes.vary;
        spelled
            .template
            .complain(mistake, vary, self.digits, mistakes);
    }

    /// Tells a mistake in the value of a column; where the column was not stated, at the beginning
    /// of the case.
    fn tell_of_column(&self, column: Option<Column>, mistake: Mistake, mistakes: &mut Mistakes) {
        let spelled = column.and_then(|column| self.spelled(column));
        match spelled {
            Some(spelled) => {
                let whole = 0..spelled.template.text.value.len();
                self.tell(
                    spelled,
                    Mistake {
                        span: whole,
                        ..mistake
                    },
                    mistakes,
                );
            }
            None => mistakes.add(Mistake {
                span: self.span.clone(),
                ..mistake
            }),
        }
    }

    fn spelled(&self, column: Column) -> Option<&Spelled<super::column::Value>> {
        match self.plan.cells.get(column) {
            Cell::Ordinary => None,
            Cell::Fixed(spelled) => Some(spelled),
            Cell::Axis(axis) => self.plan.axes.spelled(*axis, self.digits),
        }
    }

    /// The content must fit the size.
    fn file(&self, file: &FileSpec, mistakes: &mut Mistakes) {
        for page in PAGES {
            let scale = Scale::ordinary(page);
            let Ok(size) = file.size.value(&scale, i64::MAX.into(), &|_| None) else {
                continue;
            };
            let eof = |unit: &Unit| (*unit == Unit::Eof).then_some(size);
            let wrong = match file.content.len(&scale, &eof) {
                Ok(n) if n > size => "the content is longer than the file's size",
                Ok(_) => continue,
                Err(_) => "the content is longer than a file can be",
            };
            let m = Mistake::new(0..0, wrong).help(format!("the size here is {}", file.size));
            return self.tell_of_column(Some(Column::Content), m, mistakes);
        }
    }
}
