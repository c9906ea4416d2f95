//! Results as JUnit's XML: a suite for each table, and one named `run` for what is no case.
//!
//! A tolerated deviation passes, with what was seen in its output; a skip is `skipped` with its
//! reason; a case on which the harness failed is an `error`.

use super::line::{CaseLine, Tally, headline, stale};
use super::{End, Event, Report};
use crate::snapshot::stem;
use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};
use std::time::Duration;

/// The form of JUnit. It is written at the end, since suites begin with their counts.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    suites: Vec<TestSuite>,
    rest: TestSuite,
    about: String,
    tally: Tally,
}

impl<W: Write> Junit<W> {
    /// Writes to `out` when the run is over.
    pub fn new(out: W) -> Self {
        Junit {
            out,
            suites: Vec::new(),
            rest: TestSuite::new("run"),
            about: String::new(),
            tally: Tally::default(),
        }
    }

    fn case(&mut self, line: &CaseLine) {
        self.tally.add(line);
        let mut case = TestCase::new(line.id.as_str(), status(line));
        case.set_classname(stem(&line.id));
        case.set_time(Duration::from_micros(line.micros));
        if let Some(answer) = &line.answer {
            case.set_system_out(answer.join("\n"));
        }
        if line.verdict == "other death" {
            self.rest.add_test_case(case);
            return;
        }
        let name = stem(&line.id);
        match self.suites.iter_mut().rfind(|s| s.name.as_str() == name) {
            Some(suite) => {
                suite.add_test_case(case);
            }
            None => {
                let mut suite = TestSuite::new(name);
                suite.add_test_case(case);
                self.suites.push(suite);
            }
        }
    }

    fn failure(&mut self, name: &str, kind: NonSuccessKind, message: &str) {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        self.rest.add_test_case(TestCase::new(name, status));
    }

    fn finish(&mut self, end: &End) -> io::Result<()> {
        let missing = end.summary.cases().saturating_sub(self.tally.told());
        if missing > 0 {
            let message = format!("{missing} cases were not run: it was broken off");
            self.failure("broken off", NonSuccessKind::Error, &message);
        }
        let mut xml = Xml::new("mmapcheck");
        xml.set_time(end.took);
        self.rest.set_system_out(self.about.as_str());
        xml.add_test_suites(self.suites.drain(..));
        xml.add_test_suite(std::mem::replace(&mut self.rest, TestSuite::new("run")));
        xml.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.flush()
    }
}

fn status(line: &CaseLine) -> TestCaseStatus {
    let mut status = match line.verdict {
        "skipped" if !line.fails => TestCaseStatus::skipped(),
        "incomplete" => TestCaseStatus::non_success(NonSuccessKind::Error),
        _ if line.fails => TestCaseStatus::non_success(NonSuccessKind::Failure),
        _ => return TestCaseStatus::success(),
    };
    status.set_message(line.told.as_str());
    status.set_type(line.verdict);
    if line.fails && line.verdict != "skipped" {
        status.set_description(line.details());
    }
    status
}

impl<W: Write> Report for Junit<W> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(start) => self.about = headline(start),
            Event::Running { .. } => {}
            Event::Case(done) => self.case(&CaseLine::of(done)),
            Event::Stale(entry) => {
                self.failure(&entry.named(), NonSuccessKind::Failure, &stale(entry));
            }
            Event::Finished(end) => return self.finish(end),
        }
        Ok(())
    }
}
