//! All clauses, by call, in the order in which they apply.

pub mod actors;
pub mod advice;
pub mod allocation;
pub mod faults;
pub mod files;
pub mod mapping;
pub mod mmap;
pub mod remap;
pub mod remap_file;
pub mod residence;
pub mod seal;
pub mod sealing;
pub mod segments;
pub mod settings;
pub mod shm;
pub mod told;
pub mod touch;
pub mod transfer;

use super::call::Ctx;
use super::clause::{Answer, Clause, Effect, List, Rule};

/// A number that a descriptor had that was closed, as the fixture `closed` is.
pub const CLOSED: i128 = 140;
/// A number that never was a descriptor, as the fixture `wild` is.
pub const WILD: i128 = 150;

/// All lists; [`Which`] numbers them.
pub static LISTS: &[&List] = &[
    &mmap::MMAP,
    &mapping::MUNMAP,
    &mapping::MPROTECT,
    &mapping::MSYNC,
    &touch::TOUCH,
    &files::OPEN,
    &files::CLOSE,
    &files::UNLINK,
    &files::FTRUNCATE,
    &transfer::READ,
    &transfer::WRITE,
    &files::LSEEK,
    &files::SIZE,
    &actors::WAIT,
    &actors::FORK,
    &advice::MADVISE,
    &advice::MLOCK,
    &advice::MUNLOCK,
    &remap::MREMAP,
    &residence::MINCORE,
    &seal::MSEAL,
    &told::AREAS,
    &sealing::FCNTL,
    &sealing::MEMFD,
    &sealing::DUP,
    &allocation::FALLOCATE,
    &faults::FAULT,
    &settings::MLOCKALL,
    &settings::MUNLOCKALL,
    &settings::PRCTL,
    &settings::BRK,
    &segments::SHMGET,
    &segments::SHMAT,
    &segments::SHMDT,
    &segments::SHMCTL,
    &remap_file::REMAP_FILE,
    &shm::OPEN,
    &shm::UNLINK,
    &advice::POSIX_MADVISE,
];

/// The lists by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// mmap(2).
    Mmap,
    /// munmap(2).
    Munmap,
    /// mprotect(2).
    Mprotect,
    /// msync(2).
    Msync,
    /// A load or a store.
    Touch,
    /// open(2).
    Open,
    /// close(2).
    Close,
    /// unlink(2).
    Unlink,
    /// ftruncate(2).
    Ftruncate,
    /// read(2) and pread(2).
    Read,
    /// write(2) and pwrite(2).
    Write,
    /// lseek(2).
    Lseek,
    /// The size that fstat(2) tells.
    Size,
    /// Waiting for an actor.
    Wait,
    /// fork(2).
    Fork,
    /// madvise(2).
    Madvise,
    /// mlock(2) and mlock2(2).
    Mlock,
    /// munlock(2).
    Munlock,
    /// mremap(2).
    Mremap,
    /// mincore(2).
    Mincore,
    /// mseal(2).
    Mseal,
    /// The kernel's list of areas.
    Areas,
    /// fcntl(2), as far as it is about seals.
    Fcntl,
    /// memfd_create(2).
    MemfdCreate,
    /// dup(2).
    Dup,
    /// fallocate(2).
    Fallocate,
    /// What goes wrong on purpose.
    Fault,
    /// mlockall(2).
    Mlockall,
    /// munlockall(2).
    Munlockall,
    /// prctl(2).
    Prctl,
    /// brk(2).
    Brk,
    /// shmget(2).
    Shmget,
    /// shmat(2).
    Shmat,
    /// shmdt(2).
    Shmdt,
    /// shmctl(2).
    Shmctl,
    /// remap_file_pages(2).
    RemapFile,
    /// shm_open(3).
    ShmOpen,
    /// shm_unlink(3).
    ShmUnlink,
    /// posix_madvise(3).
    PosixMadvise,
}

fn when(condition: bool, answer: Answer) -> Option<Answer> {
    condition.then_some(answer)
}

const fn answer(
    id: &'static str,
    cite: &'static [&'static str],
    text: &'static str,
    rule: fn(&Ctx<'_>) -> Option<Answer>,
) -> Clause {
    Clause::new(id, cite, text, Rule::Answer(rule))
}

const fn effect(
    id: &'static str,
    cite: &'static [&'static str],
    text: &'static str,
    effect: Effect,
) -> Clause {
    Clause::new(id, cite, text, Rule::Effect(effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn lists_stand_where_their_numbers_say() {
        assert_eq!(LISTS[Which::Mmap as usize].name, "mmap");
        assert_eq!(LISTS[Which::Touch as usize].name, "touch");
        assert_eq!(LISTS[Which::Size as usize].name, "size");
        assert_eq!(LISTS[Which::Fork as usize].name, "fork");
        assert_eq!(LISTS.len(), Which::PosixMadvise as usize + 1);
    }

    #[test]
    fn each_clause_has_a_name_of_its_own_a_citation_and_a_sentence() {
        let mut seen = HashSet::new();
        for list in LISTS {
            for clause in list.clauses {
                assert!(seen.insert(clause.id), "{} is there twice", clause.id);
                let (first, _) = clause.id.split_once('/').unwrap();
                assert_eq!(first, list.name, "{}", clause.id);
                assert!(!clause.cite.is_empty(), "{}", clause.id);
                assert!(clause.text.len() > 10, "{}", clause.id);
            }
        }
    }
}
