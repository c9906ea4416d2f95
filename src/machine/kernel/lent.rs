//! Memory that a child reads: what it runs, and nothing else.
//!
//! A fork copies the page tables of all private memory, and afterwards every page that parent or
//! child writes costs a fault. A worker's heap is large and busy; so what a child needs is kept
//! apart from it, here, and the heap is not handed down at all where nobody will allocate, nor is
//! what else such a child does without.
#![expect(
    unsafe_code,
    reason = "a region of memory of its own, and advice about what a fork copies"
)]

use super::maps::{self, Area};
use super::sys::checked;
use super::touch;
use std::io;

/// How many bytes the cases of one batch may take together.
const SIZE: usize = 8 << 20;

/// How many bytes a stack for signal handlers has.
const SIGNAL_STACK: usize = 64 << 10;

/// A region from which slices are taken, all given back at once.
#[derive(Debug)]
pub struct Lent {
    start: *mut u8,
    used: usize,
    /// What is never given back.
    kept: usize,
}

impl Lent {
    /// Maps the region; its pages come when they are written.
    ///
    /// # Errors
    /// What mmap(2) says.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a new mapping touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Lent {
            start: start.cast(),
            used: 0,
            kept: 0,
        })
    }

    /// A copy of `items` in the region; `None` where it is full. The slice is good until the next
    /// [`Lent::clear`].
    pub fn put<T: Copy>(&mut self, items: &[T]) -> Option<&'static [T]> {
        let align = align_of::<T>();
        let at = self.used.next_multiple_of(align);
        let end = at.checked_add(size_of_val(items)).filter(|e| *e <= SIZE)?;
        self.used = end;
        // SAFETY: in bounds, aligned (the region begins at a page), and handed out once.
        unsafe {
            let to = self.start.add(at).cast::<T>();
            std::ptr::copy_nonoverlapping(items.as_ptr(), to, items.len());
            Some(std::slice::from_raw_parts(to, items.len()))
        }
    }

    /// Takes everything back.
    ///
    /// # Safety
    /// No slice that was handed out is used any more.
    pub unsafe fn clear(&mut self) {
        self.used = self.kept;
    }

    /// A stack for the signal handlers of the worker and its children, which stays.
    ///
    /// # Errors
    /// What sigaltstack(2) says.
    pub fn hold_signal_stack(&mut self) -> io::Result<()> {
        let taken = self.kept + SIGNAL_STACK;
        // SAFETY: within the region, which is never unmapped, and below all that is handed out.
        unsafe { touch::signal_stack(self.start.add(self.kept), SIGNAL_STACK)? };
        (self.kept, self.used) = (taken, taken);
        Ok(())
    }
}

/// What children do without that allocate nothing and start no threads: the heap, and what of the
/// program is never run in them. Each area less is a part less of what a fork copies.
#[derive(Debug)]
pub struct Ballast {
    /// The heap, as far as it is named to the kernel already.
    heap: (usize, usize),
    /// Ranges that stay as they are.
    fixed: Vec<(usize, usize)>,
    /// Whether the next child does without.
    dropped: bool,
}

impl Ballast {
    /// Looks for what can be left out. `unused` is a range besides that no child uses.
    ///
    /// The break is moved to the next page, so that a case which counts from it begins at one.
    pub fn find(page: u64, unused: Option<(usize, usize)>) -> Self {
        let more = (brk() as u64).next_multiple_of(page) - brk() as u64;
        // SAFETY: grows the heap by less than a page; whoever allocates asks where it ends.
        unsafe { libc::sbrk(more as libc::intptr_t) };
        let mut room = maps::Room::new();
        let areas: Vec<Area<'_>> = room.own().collect();
        let range = |area: &Area<'_>| (area.start as usize, area.end as usize);
        // What a panic needs for its way back through the frames: in a child, that way would lead
        // into the worker's own.
        let unwinder = areas.iter().filter(|a| is_unwinder(a.name)).map(range);
        let start = heap_start(&areas).unwrap_or((brk() as u64).next_multiple_of(page) as usize);
        Ballast {
            heap: (start, start),
            fixed: unwinder.chain(unused).collect(),
            dropped: false,
        }
    }

    /// Says whether the next child gets all of it. Where the kernel takes no such advice, it does.
    pub fn hand_down(&mut self, wanted: bool) {
        if wanted {
            if self.dropped {
                self.advise_all(libc::MADV_DOFORK);
                self.dropped = false;
            }
            return;
        }
        let (start, told) = self.heap;
        let end = brk();
        if !self.dropped {
            self.heap.1 = end;
            self.advise_all(libc::MADV_DONTFORK);
        } else if end > told {
            advise((told, end), libc::MADV_DONTFORK);
            self.heap = (start, end);
        }
        self.dropped = true;
    }

    /// What the next child does without, but for the heap: other things may lie there in it.
    pub fn left_out(&self) -> &[(usize, usize)] {
        match self.dropped {
            true => &self.fixed,
            false => &[],
        }
    }

    fn advise_all(&self, advice: libc::c_int) {
        advise(self.heap, advice);
        for range in &self.fixed {
            advise(*range, advice);
        }
    }
}

/// The library that unwinds the stack, where it is not a part of the program.
fn is_unwinder(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("libgcc_s.") || name.starts_with("libunwind.")
}

/// Where the heap begins; `None` where the main thread's own storage lies in it, as in a static
/// program: then only what is allocated from now on can be left out.
fn heap_start(areas: &[Area<'_>]) -> Option<usize> {
    let heap = areas.iter().find(|a| a.name == "[heap]")?;
    // SAFETY: gives the address of this thread's errno, which is in that storage.
    let own = unsafe { libc::__errno_location() } as u64;
    let apart = !(heap.start..heap.end).contains(&own);
    apart.then_some(heap.start as usize)
}

fn advise((start, end): (usize, usize), advice: libc::c_int) {
    if end > start {
        // SAFETY: only what fork copies changes, and only areas of this program are named that
        // its light children do not use.
        let _ = checked(unsafe { libc::madvise(start as *mut _, end - start, advice) });
    }
}

/// The end of the heap: the break of this process.
pub fn brk() -> usize {
    // SAFETY: asks only.
    unsafe { libc::sbrk(0) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel leaves out whole pages: a part of one that did not count as left out would be
    /// taken for the harness's where something else lies there in the child.
    #[test]
    fn what_is_left_out_of_a_page_is_all_of_it() {
        for page in [4 << 10, 64 << 10] {
            let (_, end) = touch::library_signal_stack(page).unwrap();
            assert_eq!(end % page as usize, 0);
        }
    }

    #[test]
    fn slices_are_copies_until_the_region_is_full() {
        let mut lent = Lent::new().unwrap();
        let bytes = lent.put(b"abc").unwrap();
        let words = lent.put(&[1i128, -2]).unwrap();
        assert_eq!((bytes, words), (&b"abc"[..], &[1, -2][..]));
        assert!(lent.put(&vec![0u8; SIZE]).is_none());
        assert!(lent.put::<u64>(&[]).is_some_and(<[u64]>::is_empty));
    }
}
