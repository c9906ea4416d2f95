//! How fast random cases are drawn, run and held against the model, beside the same cases run
//! alone.
//!
//! `cargo bench --bench random`, or `-- --rounds 5 --cases 20000`.
//!
//! - *alone*: the cases are there already, as text; workers run them, and what comes of them is
//!   read and thrown away;
//! - *random*: the same cases are drawn from their seeds, run, and followed by the model.
//!
//! Both take the same way through the frames to as many workers, in turn, round after round, so
//! that a machine that grows slower does so for both; the medians of the ratios are told. At least
//! [`ASKED`] of the speed is asked for; a figure missed is told, and never fails.

use mmapcheck::machine::connection::{Answer, Job};
use mmapcheck::machine::kernel::Start;
use mmapcheck::machine::model::{Model, Reading};
use mmapcheck::machine::pool::Config;
use mmapcheck::random::{Hunt, Order, Other, Scope, Shape, draw};
use std::time::{Duration, Instant};

/// Which part of the speed of running cases alone is asked for.
const ASKED: f64 = 0.8;

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1).filter(|w| w != "--bench");
    let (mut rounds, mut cases) = (7, 8000);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number: u64 = value.parse().map_err(|e| format!("{value}: {e}"))?;
        match word.as_str() {
            "--rounds" => rounds = number.max(1),
            "--cases" => cases = number.max(100),
            _ => return Err(format!("unknown argument `{word}`")),
        }
    }
    let config = config();
    let (platform, _) = config.ask(&[])?;
    let model = Model::of(&platform, Reading::Linux)?;
    println!(
        "{rounds} rounds of {cases} cases, {} workers; medians",
        config.jobs
    );
    println!("{:10}{:>12}{:>12}{:>9}", "", "alone/s", "random/s", "part");
    for (name, shape) in [("calls", Shape::Calls), ("programs", Shape::Programs)] {
        let mut found: Vec<[f64; 3]> = Vec::new();
        for round in 0..rounds {
            let seed = round * cases;
            let texts = (seed..seed + cases).map(|s| draw::text(s, shape, Scope::Modelled));
            let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
            let alone = cases as f64 / alone(&config, texts)?;
            let order = Order {
                shape,
                scope: Scope::Modelled,
                seed,
                count: cases,
            };
            let random = cases as f64 / hunted(&config, &model, order)?;
            found.push([alone, random, random / alone]);
        }
        let [alone, random, part] = [0, 1, 2].map(|i| median(found.iter().map(|f| f[i])));
        let verdict = if part >= ASKED { "reached" } else { "missed" };
        println!("{name:10}{alone:>12.0}{random:>12.0}{part:>9.2}  {verdict}");
    }
    println!("asked: at least {ASKED} of the speed of the same cases alone");
    Ok(())
}

fn config() -> Config {
    Config {
        command: vec![env!("CARGO_BIN_EXE_mmapcheck").into(), "worker".into()],
        start: Start {
            cpu: Some(0),
            ..Start::in_folder(std::env::temp_dir())
        },
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        idle: 0,
        silence: Duration::from_secs(60),
    }
}

/// How many seconds it takes to run the cases and nothing else.
fn alone(config: &Config, texts: Vec<String>) -> Result<f64, String> {
    let jobs = texts.into_iter().enumerate();
    let jobs = jobs.map(|(n, text)| Job::new(n, text));
    let began = Instant::now();
    let mut incomplete = 0;
    config.run(vec![config.lane(jobs)], &mut |_, answer| {
        incomplete += u64::from(matches!(answer, Answer::Incomplete(_)));
    })?;
    match incomplete {
        0 => Ok(began.elapsed().as_secs_f64()),
        n => Err(format!("{n} cases were not run to their end")),
    }
}

/// How many seconds it takes to draw them too, and to hold them against the model.
fn hunted(config: &Config, model: &Model, order: Order) -> Result<f64, String> {
    let hunt = Hunt {
        config,
        other: Other::Model(model),
        order,
        most: 0,
    };
    let began = Instant::now();
    let tally = hunt.run(&mut |_, _| {})?;
    let left: u64 = tally.unmodelled.values().sum();
    match tally.held + left == order.count {
        true => Ok(began.elapsed().as_secs_f64()),
        false => Err(format!("{} cases came back", tally.held + left)),
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
