//! Lists with mistakes first, then the truth of [the module](super).

use super::*;
use crate::platform::Platform;
use crate::platform::tests::reference_machine;
use crate::snapshot::Embedded;

pub(crate) fn list(file: &str, text: &str, platform: &Platform) -> Result<Known, Vec<Diagnostic>> {
    let record = Record::load(&Embedded(Vec::new()), platform, None).unwrap();
    Known::load(&Embedded(vec![(file.into(), text.into())]), &record)
}

pub(crate) fn entry(case: &str, outcome: &str) -> String {
    format!(
        "[[known]]\ncase = '{case}'\noutcome = '{outcome}'\nreason = 'why'\nlink = 'https://x.example/1'\n"
    )
}

fn of(text: &str) -> Known {
    list("linux-x86_64.toml", text, &reference_machine()).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let found = list("fs-tmpfs.toml", text, &reference_machine()).unwrap_err();
    found.iter().map(Diagnostic::to_string).collect()
}

#[test]
fn mistakes_have_their_place() {
    insta::assert_snapshot!(mistakes("[[known]]\ncsae = 'x'\n").join("\n"), @r"
    embedded fs-tmpfs.toml:2:1: unknown key `csae`; did you mean `case`?
    embedded fs-tmpfs.toml:1:1: `case` is missing
    embedded fs-tmpfs.toml:1:1: `outcome` is missing
    embedded fs-tmpfs.toml:1:1: `reason` is missing
    embedded fs-tmpfs.toml:1:1: `link` is missing
    ");
    let text = entry("a::b", "EINVLA").replace("'why'", "' '");
    let text = text.replace("https://x.example/1", "see above");
    insta::assert_snapshot!(mistakes(&text).join("\n"), @r"
    embedded fs-tmpfs.toml:3:11: unknown errno `EINVLA`; did you mean `EINVAL`?
    embedded fs-tmpfs.toml:4:10: `reason` says nothing
    embedded fs-tmpfs.toml:5:8: a link begins with `https://`; give the report of it: `https://…`
    ");
    insta::assert_snapshot!(mistakes(&entry("a::b", "mmap = EINVLA")).join("\n"), @"embedded fs-tmpfs.toml:3:11: unknown errno `EINVLA`; did you mean `EINVAL`?");
    insta::assert_snapshot!(mistakes("[known]\n").join("\n"), @"embedded fs-tmpfs.toml:1:2: `known` is a list of tables; write `[[known]]`, twice bracketed");
    insta::assert_snapshot!(mistakes("known = [1]\nknwon = 2\n").join("\n"), @r"
    embedded fs-tmpfs.toml:1:10: expected a table
    embedded fs-tmpfs.toml:2:1: unknown key `knwon`; did you mean `known`?
    ");
    insta::assert_snapshot!(mistakes("[[known]]\ncase = 1\n").join("\n"), @r"
    embedded fs-tmpfs.toml:2:8: `case` must be a string
    embedded fs-tmpfs.toml:1:1: `outcome` is missing
    embedded fs-tmpfs.toml:1:1: `reason` is missing
    embedded fs-tmpfs.toml:1:1: `link` is missing
    ");
    assert!(!mistakes("[[known]\ncase = \n").is_empty());
}

#[test]
fn what_varies_does_so_elsewhere_and_has_no_outcome() {
    let text = |more: &str| {
        format!("[[known]]\ncase = 'a::b'\n{more}\nreason = 'why'\nlink = 'https://x.example/1'\n")
    };
    let machine = reference_machine();
    let said = |file: &str, more: &str| match list(file, &text(more), &machine) {
        Ok(_) => "fine".to_owned(),
        Err(found) => found[0].message.clone(),
    };
    let emulator = "emulator-x.toml";
    assert_eq!(said(emulator, "varies = true"), "fine");
    assert_eq!(said("fs-9p.toml", "varies = true"), "fine");
    assert_eq!(
        said("fs-tmpfs.toml", "varies = true"),
        "`varies` is for machines and file systems on which another system answers"
    );
    let open = said("fs-9p.toml", "");
    assert_eq!(open, "`outcome` is missing", "that is still to be told");
    assert_eq!(
        said(emulator, "varies = false"),
        "`varies` can only be `true`"
    );
    for other in ["outcome = 'EINVAL'", "like = '*'"] {
        assert_eq!(
            said(emulator, &format!("varies = true\n{other}")),
            "`varies` stands in place of `outcome` and `like`"
        );
    }
}

/// What comes after it, and nothing that comes before.
#[test]
fn the_rest_follows_from_what_is_tolerated() {
    let seen = |words: [&'static str; 2]| {
        words.map(|outcome| Observed {
            line: outcome,
            outcome,
        })
    };
    let text = entry("a::b", "ENODEV");
    let alone = of(&text);
    let with_rest = of(&text.replace("reason", "rest = 'follows'\nreason"));
    let after = seen(["ENODEV", "x\"00\""]);
    let before = seen(["x\"00\"", "ENODEV"]);
    assert_eq!(alone.listed("a::b", &after), Listed::Otherwise(vec![0]));
    assert_eq!(with_rest.listed("a::b", &after), Listed::Tolerated(vec![0]));
    assert_eq!(
        with_rest.listed("a::b", &before),
        Listed::Otherwise(vec![0])
    );
    let wrong = text.replace("reason", "rest = 'is silence'\nreason");
    assert!(mistakes(&wrong)[0].ends_with("`rest` can only be \"follows\""));
}

#[test]
fn a_list_speaks_of_its_machines_alone() {
    let text = entry("a::b", "EINVAL");
    let count = |file: &str, change: &dyn Fn(&mut Platform)| {
        let mut p = reference_machine();
        change(&mut p);
        list(file, &text, &p).unwrap().entries.len()
    };
    assert_eq!(count("linux-x86_64.toml", &|_| {}), 1);
    assert_eq!(count("linux-x86_64.toml", &|p| p.fs = "tmpfs".into()), 1);
    assert_eq!(count("linux-x86_64.toml", &|p| p.arch = "arm".into()), 1);
    let sandboxed = &|p: &mut Platform| p.sandbox = "gvisor".into();
    assert_eq!(count("linux-x86_64.toml", sandboxed), 0);
    assert_eq!(count("sandbox-gvisor.toml", sandboxed), 1);
    assert_eq!(count("fs-tmpfs.toml", &|_| {}), 0);
    assert_eq!(count("kernel-6.12.toml", &|p| p.kernel = "6.1".into()), 1);
    assert_eq!(count("kernel-6.1.toml", &|p| p.kernel = "6.12".into()), 0);
    assert_eq!(count("notes.md", &|_| {}), 0);
}

/// What Linux does on its own file system it need not do on another.
#[test]
fn an_entry_is_stale_where_its_list_is_at_home() {
    let text = entry("a::b", "EINVAL");
    let stale = |file: &str, change: &dyn Fn(&mut Platform)| {
        let mut p = reference_machine();
        change(&mut p);
        let known = list(file, &text, &p).unwrap();
        let mut ledger = Ledger::new(&known);
        ledger.ran("a::b", &[]);
        ledger.stale().count()
    };
    assert_eq!(stale("linux-x86_64.toml", &|_| {}), 1);
    assert_eq!(stale("linux-x86_64.toml", &|p| p.fs = "tmpfs".into()), 0);
    assert_eq!(stale("fs-tmpfs.toml", &|p| p.fs = "tmpfs".into()), 1);
    let both = &|p: &mut Platform| {
        p.fs = "tmpfs".into();
        p.kernel = "6.12".into();
    };
    assert_eq!(stale("fs-tmpfs.toml", both), 0);
    assert_eq!(stale("kernel-6.12.toml", both), 0);
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("a::b", "a::b", true),
        ("a::b", "a::bc", false),
        ("a::*", "a::", true),
        ("a::*", "b::a::", false),
        ("*[prot=*]", "a::b[prot=PROT_READ]", true),
        ("*[prot=*]", "a::b[open=O_RDONLY]", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn an_outcome_is_a_line_or_the_outcome_alone() {
    let seen = Observed {
        line: "store(map, \"a = b\") = SIGBUS BUS_ADRERR at map",
        outcome: "SIGBUS BUS_ADRERR at map",
    };
    for (outcome, listed) in [
        ("SIGBUS BUS_ADRERR at map", true),
        ("SIGBUS  BUS_ADRERR at map + 0", true),
        ("store(map, \"a = b\") = SIGBUS BUS_ADRERR at map", true),
        ("store(map, \"b\") = SIGBUS BUS_ADRERR at map", false),
        ("SIGBUS BUS_ADRERR at map + 1", false),
        ("ok", false),
    ] {
        let known = of(&entry("a::b", outcome));
        let tolerated = known.listed("a::b", &[seen]) == Listed::Tolerated(vec![0]);
        assert_eq!(tolerated, listed, "{outcome}");
    }
}

#[test]
fn every_broken_rule_must_be_tolerated() {
    let one = Observed {
        line: "mmap = EINVAL",
        outcome: "EINVAL",
    };
    let two = Observed {
        line: "munmap(map, 1page) = EIO",
        outcome: "EIO",
    };
    let known = of(&(entry("a::*", "EINVAL") + &entry("a::b", "EIO")));
    assert_eq!(known.listed("z::b", &[one]), Listed::No);
    assert_eq!(known.listed("a::b", &[one]), Listed::Tolerated(vec![0]));
    assert_eq!(
        known.listed("a::b", &[one, two]),
        Listed::Tolerated(vec![0, 1])
    );
    assert_eq!(
        known.listed("a::c", &[one, two]),
        Listed::Otherwise(vec![0])
    );
}

/// A machine on which an emulator answers.
fn emulated() -> Platform {
    Platform {
        emulator: "odd-1.0".into(),
        ..reference_machine()
    }
}

#[test]
fn one_cause_may_have_many_cases() {
    let text = entry("x", "EIO").replace("'x'", "['a::*', 'b::c']");
    let known = of(&text);
    let eio = Observed {
        line: "mmap = EIO",
        outcome: "EIO",
    };
    for (id, listed) in [("a::b", true), ("b::c", true), ("b::d", false)] {
        let found = known.listed(id, &[eio]);
        assert_eq!(found != Listed::No, listed, "{id}");
    }
    let idle = known.without_case(["a::b"]);
    assert_eq!(
        idle[0].to_string(),
        "embedded linux-x86_64.toml:2:17: no case is named `b::c`"
    );
    assert_eq!(known.entry(0).unwrap().named(), "a::* and 1 more");
    insta::assert_snapshot!(mistakes(&text.replace("'b::c'", "3, ' '")).join("\n"), @r"
    embedded fs-tmpfs.toml:2:17: `case` must be a string
    embedded fs-tmpfs.toml:2:20: `case` says nothing
    ");
    assert!(mistakes(&text.replace("['a::*', 'b::c']", "[]"))[0].ends_with("`case` says nothing"));
}

#[test]
fn only_another_system_s_list_may_leave_the_outcome_to_the_record() {
    let text = entry("a::b", "EIO").replace("outcome = 'EIO'\n", "");
    for (name, may) in [
        ("linux-x86_64", false),
        ("fs-tmpfs", false),
        ("libc-glibc", false),
        ("libc-musl", true),
        ("linux-x86_64+fs-tmpfs+libc-glibc", false),
        ("somebody-s", false),
        ("kernel-6.1", true),
        ("page-64k", true),
        ("sandbox-gvisor", true),
        ("emulator-odd", true),
        ("linux-aarch64+emulator-odd-1.0", true),
    ] {
        let found = list(&format!("{name}.toml"), &text, &emulated());
        assert_eq!(found.is_ok(), may, "{name}");
    }
    let known = list("emulator-odd.toml", &text, &emulated()).unwrap();
    assert!(known.is_foreign() && !known.say_outcomes(&[0]));
    let bus = Observed {
        line: "load(map, 1) = SIGBUS BUS_ADRALN at map",
        outcome: "SIGBUS BUS_ADRALN at map",
    };
    assert_eq!(known.listed("a::b", &[bus]), Listed::Tolerated(vec![0]));
    for (like, tolerated) in [
        ("SIGBUS BUS_ADRALN*", true),
        ("load(*) = SIGBUS *", true),
        ("store(*) = SIGBUS *", false),
        ("SIGSEGV*", false),
    ] {
        let text = text.replace("reason", &format!("like = '{like}'\nreason"));
        let known = list("emulator-odd.toml", &text, &emulated()).unwrap();
        let found = known.listed("a::b", &[bus]);
        assert_eq!(found == Listed::Tolerated(vec![0]), tolerated, "{like}");
        assert!(!known.say_outcomes(&[0]));
        insta::allow_duplicates! {
            insta::assert_snapshot!(mistakes(&text).join("\n"), @"embedded fs-tmpfs.toml:3:8: `like` is for machines on which another system answers");
        }
    }
}

#[test]
fn an_entry_without_a_case_is_a_mistake() {
    let known = of(&(entry("a::gone", "EIO") + &entry("a::*", "EIO")));
    let found = known.without_case(["a::b", "c::d"]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "embedded linux-x86_64.toml:2:8: no case is named `a::gone`"
    );
    assert!(known.without_case(["a::gone"]).is_empty());
}

#[test]
fn stale_is_what_all_its_cases_ran_without() {
    let stale = |steps: &dyn Fn(&mut Ledger)| {
        let known = of(&entry("a::*", "EIO"));
        let mut ledger = Ledger::new(&known);
        steps(&mut ledger);
        ledger.stale().count()
    };
    assert_eq!(stale(&|_| {}), 0);
    assert_eq!(stale(&|l| l.ran("a::b", &[])), 1);
    assert_eq!(stale(&|l| l.ran("z::b", &[])), 0);
    assert_eq!(stale(&|l| l.ran("a::b", &[0])), 0);
    assert_eq!(
        stale(&|l| {
            l.ran("a::b", &[]);
            l.ran("a::c", &[0]);
        }),
        0
    );
    assert_eq!(
        stale(&|l| {
            l.ran("a::b", &[]);
            l.not_run("a::c");
        }),
        0
    );
}

#[test]
fn a_stale_entry_has_its_sentence() {
    let known = of(&entry("a::b", "EIO"));
    insta::assert_snapshot!(known.entry(0).unwrap(), @"embedded linux-x86_64.toml:2: `EIO` no longer needs to be tolerated: a::b");
}
