//! The kernel's list of a process's areas, proc_pid_maps(5).

use std::fs;

/// One area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// What the kernel calls it: a path, `[heap]`, `[stack]`, or nothing.
    pub name: String,
}

/// The areas of the calling process; `None` where the kernel does not tell.
pub fn own() -> Option<Vec<Area>> {
    let text = fs::read_to_string("/proc/self/maps").ok()?;
    Some(parse(&text))
}

/// Reads the list; lines that are none are passed over.
fn parse(text: &str) -> Vec<Area> {
    text.lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            Some(Area {
                start: u64::from_str_radix(start, 16).ok()?,
                end: u64::from_str_radix(end, 16).ok()?,
                name: rest.split_whitespace().nth(4).unwrap_or("").to_owned(),
            })
        })
        .collect()
}

/// The areas of the harness itself, with room for its stack to grow, and for its heap unless the
/// case moves the break itself; `None` where the kernel does not tell.
pub fn harness(case_has_break: bool) -> Option<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    for area in own()? {
        let (mut start, mut end) = (area.start, area.end);
        match area.name.as_str() {
            "[heap]" if !case_has_break => end = end.saturating_add(64 << 20),
            "[stack]" => start = start.saturating_sub(16 << 20),
            _ => {}
        }
        ranges.push((start, end));
    }
    Some(ranges)
}

/// What is left of `ranges` without those of `out`.
pub fn without(mut ranges: Vec<(u64, u64)>, out: &[(usize, usize)]) -> Vec<(u64, u64)> {
    for (from, to) in out.iter().map(|(from, to)| (*from as u64, *to as u64)) {
        let parts = ranges
            .iter()
            .flat_map(|(s, e)| [(*s, (*e).min(from)), ((*s).max(to), *e)]);
        ranges = parts.filter(|(s, e)| s < e).collect();
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_not_there() {
        let all = vec![(1, 3), (4, 9), (10, 12)];
        assert_eq!(without(all.clone(), &[]), all);
        assert_eq!(without(all.clone(), &[(4, 9)]), [(1, 3), (10, 12)]);
        assert_eq!(without(all.clone(), &[(3, 4)]), all);
        assert_eq!(
            without(all, &[(5, 6), (2, 3), (11, 20)]),
            [(1, 2), (4, 5), (6, 9), (10, 11)]
        );
    }

    #[test]
    fn reads_the_kernels_format() {
        let areas = parse(
            "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon\n\
             7ffc0000-7ffd0000 rw-p 00000000 00:00 0 [stack]\nrubbish\n",
        );
        assert_eq!(areas.len(), 2);
        assert_eq!((areas[0].start, areas[0].end), (0x40_0000, 0x45_2000));
        assert_eq!(areas[1].name, "[stack]");
    }

    #[test]
    fn the_harness_knows_its_own_stack_and_code() {
        let here = &raw const areas_marker as u64;
        let on_stack = &raw const here as u64;
        let ranges = harness(false).unwrap();
        for at in [here, on_stack] {
            assert!(ranges.iter().any(|(s, e)| *s <= at && at < *e));
        }
    }

    #[expect(
        non_upper_case_globals,
        reason = "a thing with an address in the program"
    )]
    static areas_marker: u8 = 1;
}
