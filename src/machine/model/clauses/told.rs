//! What the kernel tells of its list of areas.

use super::effect;
use crate::machine::model::clause::{Effect, List};

/// The kernel's list of areas, proc_pid_maps(5).
pub static AREAS: List = List {
    name: "areas",
    clauses: &[effect(
        "areas/joins",
        &[
            "proc_pid_maps(5) DESCRIPTION",
            "mm/vma.c vma_merge_new_range(), vma_modify(), is_mergeable_anon_vma()",
        ],
        "Neighbours are one area where they are alike in all that the kernel notes of them, go on in the same object, and have no two records of private pages.",
        Effect::Joins,
    )
    .linux()],
};
