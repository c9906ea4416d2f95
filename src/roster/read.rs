//! Reading a platform's file by hand from spanned values: all mistakes at once, each in its place.

use super::{Entry, Package, Requirement};
use crate::case::Mistake;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::platform::FacetKind;
use crate::sample::Sample;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const KEYS: [&str; 19] = [
    "title",
    "start",
    "target",
    "install",
    "unpack",
    "kernel",
    "modules",
    "init",
    "prepare",
    "private-mounts",
    "needs",
    "is",
    "record",
    "dir",
    "via",
    "sample",
    "busy",
    "limit",
    "silence",
];

/// The most seconds that a limit can be.
const LONGEST: u64 = 86_400;

/// Reads one platform.
///
/// # Errors
/// Every mistake in the file.
pub fn read(name: &str, source: SourceText) -> Result<Entry, Vec<Diagnostic>> {
    let source = Arc::new(source);
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader {
        source: source.clone(),
        mistakes: Vec::new(),
        table: table.get_ref(),
    };
    for e in errors {
        reader.complain(e.span().unwrap_or(0..0), e.message(), None);
    }
    let entry = reader.mistakes.is_empty().then(|| reader.entry(name));
    match entry {
        Some(entry) if reader.mistakes.is_empty() => Ok(entry),
        _ => Err(reader.mistakes),
    }
}

struct Reader<'t> {
    source: Arc<SourceText>,
    mistakes: Vec<Diagnostic>,
    table: &'t DeTable<'t>,
}

impl<'t> Reader<'t> {
    fn complain(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Diagnostic {
            source: self.source.clone(),
            span,
            message: message.into(),
            help,
        });
    }

    fn mistake(&mut self, m: Mistake) {
        self.complain(m.span, m.message, m.help);
    }

    fn entry(&mut self, name: &str) -> Entry {
        for (key, _) in self.table {
            if !KEYS.contains(&&**key.get_ref()) {
                self.mistake(Mistake::unknown(
                    key.span(),
                    "key",
                    key.get_ref(),
                    KEYS.iter().copied(),
                ));
            }
        }
        let title = self.string("title").map(|(text, _)| text);
        if title.is_none() && self.value("title").is_none() {
            self.complain(0..0, "`title` is missing", None);
        }
        let entry = Entry {
            name: name.to_owned(),
            title: title.unwrap_or_default(),
            target: self.string("target").map(|t| t.0),
            install: self.list("install", "a package", |t| {
                let alone = Package::parse(&format!("own/{t}"));
                alone.filter(|p| p.arch.is_none()).map(|p| p.name)
            }),
            unpack: self.list("unpack", "`suite/package`", Package::parse),
            kernel: self.package("kernel"),
            modules: self.list("modules", "a module", |t| {
                let fine = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
                (!t.is_empty() && t.chars().all(fine)).then(|| t.to_owned())
            }),
            init: self.string("init").map(|t| t.0),
            prepare: self.string("prepare").map(|t| t.0),
            start: self.string("start").map(|t| t.0),
            private_mounts: self.boolean("private-mounts"),
            needs: self.list(
                "needs",
                "`root`, `arch …` or an absolute path",
                Requirement::parse,
            ),
            is: self.facets(),
            record: self.record(),
            dir: self.string("dir").map(|t| t.0),
            libc: self.door(),
            sample: self.sample(),
            busy: self
                .number("busy", "milliseconds", 1000 * LONGEST)
                .map(Duration::from_millis),
            limit: self.seconds("limit", 600),
            silence: self.seconds("silence", 60),
        };
        self.what_belongs_together(&entry);
        entry
    }

    fn what_belongs_together(&mut self, entry: &Entry) {
        let needs_kernel = [
            ("modules", !entry.modules.is_empty()),
            ("init", entry.init.is_some()),
        ];
        for (key, there) in needs_kernel {
            if there && entry.kernel.is_none() {
                let span = self.value(key).map_or(0..0, |v| v.span());
                self.complain(span, format!("`{key}` without a `kernel`"), None);
            }
        }
        if let Some(text) = &entry.init {
            if let Err(m) = crate::machine::init::Script::parse(text) {
                let span = self.value("init").map_or(0..0, |v| v.span());
                self.complain(span, m, None);
            }
        }
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        let found = self.table.iter().find(|(k, _)| k.get_ref() == key);
        found.map(|(_, value)| value)
    }

    /// A string that is not blank, and where it is.
    fn string(&mut self, key: &str) -> Option<(String, Range<usize>)> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => {
                Some((text.to_string(), value.span()))
            }
            DeValue::String(_) => {
                self.complain(value.span(), format!("`{key}` says nothing"), None);
                None
            }
            _ => {
                self.complain(value.span(), format!("`{key}` must be a string"), None);
                None
            }
        }
    }

    fn list<T>(&mut self, key: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.complain(value.span(), format!("`{key}` is a list"), None);
            return Vec::new();
        };
        let mut list = Vec::new();
        for item in items {
            let parsed = match item.get_ref() {
                DeValue::String(text) => parse(text),
                _ => None,
            };
            match parsed {
                Some(parsed) => list.push(parsed),
                None => self.complain(item.span(), format!("this is not {what}"), None),
            }
        }
        list
    }

    fn package(&mut self, key: &str) -> Option<Package> {
        let (text, span) = self.string(key)?;
        let package = Package::parse(&text);
        if package.is_none() {
            self.complain(span, "this is not `suite/package`", None);
        }
        package
    }

    fn record(&mut self) -> Option<String> {
        let (text, span) = self.string("record")?;
        if let Err(why) = crate::platform::check_name(&text) {
            self.complain(span, why, None);
        }
        Some(text)
    }

    fn boolean(&mut self, key: &str) -> bool {
        match self.value(key).map(|v| (v.get_ref(), v.span())) {
            None => false,
            Some((DeValue::Boolean(yes), _)) => *yes,
            Some((_, span)) => {
                self.complain(span, format!("`{key}` is `true` or `false`"), None);
                false
            }
        }
    }

    fn seconds(&mut self, key: &str, default: u64) -> Duration {
        let number = self.number(key, "seconds", LONGEST);
        Duration::from_secs(number.unwrap_or(default))
    }

    /// A number from 1, where the key is there.
    fn number(&mut self, key: &str, unit: &str, most: u64) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|n| (1..=most).contains(n));
        if number.is_none() {
            let message = format!("`{key}` is a number of {unit}, from 1 to {most}");
            self.complain(value.span(), message, None);
        }
        number
    }

    fn door(&mut self) -> bool {
        let Some((text, span)) = self.string("via") else {
            return false;
        };
        if !["raw", "libc"].contains(&text.as_str()) {
            self.mistake(Mistake::unknown(span, "door", &text, ["raw", "libc"]));
        }
        text == "libc"
    }

    fn sample(&mut self) -> Option<Sample> {
        let (text, span) = self.string("sample")?;
        let sample = Sample::parse(&text);
        if sample.is_none() {
            self.complain(
                span,
                "a share is written `2%`, more than 0% and up to 100%",
                None,
            );
        }
        sample
    }

    fn facets(&mut self) -> Vec<(FacetKind, String)> {
        let Some(value) = self.value("is") else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            let message = "`is` is a table, as in `{ emulator = \"qemu-user\" }`";
            self.complain(value.span(), message, None);
            return Vec::new();
        };
        // What has a number or a place of its own in the greeting is told there.
        let known = ["fs", "sandbox", "emulator"];
        let mut facets = Vec::new();
        for (key, value) in table {
            let kind = FacetKind::ALL
                .into_iter()
                .find(|k| k.word() == key.get_ref() && known.contains(&k.word()));
            let Some(kind) = kind else {
                self.mistake(Mistake::unknown(key.span(), "facet", key.get_ref(), known));
                continue;
            };
            match value.get_ref() {
                DeValue::String(text) if crate::platform::check_name(text).is_ok() => {
                    facets.push((kind, text.to_string()));
                }
                _ => self.complain(
                    value.span(),
                    "expected a name: letters, digits and `._+-`",
                    None,
                ),
            }
        }
        facets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Entry, Vec<String>> {
        let source = SourceText {
            file: "x.toml".into(),
            text: text.into(),
        };
        read("x", source).map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_not_said_is_ordinary() {
        let entry = read_text("title = \"t\"").unwrap();
        assert_eq!((entry.name.as_str(), entry.libc), ("x", false));
        assert_eq!(entry.limit, Duration::from_secs(600));
        assert!(entry.start.is_none() && entry.sample.is_none());
    }

    #[test]
    fn all_keys_are_read() {
        let entry = read_text(
            "title = 't'\ntarget = 'a'\ninstall = ['bindfs']\nunpack = ['trixie/qemu-user']\n\
             kernel = 'trixie/linux-image-arm64:arm64'\nmodules = ['ext4']\ninit = 'mount ext4 /dev/vda /s'\n\
             prepare = 'true'\nstart = 'true'\nprivate-mounts = true\n\
             needs = ['root', 'arch x86_64', '/dev/fuse']\nis = { fs = 'f', emulator = 'e-1.0' }\n\
             record = 'mine'\ndir = '/x'\nvia = 'libc'\nsample = '2%'\nbusy = 2\nlimit = 3\nsilence = 4\n",
        )
        .unwrap();
        assert_eq!(entry.unpack[0].to_string(), "trixie/qemu-user");
        assert_eq!(
            entry.kernel.unwrap().to_string(),
            "trixie/linux-image-arm64:arm64"
        );
        assert_eq!(entry.needs.len(), 3);
        assert_eq!(entry.is[0], (FacetKind::Emulator, "e-1.0".into()));
        assert_eq!(entry.sample, Sample::percent(2.0));
        assert!(entry.libc && entry.private_mounts);
    }

    #[test]
    fn mistakes_have_their_places() {
        for (text, told) in [
            ("", "x.toml:1:1: `title` is missing"),
            ("title = ''", "x.toml:1:9: `title` says nothing"),
            ("title = 1", "x.toml:1:9: `title` must be a string"),
            (
                "title = 't'\nstrat = 'x'",
                "x.toml:2:1: unknown key `strat`; did you mean `start`?",
            ),
            (
                "title = 't'\nunpack = ['qemu']",
                "x.toml:2:11: this is not `suite/package`",
            ),
            (
                "title = 't'\nunpack = ['../x/y']",
                "x.toml:2:11: this is not `suite/package`",
            ),
            (
                "title = 't'\nlimit = 0",
                "x.toml:2:9: `limit` is a number of seconds, from 1 to 86400",
            ),
            (
                "title = 't'\nsample = '200%'",
                "x.toml:2:10: a share is written `2%`, more than 0% and up to 100%",
            ),
            (
                "title = 't'\nis = { page = '4k' }",
                "x.toml:2:8: unknown facet `page`; expected one of `fs`, `sandbox`, `emulator`",
            ),
            (
                "title = 't'\nvia = 'glibc'",
                "x.toml:2:7: unknown door `glibc`; did you mean `libc`?",
            ),
            (
                "title = 't'\ninit = 'mount'",
                "x.toml:2:8: `init` without a `kernel`",
            ),
        ] {
            let found = read_text(text).unwrap_err();
            assert_eq!(found[0], told, "{text}");
        }
        assert!(read_text("title =").is_err());
    }
}
