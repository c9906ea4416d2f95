//! Error numbers by name.

use crate::case::number;
use std::fmt;

/// An error number, kept by name where it has one: the numbers differ between architectures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Errno {
    /// A name of errno(3).
    Name(&'static str),
    /// A number without a name.
    Number(i32),
}

macro_rules! names {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), number::$name)),*] };
}

/// The names of errno(3) that a call about files or memory may give, with this architecture's
/// numbers.
static NAMES: &[(&str, i32)] = names![
    EPERM,
    ENOENT,
    ESRCH,
    EINTR,
    EIO,
    ENXIO,
    E2BIG,
    ENOEXEC,
    EBADF,
    ECHILD,
    EAGAIN,
    ENOMEM,
    EACCES,
    EFAULT,
    ENOTBLK,
    EBUSY,
    EEXIST,
    EXDEV,
    ENODEV,
    ENOTDIR,
    EISDIR,
    EINVAL,
    ENFILE,
    EMFILE,
    ENOTTY,
    ETXTBSY,
    EFBIG,
    ENOSPC,
    ESPIPE,
    EROFS,
    EMLINK,
    EPIPE,
    EDOM,
    ERANGE,
    EDEADLK,
    ENAMETOOLONG,
    ENOLCK,
    ENOSYS,
    ENOTEMPTY,
    ELOOP,
    ENOMSG,
    EIDRM,
    ENODATA,
    ETIME,
    ENOLINK,
    EPROTO,
    EBADMSG,
    EOVERFLOW,
    EILSEQ,
    ENOTSOCK,
    EDESTADDRREQ,
    EMSGSIZE,
    EPROTOTYPE,
    ENOPROTOOPT,
    EPROTONOSUPPORT,
    EOPNOTSUPP,
    EAFNOSUPPORT,
    EADDRINUSE,
    EADDRNOTAVAIL,
    ENETDOWN,
    ENOBUFS,
    EISCONN,
    ENOTCONN,
    ETIMEDOUT,
    ECONNREFUSED,
    ECONNRESET,
    ECONNABORTED,
    EALREADY,
    EINPROGRESS,
    ESTALE,
    EUCLEAN,
    EDQUOT,
    ECANCELED,
    EOWNERDEAD,
    ENOTRECOVERABLE,
    EHWPOISON,
];

/// Other spellings of the same number on Linux.
static ALIASES: &[(&str, &str)] = &[("EWOULDBLOCK", "EAGAIN"), ("ENOTSUP", "EOPNOTSUPP")];

impl Errno {
    /// The error of this number.
    pub fn from_number(n: i32) -> Self {
        NAMES
            .iter()
            .find(|(_, v)| *v == n)
            .map_or(Errno::Number(n), |(name, _)| Errno::Name(name))
    }

    /// The error of this name.
    pub fn from_name(word: &str) -> Option<Self> {
        let word = ALIASES
            .iter()
            .find(|(alias, _)| *alias == word)
            .map_or(word, |(_, name)| name);
        NAMES
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(name, _)| Errno::Name(name))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// This architecture's number.
    pub fn number(&self) -> i32 {
        match self {
            Errno::Number(n) => *n,
            Errno::Name(name) => NAMES.iter().find(|n| n.0 == *name).map_or(0, |n| n.1),
        }
    }

    /// Whether a word looks like the name of an error: `E` and capitals.
    pub fn looks_like(word: &str) -> bool {
        word.len() > 2
            && word.starts_with('E')
            && word
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Errno::Name(name) => f.write_str(name),
            Errno::Number(n) => write!(f, "errno {n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(Errno::from_number(number::EINVAL).to_string(), "EINVAL");
        assert_eq!(Errno::from_number(524).to_string(), "errno 524");
        assert_eq!(Errno::from_name("ENOTSUP"), Errno::from_name("EOPNOTSUPP"));
        assert_eq!(Errno::from_name("EINVALID"), None);
    }

    #[test]
    fn each_number_has_one_name() {
        for (name, n) in NAMES {
            assert_eq!(Errno::from_number(*n), Errno::Name(name), "{name}");
        }
    }
}
