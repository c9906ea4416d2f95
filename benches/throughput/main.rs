//! How many plain cases are run in a second, beside loops that do the same bare.
//!
//! `cargo bench`, or `cargo bench --bench throughput -- --rounds 21 --cases 5000 --dir /dev/shm`.
//!
//! A plain case opens a file, maps it, loads, stores and unmaps; it goes the whole way, from the
//! runner through the frames to a worker, its child, and back. The yardsticks are loops in a small
//! process of their own, each kept on one CPU like a worker:
//!
//! - *fork*: fork, _exit and wait, and nothing else;
//! - *calls*: the same, and in the child what a plain case does: make the file, give it a page,
//!   map, load, store, unmap, unlink.
//!
//! Neither writes down what it does, watches over its child, or reads the file afterwards. All are
//! run in turn, round after round, so that a machine that grows slower does so for all; medians
//! are told. A figure missed is told too, and never fails: machines differ.
//!
//! Two things are measured of each. The clock runs over what happens between the first turn and
//! the last, and feels all else that the machine does meanwhile. The CPU time is what a loop's or
//! worker's process and all its children took, from their start to their end, by the kernel's
//! account (`getrusage(RUSAGE_CHILDREN)`): it is what a case costs, whoever else is there. The
//! runner, which one has for all workers, is told apart from them.

mod cost;
mod yardstick;

use cost::Cost;

use mmapcheck::machine::connection::{Answer, Job};
use mmapcheck::machine::kernel::Start;
use mmapcheck::machine::pool::Config;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use yardstick::Loop;

/// How much slower than the loop with the same calls a plain case may be.
const ASKED: f64 = 1.3;

const CASE: &str = "open file = open(file, O_RDWR)\n\
    own map = mmap(NULL, 1page, PROT_READ|PROT_WRITE, MAP_SHARED, file, 0)\n\
    step load(map, 1)\n\
    step store(map, \"x\")\n\
    step munmap(map, 1page)\n";

/// What is asked for on the command line.
struct Options {
    rounds: usize,
    cases: usize,
    dir: PathBuf,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Options {
            rounds: 11,
            cases: 3000,
            dir: std::env::temp_dir(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            let number = |text: String| text.parse().map_err(|e| format!("{text}: {e}"));
            match word.as_str() {
                // cargo adds it.
                "--bench" => {}
                "--rounds" => options.rounds = number(value()?)?,
                "--cases" => options.cases = number(value()?)?,
                "--dir" => options.dir = value()?.into(),
                _ => return Err(format!("unknown argument `{word}`")),
            }
        }
        if options.rounds == 0 || options.cases < 100 {
            return Err("at least 1 round, of at least 100 cases".to_owned());
        }
        Ok(options)
    }
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Bare(Loop),
    Cases,
}

const ALL: [(What, &str); 3] = [
    (What::Bare(Loop::Fork), "fork, _exit, wait"),
    (What::Bare(Loop::Calls), "the same with the calls"),
    (What::Cases, "mmapcheck, a plain case"),
];

fn main() -> Result<(), String> {
    if let Some(result) = yardstick::asked_for() {
        return result;
    }
    let options = Options::read()?;
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut widths = vec![1];
    if cpus > 1 {
        widths.push(cpus);
    }
    println!(
        "{} rounds of {} cases in {}; medians",
        options.rounds,
        options.cases,
        options.dir.display()
    );
    for width in widths {
        table(width, &options)?;
    }
    Ok(())
}

/// Times all three with `width` processes at once, and prints what they took.
fn table(width: usize, options: &Options) -> Result<(), String> {
    let mut rounds: Vec<[Cost; 3]> = Vec::new();
    for _ in 0..options.rounds {
        let mut round = [Cost::default(); 3];
        for (cost, (what, _)) in round.iter_mut().zip(ALL) {
            *cost = match what {
                What::Bare(which) => yardstick::time(which, width, options.cases, &options.dir)?,
                What::Cases => cases(width, options)?,
            };
        }
        rounds.push(round);
    }
    let column = |of: &dyn Fn(&[Cost; 3]) -> f64| median(rounds.iter().map(of).collect());
    match width {
        1 => println!("\none process on one CPU"),
        _ => println!("\n{width} at once, each on a CPU of its own"),
    }
    println!(
        "{:26}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "", "cases/s", "µs/case", "× calls", "CPU µs", "× calls"
    );
    for (i, (_, name)) in ALL.iter().enumerate() {
        let clock = column(&|r| r[i].clock);
        println!(
            "{name:26}{:>9.0}{:>9.1}{:>9.2}{:>9.1}{:>9.2}",
            1.0 / clock,
            clock * 1e6,
            column(&|r| r[i].clock / r[1].clock),
            column(&|r| r[i].cpu) * 1e6,
            column(&|r| r[i].cpu / r[1].cpu),
        );
    }
    let runner = column(&|r| r[2].runner) * 1e6;
    println!("the runner takes {runner:.1} µs of CPU time for a case besides");
    let verdict = |ratio: f64| if ratio <= ASKED { "reached" } else { "missed" };
    let (clock, cpu) = (
        column(&|r| r[2].clock / r[1].clock),
        column(&|r| r[2].cpu / r[1].cpu),
    );
    println!(
        "asked: at most {ASKED} times the loop with the calls; by the clock {clock:.2} ({}), in CPU time {cpu:.2} ({})",
        verdict(clock),
        verdict(cpu)
    );
    Ok(())
}

/// What a plain case costs, over all workers. The middle eight tenths of the run are timed:
/// starting workers and ending them is not what a case costs. Their CPU time is that of the whole
/// run.
fn cases(width: usize, options: &Options) -> Result<Cost, String> {
    let config = Config {
        command: vec![env!("CARGO_BIN_EXE_mmapcheck").into(), "worker".into()],
        start: Start {
            cpu: Some(0),
            ..Start::in_folder(&options.dir)
        },
        jobs: width,
        idle: 0,
        silence: Duration::from_secs(60),
    };
    let count = options.cases * width;
    let jobs = (0..count).map(|index| Job::new(index, CASE.to_owned()));
    let mut came = Vec::with_capacity(count);
    let mut wrong = None;
    let before = cost::taken();
    config.run(vec![config.lane(jobs)], &mut |_, answer| {
        came.push(Instant::now());
        wrong = wrong.take().or(wrongly(answer));
    })?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let after = cost::taken();
    let (from, to) = (count / 10, count - count / 10 - 1);
    Ok(Cost {
        clock: came[to].duration_since(came[from]).as_secs_f64() / (to - from) as f64,
        cpu: (after.children - before.children) / count as f64,
        runner: (after.own - before.own) / count as f64,
    })
}

/// What is wrong with an answer: a fast case that does nothing would be no case.
fn wrongly(answer: Answer) -> Option<String> {
    const RIGHT: &str = "file\nmap\nx\"00\"\nok\nok\nfile = \"x\" + x\"00\"*(1page - 1)\n";
    match answer {
        Answer::Ran(transcript, _) if transcript.to_string() == RIGHT => None,
        Answer::Ran(transcript, _) => Some(format!("a plain case came out as\n{transcript}")),
        Answer::Incomplete(why) => Some(why),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
