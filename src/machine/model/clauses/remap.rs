//! The clauses of mremap(2), in the order of Linux 6.17 and later, which looks at all arguments
//! before it looks for the mapping.

mod arguments;

use super::{answer, effect, when};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::Kind;
use crate::machine::model::space::{Addr, Area, Known, Place, mark, split};
use arguments::{
    aligned, new_too_long, new_zero, old_kernel, overlaps, stays_and_resizes, to_aligned,
    to_outside, unknown_flag, without_maymove,
};

const ADDR: usize = 0;
const OLD: usize = 1;
const NEW: usize = 2;
const FLAGS: usize = 3;
const TO: usize = 4;

const MAYMOVE: u64 = 1;
const FIXED: u64 = 2;
const DONTUNMAP: u64 = 4;

const LIES_UNKNOWN: &str = "what lies there is not known";

/// How mremap was called, in whole pages.
#[derive(Debug, Clone, Copy)]
pub struct Remap {
    /// Where it lies.
    pub addr: Addr,
    /// How much of it is meant.
    pub old: i128,
    /// How much it is to be.
    pub new: i128,
    /// Where it is to go.
    pub to: Addr,
    flags: u64,
}

impl Remap {
    /// Reads the arguments of a call.
    pub fn of(c: &Ctx<'_>) -> Self {
        // What rounds up to more than a word holds is nothing.
        let pages = |i| c.pages(i).unwrap_or(0);
        Remap {
            addr: c.word(ADDR),
            old: pages(OLD),
            new: pages(NEW),
            to: c.word(TO),
            flags: c.flags(FLAGS),
        }
    }

    fn has(self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether it may go elsewhere.
    pub fn may_move(self) -> bool {
        self.has(MAYMOVE)
    }

    /// Whether the new address is meant.
    pub fn is_fixed(self) -> bool {
        self.has(FIXED)
    }

    /// Whether what is moved stays mapped too.
    pub fn stays(self) -> bool {
        self.has(DONTUNMAP)
    }

    /// Whether it goes to a new address whatever else holds.
    pub fn goes(self) -> bool {
        self.has(FIXED | DONTUNMAP)
    }

    /// Whether it is moved as it is, so that it may be several mappings.
    pub fn only_moves(self) -> bool {
        self.is_fixed() && self.old == self.new
    }

    /// How much of it is still meant once what is shrunk is gone.
    fn kept(self) -> i128 {
        self.old.min(self.new)
    }
}

fn unknown(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let len = r.old.max(c.page());
    // Where the first page is not mapped, or the mapping ends within what is known, nothing behind
    // it counts.
    let first = c.is_known(r.addr, r.addr + c.page());
    let area = c.space().and_then(|s| s.at(r.addr));
    let told = area.is_none() || !r.only_moves() && r.old <= r.new;
    when(
        !first || !told && !c.is_known(r.addr, r.addr + len),
        Unmodelled(LIES_UNKNOWN),
    )
}

/// The mapping at the old address.
fn found<'a>(c: &Ctx<'a>) -> Option<&'a Area> {
    c.space()?.at(c.word(ADDR))
}

fn missing(c: &Ctx<'_>) -> Option<Answer> {
    when(found(c).is_none(), Errno("EFAULT"))
}

fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let sealed = found(c).is_some_and(|a| a.is_marked(mark::SEALED));
    when(sealed, Errno("EPERM"))
}

fn duplicates_private(c: &Ctx<'_>) -> Option<Answer> {
    let private = found(c).is_some_and(|a| !a.shared);
    when(Remap::of(c).old == 0 && private, Errno("EINVAL"))
}

fn crosses(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    if r.only_moves() || !r.goes() && r.new <= r.old {
        return None;
    }
    when(
        found(c).is_some_and(|a| r.kept() > a.end - r.addr),
        Errno("EFAULT"),
    )
}

fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let locked = found(c).is_some_and(|a| a.locked) && r.new > r.old;
    let all = c.space().map_or(0, |s| s.locked());
    when(
        locked && !c.root && all + (r.new - r.old) > c.limits().locked,
        Errno("EAGAIN"),
    )
}

fn space_limit(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let is_data = found(c).is_some_and(Area::is_data);
    let grows = r.new > r.old && !c.may_expand(r.new - r.old, is_data);
    when(grows, Errno("ENOMEM"))
}

/// What stays where it was is there twice; what lay at the new place is gone by then. Of several
/// mappings each is looked at when its turn has come.
fn stays_beyond_limit(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    if !r.stays() {
        return None;
    }
    let (mut more, mut more_data) = (0, 0);
    let end = r.addr + r.old;
    for (n, area) in c.areas(r.addr, end).iter().enumerate() {
        let (from, to) = (area.start.max(r.addr), area.end.min(end));
        let len = to - from;
        if r.is_fixed() {
            let there = r.to + (from - r.addr);
            for gone in c.areas(there, there + len) {
                let part = gone.end.min(there + len) - gone.start.max(there);
                more -= part;
                more_data -= if gone.is_data() { part } else { 0 };
            }
        }
        more += len;
        more_data += if area.is_data() { len } else { 0 };
        if !c.may_hold(more, area.is_data().then_some(more_data)) {
            let later = Unmodelled("a move of several that stops at a limit");
            return Some(if n == 0 { Errno("ENOMEM") } else { later });
        }
    }
    None
}

fn several_stop(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let areas = c.areas(r.addr, r.addr + r.old);
    let segment = |a: &Area| {
        let object = a.object.map(|o| o.0);
        c.w.segments.iter().any(|s| Some(s.object) == object)
    };
    if !r.only_moves() {
        return None;
    }
    let goes_on = |a: &Area| a.end < r.addr + r.old;
    match areas.split_first() {
        Some((first, _)) if segment(first) && goes_on(first) => return Some(Errno("EFAULT")),
        None | Some((_, [])) => return None,
        Some((_, rest)) if rest.iter().any(segment) => {
            return Some(Unmodelled("a move of several that stops at a segment"));
        }
        _ => {}
    }
    let sealed = areas.iter().skip(1).any(|a| a.is_marked(mark::SEALED));
    let on_disk = |a: &Area| {
        let object = a.object.and_then(|(n, _)| c.w.objects.get(n));
        object.is_some_and(|o| o.kind == Kind::File)
    };
    if sealed {
        return Some(Unmodelled("a move of several that stops at a sealed one"));
    }
    let unknown = c.m.fs == Fs::Other && areas.iter().any(on_disk);
    when(
        unknown,
        Unmodelled("whether the file system has a say in where its files are mapped"),
    )
}

fn to_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    when(
        r.is_fixed() && !c.is_known(r.to, r.to + r.new),
        Unmodelled(LIES_UNKNOWN),
    )
}

fn to_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let areas = c.areas(r.to, r.to + r.new);
    let sealed = areas.iter().any(|a| a.is_marked(mark::SEALED));
    when(r.is_fixed() && sealed, Errno("EPERM"))
}

fn to_low(c: &Ctx<'_>) -> Option<Answer> {
    let (place, offset) = split(c.word(TO));
    let low = place == Place::Absolute && offset < i128::from(c.m.scale.min_addr);
    when(Remap::of(c).is_fixed() && low && !c.root, Errno("EPERM"))
}

/// What lies at the new place is gone before the mapping is looked for once more.
fn onto_itself(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let within = r.to <= r.addr && r.addr < r.to + r.new;
    when(r.is_fixed() && r.old == 0 && within, Errno("EFAULT"))
}

/// Whether a sealed mapping lies in what is shrunk away.
fn tail_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let tail = c.areas(r.addr + r.new, r.addr + r.old);
    let sealed = r.new < r.old && tail.iter().any(|a| a.is_marked(mark::SEALED));
    when(sealed, Errno("EPERM"))
}

/// What is known of growing in place; `None` where it does not come to that.
fn room(c: &Ctx<'_>) -> Option<Known> {
    let r = Remap::of(c);
    let area = found(c)?;
    if r.goes() || r.new <= r.old {
        return None;
    }
    let (end, grown) = (area.end, area.end + (r.new - r.old));
    if area.end - r.addr != r.old || c.is_outside(end, grown - end) == Some(true) {
        return Some(Known::Taken);
    }
    Some(c.space()?.look(end, grown))
}

/// Whether it grows where it lies.
pub fn grows_in_place(c: &Ctx<'_>) -> bool {
    room(c) == Some(Known::Free)
}

fn room_unknown(c: &Ctx<'_>) -> Option<Answer> {
    when(
        room(c) == Some(Known::No),
        Unmodelled("whether there is room behind it is not known"),
    )
}

fn no_room(c: &Ctx<'_>) -> Option<Answer> {
    let taken = room(c) == Some(Known::Taken);
    when(taken && !Remap::of(c).may_move(), Errno("ENOMEM"))
}

fn no_room_at_all(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let moves = room(c) == Some(Known::Taken) || r.stays() && !r.is_fixed();
    if !moves {
        return None;
    }
    // As for mmap: the stack takes 128 MiB at the top at least.
    if r.new > c.top() - (128 << 20) {
        Some(Errno("ENOMEM"))
    } else {
        when(
            r.new > c.top() / 4,
            Unmodelled("whether so large a gap is free"),
        )
    }
}

fn memory(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let more = if r.stays() { r.new } else { r.new - r.old };
    let counted = found(c).is_some_and(|a| a.is_marked(mark::ACCOUNTED));
    when(
        counted && more > i128::from(c.m.scale.ram),
        Unmodelled("more memory than there is is not modelled"),
    )
}

/// What is known of the place that an address which is only a hint names.
pub fn hinted(c: &Ctx<'_>) -> Known {
    let r = Remap::of(c);
    let (place, offset) = split(r.to);
    let low = place == Place::Absolute && offset < i128::from(c.m.scale.min_addr);
    match c.space() {
        Some(space) if !low => space.look(r.to, r.to + r.new),
        _ => Known::Taken,
    }
}

fn hint_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    let hint = r.stays() && !r.is_fixed();
    when(hint && hinted(c) == Known::No, Unmodelled(LIES_UNKNOWN))
}

/// mremap(2).
pub static MREMAP: List = List {
    name: "mremap",
    clauses: &[
        answer(
            "mremap/old-kernel",
            &["mm/mremap.c vma_to_resize() (6.12), check_prep_vma() (6.17)"],
            "Before Linux 6.17 the mapping was looked for before the new place was looked at; that order is not modelled.",
            old_kernel,
        ),
        answer(
            "mremap/unknown-flag",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "A flag that is not known is EINVAL.",
            unknown_flag,
        ),
        answer(
            "mremap/aligned",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "The old address must be a multiple of the page size: else EINVAL.",
            aligned,
        ),
        answer(
            "mremap/new-size-zero",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "A new size of zero, be it by rounding up, is EINVAL.",
            new_zero,
        ),
        answer(
            "mremap/new-size-too-long",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params() (TASK_SIZE, since 6.17)",
            ],
            "A new size that is more than the address space is EINVAL.",
            new_too_long,
        ),
        answer(
            "mremap/new-address-outside",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "A new range that leaves the address space is EINVAL.",
            to_outside,
        ),
        answer(
            "mremap/new-address-aligned",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "The new address must be a multiple of the page size: else EINVAL.",
            to_aligned,
        ),
        answer(
            "mremap/without-maymove",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "MREMAP_FIXED and MREMAP_DONTUNMAP want MREMAP_MAYMOVE beside them: else EINVAL.",
            without_maymove,
        ),
        answer(
            "mremap/stays-and-resizes",
            &[
                "mremap(2) ERRORS EINVAL",
                "mm/mremap.c check_mremap_params()",
            ],
            "MREMAP_DONTUNMAP with two sizes that are not as many pages is EINVAL.",
            stays_and_resizes,
        ),
        answer(
            "mremap/overlap",
            &["mremap(2) ERRORS EINVAL", "mm/mremap.c vrm_overlaps()"],
            "A new range that overlaps the old one is EINVAL.",
            overlaps,
        ),
        answer(
            "mremap/unknown",
            &["mremap(2) DESCRIPTION"],
            "What is moved beside what the case mapped itself is not known.",
            unknown,
        ),
        answer(
            "mremap/missing",
            &[
                "mremap(2) ERRORS EFAULT",
                "mm/mremap.c check_prep_vma(), remap_move()",
            ],
            "Where nothing is mapped at the old address: EFAULT.",
            missing,
        ),
        answer(
            "mremap/sealed",
            &[
                "mm/mremap.c check_prep_vma() (vma_is_sealed())",
                "Documentation/userspace-api/mseal.rst",
            ],
            "A sealed mapping stays as it is: EPERM, also where nothing would change.",
            sealed,
        ),
        answer(
            "mremap/duplicates-private",
            &["mremap(2) ERRORS EINVAL", "mm/mremap.c check_prep_vma()"],
            "An old size of zero makes a second mapping of shared memory; of private memory it is EINVAL.",
            duplicates_private,
        ),
        answer(
            "mremap/crosses",
            &["mremap(2) ERRORS EFAULT", "mm/mremap.c check_prep_vma()"],
            "What grows, or is moved and resized, must lie in one mapping: else EFAULT.",
            crosses,
        ),
        answer(
            "mremap/lock-limit",
            &[
                "mremap(2) ERRORS EAGAIN",
                "mm/mremap.c check_prep_vma() (mlock_future_ok())",
            ],
            "A locked mapping that would grow beyond RLIMIT_MEMLOCK is EAGAIN.",
            lock_limit,
        ),
        answer(
            "mremap/space-limit",
            &[
                "getrlimit(2) RLIMIT_AS, RLIMIT_DATA",
                "mremap(2) ERRORS ENOMEM",
                "mm/mremap.c check_prep_vma() (may_expand_vm())",
            ],
            "What would grow beyond RLIMIT_AS, or beyond RLIMIT_DATA where it counts as data, is ENOMEM.",
            space_limit,
        ),
        answer(
            "mremap/several-stop",
            &["mm/mremap.c remap_move(), vma_multi_allowed()"],
            "What goes on behind a System V segment can't be moved together with it: EFAULT. A move of several mappings that stops on its way is not modelled.",
            several_stop,
        ),
        answer(
            "mremap/new-place-unknown",
            &["mremap(2) MREMAP_FIXED"],
            "What is replaced beside what the case mapped itself is not known.",
            to_unknown,
        ),
        answer(
            "mremap/new-place-sealed",
            &[
                "mm/mremap.c mremap_to()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "A sealed mapping is not replaced: EPERM.",
            to_sealed,
        ),
        answer(
            "mremap/onto-itself",
            &["mm/mremap.c mremap_to() (vma_lookup())"],
            "A second mapping that is to lie over the first page of the old one has taken that away before it is made: EFAULT.",
            onto_itself,
        ),
        answer(
            "mremap/tail-sealed",
            &[
                "mm/mremap.c shrink_vma()",
                "Documentation/userspace-api/mseal.rst",
            ],
            "A sealed mapping is not shrunk away: EPERM.",
            tail_sealed,
        ),
        answer(
            "mremap/stays-beyond-limit",
            &[
                "getrlimit(2) RLIMIT_AS, RLIMIT_DATA",
                "mremap(2) ERRORS ENOMEM",
                "mm/mremap.c mremap_to() (may_expand_vm())",
            ],
            "What MREMAP_DONTUNMAP leaves where it was is mapped twice: beyond RLIMIT_AS, or beyond RLIMIT_DATA where it counts as data, it is ENOMEM, and what lay at the new place is gone.",
            stays_beyond_limit,
        ),
        answer(
            "mremap/new-address-too-low",
            &[
                "mm/mremap.c vrm_set_new_addr()",
                "security/commoncap.c cap_mmap_addr()",
            ],
            "An address below /proc/sys/vm/mmap_min_addr wants privilege: else EPERM.",
            to_low,
        ),
        answer(
            "mremap/room-unknown",
            &["mremap(2) DESCRIPTION"],
            "Whether what the kernel put somewhere can grow there is not known.",
            room_unknown,
        ),
        answer(
            "mremap/no-room",
            &["mremap(2) ERRORS ENOMEM", "mm/mremap.c expand_vma()"],
            "What can't grow where it lies, and may not move, is ENOMEM; a part that does not reach to the end of its mapping can't grow.",
            no_room,
        ),
        answer(
            "mremap/no-room-at-all",
            &["mremap(2) ERRORS ENOMEM", "mm/mmap.c vm_unmapped_area()"],
            "A size for which no gap is left is ENOMEM.",
            no_room_at_all,
        ),
        answer(
            "mremap/memory",
            &["mremap(2) ERRORS ENOMEM", "mm/mremap.c vrm_calc_charge()"],
            "What is more than there is of memory is not modelled.",
            memory,
        ),
        answer(
            "mremap/hint-unknown",
            &["mremap(2) MREMAP_DONTUNMAP"],
            "Whether a hint is followed beside what the case mapped itself is not known.",
            hint_unknown,
        ),
        effect(
            "mremap/shrinks",
            &["mremap(2) DESCRIPTION", "mm/mremap.c shrink_vma()"],
            "What is shrunk loses its end, in place, whatever lies in that part of the range.",
            Effect::Shrinks,
        ),
        effect(
            "mremap/grows",
            &["mremap(2) DESCRIPTION", "mm/mremap.c expand_vma_in_place()"],
            "What has room behind it grows in place.",
            Effect::Grows,
        ),
        effect(
            "mremap/moves",
            &["mremap(2) DESCRIPTION", "mm/mremap.c move_vma()"],
            "What is moved takes its pages, its protection and its part of the object with it, replaces what lies there, and leaves nothing behind.",
            Effect::MovesMapping,
        ),
        effect(
            "mremap/moves-several",
            &[
                "mremap(2) DESCRIPTION: since Linux 6.17",
                "mm/mremap.c remap_move()",
            ],
            "A plain move takes all mappings of the range, and what is free between them stays free.",
            Effect::MovesSeveral,
        ),
        effect(
            "mremap/stays",
            &[
                "mremap(2) MREMAP_DONTUNMAP",
                "mm/mremap.c dontunmap_complete()",
            ],
            "With MREMAP_DONTUNMAP the old mapping stays, without its pages and not locked.",
            Effect::Stays,
        ),
    ],
};
