//! `mmapcheck random`.

use super::{Stop, config, run::machine};
use crate::cli::{Place, Random, Via};
use crate::machine::model::{Model, Reading};
use crate::machine::pool::Config;
use crate::random::{Hunt, Order, Other, Scope, Shape, Tally};
use crate::report::{self, Progress};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::time::Instant;

/// Runs random cases and tells which come out otherwise on the other machine.
pub fn random(args: &Random) -> Result<u8, Stop> {
    let first = config(&args.place)?;
    let (platform, _) = first.ask(&[]).map_err(Stop::Failed)?;
    let second = other(args)?;
    let order = Order {
        shape: match (args.calls, args.programs) {
            (true, _) => Shape::Calls,
            (_, true) => Shape::Programs,
            _ => Shape::Both,
        },
        scope: match second {
            Some(_) => Scope::All,
            None => Scope::Modelled,
        },
        seed: args.seed.unwrap_or_else(any_seed),
        count: args.count,
    };
    let mut out = report::out();
    let (model, against) = match &second {
        Some(other) => {
            let (platform, _) = other.ask(&[]).map_err(Stop::Failed)?;
            (None, machine(&platform))
        }
        None => {
            let model = Model::of(&platform, Reading::Linux).map_err(Stop::Usage)?;
            (Some(model), "the model of Linux".to_owned())
        }
    };
    writeln!(out, "{}\nagainst {against}", machine(&platform))?;
    writeln!(out, "{} cases, seed {:#x}", order.count, order.seed)?;
    let hunt = Hunt {
        config: &first,
        other: match (&second, &model) {
            (Some(other), _) => Other::Machine(other),
            (_, Some(model)) => Other::Model(model),
            (None, None) => return Err(Stop::Failed("there is nothing to hold it against".into())),
        },
        order,
        most: usize::from(args.most),
    };
    let began = Instant::now();
    let mut shown = Progress::of_terminal();
    let tally = hunt.run(&mut |done, differ| {
        if let Some(progress) = &mut shown {
            progress.show(done as usize, order.count as usize, differ as usize, "");
        }
    });
    if let Some(progress) = &mut shown {
        progress.clear();
    }
    let tally = tally.map_err(Stop::Failed)?;
    let took = began.elapsed().as_secs_f64();
    let text = differences(&hunt, &tally, args)?;
    out.write_all(text.as_bytes())?;
    summary(&mut out, &tally, took)?;
    Ok(match (tally.differing, tally.incomplete.0) {
        (0, 0) => 0,
        (0, _) => 3,
        _ => 1,
    })
}

/// The machine that it is held against, if that is one.
fn other(args: &Random) -> Result<Option<Config>, Stop> {
    let asked = args.against.is_some() || args.against_via.is_some();
    if !asked && args.against_dir.is_none() {
        return Ok(None);
    }
    let place = Place {
        worker: args.against.clone().or_else(|| args.place.worker.clone()),
        via: args.against_via.unwrap_or(args.place.via),
        dir: args.against_dir.clone().or_else(|| args.place.dir.clone()),
        ..args.place.clone()
    };
    config(&place).map(Some)
}

fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 16
}

/// Each kind of difference with its smallest case.
fn differences(hunt: &Hunt<'_>, tally: &Tally, args: &Random) -> Result<String, Stop> {
    let mut text = String::new();
    for found in hunt.shrink(tally).map_err(Stop::Failed)? {
        let (kind, cases) = &found.kind;
        let cases = report::count(*cases as usize, "case", "cases");
        text.push_str(&format!("\n✗ {kind} ({cases})\n"));
        if !found.again {
            text.push_str("  it did not come again when the case was run again\n");
        }
        text.push_str(&found.toml);
        text.push_str(&format!("# again: {}\n", again(args, found.seed)));
    }
    if tally.kinds.len() > hunt.most {
        let left = tally.kinds.len() - hunt.most;
        text.push_str(&format!(
            "\n{left} more kinds of difference are not shown\n"
        ));
    }
    match &args.keep {
        Some(path) if !text.is_empty() => {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path);
            let written = file.and_then(|mut f| f.write_all(text.as_bytes()));
            written.map_err(|e| Stop::Failed(format!("{}: {e}", path.display())))?;
        }
        _ => {}
    }
    Ok(text)
}

/// The command that draws one case again.
fn again(args: &Random, seed: u64) -> String {
    let mut words = format!("mmapcheck random --count 1 --seed {seed:#x}");
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push_str(&format!(" {flag} {}", report::quoted(&value)));
        }
    };
    let door = |via| match via {
        Via::Raw => "raw".to_owned(),
        Via::Libc => "libc".to_owned(),
    };
    let dir = args.place.dir.as_ref();
    add("--dir", dir.map(|d| d.display().to_string()));
    add("--worker", args.place.worker.clone());
    add("--against", args.against.clone());
    let dir = args.against_dir.as_ref();
    add("--against-dir", dir.map(|d| d.display().to_string()));
    add("--against-via", args.against_via.map(door));
    if args.place.via == Via::Libc {
        words.push_str(" --via libc");
    }
    if args.calls {
        words.push_str(" --calls");
    }
    if args.programs {
        words.push_str(" --programs");
    }
    words
}

fn summary(out: &mut dyn Write, tally: &Tally, took: f64) -> std::io::Result<()> {
    let left: u64 = tally.unmodelled.values().sum();
    let rate = (tally.held + left) as f64 / took.max(0.001);
    writeln!(
        out,
        "\n{} held, {} differ in {} kinds, {left} unmodelled, {} incomplete in {took:.1} s \
         ({rate:.0} a second)",
        tally.held,
        tally.differing,
        tally.kinds.len(),
        tally.incomplete.0,
    )?;
    let mut reasons: Vec<_> = tally.unmodelled.iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (why, n) in reasons.iter().take(12) {
        writeln!(out, "  unmodelled {n}: {why}")?;
    }
    if let Some(why) = &tally.incomplete.1 {
        writeln!(out, "  incomplete: {why}")?;
    }
    Ok(())
}
