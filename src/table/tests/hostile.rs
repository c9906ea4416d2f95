//! Whatever a file holds: mistakes, never a panic.

use super::source;
use crate::table::{load, steps};
use proptest::prelude::*;

/// A table that uses everything, to be spoilt.
const WHOLE: &str = r#"title = "T"
about = """
two
lines"""
cite = ["a", 'b']

[defaults]
prot = ["PROT_READ", "PROT_READ|PROT_WRITE"]
needs = "proc"

[[case]]
name = "a"
why = "w"
open = ["O_RDONLY", "O_RDWR"]
file = { size = "2page + $n", content = '"a"*1page + hole*1 + x"00 ff"' }
flags = ["MAP_SHARED", "MAP_PRIVATE|MAP_FIXED"]
addr = "arena + 16page"
vary = { n = ["1", "page/2", "1page - 1"], e = ["EACCES"] }
exclude = [{ open = "O_RDONLY", prot = "has PROT_WRITE", flags = "not MAP_SHARED" }]
expect = [
  { when = { open = "O_RDONLY", prot = "has PROT_WRITE" }, is = "$e" },
  { is = "ok | ENOMEM" },
]
before = ['peer = process()', 'other = open(file, O_RDWR)']
then = [
  'child = fork()',
  { step = 'child: load(map + $n, 2) = x"00 00"', when = { n = ["1", "page/2"] } },
  { step = 'store(map + 1page, "x")', expect = [
    { when = { prot = "lacks PROT_WRITE" }, is = "SIGSEGV SEGV_ACCERR at map + 1page" },
    { is = "ok" },
  ] },
  'wait(child) = exit 0 | SIGBUS',
]

[[case]]
name = "b"
why = "w"
map = false
end = "signal"
reckless = true
was = "t::c"
then = ['munmap(arena, max) = EINVAL', 'close(-1) = EBADF']
"#;

/// Loads a text; what loads can be told case by case.
fn survives(text: &str) {
    match load(&[source(text)]) {
        Ok(tables) => {
            for group in tables.iter().flat_map(|t| &t.groups) {
                for i in (0..group.len()).take(50) {
                    assert_eq!(group.case(i).id, group.id(i));
                }
            }
        }
        Err(found) => {
            assert!(!found.is_empty());
            for diagnostic in found.iter().take(20) {
                assert!(!diagnostic.render(false).is_empty());
                assert!(!diagnostic.render(true).is_empty());
                assert!(diagnostic.line() > 0 && diagnostic.column() > 0);
            }
        }
    }
}

#[test]
fn the_whole_table_is_right() {
    let tables = load(&[source(WHOLE)])
        .map_err(|d| super::shown(&d))
        .unwrap();
    assert_eq!(tables[0].groups[0].len(), 21);
}

/// A change of a text: where, how much of it goes, and what comes instead.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let words = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        "$",
        "$n",
        "\n",
        "[[case]]",
        "[case.vary]\n",
        "0",
        "-1",
        "max",
        "99999999999999999999",
        "1e400",
        "true",
        "1979-05-27",
        "\\",
        "\\u0000",
        "\u{0}",
        "é",
        "\r",
        "\"\"\"",
        "'''",
        "#",
        ".",
        "map",
        "eof",
        "has ",
        "not ",
        "x\"",
        "|",
        "*",
        "+",
        "hole",
        "file = \"x\"\n",
        "n = []\n",
        "name = \"b\"\n",
        "1TiB",
        "0x",
    ]);
    (
        any::<prop::sample::Index>(),
        0usize..12,
        words.prop_map(str::to_owned),
    )
}

fn changed(text: &str, changes: &[(prop::sample::Index, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, gone, new) in changes {
        let at = at.index(chars.len() + 1);
        let end = (at + gone).min(chars.len());
        chars.splice(at..end, new.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_tables(changes in prop::collection::vec(change(), 1..6)) {
        survives(&changed(WHOLE, &changes));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        survives(&text);
        survives(&format!("title = '{text}'\n[[case]]\nname = '{text}'"));
        let quoted = text.replace('\'', "");
        survives(&format!("title='t'\ncite='c'\n[[case]]\nname='n'\nwhy='w'\nthen=['{quoted}']\n\
            length=['{quoted}']\nexpect=[{{when={{length='{quoted}'}},is='{quoted}'}}]"));
        let _ = steps(&[text]);
    }
}
