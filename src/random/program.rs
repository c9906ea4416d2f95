//! Programs over two files, three mappings and a fork.

use super::call::{FILES, OPENS, around};
use super::genes::Genes;

/// Where a mapping is put.
const PLACES: &[&str] = &["arena + 4page", "arena + 12page", "arena + 20page"];
/// How far into a mapping a step begins.
const INTO: &[&str] = &[
    "",
    " + 1page",
    " + 2page",
    " + 1page - 1",
    " + 10",
    " + 2page - 1",
    " + 3page - 2",
    " + 3page",
];
const LENGTHS: &[&str] = &[
    "1page",
    "2page",
    "3page",
    "1page + 1",
    "4page",
    "1",
    "0",
    "12page",
];
const PROTS: &[&str] = &[
    "PROT_READ|PROT_WRITE",
    "PROT_READ|PROT_WRITE",
    "PROT_READ|PROT_WRITE",
    "PROT_READ",
    "PROT_NONE",
    "PROT_WRITE",
];
const KINDS: &[&str] = &[
    "MAP_SHARED",
    "MAP_SHARED",
    "MAP_PRIVATE",
    "MAP_PRIVATE",
    "MAP_SHARED_VALIDATE",
    "MAP_PRIVATE|MAP_ANONYMOUS",
    "MAP_SHARED|MAP_ANONYMOUS",
];
const OFFSETS: &[&str] = &["0", "1page", "2page", "100", "1page - 1", "2page + 50"];
const MAP_OFFSETS: &[&str] = &["0", "0", "1page", "2page", "8page"];
const SIZES: &[&str] = &[
    "1page",
    "2page",
    "0",
    "1page + 1",
    "page/2",
    "10",
    "3page",
    "5page + 7",
];
const COUNTS: &[&str] = &["1", "5", "100", "1page", "1page + 1"];

/// What can be done, each as often as it is drawn.
const DEEDS: &[Deed] = &[
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::Store,
    Deed::Store,
    Deed::Store,
    Deed::Store,
    Deed::Map,
    Deed::Map,
    Deed::Map,
    Deed::Map,
    Deed::Fill,
    Deed::Protect,
    Deed::Protect,
    Deed::Unmap,
    Deed::Truncate,
    Deed::Truncate,
    Deed::Truncate,
    Deed::Pread,
    Deed::Pread,
    Deed::Pwrite,
    Deed::Pwrite,
    Deed::Read,
    Deed::Write,
    Deed::Seek,
    Deed::Size,
    Deed::Sync,
    Deed::Fork,
    Deed::Fork,
    Deed::Close,
    Deed::Unlink,
    Deed::Wait,
    Deed::Advise,
    Deed::Advise,
    Deed::Advise,
    Deed::Remap,
    Deed::Remap,
    Deed::Remap,
    Deed::Lock,
    Deed::Unlock,
    Deed::LockAll,
    Deed::Seal,
    Deed::Resident,
    Deed::Areas,
    Deed::Areas,
    Deed::Allocate,
    Deed::Allocate,
    Deed::Dup,
    Deed::Seals,
    Deed::Show,
    Deed::Segment,
    Deed::Segment,
    Deed::Segment,
    Deed::Named,
    Deed::Break,
    Deed::Limit,
    Deed::Setting,
];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Deed {
    #[default]
    Load,
    Store,
    Fill,
    Map,
    Unmap,
    Protect,
    Sync,
    Truncate,
    Pread,
    Pwrite,
    Read,
    Write,
    Seek,
    Size,
    Close,
    Unlink,
    Fork,
    Wait,
    Advise,
    Remap,
    Lock,
    Unlock,
    LockAll,
    Seal,
    Resident,
    Areas,
    Allocate,
    Dup,
    Seals,
    Show,
    Segment,
    Named,
    Break,
    Limit,
    Setting,
}

const ADVICE: &[&str] = &[
    "MADV_DONTNEED",
    "MADV_DONTNEED",
    "MADV_NORMAL",
    "MADV_RANDOM",
    "MADV_REMOVE",
    "MADV_FREE",
    "MADV_DONTFORK",
    "MADV_DOFORK",
    "MADV_WIPEONFORK",
    "MADV_KEEPONFORK",
    "MADV_DONTDUMP",
    "MADV_POPULATE_READ",
    "MADV_POPULATE_WRITE",
    "MADV_GUARD_INSTALL",
    "MADV_GUARD_INSTALL",
    "MADV_GUARD_REMOVE",
    "MADV_DONTNEED_LOCKED",
];

const MODES: &[&str] = &[
    "0",
    "FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE",
    "FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE",
    "FALLOC_FL_KEEP_SIZE",
    "FALLOC_FL_ZERO_RANGE",
    "FALLOC_FL_COLLAPSE_RANGE",
    "FALLOC_FL_INSERT_RANGE",
];

const SEALS: &[&str] = &[
    "F_SEAL_WRITE",
    "F_SEAL_SHRINK",
    "F_SEAL_GROW",
    "F_SEAL_FUTURE_WRITE",
    "F_SEAL_SEAL",
    "F_SEAL_EXEC",
];

/// A program as it is being made.
#[derive(Debug, Default)]
struct Draft {
    steps: Vec<String>,
    /// The names of the mappings that there are.
    maps: usize,
    has_other: bool,
    has_child: bool,
    waited: bool,
    has_segment: bool,
    has_break: bool,
}

/// The program of these bytes.
pub fn text(head: &[u8], body: &[Vec<u8>]) -> String {
    let mut genes = Genes::new(head);
    let (size, content) = genes.pick(FILES);
    let open = genes.pick(OPENS);
    let mut draft = Draft::default();
    if genes.chance(128) {
        draft.has_other = true;
        draft
            .steps
            .push("other = open(new, O_RDWR|O_CREAT)".to_owned());
        if genes.chance(160) {
            let size = genes.pick(SIZES);
            draft.steps.push(format!("ftruncate(other, {size})"));
        }
    }
    for bytes in body {
        draft.add(&mut Genes::new(bytes));
    }
    around(size, content, open, &draft.steps)
}

impl Draft {
    fn fd(&self, genes: &mut Genes<'_>) -> &'static str {
        match genes.below(8) {
            5 | 6 if self.has_other => "other",
            7 => "memfd-sealable",
            _ => "file",
        }
    }

    /// A place in one of the mappings, or where one may be.
    fn place(&self, genes: &mut Genes<'_>) -> String {
        let base = match self.maps {
            0 => PLACES[0].to_owned(),
            n => ["a", "b", "c"][genes.below(n.min(3))].to_owned(),
        };
        base + genes.pick(INTO)
    }

    fn add(&mut self, genes: &mut Genes<'_>) {
        let deed = genes.pick(DEEDS);
        let by_child = genes.chance(110) && self.has_child && !self.waited;
        let step = match deed {
            Deed::Fork if !self.has_child => {
                self.has_child = true;
                self.steps.push("child = fork()".to_owned());
                return;
            }
            Deed::Wait if self.has_child && !self.waited => {
                self.waited = true;
                self.steps.push("wait(child)".to_owned());
                return;
            }
            Deed::Map if self.maps < 3 && !by_child => self.map(genes),
            Deed::Segment if !self.has_segment && !by_child => {
                self.has_segment = true;
                let size = genes.pick(&["1page", "3page", "1page + 1"]);
                format!("seg = shmget(key, {size}, IPC_CREAT|S_IRUSR|S_IWUSR)")
            }
            Deed::Break if !self.has_break && !by_child => {
                self.has_break = true;
                "start = brk(NULL)".to_owned()
            }
            _ => self.plain(deed, genes),
        };
        let by = if by_child { "child: " } else { "" };
        self.steps.push(format!("{by}{step}"));
    }

    fn map(&mut self, genes: &mut Genes<'_>) -> String {
        let kind = genes.pick(KINDS);
        let fd = if kind.contains("ANON") {
            "-1"
        } else {
            self.fd(genes)
        };
        let name = ["a", "b", "c"][self.maps.min(2)];
        let (addr, fixed) = match genes.below(8) {
            6 => ("NULL", ""),
            7 => (PLACES[0], "|MAP_FIXED"),
            5 => (PLACES[self.maps.min(2)], ""),
            _ => (PLACES[self.maps.min(2)], "|MAP_FIXED"),
        };
        let (length, prot, offset) = (
            genes.pick(LENGTHS),
            genes.pick(PROTS),
            genes.pick(MAP_OFFSETS),
        );
        let populate = if genes.chance(16) {
            "|MAP_POPULATE"
        } else {
            ""
        };
        self.maps += 1;
        format!("{name} = mmap({addr}, {length}, {prot}, {kind}{fixed}{populate}, {fd}, {offset})")
    }

    fn plain(&self, deed: Deed, genes: &mut Genes<'_>) -> String {
        // A letter of its own for each step, so that it is seen whose bytes are where.
        let letter = char::from(b'A' + (self.steps.len() % 26) as u8);
        match deed {
            Deed::Store => {
                let times = genes.pick(&["", "", "*10", "*1page"]);
                format!("store({}, \"{letter}\"{times})", self.place(genes))
            }
            Deed::Fill => {
                let place = self.place(genes);
                format!("fill({place}, {}, \"{letter}\")", genes.pick(COUNTS))
            }
            Deed::Unmap => format!("munmap({}, {})", self.place(genes), genes.pick(LENGTHS)),
            Deed::Protect => format!(
                "mprotect({}, {}, {})",
                self.place(genes),
                genes.pick(LENGTHS),
                genes.pick(PROTS)
            ),
            Deed::Sync => {
                let how = genes.pick(&["MS_SYNC", "MS_ASYNC", "MS_SYNC|MS_INVALIDATE"]);
                format!(
                    "msync({}, {}, {how})",
                    self.place(genes),
                    genes.pick(LENGTHS)
                )
            }
            Deed::Truncate => format!("ftruncate({}, {})", self.fd(genes), genes.pick(SIZES)),
            Deed::Pread | Deed::Read => {
                let (fd, at, count) = (self.fd(genes), genes.pick(OFFSETS), genes.pick(COUNTS));
                let buf = match genes.chance(60) {
                    true => self.place(genes),
                    false => "buf".to_owned(),
                };
                match deed {
                    Deed::Pread => format!("pread({fd}, {buf}, {count}, {at})"),
                    _ => format!("read({fd}, {buf}, {count})"),
                }
            }
            Deed::Pwrite | Deed::Write => {
                let (fd, at) = (self.fd(genes), genes.pick(OFFSETS));
                let (data, count) = match genes.chance(60) {
                    true => (self.place(genes), genes.pick(COUNTS)),
                    false => {
                        let count = genes.pick(COUNTS);
                        (format!("\"{letter}\"*({count})"), count)
                    }
                };
                match deed {
                    Deed::Pwrite => format!("pwrite({fd}, {data}, {count}, {at})"),
                    _ => format!("write({fd}, {data}, {count})"),
                }
            }
            Deed::Seek => format!(
                "lseek({}, {}, {})",
                self.fd(genes),
                genes.pick(OFFSETS),
                genes.pick(&["SEEK_SET", "SEEK_END", "SEEK_CUR"])
            ),
            Deed::Size => format!("size({})", self.fd(genes)),
            Deed::Close => format!("close({})", self.fd(genes)),
            Deed::Advise
            | Deed::Remap
            | Deed::Lock
            | Deed::Unlock
            | Deed::LockAll
            | Deed::Seal
            | Deed::Resident
            | Deed::Areas
            | Deed::Show => self.of_space(deed, genes),
            Deed::Allocate
            | Deed::Dup
            | Deed::Seals
            | Deed::Segment
            | Deed::Named
            | Deed::Break
            | Deed::Limit
            | Deed::Setting => self.of_objects(deed, genes),
            Deed::Unlink => "unlink(file)".to_owned(),
            _ => format!(
                "load({}, {})",
                self.place(genes),
                genes.pick(&["1", "2", "10"])
            ),
        }
    }

    /// What changes or tells an address space.
    fn of_space(&self, deed: Deed, genes: &mut Genes<'_>) -> String {
        // Most of these want whole pages.
        let base = match self.maps {
            0 => PLACES[0].to_owned(),
            n => ["a", "b", "c"][genes.below(n.min(3))].to_owned(),
        };
        let into = genes.pick(&["", "", " + 1page", " + 2page", " + 10"]);
        let place = format!("{base}{into}");
        let length = genes.pick(&["1page", "2page", "3page", "4page", "1page + 1"]);
        match deed {
            Deed::Advise => format!("madvise({place}, {length}, {})", genes.pick(ADVICE)),
            Deed::Remap => {
                let new = genes.pick(&["1page", "2page", "3page", "4page", "0"]);
                let how = genes.pick(&[
                    "MREMAP_MAYMOVE",
                    "MREMAP_MAYMOVE|MREMAP_FIXED",
                    "MREMAP_MAYMOVE|MREMAP_FIXED",
                    "0",
                    "MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP",
                ]);
                let to = genes.pick(&["arena + 28page", "arena + 12page", "arena + 6page"]);
                format!("mremap({place}, {length}, {new}, {how}, {to})")
            }
            Deed::Lock => match genes.chance(64) {
                true => format!("mlock2({place}, {length}, MLOCK_ONFAULT)"),
                false => format!("mlock({place}, {length})"),
            },
            Deed::Unlock => format!("munlock({place}, {length})"),
            Deed::LockAll => genes
                .pick(&[
                    "mlockall(MCL_FUTURE)",
                    "mlockall(MCL_FUTURE|MCL_ONFAULT)",
                    "munlockall()",
                ])
                .to_owned(),
            Deed::Seal => format!("mseal({place}, {length})"),
            Deed::Resident => format!("mincore({place}, {length})"),
            Deed::Show => format!(
                "remap_file_pages({place}, {length}, PROT_NONE, {})",
                genes.pick(&["0", "1", "2", "5"])
            ),
            _ => format!("areas({}, 8page)", PLACES[genes.below(3)]),
        }
    }

    /// What is about objects, names and the whole process.
    fn of_objects(&self, deed: Deed, genes: &mut Genes<'_>) -> String {
        match deed {
            Deed::Allocate => format!(
                "fallocate({}, {}, {}, {})",
                self.fd(genes),
                genes.pick(MODES),
                genes.pick(&["0", "1page", "2page", "100"]),
                genes.pick(&["1page", "2page", "100", "3page"])
            ),
            Deed::Dup => format!("fd{} = dup({})", self.steps.len(), self.fd(genes)),
            Deed::Seals => format!("fcntl(memfd-sealable, F_ADD_SEALS, {})", genes.pick(SEALS)),
            Deed::Segment if !self.has_segment => "size(file)".to_owned(),
            Deed::Segment => match genes.below(6) {
                0 | 1 => format!(
                    "seg{} = shmat(seg, {}, {})",
                    self.steps.len(),
                    genes.pick(PLACES),
                    genes.pick(&["0", "SHM_RDONLY", "SHM_REMAP"])
                ),
                2 => format!("shmdt({})", genes.pick(PLACES)),
                3 => "nattch(seg)".to_owned(),
                4 => "shmctl(seg, IPC_RMID)".to_owned(),
                _ => "shmget(key, 1page, 0)".to_owned(),
            },
            Deed::Named => match genes.below(3) {
                0 => format!(
                    "fd{} = shm_open(\"a\", {}|O_CREAT)",
                    self.steps.len(),
                    genes.pick(&["O_RDWR", "O_RDONLY", "O_RDWR|O_EXCL", "O_RDWR|O_TRUNC"])
                ),
                1 => "shm_open(\"a\", O_RDWR)".to_owned(),
                _ => "shm_unlink(\"a\")".to_owned(),
            },
            Deed::Break if self.has_break => {
                let by = genes.pick(&["", " + 1", " + 1page", " + 2page", " + 5page", " - 1"]);
                format!("brk(start{by})")
            }
            Deed::Limit => format!(
                "setrlimit({}, {})",
                genes.pick(&[
                    "RLIMIT_AS",
                    "RLIMIT_DATA",
                    "RLIMIT_MEMLOCK",
                    "RLIMIT_NOFILE"
                ]),
                genes.pick(&["used", "used + 1page", "used + 3page"])
            ),
            Deed::Setting => genes
                .pick(&[
                    "prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN)",
                    "prctl(PR_GET_MDWE)",
                    "prctl(PR_SET_THP_DISABLE, 1)",
                    "prctl(PR_GET_THP_DISABLE)",
                ])
                .to_owned(),
            _ => "size(file)".to_owned(),
        }
    }
}
