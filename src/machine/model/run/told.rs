//! What the kernel tells of a process's areas: proc_pid_maps(5), proc_pid_smaps(5) and
//! proc_pid_status(5).

use super::{Came, Run, one};
use crate::case::area::{Area as ToldArea, Areas, Piece};
use crate::case::call::ArgType;
use crate::case::step::{Arg, Step};
use crate::case::{Bytes, Quantity};
use crate::machine::model::clause::Effect;
use crate::machine::model::clauses::Which;
use crate::machine::model::space::{Area, EXEC, Place, READ, WRITE, mark, split};
use crate::transcript::Outcome;

/// How large a process is that has mapped nothing: nobody knows, and nobody can ask.
const BARE: i128 = 1 << 96;

impl<'p> Run<'p> {
    pub(super) fn areas(&mut self, process: usize, a: [i128; 6]) -> Came {
        let (start, end) = (a[0], a[0] + a[1]);
        if self.is_posix() {
            return Err("areas, which POSIX does not know, is not modelled".to_owned());
        }
        let decided = self.decide(Which::Areas, &self.ctx(process, [0; 6]));
        if !decided.0.success {
            return self.settle(decided, &mut |_| Ok(Outcome::Ok));
        }
        let Some(space) = self.w.processes.get(process).map(|p| &p.space) else {
            return Err("areas of nobody".to_owned());
        };
        if split(start).0 != Place::Arena || !space.is_known(start, end) {
            return Err("what lies there is not known".to_owned());
        }
        let mut pieces = Vec::new();
        let mut at = start;
        let mut within: Vec<Area> = space.within(start, end).to_vec();
        let joins = self.holds(Effect::Joins);
        if !joins {
            within = within.iter().flat_map(|a| self.pages(a, end)).collect();
        }
        for area in within {
            if area.object.is_none() && !area.is_anonymous() {
                return Err("the offset in a device".to_owned());
            }
            if area.start > at {
                pieces.push(Piece::Free(self.length(area.start - at)));
            }
            let (from, to) = (area.start.max(start), area.end.min(end));
            let goes_on = joins && area.end > end;
            let offset = area.offset(from).map(|(_, at)| self.length(at.into()));
            pieces.push(Piece::Area(ToldArea {
                goes_before: joins && area.start < start,
                perms: perms(&area),
                length: self.length(to - from),
                offset,
                name: None,
                goes_on,
            }));
            at = to;
        }
        if at < end {
            pieces.push(Piece::Free(self.length(end - at)));
        }
        let text = Areas { pieces }.to_string();
        Ok(one(Outcome::Bytes(Bytes::literal(text.as_bytes()))))
    }

    /// The pages of an area, up to where it ends or is not looked at any more.
    fn pages(&self, area: &Area, end: i128) -> Vec<Area> {
        let page = i128::from(self.page());
        let starts = (0..).map(|n| area.start + n * page);
        let starts = starts.take_while(|at| *at < area.end.min(end));
        let one = |at| {
            let mut one = area.clone();
            one.cut_to(at, at + page);
            one
        };
        starts.map(one).collect()
    }

    fn length(&self, n: i128) -> Quantity {
        Quantity::in_pages(n, &self.machine.scale)
    }

    /// The words that the step asks about.
    fn asked(step: &Step) -> &[&'static str] {
        let mut args = step.args.iter().zip(step.call.args);
        let words = args.find_map(|(arg, spec)| match (arg, spec.ty) {
            (Arg::Flags(set), ArgType::Flags(_)) => Some(set.names.as_slice()),
            _ => None,
        });
        words.unwrap_or_default()
    }

    pub(super) fn vmflags(&mut self, process: usize, step: &Step, a: [i128; 6]) -> Came {
        if self.is_posix() {
            return Err("vmflags, which POSIX does not know, is not modelled".to_owned());
        }
        let decided = self.decide(Which::Areas, &self.ctx(process, [0; 6]));
        if !decided.0.success {
            return self.settle(decided, &mut |_| Ok(Outcome::Ok));
        }
        let space = self.w.processes.get(process).map(|p| &p.space);
        let Some(area) = space.and_then(|s| s.at(a[0])) else {
            return Err("what lies there is not known".to_owned());
        };
        let mut set = Vec::new();
        for word in Self::asked(step) {
            match flag(area, word) {
                Some(true) => set.push(*word),
                Some(false) => {}
                None => return Err(format!("the flag {word} of an area")),
            }
        }
        let text = set.join(" ");
        Ok(one(Outcome::Bytes(Bytes::literal(text.as_bytes()))))
    }

    pub(super) fn status(&mut self, process: usize, step: &'p Step) -> Came {
        if self.is_posix() {
            return Err("status, which POSIX does not know, is not modelled".to_owned());
        }
        let decided = self.decide(Which::Areas, &self.ctx(process, [0; 6]));
        if !decided.0.success {
            return self.settle(decided, &mut |_| Ok(Outcome::Ok));
        }
        let Some(space) = self.w.processes.get(process).map(|p| &p.space) else {
            return Err("the status of nobody".to_owned());
        };
        let value = match Self::asked(step) {
            ["VmLck"] => space.locked(),
            ["VmSize"] => BARE + space.mapped(),
            _ => return Err("this size of a process".to_owned()),
        };
        if let Some(name) = &step.bind {
            self.w.bind(name, "", value);
            return Ok(one(Outcome::Value(Quantity::name(name))));
        }
        let before = self.program.steps[..self.number].iter().rev();
        let mut alike = before.filter(|s| {
            s.call.name == step.call.name && s.actor == step.actor && s.args == step.args
        });
        let other = alike.find_map(|s| s.bind.as_deref());
        Ok(one(
            match other.and_then(|name| Some((name, self.w.value(name)?))) {
                Some((name, other)) => {
                    let more = self.numbers.number(value - other);
                    Outcome::Value(Quantity::name(name).plus(&more))
                }
                None if value >= BARE => return Err("the size of a process".to_owned()),
                None => Outcome::Value(self.numbers.number(value)),
            },
        ))
    }
}

fn perms(area: &Area) -> String {
    let letter = |has: bool, letter: char| if has { letter } else { '-' };
    [
        letter(area.prot & READ != 0, 'r'),
        letter(area.prot & WRITE != 0, 'w'),
        letter(area.prot & EXEC != 0, 'x'),
        if area.shared { 's' } else { 'p' },
    ]
    .iter()
    .collect()
}

/// Whether an area has a flag of `VmFlags`; `None` where the model does not keep it.
fn flag(area: &Area, word: &str) -> Option<bool> {
    Some(match word {
        "rd" => area.prot & READ != 0,
        "wr" => area.prot & WRITE != 0,
        "ex" => area.prot & EXEC != 0,
        "sh" => area.writes_back,
        "mr" => area.may & READ != 0,
        "mw" => area.may & WRITE != 0,
        "ms" => area.shared,
        "gd" => area.grows_down,
        "lo" => area.locked,
        "lf" => area.locked && area.is_marked(mark::ON_FAULT),
        "dc" => area.not_for_children,
        "wf" => area.wiped_on_fork,
        "ac" => area.is_marked(mark::ACCOUNTED),
        "nr" => area.is_marked(mark::UNRESERVED),
        "rr" => area.is_marked(mark::RANDOM),
        "sr" => area.is_marked(mark::SEQUENTIAL),
        "dd" => area.is_marked(mark::UNDUMPED),
        "sl" => area.is_marked(mark::SEALED),
        "hg" => area.is_marked(mark::HUGE),
        "nh" => area.is_marked(mark::SMALL),
        "mg" => area.is_marked(mark::MERGEABLE),
        _ => return None,
    })
}
