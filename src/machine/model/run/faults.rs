//! What goes wrong on purpose.

use super::{Came, Run, one};
use crate::case::call::Act;
use crate::case::errno::Errno;
use crate::case::fault::Fault;
use crate::case::step::{Arg, Step};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::clauses::faults::{TAKEN_OVER, range};
use crate::machine::model::clauses::touch::is_missing;
use crate::machine::model::object::{Kind, Object};
use crate::machine::model::space::{Area, EXEC, READ, WRITE, mark};
use crate::machine::model::told::Allowed;
use crate::machine::model::world::{Brought, Harm};
use crate::transcript::Outcome;

/// A page that comes in fewer milliseconds than the first comes while somebody waits; one that
/// takes more than the second is not waited for.
const SOON: i128 = 50;
const NEVER: i128 = 5000;

impl<'p> Run<'p> {
    pub(super) fn bring_about(
        &mut self,
        process: usize,
        step: &'p Step,
        fault: Fault,
        a: [i128; 6],
    ) -> Came {
        let harm = match fault {
            Fault::Errno => self.failing(step, a)?,
            Fault::DeadPage => return self.empty(process, step, a),
            Fault::Page | Fault::Slow | Fault::Hang => {
                return self.take_over(process, step, fault, a);
            }
            Fault::Full if self.machine.fs == crate::machine::model::machine::Fs::Tmpfs => {
                let page = i128::from(self.page());
                self.w.room = u64::try_from(a[0].div_euclid(page)).ok();
                Harm::Full
            }
            _ => return Err(format!("{} is not modelled", step.call.name)),
        };
        self.brought(step, harm);
        Ok(one(Self::bound(step)))
    }

    fn brought(&mut self, step: &'p Step, harm: Harm) {
        let name = step.bind.as_deref();
        self.w.faults.push(Brought { name, harm });
    }

    /// Calls of a name that are to fail.
    fn failing(&mut self, step: &'p Step, a: [i128; 6]) -> Result<Harm, String> {
        let [Arg::Word(name), nth, Arg::Word(errno), ..] = step.args.as_slice() else {
            return Err("a fault of calls that names none".to_owned());
        };
        // The filter is that of who asks for it, and of those whom it makes.
        self.w.actors[self.actor].watched = true;
        let all = matches!(nth, Arg::Word(_));
        Ok(Harm::Call {
            name,
            nth: if all { 0 } else { a[1] },
            times: a[3],
            errno,
            seen: 0,
        })
    }

    /// What comes of a step that meets a fault of calls.
    pub(super) fn meets_fault(&mut self, _: usize, step: &Step) -> Option<Came> {
        if self.w.faults.is_empty() || !self.w.actors[self.actor].watched {
            return None;
        }
        let made_by_library = matches!(
            step.call.act,
            Act::Thread | Act::ShmOpen | Act::ShmUnlink | Act::Aio(_) | Act::Uring(_)
        );
        let mut met = None;
        for brought in &mut self.w.faults {
            let Harm::Call {
                name,
                nth,
                times,
                errno,
                seen,
            } = &mut brought.harm
            else {
                continue;
            };
            if made_by_library || step.call.act == Act::PosixMadvise && *name == "madvise" {
                let why = "calls within a library that are made to fail are not modelled";
                return Some(Err(why.to_owned()));
            }
            if step.call.name != *name {
                continue;
            }
            *seen += 1;
            if *nth == 0 || *seen >= *nth && *seen - *nth < *times {
                met = Some(*errno);
                break;
            }
        }
        let errno = met.filter(|_| self.holds(Effect::RefusesCalls))?;
        let errno = Errno::from_name(errno).unwrap_or(Errno::Number(0));
        Some(Ok(one(Outcome::Errno(errno, None))))
    }

    /// An empty object is mapped over a range.
    fn empty(&mut self, process: usize, step: &'p Step, a: [i128; 6]) -> Came {
        let ctx = self.ctx(process, a);
        let (start, end) = range(&ctx);
        let decided = self.decide(Which::Fault, &ctx);
        self.settle(decided, &mut |run| {
            let page = run.page();
            let object = run.w.add(Object::new(Kind::Memory, 0, page));
            run.space(process).unmap(start, end);
            run.space(process).insert(Area {
                start,
                end,
                prot: READ | WRITE,
                may: READ | WRITE | EXEC,
                shared: true,
                writes_back: true,
                object: Some((object, 0)),
                through: Some(usize::MAX - object),
                ..Area::of_nothing()
            });
            run.brought(step, Harm::Empty(object, a[1] as u64));
            Ok(Self::bound(step))
        })
    }

    /// The pages of a range are taken over by userfaultfd(2).
    fn take_over(
        &mut self,
        process: usize,
        step: &'p Step,
        fault: Fault,
        mut a: [i128; 6],
    ) -> Came {
        a[TAKEN_OVER] = 1;
        let ctx = self.ctx(process, a);
        let (start, end) = range(&ctx);
        let how = match step.args.get(2) {
            Some(Arg::Word(how)) => *how,
            _ => "",
        };
        let mark = match (fault, how) {
            (Fault::Hang, _) | (_, "poison") => mark::AWAITED,
            (Fault::Slow, _) if a[2] < SOON => mark::LATE,
            (Fault::Slow, _) if a[2] >= NEVER => mark::AWAITED,
            (_, "sigbus") => mark::MISSING,
            (_, "write_protect") => mark::UNWRITTEN,
            (_, "race_unmap") => mark::RACE_UNMAP,
            (_, "race_protect") => mark::RACE_PROTECT,
            (_, "race_replace") => mark::RACE_REPLACE,
            (_, "close") => mark::FORSAKEN,
            _ => return Err("how long is waited for a page is not modelled".to_owned()),
        };
        if how == "poison" && self.any_present(process, start, end)? {
            return Err("poison where pages are is not modelled".to_owned());
        }
        let decided = self.decide(Which::Fault, &ctx);
        self.settle(decided, &mut |run| {
            run.space(process)
                .change(start, end, &mut |area| area.marks |= mark);
            if how == "poison" {
                run.space(process).poison(start, end);
            }
            run.brought(step, Harm::Marked(process, (start, end), mark));
            Ok(Self::bound(step))
        })
    }

    fn any_present(&self, process: usize, start: i128, end: i128) -> Result<bool, String> {
        let ctx = self.ctx(process, [0; 6]);
        let page = i128::from(self.page());
        let mut at = start;
        while at < end {
            match is_missing(&ctx, at) {
                Some(true) => at += page,
                Some(false) => return Ok(true),
                None => return Err("which pages of a file are there is not known".to_owned()),
            }
        }
        Ok(false)
    }

    pub(super) fn withdraw(&mut self, step: &Step) -> Came {
        let Some(Arg::Fault(name)) = step.args.first() else {
            return Err("nothing is withdrawn".to_owned());
        };
        let faults = &self.w.faults;
        let Some(n) = faults.iter().position(|f| f.name == Some(name)) else {
            return Ok(one(Outcome::NotReached(name.clone())));
        };
        match self.w.faults.remove(n).harm {
            Harm::Call { .. } => {}
            Harm::Empty(object, size) => {
                if let Some(object) = self.w.objects.get_mut(object) {
                    object.size = size;
                    object.note(0, size);
                }
            }
            Harm::Marked(process, (start, end), mark) => {
                self.space(process)
                    .change(start, end, &mut |area| area.marks &= !mark);
            }
            Harm::Full => self.w.room = None,
        }
        Ok(one(Outcome::Ok))
    }

    /// What happens in the middle of a touch of a page that somebody else is to supply. The touch
    /// is made once more.
    pub(super) fn interfere(&mut self, process: usize, at: i128, store: bool) {
        let ctx = self.ctx(process, [0; 6]);
        let Some(area) = ctx.space().and_then(|s| s.at(at)) else {
            return;
        };
        let wanted = if store { WRITE } else { READ | WRITE | EXEC };
        let marks = area.marks & mark::TAKEN_OVER;
        if marks == 0 || area.prot & wanted == 0 || is_missing(&ctx, at) != Some(true) {
            return;
        }
        let page = i128::from(self.page());
        let (start, end) = (self.page_of(at), self.page_of(at) + page);
        let has = |mark: u32| marks & mark != 0;
        if has(mark::FORSAKEN) && self.holds(Effect::Forsakes) {
            self.forsake(process, at);
        } else if has(mark::RACE_UNMAP) && self.holds(Effect::Races) {
            self.space(process).unmap(start, end);
        } else if has(mark::RACE_PROTECT) && self.holds(Effect::Races) {
            self.space(process)
                .change(start, end, &mut |area| area.prot = 0);
        } else if has(mark::RACE_REPLACE) && self.holds(Effect::Races) {
            self.space(process).unmap(start, end);
            self.space(process).insert(Area {
                start,
                end,
                prot: READ | WRITE,
                may: READ | WRITE | EXEC,
                marks: mark::ACCOUNTED,
                home: start,
                ..Area::of_nothing()
            });
        }
    }

    /// All that one supplier took over is free again.
    fn forsake(&mut self, process: usize, at: i128) {
        let ranges: Vec<_> = self
            .w
            .faults
            .iter()
            .filter_map(|f| match f.harm {
                Harm::Marked(p, (start, end), mark::FORSAKEN)
                    if p == process && start <= at && at < end =>
                {
                    Some((start, end))
                }
                _ => None,
            })
            .collect();
        for (start, end) in ranges {
            self.space(process)
                .change(start, end, &mut |area| area.marks &= !mark::FORSAKEN);
        }
    }

    /// Calls whose ways with pages that are taken over are not modelled.
    pub(super) fn takes_no_part(&self, process: usize, step: &Step) -> Option<Allowed> {
        if self.w.faults.is_empty() {
            return None;
        }
        let named = ["mlock", "mlock2", "mlockall", "mremap", "mincore"];
        let taken = self.w.processes.get(process).is_some_and(|p| {
            let mut areas = p.space.areas().iter();
            areas.any(|a| a.is_marked(mark::TAKEN_OVER))
        });
        let told = || format!("{} where pages are taken over", step.call.name);
        (taken && named.contains(&step.call.name)).then(|| Allowed::Unmodelled(told()))
    }
}
