//! Where a machine departs from a reading of the model, in four forms.

use super::compare::{STYLE, escaped};
use super::text::{count, quoted, wrap};
use crate::compare::departures::{Departures, Point};
use crate::machine::model::{Clause, Reading};
use crate::snapshot::tidy;
use anstyle::Style;
use serde_json::{Value, json};
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();

/// The most pairs of outcomes that people are shown of one point.
const PAIRS: usize = 4;

/// What is read, as people call it.
fn reading(d: &Departures) -> &'static str {
    match d.reading {
        Reading::Posix => "POSIX",
        Reading::Linux => "the model of Linux",
    }
}

/// How many cases it departs in, in a sentence.
fn sentence(d: &Departures) -> String {
    format!(
        "{} departs from {} in {} of {}, at {}. Of {} the model does not say all, and {} no answer.",
        d.side.0,
        reading(d),
        d.departing,
        count(d.held, "case", "cases"),
        count(d.points.len(), "point", "points"),
        count(d.unmodelled, "more case", "more cases"),
        count(d.unanswered, "has", "have"),
    )
}

/// What is to be known of a departure from this reading.
fn caution(d: &Departures) -> &'static str {
    match d.reading {
        Reading::Posix => {
            "Not each of these breaks the standard: a call may fail with errors that it does not \
             list (POSIX.1 XSH 2.3), and what Linux adds is named beside it."
        }
        Reading::Linux => "",
    }
}

/// A clause with its citation.
fn clause(c: &Clause) -> String {
    format!("{} ({})", c.text, c.cite.join("; "))
}

/// What one side says of a point, by its clauses.
fn said(clauses: &[&'static Clause]) -> Vec<String> {
    match clauses {
        [] => vec!["It follows from the steps before.".to_owned()],
        some => some.iter().map(|c| clause(c)).collect(),
    }
}

fn asked(p: &Point) -> Vec<String> {
    said(&p.asked)
}

fn done(p: &Point) -> Vec<String> {
    match &p.done {
        Some(clauses) => said(clauses),
        None => vec!["No clause says why.".to_owned()],
    }
}

/// The clauses of both sides.
fn clauses(p: &Point) -> impl Iterator<Item = &'static Clause> {
    let done = p.done.iter().flatten();
    p.asked.iter().chain(done).copied()
}

/// What came and what is allowed, the most frequent first.
fn outcomes(p: &Point) -> Vec<String> {
    let mut pairs: Vec<_> = p.outcomes.iter().collect();
    pairs.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let more = pairs.len().saturating_sub(PAIRS);
    let told = pairs.iter().take(PAIRS);
    let mut told: Vec<String> = told
        .map(|((allowed, came), n)| format!("{came}, not {allowed} ({n})"))
        .collect();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told
}

/// The points by the call whose clauses they are about.
fn by_call(d: &Departures) -> Vec<(&'static str, Vec<&Point>)> {
    let mut calls: Vec<(&'static str, Vec<&Point>)> = Vec::new();
    for point in &d.points {
        let first = clauses(point).next();
        let call = first.map_or("what follows", |c| {
            c.id.split('/').next().unwrap_or_default()
        });
        match calls.iter_mut().find(|(c, _)| *c == call) {
            Some((_, points)) => points.push(point),
            None => calls.push((call, vec![point])),
        }
    }
    calls.sort_by_key(|(call, _)| *call);
    for (_, points) in &mut calls {
        points.sort_by_key(|p| std::cmp::Reverse(p.cases));
    }
    calls
}

/// Writes it for the terminal, in lines of at most `width` characters where they can be broken.
pub fn text(out: &mut dyn Write, width: usize, d: &Departures) -> io::Result<()> {
    for (call, points) in by_call(d) {
        writeln!(out, "{BOLD}{call}{BOLD:#}")?;
        for point in points {
            let mut line = |indent: usize, text: &str| paragraph(out, width, indent, text);
            for said in asked(point) {
                line(2, &format!("{}: {said}", reading(d)))?;
            }
            for said in done(point) {
                line(2, &format!("{}: {said}", d.side.0))?;
            }
            let told = outcomes(point).join("; ");
            let cases = count(point.cases, "case", "cases");
            line(4, &format!("{cases}: {told}"))?;
            line(4, &format!("such as {}", point.example.0.id))?;
            line(6, &point.example.1)?;
            line(0, "")?;
        }
    }
    paragraph(out, width, 0, &sentence(d))?;
    match caution(d) {
        "" => Ok(()),
        caution => paragraph(out, width, 0, caution),
    }
}

fn paragraph(out: &mut dyn Write, width: usize, indent: usize, text: &str) -> io::Result<()> {
    let lines = wrap(&tidy(text), indent, indent + 2, width);
    lines.iter().try_for_each(|l| writeln!(out, "{l}"))
}

/// Writes it as Markdown.
pub fn markdown(out: &mut dyn Write, d: &Departures) -> io::Result<()> {
    let plain = super::compare::plain;
    let code = super::compare::code;
    let (name, about) = &d.side;
    writeln!(out, "# {} and {}\n", plain(name), reading(d))?;
    writeln!(
        out,
        "{} {}\n\n- **{}**: {}\n",
        plain(&sentence(d)),
        caution(d),
        plain(name),
        plain(about)
    )?;
    for (call, points) in by_call(d) {
        writeln!(out, "## {call}\n")?;
        for point in points {
            let asked = asked(point).into_iter().map(|said| (reading(d), said));
            let done = done(point).into_iter().map(|said| (name.as_str(), said));
            for (n, (who, said)) in asked.chain(done).enumerate() {
                let begin = if n == 0 { "-" } else { " " };
                writeln!(out, "{begin} **{}:** {}  ", plain(who), plain(&said))?;
            }
            let told: Vec<String> = outcomes(point).iter().map(|o| code(o)).collect();
            let cases = count(point.cases, "case", "cases");
            writeln!(out, "  {cases}: {}  ", told.join(", "))?;
            let (case, line) = &point.example;
            writeln!(out, "  {}: {}", code(&case.id), code(line))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes it as one JSON document; `docs/results.md` is its description.
pub fn json(out: &mut dyn Write, d: &Departures) -> io::Result<()> {
    let clauses = |list: &[&'static Clause]| -> Vec<Value> {
        let told = |c: &&Clause| json!({ "id": c.id, "text": c.text, "cite": c.cite });
        list.iter().map(told).collect()
    };
    let points = d.points.iter().map(|p| {
        let outcomes = p
            .outcomes
            .iter()
            .map(|((allowed, came), n)| json!({ "allowed": allowed, "came": came, "cases": n }));
        let groups = p.groups.iter();
        let groups = groups.map(|(name, pattern)| json!({ "name": name, "pattern": pattern }));
        json!({
            "asked": clauses(&p.asked),
            "done": p.done.as_deref().map(clauses),
            "cases": p.cases,
            "outcomes": outcomes.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "example": { "id": p.example.0.id, "line": p.example.1 },
        })
    });
    let document = json!({
        "type": "departures",
        "schema": super::SCHEMA,
        "side": { "name": d.side.0, "about": d.side.1 },
        "reading": d.reading.name(),
        "held": d.held,
        "departing": d.departing,
        "unmodelled": d.unmodelled,
        "unanswered": d.unanswered,
        "points": points.collect::<Vec<_>>(),
    });
    writeln!(out, "{document}")
}

/// Writes it as one page of HTML that needs nothing else. The places in it are the clauses.
pub fn html(out: &mut dyn Write, d: &Departures) -> io::Result<()> {
    let (name, about) = &d.side;
    let title = escaped(&format!("{name} and {}", reading(d)));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>mmap: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"lead\">{}</p>\n<p>{}</p>\n",
        escaped(&sentence(d)),
        escaped(caution(d))
    )?;
    for (call, points) in by_call(d) {
        writeln!(out, "<h2 id=\"{0}\">{0}</h2>", escaped(call))?;
        for point in points {
            card(out, d, point)?;
        }
    }
    writeln!(
        out,
        "</main>\n<footer>\n<p class=\"soft\"><strong>{}</strong>: {}. Made by mmapcheck {}.</p>\n\
         </footer>\n</body>\n</html>",
        escaped(name),
        escaped(about),
        env!("CARGO_PKG_VERSION")
    )
}

fn card(out: &mut dyn Write, d: &Departures, point: &Point) -> io::Result<()> {
    let names = clauses(point).map(|c| c.id);
    let place = names.collect::<Vec<_>>().join("+");
    writeln!(
        out,
        "<section class=\"card\" id=\"{}\">\n<table>\n<tbody>",
        escaped(&place)
    )?;
    for (class, who, says) in [
        ("allowed", reading(d), asked(point)),
        ("other", &d.side.0, done(point)),
    ] {
        for said in says {
            let (who, said) = (escaped(who), escaped(&said));
            writeln!(
                out,
                "<tr class=\"{class}\"><th scope=\"row\">{who}</th><td class=\"answer\">{said}</td></tr>"
            )?;
        }
    }
    writeln!(out, "</tbody>\n</table>\n<ul>")?;
    for told in outcomes(point) {
        writeln!(out, "<li><code>{}</code></li>", escaped(&told))?;
    }
    let cases = count(point.cases, "case", "cases");
    writeln!(
        out,
        "</ul>\n<details>\n<summary>{cases}, and one of them</summary>\n<pre><code>"
    )?;
    let (case, line) = &point.example;
    for step in &case.program.steps {
        writeln!(out, "{}", escaped(&step.to_string()))?;
    }
    writeln!(out, "</code></pre>\n<p><code>{}</code></p>", escaped(line))?;
    let command = format!("mmapcheck explain {}", quoted(&case.id));
    writeln!(out, "<p><code>{}</code></p>\n<ul>", escaped(&command))?;
    for (name, pattern) in &point.groups {
        let told = format!("{name} {pattern}");
        writeln!(out, "<li><code>{}</code></li>", escaped(told.trim_end()))?;
    }
    writeln!(out, "</ul>\n</details>\n</section>")
}
