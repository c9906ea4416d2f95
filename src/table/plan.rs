//! What a case of a table stands for, put together on demand.

use super::axis::Axes;
use super::column::{CALL, COLUMNS, Column, Value};
use super::planned::Planned;
use super::product::Product;
use super::rules::{Rule, Rules};
use super::template::Spelled;
use crate::case::bytes::Bytes;
use crate::case::call;
use crate::case::claim::{Claim, Expect};
use crate::case::step::Written;
use crate::case::{Arg, End, Fd, FileSpec, Program, Quantity, Role, Step};
use std::borrow::Cow;

/// Where a column has its value from.
#[derive(Debug, Clone)]
pub enum Cell {
    /// The case does not say: the ordinary value.
    Ordinary,
    /// One text.
    Fixed(Box<Spelled<Value>>),
    /// The axis of this number.
    Axis(usize),
}

/// The columns of a case.
#[derive(Debug, Clone)]
pub struct Cells {
    /// In the order of [`COLUMNS`].
    cells: Vec<Cell>,
    /// Whether all values of those that are arguments of the own call can be read.
    pub call_is_right: bool,
}

impl Cells {
    /// These columns; `None` where it can't be told what file the case has, since every step may
    /// speak of its size.
    pub fn new(cells: Vec<Cell>, axes: &Axes) -> Option<Self> {
        let mut call_is_right = true;
        for (column, cell) in COLUMNS.iter().zip(&cells) {
            let right = match cell {
                Cell::Ordinary => true,
                Cell::Fixed(spelled) => spelled.is_right(),
                Cell::Axis(axis) => axes.is_right(*axis),
            };
            if !right && column.is_of_file() {
                return None;
            }
            call_is_right &= right || !CALL.contains(column);
        }
        Some(Cells {
            cells,
            call_is_right,
        })
    }

    /// Where a column has its value from.
    pub fn get(&self, column: Column) -> &Cell {
        let at = COLUMNS.iter().position(|c| *c == column);
        let cell = at.and_then(|at| self.cells.get(at));
        cell.unwrap_or(&Cell::Ordinary)
    }
}

/// All that makes the combinations of one `[[case]]`.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What they differ in.
    pub axes: Axes,
    /// Which there are.
    pub product: Product,
    /// The columns.
    pub cells: Cells,
    /// Whether there is an own call.
    pub maps: bool,
    /// The claim of the own call.
    pub expect: Option<Rules>,
    /// The steps before the own call.
    pub before: Vec<Planned>,
    /// The steps after it.
    pub then: Vec<Planned>,
    /// What a signal does.
    pub end: End,
    /// Whether the harness may be hit.
    pub reckless: bool,
    /// Whether it needs the rights of root.
    pub root: bool,
}

/// Where a step of a combination was written.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'p> {
    /// In the column `open`.
    Open,
    /// In the columns.
    Own,
    /// In `before` or `then`.
    Step(&'p Planned),
}

/// A step of a combination.
pub struct Made<'p> {
    /// Where it was written.
    pub origin: Origin<'p>,
    /// What is done.
    pub what: What<'p>,
    /// The rule that gives its claim, if one does.
    pub rule: Option<&'p Rule>,
}

/// What a step of a combination is.
pub enum What<'p> {
    /// It was made from columns.
    Columns(Step),
    /// It was written.
    Written(Cow<'p, Written>),
}

impl Plan {
    /// The value of a column.
    pub fn value(&self, column: Column, digits: &[usize]) -> Value {
        let stated = match self.cells.get(column) {
            Cell::Fixed(spelled) => spelled.at(&self.axes.vary, digits),
            Cell::Axis(axis) => self.axes.value(*axis, digits),
            Cell::Ordinary => None,
        };
        if let Some(value) = stated {
            return value.into_owned();
        }
        let arg = |column| self.value(column, digits).arg();
        match (column.ordinary(), column) {
            (Some(value), _) => value,
            (None, Column::Fd) => Value::Arg(Column::ordinary_fd(&arg(Column::Flags))),
            (None, _) => Value::Arg(Column::ordinary_length(&arg(Column::Fd))),
        }
    }

    /// The steps of a combination.
    pub fn steps(&self, digits: &[usize]) -> Vec<Made<'_>> {
        let mut steps = Vec::with_capacity(self.before.len() + self.then.len() + 2);
        self.add_planned(&self.before, digits, &mut steps);
        if self.maps {
            steps.push(Made {
                origin: Origin::Own,
                what: What::Columns(self.own(digits)),
                rule: self.expect.as_ref().and_then(|r| r.pick(digits)),
            });
        }
        self.add_planned(&self.then, digits, &mut steps);
        if steps.iter().any(|s| uses_file(s.what.args())) {
            let open = Made {
                origin: Origin::Open,
                what: What::Columns(self.open(digits)),
                rule: None,
            };
            steps.insert(0, open);
        }
        steps
    }

    fn add_planned<'p>(
        &'p self,
        planned: &'p [Planned],
        digits: &[usize],
        steps: &mut Vec<Made<'p>>,
    ) {
        for step in planned.iter().filter(|s| s.is_made(digits)) {
            if let Some((written, rule)) = step.at(&self.axes, digits) {
                steps.push(Made {
                    origin: Origin::Step(step),
                    what: What::Written(written),
                    rule,
                });
            }
        }
    }

    fn own(&self, digits: &[usize]) -> Step {
        Step {
            actor: "main".to_owned(),
            bind: Some("map".to_owned()),
            call: named("mmap"),
            args: CALL.map(|c| self.value(c, digits).arg()).into(),
            role: Role::Own,
            asks: Vec::new(),
        }
    }

    fn open(&self, digits: &[usize]) -> Step {
        open_file(self.value(Column::Open, digits).arg())
    }

    /// The file of a combination.
    pub fn file(&self, digits: &[usize]) -> FileSpec {
        FileSpec {
            size: match self.value(Column::Size, digits) {
                Value::Arg(Arg::Quantity(q)) => q,
                _ => Quantity::default(),
            },
            content: match self.value(Column::Content, digits) {
                Value::Arg(Arg::Bytes(b)) => b,
                _ => Bytes::default(),
            },
        }
    }

    /// What is claimed of a step.
    pub fn claim(&self, made: &Made<'_>, digits: &[usize]) -> Option<Claim> {
        if let Some(rule) = made.rule {
            return Planned::claim(rule, &self.axes, digits);
        }
        match (&made.what, made.origin) {
            (What::Written(written), _) => written.claim.clone(),
            // What comes after the call can only be claimed of a call that succeeds.
            (_, Origin::Own) => Some(Claim {
                any_of: vec![Expect::Ok],
            }),
            _ => None,
        }
    }

    /// What is run in a combination, and what is claimed of each step.
    pub fn program(&self, digits: &[usize]) -> (Program, Vec<Option<Claim>>) {
        let made = self.steps(digits);
        let claims: Vec<_> = made.iter().map(|m| self.claim(m, digits)).collect();
        let steps = made.into_iter().zip(&claims).map(|(made, claim)| Step {
            asks: Step::asked(claim.as_ref()),
            ..made.what.into_step()
        });
        let steps = steps.collect();
        let via = match self.value(Column::Via, digits) {
            Value::Door(door) => door,
            Value::Arg(_) => None,
        };
        let program = Program {
            file: self.file(digits),
            via,
            end: self.end,
            die_at: None,
            reckless: self.reckless,
            root: self.root,
            steps,
        };
        (program, claims)
    }
}

impl What<'_> {
    /// The arguments of the step.
    pub fn args(&self) -> &[Arg] {
        match self {
            What::Columns(step) => &step.args,
            What::Written(written) => &written.step.args,
        }
    }

    fn into_step(self) -> Step {
        match self {
            What::Columns(step) => step,
            What::Written(Cow::Borrowed(written)) => written.step.clone(),
            What::Written(Cow::Owned(written)) => written.step,
        }
    }
}

/// Whether one of these is the descriptor `file`.
pub fn uses_file(args: &[Arg]) -> bool {
    args.iter()
        .any(|a| matches!(a, Arg::Fd(Fd::Name(n)) if n == "file"))
}

/// The step that opens the file.
pub fn open_file(flags: Arg) -> Step {
    let call = named("open");
    let mode = Arg::Quantity(Quantity::bytes(0o600));
    Step {
        actor: "main".to_owned(),
        bind: Some("file".to_owned()),
        call,
        args: vec![Arg::Path("file"), flags, mode],
        role: Role::Open,
        asks: Vec::new(),
    }
}

/// A call that is known to be there.
fn named(name: &str) -> &'static call::CallSpec {
    call::find(name).unwrap_or_else(|| unreachable!("`{name}` is a call"))
}
