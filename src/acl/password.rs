//! Passwords, of which only the SHA-256 is stored.

use sha2::{Digest as _, Sha256};

use super::RuleError;
use crate::hex;

/// The SHA-256 of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of this password.
    pub fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// From the 64 digits that [`hex`](Self::hex) gives.
    pub(super) fn parse(digits: &[u8]) -> Result<Self, RuleError> {
        let is_lower = !digits.iter().any(u8::is_ascii_uppercase);
        let bytes = hex::decode(digits).filter(|_| is_lower).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(RuleError::NotAHash)
    }

    /// In hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// True if both are equal. All bytes are compared, whatever the first difference is.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |all, (one, other)| all | (one ^ other));
        std::hint::black_box(differing) == 0
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_and_read() {
        let digest = Digest::of(b"p");
        assert_eq!(digest.hex(), "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940");
        assert!(Digest::parse(digest.hex().as_bytes()).is_ok_and(|read| read.equals(&digest)));
        assert!(!digest.equals(&Digest::of(b"q")));
        let upper = digest.hex().to_uppercase();
        for wrong in ["", "148d", upper.as_str(), &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(Digest::parse(wrong.as_bytes()), Err(RuleError::NotAHash), "{wrong}");
        }
    }
}
