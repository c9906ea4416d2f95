//! The tables, run on this machine: one test for each table and place, one snapshot for each.
//!
//! Broken claims fail everywhere. A difference from the record fails where a record of this
//! machine's own is kept; elsewhere it is only told, since nobody has said yet what is right there.

use mmapcheck::case::Door;
use mmapcheck::judge::Policy;
use mmapcheck::known::Known;
use mmapcheck::machine::kernel::Start;
use mmapcheck::machine::pool::{Config, IDLE};
use mmapcheck::report::{self, Event, Human, Report};
use mmapcheck::sample::Sample;
use mmapcheck::snapshot::{Blocks, Folder, Record, local};
use mmapcheck::suite::{Filter, Plan, Suite};
use mmapcheck::table::{self, Source, Table};
use rstest::rstest;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// Where and how the tables are run.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the folder for temporary files.
    Ordinary,
    /// In memory, where there is such a folder.
    Shm,
    /// Through the C library's functions.
    Libc,
}

#[rstest]
fn tables(
    #[files("cases/**/*.toml")] path: PathBuf,
    #[values(Place::Ordinary, Place::Shm, Place::Libc)] place: Place,
) {
    let shm = Path::new("/dev/shm");
    if matches!(place, Place::Shm) && !shm.is_dir() {
        eprintln!("skipped: no /dev/shm here");
        return;
    }
    let tables = table::load(&[source(&path)]).unwrap_or_else(|wrong| {
        let texts: Vec<String> = wrong.iter().map(|d| d.render(false)).collect();
        panic!("{}", texts.join("\n\n"));
    });
    let config = Config {
        command: vec![env!("CARGO_BIN_EXE_mmapcheck").into(), "worker".into()],
        start: Start {
            door: match place {
                Place::Libc => Door::Libc,
                _ => Door::Raw,
            },
            ..Start::in_folder(match place {
                Place::Shm => shm.to_path_buf(),
                _ => std::env::temp_dir(),
            })
        },
        jobs: 1,
        idle: IDLE,
        silence: Duration::from_secs(60),
    };
    // Of the grids a part, always the same; all of them with MMAPCHECK_GRIDS=all.
    let sample = match std::env::var_os("MMAPCHECK_GRIDS") {
        Some(all) if all == "all" => None,
        _ => Sample::percent(5.0),
    };
    let filter = Filter {
        sample,
        ..Filter::default()
    };
    run(&tables[0], &config, &filter);
}

/// The table in a file below `cases`.
fn source(path: &Path) -> Source {
    let below = path.strip_prefix(Path::new(TOP).join("cases")).unwrap();
    Source {
        stem: below.with_extension("").display().to_string(),
        path: format!("cases/{}", below.display()),
        text: std::fs::read_to_string(path).unwrap(),
    }
}

/// What a person types to see the same.
fn command(config: &Config) -> String {
    let mut command = "mmapcheck run".to_owned();
    if config.start.dir != std::env::temp_dir() {
        command.push_str(&format!(" --dir {}", config.start.dir.display()));
    }
    if config.start.door == Door::Libc {
        command.push_str(" --via libc");
    }
    command
}

fn run(table: &Table, config: &Config, filter: &Filter) {
    let plan = Plan::new(std::slice::from_ref(table), filter);
    let (platform, unmet) = config.ask(&plan.needs()).unwrap();
    let folder = Path::new(TOP).join("snapshots");
    let record = Record::load(&Folder(folder.clone()), &platform, None).unwrap();
    let lists = Folder(Path::new(TOP).join("ci/known"));
    let known = Known::load(&lists, &record).unwrap();
    let kept = folder.join(record.home()).is_dir();
    let suite = Suite {
        plan: &plan,
        config,
        platform: &platform,
        unmet: &unmet,
        record: &record,
        known: &known,
        // What changed is told by the snapshot below, all of it at once.
        policy: &Policy {
            bless: true,
            ..Policy::default()
        },
        let_die: false,
    };
    let mut told = Vec::new();
    let mut human = Human::new(anstream::StripStream::new(&mut told), 80, None);
    let started = human.event(&Event::Started(&report::Start {
        tables: table.path.clone(),
        home: record.home().to_owned(),
        machine: format!("{} {}", platform.os, platform.kernel),
        platform: platform.clone(),
        cases: plan.len(),
        command: command(config),
    }));
    started.unwrap();
    let found = suite.run(&mut |event| match event {
        Event::Case(_) | Event::Stale(_) => human.event(event),
        _ => Ok(()),
    });
    let found = found.unwrap_or_else(|e| panic!("{e:?}"));
    drop(human);
    let told = String::from_utf8_lossy(&told);
    if found.summary.exit_code() % 4 != 0 {
        panic!("{told}");
    }
    if !kept {
        eprintln!(
            "no record of {}: differences are only told\n{told}",
            record.home()
        );
        return;
    }
    let ids = table
        .groups
        .iter()
        .flat_map(|g| (0..g.len()).map(|i| local(&g.id(i)).to_owned()));
    let observed = found
        .observed
        .get(&table.stem)
        .cloned()
        .unwrap_or_else(Blocks::new);
    if let Some(text) = record.text(&table.stem, ids, &table.grids(), &observed) {
        let (place, name) = record.insta_place(&table.stem);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder.join(place));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// Every id that was recorded is still a case's, or named in its `was`: history is not lost by
/// renaming.
#[test]
fn no_recorded_case_has_vanished() {
    let sources = table::read_folder(&Path::new(TOP).join("cases")).unwrap();
    let tables = table::load(&sources).unwrap();
    let folder = Folder(Path::new(TOP).join("snapshots"));
    let mut vanished = Vec::new();
    let named: Vec<&str> = tables
        .iter()
        .flat_map(|t| &t.groups)
        .flat_map(|g| g.was())
        .map(String::as_str)
        .collect();
    for table in &tables {
        let file = mmapcheck::snapshot::read_file(&folder, "linux-x86_64", &table.stem, true);
        for (id, _) in file.unwrap().map(|f| f.blocks).unwrap_or_default() {
            let whole = format!("{}::{id}", table.stem);
            let is_there = table.groups.iter().any(|g| g.find(&whole).is_some());
            if !is_there && !named.contains(&whole.as_str()) {
                vanished.push(whole);
            }
        }
    }
    assert_eq!(
        vanished, [""; 0],
        "rename with `was`, or bless what is meant to go"
    );
}
