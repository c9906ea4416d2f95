//! The page `docs/specification.md` is what `mmapcheck model --specification` prints. The numbers of
//! cases change with every table; they are not held to the letter.

use std::path::Path;
use std::process::Command;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// The text with each number of cases taken out.
fn without_counts(text: &str) -> String {
    let counts = places_of_counts(text);
    let mut out = String::new();
    let mut at = 0;
    for (from, to) in counts {
        out.push_str(&text[at..from]);
        out.push('N');
        at = to;
    }
    out.push_str(&text[at..]);
    out
}

/// Where `; 12 cases)`, `; 1 case)` and `; no case)` stand.
fn places_of_counts(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for end in ["cases)", "case)"] {
        for (i, _) in text.match_indices(end) {
            if let Some(from) = text[..i].rfind("; ") {
                found.push((from + 2, i + end.len() - 1));
            }
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|f| f.0);
    found
}

#[test]
fn the_page_is_what_the_clauses_say() {
    let done = Command::new(env!("CARGO_BIN_EXE_mmapcheck"))
        .args(["model", "--specification"])
        .current_dir(TOP)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let printed = String::from_utf8(done.stdout).unwrap();
    let page = std::fs::read_to_string(Path::new(TOP).join("docs/specification.md")).unwrap();
    let (page, printed) = (without_counts(&page), without_counts(&printed));
    let differs = page.lines().zip(printed.lines()).find(|(a, b)| a != b);
    assert!(
        page == printed,
        "make it anew: mmapcheck model --specification > docs/specification.md\n{differs:?}"
    );
}

#[test]
fn counts_are_all_that_is_passed_over() {
    let a = "1. **x/y** (Linux; 12 cases)  \n   Text.\n";
    assert_eq!(without_counts(a), "1. **x/y** (Linux; N)  \n   Text.\n");
    assert_eq!(
        without_counts(a),
        without_counts(&a.replace("12 cases", "no case"))
    );
    assert_ne!(
        without_counts(a),
        without_counts(&a.replace("Text", "test"))
    );
}
