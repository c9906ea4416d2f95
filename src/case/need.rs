//! Needs: abilities that a machine must have for a case to say anything about it.

use super::cursor::Cursor;
use super::lexer::Token;
use super::mistake::Mistake;
use std::fmt;

/// An ability that a case needs; the machine finds out by trying.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// Which: one of [`NEEDS`].
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

impl Need {
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
        match NEEDS.iter().find(|(name, _)| *name == word) {
            Some((name, _)) => Ok(Need { name, at_least }),
            None => Err(Mistake::unknown(
                0..text.len(),
                "need",
                word,
                NEEDS.iter().map(|n| n.0),
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
