//! What is held side by side: a machine's records, or a run's results.

use crate::case::Scale;
use crate::known::Known;
use crate::platform::{Facet, FacetKind, Platform, Reference};
use crate::snapshot::{Record, Recorded, SnapshotSource, local, stem, tidy};
use crate::transcript::parted;
use serde_json::Value;
use std::collections::BTreeMap;

/// One of those that are compared.
#[derive(Debug)]
pub struct Side {
    /// Its name: the folder of its records, or the file of its results.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// What its quantities are worth.
    pub scale: Scale,
    /// The platform, as far as its name or its results tell.
    pub platform: Platform,
    /// What is tolerated there.
    pub known: Known,
    answers: Answers,
}

#[derive(Debug)]
enum Answers {
    Records(Box<Record>),
    Run(BTreeMap<String, Cell>),
}

/// What one side says of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// It answered.
    Answer(Answer),
    /// It was not run there, for this reason.
    Skipped(String),
    /// The harness failed on it there.
    Incomplete(String),
    /// Nothing is known of it there.
    Unrecorded,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Each step and its outcome, then the file and what it holds.
    pub lines: Vec<(String, String)>,
}

impl Answer {
    /// Reads the lines of a transcript.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let part = |line: &str| {
            let (step, outcome) = parted(line.trim_start());
            (step.to_owned(), outcome.to_owned())
        };
        Answer {
            lines: lines.into_iter().map(part).collect(),
        }
    }
}

impl Side {
    /// The records of the machine of this name: `linux-x86_64`, `fs-tmpfs`, or several facets
    /// joined by `+`.
    ///
    /// # Errors
    /// There are no such records, or they can't be read.
    pub fn records(
        name: &str,
        source: &dyn SnapshotSource,
        lists: &dyn Fn(&Record) -> Result<Known, String>,
    ) -> Result<Self, String> {
        let (reference, _) = crate::snapshot::reference(source).map_err(|d| d.to_string())?;
        let folders = crate::snapshot::folders(source).map_err(|e| e.to_string())?;
        let platform = named(name, &reference);
        let exact = platform.is_none().then_some(name);
        let platform = platform.unwrap_or_else(|| of(&reference));
        let record =
            Record::load(source, &platform, exact).map_err(|damaged| damaged.to_string())?;
        let kept = |f: &Facet| folders.iter().any(|d| f.is_met_by(d, &reference));
        let is_there = match exact {
            Some(name) => folders.contains(name),
            None => folders.contains(name) || record.facets().iter().all(kept),
        };
        if !is_there {
            let all: Vec<&str> = folders.iter().map(String::as_str).collect();
            return Err(format!("there are records of {}", all.join(", ")));
        }
        Ok(Side {
            name: name.to_owned(),
            about: told(&platform),
            scale: platform.scale.clone(),
            platform,
            known: lists(&record)?,
            answers: Answers::Records(Box::new(record)),
        })
    }

    /// The results of a run, in lines of JSON.
    ///
    /// # Errors
    /// They can't be read: the line and what is wrong.
    pub fn run(
        name: &str,
        text: &str,
        source: &dyn SnapshotSource,
        lists: &dyn Fn(&Record) -> Result<Known, String>,
    ) -> Result<Self, String> {
        let mut lines = text.lines().enumerate();
        let first = lines.next().ok_or("line 1: no results")?;
        let start = value(first)?;
        if start["type"] != "run" {
            return Err("line 1: results begin with what was run".to_owned());
        }
        if start["schema"] != crate::report::SCHEMA {
            let schema = &start["schema"];
            return Err(format!("line 1: the schema {schema} is not known here"));
        }
        let platform = platform_of(&start["platform"]);
        let (mut cells, mut ended) = (BTreeMap::new(), false);
        for line in lines {
            let entry = value(line)?;
            match entry["type"].as_str() {
                Some("case") => {
                    let id = entry["id"].as_str();
                    let id = id.ok_or_else(|| format!("line {}: a case without id", line.0 + 1))?;
                    if entry["verdict"] != "other death" {
                        cells.insert(id.to_owned(), cell(&entry));
                    }
                }
                Some("end") => ended = true,
                _ => {}
            }
        }
        let record = Record::load(source, &platform, None).map_err(|d| d.to_string())?;
        let mut about = start["machine"].as_str().unwrap_or_default().to_owned();
        if !ended {
            about.push_str(", broken off");
        }
        Ok(Side {
            name: name.to_owned(),
            about: tidy(&about),
            scale: platform.scale.clone(),
            platform,
            known: lists(&record)?,
            answers: Answers::Run(cells),
        })
    }

    /// What it says of a case.
    pub fn cell(&self, id: &str) -> Cell {
        match &self.answers {
            Answers::Records(record) => match record.get(id) {
                Recorded::Block(block) => Cell::Answer(Answer::of(block.lines())),
                Recorded::Unrecorded | Recorded::NoRecordFits(_) => Cell::Unrecorded,
            },
            Answers::Run(cells) => cells.get(&tidy(id)).cloned().unwrap_or(Cell::Unrecorded),
        }
    }

    /// The cases that it speaks of, of the tables in `stems`.
    pub fn ids(&self) -> Vec<String> {
        match &self.answers {
            Answers::Records(_) => Vec::new(),
            Answers::Run(cells) => cells
                .keys()
                .filter(|id| !stem(id).is_empty() && !local(id).is_empty())
                .cloned()
                .collect(),
        }
    }
}

fn value((n, line): (usize, &str)) -> Result<Value, String> {
    serde_json::from_str(line).map_err(|e| format!("line {}: {e}", n + 1))
}

fn cell(entry: &Value) -> Cell {
    let reason = entry["reason"].as_str().unwrap_or_default().to_owned();
    match (entry["answer"].as_array(), entry["verdict"].as_str()) {
        (Some(lines), _) => Cell::Answer(Answer::of(lines.iter().filter_map(Value::as_str))),
        (None, Some("incomplete")) => Cell::Incomplete(reason),
        (None, _) => Cell::Skipped(reason),
    }
}

fn platform_of(entry: &Value) -> Platform {
    let mut p = Platform::unknown();
    for (key, slot) in [
        ("os", &mut p.os),
        ("kernel", &mut p.kernel),
        ("arch", &mut p.arch),
        ("fs", &mut p.fs),
        ("door", &mut p.door),
        ("libc", &mut p.libc),
        ("sandbox", &mut p.sandbox),
        ("emulator", &mut p.emulator),
        ("rights", &mut p.rights),
    ] {
        if let Some(word) = entry[key].as_str() {
            word.clone_into(slot);
        }
    }
    let number = |key: &str, otherwise: u64| entry[key].as_u64().unwrap_or(otherwise);
    let page = number("page", 4096);
    let mut scale = Scale::ordinary(if page.is_power_of_two() { page } else { 4096 });
    scale.huge = number("huge", scale.huge);
    scale.ram = number("ram", scale.ram);
    scale.top = number("top", scale.top);
    scale.min_addr = number("min-addr", scale.min_addr);
    scale.bits = if number("bits", 64) == 32 { 32 } else { 64 };
    Platform { scale, ..p }
}

/// The reference machine.
fn of(reference: &Reference) -> Platform {
    Platform {
        os: reference.os.clone(),
        kernel: reference.kernel.clone(),
        arch: reference.arch.clone(),
        fs: reference.fs.clone(),
        door: reference.door.clone(),
        sandbox: reference.sandbox.clone(),
        emulator: reference.emulator.clone(),
        rights: "ordinary".to_owned(),
        scale: Scale::ordinary(reference.page),
        ..Platform::unknown()
    }
}

/// The machine that a name means: the reference with the facets of the name.
fn named(name: &str, reference: &Reference) -> Option<Platform> {
    let mut platform = of(reference);
    for (n, part) in name.split('+').enumerate() {
        if n == 0 && part == reference.name() {
            continue;
        }
        let facet = FacetKind::ALL.iter().find_map(|kind| {
            let value = part.strip_prefix(kind.word())?.strip_prefix('-')?;
            Some((*kind, value.to_owned()))
        });
        match facet {
            Some((FacetKind::Os, v)) => platform.os = v,
            Some((FacetKind::Arch, v)) => platform.arch = v,
            Some((FacetKind::Page, v)) => {
                let kib = v.strip_suffix('k').and_then(|n| n.parse::<u64>().ok())?;
                let page = kib.checked_mul(1024).filter(|p| p.is_power_of_two())?;
                platform.scale = Scale::ordinary(page);
            }
            Some((FacetKind::Kernel, v)) => platform.kernel = v,
            Some((FacetKind::Fs, v)) => platform.fs = v,
            Some((FacetKind::Libc, v)) => platform.door = v,
            Some((FacetKind::Sandbox, v)) => platform.sandbox = v,
            Some((FacetKind::Emulator, v)) => platform.emulator = v,
            // `linux-aarch64+page-64k`: the system and the architecture come first.
            None if n == 0 && name.contains('+') => {
                let (os, arch) = part.split_once('-')?;
                platform.os = os.to_owned();
                platform.arch = arch.to_owned();
            }
            None => return None,
        }
    }
    Some(platform)
}

/// A recorded machine in a few words.
fn told(p: &Platform) -> String {
    let mut words = vec![
        format!("{} {}", p.os, p.kernel),
        p.arch.clone(),
        format!("pages of {} KiB", p.scale.page >> 10),
        p.fs.clone(),
    ];
    if p.door != "raw" {
        words.push(format!("through {}", p.door));
    }
    for (what, which) in [("in", &p.sandbox), ("under", &p.emulator)] {
        if which != "none" {
            words.push(format!("{what} {which}"));
        }
    }
    words.join(", ")
}
