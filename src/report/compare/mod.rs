//! A comparison, in four dresses made from one model.

mod html;
mod json;
mod markdown;
mod text;

pub use html::html;
pub(super) use html::{STYLE, escaped};
pub use json::json;
pub use markdown::markdown;
pub(super) use markdown::{code, plain};
pub use text::text;

use crate::compare::{Bucket, Cluster, Comparison, Mark};
use crate::report::count;

/// The head in a sentence: who agrees on how many.
fn sentence(c: &Comparison) -> String {
    let names: Vec<&str> = c.sides.iter().map(|(n, _)| n.as_str()).collect();
    let names = match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(", "),
    };
    format!(
        "{names} agree on {} of {}, differ on {}, and {} not answered by all.",
        c.agree,
        count(c.cases, "case", "cases"),
        c.differ,
        count(c.open, "is", "are"),
    )
}

/// Who alone answers otherwise than all others, and on how many cases.
fn alone(c: &Comparison) -> Vec<(usize, usize)> {
    let found = c.alone.iter().copied().enumerate();
    found.filter(|(_, n)| *n > 0).collect()
}

/// `3 broken, 1 fixed, 0 changed, 12 new, 0 gone`, where two are compared.
fn buckets(c: &Comparison) -> Option<String> {
    let of = |b: Bucket| c.buckets.get(&b).copied().unwrap_or_default();
    let told = || {
        Bucket::ALL
            .map(|b| format!("{} {}", of(b), b.word()))
            .join(", ")
    };
    (c.sides.len() == 2).then(told)
}

/// The id of a cluster as people see it: the case's own where it is one.
fn title(cluster: &Cluster) -> String {
    match &cluster.ids[..] {
        [one] => one.clone(),
        _ => format!("{}::{}", cluster.stem, cluster.name),
    }
}

/// An answer in one line.
fn answer(outcomes: &[String]) -> String {
    outcomes.join("; ")
}

/// The marks that are on the page.
fn legend(c: &Comparison) -> Vec<Mark> {
    let has = |m: &Mark| {
        c.clusters
            .iter()
            .flat_map(|c| &c.cells)
            .any(|s| s.mark == *m)
    };
    Mark::ALL.into_iter().filter(|m| has(m)).collect()
}

/// The clusters of each table, in the order of the tables.
fn tables(c: &Comparison) -> Vec<(&str, Vec<&Cluster>)> {
    let mut tables: Vec<(&str, Vec<&Cluster>)> = Vec::new();
    for cluster in &c.clusters {
        match tables.iter_mut().find(|(stem, _)| *stem == cluster.stem) {
            Some((_, list)) => list.push(cluster),
            None => tables.push((&cluster.stem, vec![cluster])),
        }
    }
    tables
}

#[cfg(test)]
mod tests;
