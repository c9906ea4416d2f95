//! The clauses of madvise(2), mlock(2), mlock2(2) and munlock(2).

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::clauses::mmap::FILL_MAX;
use crate::machine::model::clauses::touch::is_missing;
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, seal};
use crate::machine::model::space::{Area, Place, READ, WRITE, mark, split};

const ADDR: usize = 0;
const LEN: usize = 1;
const ADVICE: usize = 2;
/// Of mlock2: MLOCK_ONFAULT.
const ON_FAULT: u64 = 1;

/// No advice.
pub const NORMAL: u64 = 0;
/// Pages are wanted in no order.
pub const RANDOM: u64 = 1;
/// Pages are wanted in order.
pub const SEQUENTIAL: u64 = 2;
/// Pages are wanted soon.
pub const WILLNEED: u64 = 3;
/// Drops the pages of a range.
pub const DONTNEED: u64 = 4;
/// Lets them be dropped when memory is short.
pub const FREE: u64 = 8;
/// Frees the range of the object.
pub const REMOVE: u64 = 9;
/// A child does not get the range.
pub const DONTFORK: u64 = 10;
/// It does again.
pub const DOFORK: u64 = 11;
/// A child gets zeros in its place.
pub const WIPEONFORK: u64 = 18;
/// It gets the range again.
pub const KEEPONFORK: u64 = 19;
/// A range is left out of core dumps.
pub const DONTDUMP: u64 = 16;
/// It is not left out any more.
pub const DODUMP: u64 = 17;
/// Pages are not wanted soon.
pub const COLD: u64 = 20;
/// Pages are taken out of memory.
pub const PAGEOUT: u64 = 21;
/// Pages are touched as by loads.
pub const POPULATE_READ: u64 = 22;
/// Pages are touched as by stores.
pub const POPULATE_WRITE: u64 = 23;
/// Pages fault from now on.
pub const GUARD_INSTALL: u64 = 102;
/// They do no more.
pub const GUARD_REMOVE: u64 = 103;
/// As DONTNEED, for locked memory too.
pub const DONTNEED_LOCKED: u64 = 24;

/// The range in whole pages; mlock rounds its beginning down. A length that rounds up to more than
/// a word holds is what is left of it: nothing.
pub fn range(c: &Ctx<'_>) -> (i128, i128) {
    let start = c.word(ADDR);
    let page = c.page();
    let inside = split(start).1.rem_euclid(page);
    let len = c.word(LEN) + inside;
    let up = (len + page - 1).div_euclid(page) * page;
    let up = up.rem_euclid(c.m.scale.word_max() + 1);
    (start - inside, start - inside + up)
}

fn advice(c: &Ctx<'_>) -> u64 {
    c.flags(ADVICE) & 0xffff_ffff
}

fn unknown_advice(c: &Ctx<'_>) -> Option<Answer> {
    let guards = c.m.kernel >= (6, 13);
    let known = match advice(c) {
        GUARD_INSTALL | GUARD_REMOVE => guards,
        advice => matches!(advice, 0..=4 | 8..=25 | 100..=101),
    };
    when(!known, Errno("EINVAL"))
}

fn other_advice(c: &Ctx<'_>) -> Option<Answer> {
    // What the kernel was built with, huge pages, populating and guards.
    let other = matches!(advice(c), 12..=15 | 25 | 100 | 101);
    when(other, Unmodelled("this advice"))
}

fn aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(ADDR), Errno("EINVAL"))
}

fn wraps(c: &Ctx<'_>) -> Option<Answer> {
    if c.pages(LEN).is_none() {
        return Some(Errno("EINVAL"));
    }
    end_wraps(c)
}

fn end_wraps(c: &Ctx<'_>) -> Option<Answer> {
    let max = c.m.scale.word_max() + 1;
    let (start, end) = range(c);
    let (place, offset) = split(end);
    match place {
        Place::Absolute => when(offset >= max && start != end, Errno("EINVAL")),
        _ if offset < max / 2 => None,
        _ => Some(Unmodelled("where the place lies is not known")),
    }
}

fn nothing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Nothing)
}

fn lock_nothing(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    when(start == end, Nothing)
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let why = "what lies there is not known";
    when(!c.is_known(start, end), Unmodelled(why))
}

/// What an area says to an advice.
fn refusal(c: &Ctx<'_>, area: &Area) -> Option<Answer> {
    let anonymous = area.object.is_none();
    let discards = matches!(
        advice(c),
        DONTNEED | FREE | REMOVE | DONTFORK | WIPEONFORK | DONTNEED_LOCKED
    );
    if area.is_marked(mark::SEALED) && area.is_anonymous() && area.prot & WRITE == 0 {
        // Guards were added to what a seal forbids after they came.
        match (advice(c), c.m.kernel >= (6, 18)) {
            (GUARD_INSTALL, true) => return Some(Errno("EPERM")),
            (GUARD_INSTALL, false) => {
                return Some(Unmodelled("whether a seal forbids guards"));
            }
            _ if discards => return Some(Errno("EPERM")),
            _ => {}
        }
    }
    match advice(c) {
        DONTNEED | COLD | PAGEOUT => when(area.locked, Errno("EINVAL")),
        FREE => when(area.locked || !anonymous, Errno("EINVAL")),
        KEEPONFORK | DODUMP => when(area.droppable, Errno("EINVAL")),
        WIPEONFORK => when(!anonymous || area.shared, Errno("EINVAL")),
        GUARD_INSTALL if area.locked => Some(Errno("EINVAL")),
        GUARD_INSTALL | GUARD_REMOVE if c.m.kernel < (6, 15) => when(
            !area.is_anonymous() || area.prot & WRITE == 0,
            Errno("EINVAL"),
        ),
        REMOVE if area.locked || anonymous => Some(Errno("EINVAL")),
        REMOVE if !area.shared || area.may & WRITE == 0 => Some(Errno("EACCES")),
        REMOVE => {
            let object = area.object.and_then(|(n, _)| c.w.objects.get(n));
            let file = object.is_some_and(|o| o.kind == Kind::File);
            let sealed = object.is_some_and(|o| o.seals & (seal::WRITE | seal::FUTURE_WRITE) != 0);
            if sealed {
                return Some(Errno("EPERM"));
            }
            let why = "whether the file system can punch holes";
            when(file && c.m.fs == Fs::Other, Unmodelled(why))
        }
        _ => None,
    }
}

/// Where a walk through the areas is refused.
pub fn refused_at(c: &Ctx<'_>) -> Option<i128> {
    let (start, end) = range(c);
    let refused = |a: &&Area| refusal(c, a).is_some();
    c.areas(start, end).iter().find(refused).map(|a| a.start)
}

fn refuses(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    c.areas(start, end).iter().find_map(|a| refusal(c, a))
}

/// Where populating a range stops, and by which error.
pub fn populates_to(c: &Ctx<'_>) -> (i128, Option<&'static str>) {
    let (start, end) = range(c);
    let store = advice(c) == POPULATE_WRITE;
    let mut at = start;
    for area in c.areas(start, end) {
        if area.start > at {
            return (at, Some("ENOMEM"));
        }
        let needed = if store { WRITE } else { READ };
        if area.prot & needed == 0 {
            return (at, Some("EINVAL"));
        }
        let to = area.end.min(end);
        let guard = c.space().and_then(|s| s.first_guard(at, to));
        // The first page that lies wholly behind the end of the object.
        let behind = area.object.map(|(n, from)| {
            let size = c.w.objects.get(n).map_or(0, |o| o.size);
            let pages = i128::from(size.div_ceil(c.m.scale.page)) * c.page();
            area.start + (pages - i128::from(from)).max(0)
        });
        let poisoned = c.space().and_then(|s| s.first_poisoned(at, to));
        let stop = [guard, behind, poisoned, lacking(c, area, at, to, store)];
        if let Some(stop) = stop.into_iter().flatten().min().filter(|s| *s < to) {
            let bad = poisoned == Some(stop);
            return (stop.max(at), Some(if bad { "EHWPOISON" } else { "EFAULT" }));
        }
        at = to;
    }
    (at, (at < end).then_some("ENOMEM"))
}

/// The first page of a part of an area that can't be had: it was taken over, or there is no room
/// for it.
fn lacking(c: &Ctx<'_>, area: &Area, start: i128, end: i128, store: bool) -> Option<i128> {
    let marks = area.marks & mark::TAKEN_OVER;
    if marks & mark::UNWRITTEN != 0 && store {
        return Some(start);
    }
    let of_file = || {
        let object = area.object.and_then(|(n, _)| c.w.objects.get(n));
        object.is_some_and(|o| o.kind == Kind::File)
    };
    if marks == 0 && !(c.w.room == Some(0) && of_file()) {
        return None;
    }
    let mut pages = (0..).map(|n| start + n * c.page());
    pages.find(|at| *at >= end || is_missing(c, *at) != Some(false))
}

fn is_populating(c: &Ctx<'_>) -> bool {
    matches!(advice(c), POPULATE_READ | POPULATE_WRITE)
}

fn populates_too_much(c: &Ctx<'_>) -> Option<Answer> {
    let (start, _) = range(c);
    let much = is_populating(c) && populates_to(c).0 - start > FILL_MAX;
    when(much, Unmodelled("the guard on memory may end it"))
}

fn populating_stops(c: &Ctx<'_>) -> Option<Answer> {
    if !is_populating(c) {
        return None;
    }
    populates_to(c).1.map(Errno)
}

fn hole(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, end));
    when(!mapped, Errno("ENOMEM"))
}

fn lock_flags(c: &Ctx<'_>) -> Option<Answer> {
    when(c.flags(2) & !ON_FAULT != 0, Errno("EINVAL"))
}

fn lock_right(c: &Ctx<'_>) -> Option<Answer> {
    when(!c.root && c.limits().locked == 0, Errno("EPERM"))
}

fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    let (start, end) = range(c);
    let already = c.areas(start, end).iter().filter(|a| a.locked);
    let already: i128 = already.map(|a| a.end.min(end) - a.start.max(start)).sum();
    let locked = c.space().map_or(0, |s| s.locked()) - already;
    when(
        !c.root && locked + (end - start) > c.limits().locked,
        Errno("ENOMEM"),
    )
}

fn lock_unreachable(c: &Ctx<'_>) -> Option<Answer> {
    if c.flags(2) & ON_FAULT != 0 {
        return None;
    }
    let (start, end) = range(c);
    let page = c.m.scale.page;
    let unreachable = |a: &Area| {
        let last = a.end.min(end) - 1;
        let behind = a.offset(last).is_some_and(|(n, at)| {
            let size = c.w.objects.get(n).map_or(0, |o| o.size);
            at / page >= size.div_ceil(page)
        });
        let guard = c
            .space()
            .and_then(|s| s.first_guard(a.start.max(start), a.end.min(end)));
        a.prot == 0 || behind || guard.is_some()
    };
    let any = c.areas(start, end).iter().any(unreachable);
    when(any, Errno("ENOMEM"))
}

/// How far a range is mapped from its beginning.
pub fn mapped_to(c: &Ctx<'_>) -> i128 {
    let (start, end) = range(c);
    let mut at = start;
    for area in c.areas(start, end) {
        if area.start > at {
            break;
        }
        at = area.end.min(end);
    }
    at
}

/// madvise(2).
pub static MADVISE: List = List {
    name: "madvise",
    clauses: &[
        answer(
            "madvise/unknown-advice",
            &[
                "madvise(2) ERRORS EINVAL",
                "mm/madvise.c madvise_behavior_valid()",
            ],
            "An advice that is not known is EINVAL.",
            unknown_advice,
        ),
        answer(
            "madvise/other-advice",
            &["madvise(2) DESCRIPTION"],
            "Advice about huge pages, merging and poison is not modelled.",
            other_advice,
        ),
        answer(
            "madvise/aligned",
            &["madvise(2) ERRORS EINVAL", "mm/madvise.c do_madvise()"],
            "The address must be a multiple of the page size: else EINVAL.",
            aligned,
        ),
        answer(
            "madvise/wraps",
            &["madvise(2) ERRORS EINVAL", "mm/madvise.c do_madvise()"],
            "A range that wraps around is EINVAL.",
            wraps,
        ),
        answer(
            "madvise/nothing",
            &["mm/madvise.c do_madvise()"],
            "A length of zero is nothing to do.",
            nothing,
        ),
        answer(
            "madvise/unknown",
            &["madvise(2) DESCRIPTION"],
            "What is advised beside what the case mapped itself is not known.",
            unknown,
        ),
        answer(
            "madvise/populates-too-much",
            &["madvise(2) MADV_POPULATE_WRITE"],
            "What fills more than the guard on memory allows is not modelled.",
            populates_too_much,
        ),
        answer(
            "madvise/populating-stops",
            &[
                "madvise(2) ERRORS EFAULT, EINVAL, ENOMEM",
                "mm/madvise.c madvise_populate()",
                "mm/gup.c faultin_page_range()",
            ],
            "Populating goes page by page up to the first that can't be touched: of what is not mapped it is ENOMEM, of what may not be accessed so EINVAL, of a guard or what lies past the end of an object EFAULT.",
            populating_stops,
        ),
        answer(
            "madvise/refused",
            &[
                "madvise(2) ERRORS EINVAL, EACCES",
                "mm/madvise.c madvise_vma_behavior()",
            ],
            "Locked memory is not dropped, only private anonymous memory is freed lazily or wiped, droppable memory stays wiped and undumped, and only shared writable objects are cut: else EINVAL, or EACCES for MADV_REMOVE.",
            refuses,
        ),
        answer(
            "madvise/hole",
            &[
                "madvise(2) ERRORS ENOMEM",
                "mm/madvise.c madvise_walk_vmas()",
            ],
            "Pages that are not mapped are passed over, and told at the end: ENOMEM.",
            hole,
        ),
        effect(
            "madvise/does",
            &[
                "madvise(2) DESCRIPTION",
                "mm/madvise.c madvise_dontneed_single_vma(), madvise_remove()",
            ],
            "MADV_DONTNEED drops the process's own copies, MADV_REMOVE the object's bytes; MADV_DONTFORK and MADV_WIPEONFORK say what a child gets, MADV_POPULATE_READ and MADV_POPULATE_WRITE touch each page, MADV_GUARD_INSTALL drops pages and lets them fault until MADV_GUARD_REMOVE. All other advice changes no byte.",
            Effect::Advises,
        ),
    ],
};

/// mlock(2), mlock2(2).
pub static MLOCK: List = List {
    name: "mlock",
    clauses: &[
        answer(
            "mlock/unknown-flag",
            &["mlock(2) ERRORS EINVAL", "mm/mlock.c SYSCALL_DEFINE3(mlock2)"],
            "A flag of mlock2 that is not known is EINVAL.",
            lock_flags,
        ),
        answer(
            "mlock/right",
            &["mlock(2) ERRORS EPERM", "mm/mlock.c can_do_mlock()"],
            "Where RLIMIT_MEMLOCK is 0 nothing may be locked: EPERM.",
            lock_right,
        )
        .linux(),
        answer(
            "mlock/limit",
            &["mlock(2) ERRORS ENOMEM", "mm/mlock.c do_mlock()"],
            "More than RLIMIT_MEMLOCK, what is locked already left aside, is ENOMEM.",
            lock_limit,
        ),
        answer(
            "mlock/wraps",
            &["mlock(2) ERRORS EINVAL", "mm/mlock.c apply_vma_lock_flags()"],
            "A range that wraps around is EINVAL, but for one whose length is nothing once it is rounded up to pages.",
            end_wraps,
        )
        .linux(),
        answer(
            "mlock/nothing",
            &["mm/mlock.c apply_vma_lock_flags()"],
            "An empty range is nothing to do.",
            lock_nothing,
        ),
        answer(
            "mlock/unknown",
            &["mlock(2) DESCRIPTION"],
            "What is locked beside what the case mapped itself is not known.",
            unknown,
        ),
        answer(
            "mlock/hole",
            &["POSIX.1-2024 mlock() ERRORS [ENOMEM]", "mlock(2) ERRORS ENOMEM", "mm/mlock.c apply_vma_lock_flags()"],
            "A page that is not mapped is ENOMEM; what comes before it is locked.",
            hole,
        ),
        answer(
            "mlock/unreachable",
            &["mlock(2) ERRORS ENOMEM", "mm/mlock.c __mlock_posix_error_return()"],
            "Pages that can't be touched, by protection or past the end of the object, are ENOMEM; the range is locked.",
            lock_unreachable,
        )
        .linux(),
        effect(
            "mlock/locks",
            &["POSIX.1-2024 mlock() DESCRIPTION", "mlock(2) DESCRIPTION", "mm/mlock.c mlock_fixup()"],
            "The pages that hold a part of the range are locked, and filled as by MAP_POPULATE.",
            Effect::Locks,
        ),
    ],
};

/// munlock(2).
pub static MUNLOCK: List = List {
    name: "munlock",
    clauses: &[
        answer(
            "munlock/wraps",
            &["munlock(2) ERRORS EINVAL", "mm/mlock.c apply_vma_lock_flags()"],
            "A range that wraps around is EINVAL, but for one whose length is nothing once it is rounded up to pages.",
            end_wraps,
        )
        .linux(),
        answer(
            "munlock/nothing",
            &["mm/mlock.c apply_vma_lock_flags()"],
            "An empty range is nothing to do.",
            lock_nothing,
        ),
        answer(
            "munlock/unknown",
            &["munlock(2) DESCRIPTION"],
            "What is unlocked beside what the case mapped itself is not known.",
            unknown,
        ),
        answer(
            "munlock/hole",
            &[
                "POSIX.1-2024 munlock() ERRORS [ENOMEM]",
                "munlock(2) ERRORS ENOMEM",
                "mm/mlock.c apply_vma_lock_flags()",
            ],
            "A page that is not mapped is ENOMEM; what comes before it is unlocked.",
            hole,
        ),
        effect(
            "munlock/unlocks",
            &[
                "POSIX.1-2024 munlock() DESCRIPTION",
                "munlock(2) DESCRIPTION",
            ],
            "The pages that hold a part of the range are not locked any more.",
            Effect::Unlocks,
        ),
    ],
};

/// POSIX_MADV_DONTNEED.
const POSIX_DONTNEED: u64 = 4;

fn posix_unknown(c: &Ctx<'_>) -> Option<Answer> {
    when(advice(c) > POSIX_DONTNEED, Errno("EINVAL"))
}

fn posix_dont_need(c: &Ctx<'_>) -> Option<Answer> {
    when(advice(c) == POSIX_DONTNEED, Nothing)
}

fn posix_nothing(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Errno("EINVAL"))
}

/// posix_madvise(3), which gives its error and sets none.
pub static POSIX_MADVISE: List = List {
    name: "posix_madvise",
    clauses: &[
        answer(
            "posix_madvise/dont-need",
            &["posix_madvise(3) VERSIONS"],
            "The C library does nothing about POSIX_MADV_DONTNEED, and does not look at its range; all other advice is that of madvise(2).",
            posix_dont_need,
        )
        .linux(),
        answer(
            "posix_madvise/unknown",
            &["POSIX.1-2024 posix_madvise() ERRORS [EINVAL]"],
            "An advice that the standard does not know is EINVAL.",
            posix_unknown,
        )
        .posix(Force::Required),
        answer(
            "posix_madvise/aligned",
            &["POSIX.1-2024 posix_madvise() ERRORS, may fail, [EINVAL]"],
            "An address that is not a multiple of the page size may be refused with EINVAL.",
            aligned,
        )
        .posix(Force::Permitted),
        answer(
            "posix_madvise/nothing",
            &["POSIX.1-2024 posix_madvise() ERRORS, may fail, [EINVAL]"],
            "A length of zero may be refused with EINVAL.",
            posix_nothing,
        )
        .posix(Force::Permitted),
        answer(
            "posix_madvise/unknown-range",
            &["POSIX.1-2024 posix_madvise() DESCRIPTION"],
            "What is advised beside what the case mapped itself is not known.",
            unknown,
        )
        .posix(Force::Required),
        answer(
            "posix_madvise/hole",
            &["POSIX.1-2024 posix_madvise() ERRORS [ENOMEM]"],
            "Addresses that are not mapped are ENOMEM.",
            hole,
        )
        .posix(Force::Required),
    ],
};
