//! Steps that are about actors: making them, waiting for them, ending.
#![expect(
    unsafe_code,
    reason = "fork, and a thread that outlives the frames that it borrows from"
)]

use super::child::{Actor, value};
use super::compiled::Op;
use super::journal::{Record, kind};
use super::{sys, touch};
use crate::case::call::Act;

/// Does one of these steps.
pub fn act(actor: &mut Actor, step: usize, op: &'static Op, args: &[i128]) -> Record {
    let other = op.other.unwrap_or(0);
    match op.call.act {
        Act::Fork => match fork(actor, other) {
            Ok(()) => value(0),
            Err(errno) => failed(errno),
        },
        // It was started before the case.
        Act::Process if actor.turn.is_alive(other) => value(0),
        Act::Process => failed(libc::EAGAIN),
        Act::Thread => thread(actor, other),
        Act::Wait => wait(actor, other),
        _ => exit(actor, step, args[0] as i32),
    }
}

fn failed(errno: i32) -> Record {
    Record {
        kind: kind::ERRNO,
        errno,
        ..Record::default()
    }
}

/// Starts the processes that share nothing but the files.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".text.hot.child"))]
pub fn start_peers(main: &mut Actor) {
    for &peer in main.setting.compiled.peers {
        // One that can't be started shows in the step that names it.
        let _ = fork(main, peer);
    }
}

/// Makes a child process, which waits for its turn as actor `other`.
fn fork(actor: &mut Actor, other: usize) -> Result<(), i32> {
    // SAFETY: the child goes on with its own copy of everything and never returns from here.
    let pid = unsafe { libc::fork() };
    if pid == -1 {
        return Err(sys::last_errno());
    }
    if pid == 0 {
        let parent = actor.turn.pids[actor.index];
        if actor.setting.die_together && !actor.turn.is_thread(actor.index) {
            sys::die_with_parent(parent);
        } else if actor.setting.worker != -1 {
            touch::die_with_worker(parent, actor.setting.worker);
        }
        actor.index = other;
        actor.await_turn();
        actor.act_on();
        sys::exit(0);
    }
    born(actor, other, pid);
    Ok(())
}

fn born(actor: &mut Actor, other: usize, pid: i32) {
    actor.turn.born |= 1 << other;
    actor.turn.pids[other] = pid;
    actor.turn.parents[other] = actor.index as i32;
}

/// What a new thread takes along.
struct Luggage(Actor);

// SAFETY: the setting is never changed, the journal is written by one actor at a time (the turn
// sees to that), and the rest is plain numbers.
unsafe impl Send for Luggage {}

fn thread(actor: &mut Actor, other: usize) -> Record {
    let mut turn = actor.turn;
    turn.pids[other] = actor.turn.pids[actor.index];
    let luggage = Luggage(Actor {
        setting: actor.setting,
        index: other,
        turn,
        marks: actor.marks,
    });
    let started = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || {
            let luggage = luggage;
            let Luggage(mut actor) = luggage;
            if touch::own_signal_stack().is_ok() {
                actor.await_turn();
                actor.act_on();
            }
        });
    match started {
        Ok(_) => {
            let pid = actor.turn.pids[actor.index];
            born(actor, other, pid);
            actor.turn.threads |= 1 << other;
            value(0)
        }
        Err(e) => failed(e.raw_os_error().unwrap_or(libc::EAGAIN)),
    }
}

/// Waits for an actor. One that has not ended by itself has nothing more to do: it ends now.
fn wait(actor: &mut Actor, other: usize) -> Record {
    let is_thread = actor.turn.is_thread(other);
    if actor.turn.is_alive(other) {
        actor.turn.end_for = actor.index as i32;
        actor.hand_on(other);
    }
    if is_thread {
        return value(0);
    }
    match sys::wait_for(actor.turn.pids[other]) {
        Ok(status) => Record {
            kind: kind::ENDED,
            value: status.into(),
            ..Record::default()
        },
        Err(e) => failed(e.raw_os_error().unwrap_or(0)),
    }
}

/// Ends this actor at the request of another, who gets the turn back.
pub fn end_for(actor: &mut Actor, back: usize) -> ! {
    let is_thread = actor.turn.is_thread(actor.index);
    if is_thread {
        actor.turn.set_gone(actor.index);
    } else {
        actor.turn.set_process_gone(actor.index);
    }
    actor.turn.end_for = -1;
    if let Some(pipes) = actor.setting.pipes {
        pipes.hand(back, &actor.turn);
    }
    if is_thread {
        sys::exit_thread();
    }
    sys::exit(0)
}

/// Hands the turn on for good: this actor's process is about to end.
pub fn leave(actor: &mut Actor) {
    let Some(pipes) = actor.setting.pipes else {
        return;
    };
    let mut turn = actor.turn;
    turn.step += 1;
    let process = turn.set_process_gone(actor.index);
    turn.dying = process as i32;
    pipes.hand(turn.undertaker(process), &turn);
}

fn exit(actor: &mut Actor, step: usize, status: i32) -> ! {
    let record = Record {
        kind: kind::EXITING,
        value: status.into(),
        ..Record::default()
    };
    actor.setting.journal.note(step, record);
    leave(actor);
    sys::exit(status)
}
