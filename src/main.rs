//! mmapcheck tells what mmap(2) and its family really do on a machine.

use clap::Parser;
use mmapcheck::{cli, command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    ExitCode::from(command::execute(&cli))
}
