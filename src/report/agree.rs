//! All forms of one run, made from the same events: their numbers are the same.

use super::*;
use crate::case::{Case, Scale};
use crate::judge::tests::{BAD, GOOD, done, past_eof};
use crate::judge::{Policy, Ran, Skip, Verdict, judge};
use crate::known::Known;
use crate::known::tests::{entry, list};
use crate::platform::tests::reference_machine;
use crate::snapshot::Recorded;
use crate::transcript::Transcript;
use serde_json::Value;
use std::collections::BTreeMap;

/// Every kind of verdict, some of them more than once.
fn verdicts() -> Vec<Judged> {
    let scale = Scale::ordinary(4096);
    let block = |text: &str| Transcript::parse(text).unwrap().block(&past_eof().program);
    let (good, bad) = (block(GOOD), block(BAD));
    let none = Known::default();
    let listed = |outcome: &str| {
        let text = entry("eof::*", outcome);
        list("linux-x86_64.toml", &text, &reference_machine()).unwrap()
    };
    let foreign = {
        let mut machine = reference_machine();
        machine.emulator = "odd".into();
        list("emulator-odd.toml", "", &machine).unwrap()
    };
    let case = past_eof();
    let judge = |ran, recorded, known: &Known| judge(&case, ran, recorded, known, &scale, None);
    let skip = |need: &str| {
        Ran::Skipped(Skip {
            need: Some(need.into()),
            reason: format!("needs {need}: a <reason> & 50% of \"it\" | more"),
        })
    };
    vec![
        judge(done(GOOD), Recorded::Block(&good), &none),
        judge(done(GOOD), Recorded::Block(&good), &none),
        judge(done(BAD), Recorded::Block(&good), &none),
        judge(done(GOOD), Recorded::Block(&bad), &none),
        judge(done(GOOD), Recorded::Unrecorded, &none),
        judge(done(GOOD), Recorded::NoRecordFits(Some(&bad)), &none),
        judge(done(BAD), Recorded::Block(&bad), &listed("x\"00\"")),
        judge(done(BAD), Recorded::Block(&bad), &listed("EIO")),
        judge(done(BAD), Recorded::Block(&bad), &foreign),
        judge(skip("root"), Recorded::Unrecorded, &none),
        judge(skip("memfd"), Recorded::Unrecorded, &none),
        judge(Ran::Incomplete("a\nb".into()), Recorded::Unrecorded, &none),
        Judged {
            verdict: Verdict::Refused(2),
            observed: None,
            recorded: None,
            modelled: crate::judge::Modelled::NotAsked,
        },
    ]
}

/// A run as each form tells it.
struct Told {
    summary: Summary,
    json: String,
    junit: String,
    ktap: String,
    github: String,
    step: String,
    human: String,
}

/// `times` as many of every verdict; `lost` cases are never told of.
fn told(times: usize, stale: usize, lost: usize, policy: &Policy) -> Told {
    let verdicts = verdicts();
    let known = list(
        "linux-x86_64.toml",
        &entry("eof::*", "EIO"),
        &reference_machine(),
    )
    .unwrap();
    let old = known.entry(0).unwrap();
    let mut out: [Vec<u8>; 6] = Default::default();
    let [json, junit, ktap, github, step, human] = &mut out;
    let mut forms = Several::default();
    forms.add(Json::new(json));
    forms.add(Junit::new(junit));
    forms.add(Ktap::new(ktap));
    forms.add(Github::new(github, Some(step)));
    forms.add(Human::new(anstream::StripStream::new(human), 80, None));
    let start = Start {
        tables: "cases".into(),
        home: "linux-x86_64".into(),
        machine: "linux".into(),
        platform: reference_machine(),
        cases: verdicts.len() * times + lost,
        command: "mmapcheck run".into(),
    };
    forms.event(&Event::Started(&start)).unwrap();
    let mut summary = Summary::default();
    for (n, judged) in (0..times).flat_map(|_| &verdicts).enumerate() {
        summary.add(&judged.verdict, policy);
        let case = Case {
            id: format!("eof/x::past-eof[n={n},flags=MAP_SHARED|0x80]"),
            ..past_eof()
        };
        let done = CaseDone {
            case: &case,
            judged,
            fails: policy.fails(&judged.verdict),
            took: Duration::from_micros(7),
        };
        forms.event(&Event::Case(&done)).unwrap();
    }
    for _ in 0..lost {
        summary.add(&Verdict::Incomplete("the worker died".into()), policy);
    }
    for _ in 0..stale {
        summary.stale += 1;
        forms.event(&Event::Stale(old)).unwrap();
    }
    let end = End {
        summary: summary.clone(),
        took: Duration::from_millis(5),
        bless: None,
        blessed: 0,
    };
    forms.event(&Event::Finished(&end)).unwrap();
    drop(forms);
    let [json, junit, ktap, github, step, human] = out.map(|o| String::from_utf8(o).unwrap());
    Told {
        summary,
        json,
        junit,
        ktap,
        github,
        step,
        human,
    }
}

fn number(text: &str, before: &str) -> usize {
    let at = text
        .find(before)
        .unwrap_or_else(|| panic!("{before} in {text}"))
        + before.len();
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

#[test]
fn the_numbers_agree_in_every_form() {
    for (times, stale, lost) in [(1, 0, 0), (1, 2, 0), (3, 1, 4), (30, 1, 0)] {
        let policy = Policy {
            strict: times == 3,
            ..Policy::default()
        };
        let t = told(times, stale, lost, &policy);
        let s = &t.summary;
        json_agrees(&t.json, s, lost);
        ktap_agrees(&t.ktap, s, lost);
        junit_agrees(&t.junit, s, lost);
        github_agrees(&t, lost);
        let failed = format!("{} passed, {} failed", s.passed, s.failed());
        assert!(t.human.contains(&failed), "{}", t.human);
    }
}

fn json_agrees(json: &str, s: &Summary, lost: usize) {
    let lines: Vec<Value> = json
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |kind: &str| {
        lines
            .iter()
            .filter(|l| l["type"] == kind)
            .collect::<Vec<_>>()
    };
    let (cases, end) = (of("case"), of("end"));
    assert_eq!(lines[0]["schema"], SCHEMA);
    assert_eq!(lines[0]["cases"], s.cases());
    assert_eq!(cases.len() + lost, s.cases());
    let mut words = BTreeMap::<&str, usize>::new();
    for case in &cases {
        *words.entry(case["verdict"].as_str().unwrap()).or_default() += 1;
    }
    *words.entry("incomplete").or_default() += lost;
    for (word, n) in counts(s) {
        assert_eq!(end[0]["verdicts"][word], n, "{word}");
        assert_eq!(words.get(word).copied().unwrap_or_default(), n, "{word}");
    }
    let failing = cases.iter().filter(|c| c["fails"] == true).count() + lost;
    assert_eq!(end[0]["failed"], s.failed());
    assert_eq!(failing + s.stale, s.failed() + s.incomplete);
    assert_eq!(of("stale").len(), s.stale);
    assert_eq!(end[0]["exit"], s.exit_code());
}

fn ktap_agrees(ktap: &str, s: &Summary, lost: usize) {
    let points: Vec<&str> = ktap.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(
        points[..2],
        ["KTAP version 1", &format!("1..{}", s.cases() + 1)]
    );
    let points = &points[2..];
    assert_eq!(points.len() + lost, s.cases() + 1);
    let not_ok = points.iter().filter(|p| p.starts_with("not ok ")).count();
    let run = usize::from(s.stale > 0 || lost > 0);
    assert_eq!(not_ok + lost, s.failed() - s.stale + s.incomplete + run);
    let with = |word: &str| points.iter().filter(|p| p.contains(word)).count();
    assert_eq!(with(" # SKIP "), s.skipped);
    assert_eq!(with(" # XFAIL "), s.known + s.unexplained);
    assert_eq!(with(" # ERROR ") + lost, s.incomplete);
    assert!(ktap.contains(&format!("# exit {}", s.exit_code())));
}

fn junit_agrees(junit: &str, s: &Summary, lost: usize) {
    let broken_off = usize::from(lost > 0);
    assert_eq!(
        number(junit, " tests=\""),
        s.cases() - lost + s.stale + broken_off
    );
    assert_eq!(number(junit, " failures=\""), s.failed());
    assert_eq!(
        number(junit, " errors=\""),
        s.incomplete - lost + broken_off
    );
    assert_eq!(junit.matches("<skipped").count(), s.skipped - s.required);
    assert_eq!(
        junit.matches("<testcase ").count(),
        number(junit, " tests=\"")
    );
}

fn github_agrees(t: &Told, lost: usize) {
    let s = &t.summary;
    let errors = t
        .github
        .lines()
        .filter(|l| l.starts_with("::error "))
        .count();
    let warnings = t
        .github
        .lines()
        .filter(|l| l.starts_with("::warning "))
        .count();
    assert!(errors <= 10 && warnings <= 10, "{errors} {warnings}");
    let failing = s.failed() + s.incomplete - lost + usize::from(lost > 0);
    let shown = if failing < 10 { failing } else { 10 };
    assert_eq!(errors, shown);
    if failing >= 10 {
        assert_eq!(number(&t.github, "title=… and "), failing - 9);
    }
    let about = format!("### mmapcheck: {} failed", s.failed());
    assert!(t.step.starts_with(&about), "{}", t.step);
    for (word, n) in counts(s).into_iter().filter(|(_, n)| *n > 0) {
        assert!(
            t.step.contains(&format!("| {word} | {n} |")),
            "{word} {n}: {}",
            t.step
        );
    }
    assert!(t.step.contains(&format!("| stale | {} |", s.stale)));
    let rows = t.step.lines().filter(|l| l.contains("<code>")).count();
    let listed = s.failed() + s.incomplete - lost;
    assert_eq!(rows, listed.min(200));
    if listed > 200 {
        assert_eq!(number(&t.step, "… and "), listed - 200);
    }
    assert!(t.step.len() < 1 << 20);
}

#[test]
fn what_a_form_can_t_hold_is_escaped() {
    let t = told(1, 1, 0, &Policy::default());
    assert!(
        !t.github
            .contains("::error file=cases/eof.toml,line=14,title=violation eof/x::")
    );
    assert!(
        t.github
            .contains("title=violation eof/x%3A%3Apast-eof[n=2%2Cflags"),
        "{}",
        t.github
    );
    assert!(
        t.junit.contains("a &lt;reason&gt; &amp; 50% of"),
        "{}",
        t.junit
    );
    assert!(t.step.contains("MAP_SHARED&#124;0x80"), "{}", t.step);
    assert!(
        t.ktap.lines().all(|l| l.matches(" # ").count() <= 1),
        "{}",
        t.ktap
    );
}
