//! The clauses of remap_file_pages(2), which is mmap(2) in disguise since Linux 4.0.

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::object::seal;
use crate::machine::model::space::{Addr, Area, Space, WRITE, mark, split};

const ADDR: usize = 0;
const SIZE: usize = 1;
const PROT: usize = 2;
const PGOFF: usize = 3;

/// The range, rounded down to whole pages.
pub fn range(c: &Ctx<'_>) -> (Addr, i128) {
    let (start, page) = (c.word(ADDR), c.page());
    (
        start - split(start).1.rem_euclid(page),
        c.word(SIZE).div_euclid(page) * page,
    )
}

fn prot(c: &Ctx<'_>) -> Option<Answer> {
    when(c.flags(PROT) != 0, Errno("EINVAL"))
}

fn no_range(c: &Ctx<'_>) -> Option<Answer> {
    let (start, len) = range(c);
    let (_, offset) = split(start);
    let wraps = offset + len > c.m.scale.word_max();
    when(len == 0 || wraps, Errno("EINVAL"))
}

fn wraps(c: &Ctx<'_>) -> Option<Answer> {
    let pages = range(c).1 / c.page();
    when(
        c.word(PGOFF) + pages > c.m.scale.word_max(),
        Errno("EINVAL"),
    )
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let (start, len) = range(c);
    let first = c.is_known(start, start + c.page());
    let area = c.space().and_then(|s| s.at(start));
    // Beside a first page that can't be moved nothing else counts.
    let told = first && !area.is_some_and(|a| a.writes_back);
    when(
        !told && !c.is_known(start, start + len),
        Unmodelled("what lies there is not known"),
    )
}

/// The area in which the range begins.
pub fn first<'a>(c: &Ctx<'a>) -> Option<&'a Area> {
    c.space()?.at(range(c).0)
}

fn not_shared(c: &Ctx<'_>) -> Option<Answer> {
    let shared = first(c).is_some_and(|a| a.writes_back);
    when(!shared, Errno("EINVAL"))
}

fn not_one(c: &Ctx<'_>) -> Option<Answer> {
    let (start, len) = range(c);
    let area = first(c)?;
    let of = |a: &Area| a.object.map(|o| o.0);
    let alike = |a: &Area| {
        (a.through, of(a), a.prot) == (area.through, of(area), area.prot)
            && (a.locked, a.may) == (area.locked, area.may)
            && (a.marks ^ area.marks) & !mark::GUARDED == 0
            && a.not_for_children == area.not_for_children
    };
    let areas = c.areas(start, start + len);
    let mapped = c.space().is_some_and(|s| s.is_mapped(start, start + len));
    if !areas.iter().all(alike) || !mapped {
        return Some(Errno("EINVAL"));
    }
    // `VM_MAYBE_GUARD` came with Linux 6.19, and to some of the stable kernels before it.
    let guarded = areas.iter().filter(|a| a.is_marked(mark::GUARDED)).count();
    let differ = guarded != 0 && guarded != areas.len();
    let why = "whether this kernel notes of an area that it has had guard pages";
    when(
        differ,
        match c.m.kernel < (6, 19) {
            true => Unmodelled(why),
            false => Errno("EINVAL"),
        },
    )
}

fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    let future = c.w.processes.get(c.process).and_then(|p| p.settings.future);
    if c.root || !first(c).is_some_and(|a| a.locked) && future.is_none() {
        return None;
    }
    let locked = c.space().map_or(0, Space::locked);
    let limit = c.limits().locked.div_euclid(c.page()) * c.page();
    when(locked + range(c).1 > limit, Errno("EAGAIN"))
}

/// Whether the object behind the range is sealed against new ways to write to it.
pub fn is_write_sealed(c: &Ctx<'_>) -> bool {
    let object = first(c).and_then(|a| a.object);
    let object = object.and_then(|(n, _)| c.w.objects.get(n));
    object.is_some_and(|o| o.seals & (seal::WRITE | seal::FUTURE_WRITE) != 0)
}

fn write_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let writes = first(c).is_some_and(|a| a.prot & WRITE != 0);
    when(writes && is_write_sealed(c), Errno("EPERM"))
}

fn too_far(c: &Ctx<'_>) -> Option<Answer> {
    let end = c.word(PGOFF) * c.page() + range(c).1;
    when(end > i128::from(i64::MAX), Errno("EOVERFLOW"))
}

fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let sealed = first(c).is_some_and(|a| a.is_marked(mark::SEALED));
    when(sealed, Errno("EPERM"))
}

/// remap_file_pages(2).
pub static REMAP_FILE: List = List {
    name: "remap_file_pages",
    clauses: &[
        answer(
            "remap_file_pages/prot",
            &[
                "remap_file_pages(2) ERRORS EINVAL",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "The protection must be 0: else EINVAL.",
            prot,
        )
        .linux(),
        answer(
            "remap_file_pages/no-range",
            &[
                "remap_file_pages(2) ERRORS EINVAL",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "A size that rounds down to nothing, or a range that wraps around, is EINVAL.",
            no_range,
        )
        .linux(),
        answer(
            "remap_file_pages/wraps",
            &[
                "remap_file_pages(2) ERRORS EINVAL",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "Pages whose numbers wrap around are EINVAL.",
            wraps,
        )
        .linux(),
        answer(
            "remap_file_pages/unknown",
            &["remap_file_pages(2) DESCRIPTION"],
            "What is changed beside what the case mapped itself is not known.",
            unknown,
        )
        .linux(),
        answer(
            "remap_file_pages/not-shared",
            &[
                "remap_file_pages(2) ERRORS EINVAL",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "A range that does not begin in a shared mapping, by which the object can be written, is EINVAL.",
            not_shared,
        )
        .linux(),
        answer(
            "remap_file_pages/not-one",
            &[
                "remap_file_pages(2) ERRORS EINVAL",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "A range with a hole, or with areas that are not alike in file, protection, lock and, since Linux 6.19, in having had guard pages, is EINVAL.",
            not_one,
        )
        .linux(),
        answer(
            "remap_file_pages/lock-limit",
            &["mm/mmap.c SYSCALL_DEFINE5(remap_file_pages), mlock_future_ok()"],
            "The pages of a locked mapping are locked anew, and counted so beside those that they replace: beyond RLIMIT_MEMLOCK it is EAGAIN.",
            lock_limit,
        )
        .linux(),
        answer(
            "remap_file_pages/too-far",
            &["mm/mmap.c file_mmap_ok()"],
            "Pages that end behind the greatest possible offset are EOVERFLOW.",
            too_far,
        )
        .linux(),
        answer(
            "remap_file_pages/write-sealed",
            &["mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)", "mm/memfd.c check_write_seal()"],
            "A mapping that can be written is a new one, which a seal against writing refuses: EPERM.",
            write_sealed,
        )
        .linux(),
        answer(
            "remap_file_pages/sealed",
            &["mm/vma.c vms_gather_munmap_vmas()"],
            "A sealed mapping is not replaced: EPERM.",
            sealed,
        )
        .linux(),
        effect(
            "remap_file_pages/shows",
            &[
                "remap_file_pages(2) DESCRIPTION",
                "mm/mmap.c SYSCALL_DEFINE5(remap_file_pages)",
            ],
            "Other pages of the object are seen in the range, with the protection that it had; address and size are rounded down.",
            Effect::ShowsOthers,
        )
        .linux(),
    ],
};
