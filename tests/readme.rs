//! The README tells the truth: its commands can be typed, its transcripts are what is printed, its
//! table loads and its claims hold.

use clap::Parser;
use mmapcheck::cli::{Cli, Command};
use std::path::Path;
use std::process::Output;

const README: &str = include_str!("../README.md");

/// The fenced blocks of this kind, in order, with where each ends.
fn blocks(kind: &str) -> Vec<(usize, &'static str)> {
    let fence = format!("```{kind}\n");
    let starts = README.match_indices(&fence).map(|(at, f)| at + f.len());
    starts
        .map(|at| {
            let len = README[at..].find("```").expect("a block without an end");
            (at + len, &README[at..at + len])
        })
        .collect()
}

/// The first block of this kind after a place.
fn block_after(kind: &str, at: usize) -> &'static str {
    let (_, text) = blocks(kind)
        .into_iter()
        .find(|(end, _)| *end > at)
        .expect("a block");
    text
}

/// The lines of the shell blocks that call the program, as words; each with the end of its block.
fn commands() -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (end, text) in blocks("sh") {
        for line in text.lines() {
            let own = line.starts_with("mmapcheck ");
            let cargo = line.strip_prefix("cargo run --release -- ");
            if let Some(line) = cargo.map(|rest| format!("mmapcheck {rest}")) {
                found.push((end, shlex::split(&line).expect("words")));
            } else if own {
                found.push((end, shlex::split(line).expect("words")));
            }
        }
    }
    found
}

fn mmapcheck(args: &[String], dir: &Path) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_mmapcheck"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_command_can_be_typed() {
    let commands = commands();
    assert!(commands.len() > 8);
    for (_, words) in commands {
        if let Err(e) = Cli::try_parse_from(&words) {
            panic!("{words:?}: {e}");
        }
    }
}

#[test]
fn what_it_explains_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut explained = 0;
    for (_, words) in commands() {
        let cli = Cli::try_parse_from(&words).unwrap();
        if let Command::Explain(_) = cli.command {
            let said = mmapcheck(&words[1..], top);
            assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
            explained += 1;
        }
    }
    assert!(explained > 0);
}

#[test]
fn a_question_has_the_answer_that_is_shown() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked = 0;
    for (end, words) in commands() {
        if words[1] == "try" {
            let said = mmapcheck(&words[1..], top);
            assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
            assert_eq!(text(&said.stdout), block_after("text", end));
            asked += 1;
        }
    }
    assert!(asked > 0);
}

/// The sample, in the folder and file that the README says, changed in a word.
fn sample(from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("my")).unwrap();
    let (_, table) = blocks("toml")[0];
    assert!(table.contains(from), "{from}");
    let table = table.replace(from, to);
    std::fs::write(dir.path().join("my/growth.toml"), table).unwrap();
    dir
}

#[test]
fn the_table_holds_and_is_recorded_as_shown() {
    let dir = sample("", "");
    let said = mmapcheck(&words("run --cases my --bless"), dir.path());
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stdout));
    assert!(text(&said.stdout).contains("0 passed, 0 failed, 4 unrecorded"));
    let mut recorded = String::new();
    for home in std::fs::read_dir(dir.path().join("snapshots")).unwrap() {
        let file = home.unwrap().path().join("growth.snap");
        recorded += &std::fs::read_to_string(file).unwrap();
    }
    let shown = block_after("text", README.find("## Read a snapshot").unwrap());
    assert!(recorded.contains(shown), "{recorded}");
}

#[test]
fn a_wrong_word_is_shown_as_shown() {
    let dir = sample("\"MAP_PRIVATE\"", "\"MAP_PRIVAT\"");
    let said = mmapcheck(&words("run --cases my"), dir.path());
    assert_eq!(said.status.code(), Some(2));
    let shown = blocks("text").into_iter().map(|(_, t)| t);
    let shown: Vec<&str> = shown.filter(|t| t.starts_with("error:")).collect();
    assert_eq!(shown.len(), 1);
    let stderr = text(&said.stderr);
    assert!(stderr.contains(shown[0].trim_end()), "{stderr}");
}

#[test]
fn its_links_lead_somewhere() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1);
    for link in links.filter_map(|rest| rest.split(')').next()) {
        assert!(top.join(link).exists(), "{link}");
    }
}

#[test]
fn ci_runs_the_command_that_it_names() {
    let ci = include_str!("../.ci/run");
    assert!(blocks("sh").iter().any(|(_, t)| *t == "cargo test\n"));
    assert!(ci.lines().any(|line| line == "cargo test"), "{ci}");
}
