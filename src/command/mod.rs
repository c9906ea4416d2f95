//! The commands: each takes its arguments, does its work, and gives an exit code.

mod apart;
mod c;
mod compare;
mod doctor;
mod explain;
mod findings;
mod list;
mod model;
mod mutate;
mod platforms;
mod random;
mod run;
mod sources;
mod trial;
mod unexplained;

use crate::case::program::Door;
use crate::cli::{Cli, Command, Place, Via};
use crate::machine::kernel;
use crate::machine::pool::{Config, IDLE};
use crate::machine::start::Start;
use crate::report;
use crate::snapshot::Damaged;
use crate::suite;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use sources::Sources;

/// Why a command ended early.
#[derive(Debug)]
pub enum Stop {
    /// The user asked for something that can't be: exit code 2.
    Usage(String),
    /// The harness or its machine failed: exit code 3.
    Failed(String),
    /// What it prints can't be printed.
    Print(io::Error),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Stop::Print(e)
    }
}

impl From<Damaged> for Stop {
    fn from(d: Damaged) -> Self {
        Stop::Usage(d.to_string())
    }
}

impl From<suite::Failed> for Stop {
    fn from(f: suite::Failed) -> Self {
        match f {
            suite::Failed::Machine(why) => Stop::Failed(why),
            suite::Failed::Report(e) => Stop::Print(e),
        }
    }
}

/// Does what the arguments say; the exit code.
pub fn execute(cli: &Cli) -> u8 {
    let done = match &cli.command {
        Command::Run(args) => run::run(args),
        Command::List(args) => list::list(args),
        Command::Try(args) => trial::trial(args),
        Command::Explain(args) => explain::explain(args),
        Command::Random(args) => random::random(args),
        Command::Mutate(args) => mutate::mutate(args),
        Command::Model(args) => model::model(args),
        Command::C(args) => c::c(args),
        Command::Apart(args) => apart::apart(args),
        Command::Compare(args) => compare::compare(args),
        Command::Findings(args) => findings::findings(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Manual => report::page(MANUAL).map(|()| 0).map_err(Stop::Print),
        Command::Platforms(args) => platforms::platforms(&args.what),
        Command::Worker(args) => {
            Ok(u8::try_from(kernel::serve(args.refuse.as_deref())).unwrap_or(3))
        }
        Command::Init => Ok(crate::machine::init::init()),
    };
    match done {
        Ok(code) => code,
        Err(Stop::Usage(why)) => report::complain(&why, 2),
        Err(Stop::Failed(why)) => report::complain(&why, 3),
        // Whoever read has read enough.
        Err(Stop::Print(e)) if report::reader_is_gone(&e) => 0,
        Err(Stop::Print(e)) => report::complain(&format!("the output can't be written: {e}"), 3),
    }
}

const MANUAL: &str = include_str!("../case/language.md");

/// Where this program lies. Without proc(5) only its caller knows.
fn this_program() -> io::Result<PathBuf> {
    let called = || std::env::args_os().next().map(PathBuf::from);
    let by_path = || called().filter(|p| p.components().count() > 1);
    std::env::current_exe().or_else(|e| by_path().ok_or(e))
}

/// How workers are started, by the arguments.
pub fn config(place: &Place) -> Result<Config, Stop> {
    let command = match &place.worker {
        Some(words) => shlex::split(words)
            .filter(|w| !w.is_empty())
            .ok_or_else(|| Stop::Usage(format!("the worker command `{words}` can't be read")))?
            .into_iter()
            .map(Into::into)
            .collect(),
        None => {
            let own = this_program()
                .map_err(|e| Stop::Failed(format!("this program can't find itself: {e}")))?;
            vec![own.into(), "worker".into()]
        }
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = place.jobs.map_or(cpus, usize::from);
    let dir = match &place.dir {
        Some(dir) if place.worker.is_some() => dir.clone(),
        Some(dir) => std::path::absolute(dir).unwrap_or_else(|_| dir.clone()),
        None if place.worker.is_some() => "/tmp".into(),
        None => std::env::temp_dir(),
    };
    Ok(Config {
        command,
        jobs,
        idle: IDLE,
        silence: Duration::from_secs(place.silence),
        start: Start {
            door: match place.via {
                Via::Raw => Door::Raw,
                Via::Libc => Door::Libc,
            },
            pipe_journal: place.pipe_journal,
            cpu: (!place.no_pin && jobs <= cpus).then_some(0),
            memory: place.memory << 20,
            busy: place.busy,
            ..Start::in_folder(dir)
        },
    })
}
