//! The page `docs/posix.md` is what `mmapcheck compare linux-x86_64 model:posix` says. The numbers
//! of cases change with every table; they are not held to the letter, nor is which case is named.

use std::path::Path;
use std::process::{Command, Output};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn compare(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmapcheck"));
    command.arg("compare").args(args).current_dir(TOP);
    command.output().unwrap()
}

/// The clauses that a page names, and the headings that they stand under.
fn clauses(page: &str) -> Vec<&str> {
    let told = |l: &&str| ["## ", "- **", "  **"].iter().any(|b| l.starts_with(b));
    page.lines().filter(told).collect()
}

#[test]
fn the_page_is_what_the_clauses_and_the_records_say() {
    let done = compare(&["linux-x86_64", "model:posix", "--format", "markdown"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let told = String::from_utf8(done.stdout).unwrap();
    let page = std::fs::read_to_string(Path::new(TOP).join("docs/posix.md")).unwrap();
    assert!(clauses(&told).len() > 20, "{told}");
    let differs = std::iter::zip(clauses(&page), clauses(&told)).find(|(a, b)| a != b);
    assert!(
        clauses(&page) == clauses(&told),
        "make it anew: mmapcheck compare linux-x86_64 model:posix --format markdown > \
         docs/posix.md\n{differs:?}"
    );
}

#[test]
fn all_forms_count_alike() {
    let of = |form: &str| {
        let done = compare(&[
            "model:posix",
            "linux-x86_64",
            "--only",
            "msync",
            "--format",
            form,
        ]);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let told = of("json");
    let number = |key: &str| -> usize {
        let at = told.split(&format!("\"{key}\":")).nth(1).unwrap();
        let digits: String = at.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let (departing, held) = (number("departing"), number("held"));
    assert!(0 < departing && departing < held, "{departing} of {held}");
    for form in ["text", "markdown", "html"] {
        let words = of(form).replace('\n', " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let sentence = format!("departs from POSIX in {departing} of {held} cases");
        assert!(words.contains(&sentence), "{form}: {sentence}");
    }
}

/// The kernel's own reading has nothing against the kernel's records: where it had, the model's
/// test would say so too.
#[test]
fn linux_departs_nowhere_from_its_own_reading() {
    let done = compare(&["linux-x86_64", "model:linux", "--only", "unmapping::"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

#[test]
fn what_is_no_reading_is_told() {
    for (sides, word) in [
        (["linux-x86_64", "model:posx"], "no reading `posx`"),
        (["model:linux", "model:posix"], "one side alone"),
        (["nowhere", "model:posix"], "there are records of"),
    ] {
        let done = compare(&sides);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(told.contains(word), "{told}");
    }
}
