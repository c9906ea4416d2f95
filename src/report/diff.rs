//! What differs between two blocks, line by line.

/// Lines that stand in one block where the other has others: at least one of both lists is not
/// empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// The lines of the first block.
    pub before: Vec<&'a str>,
    /// The lines of the second.
    pub after: Vec<&'a str>,
}

/// Blocks of more lines than this are compared line by line in place, without looking for lines
/// that moved.
const LONG: usize = 400;

/// The places where two blocks differ, in order, by their longest common sequence of lines.
pub fn changes<'a>(before: &'a str, after: &'a str) -> Vec<Change<'a>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let common = Common::of(&a, &b);
    let mut found = Vec::new();
    let mut open = Change::default();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let (x, y) = (a.get(i).copied(), b.get(j).copied());
        if x == y {
            if open != Change::default() {
                found.push(std::mem::take(&mut open));
            }
            (i, j) = (i + 1, j + 1);
            continue;
        }
        // Without what they have in common to go by, the lines of both are passed together.
        let (without_x, without_y) = (common.ahead(i + 1, j), common.ahead(i, j + 1));
        if let Some(x) = x.filter(|_| y.is_none() || without_x >= without_y) {
            open.before.push(x);
            i += 1;
        }
        if let Some(y) = y.filter(|_| x.is_none() || without_y >= without_x) {
            open.after.push(y);
            j += 1;
        }
    }
    if open != Change::default() {
        found.push(open);
    }
    found
}

/// How many lines two tails have in common, in the same order.
struct Common {
    lengths: Vec<u32>,
    width: usize,
}

impl Common {
    fn of(a: &[&str], b: &[&str]) -> Self {
        if a.len() > LONG || b.len() > LONG {
            return Common {
                lengths: Vec::new(),
                width: 0,
            };
        }
        let width = b.len() + 1;
        let mut lengths = vec![0; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                lengths[i * width + j] = if a[i] == b[j] {
                    lengths[(i + 1) * width + j + 1] + 1
                } else {
                    lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
                };
            }
        }
        Common { lengths, width }
    }

    fn ahead(&self, i: usize, j: usize) -> u32 {
        self.lengths
            .get(i * self.width + j)
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(before: &str, after: &str) -> String {
        let found = changes(before, after);
        let one = |c: &Change| format!("-{}+{}", c.before.join(","), c.after.join(","));
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn places() {
        assert_eq!(shown("a\nb\nc", "a\nx\nc"), "-b+x");
        assert_eq!(shown("a\nb\nc", "b\nc"), "-a+");
        assert_eq!(shown("a\nc", "a\nb\nc"), "-+b");
        assert_eq!(shown("a\nb\nc\nd", "x\nb\ny\nd"), "-a+x -c+y");
        assert_eq!(shown("", "a"), "-+a");
        let long = "a\n".repeat(LONG + 1);
        assert_eq!(shown(&long, &format!("{long}b")), "-+b");
    }

    proptest! {
        #[test]
        fn a_block_does_not_differ_from_itself(a in "([abc]\n){0,12}") {
            prop_assert_eq!(changes(&a, &a), Vec::new());
        }

        #[test]
        fn each_line_that_differs_is_told(a in "([abc]\n){0,12}", b in "([abc]\n){0,12}") {
            let found = changes(&a, &b);
            prop_assert_eq!(found.is_empty(), a == b);
            let told = |side: fn(&Change) -> usize| found.iter().map(side).sum::<usize>();
            let kept = a.lines().count() - told(|c| c.before.len());
            prop_assert_eq!(kept, b.lines().count() - told(|c| c.after.len()));
        }
    }
}
