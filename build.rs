//! Compiles the few lines of C, and packs the project's tables and records into the binary.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src/machine/kernel/touch.c");
    // Elsewhere nothing is touched.
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        cc::Build::new()
            .file("src/machine/kernel/touch.c")
            .flag_if_supported("-std=c99")
            .define("_GNU_SOURCE", None)
            .warnings(true)
            .compile("mmapcheck_touch");
    }
    pack()
}

/// The folders that the binary carries, with the ending of the files that count there.
const CARRIED: &[(&str, &[&str])] = &[
    ("cases", &["toml"]),
    ("snapshots", &["snap", "toml"]),
    ("ci/known", &["toml"]),
];

/// Writes one compressed file of `path NUL length NUL bytes` entries. Compressed, because a
/// forked child must not carry a megabyte of tables.
fn pack() -> io::Result<()> {
    // A worker needs neither, and need not be built anew when they change.
    println!("cargo::rerun-if-env-changed=MMAPCHECK_CARRY");
    let carries = env::var_os("MMAPCHECK_CARRY").is_none_or(|v| v != "nothing");
    let mut packed = Vec::new();
    for (folder, endings) in CARRIED.iter().filter(|_| carries) {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        if Path::new(folder).is_dir() {
            collect(Path::new(folder), endings, &mut files)?;
        }
        files.sort();
        for file in files {
            let bytes = fs::read(&file)?;
            let name = file.to_string_lossy().replace('\\', "/");
            packed.extend(format!("{name}\0{}\0", bytes.len()).into_bytes());
            packed.extend(bytes);
        }
    }
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(
        out.join("carried.deflate"),
        miniz_oxide::deflate::compress_to_vec(&packed, 9),
    )
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, endings, files)?;
        } else if path
            .extension()
            .is_some_and(|e| endings.iter().any(|known| e == *known))
        {
            files.push(path);
        }
    }
    Ok(())
}
