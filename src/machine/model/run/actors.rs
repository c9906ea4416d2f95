//! Processes and threads.

use super::{Came, Run, one};
use crate::case::step::{Arg, Step};
use crate::machine::model::clause::{Answer, Effect};
use crate::machine::model::clauses::Which;
use crate::machine::model::world::{Actor, Ended, Process};
use crate::transcript::Outcome;

impl<'p> Run<'p> {
    /// Adds a child of `parent`, with a copy of what it has.
    pub(super) fn add_process(&mut self, name: &'p str, parent: usize) {
        let Some(made) = self.w.processes.get(parent) else {
            return;
        };
        let child = Process {
            space: made.space.clone(),
            fds: made.fds.clone(),
            ended: None,
            waited: false,
            parent: Some(parent),
            limits: made.limits,
            settings: made.settings,
        };
        self.w.processes.push(child);
        let process = self.w.processes.len() - 1;
        self.w.actors.push(Actor {
            name,
            process,
            thread: false,
            gone: false,
            watched: false,
        });
    }

    pub(super) fn fork(&mut self, process: usize, step: &'p Step) -> Came {
        let Some(name) = step.bind.as_deref() else {
            return Err("a child without a name".to_owned());
        };
        let decided = self.decide(Which::Fork, &self.ctx(process, [0; 6]));
        if !decided.0.success {
            return self.settle(decided, &mut |_| Ok(Outcome::Ok));
        }
        let copies = self.holds(Effect::ForkCopies);
        let wipes = self.has_wiped(process) && self.holds(Effect::ForkWipes);
        let locks = self
            .w
            .processes
            .get(process)
            .map_or(0, |p| p.space.locked());
        let unlocks = locks > 0 && self.holds(Effect::ForkUnlocks);
        self.add_process(name, process);
        let watched = self.w.actors[self.actor].watched;
        if let Some(actor) = self.w.actors.last_mut() {
            actor.watched = watched;
        }
        self.inherit_settings(self.w.processes.len() - 1);
        if let Some(child) = self.w.processes.last_mut() {
            let wiped: Vec<_> = child
                .space
                .areas()
                .iter()
                .filter(|a| a.wiped_on_fork)
                .collect();
            let ranges: Vec<_> = wiped.iter().map(|a| (a.start, a.end)).collect();
            if wipes {
                for (start, end) in ranges {
                    child.space.forget(start, end);
                    child.space.unguard(start, end);
                }
            }
            let kept = child.space.areas().iter().filter(|a| a.not_for_children);
            let kept: Vec<_> = kept.map(|a| (a.start, a.end)).collect();
            for (start, end) in kept {
                child.space.unmap(start, end);
            }
            if !copies {
                child.space.own.clear();
            }
            child.space.inherit(unlocks);
        }
        Ok(one(Self::bound(step)))
    }

    fn has_wiped(&self, process: usize) -> bool {
        let areas = self.w.processes.get(process).map(|p| p.space.areas());
        areas.is_some_and(|a| a.iter().any(|a| a.wiped_on_fork))
    }

    pub(super) fn thread(&mut self, process: usize, step: &'p Step) -> Came {
        let Some(name) = step.bind.as_deref() else {
            return Err("a thread without a name".to_owned());
        };
        let decided = self.decide(Which::Fork, &self.ctx(process, [0; 6]));
        if !decided.0.success {
            return self.settle(decided, &mut |_| Ok(Outcome::Ok));
        }
        self.w.actors.push(Actor {
            name,
            process,
            thread: true,
            gone: false,
            watched: self.w.actors[self.actor].watched,
        });
        Ok(one(Self::bound(step)))
    }

    pub(super) fn process(&mut self, step: &'p Step) -> Came {
        Ok(one(Self::bound(step)))
    }

    /// Ends a process with all its threads.
    pub(super) fn end(&mut self, process: usize, ended: Ended) {
        if let Some(p) = self.w.processes.get_mut(process) {
            p.ended = Some(ended);
        }
        for actor in &mut self.w.actors {
            actor.gone |= actor.process == process;
        }
    }

    pub(super) fn exit(&mut self, process: usize, args: [i128; 6]) -> Came {
        let status = args[0] as i32;
        self.end(process, Ended::Exit(status));
        Ok(one(Outcome::Exit(status)))
    }

    pub(super) fn wait(&mut self, process: usize, step: &Step) -> Came {
        let Some(Arg::Actor(name)) = step.args.first() else {
            return Err("nobody is waited for".to_owned());
        };
        let actors = &self.w.actors;
        let Some(other) = actors.iter().position(|a| a.name == name) else {
            return Err("who is waited for was never made".to_owned());
        };
        let (of, thread) = (self.w.actors[other].process, self.w.actors[other].thread);
        if thread {
            self.w.actors[other].gone = true;
            return Ok(one(Outcome::Ok));
        }
        if of == process {
            return Err("a thread that waits for its own process".to_owned());
        }
        // One that has not ended by itself has nothing more to do: it ends now.
        if self.w.processes[of].ended.is_none() {
            self.end(of, Ended::Exit(0));
        }
        let mut args = [0; 6];
        args[0] = of as i128;
        let decided = self.decide(Which::Wait, &self.ctx(process, args));
        let waited = !decided.0.answers.contains(&Answer::Errno("ECHILD"));
        self.settle(decided, &mut |run| {
            let other = run.w.processes.get_mut(of).filter(|_| waited);
            let Some(other) = other else {
                return Err("who is waited for was never made".to_owned());
            };
            other.waited = true;
            Ok(match other.ended {
                Some(Ended::Killed(signal)) => Outcome::Killed(super::signal_named(signal)),
                Some(Ended::Exit(status)) => Outcome::Exit(status),
                None => Outcome::Exit(0),
            })
        })
    }
}
