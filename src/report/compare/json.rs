//! As one JSON document; `docs/results.md` is its description.

use crate::compare::{Bucket, Comparison};
use crate::report::SCHEMA;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes it.
pub fn json(out: &mut dyn Write, c: &Comparison) -> io::Result<()> {
    writeln!(out, "{}", document(c))
}

fn document(c: &Comparison) -> Value {
    let name = |n: usize| c.sides.get(n).map_or("", |(name, _)| name).to_owned();
    let sides = c
        .sides
        .iter()
        .zip(&c.unanswered)
        .map(|((name, about), unanswered)| {
            let reasons: Map<String, Value> = unanswered
                .iter()
                .map(|(why, n)| (why.clone(), (*n).into()))
                .collect();
            json!({ "name": name, "about": about, "unanswered": reasons })
        });
    let alone: Map<String, Value> = c
        .alone
        .iter()
        .enumerate()
        .map(|(n, cases)| (name(n), (*cases).into()))
        .collect();
    let of = |b: Bucket| c.buckets.get(&b).copied().unwrap_or_default();
    let buckets: Map<String, Value> = Bucket::ALL
        .iter()
        .map(|b| (b.word().to_owned(), of(*b).into()))
        .collect();
    let one_sided = c.one_sided.iter();
    let one_sided = one_sided.map(|(b, id)| json!({ "bucket": b.word(), "id": id }));
    let differences = c.clusters.iter().map(|cluster| {
        let cells: Map<String, Value> = cluster
            .cells
            .iter()
            .zip(&cluster.notes)
            .enumerate()
            .map(|(n, (shown, notes))| {
                let notes = notes
                    .iter()
                    .map(|n| json!({ "reason": n.reason, "reckon": n.reckon, "link": n.link }));
                let cell = json!({
                    "mark": shown.mark.sign(),
                    "outcomes": shown.outcomes,
                    "known": notes.collect::<Vec<_>>(),
                });
                (name(n), cell)
            })
            .collect();
        json!({
            "table": cluster.stem,
            "name": cluster.name,
            "pattern": cluster.pattern,
            "bucket": cluster.bucket.map(Bucket::word),
            "why": cluster.case.as_ref().map(|c| &c.why),
            "cite": cluster.case.as_ref().map(|c| &c.cite),
            "ids": cluster.ids,
            "steps": cluster.steps,
            "sides": cells,
        })
    });
    json!({
        "type": "comparison",
        "schema": SCHEMA,
        "sides": sides.collect::<Vec<_>>(),
        "cases": c.cases,
        "agree": c.agree,
        "differ": c.differ,
        "open": c.open,
        "alone": alone,
        "buckets": (c.sides.len() == 2).then_some(buckets),
        "one-sided": one_sided.collect::<Vec<_>>(),
        "differences": differences.collect::<Vec<_>>(),
    })
}
