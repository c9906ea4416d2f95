//! The clauses of System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).

use super::mmap;
use super::{answer, effect, when};
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::space::{Addr, Area, Known, split};
use crate::machine::model::world::Segment;

/// Numbers of segments begin here, where no number that a case writes lies.
pub const FIRST: i128 = 1 << 70;

const ID: usize = 0;
/// Of shmget: whether the key is one that can be found.
pub const KEYED: usize = 0;
const SIZE: usize = 1;
/// Of shmget and shmat: the flags.
pub const FLAGS: usize = 2;
const ADDR: usize = 1;
const OP: usize = 1;

/// IPC_CREAT.
const CREATE: u64 = bits(number::IPC_CREAT);
const EXCLUSIVE: u64 = bits(number::IPC_EXCL);
const HUGE: u64 = bits(number::SHM_HUGETLB);
/// SHMMAX of include/uapi/linux/shm.h.
const SIZE_MAX: i128 = (1 << 64) - 1 - (1 << 24);

const READ_ONLY: u64 = bits(number::SHM_RDONLY);
const ROUND: u64 = bits(number::SHM_RND);
const REMAP: u64 = bits(number::SHM_REMAP);
const EXECUTE: u64 = bits(number::SHM_EXEC);

/// The segment of the key, if there is one: a removed one has none.
pub fn found<'a>(c: &Ctx<'a>) -> Option<(usize, &'a Segment)> {
    let mut segments = c.w.segments.iter().enumerate();
    let is = |(_, s): &(usize, &Segment)| s.keyed && !s.removed;
    (c.word(KEYED) != 0).then(|| segments.find(is)).flatten()
}

/// How many areas of all processes are of a segment.
pub fn attached(c: &Ctx<'_>, segment: &Segment) -> usize {
    let living = c.w.processes.iter().filter(|p| p.ended.is_none());
    let areas = living.flat_map(|p| p.space.areas());
    let of = |a: &&Area| a.object.is_some_and(|(n, _)| n == segment.object);
    areas.filter(of).count()
}

/// The segment of this number, unless it is gone.
pub fn numbered<'a>(c: &Ctx<'a>) -> Option<(usize, &'a Segment)> {
    let n = usize::try_from(c.word(ID) - FIRST).ok()?;
    let segment = c.w.segments.get(n)?;
    (!segment.removed || attached(c, segment) > 0).then_some((n, segment))
}

/// Whether the owner of a segment may do what these bits of a mode say: `ipcperms()` of
/// ipc/util.c.
fn is_denied(c: &Ctx<'_>, segment: &Segment, asked: u64) -> bool {
    let asked = asked >> 6 | asked >> 3 | asked;
    asked & !(u64::from(segment.mode) >> 6) & 7 != 0 && !c.root
}

fn missing(c: &Ctx<'_>) -> Option<Answer> {
    let keyed = c.word(KEYED) != 0;
    let creates = c.flags(FLAGS) & CREATE != 0;
    when(keyed && !creates && found(c).is_none(), Errno("ENOENT"))
}

fn exists(c: &Ctx<'_>) -> Option<Answer> {
    let both = CREATE | EXCLUSIVE;
    let makes = c.flags(FLAGS) & both == both;
    when(makes && found(c).is_some(), Errno("EEXIST"))
}

fn too_small(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = found(c)?;
    when(c.word(SIZE) > segment.size, Errno("EINVAL"))
}

fn get_denied(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = found(c)?;
    let asked = c.flags(FLAGS) & 0o777;
    when(is_denied(c, segment, asked), Errno("EACCES"))
}

fn size(c: &Ctx<'_>) -> Option<Answer> {
    let size = c.word(SIZE);
    // What no file can be long is refused by the same error.
    let none = size == 0 || size > SIZE_MAX || size > i128::from(i64::MAX);
    when(found(c).is_none() && none, Errno("EINVAL"))
}

fn get_huge(c: &Ctx<'_>) -> Option<Answer> {
    let huge = found(c).is_none() && c.flags(FLAGS) & HUGE != 0;
    when(huge, Unmodelled("segments of huge pages"))
}

fn memory(c: &Ctx<'_>) -> Option<Answer> {
    let ram = i128::from(c.m.scale.ram);
    let why = "a segment of more memory than there is";
    when(found(c).is_none() && c.word(SIZE) > ram, Unmodelled(why))
}

/// shmget(2).
pub static SHMGET: List = List {
    name: "shmget",
    clauses: &[
        answer(
            "shmget/missing",
            &["shmget(2) ERRORS ENOENT", "ipc/util.c ipcget_public()"],
            "A key that no segment has, without IPC_CREAT, is ENOENT.",
            missing,
        )
        .linux(),
        answer(
            "shmget/exists",
            &["shmget(2) ERRORS EEXIST", "ipc/util.c ipcget_public()"],
            "A key that a segment has, with IPC_CREAT and IPC_EXCL, is EEXIST.",
            exists,
        )
        .linux(),
        answer(
            "shmget/too-small",
            &["shmget(2) ERRORS EINVAL", "ipc/shm.c shm_more_checks()"],
            "A segment that is there is not found by a greater size than it has: EINVAL.",
            too_small,
        )
        .linux(),
        answer(
            "shmget/denied",
            &["shmget(2) ERRORS EACCES", "ipc/util.c ipc_check_perms()"],
            "A segment whose mode does not grant its owner what is asked for is EACCES.",
            get_denied,
        )
        .linux(),
        answer(
            "shmget/size",
            &["shmget(2) ERRORS EINVAL", "ipc/shm.c newseg()"],
            "A new segment has at least a byte, and at most what the system allows: else EINVAL.",
            size,
        )
        .linux(),
        answer(
            "shmget/huge-pages",
            &["shmget(2) SHM_HUGETLB"],
            "Segments of huge pages are not modelled.",
            get_huge,
        )
        .linux(),
        answer(
            "shmget/memory",
            &["shmget(2) ERRORS ENOMEM, ENOSPC"],
            "A segment of more memory than there is is not modelled.",
            memory,
        )
        .linux(),
        effect(
            "shmget/keyed",
            &["shmget(2) DESCRIPTION", "ipc/shm.c do_shm_rmid()"],
            "A segment is found by its key until it is removed; one of IPC_PRIVATE by nobody.",
            Effect::Keys,
        )
        .linux(),
    ],
};

/// The address that shmat was given, rounded where it may be.
pub fn place(c: &Ctx<'_>) -> Addr {
    let addr = c.word(ADDR);
    addr - split(addr).1.rem_euclid(c.page())
}

/// Whether shmat may replace what is there.
pub fn replaces(c: &Ctx<'_>) -> bool {
    c.flags(FLAGS) & REMAP != 0
}

/// Whether a segment is attached for reading alone, and whether it may be executed.
pub fn access(c: &Ctx<'_>) -> (bool, bool) {
    let has = |flag| c.flags(FLAGS) & flag != 0;
    (has(READ_ONLY), has(EXECUTE))
}

fn off_page(c: &Ctx<'_>) -> Option<Answer> {
    let rounds = c.flags(FLAGS) & ROUND != 0;
    when(!rounds && c.off_page(ADDR), Errno("EINVAL"))
}

fn nowhere(c: &Ctx<'_>) -> Option<Answer> {
    when(replaces(c) && place(c) == 0, Errno("EINVAL"))
}

fn no_segment(c: &Ctx<'_>) -> Option<Answer> {
    when(numbered(c).is_none(), Errno("EINVAL"))
}

fn attach_denied(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = numbered(c)?;
    let (read_only, executes) = access(c);
    let mut asked = 0o444;
    if !read_only {
        asked |= 0o222;
    }
    if executes {
        asked |= 0o111;
    }
    when(is_denied(c, segment, asked), Errno("EACCES"))
}

fn taken(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = numbered(c)?;
    let at = place(c);
    if c.word(ADDR) == 0 || replaces(c) {
        return None;
    }
    if split(at).1 + segment.size > c.m.scale.word_max() {
        return Some(Errno("EINVAL"));
    }
    if c.is_outside(at, segment.size) == Some(true) {
        // Nothing lies there, and it is looked at later.
        return None;
    }
    match c.space()?.look(at, at + segment.size) {
        Known::Taken => Some(Errno("EINVAL")),
        Known::Free => None,
        Known::No => Some(Unmodelled("what lies there is not known")),
    }
}

/// The same as a call of mmap(2).
fn as_mmap<'a>(c: &Ctx<'a>) -> Option<Ctx<'a>> {
    let (_, segment) = numbered(c)?;
    let fixed = match c.word(ADDR) {
        0 => 0,
        _ => i128::from(number::MAP_FIXED),
    };
    let flags = fixed | i128::from(number::MAP_SHARED | number::MAP_ANONYMOUS);
    Some(Ctx {
        a: [place(c), segment.size, 0, flags, -1, 0],
        ..*c
    })
}

fn attach_outside(c: &Ctx<'_>) -> Option<Answer> {
    mmap::fixed_outside(&as_mmap(c)?)
}

fn attach_low(c: &Ctx<'_>) -> Option<Answer> {
    mmap::fixed_too_low(&as_mmap(c)?)
}

fn attach_unknown(c: &Ctx<'_>) -> Option<Answer> {
    mmap::fixed_unknown(&as_mmap(c)?)
}

fn attach_locked(c: &Ctx<'_>) -> Option<Answer> {
    mmap::lock_limit(&as_mmap(c)?)
}

fn attach_sealed(c: &Ctx<'_>) -> Option<Answer> {
    mmap::sealed(&as_mmap(c)?)
}

fn attach_limit(c: &Ctx<'_>) -> Option<Answer> {
    mmap::space_limit(&as_mmap(c)?)
}

/// shmat(2).
pub static SHMAT: List = List {
    name: "shmat",
    clauses: &[
        answer(
            "shmat/off-page",
            &["shmop(2) ERRORS EINVAL", "ipc/shm.c do_shmat()"],
            "An address off a page boundary is EINVAL, unless SHM_RND lets it be rounded down.",
            off_page,
        )
        .linux(),
        answer(
            "shmat/remap-nowhere",
            &["shmop(2) ERRORS EINVAL", "ipc/shm.c do_shmat()"],
            "SHM_REMAP without an address, be it by rounding down, is EINVAL.",
            nowhere,
        )
        .linux(),
        answer(
            "shmat/no-segment",
            &[
                "shmop(2) ERRORS EINVAL",
                "ipc/shm.c do_shmat(), shm_obtain_object_check()",
            ],
            "A number that no segment has, be it that it is gone, is EINVAL.",
            no_segment,
        )
        .linux(),
        answer(
            "shmat/denied",
            &["shmop(2) ERRORS EACCES", "ipc/shm.c do_shmat()"],
            "Attaching wants the right to read, to write unless SHM_RDONLY is given, and to execute with SHM_EXEC: else EACCES.",
            attach_denied,
        )
        .linux(),
        answer(
            "shmat/taken",
            &["shmop(2) SHM_REMAP", "ipc/shm.c do_shmat()"],
            "Without SHM_REMAP, a range that wraps around or in which anything lies is EINVAL.",
            taken,
        )
        .linux(),
        answer(
            "shmat/outside",
            &["shmop(2) ERRORS ENOMEM", "mm/mmap.c __get_unmapped_area()"],
            "A range that ends behind the address space is ENOMEM.",
            attach_outside,
        )
        .linux(),
        answer(
            "shmat/too-low",
            &["security/commoncap.c cap_mmap_addr()", "mmap(2) ERRORS EPERM"],
            "Below /proc/sys/vm/mmap_min_addr only a privileged process may attach: EPERM.",
            attach_low,
        )
        .linux(),
        answer(
            "shmat/unknown",
            &["shmop(2) SHM_REMAP"],
            "What is replaced beside what the case mapped itself is not known.",
            attach_unknown,
        )
        .linux(),
        answer(
            "shmat/lock-limit",
            &["mm/mmap.c mlock_future_ok()", "mlock(2) MCL_FUTURE"],
            "After mlockall(MCL_FUTURE), beyond RLIMIT_MEMLOCK, it is EAGAIN.",
            attach_locked,
        )
        .linux(),
        answer(
            "shmat/sealed",
            &["mm/vma.c vms_gather_munmap_vmas()"],
            "A sealed mapping is not replaced: EPERM.",
            attach_sealed,
        )
        .linux(),
        answer(
            "shmat/space-limit",
            &["getrlimit(2) RLIMIT_AS", "shmop(2) ERRORS ENOMEM", "mm/mmap.c may_expand_vm()"],
            "What would make the address space longer than RLIMIT_AS is ENOMEM.",
            attach_limit,
        )
        .linux(),
        effect(
            "shmat/attaches",
            &["shmop(2) DESCRIPTION", "ipc/shm.c do_shmat()"],
            "All of a segment is mapped in whole pages, shared with all who attach it. Attached for reading alone, it can't be made writable.",
            Effect::Attaches,
        )
        .linux(),
    ],
};

fn not_attached(c: &Ctx<'_>) -> Option<Answer> {
    when(detached(c).is_none(), Errno("EINVAL"))
}

fn detach_off_page(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(0), Errno("EINVAL"))
}

/// The areas that shmdt takes out: `ksys_shmdt()` of ipc/shm.c.
pub fn detached(c: &Ctx<'_>) -> Option<Vec<(Addr, Addr)>> {
    let addr = c.word(0);
    let space = c.space()?;
    let areas = space.areas().get(space.after(addr)..)?;
    let size = |a: &Area| {
        let (object, at) = a.object?;
        let segment = c.w.segments.iter().find(|s| s.object == object)?;
        (a.start - addr == i128::from(at)).then_some(segment.size)
    };
    let first = areas.iter().position(|a| size(a).is_some())?;
    let (head, rest) = areas.get(first..)?.split_first()?;
    let page = c.page();
    let all = (size(head)? + page - 1).div_euclid(page) * page;
    let near = rest.iter().take_while(|a| a.end - addr <= all);
    let alike = near.filter(|a| size(a).is_some() && a.through == head.through);
    let taken = std::iter::once(head).chain(alike);
    Some(taken.map(|a| (a.start, a.end)).collect())
}

/// shmdt(2).
pub static SHMDT: List = List {
    name: "shmdt",
    clauses: &[
        answer(
            "shmdt/off-page",
            &["shmop(2) ERRORS EINVAL", "ipc/shm.c ksys_shmdt()"],
            "An address off a page boundary is EINVAL.",
            detach_off_page,
        )
        .linux(),
        answer(
            "shmdt/not-attached",
            &["shmop(2) ERRORS EINVAL", "ipc/shm.c ksys_shmdt()"],
            "An address at which no segment was attached is EINVAL.",
            not_attached,
        )
        .linux(),
        effect(
            "shmdt/detaches",
            &["shmop(2) DESCRIPTION, shmdt()", "ipc/shm.c ksys_shmdt()"],
            "What is left of a segment that was attached at the address is taken out.",
            Effect::Detaches,
        )
        .linux(),
    ],
};

const LOCK: i128 = number::SHM_LOCK as i128;

fn lock_right(c: &Ctx<'_>) -> Option<Answer> {
    let locks = c.word(OP) == LOCK && !c.root;
    when(locks && c.limits().locked == 0, Errno("EPERM"))
}

fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = numbered(c)?;
    let locks = c.word(OP) == LOCK && !c.root && !segment.locked;
    let page = c.page();
    let pages = (segment.size + page - 1).div_euclid(page);
    let most = c.limits().locked.div_euclid(page);
    when(locks && pages > most, Errno("ENOMEM"))
}

fn stat_denied(c: &Ctx<'_>) -> Option<Answer> {
    let (_, segment) = numbered(c)?;
    let asks = c.word(OP) == STAT;
    when(asks && is_denied(c, segment, 0o444), Errno("EACCES"))
}

/// Of shmctl: IPC_STAT.
pub const STAT: i128 = 2;

/// shmctl(2).
pub static SHMCTL: List = List {
    name: "shmctl",
    clauses: &[
        answer(
            "shmctl/no-segment",
            &[
                "shmctl(2) ERRORS EINVAL",
                "ipc/shm.c shm_obtain_object_check()",
            ],
            "A number that no segment has, be it that it is gone, is EINVAL.",
            no_segment,
        )
        .linux(),
        answer(
            "shmctl/stat-denied",
            &["shmctl(2) ERRORS EACCES", "ipc/shm.c shmctl_stat()"],
            "IPC_STAT wants the right to read: else EACCES.",
            stat_denied,
        )
        .linux(),
        answer(
            "shmctl/lock-right",
            &["shmctl(2) ERRORS EPERM", "ipc/shm.c shmctl_do_lock()"],
            "SHM_LOCK where RLIMIT_MEMLOCK is 0 is EPERM.",
            lock_right,
        )
        .linux(),
        answer(
            "shmctl/lock-limit",
            &["shmctl(2) ERRORS ENOMEM", "mm/shmem.c shmem_lock()"],
            "SHM_LOCK of a segment of more than RLIMIT_MEMLOCK is ENOMEM.",
            lock_limit,
        )
        .linux(),
        effect(
            "shmctl/removes",
            &["shmctl(2) IPC_RMID", "ipc/shm.c do_shm_rmid(), shm_close()"],
            "A segment that is removed has no key, and is gone with the last mapping of it.",
            Effect::RemovesSegment,
        )
        .linux(),
    ],
};
