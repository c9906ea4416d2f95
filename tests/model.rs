//! The model, held against what was recorded, without a kernel.

use mmapcheck::case::Scale;
use mmapcheck::machine::model::{Clause, Machine, Model, Reading, Rules};
use mmapcheck::platform::Platform;
use mmapcheck::snapshot::{Folder, Record, Recorded};
use mmapcheck::suite::{Filter, Plan};
use mmapcheck::table::{self, Table};
use std::collections::BTreeMap;
use std::path::Path;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn tables() -> Vec<Table> {
    let sources = table::read_folder(&Path::new(TOP).join("cases")).unwrap();
    table::load(&sources).unwrap_or_else(|_| panic!("the tables have mistakes"))
}

fn platform(fs: &str) -> Platform {
    Platform {
        os: "linux".into(),
        kernel: "6.18.44".into(),
        arch: "x86_64".into(),
        fs: fs.into(),
        door: "raw".into(),
        libc: "glibc".into(),
        sandbox: "none".into(),
        emulator: "none".into(),
        rights: "ordinary".into(),
        scale: Scale::ordinary(4096),
    }
}

/// Holds the model of a recorded machine against its records.
fn hold(fs: &str) {
    let tables = tables();
    let plan = Plan::new(&tables, &Filter::default());
    let platform = platform(fs);
    let folder = Folder(Path::new(TOP).join("snapshots"));
    let record = Record::load(&folder, &platform, None).unwrap();
    let model = Model::of(&platform, Reading::Linux).unwrap();
    let (mut held, mut unmodelled, mut wrong) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for index in 0..plan.len() {
        let case = plan.case(index);
        let Recorded::Block(block) = record.get(&case.id) else {
            continue;
        };
        held += 1;
        let told = model.run(&case.program);
        if let Some(why) = told.unmodelled() {
            *unmodelled.entry(why.to_owned()).or_default() += 1;
        }
        if let Some((line, allowed)) = told.against_block(&case, block) {
            wrong.push(format!("{}\n  {line}\n  the model: {allowed}", case.id));
        }
    }
    let left: usize = unmodelled.values().sum();
    println!("{fs}: {held} cases, {left} unmodelled: {unmodelled:#?}");
    let shown: Vec<&str> = wrong.iter().take(60).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {held} differ:\n{}",
        wrong.len(),
        shown.join("\n")
    );
    assert!(held > 1000, "only {held} cases are recorded");
}

#[test]
fn the_linux_reading_is_what_was_recorded_on_ext4() {
    hold("ext4");
}

#[test]
fn the_linux_reading_is_what_was_recorded_on_tmpfs() {
    hold("tmpfs");
}

/// A line in which `Npage` and `NKiB` are so many bytes.
fn pages_as_bytes(line: &str, page: u64) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let end = number.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = number.split_at(end.unwrap_or(number.len()));
        let (unit, after) = match after {
            a if a.starts_with("page") => (page, &a[4..]),
            a if a.starts_with("KiB") => (1024, &a[3..]),
            a => (1, a),
        };
        let n = digits.parse::<u64>().unwrap_or(0).saturating_mul(unit);
        out.push_str(&format!("{before}{n}"));
        rest = after;
    }
    out + rest
}

/// The model's transcripts are in the case's own units: they are the same on each page size, but
/// where the model does not say, or a clause speaks of the page size itself.
#[test]
fn the_model_says_the_same_at_each_page_size() {
    let tables = tables();
    let plan = Plan::new(&tables, &Filter::default());
    let models = [4096, 16384, 65536].map(|page| Model {
        machine: Machine::ordinary(page),
        rules: Rules::new(Reading::Linux),
    });
    let mut unexplained = Vec::new();
    for index in 0..plan.len() {
        let case = plan.case(index);
        // Of files of huge pages there is no model, and those are another number of pages on each.
        if case.needs.iter().any(|need| need.name == "huge-files") {
            continue;
        }
        let [small, rest @ ..] = &models.each_ref().map(|m| m.run(&case.program));
        for (large, model) in rest.iter().zip(&models[1..]) {
            let lines = small.lines(&case.program);
            let explained = [&small, &large].iter().any(|t| {
                let aligned = |(_, c): &(usize, &Clause)| c.id == "mmap/offset-aligned";
                t.unmodelled().is_some() || t.decided.iter().any(aligned)
            });
            // A case that speaks of bytes is told in pages where they are whole ones.
            let in_bytes = |lines: Vec<String>, m: &Model| -> Vec<String> {
                let page = m.machine.scale.page;
                lines.iter().map(|l| pages_as_bytes(l, page)).collect()
            };
            let large_lines = large.lines(&case.program);
            let same = lines == large_lines
                || case.program.to_string().contains("KiB")
                    && in_bytes(lines.clone(), &models[0]) == in_bytes(large_lines.clone(), model);
            if !same && !explained {
                let pair = lines.into_iter().zip(large_lines).find(|(a, b)| a != b);
                unexplained.push(format!("{}: {pair:?}", case.id));
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}

/// Calls that the standard has, and that the model says nothing of.
const OF_POSIX: &[&str] = &[
    "aio_read",
    "aio_write",
    "dup",
    "fcntl",
    "fsync",
    "link",
    "mlockall",
    "munlockall",
    "posix_madvise",
    "readv",
    "recv",
    "rename",
    "send",
    "setuid",
    "shm_open",
    "shm_unlink",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "truncate",
    "writev",
];

/// What is said of cases that have a limit, or in which something goes wrong on purpose.
const ON_PURPOSE: &str = "on purpose";

/// Whether the reason for which nothing is said is a call, a flag or a fault that the standard does
/// not have.
fn is_foreign(why: &str) -> bool {
    let call = why.strip_suffix(" is not modelled");
    why.contains("POSIX does not know")
        || why.contains(ON_PURPOSE)
        || call.is_some_and(|call| !OF_POSIX.contains(&call) && !call.contains(' '))
}

/// Of the cases of grids, and of all others, the reading of Linux says at least 9 of 10.
#[test]
fn the_linux_reading_covers_most_cases() {
    let tables = tables();
    let model = Model::of(&platform("ext4"), Reading::Linux).unwrap();
    for grids in [false, true] {
        let filter = Filter {
            grids,
            others: !grids,
            ..Filter::default()
        };
        let plan = Plan::new(&tables, &filter);
        let all = plan.len();
        let told = (0..all).map(|index| model.run(&plan.case(index).program));
        let said = told.filter(|t| t.unmodelled().is_none()).count();
        println!("{said} of {all} are said, grids: {grids}");
        assert!(said * 10 >= all * 9, "{said} of {all}, grids: {grids}");
    }
}

/// Of the cases whose calls and flags POSIX knows, the standard's reading says at least 9 of 10.
#[test]
fn the_posix_reading_covers_what_posix_knows() {
    let tables = tables();
    let plan = Plan::new(
        &tables,
        &Filter {
            grids: false,
            ..Filter::default()
        },
    );
    let model = Model {
        machine: Machine::ordinary(4096),
        rules: Rules::new(Reading::Posix),
    };
    let (mut of_posix, mut said) = (0, 0);
    let mut reasons = BTreeMap::<String, usize>::new();
    for index in 0..plan.len() {
        let case = plan.case(index);
        let told = model.run(&case.program);
        let why = told.unmodelled().unwrap_or_default();
        let foreign = is_foreign(why);
        if !foreign {
            of_posix += 1;
            said += usize::from(why.is_empty());
        }
        if !why.is_empty() {
            *reasons.entry(why.to_owned()).or_default() += 1;
        }
    }
    println!(
        "{said} of {of_posix} are said, of {} in all: {reasons:#?}",
        plan.len()
    );
    assert!(
        said * 10 >= of_posix * 9,
        "{said} of {of_posix}: {reasons:#?}"
    );
}

/// How many single-call cases a second are judged; run by itself, in a build with optimisation:
/// `cargo test --release --test model -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_fast() {
    let tables = tables();
    let plan = Plan::new(&tables, &Filter::default());
    let cases: Vec<_> = (0..plan.len()).map(|i| plan.case(i)).collect();
    let model = Model::of(&platform("ext4"), Reading::Linux).unwrap();
    let single: Vec<_> = cases
        .iter()
        .filter(|c| c.program.steps.len() <= 2)
        .collect();
    for (what, cases) in [("single", single), ("all", cases.iter().collect())] {
        let began = cpu_time();
        let mut n = 0;
        while n < 500_000 {
            for case in &cases {
                std::hint::black_box(model.run(&case.program));
            }
            n += cases.len();
        }
        let rate = n as f64 / (cpu_time() - began);
        println!(
            "{what}: {} different cases, {rate:.0} a second",
            cases.len()
        );
    }
}

/// The processor time of this thread in seconds, as the scheduler accounts it.
fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
