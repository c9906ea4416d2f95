//! The clauses of processes and threads.

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::Errno;
use crate::machine::model::clause::{Answer, Effect, List};

/// Of wait: the process that is waited for.
const OTHER: usize = 0;

fn not_a_child(c: &Ctx<'_>) -> Option<Answer> {
    let other = usize::try_from(c.word(OTHER)).ok();
    let process = other.and_then(|n| c.w.processes.get(n))?;
    // A thread is asked for by its process, of which it is no child.
    if other == Some(c.process) {
        return None;
    }
    let child = process.parent == Some(c.process) && !process.waited;
    when(!child, Errno("ECHILD"))
}

/// Waiting for an actor.
pub static WAIT: List = List {
    name: "wait",
    clauses: &[answer(
        "wait/not-a-child",
        &[
            "POSIX.1-2024 waitpid() ERRORS [ECHILD]",
            "wait(2) ERRORS ECHILD",
        ],
        "Who is not a child of the process, or was waited for already, is ECHILD.",
        not_a_child,
    )],
};

fn no_more(c: &Ctx<'_>) -> Option<Answer> {
    when(c.limits().no_processes && !c.root, Errno("EAGAIN"))
}

/// fork(2), and the making of threads.
pub static FORK: List = List {
    name: "fork",
    clauses: &[
        answer(
            "fork/limit",
            &[
                "POSIX.1-2024 fork() ERRORS [EAGAIN]",
                "fork(2) ERRORS EAGAIN",
                "getrlimit(2) RLIMIT_NPROC",
                "kernel/fork.c copy_process()",
            ],
            "Where RLIMIT_NPROC is 0, neither a process nor a thread is made: EAGAIN.",
            no_more,
        )
        .linux(),
        effect(
            "fork/copies",
            &[
                "POSIX.1-2024 fork() DESCRIPTION",
                "fork(2) DESCRIPTION",
                "mm/memory.c copy_page_range()",
            ],
            "A child has its own copy of private memory, as it was when it was made; shared memory is one.",
            Effect::ForkCopies,
        ),
        effect(
            "fork/unlocks",
            &[
                "POSIX.1-2024 mlock() DESCRIPTION: memory locks are not inherited",
                "mlock(2) NOTES",
                "kernel/fork.c dup_mmap() (VM_LOCKED_MASK)",
            ],
            "A child's memory is not locked.",
            Effect::ForkUnlocks,
        ),
        effect(
            "fork/wipes",
            &["mmap(2) MAP_DROPPABLE", "kernel/fork.c dup_mmap()"],
            "Droppable memory is zeros in a child.",
            Effect::ForkWipes,
        )
        .linux(),
    ],
};
