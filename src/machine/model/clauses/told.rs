//! What the kernel tells of its list of areas.

use super::shm::no_descriptor;
use super::{answer, effect};
use crate::machine::model::clause::{Effect, List};

/// The kernel's list of areas, proc_pid_maps(5).
pub static AREAS: List = List {
    name: "areas",
    clauses: &[
        answer(
            "areas/no-descriptor",
            &["open(2) ERRORS EMFILE", "proc_pid_maps(5)"],
            "The list is a file of proc(5): without a descriptor left below RLIMIT_NOFILE it can't be opened, EMFILE.",
            no_descriptor,
        )
        .linux(),
        effect(
        "areas/joins",
        &[
            "proc_pid_maps(5) DESCRIPTION",
            "mm/vma.c vma_merge_new_range(), vma_modify(), is_mergeable_anon_vma()",
        ],
        "Neighbours are one area where they are alike in all that the kernel notes of them, go on in the same object, and have no two records of private pages.",
        Effect::Joins,
    )
        .linux(),
    ],
};
