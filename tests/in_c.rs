//! Cases as C programs: each compiles without a warning and, run as an ordinary user, prints what
//! the case left when it was run here.

use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmapcheck");

/// A user without rights, whom the system does not know.
const SOMEBODY: u32 = 0x4d4d_5555;

/// The results of a run of these cases.
fn results(ids: &[String], dir: &Path) -> Vec<Value> {
    let file = dir.join("results.jsonl");
    let report = format!("json={}", file.display());
    Command::new(PROGRAM)
        .args(["run", "--exact", "--report", &report])
        .args(ids)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap());
    lines.filter(|l: &Value| l["type"] == "case").collect()
}

/// A sample: of every table its first case, of all cases every 83rd, and of every call the first
/// that makes it.
fn sample() -> Vec<String> {
    let list = |more: &[&str]| {
        let done = Command::new(PROGRAM)
            .arg("list")
            .args(more)
            .output()
            .unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut ids = BTreeSet::new();
    let mut tables = BTreeSet::new();
    for (n, id) in list(&[]).into_iter().enumerate() {
        let table = id.split("::").next().unwrap_or_default().to_owned();
        if tables.insert(table) || n % 83 == 0 {
            ids.insert(id);
        }
    }
    for call in mmapcheck::case::call::all() {
        ids.extend(list(&["--call", call.name]).into_iter().next());
    }
    ids.into_iter().collect()
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
    let ids = sample();
    let (mut held, mut wrong) = (0, Vec::new());
    for result in results(&ids, dir.path()) {
        let (Some(id), Some(answer)) = (result["id"].as_str(), result["answer"].as_array()) else {
            continue;
        };
        let made = Command::new(PROGRAM).args(["c", id]).output().unwrap();
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).into_owned();
            assert!(why.contains("can't be said in C alone: "), "{id}: {why}");
            continue;
        }
        let text = String::from_utf8(made.stdout).unwrap();
        let printed = match shown(&text, dir.path()) {
            Ok(done) => String::from_utf8_lossy(&done.stdout).into_owned(),
            Err(why) => why,
        };
        let answer: Vec<&str> = answer.iter().filter_map(Value::as_str).collect();
        if printed.lines().eq(answer.iter().copied()) {
            held += 1;
        } else {
            wrong.push(format!("{id}\n{printed}---\n{}\n", answer.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held >= 40, "only {held} of {} were held", ids.len());
}
