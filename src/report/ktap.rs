//! Results as KTAP, the kernel's Test Anything Protocol (Documentation/dev-tools/ktap.rst).
//!
//! Each case is a test point; one more, `run`, stands for what is no case: entries of the lists of
//! known deviations that are stale, and deaths that told another story. A deviation that
//! fails nothing is `XFAIL`, as in the kernel's own tests, and a case on which the harness failed is `ERROR`.

use super::line::{CaseLine, Tally, headline, stale};
use super::{End, Event, Report};
use std::io::{self, Write};

/// The form of KTAP.
#[derive(Debug)]
pub struct Ktap<W> {
    out: W,
    tally: Tally,
    others: usize,
}

impl<W: Write> Ktap<W> {
    /// Writes to `out` as cases come.
    pub fn new(out: W) -> Self {
        Ktap {
            out,
            tally: Tally::default(),
            others: 0,
        }
    }

    fn diagnostic(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|l| writeln!(self.out, "# {l}"))
    }

    fn case(&mut self, line: &CaseLine) -> io::Result<()> {
        self.tally.add(line);
        if line.verdict == "other death" {
            self.others += 1;
            return self.diagnostic(&format!("{}: {}", line.id, line.told));
        }
        if line.fails {
            self.diagnostic(&line.details())?;
        }
        let ok = if line.fails { "not ok" } else { "ok" };
        let number = self.tally.told();
        // `#` begins a directive, and so can stand in no name.
        let name = line.id.replace('#', "?");
        writeln!(self.out, "{ok} {number} {name}{}", directive(line))
    }

    fn finish(&mut self, end: &End) -> io::Result<()> {
        let s = &end.summary;
        let missing = s.cases().saturating_sub(self.tally.told());
        if missing > 0 {
            self.diagnostic(&format!("{missing} cases were not run: it was broken off"))?;
        }
        let ok = match self.others == 0 && s.stale == 0 && missing == 0 {
            true => "ok",
            false => "not ok",
        };
        writeln!(self.out, "{ok} {} run", s.cases() + 1)?;
        self.diagnostic(&format!("exit {}", s.exit_code()))?;
        self.out.flush()
    }
}

fn directive(line: &CaseLine) -> String {
    match line.verdict {
        "skipped" => format!(" # SKIP {}", line.told),
        "incomplete" => format!(" # ERROR {}", line.told),
        "known" => " # XFAIL known and tolerated".to_owned(),
        "unexplained" => " # XFAIL as recorded, unexplained".to_owned(),
        _ => String::new(),
    }
}

impl<W: Write> Report for Ktap<W> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(start) => {
                writeln!(self.out, "KTAP version 1")?;
                writeln!(self.out, "1..{}", start.cases + 1)?;
                self.diagnostic(&headline(start))
            }
            Event::Running { .. } => Ok(()),
            Event::Case(done) => self.case(&CaseLine::of(done)),
            Event::Stale(entry) => self.diagnostic(&stale(entry)),
            Event::Finished(end) => self.finish(end),
        }
    }
}
