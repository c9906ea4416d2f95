//! The clauses of memory files and their seals: memfd_create(2), fcntl(2) as far as it is about
//! seals, dup(2).

use super::shm::no_descriptor;
use super::{answer, effect, when};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::clause::{Answer, Effect, List};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::space::WRITE;
use crate::machine::model::world::What;

const FD: usize = 0;
const OP: usize = 1;
const ARG: usize = 2;

/// F_ADD_SEALS.
pub const ADD: i128 = 1033;
/// F_GET_SEALS.
pub const GET: i128 = 1034;

const FLAGS: usize = 1;
/// Of memfd_create: how long its name is, as the run found out.
pub const NAME_LENGTH: usize = 2;

const CLOEXEC: u64 = 1;
/// MFD_ALLOW_SEALING.
pub const ALLOW_SEALING: u64 = 2;
const HUGETLB: u64 = 4;
/// MFD_NOEXEC_SEAL.
pub const NOEXEC_SEAL: u64 = 8;
const EXEC: u64 = 0x10;
const SIZES: u64 = 0x3f << 26;
/// MFD_NAME_MAX_LEN of mm/memfd.c.
const NAME_MAX: i128 = 249;

/// The object that argument 0 leads to, if it is one that has seals.
fn sealable<'a>(c: &Ctx<'a>) -> Option<&'a Object> {
    let object = c.w.object_of(c.fd(FD)?)?;
    let in_memory = object.kind == Kind::Memory || c.m.fs == Fs::Tmpfs;
    in_memory.then_some(object)
}

fn adds(c: &Ctx<'_>) -> bool {
    c.word(OP) == ADD
}

fn other_op(c: &Ctx<'_>) -> Option<Answer> {
    let known = matches!(c.word(OP), ADD | GET);
    when(!known, Unmodelled("this operation of fcntl"))
}

fn not_open(c: &Ctx<'_>) -> Option<Answer> {
    when(c.fd(FD).is_none(), Errno("EBADF"))
}

fn foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = c.what(FD) == Some(What::Foreign);
    when(
        foreign,
        Unmodelled("whether this kind of descriptor has seals"),
    )
}

fn not_writable(c: &Ctx<'_>) -> Option<Answer> {
    let can = c.fd(FD).is_some_and(|o| o.write);
    when(adds(c) && !can, Errno("EPERM"))
}

fn unknown_seal(c: &Ctx<'_>) -> Option<Answer> {
    let known = match c.m.kernel >= (6, 3) {
        true => 0x3f,
        false => 0x1f,
    };
    when(adds(c) && c.flags(ARG) & !known != 0, Errno("EINVAL"))
}

fn no_seals(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.fd(FD).is_some_and(|o| c.w.is_file(o)) && c.m.fs == Fs::Other;
    if on_disk {
        return Some(Unmodelled("whether the file system has seals"));
    }
    when(sealable(c).is_none(), Errno("EINVAL"))
}

fn sealed_seals(c: &Ctx<'_>) -> Option<Answer> {
    // A file with a name begins so.
    let sealed = sealable(c).is_some_and(|o| o.seals & seal::SEAL != 0 || o.kind == Kind::File);
    when(adds(c) && sealed, Errno("EPERM"))
}

/// The seals that an addition comes to.
pub fn added(c: &Ctx<'_>) -> u32 {
    let seals = c.flags(ARG) as u32;
    let executable = sealable(c).is_some_and(|o| o.mode & 0o111 != 0);
    match seals & seal::EXEC != 0 && executable {
        true => seals | seal::SHRINK | seal::GROW | seal::WRITE | seal::FUTURE_WRITE,
        false => seals,
    }
}

fn busy(c: &Ctx<'_>) -> Option<Answer> {
    let Some(What::Object(n)) = c.what(FD) else {
        return None;
    };
    let new = sealable(c).is_some_and(|o| o.seals & seal::WRITE == 0);
    let living = c.w.processes.iter().filter(|p| p.ended.is_none());
    let mut areas = living.flat_map(|p| p.space.areas());
    let writes =
        areas.any(|a| a.shared && a.may & WRITE != 0 && a.object.is_some_and(|o| o.0 == n));
    when(
        adds(c) && new && added(c) & seal::WRITE != 0 && writes,
        Errno("EBUSY"),
    )
}

fn unknown_flag(c: &Ctx<'_>) -> Option<Answer> {
    let flags = c.flags(FLAGS) & 0xffff_ffff;
    let mut known = CLOEXEC | ALLOW_SEALING | HUGETLB;
    if c.m.kernel >= (6, 3) {
        known |= NOEXEC_SEAL | EXEC;
    }
    if flags & HUGETLB != 0 {
        known |= SIZES;
    }
    when(flags & !known != 0, Errno("EINVAL"))
}

fn both_ways(c: &Ctx<'_>) -> Option<Answer> {
    let both = EXEC | NOEXEC_SEAL;
    when(c.flags(FLAGS) & both == both, Errno("EINVAL"))
}

fn name_nowhere(c: &Ctx<'_>) -> Option<Answer> {
    match c.reach {
        Reach::Whole => None,
        Reach::Unknown => Some(Unmodelled("what lies there is not known")),
        _ => Some(Errno("EFAULT")),
    }
}

fn name_long(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(NAME_LENGTH) > NAME_MAX, Errno("EINVAL"))
}

fn of_huge_pages(c: &Ctx<'_>) -> Option<Answer> {
    let huge = c.flags(FLAGS) & HUGETLB != 0;
    when(huge, Unmodelled("memory files of huge pages"))
}

/// fcntl(2), as far as it is about seals.
pub static FCNTL: List = List {
    name: "fcntl",
    clauses: &[
        answer(
            "fcntl/other",
            &["fcntl(2) DESCRIPTION"],
            "Operations that are not about seals are not modelled.",
            other_op,
        ),
        answer(
            "fcntl/not-open",
            &["fcntl(2) ERRORS EBADF", "fs/fcntl.c check_fcntl_cmd()"],
            "What is not open, or by O_PATH alone, is EBADF.",
            not_open,
        ),
        answer(
            "fcntl/foreign",
            &["F_ADD_SEALS(2const) ERRORS EINVAL"],
            "Whether special descriptors have seals is not modelled.",
            foreign,
        ),
        answer(
            "fcntl/not-writable",
            &[
                "F_ADD_SEALS(2const) ERRORS EPERM",
                "mm/memfd.c memfd_add_seals()",
            ],
            "A descriptor that is not open for writing adds no seals: EPERM.",
            not_writable,
        ),
        answer(
            "fcntl/unknown-seal",
            &[
                "F_ADD_SEALS(2const) ERRORS EINVAL",
                "mm/memfd.c memfd_add_seals()",
            ],
            "A seal that is not known is EINVAL.",
            unknown_seal,
        ),
        answer(
            "fcntl/no-seals",
            &[
                "F_ADD_SEALS(2const) ERRORS EINVAL",
                "mm/memfd.c memfd_file_seals_ptr()",
            ],
            "What is no file in memory has no seals: EINVAL. A file of tmpfs has them.",
            no_seals,
        ),
        answer(
            "fcntl/sealed-seals",
            &[
                "F_ADD_SEALS(2const) ERRORS EPERM",
                "mm/memfd.c memfd_add_seals()",
                "mm/shmem.c shmem_get_inode()",
            ],
            "After F_SEAL_SEAL no seal is added: EPERM. All files begin with it but those made for sealing.",
            sealed_seals,
        ),
        answer(
            "fcntl/busy",
            &[
                "F_ADD_SEALS(2const) ERRORS EBUSY",
                "mm/memfd.c memfd_add_seals() (mapping_deny_writable())",
            ],
            "F_SEAL_WRITE, be it by F_SEAL_EXEC, is EBUSY as long as any process has a shared mapping that is writable or could be made so.",
            busy,
        ),
        effect(
            "fcntl/seals",
            &[
                "F_ADD_SEALS(2const) DESCRIPTION",
                "mm/memfd.c memfd_add_seals()",
            ],
            "Seals are added to those that the file has, whoever looks at it; F_SEAL_EXEC of an executable file brings those of its bytes and its size along.",
            Effect::AddsSeals,
        ),
    ],
};

/// memfd_create(2).
pub static MEMFD: List = List {
    name: "memfd_create",
    clauses: &[
        answer(
            "memfd_create/unknown-flag",
            &[
                "memfd_create(2) ERRORS EINVAL",
                "mm/memfd.c SYSCALL_DEFINE2(memfd_create)",
            ],
            "A flag that is not known is EINVAL, and so is a size of huge pages without MFD_HUGETLB.",
            unknown_flag,
        ),
        answer(
            "memfd_create/executable-and-not",
            &["mm/memfd.c SYSCALL_DEFINE2(memfd_create)"],
            "MFD_EXEC together with MFD_NOEXEC_SEAL is EINVAL.",
            both_ways,
        ),
        answer(
            "memfd_create/name-nowhere",
            &[
                "memfd_create(2) ERRORS EFAULT",
                "mm/memfd.c SYSCALL_DEFINE2(memfd_create)",
            ],
            "A name that can't be read is EFAULT.",
            name_nowhere,
        ),
        answer(
            "memfd_create/name-long",
            &[
                "memfd_create(2) ERRORS EINVAL",
                "mm/memfd.c MFD_NAME_MAX_LEN",
            ],
            "A name of more than 249 bytes is EINVAL.",
            name_long,
        ),
        answer(
            "memfd_create/huge-pages",
            &["memfd_create(2) MFD_HUGETLB"],
            "Files of huge pages are not modelled.",
            of_huge_pages,
        ),
        answer(
            "memfd_create/no-descriptor",
            &["memfd_create(2) ERRORS EMFILE", "fs/file.c alloc_fd()"],
            "Without a descriptor left below RLIMIT_NOFILE it is EMFILE.",
            no_descriptor,
        ),
        effect(
            "memfd_create/may-be-sealed",
            &[
                "memfd_create(2) MFD_ALLOW_SEALING",
                "mm/memfd.c SYSCALL_DEFINE2(memfd_create)",
            ],
            "A file made with MFD_ALLOW_SEALING has no seals, one made with MFD_NOEXEC_SEAL has F_SEAL_EXEC alone and is not executable; others have F_SEAL_SEAL.",
            Effect::MaySeal,
        ),
    ],
};

fn dup_not_open(c: &Ctx<'_>) -> Option<Answer> {
    let open = c.w.open(c.process, c.word(FD));
    when(open.is_none(), Errno("EBADF"))
}

/// dup(2).
pub static DUP: List = List {
    name: "dup",
    clauses: &[
        answer(
            "dup/not-open",
            &["POSIX.1-2024 dup() ERRORS [EBADF]", "dup(2) ERRORS EBADF"],
            "What is not open is EBADF.",
            dup_not_open,
        ),
        answer(
            "dup/no-descriptor",
            &[
                "POSIX.1-2024 dup() ERRORS [EMFILE]",
                "dup(2) ERRORS EMFILE",
                "fs/file.c alloc_fd()",
            ],
            "Without a descriptor left below RLIMIT_NOFILE it is EMFILE.",
            no_descriptor,
        ),
        effect(
            "dup/shares",
            &["POSIX.1-2024 dup() DESCRIPTION", "dup(2) DESCRIPTION"],
            "The new descriptor leads to the same open file as the old one.",
            Effect::SharesOpen,
        ),
    ],
};
