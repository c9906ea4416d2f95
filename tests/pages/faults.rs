//! The page `docs/faults.md` tells the faults, how each shows, and what can be done about it. It is
//! made of the lists in `docs/faults/` and of the tables: how a fault shows is what the cases claim.
//! Every group of cases in `cases/faults/` stands on it.
//!
//! `FAULTS=write cargo test --test pages` makes the page anew.

use crate::lists::{cases, hold, of_files, only_keys, quoted, tables, word, words};
use mmapcheck::case::fault::{self, FAULTS};
use mmapcheck::case::{Case, Claim, Expect};
use std::collections::BTreeSet;
use std::fmt::Write;
use toml::de::DeTable;

const PAGE: &str = "docs/faults.md";
const LISTS: &str = "docs/faults";

/// Where the touch is whose outcome a table of the page tells: the first step there.
const TOUCHED: &str = "map + 1page + 123";

const HEAD: &str = "\
# Faults, how they show, and what can be done

What can go wrong with a mapping, as a program meets it: by an error of a call, by a signal and its
code, or by nothing at all. This page is made of the lists in `docs/faults/` and of the tables by
`FAULTS=write cargo test --test pages`; the tests hold it to both. What stands in its tables
is claimed by cases, which are run on every machine: `mmapcheck list NAME` lists the cases of a
name, `mmapcheck explain` tells all about one, `mmapcheck doctor` which faults a machine can bring
about, and why not, and with `mmapcheck run --require FAULT` a skip for want of one fails the run.
An ordinary user can bring about all of them on a stock kernel.

In the tables, a page is touched by a load, by a store, by a system call that takes from it
(`write(2)`) and by one that puts into it (`read(2)`). A signal comes at the very byte, and is told
without the address here. Where it matters what was done to the page before, that is said: it was
read, written, populated by `MAP_POPULATE`, or locked by `MAP_LOCKED`.
";

/// One part of the page.
struct Part {
    title: String,
    about: String,
    faults: Vec<Fault>,
}

/// One fault.
struct Fault {
    name: String,
    how: String,
    /// How it shows, where what the cases claim would not tell it well.
    shows: Option<String>,
    /// The cases that tell what each way of touching meets in each kind of mapping.
    touch: Option<String>,
    cases: Vec<String>,
    cure: Option<String>,
    cures: Vec<String>,
    none: Option<String>,
}

/// The parts of all lists. The files are taken by their names, which begin with a number.
fn parts() -> Vec<Part> {
    of_files(LISTS, parts_of)
}

fn parts_of(document: &DeTable<'_>) -> Vec<Part> {
    only_keys(document, &["part"]);
    tables(document, "part")
        .map(|part| {
            only_keys(part, &["title", "about", "fault"]);
            Part {
                title: word(part, "title").expect("a part has a title"),
                about: word(part, "about").expect("a part says what it is about"),
                faults: tables(part, "fault").map(fault_of).collect(),
            }
        })
        .collect()
}

fn fault_of(table: &DeTable<'_>) -> Fault {
    only_keys(
        table,
        &[
            "name", "how", "shows", "touch", "cases", "cure", "cures", "none",
        ],
    );
    Fault {
        name: word(table, "name").expect("a fault has a name"),
        how: word(table, "how").expect("a fault says how it is brought about"),
        shows: word(table, "shows"),
        touch: word(table, "touch"),
        cases: words(table, "cases"),
        cure: word(table, "cure"),
        cures: words(table, "cures"),
        none: word(table, "none"),
    }
}

fn named(group: &str) -> &'static [Case] {
    cases().get(group).map_or(&[], Vec::as_slice)
}

/// What a touch met: in which kind of mapping, what was done to the page before, how it was
/// touched.
struct Touch {
    kind: String,
    had: String,
    by: String,
    shows: String,
}

/// The value of an axis in the id of a case.
fn axis<'a>(id: &'a str, name: &str) -> Option<&'a str> {
    let axes = id.split_once('[')?.1.strip_suffix(']')?;
    axes.split(',')
        .find_map(|a| a.strip_prefix(name)?.strip_prefix('='))
}

/// What a case tells of its touch, or what is wrong with it.
fn touch_of(case: &Case) -> Result<Touch, String> {
    let told = |what: &str| format!("`{}` {what}", case.id);
    let value = |name: &str| {
        let value = axis(&case.id, name).map(str::to_owned);
        value.ok_or_else(|| told(&format!("has no axis `{name}`")))
    };
    let by = value("by")?;
    let mut steps = case.program.steps.iter().zip(&case.claims);
    let (step, claim) = steps
        .find(|(step, _)| step.to_string().contains(TOUCHED))
        .ok_or_else(|| told("touches nothing"))?;
    let call = match &*by {
        "load" => "load",
        "store" => "store",
        "out" => "write",
        "in" => "read",
        _ => return Err(told("touches in a way that is unknown")),
    };
    if step.call.name != call {
        return Err(told(&format!("touches by {}", step.call.name)));
    }
    let claim = claim.as_ref().ok_or_else(|| told("claims nothing"))?;
    Ok(Touch {
        kind: value("kind")?.replace('-', " "),
        had: axis(&case.id, "had").unwrap_or("nothing").to_owned(),
        by,
        shows: shown(claim),
    })
}

/// A claim in words.
fn shown(claim: &Claim) -> String {
    let words: BTreeSet<String> = claim.any_of.iter().map(in_words).collect();
    words.into_iter().collect::<Vec<_>>().join(" or ")
}

fn in_words(expect: &Expect) -> String {
    match expect {
        Expect::Signal { signal, code, .. } => match code {
            Some(code) => format!("`{signal} {code}`"),
            None => format!("`{signal}`"),
        },
        Expect::Errno(..) => format!("`{expect}`"),
        Expect::Bytes(bytes) if bytes.to_string().starts_with("x\"00\"") => "zeros".to_owned(),
        Expect::Bytes(_) => "what was there".to_owned(),
        Expect::Blocked => "waits".to_owned(),
        _ => "succeeds".to_owned(),
    }
}

/// Calls that touch a page and do nothing else to it.
const TOUCHES: [&str; 7] = ["load", "store", "fill", "write", "read", "pwrite", "pread"];

const WAYS: [(&str, &str); 4] = [
    ("load", "load"),
    ("store", "store"),
    ("out", "taken from by a call"),
    ("in", "put into by a call"),
];

/// What one way of touching meets in one kind of mapping.
fn cell(touches: &[&Touch]) -> String {
    let mut by_shows: Vec<(&str, Vec<&str>)> = Vec::new();
    for touch in touches {
        match by_shows.iter_mut().find(|(shows, _)| *shows == touch.shows) {
            Some((_, had)) => had.push(&touch.had),
            None => by_shows.push((&touch.shows, vec![&touch.had])),
        }
    }
    let mut text = String::new();
    for (n, (shows, had)) in by_shows.iter().enumerate() {
        let _ = match n {
            0 => write!(text, "{shows}"),
            _ => write!(text, "; {}: {shows}", before(had)),
        };
    }
    text
}

/// What was done to a page before, in words.
fn before(had: &[&str]) -> String {
    let word = |had: &&str| match *had {
        "taken" => "room taken".to_owned(),
        other => other.to_owned(),
    };
    had.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The table of a fault: a row for the kinds of mapping that tell the same.
fn matrix(touches: &[Touch]) -> String {
    let mut rows: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    let mut kinds: Vec<&str> = touches.iter().map(|t| &*t.kind).collect();
    kinds.dedup();
    for kind in kinds {
        let cells: Vec<String> = WAYS
            .iter()
            .map(|(by, _)| {
                let of = |t: &&Touch| t.kind == kind && t.by == *by;
                cell(&touches.iter().filter(of).collect::<Vec<_>>())
            })
            .collect();
        match rows.iter_mut().find(|(_, c)| *c == cells) {
            Some((kinds, _)) => kinds.push(kind),
            None => rows.push((vec![kind], cells)),
        }
    }
    let mut text = String::from("\n| mapping |");
    for (_, way) in WAYS {
        let _ = write!(text, " {way} |");
    }
    text += "\n|---|---|---|---|---|\n";
    for (kinds, cells) in rows {
        let _ = writeln!(text, "| {} | {} |", kinds.join(", "), cells.join(" | "));
    }
    text
}

/// The errors and signals that the cases claim, by the call that gives them; without those that
/// the table beside it tells of touches.
fn errors(groups: &[String], touches: &[Touch]) -> String {
    let mut found: Vec<(&str, BTreeSet<String>)> = Vec::new();
    let all = groups.iter().flat_map(|group| named(group));
    for (step, claim) in all.flat_map(|c| c.program.steps.iter().zip(&c.claims)) {
        let bad = claim.iter().flat_map(|c| &c.any_of);
        let bad = bad.filter(|e| {
            matches!(
                e,
                Expect::Errno(..) | Expect::Signal { .. } | Expect::Blocked
            )
        });
        for expect in bad {
            let name = step.call.name;
            // What is claimed without a code is told where it is told with one.
            let words = in_words(expect);
            let words = words.trim_end_matches('`');
            let is_told = |t: &Touch| TOUCHES.contains(&name) && t.shows.contains(words);
            if touches.iter().any(is_told) {
                continue;
            }
            let at = match found.iter().position(|(n, _)| *n == name) {
                Some(at) => at,
                None => {
                    found.push((name, BTreeSet::new()));
                    found.len() - 1
                }
            };
            found[at].1.insert(in_words(expect));
        }
    }
    let told = found.into_iter().map(|(name, shows)| {
        let shows: Vec<String> = shows.into_iter().collect();
        format!("{name} {}", shows.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

fn quoted_list(groups: &[String]) -> String {
    let quoted = groups.iter().map(|g| format!("`{g}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

/// The section of one fault. Writing to a string does not fail.
fn section(fault: &Fault) -> String {
    let mut text = format!("\n### {}\n\n{}\n", fault.name, fault.how);
    if let Some(none) = &fault.none {
        let _ = writeln!(text, "\n*No cases:* {none}");
        return text;
    }
    let touches: Vec<Touch> = fault
        .touch
        .iter()
        .flat_map(|g| named(g))
        .filter_map(|c| touch_of(c).ok())
        .collect();
    if !touches.is_empty() {
        text += &matrix(&touches);
    }
    let errors = fault
        .shows
        .clone()
        .unwrap_or_else(|| errors(&fault.cases, &touches));
    if !errors.is_empty() {
        let also = if touches.is_empty() {
            "Shows"
        } else {
            "Further"
        };
        let _ = writeln!(text, "\n*{also}:* {errors}.");
    } else if touches.is_empty() {
        text += "\n*Shows:* nothing tells.\n";
    }
    if let Some(cure) = &fault.cure {
        let shown = match &fault.cures[..] {
            [] => String::new(),
            cures => format!(" ({})", quoted_list(cures)),
        };
        let _ = writeln!(text, "\n*What can be done:* {cure}{shown}");
    }
    let all: Vec<String> = fault.touch.iter().chain(&fault.cases).cloned().collect();
    let _ = writeln!(text, "\n*Cases:* {}.", quoted_list(&all));
    text
}

/// A row for each fault that a touch meets.
fn glance(parts: &[Part]) -> String {
    let mut text = String::from(
        "\n## At a glance\n\nWhat the first touch of a page meets to which nothing was done before.\n\n| fault |",
    );
    for (_, way) in WAYS {
        let _ = write!(text, " {way} |");
    }
    text += "\n|---|---|---|---|---|\n";
    for fault in parts.iter().flat_map(|p| &p.faults) {
        let Some(touch) = &fault.touch else { continue };
        let touches: Vec<Touch> = named(touch)
            .iter()
            .filter_map(|c| touch_of(c).ok())
            .collect();
        let cells = WAYS.iter().map(|(by, _)| {
            let of = touches.iter().filter(|t| t.by == *by && t.had == "nothing");
            let shows: BTreeSet<&str> = of.map(|t| &*t.shows).collect();
            shows.into_iter().collect::<Vec<_>>().join(" or ")
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(text, "| {} | {} |", fault.name, cells.join(" | "));
    }
    text
}

fn written(parts: &[Part]) -> String {
    let mut text = HEAD.to_owned();
    text += &glance(parts);
    for part in parts {
        let _ = write!(text, "\n## {}\n\n{}\n", part.title, part.about.trim_end());
        for fault in &part.faults {
            text += &section(fault);
        }
    }
    text
}

/// What is wrong with a fault; empty where nothing is.
fn mistakes(fault: &Fault) -> String {
    let mut wrong = String::new();
    let mut complain = |what: &str| {
        let _ = writeln!(wrong, "`{}`: {what}", fault.name);
    };
    let is_shown = fault.touch.is_some() || !fault.cases.is_empty();
    match (is_shown, &fault.none) {
        (false, None) => complain("neither cases nor a reason"),
        (true, Some(_)) => complain("cases, and a reason why there are none"),
        (false, Some(why)) if why.trim().is_empty() => complain("an empty reason"),
        _ => {}
    }
    if fault.cure.is_none() && !fault.cures.is_empty() {
        complain("cases of a cure, and no cure");
    }
    let texts = [Some(&fault.how), fault.cure.as_ref(), fault.none.as_ref()];
    let in_texts = texts.into_iter().flatten().flat_map(|t| quoted(t));
    let listed = fault.touch.iter().chain(&fault.cases).chain(&fault.cures);
    for group in listed.map(String::as_str).chain(in_texts) {
        if named(group).is_empty() {
            complain(&format!("`{group}` names no cases"));
        }
    }
    let found = errors(&fault.cases, &[]);
    for error in fault
        .shows
        .iter()
        .flat_map(|t| t.split('`').skip(1).step_by(2))
    {
        if !found.contains(error) {
            complain(&format!("no case claims `{error}`"));
        }
    }
    for case in fault.touch.iter().flat_map(|g| named(g)) {
        if let Err(why) = touch_of(case) {
            complain(&why);
        }
    }
    wrong
}

#[test]
fn each_fault_has_cases_that_show_it_or_a_reason() {
    let parts = parts();
    let wrong: String = parts.iter().flat_map(|p| &p.faults).map(mistakes).collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn each_case_of_the_fault_tables_stands_on_the_page() {
    let parts = parts();
    let listed: BTreeSet<&str> = parts
        .iter()
        .flat_map(|p| &p.faults)
        .flat_map(|f| f.touch.iter().chain(&f.cases).chain(&f.cures))
        .map(String::as_str)
        .collect();
    let all = cases().keys().map(String::as_str);
    let lost: Vec<&str> = all
        .filter(|group| group.starts_with("faults/") && !listed.contains(group))
        .collect();
    assert!(lost.is_empty(), "on no list: {lost:?}");
}

#[test]
fn each_fault_that_can_be_brought_about_is() {
    let all = cases().values().flatten();
    let used: BTreeSet<&str> = all
        .flat_map(|case| {
            let steps = case.program.steps.iter().filter_map(fault::need);
            let ground = fault::need_of_ground(case.program.file.on);
            let needs = case.needs.iter().map(|n| n.name);
            steps.chain(ground).chain(needs).collect::<Vec<_>>()
        })
        .collect();
    for (name, _) in FAULTS {
        assert!(used.contains(name), "no case brings `{name}` about");
    }
}

#[test]
fn the_page_is_what_the_lists_and_the_tables_say() {
    hold(PAGE, "FAULTS", &written(&parts()));
}

#[test]
fn what_no_case_shows_is_found_out() {
    let fault = |touch: Option<&str>, cases: &[&str], none: Option<&str>| Fault {
        name: "a fault".to_owned(),
        how: "somehow".to_owned(),
        shows: None,
        touch: touch.map(str::to_owned),
        cases: cases.iter().map(|c| (*c).to_owned()).collect(),
        cure: None,
        cures: Vec::new(),
        none: none.map(str::to_owned),
    };
    let good = ["faults/objects::killed"];
    assert_eq!(mistakes(&fault(None, &good, None)), "");
    assert_eq!(mistakes(&fault(None, &[], Some("a reason"))), "");
    let touches = Some("faults/touches::truncated");
    assert_eq!(mistakes(&fault(touches, &[], None)), "");
    let cured = |cure: Option<&str>, cures: &[&str]| {
        let mut fault = fault(None, &good, None);
        fault.cure = cure.map(str::to_owned);
        fault.cures = cures.iter().map(|c| (*c).to_owned()).collect();
        mistakes(&fault)
    };
    assert_eq!(cured(Some("a cure"), &good), "");
    let showing = |shows: &str| {
        let mut fault = fault(None, &good, None);
        fault.shows = Some(shows.to_owned());
        mistakes(&fault)
    };
    assert_eq!(showing("the end tells: `SIGBUS`"), "");
    for (text, wrong) in [
        ("neither cases", mistakes(&fault(None, &[], None))),
        ("an empty reason", mistakes(&fault(None, &[], Some(" ")))),
        ("and a reason", mistakes(&fault(None, &good, Some("none")))),
        (
            "names no cases",
            mistakes(&fault(None, &["faults/objects::kill"], None)),
        ),
        (
            "names no cases",
            cured(Some("see `faults/cures::none`"), &[]),
        ),
        ("and no cure", cured(None, &good)),
        ("claims `EIO`", showing("`EIO`")),
        (
            "has no axis",
            mistakes(&fault(Some("faults/room::hole"), &[], None)),
        ),
        (
            "touches nothing",
            mistakes(&fault(Some(good[0]), &[], None)),
        ),
    ] {
        assert!(wrong.contains(text), "{text}: {wrong}");
    }
}

#[test]
fn cells_tell_what_was_done_before_where_it_matters() {
    let touch = |kind: &str, had: &str, by: &str, shows: &str| Touch {
        kind: kind.to_owned(),
        had: had.to_owned(),
        by: by.to_owned(),
        shows: shows.to_owned(),
    };
    let touches = [
        touch("a", "nothing", "load", "`EFAULT`"),
        touch("a", "read", "load", "zeros"),
        touch("a", "taken", "load", "zeros"),
        touch("b", "nothing", "load", "zeros"),
        touch("b", "read", "load", "zeros"),
    ];
    let text = matrix(&touches);
    assert!(
        text.contains("| a | `EFAULT`; read, room taken: zeros |"),
        "{text}"
    );
    assert!(text.contains("| b | zeros |"), "{text}");
}
