//! The kernel's list of a process's areas, proc_pid_maps(5).

use std::fs::File;
use std::io::{self, Read};

/// One area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area<'a> {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// What the kernel calls it: a path, `[heap]`, `[stack]`, or nothing.
    pub name: &'a str,
}

/// What the list is read into. It stays, so that reading takes no memory that would stand in the
/// list itself and be free again when the list is used.
#[derive(Debug)]
pub struct Room {
    text: Vec<u8>,
    ranges: Vec<(u64, u64)>,
}

impl Room {
    /// Room for a list of some hundred areas; it grows where that is not enough.
    pub fn new() -> Self {
        Room {
            text: Vec::with_capacity(64 << 10),
            ranges: Vec::with_capacity(1 << 10),
        }
    }

    /// The areas of the calling process; none where the kernel does not tell.
    pub fn own(&mut self) -> impl Iterator<Item = Area<'_>> + Clone {
        if self.read().is_err() {
            self.text.clear();
        }
        // A path may hold any bytes; what is looked for in one is ASCII.
        let foreign = self.text.iter_mut().filter(|b| !b.is_ascii());
        foreign.for_each(|b| *b = b'?');
        parse(std::str::from_utf8(&self.text).unwrap_or_default())
    }

    fn read(&mut self) -> io::Result<()> {
        loop {
            let room = self.text.capacity();
            self.text.clear();
            File::open("/proc/self/maps")?.read_to_end(&mut self.text)?;
            // Where it has grown, what it lay in before is in the list and free.
            if self.text.capacity() == room {
                return Ok(());
            }
        }
    }

    /// The areas of the harness itself, with room for its stack to grow, and for its heap unless
    /// the case moves the break itself; `None` where the kernel does not tell.
    pub fn harness(&mut self, case_has_break: bool) -> Option<&[(u64, u64)]> {
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.clear();
        ranges.extend(own_ranges(self.own(), case_has_break));
        self.ranges = ranges;
        Some(&self.ranges[..]).filter(|r| !r.is_empty())
    }
}

/// The ranges of these areas, with room for those that grow.
fn own_ranges<'a>(
    areas: impl Iterator<Item = Area<'a>>,
    case_has_break: bool,
) -> impl Iterator<Item = (u64, u64)> {
    let mut below = 0;
    areas.map(move |area| {
        let (mut start, mut end) = (area.start, area.end);
        match area.name {
            "[heap]" if !case_has_break => end = end.saturating_add(64 << 20),
            // It does not grow over what lies below: an emulator's may have its guard there, and
            // what is mapped next below that.
            "[stack]" => start = start.saturating_sub(16 << 20).max(below),
            _ => {}
        }
        below = area.end;
        (start, end)
    })
}

/// Reads the list; lines that are none are passed over.
fn parse(text: &str) -> impl Iterator<Item = Area<'_>> + Clone {
    text.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        Some(Area {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            name: rest.split_whitespace().nth(4).unwrap_or(""),
        })
    })
}

/// What is left of `ranges` without those of `out`.
pub fn without(ranges: &[(u64, u64)], out: &[(usize, usize)]) -> Vec<(u64, u64)> {
    let mut ranges = ranges.to_vec();
    for (from, to) in out.iter().map(|(from, to)| (*from as u64, *to as u64)) {
        let parts = ranges
            .iter()
            .flat_map(|(s, e)| [(*s, (*e).min(from)), ((*s).max(to), *e)]);
        ranges = parts.filter(|(s, e)| s < e).collect();
    }
    ranges
}

#[cfg(test)]
#[expect(unsafe_code, reason = "a mapping that nobody touches")]
mod tests {
    use super::*;
    use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
    use std::ffi::OsStr;
    use std::num::NonZeroUsize;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn what_is_left_out_is_not_there() {
        let all = vec![(1, 3), (4, 9), (10, 12)];
        assert_eq!(without(&all, &[]), all);
        assert_eq!(without(&all, &[(4, 9)]), [(1, 3), (10, 12)]);
        assert_eq!(without(&all, &[(3, 4)]), all);
        assert_eq!(
            without(&all, &[(5, 6), (2, 3), (11, 20)]),
            [(1, 2), (4, 5), (6, 9), (10, 11)]
        );
    }

    #[test]
    fn reads_the_kernels_format() {
        let areas: Vec<Area<'_>> = parse(
            "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon\n\
             7ffc0000-7ffd0000 rw-p 00000000 00:00 0 [stack]\nrubbish\n",
        )
        .collect();
        assert_eq!(areas.len(), 2);
        assert_eq!((areas[0].start, areas[0].end), (0x40_0000, 0x45_2000));
        assert_eq!(areas[1].name, "[stack]");
    }

    #[test]
    fn the_harness_knows_its_own_stack_and_code() {
        let here = &raw const areas_marker as u64;
        let on_stack = &raw const here as u64;
        let mut room = Room::new();
        let ranges = room.harness(false).unwrap();
        for at in [here, on_stack] {
            assert!(ranges.iter().any(|(s, e)| *s <= at && at < *e));
        }
    }

    #[test]
    fn a_stack_has_room_to_grow_as_far_as_nothing_is_in_its_way() {
        let ranges = |text: &str| own_ranges(parse(text), false).collect::<Vec<_>>();
        let stack = "40001000-40801000 rw-p 00000000 00:00 0 [stack]\n";
        let guard = "40000000-40001000 ---p 00000000 00:00 0\n";
        let far = "30000000-3f800000 rw-p 00000000 00:00 0\n";
        assert_eq!(ranges(stack), [(0x3f00_1000, 0x4080_1000)]);
        assert_eq!(ranges(&[guard, stack].concat())[1].0, 0x4000_1000);
        assert_eq!(ranges(&[far, stack].concat())[1].0, 0x3f80_0000);
    }

    /// Else what the list was read into would stand in it, and be taken for the harness's own when
    /// it is something else.
    #[test]
    fn reading_takes_no_memory() {
        let mut room = Room::new();
        let first = room.harness(false).unwrap().as_ptr();
        let text = room.text.as_ptr();
        for _ in 0..10 {
            assert_eq!(room.harness(true).unwrap().as_ptr(), first);
            assert_eq!(room.text.as_ptr(), text);
        }
    }

    /// A program may lie in a folder whose name is no UTF-8.
    #[test]
    fn a_path_of_any_bytes_hides_no_area() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OsStr::from_bytes(b"\xe9"));
        std::fs::write(&path, "text").unwrap();
        let len = NonZeroUsize::MIN;
        let (prot, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE);
        // SAFETY: a new mapping, which nobody touches.
        let at = unsafe { mmap(None, len, prot, flags, File::open(path).unwrap(), 0) }.unwrap();
        let start = at.addr().get() as u64;
        let mut room = Room::new();
        assert!(room.own().any(|area| area.start == start));
        // SAFETY: what was mapped above.
        unsafe { munmap(at, len.get()) }.unwrap();
    }

    /// A list that is longer than the room is read anew, whole.
    #[test]
    fn a_list_that_does_not_fit_makes_the_room_grow() {
        let mut room = Room {
            text: Vec::new(),
            ranges: Vec::new(),
        };
        let n = room.own().count();
        assert!(n > 3, "{n}");
        assert!(room.text.capacity() > room.text.len());
    }

    #[expect(
        non_upper_case_globals,
        reason = "a thing with an address in the program"
    )]
    static areas_marker: u8 = 1;
}
