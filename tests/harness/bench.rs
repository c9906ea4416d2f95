//! A place of its own for one test: tables, records, scratch files, and the program run on them.

use crate::processes;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mmapcheck");

/// The variable by which every process of a run is known, whoever its parent has become.
pub const MARK: &str = "MMAPCHECK_BENCH";

/// No command here takes a tenth of it on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A user without rights: neither root nor one whom the system knows.
const SOMEBODY: u32 = 0x4d4d_5555;

/// The head of every table here.
pub const HEAD: &str = "title = 'A table of the tests'\ncite = 'mmap(2)'\n";

/// Folders for tables, records, lists of known deviations and scratch files.
pub struct Bench {
    dir: TempDir,
}

/// How a command ended, and what it printed.
#[derive(Debug)]
pub struct Done {
    /// Its exit status; `None` if a signal killed it.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Bench {
    /// An empty place.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bench-of-mmapcheck-")
            .tempdir()
            .unwrap();
        for folder in ["cases", "snapshots", "known", "scratch"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Bench { dir }
    }

    /// A place with one table, `t`, of these cases.
    pub fn with(cases: &str) -> Self {
        let bench = Bench::new();
        bench.table("t", cases);
        bench
    }

    /// Writes a table of these cases.
    pub fn table(&self, stem: &str, cases: &str) {
        fs::write(
            self.path(&format!("cases/{stem}.toml")),
            format!("{HEAD}{cases}"),
        )
        .unwrap();
    }

    /// Writes the list of known deviations of the machine `here`.
    pub fn known(&self, entries: &str) {
        fs::write(self.path("known/here.toml"), entries).unwrap();
    }

    /// A path below.
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// The folder for scratch files.
    pub fn scratch(&self) -> PathBuf {
        self.path("scratch")
    }

    /// What lies in the folder for scratch files.
    pub fn left_over(&self) -> Vec<String> {
        let entries = fs::read_dir(self.scratch()).unwrap();
        entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    /// The program, marked, with nothing of the tester's own settings that would show.
    pub fn program(&self) -> Command {
        self.marked(PROGRAM)
    }

    /// Any command, marked.
    pub fn marked(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env(MARK, self.mark())
            .env("NO_COLOR", "1")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// What the variable of [`MARK`] holds.
    pub fn mark(&self) -> &Path {
        self.dir.path()
    }

    /// The arguments of `run` on the tables of this place.
    pub fn run_args(&self) -> [&'static str; 11] {
        [
            "run",
            "--cases",
            "cases",
            "--snapshots",
            "snapshots",
            "--known",
            "known",
            "--platform",
            "here",
            "--dir",
            "scratch",
        ]
    }

    /// `mmapcheck run` on the tables of this place.
    pub fn run(&self, more: &[&str]) -> Done {
        finish(self.program().args(self.run_args()).args(more))
    }

    /// The same on what is said to be this platform.
    pub fn run_as(&self, platform: &str, more: &[&str]) -> Done {
        let arguments = self.run_args().map(|a| match a {
            "here" => platform,
            other => other,
        });
        finish(self.program().args(arguments).args(more))
    }

    /// `mmapcheck run` with a worker that the shell makes: `$W` in it is the real worker.
    pub fn run_with_worker(&self, script: &str, more: &[&str]) -> Done {
        let worker = format!(
            "sh -c '{}'",
            script.replace("$W", &format!("{PROGRAM} worker"))
        );
        finish(
            self.program()
                .args(self.run_args())
                .args(["--worker", &worker])
                .args(more),
        )
    }

    /// `mmapcheck try`.
    pub fn attempt(&self, arguments: &[&str]) -> Done {
        let mut command = self.program();
        command.arg("try");
        if !arguments.contains(&"--dir") {
            command.args(["--dir", "scratch"]);
        }
        finish(command.args(arguments))
    }

    /// The lines of a transcript that `mmapcheck try` shows.
    pub fn transcript(&self, arguments: &[&str]) -> Vec<String> {
        let done = self.attempt(arguments);
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out.lines().map(str::to_owned).collect()
    }

    /// All that is recorded, by path.
    pub fn records(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        collect(&self.path("snapshots"), &mut found);
        found
    }

    /// Forgets what is recorded.
    pub fn forget(&self) {
        fs::remove_dir_all(self.path("snapshots")).unwrap();
        fs::create_dir(self.path("snapshots")).unwrap();
    }

    /// Lets an ordinary user run a copy of the program here, and gives a command of that user.
    /// Only root can.
    pub fn as_somebody(&self) -> Command {
        let copy = self.path("program");
        if !copy.exists() {
            fs::copy(PROGRAM, &copy).unwrap();
        }
        for path in ["", "scratch", "snapshots", "program"] {
            let path = self.path(path);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            std::os::unix::fs::chown(&path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
        let mut command = self.marked(copy.to_str().unwrap());
        command.uid(SOMEBODY).gid(SOMEBODY);
        command
    }

    /// Nothing of a run is left: no process, no scratch folder.
    pub fn assert_clean(&self) {
        processes::assert_none(self.mark());
        // A janitor may have outlived its worker.
        eventually("no scratch folder is left", || self.left_over().is_empty());
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Says why a test does nothing here.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Done {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    await_end(child)
}

/// Waits for a command whose output is piped.
pub fn await_end(mut child: Child) -> Done {
    let out = read_aside(child.stdout.take());
    let err = read_aside(child.stderr.take());
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("no end after {PATIENCE:?}: {:?}", out.join());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Done {
        code: status.code(),
        signal: status.signal(),
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

fn read_aside(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            from.read_to_end(&mut bytes).unwrap();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits until something holds; a loaded machine may take long.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "not even after 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
