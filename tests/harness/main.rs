//! The harness held to its word, by the program itself on tables of the tests' own: bad verdicts
//! first, then the guards, the deaths, the traps, and what is left when something is killed.

mod bench;
mod calls;
mod cleanup;
mod command_line;
mod deaths;
mod faults;
mod guards;
mod kernel_log;
mod leaks;
mod observation;
mod processes;
mod traps;
mod verdicts;
mod workers;
