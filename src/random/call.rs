//! Single calls with hostile arguments, drawn from the description of the call.

use super::draw::Scope;
use super::genes::Genes;
use crate::case::call::{self, Act, ArgSpec, ArgType, CallSpec, ResultKind};
use crate::case::flags::Domain;
use std::fmt::Write;

/// The file: its size, and what it holds.
pub(super) const FILES: &[(&str, &str)] = &[
    ("1page", ""),
    ("2page", "\"a\"*1page + \"b\"*1page"),
    ("1page + 1", "\"a\"*1page + \"b\""),
    ("3page + 100", "\"a\"*1page + \"b\"*100"),
    ("page/2", "\"a\"*10"),
    ("8page", "hole*1page + \"c\"*1page"),
    ("1", "\"a\""),
    ("0", ""),
];

/// How it is opened.
pub(super) const OPENS: &[&str] = &[
    "O_RDWR",
    "O_RDWR",
    "O_RDWR",
    "O_RDWR",
    "O_RDONLY",
    "O_RDWR|O_APPEND",
    "O_WRONLY",
];

const SETTINGS: &[(&str, &str)] = &[
    ("MAP_SHARED", "file"),
    ("MAP_PRIVATE", "file"),
    ("MAP_PRIVATE|MAP_ANONYMOUS", "-1"),
    ("MAP_SHARED|MAP_ANONYMOUS", "-1"),
    ("", ""),
];

const PROTS: &[&str] = &[
    "PROT_READ|PROT_WRITE",
    "PROT_READ|PROT_WRITE",
    "PROT_READ",
    "PROT_WRITE",
    "PROT_NONE",
    "PROT_READ|PROT_WRITE|PROT_EXEC",
    "PROT_EXEC",
];

const ADDRS: &[&str] = &[
    "arena + 4page",
    "arena + 5page",
    "arena + 6page",
    "arena + 3page",
    "arena + 4page + 100",
    "arena + 6page - 1",
    "arena + 4page + 1",
    "arena + 40page",
    "NULL",
    "1",
    "1page",
    "min-addr",
    "min-addr - 1page",
    "top - 1page",
    "top",
    "top + 1page",
    "max - 1page + 1",
    "max",
    "1page/2",
];

const LENGTHS: &[&str] = &[
    "1page",
    "2page",
    "3page",
    "4page",
    "1",
    "1page + 1",
    "1page - 1",
    "100",
    "0",
    "64page",
    "1GiB",
    "top",
    "top - 1page",
    "max",
    "max - 1page + 1",
    "max - 1page",
    "1TiB",
];

/// Those that fit into the harness's memory.
const COUNTS: &[&str] = &["1", "2", "10", "100", "0", "1page", "1page + 1", "2page"];

const OFFSETS: &[&str] = &[
    "0",
    "1page",
    "2page",
    "3page",
    "1",
    "100",
    "1page - 1",
    "-1",
    "-1page",
    "eof",
    "eof - 1",
    "1GiB",
    "max",
    "max - 1page + 1",
    "max - 2page + 1",
    "-max",
    "16TiB - 1page",
    "16TiB",
];

const FDS: &[&str] = &[
    "file",
    "file",
    "file",
    "file",
    "memfd",
    "path",
    "dir",
    "dev-zero",
    "dev-null",
    "closed",
    "wild",
    "-1",
    "1000",
    "pipe.write",
];
/// Those that a map may be asked of, which can't wait for ever.
const MAPPED: &[&str] = &["pipe.read", "socket", "epoll", "eventfd"];

const DATA: &[&str] = &["\"x\"", "\"hello\"", "\"x\"*1page"];
const DATA_LENGTHS: &[&str] = &["1", "5", "1page"];

const AFTER: &[&str] = &[
    "",
    "load(arena + 4page, 1)",
    "load(arena + 5page, 2)",
    "store(arena + 4page, \"z\")",
    "store(arena + 5page - 1, \"zz\")",
    "load(arena + 6page - 1, 2)",
];

/// The calls, each as often as it is drawn.
const CALLS: &[&str] = &[
    "mmap",
    "mmap",
    "mmap",
    "mmap",
    "mmap",
    "mmap",
    "munmap",
    "munmap",
    "mprotect",
    "mprotect",
    "msync",
    "msync",
    "ftruncate",
    "pread",
    "pwrite",
    "read",
    "write",
    "lseek",
    "open",
    "close",
    "unlink",
    "size",
    "load",
    "store",
    "fill",
    "madvise",
    "madvise",
    "madvise",
    "mremap",
    "mremap",
    "mremap",
    "mincore",
    "mincore",
    "mlock",
    "mlock2",
    "munlock",
    "mlockall",
    "munlockall",
    "mseal",
    "fallocate",
    "fallocate",
    "fcntl",
    "fcntl",
    "memfd_create",
    "dup",
    "posix_madvise",
    "remap_file_pages",
    "shmget",
    "shmat",
    "shmdt",
    "shmctl",
    "shm_open",
    "shm_unlink",
    "brk",
    "prctl",
    "areas",
    "setrlimit",
];

/// The resources whose limits a single call may change; what the harness needs is left alone.
const LIMITED: &[&str] = &[
    "RLIMIT_AS",
    "RLIMIT_DATA",
    "RLIMIT_MEMLOCK",
    "RLIMIT_FSIZE",
    "RLIMIT_NOFILE",
];
const LIMITS: &[&str] = &["used", "used + 1page", "used + 4page", "0", "used + 1"];

/// Whether a call can be drawn at all: what waits for others, makes others, or takes limits and
/// rights away is not a single call.
fn is_drawn(spec: &CallSpec) -> bool {
    let plain = matches!(
        spec.act,
        Act::Syscall(_) | Act::At(_) | Act::Shaped(..) | Act::Lseek | Act::Size
    ) || spec.touches();
    let waits = matches!(
        spec.name,
        "recv" | "send" | "splice" | "vmsplice" | "setuid"
    );
    let fits = |a: &ArgSpec| {
        !matches!(
            a.ty,
            ArgType::Actor | ArgType::Key | ArgType::Id | ArgType::Name | ArgType::Remote
        )
    };
    plain && !waits && spec.args.iter().all(fits)
}

/// A program around one call.
pub fn text(head: &[u8], scope: Scope) -> String {
    let (setting, args) = head.split_at(head.len().min(8));
    let mut genes = Genes::new(setting);
    let (size, content) = genes.pick(FILES);
    let open = genes.pick(OPENS);
    let (kind, fd) = genes.pick(SETTINGS);
    let length = genes.pick(&["3page", "1page", "2page", "4page"]);
    let prot = genes.pick(PROTS);
    let middle = genes.pick(&[
        "",
        "",
        "munmap(arena + 5page, 1page)",
        "mprotect(arena + 5page, 1page, PROT_READ)",
        "store(arena + 4page, \"q\")",
    ]);
    let after = genes.pick(AFTER);
    let mut steps = Vec::new();
    if !kind.is_empty() {
        steps.push(format!(
            "map = mmap(arena + 4page, {length}, {prot}, {kind}|MAP_FIXED, {fd}, 0)"
        ));
        if !middle.is_empty() {
            steps.push(middle.to_owned());
        }
    }
    let mut genes = Genes::new(args);
    let call = one(&mut genes, scope);
    if call.contains("(seg") {
        let size = genes.pick(&["1page", "2page", "1"]);
        steps.push(format!(
            "seg = shmget(key, {size}, IPC_CREAT|S_IRUSR|S_IWUSR)"
        ));
    }
    if call.starts_with("shmctl(seg") {
        steps.push("at = shmat(seg, arena + 40page, 0)".to_owned());
    }
    steps.push(call);
    if !after.is_empty() {
        steps.push(after.to_owned());
    }
    around(size, content, open, &steps)
}

/// A program of these steps, with the file that they name.
pub(super) fn around(size: &str, content: &str, open: &str, steps: &[String]) -> String {
    let mut text = String::new();
    let mut line = |word: &str, rest: &str| {
        // Nothing that is written to a string fails.
        let _ = writeln!(text, "{word} {rest}");
    };
    line("size", size);
    if !content.is_empty() {
        line("content", content);
    }
    let is_file = |s: &String| {
        let (_, args) = s.split_once('(').unwrap_or(("", ""));
        let path = s.contains("open(") || s.contains("unlink(") || s.contains("truncate(file");
        let path = path || s.contains("rename(") || s.contains("link(");
        let mut words = args.split([',', ')']).map(str::trim);
        if path {
            words.next();
        }
        words.any(|w| w == "file")
    };
    let is_descriptor = |s: &String| is_file(s) || s.contains("ftruncate(file");
    if steps.iter().any(is_descriptor) {
        line("open", &format!("file = open(file, {open})"));
    }
    for step in steps {
        line("step", step);
    }
    text
}

fn one(genes: &mut Genes<'_>, scope: Scope) -> String {
    let wide = scope == Scope::All && genes.chance(96);
    let name = if wide {
        let all: Vec<_> = call::all().filter(|c| is_drawn(c)).collect();
        all[genes.below(all.len())].name
    } else {
        genes.pick(CALLS)
    };
    let Some(spec) = call::find(name) else {
        return "size(file)".to_owned();
    };
    let mut args: Vec<String> = Vec::new();
    for arg in spec.args {
        let text = argument(genes, spec, arg, &args);
        args.push(text);
    }
    tame(spec, &mut args);
    if name == "areas" {
        // What lies beside the arena is nobody's concern.
        args = vec!["arena + 2page".to_owned(), "8page".to_owned()];
    }
    let bind = match spec.result {
        ResultKind::Address { .. } | ResultKind::Place => "got = ",
        ResultKind::Descriptor => "fd = ",
        ResultKind::Pipe => "ends = ",
        ResultKind::Id => "id = ",
        _ => "",
    };
    format!("{bind}{name}({})", args.join(", "))
}

fn argument(genes: &mut Genes<'_>, spec: &CallSpec, arg: &ArgSpec, so_far: &[String]) -> String {
    let to_harness = so_far.iter().any(|a| a == "buf");
    match arg.ty {
        ArgType::Addr | ArgType::Remote => genes.pick(ADDRS).to_owned(),
        ArgType::Len if spec.touches() || to_harness => genes.pick(COUNTS).to_owned(),
        ArgType::Len => match DATA.iter().position(|d| so_far.iter().any(|a| a == d)) {
            Some(n) => DATA_LENGTHS.get(n).copied().unwrap_or("1").to_owned(),
            None => genes.pick(LENGTHS).to_owned(),
        },
        ArgType::Limit => genes.pick(LIMITS).to_owned(),
        ArgType::Flags(domain) if domain.what == "limit" => genes.pick(LIMITED).to_owned(),
        ArgType::Id => genes.pick(&["-1", "seg", "seg", "seg"]).to_owned(),
        ArgType::Offset => genes.pick(OFFSETS).to_owned(),
        ArgType::Int(min, max) => [min, max, (min + max) / 2][genes.below(3)].to_string(),
        ArgType::Mode => genes.pick(&["0600", "0000", "0400", "0200"]).to_owned(),
        ArgType::Flags(domain) if domain.what == "mapping flag" => map_flags(genes, domain),
        ArgType::Flags(domain) => flags(genes, domain),
        ArgType::Fd if spec.name == "mmap" => {
            if genes.chance(40) {
                genes.pick(MAPPED).to_owned()
            } else {
                genes.pick(FDS).to_owned()
            }
        }
        ArgType::Fd if matches!(spec.name, "fcntl" | "fallocate") && genes.chance(128) => {
            genes.pick(&["memfd", "memfd-sealable"]).to_owned()
        }
        ArgType::Fd => genes.pick(FDS).to_owned(),
        ArgType::Path => genes
            .pick(&["file", "file", "new", "link", "dir"])
            .to_owned(),
        ArgType::Data | ArgType::Text => {
            if genes.chance(120) {
                genes.pick(ADDRS).to_owned()
            } else {
                genes.pick(DATA).to_owned()
            }
        }
        ArgType::Buf if genes.chance(120) => genes.pick(ADDRS).to_owned(),
        ArgType::Buf => "buf".to_owned(),
        ArgType::Bytes if spec.act == Act::Fill => "\"f\"".to_owned(),
        ArgType::Bytes => genes.pick(DATA).to_owned(),
        ArgType::Actor => "main".to_owned(),
        ArgType::Key => genes.pick(&["IPC_PRIVATE", "key"]).to_owned(),
        ArgType::Name => genes.pick(&["\"a\"", "\"b\"", "\"a/b\""]).to_owned(),
        ArgType::Choice(domain) => name(genes, domain).to_owned(),
        ArgType::Number => genes.pick(&["1", "0", "2", "max"]).to_owned(),
        // Faults are not drawn: what brings one about is no call of the program.
        ArgType::Call => "mmap".to_owned(),
        ArgType::Nth => "1".to_owned(),
        ArgType::Errno => "ENOMEM".to_owned(),
        ArgType::Word(words) => words.first().map_or("", |w| w.0).to_owned(),
        ArgType::Fault => "fault".to_owned(),
    }
}

/// Bits that no flag of the argument has.
const BITS: &[&str] = &["0x40000000", "0x80000000", "0x80", "0x200"];

/// One of the names; an argument may have none at all.
fn name(genes: &mut Genes<'_>, domain: &'static Domain) -> &'static str {
    let at = genes.below(domain.flags.len());
    domain.flags.get(at).map_or("0", |f| f.0)
}

fn flags(genes: &mut Genes<'_>, domain: &'static Domain) -> String {
    if domain.what == "protection" && !genes.chance(40) {
        return genes.pick(PROTS).to_owned();
    }
    let mut words = vec![name(genes, domain)];
    while words.len() < 4 && genes.chance(90) {
        words.push(name(genes, domain));
    }
    if genes.chance(24) {
        words.push(genes.pick(BITS));
    }
    if genes.chance(10) {
        return "0".to_owned();
    }
    words.join("|")
}

/// The sharing type is a choice; each other flag is there or not.
fn map_flags(genes: &mut Genes<'_>, domain: &'static Domain) -> String {
    let mut words = vec![genes.pick(&[
        "MAP_SHARED",
        "MAP_SHARED",
        "MAP_SHARED",
        "MAP_PRIVATE",
        "MAP_PRIVATE",
        "MAP_PRIVATE",
        "MAP_SHARED_VALIDATE",
        "MAP_DROPPABLE",
        "0",
    ])];
    let mut also = |chance, word| {
        if genes.chance(chance) {
            words.push(word);
        }
    };
    also(80, "MAP_FIXED");
    also(60, "MAP_ANONYMOUS");
    also(24, "MAP_FIXED_NOREPLACE");
    if genes.chance(96) {
        let others = domain.flags.get(4..).unwrap_or_default();
        words.push(others[genes.below(others.len())].0);
        if genes.chance(80) {
            words.push(others[genes.below(others.len())].0);
        }
    }
    if genes.chance(20) {
        words.push(genes.pick(BITS));
    }
    words.join("|")
}

/// Keeps a call within what the guards allow: what fills memory ahead does so for few pages, and
/// what stores does not go on for ever.
fn tame(spec: &CallSpec, args: &mut [String]) {
    let great = |length: &str| ["GiB", "TiB", "top"].iter().any(|w| length.contains(w));
    let fills = |flags: &str| flags.contains("MAP_POPULATE") || flags.contains("MAP_LOCKED");
    match (spec.name, args) {
        ("mmap", [_, length, _, flags, ..]) if great(length) && fills(flags) => {
            "4page".clone_into(length);
        }
        // Where bytes are made as they are asked for, so many would be.
        ("read" | "pread", [fd, buf, count, ..])
            if fd == "dev-zero" && buf != "buf" && great(count) =>
        {
            "4page".clone_into(count);
        }
        ("fallocate", [_, _, _, len]) if great(len) => "4page".clone_into(len),
        ("shmget", [_, size, flags]) => {
            // Its memory outlives the case until it is taken away.
            if great(size) {
                "4page".clone_into(size);
            }
            if flags.contains("HUGETLB") {
                "IPC_CREAT|S_IRUSR".clone_into(flags);
            }
        }
        // What is not there yet is asked for by no hostile bit.
        ("shmat" | "shmctl" | "prctl", args) => {
            for arg in args {
                if arg.contains("PR_SET_MEMORY_MERGE") {
                    "PR_GET_MDWE".clone_into(arg);
                }
            }
        }
        _ => {}
    }
}
