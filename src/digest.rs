//! A short fingerprint of text: FNV-1a, 64 bits. It guards against accidents, not against intent,
//! and never changes between releases.

/// The fingerprint of these bytes.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    Digest::default().and(bytes).0
}

/// A fingerprint in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Goes on with more bytes.
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Digest(bytes.iter().fold(self.0, step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // The test vectors of the algorithm's authors.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(
            Digest::default().and(b"foo").and(b"bar").0,
            fnv1a(b"foobar")
        );
    }
}
