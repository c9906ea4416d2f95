//! For the terminal.

use super::{alone, answer, buckets, sentence, title};
use crate::compare::{Cluster, Comparison, Mark};
use crate::report::text::wrap;
use crate::snapshot::tidy;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Writes it, in lines of at most `width` characters where they can be broken.
pub fn text(out: &mut dyn Write, width: usize, c: &Comparison) -> io::Result<()> {
    let column = c
        .sides
        .iter()
        .map(|(n, _)| n.chars().count())
        .max()
        .unwrap_or(0);
    for cluster in &c.clusters {
        one(out, width, column, c, cluster)?;
    }
    if let [first, .., last] = &c.one_sided[..] {
        let told = format!(
            "on one side alone: {} to {} ({})",
            first.1,
            last.1,
            c.one_sided.len()
        );
        paragraph(out, width, 0, &told)?;
    }
    for (side, reasons) in c.sides.iter().zip(&c.unanswered) {
        for (reason, n) in reasons {
            paragraph(
                out,
                width,
                0,
                &format!("{}: {n} without an answer: {reason}", side.0),
            )?;
        }
    }
    for (side, n) in alone(c) {
        let name = c.sides.get(side).map_or("", |(n, _)| n);
        paragraph(
            out,
            width,
            0,
            &format!("only {name} differs, and the others agree: {n}"),
        )?;
    }
    if let Some(buckets) = buckets(c) {
        paragraph(out, width, 0, &buckets)?;
    }
    paragraph(out, width, 0, &sentence(c))
}

fn one(
    out: &mut dyn Write,
    width: usize,
    column: usize,
    c: &Comparison,
    cluster: &Cluster,
) -> io::Result<()> {
    let bucket = cluster
        .bucket
        .map_or(String::new(), |b| format!("{}  ", b.word()));
    writeln!(out, "{BOLD}{bucket}{}{BOLD:#}", tidy(&title(cluster)))?;
    if cluster.ids.len() > 1 {
        let told = format!("{} cases: {}", cluster.ids.len(), cluster.pattern);
        paragraph(out, width, 2, &told)?;
    }
    if let Some(case) = &cluster.case {
        paragraph(out, width, 2, &case.why)?;
    }
    for (n, step) in cluster.steps.iter().enumerate() {
        paragraph(out, width, 4, step)?;
        for ((name, _), shown) in c.sides.iter().zip(&cluster.cells) {
            let told = matches!(shown.mark, Mark::Skipped | Mark::Unknown);
            let outcome = if told {
                answer(&shown.outcomes)
            } else {
                outcome(&shown.outcomes, n)
            };
            let style = style(shown.mark);
            let lines = wrap(&tidy(&outcome), column + 10, column + 10, width);
            for (l, line) in lines.iter().enumerate() {
                let rest = line.trim_start();
                let (sign, name) = if l == 0 {
                    (shown.mark.sign(), &name[..])
                } else {
                    (" ", "")
                };
                let pad = column - name.chars().count();
                let pad = " ".repeat(pad);
                writeln!(
                    out,
                    "      {style}{sign}{style:#} {DIM}{name}{DIM:#}{pad}  {rest}"
                )?;
            }
        }
    }
    for note in cluster.notes.iter().flatten() {
        paragraph(out, width, 4, &format!("known: {}", note.reason))?;
        if let Some(reckon) = &note.reckon {
            paragraph(out, width, 4, &format!("reckon with: {reckon}"))?;
        }
    }
    writeln!(out)
}

fn outcome(outcomes: &[String], n: usize) -> String {
    outcomes.get(n).cloned().unwrap_or_default()
}

fn style(mark: Mark) -> Style {
    match mark {
        Mark::Allowed => AnsiColor::Green.on_default(),
        Mark::Other => AnsiColor::Yellow.on_default(),
        Mark::Breaks => AnsiColor::Red.on_default().bold(),
        Mark::Skipped | Mark::Unknown => DIM,
    }
}

fn paragraph(out: &mut dyn Write, width: usize, indent: usize, text: &str) -> io::Result<()> {
    for line in wrap(&tidy(text), indent, indent + 2, width) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
