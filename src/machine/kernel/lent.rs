//! Memory that a child reads: what it runs, and nothing else.
//!
//! A fork copies the page tables of all private memory, and afterwards every page that parent or
//! child writes costs a fault. A worker's heap is large and busy; so what a child needs is kept
//! apart from it, here, and the heap is not handed down at all where nobody will allocate.
#![expect(
    unsafe_code,
    reason = "a region of memory of its own, and advice about the heap"
)]

use super::sys::checked;
use std::io;

/// How many bytes the cases of one batch may take together.
const SIZE: usize = 8 << 20;

/// A region from which slices are taken, all given back at once.
#[derive(Debug)]
pub struct Lent {
    start: *mut u8,
    used: usize,
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
        self.used = 0;
    }
}

/// The part of the heap that children do without.
#[derive(Debug)]
pub struct Heap {
    start: usize,
    end: usize,
    kept: bool,
}

impl Heap {
    /// All that will be allocated from now on. What was allocated before, such as the storage of
    /// the main thread in a static program, is handed down as ever. The break is moved to the next
    /// page, so that a case which counts from it begins at one.
    pub fn from_here(page: u64) -> Self {
        let start = (brk() as u64).next_multiple_of(page) as usize;
        // SAFETY: grows the heap by less than a page; whoever allocates asks where it ends.
        unsafe { libc::sbrk((start - brk()) as libc::intptr_t) };
        Heap {
            start,
            end: start,
            kept: false,
        }
    }

    /// Where it ends now: the break of this process.
    pub fn end_now(&self) -> u64 {
        brk() as u64
    }

    /// Says whether the next child gets the heap. Where the kernel takes no such advice, it does.
    pub fn hand_down(&mut self, wanted: bool) {
        let end = brk();
        if wanted {
            if self.kept {
                self.advise(self.start, self.end, libc::MADV_DOFORK);
                self.kept = false;
            }
            return;
        }
        if !self.kept {
            self.advise(self.start, end, libc::MADV_DONTFORK);
        } else if end > self.end {
            self.advise(self.end, end, libc::MADV_DONTFORK);
        }
        self.kept = true;
        self.end = end;
    }

    fn advise(&self, start: usize, end: usize, advice: libc::c_int) {
        if end > start {
            // SAFETY: only what fork copies changes, and only this program's own heap is named.
            let _ = checked(unsafe { libc::madvise(start as *mut _, end - start, advice) });
        }
    }
}

/// The end of the heap.
fn brk() -> usize {
    // SAFETY: asks only.
    unsafe { libc::sbrk(0) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

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
