//! The model: an executable specification.
//!
//! It takes the same program as a kernel does, and says which outcomes are allowed: for each step
//! a set. It is a list of clauses ([`clause`]), each with its citation, in the order in which they
//! apply; and a small state machine of files, descriptors, address spaces and processes
//! ([`world`]). There are two readings of it: what POSIX requires, permits and leaves open, and
//! what Linux does, exactly. What it does not cover it says, and never guesses.
//!
//! It makes no system call.

pub mod call;
pub mod clause;
pub mod clauses;
pub mod machine;
pub mod object;
mod run;
pub mod space;
pub mod told;
pub mod world;

pub use clause::{Clause, Reading, Rules};
pub use machine::Machine;
pub use told::{Allowed, AllowedFile, Departure, Told};

use crate::case::Program;
use crate::platform::Platform;
use crate::transcript::Transcript;

/// The specification of one platform in one reading.
#[derive(Debug, Clone)]
pub struct Model {
    /// The platform.
    pub machine: Machine,
    /// The clauses.
    pub rules: Rules,
}

impl Model {
    /// The model of a platform.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(platform: &Platform, reading: Reading) -> Result<Self, String> {
        Ok(Model {
            machine: Machine::of(platform)?,
            rules: Rules::new(reading),
        })
    }

    /// What may come of a program. Where a step may come out in several ways, what follows it is
    /// told for the case that it succeeds.
    pub fn run(&self, program: &Program) -> Told {
        run::run(self, program, None)
    }

    /// The same, where a step that may come out in several ways came out as in `observed`.
    pub fn follow(&self, program: &Program, observed: &Transcript) -> Told {
        run::run(self, program, Some(observed))
    }
}
