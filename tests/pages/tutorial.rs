//! The page `docs/tutorial.md` says of each claim of a tutorial whether it is right. It is held to
//! the table `cases/tutorial.toml`, whose cases it names, and to the recorded transcripts that it
//! quotes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/tutorial.md";
const TABLE: &str = "cases/tutorial.toml";
const SNAPSHOT: &str = "snapshots/linux-x86_64/tutorial.snap";

/// How a verdict begins; the sentence goes on from there.
const VERDICTS: [&str; 3] = ["**Right.**", "**Wrong.**", "**Right only when**"];

/// One claim of the tutorial, as the page treats it.
struct Section {
    heading: String,
    body: String,
}

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The sections whose headings are numbered: `## 4. …`.
fn sections(page: &str) -> Vec<Section> {
    page.split("\n## ")
        .skip(1)
        .filter_map(|text| text.split_once('\n'))
        .filter(|(heading, _)| heading.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(heading, body)| Section {
            heading: heading.to_owned(),
            body: body.to_owned(),
        })
        .collect()
}

/// The name of a case, where a line of a table gives one; some tables align their `=`.
fn case_name(line: &str) -> Option<&str> {
    let value = line.strip_prefix("name")?.trim_start();
    value.strip_prefix("= \"")?.strip_suffix('"')
}

/// The claims of the table, in its order: each with the names of its cases.
fn claims(table: &str) -> Vec<(String, Vec<String>)> {
    let mut claims: Vec<(String, Vec<String>)> = Vec::new();
    for line in table.lines() {
        let numbered = line
            .strip_prefix("# ")
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(claim) = numbered {
            claims.push((claim.to_owned(), Vec::new()));
        } else if let Some(name) = case_name(line) {
            let (_, names) = claims.last_mut().expect("a case before the first claim");
            names.push(name.to_owned());
        }
    }
    claims
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The cases that a text names, `table::case`, as pairs of table and case.
fn cases_named(text: &str) -> BTreeSet<(String, String)> {
    text.match_indices("::")
        .map(|(at, colons)| {
            let table = text[..at].rsplit(|c| !is_of_name(c)).next();
            let case = text[at + colons.len()..].split(|c| !is_of_name(c)).next();
            let owned = |name: Option<&str>| name.unwrap_or_default().to_owned();
            (owned(table), owned(case))
        })
        .collect()
}

/// The names of the tutorial's cases in a text: what follows `tutorial::`.
fn named(text: &str) -> BTreeSet<String> {
    cases_named(text)
        .into_iter()
        .filter_map(|(table, case)| (table == "tutorial").then_some(case))
        .collect()
}

/// The transcripts that a text quotes: its fenced blocks that are marked `transcript`.
fn quoted(text: &str) -> Vec<String> {
    text.split("```transcript\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block.to_owned())
        .collect()
}

#[test]
fn the_page_has_one_section_for_each_claim_in_order() {
    let (page, table) = (read(PAGE), read(TABLE));
    let (sections, claims) = (sections(&page), claims(&table));
    assert!(!sections.is_empty(), "{PAGE} has no numbered sections");
    let headings: Vec<String> = sections.into_iter().map(|s| s.heading).collect();
    let expected: Vec<String> = claims.into_iter().map(|(claim, _)| claim).collect();
    assert_eq!(headings, expected, "headings of {PAGE}, claims of {TABLE}");
    for (i, heading) in headings.iter().enumerate() {
        let number = format!("{}. ", i + 1);
        assert!(heading.starts_with(&number), "{heading} is out of order");
    }
}

#[test]
fn each_claim_has_exactly_one_verdict() {
    for section in sections(&read(PAGE)) {
        let verdicts: usize = VERDICTS
            .iter()
            .map(|v| section.body.matches(v).count())
            .sum();
        assert_eq!(verdicts, 1, "verdicts on: {}", section.heading);
        let first = section.body.trim_start();
        assert!(
            VERDICTS.iter().any(|v| first.starts_with(v)),
            "the section does not begin with its verdict: {}",
            section.heading
        );
    }
}

/// The verdicts of the summary at the head of the page: the last column of its numbered rows.
fn summary(page: &str) -> Vec<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter(|row| row.starts_with(|c: char| c.is_ascii_digit()))
        .filter_map(|row| row.trim_end_matches('|').rsplit('|').next())
        .map(|cell| cell.trim().to_lowercase())
        .collect()
}

#[test]
fn the_summary_says_what_the_sections_say() {
    let page = read(PAGE);
    let sections = sections(&page);
    let rows = summary(&page);
    assert_eq!(rows.len(), sections.len(), "rows of the summary");
    for (row, section) in rows.iter().zip(&sections) {
        let verdict = VERDICTS
            .iter()
            .find(|v| section.body.trim_start().starts_with(**v))
            .expect("a verdict at the beginning of the section");
        let words = verdict.trim_matches(['*', '.']).to_lowercase();
        let condition = row
            .strip_prefix(&words)
            .unwrap_or_else(|| panic!("the summary says `{row}` of: {}", section.heading));
        let is_conditional = words == "right only when";
        assert_eq!(is_conditional, !condition.is_empty(), "{row}");
    }
}

#[test]
fn each_section_names_the_cases_of_its_claim_and_no_others() {
    let (page, table) = (read(PAGE), read(TABLE));
    for (section, (claim, names)) in sections(&page).iter().zip(claims(&table)) {
        let names: BTreeSet<String> = names.into_iter().collect();
        assert!(!names.is_empty(), "no case for: {claim}");
        assert_eq!(named(&section.body), names, "cases of: {claim}");
    }
}

#[test]
fn cases_of_other_tables_that_the_page_names_are_there() {
    for (table, case) in cases_named(&read(PAGE)) {
        let path = format!("cases/{table}.toml");
        assert!(
            read(&path).lines().any(|l| case_name(l) == Some(&case)),
            "{PAGE} names {table}::{case}, which is not in {path}"
        );
    }
}

#[test]
fn quoted_transcripts_are_the_recorded_ones() {
    let (page, snapshot) = (read(PAGE), read(SNAPSHOT));
    for section in sections(&page) {
        let blocks = quoted(&section.body);
        assert!(!blocks.is_empty(), "no transcript: {}", section.heading);
        for block in blocks {
            assert!(
                is_recorded(&block, &snapshot),
                "not in {SNAPSHOT}:\n{block}"
            );
        }
    }
}

/// Whether a block stands in the record, from the line with the case's name to its last line.
fn is_recorded(block: &str, snapshot: &str) -> bool {
    let lines: Vec<&str> = block.lines().collect();
    let recorded: Vec<&str> = snapshot.lines().collect();
    let ends_there = |at: usize| {
        recorded
            .get(at + lines.len())
            .is_none_or(|next| !next.starts_with(' '))
    };
    let mut found = recorded.windows(lines.len().max(1)).enumerate();
    !lines.is_empty() && found.any(|(at, window)| window == lines && ends_there(at))
}

#[test]
fn a_part_of_a_transcript_and_a_changed_one_are_not_recorded() {
    let snapshot = "one\n  mmap = map\n  file unchanged\ntwo\n  mmap = EINVAL\n";
    assert!(is_recorded("two\n  mmap = EINVAL\n", snapshot));
    assert!(is_recorded(
        "one\n  mmap = map\n  file unchanged\n",
        snapshot
    ));
    assert!(!is_recorded("one\n  mmap = map\n", snapshot));
    assert!(!is_recorded("two\n  mmap = ENOMEM\n", snapshot));
    assert!(!is_recorded("", snapshot));
}
