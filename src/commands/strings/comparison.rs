//! `IFEQ text`, `IFNE text`, `IFDEQ digest`, `IFDNE digest`: conditions on the present string.

use super::digest::{DIGEST_LEN, digest};
use crate::keyspace::StringRef;
use crate::resp::{Args, Error};

/// A text or a digest with which a string is compared.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'r> {
    kind: Kind,
    operand: &'r [u8],
}

#[derive(Clone, Copy, PartialEq)]
struct Kind {
    by_digest: bool,
    negated: bool,
}

const WORDS: [(&str, Kind); 4] = [
    ("IFEQ", Kind { by_digest: false, negated: false }),
    ("IFNE", Kind { by_digest: false, negated: true }),
    ("IFDEQ", Kind { by_digest: true, negated: false }),
    ("IFDNE", Kind { by_digest: true, negated: true }),
];

impl<'r> Comparison<'r> {
    /// Takes one of the words and its operand, if they are next.
    pub(super) fn take(args: &mut Args<'r>) -> Option<Self> {
        let mut ahead = *args;
        let kind = ahead.keyword_of(&WORDS)?;
        let operand = ahead.take()?;
        *args = ahead;
        Some(Self { kind, operand })
    }

    /// True if both have the same keyword.
    pub(super) fn is_kind_of(self, other: Self) -> bool {
        self.kind == other.kind
    }

    /// True if the digest of the whole string has to be computed.
    pub(super) fn needs_digest(self) -> bool {
        self.kind.by_digest
    }

    /// Whether the condition is true for a missing key.
    pub(super) fn holds_for_none(self) -> bool {
        self.kind.negated
    }

    /// Whether the condition is true for this string.
    ///
    /// # Errors
    /// The operand should be a digest and does not have the length of one. Whether it is
    /// hexadecimal is not checked.
    pub(super) fn holds(self, string: StringRef) -> Result<bool, Error> {
        let equal = if self.kind.by_digest {
            self.checked_digest()?.eq_ignore_ascii_case(digest(&string.text()).as_bytes())
        } else {
            *string.text() == *self.operand
        };
        Ok(equal != self.kind.negated)
    }

    fn checked_digest(self) -> Result<&'r [u8], Error> {
        let fits = self.operand.len() == DIGEST_LEN;
        fits.then_some(self.operand).ok_or(Error::new("ERR must be exactly 16 hexadecimal characters"))
    }
}
