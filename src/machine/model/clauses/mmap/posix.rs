//! Conditions of the standard alone.

use super::super::when;
use super::args::*;
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer;
use crate::machine::model::clause::Answer::{Elsewhere, Errno, Unmodelled};
use crate::machine::model::world::What;

pub(super) fn posix_type(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).kind & 3 == 0, Errno("EINVAL"))
}

pub(super) fn posix_both(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).kind & 3 == 3, Errno("EINVAL"))
}

pub(super) fn posix_unknown(c: &Ctx<'_>) -> Option<Answer> {
    let known = SHARED | PRIVATE | FIXED | ANONYMOUS;
    let prot = bits(number::PROT_READ | number::PROT_WRITE | number::PROT_EXEC);
    let foreign = Mmap::of(c).flags & !known != 0 || c.flags(PROT) & !prot != 0;
    when(foreign, Unmodelled("a flag that POSIX does not know"))
}

pub(super) fn posix_fixed(c: &Ctx<'_>) -> Option<Answer> {
    when(Mmap::of(c).is_fixed(), Errno("EINVAL"))
}

pub(super) fn posix_prot(c: &Ctx<'_>) -> Option<Answer> {
    let prot = c.flags(PROT);
    let ordinary = [
        0,
        number::PROT_READ,
        number::PROT_WRITE,
        number::PROT_READ | number::PROT_WRITE,
    ];
    when(!ordinary.contains(&(prot as i32)), Errno("ENOTSUP"))
}

pub(super) fn posix_hint(c: &Ctx<'_>) -> Option<Answer> {
    when(!Mmap::of(c).is_fixed() && c.word(ADDR) != 0, Elsewhere)
}

pub(super) fn posix_resources(c: &Ctx<'_>) -> Option<Answer> {
    when(length(c) > FILL_MAX, Errno("ENOMEM"))
}

pub(super) fn posix_offset(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && c.word(OFFSET) < 0, Errno("ENXIO"))
}

pub(super) fn posix_support(c: &Ctx<'_>) -> Option<Answer> {
    let unspecified = !matches!(c.what(FD), None | Some(What::Object(_)));
    when(with_file(c) && unspecified, Errno("ENODEV"))
}

pub(super) fn posix_locks(c: &Ctx<'_>) -> Option<Answer> {
    when(super::locks(c), Errno("EAGAIN"))
}
