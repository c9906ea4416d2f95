//! A program spelled as C would make its calls, with its quantities worked out for one machine.
//!
//! What the harness adds (catching signals, taking turns, touching byte by byte) is told in
//! comments; the calls themselves are meant to be read, and compile.

mod values;

pub(super) use values::literal;

use crate::case::call::{Act, ArgType, ResultKind, Slot};
use crate::case::{Arg, Case, Claim, Door, End, Fd, FileSpec, Program, Quantity, Scale, Step};
use std::collections::BTreeSet;
use values::{c_name, character, fd_name, number};

/// Words that C or the text around the calls has taken.
const TAKEN: &[&str] = &[
    "auto", "break", "buf", "bytes", "case", "char", "const", "continue", "default", "do",
    "double", "else", "enum", "extern", "float", "for", "goto", "if", "int", "long", "main",
    "register", "return", "short", "signed", "sizeof", "st", "static", "status", "struct",
    "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
];

/// How descriptors are made that are opened in no folder.
const MADE: &[(&str, &str)] = &[
    ("pipe.read", "int pipe_ends[2]; pipe(pipe_ends);"),
    (
        "socket",
        "int pair[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, pair);",
    ),
    (
        "datagram",
        "int datagrams[2]; socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams);",
    ),
    (
        "tty",
        "int terminal[2] = { -1, posix_openpt(O_RDWR|O_NOCTTY) }; \
         unlockpt(terminal[1]); terminal[0] = open(ptsname(terminal[1]), O_RDWR|O_NOCTTY);",
    ),
    ("tcp", "int tcp = socket(AF_INET, SOCK_STREAM, 0);"),
    ("epoll", "int epoll = epoll_create1(0);"),
    ("eventfd", "int event = eventfd(0, 0);"),
    ("timerfd", "int timer = timerfd_create(CLOCK_MONOTONIC, 0);"),
    ("signalfd", "int signals = signalfd(-1, &(sigset_t){0}, 0);"),
    ("inotify", "int watch = inotify_init1(0);"),
    ("pidfd", "int pidfd = syscall(SYS_pidfd_open, getpid(), 0);"),
    ("closed", "int closed = dup(0); close(closed);"),
    ("wild", "int wild = 1000000; /* never was a descriptor */"),
];

/// What two fixtures share: the one that stands for both.
const TWINS: &[(&str, &str)] = &[
    ("pipe.write", "pipe.read"),
    ("socket.other", "socket"),
    ("datagram.other", "datagram"),
    ("tty.master", "tty"),
];

/// The lines of C for the calls of a case; each claim stands in a comment behind its call.
pub fn in_c(case: &Case, scale: &Scale) -> Vec<String> {
    let mut speller = Speller {
        scale,
        file: &case.program.file,
        threads: BTreeSet::new(),
    };
    let mut lines = preamble(&case.program, scale);
    for name in fixtures(&case.program) {
        lines.extend(speller.fixture(name));
    }
    for (n, step) in case.program.steps.iter().enumerate() {
        let claim = case.claims.get(n).and_then(Option::as_ref);
        lines.push(speller.line(step, claim));
    }
    lines
}

fn preamble(program: &Program, scale: &Scale) -> Vec<String> {
    let mut lines = vec![format!("/* pages of {} bytes */", scale.page)];
    if program.uses_file() {
        lines.push(comment(&told_file(&program.file, scale)));
    }
    let uses = |q: &Quantity| q.names().any(|n| n == "arena");
    let mut args = program.steps.iter().flat_map(|s| &s.args);
    if args.any(|a| a.quantity().is_some_and(uses)) {
        lines.push(comment("arena: a range where nothing lies"));
    }
    let mut args = program.steps.iter().flat_map(|s| &s.args);
    if args.any(|a| *a == Arg::Code) {
        lines.push(comment(
            "code: the instructions of a function that returns 42",
        ));
    }
    if program.via != Some(Door::Libc) {
        lines.push(comment(
            "each call goes straight to the kernel, as by syscall(2)",
        ));
    }
    let touches = program.steps.iter().any(|s| s.call.touches());
    match program.end {
        End::Signal => lines.push(comment("a signal kills")),
        End::Caught if touches => lines.push(comment(
            "memory is touched byte by byte; a signal is caught, and the case goes on",
        )),
        End::Caught => {}
    }
    lines
}

/// What the scratch file is before the first call.
fn told_file(spec: &FileSpec, scale: &Scale) -> String {
    let size = spec.size.value(scale, 0, &|_| None);
    let holds = spec.content.len(scale, &|_| size.clone().ok());
    let told = size.clone().map_or_else(|_| spec.size.to_string(), number);
    match (size, holds) {
        (Ok(0), _) => "\"file\" is empty".to_owned(),
        (Ok(_), Ok(0)) => format!("\"file\": {told} bytes, all a hole"),
        (Ok(size), Ok(n)) if n >= size => format!("\"file\": {told} bytes, {}", spec.content),
        _ => format!("\"file\": {told} bytes, {}, then a hole", spec.content),
    }
}

/// The descriptors that the harness opens, each once.
fn fixtures(program: &Program) -> BTreeSet<&str> {
    let bound: BTreeSet<&str> = program
        .steps
        .iter()
        .filter_map(|s| s.bind.as_deref())
        .collect();
    let args = program.steps.iter().flat_map(|s| &s.args);
    let names = args.filter_map(|a| match a {
        Arg::Fd(Fd::Name(n)) => Some(n.as_str()),
        _ => None,
    });
    // The two ends of one pipe are made by one call.
    names
        .map(|n| TWINS.iter().find(|t| t.0 == n).map_or(n, |t| t.1))
        .filter(|n| !bound.contains(n.split('.').next().unwrap_or(n)))
        .collect()
}

struct Speller<'a> {
    scale: &'a Scale,
    file: &'a FileSpec,
    threads: BTreeSet<String>,
}

impl Speller<'_> {
    /// How the harness makes a descriptor that a case only names.
    fn fixture(&self, name: &str) -> Option<String> {
        let open = |path: &str, flags: &str| {
            let name = c_name(name);
            Some(format!("int {name} = open(\"{path}\", {flags});"))
        };
        match name {
            "dir" => open(".", "O_RDONLY|O_DIRECTORY"),
            "path" => open("file", "O_PATH"),
            "dev-zero" => open("/dev/zero", "O_RDWR"),
            "dev-null" => open("/dev/null", "O_RDWR"),
            "proc-file" => open("/proc/self/status", "O_RDONLY"),
            "dev-full" => open("/dev/full", "O_RDWR"),
            "dev-random" => open("/dev/random", "O_RDONLY"),
            "dev-urandom" => open("/dev/urandom", "O_RDONLY"),
            "proc-mem" => open("/proc/self/mem", "O_RDWR"),
            "sysfs-file" => open("/sys/devices/system/cpu/online", "O_RDONLY"),
            "dir-path" => open(".", "O_PATH"),
            "symlink" => open("link", "O_PATH|O_NOFOLLOW"),
            "fifo" => open("fifo", "O_RDWR"),
            "block-device" => open("/dev/vda", "O_RDONLY"),
            "memfd" | "memfd-sealable" => {
                let size = self.length(&self.file.size);
                let (name, flags) = match name {
                    "memfd" => ("memfd", "0"),
                    _ => ("memfd_sealable", "MFD_ALLOW_SEALING"),
                };
                Some(format!(
                    "int {name} = memfd_create(\"memfd\", {flags}); ftruncate({name}, {size});"
                ))
            }
            _ => MADE
                .iter()
                .find(|(fixture, _)| *fixture == name)
                .map(|(_, text)| (*text).to_owned()),
        }
    }

    fn line(&mut self, step: &Step, claim: Option<&Claim>) -> String {
        let mut line = String::new();
        if step.actor != "main" {
            line.push_str(&comment(&step.actor));
            line.push(' ');
        }
        line.push_str(&self.statement(step));
        if let Some(claim) = claim {
            line.push_str("  ");
            line.push_str(&comment(&claim.to_string()));
        }
        line
    }

    fn statement(&mut self, step: &Step) -> String {
        let arg = |n: usize| match (step.args.get(n), step.call.args.get(n)) {
            (Some(arg), Some(spec)) => self.arg(arg, spec),
            _ => String::new(),
        };
        match step.call.act {
            Act::Load if arg(1) == "1" => format!("*(volatile char *)({});", arg(0)),
            Act::Load => format!("memcpy(bytes, {}, {});", arg(0), arg(1)),
            Act::Store => self.store(step),
            Act::Fill => format!("memset({}, {}, {});", arg(0), self.byte(step), arg(1)),
            Act::Size => {
                let take = self.take(step, "off_t");
                let value = if take.is_empty() {
                    "st.st_size;"
                } else {
                    &format!("{take}st.st_size;")
                };
                format!("fstat({}, &st); {value}", arg(0))
            }
            Act::Pipe => {
                let name = step
                    .bind
                    .as_deref()
                    .map_or_else(|| "ends".to_owned(), c_name);
                format!("int {name}[2]; pipe({name});")
            }
            Act::Fork | Act::Thread | Act::Process => self.actor(step),
            Act::Wait => match step.args.first() {
                Some(Arg::Actor(name)) if self.threads.contains(name) => {
                    format!("pthread_join({}, NULL);", c_name(name))
                }
                _ => format!("waitpid({}, &status, 0);", arg(0)),
            },
            Act::Exit => format!("_exit({});", arg(0)),
            // What it takes to bring them about is no few lines of C.
            Act::Fault(_) | Act::Withdraw => comment(&step.call_text()),
            Act::Execute => {
                let take = self.take(step, "int");
                format!("{take}((int (*)(void))({}))();", arg(0))
            }
            Act::Areas => comment(&format!("look into /proc/self/maps: {}", step.call_text())),
            Act::Smaps | Act::VmFlags => {
                comment(&format!("look into /proc/self/smaps: {}", step.call_text()))
            }
            Act::Status => comment(&format!(
                "look into /proc/self/status: {}",
                step.call_text()
            )),
            Act::Pidfd => {
                let of = match arg(0).as_str() {
                    "main" | "main_" => "getpid()".to_owned(),
                    other => other.to_owned(),
                };
                let take = self.take(step, "int");
                format!("{take}syscall(SYS_pidfd_open, {of}, 0);")
            }
            Act::ProcessMadvise => format!(
                "range = (struct iovec){{ {}, {} }}; process_madvise({}, &range, {}, {}, {});",
                arg(1),
                arg(2),
                arg(0),
                arg(5),
                arg(3),
                arg(4)
            ),
            Act::Times => format!(
                "futimens({0}, (struct timespec[]){{{{1000000000, 0}}, {{1000000000, 0}}}}); fstat({0}, &st);",
                arg(0)
            ),
            Act::Moved => {
                let asked = comment(&format!("which of {} moved?", arg(1)));
                format!("fstat({}, &st);  {asked}", arg(0))
            }
            Act::Attached => {
                let take = self.take(step, "off_t");
                format!(
                    "{take}({{ struct shmid_ds ds; shmctl({}, IPC_STAT, &ds); ds.shm_nattch; }});",
                    arg(0)
                )
            }
            Act::Limit => format!(
                "setrlimit({}, &(struct rlimit){{{}, RLIM_INFINITY}});",
                arg(0),
                arg(1)
            ),
            Act::Aio(_) | Act::Uring(_) => {
                let take = self.take(step, "ssize_t");
                let (name, by) = match step.call.act {
                    Act::Aio(true) => ("pwrite", "as one operation of io_submit(2)"),
                    Act::Aio(false) => ("pread", "as one operation of io_submit(2)"),
                    Act::Uring(true) => ("pwrite", "as one operation of io_uring(7)"),
                    _ => ("pread", "as one operation of io_uring(7)"),
                };
                let args = [arg(0), arg(1), arg(2), arg(3)].join(", ");
                format!("{take}{name}({args});  {}", comment(by))
            }
            Act::Keep => format!(
                ";  {}",
                comment(&format!(
                    "capset(2): all capabilities but {} are given up",
                    arg(0)
                ))
            ),
            Act::Core => format!(
                ";  {}",
                comment(&format!(
                    "the {} bytes at {} in the core file of {}: readelf -l core",
                    arg(3),
                    arg(2),
                    arg(0)
                ))
            ),
            Act::ProcessVm(_) => {
                let take = self.take(step, "ssize_t");
                format!(
                    "{take}{}({}, &(struct iovec){{{}, {3}}}, 1, &(struct iovec){{{4}, {3}}}, 1, 0);",
                    step.call.name,
                    arg(0),
                    arg(1),
                    arg(3),
                    arg(2)
                )
            }
            Act::Shaped(_, shape) => self.shaped(step, shape),
            Act::Syscall(_)
            | Act::At(_)
            | Act::Lseek
            | Act::ShmOpen
            | Act::ShmUnlink
            | Act::PosixMadvise => self.call(step),
        }
    }

    /// A call whose function takes lists or constants beside the arguments of the notation.
    fn shaped(&self, step: &Step, shape: &[Slot]) -> String {
        let arg = |n: usize| match (step.args.get(n), step.call.args.get(n)) {
            (Some(arg), Some(spec)) => self.arg(arg, spec),
            _ => String::new(),
        };
        let words: Vec<String> = shape
            .iter()
            .filter_map(|slot| match slot {
                Slot::Arg(n) | Slot::Low(n) => Some(arg(*n)),
                Slot::High(_) => None,
                Slot::Const(n) => Some(n.to_string()),
                Slot::Vector(at, count) => {
                    let pair =
                        |n: usize| format!("{{{}, {}}}", arg(at + 2 * n), arg(at + 2 * n + 1));
                    let pairs: Vec<String> = (0..*count).map(pair).collect();
                    Some(format!("(struct iovec[]){{{}}}", pairs.join(", ")))
                }
            })
            .collect();
        let take = self.take(step, result_type(step.call.result));
        format!("{take}{}({});", step.call.name, words.join(", "))
    }

    fn call(&self, step: &Step) -> String {
        let ty = match (step.call.act, step.call.result) {
            (Act::Syscall(_), ResultKind::Number) => "int",
            (_, result) => result_type(result),
        };
        let creates = step
            .args
            .iter()
            .any(|a| matches!(a, Arg::Flags(f) if f.has("O_CREAT") || f.has("O_TMPFILE")));
        let args: Vec<String> = step
            .args
            .iter()
            .zip(step.call.args)
            .filter(|(_, spec)| !matches!(spec.ty, ArgType::Mode) || creates)
            .map(|(arg, spec)| self.arg(arg, spec))
            .collect();
        let take = self.take(step, ty);
        // The C library has no function for these, or one that tells less.
        if matches!(step.call.name, "mseal" | "brk" | "memfd_secret") {
            let cast = if take.starts_with("char *") {
                "(char *)"
            } else {
                ""
            };
            let (name, args) = (step.call.name, args.join(", "));
            return format!("{take}{cast}syscall(SYS_{name}, {args});");
        }
        format!("{take}{}({});", step.call.name, args.join(", "))
    }

    /// The declaration that takes the result, where it has a name.
    fn take(&self, step: &Step, ty: &str) -> String {
        let Some(bind) = &step.bind else {
            return String::new();
        };
        let space = if ty.ends_with('*') { "" } else { " " };
        format!("{ty}{space}{} = ", fd_name(bind))
    }

    fn actor(&mut self, step: &Step) -> String {
        let bind = step.bind.clone().unwrap_or_default();
        let name = c_name(&bind);
        match step.call.act {
            Act::Fork => format!("pid_t {name} = fork();"),
            Act::Thread => {
                self.threads.insert(bind.clone());
                let what = format!("from here on {bind} acts too");
                format!("pthread_t {name};  {}", comment(&what))
            }
            _ => {
                let what = format!("{bind} was started before, and shares nothing but the files");
                format!("pid_t {name};  {}", comment(&what))
            }
        }
    }

    fn store(&self, step: &Step) -> String {
        let Some(Arg::Quantity(addr)) = step.args.first() else {
            return String::new();
        };
        let to = self.address(addr);
        let Some(Arg::Bytes(b)) = step.args.get(1) else {
            return format!("memcpy({to}, code, sizeof code);");
        };
        match self.written_out(b) {
            Some(one) if one.len() == 1 => {
                format!("*(volatile char *)({to}) = {};", character(one[0]))
            }
            Some(text) => format!("memcpy({to}, {}, {});", literal(&text), text.len()),
            None => {
                let len = b.len(self.scale, &|u| self.eof(u));
                let len = len.map_or_else(|_| "sizeof bytes".to_owned(), number);
                format!("memcpy({to}, bytes, {len});  {}", comment(&b.to_string()))
            }
        }
    }

    fn byte(&self, step: &Step) -> String {
        match step.args.get(2) {
            Some(Arg::Bytes(b)) => {
                let bytes = self.written_out(b).unwrap_or_default();
                character(bytes.first().copied().unwrap_or_default())
            }
            _ => "0".to_owned(),
        }
    }
}

/// The C type of what a call gives.
fn result_type(kind: ResultKind) -> &'static str {
    match kind {
        ResultKind::Address { .. } | ResultKind::Place | ResultKind::Break => "char *",
        ResultKind::Descriptor | ResultKind::Id => "int",
        ResultKind::Number => "off_t",
        ResultKind::Read { .. } | ResultKind::Written { .. } => "ssize_t",
        _ => "",
    }
}

fn comment(text: &str) -> String {
    format!("/* {} */", text.replace("*/", "* /"))
}

#[cfg(test)]
mod tests;
