//! A `[[case]]` of a table: one case, or the product that it stands for.

use super::axis::Found;
use super::plan::Plan;
use crate::case::{Case, Ground, Need};
use crate::snapshot::Across;
use std::sync::Arc;

/// The cases that one `[[case]]` stands for. They are made when they are asked for, so that a
/// million of them take no room.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) stem: Arc<str>,
    pub(super) path: Arc<str>,
    pub(super) name: String,
    pub(super) why: String,
    pub(super) cite: Vec<String>,
    pub(super) needs: Vec<Need>,
    pub(super) was: Vec<String>,
    pub(super) line: usize,
    pub(super) apart: Option<String>,
    pub(super) is_grid: bool,
    pub(super) plan: Plan,
}

impl Group {
    /// Its name, unique in the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the ids of all its cases begin with.
    pub fn whole_name(&self) -> String {
        format!("{}::{}", self.stem, self.name)
    }

    /// The rule in a sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Where the rule stands: its own citations, or the table's.
    pub fn cite(&self) -> &[String] {
        &self.cite
    }

    /// All that the machine must be able to do, for any of its cases.
    pub fn needs(&self) -> impl Iterator<Item = &Need> {
        self.needs
            .iter()
            .chain(self.plan.needs.iter().map(|(_, n)| n))
    }

    /// What the machine must be able to do for the case number `i`.
    pub fn needs_of(&self, i: usize) -> Vec<&Need> {
        let mut needs: Vec<&Need> = self.needs.iter().collect();
        if !self.plan.needs.is_empty() {
            needs.extend(self.plan.needs(&self.plan.product.digits(i)));
        }
        needs
    }

    /// Whether it is a grid, whose record is a table of symbols.
    pub fn is_grid(&self) -> bool {
        self.is_grid
    }

    /// On what its file lies.
    pub fn ground(&self) -> Ground {
        self.plan.on
    }

    /// Whether its cases wait long and do nothing.
    pub fn waits(&self) -> bool {
        self.plan.waits()
    }

    /// The ids that it had before.
    pub fn was(&self) -> &[String] {
        &self.was
    }

    /// The table's file, as it is shown to people.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the table where it begins, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// How many cases it stands for, without those that it excludes; at least one.
    pub fn len(&self) -> usize {
        self.plan.product.len()
    }

    /// Whether it stands for no case, which never happens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a product: its cases have ids with brackets.
    pub fn is_product(&self) -> bool {
        !self.plan.axes.axes.is_empty()
    }

    /// The names of the axes, in the order in which ids list them.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.plan.axes.axes.iter().map(|a| a.name.as_str())
    }

    /// Why its calls can't be made to succeed by setting right what is wrong with them, where the
    /// table says that they can't.
    pub fn apart(&self) -> Option<&str> {
        self.apart.as_deref()
    }

    /// Whether its calls may be wrong in two ways.
    pub fn is_pair(&self) -> bool {
        self.plan.pair
    }

    /// How many values each axis has.
    pub fn sizes(&self) -> Vec<usize> {
        self.plan.axes.sizes()
    }

    /// Which value of each axis the case number `i` has, which is less than [`Group::len`].
    pub fn digits(&self, i: usize) -> Vec<usize> {
        self.plan.product.digits(i)
    }

    /// The number of the case with these values, if it is not excluded.
    pub fn number(&self, digits: &[usize]) -> Option<usize> {
        self.plan.product.number(digits)
    }

    /// Where each step of the case number `i` was written: the same number for the same line of
    /// the table.
    pub fn places(&self, i: usize) -> Vec<usize> {
        self.plan.places(&self.plan.product.digits(i))
    }

    /// What runs across the record of a grid: its last axis.
    pub fn across(&self) -> Option<Across> {
        let axes = &self.plan.axes;
        let axis = axes.axes.last()?;
        let values = axes.labels(axis).into_iter().map(str::to_owned);
        Some(Across {
            axis: axis.name.clone(),
            values: values.collect(),
        })
    }

    /// The id of the case number `i`, which is less than [`Group::len`].
    pub fn id(&self, i: usize) -> String {
        self.id_of(&self.plan.product.digits(i))
    }

    fn id_of(&self, digits: &[usize]) -> String {
        let mut id = String::with_capacity(self.stem.len() + self.name.len() + 64);
        id.push_str(&self.stem);
        id.push_str("::");
        id.push_str(&self.name);
        self.plan.axes.add_suffix(digits, &mut id);
        id
    }

    /// The case number `i`, which is less than [`Group::len`].
    pub fn case(&self, i: usize) -> Case {
        let digits = self.plan.product.digits(i);
        let (program, claims) = self.plan.program(&digits);
        Case {
            id: self.id_of(&digits),
            program,
            claims,
            needs: self
                .needs
                .iter()
                .chain(self.plan.needs(&digits))
                .cloned()
                .collect(),
            is_grid: self.is_grid,
            is_unclaimed: self.plan.is_unclaimed(&digits),
            why: self.why.clone(),
            cite: self.cite.clone(),
            file: self.path.to_string(),
            line: self.line,
        }
    }

    /// The number of the case with this id, if it is one of these.
    pub fn find(&self, id: &str) -> Option<usize> {
        let rest = id.strip_prefix(&*self.stem)?.strip_prefix("::")?;
        let rest = rest.strip_prefix(self.name.as_str())?;
        if !(rest.is_empty() || rest.starts_with('[')) {
            return None;
        }
        let digits = match self.plan.axes.digits(rest) {
            Found::One(digits) => digits,
            Found::None => return None,
            Found::Unsure => return (0..self.len()).find(|i| self.id(*i) == id),
        };
        self.plan.product.number(&digits)
    }
}
