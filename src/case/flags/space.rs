//! The flag words of the calls on the address space.
//!
//! Numbers are written out where the C library's names are not there for every target; they are
//! those of `include/uapi/asm-generic/mman-common.h` and `include/uapi/linux/{mman,prctl}.h`, the
//! same on every architecture that this program is built for.

use super::{Domain, Flag};
use crate::case::number;

const fn domain(what: &'static str, flags: &'static [Flag]) -> Domain {
    Domain {
        what,
        flags,
        aliases: &[],
        none: "0",
    }
}

/// `flags` of mremap(2).
pub static MREMAP: Domain = domain(
    "mremap flag",
    &[
        ("MREMAP_MAYMOVE", 1),
        ("MREMAP_FIXED", 2),
        ("MREMAP_DONTUNMAP", 4),
    ],
);

/// `advice` of madvise(2) and process_madvise(2).
pub static MADVISE: Domain = Domain {
    what: "advice",
    flags: &[
        ("MADV_NORMAL", 0),
        ("MADV_RANDOM", 1),
        ("MADV_SEQUENTIAL", 2),
        ("MADV_WILLNEED", 3),
        ("MADV_DONTNEED", 4),
        ("MADV_FREE", 8),
        ("MADV_REMOVE", 9),
        ("MADV_DONTFORK", 10),
        ("MADV_DOFORK", 11),
        ("MADV_MERGEABLE", 12),
        ("MADV_UNMERGEABLE", 13),
        ("MADV_HUGEPAGE", 14),
        ("MADV_NOHUGEPAGE", 15),
        ("MADV_DONTDUMP", 16),
        ("MADV_DODUMP", 17),
        ("MADV_WIPEONFORK", 18),
        ("MADV_KEEPONFORK", 19),
        ("MADV_COLD", 20),
        ("MADV_PAGEOUT", 21),
        ("MADV_POPULATE_READ", 22),
        ("MADV_POPULATE_WRITE", 23),
        ("MADV_DONTNEED_LOCKED", 24),
        ("MADV_COLLAPSE", 25),
        ("MADV_HWPOISON", 100),
        ("MADV_SOFT_OFFLINE", 101),
        ("MADV_GUARD_INSTALL", 102),
        ("MADV_GUARD_REMOVE", 103),
    ],
    aliases: &[],
    none: "MADV_NORMAL",
};

/// `advice` of posix_madvise(3).
pub static POSIX_MADVISE: Domain = Domain {
    what: "advice",
    flags: &[
        ("POSIX_MADV_NORMAL", number::POSIX_MADV_NORMAL as u64),
        ("POSIX_MADV_RANDOM", number::POSIX_MADV_RANDOM as u64),
        (
            "POSIX_MADV_SEQUENTIAL",
            number::POSIX_MADV_SEQUENTIAL as u64,
        ),
        ("POSIX_MADV_WILLNEED", number::POSIX_MADV_WILLNEED as u64),
        ("POSIX_MADV_DONTNEED", 4),
    ],
    aliases: &[],
    none: "POSIX_MADV_NORMAL",
};

/// `flags` of mlock2(2).
pub static MLOCK2: Domain = domain("mlock2 flag", &[("MLOCK_ONFAULT", 1)]);

/// `flags` of mlockall(2).
pub static MLOCKALL: Domain = domain(
    "mlockall flag",
    &[
        ("MCL_CURRENT", number::MCL_CURRENT as u64),
        ("MCL_FUTURE", number::MCL_FUTURE as u64),
        ("MCL_ONFAULT", number::MCL_ONFAULT as u64),
    ],
);

/// `flags` of the calls that have none yet: mseal(2), pkey_alloc(2), process_madvise(2).
pub static NONE: Domain = domain("flag, and there are none yet: a number", &[]);

/// `access_rights` of pkey_alloc(2).
pub static PKEY_RIGHTS: Domain = domain(
    "right of a protection key",
    &[("PKEY_DISABLE_ACCESS", 1), ("PKEY_DISABLE_WRITE", 2)],
);

/// The operations of prctl(2) that change or tell what mappings do.
pub static PRCTL: Domain = domain(
    "operation of prctl",
    &[
        ("PR_SET_MDWE", 65),
        ("PR_GET_MDWE", 66),
        ("PR_SET_THP_DISABLE", 41),
        ("PR_GET_THP_DISABLE", 42),
        ("PR_SET_MEMORY_MERGE", 67),
        ("PR_GET_MEMORY_MERGE", 68),
        ("PR_SET_VMA", 0x53_56_4d_41),
    ],
);

/// The second argument of prctl(2), for those operations.
pub static PRCTL_ARG: Domain = domain(
    "argument of prctl",
    &[
        ("PR_MDWE_REFUSE_EXEC_GAIN", 1),
        ("PR_MDWE_NO_INHERIT", 2),
        ("PR_SET_VMA_ANON_NAME", 0),
    ],
);

/// `persona` of personality(2), as far as it changes what mappings do.
pub static PERSONA: Domain = domain(
    "personality",
    &[
        ("ADDR_NO_RANDOMIZE", 0x4_0000),
        ("MMAP_PAGE_ZERO", 0x10_0000),
        ("ADDR_COMPAT_LAYOUT", 0x20_0000),
        ("READ_IMPLIES_EXEC", 0x40_0000),
        ("ADDR_LIMIT_32BIT", 0x80_0000),
        ("ADDR_LIMIT_3GB", 0x800_0000),
    ],
);

macro_rules! numbered {
    ($($word:literal)*) => { &numbered([$($word),*]) };
}

/// Words that are no bits: each gets one of its own, so that several can be asked for at once.
const fn numbered<const N: usize>(words: [&'static str; N]) -> [Flag; N] {
    let mut flags = [("", 0); N];
    let mut i = 0;
    while i < N {
        flags[i] = (words[i], 1 << i);
        i += 1;
    }
    flags
}

/// The counts of proc_pid_smaps(5).
pub static SMAPS: Domain = domain(
    "count of an area",
    numbered![
        "Size" "Rss" "Pss" "Shared_Clean" "Shared_Dirty" "Private_Clean" "Private_Dirty"
        "Referenced" "Anonymous" "KSM" "LazyFree" "AnonHugePages" "ShmemPmdMapped"
        "FilePmdMapped" "Swap" "SwapPss" "Locked" "KernelPageSize" "MMUPageSize"
    ],
);

/// The sizes of proc_pid_status(5).
pub static STATUS: Domain = domain(
    "size of a process",
    numbered![
        "VmPeak" "VmSize" "VmLck" "VmPin" "VmHWM" "VmRSS" "RssAnon" "RssFile" "RssShmem"
        "VmData" "VmStk" "VmExe" "VmLib" "VmPTE" "VmSwap" "HugetlbPages"
    ],
);

/// `VmFlags` of proc_pid_smaps(5).
pub static VMFLAGS: Domain = domain(
    "flag of an area",
    numbered![
        "rd" "wr" "ex" "sh" "mr" "mw" "me" "ms" "gd" "pf" "lo" "io" "sr" "rr" "dc" "de" "ac"
        "nr" "ht" "sf" "ar" "wf" "dd" "sd" "mm" "hg" "nh" "mg" "um" "uw" "ui" "ss" "sl" "lf"
        "dp" "gu"
    ],
);
