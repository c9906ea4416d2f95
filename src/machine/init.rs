//! The worker as the first process of a kernel that has nothing else: it mounts what a worker
//! needs, loads the modules that it was given, does what it was told, starts the worker, and turns
//! the machine off when that ends. The worker's line to the runner is the first port of a virtio
//! console where the machine has one, else the console.
//!
//! What it is told is a script, one thing a line:
//!
//! ```text
//! copy /dev/vda /dev/pmem0
//! mount ext4 /dev/pmem0 /scratch dax
//! write /proc/sys/vm/nr_hugepages 8
//! ```
//!
//! `mount TYPE SOURCE FOLDER [OPTIONS]` makes the folder, and lets everybody write there; `copy FROM
//! TO` writes into what is there; `write FILE TEXT` takes the rest of the line; `user UID` gives the
//! worker an ordinary user's rights.

#[cfg(target_os = "linux")]
mod life;

#[cfg(target_os = "linux")]
pub use life::init;

/// Where the script lies.
pub const SCRIPT: &str = "/init.lines";

/// Where the modules lie, named in their order.
pub const MODULES: &str = "/modules";

/// What is done before the worker starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Mount {
        kind: String,
        source: String,
        folder: String,
        options: String,
    },
    Copy(String, String),
    Write(String, String),
    User(u32),
}

impl Script {
    /// Reads a script; blank lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// The line that can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|l| !l.is_empty() && !l.starts_with('#'));
        let lines = lines.map(Line::parse).collect::<Result<_, _>>()?;
        Ok(Script { lines })
    }
}

impl Line {
    fn parse(line: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{line}` is none of `mount TYPE SOURCE FOLDER [OPTIONS]`, `copy FROM TO`, `write FILE TEXT`, `user UID`"
            )
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words[..] {
            ["mount", kind, source, folder] => Line::mount(kind, source, folder, ""),
            ["mount", kind, source, folder, options] => Line::mount(kind, source, folder, options),
            ["user", uid] => Line::User(uid.parse().map_err(|_| wrong())?),
            ["copy", from, to] => Line::Copy(from.to_owned(), to.to_owned()),
            ["write", file, _, ..] => {
                let text = line.split_once(file).map_or("", |(_, text)| text);
                Line::Write(file.to_owned(), text.trim_start().to_owned())
            }
            _ => return Err(wrong()),
        })
    }

    fn mount(kind: &str, source: &str, folder: &str, options: &str) -> Self {
        Line::Mount {
            kind: kind.to_owned(),
            source: source.to_owned(),
            folder: folder.to_owned(),
            options: options.to_owned(),
        }
    }
}

/// The life of the first process, which only a Linux kernel starts.
#[cfg(not(target_os = "linux"))]
pub fn init() -> u8 {
    3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts() {
        let script = Script::parse(
            "# a\n\n mount 9p host /s trans=virtio\nwrite /x a  b\ncopy /a /b\nmount ext4 /d /e\nuser 1000",
        );
        assert_eq!(
            script.unwrap().lines,
            [
                Line::mount("9p", "host", "/s", "trans=virtio"),
                Line::Write("/x".into(), "a  b".into()),
                Line::Copy("/a".into(), "/b".into()),
                Line::mount("ext4", "/d", "/e", ""),
                Line::User(1000),
            ]
        );
        for wrong in ["mount ext4 /d", "copy /a", "write /x", "user me", "reboot"] {
            assert!(Script::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
