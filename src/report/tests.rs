//! What people see, over verdicts made by hand.

use super::*;
use crate::case::Scale;
use crate::judge::tests::{BAD, GOOD, done, past_eof};
use crate::judge::{Policy, Ran, Require, Skip, judge};
use crate::known::Known;
use crate::known::tests::{entry, list};
use crate::platform::tests::reference_machine;
use crate::snapshot::Recorded;
use crate::transcript::Transcript;

fn block(text: &str) -> String {
    Transcript::parse(text).unwrap().block(&past_eof().program)
}

fn judged(ran: Ran, recorded: Recorded<'_>, known: &Known) -> Judged {
    let scale = Scale::ordinary(4096);
    judge(&past_eof(), ran, recorded, known, &scale, None)
}

fn start() -> Start {
    Start {
        tables: "cases".into(),
        home: "linux-x86_64".into(),
        machine: "Linux 6.18.44, x86_64, pages of 4 KiB, ext4".into(),
        platform: reference_machine(),
        cases: 3,
        command: "mmapcheck run".into(),
    }
}

fn run(width: usize, policy: &Policy, all: &[Judged], stale: &[&Entry]) -> String {
    let mut out = Vec::new();
    let mut human = Human::new(anstream::StripStream::new(&mut out), width, None);
    let mut summary = Summary::default();
    human.event(&Event::Started(&start())).unwrap();
    for judged in all {
        let fails = policy.fails(&judged.verdict);
        summary.add(&judged.verdict, policy);
        let case = past_eof();
        let case = CaseDone {
            case: &case,
            judged,
            fails,
            took: Duration::ZERO,
        };
        human.event(&Event::Case(&case)).unwrap();
    }
    for entry in stale {
        summary.stale += 1;
        human.event(&Event::Stale(entry)).unwrap();
    }
    let end = End {
        summary,
        took: Duration::from_millis(1234),
        bless: Some("snapshots/linux-x86_64".into()),
        blessed: 0,
    };
    human.event(&Event::Finished(&end)).unwrap();
    drop(human);
    String::from_utf8(out).unwrap()
}

fn shown(all: &[Judged]) -> String {
    run(80, &Policy::default(), all, &[])
}

fn skipped(reason: &str) -> Judged {
    let skip = Skip {
        need: Some("root".into()),
        reason: reason.into(),
    };
    judged(Ran::Skipped(skip), Recorded::Unrecorded, &Known::default())
}

fn passed() -> Judged {
    let recorded = block(GOOD);
    judged(done(GOOD), Recorded::Block(&recorded), &Known::default())
}

#[test]
fn a_violation() {
    let recorded = block(GOOD);
    let bad = judged(done(BAD), Recorded::Block(&recorded), &Known::default());
    insta::assert_snapshot!(shown(&[passed(), bad]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ violation  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        load(map + 1page, 1)
        allowed   SIGBUS BUS_ADRERR at map + 1page
        recorded  SIGBUS BUS_ADRERR at map + 1page
        observed  x"00"
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'
        tolerate  list it in ci/known/linux-x86_64.toml, with a reason and a link

    1 passed, 1 failed (1 against the rule) in 1.23 s
    "#);
}

#[test]
fn the_run_is_repeated_where_it_was_made() {
    let bad = judged(done(BAD), Recorded::Unrecorded, &Known::default());
    let mut out = Vec::new();
    let mut human = Human::new(anstream::StripStream::new(&mut out), 120, None);
    let start = Start {
        command: "mmapcheck run --dir /dev/shm".into(),
        ..start()
    };
    human.event(&Event::Started(&start)).unwrap();
    let case = CaseDone {
        case: &past_eof(),
        judged: &bad,
        fails: true,
        took: Duration::ZERO,
    };
    human.event(&Event::Case(&case)).unwrap();
    drop(human);
    let told = String::from_utf8(out).unwrap();
    let again = "again     mmapcheck run --dir /dev/shm --exact 'eof::past-eof[flags=MAP_SHARED]'";
    assert!(told.contains(again), "{told}");
}

#[test]
fn a_violation_that_is_recorded_so() {
    let recorded = block(BAD);
    let bad = judged(done(BAD), Recorded::Block(&recorded), &Known::default());
    assert!(!shown(&[bad]).contains("recorded"));
}

#[test]
fn a_violation_of_the_own_call() {
    let text = "file\nENODEV\nnot reached: map\nnot reached: map\nfile unchanged\n";
    let bad = judged(done(text), Recorded::Unrecorded, &Known::default());
    insta::assert_snapshot!(shown(&[bad]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ violation  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        allowed   ok
        observed  ENODEV
        load(map + 1page, 1)
        allowed   SIGBUS BUS_ADRERR at map + 1page
        observed  not reached: map
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'
        tolerate  list it in ci/known/linux-x86_64.toml, with a reason and a link

    0 passed, 1 failed (1 against the rule) in 1.23 s
    "#);
}

#[test]
fn a_change() {
    let recorded = block(&GOOD.replace("x\"00\"", "\"a\""));
    let bad = judged(done(GOOD), Recorded::Block(&recorded), &Known::default());
    insta::assert_snapshot!(shown(&[bad]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ changed  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        not what was recorded here
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        recorded  load(map, 1) = "a"
        observed  load(map, 1) = x"00"
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'
        accept    `--bless` records what was observed

    0 passed, 1 failed (1 changed) in 1.23 s
    "#);
}

#[test]
fn a_line_that_is_new() {
    let recorded = block(GOOD).replace("  file unchanged\n", "");
    let bad = judged(done(GOOD), Recorded::Block(&recorded), &Known::default());
    let text = shown(&[bad]);
    assert!(text.contains("recorded  nothing of it\n"), "{text}");
    assert!(text.contains("observed  file unchanged\n"), "{text}");
}

#[test]
fn a_difference_where_no_record_fits() {
    let recorded = block(&GOOD.replace("x\"00\"", "\"a\""));
    let fits = Recorded::NoRecordFits(Some(&recorded));
    let other = judged(done(GOOD), fits, &Known::default());
    insta::assert_snapshot!(shown(std::slice::from_ref(&other)), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ≠ differs  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        as the rule allows; no record fits this machine, the nearest says otherwise
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        recorded  load(map, 1) = "a"
        observed  load(map, 1) = x"00"
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'

    0 passed, 0 failed, 1 unrecorded in 1.23 s
    not recorded for linux-x86_64: 1 case, of which nobody can say whether it
      changed; `--bless` writes to snapshots/linux-x86_64
    "#);
    let many: Vec<Judged> = (0..25).map(|_| other.clone()).collect();
    let text = shown(&many);
    assert_eq!(text.matches("≠ differs").count(), 20);
    assert!(text.contains("… and 5 more cases differ"), "{text}");
}

#[test]
fn strict_shows_what_is_unrecorded() {
    let policy = Policy {
        strict: true,
        ..Policy::default()
    };
    let bare = judged(done(GOOD), Recorded::Unrecorded, &Known::default());
    insta::assert_snapshot!(run(80, &policy, &[bare], &[]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ unrecorded  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        as the rule allows; nothing is recorded of it here
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'

    0 passed, 1 failed (1 unrecorded), 1 unrecorded in 1.23 s
    not recorded for linux-x86_64: 1 case, of which nobody can say whether it
      changed; `--bless` writes to snapshots/linux-x86_64
    "#);
}

#[test]
fn another_deviation_than_the_tolerated_one_and_a_stale_one() {
    let text = entry("eof::*", "ENODEV");
    let known = list("linux-x86_64.toml", &text, &reference_machine()).unwrap();
    let bad = judged(done(BAD), Recorded::Unrecorded, &known);
    let stale = known.entry(0).unwrap();
    insta::assert_snapshot!(run(80, &Policy::default(), &[bad], &[stale]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ another deviation  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        load(map + 1page, 1)
        allowed   SIGBUS BUS_ADRERR at map + 1page
        observed  x"00"
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'
        listed    ENODEV  (embedded linux-x86_64.toml:2)

    ✗ stale  eof::*
        what is listed as a known deviation is observed no more
        listed    ENODEV
        reason    why
        at        embedded linux-x86_64.toml:2
        mend      take the entry out of the list

    0 passed, 2 failed (1 deviating otherwise than tolerated, 1 stale) in 1.23 s
    "#);
}

#[test]
fn what_the_harness_failed_on() {
    let refused = "file\nrefused: it would hit the harness\nok\nok\nno file\n";
    let refused = judged(done(refused), Recorded::Unrecorded, &Known::default());
    let cut = Ran::Incomplete("the worker ended\x1b[2J".into());
    let cut = judged(cut, Recorded::Unrecorded, &Known::default());
    insta::assert_snapshot!(shown(&[refused, cut]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ refused  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        a step was refused: it would hit the harness, and the case is not `reckless`
        mmap(NULL, 2page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'
        allow     write `reckless = true` in the case

    ✗ incomplete  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        not run to its end: the worker ended\u{1b}[2J
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'

    0 passed, 1 failed (1 refused), 1 incomplete in 1.23 s
    the harness or the machine failed on some cases: `mmapcheck doctor` looks for
      the cause
    "#);
}

#[test]
fn all_is_well() {
    let text = entry("eof::*", "x\"00\"");
    let known = list("linux-x86_64.toml", &text, &reference_machine()).unwrap();
    let recorded = block(BAD);
    let tolerated = judged(done(BAD), Recorded::Block(&recorded), &known);
    let all = [
        passed(),
        passed(),
        tolerated,
        skipped("needs root"),
        skipped("needs root"),
        skipped("an offset is counted in pages here, and this one is none"),
    ];
    insta::assert_snapshot!(shown(&all), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    skipped 2: needs root
    skipped 1: an offset is counted in pages here, and this one is none
    2 passed, 0 failed, 1 known and tolerated, 3 skipped in 1.23 s
    "#);
}

#[test]
fn a_required_skip() {
    let policy = Policy {
        strict: false,
        require: vec![Require::All],
        bless: false,
    };
    insta::assert_snapshot!(run(80, &policy, &[passed(), skipped("needs root")], &[]), @r#"
    tables: cases; 3 cases on linux-x86_64 (Linux 6.18.44, x86_64, pages of 4 KiB,
            ext4)
    ✗ skipped  eof::past-eof[flags=MAP_SHARED]
        a page wholly past the end of the file has nothing behind it
        skipped: needs root
        rule      POSIX mmap() DESCRIPTION; mmap(2) NOTES
        at        cases/eof.toml:14
        again     mmapcheck run --exact 'eof::past-eof[flags=MAP_SHARED]'

    skipped 1: needs root
    1 passed, 1 failed (1 skipped though required), 1 skipped in 1.23 s
    "#);
}

#[test]
fn nothing_run() {
    let text = shown(&[skipped("needs root")]);
    assert!(
        text.ends_with("nothing was run: every case was skipped\n"),
        "{text}"
    );
    assert!(shown(&[]).ends_with("nothing was run: no case was chosen\n"));
}

#[test]
fn a_narrow_window() {
    let bad = judged(done(BAD), Recorded::Unrecorded, &Known::default());
    let text = run(40, &Policy::default(), &[bad], &[]);
    for line in text.lines() {
        let words = line.split_whitespace().count();
        assert!(
            line.chars().count() <= 40 || words <= 3 || line.contains("again"),
            "{line}"
        );
    }
}

#[test]
fn colour_is_stripped_where_it_is_unwanted_and_only_there() {
    let mut out = Vec::new();
    let mut human = Human::new(&mut out, 80, None);
    human.event(&Event::Started(&start())).unwrap();
    assert!(out.contains(&0x1b));
    assert!(!shown(&[passed()]).contains('\x1b'));
}

#[test]
fn a_closed_pipe_is_told_from_other_errors() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let e = Human::new(Closed, 80, None).event(&Event::Started(&start()));
    assert!(reader_is_gone(&e.unwrap_err()));
    assert!(!reader_is_gone(&io::ErrorKind::StorageFull.into()));
}
