//! A platform made ready: everything is fetched and built, and the command of its worker is known.

use super::initrd::Archive;
use super::worker::Toolchain;
use super::{Debian, Entry, modules};
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What makes platforms ready.
#[derive(Debug)]
pub struct Launch {
    cache: PathBuf,
    project: Option<PathBuf>,
    own: PathBuf,
    debian: Debian,
    as_built: bool,
    /// Workers that were built in this run, or why they could not be.
    workers: HashMap<String, Result<PathBuf, String>>,
}

/// A platform that can be started.
#[derive(Debug)]
pub struct Ready {
    /// The command of its worker.
    pub command: Vec<OsString>,
    /// Where the scratch files lie, on the worker's side.
    pub dir: PathBuf,
    /// Goes with the run.
    run: TempDir,
    /// Held as long as the folder is in use.
    _lock: Flock<File>,
}

impl Ready {
    /// The folder that goes with the run.
    pub fn run_folder(&self) -> &Path {
        self.run.path()
    }
}

impl Launch {
    /// `own` is this program; `project` the folder of its sources, without which no worker can be
    /// built for another architecture. `as_built` takes workers as an earlier run has left them.
    pub fn new(cache: &Path, project: Option<&Path>, own: &Path, as_built: bool) -> Self {
        Launch {
            cache: cache.to_path_buf(),
            project: project.map(Path::to_path_buf),
            own: own.to_path_buf(),
            debian: Debian::new(cache),
            as_built,
            workers: HashMap::new(),
        }
    }

    /// Makes a platform ready.
    ///
    /// # Errors
    /// Why it is not available here.
    pub fn ready(&mut self, entry: &Entry) -> Result<Ready, String> {
        if let Some(why) = entry.needs.iter().find_map(super::Requirement::missing) {
            return Err(why);
        }
        let wrong = |e: std::io::Error| e.to_string();
        let kept = self.cache.join("kept").join(&entry.name);
        fs::create_dir_all(&kept).map_err(wrong)?;
        let run = tempfile::Builder::new().prefix(PREFIX).tempdir();
        let run = run.map_err(wrong)?;
        let lock = hold(run.path()).map_err(wrong)?;
        // The ordinary user whom cases run as must reach what is mounted below.
        open_to_all(run.path()).map_err(wrong)?;
        let mnt = run.path().join("mnt");
        fs::create_dir(&mnt).map_err(wrong)?;

        let mut env: Vec<(&str, OsString)> = vec![
            ("KEPT", kept.clone().into()),
            ("RUN", run.path().into()),
            ("MNT", mnt.clone().into()),
        ];
        self.debian.install(&entry.install)?;
        if !entry.unpack.is_empty() {
            env.push(("UNPACKED", self.debian.unpack(&entry.unpack)?.into()));
        }
        let worker = self.worker(entry.target.as_deref())?;
        if let Some(package) = &entry.kernel {
            let kernel = self.debian.kernel(package)?;
            env.push(("KERNEL", kernel.image.into()));
            let initrd = run.path().join("initrd");
            let archive = first_files(entry, &worker, kernel.modules.as_deref())?;
            fs::write(&initrd, archive).map_err(wrong)?;
            env.push(("INITRD", initrd.into()));
        }
        env.push(("WORKER", worker.clone().into()));
        if let Some(script) = &entry.prepare {
            prepare(script, &kept, &env)?;
        }
        Ok(Ready {
            command: command(entry, &worker, &env),
            dir: match &entry.dir {
                Some(dir) => dir.into(),
                None if entry.private_mounts => mnt,
                None => std::env::temp_dir(),
            },
            run,
            _lock: lock,
        })
    }

    fn worker(&mut self, target: Option<&str>) -> Result<PathBuf, String> {
        let Some(target) = target else {
            return Ok(self.own.clone());
        };
        if let Some(done) = self.workers.get(target) {
            return done.clone();
        }
        let built = match &self.project {
            Some(project) => {
                Toolchain::new(&self.debian, &self.cache, project, self.as_built).worker(target)
            }
            None => Err(
                "a worker for it is built from the project's sources: start it in a checkout"
                    .into(),
            ),
        };
        self.workers.insert(target.to_owned(), built.clone());
        built
    }
}

/// How the folders are called that go with a run.
const PREFIX: &str = "mmapcheck-run-";

/// Longer than it takes to lock a folder after it was made.
const FRESH: Duration = Duration::from_secs(60);

/// Marks a folder as in use, as long as what is returned lives.
fn hold(folder: &Path) -> std::io::Result<Flock<File>> {
    Flock::lock(File::open(folder)?, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e.into())
}

/// Removes what runs have left that were interrupted.
pub fn sweep() {
    sweep_in(&std::env::temp_dir(), FRESH);
}

/// Removes their folders in `dir`: with a guest's first files they are large. What was mounted
/// below went with the mount namespace of its run.
fn sweep_in(dir: &Path, fresh: Duration) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let made = entry.metadata().and_then(|m| m.modified());
        let is_old = made.is_ok_and(|t| t.elapsed().is_ok_and(|age| age > fresh));
        if is_ours && is_old && hold(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn open_to_all(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

/// Runs the script once: what it was is noted, so that another one runs again.
fn prepare(script: &str, kept: &Path, env: &[(&str, OsString)]) -> Result<(), String> {
    let done = kept.join(".prepared");
    if fs::read_to_string(&done).is_ok_and(|was| was == script) {
        return Ok(());
    }
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", script])
        .current_dir(kept)
        .envs(env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null());
    super::debian::run(&mut shell).map_err(|why| format!("it can't be prepared: {why}"))?;
    fs::write(done, script).map_err(|e| e.to_string())
}

/// What the kernel starts with: the worker, the modules, and the lines for the first process.
fn first_files(entry: &Entry, worker: &Path, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    let mut archive = Archive::default();
    for folder in ["dev", "proc", "sys", "tmp", "modules"] {
        archive.folder(folder);
    }
    archive.device("dev/console", (5, 1));
    let worker = fs::read(worker).map_err(|e| format!("{}: {e}", worker.display()))?;
    archive.program("init", &worker);
    let modules = match (folder, entry.modules.is_empty()) {
        (_, true) => Vec::new(),
        (Some(folder), _) => modules::in_order(folder, &entry.modules)?,
        (None, _) => return Err("the kernel's package has no modules".to_owned()),
    };
    for (number, (name, bytes)) in modules.iter().enumerate() {
        archive.file(&format!("modules/{number:03}-{name}.ko"), bytes);
    }
    archive.file(
        "init.lines",
        entry.init.as_deref().unwrap_or_default().as_bytes(),
    );
    Ok(archive.finish())
}

/// The words that start the worker.
fn command(entry: &Entry, worker: &Path, env: &[(&str, OsString)]) -> Vec<OsString> {
    let Some(script) = &entry.start else {
        return vec![worker.into(), "worker".into()];
    };
    let mut words: Vec<OsString> = vec!["env".into()];
    words.extend(env.iter().map(|(key, value)| {
        let mut word = OsString::from(format!("{key}="));
        word.push(value);
        word
    }));
    if entry.private_mounts {
        words.extend(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ]
            .map(Into::into),
        );
    }
    let script = match entry.private_mounts {
        // Each start begins afresh, and nothing of it is left when its last process ends.
        true => format!("mount -t tmpfs -o mode=755 tmpfs \"$RUN\"\nmkdir \"$MNT\"\n{script}"),
        false => script.clone(),
    };
    words.extend(["sh", "-euc", script.as_str()].map(Into::into));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceText;

    fn entry(text: &str) -> Entry {
        let source = SourceText {
            file: "x.toml".into(),
            text: format!("title = 't'\n{text}"),
        };
        super::super::read("x", source).unwrap()
    }

    fn launch(cache: &Path) -> Launch {
        Launch::new(cache, None, Path::new("/own"), false)
    }

    #[test]
    fn without_a_script_it_is_this_program() {
        let cache = tempfile::tempdir().unwrap();
        let ready = launch(cache.path()).ready(&entry("")).unwrap();
        assert_eq!(ready.command, ["/own", "worker"]);
        assert_eq!(ready.dir, std::env::temp_dir());
    }

    #[test]
    fn folders_that_nobody_holds_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.join("mnt")).unwrap();
            path
        };
        let (left, held, other) = (
            folder("mmapcheck-run-left"),
            folder("mmapcheck-run-held"),
            folder("mmapcheck-else"),
        );
        let _lock = hold(&held).unwrap();
        sweep_in(dir.path(), FRESH);
        assert!(left.exists(), "it may be about to be held");
        sweep_in(dir.path(), Duration::ZERO);
        assert!(!left.exists() && held.exists() && other.exists());
    }

    #[test]
    fn a_script_finds_its_folders() {
        let cache = tempfile::tempdir().unwrap();
        let text = "prepare = 'echo made > it'\nstart = 'cat \"$KEPT/it\"; echo \"$MNT $WORKER\"'";
        let ready = launch(cache.path()).ready(&entry(text)).unwrap();
        let (program, args) = ready.command.split_first().unwrap();
        let done = Command::new(program).args(args).output().unwrap();
        let mnt = ready.run_folder().join("mnt");
        assert_eq!(
            String::from_utf8(done.stdout).unwrap(),
            format!("made\n{} /own\n", mnt.display())
        );
        assert!(mnt.is_dir());
    }

    #[test]
    fn what_is_missing_is_told() {
        let cache = tempfile::tempdir().unwrap();
        let why = |text: &str| launch(cache.path()).ready(&entry(text)).unwrap_err();
        assert_eq!(why("needs = ['/no/such']"), "needs /no/such");
        assert_eq!(why("needs = ['arch vax']"), "needs a machine of vax");
        assert!(why("target = 'x'").contains("start it in a checkout"));
        assert!(why("prepare = 'echo no >&2; false'").contains("can't be prepared: sh: no"));
    }
}
