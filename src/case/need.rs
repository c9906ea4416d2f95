//! Needs: abilities that a machine must have for a case to say anything about it.

use super::cursor::Cursor;
use super::fault::FAULTS;
use super::lexer::Token;
use super::mistake::Mistake;
use std::fmt;

/// An ability that a case needs; the machine finds out by trying.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// Which: one of [`NEEDS`] or of [`FAULTS`].
    pub name: &'static str,
    /// How much of it, for those that are counted.
    pub at_least: Option<u64>,
}

/// All needs, with what they mean.
pub static NEEDS: &[(&str, &str)] = &[
    ("root", "the rights of root, for this case alone"),
    ("64-bit", "pointers of 64 bits"),
    ("MAP_FIXED_NOREPLACE", "mmap knows MAP_FIXED_NOREPLACE"),
    (
        "MAP_SHARED_VALIDATE",
        "mmap knows it, and refuses unknown flags",
    ),
    ("memfd", "memfd_create(2)"),
    ("O_PATH", "open knows O_PATH"),
    ("proc", "proc(5) is mounted"),
    (
        "write-implies-read",
        "this architecture has no write-only pages",
    ),
    ("sparse", "the file system keeps holes"),
    (
        "memfd-seals",
        "memfd_create makes files that can be sealed, against future writes too",
    ),
    (
        "memfd-exec",
        "memfd_create knows MFD_EXEC and MFD_NOEXEC_SEAL",
    ),
    ("memfd_secret", "memfd_secret(2)"),
    (
        "hugetlb-empty",
        "memory files can be of huge pages, and the pool of those is empty",
    ),
    (
        "huge-files",
        "files of this file system are of huge pages, hugetlbfs, and eight of those are free",
    ),
    ("O_TMPFILE", "this file system makes files without a name"),
    (
        "O_DIRECT",
        "this file system does direct I/O from pages of memory",
    ),
    (
        "fallocate",
        "this file system takes room for files, fallocate(2)",
    ),
    (
        "punch-hole",
        "this file system punches holes, FALLOC_FL_PUNCH_HOLE",
    ),
    (
        "zero-range",
        "this file system zeroes ranges, FALLOC_FL_ZERO_RANGE",
    ),
    (
        "write-zeroes",
        "this file system writes zeros, FALLOC_FL_WRITE_ZEROES",
    ),
    (
        "unshare-range",
        "this file system knows FALLOC_FL_UNSHARE_RANGE",
    ),
    (
        "collapse-range",
        "this file system takes pages out of files, FALLOC_FL_COLLAPSE_RANGE",
    ),
    (
        "insert-range",
        "this file system puts pages into files, FALLOC_FL_INSERT_RANGE",
    ),
    (
        "atime",
        "this file system keeps the time of the last access",
    ),
    (
        "symlinks",
        "this file system holds symbolic links, symlink(7)",
    ),
    ("fifos", "this file system holds a fifo(7)"),
    ("sysv-shm", "System V shared memory, sysvipc(7)"),
    (
        "posix-shm",
        "shared memory objects have a place, shm_overview(7)",
    ),
    ("aio", "io_submit(2)"),
    ("io_uring", "io_uring(7)"),
    ("process_vm", "process_vm_readv(2) of a child"),
    (
        "core-file",
        "a process that is killed leaves a file `core` in its folder, core(5)",
    ),
    ("proc-mem", "/proc/self/mem can be read and written"),
    ("tty", "a pty(7) can be had"),
    ("inet", "a socket of the internet can be had, ip(7)"),
    ("sysfs", "sysfs(5) is mounted"),
    ("pidfd", "pidfd_open(2)"),
    (
        "block-device",
        "a disk has a device file; brings the rights of root",
    ),
    (
        "data-limit",
        "RLIMIT_DATA counts private memory, as since Linux 4.7",
    ),
    (
        "CAP_IPC_LOCK",
        "the rights of root, and this capability among them",
    ),
    (
        "CAP_IPC_OWNER",
        "the rights of root, and this capability among them",
    ),
    (
        "CAP_SYS_RESOURCE",
        "the rights of root, and this capability among them",
    ),
    ("mseal", "mseal(2)"),
    ("pkeys", "pkey_alloc(2) gives a protection key"),
    ("mlock2", "mlock2(2)"),
    ("mlock", "locking one page is allowed"),
    ("MADV_FREE", "madvise knows MADV_FREE"),
    ("MADV_WIPEONFORK", "madvise knows MADV_WIPEONFORK"),
    ("MADV_COLD", "madvise knows MADV_COLD and MADV_PAGEOUT"),
    (
        "MADV_POPULATE",
        "madvise knows MADV_POPULATE_READ and MADV_POPULATE_WRITE",
    ),
    ("MADV_DONTNEED_LOCKED", "madvise knows MADV_DONTNEED_LOCKED"),
    ("MADV_COLLAPSE", "madvise knows MADV_COLLAPSE"),
    (
        "MADV_GUARD_INSTALL",
        "madvise knows MADV_GUARD_INSTALL and MADV_GUARD_REMOVE",
    ),
    (
        "guard-shared",
        "madvise puts guards into mappings of files and into shared memory, as since Linux 6.15",
    ),
    (
        "process_madvise",
        "process_madvise(2) of the process itself",
    ),
    ("MREMAP_DONTUNMAP", "mremap knows MREMAP_DONTUNMAP"),
    ("MAP_DROPPABLE", "mmap knows MAP_DROPPABLE"),
    ("MAP_32BIT", "this architecture has MAP_32BIT"),
    (
        "MAP_GROWSDOWN",
        "an area of MAP_GROWSDOWN grows when it is touched below",
    ),
    (
        "execute",
        "a mapping can hold code that is called, and we have some for this architecture",
    ),
    (
        "execute-only",
        "a page that can be executed only can't be read",
    ),
    ("thp", "transparent huge pages, where madvise asks for them"),
    ("ksm", "same pages are merged on request"),
    (
        "hugetlb",
        "MAP_HUGETLB of an ordinary user is answered with an empty pool",
    ),
    ("smaps", "/proc/self/smaps"),
    ("MDWE", "prctl knows PR_SET_MDWE"),
    ("anon-names", "prctl knows PR_SET_VMA_ANON_NAME"),
    ("memory-merge", "prctl knows PR_SET_MEMORY_MERGE"),
    (
        "read-implies-exec",
        "the personality READ_IMPLIES_EXEC is obeyed",
    ),
    (
        "overcommit",
        "the kernel promises memory that it has not got, within reason: /proc/sys/vm/overcommit_memory is 0",
    ),
];

/// Why a machine does not do what a case needs: the closed list of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Another operating system, or a harness that was built for another.
    Os,
    /// The kernel is too old, or too new.
    KernelVersion,
    /// The kernel was built, or is set, without it.
    KernelConfig,
    /// The processor can't.
    Cpu,
    /// It needs rights that there are not.
    Privilege,
    /// A rule of the machine forbids it: a lockdown, a security module, a container's filter.
    Policy,
    /// The file system can't.
    Filesystem,
    /// A limit is accepted and not kept.
    LimitNotEnforced,
    /// Somebody else has what there is only once.
    Busy,
    /// There is not enough of something, or too much.
    Resource,
    /// It acts on the whole machine, and was not asked for.
    NotEnabled,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Os => "os",
            Reason::KernelVersion => "kernel-version",
            Reason::KernelConfig => "kernel-config",
            Reason::Cpu => "cpu",
            Reason::Privilege => "privilege",
            Reason::Policy => "policy",
            Reason::Filesystem => "filesystem",
            Reason::LimitNotEnforced => "limit-not-enforced",
            Reason::Busy => "busy",
            Reason::Resource => "resource",
            Reason::NotEnabled => "not-enabled",
        })
    }
}

impl Need {
    /// Whether it can only be met by a worker that keeps the rights of root.
    pub fn brings_root(&self) -> bool {
        matches!(self.name, "root" | "block-device") || self.name.starts_with("CAP_")
    }

    /// The kind of reason for which it is usually not met.
    pub fn reason(&self) -> Reason {
        match self.name {
            _ if self.brings_root() => Reason::Privilege,
            "64-bit" | "write-implies-read" | "pkeys" | "MAP_32BIT" | "execute" => Reason::Cpu,
            "proc" | "sysfs" | "proc-mem" | "process_vm" | "inet" => Reason::Policy,
            "sparse" | "O_TMPFILE" | "O_DIRECT" | "fallocate" | "punch-hole" | "zero-range"
            | "write-zeroes" | "unshare-range" | "collapse-range" | "insert-range" | "atime"
            | "symlinks" | "fifos" | "huge-files" => Reason::Filesystem,
            "core-file" | "aio" | "io_uring" | "sysv-shm" | "memfd_secret" | "posix-shm"
            | "thp" | "ksm" => Reason::KernelConfig,
            "hugetlb" | "hugetlb-empty" | "mlock" => Reason::Resource,
            _ => Reason::KernelVersion,
        }
    }

    /// Reads `name` or `name >= number`; the comparison is written out as the field does.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let trimmed = text.trim();
        let (word, at_least) = match trimmed.split_once(">=") {
            Some((word, n)) => {
                let mut words = Cursor::new(n)?;
                match words.next_word() {
                    Some((Token::Number(n), _)) if words.is_done() => (word.trim(), Some(n)),
                    _ => {
                        return Err(Mistake::new(0..text.len(), "expected a number after `>=`"));
                    }
                }
            }
            None => (trimmed, None),
        };
        let mut all = NEEDS.iter().chain(FAULTS);
        match all.find(|(name, _)| *name == word) {
            Some((name, _)) => Ok(Need { name, at_least }),
            None => Err(Mistake::unknown(
                0..text.len(),
                "need",
                word,
                NEEDS.iter().chain(FAULTS).map(|n| n.0),
            )),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.at_least {
            Some(n) => write!(f, " >= {n}"),
            None => Ok(()),
        }
    }
}
