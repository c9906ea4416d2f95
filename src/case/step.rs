//! Steps: what is done, by whom, and what is claimed of it.

use super::bytes::Bytes;
use super::call::{self, Act, ArgSpec, ArgType, CallSpec, ResultKind};
use super::claim::Claim;
use super::cursor::Cursor;
use super::errno::Errno;
use super::flags::FlagSet;
use super::lexer::Token;
use super::mistake::Mistake;
use super::quantity::{Quantity, Scale};
use super::rule::Rule;
use std::fmt;
use std::ops::Range;

/// Why a step is in the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It opens the file, as the column `open` says; printed only when it fails.
    Open,
    /// It is the call that the columns describe; printed as `mmap = …`.
    Own,
    /// It was written in `before` or `then`.
    Written,
}

/// One step: a call, who makes it, and the name given to what it returns.
#[derive(Debug, Clone)]
pub struct Step {
    /// Who acts; `main` where none is named.
    pub actor: String,
    /// The name given to the result.
    pub bind: Option<String>,
    /// What is called.
    pub call: &'static CallSpec,
    /// With what; as many as the call has.
    pub args: Vec<Arg>,
    /// Why it is here.
    pub role: Role,
    /// The rules about its address that are asked about, for a claim.
    pub asks: Vec<Rule>,
}

/// An argument as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Arg {
    /// A length, offset, address or whole number.
    Quantity(Quantity),
    /// A flag word.
    Flags(FlagSet),
    /// A descriptor.
    Fd(Fd),
    /// One of [`call::PATHS`] or of [`call::KEYS`].
    Path(&'static str),
    /// A byte string.
    Bytes(Bytes),
    /// The code of a function that returns 42, on the machine that runs it.
    Code,
    /// Memory of the harness.
    Buf,
    /// Another actor.
    Actor(String),
    /// One of a list of words: a call, an error, a manner.
    Word(&'static str),
    /// A fault.
    Fault(String),
}

/// A descriptor as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fd {
    /// A bound name or one of [`call::FIXTURES`].
    Name(String),
    /// A number.
    Number(i32),
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address or a number: a part of a quantity.
    Value,
    /// A descriptor.
    Descriptor,
    /// An actor.
    Actor,
    /// A fault.
    Fault,
    /// A System V segment.
    Id,
    /// An address in whatever process.
    Remote,
}

/// A name that a step uses, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name.
    pub name: String,
    /// As what it is used.
    pub kind: Kind,
    /// Where, in bytes of the step's text.
    pub span: Range<usize>,
}

/// A step with what only its text tells: its claim, and where its words stand.
#[derive(Debug, Clone)]
pub struct Written {
    /// The step.
    pub step: Step,
    /// What is claimed of it.
    pub claim: Option<Claim>,
    /// Where the claim is.
    pub claim_span: Range<usize>,
    /// Where the name of the actor is, if one is named.
    pub actor_span: Option<Range<usize>>,
    /// Where the bound name is.
    pub bind_span: Range<usize>,
    /// Where each argument is.
    pub arg_spans: Vec<Range<usize>>,
}

impl Written {
    /// The names that its arguments use.
    pub fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for (arg, span) in self.step.args.iter().zip(&self.arg_spans) {
            arg.uses(span, &mut uses);
        }
        for u in &mut uses {
            let at = self.arg_spans.iter().position(|s| *s == u.span);
            u.kind = match at.and_then(|at| self.step.call.args.get(at)).map(|a| a.ty) {
                Some(ArgType::Remote) => Kind::Remote,
                Some(ArgType::Id) => Kind::Id,
                _ => u.kind,
            };
        }
        if self.step.call.act == Act::Limit {
            uses.retain(|u| u.name != "used");
        }
        uses
    }

    /// Reads `actor: name = call(arguments) = claim`.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut words = Cursor::new(text)?;
        let written = Written::read(&mut words)?;
        words.finish()?;
        Ok(written)
    }

    fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        let mut actor = "main".to_owned();
        let mut actor_span = None;
        if words.peek_at(1) == Some(&Token::Mark(':')) {
            let (name, span) = words.ident("the name of an actor")?;
            actor = name.to_owned();
            actor_span = Some(span);
            words.eat(':');
        }
        let mut bind = None;
        let mut bind_span = 0..0;
        if words.peek_at(1) == Some(&Token::Mark('=')) {
            let (name, span) = words.ident("a name for the result")?;
            bind = Some(name.to_owned());
            bind_span = span;
            words.eat('=');
        }
        let (call, call_span) = read_call_name(words)?;
        let (args, arg_spans) = read_args(words, call, &call_span)?;
        if bind.is_some() && matches!(call.result, ResultKind::Zero | ResultKind::Never) {
            return Err(Mistake::new(
                bind_span,
                format!("{} gives nothing that could have a name", call.name),
            ));
        }
        let mut claim = None;
        let mut claim_span = words.taken_to()..words.taken_to();
        if words.eat('=') {
            let start = words.span().start;
            claim = Some(Claim::read(words)?);
            claim_span = start..words.taken_to();
        }
        Ok(Written {
            step: Step {
                actor,
                bind,
                call,
                args,
                role: Role::Written,
                asks: Step::asked(claim.as_ref()),
            },
            claim,
            claim_span,
            actor_span,
            bind_span,
            arg_spans,
        })
    }
}

fn read_call_name(words: &mut Cursor) -> Result<(&'static CallSpec, Range<usize>), Mistake> {
    let (name, span) = words.ident("a call, like `load(map, 1)`")?;
    if name == "fault" && !matches!(words.peek(), Some(Token::Mark('('))) {
        return read_fault_name(words);
    }
    match call::find(name) {
        Some(call) => Ok((call, span)),
        None => Err(Mistake::unknown(
            span,
            "call",
            name,
            call::all().map(|c| c.name),
        )),
    }
}

/// The word after `fault`.
fn read_fault_name(words: &mut Cursor) -> Result<(&'static CallSpec, Range<usize>), Mistake> {
    let (name, span) = words.ident("a fault, like `fault errno(mmap, 1, ENOMEM)`")?;
    let faults = call::all().filter_map(|c| Some((c.name.strip_prefix("fault ")?, c)));
    match faults.clone().find(|(n, _)| *n == name) {
        Some((_, call)) => Ok((call, span)),
        None => Err(Mistake::unknown(span, "fault", name, faults.map(|f| f.0))),
    }
}

type Args = (Vec<Arg>, Vec<Range<usize>>);

fn read_args(
    words: &mut Cursor,
    call: &'static CallSpec,
    call_span: &Range<usize>,
) -> Result<Args, Mistake> {
    words.expect('(', call.name)?;
    let mut args = Vec::new();
    let mut spans = Vec::new();
    while !words.eat(')') {
        if !args.is_empty() {
            words.expect(',', "an argument")?;
        }
        let Some(spec) = call.args.get(args.len()) else {
            return Err(Mistake::new(
                words.span(),
                format!("{} takes {} arguments", call.name, call.args.len()),
            )
            .help(format!("it is written {}", call.signature())));
        };
        let start = words.span().start;
        args.push(Arg::read(words, spec)?);
        spans.push(start..words.taken_to());
    }
    let end = words.taken_to();
    if args.len() < call.required() {
        let missing = call.args[args.len()].name;
        return Err(Mistake::new(
            call_span.start..end,
            format!("{} lacks its argument `{missing}`", call.name),
        )
        .help(format!("it is written {}", call.signature())));
    }
    for spec in &call.args[args.len()..] {
        let default = spec.default.unwrap_or_default();
        args.push(Arg::read(&mut Cursor::new(default)?, spec)?);
        spans.push(end..end);
    }
    check_bytes(call, &args, &spans)?;
    Ok((args, spans))
}

/// What one argument asks of another.
fn check_bytes(call: &CallSpec, args: &[Arg], spans: &[Range<usize>]) -> Result<(), Mistake> {
    if call.act == Act::Fill {
        if let Arg::Bytes(b) = &args[2] {
            let one = b.chunks.len() == 1
                && b.chunks[0].pattern.as_ref().is_some_and(|p| p.len() == 1)
                && b.chunks[0].times == Quantity::bytes(1);
            if !one {
                return Err(Mistake::new(spans[2].clone(), "fill takes a single byte")
                    .help("longer strings are stored: `store(map, \"ab\"*100)`"));
            }
        }
    }
    for (arg, span) in args.iter().zip(spans) {
        if matches!(arg, Arg::Bytes(b) if b.has_hole()) {
            return Err(Mistake::new(span.clone(), "only a file has holes"));
        }
    }
    Ok(())
}

impl Arg {
    /// Reads one argument of this type.
    pub fn read(words: &mut Cursor, spec: &ArgSpec) -> Result<Self, Mistake> {
        match spec.ty {
            ArgType::Addr
            | ArgType::Len
            | ArgType::Offset
            | ArgType::Number
            | ArgType::Remote
            | ArgType::Limit => Quantity::read(words).map(Arg::Quantity),
            ArgType::Int(min, max) => read_int(words, spec.name, min, max),
            ArgType::Mode => read_int(words, spec.name, 0, 0o7777),
            ArgType::Flags(domain) => FlagSet::read(words, domain).map(Arg::Flags),
            ArgType::Choice(domain) => FlagSet::read_one(words, domain).map(Arg::Flags),
            ArgType::Data | ArgType::Bytes if words.eat_word("code") => Ok(Arg::Code),
            ArgType::Fd | ArgType::Id => Fd::read(words).map(Arg::Fd),
            ArgType::Path => read_known(words, "path", call::PATHS),
            ArgType::Key => read_known(words, "key", call::KEYS),
            ArgType::Data | ArgType::Text if !Bytes::is_ahead(words) => {
                Quantity::read(words).map(Arg::Quantity)
            }
            ArgType::Data | ArgType::Text | ArgType::Bytes | ArgType::Name => {
                Bytes::read(words).map(Arg::Bytes)
            }
            ArgType::Buf => {
                if words.eat_word("buf") {
                    return Ok(Arg::Buf);
                }
                Quantity::read(words).map(Arg::Quantity)
            }
            ArgType::Call => {
                let calls = call::all().filter(|c| c.number().is_some());
                read_word(words, "call", calls.map(|c| c.name))
            }
            ArgType::Nth if words.eat_word("all") => Ok(Arg::Word("all")),
            ArgType::Nth => read_int(words, spec.name, 1, 1 << 20),
            ArgType::Errno => read_word(words, "errno", Errno::names()),
            ArgType::Word(list) => read_word(words, spec.name, list.iter().map(|w| w.0)),
            ArgType::Fault => words
                .ident("a fault")
                .map(|(name, _)| Arg::Fault(name.to_owned())),
            ArgType::Actor => words
                .ident("an actor")
                .map(|(name, _)| Arg::Actor(name.to_owned())),
        }
    }

    fn uses(&self, span: &Range<usize>, uses: &mut Vec<Use>) {
        let mut add = |name: &str, kind| {
            uses.push(Use {
                name: name.to_owned(),
                kind,
                span: span.clone(),
            });
        };
        match self {
            Arg::Quantity(q) => q.names().for_each(|n| add(n, Kind::Value)),
            Arg::Bytes(b) => {
                for chunk in &b.chunks {
                    chunk.times.names().for_each(|n| add(n, Kind::Value));
                }
            }
            Arg::Fd(Fd::Name(n)) => add(n, Kind::Descriptor),
            Arg::Actor(n) => add(n, Kind::Actor),
            Arg::Fault(n) => add(n, Kind::Fault),
            Arg::Flags(_)
            | Arg::Fd(Fd::Number(_))
            | Arg::Path(_)
            | Arg::Buf
            | Arg::Code
            | Arg::Word(_) => {}
        }
    }

    /// The quantity that it is, if it is one.
    pub fn quantity(&self) -> Option<&Quantity> {
        match self {
            Arg::Quantity(q) => Some(q),
            _ => None,
        }
    }

    /// Written in the notation.
    pub fn display(&self, spec: &ArgSpec) -> String {
        match (self, spec.ty) {
            (
                Arg::Quantity(q),
                ArgType::Addr | ArgType::Data | ArgType::Buf | ArgType::Remote | ArgType::Text,
            ) if *q == Quantity::default() => "NULL".to_owned(),
            (Arg::Quantity(q), ArgType::Mode) => {
                let mode = q.value(&Scale::ordinary(4096), 0, &|_| None).unwrap_or(0);
                format!("0{mode:03o}")
            }
            (Arg::Quantity(q), _) => q.to_string(),
            (Arg::Flags(set), ArgType::Flags(domain) | ArgType::Choice(domain)) => {
                set.display(domain)
            }
            (Arg::Flags(set), _) => set.names.join("|"),
            (Arg::Fd(Fd::Name(n)), _) => n.clone(),
            (Arg::Fd(Fd::Number(n)), _) => n.to_string(),
            (Arg::Path(p), _) => (*p).to_owned(),
            (Arg::Bytes(b), _) => b.to_string(),
            (Arg::Code, _) => "code".to_owned(),
            (Arg::Buf, _) => "buf".to_owned(),
            (Arg::Actor(n) | Arg::Fault(n), _) => n.clone(),
            (Arg::Word(w), _) => (*w).to_owned(),
        }
    }
}

/// One of these words.
fn read_word(
    words: &mut Cursor,
    what: &'static str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Result<Arg, Mistake> {
    let (word, span) = words.ident(what)?;
    match known.clone().find(|k| *k == word) {
        Some(word) => Ok(Arg::Word(word)),
        None => Err(Mistake::unknown(span, what, word, known)),
    }
}

/// One of a list of names that stand for something of the harness.
fn read_known(
    words: &mut Cursor,
    what: &str,
    known: &'static [(&'static str, &'static str)],
) -> Result<Arg, Mistake> {
    let names = known.iter().map(|k| k.0);
    let (word, span) = words.ident(&format!("a {what}, like `{}`", known[0].0))?;
    match names.clone().find(|name| *name == word) {
        Some(name) => Ok(Arg::Path(name)),
        None => Err(Mistake::unknown(span, what, word, names)),
    }
}

fn read_int(words: &mut Cursor, name: &str, min: i64, max: i64) -> Result<Arg, Mistake> {
    let start = words.span().start;
    let negative = words.eat('-');
    let Some(Token::Number(n)) = words.peek() else {
        return Err(words.surprise("a whole number"));
    };
    let n = if negative {
        -i128::from(*n)
    } else {
        i128::from(*n)
    };
    words.next_word();
    if n < i128::from(min) || n > i128::from(max) {
        return Err(Mistake::new(
            start..words.taken_to(),
            format!("{name} is from {min} to {max}"),
        ));
    }
    Ok(Arg::Quantity(Quantity::bytes(n)))
}

impl Fd {
    /// Reads a descriptor: a name or a number.
    pub fn read(words: &mut Cursor) -> Result<Self, Mistake> {
        let negative = words.eat('-');
        match words.peek() {
            Some(Token::Number(n)) if *n <= i32::MAX as u64 => {
                let n = *n as i32;
                words.next_word();
                Ok(Fd::Number(if negative { -n } else { n }))
            }
            Some(Token::Ident(_)) if !negative => words
                .ident("a descriptor")
                .map(|(n, _)| Fd::Name(n.to_owned())),
            _ => Err(words.surprise("a descriptor: a name, or a number")),
        }
    }
}

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fd::Name(n) => f.write_str(n),
            Fd::Number(n) => write!(f, "{n}"),
        }
    }
}

impl Step {
    /// What a claim asks about an address.
    pub fn asked(claim: Option<&Claim>) -> Vec<Rule> {
        let rules = claim.into_iter().flat_map(Claim::rules);
        rules.cloned().collect()
    }

    /// The call with its arguments, without actor, name and claim.
    pub fn call_text(&self) -> String {
        let mut args: Vec<String> = Vec::new();
        let mut left_out = true;
        for (arg, spec) in self.args.iter().zip(self.call.args).rev() {
            let text = arg.display(spec);
            left_out = left_out && spec.default == Some(text.as_str());
            if !left_out {
                args.push(text);
            }
        }
        args.reverse();
        format!("{}({})", self.call.name, args.join(", "))
    }
}

/// The whole step, as it would be written in a table.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actor != "main" {
            write!(f, "{}: ", self.actor)?;
        }
        if let Some(bind) = &self.bind {
            write!(f, "{bind} = ")?;
        }
        f.write_str(&self.call_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in [
            "load(map + 1page, 2)",
            "child: store(map, \"hello\")",
            "other = mmap(NULL, 1page, PROT_READ, MAP_SHARED, file, 0)",
            "child = fork()",
            "wait(child)",
            "pwrite(file, \"abc\", 3, 1page - 1)",
            "pread(file, map, 10, 0)",
            "read(pipe.read, buf, 5)",
            "open(new, O_RDWR|O_CREAT|O_EXCL)",
            "open(file, O_RDONLY, 0000)",
            "open(new, O_CREAT, 0644)",
            "open(new, O_CREAT, 01700)",
            "close(-1)",
            "exit(3)",
            "fill(map, 1page, \"A\")",
            "fault errno(mmap, 2, ENOMEM)",
            "f = fault errno(mmap, all, ENOMEM)",
            "fault errno(msync, 1, EIO, 3)",
            "fault page(map, 1page, sigbus)",
            "fault dead_page(map)",
            "child: withdraw(f)",
            "moved = mremap(map, 1page, 2page, MREMAP_MAYMOVE|MREMAP_FIXED, arena + 4page)",
            "mremap(map, 1page, 2page, 0)",
            "process_madvise(p, map, 1page, MADV_COLD, 0, 2)",
            "mincore(map, 1page)",
            "mincore(map, 1page, NULL)",
            "key = pkey_alloc(0, PKEY_DISABLE_WRITE)",
            "pkey_mprotect(map, 1page, PROT_READ, key)",
            "prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map, 1page, \"n\")",
            "prctl(PR_GET_MDWE)",
            "store(map, code)",
            "execute(map + 1page)",
            "areas(map, 4page)",
            "smaps(map, 4page, Rss|Swap)",
            "vmflags(map, lo|dd)",
            "status(VmLck)",
            "p = pidfd(main)",
        ] {
            assert_eq!(Written::parse(text).unwrap().step.to_string(), text);
        }
    }

    #[test]
    fn claims_and_names() {
        let w = Written::parse("child: load(map + n, 2) = x\"00 00\" | SIGBUS").unwrap();
        let names: Vec<String> = w.uses().into_iter().map(|u| u.name).collect();
        assert_eq!(names, ["map", "n"]);
        assert_eq!(w.claim.unwrap().any_of.len(), 2);
        assert_eq!(w.actor_span, Some(0..5));
    }

    #[test]
    fn mistakes() {
        let wrong = |text| Written::parse(text).unwrap_err();
        assert_eq!(
            wrong("laod(map, 1)").help.as_deref(),
            Some("did you mean `load`?")
        );
        assert_eq!(
            wrong("munmap(map)").message,
            "munmap lacks its argument `length`"
        );
        assert_eq!(wrong("close(1, 2)").message, "close takes 1 arguments");
        assert_eq!(wrong("exit(256)").message, "status is from 0 to 255");
        assert_eq!(
            wrong("fill(map, 2, \"ab\")").message,
            "fill takes a single byte"
        );
        assert_eq!(
            wrong("x = munmap(map, 1)").message,
            "munmap gives nothing that could have a name"
        );
        assert!(
            wrong("load(map, 1) == 3")
                .message
                .starts_with("expected a quantity")
        );
    }
}
