//! `mmapcheck platforms`.

use super::{Sources, Stop, run};
use crate::case::program::Door;
use crate::cli::{PlatformsDo, PlatformsRun, PlatformsWhich};
use crate::judge::{Policy, Summary, Verdict};
use crate::known::Known;
use crate::machine::pool::{Config, IDLE};
use crate::machine::start::Start;
use crate::platform::Platform;
use crate::report::{self, End, Event, Human, Report};
use crate::roster::{self, Entry, Launch, Ready};
use crate::snapshot::{Blocks, Record, Recorded};
use crate::suite::{Failed, Filter, Plan, Suite};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Lists, fetches or runs platforms.
pub fn platforms(what: &PlatformsDo) -> Result<u8, Stop> {
    match what {
        PlatformsDo::List(which) => list(which),
        PlatformsDo::Fetch(which) => fetch(which),
        PlatformsDo::Run(args) => run_all(args),
    }
}

fn list(which: &PlatformsWhich) -> Result<u8, Stop> {
    let entries = chosen(which)?;
    let mut out = report::out();
    for entry in &entries {
        writeln!(out, "{:28} {}", entry.name, entry.title)?;
    }
    Ok(0)
}

fn fetch(which: &PlatformsWhich) -> Result<u8, Stop> {
    let entries = chosen(which)?;
    let mut out = report::out();
    for (entry, ready) in entries.iter().zip(make_ready(&entries, which)?) {
        match ready {
            Ok(_) => writeln!(out, "{:28} ready", entry.name)?,
            Err(why) => writeln!(out, "{:28} unavailable: {why}", entry.name)?,
        }
    }
    Ok(0)
}

/// The platforms that are meant, in the order of their names.
fn chosen(which: &PlatformsWhich) -> Result<Vec<Entry>, Stop> {
    let folder = which
        .platforms
        .clone()
        .unwrap_or_else(|| "ci/platforms".into());
    let all = roster::read_folder(&folder).map_err(|e| {
        Stop::Usage(format!(
            "the platforms can't be read: {}: {e}",
            folder.display()
        ))
    })?;
    let all = all.map_err(|wrong| {
        let texts: Vec<String> = wrong
            .iter()
            .map(|d| d.render(report::is_colourful()))
            .collect();
        Stop::Usage(texts.join("\n\n"))
    })?;
    for name in &which.names {
        if !all.iter().any(|e| is_named(name, &e.name)) {
            let near = crate::case::mistake::nearest(name, all.iter().map(|e| e.name.as_str()));
            let near = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            return Err(Stop::Usage(format!("no platform is named `{name}`{near}")));
        }
    }
    let meant = |e: &Entry| {
        which.names.is_empty() || which.names.iter().any(|name| is_named(name, &e.name))
    };
    Ok(all.into_iter().filter(meant).collect())
}

/// Whether `pattern` stands for `name`.
fn is_named(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(left) = name.strip_prefix(first) else {
        return false;
    };
    let mut tails = (0..=left.len()).filter_map(|at| left.get(at..));
    tails.any(|tail| is_named(rest, tail))
}

fn cache(which: &PlatformsWhich) -> PathBuf {
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache"));
    let folder = which.cache.clone().or_else(|| {
        let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        caches.or_else(home).map(|c| c.join("mmapcheck"))
    });
    let folder = folder.unwrap_or_else(|| "target/platforms".into());
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Fetches and builds, one platform after the other.
fn make_ready(
    entries: &[Entry],
    which: &PlatformsWhich,
) -> Result<Vec<Result<Ready, String>>, Stop> {
    let own = super::this_program()
        .map_err(|e| Stop::Failed(format!("this program can't find itself: {e}")))?;
    let here = std::env::current_dir()?;
    let project = super::sources::is_checkout(&here).then_some(here.as_path());
    roster::sweep();
    let mut launch = Launch::new(&cache(which), project, &own, which.as_built);
    let mut all = Vec::new();
    for entry in entries {
        let began = Instant::now();
        let ready = launch.ready(entry);
        if began.elapsed() > Duration::from_secs(1) {
            let took = began.elapsed().as_secs();
            report::note(&format!("{}: made ready in {took} s", entry.name))?;
        }
        all.push(ready);
    }
    Ok(all)
}

/// How a platform came out.
#[derive(Debug)]
enum State {
    /// Every case ran or was skipped.
    Ran,
    /// It can't be had here.
    Unavailable(String),
    /// A case did not run to its end, or the run did not.
    Incomplete(String),
}

/// What came of a platform.
#[derive(Debug)]
struct Came {
    state: State,
    summary: Summary,
    /// How many outcomes differ from what was recorded of just that case there, and of these
    /// how many cases no longer run to their end.
    failed: usize,
    blessed: usize,
    took: Duration,
}

impl Came {
    fn unavailable(why: String) -> Self {
        Came {
            state: State::Unavailable(why),
            summary: Summary::default(),
            failed: 0,
            blessed: 0,
            took: Duration::ZERO,
        }
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.summary;
        if let State::Unavailable(why) = &self.state {
            return write!(f, "unavailable: {why}");
        }
        let counts = [
            (s.passed, "passed"),
            (s.violations, "violations"),
            (s.departing, "against the model"),
            (s.changed + s.changed_known, "changed"),
            (s.recorded_anew, "recorded anew"),
            (s.unrecorded, "unrecorded"),
            (s.known, "known"),
            (s.unexplained, "unexplained"),
            (s.stale, "stale"),
            (s.refused, "refused"),
            (s.skipped, "skipped"),
            (s.incomplete, "incomplete"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        let word = match &self.state {
            State::Ran => "ran",
            _ => "incomplete",
        };
        let took = self.took.as_secs_f64();
        write!(f, "{word}: {} in {took:.1} s", counts.join(", "))?;
        if let State::Incomplete(at) = &self.state {
            write!(f, "; at {at}")?;
        }
        if self.blessed > 0 {
            write!(f, "; {} tables recorded", self.blessed)?;
        }
        Ok(())
    }
}

fn run_all(args: &PlatformsRun) -> Result<u8, Stop> {
    let began = Instant::now();
    let entries = chosen(&args.which)?;
    let sources = Sources::find(&args.tables)?;
    if args.bless && sources.folder.is_none() {
        return Err(Stop::Usage(
            "--bless needs a folder to write to: name one with --snapshots".to_owned(),
        ));
    }
    let logs = match &args.logs {
        Some(logs) => logs.clone(),
        None => cache(&args.which).join("logs"),
    };
    std::fs::create_dir_all(&logs)?;
    let readies = make_ready(&entries, &args.which)?;
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cpus, usize::from);
    let work = Work {
        args,
        sources: &sources,
        logs: &logs,
        recording: Mutex::new(()),
        later: Mutex::default(),
        pin: jobs <= cpus,
    };
    let all = work.run(&entries, readies, jobs);
    // What was observed is not lost with a platform whose run failed as a whole.
    let written = work.in_order().into_iter();
    let written: Result<Vec<(usize, usize)>, Stop> = written
        .map(|later| Ok((later.number, later.write(&sources)?)))
        .collect();
    let mut all = all?;
    for (number, tables) in written? {
        if let Some(came) = all.get_mut(number) {
            came.blessed = tables;
        }
    }
    let mut out = report::out();
    for (entry, came) in entries.iter().zip(&all) {
        writeln!(out, "{:28} {came}", entry.name)?;
    }
    let count = |is: fn(&State) -> bool| all.iter().filter(|c| is(&c.state)).count();
    writeln!(
        out,
        "{} ran, {} incomplete, {} unavailable in {:.0} s; the reports are in {}",
        count(|s| matches!(s, State::Ran)),
        count(|s| matches!(s, State::Incomplete(_))),
        count(|s| matches!(s, State::Unavailable(_))),
        began.elapsed().as_secs_f64(),
        logs.display()
    )?;
    Ok(match all.iter().map(|c| c.failed).sum::<usize>() {
        _ if all.iter().all(|c| matches!(c.state, State::Unavailable(_))) => 4,
        0 => 0,
        _ => 1,
    })
}

/// What was observed on a machine whose records are laid over those of another, which may be written
/// in the same run: what sets it apart is known only after that.
struct Later<'a> {
    /// Which of the platforms it is.
    number: usize,
    entry: &'a Entry,
    platform: Platform,
    home: String,
    observed: BTreeMap<String, Blocks>,
}

impl Later<'_> {
    /// How many tables' files changed.
    fn write(&self, sources: &Sources) -> Result<usize, Stop> {
        let record = load(sources, &self.platform, self.entry)?;
        let known = sources.known(&record)?;
        run::record(sources, (&record, &known), &self.observed)
    }
}

fn load(sources: &Sources, platform: &Platform, entry: &Entry) -> Result<Record, Stop> {
    let record = Record::load(
        sources.snapshots.as_ref(),
        platform,
        entry.record.as_deref(),
    )?;
    Ok(record.sampled(entry.sample))
}

/// What all platforms share.
struct Work<'a> {
    args: &'a PlatformsRun,
    sources: &'a Sources,
    logs: &'a Path,
    /// Held while records are written: two platforms may have one home.
    recording: Mutex<()>,
    /// What is written when all have run.
    later: Mutex<Vec<Later<'a>>>,
    /// Whether each platform stays on a CPU of its own.
    pin: bool,
}

impl<'a> Work<'a> {
    /// What is still to be written, what may be laid over others after those.
    fn in_order(&self) -> Vec<Later<'a>> {
        let mut later = std::mem::take(&mut *lock(&self.later));
        later.sort_by_key(|l| (l.home.split('+').count(), l.home.len(), l.number));
        later
    }

    /// Runs all platforms, some at once.
    fn run(
        &self,
        entries: &'a [Entry],
        readies: Vec<Result<Ready, String>>,
        jobs: usize,
    ) -> Result<Vec<Came>, Stop> {
        let queue = Mutex::new(entries.iter().zip(readies).enumerate());
        let done: Mutex<BTreeMap<usize, Result<Came, Stop>>> = Mutex::default();
        std::thread::scope(|scope| {
            for slot in 0..jobs.max(1) {
                let (queue, done) = (&queue, &done);
                scope.spawn(move || {
                    loop {
                        let next = lock(queue).next();
                        let Some((number, (entry, ready))) = next else {
                            return;
                        };
                        let came = match ready {
                            Ok(ready) => self.run_one((number, entry), ready, slot),
                            Err(why) => Ok(Came::unavailable(why)),
                        };
                        if let Ok(came) = &came {
                            // Where nobody reads there is nobody to tell.
                            let _ = report::note(&format!("{}: {came}", entry.name));
                        }
                        lock(done).insert(number, came);
                    }
                });
            }
        });
        let done = std::mem::take(&mut *lock(&done));
        done.into_values().collect()
    }

    fn run_one(
        &self,
        (number, entry): (usize, &'a Entry),
        ready: Ready,
        slot: usize,
    ) -> Result<Came, Stop> {
        let began = Instant::now();
        let plan = Plan::new(&self.sources.tables, &self.filter(entry));
        if plan.is_empty() {
            return Err(Stop::Usage("no case is named so".to_owned()));
        }
        let config = config(entry, &ready, self.pin.then_some(slot));
        let (platform, unmet) = match config.ask(&plan.needs()) {
            Ok((platform, unmet)) => (entry.identify(platform), unmet),
            Err(why) => return Ok(Came::unavailable(why)),
        };
        let record = load(self.sources, &platform, entry)?;
        let known = self.sources.known(&record)?;
        // The reference is recorded by `mmapcheck run`, where its differences are reviewed.
        let policy = Policy {
            bless: self.args.bless && !record.is_reference(),
            ..Policy::default()
        };
        let log = std::fs::File::create(self.logs.join(format!("{}.log", entry.name)))?;
        let mut watch = Watch {
            human: Human::new(anstream::StripStream::new(log), report::width(), None),
            record: &record,
            policy: &policy,
            until: began + entry.limit,
            limit: entry.limit,
            summary: Summary::default(),
            observed: BTreeMap::new(),
            failed: 0,
            first: None,
        };
        watch.event(&Event::Started(&report::Start {
            tables: self.sources.told.clone(),
            home: record.home().to_owned(),
            machine: run::machine(&platform),
            platform: platform.clone(),
            cases: plan.len(),
            command: format!("mmapcheck platforms run {}", entry.name),
        }))?;
        let suite = Suite {
            plan: &plan,
            config: &config,
            platform: &platform,
            unmet: &unmet,
            record: &record,
            known: &known,
            policy: &policy,
            let_die: false,
        };
        match suite.run(&mut |event| watch.event(event)) {
            Ok(found) => {
                watch.summary.stale = found.summary.stale;
                watch.summary.incomplete = found.summary.incomplete;
                watch.summary.unlike = found.summary.unlike;
                if let Some(why) = found.broken_off {
                    watch.first.get_or_insert(why);
                }
            }
            // Its time was up.
            Err(Failed::Report(e)) if watch.is_late() => {
                watch.first.get_or_insert(e.to_string());
            }
            Err(failed) => return Err(failed.into()),
        }
        if watch.policy.bless && !stands_alone(record.home()) {
            lock(&self.later).push(Later {
                number,
                entry,
                home: record.home().to_owned(),
                observed: std::mem::take(&mut watch.observed),
                platform: platform.clone(),
            });
        }
        self.finish(entry, (&record, &known), watch, began)
    }

    fn finish(
        &self,
        entry: &Entry,
        (record, known): (&Record, &Known),
        mut watch: Watch<'_, impl Write>,
        began: Instant,
    ) -> Result<Came, Stop> {
        let mut blessed = 0;
        if watch.policy.bless {
            let _one_at_a_time = lock(&self.recording);
            blessed = run::record(self.sources, (record, known), &watch.observed)?;
        }
        // What was not run says nothing about the lists.
        let is_whole =
            self.args.only.is_empty() && self.args.exact.is_none() && entry.sample.is_none();
        if !is_whole || watch.first.is_some() {
            watch.summary.stale = 0;
        }
        watch.human.event(&Event::Finished(&End {
            summary: watch.summary.clone(),
            took: began.elapsed(),
            bless: None,
            blessed,
        }))?;
        Ok(Came {
            state: match watch.first.take() {
                None => State::Ran,
                Some(why) => State::Incomplete(why),
            },
            // A list of all machines of a kind need not be true of each.
            failed: watch.failed
                + if record.is_reference() {
                    watch.summary.stale
                } else {
                    0
                },
            summary: watch.summary,
            blessed,
            took: began.elapsed(),
        })
    }

    fn filter(&self, entry: &Entry) -> Filter {
        let exact = self.args.exact.clone();
        Filter {
            exact: exact.is_some(),
            any_of: exact.map_or_else(|| self.args.only.clone(), |id| vec![id]),
            sample: entry.sample,
            ..Filter::default()
        }
    }
}

/// Whether the records of this folder are laid over the reference's alone, whatever others there
/// are: it has one facet, of one word.
fn stands_alone(home: &str) -> bool {
    let value = home.split_once('-').map_or(home, |(_, value)| value);
    value.chars().all(|c| c.is_ascii_alphanumeric())
}

fn config(entry: &Entry, ready: &Ready, cpu: Option<usize>) -> Config {
    Config {
        command: ready.command.clone(),
        jobs: 1,
        // Another worker may be another machine.
        idle: usize::from(entry.start.is_none()) * IDLE,
        silence: entry.silence.min(entry.limit),
        start: Start {
            door: if entry.libc { Door::Libc } else { Door::Raw },
            cpu,
            busy: entry.busy.map(|b| b.as_millis() as u64),
            ..Start::in_folder(&ready.dir)
        },
    }
}

/// Sees what a run tells, and ends it when its time is up.
struct Watch<'a, W> {
    human: Human<W>,
    record: &'a Record,
    policy: &'a Policy,
    until: Instant,
    limit: Duration,
    summary: Summary,
    observed: BTreeMap<String, Blocks>,
    failed: usize,
    /// Where it was first incomplete, and why.
    first: Option<String>,
}

impl<W: Write> Watch<'_, W> {
    fn is_late(&self) -> bool {
        Instant::now() > self.until
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        if let Event::Case(done) = event {
            let id = &done.case.id;
            let verdict = &done.judged.verdict;
            self.summary.add(verdict, self.policy);
            if let Some(block) = &done.judged.observed {
                let table = self.observed.entry(crate::snapshot::stem(id).to_owned());
                let local = crate::snapshot::local(id).to_owned();
                table.or_default().insert(local, block.clone());
            }
            if let Verdict::Incomplete(why) = verdict {
                self.first.get_or_insert_with(|| format!("{id}: {why}"));
            }
            // What nobody has recorded of a machine like this one is told, and fails nothing.
            let is_recorded = matches!(self.record.get(id), Recorded::Block(_));
            self.failed += usize::from(done.fails && is_recorded && !self.policy.bless);
        }
        self.human.event(event)?;
        match event {
            Event::Running { id, .. } if self.is_late() => {
                let limit = self.limit.as_secs();
                Err(io::Error::other(format!(
                    "{id}: its time was up after {limit} s"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_may_lie_over_others_wait() {
        for alone in ["fs-tmpfs", "libc-musl", "sandbox-gvisor"] {
            assert!(stands_alone(alone), "{alone}");
        }
        for waits in [
            "sandbox-gvisor-ptrace",
            "fs-fuse.bindfs-direct_io",
            "emulator-qemu-user-10.0",
            "linux-aarch64+emulator-qemu-user-10.0",
        ] {
            assert!(!stands_alone(waits), "{waits}");
        }
    }

    #[test]
    fn names_by_pattern() {
        for (pattern, name, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("q*-10*", "qemu-10.0", true),
            ("*x*", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(is_named(pattern, name), fits, "{pattern} {name}");
        }
    }
}
