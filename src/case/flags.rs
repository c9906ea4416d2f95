//! Flag words by their names in the manual pages.

mod space;

pub use space::*;

use super::cursor::Cursor;
use super::lexer::Token;
use super::mistake::Mistake;
use crate::case::number;
use std::fmt;

/// One named flag: its word and its bits on this architecture.
pub type Flag = (&'static str, u64);

/// The flags that one argument takes.
#[derive(Debug)]
pub struct Domain {
    /// How a diagnostic calls one of them.
    pub what: &'static str,
    /// The names in the order in which they are printed.
    pub flags: &'static [Flag],
    /// Other spellings of a name.
    pub aliases: &'static [(&'static str, &'static str)],
    /// How no flag at all is printed.
    pub none: &'static str,
}

macro_rules! flags {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), number::$name as u64)),*] };
}

/// `prot` of mmap(2) and mprotect(2).
pub static PROT: Domain = Domain {
    what: "protection",
    flags: flags![
        PROT_NONE,
        PROT_READ,
        PROT_WRITE,
        PROT_EXEC,
        PROT_GROWSDOWN,
        PROT_GROWSUP
    ],
    aliases: &[],
    none: "PROT_NONE",
};

/// `flags` of mmap(2).
pub static MAP: Domain = Domain {
    what: "mapping flag",
    flags: &[
        ("MAP_SHARED", number::MAP_SHARED as u64),
        ("MAP_PRIVATE", number::MAP_PRIVATE as u64),
        ("MAP_SHARED_VALIDATE", number::MAP_SHARED_VALIDATE as u64),
        ("MAP_DROPPABLE", 0x8),
        ("MAP_ANONYMOUS", number::MAP_ANONYMOUS as u64),
        ("MAP_FIXED", number::MAP_FIXED as u64),
        ("MAP_FIXED_NOREPLACE", 0x10_0000),
        // x86 alone gives this bit a meaning; elsewhere it is one of the ignored ones.
        ("MAP_32BIT", 0x40),
        ("MAP_GROWSDOWN", number::MAP_GROWSDOWN as u64),
        ("MAP_LOCKED", number::MAP_LOCKED as u64),
        ("MAP_NORESERVE", number::MAP_NORESERVE as u64),
        ("MAP_POPULATE", number::MAP_POPULATE as u64),
        ("MAP_NONBLOCK", number::MAP_NONBLOCK as u64),
        ("MAP_STACK", number::MAP_STACK as u64),
        ("MAP_HUGETLB", number::MAP_HUGETLB as u64),
        ("MAP_SYNC", 0x8_0000),
        ("MAP_DENYWRITE", number::MAP_DENYWRITE as u64),
        ("MAP_EXECUTABLE", number::MAP_EXECUTABLE as u64),
    ],
    aliases: &[("MAP_ANON", "MAP_ANONYMOUS")],
    none: "0",
};

/// `flags` of open(2).
pub static OPEN: Domain = Domain {
    what: "open flag",
    flags: &[
        ("O_RDONLY", number::O_RDONLY as u64),
        ("O_WRONLY", number::O_WRONLY as u64),
        ("O_RDWR", number::O_RDWR as u64),
        ("O_PATH", number::O_PATH as u64),
        ("O_APPEND", number::O_APPEND as u64),
        ("O_CREAT", number::O_CREAT as u64),
        ("O_EXCL", number::O_EXCL as u64),
        ("O_TRUNC", number::O_TRUNC as u64),
        ("O_DIRECTORY", number::O_DIRECTORY as u64),
        ("O_NOFOLLOW", number::O_NOFOLLOW as u64),
        ("O_CLOEXEC", number::O_CLOEXEC as u64),
        ("O_NONBLOCK", number::O_NONBLOCK as u64),
        ("O_DIRECT", number::O_DIRECT as u64),
        ("O_SYNC", number::O_SYNC as u64),
        ("O_DSYNC", number::O_DSYNC as u64),
        ("O_NOATIME", number::O_NOATIME as u64),
        ("O_TMPFILE", number::O_TMPFILE as u64),
    ],
    aliases: &[],
    none: "O_RDONLY",
};

/// `flags` of msync(2).
pub static MSYNC: Domain = Domain {
    what: "msync flag",
    flags: flags![MS_ASYNC, MS_SYNC, MS_INVALIDATE],
    aliases: &[],
    none: "0",
};

/// `whence` of lseek(2).
pub static WHENCE: Domain = Domain {
    what: "whence",
    flags: flags![SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE],
    aliases: &[],
    none: "SEEK_SET",
};

/// `mode` of fallocate(2).
pub static FALLOCATE: Domain = Domain {
    what: "fallocate mode",
    flags: &[
        ("FALLOC_FL_KEEP_SIZE", number::FALLOC_FL_KEEP_SIZE as u64),
        ("FALLOC_FL_PUNCH_HOLE", number::FALLOC_FL_PUNCH_HOLE as u64),
        (
            "FALLOC_FL_COLLAPSE_RANGE",
            number::FALLOC_FL_COLLAPSE_RANGE as u64,
        ),
        ("FALLOC_FL_ZERO_RANGE", number::FALLOC_FL_ZERO_RANGE as u64),
        (
            "FALLOC_FL_INSERT_RANGE",
            number::FALLOC_FL_INSERT_RANGE as u64,
        ),
        (
            "FALLOC_FL_UNSHARE_RANGE",
            number::FALLOC_FL_UNSHARE_RANGE as u64,
        ),
        ("FALLOC_FL_WRITE_ZEROES", 0x80),
    ],
    aliases: &[],
    none: "0",
};

/// `op` of fcntl(2): those that a mapping could feel.
pub static FCNTL: Domain = Domain {
    what: "fcntl operation",
    flags: &[
        ("F_GETFL", number::F_GETFL as u64),
        ("F_SETFL", number::F_SETFL as u64),
        ("F_ADD_SEALS", number::F_ADD_SEALS as u64),
        ("F_GET_SEALS", number::F_GET_SEALS as u64),
    ],
    aliases: &[],
    none: "0",
};

/// `arg` of fcntl(2): seals, or the flags of open(2) that can be changed afterwards.
pub static FCNTL_ARG: Domain = Domain {
    what: "seal",
    flags: &[
        ("F_SEAL_SEAL", number::F_SEAL_SEAL as u64),
        ("F_SEAL_SHRINK", number::F_SEAL_SHRINK as u64),
        ("F_SEAL_GROW", number::F_SEAL_GROW as u64),
        ("F_SEAL_WRITE", number::F_SEAL_WRITE as u64),
        ("F_SEAL_FUTURE_WRITE", 0x10),
        ("F_SEAL_EXEC", 0x20),
        ("O_APPEND", number::O_APPEND as u64),
        ("O_DIRECT", number::O_DIRECT as u64),
        ("O_NOATIME", number::O_NOATIME as u64),
        ("O_NONBLOCK", number::O_NONBLOCK as u64),
    ],
    aliases: &[],
    none: "0",
};

/// `flags` of memfd_create(2).
pub static MEMFD: Domain = Domain {
    what: "memfd flag",
    flags: &[
        ("MFD_CLOEXEC", 0x1),
        ("MFD_ALLOW_SEALING", 0x2),
        ("MFD_HUGETLB", 0x4),
        ("MFD_NOEXEC_SEAL", 0x8),
        ("MFD_EXEC", 0x10),
        ("MFD_HUGE_2MB", 21 << 26),
        ("MFD_HUGE_1GB", 30 << 26),
    ],
    aliases: &[],
    none: "0",
};

/// `flags` of memfd_secret(2).
pub static SECRET: Domain = Domain {
    what: "memfd_secret flag",
    flags: &[("FD_CLOEXEC", number::O_CLOEXEC as u64)],
    aliases: &[],
    none: "0",
};

/// `flags` of preadv2(2).
pub static RWF: Domain = Domain {
    what: "read or write flag",
    flags: &[
        ("RWF_HIPRI", 0x1),
        ("RWF_DSYNC", 0x2),
        ("RWF_SYNC", 0x4),
        ("RWF_NOWAIT", 0x8),
        ("RWF_APPEND", 0x10),
        ("RWF_NOAPPEND", 0x20),
        ("RWF_ATOMIC", 0x40),
        ("RWF_DONTCACHE", 0x80),
    ],
    aliases: &[],
    none: "0",
};

/// `flags` of send(2) and recv(2).
pub static SEND: Domain = Domain {
    what: "message flag",
    flags: flags![
        MSG_DONTWAIT,
        MSG_PEEK,
        MSG_TRUNC,
        MSG_WAITALL,
        MSG_NOSIGNAL,
        MSG_OOB
    ],
    aliases: &[],
    none: "0",
};

/// `flags` of splice(2) and vmsplice(2).
pub static SPLICE: Domain = Domain {
    what: "splice flag",
    flags: flags![
        SPLICE_F_MOVE,
        SPLICE_F_NONBLOCK,
        SPLICE_F_MORE,
        SPLICE_F_GIFT
    ],
    aliases: &[],
    none: "0",
};

/// `buffers` of an operation by io_uring(7).
pub static URING: Domain = Domain {
    what: "kind of buffer",
    flags: &[("IORING_REGISTER_BUFFERS", 1)],
    aliases: &[],
    none: "0",
};

/// `shmflg` of shmget(2): flags, and the permissions one by one.
pub static SHMGET: Domain = Domain {
    what: "shmget flag",
    flags: &[
        ("IPC_CREAT", number::IPC_CREAT as u64),
        ("IPC_EXCL", number::IPC_EXCL as u64),
        ("SHM_HUGETLB", number::SHM_HUGETLB as u64),
        ("SHM_NORESERVE", number::SHM_NORESERVE as u64),
        ("S_IRUSR", number::S_IRUSR as u64),
        ("S_IWUSR", number::S_IWUSR as u64),
    ],
    aliases: &[],
    none: "0",
};

/// `shmflg` of shmat(2).
pub static SHMAT: Domain = Domain {
    what: "shmat flag",
    flags: &[
        ("SHM_RDONLY", number::SHM_RDONLY as u64),
        ("SHM_RND", number::SHM_RND as u64),
        ("SHM_REMAP", number::SHM_REMAP as u64),
        ("SHM_EXEC", number::SHM_EXEC as u64),
    ],
    aliases: &[],
    none: "0",
};

/// `op` of shmctl(2), but for those that fill in a structure.
pub static SHMCTL: Domain = Domain {
    what: "shmctl operation",
    flags: &[
        ("IPC_RMID", number::IPC_RMID as u64),
        ("SHM_LOCK", number::SHM_LOCK as u64),
        ("SHM_UNLOCK", number::SHM_UNLOCK as u64),
    ],
    aliases: &[],
    none: "IPC_RMID",
};

/// `resource` of setrlimit(2).
pub static RESOURCE: Domain = Domain {
    what: "limit",
    flags: &[
        ("RLIMIT_AS", number::RLIMIT_AS as u64),
        ("RLIMIT_DATA", number::RLIMIT_DATA as u64),
        ("RLIMIT_STACK", number::RLIMIT_STACK as u64),
        ("RLIMIT_MEMLOCK", number::RLIMIT_MEMLOCK as u64),
        ("RLIMIT_FSIZE", number::RLIMIT_FSIZE as u64),
        ("RLIMIT_NOFILE", number::RLIMIT_NOFILE as u64),
        ("RLIMIT_NPROC", number::RLIMIT_NPROC as u64),
        ("RLIMIT_CORE", number::RLIMIT_CORE as u64),
    ],
    aliases: &[],
    none: "RLIMIT_CPU",
};

/// capabilities(7) that a call about memory or files asks for.
pub static CAPABILITY: Domain = Domain {
    what: "capability",
    flags: &[
        ("CAP_DAC_OVERRIDE", 1 << 1),
        ("CAP_FOWNER", 1 << 3),
        ("CAP_SETUID", 1 << 7),
        ("CAP_LINUX_IMMUTABLE", 1 << 9),
        ("CAP_IPC_LOCK", 1 << 14),
        ("CAP_IPC_OWNER", 1 << 15),
        ("CAP_SYS_RAWIO", 1 << 17),
        ("CAP_SYS_PTRACE", 1 << 19),
        ("CAP_SYS_ADMIN", 1 << 21),
        ("CAP_SYS_NICE", 1 << 23),
        ("CAP_SYS_RESOURCE", 1 << 24),
    ],
    aliases: &[],
    none: "0",
};

/// What `moved` can look at.
pub static STAT: Domain = Domain {
    what: "part of what stat tells",
    flags: &[
        ("atime", 1),
        ("mtime", 2),
        ("ctime", 4),
        ("blocks", 8),
        ("size", 16),
    ],
    aliases: &[],
    none: "0",
};

/// A set of flags: names in the domain's order, and bits that have no name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FlagSet {
    /// The names, each once.
    pub names: Vec<&'static str>,
    /// Other bits, given as a number.
    pub extra: u64,
}

impl FlagSet {
    /// The set of these names, which must be of the domain.
    pub fn of(domain: &'static Domain, names: &[&str]) -> Self {
        let mut set = FlagSet::default();
        for (name, _) in domain.flags {
            if names.contains(name) {
                set.names.push(name);
            }
        }
        set
    }

    /// Whether the flag of this name is in the set.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The bits on this architecture.
    pub fn bits(&self, domain: &Domain) -> u64 {
        let named = domain.flags.iter().filter(|(n, _)| self.has(n));
        named.fold(self.extra, |bits, (_, b)| bits | b)
    }

    /// Reads names and numbers joined by `|`.
    pub fn read(words: &mut Cursor, domain: &'static Domain) -> Result<Self, Mistake> {
        let mut found: Vec<&'static str> = Vec::new();
        let mut extra = 0;
        loop {
            let span = words.span();
            match words.next_word() {
                Some((Token::Number(n), _)) => extra |= n,
                Some((Token::Ident(word), _)) => {
                    let name = domain.find(word).ok_or_else(|| {
                        let names = domain.flags.iter().map(|f| f.0);
                        Mistake::unknown(span, domain.what, word, names)
                    })?;
                    found.push(name);
                }
                other => {
                    let found = other.map_or("the end".to_owned(), |(t, _)| t.describe());
                    return Err(Mistake::new(
                        span,
                        format!("expected a {}, found {found}", domain.what),
                    ));
                }
            }
            if !words.eat('|') {
                break;
            }
        }
        let mut set = FlagSet::of(domain, &found);
        // A name of no bits says nothing beside another: `PROT_NONE|PROT_READ` is `PROT_READ`.
        if set.names.len() > 1 || extra != 0 {
            set.names
                .retain(|n| domain.flags.iter().any(|(f, b)| f == n && *b != 0));
        }
        set.extra = extra;
        // Nothing has one spelling too: `0` is `PROT_NONE` where that is a name.
        if set == FlagSet::default() {
            set.names.extend(domain.find(domain.none));
        }
        Ok(set)
    }

    /// Reads one name of the domain, and nothing else: no number, so that nothing can be asked for
    /// that the domain does not list.
    pub fn read_one(words: &mut Cursor, domain: &'static Domain) -> Result<Self, Mistake> {
        let (word, span) = words.ident(domain.what)?;
        match domain.find(word) {
            Some(name) => Ok(FlagSet {
                names: vec![name],
                extra: 0,
            }),
            None => {
                let names = domain.flags.iter().map(|f| f.0);
                Err(Mistake::unknown(span, domain.what, word, names))
            }
        }
    }

    /// Reads a whole text as flags.
    pub fn parse(text: &str, domain: &'static Domain) -> Result<Self, Mistake> {
        let mut words = Cursor::new(text)?;
        let set = FlagSet::read(&mut words, domain)?;
        words.finish()?;
        Ok(set)
    }

    /// For printing: the set does not know its domain.
    pub fn display(&self, domain: &Domain) -> String {
        let mut parts: Vec<String> = self.names.iter().map(|n| (*n).to_owned()).collect();
        if self.extra != 0 {
            parts.push(format!("{:#x}", self.extra));
        }
        if parts.is_empty() {
            return domain.none.to_owned();
        }
        parts.join("|")
    }
}

impl Domain {
    /// The flag's own spelling of `word`, if it is one of this domain.
    pub fn find(&self, word: &str) -> Option<&'static str> {
        let word = self
            .aliases
            .iter()
            .find(|(alias, _)| *alias == word)
            .map_or(word, |(_, name)| name);
        self.flags.iter().map(|f| f.0).find(|n| *n == word)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(text: &str, domain: &'static Domain) -> String {
        FlagSet::parse(text, domain).unwrap().display(domain)
    }

    #[test]
    fn canonical_order_and_aliases() {
        assert_eq!(
            canon("MAP_ANON|MAP_SHARED", &MAP),
            "MAP_SHARED|MAP_ANONYMOUS"
        );
        assert_eq!(canon("0", &MAP), "0");
        assert_eq!(canon("0", &PROT), "PROT_NONE");
        assert_eq!(canon("PROT_NONE|PROT_READ", &PROT), "PROT_READ");
        assert_eq!(canon("O_CREAT|O_RDONLY", &OPEN), "O_CREAT");
        assert_eq!(canon("MAP_SHARED|0x80", &MAP), "MAP_SHARED|0x80");
    }

    #[test]
    fn nothing_by_its_name_and_by_its_number_is_one_value() {
        for (domain, none) in [(&PROT, "PROT_NONE"), (&OPEN, "O_RDONLY"), (&MAP, "0")] {
            assert_eq!(FlagSet::parse("0", domain), FlagSet::parse(none, domain));
        }
    }

    #[test]
    fn a_sharing_type_is_a_name_not_a_bit() {
        let set = FlagSet::parse("MAP_SHARED_VALIDATE", &MAP).unwrap();
        assert!(!set.has("MAP_SHARED") && !set.has("MAP_PRIVATE"));
        assert_eq!(set.bits(&MAP), 3);
    }

    #[test]
    fn a_wrong_name_finds_the_right_one() {
        let e = FlagSet::parse("PROT_READ|PROT_WIRTE", &PROT).unwrap_err();
        assert_eq!(e.span, 10..20);
        assert_eq!(e.help.as_deref(), Some("did you mean `PROT_WRITE`?"));
    }
}
