//! The arguments.

mod values;

pub use values::{Form, Page};

use crate::sample::Sample;
use crate::suite::Partition;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use values::{call_name, form_in_file, partition, percent, sample, seed};

/// Tells what mmap(2) and its family really do on a machine, and whether that is right.
#[derive(Debug, Parser)]
#[command(
    name = "mmapcheck",
    version,
    max_term_width = 80,
    propagate_version = true
)]
#[command(
    after_help = "Exit codes: 0 all is as it should be; 1 something is not (a broken rule, \
    a changed answer, a stale entry); 2 usage, or a mistake in a table; 3 the harness or its \
    machine failed; 4 nothing was run."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run cases and judge what comes of them
    Run(Run),
    /// List cases
    List(List),
    /// Make calls and show what comes of them, without a table
    Try(Try),
    /// Tell all about one case: the calls, the rule, what is recorded of it
    Explain(Explain),
    /// Tell what the model allows of cases, or what it says as a document
    Model(ModelArgs),
    /// Write a C program that stands alone and shows one case
    C(Explain),
    /// Set right what each case breaks, and see whether the call then succeeds
    Apart(Aparts),
    /// Hold platforms against each other: where they differ, and how
    Compare(Compare),
    /// The page of findings: what is known to break a rule, worst first
    Findings(Findings),
    /// Run random cases against the model, or against another machine
    Random(Random),
    /// Spoil each clause of the model in turn and tell what no case notices
    Mutate(Mutate),
    /// Tell what this machine is, and what it can and can't do
    Doctor(Doctor),
    /// Show the manual of the case language
    Manual,
    /// Take cases on standard input and give transcripts on standard output
    #[command(hide = true)]
    Worker(Worker),
    /// Run the tables on every platform that this machine can have
    Platforms(Platforms),
    /// Be the first process of a kernel: prepare the machine, be a worker on its console
    #[command(hide = true)]
    Init,
}

/// `mmapcheck worker`.
#[derive(Debug, Args)]
pub struct Worker {
    /// Only tell the runner that there can be no worker, and why
    #[arg(long, value_name = "WHY")]
    pub refuse: Option<String>,
}

/// `mmapcheck platforms`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Platforms {
    /// What is done with them.
    #[command(subcommand)]
    pub what: PlatformsDo,
}

/// What is done with platforms.
#[derive(Debug, Subcommand)]
pub enum PlatformsDo {
    /// List them
    List(PlatformsWhich),
    /// Fetch and build what they need, and run nothing
    Fetch(PlatformsWhich),
    /// Run the tables on them, one after another
    Run(PlatformsRun),
}

/// Which platforms, and where their files lie.
#[derive(Debug, Clone, Args)]
pub struct PlatformsWhich {
    /// Only these; `*` stands for anything [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The folder of their files [default: `ci/platforms` beside the tables]
    #[arg(long, value_name = "DIR")]
    pub platforms: Option<PathBuf>,
    /// Take workers for other targets as they were built before, where they were
    #[arg(long)]
    pub as_built: bool,
    /// Where fetched and built things are kept [default: `mmapcheck` in the folder for caches]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// `mmapcheck platforms run`.
#[derive(Debug, Args)]
pub struct PlatformsRun {
    /// Which.
    #[command(flatten)]
    pub which: PlatformsWhich,
    /// Only cases whose id holds one of these
    #[arg(long, value_name = "FILTER")]
    pub only: Vec<String>,
    /// Only the case of this id
    #[arg(long, value_name = "ID", conflicts_with = "only")]
    pub exact: Option<String>,
    /// Record what is observed as each platform's own
    #[arg(long)]
    pub bless: bool,
    /// How many platforms run at once [default: one for each CPU]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Where the whole report of each platform is written [default: `logs` in the cache]
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
}

/// Where tables and records come from.
#[derive(Debug, Clone, Args)]
pub struct Tables {
    /// A folder of tables, or one table [default: ./cases in a checkout of the project, else
    /// those that the program carries]
    #[arg(long, value_name = "PATH", help_heading = "Tables and records")]
    pub cases: Option<PathBuf>,
    /// The folder of records [default: `snapshots` beside the tables]
    #[arg(long, value_name = "DIR", help_heading = "Tables and records")]
    pub snapshots: Option<PathBuf>,
    /// The folder with the lists of known deviations [default: `ci/known` beside the tables]
    #[arg(long, value_name = "DIR", help_heading = "Tables and records")]
    pub known: Option<PathBuf>,
}

/// Which cases.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Only cases whose id holds one of these
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Not cases whose id holds this
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,
    /// The filters are whole ids
    #[arg(long)]
    pub exact: bool,
    /// Only a part of the cases: `slice:1/4` is the first of four; `hash:1/4` goes by the id, so
    /// that a case stays in its part when others come
    #[arg(long, value_name = "PART", value_parser = partition)]
    pub partition: Option<Partition>,
    /// With the grids, without them, or they alone
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Grids::All)]
    pub grids: Grids,
    /// Only a part of each grid, the same on each run: `2%`
    #[arg(long, value_name = "PERCENT", value_parser = sample)]
    pub sample: Option<Sample>,
}

/// Whether grids are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grids {
    /// Grids and all other cases
    All,
    /// All other cases
    None,
    /// Grids alone
    Only,
}

/// The most memory that one case may take, in MiB, unless a run says otherwise.
pub const MEMORY: u64 = crate::machine::start::MEMORY >> 20;

/// On what.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Where the scratch files are made, and so the file system that is tested [default: the
    /// folder for temporary files]
    #[arg(long, value_name = "DIR", help_heading = "The machine")]
    pub dir: Option<PathBuf>,
    /// The command of a worker elsewhere: an emulator, a sandbox, another host
    #[arg(long, value_name = "COMMAND", help_heading = "The machine")]
    pub worker: Option<String>,
    /// Through which entry calls go, unless a case says so itself
    #[arg(
        long,
        value_name = "DOOR",
        default_value = "raw",
        help_heading = "The machine"
    )]
    pub via: Via,
    /// How many workers run at once, beside those for cases that only wait [default: one for each
    /// CPU]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024),
        help_heading = "The machine")]
    pub jobs: Option<u16>,
    /// Do not keep each worker on one CPU
    #[arg(long, help_heading = "The machine")]
    pub no_pin: bool,
    /// The most memory that one case may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = MEMORY,
        value_parser = clap::value_parser!(u64).range(16..=1 << 20), help_heading = "The machine")]
    pub memory: u64,
    /// How long a worker may be silent before it counts as dead, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=86400), help_heading = "The machine")]
    pub silence: u64,
    /// How much CPU time a call may take before it counts as one that never ends, in milliseconds:
    /// for emulators, which may loop in code of their own [default: 8000, or 12 s by the clock]
    #[arg(long, value_name = "MS",
        value_parser = clap::value_parser!(u64).range(1..=86_400_000), help_heading = "The machine")]
    pub busy: Option<u64>,
    /// Take the journal through a pipe even where memory is shared over fork
    #[arg(long, hide = true)]
    pub pipe_journal: bool,
}

/// The entry that calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// The kernel's own system calls
    Raw,
    /// The C library's functions
    Libc,
}

/// `mmapcheck run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Which cases.
    #[command(flatten)]
    pub which: Which,
    /// Record what is observed as this machine's own
    #[arg(long, conflicts_with_all = ["let_die", "strict"])]
    pub bless: bool,
    /// A skip for want of this need fails the run; `all` for any
    #[arg(long, value_name = "NEED")]
    pub require: Vec<String>,
    /// Cases of which nothing is recorded here fail the run
    #[arg(long)]
    pub strict: bool,
    /// In which form the run is told
    #[arg(long, value_name = "FORM", default_value = "human")]
    pub format: Form,
    /// Tell it in this form in this file too: `junit=results.xml`
    #[arg(long, value_name = "FORM=FILE", value_parser = form_in_file)]
    pub report: Vec<(Form, PathBuf)>,
    /// Run each faulting case once more for every fault, left to die of it, and compare
    #[arg(long)]
    pub let_die: bool,
    /// Name this machine, and so the folder of its records
    #[arg(long, value_name = "NAME")]
    pub platform: Option<String>,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck list`.
#[derive(Debug, Args)]
pub struct List {
    /// Which cases.
    #[command(flatten)]
    pub which: Which,
    /// Only count them, table by table
    #[arg(long, conflicts_with_all = ["call", "outcome"])]
    pub count: bool,
    /// Only cases that make this call
    #[arg(long, value_name = "CALL", value_parser = call_name)]
    pub call: Option<&'static str>,
    /// Only cases in which this is claimed or recorded of a call, with the machines on which it
    /// is: `ENOMEM`, `SIGBUS BUS_ADRERR`, `hang`
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<String>,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
}

/// `mmapcheck try`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mmapcheck try 'mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, \
    0)' 'load(map, 1)'"
)]
pub struct Try {
    /// The calls in order, each as one argument
    #[arg(value_name = "CALL", required = true)]
    pub steps: Vec<String>,
    /// The size of the scratch file
    #[arg(long, value_name = "QUANTITY", default_value = "1page")]
    pub size: String,
    /// What the scratch file holds from its beginning, as bytes: '"hello"'
    #[arg(long, value_name = "BYTES")]
    pub content: Option<String>,
    /// The scratch file's own file system: `tmpfs`, `overlay`
    #[arg(long, value_name = "KIND")]
    pub on: Option<String>,
    /// Signals really kill
    #[arg(long)]
    pub let_die: bool,
    /// Run with the rights of root
    #[arg(long)]
    pub root: bool,
    /// Calls may hit the harness itself
    #[arg(long)]
    pub reckless: bool,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The case's id, or a part of it that no other case has
    #[arg(value_name = "CASE")]
    pub case: String,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Which cases.
    #[command(flatten)]
    pub which: Which,
    /// What is read: what the standard allows, or what Linux does
    #[arg(long, value_name = "READING", default_value = "linux", value_parser = ["linux", "posix"])]
    pub reading: String,
    /// Name the clauses that had a say in each step
    #[arg(long)]
    pub clauses: bool,
    /// As on a machine with pages of so many bytes
    #[arg(long, value_name = "BYTES")]
    pub page: Option<u64>,
    /// Print the specification as a page, with the number of cases that each clause decides
    #[arg(long, conflicts_with_all = ["clauses", "page"])]
    pub specification: bool,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck apart`.
#[derive(Debug, Args)]
pub struct Aparts {
    /// Only cases whose id holds one of these
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing differs; 1 something does; 4 nothing could be compared.\n\n\
    Examples:\n  mmapcheck compare linux-x86_64 fs-tmpfs\n  mmapcheck compare before.jsonl \
    after.jsonl --format html > page.html"
)]
pub struct Compare {
    /// Records, by the name or the path of their folder (`fs-tmpfs`), or a file of results
    /// (`run --report json=FILE`); of two sides one may be a reading of the model, `model:posix` or
    /// `model:linux`: then it is told where the other departs from it, and why
    #[arg(value_name = "SIDE", required = true, num_args = 2..)]
    pub sides: Vec<String>,
    /// Only cases whose id holds this
    #[arg(long, value_name = "FILTER")]
    pub only: Vec<String>,
    /// Not cases whose id holds this
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub format: Page,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
}

/// `mmapcheck findings`.
#[derive(Debug, Args)]
pub struct Findings {
    /// In place of the page: what is recorded against the rules and stands in no list; of all
    /// machines, or of these folders of records
    #[arg(long, value_name = "RECORDS", num_args = 0..)]
    pub unexplained: Option<Vec<String>>,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
}

/// `mmapcheck random`.
#[derive(Debug, Args)]
#[command(
    after_help = "A difference is made as small as it can be and printed as a case of a table. \
    Each case has a seed of its own, which draws it again."
)]
pub struct Random {
    /// How many cases
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub count: u64,
    /// The seed of the first case; each further one has the next number [default: any]
    #[arg(long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// Only single calls with hostile arguments
    #[arg(long, conflicts_with = "programs")]
    pub calls: bool,
    /// Only programs of several steps
    #[arg(long)]
    pub programs: bool,
    /// The command of another worker, to hold this machine against instead of the model
    #[arg(long, value_name = "COMMAND")]
    pub against: Option<String>,
    /// Through which entry the other's calls go [default: as on this machine]
    #[arg(long, value_name = "DOOR")]
    pub against_via: Option<Via>,
    /// Where the other's scratch files are made [default: as on this machine]
    #[arg(long, value_name = "DIR")]
    pub against_dir: Option<PathBuf>,
    /// How many kinds of difference are shrunk and shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub most: u16,
    /// Put what is found at the end of this file too
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

/// `mmapcheck mutate`.
#[derive(Debug, Args)]
pub struct Mutate {
    /// Only clauses whose id holds one of these
    #[arg(value_name = "CLAUSE")]
    pub clauses: Vec<String>,
    /// The least part of the mutants, of those that can be told from the model, that the cases
    /// must notice, in percent
    #[arg(long, value_name = "PERCENT", default_value = "95%", value_parser = percent)]
    pub at_least: f64,
    /// How many random cases try to tell an unnoticed mutant from the model
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub random: u64,
    /// The seed of the first of them
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed)]
    pub seed: u64,
    /// Show the noticed ones too, each with a case that notices it
    #[arg(long)]
    pub all: bool,
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
}

/// `mmapcheck doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Where tables and records come from.
    #[command(flatten)]
    pub tables: Tables,
    /// On what.
    #[command(flatten)]
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn samples() {
        assert_eq!(sample("2%"), Ok(Sample::percent(2.0).unwrap()));
        for wrong in ["2", "0%", "-1%", "101%", "NaN%", "%"] {
            assert!(sample(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts() {
        assert_eq!(partition("slice:2/3"), Ok(Partition::Slice(2, 3)));
        assert_eq!(partition("hash:1/3"), Ok(Partition::Hash(1, 3)));
        for wrong in [
            "slice:0/3",
            "slice:4/3",
            "1/3",
            "slice:1",
            "slice:a/b",
            "odd:1/3",
        ] {
            assert!(partition(wrong).is_err(), "{wrong}");
        }
    }
}
