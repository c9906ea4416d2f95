//! The arguments of a program's calls as expressions of C, and the names that it binds.

use crate::case::call::{ArgType, ResultKind};
use crate::case::{Arg, Bytes, Case, Content, Fd, Program, Quantity, Scale, Step, Unit};
use crate::report::in_c::literal;
use crate::transcript::Numbers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Where the free range lies in the program.
pub const ARENA: i128 = 0x10_0000_0000;

/// The most bytes that are put into a program.
const DATA_MAX: u64 = 16 << 20;

/// What is known of a program's words.
pub struct Words<'a> {
    /// What units are worth.
    pub scale: &'a Scale,
    /// The size of the file.
    pub eof: u64,
    program: &'a Program,
    /// The names that are bound, each with a variable.
    bound: BTreeSet<String>,
    fixtures: Vec<&'static str>,
}

/// The variable that tells whether a name is bound.
pub fn has(name: &str) -> String {
    format!("has_{}", plain(name))
}

/// The variable of a name.
fn variable(name: &str) -> String {
    format!("v_{}", plain(name))
}

fn plain(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

impl<'a> Words<'a> {
    /// The words of a program on one machine.
    pub fn of(program: &'a Program, scale: &'a Scale) -> Result<Self, String> {
        if scale.bits != 64 {
            return Err("the program is for pointers of 64 bits".to_owned());
        }
        let size = program.file.size.value(scale, i64::MAX.into(), &|_| None);
        let eof = size.ok().and_then(|n| u64::try_from(n).ok());
        let fixtures = crate::case::call::FIXTURES.iter().map(|(name, _)| *name);
        let used = fixtures
            .filter(|n| *n != "file" && program.uses_fd(n))
            .collect();
        let words = Words {
            scale,
            eof: eof.ok_or("the size of the file is none")?,
            program,
            bound: BTreeSet::new(),
            fixtures: used,
        };
        let unknown = words.fixtures.iter().find(|f| words.fixture(f).is_none());
        match unknown {
            Some(name) => Err(format!("the harness makes {name}")),
            None => Ok(words),
        }
    }

    fn unit(&self, unit: &Unit) -> Option<i128> {
        match unit {
            Unit::Eof => Some(self.eof.into()),
            Unit::Name(n) if n == "arena" => Some(ARENA),
            _ => None,
        }
    }

    /// A quantity without names, as a number.
    pub fn constant(&self, q: &Quantity) -> Result<i128, String> {
        let max = self.scale.word_max();
        q.value(self.scale, max, &|u| self.unit(u))
            .map_err(|_| format!("{q} has no value"))
    }

    /// How many a count is, as far as it is known beforehand.
    pub fn count(&self, arg: &Arg) -> Result<i128, String> {
        let q = arg.quantity().ok_or("a count is none")?;
        self.constant(q)
    }

    /// The argument of this number as an expression of type long.
    pub fn value(&self, step: &Step, n: usize) -> Result<String, String> {
        let (Some(arg), Some(spec)) = (step.args.get(n), step.call.args.get(n)) else {
            return Err("an argument is missing".to_owned());
        };
        match (arg, spec.ty) {
            (Arg::Quantity(q), ty) => self.quantity(q, ty),
            (Arg::Flags(set), ArgType::Flags(domain)) => {
                let text = set.display(domain);
                Ok(format!("(long)({text})"))
            }
            (Arg::Fd(Fd::Number(n)), _) => Ok(format!("{n}L")),
            (Arg::Fd(Fd::Name(n)), _) => Ok(variable(n)),
            (Arg::Path(p), ArgType::Path) => Ok(format!(
                "(long){}",
                literal(if *p == "dir" { b"." } else { p.as_bytes() })
            )),
            _ => Err(format!("{} takes what C has no word for", step.call.name)),
        }
    }

    fn quantity(&self, q: &Quantity, ty: ArgType) -> Result<String, String> {
        let max = match ty {
            ArgType::Addr | ArgType::Len | ArgType::Buf | ArgType::Data => self.scale.word_max(),
            ArgType::Offset | ArgType::Int(..) | ArgType::Mode => i64::MAX.into(),
            _ => return Err("a number of a kind that C has no word for".to_owned()),
        };
        let value = |zero: Option<i128>| q.value(self.scale, max, &|u| self.unit(u).or(zero));
        if let Ok(n) = value(None) {
            return word(n);
        }
        let mut text = word(value(Some(0)).map_err(|_| format!("{q} overflows"))?)?;
        for (unit, number, divisor) in q.parts() {
            match unit {
                Unit::Name(n) if n != "arena" && divisor == 1 => {
                    let _ = write!(text, " + {number} * {}", variable(n));
                }
                Unit::Name(n) if n != "arena" => return Err(format!("a part of {n}")),
                _ => {}
            }
        }
        Ok(format!("(long)({text})"))
    }

    /// What makes the bytes of an argument `data`, and how many they are.
    pub fn data(&self, arg: &Arg) -> Result<(String, String), String> {
        let Arg::Bytes(bytes) = arg else {
            return Err("bytes of a kind that C has no word for".to_owned());
        };
        let content = self.content(bytes)?;
        if content.len() > DATA_MAX {
            return Err("it writes more than 16 MiB at once".to_owned());
        }
        let len = content.len();
        if let Some(all) = content.to_vec(64) {
            let text = literal(&all);
            return Ok((
                format!("\tconst unsigned char *data = (const unsigned char *){text};\n"),
                format!("{len}"),
            ));
        }
        let mut out =
            format!("\tunsigned char *data = malloc({len});\n\n\tif (!data)\n\t\tabort();\n");
        let mut at = 0;
        for (byte, run, n) in content.stretches() {
            let _ = match byte {
                Some(b) => writeln!(out, "\tmemset(data + {at}, {b:#04x}, {n});"),
                None => writeln!(out, "\tmemcpy(data + {at}, {}, {n});", literal(run)),
            };
            at += n;
        }
        Ok((out, format!("{len}")))
    }

    fn content(&self, bytes: &Bytes) -> Result<Content, String> {
        let content = bytes.content(self.scale, &|u| self.unit(u));
        content.map_err(|_| format!("{bytes} has no value"))
    }

    /// What the file holds at first.
    pub fn declared(&self) -> Result<String, String> {
        let mut out = String::new();
        for (byte, run, n) in self.content(&self.program.file.content)?.stretches() {
            let _ = match byte {
                Some(b) => writeln!(out, "\tadd(&declared, {b:#04x}, {n}ULL);"),
                None => writeln!(out, "\tadd_all(&declared, {}, {n});", literal(run)),
            };
        }
        Ok(out)
    }

    /// The names that a step needs and that may not be bound.
    pub fn unbound(&self, step: &Step) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut add = |n: &str| {
            if n != "arena" && !names.iter().any(|m| m == n) {
                names.push(n.to_owned());
            }
        };
        for arg in &step.args {
            match arg {
                Arg::Quantity(q) => q.names().for_each(&mut add),
                Arg::Fd(Fd::Name(n)) => add(n),
                _ => {}
            }
        }
        names
    }

    /// Notes what a step binds.
    pub fn bind(&mut self, step: &Step) {
        let Some(bind) = &step.bind else { return };
        match step.call.result {
            ResultKind::Actor => {}
            ResultKind::Pipe => {
                self.bound.insert(format!("{bind}.read"));
                self.bound.insert(format!("{bind}.write"));
            }
            _ => {
                self.bound.insert(bind.clone());
            }
        }
    }

    /// The statement that binds what a step gives.
    pub fn take(&self, step: &Step, value: &str) -> String {
        let bind = step.bind.as_deref();
        let take = |b| format!("\t\t\t{} = {value};\n\t\t\t{} = 1;\n", variable(b), has(b));
        bind.map_or_else(String::new, take)
    }

    /// The statements that bind the ends of a pipe.
    pub fn take_pipe(&self, step: &Step) -> String {
        let Some(bind) = &step.bind else {
            return String::new();
        };
        let mut out = String::new();
        for (n, end) in ["read", "write"].iter().enumerate() {
            let name = format!("{bind}.{end}");
            let (v, h) = (variable(&name), has(&name));
            let _ = writeln!(out, "\t\t\t{v} = ends[{n}];\n\t\t\t{h} = 1;");
        }
        out
    }

    /// The variables of all names.
    pub fn variables(&self) -> String {
        let mut out = String::new();
        let fixtures = self.fixtures.iter().map(|f| (*f).to_owned());
        let all: BTreeSet<String> = self.bound.iter().cloned().chain(fixtures).collect();
        for name in all {
            let _ = writeln!(
                out,
                "static long {};\nstatic int {};",
                variable(&name),
                has(&name)
            );
        }
        out
    }

    /// Opens the descriptors that the case finds open.
    pub fn fixtures(&self) -> String {
        let mut out = String::new();
        let ends = ["pipe.read", "pipe.write"];
        if self.fixtures.iter().any(|f| ends.contains(f)) {
            out.push_str("\tint ends[2] = { -1, -1 };\n\tint made = pipe(ends) == 0;\n");
        }
        for name in &self.fixtures {
            let (v, h) = (variable(name), has(name));
            let how = self.fixture(name).unwrap_or_default();
            let _ = writeln!(out, "\t{v} = {how};\n\t{h} = {v} >= 0;");
        }
        if out.contains("int made") {
            out.push_str("\t(void)made;\n");
        }
        out
    }

    fn fixture(&self, name: &str) -> Option<String> {
        Some(match name {
            "dir" => "open(\".\", O_RDONLY)".to_owned(),
            "pipe.read" => "ends[0]".to_owned(),
            "pipe.write" => "ends[1]".to_owned(),
            "socket" => "socket_end()".to_owned(),
            "dev-zero" => "open(\"/dev/zero\", O_RDWR)".to_owned(),
            "dev-null" => "open(\"/dev/null\", O_RDWR)".to_owned(),
            "memfd" => format!("sized(memfd_create(\"memfd\", 0), {}LL)", self.eof),
            "path" => "open(\"file\", O_PATH)".to_owned(),
            "epoll" => "epoll_create1(0)".to_owned(),
            "eventfd" => "eventfd(0, 0)".to_owned(),
            "proc-file" => "open(\"/proc/self/status\", O_RDONLY)".to_owned(),
            "closed" => "140 /* nothing is open there */".to_owned(),
            "wild" => "150 /* never was a descriptor */".to_owned(),
            _ => return None,
        })
    }

    /// The case's own numbers, as they are told.
    pub fn known(&self) -> Vec<(i128, String)> {
        let known = Numbers::new(self.program, self.scale, self.eof).quantities();
        let fit = known.into_iter().filter(|(n, _)| i64::try_from(*n).is_ok());
        let mut seen = BTreeMap::new();
        let mut out = Vec::new();
        for (n, q) in fit {
            if seen.insert(n, ()).is_none() {
                out.push((n, q.to_string()));
            }
        }
        out
    }

    /// The flags that older headers lack.
    pub fn flag_names(&self, case: &Case) -> String {
        let mut flags = BTreeMap::new();
        for step in &case.program.steps {
            for (arg, spec) in step.args.iter().zip(step.call.args) {
                if let (Arg::Flags(set), ArgType::Flags(domain)) = (arg, spec.ty) {
                    let named = domain.flags.iter().filter(|(n, _)| set.has(n));
                    flags.extend(named.map(|(n, bits)| (*n, *bits)));
                }
            }
        }
        let mut out = String::new();
        for (name, bits) in flags {
            let _ = writeln!(out, "#ifndef {name}\n#define {name} {bits:#x}\n#endif");
        }
        let used = |name: &str| self.fixtures.contains(&name);
        if used("socket") {
            out.push_str(
                "\nstatic int socket_end(void)\n{\n\tint ends[2] = { -1, -1 };\n\n\
                 \treturn socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -1 : ends[0];\n}\n",
            );
        }
        if used("memfd") {
            out.push_str(
                "\nstatic int sized(int fd, long long size)\n{\n\
                 \treturn ftruncate(fd, size) ? -1 : fd;\n}\n",
            );
        }
        out
    }
}

/// A number as a word of 64 bits.
fn word(n: i128) -> Result<String, String> {
    if let Ok(n) = i64::try_from(n) {
        return Ok(match n {
            i64::MIN => "(-0x7fffffffffffffffL - 1)".to_owned(),
            n if n.unsigned_abs() < 1 << 32 => format!("{n}L"),
            n if n < 0 => format!("-{:#x}L", n.unsigned_abs()),
            n => format!("{n:#x}L"),
        });
    }
    let n = u64::try_from(n).map_err(|_| format!("{n} does not fit in 64 bits"))?;
    Ok(format!("(long){n:#x}UL"))
}
