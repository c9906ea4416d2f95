//! Verdicts on cases and transcripts made by hand; bad ones first.

use super::*;
use crate::case::Program;
use crate::known::tests::{entry, list};
use crate::platform::tests::reference_machine;
use rstest::rstest;

/// A case with claims on its own call and on a load past the end of the file.
pub(crate) fn past_eof() -> Case {
    let program = "open file = open(file, O_RDWR)\n\
        own map = mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)\n\
        step load(map + 1page, 1)\nstep load(map, 1)\n";
    Case {
        id: "eof::past-eof[flags=MAP_SHARED]".into(),
        program: Program::parse(program).unwrap(),
        claims: vec![
            None,
            Some(Claim::parse("ok").unwrap()),
            Some(Claim::parse("SIGBUS BUS_ADRERR at map + 1page").unwrap()),
            None,
        ],
        needs: Vec::new(),

        is_grid: false,
        is_unclaimed: false,
        why: "a page wholly past the end of the file has nothing behind it".into(),
        cite: vec!["POSIX mmap() DESCRIPTION".into(), "mmap(2) NOTES".into()],
        file: "cases/eof.toml".into(),
        line: 14,
    }
}

pub(crate) const GOOD: &str =
    "file\nmap\nSIGBUS BUS_ADRERR at map + 1page\nx\"00\"\nfile unchanged\n";
pub(crate) const BAD: &str = "file\nmap\nx\"00\"\nx\"00\"\nfile unchanged\n";

pub(crate) fn done(text: &str) -> Ran {
    Ran::Done(Transcript::parse(text).unwrap())
}

fn block(text: &str) -> String {
    Transcript::parse(text).unwrap().block(&past_eof().program)
}

fn known(text: &str) -> Known {
    list("linux-x86_64.toml", text, &reference_machine()).unwrap()
}

fn verdict(ran: Ran, recorded: Recorded<'_>, known: &Known) -> Verdict {
    let scale = Scale::ordinary(4096);
    judge(&past_eof(), ran, recorded, known, &scale, None).verdict
}

/// The table in the doc comment of [`crate::known`], row by row, but for the last, which no case
/// has; it stands in the tests there.
#[rstest]
#[case(GOOD, None, "pass")]
#[case(BAD, None, "violation")]
#[case(BAD, Some("x\"00\""), "known")]
#[case(BAD, Some("load(map + 1page, 1) = x\"00\""), "known")]
#[case(BAD, Some("ok"), "changed")]
#[case(BAD, Some("load(map, 1) = x\"00\""), "changed")]
fn truth(#[case] text: &str, #[case] listed: Option<&str>, #[case] expected: &str) {
    let list = listed.map_or(Known::default(), |o| known(&entry("eof::*", o)));
    let recorded = block(text);
    let word = match verdict(done(text), Recorded::Block(&recorded), &list) {
        Verdict::Pass => "pass",
        Verdict::Violation(_) => "violation",
        Verdict::Known(..) => "known",
        Verdict::ChangedKnown(..) => "changed",
        other => panic!("{other:?}"),
    };
    assert_eq!(word, expected);
}

/// The same table's row of what is allowed and listed, and of what is listed and not run.
#[rstest]
#[case(done(GOOD), 1)]
#[case(done(BAD), 0)]
#[case(Ran::Incomplete("why".into()), 0)]
#[case(Ran::Skipped(Skip { need: None, reason: "why".into() }), 0)]
fn stale(#[case] ran: Ran, #[case] expected: usize) {
    let list = known(&entry("eof::*", "x\"00\""));
    let mut ledger = crate::known::Ledger::new(&list);
    let verdict = verdict(ran, Recorded::Unrecorded, &list);
    verdict.enter(&past_eof().id, &mut ledger);
    assert_eq!(ledger.stale().count(), expected);
}

/// The second table there: a machine on which another system answers.
#[rstest]
#[case(Some(BAD), true, "known")]
#[case(Some(BAD), false, "unexplained")]
#[case(Some(GOOD), true, "changed")]
#[case(Some(GOOD), false, "violation")]
#[case(None, true, "violation")]
#[case(None, false, "violation")]
fn truth_elsewhere(
    #[case] recorded: Option<&str>,
    #[case] is_listed: bool,
    #[case] expected: &str,
) {
    let machine = crate::platform::Platform {
        emulator: "odd".into(),
        ..reference_machine()
    };
    let text = match is_listed {
        true => entry("eof::*", "EIO").replace("outcome = 'EIO'\n", ""),
        false => String::new(),
    };
    let list = list("emulator-odd.toml", &text, &machine).unwrap();
    let recorded = recorded.map(block);
    let recorded = match &recorded {
        Some(block) => Recorded::Block(block),
        None => Recorded::Unrecorded,
    };
    let word = match verdict(done(BAD), recorded, &list) {
        Verdict::Violation(_) => "violation",
        Verdict::Unexplained(_) => "unexplained",
        Verdict::Known(..) => "known",
        Verdict::Changed => "changed",
        other => panic!("{other:?}"),
    };
    assert_eq!(word, expected);
}

/// Whatever comes of it and whatever is recorded: it is known, and not recorded.
#[rstest]
fn what_varies_is_known_and_left_out(
    #[values(GOOD, BAD)] seen: &str,
    #[values(None, Some(GOOD), Some(BAD))] recorded: Option<&str>,
) {
    let machine = crate::platform::Platform {
        emulator: "odd".into(),
        ..reference_machine()
    };
    let text = entry("eof::*", "EIO").replace("outcome = 'EIO'", "varies = true");
    let list = list("emulator-odd.toml", &text, &machine).unwrap();
    let recorded = recorded.map(block);
    let recorded = match &recorded {
        Some(block) => Recorded::Block(block),
        None => Recorded::Unrecorded,
    };
    let scale = Scale::ordinary(4096);
    let judged = judge(&past_eof(), done(seen), recorded, &list, &scale, None);
    assert!(matches!(judged.verdict, Verdict::Known(_, entries) if entries == [0]));
    assert_eq!(judged.observed, None);
}

#[test]
fn what_is_broken_is_told_line_by_line() {
    let lines = |block: &str| -> Vec<(String, String)> {
        let parts = block
            .lines()
            .map(|l| crate::transcript::parted(l.trim_start()));
        parts.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    let mut case = past_eof();
    let scale = Scale::ordinary(4096);
    let broken_in = |case: &Case, block: &str| broken(case, &lines(block), &scale);
    let bad = ("load(map + 1page, 1)".to_owned(), "x\"00\"".to_owned());
    assert_eq!(broken_in(&case, &block(GOOD)), Some(Vec::new()));
    assert_eq!(broken_in(&case, &block(BAD)), Some(vec![bad.clone()]));
    // The records of a grid leave the arguments out.
    let Ran::Done(transcript) = done(BAD) else {
        panic!("it was run")
    };
    let brief = transcript.brief_block(&case.program);
    assert_eq!(broken_in(&case, &brief), None);
    case.is_grid = true;
    assert_eq!(broken_in(&case, &brief), Some(vec![bad]));
}

#[test]
fn a_violation_names_step_rule_and_outcome() {
    let found = verdict(done(BAD), Recorded::Unrecorded, &Known::default());
    let Verdict::Violation(breaches) = found else {
        panic!("{found:?}")
    };
    assert_eq!(breaches.len(), 1);
    assert_eq!(breaches[0].step, 2);
    assert_eq!(breaches[0].line, "load(map + 1page, 1) = x\"00\"");
    assert_eq!(
        breaches[0].allowed.to_string(),
        "SIGBUS BUS_ADRERR at map + 1page"
    );
}

#[test]
fn a_record_does_not_excuse_a_violation() {
    let recorded = block(BAD);
    let found = verdict(done(BAD), Recorded::Block(&recorded), &Known::default());
    assert!(matches!(found, Verdict::Violation(_)));
}

#[test]
fn a_tolerated_deviation_is_still_held_against_the_record() {
    let list = known(&entry("eof::*", "x\"00\""));
    let recorded = block(GOOD);
    let found = verdict(done(BAD), Recorded::Block(&recorded), &list);
    assert_eq!(found, Verdict::Changed);
    let found = verdict(done(BAD), Recorded::NoRecordFits(Some(&recorded)), &list);
    assert!(matches!(found, Verdict::Known(..)));
}

#[test]
fn a_step_that_was_not_reached_breaks_its_claim() {
    let text = "file\nENOMEM\nnot reached: map\nnot reached: map\nfile unchanged\n";
    let found = verdict(done(text), Recorded::Unrecorded, &Known::default());
    let Verdict::Violation(breaches) = found else {
        panic!("{found:?}")
    };
    let steps: Vec<usize> = breaches.iter().map(|b| b.step).collect();
    assert_eq!(steps, [1, 2]);
}

#[rstest]
#[case(Recorded::Unrecorded, Nearest::None)]
#[case(Recorded::NoRecordFits(None), Nearest::None)]
#[case(Recorded::NoRecordFits(Some("  x\n")), Nearest::Differs)]
fn unrecorded(#[case] recorded: Recorded<'_>, #[case] nearest: Nearest) {
    let found = verdict(done(GOOD), recorded, &Known::default());
    assert_eq!(found, Verdict::Unrecorded(nearest));
}

#[test]
fn the_nearest_may_agree() {
    let recorded = block(GOOD);
    let fits = Recorded::NoRecordFits(Some(&recorded));
    let found = verdict(done(GOOD), fits, &Known::default());
    assert_eq!(found, Verdict::Unrecorded(Nearest::Agrees));
}

#[test]
fn what_is_not_as_recorded_is_changed() {
    let found = verdict(done(GOOD), Recorded::Block("  x\n"), &Known::default());
    assert_eq!(found, Verdict::Changed);
    let file = GOOD.replace("file unchanged", "file = \"x\"");
    let recorded = block(GOOD);
    let found = verdict(done(&file), Recorded::Block(&recorded), &Known::default());
    assert_eq!(found, Verdict::Changed);
}

#[test]
fn no_answer_is_recorded_of_what_has_none() {
    let judged = |text: &str| {
        let (scale, known) = (Scale::ordinary(4096), Known::default());
        judge(
            &past_eof(),
            done(text),
            Recorded::Block("  x\n"),
            &known,
            &scale,
            None,
        )
    };
    let unsaid = judged("file\nunsaid: offsets count pages\nok\nok\nno file\n");
    let Verdict::Skipped(skip) = &unsaid.verdict else {
        panic!("{unsaid:?}")
    };
    assert_eq!(skip.reason, "offsets count pages");
    let refused = judged("file\nrefused: it would hit the harness\nok\nok\nno file\n");
    assert_eq!(refused.verdict, Verdict::Refused(1));
    let cut = judged("file\nmap\nno file\n");
    assert!(matches!(cut.verdict, Verdict::Incomplete(_)));
    let idle = judged("file\nmap\nnot-fired\nok\nno file\n");
    assert_eq!(idle.verdict, Verdict::NotFired(2));
    for judged in [unsaid, refused, cut, idle] {
        assert_eq!(judged.observed, None);
        assert_eq!(judged.recorded.as_deref(), Some("  x\n"));
    }
}

/// A fault that nothing met stands before the step that never came to it, and follows from it.
#[test]
fn that_nothing_met_a_fault_follows_from_what_went_wrong() {
    let text = "file\nnot-fired\nx\"00\"\nok\nfile unchanged\n";
    let recorded = block(text);
    let alone = entry("eof::*", "x\"00\"");
    let found = verdict(done(text), Recorded::Block(&recorded), &known(&alone));
    assert!(matches!(found, Verdict::ChangedKnown(..)), "{found:?}");
    let with_rest = alone.replace("reason", "rest = 'follows'\nreason");
    let found = verdict(done(text), Recorded::Block(&recorded), &known(&with_rest));
    assert!(matches!(found, Verdict::Known(..)), "{found:?}");
}

#[test]
fn each_verdict_has_its_sentence() {
    let skip = Skip {
        need: Some("root".into()),
        reason: "needs root".into(),
    };
    let all = [
        Verdict::Pass,
        Verdict::Violation(vec![]),
        Verdict::Changed,
        Verdict::Unrecorded(Nearest::None),
        Verdict::Unrecorded(Nearest::Agrees),
        Verdict::Unrecorded(Nearest::Differs),
        Verdict::Known(vec![], vec![]),
        Verdict::Unexplained(vec![]),
        Verdict::ChangedKnown(vec![], vec![]),
        Verdict::Skipped(skip),
        Verdict::Incomplete("the worker ended".into()),
        Verdict::Refused(1),
        Verdict::NotFired(1),
    ];
    let lines: Vec<String> = all.iter().map(Verdict::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    as the rule allows, and as recorded
    the rule does not allow this
    not what was recorded here
    as the rule allows; nothing is recorded of it here
    as the rule allows; no record fits this machine, the nearest says the same
    as the rule allows; no record fits this machine, the nearest says otherwise
    the rule does not allow this; it is known and tolerated
    the rule does not allow this; it is recorded here, and nothing explains it
    the rule does not allow this, and it is not the deviation that is tolerated
    skipped: needs root
    not run to its end: the worker ended
    a step was refused: it would hit the harness, and the case is not `reckless`
    nothing met the fault: what came of the case says nothing about it
    ");
}
