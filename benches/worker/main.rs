//! What a run through `--worker` costs beside one without.
//!
//! `cargo bench --bench worker`, or `cargo bench --bench worker -- --rounds 9 --dir /dev/shm mmap`.
//!
//! The program is run as a person runs it, on the tables that it carries without most of their
//! grids, or on the cases that a filter names. In each round it is run twice, once as it is, and
//! once with itself as the command of a worker elsewhere; who begins changes from round to round.
//! The clock and the CPU time of the program and all its children are taken, and the medians of
//! the ratios are told. A figure missed is told too, and never fails: machines differ.

#[path = "../throughput/cost.rs"]
#[expect(dead_code, reason = "here no loop is told")]
mod cost;

use std::process::{Command, Stdio};
use std::time::Instant;

/// How much more a run through `--worker` may cost.
const ASKED: f64 = 1.05;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmapcheck");

/// What is asked for on the command line.
struct Options {
    rounds: usize,
    dir: Option<String>,
    filter: Vec<String>,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Options {
            rounds: 5,
            dir: None,
            filter: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                // cargo adds it.
                "--bench" => {}
                "--rounds" => {
                    let text = value()?;
                    options.rounds = text.parse().map_err(|e| format!("{text}: {e}"))?;
                }
                "--dir" => options.dir = Some(value()?),
                flag if flag.starts_with('-') => return Err(format!("unknown argument `{flag}`")),
                _ => options.filter.push(word),
            }
        }
        match options.rounds {
            0 => Err("at least 1 round".to_owned()),
            _ => Ok(options),
        }
    }
}

/// What one run took, in seconds, and its last words without that.
struct Took {
    clock: f64,
    cpu: f64,
    told: String,
}

fn main() -> Result<(), String> {
    let options = Options::read()?;
    let mut rounds: Vec<[Took; 2]> = Vec::new();
    for round in 0..options.rounds {
        let (own, elsewhere) = match round % 2 {
            0 => {
                let own = run(false, &options)?;
                (own, run(true, &options)?)
            }
            _ => {
                let elsewhere = run(true, &options)?;
                (run(false, &options)?, elsewhere)
            }
        };
        if own.told != elsewhere.told {
            return Err(format!(
                "the two are not the same run:\n  {}\n  {}",
                own.told, elsewhere.told
            ));
        }
        rounds.push([own, elsewhere]);
    }
    let median = |of: &dyn Fn(&[Took; 2]) -> f64| {
        let mut numbers: Vec<f64> = rounds.iter().map(of).collect();
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    println!("{} rounds; medians; {}", rounds.len(), rounds[0][0].told);
    println!("{:22}{:>10}{:>10}", "", "seconds", "CPU s");
    for (n, name) in ["as it is", "through --worker"].into_iter().enumerate() {
        let (clock, cpu) = (median(&|r| r[n].clock), median(&|r| r[n].cpu));
        println!("{name:22}{clock:>10.2}{cpu:>10.2}");
    }
    let clock = median(&|r| r[1].clock / r[0].clock);
    let cpu = median(&|r| r[1].cpu / r[0].cpu);
    let verdict = |ratio: f64| if ratio <= ASKED { "reached" } else { "missed" };
    println!(
        "asked: at most {ASKED} times as much; by the clock {clock:.3} ({}), in CPU time {cpu:.3} ({})",
        verdict(clock),
        verdict(cpu)
    );
    Ok(())
}

/// Runs the program once.
fn run(elsewhere: bool, options: &Options) -> Result<Took, String> {
    let mut command = Command::new(PROGRAM);
    command
        .args(["run", "--sample", "2%"])
        .args(&options.filter);
    if let Some(dir) = &options.dir {
        command.args(["--dir", dir]);
    }
    if elsewhere {
        command.args(["--worker", &format!("'{PROGRAM}' worker")]);
    }
    let before = cost::taken();
    let began = Instant::now();
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("{PROGRAM}: {e}"))?;
    let clock = began.elapsed().as_secs_f64();
    let cpu = cost::taken().children - before.children;
    let out = String::from_utf8_lossy(&done.stdout);
    // The last words may go over several lines.
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    let closing = lines.iter().rposition(|l| l.contains(" passed, "));
    let closing = closing.map_or(String::new(), |n| lines[n..].join(" "));
    let told = closing.split_once(" in ");
    match told {
        Some((told, _)) => Ok(Took {
            clock,
            cpu,
            told: told.to_owned(),
        }),
        None => Err(format!("it did not come to its end:\n{out}")),
    }
}
