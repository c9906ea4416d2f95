//! Faults that a case can bring about, and what each asks of the machine.

use super::call::Act;
use super::program::Ground;
use super::quantity::Scale;
use super::step::{Arg, Step};

/// What a step `fault …` brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A call fails that would have succeeded.
    Errno,
    /// A call gets another file under its descriptor.
    Swap,
    /// A range has nothing behind it.
    DeadPage,
    /// The first touch of a page meets something, one of [`HOW`].
    Page,
    /// The first touch of a page takes long.
    Slow,
    /// The first touch of a page never ends.
    Hang,
    /// No more areas can be made.
    MapsExhausted,
    /// The case's own file system has no room left.
    Full,
    /// Nothing on it can be executed.
    NoExec,
    /// Nothing on it can be written.
    ReadOnly,
    /// A program runs.
    Running,
}

/// What the first touch of a page can meet.
pub static HOW: &[(&str, &str)] = &[
    ("sigbus", "a signal instead of the page"),
    ("poison", "a page that is marked as bad memory"),
    ("write_protect", "a signal if it is a store, each time"),
    (
        "race_unmap",
        "another thread unmaps the page in the middle of the touch",
    ),
    (
        "race_protect",
        "another thread takes all rights from the page in the middle of the touch",
    ),
    (
        "race_replace",
        "another thread maps anonymous memory over the page in the middle of the touch",
    ),
    ("close", "whoever should supply the page goes away"),
];

/// The faults that have machinery of their own, each with what it needs: found out by trying it.
pub static FAULTS: &[(&str, &str)] = &[
    ("errno", "a call is made to fail (seccomp)"),
    ("swap", "a call gets another file (seccomp)"),
    ("dead_page", "an empty object is mapped over a page"),
    (
        "page",
        "the first touch of a page gives a signal (userfaultfd)",
    ),
    (
        "poison",
        "a page is marked as bad memory (userfaultfd, UFFDIO_POISON)",
    ),
    (
        "write_protect",
        "a store to a page gives a signal (userfaultfd, UFFDIO_WRITEPROTECT)",
    ),
    (
        "race",
        "the address space changes in the middle of a touch (userfaultfd)",
    ),
    ("slow", "a page comes late (userfaultfd)"),
    ("hang", "a page never comes (userfaultfd)"),
    (
        "maps_exhausted",
        "all areas of a process are used up (vm.max_map_count)",
    ),
    (
        "full",
        "a file system of the case's own has no room (tmpfs in a user namespace)",
    ),
    (
        "noexec",
        "a file system is mounted anew so that nothing on it is executed (user namespace)",
    ),
    (
        "readonly",
        "a file system is mounted anew so that nothing on it is written (user namespace)",
    ),
    (
        "diverge",
        "a file is copied up under a mapping (overlay in a user namespace)",
    ),
    ("running", "a file is a program that runs"),
    ("hugetlb", "there are huge pages, and none is free"),
];

/// The word of a list that is equal to this one.
fn known(list: &'static [(&str, &str)], word: &str) -> Option<&'static str> {
    list.iter().map(|(name, _)| *name).find(|n| *n == word)
}

/// What a step needs of its machine because of the fault that it brings about: one of [`FAULTS`].
pub fn need(step: &Step) -> Option<&'static str> {
    let Act::Fault(fault) = step.call.act else {
        return None;
    };
    let word = match fault {
        Fault::Errno => "errno",
        Fault::Swap => "swap",
        Fault::DeadPage => "dead_page",
        Fault::Page => match step.args.get(2) {
            Some(Arg::Word("sigbus")) => "page",
            Some(Arg::Word("poison")) => "poison",
            Some(Arg::Word("write_protect")) => "write_protect",
            _ => "race",
        },
        Fault::Slow => "slow",
        Fault::Hang => "hang",
        Fault::MapsExhausted => "maps_exhausted",
        Fault::Full => "full",
        Fault::NoExec => "noexec",
        Fault::ReadOnly => "readonly",
        Fault::Running => "running",
    };
    known(FAULTS, word)
}

/// What the file system needs on which a case's files lie.
pub fn need_of_ground(ground: Ground) -> Option<&'static str> {
    match ground {
        Ground::Ordinary => None,
        Ground::Tmpfs => known(FAULTS, "full"),
        Ground::Overlay => known(FAULTS, "diverge"),
    }
}

/// Whether a step brings about something for which the case waits long and does nothing.
pub fn waits(step: &Step) -> bool {
    const LONG: i128 = 50;
    match step.call.act {
        Act::Fault(Fault::Hang) => true,
        Act::Fault(Fault::Slow) => {
            let ms = step.args.get(2).and_then(Arg::quantity);
            let ms = ms.and_then(|q| q.value(&Scale::ordinary(4096), 0, &|_| None).ok());
            ms.is_some_and(|ms| ms >= LONG)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::step::Written;

    #[test]
    fn every_fault_has_a_need() {
        for (text, name) in [
            ("fault errno(mmap, 2, ENOMEM)", "errno"),
            ("fault swap(mmap, 1, memfd)", "swap"),
            ("fault dead_page(map + 1page)", "dead_page"),
            ("fault page(map, 1page, sigbus)", "page"),
            ("fault page(map, 1page, poison)", "poison"),
            ("fault page(map, 1page, write_protect)", "write_protect"),
            ("fault page(map, 1page, race_unmap)", "race"),
            ("fault slow(map, 1page, 20)", "slow"),
            ("fault hang(map, 1page)", "hang"),
            ("fault maps_exhausted()", "maps_exhausted"),
            ("fault full()", "full"),
            ("fault noexec()", "noexec"),
            ("fault readonly()", "readonly"),
            ("fault running(new)", "running"),
        ] {
            let step = Written::parse(text).unwrap().step;
            assert_eq!(need(&step), Some(name), "{text}");
        }
        let load = Written::parse("load(map, 1)").unwrap().step;
        assert_eq!(need(&load), None);
    }
}
