//! As Markdown: a table for each table of cases.

use super::{alone, answer, buckets, legend, sentence, tables, title};
use crate::compare::Comparison;
use std::io::{self, Write};

/// The most rows that are written: a page that is longer is not read.
const ROWS: usize = 200;

/// Writes it.
pub fn markdown(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "# Platforms side by side\n\n{}\n", sentence(c))?;
    if let Some(buckets) = buckets(c) {
        writeln!(out, "Of the second against the first: {buckets}.\n")?;
    }
    for (name, about) in &c.sides {
        writeln!(out, "- **{}**: {}", plain(name), plain(about))?;
    }
    writeln!(out)?;
    let marks = legend(c);
    if !marks.is_empty() {
        let told: Vec<String> = marks
            .iter()
            .map(|m| format!("{} {}", m.sign(), m.meaning()))
            .collect();
        writeln!(out, "{}.\n", told.join(" · "))?;
    }
    let mut rows = 0;
    for (stem, clusters) in tables(c) {
        if rows >= ROWS {
            break;
        }
        writeln!(out, "## {stem}\n")?;
        write!(out, "| case | step |")?;
        for (name, _) in &c.sides {
            write!(out, " {} |", plain(name))?;
        }
        writeln!(out, "\n|---|---|{}", "---|".repeat(c.sides.len()))?;
        for cluster in clusters.iter().take(ROWS - rows) {
            rows += 1;
            let many = match cluster.ids.len() {
                1 => String::new(),
                n => format!("<br>{n} cases: {}", code(&cluster.pattern)),
            };
            let steps: Vec<String> = cluster.steps.iter().map(|s| code(s)).collect();
            write!(
                out,
                "| {}{many} | {} |",
                code(&title(cluster)),
                steps.join("<br>")
            )?;
            for shown in &cluster.cells {
                let told: Vec<String> = shown.outcomes.iter().map(|o| code(o)).collect();
                write!(out, " {} {} |", shown.mark.sign(), told.join("<br>"))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
    }
    let left = c.clusters.len() - rows;
    if left > 0 {
        writeln!(out, "… and {left} more rows.\n")?;
    }
    if c.clusters.is_empty() {
        writeln!(out, "No answer differs.\n")?;
    }
    for (side, n) in alone(c) {
        let name = c.sides.get(side).map_or("", |(n, _)| n);
        writeln!(
            out,
            "Only {} differs, and the others agree: {n}.\n",
            plain(name)
        )?;
    }
    for ((name, _), reasons) in c.sides.iter().zip(&c.unanswered) {
        for (reason, n) in reasons {
            let reason = plain(&answer(std::slice::from_ref(reason)));
            writeln!(out, "- {}: {n} without an answer: {reason}", plain(name))?;
        }
    }
    Ok(())
}

/// Text as it stands in Markdown.
pub(in crate::report) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '|' => out.push_str("&#124;"),
            '\n' | '\r' => out.push(' '),
            '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The same as code.
pub(in crate::report) fn code(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\n', " ");
    format!("<code>{}</code>", text.replace('|', "&#124;"))
}
