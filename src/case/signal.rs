//! Signals and their `si_code`, by name.

use crate::case::number;
use std::fmt;

/// A signal, kept by name where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A name of signal(7).
    Name(&'static str),
    /// A number without a name (a real-time signal).
    Number(i32),
}

macro_rules! names {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), number::$name)),*] };
}

static SIGNALS: &[(&str, i32)] = names![
    SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGXFSZ, SIGPIPE, SIGKILL, SIGTERM, SIGABRT,
    SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
    SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR,
];

impl Signal {
    /// The signal of this number.
    pub fn from_number(n: i32) -> Self {
        SIGNALS
            .iter()
            .find(|(_, v)| *v == n)
            .map_or(Signal::Number(n), |(name, _)| Signal::Name(name))
    }

    /// The signal of this name.
    pub fn from_name(word: &str) -> Option<Self> {
        SIGNALS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(name, _)| Signal::Name(name))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SIGNALS.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signal::Name(name) => f.write_str(name),
            Signal::Number(n) => write!(f, "signal {n}"),
        }
    }
}

/// Why the kernel sent a signal: `si_code` of sigaction(2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Code {
    /// A name of sigaction(2).
    Name(&'static str),
    /// A number without a name.
    Number(i32),
}

/// The codes that belong to one signal. The numbers are those of
/// `include/uapi/asm-generic/siginfo.h`, the same on every architecture that we know.
static CODES: &[(&str, &str, i32)] = &[
    ("SIGSEGV", "SEGV_MAPERR", 1),
    ("SIGSEGV", "SEGV_ACCERR", 2),
    ("SIGSEGV", "SEGV_BNDERR", 3),
    ("SIGSEGV", "SEGV_PKUERR", 4),
    ("SIGBUS", "BUS_ADRALN", 1),
    ("SIGBUS", "BUS_ADRERR", 2),
    ("SIGBUS", "BUS_OBJERR", 3),
    ("SIGBUS", "BUS_MCEERR_AR", 4),
    ("SIGBUS", "BUS_MCEERR_AO", 5),
    ("SIGILL", "ILL_ILLOPC", 1),
    ("SIGILL", "ILL_ILLOPN", 2),
    ("SIGILL", "ILL_ILLADR", 3),
    ("SIGILL", "ILL_ILLTRP", 4),
    ("SIGILL", "ILL_PRVOPC", 5),
    ("SIGILL", "ILL_PRVREG", 6),
    ("SIGTRAP", "TRAP_BRKPT", 1),
    ("SIGTRAP", "TRAP_TRACE", 2),
    ("SIGSYS", "SYS_SECCOMP", 1),
];

/// The codes that any signal may have.
static COMMON: &[(&str, i32)] = &[
    ("SI_KERNEL", 0x80),
    ("SI_USER", 0),
    ("SI_TKILL", -6),
    ("SI_QUEUE", -1),
];

impl Code {
    /// The code of this number for this signal.
    pub fn from_number(signal: &Signal, n: i32) -> Self {
        let own = CODES
            .iter()
            .find(|(s, _, v)| *v == n && *signal == Signal::Name(s))
            .map(|(_, name, _)| *name);
        let common = || COMMON.iter().find(|(_, v)| *v == n).map(|(name, _)| *name);
        own.or_else(common).map_or(Code::Number(n), Code::Name)
    }

    /// The code of this name.
    pub fn from_name(word: &str) -> Option<Self> {
        Code::names().find(|n| *n == word).map(Code::Name)
    }

    /// Whether the code can come with this signal.
    pub fn fits(&self, signal: &Signal) -> bool {
        match self {
            Code::Number(_) => true,
            Code::Name(name) => CODES
                .iter()
                .find(|(_, n, _)| n == name)
                .is_none_or(|(s, _, _)| *signal == Signal::Name(s)),
        }
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CODES
            .iter()
            .map(|(_, name, _)| *name)
            .chain(COMMON.iter().map(|(name, _)| *name))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Code::Name(name) => f.write_str(name),
            Code::Number(n) => write!(f, "si_code {n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_belong_to_their_signal() {
        let bus = Signal::from_name("SIGBUS").unwrap();
        let segv = Signal::from_name("SIGSEGV").unwrap();
        assert_eq!(Code::from_number(&bus, 2).to_string(), "BUS_ADRERR");
        assert_eq!(Code::from_number(&segv, 2).to_string(), "SEGV_ACCERR");
        assert_eq!(Code::from_number(&segv, 128).to_string(), "SI_KERNEL");
        assert_eq!(Code::from_number(&segv, 77).to_string(), "si_code 77");
        assert!(!Code::from_name("BUS_ADRERR").unwrap().fits(&segv));
    }
}
