//! `mmapcheck try`.

use super::{Stop, config};
use crate::case::program::{End, GROUNDS};
use crate::case::{Bytes, FileSpec, Ground, Mistake, Quantity};
use crate::cli::Try;
use crate::machine::connection::{Answer, Job};
use crate::report;
use crate::table;
use std::io::Write;

/// Makes calls and shows what comes of them.
pub fn trial(args: &Try) -> Result<u8, Stop> {
    let usage = |text: &str, m: Mistake| Stop::Usage(report::mistake(text, &m));
    let on = match args.on.as_deref() {
        None => Ground::Ordinary,
        Some(word) => Ground::from_word(word).ok_or_else(|| {
            let known = GROUNDS.iter().map(|g| g.0);
            usage(
                word,
                Mistake::unknown(0..word.len(), "file system", word, known),
            )
        })?,
    };
    let (mut program, notes) = table::steps_on(&args.steps, on).map_err(|wrong| {
        let told = wrong
            .iter()
            .map(|(i, m)| report::mistake(&args.steps[*i], m));
        Stop::Usage(report::mistakes(told.collect()))
    })?;
    let content = args.content.as_deref().unwrap_or("\"\"");
    program.file = FileSpec {
        on,
        size: Quantity::parse(&args.size).map_err(|m| usage(&args.size, m))?,
        content: Bytes::parse(content).map_err(|m| usage(content, m))?,
    };
    if args.content.is_none() {
        program.file.content = Bytes::default();
    }
    program.end = if args.let_die {
        End::Signal
    } else {
        End::Caught
    };
    program.reckless = args.reckless;
    let mut config = config(&args.place)?;
    config.jobs = 1;
    config.start.root = args.root;
    config.start.namespace = on != Ground::Ordinary;
    let job = Job::new(0, program.to_string());
    let mut answer = None;
    config
        .run(vec![config.lane(std::iter::once(job))], &mut |_, came| {
            answer = Some(came)
        })
        .map_err(Stop::Failed)?;
    match answer {
        Some(Answer::Ran(transcript, _)) => {
            let mut out = report::out();
            for line in transcript.lines(&program) {
                writeln!(out, "{line}")?;
            }
            if !args.reckless {
                for note in notes {
                    report::note(&note.mistake.to_string())?;
                }
            }
            Ok(0)
        }
        Some(Answer::Incomplete(why)) => Err(Stop::Failed(why)),
        None => Err(Stop::Failed("the worker gave no answer".to_owned())),
    }
}
