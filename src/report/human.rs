//! For people: nothing but what needs their eye, and one line at the end.

use super::text::{count, quoted, wrap};
use super::{CaseDone, Change, End, Event, Progress, Report, Start, changes};
use crate::case::{Program, Role};
use crate::judge::{Breach, Nearest, Summary, Verdict};
use crate::known::Entry;
use crate::machine::model::Departure;
use crate::snapshot::tidy;
use anstyle::{AnsiColor, Style};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Where the text of a line begins, after the word that tells what it is.
const COLUMN: usize = 14;

/// The most places that are shown of one case.
const PLACES: usize = 4;

/// The most cases that are shown although they fail nothing.
const NOTES: usize = 20;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// The format for people.
///
/// It always writes escape sequences for colour: `out` is to strip them where they are unwanted,
/// as `anstream` does.
#[derive(Debug)]
pub struct Human<W> {
    out: W,
    width: usize,
    progress: Option<Progress>,
    cases: usize,
    failed: usize,
    notes: usize,
    home: String,
    command: String,
    skips: BTreeMap<String, usize>,
}

impl<W: Write> Human<W> {
    /// A report of lines of at most `width` characters.
    pub fn new(out: W, width: usize, progress: Option<Progress>) -> Self {
        Human {
            out,
            width,
            progress,
            cases: 0,
            failed: 0,
            notes: 0,
            home: String::new(),
            command: "mmapcheck run".to_owned(),
            skips: BTreeMap::new(),
        }
    }

    fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        writeln!(self.out, "{style}{}{style:#}", tidy(text))
    }

    fn wrapped(&mut self, text: &str, indent: usize) -> io::Result<()> {
        for line in wrap(text, indent, indent + 2, self.width) {
            self.line(PLAIN, &line)?;
        }
        Ok(())
    }

    /// A line that begins with what it is about: `observed  ok`.
    fn labelled(&mut self, label: &str, text: &str) -> io::Result<()> {
        let lines = wrap(&tidy(text), COLUMN, COLUMN, self.width);
        for (n, line) in lines.iter().enumerate() {
            let label = if n == 0 { label } else { "" };
            let rest = line.get(COLUMN..).unwrap_or_default();
            let pad = COLUMN - 4;
            writeln!(self.out, "    {DIM}{label:<pad$}{DIM:#}{rest}")?;
        }
        Ok(())
    }

    fn start(&mut self, start: &Start) -> io::Result<()> {
        self.cases = start.cases;
        self.home.clone_from(&start.home);
        self.command.clone_from(&start.command);
        let cases = count(start.cases, "case", "cases");
        let first = format!(
            "tables: {}; {cases} on {} ({})",
            start.tables, start.home, start.machine
        );
        for line in wrap(&first, 0, 8, self.width) {
            self.line(DIM, &line)?;
        }
        Ok(())
    }

    fn case(&mut self, done: &CaseDone<'_>) -> io::Result<()> {
        let verdict = &done.judged.verdict;
        if let Verdict::Skipped(skip) = verdict {
            *self.skips.entry(skip.reason.clone()).or_default() += 1;
        }
        if done.fails {
            self.failed += 1;
            return self.block(done);
        }
        if *verdict == Verdict::Unrecorded(Nearest::Differs) {
            self.notes += 1;
            if self.notes <= NOTES {
                return self.block(done);
            }
        }
        Ok(())
    }

    /// What is shown of one case.
    fn block(&mut self, done: &CaseDone<'_>) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        let (case, judged) = (done.case, done.judged);
        self.head(done.fails, word(&judged.verdict), &case.id)?;
        self.wrapped(&case.why, 4)?;
        if !matches!(
            judged.verdict,
            Verdict::Violation(_) | Verdict::ChangedKnown(..) | Verdict::Departs(_)
        ) {
            self.wrapped(&judged.verdict.to_string(), 4)?;
        }
        match &judged.verdict {
            Verdict::Violation(breaches) | Verdict::ChangedKnown(breaches, _) => {
                self.breaches(done, breaches)?;
            }
            Verdict::Departs(departures) => self.departures(done, departures)?,
            Verdict::Changed | Verdict::Unrecorded(_) => self.differences(done)?,
            Verdict::Refused(step) | Verdict::NotFired(step) => self.call(&case.program, *step)?,
            _ => {}
        }
        let place = format!("{}:{}", case.file, case.line);
        self.labelled("rule", &case.cite.join("; "))?;
        self.labelled("at", &place)?;
        // Never broken: a command is copied as a line.
        let pad = COLUMN - 4;
        let id = quoted(&case.id);
        writeln!(
            self.out,
            "    {DIM}{:<pad$}{DIM:#}{} --exact {}",
            "again",
            tidy(&self.command),
            tidy(&id)
        )?;
        self.advice(&judged.verdict)?;
        writeln!(self.out)
    }

    fn head(&mut self, fails: bool, word: &str, id: &str) -> io::Result<()> {
        let (mark, style) = if fails { ("✗", RED) } else { ("≠", YELLOW) };
        let (word, id) = (tidy(word), tidy(id));
        writeln!(self.out, "{style}{mark} {word}{style:#}  {id}")
    }

    fn breaches(&mut self, done: &CaseDone<'_>, breaches: &[Breach]) -> io::Result<()> {
        let (program, judged) = (&done.case.program, done.judged);
        let own = program.steps.iter().position(|s| s.role == Role::Own);
        if let Some(own) = own.filter(|own| breaches.iter().all(|b| b.step != *own)) {
            self.call(program, own)?;
        }
        for breach in breaches.iter().take(PLACES) {
            self.call(program, breach.step)?;
            self.labelled("allowed", &breach.allowed.to_string())?;
            let recorded = judged.recorded.as_deref();
            let recorded = recorded.and_then(|block| recorded_at(block, program, breach));
            let observed = breach.observed.to_string();
            if let Some(recorded) = recorded {
                self.labelled("recorded", recorded)?;
            }
            self.labelled("observed", &observed)?;
        }
        self.left_over(breaches.len())
    }

    fn departures(&mut self, done: &CaseDone<'_>, departures: &[Departure]) -> io::Result<()> {
        for departure in departures.iter().take(PLACES) {
            self.call(&done.case.program, departure.step)?;
            self.labelled("the model", &departure.allowed)?;
            if !departure.clauses.is_empty() {
                self.labelled("clauses", &departure.clauses.join(", "))?;
            }
            self.labelled("observed", &departure.line)?;
        }
        self.left_over(departures.len())
    }

    fn differences(&mut self, done: &CaseDone<'_>) -> io::Result<()> {
        let program = &done.case.program;
        if let Some(own) = program.steps.iter().position(|s| s.role == Role::Own) {
            self.call(program, own)?;
        }
        let recorded = done.judged.recorded.as_deref().unwrap_or_default();
        let observed = done.judged.observed.as_deref().unwrap_or_default();
        let found = changes(recorded, observed);
        if done.judged.recorded.is_none() {
            return Ok(());
        }
        for Change { before, after } in found.iter().take(PLACES) {
            self.side("recorded", before)?;
            self.side("observed", after)?;
        }
        self.left_over(found.len())
    }

    fn side(&mut self, label: &str, lines: &[&str]) -> io::Result<()> {
        if lines.is_empty() {
            return self.labelled(label, "nothing of it");
        }
        for line in lines {
            self.labelled(label, line.trim_start())?;
        }
        Ok(())
    }

    fn left_over(&mut self, places: usize) -> io::Result<()> {
        match places.saturating_sub(PLACES) {
            0 => Ok(()),
            n => self.wrapped(
                &format!("… and in {}", count(n, "more place", "more places")),
                4,
            ),
        }
    }

    /// A step as it is written, with its actor.
    fn call(&mut self, program: &Program, step: usize) -> io::Result<()> {
        let Some(step) = program.steps.get(step) else {
            return Ok(());
        };
        let actor = match step.actor.as_str() {
            "main" => String::new(),
            name => format!("{name}: "),
        };
        self.wrapped(&format!("{actor}{}", step.call_text()), 4)
    }

    /// What can be done about it.
    fn advice(&mut self, verdict: &Verdict) -> io::Result<()> {
        let home = self.home.clone();
        match verdict {
            Verdict::Violation(_) | Verdict::Departs(_) => self.labelled(
                "tolerate",
                &format!("list it in ci/known/{home}.toml, with a reason and a link"),
            ),
            Verdict::ChangedKnown(_, tolerated) => tolerated
                .iter()
                .try_for_each(|t| self.labelled("listed", t)),
            Verdict::Changed => self.labelled("accept", "`--bless` records what was observed"),
            Verdict::Refused(_) => self.labelled("allow", "write `reckless = true` in the case"),
            _ => Ok(()),
        }
    }

    fn stale(&mut self, entry: &Entry) -> io::Result<()> {
        self.failed += 1;
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        self.head(true, "stale", &entry.named())?;
        let (file, line) = entry.place();
        let place = format!("{file}:{line}");
        self.wrapped("what is listed as a known deviation is observed no more", 4)?;
        self.labelled("listed", entry.tolerated())?;
        self.labelled("reason", &entry.reason)?;
        self.labelled("at", &place)?;
        self.labelled("mend", "take the entry out of the list")?;
        writeln!(self.out)
    }

    fn finish(&mut self, end: &End) -> io::Result<()> {
        self.progress = None;
        let hidden = self.notes.saturating_sub(NOTES);
        if hidden > 0 {
            let cases = count(hidden, "more case differs", "more cases differ");
            self.wrapped(&format!("… and {cases} from the nearest record"), 0)?;
        }
        let mut skips: Vec<(String, usize)> = std::mem::take(&mut self.skips).into_iter().collect();
        skips.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (reason, n) in skips {
            for line in wrap(&format!("skipped {n}: {reason}"), 0, 8, self.width) {
                self.line(PLAIN, &line)?;
            }
        }
        let summary = &end.summary;
        if summary.deaths > 0 {
            let faults = count(summary.deaths, "fault was", "faults were");
            let told = match summary.other_deaths {
                0 => "each killed as it was caught".to_owned(),
                n => format!("{n} did not kill as they were caught"),
            };
            self.wrapped(&format!("{faults} left to kill: {told}"), 0)?;
        }
        let closing = format!("{} in {}", counts(summary), seconds(end.took));
        let style = if summary.exit_code() == 0 { GREEN } else { RED };
        for line in wrap(&closing, 0, 2, self.width) {
            self.line(style, &line)?;
        }
        for hint in hints(end, &self.home) {
            for line in wrap(&hint, 0, 2, self.width) {
                self.line(PLAIN, &line)?;
            }
        }
        self.out.flush()
    }
}

impl<W: Write> Report for Human<W> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(start) => self.start(start),
            Event::Running { done, id } => {
                let (cases, failed) = (self.cases, self.failed);
                if let Some(progress) = &mut self.progress {
                    progress.show(*done, cases, failed, id);
                }
                Ok(())
            }
            Event::Case(done) => self.case(done),
            Event::Stale(entry) => self.stale(entry),
            Event::Finished(end) => self.finish(end),
        }
    }
}

/// The outcome that is recorded of the step that broke its rule, where it is another one.
fn recorded_at<'a>(block: &'a str, program: &Program, breach: &Breach) -> Option<&'a str> {
    let observed = breach.observed.to_string();
    let left = breach.line.strip_suffix(&observed)?;
    let same = |n: usize| {
        let step = program.steps.get(n)?;
        crate::transcript::line(step, &breach.observed).filter(|l| *l == breach.line)
    };
    let before = (0..breach.step).filter(|n| same(*n).is_some()).count();
    let lines = block.lines().map(str::trim_start);
    let found = lines.filter_map(|l| l.strip_prefix(left)).nth(before)?;
    (found != observed).then_some(found)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Violation(_) => "violation",
        Verdict::Departs(_) => "departure",
        Verdict::Changed => "changed",
        Verdict::Unrecorded(Nearest::Differs) => "differs",
        Verdict::Unrecorded(_) => "unrecorded",
        Verdict::Known(..) => "known",
        Verdict::Unexplained(_) => "unexplained",
        Verdict::ChangedKnown(..) => "another deviation",
        Verdict::Skipped(_) => "skipped",
        Verdict::Incomplete(_) => "incomplete",
        Verdict::OtherDeath(_) => "other death",
        Verdict::Refused(_) => "refused",
        Verdict::NotFired(_) => "not-fired",
    }
}

/// `1822 passed, 0 failed, 12 skipped`; what did not happen is not told, but for failures.
fn counts(s: &Summary) -> String {
    let mut parts = vec![
        format!("{} passed", s.passed),
        format!("{} failed", s.failed()),
    ];
    let kinds = [
        (s.violations, "against the rule"),
        (s.departing, "against the model"),
        (s.changed, "changed"),
        (s.changed_known, "deviating otherwise than tolerated"),
        (s.stale, "stale"),
        (s.refused, "refused"),
        (s.not_fired, "not-fired"),
        (s.other_deaths, "dying otherwise"),
        (s.required, "skipped though required"),
    ];
    let mut failed: Vec<String> = kinds
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    let told: usize = kinds.iter().map(|(n, _)| n).sum();
    if s.failed() > told {
        failed.push(format!("{} unrecorded", s.failed() - told));
    }
    if !failed.is_empty() {
        parts[1].push_str(&format!(" ({})", failed.join(", ")));
    }
    let others = [
        (s.incomplete, "incomplete"),
        (s.known, "known and tolerated"),
        (s.unexplained, "against the rule as recorded, unexplained"),
        (s.unlike, "unlike the model as recorded"),
        (s.recorded_anew, "recorded anew"),
        (s.unrecorded, "unrecorded"),
        (s.unclaimed, "only recorded"),
        (s.skipped, "skipped"),
        (s.unmodelled, "not modelled"),
    ];
    let others = others.iter().filter(|(n, _)| *n > 0);
    parts.extend(others.map(|(n, what)| format!("{n} {what}")));
    parts.join(", ")
}

fn hints(end: &End, home: &str) -> Vec<String> {
    let s = &end.summary;
    let mut hints = Vec::new();
    if end.blessed > 0 {
        let tables = count(end.blessed, "table", "tables");
        hints.push(format!("recorded {tables} under {home}"));
    } else if s.unrecorded > 0 {
        let cases = count(s.unrecorded, "case", "cases");
        let mut hint =
            format!("not recorded for {home}: {cases}, of which nobody can say whether it changed");
        match &end.bless {
            Some(folder) => hint.push_str(&format!("; `--bless` writes to {folder}")),
            None => hint.push_str("; `--snapshots FOLDER --bless` writes records"),
        }
        hints.push(hint);
    }
    if let Some(why) = &s.no_model {
        hints.push(format!("nothing was held against the model: {why}"));
    }
    if s.incomplete > 0 {
        hints.push(
            "the harness or the machine failed on some cases: `mmapcheck doctor` looks for the \
             cause"
                .to_owned(),
        );
    }
    if s.ran() + s.incomplete + s.refused + s.not_fired == 0 {
        let why = if s.skipped > 0 {
            "every case was skipped"
        } else {
            "no case was chosen"
        };
        hints.push(format!("nothing was run: {why}"));
    }
    hints
}

/// `0.31 s`, `12.3 s`, `2 min 5 s`.
fn seconds(took: std::time::Duration) -> String {
    let s = took.as_secs_f64();
    if s < 9.995 {
        format!("{s:.2} s")
    } else if s < 119.5 {
        format!("{s:.1} s")
    } else {
        format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}
