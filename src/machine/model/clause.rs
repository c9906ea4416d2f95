//! Clauses: the specification as a list. Each says when it applies and what comes of it, and cites
//! where that stands. Evaluation goes through the list in order, so that a clause can be switched
//! off, or two neighbours swapped, without a line of code being touched.

use super::call::Ctx;
use super::clauses::LISTS;

/// What is read: the standard, or one kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// What POSIX.1 requires, permits and leaves open.
    Posix,
    /// What Linux does, exactly.
    Linux,
}

impl Reading {
    /// The reading of this name.
    pub fn from_name(word: &str) -> Option<Self> {
        match word {
            "posix" => Some(Reading::Posix),
            "linux" => Some(Reading::Linux),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Reading::Posix => "posix",
            Reading::Linux => "linux",
        }
    }
}

/// In which readings a clause stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum In {
    /// In both.
    Both,
    /// In that of POSIX alone.
    Posix,
    /// In that of Linux alone.
    Linux,
}

/// How strictly a clause binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It must be so ("shall").
    Required,
    /// It may be so, or as the clauses after it say ("may").
    Permitted,
    /// The standard does not say what comes of it ("unspecified", "undefined").
    Unspecified,
    /// The implementation has to say what comes of it.
    ImplementationDefined,
}

/// What comes of a call other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It fails with this error.
    Errno(&'static str),
    /// It fails with this error and raises this signal.
    Raise(&'static str, &'static str),
    /// A fault: signal, code, and what address the kernel tells.
    Fault(&'static str, &'static str, Told),
    /// It waits until a signal comes.
    Blocked,
    /// Success, and nothing is done.
    Nothing,
    /// Success at another address than the one given.
    Elsewhere,
    /// Anything; why the model does not know.
    Unmodelled(&'static str),
}

/// What address a fault tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The byte that was touched.
    Byte,
    /// The beginning of its page.
    Page,
    /// None.
    Nowhere,
}

/// What a clause is about.
#[derive(Clone, Copy)]
pub enum Rule {
    /// When it applies, and what then comes of the call.
    Answer(fn(&Ctx<'_>) -> Option<Answer>),
    /// A rule about what a call does where it succeeds.
    Effect(Effect),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rule::Answer(_) => f.write_str("Answer"),
            Rule::Effect(effect) => write!(f, "{effect:?}"),
        }
    }
}

/// One clause.
#[derive(Debug)]
pub struct Clause {
    /// The list that it stands in and its name there: `mmap/length-zero`.
    pub id: &'static str,
    /// In which readings it stands.
    pub reading: In,
    /// How strictly it binds.
    pub force: Force,
    /// Where it stands: sections of the standard, manual pages, kernel files and functions.
    pub cite: &'static [&'static str],
    /// The clause in words.
    pub text: &'static str,
    /// What it does.
    pub rule: Rule,
}

/// The clauses of one call, in the order in which they apply.
#[derive(Debug)]
pub struct List {
    /// The call.
    pub name: &'static str,
    /// Its clauses.
    pub clauses: &'static [Clause],
}

macro_rules! effects {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What calls do where they succeed, one clause each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Effect { $($(#[$doc])* $name),* }
    };
}

effects! {
    /// A range is whole pages.
    WholePages,
    /// A shared mapping's stores reach the object.
    SharedStores,
    /// A private mapping's stores make a copy.
    PrivateCopies,
    /// What lies in the range is replaced.
    Replaces,
    /// What MAP_FIXED was to replace is gone where the file refuses the mapping.
    FailsLate,
    /// Populating a private mapping copies it.
    Populates,
    /// Fresh anonymous memory is zeros.
    AnonymousZeros,
    /// A mapping outlives its descriptor and its file's name.
    Outlives,
    /// munmap takes whole pages out.
    Unmaps,
    /// mprotect changes page by page, up to where it fails.
    ProtectsUpTo,
    /// What was set by mprotect holds.
    Protects,
    /// Cutting a file takes pages away from mappings, private copies included.
    CutTakesPages,
    /// Cutting a file clears the rest of its last page.
    CutClears,
    /// Growing a file clears what was stored behind its end.
    GrowthClears,
    /// Writing back clears what was stored behind the end.
    SyncClears,
    /// A child has copies of private memory.
    ForkCopies,
    /// Droppable memory is zeros in a child.
    ForkWipes,
    /// A child has no locks.
    ForkUnlocks,
    /// O_APPEND writes at the end.
    Appends,
    /// pwrite appends too.
    PwriteAppends,
    /// Reads and writes move the descriptor.
    Moves,
    /// Reading stops at the end of the file.
    ReadStops,
    /// A transfer that faults on its way tells how far it came.
    PartialTransfer,
    /// A pipe gives whole pages.
    PipeGivesPages,
    /// A pipe takes whole pages.
    PipeTakesPages,
    /// No call transfers more than so much.
    AtMost,
    /// A write goes on page by page.
    WritesByPage,
    /// A write that fails may have made the file longer.
    FailedWriteLengthens,
    /// A write ends at the greatest size of a file.
    CutAtGreatest,
    /// A shared mapping of /dev/zero begins at its offset.
    ZeroKeepsOffset,
    /// O_TRUNC cuts.
    OpenCuts,
    /// What advice does.
    Advises,
    /// mlock locks.
    Locks,
    /// munlock unlocks.
    Unlocks,
    /// A hint is followed where the place is free.
    FollowsHint,
    /// mremap shrinks in place.
    Shrinks,
    /// mremap grows in place.
    Grows,
    /// mremap moves a mapping with all that is in it.
    MovesMapping,
    /// mremap moves several mappings at once.
    MovesSeveral,
    /// MREMAP_DONTUNMAP leaves a mapping without pages.
    Stays,
    /// mseal seals.
    Seals,
    /// mincore tells which pages are there.
    TellsResidence,
    /// Neighbours that are alike are one area.
    Joins,
    /// What the kernel chooses lies within bounds.
    ChoosesWithin,
    /// F_ADD_SEALS seals.
    AddsSeals,
    /// A memory file may be made for sealing.
    MaySeal,
    /// dup gives another number to the same open file.
    SharesOpen,
    /// fallocate makes files longer.
    AllocationGrows,
    /// fallocate makes zeros.
    ZeroesRange,
    /// fallocate takes out and puts in.
    ShiftsRange,
    /// A call that is made to fail fails.
    RefusesCalls,
    /// A page changes in the middle of a touch.
    Races,
    /// A supplier of pages goes away.
    Forsakes,
    /// MCL_FUTURE locks what is mapped later.
    LocksLater,
    /// MCL_CURRENT locks what is mapped.
    LocksAll,
    /// munlockall unlocks all.
    UnlocksAll,
    /// PR_SET_MDWE denies.
    Denies,
    /// brk moves the break.
    MovesBreak,
    /// A segment has its key.
    Keys,
    /// shmat attaches.
    Attaches,
    /// shmdt detaches.
    Detaches,
    /// IPC_RMID removes.
    RemovesSegment,
    /// remap_file_pages shows other pages.
    ShowsOthers,
    /// shm_open finds by name.
    FindsObject,
    /// What is refused has cut areas in two.
    CutsAreas,
}

/// The clauses of one reading, as they are applied: some may be switched off, or stand in another
/// order than the specification says.
#[derive(Debug, Clone)]
pub struct Rules {
    reading: Reading,
    lists: Vec<Vec<&'static Clause>>,
    effects: Vec<Option<&'static Clause>>,
}

impl Rules {
    /// All clauses of a reading.
    pub fn new(reading: Reading) -> Self {
        let stands = |c: &&'static Clause| match c.reading {
            In::Both => true,
            In::Posix => reading == Reading::Posix,
            In::Linux => reading == Reading::Linux,
        };
        let mut rules = Rules {
            reading,
            lists: Vec::new(),
            effects: vec![None; 128],
        };
        for list in LISTS {
            let mut answers = Vec::new();
            for clause in list.clauses.iter().filter(stands) {
                match clause.rule {
                    Rule::Answer(_) => answers.push(clause),
                    Rule::Effect(effect) => rules.effects[effect as usize] = Some(clause),
                }
            }
            rules.lists.push(answers);
        }
        rules
    }

    /// The reading.
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// All clauses, in order, effects after the answers of all calls.
    pub fn clauses(&self) -> impl Iterator<Item = &'static Clause> + '_ {
        let answers = self.lists.iter().flatten().copied();
        answers.chain(self.effects.iter().flatten().copied())
    }

    /// The same without one clause; `None` where there is none of this id.
    pub fn without(&self, id: &str) -> Option<Self> {
        let mut rules = self.clone();
        let before = rules.clauses().count();
        for list in &mut rules.lists {
            list.retain(|c| c.id != id);
        }
        for effect in &mut rules.effects {
            *effect = effect.filter(|c| c.id != id);
        }
        (rules.clauses().count() < before).then_some(rules)
    }

    /// The same with a clause and the one after it in its list swapped; `None` where there is no
    /// such clause, or none after it.
    pub fn swapped(&self, id: &str) -> Option<Self> {
        let mut rules = self.clone();
        for list in &mut rules.lists {
            if let Some(i) = list.iter().position(|c| c.id == id) {
                if i + 1 < list.len() {
                    list.swap(i, i + 1);
                    return Some(rules);
                }
            }
        }
        None
    }

    /// The clauses that answer one call, in order.
    pub fn list(&self, which: usize) -> &[&'static Clause] {
        self.lists.get(which).map_or(&[], Vec::as_slice)
    }

    /// The clause of an effect, unless it is switched off.
    pub fn effect(&self, effect: Effect) -> Option<&'static Clause> {
        self.effects.get(effect as usize).copied().flatten()
    }
}

/// What the clauses say of one call.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// What may come of it beside success.
    pub answers: Vec<Answer>,
    /// Whether it may succeed.
    pub success: bool,
    /// Whether the standard leaves open what comes of it.
    pub open: Option<Force>,
}

impl Rules {
    /// Goes through the clauses of a call; `by` gets those that applied.
    pub fn decide(
        &self,
        which: usize,
        ctx: &Ctx<'_>,
        by: &mut dyn FnMut(&'static Clause),
    ) -> Decision {
        let mut decision = Decision {
            success: true,
            ..Decision::default()
        };
        for clause in self.list(which) {
            let Rule::Answer(rule) = clause.rule else {
                continue;
            };
            let Some(answer) = rule(ctx) else {
                continue;
            };
            by(clause);
            match clause.force {
                Force::Unspecified | Force::ImplementationDefined => {
                    decision.open = Some(clause.force);
                }
                force => {
                    if !decision.answers.contains(&answer) {
                        decision.answers.push(answer);
                    }
                    if force == Force::Required {
                        decision.success = false;
                        // Linux looks for faults in a fixed order and stops at the first; the
                        // standard leaves the order open (XSH 2.3 Error Numbers).
                        if self.reading == Reading::Linux {
                            break;
                        }
                    }
                }
            }
        }
        decision
    }
}

/// The clause of this id.
pub fn find(id: &str) -> Option<&'static Clause> {
    all().find(|c| c.id == id)
}

/// All clauses of all calls, in order.
pub fn all() -> impl Iterator<Item = &'static Clause> {
    LISTS.iter().flat_map(|l| l.clauses)
}

impl Clause {
    /// A clause that must hold in both readings.
    pub const fn new(
        id: &'static str,
        cite: &'static [&'static str],
        text: &'static str,
        rule: Rule,
    ) -> Self {
        Clause {
            id,
            reading: In::Both,
            force: Force::Required,
            cite,
            text,
            rule,
        }
    }

    /// The same in the reading of Linux alone.
    #[must_use]
    pub const fn linux(self) -> Self {
        Clause {
            reading: In::Linux,
            ..self
        }
    }

    /// The same in the reading of POSIX alone, binding so strictly.
    #[must_use]
    pub const fn posix(self, force: Force) -> Self {
        Clause {
            reading: In::Posix,
            force,
            ..self
        }
    }

    /// The same, where it may also come out as later clauses say.
    #[must_use]
    pub const fn permitted(self) -> Self {
        Clause {
            force: Force::Permitted,
            ..self
        }
    }
}
