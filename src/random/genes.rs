//! Bytes that choose.

/// Bytes, used up one by one; behind the last come zeros, which always choose what is ordinary.
#[derive(Debug)]
pub struct Genes<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Genes<'a> {
    /// All of these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Genes {
            bytes: bytes.iter(),
        }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    /// A number below `n`, which is at least 1 and at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) * n.clamp(1, 256) / 256
    }

    /// One of a list; smaller bytes choose earlier ones.
    pub fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let at = self.below(list.len());
        list.get(at).copied().unwrap_or_default()
    }

    /// What happens `n` times in 256.
    pub fn chance(&mut self, n: u8) -> bool {
        u16::from(self.byte()) + u16::from(n) > 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_choose_the_first_and_great_bytes_the_last() {
        let mut genes = Genes::new(&[255, 128]);
        assert_eq!(genes.pick(&["a", "b"]), "b");
        assert_eq!(genes.below(4), 2);
        assert_eq!(genes.pick(&["a", "b"]), "a");
        assert!(!genes.chance(255));
        assert!(Genes::new(&[255]).chance(1));
        assert!(!Genes::new(&[255]).chance(0));
    }
}
