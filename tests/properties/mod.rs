//! What holds of every text, whoever wrote it: reading it gives what it says or a mistake with its
//! place, never a panic; what was read is printed, and reads again as the same.
//!
//! The tests here try it with spoilt texts; the fuzz targets in `fuzz/` include this file and look
//! further.

use mmapcheck::case::check::check;
use mmapcheck::case::flags::{self, FlagSet};
use mmapcheck::case::step::{Step, Written};
use mmapcheck::case::{Bytes, Claim, FileSpec, Mistake, Need, Program, Quantity, Scale};
use mmapcheck::known::Known;
use mmapcheck::machine::frame::{Line, read_line};
use mmapcheck::machine::kernel::Start;
use mmapcheck::platform::{Platform, Reference};
use mmapcheck::report::{Explained, explain};
use mmapcheck::snapshot::{Embedded, Record, Recorded, SOURCE, SnapFile, frame};
use mmapcheck::table::{self, Source};
use mmapcheck::transcript::{Outcome, Transcript};
use std::fmt::{Debug, Display};

/// How many cases of a group are looked at.
const CASES: usize = 6;

/// A whole table: each of its cases can be made, told, sent to a worker and read there; each
/// mistake in it can be shown.
pub fn table(text: &str) {
    let source = Source {
        stem: "fuzz/table".to_owned(),
        path: "cases/fuzz/table.toml".to_owned(),
        text: text.to_owned(),
    };
    let tables = match table::load(std::slice::from_ref(&source)) {
        Ok(tables) => tables,
        Err(found) => {
            assert!(!found.is_empty());
            for diagnostic in found.iter().take(CASES) {
                assert!(!diagnostic.render(false).is_empty());
                assert!(diagnostic.line() > 0 && diagnostic.column() > 0);
            }
            return;
        }
    };
    for group in tables.iter().flat_map(|t| &t.groups) {
        for i in (0..group.len()).take(CASES) {
            let case = group.case(i);
            assert_eq!(case.id, group.id(i));
            assert_eq!(group.find(&case.id), Some(i), "{}", case.id);
            assert_eq!(case.claims.len(), case.program.steps.len());
            sent(&case.program);
            if i > 0 {
                continue;
            }
            let told = Explained {
                modelled: &[],
                case: &case,
                scale: &Scale::ordinary(4096),
                home: "linux-x86_64",
                here: Recorded::Unrecorded,
                everywhere: &[],
                known: &[],
            };
            explain(&mut Vec::new(), 80, &told).unwrap();
        }
    }
}

/// A program as a worker reads it is the program that was sent.
fn sent(program: &Program) {
    let text = program.to_string();
    let read = Program::parse(&text).unwrap_or_else(|m| panic!("{m} in\n{text}"));
    assert_eq!(read.to_string(), text);
    assert_eq!(read.file, program.file, "{text}");
    assert_eq!(read.steps.len(), program.steps.len(), "{text}");
    for (one, other) in read.steps.iter().zip(&program.steps) {
        same_step(one, other);
        assert_eq!(one.role, other.role);
    }
}

fn same_step(one: &Step, other: &Step) {
    let parts = |s: &Step| (s.actor.clone(), s.bind.clone(), s.call.name, s.args.clone());
    assert_eq!(parts(one), parts(other));
}

/// A piece of notation, read as each thing that it could be.
pub fn notation(text: &str) {
    if let Some(q) = same(text, Quantity::parse) {
        for scale in [Scale::ordinary(4096), Scale::ordinary(65536)] {
            let _ = q.value(&scale, 100, &|_| Some(1 << 40));
        }
    }
    if let Some(b) = same(text, Bytes::parse) {
        let _ = b.len(&Scale::ordinary(4096), &|_| None);
    }
    same(text, Claim::parse);
    same(text, Outcome::parse);
    same(text, Need::parse);
    for domain in [&flags::PROT, &flags::MAP, &flags::OPEN, &flags::MSYNC] {
        let read = FlagSet::parse(text, domain);
        if let Some(set) = told(text, read) {
            let printed = set.display(domain);
            assert_eq!(FlagSet::parse(&printed, domain), Ok(set), "{text:?}");
        }
    }
    step(text);
    if let Some(program) = told(text, Program::parse(text)) {
        sent(&program);
    }
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Ok((program, _)) = table::steps(&lines) {
        sent(&program);
    }
}

fn step(text: &str) {
    let Some(written) = told(text, Written::parse(text)) else {
        return;
    };
    let printed = written.step.to_string();
    let again = Written::parse(&printed).unwrap_or_else(|m| panic!("{text:?}, {printed:?}: {m}"));
    same_step(&again.step, &written.step);
    for reckless in [false, true] {
        for found in check(
            std::slice::from_ref(&written),
            &FileSpec::default(),
            reckless,
        ) {
            inside(text, &found.mistake);
        }
    }
}

/// What reads, prints and reads again as the same.
fn same<T>(text: &str, parse: impl Fn(&str) -> Result<T, Mistake>) -> Option<T>
where
    T: PartialEq + Debug + Display,
{
    let value = told(text, parse(text))?;
    let printed = value.to_string();
    match parse(&printed) {
        Ok(again) => assert_eq!(again, value, "{text:?} prints as {printed:?}"),
        Err(m) => panic!("{text:?} prints as {printed:?}: {m}"),
    }
    Some(value)
}

/// What was read; a mistake has its place in the text.
fn told<T>(text: &str, read: Result<T, Mistake>) -> Option<T> {
    read.map_err(|m| inside(text, &m)).ok()
}

fn inside(text: &str, mistake: &Mistake) {
    let place = text.get(mistake.span.clone());
    assert!(place.is_some(), "{text:?}: {mistake:?}");
    assert!(!mistake.message.is_empty());
}

/// What comes over the line from a worker or a runner.
pub fn line(bytes: &[u8]) {
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let Line::Frame(frame) = read_line(line) else {
            continue;
        };
        let mut written = Vec::new();
        frame.write(&mut written);
        assert_eq!(read_line(&written), Line::Frame(frame));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Its mistakes have their place in a line of it.
    if let Ok(transcript) = Transcript::parse(text) {
        assert_eq!(Transcript::parse(&transcript.to_string()), Ok(transcript));
    }
    let _ = told(text, Program::parse(text));
    if let Ok(platform) = Platform::parse(text) {
        assert_eq!(Platform::parse(&platform.to_string()), Ok(platform));
    }
    if let Ok(start) = Start::parse(text) {
        assert_eq!(Start::parse(&start.to_string()), Ok(start));
    }
}

/// What stands in files of records.
pub fn record(text: &str) {
    for reference in [false, true] {
        if let Ok(file) = SnapFile::parse(text, reference) {
            let whole = frame(SOURCE, &file.content(reference));
            // insta cuts what is invisible at the end, so a last block may lose that; nothing else.
            let again = SnapFile::parse(&whole, reference);
            assert_eq!(
                again.map(|f| f.blocks.len()),
                Ok(file.blocks.len()),
                "{whole}"
            );
        }
    }
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
    }
    let none = Embedded(Vec::new());
    if let Ok(record) = Record::load(&none, &Platform::unknown(), None) {
        let list = Embedded(vec![("linux-x86_64.toml".to_owned(), text.to_owned())]);
        for wrong in Known::load(&list, &record).err().iter().flatten() {
            assert!(!wrong.render(false).is_empty());
            assert!(wrong.position().0 > 0);
        }
    }
}
