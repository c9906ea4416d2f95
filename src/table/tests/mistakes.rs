//! Each kind of mistake, as it is shown: one table for each theme, all its mistakes at once.

use super::{HEAD, load, shown, source};
use crate::table::Source;

/// What is shown of a table with these cases; `why` is put in, so that a case states its mistake.
fn wrong(cases: &str) -> String {
    let cases = cases.replace("[[case]]\n", "[[case]]\nwhy = \"because\"\n");
    wrong_table(&format!("{HEAD}{cases}"))
}

fn wrong_table(text: &str) -> String {
    match load(&[source(text)]) {
        Ok(_) => panic!("no mistake is found"),
        Err(found) => shown(&found),
    }
}

macro_rules! shown {
    ($name:ident, $by:ident, $text:literal) => {
        #[test]
        fn $name() {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(stringify!($name), $by($text));
            });
        }
    };
}

shown!(
    keys,
    wrong_table,
    r#"titel = "T"
about = 3

[defaults]
name = "x"
opne = "O_RDWR"

[[case]]
why = " "
expect = "ok"
then = []
wyh = "x"

[[case]]
name = "Bad_Name"
why = "because"
file = { sise = "1" }
expect = [{ wen = { open = "x" }, is = "ok" }, { when = { prot = "x" } }]
then = [{ stp = "x" }, { step = "load(map, 1)", expct = "ok" }]
"#
);

shown!(
    types,
    wrong,
    r#"
[[case]]
name = "a"
length = 4096
prot = ["PROT_READ", 1]
reckless = "yes"
needs = { root = true }
file = "1page"
then = "load(map, 1)"
vary = ["x"]
exclude = { prot = "PROT_READ" }

[[case]]
name = 1.5
expect = true
then = [1979-05-27, ["load(map, 1)"]]
vary = { n = "1", m = 3 }

[[case]]
name = "c"
expect = ["EINVAL", "ENODEV"]
open = ["O_RDONLY"]
"#
);

shown!(
    names,
    wrong,
    r#"
[[case]]
name = "same"
expect = "ok"

[[case]]
name = "same"
expect = "ok"
"#
);

shown!(
    words,
    wrong,
    r#"
[[case]]
name = "a"
open = "O_RDRW"
prot = "PROT_READ|PROT_WIRTE"
flags = ["MAP_SHARED", "MAP_PRIVAT"]
length = "2pages"
offset = "1page -"
via = "raws"
end = "sgnal"
needs = ["rot", "memfd >= x"]
expect = "EINVLA | SIGBUS BUS_ADRER"

[[case]]
name = "b"
addr = "ram + arenaa"
fd = "fiel"
expect = "SIGBUS SEGV_MAPERR"
before = ['laod(map, 1)', 'munmap(map)', 'close(1, 2)', 'open(fil, O_RDONLY)']
then = ['load(map, 1) = SIGBSU', 'load(map 1)', 'store(map, "x)', "load(map, \u0031x)"]

[[case]]
name = "c"
fd = "fiel"
expect = "ok"

[[case]]
name = "d"
addr = "arenaa"
expect = "ok"
"#
);

shown!(
    products,
    wrong,
    r#"
[[case]]
name = "empty"
prot = []
vary = { n = [] }
expect = "ok"

[[case]]
name = "excluded"
open = ["O_RDONLY", "O_RDWR"]
prot = ["PROT_READ", "PROT_NONE"]
exclude = [{ open = "O_RDONLY" }, { open = "O_RDONLY", prot = "PROT_READ" }]
expect = "ok"

[[case]]
name = "all-excluded"
open = ["O_RDONLY", "O_RDWR"]
exclude = [{ open = "O_RDONLY" }, { open = "not O_RDONLY" }]
expect = "ok"

[[case]]
name = "twice"
flags = ["MAP_SHARED|MAP_ANON", "MAP_PRIVATE", "MAP_ANONYMOUS|MAP_SHARED"]
length = ["1page", "page"]
vary = { n = ["a", "b", "a"] }
then = ['$n = open(new, O_RDWR)']

[[case]]
name = "twice-by-name"
vary = { n = ["1", "2"] }
length = ["$n", "2"]
expect = "ok"

[[case]]
name = "vary"
vary = { prot = ["x"], Name = ["x"], unused = ["x"], "two words" = ["x"], count = ["1"] }
length = "$cuont"
offset = "$other"
expect = "ok"
"#
);

shown!(
    conditions,
    wrong,
    r#"
[[case]]
name = "a"
open = ["O_RDONLY", "O_RDWR"]
flags = ["MAP_SHARED", "MAP_PRIVATE"]
length = ["$n", "page + $n"]
vary = { n = ["1", "2"] }
expect = [
  { when = { opne = "O_RDWR" }, is = "ok" },
  { when = { prot = "PROT_READ" }, is = "ok" },
  { when = { open = "O_WRONLY" }, is = "ok" },
  { when = { open = "O_RDRW" }, is = "ok" },
  { when = { flags = "has MAP_FIXD" }, is = "ok" },
  { when = { flags = ["MAP_SHARED", "has MAP_FIXED"] }, is = "ok" },
  { when = { length = "1" }, is = "ok" },
  { when = { n = "3" }, is = "ok" },
  { when = { n = "not 3" }, is = "ok" },
  { when = { n = [] }, is = "ok" },
  { when = { n = 1 }, is = "ok" },
  { when = { }, is = "ok" },
  { when = "n", is = "ok" },
]

[[case]]
name = "b"
expect = [{ when = { open = "O_RDONLY" }, is = "ok" }, { when = { who = "x" }, is = "ok" }]
"#
);

shown!(
    rules,
    wrong,
    r#"
[[case]]
name = "never-wins"
open = ["O_RDONLY", "O_RDWR"]
prot = ["PROT_READ", "PROT_WRITE"]
exclude = [{ open = "O_RDONLY", prot = "PROT_WRITE" }]
expect = [
  { when = { open = "O_RDONLY", prot = "PROT_WRITE" }, is = "EACCES" },
  { is = "ok" },
  { when = { open = "O_RDWR" }, is = "EINVAL" },
]

[[case]]
name = "none-fits"
open = ["O_RDONLY", "O_RDWR"]
prot = ["PROT_READ", "PROT_WRITE"]
expect = [{ when = { open = "O_RDONLY", prot = "PROT_WRITE" }, is = "EACCES" }]
then = [
  { step = 'load(map, 1)', when = { prot = "PROT_READ" }, expect = [
    { when = { open = "O_RDONLY" }, is = 'x"00"' },
    { when = { prot = "PROT_WRITE" }, is = "SIGSEGV" },
  ] },
]

[[case]]
name = "no-rules"
expect = []

[[case]]
name = "claimed-twice"
then = [{ step = 'load(map, 1) = x"00"', expect = 'x"00"' }]

[[case]]
name = "never-made"
open = ["O_RDONLY", "O_RDWR"]
prot = ["PROT_READ", "PROT_WRITE"]
exclude = [{ open = "O_RDONLY", prot = "PROT_WRITE" }]
then = [{ step = 'load(map, 1)', when = { open = "O_RDONLY", prot = "PROT_WRITE" } }]
"#
);

shown!(
    claims,
    wrong,
    r#"
[[case]]
name = "claims-nothing"
before = ['close(wild) = EBADF']
then = []

[[case]]
name = "claims-nothing-either"
map = false
then = ['munmap(arena, 1page)']

[[case]]
name = "no-own-call"
map = false
prot = "PROT_READ"
expect = "ok"
then = ['munmap(arena, 1page) = ok']

[[case]]
name = "never-hold"
expect = 'x"00" | SIGBUS'
then = [
  'munmap(map, 1page) = "x"',
  'load(map, 2) = x"00"',
  { step = 'load(map, 1)', expect = 'EINVAL' },
]

[[case]]
name = "by-rule"
prot = ["PROT_READ", "PROT_WRITE"]
then = [
  { step = 'load(map, 1)', expect = [{ when = { prot = "PROT_READ" }, is = 'x"00 00"' }, { is = "exit 0" }] },
]
"#
);

shown!(
    steps,
    wrong,
    r#"
[[case]]
name = "unbound"
before = ['load(map, 1) = x"00"', 'map = mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, 0)']
then = ['load(mop, 1)', 'close(map)', 'map = open(new, O_RDWR)', 'page = open(new, O_RDWR)', 'fork()']

[[case]]
name = "actors"
then = [
  'chidl: exit(0)',
  'child = fork()',
  'child: mine = mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, 0)',
  'load(mine, 1)',
  'child: exit(0)',
  'child: exit(0)',
  'peer = process()',
]

[[case]]
name = "past-its-end"
then = ['load(map + 1page, 1)']

[[case]]
name = "after-a-wrong-one"
before = ['close(nothing)', 'x = opn(new, O_RDWR)', 'close(x)']
then = ['load(mop, 1)']
"#
);

shown!(
    quantities,
    wrong,
    r#"
[[case]]
name = "own"
length = "-1page"
offset = ["0x7fffffffffffffff", "0x8000000000000000"]
expect = "ok"

[[case]]
name = "too-great"
addr = "18446744073709551616"
expect = "ok"

[[case]]
name = "too-great-for-its-type"
length = "max + 1"
expect = "ok"

[[case]]
name = "size"
file = { size = ["-1", "eof", "map", "max + 1", "1page"] }
expect = "ok"

[[case]]
name = "content"
file = { size = ["1", "1page"], content = '"ab"' }
expect = "ok"

[[case]]
name = "content-of-nothing"
file = { content = '"ab"*map' }
expect = "ok"

[[case]]
name = "content-negative"
file = { content = 'hole*(1 - 1page)' }
expect = "ok"

[[case]]
name = "content-too-long"
file = { content = '"ab"*(max + 1)' }
expect = "ok"

[[case]]
name = "too-many"
length = "$a"
offset = "$b"
vary = { a = ["0", "1"], b = ["0", "1"] }
expect = "ok"
then = ['munmap(arena, $a - 1)', 'store(arena, "a"*1GiB)', 'fill(arena, 1TiB, "ab")']
"#
);

shown!(
    vary,
    wrong,
    r#"
[[case]]
name = "in-a-value"
vary = { at = ["0", "eof - 1"], call = ["load", "laod"], claim = ["EINVAL", "EINVLA"] }
then = ['$call(map + $at, 1) = x"00 00"', 'munmap(map, $at) = $claim | EACCESS']
"#
);

shown!(
    syntax,
    wrong_table,
    r#"title = "T"
cite = "x

[[case]]
name = "a"
why = "w"
expect = EINVAL
open = "O_RDRW"

[[case]]
name = "b"
why = "w"
name = "c"
length = "1pag"

[[case]]
name = "c"
why = "w"
prot = "PROT_RAED"
expect = "ok"
"#
);

shown!(
    defaults,
    wrong_table,
    r#"title = "T"
cite = []
case = []

[defaults]
prot = "PROT_RAED"
flags = []
end = "x"
"#
);

shown!(empty, wrong_table, "");

#[test]
fn a_product_too_great_to_count() {
    let list: Vec<String> = (0..300).map(|i| format!("\"{i}\"")).collect();
    let list = list.join(",");
    let text = format!(
        "{HEAD}[[case]]\nname = \"a\"\nwhy = \"w\"\nlength = [{list}]\noffset = [{list}]\n\
         vary = {{ a = [{list}], b = [{list}] }}\nthen = ['munmap($a, $b)']\n"
    );
    let found = load(&[source(&text)]).unwrap_err();
    let said: Vec<&str> = found.iter().map(|d| d.message()).collect();
    assert_eq!(
        said,
        ["this case stands for more than 16777216 combinations"]
    );
}

#[test]
fn stems_begin_ids() {
    let good = format!("{HEAD}[[case]]\nname = \"a\"\nwhy = \"w\"\nexpect = \"ok\"\n");
    let named = |stem: &str| Source {
        stem: stem.to_owned(),
        ..source(&good)
    };
    assert!(load(&[named("faults/full-2")]).is_ok());
    for stem in ["Faults/full", "faults//full", "", "a b", "/a"] {
        let found = load(&[named(stem)]).unwrap_err();
        assert!(found[0].message().contains("can't begin an id"), "{stem}");
    }
    let found = load(&[named("a"), named("b"), named("a")]).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message(), "t.toml has the stem `a` too");
}

#[test]
fn all_tables_are_told_of_at_once() {
    let other = Source {
        stem: "u".to_owned(),
        path: "u.toml".to_owned(),
        ..source("title = \"T\"")
    };
    let found = load(&[source("title = 1"), other]).unwrap_err();
    let said: Vec<String> = found.iter().map(|d| d.to_string()).collect();
    assert_eq!(
        said,
        [
            "t.toml:1:1: this table has no case; a case begins with [[case]]",
            "t.toml:1:9: `title` is a string, and this is an integer; \
             numbers stand in quotes too: \"1\"",
            "u.toml:1:1: this table has no case; a case begins with [[case]]",
        ]
    );
}

shown!(
    grids,
    wrong,
    r#"
[[grid]]
name = "single"
why = "because"
expect = "ok"

[[case]]
name = "free"
length = ["0", "1page"]
expect = [{ when = { length = "0" }, is = "unclaimed" }, { is = "ok" }]

[[case]]
name = "together"
needs = ["proc", { need = "root", when = { kind = "a" } }, { need = "prok" }, { when = { kind = "a" } }]
vary.kind = [{ as = "a", how = "MAP_SHARED" }, { as = "b", how = "MAP_PRIVATE", why = "x" }]
flags = "$how"
expect = "ok"

[[case]]
name = "flags"
vary.kind = [{ as = "a", how = "MAP_SHARED" }, { as = "b", how = "MAP_PRIVATE" }]
vary.how = ["1"]
flags = "$how"
expect = [{ when = { how = "has MAP_SHARD" }, is = "ok" }, { when = { how = "lacks MAP_FIXED" }, is = "ok" }]

[[case]]
name = "without"
vary.kind = [{ how = "MAP_SHARED" }, "b"]
flags = "$how"
expect = "ok"

[[case]]
name = "same"
vary.kind = [{ as = "a", prot = "1" }, { as = "a", prot = "2" }]
expect = "ok"
"#
);
