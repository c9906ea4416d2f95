//! Packages of Debian: of any suite and architecture, without touching the machine's own list of
//! them. The mirror is the one that the machine's own source entry names.

use super::Package;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Fetches into a folder that stays.
#[derive(Debug, Clone)]
pub struct Debian {
    cache: PathBuf,
}

/// A kernel that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its image.
    pub image: PathBuf,
    /// The folder of its modules, where it has some.
    pub modules: Option<PathBuf>,
}

/// How many packages a kernel's package may lead to before it is one.
const LEADS: usize = 3;

impl Debian {
    /// A cache below `cache`.
    pub fn new(cache: &Path) -> Self {
        Debian {
            cache: cache.to_path_buf(),
        }
    }

    /// Installs packages of the machine's own suite that are missing.
    ///
    /// # Errors
    /// This is no Debian, there are no rights to, or apt-get(8) says no.
    pub fn install(&self, packages: &[String]) -> Result<(), String> {
        let missing: Vec<&String> = packages.iter().filter(|p| !is_installed(p)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = missing.iter().map(|p| p.as_str()).collect();
        let names = names.join(" ");
        if !crate::machine::kernel::is_root() {
            return Err(format!(
                "needs the packages {names}, and only root can install them"
            ));
        }
        let install = || {
            let mut apt = Command::new("apt-get");
            apt.args(["install", "-q", "-y", "--no-install-recommends"])
                .args(&missing)
                .env("DEBIAN_FRONTEND", "noninteractive");
            run(&mut apt)
        };
        // The list may be missing or out of date.
        let done = install().or_else(|_| {
            run(Command::new("apt-get").args(["update", "-q"]))?;
            install()
        });
        done.map(|_| ())
            .map_err(|why| format!("needs the packages {names}: {why}"))
    }

    /// Unpacks packages into one folder, unless that has been done before.
    ///
    /// # Errors
    /// One can't be had.
    pub fn unpack(&self, packages: &[Package]) -> Result<PathBuf, String> {
        let key: Vec<String> = packages
            .iter()
            .map(|p| p.to_string().replace(['/', ':'], "_"))
            .collect();
        let place = self.cache.join("unpacked").join(key.join("+"));
        self.once(&place, |folder| {
            for package in packages {
                let deb = self.download(package)?;
                unpack(&deb, folder)?;
            }
            Ok(())
        })?;
        Ok(place)
    }

    /// Unpacks a kernel. A package without one leads to the one that it depends on.
    ///
    /// # Errors
    /// It can't be had, or leads to none.
    pub fn kernel(&self, package: &Package) -> Result<Kernel, String> {
        let key = package.to_string().replace(['/', ':'], "_");
        let place = self.cache.join("kernels").join(key);
        self.once(&place, |folder| {
            let mut wanted = vec![package.clone()];
            for _ in 0..LEADS {
                let mut leads = Vec::new();
                for package in &wanted {
                    let deb = self.download(package)?;
                    unpack(&deb, folder)?;
                    leads.extend(leads_to(&deb, package)?);
                }
                wanted = leads;
            }
            find_kernel(folder).map(|_| ())
        })?;
        find_kernel(&place)
    }

    /// Makes a folder by `make`, if it is not there: either whole or not at all.
    pub(super) fn once(
        &self,
        place: &Path,
        make: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        if place.is_dir() {
            return Ok(());
        }
        let parent = place.parent().unwrap_or(&self.cache);
        fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
        let folder = tempfile::tempdir_in(parent).map_err(|e| e.to_string())?;
        make(folder.path())?;
        fs::rename(folder.keep(), place).map_err(|e| format!("{}: {e}", place.display()))
    }

    /// Downloads a package; where it then lies.
    pub(super) fn download(&self, package: &Package) -> Result<PathBuf, String> {
        self.download_as(package, &package.name)
    }

    fn download_as(&self, package: &Package, what: &str) -> Result<PathBuf, String> {
        let apt = self.side(package)?;
        let folder = self.cache.join("debs").join(format!(
            "{}-{}-{}",
            package.suite,
            package.name,
            package.arch.as_deref().unwrap_or("own")
        ));
        // What an earlier attempt has left may be of another version.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let mut download = Command::new("apt-get");
        download
            .args(["-qq", "download", what])
            .current_dir(&folder)
            .env("APT_CONFIG", &apt);
        run(&mut download).map_err(|why| format!("{package} can't be had: {why}"))?;
        let mut files = fs::read_dir(&folder).map_err(|e| e.to_string())?;
        let deb = files.find_map(|e| {
            let path = e.ok()?.path();
            (path.extension() == Some(OsStr::new("deb"))).then_some(path)
        });
        deb.ok_or_else(|| format!("{package} was not downloaded"))
    }

    /// The source of Rust's standard library in the version that begins so, unpacked.
    pub(super) fn rust_source(&self, version: &str) -> Result<PathBuf, String> {
        const SUITES: [&str; 3] = ["trixie-backports", "sid", "trixie"];
        let place = self.cache.join("rust-src").join(version);
        self.once(&place, |folder| {
            let mut last = String::new();
            for suite in SUITES {
                let package = Package {
                    suite: suite.to_owned(),
                    name: "rust-src".to_owned(),
                    arch: None,
                };
                let found = self.version_of(&package, &format!("{version}+"));
                let what = match found {
                    Ok(Some(full)) => format!("rust-src={full}"),
                    Ok(None) => continue,
                    Err(why) => {
                        last = why;
                        continue;
                    }
                };
                let deb = self.download_as(&package, &what)?;
                return unpack(&deb, folder);
            }
            Err(format!("no suite has rust-src {version} {last}"))
        })?;
        Ok(place.join(format!("usr/src/rustc-{version}/library")))
    }

    fn version_of(&self, package: &Package, prefix: &str) -> Result<Option<String>, String> {
        let apt = self.side(package)?;
        let mut madison = Command::new("apt-cache");
        madison
            .args(["madison", &package.name])
            .env("APT_CONFIG", &apt);
        let told = run(&mut madison)?;
        let mut versions = told.lines().filter_map(|l| l.split('|').nth(1));
        Ok(versions
            .find(|v| v.trim().starts_with(prefix))
            .map(|v| v.trim().to_owned()))
    }

    /// The configuration of an apt that knows one suite and one architecture, and keeps its lists
    /// in the cache.
    fn side(&self, package: &Package) -> Result<PathBuf, String> {
        let arch = match &package.arch {
            Some(arch) => arch.clone(),
            None => run(Command::new("dpkg").arg("--print-architecture"))?
                .trim()
                .to_owned(),
        };
        let place = self
            .cache
            .join("apt")
            .join(format!("{}-{arch}", package.suite));
        let config = place.join("apt.conf");
        if place.join("fresh").exists() {
            return Ok(config);
        }
        let wrong = |e: std::io::Error| e.to_string();
        for folder in ["lists/partial", "archives/partial", "sources"] {
            fs::create_dir_all(place.join(folder)).map_err(wrong)?;
        }
        let mirror = mirror().ok_or("no Debian mirror is named in apt's sources here")?;
        let source = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {}\nComponents: main\nArchitectures: {arch}\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
            package.suite
        );
        fs::write(place.join("sources/suite.sources"), source).map_err(wrong)?;
        fs::write(place.join("status"), "").map_err(wrong)?;
        fs::write(&config, apt_configuration(&place, &arch)).map_err(wrong)?;
        let update = || {
            run(Command::new("apt-get")
                .args(["-qq", "update"])
                .env("APT_CONFIG", &config))
        };
        // A mirror that is being written to gives an index of the wrong size, for a moment.
        update()
            .or_else(|_| update())
            .map_err(|why| format!("{} can't be read: {why}", package.suite))?;
        fs::write(place.join("fresh"), "").map_err(wrong)?;
        Ok(config)
    }
}

/// Nothing of the machine's own apt is read or written. The index of an unstable suite counts as
/// expired where the clock runs ahead.
fn apt_configuration(place: &Path, arch: &str) -> String {
    let place = place.display();
    format!(
        "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{place}/sources\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{place}\";\nDir::State::lists \"{place}/lists\";\n\
         Dir::State::status \"{place}/status\";\nDir::Cache \"{place}\";\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         Acquire::Check-Valid-Until \"false\";\n\
         APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\n"
    )
}

/// The address in the machine's own source entry for Debian.
fn mirror() -> Option<String> {
    let mut files: Vec<PathBuf> = vec!["/etc/apt/sources.list".into()];
    let parts = fs::read_dir("/etc/apt/sources.list.d").ok();
    files.extend(
        parts
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e.ok()?.path())),
    );
    files.sort();
    let texts = files.iter().filter_map(|f| fs::read_to_string(f).ok());
    texts.into_iter().find_map(|text| mirror_in(&text))
}

/// A mirror of Debian ends in its name.
fn mirror_in(text: &str) -> Option<String> {
    let words = text
        .lines()
        .filter(|l| l.starts_with("URIs:") || l.starts_with("deb "))
        .flat_map(str::split_whitespace);
    let mut mirrors = words.filter(|w| w.trim_end_matches('/').ends_with("/debian"));
    mirrors.next().map(str::to_owned)
}

fn is_installed(package: &str) -> bool {
    let status = run(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]));
    status.is_ok_and(|s| s == "install ok installed")
}

fn unpack(deb: &Path, folder: &Path) -> Result<(), String> {
    run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(folder))
        .map(|_| ())
        .map_err(|why| format!("{}: {why}", deb.display()))
}

/// The packages of a kernel that a package depends on.
fn leads_to(deb: &Path, from: &Package) -> Result<Vec<Package>, String> {
    let told = run(Command::new("dpkg-deb").arg("-f").arg(deb).arg("Depends"))?;
    let names = told
        .split([',', '|'])
        .filter_map(|d| d.split_whitespace().next());
    let of_kernel = ["linux-image-", "linux-binary-", "linux-modules-"];
    Ok(names
        .filter(|n| of_kernel.iter().any(|k| n.starts_with(k)))
        .map(|name| Package {
            name: name.to_owned(),
            ..from.clone()
        })
        .collect())
}

/// The image lies in `boot`, or beside the modules.
fn find_kernel(folder: &Path) -> Result<Kernel, String> {
    let below = |at: &str| -> Vec<PathBuf> {
        let found = fs::read_dir(folder.join(at)).ok();
        let mut found: Vec<PathBuf> = found
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e.ok()?.path()))
            .collect();
        found.sort();
        found
    };
    let versions: Vec<PathBuf> = [below("lib/modules"), below("usr/lib/modules")].concat();
    let mut images = below("boot");
    images.extend(
        versions
            .iter()
            .flat_map(|v| ["vmlinuz", "vmlinux"].map(|name| v.join(name))),
    );
    let is_image = |p: &&PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vmlinu") && p.is_file()
    };
    let image = images.iter().find(is_image);
    let modules = versions.iter().find(|v| v.join("kernel").is_dir());
    Ok(Kernel {
        image: image.ok_or("there is no kernel in the package")?.clone(),
        modules: modules.cloned(),
    })
}

/// Runs a program; what it printed, or the last line of its complaints.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    let last = told
        .lines()
        .filter(|l| !l.trim().is_empty())
        .rfind(|l| !l.starts_with("W:"));
    Err(match last {
        Some(line) => format!("{program}: {}", line.trim()),
        None => format!("{program}: {}", done.status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machine_s_own() {
        let new = "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\n";
        assert_eq!(mirror_in(new).unwrap(), "http://a.example/debian");
        let old = "# x\ndeb http://b.example/debian/ bookworm main\n";
        assert_eq!(mirror_in(old).unwrap(), "http://b.example/debian/");
        assert_eq!(mirror_in("deb http://c.example/other x main\n"), None);
    }

    #[test]
    fn a_folder_is_made_once_and_whole() {
        let cache = tempfile::tempdir().unwrap();
        let debian = Debian::new(cache.path());
        let place = cache.path().join("a/b");
        let failed = debian.once(&place, |f| {
            fs::write(f.join("half"), "").unwrap();
            Err("no".to_owned())
        });
        assert_eq!(failed, Err("no".to_owned()));
        assert!(!place.exists());
        let made = debian.once(&place, |f| {
            fs::write(f.join("x"), "").map_err(|e| e.to_string())
        });
        assert_eq!(made, Ok(()));
        assert!(place.join("x").exists());
        assert_eq!(debian.once(&place, |_| Err("again".to_owned())), Ok(()));
    }

    #[test]
    fn a_kernel_lies_in_boot_or_beside_its_modules() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find_kernel(folder.path()).is_err());
        let version = folder.path().join("usr/lib/modules/7.2");
        fs::create_dir_all(version.join("kernel")).unwrap();
        fs::write(version.join("vmlinuz"), "").unwrap();
        let kernel = find_kernel(folder.path()).unwrap();
        assert_eq!(kernel.image, version.join("vmlinuz"));
        assert_eq!(kernel.modules, Some(version));
    }
}
