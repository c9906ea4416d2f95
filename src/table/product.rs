//! The combinations of a case: all of its product but those that it excludes, counted without
//! being made.

/// The most combinations that one case may stand for.
pub const COMBINATIONS_MAX: usize = 1 << 24;

/// How many words of the kept bits are counted together.
const BLOCK: usize = 8;

/// A product of axes without the combinations that are left out.
#[derive(Debug, Clone)]
pub struct Product {
    sizes: Vec<usize>,
    total: usize,
    kept: Option<Kept>,
}

/// One bit for each combination, and how many are kept before each block of bits.
#[derive(Debug, Clone)]
struct Kept {
    bits: Vec<u64>,
    before: Vec<usize>,
    count: usize,
}

impl Product {
    /// The whole product of axes with so many values each; `None` if there are more than
    /// [`COMBINATIONS_MAX`].
    pub fn new(sizes: Vec<usize>) -> Option<Self> {
        let total = sizes.iter().try_fold(1usize, |t, n| t.checked_mul(*n))?;
        (total <= COMBINATIONS_MAX).then_some(Product {
            sizes,
            total,
            kept: None,
        })
    }

    /// How many combinations are kept.
    pub fn len(&self) -> usize {
        self.kept.as_ref().map_or(self.total, |k| k.count)
    }

    /// Leaves out the combinations that `excluded` holds of.
    pub fn exclude(&mut self, mut excluded: impl FnMut(&[usize]) -> bool) {
        let mut bits = vec![0u64; self.total.div_ceil(64)];
        let mut digits = vec![0; self.sizes.len()];
        for at in 0..self.total {
            if !excluded(&digits) {
                if let Some(word) = bits.get_mut(at / 64) {
                    *word |= 1 << (at % 64);
                }
            }
            self.advance(&mut digits);
        }
        let mut before = Vec::with_capacity(bits.len() / BLOCK + 1);
        let mut count = 0;
        for block in bits.chunks(BLOCK) {
            before.push(count);
            count += block.iter().map(|w| w.count_ones() as usize).sum::<usize>();
        }
        self.kept = Some(Kept {
            bits,
            before,
            count,
        });
    }

    /// Goes on to the next combination of the whole product; the last axis turns fastest.
    fn advance(&self, digits: &mut [usize]) {
        for (digit, size) in digits.iter_mut().zip(&self.sizes).rev() {
            *digit += 1;
            if *digit < *size {
                return;
            }
            *digit = 0;
        }
    }

    /// The `i`-th kept combination: which value each axis has.
    pub fn digits(&self, i: usize) -> Vec<usize> {
        let mut rest = match &self.kept {
            Some(kept) => kept.select(i),
            None => i,
        };
        let mut digits = vec![0; self.sizes.len()];
        for (digit, size) in digits.iter_mut().zip(&self.sizes).rev() {
            *digit = rest % size;
            rest /= size;
        }
        digits
    }

    /// The number of a combination among those that are kept, if it is.
    pub fn number(&self, digits: &[usize]) -> Option<usize> {
        let mut at = 0;
        for (digit, size) in digits.iter().zip(&self.sizes) {
            at = at * size + digit;
        }
        match &self.kept {
            Some(kept) => kept.holds(at).then(|| kept.rank(at)),
            None => Some(at),
        }
    }

    /// Calls `visit` with each kept combination.
    pub fn each(&self, mut visit: impl FnMut(&[usize])) {
        let mut digits = vec![0; self.sizes.len()];
        for at in 0..self.total {
            if self.kept.as_ref().is_none_or(|k| k.holds(at)) {
                visit(&digits);
            }
            self.advance(&mut digits);
        }
    }

    /// Kept combinations to be looked at one by one: all up to `most`; beyond that `most` of them
    /// spread over the whole, and for each value of each axis the first that has it.
    pub fn sample(&self, most: usize) -> Vec<usize> {
        let len = self.len();
        if len <= most {
            return (0..len).collect();
        }
        // Steps of the golden ratio are spread evenly, and keep no pace with any axis.
        let mut step = (len as f64 * 0.618_033_988_75) as usize;
        while gcd(step, len) != 1 {
            step += 1;
        }
        let mut sample: Vec<usize> = (0..most)
            .map(|k| (k as u128 * step as u128 % len as u128) as usize)
            .collect();
        let mut seen: Vec<Vec<bool>> = self.sizes.iter().map(|n| vec![false; *n]).collect();
        let mut i = 0;
        self.each(|digits| {
            let mut new = false;
            for (seen, digit) in seen.iter_mut().zip(digits) {
                if let Some(seen @ false) = seen.get_mut(*digit) {
                    *seen = true;
                    new = true;
                }
            }
            if new {
                sample.push(i);
            }
            i += 1;
        });
        sample.sort_unstable();
        sample.dedup();
        sample
    }
}

impl Kept {
    fn holds(&self, at: usize) -> bool {
        self.bits
            .get(at / 64)
            .is_some_and(|w| w >> (at % 64) & 1 == 1)
    }

    /// How many bits are set before this place.
    fn rank(&self, at: usize) -> usize {
        let block = at / 64 / BLOCK;
        let words = self.bits.iter().enumerate().skip(block * BLOCK);
        let ones = words.take_while(|(n, _)| *n <= at / 64).map(|(n, word)| {
            let below = if n == at / 64 {
                (1 << (at % 64)) - 1
            } else {
                u64::MAX
            };
            (word & below).count_ones() as usize
        });
        self.before.get(block).copied().unwrap_or(0) + ones.sum::<usize>()
    }

    /// The place of the `i`-th bit that is set.
    fn select(&self, i: usize) -> usize {
        let block = self.before.partition_point(|b| *b <= i).saturating_sub(1);
        let mut left = i - self.before.get(block).copied().unwrap_or(0).min(i);
        for (n, word) in self.bits.iter().enumerate().skip(block * BLOCK) {
            let ones = word.count_ones() as usize;
            if left < ones {
                let mut word = *word;
                for _ in 0..left {
                    word &= word - 1;
                }
                return n * 64 + word.trailing_zeros() as usize;
            }
            left -= ones;
        }
        0
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_axis_turns_fastest() {
        let p = Product::new(vec![2, 3]).unwrap();
        let all: Vec<Vec<usize>> = (0..p.len()).map(|i| p.digits(i)).collect();
        assert_eq!(all[..4], [[0, 0], [0, 1], [0, 2], [1, 0]]);
        assert_eq!(Product::new(vec![]).unwrap().len(), 1);
        assert!(Product::new(vec![1 << 13; 2]).is_none());
        assert!(Product::new(vec![usize::MAX; 3]).is_none());
    }

    proptest! {
        #[test]
        fn numbers_and_visits_agree(
            sizes in proptest::collection::vec(1usize..9, 0..5),
            seed in any::<u64>(),
        ) {
            let mut p = Product::new(sizes).unwrap();
            let mut state = seed;
            p.exclude(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 62 == 0
            });
            let mut all = Vec::new();
            p.each(|d| all.push(d.to_vec()));
            prop_assert_eq!(all.len(), p.len());
            for (i, digits) in all.iter().enumerate() {
                prop_assert_eq!(&p.digits(i), digits);
                prop_assert_eq!(p.number(digits), Some(i));
            }
        }

        #[test]
        fn a_sample_has_every_value(sizes in proptest::collection::vec(1usize..30, 1..4)) {
            let p = Product::new(sizes.clone()).unwrap();
            let sample = p.sample(50);
            for (axis, size) in sizes.iter().enumerate() {
                for value in 0..*size {
                    prop_assert!(sample.iter().any(|i| p.digits(*i)[axis] == value));
                }
            }
            prop_assert!(sample.iter().all(|i| *i < p.len()));
            prop_assert!(sample.len() >= p.len().min(50));
        }
    }
}
