//! Results as GitHub shows them: annotations in the log, and the summary of the step.
//!
//! A step shows at most ten errors and ten warnings, and its summary holds at most 1 MiB:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use super::line::{CaseLine, Tally, counts, headline, stale};
use super::{End, Event, Report};
use std::io::{self, Write};

/// The most annotations of one kind that a step shows.
const ANNOTATIONS: usize = 10;

/// The most cases that the summary lists.
const ROWS: usize = 200;

/// The form for GitHub.
#[derive(Debug)]
pub struct Github<W, S> {
    out: W,
    summary: Option<S>,
    errors: usize,
    warnings: usize,
    head: String,
    rows: Vec<String>,
    hidden: usize,
    tally: Tally,
}

impl<W: Write, S: Write> Github<W, S> {
    /// Annotations go to `out`, the log of the step; `summary` is the file that GitHub names in
    /// `GITHUB_STEP_SUMMARY`.
    pub fn new(out: W, summary: Option<S>) -> Self {
        Github {
            out,
            summary,
            errors: 0,
            warnings: 0,
            head: String::new(),
            rows: Vec::new(),
            hidden: 0,
            tally: Tally::default(),
        }
    }

    fn error(&mut self, at: Option<(&str, usize)>, title: &str, text: &str) -> io::Result<()> {
        self.errors += 1;
        // The last place is kept for telling how many more there are.
        if self.errors < ANNOTATIONS {
            annotate(&mut self.out, "error", at, title, text)?;
        }
        Ok(())
    }

    fn row(&mut self, word: &str, id: &str, saw: &str) {
        if self.rows.len() < ROWS {
            self.rows
                .push(format!("| {word} | {} | {} |", code(id), code(saw)));
        } else {
            self.hidden += 1;
        }
    }

    fn case(&mut self, line: &CaseLine) -> io::Result<()> {
        self.tally.add(line);
        if line.fails {
            let seen: Vec<&str> = line.breaches.iter().map(|b| b.line.as_str()).collect();
            let saw = if seen.is_empty() {
                line.told.clone()
            } else {
                seen.join("; ")
            };
            self.row(line.verdict, &line.id, &saw);
            let title = format!("{} {}", line.verdict, line.id);
            return self.error(Some((&line.file, line.line)), &title, &line.details());
        }
        if line.verdict == "unrecorded" && line.recorded.is_some() {
            self.warnings += 1;
            if self.warnings < ANNOTATIONS {
                let title = format!("differs {}", line.id);
                let at = Some((line.file.as_str(), line.line));
                annotate(&mut self.out, "warning", at, &title, &line.details())?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, end: &End) -> io::Result<()> {
        let s = &end.summary;
        let missing = s.cases().saturating_sub(self.tally.told());
        if missing > 0 {
            let text = format!("{missing} cases were not run: it was broken off");
            self.error(None, "broken off", &text)?;
        }
        for (n, kind) in [(self.errors, "error"), (self.warnings, "warning")] {
            let more = n.saturating_sub(ANNOTATIONS - 1);
            if more > 0 {
                let text = "the log and the summary of the step have them";
                annotate(
                    &mut self.out,
                    kind,
                    None,
                    &format!("… and {more} more"),
                    text,
                )?;
            }
        }
        if let Some(summary) = &mut self.summary {
            writeln!(
                summary,
                "### mmapcheck: {} failed\n\n{}\n",
                s.failed(),
                self.head
            )?;
            writeln!(summary, "| verdict | cases |\n|---|--:|")?;
            for (word, n) in counts(s) {
                if n > 0 {
                    writeln!(summary, "| {word} | {n} |")?;
                }
            }
            writeln!(summary, "| stale | {} |\n", s.stale)?;
            if !self.rows.is_empty() {
                writeln!(summary, "| | case | observed |\n|---|---|---|")?;
            }
            for row in &self.rows {
                writeln!(summary, "{row}")?;
            }
            if self.hidden > 0 {
                writeln!(summary, "\n… and {} more", self.hidden)?;
            }
            summary.flush()?;
        }
        self.out.flush()
    }
}

/// Text in a cell of a Markdown table, as code.
fn code(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<code>{}</code>",
        text.replace('|', "&#124;").replace('\n', " ")
    )
}

fn annotate(
    out: &mut impl Write,
    kind: &str,
    at: Option<(&str, usize)>,
    title: &str,
    text: &str,
) -> io::Result<()> {
    let place = at.map_or(String::new(), |(file, line)| {
        format!("file={},line={line},", property(file))
    });
    writeln!(
        out,
        "::{kind} {place}title={}::{}",
        property(title),
        data(text)
    )
}

/// What a command's text may hold.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What the value of a command's property may hold.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

impl<W: Write, S: Write> Report for Github<W, S> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(start) => {
                self.head = headline(start);
                Ok(())
            }
            Event::Running { .. } => Ok(()),
            Event::Case(done) => self.case(&CaseLine::of(done)),
            Event::Stale(entry) => {
                let (file, line) = entry.place();
                self.row("stale", &entry.named(), entry.tolerated());
                self.error(Some((file, line)), "stale", &stale(entry))
            }
            Event::Finished(end) => self.finish(end),
        }
    }
}
