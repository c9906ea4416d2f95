//! Each case that expects an error gets it for the one reason that it states: what breaks the rule
//! is set right, and then the call succeeds.

use mmapcheck::apart::{Apart, Fault, Reach, take_apart};
use mmapcheck::machine::kernel::Start;
use mmapcheck::machine::pool::{Config, IDLE};
use mmapcheck::suite::{Filter, Partition, Plan};
use mmapcheck::table::{self, Source};
use std::path::Path;
use std::time::Duration;

fn apart(sources: &[Source], part: Option<Partition>) -> Vec<Fault> {
    let tables = table::load(sources).unwrap_or_else(|wrong| {
        let texts: Vec<String> = wrong.iter().map(|d| d.render(false)).collect();
        panic!("{}", texts.join("\n\n"));
    });
    let config = Config {
        command: vec![env!("CARGO_BIN_EXE_mmapcheck").into(), "worker".into()],
        start: Start::in_folder(std::env::temp_dir()),
        jobs: 2,
        idle: IDLE,
        silence: Duration::from_secs(60),
    };
    let plan = Plan::new(&tables, &Filter::default());
    let (_, unmet) = config.ask(&plan.needs()).unwrap();
    let takes = |id: &str| part.is_none_or(|p| p.holds(|| id.to_owned(), 0));
    take_apart(&tables, takes, &config, &unmet).unwrap()
}

/// How the faults of one case, given as the text that follows its name, are taken apart.
fn of(case: &str) -> Vec<Apart> {
    let text = format!("title = 'T'\ncite = 'x'\n[[case]]\nname = 'a'\nwhy = 'because'\n{case}\n");
    let source = Source {
        stem: "t".to_owned(),
        path: "t.toml".to_owned(),
        text,
    };
    apart(&[source], None)
        .into_iter()
        .map(|f| f.apart)
        .collect()
}

fn by(what: &str) -> Apart {
    Apart::Set(Reach::Call, what.to_owned())
}

#[test]
fn each_of_the_project_s_cases_has_one_cause() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    // `mmapcheck apart` takes them all.
    let part = Some(Partition::Hash(1, 4));
    let faults = apart(&table::read_folder(&cases).unwrap(), part);
    let wrong: Vec<String> = faults
        .iter()
        .filter(|f| f.apart.is_wrong())
        .map(|f| format!("{} step {}: {:?}", f.id, f.step + 1, f.apart))
        .collect();
    assert!(
        wrong.is_empty(),
        "{}\nNothing that is set right makes these succeed. Is something else wrong with them? Two \
         faults are told by `pair = true`; what can't be set right, by `apart = \"why\"`.",
        wrong.join("\n")
    );
    let told = |f: &&Fault| matches!(f.apart, Apart::Told(_) | Apart::Skipped(_));
    let untold = faults.len() - faults.iter().filter(told).count();
    assert!(
        untold > 500,
        "only {untold} of {} are taken apart",
        faults.len()
    );
}

/// It passes, for another reason than the one that it states.
#[test]
fn a_second_fault_is_found() {
    let wrong = "length = '0'\nflags = '0'\nexpect = 'EINVAL'";
    assert_eq!(of(wrong), [Apart::Not]);
    let wrong = "then = ['munmap(map + 1, 0) = EINVAL']";
    assert_eq!(of(wrong), [Apart::Not]);
    let right = "length = '0'\nexpect = 'EINVAL'";
    assert_eq!(of(right), [by("length")]);
}

#[test]
fn two_faults_are_told() {
    let both = "pair = true\nlength = '0'\nflags = '0'\nexpect = 'EINVAL'";
    let two = |a: &str, b: &str| [Apart::Both(a.to_owned(), b.to_owned())];
    assert_eq!(of(both), two("flags", "length"));
    let square = "pair = true\nlength = ['0', '1page']\nflags = ['0', 'MAP_SHARED']\n\
                  expect = [{ when = { length = '1page', flags = 'MAP_SHARED' }, is = 'ok' }, { is = 'EINVAL' }]";
    let axis = |a: &str| Apart::Axis(a.to_owned());
    let pair = Apart::Axes("length".to_owned(), "flags".to_owned());
    assert_eq!(of(square), [pair, axis("length"), axis("flags")]);
    // Where the table does not say that there are two, one too many is found.
    assert_eq!(of(&square.replacen("pair = true\n", "", 1))[0], Apart::Not);
    // Three are not two.
    let three = "pair = true\nlength = '0'\noffset = '1'\nflags = '0'\nexpect = 'EINVAL'";
    assert_eq!(of(three), [Apart::Not]);
}

#[test]
fn the_cause_may_lie_before_the_call() {
    let hole = "addr = 'arena + 16page'\nflags = 'MAP_SHARED|MAP_FIXED'\nfile = { size = '3page' }\n\
                then = ['munmap(map + 1page, 1page)', 'mprotect(map, 3page, PROT_READ) = ENOMEM']";
    let apart = of(hole);
    assert!(matches!(&apart[..], [Apart::Set(..)]), "{apart:?}");
    let closed = "then = ['close(file)', 'size(file) = EBADF']";
    let without = Apart::Set(Reach::Without, "without close(file)".to_owned());
    assert_eq!(of(closed), [without]);
    let not_open = "open = 'O_RDONLY'\nexpect = 'EACCES'";
    assert!(matches!(&of(not_open)[..], [Apart::Set(Reach::Call, _)]));
}

#[test]
fn what_can_t_be_set_right_is_told_and_only_that() {
    let why = "apart = 'nothing helps'\n";
    let wrong = format!("{why}length = '0'\nflags = '0'\nexpect = 'EINVAL'");
    assert_eq!(of(&wrong), [Apart::Told("nothing helps".to_owned())]);
    let idle = format!("{why}length = '0'\nexpect = 'EINVAL'");
    assert_eq!(of(&idle), [Apart::Idle("length".to_owned())]);
}
