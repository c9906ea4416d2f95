//! Results as lines of JSON; `docs/results.md` is their description.

use super::line::{CaseLine, counts, stale};
use super::{End, Event, Report, Start};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// The version of the schema: raised when a key changes its meaning or goes; new keys may come.
pub const SCHEMA: u64 = 1;

/// The form of JSON lines.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    /// Writes to `out`, a line for each event.
    pub fn new(out: W) -> Self {
        Json { out }
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }
}

impl<W: Write> Report for Json<W> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Started(start) => self.line(&started(start)),
            Event::Running { .. } => Ok(()),
            Event::Case(done) => self.line(&case(&CaseLine::of(done))),
            Event::Stale(entry) => {
                let (file, line) = entry.place();
                self.line(&json!({
                    "type": "stale", "case": entry.named(), "outcome": entry.tolerated(),
                    "file": file, "line": line, "told": stale(entry),
                }))
            }
            Event::Finished(end) => {
                self.line(&finished(end))?;
                self.out.flush()
            }
        }
    }
}

fn started(start: &Start) -> Value {
    let p = &start.platform;
    json!({
        "type": "run",
        "schema": SCHEMA,
        "program": concat!("mmapcheck ", env!("CARGO_PKG_VERSION")),
        "tables": start.tables,
        "home": start.home,
        "machine": start.machine,
        "command": start.command,
        "cases": start.cases,
        "platform": {
            "os": p.os, "kernel": p.kernel, "arch": p.arch, "fs": p.fs, "door": p.door,
            "libc": p.libc, "sandbox": p.sandbox, "emulator": p.emulator, "rights": p.rights,
            "page": p.scale.page, "huge": p.scale.huge, "ram": p.scale.ram, "top": p.scale.top,
            "min-addr": p.scale.min_addr, "bits": p.scale.bits,
        },
    })
}

fn case(line: &CaseLine) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("type", "case".into());
    put("id", line.id.as_str().into());
    put("verdict", line.verdict.into());
    put("fails", line.fails.into());
    if let Some(answer) = &line.answer {
        put("answer", answer.clone().into());
    }
    if let Some(recorded) = &line.recorded {
        put("recorded", recorded.clone().into());
    }
    if !line.breaches.is_empty() {
        let breaches = line
            .breaches
            .iter()
            .map(|b| json!({ "line": b.line, "allowed": b.allowed, "observed": b.observed }));
        put("breaches", breaches.collect());
    }
    if !line.ran() {
        put("reason", line.told.as_str().into());
    }
    if let Some(need) = &line.need {
        put("need", need.as_str().into());
    }
    if line.verdict != "pass" {
        put("why", line.why.as_str().into());
        put("cite", line.cite.clone().into());
        put("file", line.file.as_str().into());
        put("line", line.line.into());
    }
    put("micros", line.micros.into());
    Value::Object(map)
}

fn finished(end: &End) -> Value {
    let s = &end.summary;
    let by_word: Map<String, Value> = counts(s)
        .into_iter()
        .map(|(word, n)| (word.to_owned(), n.into()))
        .collect();
    json!({
        "type": "end",
        "cases": s.cases(),
        "failed": s.failed(),
        "stale": s.stale,
        "verdicts": by_word,
        "exit": s.exit_code(),
        "micros": u64::try_from(end.took.as_micros()).unwrap_or(u64::MAX),
    })
}
