//! A digest that is the same on every machine and in every release: FNV-1a, 64 bits.
//!
//! It tells whether a text is still the one that was seen; it is no guard against an adversary.

/// The digest of nothing; its value is FNV-1a's offset basis.
pub const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A digest of bytes that come piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(EMPTY)
    }
}

impl Digest {
    /// The digest of these bytes alone.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.add(bytes);
        digest.value()
    }

    /// Takes more bytes in; pieces leave no seam.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    /// The digest of all that was taken in.
    pub fn value(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test suite in draft-eastlake-fnv, "FNV-1a 64 bit".
    #[test]
    fn known_values() {
        assert_eq!(Digest::of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Digest::of(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Digest::of(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn pieces_leave_no_seam() {
        let mut digest = Digest::default();
        digest.add(b"foo");
        digest.add(b"bar");
        assert_eq!(digest.value(), Digest::of(b"foobar"));
    }
}
