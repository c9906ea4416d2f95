//! Conditions about what is mapped and how.

use super::super::settings::{MDWE_REFUSE, settings};
use super::super::when;
use super::args::*;
use crate::case::number;
use crate::machine::model::call::{Ctx, bits};
use crate::machine::model::clause::Answer;
use crate::machine::model::clause::Answer::{Errno, Unmodelled};
use crate::machine::model::machine::{Arch, Fs};
use crate::machine::model::object::seal;
use crate::machine::model::world::What;

pub(super) fn offset_aligned(c: &Ctx<'_>) -> Option<Answer> {
    when(c.word(OFFSET) & (c.page() - 1) != 0, Errno("EINVAL"))
}

pub(super) fn descriptor(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && c.fd(FD).is_none(), Errno("EBADF"))
}

pub(super) fn foreign(c: &Ctx<'_>) -> Option<Answer> {
    let foreign = c.what(FD) == Some(What::Foreign);
    when(
        with_file(c) && foreign,
        Unmodelled("what this kind of descriptor maps"),
    )
}

pub(super) fn offset_limit(c: &Ctx<'_>) -> Option<Answer> {
    if !with_file(c) || c.fd(FD).is_none() {
        return None;
    }
    let page = c.page();
    let offset = c.word(OFFSET).rem_euclid(1 << 64) / page;
    let max = if is_regular(c) || c.what(FD) == Some(What::Socket) {
        i128::from(i64::MAX)
    } else {
        i128::from(u64::MAX)
    };
    let len = length(c);
    when(len > max || offset > (max - len) / page, Errno("EOVERFLOW"))
}

pub(super) fn file_type(c: &Ctx<'_>) -> Option<Answer> {
    let known = matches!(Mmap::of(c).kind, SHARED | PRIVATE | VALIDATE);
    when(with_file(c) && !known, Errno("EINVAL"))
}

pub(super) fn validated(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    if !with_file(c) || m.kind != VALIDATE {
        return None;
    }
    let legacy = match c.m.arch {
        Arch::X86_64 if c.m.kernel >= (6, 6) => LEGACY | X86_32BIT | X86_ABOVE4G,
        Arch::X86_64 => LEGACY | X86_32BIT,
        _ => LEGACY,
    };
    let unknown = m.flags & !legacy;
    match (unknown, c.m.fs) {
        (0, _) => None,
        // ext4 knows MAP_SYNC (FOP_MMAP_SYNC), though its device may not do it.
        (SYNC, Fs::Ext4) if c.fd(FD).is_some_and(|o| c.w.is_file(o)) => None,
        (SYNC, Fs::Other) => Some(Unmodelled("whether the file system knows MAP_SYNC")),
        _ => Some(Errno("EOPNOTSUPP")),
    }
}

pub(super) fn needs_write(c: &Ctx<'_>) -> Option<Answer> {
    let can = c.fd(FD).is_none_or(|o| o.write);
    let m = Mmap::of(c);
    when(
        with_file(c) && m.is_shared() && writes(c) && !can,
        Errno("EACCES"),
    )
}

pub(super) fn needs_read(c: &Ctx<'_>) -> Option<Answer> {
    let can = c.fd(FD).is_none_or(|o| o.read);
    when(with_file(c) && !can, Errno("EACCES"))
}

/// Whether nothing is executed of what pipes and sockets lie on came into Linux 6.18 late.
pub(super) fn noexec_lately(c: &Ctx<'_>) -> Option<Answer> {
    when(is_noexec_lately(c), Errno("EPERM"))
}

fn is_noexec_lately(c: &Ctx<'_>) -> bool {
    let executes = c.flags(PROT) & bits(number::PROT_EXEC) != 0;
    let pipes = matches!(
        c.what(FD),
        Some(What::PipeRead(_) | What::PipeWrite(_) | What::Socket)
    );
    with_file(c) && executes && pipes && c.m.kernel == (6, 18)
}

/// What is of a file system that can't be looked into: nothing of it is executed.
pub(super) fn noexec(c: &Ctx<'_>) -> Option<Answer> {
    let executes = c.flags(PROT) & bits(number::PROT_EXEC) != 0;
    if !with_file(c) || !executes || is_noexec_lately(c) {
        return None;
    }
    let within = match c.what(FD)? {
        What::Proc => return Some(Errno("EPERM")),
        What::Zero | What::Null | What::Device => return Some(Unmodelled("how /dev is mounted")),
        // An instance of epoll(7) may have had it sooner, in kernels that are kept up.
        What::Event => (0, 0),
        What::PipeRead(_) | What::PipeWrite(_) | What::Socket => (6, 12),
        What::Object(_) | What::Dir | What::Foreign => return None,
    };
    match c.m.kernel {
        k if k >= (6, 18) => Some(Errno("EPERM")),
        k if k <= within => None,
        _ => Some(Unmodelled("whether what is behind pipes may be executed")),
    }
}

pub(super) fn not_mappable(c: &Ctx<'_>) -> Option<Answer> {
    let what = c.what(FD);
    let never = matches!(
        what,
        Some(What::Dir | What::PipeRead(_) | What::PipeWrite(_))
            | Some(What::Event | What::Proc | What::Device)
            | Some(What::Null)
    );
    when(with_file(c) && never, Errno("ENODEV"))
}

pub(super) fn socket(c: &Ctx<'_>) -> Option<Answer> {
    let socket = c.what(FD) == Some(What::Socket);
    when(with_file(c) && socket, Errno("ENODEV"))
}

pub(super) fn grows_down_file(c: &Ctx<'_>) -> Option<Answer> {
    when(with_file(c) && Mmap::of(c).grows_down(), Errno("EINVAL"))
}

/// Whether the file is sealed against writing.
pub fn is_write_sealed(c: &Ctx<'_>) -> bool {
    let object = c.fd(FD).and_then(|o| c.w.object_of(o));
    let seals = object.map_or(0, |o| o.seals);
    with_file(c) && seals & (seal::WRITE | seal::FUTURE_WRITE) != 0
}

pub(super) fn write_sealed(c: &Ctx<'_>) -> Option<Answer> {
    let shared = Mmap::of(c).is_shared();
    when(shared && writes(c) && is_write_sealed(c), Errno("EPERM"))
}

pub(super) fn anonymous_type(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let known = matches!(m.kind, SHARED | PRIVATE) || m.kind == DROPPABLE && c.m.kernel >= (6, 11);
    when(m.is_anonymous() && !known, Errno("EINVAL"))
}

pub(super) fn anonymous_grows_down(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    let kind = matches!(m.kind, SHARED | DROPPABLE);
    when(m.is_anonymous() && kind && m.grows_down(), Errno("EINVAL"))
}

pub(super) fn droppable_locked(c: &Ctx<'_>) -> Option<Answer> {
    let m = Mmap::of(c);
    when(
        m.is_anonymous() && m.kind == DROPPABLE && m.is_locked(),
        Errno("EINVAL"),
    )
}

pub(super) fn denied(c: &Ctx<'_>) -> Option<Answer> {
    let both = bits(number::PROT_WRITE | number::PROT_EXEC);
    let asked = c.flags(PROT) & both == both;
    when(
        asked && settings(c).mdwe & MDWE_REFUSE != 0,
        Errno("EACCES"),
    )
}

pub(super) fn sync(c: &Ctx<'_>) -> Option<Answer> {
    let on_disk = c.fd(FD).is_some_and(|o| c.w.is_file(o));
    if !with_file(c) || !Mmap::of(c).has(SYNC) || !on_disk {
        return None;
    }
    match c.m.fs {
        Fs::Ext4 => Some(Errno("EOPNOTSUPP")),
        Fs::Tmpfs => None,
        Fs::Other => Some(Unmodelled("what the file system does with MAP_SYNC")),
    }
}
