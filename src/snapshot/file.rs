//! One snapshot file: insta's frame around it, what was observed, and the blocks.
//!
//! The reference's file holds blocks alone:
//!
//! ```text
//! ---
//! source: tests/suite.rs
//! ---
//! past-eof
//!   mmap = map
//!   file unchanged
//! ```
//!
//! A facet's file begins with what was observed: for each group of cases (all that one `[[case]]`
//! makes) how many there were and the digest of the base records that they were held against,
//! then the cases of the base that were not observed:
//!
//! ```text
//! observed: group, cases, digest of the base
//!   access 23 1f2e3d4c5b6a7988
//!     not access[open=O_PATH]
//!   past-eof 1 af63dc4c8601ec8c
//! past-eof
//!   mmap = ENODEV
//! ```
//!
//! A block of a case that was not observed is what was seen there once, before the base changed.
//! Where only a [sample](crate::sample) of a grid was observed, its share stands behind the digest
//! (`mmap 1437 1f2e3d4c5b6a7988 2%`), and the cases outside of it are not listed.

use super::grid::{self, Across, Cell, Grids, Legend};
use crate::sample::Sample;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// The test that asserts the snapshots; insta names it in each file.
pub const SOURCE: &str = "tests/suite.rs";

/// The line that begins what was observed; no case can have this name.
const OBSERVED: &str = "observed: group, cases, digest of the base";

/// What a snapshot file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapFile {
    /// By group, what was observed; empty in the reference's own files.
    pub observed: BTreeMap<String, Observed>,
    /// The blocks by the case's id within its table, in the order of the file.
    pub blocks: Vec<(String, String)>,
    /// The groups that are written as grids.
    pub grids: Grids,
    /// By grid, the symbols that its blocks had; they keep them.
    pub legends: BTreeMap<String, Legend>,
}

/// What was observed of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many of its cases.
    pub cases: usize,
    /// The digest of the base records of those cases.
    pub base: u64,
    /// Cases of the base that were not observed.
    pub not: Vec<String>,
    /// The part of the cases that `base` and `not` speak of; all where there is none.
    pub sample: Option<Sample>,
}

impl Observed {
    /// Whether the group's case of this id, if the base has it, was observed.
    pub fn has(&self) -> impl Fn(&str) -> bool + '_ {
        let not: HashSet<&str> = self.not.iter().map(String::as_str).collect();
        move |id| !not.contains(id) && self.sample.is_none_or(|s| s.takes(id))
    }
}

/// A line that can't be part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// The group that a case belongs to: its id without the values of its columns.
pub fn group(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// A piece of text as it can stand in one line: control characters are escaped, and nothing
/// invisible is left at its end, where insta would cut it.
pub fn tidy(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.trim_end().chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A block as it can stand in a file: each line indented by two spaces and ended.
pub fn tidy_block(block: &str) -> String {
    let mut out = String::with_capacity(block.len());
    for line in block.lines() {
        let line = tidy(line.trim_start());
        if !line.is_empty() {
            out.push_str("  ");
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// The bytes that insta writes for this content when the assertion stands in the file `source`.
pub fn frame(source: &str, content: &str) -> String {
    format!("---\nsource: {source}\n---\n{}\n", content.trim_end())
}

impl SnapFile {
    /// Reads a whole file. A facet's file must begin with what was observed, the reference's must
    /// not.
    pub fn parse(text: &str, reference: bool) -> Result<Self, BadLine> {
        // Where nothing is recorded, the line that ends the file is an empty one.
        let text = text.trim_end_matches('\n');
        let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l)).peekable();
        skip_frame(&mut lines)?;
        let mut file = SnapFile::default();
        let begins = lines.next_if(|(_, l)| *l == OBSERVED);
        match (begins, reference) {
            (Some((n, _)), true) => {
                return Err(bad(
                    n,
                    "the reference's records hold what was observed, whole",
                ));
            }
            (None, false) => {
                let n = lines.peek().map_or(1, |(n, _)| *n);
                return Err(bad(n, format!("expected `{OBSERVED}`")));
            }
            _ => {}
        }
        if !reference {
            while let Some((n, line)) = lines.next_if(|(_, l)| l.starts_with(' ')) {
                file.read_observed(n, line)?;
            }
        }
        let mut seen = HashSet::new();
        while let Some((n, line)) = lines.next() {
            if let Some(name) = line.strip_prefix("grid ") {
                file.read_grid((n, name), reference, &mut lines, &mut seen)?;
                continue;
            }
            file.read_block_line(n, line, &mut seen)?;
            if !reference && !file.observed.contains_key(group(line)) && !line.starts_with(' ') {
                return Err(bad(n, "the group of this case is not among those observed"));
            }
        }
        Ok(file)
    }

    fn read_grid<'a, I>(
        &mut self,
        (n, name): (usize, &str),
        reference: bool,
        lines: &mut std::iter::Peekable<I>,
        seen: &mut HashSet<String>,
    ) -> Result<(), BadLine>
    where
        I: Iterator<Item = (usize, &'a str)>,
    {
        let read = grid::read(name, lines)?;
        if !reference && !self.observed.contains_key(name) {
            return Err(bad(n, "this grid is not among the groups observed"));
        }
        for (id, cell) in read.cells {
            match (cell, self.observed.get_mut(name)) {
                (Cell::Block(block), _) => {
                    if !seen.insert(id.clone()) {
                        return Err(bad(n, format!("the case `{id}` stands here twice")));
                    }
                    self.blocks.push((id, block));
                }
                (Cell::NotObserved, Some(observed)) => observed.not.push(id),
                (Cell::NotObserved, None) => {
                    return Err(bad(
                        n,
                        "the reference's records hold what was observed, whole",
                    ));
                }
            }
        }
        if let Some(observed) = self.observed.get_mut(name) {
            observed.not.sort_unstable();
        }
        if let Some(across) = read.across {
            self.grids.insert(name.to_owned(), across);
        }
        self.legends.insert(name.to_owned(), read.legend);
        Ok(())
    }

    fn read_observed(&mut self, n: usize, line: &str) -> Result<(), BadLine> {
        if let Some(id) = line.strip_prefix("    not ") {
            let entry = self.observed.get_mut(group(id));
            let entry = entry.ok_or_else(|| bad(n, format!("`{id}` is of no group above")))?;
            entry.not.push(id.to_owned());
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (name, cases, base) = (words.next(), words.next(), words.next());
        let (sample, share) = match words.next() {
            None => (None, true),
            Some(word) => (Sample::parse(word), false),
        };
        let cases = cases.and_then(|w| w.parse().ok());
        let base = base
            .filter(|w| w.len() == 16)
            .and_then(|w| u64::from_str_radix(w, 16).ok());
        let (Some(name), Some(cases), Some(base), None) = (name, cases, base, words.next()) else {
            return Err(bad(n, "expected a group, a number and a digest"));
        };
        if sample.is_none() && !share {
            return Err(bad(n, "expected a share such as `2%`"));
        }
        let entry = Observed {
            cases,
            base,
            not: Vec::new(),
            sample,
        };
        if self.observed.insert(name.to_owned(), entry).is_some() {
            return Err(bad(n, format!("the group `{name}` stands here twice")));
        }
        Ok(())
    }

    fn read_block_line(
        &mut self,
        n: usize,
        line: &str,
        seen: &mut HashSet<String>,
    ) -> Result<(), BadLine> {
        if line.starts_with("  ") {
            let Some((_, block)) = self.blocks.last_mut() else {
                return Err(bad(n, "this line belongs to no case"));
            };
            block.push_str(line);
            block.push('\n');
            return Ok(());
        }
        let first = line.chars().next();
        if !first.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            let what = if line.is_empty() {
                "an empty line"
            } else {
                line
            };
            return Err(bad(n, format!("expected the name of a case, found {what}")));
        }
        if !seen.insert(line.to_owned()) {
            return Err(bad(n, format!("the case `{line}` stands here twice")));
        }
        self.blocks.push((line.to_owned(), String::new()));
        Ok(())
    }

    /// The blocks of each group.
    pub fn by_group(&self) -> HashMap<&str, Vec<&(String, String)>> {
        let mut groups: HashMap<&str, Vec<_>> = HashMap::new();
        for block in &self.blocks {
            groups.entry(group(&block.0)).or_default().push(block);
        }
        groups
    }

    /// The content, without insta's frame. What was observed is told in a facet's file even where
    /// it is nothing.
    pub fn content(&self, reference: bool) -> String {
        let mut out = String::new();
        let in_grid = |name: &str, id: &str| {
            let grid = self.grids.get(name);
            grid.is_some_and(|across| grid::has_place(id, name, across))
        };
        let recorded: HashSet<&str> = match self.grids.is_empty() {
            true => HashSet::new(),
            false => self.blocks.iter().map(|(id, _)| id.as_str()).collect(),
        };
        if !reference {
            out.push_str(OBSERVED);
            out.push('\n');
            for (name, o) in &self.observed {
                let share = o.sample.map_or(String::new(), |s| format!(" {s}"));
                out.push_str(&format!("  {name} {} {:016x}{share}\n", o.cases, o.base));
                let has_block = |id: &str| recorded.contains(id);
                let told = o
                    .not
                    .iter()
                    .filter(|id| has_block(id) || !in_grid(name, id));
                for id in told {
                    out.push_str(&format!("    not {id}\n"));
                }
            }
        }
        let mut grids_left: Vec<(&String, &Across)> = self.grids.iter().collect();
        let mut blocks = self.blocks.iter().peekable();
        while let Some((id, block)) = blocks.next() {
            let name = group(id);
            let Some(at) = grids_left.iter().position(|(n, _)| *n == name) else {
                print_block(&mut out, id, block);
                continue;
            };
            let mut cells = vec![(id.as_str(), Some(block.as_str()))];
            while let Some((id, block)) = blocks.next_if(|(id, _)| group(id) == name) {
                cells.push((id, Some(block)));
            }
            let (name, across) = grids_left.remove(at);
            self.print_grid(&mut out, (name, across), cells, &recorded);
        }
        for (name, across) in grids_left {
            self.print_grid(&mut out, (name, across), Vec::new(), &recorded);
        }
        out
    }

    fn print_grid<'a>(
        &'a self,
        out: &mut String,
        (name, across): (&String, &Across),
        mut cells: Vec<(&'a str, Option<&'a str>)>,
        recorded: &HashSet<&str>,
    ) {
        let not = self.observed.get(name).map_or(&[][..], |o| &o.not);
        let not = not
            .iter()
            .filter(|id| !recorded.contains(id.as_str()) && grid::has_place(id, name, across));
        cells.extend(not.map(|id| (id.as_str(), None)));
        if cells.is_empty() {
            return;
        }
        let seed = self.legends.get(name).map_or(&[][..], |l| l);
        for (id, block) in grid::write(out, (name, across), seed, &cells) {
            print_block(out, id, block);
        }
    }
}

fn print_block(out: &mut String, id: &str, block: &str) {
    out.push_str(id);
    out.push('\n');
    out.push_str(block);
}

/// Takes off the header that insta writes.
fn skip_frame<'a, I>(lines: &mut std::iter::Peekable<I>) -> Result<(), BadLine>
where
    I: Iterator<Item = (usize, &'a str)>,
{
    if lines.next_if(|(_, l)| *l == "---").is_none() {
        return Err(bad(
            1,
            "expected `---`, the beginning of a snapshot's header",
        ));
    }
    for (_, line) in lines.by_ref() {
        if line == "---" {
            return Ok(());
        }
    }
    Err(bad(1, "the snapshot's header has no end"))
}

pub(super) fn bad(line: usize, message: impl Into<String>) -> BadLine {
    BadLine {
        line,
        message: message.into(),
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}
