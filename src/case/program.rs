//! What is run: the file, and the steps in order. This is all that a machine gets to see of a
//! case; what is claimed of it stays behind.

use super::bytes::Bytes;
use super::mistake::Mistake;
use super::quantity::Quantity;
use super::step::{Arg, Fd, Role, Step, Written};
use std::collections::HashMap;
use std::fmt;

/// The scratch file of a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileSpec {
    /// Its size, which quantities call `eof`.
    pub size: Quantity,
    /// What it holds from its beginning; the rest up to its size is a hole.
    pub content: Bytes,
}

/// Through which entry the calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Door {
    /// The kernel's own: syscall(2) with the arguments as they are.
    #[default]
    Raw,
    /// The C library's functions, which may check and rewrite arguments.
    Libc,
}

/// What a signal does to the acting process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum End {
    /// It is caught and noted as the outcome of the step; the case goes on.
    #[default]
    Caught,
    /// The process really dies of it.
    Signal,
}

/// What a machine runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// The scratch file, made only if a step names it.
    pub file: FileSpec,
    /// Through which entry the calls go, where the case says so; else the run does.
    pub via: Option<Door>,
    /// What a signal does.
    pub end: End,
    /// The one step at which a signal kills although signals are caught elsewhere.
    pub die_at: Option<usize>,
    /// Whether ranges of the harness itself may be hit.
    pub reckless: bool,
    /// Whether it needs the rights of root.
    pub root: bool,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Steps that were read before, by their text: the cases of a table have most of theirs in common.
#[derive(Debug, Default)]
pub struct Known {
    steps: HashMap<String, Step>,
}

impl Known {
    /// How many steps are kept, and how long a kept one is at most, in bytes.
    const STEPS: usize = 512;
    const LENGTH: usize = 256;

    fn step(&mut self, text: &str) -> Result<Step, Mistake> {
        if let Some(step) = self.steps.get(text) {
            return Ok(step.clone());
        }
        let step = Written::parse(text)?.step;
        if text.len() <= Known::LENGTH {
            if self.steps.len() >= Known::STEPS {
                self.steps.clear();
            }
            self.steps.insert(text.to_owned(), step.clone());
        }
        Ok(step)
    }
}

impl Default for FileSpec {
    fn default() -> Self {
        FileSpec {
            size: Quantity::of(1, super::quantity::Unit::Page),
            content: Bytes::default(),
        }
    }
}

impl Program {
    /// A program of these steps with an ordinary file and through the raw entry.
    pub fn of(steps: Vec<Step>) -> Self {
        Program {
            file: FileSpec::default(),
            via: None,
            end: End::default(),
            die_at: None,
            reckless: false,
            root: false,
            steps,
        }
    }

    /// Whether a step names the scratch file.
    pub fn uses_file(&self) -> bool {
        self.steps.iter().flat_map(|s| &s.args).any(|a| match a {
            Arg::Path(p) => matches!(*p, "file" | "link"),
            Arg::Fd(Fd::Name(n)) => matches!(n.as_str(), "file" | "path" | "symlink"),
            _ => false,
        })
    }

    /// Whether a step uses the descriptor of this name.
    pub fn uses_fd(&self, name: &str) -> bool {
        self.steps
            .iter()
            .flat_map(|s| &s.args)
            .any(|a| matches!(a, Arg::Fd(Fd::Name(n)) if n == name))
    }

    /// Reads what its `Display` writes.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        Program::parse_with(text, &mut Known::default())
    }

    /// Reads what its `Display` writes. Lines that were read before are in `known`, and those that
    /// are read now come into it.
    pub fn parse_with(text: &str, known: &mut Known) -> Result<Self, Mistake> {
        let mut program = Program::of(Vec::new());
        let mut at = 0;
        for line in text.split('\n') {
            program.read_line(line, known).map_err(|m| Mistake {
                span: m.span.start + at..m.span.end + at,
                ..m
            })?;
            at += line.len() + 1;
        }
        Ok(program)
    }

    fn read_line(&mut self, line: &str, known: &mut Known) -> Result<(), Mistake> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut step = |role| known.step(rest).map(|step| Step { role, ..step });
        match word {
            "" => {}
            "size" => self.file.size = Quantity::parse(rest)?,
            "content" => self.file.content = Bytes::parse(rest)?,
            "raw" => self.via = Some(Door::Raw),
            "libc" => self.via = Some(Door::Libc),
            "signal" => self.end = End::Signal,
            "die" => self.die_at = rest.parse().ok(),
            "reckless" => self.reckless = true,
            "root" => self.root = true,
            "open" => self.steps.push(step(Role::Open)?),
            "own" => self.steps.push(step(Role::Own)?),
            "step" => self.steps.push(step(Role::Written)?),
            _ => {
                return Err(Mistake::new(
                    0..word.len(),
                    format!("unknown line `{word}` in a program"),
                ));
            }
        }
        Ok(())
    }
}

/// One line for each thing that is not the default, then one for each step.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.size != FileSpec::default().size {
            writeln!(f, "size {}", self.file.size)?;
        }
        if !self.file.content.chunks.is_empty() {
            writeln!(f, "content {}", self.file.content)?;
        }
        match self.via {
            None => {}
            Some(Door::Raw) => f.write_str("raw\n")?,
            Some(Door::Libc) => f.write_str("libc\n")?,
        }
        if self.end == End::Signal {
            f.write_str("signal\n")?;
        }
        if let Some(step) = self.die_at {
            writeln!(f, "die {step}")?;
        }
        if self.reckless {
            f.write_str("reckless\n")?;
        }
        if self.root {
            f.write_str("root\n")?;
        }
        for step in &self.steps {
            let word = match step.role {
                Role::Open => "open",
                Role::Own => "own",
                Role::Written => "step",
            };
            write!(f, "{word} {step}")?;
            for (i, rule) in step.asks.iter().enumerate() {
                write!(f, "{}{rule}", if i == 0 { " = " } else { " | " })?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        let text = "size 1page + 1\ncontent \"abc\"*10\nlibc\nreckless\n\
            open file = open(file, O_RDWR)\n\
            own map = mmap(NULL, eof, PROT_READ, MAP_SHARED, file, 0)\n\
            step child = fork()\nstep child: load(map, 1)\n\
            step mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, 0) = below 2GiB | aligned 1huge\n";
        let program = Program::parse(text).unwrap();
        assert_eq!(program.to_string(), text);
        assert!(program.uses_file() && program.uses_fd("file"));
    }

    #[test]
    fn a_step_that_is_known_is_read_as_before() {
        let mut known = Known::default();
        let text = "open file = open(file, O_RDWR)\nstep file = open(file, O_RDWR)\n";
        for _ in 0..2 {
            let program = Program::parse_with(text, &mut known).unwrap();
            assert_eq!(program.to_string(), text);
        }
        assert_eq!(known.steps.len(), 1);
        for n in 0..3 * Known::STEPS {
            Program::parse_with(&format!("step close({n})"), &mut known).unwrap();
            assert!(known.steps.len() <= Known::STEPS);
        }
        assert!(Program::parse_with("step laod(map, 1)", &mut known).is_err());
    }

    #[test]
    fn a_mistake_has_its_place_in_the_whole() {
        let e = Program::parse("libc\nstep laod(map, 1)\n").unwrap_err();
        assert_eq!(e.message, "unknown call `laod`");
    }
}
