//! The page `docs/coverage.md` says which cases stand for each assertion of the standard and each
//! error of the manual, and which have none and why. It is made from the lists in
//! `docs/coverage/`, and those are held to the tables: each pattern names cases, and cases that
//! stand for an error claim it of a call that the page is about.
//!
//! `COVERAGE=write cargo test --test pages` makes the page anew.

use crate::lists::{cases, hold, of_files, only_keys, quoted, tables, word, words};
use mmapcheck::case::{Case, Expect};
use std::fmt::Write;
use toml::de::DeTable;

const PAGE: &str = "docs/coverage.md";
const LISTS: &str = "docs/coverage";

const HEAD: &str = "\
# What the cases cover

This page is made from the lists in `docs/coverage/` by `COVERAGE=write cargo test --test
pages`; the tests hold the lists to the tables. Each assertion of POSIX and each error of a
Linux manual page stands here in our own words, with the cases that bring it about, or with the
reason why there are none. `mmapcheck list NAME` lists the cases of a name, `mmapcheck explain` tells
all about one.

POSIX is read in the edition of 2017; where that of 2024 adds something, the entry says so. What the
standard says of typed memory objects is left out: Linux has none. The manual is that of man-pages
6.20. An error that can come with several causes is listed once for each.
";

/// One page of the standard or of the manual.
struct Page {
    name: String,
    /// The calls that give its errors.
    calls: Vec<String>,
    entries: Vec<Entry>,
}

/// One assertion, or one cause of an error.
struct Entry {
    says: String,
    /// The error or the signal that it is about.
    gives: Option<String>,
    cases: Vec<String>,
    none: Option<String>,
}

/// The pages of all lists. The files are taken by their names, which begin with a number.
fn pages() -> Vec<Page> {
    of_files(LISTS, pages_of)
}

fn pages_of(document: &DeTable<'_>) -> Vec<Page> {
    only_keys(document, &["page"]);
    tables(document, "page")
        .map(|page| {
            only_keys(page, &["name", "calls", "entry"]);
            Page {
                name: word(page, "name").expect("a page has a name"),
                calls: words(page, "calls"),
                entries: tables(page, "entry").map(entry).collect(),
            }
        })
        .collect()
}

fn entry(table: &DeTable<'_>) -> Entry {
    only_keys(table, &["says", "errno", "signal", "cases", "none"]);
    Entry {
        says: word(table, "says").expect("an entry says something"),
        gives: word(table, "errno").or_else(|| word(table, "signal")),
        cases: words(table, "cases"),
        none: word(table, "none"),
    }
}

/// The cases that a pattern names: those of the group that it is the name of, or begins with, up to
/// the bracket, whose ids hold it, as a filter of `mmapcheck list` does.
fn named(pattern: &str) -> Vec<&'static Case> {
    let group = pattern.split('[').next().unwrap_or_default();
    let of_group = cases().get(group).into_iter().flatten();
    of_group.filter(|case| case.id.contains(pattern)).collect()
}

/// Whether a case claims an error of one of these calls, or a signal of any.
fn claims(case: &Case, gives: &str, calls: &[String]) -> bool {
    case.program
        .steps
        .iter()
        .zip(&case.claims)
        .any(|(step, claim)| {
            claim.iter().flat_map(|c| &c.any_of).any(|e| match e {
                Expect::Errno(errno, _) => {
                    errno.to_string() == gives && calls.iter().any(|c| c == step.call.name)
                }
                Expect::Signal { signal, .. } => signal.to_string() == gives,
                _ => false,
            })
        })
}

/// What is wrong with an entry; empty where nothing is.
fn mistakes(page: &Page, entry: &Entry) -> String {
    let mut wrong = String::new();
    let mut complain = |what: &str| {
        let _ = writeln!(wrong, "{}, `{}`: {what}", page.name, entry.says);
    };
    match (&entry.cases[..], &entry.none) {
        ([], None) => complain("neither cases nor a reason"),
        ([], Some(reason)) if reason.trim().is_empty() => complain("an empty reason"),
        ([_, ..], Some(_)) => complain("cases, and a reason why there are none"),
        _ => {}
    }
    for pattern in &entry.cases {
        let named = named(pattern);
        if named.is_empty() {
            complain(&format!("`{pattern}` names no case"));
        } else if let Some(gives) = &entry.gives {
            if !named.iter().any(|case| claims(case, gives, &page.calls)) {
                complain(&format!("no case of `{pattern}` claims {gives}"));
            }
        }
    }
    for case in entry.none.iter().flat_map(|reason| quoted(reason)) {
        if !cases().contains_key(case) {
            complain(&format!("the reason names `{case}`, which is no case"));
        }
    }
    wrong
}

/// How many entries have cases, and how many have none.
fn count<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> (usize, usize) {
    let (with, without): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|entry| !entry.cases.is_empty());
    (with.len(), without.len())
}

/// The page. Writing to a string does not fail.
fn written(pages: &[Page]) -> String {
    let mut text = HEAD.to_owned();
    let row = |name: &str, (with, without): (usize, usize)| {
        format!("| {name} | {} | {with} | {without} |\n", with + without)
    };
    text += "\n| page | entries | with cases | without |\n|---|---:|---:|---:|\n";
    for page in pages {
        text += &row(&page.name, count(&page.entries));
    }
    text += &row("all", count(pages.iter().flat_map(|p| &p.entries)));
    for page in pages {
        let _ = write!(text, "\n## {}\n\n", page.name);
        for (n, entry) in page.entries.iter().enumerate() {
            let gives = entry.gives.iter().map(|g| format!("**{g}** "));
            let gives: String = gives.collect();
            let _ = writeln!(text, "{}. {gives}{}  ", n + 1, entry.says);
            let cases: Vec<String> = entry.cases.iter().map(|c| format!("`{c}`")).collect();
            let _ = match &entry.none {
                Some(reason) => writeln!(text, "   *None:* {reason}"),
                None => writeln!(text, "   {}", cases.join(", ")),
            };
        }
    }
    text
}

#[test]
fn each_entry_has_cases_that_show_it_or_a_reason() {
    let mut wrong = String::new();
    for page in &pages() {
        assert!(!page.entries.is_empty(), "{} has no entries", page.name);
        for entry in &page.entries {
            wrong += &mistakes(page, entry);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_page_is_what_the_lists_say() {
    hold(PAGE, "COVERAGE", &written(&pages()));
}

#[test]
fn what_no_case_shows_is_found_out() {
    let page = Page {
        name: "a page".to_owned(),
        calls: vec!["munmap".to_owned()],
        entries: Vec::new(),
    };
    let wrong = |gives: Option<&str>, cases: &[&str], none: Option<&str>| {
        let entry = Entry {
            says: "something".to_owned(),
            gives: gives.map(str::to_owned),
            cases: cases.iter().map(|c| (*c).to_owned()).collect(),
            none: none.map(str::to_owned),
        };
        mistakes(&page, &entry)
    };
    let zero = ["unmapping::length-zero"];
    assert_eq!(wrong(None, &zero, None), "");
    assert_eq!(wrong(Some("EINVAL"), &zero, None), "");
    assert_eq!(wrong(None, &[], Some("a reason")), "");
    assert_eq!(wrong(Some("SIGSEGV"), &["unmapping::whole"], None), "");
    for (text, wrong) in [
        ("neither cases", wrong(None, &[], None)),
        ("an empty reason", wrong(None, &[], Some(" "))),
        ("and a reason", wrong(None, &zero, Some("a reason"))),
        (
            "names no case",
            wrong(None, &["unmapping::length-zer"], None),
        ),
        (
            "names no case",
            wrong(None, &["unmapping::length-zero[no-axis=1]"], None),
        ),
        ("claims ENOMEM", wrong(Some("ENOMEM"), &zero, None)),
        // Other calls of these cases claim it, munmap() does not.
        (
            "claims EFAULT",
            wrong(Some("EFAULT"), &["unmapping::as-a-buffer"], None),
        ),
    ] {
        assert!(wrong.contains(text), "{text}: {wrong}");
    }
}
