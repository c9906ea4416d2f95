//! Grids in a snapshot: one line for each row, one symbol for each case, and a legend.
//!
//! ```text
//! grid munmap
//!   across count
//!     1 0
//!     2 1page
//!   where
//!     . munmap = ok
//!     I munmap = EINVAL
//!   rows          12
//!     at=map      I.
//!     at=map + 1  II
//! ```
//!
//! A row is the id of its cases but for the last axis, which runs across; the columns are numbered
//! above the rows for those who read. Three symbols have a meaning of their own: `-` nothing is
//! recorded here, `*` the case stands below with a block of its own, `?` the case of the base was
//! not observed.
//!
//! Symbols stay: a block that had one keeps it, so that a new outcome changes the lines in which
//! it is seen and no other.

use super::file::{BadLine, bad};
use crate::case::errno::Errno;
use crate::digest::Digest;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How the groups that are grids are laid out, by name.
pub type Grids = BTreeMap<String, Across>;

/// What runs across a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Across {
    /// The name of the last axis.
    pub axis: String,
    /// Its values, as ids print them, in order.
    pub values: Vec<String>,
}

/// Which symbol stands for which block.
pub type Legend = Vec<(char, String)>;

const NOTHING: char = '-';
const BELOW: char = '*';
const NOT_OBSERVED: char = '?';

/// What a grid says of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// This block.
    Block(String),
    /// It was not observed.
    NotObserved,
}

/// A grid as it was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub name: String,
    pub across: Option<Across>,
    pub legend: Legend,
    /// By id.
    pub cells: Vec<(String, Cell)>,
}

/// The row and the column of a case: `a=1,b=2` and `3` of `name[a=1,b=2,c=3]`.
fn place<'a>(id: &'a str, name: &str, axis: &str) -> Option<(&'a str, &'a str)> {
    let inside = id
        .strip_prefix(name)?
        .strip_prefix('[')?
        .strip_suffix(']')?;
    let key = format!("{axis}=");
    let at = inside.rmatch_indices(&key).find_map(|(at, _)| {
        let before = inside.get(..at)?;
        (before.is_empty() || before.ends_with(',')).then_some(at)
    })?;
    let row = inside.get(..at)?;
    let row = row.strip_suffix(',').unwrap_or(row);
    let value = inside.get(at + key.len()..)?;
    let plain = |s: &str| s.trim() == s && !s.chars().any(char::is_control);
    // An axis without a value, or a row that begins with a comma, would not come back as it is.
    let whole = id_of(name, row, axis, value) == id;
    (plain(row) && plain(value) && !value.is_empty() && whole).then_some((row, value))
}

/// Whether a case can stand in a grid.
pub(super) fn has_place(id: &str, name: &str, across: &Across) -> bool {
    place(id, name, &across.axis).is_some()
}

fn id_of(name: &str, row: &str, axis: &str, value: &str) -> String {
    let comma = if row.is_empty() { "" } else { "," };
    format!("{name}[{row}{comma}{axis}={value}]")
}

/// Writes a grid of these cases; gives those back that it has no place or no symbol for, which
/// stand below it.
pub(super) fn write<'a>(
    out: &mut String,
    (name, across): (&str, &Across),
    seed: &[(char, String)],
    cells: &[(&'a str, Option<&'a str>)],
) -> Vec<(&'a str, &'a str)> {
    let mut sheet = Sheet::new(across, seed);
    let mut below = Vec::new();
    for (id, block) in cells {
        let taken = match (place(id, name, &across.axis), block) {
            (Some(place), Some(block)) => sheet.put(place, block),
            (Some(place), None) => sheet.set(place, NOT_OBSERVED),
            (None, _) => false,
        };
        if let (false, Some(block)) = (taken, block) {
            below.push((*id, *block));
        }
    }
    sheet.print(name, across, out);
    below
}

struct Sheet<'s> {
    values: Vec<&'s str>,
    columns: HashMap<&'s str, usize>,
    rows: Vec<(&'s str, Vec<char>)>,
    numbers: HashMap<&'s str, usize>,
    symbols: HashMap<&'s str, char>,
    seed: HashMap<&'s str, char>,
    taken: HashSet<char>,
    legend: Vec<(char, &'s str)>,
}

impl<'s> Sheet<'s> {
    fn new(across: &'s Across, seed: &'s [(char, String)]) -> Self {
        let mut sheet = Sheet {
            values: Vec::new(),
            columns: HashMap::new(),
            rows: Vec::new(),
            numbers: HashMap::new(),
            symbols: HashMap::new(),
            seed: HashMap::new(),
            taken: HashSet::new(),
            legend: Vec::new(),
        };
        for value in &across.values {
            sheet.column(value);
        }
        for (symbol, block) in seed {
            let new = is_symbol(*symbol) && !sheet.seed.contains_key(block.as_str());
            if new && sheet.taken.insert(*symbol) {
                sheet.seed.insert(block, *symbol);
            }
        }
        sheet
    }

    fn column(&mut self, value: &'s str) -> usize {
        if let Some(at) = self.columns.get(value) {
            return *at;
        }
        self.columns.insert(value, self.values.len());
        self.values.push(value);
        self.values.len() - 1
    }

    fn set(&mut self, (row, value): (&'s str, &'s str), symbol: char) -> bool {
        let column = self.column(value);
        let next = self.rows.len();
        let at = *self.numbers.entry(row).or_insert(next);
        if at == next {
            self.rows.push((row, Vec::new()));
        }
        let Some((_, cells)) = self.rows.get_mut(at) else {
            return false;
        };
        if cells.len() <= column {
            cells.resize(column + 1, NOTHING);
        }
        if let Some(cell) = cells.get_mut(column) {
            *cell = symbol;
        }
        true
    }

    fn put(&mut self, place: (&'s str, &'s str), block: &'s str) -> bool {
        let known = self.symbols.get(block).copied();
        let Some(symbol) = known.or_else(|| self.symbol(block)) else {
            self.set(place, BELOW);
            return false;
        };
        if known.is_none() {
            self.symbols.insert(block, symbol);
            self.legend.push((symbol, block));
        }
        self.set(place, symbol)
    }

    /// A symbol for a block that had none: one that tells what came of it last, if it is free.
    fn symbol(&mut self, block: &str) -> Option<char> {
        // What the legend can't hold as it is: every line of it has something to say.
        if block.is_empty()
            || block
                .lines()
                .any(|l| !l.starts_with("  ") || l.trim().is_empty())
        {
            return None;
        }
        if let Some(symbol) = self.seed.get(block) {
            return Some(*symbol);
        }
        let hint = hint(block);
        let (first, then) = match hint.starts_with('.') {
            true => (SMALL, LARGE),
            false => (LARGE, SMALL),
        };
        let start = Digest::of(block.as_bytes()) as usize % first.len();
        let first = first.iter().cycle().skip(start).take(first.len());
        let rest = first.chain(then).chain(OTHERS).map(|b| char::from(*b));
        let mut all = hint.chars().chain(rest);
        all.find(|c| self.taken.insert(*c))
    }

    fn print(&self, name: &str, across: &Across, out: &mut String) {
        out.push_str(&format!("grid {name}\n  across {}\n", across.axis));
        let mark = |n: usize| RULER.get(n % RULER.len()).copied().map_or('0', char::from);
        for (n, value) in self.values.iter().enumerate() {
            out.push_str(&format!("    {} {value}\n", mark(n)));
        }
        out.push_str("  where\n");
        let mut legend = self.legend.clone();
        legend.sort_by(|a, b| a.1.cmp(b.1));
        for (symbol, block) in legend {
            let mut begins = symbol;
            for line in block.lines() {
                let line = line.strip_prefix("  ").unwrap_or(line);
                out.push_str(&format!("    {begins} {line}\n"));
                begins = ' ';
            }
        }
        let width = self.rows.iter().map(|(row, _)| row.chars().count()).max();
        let width = width.unwrap_or(0).max(3);
        let ruler: String = (0..self.values.len()).map(mark).collect();
        out.push_str(&format!(
            "  {:<width$} {ruler}\n",
            "rows",
            width = width + 2
        ));
        for (row, cells) in &self.rows {
            let symbols = cells.iter().copied().chain(std::iter::repeat(NOTHING));
            let symbols: String = symbols.take(self.values.len()).collect();
            out.push_str(&format!("    {row:<width$} {symbols}\n"));
        }
    }
}

/// What symbols may be, beside those that are liked best: small ones for what succeeds, large ones
/// for errors, then any.
const SMALL: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LARGE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const OTHERS: &[u8] = b"+=#%&@^~<>/!$";

/// What numbers the columns, over and over.
const RULER: &[u8] = b"123456789abcdefghijklmnopqrstuvwxyz";

fn is_symbol(c: char) -> bool {
    !matches!(c, NOTHING | BELOW | NOT_OBSERVED) && !c.is_whitespace() && !c.is_control()
}

/// The symbols that one would like best for a block: a letter for the first error in it, for what
/// succeeds a dot or one like it.
fn hint(block: &str) -> &'static str {
    let mut outcomes = block.lines().filter_map(|l| Some(l.rsplit_once(" = ")?.1));
    let error = outcomes.find(|o| Errno::looks_like(o.split(' ').next().unwrap_or_default()));
    match error {
        None => ".,:;'",
        Some("EINVAL") => "Ii",
        Some("ENOMEM") => "Mm",
        Some("EACCES") => "Aa",
        Some("EPERM") => "Pp",
        Some("EBADF") => "Bb",
        Some("EEXIST") => "Xx",
        Some("EFAULT") => "Ff",
        Some("EAGAIN") => "Gg",
        Some("EOVERFLOW") => "Oo",
        Some("ENODEV") => "Dd",
        Some("EOPNOTSUPP") => "Uu",
        Some("ENOTSUP") => "Tt",
        Some("EBUSY") => "Yy",
        Some("ENOSYS") => "Nn",
        Some(_) => "Zz",
    }
}

/// Reads what [`write`] wrote, from the line after `grid NAME` on.
pub(super) fn read<'a, I>(name: &str, lines: &mut std::iter::Peekable<I>) -> Result<Read, BadLine>
where
    I: Iterator<Item = (usize, &'a str)>,
{
    let mut read = Read {
        name: name.to_owned(),
        ..Read::default()
    };
    let mut next = |what: &str| match lines.next_if(|(_, l)| l.starts_with("  ")) {
        Some((n, line)) => Ok((n, line)),
        None => Err((what.to_owned(), lines.peek().map_or(0, |(n, _)| *n))),
    };
    let short = |(what, n): (String, usize)| bad(n, format!("the grid ends without {what}"));
    let (n, line) = next("`across`").map_err(short)?;
    let axis = line.strip_prefix("  across ").filter(|a| !a.is_empty());
    let axis = axis.ok_or_else(|| bad(n, "expected `across` and the name of an axis"))?;
    let mut across = Across {
        axis: axis.to_owned(),
        values: Vec::new(),
    };
    loop {
        let (n, line) = next("`where`").map_err(short)?;
        if line == "  where" {
            break;
        }
        let value = line.strip_prefix("    ").and_then(|l| l.split_once(' '));
        let (_, value) = value.ok_or_else(|| bad(n, "expected a number and a value"))?;
        across.values.push(value.to_owned());
    }
    loop {
        let (n, line) = next("`rows`").map_err(short)?;
        if line.starts_with("  rows") {
            break;
        }
        let entry = line.strip_prefix("    ");
        let mut chars = entry.unwrap_or_default().chars();
        let (symbol, space, text) = (chars.next(), chars.next(), chars.as_str());
        match (symbol, space, read.legend.last_mut()) {
            (Some(' '), Some(' '), Some((_, block))) => block.push_str(&format!("  {text}\n")),
            (Some(symbol), Some(' '), _) if is_symbol(symbol) => {
                if read.legend.iter().any(|(s, _)| *s == symbol) {
                    return Err(bad(n, format!("`{symbol}` stands for something already")));
                }
                read.legend.push((symbol, format!("  {text}\n")));
            }
            _ => return Err(bad(n, "expected a symbol and what it stands for")),
        }
    }
    while let Some((n, line)) = lines.next_if(|(_, l)| l.starts_with("  ")) {
        read_row(&mut read, &across, n, line)?;
    }
    read.across = Some(across);
    Ok(read)
}

fn read_row(read: &mut Read, across: &Across, n: usize, line: &str) -> Result<(), BadLine> {
    let row = line.strip_prefix("    ").and_then(|l| l.rsplit_once(' '));
    let (row, symbols) = row.ok_or_else(|| bad(n, "expected a row and its symbols"))?;
    let row = row.trim_end();
    if symbols.chars().count() != across.values.len() {
        let many = across.values.len();
        return Err(bad(n, format!("expected {many} symbols in this row")));
    }
    for (value, symbol) in across.values.iter().zip(symbols.chars()) {
        let cell = match symbol {
            NOTHING | BELOW => continue,
            NOT_OBSERVED => Cell::NotObserved,
            _ => {
                let block = read.legend.iter().find(|(s, _)| *s == symbol);
                let block = block.map(|(_, block)| Cell::Block(block.clone()));
                block.ok_or_else(|| bad(n, format!("nothing says what `{symbol}` stands for")))?
            }
        };
        let id = id_of(&read.name, row, &across.axis, value);
        read.cells.push((id, cell));
    }
    Ok(())
}

/// Which symbols are to stay: those of the first legend, then those of the others as far as they
/// are free.
pub(super) fn merged<'a>(legends: impl Iterator<Item = &'a Legend>) -> Legend {
    let mut all: Legend = Vec::new();
    for (symbol, block) in legends.flatten() {
        if !all.iter().any(|(s, b)| s == symbol || b == block) {
            all.push((*symbol, block.clone()));
        }
    }
    all
}

#[cfg(test)]
mod tests;
