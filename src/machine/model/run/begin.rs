//! What is there before the first step.

use super::{ARENA_SIZE, Run};
use crate::case::call::{Act, FIXTURES};
use crate::case::step::{Arg, Fd};
use crate::machine::model::clauses::{CLOSED, WILD};
use crate::machine::model::object::{Kind, Object, seal};
use crate::machine::model::space::{ARENA, Space};
use crate::machine::model::world::{Actor, Limits, Open, Process, Settings, What};

impl Run<'_> {
    /// What is there before the first step.
    pub(super) fn begin(&mut self) {
        // Most cases have one of each; room for more at once costs more than they need.
        self.w.processes.reserve_exact(1);
        self.w.actors.reserve_exact(1);
        self.w.objects.reserve_exact(1);
        let null = Open::new(What::Null, true, true);
        self.w.opens.push(null);
        let scale = &self.machine.scale;
        // The stack begins a random part of gigabytes below the end of the address space, and
        // nothing lies behind that end.
        let known = [
            (ARENA - ARENA_SIZE, ARENA + 2 * ARENA_SIZE),
            (0, i128::from(scale.min_addr)),
            (
                i128::from(scale.top) - i128::from(scale.page),
                2 * (scale.word_max() + 1),
            ),
        ];
        self.w.processes.push(Process {
            space: Space::knowing(&known),
            fds: vec![Some(0); 3],
            ended: None,
            waited: false,
            parent: None,
            limits: Limits::default(),
            settings: Settings::default(),
        });
        self.w.actors.push(Actor {
            name: "main",
            process: 0,
            thread: false,
            gone: false,
            watched: false,
        });
        if self.program.uses_file() {
            let mut object = Object::new(Kind::File, self.eof, self.page());
            if !self.initial.is_empty() {
                object = object.holding(self.initial.clone());
            }
            let file = self.w.add(object);
            self.w.file = Some(file);
            self.w.scratch = Some(file);
        }
        self.fixtures();
        let peers = self.program.steps.iter();
        let peers = peers.filter(|s| s.call.act == Act::Process);
        for name in peers.filter_map(|s| s.bind.as_deref()) {
            self.add_process(name, 0);
        }
    }

    fn fixtures(&mut self) {
        let mut pipe = None;
        let args = self.program.steps.iter().flat_map(|s| &s.args);
        for name in args.filter_map(|a| match a {
            Arg::Fd(Fd::Name(name)) if name != "file" => Some(name.as_str()),
            _ => None,
        }) {
            let fixture = FIXTURES.iter().find(|f| f.0 == name).map(|f| f.0);
            let Some(name) = fixture.filter(|_| self.w.value(name).is_none()) else {
                continue;
            };
            let value = match name {
                "closed" => CLOSED,
                "wild" => WILD,
                "pipe.read" => self.pipe_fixture(&mut pipe).0,
                "pipe.write" => self.pipe_fixture(&mut pipe).1,
                other => match self.fixture(other) {
                    Some(open) => self.w.install(0, open),
                    None => continue,
                },
            };
            self.w.bind(name, "", value);
        }
    }

    fn pipe_fixture(&mut self, pipe: &mut Option<(i128, i128)>) -> (i128, i128) {
        *pipe.get_or_insert_with(|| self.new_pipe(0))
    }

    fn fixture(&mut self, name: &str) -> Option<Open> {
        let what = match name {
            "dir" => return Some(Open::new(What::Dir, true, false)),
            "proc-file" => return Some(Open::new(What::Proc, true, false)),
            "path" => {
                let mut open = Open::new(What::Object(self.w.file?), false, false);
                open.path = true;
                return Some(open);
            }
            "memfd" | "memfd-sealable" => {
                let mut object = Object::new(Kind::Memory, self.eof, self.page());
                object.mode = 0o777;
                object.seals = if name == "memfd" { seal::SEAL } else { 0 };
                What::Object(self.w.add(object))
            }
            "dir-path" => {
                let mut open = Open::new(What::Dir, false, false);
                open.path = true;
                return Some(open);
            }
            "inotify" | "dev-random" | "dev-urandom" => {
                return Some(Open::new(What::Device, true, false));
            }
            "sysfs-file" => return Some(Open::new(What::Proc, true, false)),
            "fifo" | "dev-full" | "timerfd" | "signalfd" | "tty" | "tty.master" | "pidfd" => {
                What::Device
            }
            "socket" | "socket.other" | "datagram" | "datagram.other" => What::Socket,
            "dev-zero" => What::Zero,
            "dev-null" => What::Null,
            "epoll" | "eventfd" => What::Event,
            _ => What::Foreign,
        };
        Some(Open::new(what, true, true))
    }
}
