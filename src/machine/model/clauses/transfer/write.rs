//! Conditions of a write.

use super::super::files::size_max;
use super::super::when;
use super::{COUNT, FD, asked, pipe, position};
use crate::machine::model::call::{Ctx, Reach};
use crate::machine::model::clause::Answer;
use crate::machine::model::clause::Answer::{Blocked, Errno, Raise, Unmodelled};
use crate::machine::model::machine::Fs;
use crate::machine::model::object::{Kind, Resident, seal};
use crate::machine::model::world::{PIPE_SLOTS, What};

/// What a pipe takes of a write, and whether it then waits for room.
pub fn taken(c: &Ctx<'_>) -> Option<(u64, bool)> {
    let (_, pipe) = pipe(c)?;
    let count = asked(c);
    let reach = match c.reach {
        Reach::Short(n) => n.min(count),
        _ => count,
    };
    let mut taken = pipe.merged(count, c.m.scale.page);
    if taken > reach {
        return Some((0, false));
    }
    let mut slots = pipe.slots();
    while taken < count {
        if slots == PIPE_SLOTS {
            return Some((taken, true));
        }
        let next = (taken + c.m.scale.page).min(count);
        if next > reach {
            break;
        }
        (taken, slots) = (next, slots + 1);
    }
    Some((taken, false))
}

pub(super) fn write_waits(c: &Ctx<'_>) -> Option<Answer> {
    let (_, waits) = taken(c)?;
    match c.fd(FD).is_some_and(|o| o.nonblock) {
        true => when(waits, Unmodelled("how much a pipe takes at once")),
        false => when(waits, Blocked),
    }
}

pub(super) fn no_reader(c: &Ctx<'_>) -> Option<Answer> {
    let (n, _) = pipe(c)?;
    when(
        !c.w.has_end(What::PipeRead(n)) && c.word(COUNT) > 0,
        Raise("EPIPE", "SIGPIPE"),
    )
}

pub(super) fn write_too_far(c: &Ctx<'_>) -> Option<Answer> {
    if c.word(COUNT) == 0 || !matches!(c.what(FD), Some(What::Object(_))) {
        return None;
    }
    let at = write_position(c);
    match size_max(c) {
        Some(max) => when(at >= i128::from(max), Errno("EFBIG")),
        None => when(
            at > 1 << 40,
            Unmodelled("the greatest size of a file of this file system"),
        ),
    }
}

pub(super) fn write_limit(c: &Ctx<'_>) -> Option<Answer> {
    let limit = c.limits().file?;
    let of_file = matches!(c.what(FD), Some(What::Object(_)));
    when(
        of_file && c.word(COUNT) > 0 && write_position(c) >= limit,
        Raise("EFBIG", "SIGXFSZ"),
    )
}

pub(super) fn write_no_room(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?)?;
    if c.w.room.is_none() || object.kind != Kind::File || c.word(COUNT) == 0 {
        return None;
    }
    if let Some(answer) = faults_before(c) {
        return Some(answer);
    }
    let page = c.m.scale.page;
    let at = write_position(c) as u64;
    let last = at.saturating_add(asked(c)).div_ceil(page);
    // It goes page by page: what has been written before there was no room counts.
    let mut pages = (at / page..last).map(|i| object.has_page(i));
    match (c.w.room, pages.next()) {
        (Some(0), Some(Resident::No)) => Some(Errno("ENOSPC")),
        (_, Some(Resident::Yes)) if pages.all(|p| p == Resident::Yes) => None,
        (Some(room), _) => when(
            last - at / page > room,
            Unmodelled("which part of it there is room for"),
        ),
        _ => None,
    }
}

/// Where a write begins.
fn write_position(c: &Ctx<'_>) -> i128 {
    let appends = c.fd(FD).filter(|o| o.append);
    match appends.and_then(|o| c.w.object_of(o)) {
        Some(object) => object.size.into(),
        None => position(c),
    }
}

/// Whether the buffer was looked at before the file, and could not be had.
fn faults_before(c: &Ctx<'_>) -> Option<Answer> {
    match c.m.kernel {
        k if k >= (6, 18) => None,
        k if k < (6, 13) => write_faults(c),
        _ => write_faults(c).and(Some(Unmodelled(
            "whether the buffer or the file is looked at first",
        ))),
    }
}

pub(super) fn write_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let object = c.w.object_of(c.fd(FD)?)?;
    if c.word(COUNT) == 0 || object.seals == 0 {
        return None;
    }
    if let Some(answer) = faults_before(c) {
        return Some(answer);
    }
    if object.seals & (seal::WRITE | seal::FUTURE_WRITE) != 0 {
        return Some(Errno("EPERM"));
    }
    let (page, size) = (c.page(), i128::from(object.size));
    let (at, end) = (write_position(c), write_position(c) + c.word(COUNT));
    if object.seals & seal::GROW == 0 || end <= size {
        return None;
    }
    // It goes page by page: what lies in a page before that of the end is written.
    match at / page < size / page {
        true => Some(Unmodelled("a write that a seal cuts")),
        false => Some(Errno("EPERM")),
    }
}

pub(super) fn write_elsewhere(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.w.object_of(c.fd(FD)?)?.kind == Kind::File;
    let short = matches!(c.reach, Reach::Short(_));
    when(
        on_disk && c.m.fs == Fs::Other && short && c.word(COUNT) != 0,
        Unmodelled("how far the file system lets a write go whose bytes can't all be had"),
    )
}

pub(super) fn write_faults(c: &Ctx<'_>) -> Option<Answer> {
    let touches = !matches!(c.what(FD), Some(What::Null | What::Zero));
    if !touches || c.word(COUNT) == 0 {
        return None;
    }
    match c.reach {
        Reach::Unknown => Some(Unmodelled("what lies at the buffer is not known")),
        Reach::Short(n) => {
            let (taken, waits) = taken(c).unwrap_or((n, false));
            when(taken == 0 && !waits, Errno("EFAULT"))
        }
        _ => None,
    }
}
