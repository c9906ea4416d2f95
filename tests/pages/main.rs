//! The pages in `docs/` are made from lists, clauses and tables, and held to them.

mod coverage;
mod departures;
mod faults;
mod lists;
mod specification;
mod tutorial;
