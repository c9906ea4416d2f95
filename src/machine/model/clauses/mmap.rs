//! The clauses of mmap(2).

use super::settings::{MDWE_REFUSE, settings};
use super::{answer, effect, when};
use crate::case::errno;
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer::{Elsewhere, Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, Force, List};
use crate::machine::model::machine::{Arch, Fs};
use crate::machine::model::object::{Kind, seal};
use crate::machine::model::space::{Known, Place, mark, split};
use crate::machine::model::world::What;

/// The address; the arguments by number.
pub const ADDR: usize = 0;
/// The length.
pub const LEN: usize = 1;
/// The protection.
pub const PROT: usize = 2;
/// The flags.
pub const FLAGS: usize = 3;
/// The descriptor.
pub const FD: usize = 4;
/// The offset.
pub const OFFSET: usize = 5;

const TYPE: u64 = 0xf;
const SHARED: u64 = bits(number::MAP_SHARED);
const PRIVATE: u64 = bits(number::MAP_PRIVATE);
const VALIDATE: u64 = 3;
/// The type MAP_DROPPABLE.
pub const DROPPABLE: u64 = 8;
const ANONYMOUS: u64 = bits(number::MAP_ANONYMOUS);
const FIXED: u64 = bits(number::MAP_FIXED);
const NOREPLACE: u64 = 0x10_0000;
/// MAP_32BIT of x86.
pub const X86_32BIT: u64 = 0x40;
const X86_ABOVE4G: u64 = 0x80;
const GROWSDOWN: u64 = bits(number::MAP_GROWSDOWN);
const LOCKED: u64 = bits(number::MAP_LOCKED);
const POPULATE: u64 = bits(number::MAP_POPULATE);
const NONBLOCK: u64 = bits(number::MAP_NONBLOCK);
/// MAP_NORESERVE.
pub const NORESERVE: u64 = bits(number::MAP_NORESERVE);
const HUGETLB: u64 = bits(number::MAP_HUGETLB);
const SYNC: u64 = 0x8_0000;

/// LEGACY_MAP_MASK of include/linux/mman.h.
const LEGACY: u64 = SHARED
    | PRIVATE
    | FIXED
    | ANONYMOUS
    | bits(number::MAP_DENYWRITE)
    | bits(number::MAP_EXECUTABLE)
    | 0x400_0000
    | GROWSDOWN
    | LOCKED
    | NORESERVE
    | POPULATE
    | NONBLOCK
    | bits(number::MAP_STACK)
    | HUGETLB
    | (21 << 26)
    | (30 << 26);

/// What lies between a stack and what is below it: `stack_guard_gap` of mm/mmap.c, in pages.
pub const GUARD_PAGES: i128 = 256;

/// A call that fills more than this may meet the guard on memory.
pub const FILL_MAX: i128 = 64 << 20;

/// How mmap was called, in words.
#[derive(Debug, Clone, Copy)]
pub struct Mmap {
    /// The sharing type.
    pub kind: u64,
    /// All flags.
    pub flags: u64,
}

impl Mmap {
    /// Reads the flags of a call.
    pub fn of(c: &Ctx<'_>) -> Self {
        let flags = c.flags(FLAGS);
        Mmap {
            kind: flags & TYPE,
            flags,
        }
    }

    /// Whether a flag is given.
    pub fn has(self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether it maps memory without a file.
    pub fn is_anonymous(self) -> bool {
        self.has(ANONYMOUS)
    }

    /// Whether the address is meant.
    pub fn is_fixed(self) -> bool {
        self.has(FIXED | NOREPLACE)
    }

    /// Whether what is there may be replaced.
    pub fn replaces(self) -> bool {
        self.has(FIXED) && !self.has(NOREPLACE)
    }

    /// Whether stores are shared.
    pub fn is_shared(self) -> bool {
        matches!(self.kind, SHARED | VALIDATE)
    }

    /// Whether it is a mapping that grows downwards.
    pub fn grows_down(self) -> bool {
        self.has(GROWSDOWN)
    }

    /// Whether it is filled ahead of the first touch.
    pub fn populates(self) -> bool {
        self.is_locked() || self.flags & (POPULATE | NONBLOCK) == POPULATE
    }

    /// Whether it is to be locked.
    pub fn is_locked(self) -> bool {
        self.has(LOCKED)
    }
}

fn writes(c: &Ctx<'_>) -> bool {
    c.flags(PROT) & bits(number::PROT_WRITE) != 0
}

fn with_file(c: &Ctx<'_>) -> bool {
    !Mmap::of(c).is_anonymous()
}

fn is_regular(c: &Ctx<'_>) -> bool {
    matches!(c.what(FD), Some(What::Object(_)))
}

fn length(c: &Ctx<'_>) -> i128 {
    c.pages(LEN).unwrap_or(0)
}

fn offset_aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(OFFSET).rem_euclid(c.page()) != 0, Errno("EINVAL"))
}

fn descriptor(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && c.fd(FD).is_none(), Errno("EBADF"))
}

fn foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = c.what(FD) == Some(What::Foreign);
    when(
        with_file(c) && foreign,
        Unmodelled("what this kind of descriptor maps"),
    )
}

fn hugetlb_file(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(m.has(HUGETLB) && !m.is_anonymous(), Errno("EINVAL"))
}

fn hugetlb_size(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let log = m.flags >> 26 & 0x3f;
    // The sizes that an x86_64 kernel can have; which of them it has is the machine's business.
    let possible = c.m.arch != Arch::X86_64 || matches!(log, 0 | 21 | 30);
    when(
        m.has(HUGETLB) && m.is_anonymous() && !possible,
        Errno("EINVAL"),
    )
}

fn hugetlb_pages(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let why = "how many huge pages are free is not told";
    when(m.has(HUGETLB) && m.is_anonymous(), Unmodelled(why))
}

fn length_zero(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(LEN) == 0, Errno("EINVAL"))
}

fn length_overflow(c: &Ctx<'_>) -> Option<Answer> {
    when(c.pages(LEN).is_none(), Errno("ENOMEM"))
}

fn length_too_long(c: &Ctx<'_>) -> Option<Answer> {
    when(length(c) > c.top(), Errno("ENOMEM"))
}

fn low_memory(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    if c.m.arch != Arch::X86_64 || m.is_fixed() || !m.has(X86_32BIT) {
        return None;
    }
    let len = length(c);
    // Between 1 GiB and 2 GiB, of which address space randomisation takes up to 32 MiB.
    if len > 1 << 30 {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > 512 << 20,
            Unmodelled("whether so much is free below 2 GiB"),
        )
    }
}

fn no_room(c: &Ctx<'_>) -> Option<Answer> {
    let (m, len) = (Mmap::of(c), length(c));
    if m.is_fixed() || len > c.top() {
        return None;
    }
    // The stack takes 128 MiB at the top at least: MIN_GAP in arch/x86/mm/mmap.c and its like.
    if len > c.top() - (128 << 20) {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > c.top() / 4,
            Unmodelled("whether so large a gap is free"),
        )
    }
}

/// The kernel hands the address back and takes it for an error: in the last page of the word, less
/// one byte, lie the numbers of errors.
fn fixed_at_error(c: &Ctx<'_>) -> Option<Answer> {
    let (place, offset) = split(c.word(ADDR));
    let number = c.m.scale.word_max() + 1 - offset;
    if !Mmap::of(c).is_fixed() || place != Place::Absolute || !(1..=4095).contains(&number) {
        return None;
    }
    let number = i32::try_from(number).unwrap_or_default();
    Some(match errno::Errno::from_number(number) {
        errno::Errno::Name(name) => Errno(name),
        errno::Errno::Number(_) => Unmodelled("an error without a name"),
    })
}

pub(super) fn fixed_outside(c: &Ctx<'_>) -> Option<Answer> {
    if !Mmap::of(c).is_fixed() {
        return None;
    }
    match c.is_outside(c.word(ADDR), length(c)) {
        Some(outside) => when(outside, Errno("ENOMEM")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

fn fixed_aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).is_fixed() && c.off_page(ADDR), Errno("EINVAL"))
}

pub(super) fn fixed_too_low(c: &Ctx<'_>) -> Option<Answer> {
    let (place, offset) = split(c.word(ADDR));
    let low = place == Place::Absolute && offset < i128::from(c.m.scale.min_addr);
    when(Mmap::of(c).is_fixed() && low && !c.root, Errno("EPERM"))
}

fn noreplace(c: &Ctx<'_>) -> Option<Answer> {
    if !Mmap::of(c).has(NOREPLACE) {
        return None;
    }
    let start = c.word(ADDR);
    match c.space()?.look(start, start + length(c)) {
        Known::Taken => Some(Errno("EEXIST")),
        Known::Free => None,
        Known::No => Some(Unmodelled("what lies there is not known")),
    }
}

pub(super) fn fixed_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let start = c.word(ADDR);
    let end = start + length(c);
    let known = || c.is_known(start, end);
    when(
        Mmap::of(c).is_fixed() && !known(),
        Unmodelled("what lies there is not known"),
    )
}

fn lock_right(c: &Ctx<'_>) -> Option<Answer> {
    let none = c.limits().locked == 0;
    when(Mmap::of(c).is_locked() && none && !c.root, Errno("EPERM"))
}

/// Whether what is mapped is locked from the beginning.
pub fn locks(c: &Ctx<'_>) -> bool {
    let future = c.w.processes.get(c.process).and_then(|p| p.settings.future);
    Mmap::of(c).is_locked() || future.is_some()
}

pub(super) fn lock_limit(c: &Ctx<'_>) -> Option<Answer> {
    if !locks(c) || c.root {
        return None;
    }
    let locked = c.space().map_or(0, |s| s.locked());
    let page = c.page();
    let limit = c.limits().locked.div_euclid(page) * page;
    when(locked + length(c) > limit, Errno("EAGAIN"))
}

/// How much of the range is mapped already, where it is replaced.
fn replaced(c: &Ctx<'_>) -> i128 {
    if !Mmap::of(c).replaces() {
        return 0;
    }
    let (start, end) = (c.word(ADDR), c.word(ADDR) + length(c));
    let areas = c.areas(start, end).iter();
    areas.map(|a| a.end.min(end) - a.start.max(start)).sum()
}

pub(super) fn space_limit(c: &Ctx<'_>) -> Option<Answer> {
    let limits = c.limits();
    if limits.space.is_none() && limits.data.is_none() {
        return None;
    }
    let m = Mmap::of(c);
    let is_data = !m.is_shared() && writes(c) && !m.grows_down();
    when(
        !c.may_expand(length(c) - replaced(c), is_data),
        Errno("ENOMEM"),
    )
}

fn offset_limit(c: &Ctx<'_>) -> Option<Answer> {
    if !with_file(c) || c.fd(FD).is_none() {
        return None;
    }
    let page = c.page();
    let offset = c.word(OFFSET).rem_euclid(1 << 64) / page;
    let max = if is_regular(c) || c.what(FD) == Some(What::Socket) {
        i128::from(i64::MAX)
    } else {
        i128::from(u64::MAX)
    };
    let len = length(c);
    when(len > max || offset > (max - len) / page, Errno("EOVERFLOW"))
}

fn file_type(c: &Ctx<'_>) -> Option<Answer> {
    let known = matches!(Mmap::of(c).kind, SHARED | PRIVATE | VALIDATE);
    when(with_file(c) && !known, Errno("EINVAL"))
}

fn validated(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    if !with_file(c) || m.kind != VALIDATE {
        return None;
    }
    let legacy = match c.m.arch {
        Arch::X86_64 if c.m.kernel >= (6, 6) => LEGACY | X86_32BIT | X86_ABOVE4G,
        Arch::X86_64 => LEGACY | X86_32BIT,
        _ => LEGACY,
    };
    let unknown = m.flags & !legacy;
    match (unknown, c.m.fs) {
        (0, _) => None,
        // ext4 knows MAP_SYNC (FOP_MMAP_SYNC), though its device may not do it.
        (SYNC, Fs::Ext4) if c.fd(FD).is_some_and(|o| c.w.is_file(o)) => None,
        (SYNC, Fs::Other) => Some(Unmodelled("whether the file system knows MAP_SYNC")),
        _ => Some(Errno("EOPNOTSUPP")),
    }
}

fn needs_write(c: &Ctx<'_>) -> Option<Answer> {
    let can = c.fd(FD).is_none_or(|o| o.write);
    let m = Mmap::of(c);
    when(
        with_file(c) && m.is_shared() && writes(c) && !can,
        Errno("EACCES"),
    )
}

fn needs_read(c: &Ctx<'_>) -> Option<Answer> {
    let can = c.fd(FD).is_none_or(|o| o.read);
    when(with_file(c) && !can, Errno("EACCES"))
}

/// What is of a file system that can't be looked into: nothing of it is executed.
fn noexec(c: &Ctx<'_>) -> Option<Answer> {
    let executes = c.flags(PROT) & bits(number::PROT_EXEC) != 0;
    if !with_file(c) || !executes {
        return None;
    }
    let within = match c.what(FD)? {
        What::Proc => return Some(Errno("EPERM")),
        What::Zero | What::Null | What::Device => return Some(Unmodelled("how /dev is mounted")),
        // An instance of epoll(7) may have had it sooner, in kernels that are kept up.
        What::Event => (0, 0),
        What::PipeRead(_) | What::PipeWrite(_) | What::Socket => (6, 12),
        What::Object(_) | What::Dir | What::Foreign => return None,
    };
    match c.m.kernel {
        k if k >= (6, 18) => Some(Errno("EPERM")),
        k if k <= within => None,
        _ => Some(Unmodelled("whether what is behind pipes may be executed")),
    }
}

fn not_mappable(c: &Ctx<'_>) -> Option<Answer> {
    let what = c.what(FD);
    let never = matches!(
        what,
        Some(What::Dir | What::PipeRead(_) | What::PipeWrite(_))
            | Some(What::Event | What::Proc | What::Device)
            | Some(What::Null)
    );
    when(with_file(c) && never, Errno("ENODEV"))
}

fn socket(c: &Ctx<'_>) -> Option<Answer> {
    let socket = c.what(FD) == Some(What::Socket);
    when(with_file(c) && socket, Errno("ENODEV"))
}

fn grows_down_file(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && Mmap::of(c).grows_down(), Errno("EINVAL"))
}

/// Whether the file is sealed against writing.
pub fn is_write_sealed(c: &Ctx<'_>) -> bool {
    let object = c.fd(FD).and_then(|o| c.w.object_of(o));
    let seals = object.map_or(0, |o| o.seals);
    with_file(c) && seals & (seal::WRITE | seal::FUTURE_WRITE) != 0
}

fn write_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let shared = Mmap::of(c).is_shared();
    when(shared && writes(c) && is_write_sealed(c), Errno("EPERM"))
}

fn anonymous_type(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let known = matches!(m.kind, SHARED | PRIVATE) || m.kind == DROPPABLE && c.m.kernel >= (6, 11);
    when(m.is_anonymous() && !known, Errno("EINVAL"))
}

fn anonymous_grows_down(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let kind = matches!(m.kind, SHARED | DROPPABLE);
    when(m.is_anonymous() && kind && m.grows_down(), Errno("EINVAL"))
}

fn droppable_locked(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(
        m.is_anonymous() && m.kind == DROPPABLE && m.is_locked(),
        Errno("EINVAL"),
    )
}

fn denied(c: &Ctx<'_>) -> Option<Answer> {
    let both = bits(number::PROT_WRITE | number::PROT_EXEC);
    let asked = c.flags(PROT) & both == both;
    when(
        asked && settings(c).mdwe & MDWE_REFUSE != 0,
        Errno("EACCES"),
    )
}

pub(super) fn sealed(c: &Ctx<'_>) -> Option<Answer> {
    let start = c.word(ADDR);
    let areas = c.areas(start, start + length(c));
    let sealed = areas.iter().any(|a| a.is_marked(mark::SEALED));
    when(Mmap::of(c).replaces() && sealed, Errno("EPERM"))
}

fn memory(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let own = m.kind == PRIVATE && writes(c);
    let shared = m.is_shared() && (m.is_anonymous() || c.what(FD) == Some(What::Zero));
    if m.has(NORESERVE) || !(own || shared) {
        return None;
    }
    let (len, ram) = (length(c), i128::from(c.m.scale.ram));
    if len > 4 * ram {
        Some(Errno("ENOMEM"))
    } else {
        when(
            len > ram,
            Unmodelled("how much swap there is beside the memory is not told"),
        )
    }
}

fn sync(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.fd(FD).is_some_and(|o| c.w.is_file(o));
    if !with_file(c) || !Mmap::of(c).has(SYNC) || !on_disk {
        return None;
    }
    match c.m.fs {
        Fs::Ext4 => Some(Errno("EOPNOTSUPP")),
        Fs::Tmpfs => None,
        Fs::Other => Some(Unmodelled("what the file system does with MAP_SYNC")),
    }
}

fn fills_too_much(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(
        m.populates() && length(c) > FILL_MAX,
        Unmodelled("the guard on memory may end it"),
    )
}

fn hint(c: &Ctx<'_>) -> Option<Answer> {
    let addr = c.word(ADDR);
    if Mmap::of(c).is_fixed() || addr == 0 {
        return None;
    }
    when(hint_place(c).is_none(), Elsewhere)
}

/// Between these addresses the arena lies, and what is free on both sides of it
/// (`kernel/arena.rs`).
const ARENA_WITHIN: std::ops::Range<i128> = (1 << 34) - (1 << 30)..(1 << 37) + (2 << 30);

fn hint_covers_arena(c: &Ctx<'_>) -> Option<Answer> {
    let (place, at) = split(c.word(ADDR));
    if Mmap::of(c).is_fixed() || at == 0 || place != Place::Absolute {
        return None;
    }
    // A hint that is too low is taken for the lowest place that may be mapped.
    let at = at.max(i128::from(c.m.scale.min_addr));
    let meets = at < ARENA_WITHIN.end && at + length(c) > ARENA_WITHIN.start;
    when(meets, Unmodelled("whether it is put over the arena"))
}

fn hint_of_far_offset(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.fd(FD).is_some_and(|o| c.w.is_file(o)) && c.m.fs != Fs::Tmpfs;
    let own_zeros = c.what(FD) == Some(What::Zero) && Mmap::of(c).kind != SHARED;
    if !with_file(c) || !(on_disk || own_zeros) || Mmap::of(c).is_fixed() || c.word(ADDR) == 0 {
        return None;
    }
    let overflows = c.word(OFFSET) + i128::from(c.m.scale.huge) > i128::from(i64::MAX);
    let why = "whether the hint is followed where the offset overflows";
    when(overflows, Unmodelled(why))
}

fn hint_is_doubtful(c: &Ctx<'_>) -> Option<Answer> {
    if Mmap::of(c).is_fixed() {
        return None;
    }
    let at = hint_place(c)?;
    when(!c.is_known(at, at + length(c)), Elsewhere)
}

/// Where a hint leads, if it is one that could be followed.
pub fn hint_place(c: &Ctx<'_>) -> Option<i128> {
    let m = Mmap::of(c);
    let addr = c.word(ADDR);
    let at = addr - split(addr).1.rem_euclid(c.page());
    let low = c.m.arch == Arch::X86_64 && m.has(X86_32BIT);
    let (place, offset) = split(at);
    let absolute = place == Place::Absolute;
    if m.is_fixed() || offset == 0 && absolute || low {
        return None;
    }
    if absolute && offset < i128::from(c.m.scale.min_addr) {
        return None;
    }
    let len = length(c);
    if c.is_outside(at, len) == Some(true) {
        return None;
    }
    let gap = GUARD_PAGES * c.page();
    let space = c.space()?;
    let clash = |a: &crate::machine::model::space::Area| {
        let start = a.start - if a.grows_down { gap } else { 0 };
        a.end > at && start < at + len
    };
    let taken = space.within(at, at + len + gap).iter().any(clash);
    (!taken).then_some(at)
}

fn posix_type(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).kind & 3 == 0, Errno("EINVAL"))
}

fn posix_both(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).kind & 3 == 3, Errno("EINVAL"))
}

fn posix_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let known = SHARED | PRIVATE | FIXED | ANONYMOUS;
    let prot = bits(number::PROT_READ | number::PROT_WRITE | number::PROT_EXEC);
    let foreign = Mmap::of(c).flags & !known != 0 || c.flags(PROT) & !prot != 0;
    when(foreign, Unmodelled("a flag that POSIX does not know"))
}

fn posix_fixed(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).is_fixed(), Errno("EINVAL"))
}

fn posix_prot(c: &Ctx<'_>) -> Option<Answer> {
    let prot = c.flags(PROT);
    let ordinary = [
        0,
        number::PROT_READ,
        number::PROT_WRITE,
        number::PROT_READ | number::PROT_WRITE,
    ];
    when(!ordinary.contains(&(prot as i32)), Errno("ENOTSUP"))
}

fn posix_hint(c: &Ctx<'_>) -> Option<Answer> {
    when(!Mmap::of(c).is_fixed() && c.word(ADDR) != 0, Elsewhere)
}

fn posix_resources(c: &Ctx<'_>) -> Option<Answer> {
    when(length(c) > FILL_MAX, Errno("ENOMEM"))
}

fn posix_offset(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && c.word(OFFSET) < 0, Errno("ENXIO"))
}

fn posix_support(c: &Ctx<'_>) -> Option<Answer> {
    let unspecified = !matches!(c.what(FD), None | Some(What::Object(_)));
    when(with_file(c) && unspecified, Errno("ENODEV"))
}

/// Whether an object is memory rather than a file; of the former none writes back.
pub fn is_memory(kind: Kind, fs: Fs) -> bool {
    kind == Kind::Memory || fs == Fs::Tmpfs
}

/// mmap(2).
pub static MMAP: List = List {
    name: "mmap",
    clauses: &[
        answer(
            "mmap/unknown-to-posix",
            &["POSIX.1-2024 mmap() DESCRIPTION, tables of prot and flags"],
            "Flags and protections that the standard does not name have no meaning in it.",
            posix_unknown,
        )
        .posix(Force::Required),
        answer(
            "mmap/offset-aligned",
            &["mmap(2) ERRORS EINVAL", "arch/x86/kernel/sys_x86_64.c SYSCALL_DEFINE6(mmap)"],
            "The offset must be a multiple of the page size, also of anonymous memory: EINVAL.",
            offset_aligned,
        )
        .linux(),
        answer(
            "mmap/offset-may-be-refused",
            &["POSIX.1-2024 mmap() ERRORS, may fail, [EINVAL]"],
            "An offset that is not a multiple of the page size may be refused with EINVAL.",
            offset_aligned,
        )
        .posix(Force::Permitted),
        answer(
            "mmap/descriptor-open",
            &["POSIX.1-2024 mmap() ERRORS [EBADF]", "mmap(2) ERRORS EBADF", "mm/mmap.c ksys_mmap_pgoff()", "open(2) O_PATH"],
            "Without MAP_ANONYMOUS the descriptor must be open, and not by O_PATH: else EBADF.",
            descriptor,
        ),
        answer(
            "mmap/foreign",
            &["mmap(2) ERRORS ENODEV"],
            "What special descriptors do when they are mapped is not modelled.",
            foreign,
        ),
        answer(
            "mmap/hugetlb-file",
            &["mm/mmap.c ksys_mmap_pgoff()"],
            "MAP_HUGETLB with a descriptor of an ordinary file is EINVAL.",
            hugetlb_file,
        )
        .linux(),
        answer(
            "mmap/hugetlb-size",
            &["mmap(2) MAP_HUGE_2MB", "mm/mmap.c ksys_mmap_pgoff()", "include/linux/hugetlb.h hstate_sizelog()"],
            "A size of huge pages that the machine does not have is EINVAL.",
            hugetlb_size,
        )
        .linux(),
        answer(
            "mmap/hugetlb-pages",
            &["mm/hugetlb.c hugetlb_reserve_pages()"],
            "Huge pages come from a pool, whose size the model is not told.",
            hugetlb_pages,
        )
        .linux(),
        answer(
            "mmap/length-zero",
            &["POSIX.1-2024 mmap() ERRORS [EINVAL]", "mmap(2) ERRORS EINVAL", "mm/mmap.c do_mmap()"],
            "A length of zero is EINVAL, and nothing is mapped.",
            length_zero,
        ),
        answer(
            "mmap/length-overflow",
            &["POSIX.1-2024 mmap() ERRORS [ENOMEM]", "mm/mmap.c do_mmap()"],
            "A length that rounds up to more than a word holds is ENOMEM.",
            length_overflow,
        ),
        answer(
            "mmap/length-too-long",
            &["POSIX.1-2024 mmap() ERRORS [ENOMEM]", "mm/mmap.c __get_unmapped_area()"],
            "A length greater than the address space is ENOMEM, wherever it should lie.",
            length_too_long,
        ),
        answer(
            "mmap/low-memory",
            &["mmap(2) MAP_32BIT", "arch/x86/kernel/sys_x86_64.c find_start_end()"],
            "MAP_32BIT looks for room between 1 GiB and 2 GiB; where there is none it is ENOMEM.",
            low_memory,
        )
        .linux(),
        answer(
            "mmap/no-room",
            &["POSIX.1-2024 mmap() ERRORS [ENOMEM]", "mm/mmap.c vm_unmapped_area()"],
            "Where no gap of the address space is large enough, it is ENOMEM.",
            no_room,
        )
        .linux(),
        answer(
            "mmap/fixed-at-error",
            &["mm/mmap.c __get_unmapped_area() (IS_ERR_VALUE())"],
            "With MAP_FIXED, an address in the last 4095 bytes of the word is taken for the number of an error, and that error is what the call gives.",
            fixed_at_error,
        )
        .linux(),
        answer(
            "mmap/fixed-outside",
            &["POSIX.1-2024 mmap() ERRORS [ENOMEM]", "mm/mmap.c __get_unmapped_area()"],
            "With MAP_FIXED, a range that ends behind the address space is ENOMEM.",
            fixed_outside,
        ),
        answer(
            "mmap/fixed-aligned",
            &["mmap(2) MAP_FIXED", "mm/mmap.c __get_unmapped_area()"],
            "With MAP_FIXED or MAP_FIXED_NOREPLACE, an address off a page boundary is EINVAL.",
            fixed_aligned,
        )
        .linux(),
        answer(
            "mmap/fixed-may-be-refused",
            &["POSIX.1-2024 mmap() DESCRIPTION: if MAP_FIXED is set, mmap() may return EINVAL"],
            "MAP_FIXED may be refused with EINVAL.",
            posix_fixed,
        )
        .posix(Force::Permitted),
        answer(
            "mmap/fixed-too-low",
            &["mmap(2) ERRORS EPERM", "security/min_addr.c", "security/commoncap.c cap_mmap_addr()"],
            "Below vm.mmap_min_addr only a privileged process may map: EPERM.",
            fixed_too_low,
        )
        .linux(),
        answer(
            "mmap/fixed-unknown",
            &["mmap(2) NOTES, Using MAP_FIXED safely"],
            "What MAP_FIXED replaces outside of what the case mapped itself is not known.",
            fixed_unknown,
        ),
        answer(
            "mmap/no-replace",
            &["mmap(2) MAP_FIXED_NOREPLACE", "mm/mmap.c do_mmap()"],
            "MAP_FIXED_NOREPLACE on a range in which anything lies is EEXIST.",
            noreplace,
        )
        .linux(),
        answer(
            "mmap/lock-right",
            &["mmap(2) ERRORS EPERM", "mm/mmap.c do_mmap()", "mm/mlock.c can_do_mlock()"],
            "MAP_LOCKED where RLIMIT_MEMLOCK is 0 is EPERM.",
            lock_right,
        )
        .linux(),
        answer(
            "mmap/lock-limit",
            &["mmap(2) ERRORS EAGAIN", "mm/mmap.c mlock_future_ok()"],
            "MAP_LOCKED, or any mapping after mlockall(MCL_FUTURE), beyond RLIMIT_MEMLOCK is EAGAIN.",
            lock_limit,
        )
        .linux(),
        answer(
            "mmap/offset-limit",
            &["POSIX.1-2024 mmap() ERRORS [EOVERFLOW]", "mmap(2) ERRORS EOVERFLOW", "mm/mmap.c file_mmap_ok()"],
            "A range of the file that ends behind its greatest possible offset is EOVERFLOW. A negative offset is such a one.",
            offset_limit,
        ),
        answer(
            "mmap/offset-invalid",
            &["POSIX.1-2024 mmap() ERRORS [ENXIO]"],
            "Offsets that are invalid for the object are ENXIO.",
            posix_offset,
        )
        .posix(Force::Permitted),
        answer(
            "mmap/file-type",
            &["mmap(2) ERRORS EINVAL", "mm/mmap.c do_mmap()"],
            "The mapping of a file is MAP_SHARED, MAP_PRIVATE or MAP_SHARED_VALIDATE: else EINVAL.",
            file_type,
        )
        .linux(),
        answer(
            "mmap/neither-type",
            &["POSIX.1-2024 mmap() ERRORS [EINVAL]"],
            "Neither MAP_SHARED nor MAP_PRIVATE is EINVAL.",
            posix_type,
        )
        .posix(Force::Required),
        answer(
            "mmap/both-types",
            &["POSIX.1-2024 mmap() DESCRIPTION: either, but not both"],
            "What comes of both MAP_SHARED and MAP_PRIVATE is not said.",
            posix_both,
        )
        .posix(Force::Unspecified),
        answer(
            "mmap/validated",
            &["mmap(2) MAP_SHARED_VALIDATE", "mm/mmap.c do_mmap()", "include/linux/mman.h LEGACY_MAP_MASK"],
            "MAP_SHARED_VALIDATE refuses flags that are not known with EOPNOTSUPP; MAP_FIXED_NOREPLACE is not in the list of the known.",
            validated,
        )
        .linux(),
        answer(
            "mmap/needs-write",
            &["POSIX.1-2024 mmap() ERRORS [EACCES]", "mmap(2) ERRORS EACCES", "mm/mmap.c do_mmap()"],
            "A shared mapping with PROT_WRITE needs a descriptor open for writing: else EACCES.",
            needs_write,
        ),
        answer(
            "mmap/needs-read",
            &["POSIX.1-2024 mmap() ERRORS [EACCES]", "mmap(2) ERRORS EACCES", "mm/mmap.c do_mmap()"],
            "Each mapping of a file needs a descriptor open for reading: else EACCES.",
            needs_read,
        ),
        answer(
            "mmap/nothing-to-execute",
            &["mmap(2) ERRORS EPERM", "mm/mmap.c do_mmap(), path_noexec()", "fs/proc/root.c proc_fill_super()"],
            "PROT_EXEC with a file of proc(5) is EPERM, before it is asked whether it can be mapped; with a pipe, a socket or an epoll instance that was seen with Linux 6.18, and was not so up to 6.12.",
            noexec,
        )
        .linux(),
        answer(
            "mmap/not-mappable",
            &["mmap(2) ERRORS ENODEV", "mm/mmap.c do_mmap()"],
            "What has no way to be mapped (a directory, a pipe, an epoll instance) is ENODEV.",
            not_mappable,
        )
        .linux(),
        answer(
            "mmap/support",
            &["POSIX.1-2024 mmap() DESCRIPTION: support for any other type of file is unspecified", "POSIX.1-2024 mmap() ERRORS [ENODEV]"],
            "What comes of mapping what is neither a regular file nor a memory object is not said.",
            posix_support,
        )
        .posix(Force::Unspecified),
        answer(
            "mmap/file-grows-down",
            &["mm/mmap.c do_mmap()"],
            "A mapping of a file does not grow: MAP_GROWSDOWN is EINVAL.",
            grows_down_file,
        )
        .linux(),
        answer(
            "mmap/write-sealed",
            &["F_ADD_SEALS(2const) F_SEAL_WRITE, F_SEAL_FUTURE_WRITE", "mmap(2) ERRORS EPERM", "mm/memfd.c check_write_seal()"],
            "A file that is sealed against writing has no new shared mapping that is writable: EPERM.",
            write_sealed,
        )
        .linux(),
        answer(
            "mmap/anonymous-type",
            &["mmap(2) ERRORS EINVAL", "mm/mmap.c do_mmap()"],
            "Anonymous memory is MAP_SHARED, MAP_PRIVATE or, from Linux 6.11 on, MAP_DROPPABLE: else EINVAL.",
            anonymous_type,
        )
        .linux(),
        answer(
            "mmap/anonymous-grows-down",
            &["mm/mmap.c do_mmap()"],
            "Shared and droppable memory does not grow: MAP_GROWSDOWN is EINVAL.",
            anonymous_grows_down,
        )
        .linux(),
        answer(
            "mmap/droppable-locked",
            &["mm/mmap.c do_mmap()"],
            "What may be dropped can't be locked: EINVAL.",
            droppable_locked,
        )
        .linux(),
        answer(
            "mmap/prot-may-be-refused",
            &["POSIX.1-2024 mmap() ERRORS [ENOTSUP]"],
            "Combinations of protections other than none, read, write, and both may be ENOTSUP.",
            posix_prot,
        )
        .posix(Force::Permitted),
        answer(
            "mmap/denies-write-exec",
            &["PR_SET_MDWE(2const) DESCRIPTION", "mm/mmap.c mmap_region()", "include/linux/mman.h map_deny_write_exec()"],
            "After PR_MDWE_REFUSE_EXEC_GAIN nothing is mapped to be written and executed: EACCES.",
            denied,
        )
        .linux(),
        answer(
            "mmap/sealed",
            &["mm/vma.c vms_gather_munmap_vmas()", "Documentation/userspace-api/mseal.rst"],
            "With MAP_FIXED, a range that holds a sealed page is not replaced: EPERM.",
            sealed,
        )
        .linux(),
        answer(
            "mmap/space-limit",
            &["getrlimit(2) RLIMIT_AS, RLIMIT_DATA", "mmap(2) ERRORS ENOMEM", "mm/mmap.c may_expand_vm()", "mm/vma.c __mmap_prepare()"],
            "What would make the address space longer than RLIMIT_AS, or private writable memory more than RLIMIT_DATA, is ENOMEM; what is replaced does not count.",
            space_limit,
        )
        .linux(),
        answer(
            "mmap/memory",
            &["mmap(2) ERRORS ENOMEM", "proc_sys_vm(5) overcommit_memory", "mm/util.c __vm_enough_memory()"],
            "Private writable and shared anonymous memory of more than there is of memory and swap is ENOMEM, unless MAP_NORESERVE is given.",
            memory,
        )
        .linux(),
        answer(
            "mmap/resources",
            &["POSIX.1-2024 mmap() ERRORS [ENOMEM]"],
            "Where there is not room enough, it is ENOMEM.",
            posix_resources,
        )
        .posix(Force::Permitted),
        answer(
            "mmap/sync",
            &["mmap(2) MAP_SYNC", "fs/ext4/file.c ext4_file_mmap()"],
            "MAP_SYNC on a file of a disk that is not memory is EOPNOTSUPP, also without MAP_SHARED_VALIDATE; tmpfs takes no notice of it.",
            sync,
        )
        .linux(),
        answer(
            "mmap/socket",
            &["mmap(2) ERRORS ENODEV", "net/core/sock.c sock_no_mmap()"],
            "A socket is ENODEV.",
            socket,
        )
        .linux(),
        answer(
            "mmap/fills-too-much",
            &["mmap(2) MAP_POPULATE"],
            "A call that fills very much memory may be ended by the guard.",
            fills_too_much,
        )
        .linux(),
        answer(
            "mmap/hint-at-the-arena",
            &["mmap(2) DESCRIPTION", "mm/mmap.c round_hint_to_min()"],
            "A hint that is followed may put so long a mapping over the place that cases call the arena.",
            hint_covers_arena,
        )
        .linux(),
        answer(
            "mmap/hint-of-a-far-offset",
            &["mm/huge_memory.c __thp_get_unmapped_area()", "drivers/char/mem.c get_unmapped_area_zero()"],
            "A hint for a mapping of a file, or a private one of /dev/zero, in the last huge page of all offsets may not be followed though its place is free: there the sum that looks for a huge page in the range overflows, and so much more room is asked for.",
            hint_of_far_offset,
        )
        .linux(),
        answer(
            "mmap/hint-not-followed",
            &["mmap(2) DESCRIPTION", "mm/mmap.c round_hint_to_min()", "arch/x86/kernel/sys_x86_64.c arch_get_unmapped_area_topdown()"],
            "A hint at a place that is taken or can't be had leads elsewhere.",
            hint,
        )
        .linux(),
        answer(
            "mmap/hint-unknown",
            &["mmap(2) DESCRIPTION"],
            "A hint at a place of which the case knows nothing is followed or not.",
            hint_is_doubtful,
        )
        .linux()
        .permitted(),
        answer(
            "mmap/hint-as-defined",
            &["POSIX.1-2024 mmap() DESCRIPTION: implementation-defined manner"],
            "How the address is used without MAP_FIXED is for the implementation to say.",
            posix_hint,
        )
        .posix(Force::Permitted),
        effect(
            "mmap/whole-pages",
            &["POSIX.1-2024 mmap() DESCRIPTION: whole pages", "mmap(2) DESCRIPTION", "mm/mmap.c do_mmap()"],
            "A mapping is of whole pages: the length is rounded up.",
            Effect::WholePages,
        ),
        effect(
            "mmap/hint-followed",
            &["mmap(2) DESCRIPTION", "mm/mmap.c round_hint_to_min()"],
            "A hint at a free place is followed, rounded down to a page boundary.",
            Effect::FollowsHint,
        )
        .linux(),
        effect(
            "mmap/chooses-within",
            &[
                "mmap(2) DESCRIPTION, on addr",
                "mm/mmap.c vm_unmapped_area(), generic_get_unmapped_area_topdown()",
                "arch/x86/kernel/sys_x86_64.c find_start_end()",
            ],
            "What the kernel chooses is a multiple of the page size, lies from /proc/sys/vm/mmap_min_addr up to the end of the address space, and with MAP_32BIT below 2 GiB.",
            Effect::ChoosesWithin,
        )
        .linux(),
        effect(
            "mmap/replaces",
            &["POSIX.1-2024 mmap() DESCRIPTION: shall replace any previous mappings", "mmap(2) MAP_FIXED", "mm/mmap.c __mmap_region()"],
            "MAP_FIXED takes out what lies in the range.",
            Effect::Replaces,
        ),
        effect(
            "mmap/fails-late",
            &["POSIX.1-2024 mmap() DESCRIPTION: some of the mappings may have been unmapped", "mm/vma.c vms_abort_munmap_vmas()"],
            "Where the file itself refuses the mapping, what MAP_FIXED was to replace is gone already.",
            Effect::FailsLate,
        )
        .linux(),
        effect(
            "mmap/populates",
            &["mmap(2) MAP_POPULATE", "mm/gup.c populate_vma_page_range()"],
            "MAP_POPULATE and MAP_LOCKED fill a private writable mapping of a file with copies: what the file becomes later is not seen.",
            Effect::Populates,
        )
        .linux(),
        effect(
            "mmap/anonymous-zeros",
            &["POSIX.1-2024 mmap() MAP_ANONYMOUS", "mmap(2) MAP_ANONYMOUS"],
            "Anonymous memory, and /dev/zero, begins as zeros of its own for each mapping.",
            Effect::AnonymousZeros,
        ),
        effect(
            "mmap/zero-keeps-its-offset",
            &["drivers/char/mem.c mmap_zero()", "mm/shmem.c shmem_zero_setup(), shmem_fault()"],
            "A shared mapping of /dev/zero is of memory as long as the mapping, in which it begins at its own offset: with another than 0, some or all of it lies past the end.",
            Effect::ZeroKeepsOffset,
        )
        .linux(),
        effect(
            "mmap/outlives",
            &["POSIX.1-2024 mmap() DESCRIPTION: an extra reference to the file", "mmap(2) NOTES"],
            "A mapping outlives the closing of its descriptor and the removal of its file's name.",
            Effect::Outlives,
        ),
    ],
};
