//! What cases a table stands for.

use super::{HEAD, cases, ids, shown, source, table};
use crate::case::End;
use crate::table::load;

fn programs(text: &str) -> Vec<String> {
    cases(text).iter().map(|c| c.program.to_string()).collect()
}

fn claims(text: &str) -> Vec<Vec<Option<String>>> {
    let all = cases(text);
    all.iter()
        .map(|c| {
            c.claims
                .iter()
                .map(|c| c.as_ref().map(ToString::to_string))
                .collect()
        })
        .collect()
}

#[test]
fn a_case_states_its_difference_from_the_ordinary() {
    let text = "[[case]]\nname = \"plain\"\nexpect = \"ok\"\n";
    assert_eq!(
        programs(text),
        ["open file = open(file, O_RDWR)\n\
          own map = mmap(NULL, eof, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)\n"]
    );
    assert_eq!(claims(text), [[None, Some("ok".to_owned())]]);
    let case = &cases(text)[0];
    assert_eq!((case.id.as_str(), case.line), ("t::plain", 3));
    assert_eq!(
        (case.file.as_str(), case.why.as_str()),
        ("t.toml", "because")
    );
    assert_eq!(case.cite, ["mmap(2)"]);
}

#[test]
fn every_column_reaches_the_call() {
    assert_eq!(
        programs(
            r#"
[[case]]
name = "all"
open = "O_RDONLY"
file = { size = "2page + 1", content = '"a"*1page' }
addr = "arena + 1page"
length = "1page"
prot = "PROT_READ"
flags = "MAP_PRIVATE|MAP_FIXED"
fd = "path"
offset = "1page"
via = "libc"
end = "signal"
reckless = true
needs = ["root", "O_PATH"]
before = ['other = open(file, O_RDONLY)']
expect = "EBADF"
then = ['pread(file, buf, 1, 0)']
"#
        ),
        [
            "size 2page + 1\ncontent \"a\"*1page\nlibc\nsignal\nreckless\nroot\n\
          open file = open(file, O_RDONLY)\n\
          step other = open(file, O_RDONLY)\n\
          own map = mmap(arena + 1page, 1page, PROT_READ, MAP_PRIVATE|MAP_FIXED, path, 1page)\n\
          step pread(file, buf, 1, 0)\n"
        ]
    );
}

#[test]
fn what_follows_from_other_columns() {
    let text = r#"
[[case]]
name = "a"
flags = ["MAP_SHARED", "MAP_PRIVATE|MAP_ANONYMOUS"]
expect = "ok"
[[case]]
name = "b"
before = ['other = open(file, O_RDWR)']
fd = ["file", "path", "memfd", "other", "dir", "closed", "5", "-1"]
expect = "ok"
"#;
    let calls: Vec<String> = programs(text)
        .iter()
        .map(|p| {
            p.lines()
                .find(|l| l.starts_with("own"))
                .unwrap_or("")
                .to_owned()
        })
        .map(|l| {
            l.replace("own map = mmap(NULL, ", "")
                .replace(" PROT_READ|PROT_WRITE,", "")
        })
        .collect();
    assert_eq!(
        calls,
        [
            "eof, MAP_SHARED, file, 0)",
            "1page, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
            "eof, MAP_SHARED, file, 0)",
            "eof, MAP_SHARED, path, 0)",
            "eof, MAP_SHARED, memfd, 0)",
            "eof, MAP_SHARED, other, 0)",
            "1page, MAP_SHARED, dir, 0)",
            "1page, MAP_SHARED, closed, 0)",
            "1page, MAP_SHARED, 5, 0)",
            "1page, MAP_SHARED, -1, 0)",
        ]
    );
}

#[test]
fn the_file_is_opened_only_where_something_uses_it() {
    let opened: Vec<bool> = programs(
        r#"
[[case]]
name = "own"
expect = "ok"
[[case]]
name = "anonymous"
flags = "MAP_SHARED|MAP_ANONYMOUS"
expect = "ok"
[[case]]
name = "anonymous-beside"
flags = "MAP_SHARED|MAP_ANONYMOUS"
then = ['size(file) = eof']
[[case]]
name = "steps"
map = false
then = ['other = open(file, O_RDWR)', 'size(other) = eof']
"#,
    )
    .iter()
    .map(|p| p.starts_with("open "))
    .collect();
    assert_eq!(opened, [true, false, true, false]);
}

#[test]
fn axes_have_their_order_and_ids_one_notation() {
    let text = r#"
[[case]]
name = "a"
vary = { zeta = ["x y", "2"], alpha = ["$"] }
via = ["libc"]
offset = ["0x1000"]
flags = ["MAP_ANON|MAP_SHARED"]
prot = ["0"]
fd = ["-1"]
length = ["page"]
addr = ["0"]
open = ["O_CLOEXEC|O_RDWR"]
file = { content = ['"a" + x"00"'], size = ["page/2+1"] }
then = ['store(map, "$zeta$alpha")']
"#;
    let head = "t::a[size=page/2 + 1,content=\"a\" + x\"00\",open=O_RDWR|O_CLOEXEC,addr=NULL,\
        length=1page,prot=PROT_NONE,flags=MAP_SHARED|MAP_ANONYMOUS,fd=-1,offset=4KiB,via=libc,";
    assert_eq!(
        ids(text),
        [
            format!("{head}zeta=x y,alpha=$]"),
            format!("{head}zeta=2,alpha=$]")
        ]
    );
}

#[test]
fn the_last_axis_turns_fastest() {
    let text = r#"
[[case]]
name = "a"
prot = ["PROT_WRITE", "PROT_READ"]
open = ["O_RDWR", "O_RDONLY"]
exclude = [{ open = "O_RDONLY", prot = "PROT_WRITE" }]
expect = "ok"
"#;
    assert_eq!(
        ids(text),
        [
            "t::a[open=O_RDWR,prot=PROT_WRITE]",
            "t::a[open=O_RDWR,prot=PROT_READ]",
            "t::a[open=O_RDONLY,prot=PROT_READ]",
        ]
    );
}

#[test]
fn ids_do_not_depend_on_spelling_or_order() {
    let one = "[[case]]\nname = \"a\"\nflags = [\"MAP_SHARED|MAP_ANON\"]\nlength = [\"page\"]\n\
        expect = \"ok\"\n";
    let two = "[[case]]\nexpect = \"ok\"\nlength = [\"1page\"]\n\
        flags = [\"MAP_ANONYMOUS | MAP_SHARED\"]\nname = \"a\"\n";
    assert_eq!(ids(one), ids(two));
}

#[test]
fn ids_and_cases_agree_and_are_found_again() {
    let text = format!(
        "{HEAD}[[case]]\nname = \"a\"\nwhy = \"w\"\nopen = [\"O_RDWR\", \"O_RDONLY\"]\n\
         length = [\"1\", \"2\", \"3\"]\nexclude = [{{ length = [\"1\", \"3\"], open = \"O_RDWR\" }}]\n\
         expect = \"ok\"\n[[case]]\nname = \"ab\"\nwhy = \"w\"\nexpect = \"ok\"\n"
    );
    let table = table(&text);
    assert_eq!((table.len(), table.groups.len()), (5, 2));
    for group in &table.groups {
        for i in 0..group.len() {
            let id = group.id(i);
            assert_eq!(group.case(i).id, id);
            assert_eq!(group.find(&id), Some(i));
        }
    }
    let [a, ab] = table.groups.as_slice() else {
        panic!()
    };
    assert!(a.is_product() && !ab.is_product());
    assert_eq!(a.find("t::a[open=O_RDWR,length=1]"), None);
    assert_eq!(a.find("t::ab"), None);
}

#[test]
fn rules_and_conditions() {
    let text = r#"
[[case]]
name = "a"
open = ["O_RDONLY", "O_WRONLY", "O_RDWR"]
prot = ["PROT_NONE", "PROT_READ", "PROT_WRITE", "PROT_READ|PROT_WRITE|PROT_EXEC"]
expect = [
  { when = { open = "not O_RDWR", prot = "has PROT_WRITE|PROT_READ" }, is = "EACCES" },
  { when = { open = ["O_WRONLY", "O_RDONLY"], prot = "lacks PROT_READ|PROT_WRITE" }, is = "EPERM" },
  { when = { prot = "PROT_WRITE|PROT_NONE" }, is = "EINVAL | ENODEV" },
  { is = "ok" },
]
"#;
    let found: Vec<String> = claims(text)
        .into_iter()
        .map(|c| c.last().cloned().flatten().unwrap_or_default())
        .collect();
    let either = "EINVAL | ENODEV";
    assert_eq!(
        found,
        [
            ["EPERM", "ok", either, "EACCES"],
            ["EPERM", "ok", either, "EACCES"],
            ["ok", "ok", either, "ok"],
        ]
        .concat()
    );
}

#[test]
fn steps_by_combination() {
    let text = r#"
[[case]]
name = "a"
flags = ["MAP_SHARED", "MAP_PRIVATE"]
vary = { at = ["0", "1"], who = ["child", "main"] }
then = [
  { step = 'child = fork()', when = { who = "child" } },
  { step = '$who: store(map + $at, "x")', when = { who = "child" } },
  { step = 'store(map + $at, "x")', when = { who = "main" } },
  { step = 'load(map + $at, 1)', expect = [
    { when = { who = "main" }, is = '"x"' },
    { when = { flags = "MAP_SHARED" }, is = '"x"' },
    { is = 'x"00"' },
  ] },
  { step = 'pread(file, buf, 1, $at) = "x"', when = { flags = "MAP_SHARED" } },
]
"#;
    let all = cases(text);
    let told: Vec<String> = all
        .iter()
        .map(|c| {
            let steps = c.program.steps.iter().zip(&c.claims).skip(2);
            let lines = steps.map(|(s, claim)| match claim {
                Some(claim) => format!("{s} = {claim}"),
                None => s.to_string(),
            });
            lines.collect::<Vec<_>>().join("; ")
        })
        .collect();
    assert_eq!(all.len(), 8);
    assert_eq!(
        told[0],
        "child = fork(); child: store(map, \"x\"); load(map, 1) = \"x\"; \
         pread(file, buf, 1, 0) = \"x\""
    );
    assert_eq!(
        told[3],
        "store(map + 1, \"x\"); load(map + 1, 1) = \"x\"; pread(file, buf, 1, 1) = \"x\""
    );
    assert_eq!(
        told[4],
        "child = fork(); child: store(map, \"x\"); load(map, 1) = x\"00\""
    );
    assert_eq!(told[7], "store(map + 1, \"x\"); load(map + 1, 1) = \"x\"");
}

#[test]
fn names_stand_in_columns_claims_and_rules() {
    let text = r#"
[[case]]
name = "a"
vary = { n = ["1page", "2page"], e = ["EINVAL", "ok"] }
file = { size = "$n" }
length = ["$n", "$n + 1"]
expect = [{ when = { e = "EINVAL" }, is = "$e | ENOMEM" }, { is = "$e" }]
then = [{ step = 'size(file)', expect = "$n" }]
"#;
    let all = cases(text);
    let last = all.last().unwrap();
    assert_eq!(last.id, "t::a[length=2page + 1,n=2page,e=ok]");
    assert_eq!(all[0].id, "t::a[length=1page,n=1page,e=EINVAL]");
    assert_eq!(last.program.file.size.to_string(), "2page");
    let claims = &claims(text)[0];
    assert_eq!(claims[1].as_deref(), Some("EINVAL | ENOMEM"));
    assert_eq!(claims[2].as_deref(), Some("1page"));
}

#[test]
fn defaults_move_the_ordinary() {
    let text = r#"title = "T"
cite = ["one", "two"]

[defaults]
open = ["O_RDONLY", "O_RDWR"]
prot = "PROT_READ"
file = { size = "2page" }
needs = "proc"
end = "signal"
reckless = true

[[case]]
name = "moved"
why = "w"
file = { content = '"x"' }
expect = "ok"

[[case]]
name = "stated"
why = "w"
cite = "three"
open = "O_RDWR"
needs = []
end = "caught"
reckless = false
was = ["t::old", "t::older[open=O_RDWR]"]
expect = "ok"

[[case]]
name = "no-call"
why = "w"
map = false
then = ['munmap(arena, 1) = ok']
"#;
    let table = table(text);
    assert_eq!((table.title.as_str(), table.path.as_str()), ("T", "t.toml"));
    let [moved, stated, none] = table.groups.as_slice() else {
        panic!()
    };
    assert_eq!(moved.id(0), "t::moved[open=O_RDONLY]");
    assert_eq!(moved.cite(), ["one", "two"]);
    let program = moved.case(1).program;
    assert_eq!(
        program.to_string(),
        "size 2page\ncontent \"x\"\nsignal\nreckless\nopen file = open(file, O_RDWR)\n\
         own map = mmap(NULL, eof, PROT_READ, MAP_SHARED, file, 0)\n"
    );
    assert_eq!(moved.needs().count(), 1);
    assert_eq!((stated.id(0).as_str(), stated.len()), ("t::stated", 1));
    assert_eq!(stated.cite(), ["three"]);
    assert_eq!(stated.needs().count(), 0);
    assert_eq!(stated.was().len(), 2);
    assert_eq!(stated.line(), 18);
    let program = stated.case(0).program;
    assert_eq!((program.end, program.reckless), (End::Caught, false));
    assert_eq!(program.via, None);
    assert_eq!(none.axes().collect::<Vec<_>>(), ["open"]);
    assert_eq!(none.len(), 2);
}

#[test]
fn sub_tables_may_have_their_own_headers() {
    let text = r#"
[[case]]
name = "a"
expect = "ok"
[case.file]
size = "2page"
[case.vary]
n = ["0", "1page"]
[[case]]
name = "b"
offset = "$n"
expect = "ok"
vary.n = ["1page"]
"#;
    let found = load(&[source(&format!("{HEAD}{text}"))]).unwrap_err();
    assert!(shown(&found).contains("nothing uses `$n`"));
    let text = text.replace(
        "expect = \"ok\"\n[case.file]",
        "offset = \"$n\"\nexpect = \"ok\"\n[case.file]",
    );
    assert_eq!(cases(&text).len(), 3);
}

/// A million cases are known by their axes alone.
#[test]
fn a_million_cases() {
    let list = |n: usize| {
        let all: Vec<String> = (0..n).map(|i| format!("\"{i}\"")).collect();
        all.join(",")
    };
    let text = format!(
        "{HEAD}[[case]]\nname = \"a\"\nwhy = \"w\"\nprot = [\"PROT_READ\", \"PROT_NONE\"]\n\
         length = [{}]\nvary = {{ at = [{}] }}\noffset = \"$at\"\n\
         exclude = [{{ length = \"3\", at = \"4\" }}]\n\
         expect = [{{ when = {{ length = \"0\" }}, is = \"EINVAL\" }}, {{ is = \"ok\" }}]\n",
        list(1000),
        list(500),
    );
    let table = table(&text);
    let group = &table.groups[0];
    assert_eq!(group.len(), 999_998);
    let mut last = String::new();
    for i in (0..group.len()).step_by(997) {
        let id = group.id(i);
        assert_ne!(id, last);
        last = id;
    }
    assert_eq!(group.id(999_997), "t::a[length=999,prot=PROT_NONE,at=499]");
    let case = group.case(999_997);
    assert!(
        case.program
            .to_string()
            .contains("mmap(NULL, 999, PROT_NONE, MAP_SHARED, file, 499)")
    );
    // Just before and behind the excluded ones.
    assert_eq!(group.id(3003), "t::a[length=3,prot=PROT_READ,at=3]");
    assert_eq!(group.id(3004), "t::a[length=3,prot=PROT_READ,at=5]");
}

/// A text with more values than are kept is read when it is asked for, and says the same.
#[test]
fn texts_of_many_values() {
    let list: Vec<String> = (0..80).map(|i| format!("\"{i}\"")).collect();
    let list = list.join(",");
    let text = format!(
        "[[case]]\nname = \"a\"\nmap = false\nvary = {{ a = [{list}], b = [{list}] }}\n\
         then = ['munmap(arena + $a, $b) = ok | EINVAL']\n"
    );
    let all = cases(&text);
    assert_eq!(all.len(), 6400);
    for (i, case) in all.iter().enumerate() {
        let (a, b) = (i / 80, i % 80);
        assert_eq!(case.id, format!("t::a[a={a},b={b}]"));
        let start = match a {
            0 => "arena".to_owned(),
            a => format!("arena + {a}"),
        };
        assert_eq!(
            case.program.steps[0].to_string(),
            format!("munmap({start}, {b})")
        );
        assert!(case.claims[0].is_some());
    }
}

#[test]
fn names_that_move_together_are_one_axis() {
    let table = table(&format!(
        r#"{HEAD}[[case]]
name = "a"
why = "w"
flags = "$how"
fd = "$from"
length = "1page"
needs = ["proc", {{ need = "memfd", when = {{ from = "not -1" }} }}]
vary.n = ["1", "2"]
vary.kind = [
  {{ as = "file", how = "MAP_SHARED", from = "file" }},
  {{ as = "none", how = "MAP_PRIVATE|MAP_ANONYMOUS", from = "-1" }},
]
then = [
  {{ step = 'load(map, $n)', when = {{ how = "has MAP_ANONYMOUS" }} }},
  {{ step = 'load(map + 1, $n)', when = {{ how = "lacks MAP_ANONYMOUS", kind = "file" }} }},
]
"#
    ));
    let group = &table.groups[0];
    let ids: Vec<String> = (0..group.len()).map(|i| group.id(i)).collect();
    assert_eq!(
        ids,
        [
            "t::a[n=1,kind=file]",
            "t::a[n=1,kind=none]",
            "t::a[n=2,kind=file]",
            "t::a[n=2,kind=none]"
        ]
    );
    let needs = |i| group.needs_of(i).iter().map(|n| n.name).collect::<Vec<_>>();
    assert_eq!(needs(0), ["proc", "memfd"]);
    assert_eq!(needs(1), ["proc"]);
    assert_eq!(group.needs().count(), 2);
    let program = group.case(3).program.to_string();
    assert_eq!(
        program,
        "own map = mmap(NULL, 1page, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n\
         step load(map, 2)\n"
    );
    assert!(
        group
            .case(0)
            .program
            .to_string()
            .ends_with("step load(map + 1, 1)\n")
    );
}

#[test]
fn ids_are_found_by_their_values() {
    let table = table(&format!(
        r#"{HEAD}[[grid]]
name = "a"
why = "w"
vary = {{ a = ["1", "1,b=2", "]"], b = ["1", "2", "1,b=2"] }}
exclude = [{{ a = "1", b = "1" }}]
then = ['store(map, "$a$b")']
"#
    ));
    let group = &table.groups[0];
    assert!(group.is_grid());
    assert_eq!(group.len(), 8);
    for i in 0..group.len() {
        assert_eq!(group.find(&group.id(i)), Some(i), "{}", group.id(i));
    }
    for no in [
        "t::a",
        "t::a[a=1,b=1]",
        "t::a[a=1,b=2",
        "t::a[a=1]",
        "t::a[a=1,b=3]",
    ] {
        assert_eq!(group.find(no), None, "{no}");
    }
}

#[test]
fn what_is_unclaimed_is_told() {
    let table = table(&format!(
        r#"{HEAD}[[grid]]
name = "a"
why = "w"
length = ["0", "1page"]
expect = [{{ when = {{ length = "0" }}, is = "EINVAL" }}, {{ is = "unclaimed" }}]
"#
    ));
    let group = &table.groups[0];
    let (claimed, free) = (group.case(0), group.case(1));
    assert!(!claimed.is_unclaimed && free.is_unclaimed && free.is_grid);
    assert!(claimed.claims[1].is_some());
    assert_eq!(free.claims, [None, None]);
}
