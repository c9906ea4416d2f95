//! The columns of a case: their names, their notation, and what they ordinarily hold.

use super::template::Spell;
use crate::case::call::{self, ArgSpec, ArgType};
use crate::case::cursor::Cursor;
use crate::case::flags;
use crate::case::{Arg, Bytes, Door, Fd, Mistake, Quantity, Scale, Unit};

/// A column, in the order of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// The size of the file.
    Size,
    /// What the file holds.
    Content,
    /// How the file is opened.
    Open,
    /// The address.
    Addr,
    /// The length.
    Length,
    /// The protection.
    Prot,
    /// The mapping flags.
    Flags,
    /// The descriptor.
    Fd,
    /// The offset in the file.
    Offset,
    /// Through which entry the calls go.
    Via,
}

/// All columns.
pub static COLUMNS: [Column; 10] = [
    Column::Size,
    Column::Content,
    Column::Open,
    Column::Addr,
    Column::Length,
    Column::Prot,
    Column::Flags,
    Column::Fd,
    Column::Offset,
    Column::Via,
];

/// The arguments of the own call, in the order of mmap(2).
pub static CALL: [Column; 6] = [
    Column::Addr,
    Column::Length,
    Column::Prot,
    Column::Flags,
    Column::Fd,
    Column::Offset,
];

static SIZE: ArgSpec = ArgSpec {
    name: "size",
    ty: ArgType::Offset,
    default: None,
};
static CONTENT: ArgSpec = ArgSpec {
    name: "content",
    ty: ArgType::Bytes,
    default: None,
};
static OPEN: ArgSpec = ArgSpec {
    name: "open",
    ty: ArgType::Flags(&flags::OPEN),
    default: None,
};

/// What a column holds in one combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An argument, or something like one.
    Arg(Arg),
    /// An entry.
    Door(Option<Door>),
}

impl Column {
    /// Its key in a table.
    pub fn name(self) -> &'static str {
        match self {
            Column::Size => "size",
            Column::Content => "content",
            Column::Open => "open",
            Column::Addr => "addr",
            Column::Length => "length",
            Column::Prot => "prot",
            Column::Flags => "flags",
            Column::Fd => "fd",
            Column::Offset => "offset",
            Column::Via => "via",
        }
    }

    /// The column of this name.
    pub fn find(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|c| c.name() == name)
    }

    /// Whether it is a key of `file` rather than of the case.
    pub fn is_of_file(self) -> bool {
        matches!(self, Column::Size | Column::Content)
    }

    /// Whether a case without an own call has it.
    pub fn is_without_call(self) -> bool {
        !CALL.contains(&self)
    }

    /// The flags that it is made of, if it is.
    pub fn domain(self) -> Option<&'static flags::Domain> {
        match self.spec()?.ty {
            ArgType::Flags(domain) => Some(domain),
            _ => None,
        }
    }

    fn spec(self) -> Option<&'static ArgSpec> {
        match self {
            Column::Size => Some(&SIZE),
            Column::Content => Some(&CONTENT),
            Column::Open => Some(&OPEN),
            Column::Via => None,
            _ => {
                let at = CALL.iter().position(|c| *c == self)?;
                call::find("mmap")?.args.get(at)
            }
        }
    }

    /// What it holds where the case does not say; `None` where that follows from other columns.
    pub fn ordinary(self) -> Option<Value> {
        let flags = |domain, names: &[&str]| Arg::Flags(flags::FlagSet::of(domain, names));
        let arg = match self {
            Column::Size => Arg::Quantity(Quantity::of(1, Unit::Page)),
            Column::Content => Arg::Bytes(Bytes::default()),
            Column::Open => flags(&flags::OPEN, &["O_RDWR"]),
            Column::Addr | Column::Offset => Arg::Quantity(Quantity::default()),
            Column::Prot => flags(&flags::PROT, &["PROT_READ", "PROT_WRITE"]),
            Column::Flags => flags(&flags::MAP, &["MAP_SHARED"]),
            Column::Via => return Some(Value::Door(None)),
            Column::Length | Column::Fd => return None,
        };
        Some(Value::Arg(arg))
    }

    /// The descriptor of a call with these flags, where the case names none.
    pub fn ordinary_fd(flags: &Arg) -> Arg {
        match flags {
            Arg::Flags(set) if set.has("MAP_ANONYMOUS") => Arg::Fd(Fd::Number(-1)),
            _ => Arg::Fd(Fd::Name("file".to_owned())),
        }
    }

    /// The length of a mapping of this descriptor, where the case gives none: all of what has a
    /// size.
    pub fn ordinary_length(fd: &Arg) -> Arg {
        let unit = match fd {
            Arg::Fd(Fd::Name(name)) if matches!(name.as_str(), "file" | "path" | "memfd") => {
                Unit::Eof
            }
            Arg::Fd(Fd::Name(name)) if call::FIXTURES.iter().any(|(f, _)| f == name) => Unit::Page,
            // What a step has bound is, as a rule, the file by another descriptor.
            Arg::Fd(Fd::Name(_)) => Unit::Eof,
            _ => Unit::Page,
        };
        Arg::Quantity(Quantity::of(1, unit))
    }
}

impl Value {
    /// Written in the one notation that ids use.
    pub fn label(&self, column: Column) -> String {
        match (self, column.spec()) {
            (Value::Arg(arg), Some(spec)) => arg.display(spec),
            (Value::Door(Some(Door::Libc)), _) => "libc".to_owned(),
            _ => "raw".to_owned(),
        }
    }

    /// The argument; the ordinary quantity 0 for an entry, which is never asked for one.
    pub fn arg(self) -> Arg {
        match self {
            Value::Arg(arg) => arg,
            Value::Door(_) => Arg::Quantity(Quantity::default()),
        }
    }
}

impl Spell for Value {
    type By = Column;

    fn spell(text: &str, column: Column) -> Result<Self, Mistake> {
        let Some(spec) = column.spec() else {
            return match text {
                "raw" => Ok(Value::Door(Some(Door::Raw))),
                "libc" => Ok(Value::Door(Some(Door::Libc))),
                _ => Err(Mistake::unknown(
                    0..text.len(),
                    "entry",
                    text,
                    ["raw", "libc"],
                )),
            };
        };
        let mut words = Cursor::new(text)?;
        let arg = Arg::read(&mut words, spec)?;
        words.finish()?;
        let value = Value::Arg(arg);
        match value.of_file(column) {
            Some(wrong) => Err(Mistake::new(0..text.len(), wrong)),
            None => Ok(value),
        }
    }
}

impl Value {
    /// What is wrong with it as the size or the content of a file: the file is made before
    /// anything else is there.
    fn of_file(&self, column: Column) -> Option<String> {
        let (name, quantities) = match (column, self) {
            (Column::Size, Value::Arg(Arg::Quantity(q))) => ("size", vec![q]),
            (Column::Content, Value::Arg(Arg::Bytes(b))) => {
                ("content", b.chunks.iter().map(|c| &c.times).collect())
            }
            _ => return None,
        };
        for q in quantities {
            if let Some(word) = q.names().next() {
                return Some(format!("the {name} can't depend on `{word}`"));
            }
            if column == Column::Size && q.uses(&Unit::Eof) {
                return Some("`eof` is this size itself".to_owned());
            }
            for page in PAGES {
                let scale = Scale::ordinary(page);
                // Where `eof` is used, the size has been read as a column of its own.
                match q.value(&scale, i64::MAX.into(), &|_| Some(0)) {
                    Ok(v) if v < 0 && !q.uses(&Unit::Eof) => {
                        return Some(format!("the {name} is negative"));
                    }
                    Ok(v) if v <= i64::MAX.into() => {}
                    _ => return Some(format!("the {name} is more than a file can have")),
                }
            }
        }
        None
    }
}

/// The page sizes that quantities are checked at before anything is run.
pub const PAGES: [u64; 3] = [4096, 16384, 65536];
