//! The clauses of what holds for the whole process: mlockall(2), munlockall(2), brk(2), prctl(2).

use super::mmap::GUARD_PAGES;
use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Nothing, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::space::{Addr, Known, Place, mark, split};
use crate::machine::model::world::Settings;

const FLAGS: usize = 0;
/// MCL_CURRENT.
pub const CURRENT: u64 = 1;
/// MCL_FUTURE.
pub const FUTURE: u64 = 2;
/// MCL_ONFAULT.
pub const ON_FAULT: u64 = 4;

/// The settings of the process.
pub fn settings(c: &Ctx<'_>) -> Settings {
    let process = c.w.processes.get(c.process);
    process.map_or_else(Settings::default, |p| p.settings)
}

fn lock_flags(c: &Ctx<'_>) -> Option<Answer> {
    let flags = c.flags(FLAGS) & 0xffff_ffff;
    let unknown = flags & !(CURRENT | FUTURE | ON_FAULT) != 0;
    when(unknown || matches!(flags, 0 | ON_FAULT), Errno("EINVAL"))
}

fn lock_right(c: &Ctx<'_>) -> Option<Answer> {
    when(!c.root && c.limits().locked == 0, Errno("EPERM"))
}

/// More than this is mapped by a process that maps nothing on purpose.
const BARE_LEAST: i128 = 1 << 20;

fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    let current = c.flags(FLAGS) & CURRENT != 0;
    let mapped = c.space().map_or(0, |s| s.mapped());
    if !current || c.root {
        return None;
    }
    if mapped > c.limits().locked || c.limits().locked < BARE_LEAST {
        return Some(Errno("ENOMEM"));
    }
    Some(Unmodelled("how much the harness has mapped is not told"))
}

/// mlockall(2).
pub static MLOCKALL: List = List {
    name: "mlockall",
    clauses: &[
        answer(
            "mlockall/flags",
            &[
                "POSIX.1-2024 mlockall() ERRORS [EINVAL]",
                "mlock(2) ERRORS EINVAL",
                "mm/mlock.c SYSCALL_DEFINE1(mlockall)",
            ],
            "No flag, one that is not known, or MCL_ONFAULT alone is EINVAL.",
            lock_flags,
        ),
        answer(
            "mlockall/right",
            &[
                "POSIX.1-2024 mlockall() ERRORS [EPERM]",
                "mlock(2) ERRORS EPERM",
                "mm/mlock.c can_do_mlock()",
            ],
            "Where RLIMIT_MEMLOCK is 0 nothing may be locked: EPERM.",
            lock_right,
        ),
        answer(
            "mlockall/limit",
            &[
                "POSIX.1-2024 mlockall() ERRORS [ENOMEM]",
                "mlock(2) ERRORS ENOMEM",
                "mm/mlock.c SYSCALL_DEFINE1(mlockall)",
            ],
            "MCL_CURRENT of a process that has more mapped than RLIMIT_MEMLOCK is ENOMEM.",
            lock_limit,
        ),
        effect(
            "mlockall/future",
            &[
                "POSIX.1-2024 mlockall() DESCRIPTION, MCL_FUTURE",
                "mlock(2) MCL_FUTURE, NOTES",
                "mm/mlock.c apply_mlockall_flags()",
            ],
            "After MCL_FUTURE what is mapped is locked, and filled but with MCL_ONFAULT; after a call without it no more. A child does not inherit it.",
            Effect::LocksLater,
        ),
        effect(
            "mlockall/current",
            &[
                "POSIX.1-2024 mlockall() DESCRIPTION, MCL_CURRENT",
                "mlock(2) MCL_CURRENT",
                "mm/mlock.c apply_mlockall_flags()",
            ],
            "MCL_CURRENT locks what is mapped, and fills it but with MCL_ONFAULT.",
            Effect::LocksAll,
        ),
    ],
};

/// munlockall(2).
pub static MUNLOCKALL: List = List {
    name: "munlockall",
    clauses: &[effect(
        "munlockall/unlocks",
        &[
            "POSIX.1-2024 munlockall() DESCRIPTION",
            "mlock(2) DESCRIPTION, munlockall()",
            "mm/mlock.c SYSCALL_DEFINE0(munlockall)",
        ],
        "Nothing of the process is locked any more, and what is mapped later is not either.",
        Effect::UnlocksAll,
    )],
};

const OP: usize = 0;
const ARG: usize = 1;
/// PR_SET_MDWE.
pub const SET_MDWE: i128 = 65;
/// PR_GET_MDWE.
pub const GET_MDWE: i128 = 66;
/// PR_SET_THP_DISABLE.
pub const SET_THP: i128 = 41;
/// PR_GET_THP_DISABLE.
pub const GET_THP: i128 = 42;
/// PR_MDWE_REFUSE_EXEC_GAIN.
pub const MDWE_REFUSE: i128 = 1;
/// PR_MDWE_NO_INHERIT.
pub const MDWE_NO_INHERIT: i128 = 2;

fn other_op(c: &Ctx<'_>) -> Option<Answer> {
    let known = matches!(c.word(OP), SET_MDWE | GET_MDWE | SET_THP | GET_THP);
    let why = "settings that a kernel can be built without";
    when(!known, Unmodelled(why))
}

fn further(c: &Ctx<'_>) -> Option<Answer> {
    let from = match c.word(OP) {
        SET_MDWE => 2,
        GET_MDWE | GET_THP => 1,
        // Since Linux 6.18 its third argument is one of flags.
        SET_THP => 3,
        _ => return None,
    };
    when((from..5).any(|i| c.word(i) != 0), Errno("EINVAL"))
}

fn thp_flags(c: &Ctx<'_>) -> Option<Answer> {
    let asked = c.word(OP) == SET_THP && c.word(2) != 0;
    when(asked, Unmodelled("flags of PR_SET_THP_DISABLE"))
}

fn mdwe_mask(c: &Ctx<'_>) -> Option<Answer> {
    let mask = c.word(ARG);
    let unknown = mask & !(MDWE_REFUSE | MDWE_NO_INHERIT) != 0 || mask == MDWE_NO_INHERIT;
    when(c.word(OP) == SET_MDWE && unknown, Errno("EINVAL"))
}

fn mdwe_kept(c: &Ctx<'_>) -> Option<Answer> {
    let now = settings(c).mdwe;
    let changes = now != 0 && now != c.word(ARG);
    when(c.word(OP) == SET_MDWE && changes, Errno("EPERM"))
}

/// prctl(2), as far as it changes what mappings do.
pub static PRCTL: List = List {
    name: "prctl",
    clauses: &[
        answer(
            "prctl/other",
            &["prctl(2) DESCRIPTION"],
            "Names of anonymous memory and the merging of pages are not modelled: kernels are built without them.",
            other_op,
        )
        .linux(),
        answer(
            "prctl/mask",
            &["PR_SET_MDWE(2const) ERRORS EINVAL", "kernel/sys.c prctl_set_mdwe()"],
            "A mask of PR_SET_MDWE that is not known, or PR_MDWE_NO_INHERIT alone, is EINVAL.",
            mdwe_mask,
        )
        .linux(),
        answer(
            "prctl/further-arguments",
            &[
                "PR_SET_MDWE(2const) ERRORS EINVAL",
                "PR_SET_THP_DISABLE(2const) ERRORS EINVAL",
                "kernel/sys.c SYSCALL_DEFINE5(prctl)",
            ],
            "Arguments that an operation does not have must be 0: else EINVAL.",
            further,
        )
        .linux(),
        answer(
            "prctl/flags",
            &["kernel/sys.c prctl_set_thp_disable() (6.18)"],
            "Flags of PR_SET_THP_DISABLE are not modelled.",
            thp_flags,
        )
        .linux(),
        answer(
            "prctl/kept",
            &["PR_SET_MDWE(2const) ERRORS EPERM", "kernel/sys.c prctl_set_mdwe()"],
            "What PR_SET_MDWE has set stays as it is: another mask is EPERM.",
            mdwe_kept,
        )
        .linux(),
        effect(
            "prctl/denies-write-exec",
            &["PR_SET_MDWE(2const) DESCRIPTION", "include/linux/mman.h map_deny_write_exec()"],
            "After PR_MDWE_REFUSE_EXEC_GAIN nothing is mapped to be written and executed, nor made executable that was not; a child is held to it too, but with PR_MDWE_NO_INHERIT.",
            Effect::Denies,
        )
        .linux(),
    ],
};

/// Of brk: where the break would be.
const TO: usize = 0;

/// Where the break begins and where it is.
pub fn at(c: &Ctx<'_>) -> (Addr, Addr) {
    settings(c).brk.unwrap_or_default()
}

/// An address rounded up to a whole page.
pub fn page_up(c: &Ctx<'_>, addr: Addr) -> Addr {
    let inside = split(addr).1.rem_euclid(c.page());
    if inside == 0 {
        addr
    } else {
        addr - inside + c.page()
    }
}

fn is_beside(c: &Ctx<'_>) -> bool {
    split(c.word(TO)).0 == split(at(c).0).0
}

fn brk_too_low(c: &Ctx<'_>) -> Option<Answer> {
    let (place, n) = split(c.word(TO));
    let low = place == Place::Absolute && n < 1 << 20;
    when(low || is_beside(c) && c.word(TO) < at(c).0, Nothing)
}

fn brk_too_high(c: &Ctx<'_>) -> Option<Answer> {
    let (place, n) = split(c.word(TO));
    when(place == Place::Absolute && n >= c.top(), Nothing)
}

fn brk_elsewhere(c: &Ctx<'_>) -> Option<Answer> {
    let why = "where the break lies beside that is not known";
    when(!is_beside(c), Unmodelled(why))
}

fn grows_to(c: &Ctx<'_>) -> Option<(Addr, Addr)> {
    let (old, new) = (page_up(c, at(c).1), page_up(c, c.word(TO)));
    (new > old).then_some((old, new))
}

fn brk_limit(c: &Ctx<'_>) -> Option<Answer> {
    // What is given lies far below what the data segment has already.
    let given = c.limits().data_given.is_some();
    let (old, new) = grows_to(c)?;
    let locked = c.space().map_or(0, |s| s.locked());
    let locks = settings(c).future.is_some() && !c.root;
    let too_much = locks && locked + (new - old) > c.limits().locked;
    when(given || too_much || !c.may_expand(new - old, true), Nothing)
}

fn brk_in_the_way(c: &Ctx<'_>) -> Option<Answer> {
    let (old, new) = grows_to(c)?;
    let end = new + c.page();
    let gap = GUARD_PAGES * c.page();
    let clash =
        |a: &crate::machine::model::space::Area| end > a.start - if a.grows_down { gap } else { 0 };
    let areas = c.areas(old, end + gap);
    if areas.iter().any(clash) {
        return Some(Nothing);
    }
    let known = c.space().is_some_and(|s| s.look(old, end) != Known::No);
    when(
        !known,
        Unmodelled("what lies behind the break is not known"),
    )
}

fn brk_shrinks_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let (old, new) = (page_up(c, at(c).1), page_up(c, c.word(TO)));
    let areas = c.areas(new, old.max(new));
    let other = areas.iter().any(|a| a.is_marked(mark::SEALED) || a.shared);
    when(other, Unmodelled("a break over what was mapped otherwise"))
}

/// brk(2). What it refuses it refuses by telling where the break is.
pub static BRK: List = List {
    name: "brk",
    clauses: &[
        answer(
            "brk/too-low",
            &["brk(2) DESCRIPTION", "mm/mmap.c SYSCALL_DEFINE1(brk) (min_brk)"],
            "The break is not moved below where it began: it stays.",
            brk_too_low,
        )
        .linux(),
        answer(
            "brk/too-high",
            &["brk(2) DESCRIPTION", "mm/mmap.c check_brk_limits()"],
            "The break is not moved to where there is no address space: it stays.",
            brk_too_high,
        )
        .linux(),
        answer(
            "brk/elsewhere",
            &["brk(2) DESCRIPTION"],
            "A break beside another place than its own is not modelled.",
            brk_elsewhere,
        )
        .linux(),
        answer(
            "brk/limit",
            &[
                "brk(2) DESCRIPTION",
                "getrlimit(2) RLIMIT_AS, RLIMIT_DATA",
                "mm/mmap.c SYSCALL_DEFINE1(brk) (check_data_rlimit()), do_brk_flags()",
            ],
            "The break does not grow beyond RLIMIT_DATA, RLIMIT_AS, or RLIMIT_MEMLOCK where what is mapped is locked: it stays.",
            brk_limit,
        )
        .linux(),
        answer(
            "brk/in-the-way",
            &["brk(2) DESCRIPTION", "mm/mmap.c SYSCALL_DEFINE1(brk) (stack_guard_gap)"],
            "The break does not grow over a mapping, nor nearer to one than a page: it stays.",
            brk_in_the_way,
        )
        .linux(),
        answer(
            "brk/mapped-otherwise",
            &["mm/mmap.c SYSCALL_DEFINE1(brk)"],
            "A break that is moved down over what was mapped or sealed there is not modelled.",
            brk_shrinks_sealed,
        )
        .linux(),
        effect(
            "brk/moves",
            &["brk(2) DESCRIPTION", "mm/mmap.c SYSCALL_DEFINE1(brk), do_brk_flags()"],
            "What lies between the beginning and the break, in whole pages, is memory of zeros that can be read and written; what is given back is gone.",
            Effect::MovesBreak,
        )
        .linux(),
    ],
};
