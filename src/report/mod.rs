//! Telling people and machines what a run found. Nothing else in the program prints.
//!
//! A run is a sequence of [`Event`]s; each format is a [`Report`] that takes them one by one, so
//! that none knows more than another.

mod c;
pub mod compare;
pub mod departures;
mod diff;
mod explain;
mod findings;
mod github;
mod human;
mod in_c;
mod json;
mod junit;
mod ktap;
mod line;
mod plain;
mod progress;
mod several;
mod specification;
mod text;

pub use c::program as c_program;
pub use diff::{Change, changes};
pub use explain::{Explained, Reading, explain};
pub use findings::{Finding, Harm, findings};
pub use github::Github;
pub use human::Human;
pub use in_c::in_c;
pub use json::{Json, SCHEMA};
pub use junit::Junit;
pub use ktap::Ktap;
pub use line::{BreachLine, CaseLine, WORDS, counts};
pub use plain::{complain, is_colourful, mistake, mistakes, note, out, page};
pub use progress::Progress;
pub use several::Several;
pub use specification::{Decided, specification};
pub use text::{count, quoted, width};

use crate::case::Case;
use crate::judge::{Judged, Summary};
use crate::known::Entry;
use crate::platform::Platform;
use std::io;
use std::time::Duration;

/// What happens in a run, in the order in which it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// It begins.
    Started(&'a Start),
    /// A case is about to run; formats that show no progress ignore it.
    Running {
        /// How many cases are done.
        done: usize,
        /// Which case it is.
        id: &'a str,
    },
    /// A case has its verdict.
    Case(&'a CaseDone<'a>),
    /// An entry of the list of known deviations that no case needs any more.
    Stale(&'a Entry),
    /// It is over.
    Finished(&'a End),
}

/// What is known before the first case runs.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where the tables come from: a folder, or `embedded` and their digest.
    pub tables: String,
    /// Which folder of snapshots is this machine's own.
    pub home: String,
    /// The machine in a few words: `Linux 6.18.44, x86_64, pages of 4 KiB, ext4`.
    pub machine: String,
    /// The machine, as its worker describes it.
    pub platform: Platform,
    /// How many cases will run or be skipped.
    pub cases: usize,
    /// The command that this is, without filters: `mmapcheck run --dir /dev/shm`.
    pub command: String,
}

/// A case that has its verdict.
#[derive(Debug)]
pub struct CaseDone<'a> {
    /// The case.
    pub case: &'a Case,
    /// The verdict, with what was observed and recorded.
    pub judged: &'a Judged,
    /// Whether it fails the run.
    pub fails: bool,
    /// How long the case took by its worker's clock; nothing where it did not come to its end.
    pub took: Duration,
}

/// What is known at the end.
#[derive(Debug, Clone)]
pub struct End {
    /// How many cases came out how.
    pub summary: Summary,
    /// How long the run took.
    pub took: Duration,
    /// The folder of this machine's snapshots, where `--bless` would write it; `None` where it
    /// can't write, because the snapshots are those that the binary carries.
    pub bless: Option<String>,
    /// How many tables had their snapshots written.
    pub blessed: usize,
}

/// A format.
pub trait Report {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>) -> io::Result<()>;
}

/// Whether an error of a report only says that nobody reads it any more, as after `| head`: then
/// the program ends without a word.
pub fn reader_is_gone(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod agree;
#[cfg(test)]
mod tests;
