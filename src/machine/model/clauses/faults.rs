//! The clauses of what goes wrong on purpose: calls that are made to fail, and pages that are taken
//! over by userfaultfd(2).

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::Kind;
use crate::machine::model::space::{Area, split};

const ADDR: usize = 0;
const LEN: usize = 1;

/// No fault has so many arguments: the place tells, by what is not zero, that userfaultfd(2) takes
/// the range over.
pub const TAKEN_OVER: usize = 5;

/// The range in whole pages.
pub fn range(c: &Ctx<'_>) -> (i128, i128) {
    let start = c.word(ADDR);
    (start, start + c.pages(LEN).unwrap_or(0))
}

fn off_page(c: &Ctx<'_>) -> Option<Answer> {
    let inside = |i| split(c.word(i)).1.rem_euclid(c.page()) != 0;
    let why = "a fault of less than a page";
    when(
        inside(ADDR) || inside(LEN) || c.word(LEN) == 0,
        Unmodelled(why),
    )
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, end));
    when(!mapped, Unmodelled("a fault of what is not mapped"))
}

fn of_a_disk(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(TAKEN_OVER) == 0 {
        return None;
    }
    let (start, end) = range(c);
    let on_disk = |a: &Area| {
        let object = a.object.and_then(|(n, _)| c.w.objects.get(n));
        object.is_some_and(|o| o.kind == Kind::File) && c.m.fs != Fs::Tmpfs
    };
    let answer = match c.m.fs {
        // What lies below may be memory.
        Fs::Other => Unmodelled("whether the pages of the file system's files can be taken over"),
        _ => Errno("EINVAL"),
    };
    when(c.areas(start, end).iter().any(on_disk), answer)
}

/// What goes wrong on purpose.
pub static FAULT: List = List {
    name: "fault",
    clauses: &[
        answer(
            "fault/off-page",
            &["userfaultfd(2) DESCRIPTION"],
            "Faults are modelled of whole pages.",
            off_page,
        )
        .linux(),
        answer(
            "fault/not-mapped",
            &["UFFDIO_REGISTER(2const) ERRORS EINVAL"],
            "Faults are modelled of what is mapped.",
            unknown,
        )
        .linux(),
        answer(
            "fault/of-a-disk",
            &[
                "UFFDIO_REGISTER(2const) ERRORS EINVAL",
                "include/linux/userfaultfd_k.h vma_can_userfault()",
            ],
            "The pages of a file on a disk can't be taken over: EINVAL.",
            of_a_disk,
        )
        .linux(),
        effect(
            "fault/call-fails",
            &["seccomp_unotify(2) DESCRIPTION", "kernel/seccomp.c seccomp_do_user_notification()"],
            "A call that is made to fail gives the error that was put into it, and does nothing else.",
            Effect::RefusesCalls,
        )
        .linux(),
        effect(
            "fault/changes-in-a-touch",
            &["fs/userfaultfd.c handle_userfault()"],
            "Where another thread unmaps a page, takes the rights to it or maps something over it in the middle of a touch, the touch is made once more and meets what is there then.",
            Effect::Races,
        )
        .linux(),
        effect(
            "fault/supplier-gone",
            &["fs/userfaultfd.c userfaultfd_release()"],
            "Where whoever should supply a page goes away, the page comes as if nobody had taken it over.",
            Effect::Forsakes,
        )
        .linux(),
    ],
};
