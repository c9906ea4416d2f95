//! The guards: a time limit by lack of progress, and a ceiling on memory.

use super::held::Held;
use super::journal::Journal;
use super::scratch::CaseFile;
use super::sys;
use std::fs;
use std::time::{Duration, Instant};

/// What a worker allows a case.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a case may sleep, at each look, without a note in the journal.
    pub idle: Duration,
    /// How much CPU time a call may take without a note.
    pub busy: Duration,
    /// Whether a call that computes may not take long by the clock either: not where it is an
    /// emulator that computes, which a machine that does much else beside it holds up.
    pub by_clock: bool,
    /// How many bytes its processes and their files may take together.
    pub memory: u64,
}

/// How long a call may run or wait for a disk without a note, in multiples of [`Limits::idle`].
const BUSY: u32 = 40;
/// How long a call may go on after the guard's signal before it counts as a hang.
const GRACE: Duration = Duration::from_millis(200);
/// How often the guard looks.
pub const TICK: Duration = Duration::from_millis(20);
/// How many looks in a row must find a call asleep: one that a busy machine holds up for as long as
/// [`Limits::idle`] may be found in a short sleep of its own, and a guard that is held up itself
/// looks seldom.
const SLEEPS: u32 = 8;

/// What the guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing wrong so far.
    Fine,
    /// Only SIGKILL will end it.
    Hang,
    /// It took too much memory.
    Memory,
    /// The one who acts is dead, and nobody was told.
    Dead,
}

/// The watch over one case.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    seen: u32,
    since: Instant,
    nudged: Option<Instant>,
    died: Option<Instant>,
    asleep: Asleep,
    /// The CPU time of whoever acts, when that was last measured from.
    taken_before: Option<Duration>,
}

impl Guard {
    /// Begins to watch.
    pub fn new(limits: Limits, journal: &Journal) -> Self {
        Guard {
            limits,
            seen: journal.progress(),
            since: Instant::now(),
            nudged: None,
            died: None,
            asleep: Asleep::default(),
            taken_before: None,
        }
    }

    /// Looks once. Called every [`TICK`].
    pub fn look(&mut self, journal: &Journal, main: i32, file: Option<&CaseFile>) -> Finding {
        if taken(journal, main, file) > self.limits.memory {
            return Finding::Memory;
        }
        let now = journal.progress();
        if now != self.seen {
            self.seen = now;
            self.since = Instant::now();
            self.nudged = None;
            self.died = None;
            self.asleep = Asleep::default();
            self.taken_before = None;
            return Finding::Fine;
        }
        let holder = match journal.holder() {
            0 => main,
            tid => tid,
        };
        self.idle(holder, journal)
    }

    fn idle(&mut self, holder: i32, journal: &Journal) -> Finding {
        let stat = Stat::of(holder);
        let state = stat.as_ref().map(|s| s.state);
        // Not sooner: one who has handed the turn on may end before the next has got it, and may
        // have taken long to end.
        if matches!(state, Some('Z' | 'X')) {
            let died = *self.died.get_or_insert_with(Instant::now);
            return match died.elapsed() > self.limits.idle {
                true => Finding::Dead,
                false => Finding::Fine,
            };
        }
        // A call that computes or waits for a disk is slow, not blocked.
        let is_slow = matches!(state, Some('R' | 'D'));
        self.asleep.look(!is_slow, Instant::now());
        if let Some(stat @ Stat { state: 'R', .. }) = &stat {
            let finding = self.computes(stat, holder, journal);
            if finding != Finding::Fine || !self.limits.by_clock {
                return finding;
            }
        }
        if let Some(nudged) = self.nudged {
            // One that runs is on its way out of the call, and may have to wait for a CPU; one that
            // waits for a disk takes no signal before the disk has answered.
            let grace = if is_slow {
                self.limits.idle * BUSY
            } else {
                GRACE
            };
            return match nudged.elapsed() > grace {
                true => Finding::Hang,
                false => Finding::Fine,
            };
        }
        let is_too_long = match is_slow {
            true => self.since.elapsed() > self.limits.idle * BUSY,
            false => self.asleep.is_for(self.limits.idle, Instant::now()),
        };
        if is_too_long {
            self.nudge(holder, journal);
        }
        Finding::Fine
    }

    /// What an emulator or a kernel does in its own code takes no signal.
    fn computes(&mut self, stat: &Stat, holder: i32, journal: &Journal) -> Finding {
        let before = *self.taken_before.get_or_insert(stat.taken);
        // Whoever heard the signal needs but little to come out of the call.
        let allowed = match self.nudged {
            Some(_) => self.limits.busy / 4,
            None => self.limits.busy,
        };
        if stat.taken.saturating_sub(before) <= allowed {
            return Finding::Fine;
        }
        if self.nudged.is_some() {
            return Finding::Hang;
        }
        self.taken_before = Some(stat.taken);
        self.nudge(holder, journal);
        Finding::Fine
    }

    fn nudge(&mut self, holder: i32, journal: &Journal) {
        self.nudged = Some(Instant::now());
        for pid in journal.pids() {
            sys::signal_thread(pid, holder, libc::SIGALRM);
        }
    }
}

/// Since when, and how often, each look has found a call asleep.
#[derive(Debug, Default)]
struct Asleep(Option<(Instant, u32)>);

impl Asleep {
    /// What a look at this moment has found.
    fn look(&mut self, is_asleep: bool, now: Instant) {
        self.0 = match (is_asleep, self.0) {
            (false, _) => None,
            (true, None) => Some((now, 1)),
            (true, Some((since, looks))) => Some((since, looks + 1)),
        };
    }

    /// Whether it has slept for longer than this, by enough looks.
    fn is_for(&self, idle: Duration, now: Instant) -> bool {
        let is_long = |(since, looks)| now - since > idle && looks >= SLEEPS;
        self.0.is_some_and(is_long)
    }
}

/// What the processes of a case and their files take up together, in bytes.
fn taken(journal: &Journal, main: i32, file: Option<&CaseFile>) -> u64 {
    let mut pids = journal.pids();
    if pids.is_empty() {
        pids.push(main);
    }
    let mut held = Held::default();
    for pid in &pids {
        held.add_process(*pid);
    }
    if let Some(file) = file {
        held.add_own(file.fd());
    }
    let memory: u64 = pids.iter().map(|p| memory_of(*p)).sum();
    memory.saturating_add(held.bytes())
}

/// What proc_pid_stat(5) tells of a thread.
#[derive(Debug)]
struct Stat {
    /// The letter of its state.
    state: char,
    /// Its CPU time.
    taken: Duration,
}

impl Stat {
    /// If the kernel tells.
    fn of(tid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{tid}/stat")).ok()?;
        // The name before it may hold anything, parentheses included.
        let mut words = stat.rsplit_once(')')?.1.split_whitespace();
        let state = words.next()?.chars().next()?;
        // Eleventh and twelfth from here, in hundredths of a second (USER_HZ).
        let ticks = words.skip(10).take(2).filter_map(|w| w.parse::<u64>().ok());
        Some(Stat {
            state,
            taken: Duration::from_millis(10 * ticks.sum::<u64>()),
        })
    }
}

/// How much a byte of page tables weighs. Reading 1 TiB of the zero page takes nothing but page
/// tables, and those grow by a few MiB in the time in which memory grows by hundreds.
const TABLES_WEIGHT: u64 = 32;

/// Anonymous and shared memory and page tables of a process (proc_pid_status(5)), in bytes.
fn memory_of(pid: i32) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return 0;
    };
    let weight = |line: &str| match line.split(':').next() {
        Some("RssAnon" | "RssShmem") => Some(1024),
        Some("VmPTE") => Some(1024 * TABLES_WEIGHT),
        _ => None,
    };
    status
        .lines()
        .filter_map(|l| {
            Some((
                weight(l)?,
                l.split_whitespace().nth(1)?.parse::<u64>().ok()?,
            ))
        })
        .map(|(weight, kib)| kib * weight)
        .sum()
}

#[cfg(test)]
#[expect(unsafe_code, reason = "a process that ignores the guard's signal")]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        idle: Duration::from_millis(50),
        busy: Duration::from_secs(60),
        by_clock: true,
        memory: 512 << 20,
    };

    /// What the guard finds of a child that does this when it has the turn.
    fn found(work: fn()) -> Finding {
        found_within(LIMITS, work)
    }

    fn found_within(limits: Limits, work: fn()) -> Finding {
        found_by(Duration::from_secs(60), limits, work)
    }

    /// The same of one that is only watched for so long.
    fn found_by(time: Duration, mut limits: Limits, work: fn()) -> Finding {
        let mut journal = Journal::new(false).unwrap();
        journal.reset(1);
        // A child begins with what all tests hold by then.
        limits.memory += memory_of(std::process::id() as i32);
        // SAFETY: the child runs `work` and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let own = std::process::id() as i32;
            journal.take_turn(0, own, own);
            work();
            sys::exit(0);
        }
        let mut guard = Guard::new(limits, &journal);
        let until = Instant::now() + time;
        let mut finding = Finding::Fine;
        while finding == Finding::Fine && Instant::now() < until {
            std::thread::sleep(TICK);
            finding = guard.look(&journal, child, None);
        }
        // SAFETY: numbers only, of a child that is not waited for yet.
        unsafe { libc::kill(child, libc::SIGKILL) };
        sys::wait_for(child).unwrap();
        finding
    }

    /// One who ignores the guard's signal stands for a call that only SIGKILL ends.
    #[test]
    fn what_only_a_kill_ends_hangs() {
        let hangs = || loop {
            // SAFETY: numbers only.
            unsafe {
                libc::signal(libc::SIGALRM, libc::SIG_IGN);
                libc::pause();
            }
        };
        assert_eq!(found(hangs), Finding::Hang);
    }

    fn computes() {
        loop {
            // SAFETY: numbers only.
            unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
        }
    }

    /// As an emulator does, or write(2) of Linux 7.2 on riscv64, that never hears of a signal: a
    /// long time by the clock is not awaited.
    #[test]
    fn one_who_computes_for_ever_hangs_by_its_cpu_time() {
        for by_clock in [false, true] {
            let limits = Limits {
                idle: Duration::from_secs(60),
                busy: Duration::from_millis(100),
                by_clock,
                ..LIMITS
            };
            assert_eq!(found_within(limits, computes), Finding::Hang);
        }
    }

    /// What it takes by the clock says how busy its host is.
    #[test]
    fn an_emulator_that_computes_is_not_judged_by_the_clock() {
        let limits = Limits {
            idle: Duration::from_micros(100),
            by_clock: false,
            ..LIMITS
        };
        let found = found_by(Duration::from_millis(500), limits, computes);
        assert_eq!(found, Finding::Fine);
    }

    #[test]
    fn one_who_computes_for_ever_hangs_by_the_clock() {
        assert_eq!(found(computes), Finding::Hang);
    }

    #[test]
    fn one_who_died_with_the_turn_is_found() {
        assert_eq!(found(|| sys::exit(1)), Finding::Dead);
    }

    #[test]
    fn one_who_takes_too_much_is_found() {
        let greedy = || {
            // SAFETY: fresh memory, populated at once.
            unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    1 << 30,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                    -1,
                    0,
                );
                libc::sleep(60);
            }
        };
        assert_eq!(found(greedy), Finding::Memory);
    }

    /// Neither one look after a long time, nor many with one between that found it awake.
    #[test]
    fn a_short_sleep_is_no_long_one() {
        let idle = Duration::from_millis(300);
        let begin = Instant::now();
        let sleeps = |awake: u32, looks: u32, tick: Duration| {
            let mut asleep = Asleep::default();
            for n in 1..=looks {
                asleep.look(n != awake, begin + tick * n);
            }
            asleep.is_for(idle, begin + tick * looks)
        };
        assert!(sleeps(0, 20, TICK));
        assert!(!sleeps(0, 15, TICK), "not yet");
        assert!(!sleeps(19, 20, TICK), "awake just now");
        assert!(!sleeps(10, 20, TICK), "awake in between");
        assert!(!sleeps(0, 2, 20 * TICK), "looked at seldom");
    }

    #[test]
    fn a_process_is_seen_from_outside() {
        let pid = std::process::id() as i32;
        let own = Stat::of(pid).unwrap();
        assert!(matches!(own.state, 'R' | 'S'));
        assert!(memory_of(pid) > 4096);
        assert!(Stat::of(-5).is_none());
        assert_eq!(memory_of(-5), 0);
    }
}
