//! As one page of HTML that needs nothing else: no script, no other file.
//!
//! The places in it are named by the ids of cases, so that a link to one holds as long as the
//! case does.

use super::{alone, answer, buckets, legend, sentence, tables};
use crate::compare::{Cluster, Comparison, Mark, Shown};
use crate::report::{count, quoted};
use std::collections::BTreeSet;
use std::io::{self, Write};

pub(in crate::report) const STYLE: &str = include_str!("style.css");

/// The most bytes that the lists of ids take together; what is more is counted.
const IDS: usize = 400_000;

/// Writes it.
pub fn html(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    let title = c
        .sides
        .iter()
        .map(|(n, _)| n.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>mmap: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        escaped(&title)
    )?;
    head(out, c)?;
    differences(out, c)?;
    only_one(out, c)?;
    agreement(out, c)?;
    unanswered(out, c)?;
    foot(out, c)?;
    writeln!(out, "</body>\n</html>")
}

fn head(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "<main>\n<h1>mmap, side by side</h1>")?;
    writeln!(out, "<p class=\"lead\">{}</p>", escaped(&sentence(c)))?;
    if let Some(buckets) = buckets(c) {
        let told = format!("Of the second against the first: {buckets}.");
        writeln!(out, "<p>{}</p>", escaped(&told))?;
    }
    writeln!(
        out,
        "<p><a href=\"#differences\">Where they differ</a> · <a href=\"#agreement\">Where they \
         agree</a> · <a href=\"#unanswered\">What has no answer</a> · <a \
         href=\"#measured\">How it was measured</a></p>"
    )?;
    let marks = legend(c);
    if !marks.is_empty() {
        writeln!(out, "<ul class=\"plain soft\">")?;
        for mark in marks {
            writeln!(out, "<li>{} {}</li>", mark.sign(), mark.meaning())?;
        }
        writeln!(out, "</ul>")?;
    }
    Ok(())
}

fn differences(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "<h2 id=\"differences\">Where they differ</h2>")?;
    if c.clusters.is_empty() {
        return writeln!(out, "<p>Nowhere: no answer differs.</p>");
    }
    let (mut groups, mut left) = (BTreeSet::new(), IDS);
    for (stem, clusters) in tables(c) {
        writeln!(out, "<h3 id=\"{0}\">{0}</h3>", escaped(stem))?;
        for cluster in clusters {
            let name = format!("{}::{}", cluster.stem, cluster.name);
            let first = groups.insert(name.clone()).then_some(name.as_str());
            card(out, c, cluster, first, &mut left)?;
        }
    }
    Ok(())
}

fn card(
    out: &mut dyn Write,
    c: &Comparison,
    cluster: &Cluster,
    first: Option<&str>,
    left: &mut usize,
) -> io::Result<()> {
    // Of several clusters of one group, the first has the group's place.
    let single = cluster.ids.len() == 1 && cluster.ids.first().map(String::as_str) == first;
    let id = first.map_or(String::new(), |name| format!(" id=\"{}\"", anchor(name)));
    writeln!(out, "<section class=\"card\"{id}>\n<header>")?;
    if let Some(bucket) = cluster.bucket {
        writeln!(out, "<span class=\"bucket\">{}</span>", bucket.word())?;
    }
    let name = format!("{}::{}", cluster.stem, cluster.name);
    let why = cluster.case.as_ref().map_or(name.as_str(), |c| &c.why);
    writeln!(out, "<p>{}</p>", escaped(&capital(why)))?;
    let many = match (&cluster.ids[..], cluster.pattern.as_str()) {
        ([_], "") => String::new(),
        ([_], pattern) => format!(" [{pattern}]"),
        (ids, pattern) => format!(", {} cases: {pattern}", ids.len()),
    };
    let group = anchor(&name);
    writeln!(
        out,
        "<p class=\"id\"><a href=\"#{}\"><code>{}</code></a><code>{}</code></p>\n</header>",
        fragment(&group),
        escaped(&name),
        escaped(&many)
    )?;
    for (n, step) in cluster.steps.iter().enumerate() {
        let last = n + 1 == cluster.steps.len();
        writeln!(
            out,
            "<table>\n<caption><code>{}</code></caption>\n<tbody>",
            escaped(step)
        )?;
        for (i, ((name, _), shown)) in c.sides.iter().zip(&cluster.cells).enumerate() {
            let notes = if last {
                cluster.notes.get(i).map_or(&[][..], |n| n)
            } else {
                &[]
            };
            row(out, name, shown, n, notes)?;
        }
        writeln!(out, "</tbody>\n</table>")?;
    }
    fold(out, cluster, single, left)?;
    writeln!(out, "</section>")
}

fn row(
    out: &mut dyn Write,
    name: &str,
    shown: &Shown,
    n: usize,
    notes: &[crate::compare::Note],
) -> io::Result<()> {
    let class = match shown.mark {
        Mark::Allowed => "allowed",
        Mark::Other => "other",
        Mark::Breaks => "breaks",
        Mark::Skipped => "skipped",
        Mark::Unknown => "unknown",
    };
    let told = match shown.mark {
        Mark::Skipped | Mark::Unknown => escaped(&answer(&shown.outcomes)),
        _ => {
            let outcome = shown.outcomes.get(n).map_or("", |o| o);
            format!("<code>{}</code>", escaped(outcome))
        }
    };
    write!(
        out,
        "<tr class=\"{class}\"><th scope=\"row\">{}</th><td class=\"mark\" title=\"{}\">{}</td>\
         <td class=\"answer\">{told}",
        escaped(name),
        shown.mark.meaning(),
        shown.mark.sign(),
    )?;
    for note in notes {
        let link = format!("<a href=\"{}\">known</a>", escaped(&note.link));
        write!(out, "<p>{link}: {}</p>", escaped(&note.reason))?;
        if let Some(reckon) = &note.reckon {
            write!(out, "<p>Reckon with it: {}</p>", escaped(reckon))?;
        }
    }
    writeln!(out, "</td></tr>")
}

fn fold(out: &mut dyn Write, cluster: &Cluster, single: bool, left: &mut usize) -> io::Result<()> {
    let told = count(cluster.ids.len(), "case", "cases");
    writeln!(
        out,
        "<details>\n<summary>The calls, the rule, {told}</summary>"
    )?;
    if let Some(case) = &cluster.case {
        let mut calls = String::new();
        for step in &case.program.steps {
            calls.push_str(&escaped(&step.to_string()));
            calls.push('\n');
        }
        writeln!(out, "<pre><code>{calls}</code></pre>\n<ul>")?;
        for cite in &case.cite {
            writeln!(out, "<li>{}</li>", escaped(cite))?;
        }
        writeln!(out, "<li>{}:{}</li>", escaped(&case.file), case.line)?;
        let command = format!("mmapcheck run --exact {}", quoted(&case.id));
        writeln!(out, "<li><code>{}</code></li>", escaped(&command))?;
        let command = format!("mmapcheck c {}", quoted(&case.id));
        writeln!(out, "<li><code>{}</code></li>\n</ul>", escaped(&command))?;
    }
    writeln!(out, "<ul>")?;
    for (n, id) in cluster.ids.iter().enumerate() {
        let place = anchor(id);
        let cost = place.len() + id.len() + 30;
        if cost > *left {
            let more = cluster.ids.len() - n;
            writeln!(out, "<li>… and {more} more</li>")?;
            break;
        }
        *left -= cost;
        // The card itself has the place of a group that is one case.
        let place = if single {
            String::new()
        } else {
            format!(" id=\"{place}\"")
        };
        writeln!(out, "<li{place}><code>{}</code></li>", escaped(id))?;
    }
    writeln!(out, "</ul>\n</details>")
}

fn only_one(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    let alone = alone(c);
    if alone.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2 id=\"only-one\">Where only one differs</h2>\n<ul>")?;
    for (side, n) in alone {
        let name = c.sides.get(side).map_or("", |(n, _)| n);
        let cases = count(n, "case", "cases");
        writeln!(
            out,
            "<li>only {}: {cases}, on which all others agree</li>",
            escaped(name)
        )?;
    }
    writeln!(out, "</ul>")
}

fn agreement(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "<h2 id=\"agreement\">Where they agree</h2>")?;
    let told = format!(
        "{}, answered by all of them, and the same.",
        count(c.agree, "case", "cases")
    );
    writeln!(out, "<details><summary>{told}</summary>\n<ul>")?;
    for (stem, n) in &c.agreed {
        writeln!(out, "<li>{}: {n}</li>", escaped(stem))?;
    }
    writeln!(out, "</ul></details>")
}

fn unanswered(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "<h2 id=\"unanswered\">What has no answer</h2>")?;
    if c.unanswered
        .iter()
        .all(std::collections::BTreeMap::is_empty)
    {
        return writeln!(out, "<p>Nothing: all of them answered every case.</p>");
    }
    writeln!(out, "<p>None of these counts as agreement.</p>\n<ul>")?;
    for ((name, _), reasons) in c.sides.iter().zip(&c.unanswered) {
        for (reason, n) in reasons {
            let cases = count(*n, "case", "cases");
            writeln!(
                out,
                "<li>{}: {cases}: {}</li>",
                escaped(name),
                escaped(reason)
            )?;
        }
    }
    writeln!(out, "</ul>")
}

fn foot(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(
        out,
        "</main>\n<footer>\n<h2 id=\"measured\">How it was measured</h2>\n<ul>"
    )?;
    for (name, about) in &c.sides {
        writeln!(
            out,
            "<li><strong>{}</strong>: {}</li>",
            escaped(name),
            escaped(about)
        )?;
    }
    writeln!(
        out,
        "</ul>\n<p class=\"soft\">Each case ran in a process of its own; what is shown is what \
         came of it there. Made by mmapcheck {}.</p>\n</footer>",
        env!("CARGO_PKG_VERSION")
    )
}

/// Text as it stands in HTML.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The place of a case or a group, as an attribute: the id itself, which must hold no space.
fn anchor(id: &str) -> String {
    escaped(&id.replace(' ', "_"))
}

/// A place as a link names it.
fn fragment(place: &str) -> String {
    let mut out = String::new();
    for c in place.chars() {
        match c {
            '[' | ']' | '|' | '{' | '}' | '^' | '`' | '\\' | '%' | '#' => {
                out.push_str(&format!("%{:02X}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first)
            if text.len() > 1
                && chars
                    .clone()
                    .next()
                    .is_some_and(|c| c.is_lowercase() || c == ' ') =>
        {
            first.to_uppercase().collect::<String>() + chars.as_str()
        }
        _ => text.to_owned(),
    }
}
