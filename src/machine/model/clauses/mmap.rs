//! The clauses of mmap(2).

mod access;
mod args;
mod place;
mod posix;

pub use access::is_write_sealed;
pub use args::{
    ADDR, DROPPABLE, FD, FILL_MAX, FLAGS, GUARD_PAGES, LEN, Mmap, NORESERVE, OFFSET, PROT,
    X86_32BIT,
};
pub(super) use place::{
    fixed_outside, fixed_too_low, fixed_unknown, lock_limit, sealed, space_limit,
};
pub use place::{hint_place, locks};

use super::{answer, effect};
use crate::machine::model::clause::{Effect, Force, List};
use access::*;
use place::*;
use posix::*;

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
            "mmap/can-not-be-locked",
            &["POSIX.1-2024 mmap() ERRORS [EAGAIN]"],
            "A mapping that mlockall() requires to be locked may be EAGAIN for a lack of resources.",
            posix_locks,
        )
        .posix(Force::Permitted),
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
            "mmap/nothing-to-execute-lately",
            &["mmap(2) ERRORS EPERM", "mm/mmap.c do_mmap(), path_noexec()", "fs/libfs.c init_pseudo() of 7.3 (SB_I_NOEXEC, which that of 6.12 does not set)"],
            "PROT_EXEC with a pipe or a socket is EPERM where what they lie on is marked as running nothing: Linux 6.18 has come to it in its stable releases, and says either.",
            noexec_lately,
        )
        .linux()
        .permitted(),
        answer(
            "mmap/nothing-to-execute",
            &["mmap(2) ERRORS EPERM", "mm/mmap.c do_mmap(), path_noexec()", "fs/proc/root.c proc_fill_super()", "fs/libfs.c init_pseudo()"],
            "PROT_EXEC with a file of proc(5) is EPERM, before it is asked whether it can be mapped; with an epoll instance that was seen with Linux 6.18; with a pipe or a socket it was not so up to 6.12.",
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
