//! What mremap(2) asks of its arguments alone.

use super::super::when;
use super::{ADDR, DONTUNMAP, FIXED, FLAGS, MAYMOVE, Remap, TO};
use crate::machine::model::call::Ctx;
use crate::machine::model::clause::Answer::{self, Errno, Unmodelled};
use crate::machine::model::space::{Place, split};

/// All places lie above this.
const LOW: i128 = 1 << 34;

pub(super) fn old_kernel(c: &Ctx<'_>) -> Option<Answer> {
    when(
        c.m.kernel < (6, 17),
        Unmodelled("in which order mremap looked at its arguments before Linux 6.17"),
    )
}

pub(super) fn unknown_flag(c: &Ctx<'_>) -> Option<Answer> {
    let known = MAYMOVE | FIXED | DONTUNMAP;
    when(c.flags(FLAGS) & !known != 0, Errno("EINVAL"))
}

pub(super) fn aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.off_page(ADDR), Errno("EINVAL"))
}

pub(super) fn new_zero(c: &Ctx<'_>) -> Option<Answer> {
    when(Remap::of(c).new == 0, Errno("EINVAL"))
}

pub(super) fn new_too_long(c: &Ctx<'_>) -> Option<Answer> {
    when(Remap::of(c).new > c.top(), Errno("EINVAL"))
}

pub(super) fn to_outside(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    if !r.goes() {
        return None;
    }
    match c.is_outside(r.to, r.new) {
        Some(outside) => when(outside, Errno("EINVAL")),
        None => Some(Unmodelled("where the place lies is not known")),
    }
}

pub(super) fn to_aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(Remap::of(c).goes() && c.off_page(TO), Errno("EINVAL"))
}

pub(super) fn without_maymove(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    when(r.goes() && !r.may_move(), Errno("EINVAL"))
}

pub(super) fn stays_and_resizes(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    when(r.stays() && r.old != r.new, Errno("EINVAL"))
}

pub(super) fn overlaps(c: &Ctx<'_>) -> Option<Answer> {
    let r = Remap::of(c);
    if !r.goes() {
        return None;
    }
    let ((from, at), (to, there)) = (split(r.addr), split(r.to));
    let word = c.m.scale.word_max() + 1;
    // Sums wrap around where the machine's words do. Where a place lies is not known, but that it
    // lies above the lowest addresses, and below the top.
    let is_long = |len: i128| len > word - LOW;
    let end = |offset: i128, len: i128| match from {
        Place::Absolute => (offset + len).rem_euclid(word),
        _ if is_long(len) => offset + len - word,
        _ => offset + len,
    };
    if from == to {
        if from != Place::Absolute && r.old >= word - c.top() && !is_long(r.old) {
            return Some(Unmodelled("where the place lies is not known"));
        }
        let overlap = end(at, r.old) > there && there + r.new > at;
        return when(overlap, Errno("EINVAL"));
    }
    // What is given as a number lies below all places, or behind them.
    let low = |place: Place, end: i128| place == Place::Absolute && end <= LOW;
    let apart = low(to, there + r.new)
        || low(from, at + r.old)
        || from != Place::Absolute && to != Place::Absolute;
    let wraps = from == Place::Absolute && at + r.old >= word;
    when(
        wraps || !apart,
        Unmodelled("where the place lies is not known"),
    )
}
