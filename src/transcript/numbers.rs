//! How numbers are told: as one of the case's own quantities where one has that value, else in
//! pages and bytes. What came of a case then reads the same on each page size.

use crate::case::step::Arg;
use crate::case::{Bytes, Content, Program, Quantity, Scale, Unit};
use std::cell::OnceCell;

/// Numbers below this are printed plainly: they are counts, not sizes.
const COUNT_MAX: i128 = 64;

/// Tells the numbers of one case.
#[derive(Debug)]
pub struct Numbers<'a> {
    program: &'a Program,
    scale: &'a Scale,
    eof: u64,
    /// The case's own quantities that do not depend on names, with their values.
    known: OnceCell<Vec<(i128, Quantity)>>,
}

impl<'a> Numbers<'a> {
    /// The numbers of `program`, whose file has `eof` bytes.
    pub fn new(program: &'a Program, scale: &'a Scale, eof: u64) -> Self {
        Numbers {
            program,
            scale,
            eof,
            known: OnceCell::new(),
        }
    }

    /// What a quantity without names is worth.
    pub fn evaluate(&self, q: &Quantity) -> Option<i128> {
        let eof = i128::from(self.eof);
        q.value(self.scale, self.scale.word_max(), &|unit| {
            (*unit == Unit::Eof).then_some(eof)
        })
        .ok()
    }

    /// A number as one of the case's own quantities, else in pages and bytes.
    pub fn number(&self, n: i128) -> Quantity {
        if (-COUNT_MAX..COUNT_MAX).contains(&n) {
            return Quantity::bytes(n);
        }
        let known = self.known.get_or_init(|| self.quantities());
        match known.iter().find(|(value, _)| *value == n) {
            Some((_, q)) => q.clone(),
            None => Quantity::in_pages(n, self.scale),
        }
    }

    /// The byte that lies `from_asked` bytes behind the address `asked`, in the terms of that
    /// address: its name, and how far from there. `None` where it starts from no name.
    pub fn relative(&self, asked: &Quantity, from_asked: i128) -> Option<Quantity> {
        let (base, rest) = asked.split_base();
        let offset = self.evaluate(&rest).unwrap_or(0) + from_asked;
        Some(Quantity::name(base?).plus(&self.number(offset)))
    }

    /// Bytes in the notation.
    pub fn bytes(&self, content: &Content) -> Bytes {
        content.notation(&|n| self.number(n.into()))
    }

    fn quantities(&self) -> Vec<(i128, Quantity)> {
        let size = &self.program.file.size;
        let mut found = Vec::new();
        let mut add = |q: &Quantity| {
            // An address is told by its name, and `max` means another value in each argument.
            if q.names().next().is_none() && !q.uses(&Unit::Max) {
                let q = q.with_eof(size);
                if let Some(value) = self.evaluate(&q) {
                    found.push((value, q));
                }
            }
        };
        add(size);
        let mut of_bytes = |b: &Bytes| b.chunks.iter().for_each(|c| add(&c.times));
        of_bytes(&self.program.file.content);
        for arg in self.program.steps.iter().flat_map(|s| &s.args) {
            if let Arg::Bytes(b) = arg {
                of_bytes(b);
            }
        }
        for arg in self.program.steps.iter().flat_map(|s| &s.args) {
            if let Arg::Quantity(q) = arg {
                add(q);
            }
        }
        // Units first: where `1page` and `4096` are both in the case, the former holds elsewhere.
        found.sort_by_key(|(_, q)| q.is_plain());
        found
    }
}
