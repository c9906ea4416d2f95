//! Random cases: one machine against another, or against the model.
//!
//! A case is drawn from a seed of its own ([`draw`]): a few dozen bytes, which a total function
//! makes into a program ([`call`], [`program`]). Each byte chooses from a list that begins with
//! what is ordinary and ends with what is hostile, so that proptest's shrinking, which makes
//! numbers smaller and lists shorter, leads to the smallest and plainest case that still differs.
//! [`hunt`] runs them and shrinks what differs; [`mutants`] holds the tables against models that
//! lack a clause.

pub mod call;
pub mod draw;
pub mod genes;
pub mod hunt;
pub mod mutants;
pub mod program;
pub mod toml;

pub use draw::{Drawn, Kind, Scope, Shape};
pub use hunt::{Difference, Hunt, Order, Other, Tally};
