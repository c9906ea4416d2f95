//! Building the worker for another architecture, with the machine's own Rust compiler. Where rustup
//! has the standard library for the target, Debian's cross compiler (`-gnu`) or zig (`-musl`) does
//! the rest; elsewhere the library is built from its source, with zig for all else.

use super::Debian;
use super::debian::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What builds workers.
#[derive(Debug)]
pub struct Toolchain<'a> {
    debian: &'a Debian,
    cache: &'a Path,
    project: &'a Path,
    as_built: bool,
}

/// The tools, each in the version that it was tried with.
const TOOLS: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

impl<'a> Toolchain<'a> {
    /// One that keeps what it needs in `cache`, for the sources in `project`. `as_built` takes
    /// what an earlier run has built, whatever the sources say now.
    pub fn new(debian: &'a Debian, cache: &'a Path, project: &'a Path, as_built: bool) -> Self {
        Toolchain {
            debian,
            cache,
            project,
            as_built,
        }
    }

    /// The worker for a target, built from the sources as they are: with the standard library
    /// that rustup has for it, else with one that is built from its source.
    ///
    /// # Errors
    /// A tool or a source can't be had, or the sources don't compile for it.
    pub fn worker(&self, target: &str) -> Result<PathBuf, String> {
        let built = self.cache.join("build");
        let worker = built.join(target).join("worker").join("mmapcheck");
        if self.as_built && worker.exists() {
            return Ok(worker);
        }
        let ready = run(Command::new("rustup").args(["target", "add", target]));
        let mut cargo = match ready {
            Ok(_) if target.contains("-gnu") => with_cross_gcc(target),
            Ok(_) => self.with_zig_for_c(target, &self.tools()?)?,
            Err(_) => self.with_built_library(&self.tools()?)?,
        };
        cargo
            .args(["--quiet", "--locked", "--profile", "worker"])
            .args(["--bin", "mmapcheck", "--target", target])
            .current_dir(self.project)
            .env("CARGO_TARGET_DIR", &built)
            // A worker is sent its cases.
            .env("MMAPCHECK_CARRY", "nothing");
        run(&mut cargo).map_err(|why| format!("the worker for {target} can't be built: {why}"))?;
        Ok(worker)
    }

    /// Everything that is linked comes with the library; only our few lines of C need a compiler.
    fn with_zig_for_c(&self, target: &str, tools: &Path) -> Result<Command, String> {
        let compiler = tools.join(format!("cc-{target}"));
        // Cargo's name of the target means nothing to zig.
        let words: Vec<&str> = target.split('-').collect();
        let (Some(arch), Some(library)) = (words.first(), words.last()) else {
            return Err(format!("`{target}` is no target"));
        };
        let arch = match *arch {
            "i686" => "x86",
            "armv7" => "arm",
            "riscv64gc" => "riscv64",
            other => other,
        };
        let script = format!(
            "#!/bin/sh\nfor word; do shift\ncase $word in --target=*) ;; *) set -- \"$@\" \"$word\";; \
             esac; done\nexec '{}' -m ziglang cc -target {arch}-linux-{library} -fno-sanitize=all \"$@\"\n",
            tools.join("bin/python").display()
        );
        let wrong = |e: std::io::Error| e.to_string();
        std::fs::write(&compiler, script).map_err(wrong)?;
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&compiler, runs).map_err(wrong)?;
        let name = target.replace('-', "_");
        let mut cargo = Command::new("cargo");
        cargo
            .arg("build")
            .env(format!("CC_{name}"), &compiler)
            .env(
                format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()),
                "rust-lld",
            )
            .env(
                "RUSTFLAGS",
                "-Clinker-flavor=ld.lld -Clink-self-contained=yes -Ctarget-feature=+crt-static",
            );
        Ok(cargo)
    }

    fn with_built_library(&self, tools: &Path) -> Result<Command, String> {
        let version = run(Command::new("rustc").arg("-V"))?;
        let version = version.split_whitespace().nth(1).unwrap_or("unknown");
        let library = self.debian.rust_source(version)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut search = vec![tools.join("bin")];
        search.extend(std::env::split_paths(&path));
        let path = std::env::join_paths(search).map_err(|e| e.to_string())?;
        let mut cargo = Command::new("cargo");
        cargo
            .args(["zigbuild", "-Zbuild-std=std,panic_abort"])
            .env("PATH", path)
            .env("CARGO_ZIGBUILD_CACHE_DIR", self.cache.join("zig"))
            .env("RUSTFLAGS", "-Clink-self-contained=no")
            // The source of the library must lie where it says, and be built at all.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", &library);
        Ok(cargo)
    }

    fn tools(&self) -> Result<PathBuf, String> {
        let place = self.cache.join("tools");
        self.debian.once(&place, |_| Ok(()))?;
        let python = place.join("bin/python");
        if !place.join("bin/cargo-zigbuild").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
            run(Command::new(&python)
                .args(["-m", "pip", "install", "-q", "--disable-pip-version-check"])
                .args(TOOLS))?;
        }
        Ok(place)
    }
}

/// Debian's cross compiler links with its static C library, and compiles our few lines.
fn with_cross_gcc(target: &str) -> Command {
    let mut words = target.split('-');
    let arch = match words.next().unwrap_or_default() {
        "riscv64gc" => "riscv64",
        "armv7" => "arm",
        other => other,
    };
    let library = words.next_back().unwrap_or_default();
    let compiler = format!("{arch}-linux-{library}-gcc");
    let name = target.replace('-', "_");
    let mut cargo = Command::new("cargo");
    cargo
        .arg("build")
        .env(format!("CC_{name}"), &compiler)
        .env(
            format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()),
            &compiler,
        )
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static");
    cargo
}
