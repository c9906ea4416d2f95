//! Transcripts: what came of a case, step by step, and what the file held afterwards.
//!
//! A transcript is printed as a block, in the notation of the steps, and is the same on every run
//! and on every page size:
//!
//! ```text
//! past-eof
//!   mmap = map
//!   load(map + 1page, 2) = x"00 00"
//!   store(map + 2page, "x") = SIGBUS BUS_ADRERR at map + 2page
//!   file unchanged
//! ```

mod numbers;
mod outcome;

pub use numbers::Numbers;
pub use outcome::Outcome;

use crate::case::bytes::Bytes;
use crate::case::{Mistake, Program, Role};
use std::fmt;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transcript {
    /// One outcome for each step of the program.
    pub outcomes: Vec<Outcome>,
    /// The scratch file afterwards, read by another process through a descriptor of its own.
    pub file: FileAfter,
}

/// The scratch file after the case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileAfter {
    /// The case has none.
    None,
    /// It holds what it held before.
    Unchanged,
    /// It holds these bytes.
    Holds(Bytes),
    /// It could not be read: this error.
    Unreadable(String),
}

impl Transcript {
    /// The lines of the block, without the case's name and without indentation.
    pub fn lines(&self, program: &Program) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, outcome) in program.steps.iter().zip(&self.outcomes) {
            if let Some(line) = line(step, outcome) {
                lines.push(line);
            }
        }
        if self.file != FileAfter::None {
            lines.push(self.file.to_string());
        }
        lines
    }

    /// The block of a grid's case: outcomes with the names of the calls alone, since the id tells
    /// the arguments. Cases that came out alike have the same block.
    pub fn brief_block(&self, program: &Program) -> String {
        let mut block = String::new();
        for (step, outcome) in program.steps.iter().zip(&self.outcomes) {
            if let Some(line) = brief_line(step, outcome) {
                block.push_str(&format!("  {line}\n"));
            }
        }
        if self.file != FileAfter::None {
            block.push_str(&format!("  {}\n", self.file));
        }
        block
    }

    /// The block as it stands in a snapshot: lines indented by two spaces, each with its newline.
    pub fn block(&self, program: &Program) -> String {
        let mut block = String::new();
        for line in self.lines(program) {
            block.push_str("  ");
            block.push_str(&line);
            block.push('\n');
        }
        block
    }

    /// Reads what `Display` writes: one line for each outcome, then the file's.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut lines: Vec<&str> = text.lines().collect();
        let file = match lines.pop() {
            Some(line) => FileAfter::parse(line)?,
            None => return Err(Mistake::new(0..0, "an empty transcript")),
        };
        let outcomes = lines
            .into_iter()
            .map(Outcome::parse)
            .collect::<Result<_, _>>()?;
        Ok(Transcript { outcomes, file })
    }
}

impl Transcript {
    /// Reads the lines of a block, each parted into its step and its outcome, as what came of a
    /// program; `None` where they are not its lines. A program without a file tells of none.
    pub fn of_lines(program: &Program, lines: &[(String, String)]) -> Option<Self> {
        let mut lines = lines.iter().peekable();
        let mut outcomes = Vec::with_capacity(program.steps.len());
        for step in &program.steps {
            let is_told = step.role != Role::Open || lines.peek().is_some_and(|l| l.0 == "open");
            outcomes.push(match is_told {
                true => Outcome::parse(&lines.next()?.1).ok()?,
                // That the file was opened is not told.
                false => Outcome::parse(step.bind.as_deref()?).ok()?,
            });
        }
        let file = match lines.next() {
            None => FileAfter::None,
            Some((what, now)) if what == "file" => FileAfter::of(now)?,
            Some(_) => return None,
        };
        lines
            .next()
            .is_none()
            .then_some(Transcript { outcomes, file })
    }
}

/// How a step and its outcome are printed; opening the file is told only where it failed.
pub fn line(step: &crate::case::Step, outcome: &Outcome) -> Option<String> {
    let opened = matches!(outcome, Outcome::Ok | Outcome::Value(_));
    let told = step.role != Role::Open || !opened;
    told.then(|| format!("{} = {outcome}", key(step)))
}

/// What a line says of its step, before the outcome.
pub fn key(step: &crate::case::Step) -> String {
    match step.role {
        Role::Open => "open".to_owned(),
        Role::Own => step.call.name.to_owned(),
        Role::Written if step.actor == "main" => step.call_text(),
        Role::Written => format!("{}: {}", step.actor, step.call_text()),
    }
}

/// The same line without the arguments of the call: as it stands in the block of a grid's case.
pub fn brief_line(step: &crate::case::Step, outcome: &Outcome) -> Option<String> {
    match step.role {
        Role::Written => Some(format!("{} = {outcome}", brief_key(step))),
        Role::Open | Role::Own => line(step, outcome),
    }
}

/// What such a line says of its step.
pub fn brief_key(step: &crate::case::Step) -> String {
    match step.role {
        Role::Written if step.actor == "main" => step.call.name.to_owned(),
        Role::Written => format!("{}: {}", step.actor, step.call.name),
        Role::Open | Role::Own => key(step),
    }
}

/// A line of a block, as its step and its outcome. The outcome may hold quoted bytes with ` = ` in
/// them: the longest that can be read is it. What is told of the file stands as its outcome.
pub fn parted(line: &str) -> (&str, &str) {
    if let Some(rest) = line.strip_prefix("file ") {
        return ("file", rest.strip_prefix("= ").unwrap_or(rest));
    }
    let whole = |at: usize| Some((line.get(..at)?, line.get(at + 3..)?));
    let cuts = line.match_indices(" = ").filter_map(|(at, _)| whole(at));
    let read = cuts.clone().find(|(_, rest)| Outcome::parse(rest).is_ok());
    read.or_else(|| cuts.last()).unwrap_or((line, ""))
}

impl FileAfter {
    /// What stands behind `file`, as [`parted`] parts it.
    fn of(now: &str) -> Option<Self> {
        let line = format!("file {now}");
        let line = FileAfter::parse(&line).or_else(|_| FileAfter::parse(&format!("file = {now}")));
        line.ok()
    }

    fn parse(line: &str) -> Result<Self, Mistake> {
        if let Some(bytes) = line.strip_prefix("file = ") {
            return Ok(FileAfter::Holds(Bytes::parse(bytes)?));
        }
        if let Some(why) = line.strip_prefix("file unreadable: ") {
            return Ok(FileAfter::Unreadable(why.to_owned()));
        }
        match line {
            "no file" => Ok(FileAfter::None),
            "file unchanged" => Ok(FileAfter::Unchanged),
            _ => Err(Mistake::new(
                0..line.len(),
                "expected a line about the file",
            )),
        }
    }
}

impl fmt::Display for FileAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileAfter::None => f.write_str("no file"),
            FileAfter::Unchanged => f.write_str("file unchanged"),
            FileAfter::Holds(bytes) => write!(f, "file = {bytes}"),
            FileAfter::Unreadable(why) => write!(f, "file unreadable: {why}"),
        }
    }
}

/// One outcome a line, then the file's line: what a worker sends.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        writeln!(f, "{}", self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        let text = "ok\nmap\nx\"00 00\"\nSIGBUS BUS_ADRERR at map\nfile = x\"00\"*1page + \"a\"\n";
        assert_eq!(Transcript::parse(text).unwrap().to_string(), text);
        assert!(Transcript::parse("").is_err());
        assert!(Transcript::parse("ok\n").is_err());
    }

    #[test]
    fn a_line_is_parted_where_its_outcome_begins() {
        for (line, parts) in [
            ("mmap = map", ("mmap", "map")),
            ("file unchanged", ("file", "unchanged")),
            ("file = \" = \"", ("file", "\" = \"")),
            ("store(map, \" = \") = ok", ("store(map, \" = \")", "ok")),
            ("load(map, 3) = \"a = b\"", ("load(map, 3)", "\"a = b\"")),
            ("rubbish", ("rubbish", "")),
            ("x = what = that", ("x = what", "that")),
        ] {
            assert_eq!(parted(line), parts);
        }
    }

    #[test]
    fn a_block_names_steps_and_hides_a_successful_open() {
        let program = Program::parse(
            "open file = open(file, O_RDWR)\nown map = mmap(NULL, eof, PROT_READ, MAP_SHARED, file, 0)\n\
             step child = fork()\nstep child: load(map, 1)\n",
        )
        .unwrap();
        let t = Transcript::parse("file\nmap\nchild\nx\"00\"\nfile unchanged\n").unwrap();
        assert_eq!(
            t.block(&program),
            "  mmap = map\n  fork() = child\n  child: load(map, 1) = x\"00\"\n  file unchanged\n"
        );
    }

    #[test]
    fn the_lines_of_a_block_are_read_back() {
        let steps = "open file = open(file, O_RDWR)\nown map = mmap(NULL, eof, PROT_READ, MAP_SHARED, \
                     file, 0)\nstep load(map, 1)\n";
        let program = Program::parse(steps).unwrap();
        let lines = |t: &Transcript| -> Vec<(String, String)> {
            let block = t.block(&program);
            let lines = block.lines().map(|l| parted(l.trim()));
            lines.map(|(s, o)| (s.to_owned(), o.to_owned())).collect()
        };
        for text in [
            "file\nmap\nx\"00\"\nfile unchanged\n",
            "file\nENODEV\nnot reached: map\nfile = \"a\"\n",
            "EACCES\nnot reached: file\nnot reached: map\nno file\n",
            "file\nmap\nSIGBUS BUS_ADRERR at map\nfile unreadable: EIO\n",
        ] {
            let t = Transcript::parse(text).unwrap();
            assert_eq!(Transcript::of_lines(&program, &lines(&t)), Some(t));
        }
        let t = Transcript::parse("file\nmap\nx\"00\"\nfile unchanged\n").unwrap();
        let whole = lines(&t);
        assert_eq!(Transcript::of_lines(&program, &whole[..1]), None);
        let twice = [whole.clone(), whole].concat();
        assert_eq!(Transcript::of_lines(&program, &twice), None);
    }
}
