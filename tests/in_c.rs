//! Cases as C programs: each compiles without a warning and, run as an ordinary user, prints what
//! the case left when it was run here.

use mmapcheck::case::{Case, Door, Need, Scale};
use mmapcheck::report::c_program;
use mmapcheck::suite::{Filter, Plan};
use mmapcheck::table;
use mmapcheck::transcript::parted;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmapcheck");

/// A user without rights, whom the system does not know.
const SOMEBODY: u32 = 0x4d4d_5555;

/// The results of a run of these cases, and what the machine's units are worth.
fn results(ids: &[String], dir: &Path) -> (Vec<Value>, Scale) {
    let file = dir.join("results.jsonl");
    let report = format!("json={}", file.display());
    Command::new(PROGRAM)
        .args(["run", "--exact", "--report", &report])
        .args(ids)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let number = |key: &str| lines[0]["platform"][key].as_u64().unwrap();
    let scale = Scale {
        page: number("page"),
        huge: number("huge"),
        ram: number("ram"),
        top: number("top"),
        min_addr: number("min-addr"),
        bits: number("bits") as u32,
    };
    (lines, scale)
}

/// A sample: of every table its first case, and of every call the first case that makes it.
fn sample(plan: &Plan<'_>) -> Vec<Case> {
    let (mut tables, mut calls) = (BTreeSet::new(), BTreeSet::new());
    let mut chosen = Vec::new();
    for index in 0..plan.len() {
        let case = plan.case(index);
        let table = case.id.split("::").next().unwrap_or_default().to_owned();
        let mut is_new = tables.insert(table);
        for step in &case.program.steps {
            is_new |= calls.insert(step.call.name);
        }
        if is_new {
            chosen.push(case);
        }
    }
    chosen
}

/// Compiles and runs one program: what it prints.
fn shown(text: &str, dir: &Path) -> Result<Output, String> {
    let (source, program) = (dir.join("case.c"), dir.join("case"));
    std::fs::write(&source, text).unwrap();
    let cc = Command::new("cc")
        .args(["-Wall", "-Werror", "-pthread", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    if !cc.status.success() {
        return Err(String::from_utf8_lossy(&cc.stderr).into_owned());
    }
    let mut command = Command::new("timeout");
    command.args(["60"]).arg(&program).current_dir(dir);
    if nix::unistd::geteuid().is_root() {
        command.uid(SOMEBODY).gid(SOMEBODY);
    }
    Ok(command.output().unwrap())
}

#[test]
fn a_program_prints_what_the_case_left() {
    let dir = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let tables = table::load(&table::read_folder(&folder).unwrap()).unwrap();
    let cases = sample(&Plan::new(&tables, &Filter::default()));
    let ids: Vec<String> = cases.iter().map(|c| c.id.clone()).collect();
    let (results, scale) = results(&ids, dir.path());
    let (mut held, mut wrong) = (0, Vec::new());
    for case in &cases {
        let id = &case.id;
        let result = results.iter().find(|r| r["id"] == *id);
        let Some(answer) = result.and_then(|r| r["answer"].as_array()) else {
            continue;
        };
        // The program runs as an ordinary user, whatever the case did.
        if case.needs.iter().any(Need::brings_root) {
            continue;
        }
        let Ok(text) = c_program(case, &scale, Door::Raw) else {
            continue;
        };
        let printed = match shown(&text, dir.path()) {
            Ok(done) => String::from_utf8_lossy(&done.stdout).into_owned(),
            Err(why) => why,
        };
        let answer: Vec<&str> = answer.iter().filter_map(Value::as_str).collect();
        // What is recorded of a grid does not repeat the arguments.
        let same = match case.is_grid {
            true => (printed.lines().map(|l| parted(l).1)).eq(answer.iter().map(|l| parted(l).1)),
            false => printed.lines().eq(answer.iter().copied()),
        };
        if same {
            held += 1;
        } else {
            wrong.push(format!("{id}\n{printed}---\n{}\n", answer.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held >= 30, "only {held} of {} were held", cases.len());
}
