//! The model, held against what was recorded, without a kernel.

use mmapcheck::case::Scale;
use mmapcheck::machine::model::{Model, Reading};
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
        if let Some((line, allowed)) = told.against_block(&case.program, block) {
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
