#![doc = include_str!("language.md")]

pub mod area;
pub mod bytes;
pub mod call;
pub mod check;
pub mod claim;
pub mod cursor;
pub mod errno;
pub mod fault;
pub mod flags;
pub mod lexer;
pub mod mistake;
pub mod need;
pub mod number;
pub mod program;
pub mod quantity;
pub mod rule;
pub mod signal;
pub mod step;

pub use bytes::{Bytes, Content};
pub use claim::{Claim, Expect, Place};
pub use mistake::Mistake;
pub use need::Need;
pub use program::{Door, End, FileSpec, Ground, Program};
pub use quantity::{Quantity, Scale, Unit};
pub use step::{Arg, Fd, Role, Step};

/// One case: what is run, and what the table says of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `table::name[column=value,…]`; never changes while the case means the same.
    pub id: String,
    /// What is run.
    pub program: Program,
    /// What is claimed of each step, in the order of the steps.
    pub claims: Vec<Option<Claim>>,
    /// What the machine must be able to do.
    pub needs: Vec<Need>,
    /// Whether it is a cell of a grid, whose record tells outcomes without the arguments.
    pub is_grid: bool,
    /// Whether the table says of a step that nothing is claimed of it.
    pub is_unclaimed: bool,
    /// The rule in a sentence.
    pub why: String,
    /// Where the rule stands: clauses of the standard, manual pages, kernel source.
    pub cite: Vec<String>,
    /// The table's file, as it is shown to people.
    pub file: String,
    /// The line of the table where the case begins, from 1.
    pub line: usize,
}
