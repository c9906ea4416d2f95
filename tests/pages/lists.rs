//! The lists that pages are made from, and the tables that they are held to.

use mmapcheck::case::Case;
use mmapcheck::table;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use toml::de::{DeTable, DeValue};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What `make` makes of each list of a folder. The files are taken by their names, which begin with
/// a number.
pub fn of_files<T>(folder: &str, make: impl Fn(&DeTable<'_>) -> Vec<T>) -> Vec<T> {
    let entries = std::fs::read_dir(top().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    let read = |file: &PathBuf| {
        let text = read(file);
        let document = DeTable::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        make(document.get_ref())
    };
    files.iter().flat_map(read).collect()
}

/// Holds a page to its text, or writes it where the variable `named` of the environment asks for
/// that.
pub fn hold(page: &str, named: &str, text: &str) {
    let path = top().join(page);
    if std::env::var_os(named).is_some_and(|v| v == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let is_same = read(&path) == text;
    assert!(
        is_same,
        "make it anew: {named}=write cargo test --test pages"
    );
}

pub fn only_keys(table: &DeTable<'_>, known: &[&str]) {
    for (key, _) in table {
        assert!(known.contains(&&**key.get_ref()), "unknown key {key:?}");
    }
}

pub fn word(table: &DeTable<'_>, key: &str) -> Option<String> {
    let text = table.get(key)?.get_ref().as_str();
    Some(text.unwrap_or_else(|| panic!("{key} is a text")).to_owned())
}

fn list<'a>(table: &'a DeTable<'_>, key: &str) -> impl Iterator<Item = &'a DeValue<'a>> {
    let items = table.get(key).map(|v| v.get_ref().as_array());
    let items = items.map(|a| a.unwrap_or_else(|| panic!("{key} is a list")));
    items.into_iter().flatten().map(toml::Spanned::get_ref)
}

pub fn words(table: &DeTable<'_>, key: &str) -> Vec<String> {
    let text = |v: &DeValue<'_>| v.as_str().expect("a list of texts").to_owned();
    list(table, key).map(text).collect()
}

pub fn tables<'a>(table: &'a DeTable<'_>, key: &str) -> impl Iterator<Item = &'a DeTable<'a>> {
    list(table, key).map(|v| v.as_table().expect("a list of tables"))
}

/// The names of cases that stand in a text, between backquotes.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let between = text.split('`').skip(1).step_by(2);
    between.filter(|word| word.contains("::"))
}

/// The cases of all tables, by the name that their group has with its table.
pub fn cases() -> &'static BTreeMap<String, Vec<Case>> {
    static CASES: OnceLock<BTreeMap<String, Vec<Case>>> = OnceLock::new();
    CASES.get_or_init(|| {
        let sources = table::read_folder(&top().join("cases")).unwrap();
        let tables = table::load(&sources).unwrap_or_else(|wrong| {
            let texts: Vec<String> = wrong.iter().map(|d| d.render(false)).collect();
            panic!("{}", texts.join("\n\n"));
        });
        let groups = tables.iter().flat_map(|table| &table.groups);
        groups
            .map(|group| {
                let of_group = (0..group.len()).map(|i| group.case(i));
                (group.whole_name(), of_group.collect())
            })
            .collect()
    })
}
