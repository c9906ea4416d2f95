//! A case as a C program that stands alone: it makes its file, does the steps, and prints what came
//! of them in the notation of the records.
//!
//! It follows from the description of the calls. What can't be said in C alone is told so, with the
//! reason: the harness does more there than a short program can.

mod words;

use crate::case::call::{Act, ArgType, ResultKind};
use crate::case::{Arg, Case, Claim, Door, End, Role, Scale, Step};
use crate::report::in_c::literal;
use crate::transcript::key;
use std::fmt::Write;
use words::Words;

/// The head of every program.
const INCLUDES: &str = "\
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAYBE __attribute__((unused)) /* not every case needs all of it */
";

/// The program, or why C alone can't say it.
pub fn program(case: &Case, scale: &Scale, door: Door) -> Result<String, String> {
    let program = &case.program;
    if program.reckless {
        return Err("it hits the memory of whoever runs it".to_owned());
    }
    let mut made = Made {
        case,
        door: program.via.unwrap_or(door),
        words: Words::of(program, scale)?,
        actors: vec![Actor::main()],
    };
    let mut steps = Vec::new();
    for (n, step) in program.steps.iter().enumerate() {
        steps.push(made.step(n, step)?);
    }
    made.whole(&steps)
}

/// Who acts.
struct Actor {
    name: String,
    thread: bool,
    /// The actor whose process it is in.
    process: usize,
    /// Started before the case.
    peer: bool,
}

impl Actor {
    fn main() -> Self {
        Actor {
            name: "main".to_owned(),
            thread: false,
            process: 0,
            peer: false,
        }
    }
}

struct Made<'a> {
    case: &'a Case,
    door: Door,
    words: Words<'a>,
    actors: Vec<Actor>,
}

impl Made<'_> {
    /// Whether more than one acts, or one ends on the way: then somebody else must tell the rest.
    fn has_turns(&self) -> bool {
        let steps = &self.case.program.steps;
        self.actors.len() > 1
            || self.case.program.end == End::Signal
            || steps.iter().any(|s| s.call.act == Act::Exit)
    }

    fn actor(&self, name: &str) -> Result<usize, String> {
        let found = self.actors.iter().position(|a| a.name == name);
        found.ok_or_else(|| format!("nobody is called {name}"))
    }

    /// One step as a block of C.
    fn step(&mut self, n: usize, step: &Step) -> Result<String, String> {
        if !step.asks.is_empty() {
            return Err("where a mapping lies is told by the harness alone".to_owned());
        }
        let mut out = String::new();
        let claim = self.case.claims.get(n).and_then(Option::as_ref);
        let told = claim.map_or(String::new(), |c: &Claim| format!("  (the rule: {c})"));
        let _ = writeln!(out, "\t/* {}{} */", safe(&step.to_string()), safe(&told));
        let me = self.actor(&step.actor)?;
        let say = format!("\tprintf(\"%s = \", {});\n", literal(key(step).as_bytes()));
        if step.role != Role::Open {
            out.push_str(&say);
        }
        let (setup, act) = self.act(step, me)?;
        let unbound = self.words.unbound(step);
        out.push_str(&setup);
        for name in unbound {
            let has = words::has(&name);
            let _ = writeln!(
                out,
                "\tif (!{has})\n\t\tprintf(\"not reached: {}\\n\");\n\telse",
                safe(&name)
            );
        }
        let act = match step.role {
            Role::Open => act.replace("@say@", say.trim()),
            _ => act.replace("@say@", ";"),
        };
        let _ = writeln!(out, "\t{{\n{act}\t}}");
        self.words.bind(step);
        Ok(out)
    }

    /// What prepares a step, and the step itself with what is told of it.
    fn act(&mut self, step: &Step, me: usize) -> Result<(String, String), String> {
        let none = String::new;
        let arg = |n: usize| step.args.get(n).ok_or("an argument is missing");
        Ok(match step.call.act {
            Act::Load => {
                let (addr, n) = (self.words.value(step, 0)?, self.words.value(step, 1)?);
                let count = self.words.count(arg(1)?)?;
                if count > 1 << 20 {
                    return Err("it reads more than 1 MiB at once".to_owned());
                }
                let told = "\t\telse\n\t\t\ttell_bytes(taken, n);\n";
                (none(), self.touch(step, &addr, &n, "load(at, n)", told)?)
            }
            Act::Store => {
                let (setup, len) = self.words.data(arg(1)?)?;
                let addr = self.words.value(step, 0)?;
                let touch = self.touch(step, &addr, &len, "store(at, data, 0, n)", OK)?;
                (setup, touch)
            }
            Act::Fill => {
                let (setup, _) = self.words.data(arg(2)?)?;
                let (addr, n) = (self.words.value(step, 0)?, self.words.value(step, 1)?);
                let touch = self.touch(step, &addr, &n, "store(at, data, 1, n)", OK)?;
                (setup, touch)
            }
            Act::Size => {
                let fd = self.words.value(step, 0)?;
                let text = format!(
                    "\t\tstruct stat st;\n\n\t\tif (fstat((int){fd}, &st))\n\
                     \t\t\ttell_error();\n\t\telse {{\n{}\t\t\tprintf(\"%s\\n\", \
                     number(st.st_size));\n\t\t}}\n",
                    self.words.take(step, "st.st_size")
                );
                (none(), text)
            }
            Act::Pipe => {
                let text = format!(
                    "\t\tint ends[2];\n\n\t\tif (pipe(ends))\n\t\t\ttell_error();\n\
                     \t\telse {{\n{}\t\t\tprintf(\"{}\\n\");\n\t\t}}\n",
                    self.words.take_pipe(step),
                    step.bind.as_deref().unwrap_or("ok")
                );
                (none(), text)
            }
            Act::Fork | Act::Thread | Act::Process => (none(), self.new_actor(step, me)),
            Act::Wait => {
                let Arg::Actor(name) = arg(0)? else {
                    return Err("nobody to wait for".to_owned());
                };
                let text = format!("\t\twait_for({me}, {});\n", self.actor(name)?);
                (none(), text)
            }
            Act::Exit => {
                let status = self.words.value(step, 0)?;
                let text = format!(
                    "\t\tprintf(\"exit %d\\n\", (int){status});\n\t\tleave({me});\n\
                     \t\t_exit((int){status});\n"
                );
                (none(), text)
            }
            Act::Syscall(_) | Act::At(_) | Act::Lseek => self.call(step)?,
            _ => return Err(format!("{} is the harness's own doing", step.call.name)),
        })
    }

    /// A touch of memory: what is loaded or stored from `addr` on, and what is told if it succeeds.
    fn touch(
        &self,
        step: &Step,
        addr: &str,
        n: &str,
        how: &str,
        told: &str,
    ) -> Result<String, String> {
        let asked = step.args.first().and_then(Arg::quantity);
        let (base, rest) = asked.map(|q| q.split_base()).unwrap_or_default();
        let base = base.map_or_else(|| "NULL".to_owned(), |b| literal(b.as_bytes()));
        let rest = match base.as_str() {
            "NULL" => "(long long)at".to_owned(),
            _ => format!("{}LL", self.words.constant(&rest)?),
        };
        Ok(format!(
            "\t\tuintptr_t at = (uintptr_t){addr};\n\t\tsize_t n = (size_t){n};\n\n\
             \t\tif ({how})\n\t\t\ttell_fault({base}, at, {rest});\n{told}"
        ))
    }

    fn new_actor(&mut self, step: &Step, me: usize) -> String {
        let name = step.bind.clone().unwrap_or_default();
        let index = self.actors.len();
        let thread = step.call.act == Act::Thread;
        let process = match thread {
            true => self.actors[me].process,
            false => index,
        };
        let told = format!("\t\t\tprintf(\"{}\\n\");\n", safe(&name));
        let peer = step.call.act == Act::Process;
        self.actors.push(Actor {
            name,
            thread,
            process,
            peer,
        });
        match step.call.act {
            Act::Fork => {
                format!("\t\tif (fork_as({index}) < 0)\n\t\t\ttell_error();\n\t\telse\n{told}")
            }
            Act::Thread => format!(
                "\t\tpthread_t thread;\n\n\t\terrno = pthread_create(&thread, NULL, act_as, \
                 (void *)(intptr_t){index});\n\t\tif (errno)\n\t\t\ttell_error();\n\t\telse\n{told}"
            ),
            _ => format!("\t\tif (turn->pid[{index}] < 0)\n\t\t\ttell_error();\n\t\telse\n{told}"),
        }
    }

    /// A system call.
    fn call(&mut self, step: &Step) -> Result<(String, String), String> {
        let mut setup = String::new();
        let mut args = Vec::new();
        let raw = self.door == Door::Raw;
        for (n, (arg, spec)) in step.args.iter().zip(step.call.args).enumerate() {
            let word = match (arg, spec.ty) {
                (Arg::Bytes(_), _) => {
                    let (data, _) = self.words.data(arg)?;
                    setup.push_str(&data);
                    "(long)data".to_owned()
                }
                (Arg::Buf, _) => "(long)buffer".to_owned(),
                _ => self.words.value(step, n)?,
            };
            args.push(match (raw, spec.ty) {
                (true, _) => word,
                (false, ArgType::Path) => format!("(const char *){word}"),
                (false, ArgType::Addr | ArgType::Data | ArgType::Buf) => {
                    format!("(void *){word}")
                }
                (false, ArgType::Fd | ArgType::Flags(_) | ArgType::Int(..)) => {
                    format!("(int){word}")
                }
                (false, _) => word,
            });
        }
        let spelled = match raw {
            true => raw_call(step, &args),
            false => format!("(long){}({})", step.call.name, args.join(", ")),
        };
        let told = self.told(step)?;
        let text = format!(
            "\t\tlong r;\n\n\t\traised = guarded = 0;\n\t\tr = {spelled};\n\
             \t\tif (r == -1) {{\n\t\t\t@say@\n\t\t\ttell_error();\n\t\t}} else {{\n{}{told}\t\t}}\n",
            self.words.take(step, "r")
        );
        Ok((setup, text))
    }

    /// What is told of a call that succeeds, as `r`.
    fn told(&self, step: &Step) -> Result<String, String> {
        let name = || {
            format!(
                "\t\t\tprintf(\"{}\\n\");\n",
                step.bind.as_deref().unwrap_or("ok")
            )
        };
        let number = "\t\t\tprintf(\"%s\\n\", number(r));\n".to_owned();
        Ok(match step.call.result {
            _ if step.role == Role::Open => "\t\t\t;\n".to_owned(),
            ResultKind::Zero => OK.trim_start_matches("\t\telse\n").to_owned(),
            ResultKind::Number | ResultKind::Written { .. } => number,
            ResultKind::Read { buf, .. } if matches!(step.args.get(buf), Some(Arg::Buf)) => {
                "\t\t\ttell_bytes(buffer, (size_t)r);\n".to_owned()
            }
            ResultKind::Read { .. } => number,
            ResultKind::Descriptor => name(),
            ResultKind::Address { .. } => {
                let asked = self.words.value(step, 0)?;
                let hint = step.args.first().and_then(Arg::quantity);
                let hint = hint.map(|q| q.with_eof(&self.case.program.file.size).to_string());
                format!(
                    "\t\t\tlong asked = {asked};\n\n\t\t\tif (!asked)\n\t\t\t\tprintf(\"{}\\n\");\n\
                     \t\t\telse if (r == asked)\n\t\t\t\tprintf(\"{}\\n\");\n\
                     \t\t\telse if (r >= ARENA && r < ARENA + (1L << 30)) {{\n\
                     \t\t\t\ttell_place(\"arena\", r - ARENA);\n\t\t\t\tprintf(\"\\n\");\n\
                     \t\t\t}} else\n\t\t\t\tprintf(\"elsewhere\\n\");\n",
                    step.bind.as_deref().unwrap_or("ok"),
                    safe(&hint.unwrap_or_default()),
                )
            }
            _ => {
                return Err(format!(
                    "what {} gives is told by the harness alone",
                    step.call.name
                ));
            }
        })
    }

    fn whole(&self, steps: &[String]) -> Result<String, String> {
        let case = self.case;
        let mut out = String::from("/*\n");
        let mut about = |text: &str| {
            for line in super::text::wrap(&safe(text), 0, 0, 90) {
                let _ = writeln!(out, " * {line}");
            }
        };
        about(&case.id);
        about(&case.why);
        case.cite.iter().for_each(|c| about(&format!("rule: {c}")));
        case.needs
            .iter()
            .for_each(|n| about(&format!("needs: {n}")));
        about("");
        about("cc -Wall -pthread -o case case.c && ./case");
        about("It makes a scratch folder where it is started, on the file system to be tested.");
        out.push_str(" */\n");
        out.push_str(INCLUDES);
        let scale = self.words.scale;
        let _ = writeln!(out, "\n#define PAGE {}L", scale.page);
        let _ = writeln!(
            out,
            "#define ARENA {:#x}L /* nothing lies there */",
            words::ARENA
        );
        out.push_str(&self.words.flag_names(case));
        if self.door == Door::Raw {
            out.push_str(&call_numbers(case));
        }
        let touches = case.program.steps.iter().any(|s| s.call.touches());
        if touches {
            out.push_str("#define TOUCHES\n");
        }
        out.push_str("\n/* The case's own numbers. */\n");
        out.push_str("static const struct { long long n; const char *text; } known[] = {\n");
        for (n, text) in self.words.known() {
            let _ = writeln!(out, "\t{{ {n}LL, {} }},", literal(text.as_bytes()));
        }
        out.push_str("\t{ 0, NULL },\n};\n\n");
        out.push_str(
            "static volatile sig_atomic_t raised, guarded; /* signals that came with a call */\n\n",
        );
        out.push_str(include_str!("notation.c"));
        out.push('\n');
        out.push_str(include_str!("bytes.c"));
        let body = steps.concat();
        if body.contains("tell_bytes(") {
            out.push('\n');
            out.push_str(include_str!("tell_bytes.c"));
        }
        if touches {
            out.push('\n');
            out.push_str(include_str!("touch.c"));
        }
        let turns = self.has_turns();
        if turns {
            out.push_str(&self.tables());
            out.push_str(include_str!("turns.c"));
        }
        let kills = case.program.end == End::Signal && touches;
        match kills {
            true => out.push_str(DIE),
            false => out.push_str("\n#define DIE(signal)\n\n"),
        }
        out.push_str(include_str!("catch.c"));
        if case.program.uses_file() {
            out.push('\n');
            out.push_str(include_str!("file.c"));
        }
        out.push('\n');
        if body.contains("(long)buffer") {
            out.push_str("static unsigned char buffer[1 << 20];\n");
        }
        out.push_str(&self.words.variables());
        self.functions(&mut out, steps, turns)?;
        Ok(out)
    }

    /// What the turns need to know of the steps and actors.
    fn tables(&self) -> String {
        let steps = &self.case.program.steps;
        let index = |s: &Step| self.actor(&s.actor).unwrap_or_default().to_string();
        let list = |items: Vec<String>| items.join(", ");
        let texts = steps.iter().map(|s| literal(key(s).as_bytes()));
        let names = self.actors.iter().map(|a| literal(a.name.as_bytes()));
        format!(
            "\n#define STEPS {}\n#define ACTORS {}\nstatic const int owner[] = {{ {} }};\n\
             static const int process_of[] = {{ {} }};\nstatic const int is_thread[] = {{ {} }};\n\
             static const char *const actors[] = {{ {} }};\n\
             static const char *const texts[] = {{\n\t{}\n}};\n\n",
            steps.len(),
            self.actors.len(),
            list(steps.iter().map(index).collect()),
            list(self.actors.iter().map(|a| a.process.to_string()).collect()),
            list(
                self.actors
                    .iter()
                    .map(|a| u8::from(a.thread).to_string())
                    .collect()
            ),
            list(names.collect()),
            texts.collect::<Vec<_>>().join(",\n\t"),
        )
    }

    fn functions(&self, out: &mut String, steps: &[String], turns: bool) -> Result<(), String> {
        let has_file = self.case.program.uses_file();
        if turns {
            out.push_str("\nstatic void do_step(int step)\n{\n\tswitch (step) {\n");
            for (n, step) in steps.iter().enumerate() {
                let step = step.replace("\n\t", "\n\t\t").replacen('\t', "\t\t", 1);
                let _ = write!(out, "\tcase {n}: {{\n{step}\tbreak;\n\t}}\n");
            }
            out.push_str("\t}\n}\n");
        } else {
            out.push_str("\nstatic void do_steps(void)\n{\n");
            for step in steps {
                let _ = write!(out, "\t{{\n{step}\t}}\n");
            }
            out.push_str("}\n");
        }
        out.push_str(
            "\nint main(void)\n{\n\tchar folder[] = \"case-XXXXXX\";\n\n\
             \tif (sysconf(_SC_PAGESIZE) != PAGE) {\n\
             \t\tfprintf(stderr, \"this program is for pages of %ld bytes\\n\", PAGE);\n\
             \t\treturn 2;\n\t}\n\tif (!mkdtemp(folder) || chdir(folder)) {\n\
             \t\tperror(folder);\n\t\treturn 2;\n\t}\n\tsetvbuf(stdout, NULL, _IONBF, 0);\n",
        );
        if has_file {
            out.push_str(&self.words.declared()?);
            let _ = writeln!(out, "\tmake_file({}ULL);", self.words.eof);
        }
        match turns {
            false => {
                out.push_str("\tcatch_all();\n");
                out.push_str(&self.words.fixtures());
                out.push_str("\tdo_steps();\n");
            }
            true => out.push_str(&self.start()),
        }
        if has_file {
            out.push_str("\ttell_file();\n");
        }
        out.push_str(
            "\tunlink(\"file\");\n\tunlink(\"new\");\n\
             \tif (!chdir(\"..\"))\n\t\trmdir(folder);\n\treturn 0;\n}\n",
        );
        Ok(())
    }

    /// Starts the one that the case begins with, and waits until all steps are done.
    fn start(&self) -> String {
        let peers = self.actors.iter().enumerate().filter(|(_, a)| a.peer);
        let peers: String = peers.map(|(n, _)| format!("\t\tfork_as({n});\n")).collect();
        format!(
            "\tturn = mmap(NULL, sizeof *turn, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, \
             -1, 0);\n\tif (turn == MAP_FAILED)\n\t\treturn 2;\n\tturn->end_for = -1;\n\
             \tfor (int i = 0; i <= ACTORS; i++)\n\t\tsem_init(&turn->go[i], 1, 0);\n\
             \tpid_t pid = fork();\n\n\tif (pid == 0) {{\n\
             \t\tprctl(PR_SET_PDEATHSIG, SIGKILL);\n\t\tcatch_all();\n{}{peers}\
             \t\tact(0);\n\t}}\n\tturn->pid[0] = pid;\n\
             \thand(owner[0]);\n\twhile (sem_wait(&turn->go[ACTORS]))\n\t\t;\n\
             \tfor (int i = ACTORS - 1; i >= 0; i--)\n\
             \t\tif (!is_thread[i] && turn->pid[i] > 0 && !turn->gone[i])\n\
             \t\t\tkill(turn->pid[i], SIGKILL);\n\
             \twhile (wait(NULL) > 0)\n\t\t;\n",
            self.words.fixtures()
        )
    }
}

/// What is told of a success that gives nothing.
const OK: &str = "\t\telse\n\t\t\tprintf(\"ok\\n\");\n";

/// A fault kills: it is told, the turn is handed on, and it happens once more.
const DIE: &str = "
#define DIE(signal) do { \\
\tstruct sigaction fatal = { .sa_handler = SIG_DFL }; \\
\tprintf(\"killed \"); \\
\ttell_signal(signal); \\
\tprintf(\"\\n\"); \\
\tleave(owner[turn->step]); \\
\tsigaction(signal, &fatal, NULL); \\
\treturn; \\
} while (0)

";

/// The numbers of the calls that older headers lack, for the architecture of this program.
fn call_numbers(case: &Case) -> String {
    let mut out = String::new();
    let mut told = Vec::new();
    for step in &case.program.steps {
        let name = number_name(step.call.name);
        if let Act::Syscall(n) | Act::At(n) = step.call.act {
            if !told.contains(&name) {
                let _ = write!(out, "#ifndef {name}\n#define {name} {n}\n#endif\n");
                told.push(name);
            }
        }
    }
    out
}

/// What the headers call the number of a call.
fn number_name(name: &str) -> String {
    match name {
        "open" | "unlink" | "link" => format!("SYS_{name}at"),
        "rename" => "SYS_renameat2".to_owned(),
        "pread" | "pwrite" => format!("SYS_{name}64"),
        _ => format!("SYS_{name}"),
    }
}

/// A call straight to the kernel. Paths are relative to the folder, as the `*at` entries take them.
fn raw_call(step: &Step, args: &[String]) -> String {
    let mut words = Vec::new();
    for (spec, arg) in step.call.args.iter().zip(args) {
        if matches!((spec.ty, step.call.act), (ArgType::Path, Act::At(_))) {
            words.push("(long)AT_FDCWD".to_owned());
        }
        words.push(arg.clone());
    }
    while words.len() < 6 {
        words.push("0L".to_owned());
    }
    format!(
        "syscall({}, {})",
        number_name(step.call.name),
        words.join(", ")
    )
}

/// Text that can stand in a comment, or in a format that is printed as it is.
fn safe(text: &str) -> String {
    text.replace("*/", "* /")
        .replace('\\', "/")
        .replace('%', "%%")
        .replace('"', "'")
}
