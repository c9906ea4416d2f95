//! What a worker inherits must not show: it is normalised before the first case. What is asked of
//! a worker is seen from outside, in proc(5), while it waits for its first case.

use crate::bench::{Bench, MARK, PROGRAM, finish, is_root, skip};
use crate::processes;
use mmapcheck::machine::connection::Connection;
use mmapcheck::machine::kernel::Start;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A worker that waits, and its process.
struct Waiting {
    connection: Option<Connection>,
    pid: i32,
}

impl Waiting {
    /// Starts one by the shell, which first does as `before` says.
    fn start(bench: &Bench, before: &str) -> Result<Self, String> {
        let script = format!(
            "{before}\nexec env {MARK}={} \"$@\"",
            bench.mark().display()
        );
        let words = ["sh", "-c", &script, "sh", PROGRAM, "worker"];
        let start = Start::in_folder(bench.scratch());
        let words: Vec<_> = words.map(Into::into).to_vec();
        let connection = Connection::open(&words, &start, Duration::from_secs(60))?;
        let own = std::process::id() as i32;
        let workers = processes::workers(bench.mark(), own);
        assert_eq!(workers.len(), 1, "{workers:?}");
        Ok(Waiting {
            connection: Some(connection),
            pid: workers[0].pid,
        })
    }

    fn status(&self, key: &str) -> String {
        processes::status(self.pid, key)
    }

    /// The soft and the hard limit, as proc_pid_limits(5) tells them.
    fn limit(&self, name: &str) -> (String, String) {
        let text = fs::read_to_string(format!("/proc/{}/limits", self.pid)).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }
}

/// Odd settings, one line of shell each.
const ODD: &str = "umask 0777
trap '' PIPE CHLD SEGV BUS ALRM USR1 XFSZ HUP
ulimit -S -n 256
ulimit -S -s 1024
ulimit -S -c unlimited
ulimit -S -f 2000000
ulimit -S -v 8000000
ulimit -S -d 4000000
exec 5</dev/null 7>/dev/null 9</dev/null";

/// Runs the program after [`ODD`], with blocked signals and another personality where the tools
/// for that are there.
const ODDLY: &str = "if env --block-signal=ALRM,SEGV,BUS,PIPE true 2>/dev/null
then set -- env --block-signal=ALRM,SEGV,BUS,PIPE,CHLD \"$@\"; fi
if setarch -R true 2>/dev/null; then set -- setarch -R -X -S \"$@\"; fi
exec \"$@\"";

#[test]
fn a_worker_is_as_ever_however_it_was_started() {
    let bench = Bench::new();
    let before = format!("{ODD}\n{}", ODDLY.replace("exec \"$@\"", ""));
    let worker = Waiting::start(&bench, &before).unwrap();
    // proc_pid_status(5). No signal is blocked; only SIGCHLD's like are ignored by default.
    assert_eq!(worker.status("SigBlk"), "0000000000000000");
    let ignored = u64::from_str_radix(&worker.status("SigIgn"), 16).unwrap();
    // 32 and 33 are the C library's own: it uses them for threads (nptl(7)), and sets them then.
    assert_eq!(ignored & !(0b11 << 31), 0, "{ignored:x}");
    assert_eq!(worker.status("Umask"), "0022");
    assert_eq!(worker.limit("Max open files").0, "1024");
    // Only the soft limit: a case may raise it.
    assert_eq!(worker.limit("Max core file size").0, "0");
    assert_eq!(worker.limit("Max stack size").0, (8 << 20).to_string());
    for unlimited in ["Max file size", "Max address space", "Max data size"] {
        assert_eq!(worker.limit(unlimited).0, "unlimited", "{unlimited}");
    }
    // PER_LINUX, with no flags: personality(2).
    let personality = fs::read_to_string(format!("/proc/{}/personality", worker.pid));
    if let Ok(personality) = personality {
        assert_eq!(personality.trim(), "00000000");
    }
    // What it was not given by itself is closed: 0, 1, 2 are nobody's, all else is its own.
    let mut open = Vec::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", worker.pid)).unwrap() {
        let name = entry.unwrap().file_name();
        open.push(name.to_string_lossy().parse::<i32>().unwrap());
    }
    assert!(open.iter().all(|fd| *fd <= 2 || *fd >= 160), "{open:?}");
    assert!([0, 1, 2].iter().all(|fd| open.contains(fd)), "{open:?}");
    for fd in [0, 1, 2] {
        let at = fs::read_link(format!("/proc/{}/fd/{fd}", worker.pid)).unwrap();
        assert_eq!(at, Path::new("/dev/null"));
    }
}

/// credentials(7), PR_SET_DUMPABLE(2const): changing users makes a process undumpable, which
/// gives its files in /proc to root and closes them to itself.
#[test]
fn rights_are_taken_in_the_order_that_keeps_them() {
    let bench = Bench::new();
    let worker = Waiting::start(&bench, "").unwrap();
    let uids: Vec<String> = worker
        .status("Uid")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert!(uids.iter().all(|u| *u == uids[0]), "{uids:?}");
    let uid: u32 = uids[0].parse().unwrap();
    assert_ne!(uid, 0);
    assert_ne!(uid, 65534);
    assert_eq!(worker.status("NoNewPrivs"), "1");
    assert_eq!(u64::from_str_radix(&worker.status("CapEff"), 16), Ok(0));
    assert_eq!(u64::from_str_radix(&worker.status("CapPrm"), 16), Ok(0));
    if is_root() {
        assert_eq!(worker.status("Groups"), "");
    }
    let owner = fs::metadata(format!("/proc/{}/maps", worker.pid))
        .unwrap()
        .uid();
    assert_eq!(owner, uid, "its own files in /proc are not its own");
}

/// Whose rights a worker takes that was started as root: the folder's owner's, but neither root's
/// nor those of the user that file systems and services share.
#[rstest]
#[case::somebody(12345, true)]
#[case::nobody(65534, false)]
#[case::root(0, false)]
fn the_owner_of_the_folder_is_the_user(#[case] owner: u32, #[case] taken: bool) {
    if !is_root() {
        return skip("only root can give a folder away");
    }
    let bench = Bench::new();
    std::os::unix::fs::chown(bench.scratch(), Some(owner), Some(owner)).unwrap();
    let worker = Waiting::start(&bench, "").unwrap();
    let uid = worker.status("Uid");
    let uid: u32 = uid.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(uid == owner, taken, "{uid}");
    assert!(uid != 0 && uid != 65534, "{uid}");
}

/// A limit that nobody may raise is told, not worked around: half of the cases would come out
/// otherwise.
#[test]
fn a_limit_that_can_not_be_lifted_is_told() {
    let bench = Bench::with(OBSERVED);
    for (limit, name) in [("-n 256", "open files"), ("-v 8000000", "address space")] {
        let script = format!("ulimit {limit}; exec \"$@\"");
        let mut command = match is_root() {
            true => bench.as_somebody(),
            false => bench.program(),
        };
        let program = command.get_program().to_owned();
        let done = finish(command.args(bench.run_args()));
        assert_eq!(done.code, Some(0), "without the limit: {done:?}");
        let mut command = match is_root() {
            true => {
                let mut shell = bench.marked("sh");
                use std::os::unix::process::CommandExt;
                let owner = fs::metadata(bench.scratch()).unwrap();
                shell.uid(owner.uid()).gid(owner.gid());
                shell
            }
            false => bench.marked("sh"),
        };
        command.args(["-c", &script, "sh"]).arg(program);
        let done = finish(command.args(bench.run_args()));
        assert_eq!(done.code, Some(3), "{done:?}");
        assert!(done.err.contains(name), "{done:?}");
        // Root may raise it, and does, unless that was taken away too (CAP_SYS_RESOURCE).
        let own = processes::status(std::process::id() as i32, "CapEff");
        let may_raise = u64::from_str_radix(&own, 16).is_ok_and(|caps| caps & (1 << 24) != 0);
        if is_root() && may_raise {
            let mut command = bench.marked("sh");
            command.args(["-c", &script, "sh", PROGRAM]);
            let done = finish(command.args(bench.run_args()));
            assert_eq!(done.code, Some(0), "{done:?}");
        }
    }
}

/// Cases whose answers depend on what is inherited.
const OBSERVED: &str = "
[[case]]
name = 'descriptors'
why = 'nothing is open that the case did not open'
map = false
vary = { number = ['3', '5', '7', '9', '100', '160', '161', '162', '170', '209', '210', '211', '212', '213', '214', '215', '220', '250', '800', '900', '1000'] }
then = ['close($number) = EBADF']

[[case]]
name = 'descriptors-of-two'
why = 'an actor does not see the worker either'
map = false
vary = { number = ['3', '5', '7', '9', '100', '209', '210', '211', '212', '213', '214', '215', '220', '250', '900'] }
then = ['child = fork()', 'child: close($number) = EBADF']

[[case]]
name = 'mode'
why = 'the umask is that of a login: what is made can be opened again'
map = false
then = ['a = open(new, O_CREAT|O_RDWR) = ok', 'b = open(new, O_RDWR) = ok']

[[case]]
name = 'pipe'
why = 'SIGPIPE is raised, not ignored'
map = false
then = ['p = pipe()', 'close(p.read)', 'write(p.write, \"x\", 1) = EPIPE SIGPIPE']

[[case]]
name = 'pipe-kills'
why = 'SIGPIPE kills where it is not caught'
map = false
end = 'signal'
then = ['p = pipe()', 'close(p.read)', 'child = fork()', 'child: write(p.write, \"x\", 1)', 'wait(child) = SIGPIPE']

[[case]]
name = 'fault'
why = 'a fault is caught though the signal was blocked or ignored'
prot = 'PROT_READ'
then = ['store(map, \"x\") = SIGSEGV', 'load(map, 1) = x\"00\"']

[[case]]
name = 'fault-kills'
why = 'a fault kills though the signal was ignored'
prot = 'PROT_READ'
end = 'signal'
then = ['child = fork()', 'child: store(map, \"x\")', 'wait(child) = SIGSEGV']

[[case]]
name = 'ends-are-told'
why = 'a child can be waited for though SIGCHLD was ignored'
map = false
then = ['child = fork()', 'child: exit(3)', 'wait(child) = exit 3']

[[case]]
name = 'blocked'
why = 'the guard wakes a call though SIGALRM was blocked'
map = false
then = ['p = pipe()', 'read(p.read, buf, 1) = blocked']

[[case]]
name = 'space'
why = 'address space and data are not limited'
map = false
then = ['mmap(NULL, 16GiB, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = ok']

[[case]]
name = 'long-file'
why = 'the size of files is not limited'
map = false
then = ['ftruncate(file, 8GiB) = ok']

[[case]]
name = 'executable'
why = 'a page that can be read can not be executed unless it says so, and the personality does not say so'
length = '1page'
flags = 'MAP_PRIVATE|MAP_ANONYMOUS'
then = ['mprotect(map, 1page, PROT_READ) = ok']
";

#[test]
fn what_a_runner_inherits_does_not_show() {
    let bench = Bench::with(OBSERVED);
    let plain = bench.run(&["--bless"]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    let records = bench.records();
    bench.forget();
    let mut command = bench.marked("sh");
    // The records are written by the runner itself, under its own umask.
    let script = format!("{}\n{ODDLY}", ODD.replace("umask 0777", "umask 0077"));
    command.args(["-c", &script, "sh", PROGRAM]);
    let odd = finish(command.args(bench.run_args()).arg("--bless"));
    assert_eq!(odd.code, Some(0), "{odd:?}");
    assert_eq!(bench.records(), records);
    bench.assert_clean();
}

/// The same with the worker alone so started: a runner would lift some of it.
#[test]
fn what_a_worker_inherits_does_not_show() {
    let bench = Bench::with(OBSERVED);
    assert_eq!(bench.run(&["--bless"]).code, Some(0));
    let records = bench.records();
    let script = format!("{ODD}\n{ODDLY}");
    let path = bench.path("oddly");
    fs::write(&path, script).unwrap();
    let worker = format!("sh {} {PROGRAM} worker", path.display());
    let done = finish(
        bench
            .program()
            .args(bench.run_args())
            .args(["--strict", "--worker", &worker]),
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(bench.records(), records);
    bench.assert_clean();
}
