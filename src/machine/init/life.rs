//! What the first process does.

use super::{Line, MODULES, SCRIPT, Script};
use crate::machine::frame::Frame;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::{self, SetArg};
use nix::sys::wait::wait;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

impl Line {
    fn run(&self) -> Result<(), String> {
        match self {
            Line::Mount {
                kind,
                source,
                folder,
                options,
            } => {
                mount_at(kind, source, folder, options)?;
                // Some file systems know no such thing.
                let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o1777));
                Ok(())
            }
            // That is for the worker.
            Line::User(_) => Ok(()),
            Line::Copy(from, to) => {
                copy(from, to).map_err(|e| format!("{from} can't be copied to {to}: {e}"))
            }
            Line::Write(file, text) => {
                fs::write(file, text).map_err(|e| format!("{file} can't be written: {e}"))
            }
        }
    }
}

fn mount_at(kind: &str, source: &str, folder: &str, options: &str) -> Result<(), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{kind} can't be mounted on {folder}: {e}");
    fs::create_dir_all(folder).map_err(|e| wrong(&e))?;
    let options = (!options.is_empty()).then_some(options);
    mount(Some(source), folder, Some(kind), MsFlags::empty(), options).map_err(|e| wrong(&e))
}

fn copy(from: &str, to: &str) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new().write(true).open(to)?;
    io::copy(&mut from, &mut to).map(|_| ())
}

/// The life of the first process. It returns only where the machine can't be turned off.
pub fn init() -> u8 {
    let (user, failed) = match prepare() {
        Ok(user) => (user, None),
        Err(why) => (None, Some(why)),
    };
    if let Err(why) = serve(user, failed.as_deref()) {
        // The console is all that there is.
        let _ = fs::write("/dev/console", format!("mmapcheck: {why}\n"));
    }
    let _ = reboot(RebootMode::RB_POWER_OFF);
    3
}

/// Makes the machine ready; the user whom the worker is to be, if not root.
fn prepare() -> Result<Option<u32>, String> {
    // What is not there in this kernel is not there for the cases either.
    for (kind, folder) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        let _ = mount_at(kind, kind, folder, "");
    }
    mount_at("tmpfs", "tmpfs", "/tmp", "mode=1777")?;
    // The kernel's own lines would come between ours.
    let _ = fs::write("/proc/sys/kernel/printk", "0");
    let _ = fs::write("/proc/sys/debug/exception-trace", "0");
    load_modules()?;
    let text = fs::read_to_string(SCRIPT).unwrap_or_default();
    let lines = Script::parse(&text)?.lines;
    lines.iter().try_for_each(Line::run)?;
    Ok(lines.iter().find_map(|line| match line {
        Line::User(uid) => Some(*uid),
        _ => None,
    }))
}

fn load_modules() -> Result<(), String> {
    let Ok(entries) = fs::read_dir(MODULES) else {
        return Ok(());
    };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        load_module(&path).map_err(|e| format!("{} can't be loaded: {e}", path.display()))?;
        // The memory is the cases'.
        let _ = fs::remove_file(&path);
    }
    Ok(())
}

fn load_module(path: &Path) -> io::Result<()> {
    use nix::kmod::{ModuleInitFlags, finit_module};
    let file = File::open(path)?;
    match finit_module(&file, c"", ModuleInitFlags::empty()) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Starts the worker on the line and waits until it has ended. What went wrong before is told
/// to the runner by the worker.
fn serve(user: Option<u32>, failed: Option<&str>) -> Result<(), String> {
    let line = line().map_err(|e| format!("the line to the runner can't be used: {e}"))?;
    let output = line.try_clone().map_err(|e| e.to_string())?;
    let _ = fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777));
    let mut command = Command::new("/init");
    command.arg("worker");
    if let Some(why) = failed {
        command.args(["--refuse", why]);
    }
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let worker = command
        .stdin(line)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("the worker can't be started: {e}"))?;
    let worker = nix::unistd::Pid::from_raw(worker.id() as i32);
    // Orphans come to the first process.
    while wait().map_err(|e| e.to_string())?.pid() != Some(worker) {}
    Ok(())
}

/// The line to the runner, on which every byte goes through as it is.
fn line() -> io::Result<File> {
    match port(Path::new("/dev")) {
        Some(port) => {
            let line = OpenOptions::new().read(true).write(true).open(port)?;
            await_runner(&line)?;
            Ok(line)
        }
        None => console(),
    }
}

/// Waits until somebody is at the other end of a port: until the host has told so, a read gives
/// the end of the stream.
fn await_runner(line: &File) -> io::Result<()> {
    const LOOK: Duration = Duration::from_millis(5);
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        let mut fds = [PollFd::new(line.as_fd(), PollFlags::POLLOUT)];
        poll(&mut fds, PollTimeout::ZERO)?;
        let told = fds[0].revents().unwrap_or(PollFlags::empty());
        if !told.contains(PollFlags::POLLHUP) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(io::Error::other("nobody is at the other end of the port"))
}

/// A port of virtio's console device, where nobody else writes; the kernel's
/// `drivers/char/virtio_console.c` names it. A serial line costs an interrupt for every few bytes,
/// and the last ones of a message wait for a timer.
fn port(devices: &Path) -> Option<PathBuf> {
    let ports = fs::read_dir(devices).ok()?.flatten().map(|e| e.path());
    let is_port = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vport")
    };
    ports.filter(is_port).min()
}

/// The console as a line without a discipline; the runner is told so.
fn console() -> io::Result<File> {
    let line = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/console")?;
    let mut settings = termios::tcgetattr(&line)?;
    termios::cfmakeraw(&mut settings);
    termios::tcsetattr(&line, SetArg::TCSANOW, &settings)?;
    // What came before was not for us as it was.
    termios::tcflush(&line, termios::FlushArg::TCIFLUSH)?;
    let mut ready = Vec::new();
    Frame::new("ready", 0, "").write(&mut ready);
    (&line).write_all(&ready)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_port_is_the_line() {
        let devices = tempfile::tempdir().unwrap();
        assert_eq!(port(devices.path()), None);
        for name in ["vport1p1", "console", "vport0p1"] {
            fs::write(devices.path().join(name), "").unwrap();
        }
        assert_eq!(port(devices.path()), Some(devices.path().join("vport0p1")));
    }
}
