//! `mmapcheck c`.

use super::explain::find;
use super::{Sources, Stop, config};
use crate::cli::Explain;
use crate::report;

/// Writes the C program of one case.
pub fn c(args: &Explain) -> Result<u8, Stop> {
    let sources = Sources::find(&args.tables)?;
    let case = find(&sources.tables, &args.case)?;
    let config = config(&args.place)?;
    let (platform, _) = config.ask(&[]).map_err(Stop::Failed)?;
    match report::c_program(&case, &platform.scale, config.start.door) {
        Ok(text) => {
            report::page(&text)?;
            Ok(0)
        }
        Err(why) => Err(Stop::Usage(format!(
            "{} can't be said in C alone: {why}",
            case.id
        ))),
    }
}
