//! What could be set right in a program: one argument, or one step that is left out.

use crate::case::bytes::Bytes;
use crate::case::call::{ArgSpec, ArgType, ResultKind};
use crate::case::flags::{Domain, FlagSet};
use crate::case::step::Written;
use crate::case::{Arg, Fd, Program, Quantity, Role, Step, Unit};

/// One thing set right.
#[derive(Debug, Clone)]
pub struct Mend {
    /// What it was: the argument's name, or the step that is left out.
    pub what: String,
    /// The program with that set right, up to the step that is looked at.
    pub program: Program,
}

/// How far from the step that fails a mend lies. The nearest that helps is the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// An argument of the call itself, or how its file is opened.
    Call,
    /// An argument of a step before it.
    Before,
    /// A step before it, which is left out.
    Without,
}

/// How far one looks, the nearest first.
pub const REACHES: [Reach; 3] = [Reach::Call, Reach::Before, Reach::Without];

/// What could be set right so far from the step number `at`.
pub fn mends(program: &Program, at: usize, reach: Reach) -> Vec<Mend> {
    let mut program = program.clone();
    program.steps.truncate(at + 1);
    let mut mends = Vec::new();
    for n in 0..program.steps.len() {
        let Some(step) = program.steps.get(n) else {
            continue;
        };
        match reach {
            Reach::Call if n == at => arguments(&program, n, "", &mut mends),
            Reach::Call if step.role == Role::Open => arguments(&program, n, "open: ", &mut mends),
            Reach::Before if n < at && step.role != Role::Open => {
                let before = match step.role {
                    Role::Own => "own ".to_owned(),
                    _ => format!("{} ", step.call_text()),
                };
                arguments(&program, n, &before, &mut mends);
            }
            Reach::Without if n < at && can_go(&program, n) => {
                let mut without = program.clone();
                without.steps.remove(n);
                mends.push(Mend {
                    what: format!("without {}", step.call_text()),
                    program: without,
                });
            }
            _ => {}
        }
    }
    mends
}

/// Two arguments of one step set right: each alone, and both.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What they were.
    pub what: (String, String),
    /// The programs with the one, the other, and both set right.
    pub programs: [Program; 3],
}

/// Which two arguments of the step number `at`, or of the file's opening, could be set right.
pub fn pairs(program: &Program, at: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for first in mends(program, at, Reach::Call) {
        for second in mends(&first.program, at, Reach::Call) {
            if second.what <= first.what {
                continue;
            }
            let alone = mends(program, at, Reach::Call).into_iter();
            let mut alone = alone.filter(|m| m.what == second.what);
            let same = alone.find(|m| differs_by(&m.program, &second.program, &first.program));
            if let Some(alone) = same {
                pairs.push(Pair {
                    what: (first.what.clone(), second.what),
                    programs: [first.program.clone(), alone.program, second.program],
                });
            }
        }
    }
    pairs
}

/// Whether `one` has where it differs from `first` what `both` has there.
fn differs_by(one: &Program, both: &Program, first: &Program) -> bool {
    let steps = one.steps.iter().zip(&both.steps).zip(&first.steps);
    let mut args = steps.flat_map(|((o, b), f)| o.args.iter().zip(&b.args).zip(&f.args));
    args.all(|((o, b), f)| o == b || b == f)
}

/// Whether no later step needs what this one makes.
fn can_go(program: &Program, n: usize) -> bool {
    let Some(step) = program.steps.get(n) else {
        return false;
    };
    let Some(name) = &step.bind else {
        return true;
    };
    let later = program.steps.iter().skip(n + 1);
    let uses = |arg: &Arg| match arg {
        Arg::Quantity(q) => q.names().any(|n| n == name),
        Arg::Fd(Fd::Name(n)) => {
            n == name
                || n.strip_prefix(name.as_str())
                    .is_some_and(|r| r.starts_with('.'))
        }
        Arg::Actor(n) => n == name,
        _ => false,
    };
    later
        .clone()
        .all(|s| s.actor != *name && !s.args.iter().any(uses))
}

fn arguments(program: &Program, n: usize, before: &str, mends: &mut Vec<Mend>) {
    let Some(step) = program.steps.get(n) else {
        return;
    };
    for (i, (arg, spec)) in step.args.iter().zip(step.call.args).enumerate() {
        let mut tried = vec![arg.clone()];
        for right in ordinary(program, n, step, arg, spec) {
            if tried.contains(&right) {
                continue;
            }
            tried.push(right.clone());
            let mut mended = program.clone();
            let made = maker(program, &right);
            if let Some(arg) = mended.steps.get_mut(n).and_then(|s| s.args.get_mut(i)) {
                *arg = right;
            }
            if let Some(step) = made {
                mended.steps.insert(0, step);
            }
            mends.push(Mend {
                what: format!("{before}{}", spec.name),
                program: mended,
            });
        }
    }
}

/// What an argument is ordinarily, in this place.
fn ordinary(program: &Program, n: usize, step: &Step, arg: &Arg, spec: &ArgSpec) -> Vec<Arg> {
    let pages = |pages| Arg::Quantity(Quantity::of(pages, Unit::Page));
    let before = program.steps.get(..n).unwrap_or_default();
    match (arg, spec.ty) {
        (Arg::Quantity(_), ArgType::Addr | ArgType::Remote | ArgType::Data | ArgType::Buf) => {
            let mut all = match gives_address(step) {
                true => vec![
                    Quantity::default(),
                    Quantity::name("arena").plus(&Quantity::of(16, Unit::Page)),
                ],
                false => Vec::new(),
            };
            all.extend(addresses(before));
            all.push(Quantity::name(THERE));
            // What may be left out is ordinarily nothing.
            all.extend(spec.default.map(|_| Quantity::default()));
            all.into_iter().map(Arg::Quantity).collect()
        }
        (Arg::Quantity(_), ArgType::Offset) if step.args.contains(&memory()) => {
            addresses(before).map(Arg::Quantity).collect()
        }
        (Arg::Quantity(_), ArgType::Len) => {
            let eof = Arg::Quantity(Quantity::of(1, Unit::Eof));
            vec![pages(1), pages(2), eof]
        }
        (Arg::Quantity(_), ArgType::Offset) => vec![pages(0), pages(1)],
        (Arg::Quantity(_), ArgType::Int(..)) => vec![pages(0)],
        (Arg::Quantity(_), ArgType::Mode) => vec![Arg::Quantity(Quantity::of(0o600, Unit::Byte))],
        (Arg::Quantity(_), ArgType::Text) | (_, ArgType::Name) => match Bytes::parse("\"a\"") {
            Ok(word) => vec![Arg::Bytes(word)],
            Err(_) => Vec::new(),
        },
        (Arg::Flags(set), ArgType::Flags(domain)) => flags(set, domain),
        (Arg::Actor(_), _) => vec![Arg::Actor("main".to_owned())],
        (Arg::Fd(_), _) => {
            let named = |name: &str| Arg::Fd(Fd::Name(name.to_owned()));
            let mut all = match (spec.ty, spec.name) {
                (ArgType::Id, _) => vec![named(SEGMENT)],
                (_, "pidfd") => vec![named(PROCESS)],
                _ => vec![named("file")],
            };
            let made = before
                .iter()
                .filter(|s| s.call.result == ResultKind::Descriptor);
            all.extend(made.filter_map(|s| s.bind.as_deref()).map(named));
            all
        }
        _ => Vec::new(),
    }
}

fn gives_address(step: &Step) -> bool {
    let result = step.call.result;
    matches!(result, ResultKind::Address { .. } | ResultKind::Place)
}

/// The addresses that have names by then.
fn addresses(before: &[Step]) -> impl Iterator<Item = Quantity> {
    let made = before.iter().filter(|s| gives_address(s));
    made.filter_map(|s| s.bind.clone()).map(Quantity::name)
}

/// The descriptor in which an offset is an address.
fn memory() -> Arg {
    Arg::Fd(Fd::Name("proc-mem".to_owned()))
}

/// The name of memory that a program is given where an address that it can have is wanted.
const THERE: &str = "there";
/// The name of a segment where a segment is wanted.
const SEGMENT: &str = "segment";
/// The name of a descriptor of the process itself.
const PROCESS: &str = "itself";

/// The step that makes what a mended argument names, where the program has none.
fn maker(program: &Program, arg: &Arg) -> Option<Step> {
    let text = match arg {
        Arg::Quantity(q) if q.names().any(|n| n == THERE) => {
            "there = mmap(arena + 1024page, 16page, PROT_READ|PROT_WRITE, \
             MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)"
        }
        Arg::Fd(Fd::Name(n)) if n == SEGMENT => {
            "segment = shmget(IPC_PRIVATE, 2page, IPC_CREAT|S_IRUSR|S_IWUSR)"
        }
        Arg::Fd(Fd::Name(n)) if n == PROCESS => "itself = pidfd(main)",
        Arg::Fd(Fd::Name(n)) if n == "file" => "file = open(file, O_RDWR, 0600)",
        _ => return None,
    };
    let step = Written::parse(text).ok()?.step;
    let is_there = |s: &Step| s.bind == step.bind && s.actor == step.actor;
    (!program.steps.iter().any(is_there)).then_some(step)
}

/// A flag word without one of its flags, or one flag alone.
fn flags(set: &FlagSet, domain: &'static Domain) -> Vec<Arg> {
    let mut all = Vec::new();
    if set.extra != 0 {
        all.push(FlagSet {
            extra: 0,
            ..set.clone()
        });
    }
    for name in &set.names {
        let mut less = set.clone();
        less.names.retain(|n| n != name);
        all.push(less);
    }
    // Of exclusive flags another one. What changes more than one thing is no ordinary value.
    let ordinary: &[&str] = match () {
        () if domain.find("MAP_SHARED").is_some() => &["MAP_SHARED", "MAP_PRIVATE"],
        () if domain.find("O_RDWR").is_some() => &["O_RDWR", "O_CREAT"],
        () => &[],
    };
    let others = domain.flags.iter().map(|(name, _)| *name);
    let others = others.filter(|n| ordinary.is_empty() || ordinary.contains(n));
    for name in others {
        all.push(FlagSet::of(domain, &[name]));
        let mut more = set.names.clone();
        more.push(name);
        let more = FlagSet::of(domain, &more);
        all.push(FlagSet {
            extra: set.extra,
            ..more.clone()
        });
        all.push(more);
        for own in &set.names {
            let mut other: Vec<&str> = set.names.iter().copied().filter(|n| n != own).collect();
            other.push(name);
            all.push(FlagSet::of(domain, &other));
        }
    }
    // Reading and writing, which one asks for together.
    all.push(FlagSet::of(domain, &["PROT_READ", "PROT_WRITE"]));
    all.into_iter()
        .map(|set| match set == FlagSet::default() {
            true => FlagSet::parse("0", domain).unwrap_or_default(),
            false => set,
        })
        .map(Arg::Flags)
        .collect()
}
