//! Tables as they lie in a folder.

use crate::table::read_folder;
use std::fs;

#[test]
fn tables_are_found_by_their_stems() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    };
    for name in [
        "eof.toml",
        "faults/full.toml",
        "a.toml",
        "README.md",
        ".a.toml",
        ".b/c.toml",
    ] {
        write(name);
    }
    let found = read_folder(dir.path()).unwrap();
    let stems: Vec<&str> = found.iter().map(|s| s.stem.as_str()).collect();
    assert_eq!(stems, ["a", "eof", "faults/full"]);
    assert_eq!(found[2].text, "faults/full.toml");
    assert!(found[2].path.ends_with("faults/full.toml"));
}

#[test]
fn what_can_not_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let e = read_folder(&missing).unwrap_err();
    assert!(e.to_string().contains("missing: "), "{e}");
    fs::write(dir.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    let e = read_folder(dir.path()).unwrap_err();
    assert!(e.to_string().contains("bytes.toml: "), "{e}");
}
