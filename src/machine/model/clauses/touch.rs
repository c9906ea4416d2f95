//! The clauses of loads and stores.

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Blocked, Fault, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List, Told};
use crate::machine::model::clauses::mmap::GUARD_PAGES;
use crate::machine::model::machine::{Arch, Fs};
use crate::machine::model::object::{Kind, Resident};
use crate::machine::model::space::{Area, EXEC, Place, READ, WRITE, mark, split};
use crate::machine::model::world::LOCK_LIMIT;

/// The address, of the byte that is touched.
const AT: usize = 0;

fn segv(c: &Ctx<'_>, code: &'static str) -> Answer {
    Fault("SIGSEGV", code, told(c))
}

fn told(c: &Ctx<'_>) -> Told {
    match c.m.arch {
        Arch::S390x => Told::Page,
        _ => Told::Byte,
    }
}

fn area<'a>(c: &Ctx<'a>) -> Option<&'a Area> {
    c.space()?.at(c.word(AT))
}

fn not_canonical(c: &Ctx<'_>) -> Option<Answer> {
    let (place, n) = split(c.word(AT));
    if place != Place::Absolute || n < c.top() {
        return None;
    }
    match c.m.arch {
        // 47 bits and a sign; with five levels of page tables 56 bits and a sign.
        Arch::X86_64 if (1 << 47..1 << 56).contains(&n) => Some(Unmodelled(
            "how wide the machine's addresses are is not told",
        )),
        Arch::X86_64 => {
            let low = 0xff00_0000_0000_0000u64;
            when(
                n >= 1 << 56 && n < i128::from(low),
                Fault("SIGSEGV", "SI_KERNEL", Told::Nowhere),
            )
        }
        _ => Some(Unmodelled("what this architecture says of such addresses")),
    }
}

fn kernel_half(c: &Ctx<'_>) -> Option<Answer> {
    let (place, n) = split(c.word(AT));
    if place != Place::Absolute || n < c.top() {
        return None;
    }
    if n >= 1 << 47 {
        return Some(Unmodelled("what the kernel's own addresses say to a touch"));
    }
    Some(segv(c, "SEGV_MAPERR"))
}

/// The area that would grow down to the address, if one does.
pub fn growing<'a>(c: &Ctx<'a>) -> Option<&'a Area> {
    let space = c.space()?;
    let at = c.word(AT);
    let next = space.areas().get(space.after(at))?;
    if next.start <= at || !next.grows_down {
        return None;
    }
    let page = c.page();
    let start = at - split(at).1.rem_euclid(page);
    if !space.is_known(start, next.start) || next.end - start > LOCK_LIMIT {
        return None;
    }
    let before = space.after(at).checked_sub(1);
    let before = before.and_then(|i| space.areas().get(i));
    let close = |b: &Area| !b.grows_down && b.prot != 0 && start - b.end < GUARD_PAGES * page;
    (!before.is_some_and(close)).then_some(next)
}

fn unmapped(c: &Ctx<'_>) -> Option<Answer> {
    let at = c.word(AT);
    if area(c).is_some() || growing(c).is_some() {
        return None;
    }
    let (place, n) = split(at);
    // Nobody but a privileged process maps there.
    let low = place == Place::Absolute && (0..i128::from(c.m.scale.min_addr)).contains(&n);
    if low || c.is_known(at, at + 1) {
        return Some(segv(c, "SEGV_MAPERR"));
    }
    Some(Unmodelled("what lies there is not known"))
}

/// The area that the touch is of, or that grows for it: its protection counts in both cases.
fn reached<'a>(c: &Ctx<'a>) -> Option<&'a Area> {
    area(c).or_else(|| growing(c))
}

fn store_denied(c: &Ctx<'_>) -> Option<Answer> {
    let denied = reached(c).is_some_and(|a| a.prot & WRITE == 0);
    when(c.store && denied, segv(c, "SEGV_ACCERR"))
}

fn load_denied(c: &Ctx<'_>) -> Option<Answer> {
    let denied = reached(c).is_some_and(|a| a.prot == 0);
    when(!c.store && denied, segv(c, "SEGV_ACCERR"))
}

fn execute_only(c: &Ctx<'_>) -> Option<Answer> {
    let only = reached(c).is_some_and(|a| a.prot == EXEC);
    let code = match c.m.arch {
        Arch::X86_64 => "SEGV_PKUERR",
        _ => "SEGV_ACCERR",
    };
    when(!c.store && only, segv(c, code))
}

fn guarded(c: &Ctx<'_>) -> Option<Answer> {
    let at = c.word(AT);
    let guard = c.space()?.first_guard(at, at + 1);
    when(guard.is_some(), segv(c, "SEGV_MAPERR"))
}

fn past_the_end(c: &Ctx<'_>) -> Option<Answer> {
    let at = c.word(AT);
    let area = area(c)?;
    let (object, offset) = area.offset(at)?;
    let size = c.w.objects.get(object)?.size;
    let page = c.m.scale.page;
    let pages = size / page + u64::from(size % page != 0);
    let start = at - split(at).1.rem_euclid(c.page());
    let own = c.space()?.own.contains_key(&start);
    when(
        offset / page >= pages && !own,
        Fault("SIGBUS", "BUS_ADRERR", told(c)),
    )
}

/// Whether the page that holds an address, in an area, is not there yet; `None` where that is the
/// system's own business.
pub fn is_missing(c: &Ctx<'_>, at: i128) -> Option<bool> {
    let start = at - split(at).1.rem_euclid(c.page());
    let space = c.space()?;
    if space.is_present(start) {
        return Some(false);
    }
    let Some((n, offset)) = space.at(at)?.offset(at) else {
        return Some(true);
    };
    let object = c.w.objects.get(n)?;
    let in_memory = object.kind == Kind::Memory || c.m.fs == Fs::Tmpfs;
    match object.resident(offset / c.m.scale.page, in_memory) {
        Resident::Yes => Some(false),
        Resident::No => Some(true),
        Resident::Unknown => None,
    }
}

fn poisoned(c: &Ctx<'_>) -> bool {
    let at = c.word(AT);
    c.space()
        .is_some_and(|s| s.first_poisoned(at, at + 1).is_some())
}

fn poisoned_as_bad(c: &Ctx<'_>) -> Option<Answer> {
    when(poisoned(c), Fault("SIGBUS", "BUS_MCEERR_AR", told(c)))
}

fn poisoned_as_gone(c: &Ctx<'_>) -> Option<Answer> {
    when(poisoned(c), Fault("SIGBUS", "BUS_ADRERR", told(c)))
}

/// What userfaultfd(2) left on the area of a touch.
fn taken_over(c: &Ctx<'_>) -> u32 {
    area(c).map_or(0, |a| a.marks & mark::TAKEN_OVER)
}

/// Of whom it is to be known whether the page is there.
const SUPPLIED: u32 = mark::TAKEN_OVER & !mark::UNWRITTEN;

fn taken_over_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let asked = taken_over(c) & SUPPLIED != 0 || lacks_room(c);
    when(
        asked && is_missing(c, c.word(AT)).is_none(),
        Unmodelled("whether the page of the file is there"),
    )
}

fn missing(c: &Ctx<'_>) -> Option<Answer> {
    let marks = taken_over(c) & SUPPLIED;
    let signals = marks & mark::MISSING != 0 || marks != 0 && c.by_kernel;
    when(
        signals && is_missing(c, c.word(AT)) == Some(true),
        Fault("SIGBUS", "BUS_ADRERR", told(c)),
    )
}

fn awaited(c: &Ctx<'_>) -> Option<Answer> {
    let awaited = taken_over(c) & mark::AWAITED != 0;
    when(awaited && is_missing(c, c.word(AT)) == Some(true), Blocked)
}

fn unwritten(c: &Ctx<'_>) -> Option<Answer> {
    let held_up = taken_over(c) & mark::UNWRITTEN != 0;
    when(c.store && held_up, Fault("SIGBUS", "BUS_ADRERR", told(c)))
}

/// Whether the touch is of a file on a file system without room.
fn lacks_room(c: &Ctx<'_>) -> bool {
    c.w.room == Some(0)
        && area(c)
            .and_then(|a| c.w.objects.get(a.object?.0))
            .is_some_and(|o| o.kind == Kind::File)
}

fn no_room(c: &Ctx<'_>) -> Option<Answer> {
    when(
        lacks_room(c) && is_missing(c, c.word(AT)) == Some(true),
        Fault("SIGBUS", "BUS_ADRERR", told(c)),
    )
}

fn posix_more_access(c: &Ctx<'_>) -> Option<Answer> {
    let unreadable = area(c).is_some_and(|a| a.prot != 0 && a.prot & READ == 0);
    when(!c.store && unreadable, segv(c, "SEGV_ACCERR"))
}

/// Loads and stores.
pub static TOUCH: List = List {
    name: "touch",
    clauses: &[
        answer(
            "touch/not-canonical",
            &["arch/x86/kernel/traps.c exc_general_protection()", "sigaction(2) SI_KERNEL"],
            "An address that x86_64 can't form faults before any page is looked for: SIGSEGV SI_KERNEL, without an address.",
            not_canonical,
        )
        .linux(),
        answer(
            "touch/behind-the-address-space",
            &["arch/x86/mm/fault.c do_kern_addr_fault()"],
            "The page behind the user's address space is never mapped: SIGSEGV SEGV_MAPERR.",
            kernel_half,
        )
        .linux(),
        answer(
            "touch/unmapped",
            &["POSIX.1-2024 mmap() and munmap() DESCRIPTION: SIGSEGV", "sigaction(2) SEGV_MAPERR", "arch/x86/mm/fault.c do_user_addr_fault()"],
            "Where nothing is mapped: SIGSEGV SEGV_MAPERR, with the address of the byte.",
            unmapped,
        ),
        answer(
            "touch/store-denied",
            &["POSIX.1-2024 mmap() DESCRIPTION: shall not permit a write", "sigaction(2) SEGV_ACCERR", "arch/x86/mm/fault.c access_error()"],
            "A store without PROT_WRITE: SIGSEGV SEGV_ACCERR.",
            store_denied,
        ),
        answer(
            "touch/load-denied",
            &["POSIX.1-2024 mmap() DESCRIPTION: PROT_NONE alone", "sigaction(2) SEGV_ACCERR", "arch/x86/mm/fault.c access_error()"],
            "A load where nothing is allowed: SIGSEGV SEGV_ACCERR.",
            load_denied,
        ),
        answer(
            "touch/execute-only",
            &["pkeys(7)", "arch/x86/mm/pkeys.c __execute_only_pkey()"],
            "A load where only execution is allowed is refused where the processor can tell: SIGSEGV SEGV_PKUERR on x86.",
            execute_only,
        )
        .linux()
        .permitted(),
        answer(
            "touch/more-access",
            &["POSIX.1-2024 mmap() DESCRIPTION: may permit accesses other than those specified"],
            "A load without PROT_READ, where something else is allowed, may fault or succeed.",
            posix_more_access,
        )
        .posix(Force::Permitted),
        answer(
            "touch/guard",
            &["madvise(2) MADV_GUARD_INSTALL", "mm/memory.c handle_pte_marker()", "arch/x86/mm/fault.c do_user_addr_fault()"],
            "A guard page, where its protection would allow the touch: SIGSEGV SEGV_MAPERR.",
            guarded,
        )
        .linux(),
        answer(
            "touch/poisoned-as-bad",
            &["UFFDIO_POISON(2const)", "mm/memory.c handle_pte_marker()", "arch/x86/mm/fault.c do_sigbus() (CONFIG_MEMORY_FAILURE)"],
            "A page that is marked as bad memory is told as such where the kernel knows of bad memory: SIGBUS BUS_MCEERR_AR.",
            poisoned_as_bad,
        )
        .linux()
        .permitted(),
        answer(
            "touch/poisoned",
            &["UFFDIO_POISON(2const)", "mm/memory.c handle_pte_marker()", "arch/x86/mm/fault.c do_sigbus()"],
            "A page that is marked as bad memory faults: SIGBUS BUS_ADRERR.",
            poisoned_as_gone,
        )
        .linux(),
        answer(
            "touch/past-the-end",
            &["POSIX.1-2024 mmap() DESCRIPTION: whole pages following the end of an object", "mmap(2) SIGBUS", "mm/filemap.c filemap_fault()", "mm/shmem.c shmem_fault()"],
            "A whole page past the end of the object: SIGBUS BUS_ADRERR, by load and store, shared and private.",
            past_the_end,
        ),
        answer(
            "touch/missing-or-not",
            &["mincore(2) NOTES"],
            "Which pages of a file are there that the case did not touch is not modelled.",
            taken_over_unknown,
        )
        .linux(),
        answer(
            "touch/missing",
            &["UFFDIO_API(2const) UFFD_FEATURE_SIGBUS", "userfaultfd(2) UFFD_USER_MODE_ONLY", "fs/userfaultfd.c handle_userfault()"],
            "A page that is not there yet, and that somebody else is to supply, gives SIGBUS BUS_ADRERR where a signal was asked for, and in a system call always.",
            missing,
        )
        .linux(),
        answer(
            "touch/awaited",
            &["userfaultfd(2) DESCRIPTION", "fs/userfaultfd.c handle_userfault()"],
            "Else it is waited for, until a signal comes.",
            awaited,
        )
        .linux(),
        answer(
            "touch/write-held-up",
            &["UFFDIO_WRITEPROTECT(2const)", "UFFDIO_API(2const) UFFD_FEATURE_SIGBUS", "mm/memory.c do_wp_page()"],
            "A store to a page whose writing is held up gives SIGBUS BUS_ADRERR; a load does not.",
            unwritten,
        )
        .linux(),
        answer(
            "touch/no-room",
            &["mm/shmem.c shmem_fault(), shmem_get_folio_gfp()", "mmap(2) ERRORS SIGBUS"],
            "A touch of a hole of a file on a tmpfs without room, be it to be read or copied: SIGBUS BUS_ADRERR.",
            no_room,
        )
        .linux(),
        effect(
            "touch/shared-store",
            &["POSIX.1-2024 mmap() DESCRIPTION: write references shall change the underlying object", "mmap(2) MAP_SHARED"],
            "A store through a shared mapping changes the object, for all who look at it.",
            Effect::SharedStores,
        ),
        effect(
            "touch/private-copy",
            &["POSIX.1-2024 mmap() DESCRIPTION: visible only to the calling process", "mmap(2) MAP_PRIVATE", "mm/memory.c do_cow_fault()"],
            "The first store to a page of a private mapping makes the process's own copy of the whole page.",
            Effect::PrivateCopies,
        ),
    ],
};
