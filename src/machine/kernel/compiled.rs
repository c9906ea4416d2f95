//! A program made ready: every word of every argument is worked out as far as it can be before
//! the fork, so that the child neither parses nor allocates.

mod reach;

pub use reach::{Extent, is_fixed};

use super::arena::Arena;
use super::code::RETURN_42;
use super::lent::Lent;
use super::{door, faults};
use crate::case::call::{self, Act, ArgType, CallSpec, ResultKind};
use crate::case::errno::Errno;
use crate::case::program::{Door, End, Ground};
use crate::case::step::{Arg, Fd};
use crate::case::{Content, Program, Quantity, Scale, Unit};
use std::ffi::CStr;

/// The most names that a program may bind.
pub const NAMES_MAX: usize = 64;
/// The most steps that a program may have.
pub const STEPS_MAX: usize = 256;
/// The most actors, `main` included.
pub const ACTORS_MAX: usize = 8;
/// The most faults.
pub const FAULTS_MAX: usize = 16;

/// Why a case can't be run.
const TOO_LARGE: &str = "the cases of a batch are too large together";

/// A program ready to be run.
#[derive(Debug)]
pub struct Compiled {
    /// What the child gets.
    pub lent: LentCase,
    /// The names of the actors; `main` is the first.
    pub actors: Vec<String>,
    /// The bound names; the first are fixtures.
    pub names: Vec<String>,
    /// The declared content of the file, if the case has one.
    pub file: Option<Content>,
    /// The names in the scratch folder beside `file` that are used, so that they must be removed.
    pub others: Vec<&'static CStr>,
    /// Whether a step makes something that outlives its process.
    pub lasting: bool,
    /// Why this architecture can't say a step.
    pub unsaid: Option<String>,
}

/// What a child gets of a case: plain values, and slices that lie in [`Lent`].
#[derive(Debug, Clone, Copy)]
pub struct LentCase {
    /// The steps.
    pub ops: &'static [Op],
    /// The fixtures, by their place in the list of all; they are bound to the first names.
    pub fixtures: &'static [usize],
    /// Which actors are processes started before the case.
    pub peers: &'static [usize],
    /// The size of the file in bytes.
    pub eof: u64,
    /// Through which entry calls go.
    pub door: Door,
    /// What signals do.
    pub end: End,
    /// The one step that kills.
    pub die_at: Option<usize>,
    /// Whether the harness may be hit.
    pub reckless: bool,
    /// Whether a step names a range that may lie anywhere, so that the harness's own ranges must
    /// be known.
    pub wild: bool,
    /// How many faults it brings about.
    pub faults: usize,
    /// On what its files lie.
    pub on: Ground,
    /// The filter of seccomp(2) that lets those calls be noticed that faults are about.
    pub filter: &'static [libc::sock_filter],
}

/// One step ready to be run.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// Who acts.
    pub actor: usize,
    /// The call.
    pub call: &'static CallSpec,
    /// Its arguments.
    pub words: &'static [Word],
    /// Where the result goes.
    pub bind: Option<usize>,
    /// The actor that is made or waited for.
    pub other: Option<usize>,
    /// The bytes among the arguments.
    pub data: Option<&'static [u8]>,
    /// Which of the case's faults it brings about.
    pub fault: Option<usize>,
    /// Whether these are code.
    pub is_code: bool,
    /// The last argument that is an address.
    pub last_address: Option<usize>,
    /// Which arguments are ranges of addresses: where each begins, and how far it reaches.
    pub ranges: &'static [(usize, Extent)],
}

/// One argument ready to be put into a register.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// A number that is known.
    Known(i128),
    /// A number that depends on bound names: constant, then name and factor.
    Sum(i128, &'static [(usize, i128)]),
    /// The address of bytes of the harness.
    Data(usize, usize),
    /// The harness's own buffer.
    Buf,
    /// A path.
    Path(&'static CStr),
    /// The descriptor of a name.
    Name(usize),
    /// The process of an actor.
    Pid(usize),
}

/// What a compiler knows of its machine.
pub struct Context<'a> {
    /// What units are worth.
    pub scale: &'a Scale,
    /// The free range.
    pub arena: &'a Arena,
    /// The door that a run asks for; a case may ask for another.
    pub door: Door,
    /// What only this harness has names for.
    pub own: &'a Own,
}

/// Names in the whole system that only this harness uses.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// The key of a System V segment.
    pub key: i32,
    /// What the names of shared memory objects begin with, the stroke included.
    pub object: String,
}

impl Compiled {
    /// Makes a program ready.
    ///
    /// # Errors
    /// It does not fit: too many steps, names or actors, or a file size that is none.
    pub fn new(program: &Program, context: &Context<'_>, lent: &mut Lent) -> Result<Self, String> {
        if program.steps.len() > STEPS_MAX {
            return Err(format!("a case has at most {STEPS_MAX} steps"));
        }
        let scale = context.scale;
        let size = program.file.size.value(scale, i64::MAX.into(), &|_| None);
        let eof = size
            .ok()
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| *n <= i64::MAX as u64)
            .ok_or("the size of the file is none")?;
        let file = match program.uses_file() {
            true => Some(declared(program, scale, eof)?),
            false => None,
        };
        let mut builder = Builder {
            context,
            eof,
            lengths: Vec::new(),
            lent,
            peers: Vec::new(),
            wild: false,
            faults: 0,
            compiled: Compiled {
                lent: LentCase {
                    ops: &[],
                    fixtures: &[],
                    peers: &[],
                    eof,
                    door: program.via.unwrap_or(context.door),
                    end: program.end,
                    die_at: program.die_at,
                    reckless: program.reckless,
                    wild: false,
                    faults: 0,
                    on: program.file.on,
                    filter: &[],
                },
                actors: vec!["main".to_owned()],
                names: Vec::new(),
                file,
                others: Vec::new(),
                lasting: false,
                unsaid: None,
            },
        };
        let fixtures = builder.fixtures(program);
        let mut ops = Vec::with_capacity(program.steps.len());
        for step in &program.steps {
            ops.push(builder.step(step)?);
        }
        builder.finish(&ops, &fixtures)
    }
}

/// The declared content with the hole behind it.
fn declared(program: &Program, scale: &Scale, eof: u64) -> Result<Content, String> {
    let bound = |unit: &Unit| (*unit == Unit::Eof).then_some(i128::from(eof));
    let mut content = program
        .file
        .content
        .content(scale, &bound)
        .map_err(|_| "the content of the file has no value")?;
    match eof.checked_sub(content.len()) {
        Some(rest) => content.fill(0, rest),
        None => return Err("the content of the file is longer than its size".to_owned()),
    }
    Ok(content)
}

struct Builder<'a> {
    context: &'a Context<'a>,
    eof: u64,
    /// How long the mappings are that names stand for, where that is known: name and length.
    lengths: Vec<(usize, i128)>,
    lent: &'a mut Lent,
    peers: Vec<usize>,
    wild: bool,
    faults: usize,
    compiled: Compiled,
}

impl Builder<'_> {
    fn fixtures(&mut self, program: &Program) -> Vec<usize> {
        let mut used = Vec::new();
        for (i, (name, _)) in call::FIXTURES.iter().enumerate() {
            if *name != "file" && program.uses_fd(name) {
                self.compiled.names.push((*name).to_owned());
                used.push(i);
                if *name == "symlink" {
                    self.compiled.others.push(c"link");
                }
            }
        }
        used
    }

    fn finish(mut self, ops: &[Op], fixtures: &[usize]) -> Result<Compiled, String> {
        let lent = LentCase {
            ops: self.put(ops)?,
            fixtures: self.put(fixtures)?,
            peers: self.lent.put(&self.peers).ok_or(TOO_LARGE)?,
            wild: self.wild,
            faults: self.faults,
            filter: self.put(&faults::filter(ops))?,
            ..self.compiled.lent
        };
        Ok(Compiled {
            lent,
            ..self.compiled
        })
    }

    fn put<T: Copy>(&mut self, items: &[T]) -> Result<&'static [T], String> {
        self.lent.put(items).ok_or_else(|| TOO_LARGE.to_owned())
    }

    fn step(&mut self, step: &crate::case::Step) -> Result<Op, String> {
        let actor = self
            .actor(&step.actor)
            .ok_or_else(|| format!("nobody is called `{}`", step.actor))?;
        let mut op = Op {
            actor,
            call: step.call,
            words: &[],
            bind: None,
            other: None,
            data: None,
            fault: None,
            is_code: step.args.contains(&Arg::Code),
            last_address: step
                .call
                .args
                .iter()
                .rposition(|a| matches!(a.ty, ArgType::Addr)),
            ranges: &[],
        };
        if matches!(step.call.act, Act::Fault(_)) {
            if self.faults >= FAULTS_MAX {
                return Err(format!("a case has at most {FAULTS_MAX} faults"));
            }
            op.fault = Some(self.faults);
            self.faults += 1;
        }
        self.compiled.lasting |= matches!(step.call.name, "shmget" | "shm_open");
        if step.call.act == Act::Limit {
            // It may allow a core file.
            if !self.compiled.others.contains(&door::CORE) {
                self.compiled.others.push(door::CORE);
            }
            op.bind = self.name("used");
            if op.bind.is_none() {
                op.bind = Some(self.compiled.names.len());
                self.compiled.names.push("used".to_owned());
            }
        }
        let mut words = Vec::with_capacity(step.args.len());
        for (arg, spec) in step.args.iter().zip(step.call.args) {
            words.push(self.word(arg, spec.ty, &mut op)?);
        }
        op.words = self.put(&words)?;
        op.ranges = self.put(&reach::ranges(step))?;
        self.wild |= self.is_wild(step, &op);
        if let Some(name) = &step.bind {
            self.bind(name, step, &mut op)?;
        }
        Ok(op)
    }

    fn actor(&self, name: &str) -> Option<usize> {
        self.compiled.actors.iter().position(|a| a == name)
    }

    fn name(&self, name: &str) -> Option<usize> {
        self.compiled.names.iter().position(|n| n == name)
    }

    fn bind(&mut self, name: &str, step: &crate::case::Step, op: &mut Op) -> Result<(), String> {
        if step.call.result == ResultKind::Actor {
            if self.compiled.actors.len() >= ACTORS_MAX {
                return Err(format!("a case has at most {ACTORS_MAX} actors"));
            }
            let index = self.compiled.actors.len();
            self.compiled.actors.push(name.to_owned());
            if step.call.act == Act::Process {
                self.peers.push(index);
            }
            op.other = Some(index);
            return Ok(());
        }
        let names = match step.call.result {
            ResultKind::Pipe => vec![format!("{name}.read"), format!("{name}.write")],
            _ => vec![name.to_owned()],
        };
        op.bind = Some(self.compiled.names.len());
        if let ResultKind::Address { len } = step.call.result {
            if let Some(Word::Known(n)) = op.words.get(len) {
                let page = i128::from(self.context.scale.page);
                let mapped = n.saturating_add(page - 1) / page * page;
                self.lengths.push((self.compiled.names.len(), mapped));
            }
        }
        self.compiled.names.extend(names);
        if self.compiled.names.len() > NAMES_MAX {
            return Err(format!("a case has at most {NAMES_MAX} names"));
        }
        Ok(())
    }

    fn word(&mut self, arg: &Arg, ty: ArgType, op: &mut Op) -> Result<Word, String> {
        Ok(match arg {
            Arg::Quantity(q) => self.quantity(q, ty)?,
            Arg::Flags(set) => match ty {
                ArgType::Flags(domain) | ArgType::Choice(domain) => {
                    Word::Known(set.bits(domain).into())
                }
                _ => Word::Known(set.extra.into()),
            },
            Arg::Fd(Fd::Number(n)) => Word::Known((*n).into()),
            Arg::Fd(Fd::Name(n)) => Word::Name(
                self.name(n)
                    .ok_or_else(|| format!("nothing is bound to `{n}`"))?,
            ),
            Arg::Path(p) => match ty {
                ArgType::Key if *p == "key" => Word::Known(self.context.own.key.into()),
                ArgType::Key => Word::Known(libc::IPC_PRIVATE.into()),
                _ => self.path(p),
            },
            Arg::Bytes(b) => {
                let eof = i128::from(self.eof);
                let bytes = b
                    .content(self.context.scale, &|u| (*u == Unit::Eof).then_some(eof))
                    .ok()
                    .and_then(|c| c.to_vec(16 << 20))
                    .ok_or("a byte string has no value")?;
                let bytes = match ty {
                    ArgType::Name => [self.context.own.object.as_bytes(), &bytes, &[0]].concat(),
                    ArgType::Text => [&bytes[..], &[0]].concat(),
                    _ => bytes,
                };
                let len = bytes.len();
                let bytes = self.put(&bytes)?;
                op.data = Some(bytes);
                Word::Data(bytes.as_ptr() as usize, len)
            }
            Arg::Code => {
                if RETURN_42.is_empty() {
                    let why = "no code is known for this architecture";
                    self.compiled.unsaid = Some(why.to_owned());
                }
                op.data = Some(RETURN_42);
                Word::Data(RETURN_42.as_ptr() as usize, RETURN_42.len())
            }
            Arg::Buf => Word::Buf,
            Arg::Word(word) => Word::Known(number_of(word, ty)),
            Arg::Fault(n) => Word::Name(
                self.name(n)
                    .ok_or_else(|| format!("nothing is bound to `{n}`"))?,
            ),
            Arg::Actor(n) => {
                op.other = self.actor(n);
                if op.other.is_none() {
                    return Err(format!("nobody is called `{n}`"));
                }
                Word::Pid(op.other.unwrap_or(0))
            }
        })
    }

    fn path(&mut self, path: &str) -> Word {
        let name = match path {
            "new" => c"new",
            "link" => c"link",
            "dir" => c".",
            _ => c"file",
        };
        if matches!(path, "new" | "link") && !self.compiled.others.contains(&name) {
            self.compiled.others.push(name);
        }
        Word::Path(name)
    }

    fn quantity(&mut self, q: &Quantity, ty: ArgType) -> Result<Word, String> {
        let scale = self.context.scale;
        let max = match ty {
            ArgType::Offset | ArgType::Int(..) | ArgType::Mode | ArgType::Number => {
                i128::from(i64::MAX)
            }
            ArgType::Limit => i128::from(u64::MAX),
            _ => scale.word_max(),
        };
        let arena = self.context.arena.start as i128;
        let eof = i128::from(self.eof);
        let known = |unit: &Unit| match unit {
            Unit::Eof => Some(eof),
            Unit::Name(n) if n == "arena" => Some(arena),
            _ => None,
        };
        if let Ok(value) = q.value(scale, max, &known) {
            if value > max && !matches!(ty, ArgType::Offset) {
                self.compiled.unsaid = Some(format!("{q} does not fit in {} bits", scale.bits));
            }
            return Ok(Word::Known(value));
        }
        // The same with every bound name taken as 0, then each name by its factor.
        let zero = |unit: &Unit| known(unit).or(Some(0));
        let constant = q
            .value(scale, max, &zero)
            .map_err(|_| format!("{q} overflows"))?;
        let mut factors = Vec::new();
        for (unit, number, _) in q.parts() {
            if let Unit::Name(n) = unit {
                if n != "arena" {
                    let index = self
                        .name(n)
                        .ok_or_else(|| format!("nothing is bound to `{n}`"))?;
                    factors.push((index, number));
                }
            }
        }
        Ok(Word::Sum(constant, self.put(&factors)?))
    }
}

/// The number that stands for a word among the arguments of a fault.
fn number_of(word: &str, ty: ArgType) -> i128 {
    let at = |n: Option<usize>| n.map_or(-1, |n| n as i128);
    match ty {
        ArgType::Call => at(call::all().position(|c| c.name == word)),
        ArgType::Errno => Errno::from_name(word).map_or(0, |e| e.number().into()),
        ArgType::Word(list) => at(list.iter().position(|(name, _)| *name == word)),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Compiled {
        let program = Program::parse(text).unwrap();
        let scale = Scale::ordinary(4096);
        let context = Context {
            scale: &scale,
            arena: &Arena {
                start: 1 << 36,
                end: (1 << 36) + (1 << 30),
            },
            door: Door::Raw,
            own: &Own::default(),
        };
        Compiled::new(&program, &context, &mut Lent::new().unwrap()).unwrap()
    }

    #[test]
    fn constants_are_folded_and_names_stay() {
        let c = compile(
            "size 1page + 1\nopen file = open(file, O_RDWR)\n\
             own map = mmap(arena + 1page, eof, PROT_READ, MAP_SHARED, file, 0)\n\
             step load(map + eof - 1, 1)\n",
        );
        assert!(matches!(c.lent.ops[1].words[0], Word::Known(a) if a == (1 << 36) + 4096));
        assert!(matches!(c.lent.ops[1].words[1], Word::Known(4097)));
        assert!(matches!(&c.lent.ops[2].words[0], Word::Sum(4096, [(1, 1)])));
        assert!(!c.lent.wild);
    }

    #[test]
    fn hostile_ranges_are_wild() {
        assert!(compile("step munmap(0, max)\n").lent.wild);
        assert!(compile("step munmap(arena, 2GiB)\n").lent.wild);
        assert!(!compile("step munmap(arena, 1page)\n").lent.wild);
        let map = "step map = mmap(NULL, 1page - 1, 0, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n";
        assert!(
            !compile(&format!("{map}step load(map + 1page - 1, 1)\n"))
                .lent
                .wild
        );
        assert!(
            compile(&format!("{map}step load(map + 1page, 1)\n"))
                .lent
                .wild
        );
        assert!(
            !compile("step mmap(NULL, max, 0, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n")
                .lent
                .wild
        );
    }

    #[test]
    fn too_much_is_refused() {
        let program = Program::parse(&"step close(-1)\n".repeat(STEPS_MAX + 1)).unwrap();
        let scale = Scale::ordinary(4096);
        let context = Context {
            scale: &scale,
            arena: &Arena { start: 0, end: 0 },
            door: Door::Raw,
            own: &Own::default(),
        };
        assert!(Compiled::new(&program, &context, &mut Lent::new().unwrap()).is_err());
    }
}
