//! `mmapcheck run`.

use super::{Sources, Stop, config};
use crate::cli::{Form, Run};
use crate::judge::{Policy, Require};
use crate::known::Known;
use crate::platform::Platform;
use crate::report::{
    self, End, Event, Github, Human, Json, Junit, Ktap, Progress, Report, Several, Start,
};
use crate::snapshot::{Blessed, Blocks, Record};
use crate::suite::{Filter, Plan, Suite};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

/// Runs cases and judges what comes of them.
pub fn run(args: &Run) -> Result<u8, Stop> {
    let began = Instant::now();
    let policy = policy(args)?;
    let sources = Sources::find(&args.tables)?;
    if args.bless && sources.folder.is_none() {
        return Err(Stop::Usage(
            "--bless needs a folder to write to: name one with --snapshots".to_owned(),
        ));
    }
    let plan = Plan::new(&sources.tables, &Filter::from(&args.which));
    if plan.is_empty() {
        report::note("no case is named so; `mmapcheck list` shows what there is")?;
        return Ok(4);
    }
    let mut config = config(&args.place)?;
    config.jobs = config.jobs.min(plan.len());
    let needs = plan.needs();
    let kept = |platform: &Platform| {
        let name = args.platform.as_deref();
        let record = Record::load(sources.snapshots.as_ref(), platform, name)?;
        let known = sources.known(&record)?;
        Ok::<_, Stop>((record, known))
    };
    let (platform, unmet, kept) = config.ask_while(&needs, kept).map_err(Stop::Failed)?;
    let (record, known) = kept?;
    let mut told = forms(args)?;
    told.event(&Event::Started(&Start {
        tables: sources.told.clone(),
        home: record.home().to_owned(),
        machine: machine(&platform),
        platform: platform.clone(),
        cases: plan.len(),
        command: command(args),
    }))?;
    let suite = Suite {
        plan: &plan,
        config: &config,
        platform: &platform,
        unmet: &unmet,
        record: &record,
        known: &known,
        policy: &policy,
        let_die: args.let_die,
    };
    let found = suite.run(&mut |event| told.event(event))?;
    let blessed = if args.bless {
        self::record(&sources, (&record, &known), &found.observed)?
    } else {
        0
    };
    let code = found.summary.exit_code();
    told.event(&Event::Finished(&End {
        summary: found.summary,
        took: began.elapsed(),
        bless: sources
            .folder
            .map(|f| f.join(record.home()).display().to_string()),
        blessed,
    }))?;
    match found.broken_off {
        Some(why) => Err(Stop::Failed(why)),
        None => Ok(code),
    }
}

/// The forms that are asked for. Files are opened now, so that a wrong name costs no time.
fn forms(args: &Run) -> Result<Several<'static>, Stop> {
    let mut forms = Several::default();
    add_form(&mut forms, args.format, report::out(), true)?;
    for (form, file) in &args.report {
        let out = File::create(file)
            .map_err(|e| Stop::Usage(format!("{} can't be written: {e}", file.display())))?;
        add_form(&mut forms, *form, anstream::StripStream::new(out), false)?;
    }
    Ok(forms)
}

fn add_form(
    forms: &mut Several<'static>,
    form: Form,
    out: impl std::io::Write + 'static,
    first: bool,
) -> Result<(), Stop> {
    let progress = || Progress::of_terminal().filter(|_| first);
    match form {
        Form::Human => forms.add(Human::new(out, report::width(), progress())),
        Form::Json => forms.add(Json::new(BufWriter::new(out))),
        Form::Junit => forms.add(Junit::new(BufWriter::new(out))),
        Form::Ktap => forms.add(Ktap::new(BufWriter::new(out))),
        Form::Github => {
            forms.add(Human::new(report::out(), report::width(), None));
            forms.add(Github::new(out, step_summary()?));
        }
    }
    Ok(())
}

/// The file that GitHub shows as the summary of a step, if this runs there.
fn step_summary() -> Result<Option<File>, Stop> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|p| !p.is_empty()) else {
        return Ok(None);
    };
    let file = File::options().append(true).create(true).open(&path);
    file.map(Some)
        .map_err(|e| Stop::Usage(format!("GITHUB_STEP_SUMMARY can't be written: {e}")))
}

fn policy(args: &Run) -> Result<Policy, Stop> {
    let require = args
        .require
        .iter()
        .map(|w| Require::parse(w))
        .collect::<Result<_, _>>();
    Ok(Policy {
        strict: args.strict,
        require: require.map_err(Stop::Usage)?,
        bless: args.bless,
    })
}

/// Writes what was observed as this machine's own; how many tables' files changed.
pub fn record(
    sources: &Sources,
    (record, known): (&Record, &Known),
    observed: &BTreeMap<String, Blocks>,
) -> Result<usize, Stop> {
    let Some(folder) = &sources.folder else {
        return Ok(0);
    };
    let mut written = 0;
    for table in &sources.tables {
        let all = table
            .groups
            .iter()
            .flat_map(|g| (0..g.len()).map(|i| g.id(i)));
        // Of what varies nothing is kept, nor what was recorded before that was known.
        let kept = all.filter(|id| known.varying(id).is_empty());
        let mut ids = kept
            .map(|id| crate::snapshot::local(&id).to_owned())
            .peekable();
        let observed = match observed.get(&table.stem) {
            Some(observed) => observed,
            None if ids.peek().is_none() => &Blocks::default(),
            None => continue,
        };
        let done = record
            .bless(folder, &table.stem, ids, &table.grids(), observed)
            .map_err(|e| Stop::Failed(format!("the record can't be written: {e}")))?;
        written += usize::from(done != Blessed::Unchanged);
    }
    Ok(written)
}

/// A machine in a few words.
pub fn machine(platform: &Platform) -> String {
    let scale = &platform.scale;
    let mut words = vec![
        format!("{} {}", platform.os, platform.kernel),
        platform.arch.clone(),
        format!("pages of {} KiB", scale.page >> 10),
        platform.fs.clone(),
    ];
    if platform.door != "raw" {
        words.push(format!("through {}", platform.door));
    }
    for (what, which) in [("in", &platform.sandbox), ("under", &platform.emulator)] {
        if which != "none" {
            words.push(format!("{what} {which}"));
        }
    }
    if platform.rights != "ordinary" {
        words.push(platform.rights.clone());
    }
    words.join(", ")
}

/// The command by which a failure is shown again, without filters.
fn command(args: &Run) -> String {
    let mut words = vec!["mmapcheck run".to_owned()];
    let mut add = |flag: &str, value: &std::path::Path| {
        words.push(format!(
            "{flag} {}",
            report::quoted(&value.display().to_string())
        ));
    };
    if let Some(cases) = &args.tables.cases {
        add("--cases", cases);
    }
    if let Some(snapshots) = &args.tables.snapshots {
        add("--snapshots", snapshots);
    }
    if let Some(known) = &args.tables.known {
        add("--known", known);
    }
    if let Some(dir) = &args.place.dir {
        add("--dir", dir);
    }
    if let Some(worker) = &args.place.worker {
        words.push(format!("--worker {}", report::quoted(worker)));
    }
    if args.place.via == crate::cli::Via::Libc {
        words.push("--via libc".to_owned());
    }
    if args.place.memory != crate::cli::MEMORY {
        words.push(format!("--memory {}", args.place.memory));
    }
    if args.let_die {
        words.push("--let-die".to_owned());
    }
    if let Some(platform) = &args.platform {
        words.push(format!("--platform {}", report::quoted(platform)));
    }
    words.join(" ")
}
