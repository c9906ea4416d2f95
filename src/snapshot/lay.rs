//! Laying records over each other.

use super::file::{Observed, SnapFile, group};
use super::grid::{self, Legend};
use crate::digest::Digest;
use crate::sample::Sample;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Blocks by the id of the case.
pub(super) type Blocks = BTreeMap<String, Arc<str>>;

/// One table's records, laid over each other.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By layer, the groups that it observed, against whatever records.
    pub observed: Vec<BTreeSet<String>>,
    /// By layer, the cases that it observed, against the records that now lie below it.
    pub seen: Vec<HashSet<String>>,
    /// What lies below the machine's own file.
    pub base: Blocks,
    /// The machine's own file.
    pub own: Option<SnapFile>,
    /// All laid over each other.
    pub full: Blocks,
    /// The symbols of grids, in the order of the layers.
    legends: Vec<BTreeMap<String, Legend>>,
}

impl Table {
    /// Lays the files over each other; the first is the reference's, the last the machine's own.
    pub fn lay_over(files: Vec<Option<SnapFile>>) -> Self {
        let mut table = Table::default();
        let last = files.len().saturating_sub(1);
        let mut known = Blocks::new();
        for (i, file) in files.into_iter().enumerate() {
            if i == last && i > 0 {
                table.base = known.clone();
            }
            let mut groups = BTreeSet::new();
            let mut seen = HashSet::new();
            let legends = file.as_ref().map(|f| f.legends.clone());
            table.legends.push(legends.unwrap_or_default());
            match &file {
                Some(file) if i == 0 => known = blocks_of(file),
                Some(file) => {
                    groups.extend(file.observed.keys().cloned());
                    seen = lay(&mut known, file);
                }
                None => {}
            }
            table.observed.push(groups);
            table.seen.push(seen);
            if i == last {
                table.own = file;
            }
        }
        table.full = known;
        table
    }

    /// The symbols that a grid's blocks have: those of the nearest layer win.
    pub fn legend(&self, name: &str) -> Legend {
        let layers = self.legends.iter().rev();
        grid::merged(layers.filter_map(|l| l.get(name)))
    }

    /// Whether a layer has seen the case, as things stand.
    pub fn has_seen(&self, layer: usize, id: &str) -> bool {
        self.seen.get(layer).is_some_and(|s| s.contains(id))
    }

    /// Whether a layer has observed the group, against whatever records.
    pub fn has_observed(&self, layer: usize, name: &str) -> bool {
        self.observed.get(layer).is_some_and(|g| g.contains(name))
    }

    /// The block of a case that the machine's own file speaks of, as it now stands.
    pub fn own_block(&self, id: &str) -> Option<&str> {
        let seen = self.seen.last().is_some_and(|s| s.contains(id));
        self.full.get(id).filter(|_| seen).map(|b| &**b)
    }
}

fn blocks_of(file: &SnapFile) -> Blocks {
    let blocks = file.blocks.iter();
    blocks
        .map(|(id, block)| (id.clone(), Arc::from(block.as_str())))
        .collect()
}

/// Lays a facet's file over what is known, and tells which cases it has seen as things stand.
///
/// A group that was held against other records says nothing of the cases that it had seen. What
/// it had not seen stays as it is below, for another layer to vouch for; but a block that was
/// kept of such a case is a difference that was seen once, and so nothing is known of it.
fn lay(known: &mut Blocks, file: &SnapFile) -> HashSet<String> {
    let mut seen = HashSet::new();
    let mut outdated = Vec::new();
    let own = file.by_group();
    for (name, observed) in &file.observed {
        let current = base_digest(known, name, observed) == observed.base;
        let has = observed.has();
        let base = ids_of_group(known, name).into_iter();
        let below = base.filter(|id| has(id));
        if current {
            seen.extend(below);
        } else {
            outdated.extend(below);
        }
        for (id, block) in own.get(name.as_str()).into_iter().flatten() {
            if current && has(id) {
                seen.insert(id.clone());
                known.insert(id.clone(), Arc::from(block.as_str()));
            } else {
                outdated.push(id.clone());
            }
        }
    }
    for id in outdated {
        known.remove(&id);
    }
    seen
}

/// The ids of a group's cases that are known, sorted.
pub(super) fn ids_of_group(known: &Blocks, name: &str) -> Vec<String> {
    let after = known.range(name.to_owned()..);
    after
        .map(|(id, _)| id)
        .take_while(|id| id.starts_with(name))
        .filter(|id| group(id) == name)
        .cloned()
        .collect()
}

/// The digest of a group's known records, without those of the cases that were not observed.
fn base_digest(known: &Blocks, name: &str, observed: &Observed) -> u64 {
    let has = observed.has();
    let mut digest = Digest::default();
    for id in ids_of_group(known, name) {
        if !has(&id) {
            continue;
        }
        digest.add(id.as_bytes());
        digest.add(b"\n");
        digest.add(known.get(&id).map_or(&[], |b| b.as_bytes()));
    }
    digest.value()
}

/// What a new entry says of a group of which `seen` was observed, and `once` seen against other
/// records; `sample` is the part of it that was run.
pub(super) fn observe(
    base: &Blocks,
    name: &str,
    seen: &BTreeSet<&str>,
    once: Vec<String>,
    sample: Option<Sample>,
) -> Observed {
    // What was seen beside the sample is not to be lost.
    let sample = sample.filter(|s| seen.iter().all(|id| s.takes(id)));
    let mut not: BTreeSet<String> = ids_of_group(base, name).into_iter().collect();
    not.retain(|id| !seen.contains(id.as_str()) && sample.is_none_or(|s| s.takes(id)));
    not.extend(once);
    let mut observed = Observed {
        cases: seen.len(),
        base: 0,
        not: not.into_iter().collect(),
        sample,
    };
    observed.base = base_digest(base, name, &observed);
    observed
}
