//! Modules of a kernel in the order in which they can be loaded.

use super::debian::run;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A module: its name, and its file uncompressed.
pub type Module = (String, Vec<u8>);

/// The wanted modules of the kernel whose modules lie in `folder`, each after those that it
/// depends on. What is built into the kernel is left out; where the kernel's package does not tell
/// what is (`modules.builtin`), what is no module counts as built in.
///
/// # Errors
/// One is not there, or can't be read.
pub fn in_order(folder: &Path, wanted: &[String]) -> Result<Vec<Module>, String> {
    let mut files = HashMap::new();
    collect(&folder.join("kernel"), &mut files);
    let builtin = fs::read_to_string(folder.join("modules.builtin")).ok();
    let names = |list: String| -> Vec<String> {
        let lines = list.lines();
        lines.filter_map(|l| name_of(Path::new(l))).collect()
    };
    let builtin = builtin.map(names);
    let is_builtin = |name: &str| match &builtin {
        Some(names) => names.iter().any(|b| b == name),
        None => !files.contains_key(name),
    };
    let mut done: Vec<Module> = Vec::new();
    for name in wanted {
        load(&plain(name), &files, &is_builtin, &mut done, 0)?;
    }
    Ok(done)
}

/// No chain of dependencies is as long as this.
const DEPTH: usize = 32;

fn load(
    name: &str,
    files: &HashMap<String, PathBuf>,
    is_builtin: &dyn Fn(&str) -> bool,
    done: &mut Vec<Module>,
    depth: usize,
) -> Result<(), String> {
    if done.iter().any(|(n, _)| n == name) || is_builtin(name) {
        return Ok(());
    }
    if depth > DEPTH {
        return Err(format!("the module {name} depends on itself"));
    }
    let path = files
        .get(name)
        .ok_or_else(|| format!("the kernel has no module {name}"))?;
    let bytes = uncompressed(path)?;
    for needed in depends(&bytes) {
        load(&needed, files, is_builtin, done, depth + 1)?;
    }
    done.push((name.to_owned(), bytes));
    Ok(())
}

fn collect(folder: &Path, files: &mut HashMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if let Some(name) = name_of(&path) {
            files.insert(name, path);
        }
    }
}

/// `nls-utf8.ko.xz` is the module `nls_utf8`.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let (name, ending) = file.split_once(".ko")?;
    ["", ".xz", ".zst", ".gz"]
        .contains(&ending)
        .then(|| plain(name))
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}

fn uncompressed(path: &Path) -> Result<Vec<u8>, String> {
    let program = match path.extension().and_then(|e| e.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(path).map_err(|e| format!("{}: {e}", path.display())),
    };
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    fs::copy(path, &copy).map_err(|e| format!("{}: {e}", path.display()))?;
    run(Command::new(program).args(["-d", "-q"]).arg(&copy))?;
    fs::read(copy.with_extension("")).map_err(|e| e.to_string())
}

/// What `.modinfo` says after `depends=`.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|w| w == KEY) else {
        return Vec::new();
    };
    let list = module.get(at + KEY.len()..).unwrap_or_default();
    let list = list.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(list)
        .split(',')
        .filter(|w| !w.is_empty())
        .map(plain)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = folder.path().join("kernel/fs");
        fs::create_dir_all(&kernel).unwrap();
        let module = |name: &str, needs: &str| {
            let text = format!("ELF\0license=GPL\0depends={needs}\0name={name}\0");
            fs::write(kernel.join(format!("{name}.ko")), text).unwrap();
        };
        module("a", "b-c,d");
        module("b-c", "d,inside");
        module("d", "");
        module("x", "y");
        module("y", "x");
        fs::write(
            folder.path().join("modules.builtin"),
            "kernel/lib/inside.ko\n",
        )
        .unwrap();
        let order = |wanted: &str| {
            let found = in_order(folder.path(), &[wanted.to_owned()])?;
            Ok::<_, String>(found.into_iter().map(|m| m.0).collect::<Vec<_>>())
        };
        assert_eq!(order("a").unwrap(), ["d", "b_c", "a"]);
        assert!(order("inside").unwrap().is_empty());
        assert_eq!(order("z").unwrap_err(), "the kernel has no module z");
        assert!(order("x").unwrap_err().contains("depends on itself"));
        fs::remove_file(folder.path().join("modules.builtin")).unwrap();
        assert!(order("z").unwrap().is_empty());
        assert_eq!(order("b-c").unwrap(), ["d", "b_c"]);
    }
}
