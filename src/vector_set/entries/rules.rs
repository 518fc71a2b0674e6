//! What is fixed of a cache when it is made.

use crate::vector_set::filter::Path;

/// Most fields of a scope.
pub const MAX_SCOPE: usize = 8;

/// What is fixed of a cache.
#[derive(Clone, Debug)]
pub struct CacheRules {
    /// Each search, and each entry, has a text at each of these fields: none is answered by an
    /// entry with others.
    pub scope: Vec<Path>,
    /// For tokens, so that nobody else can make one. Saved, so that a restart does not turn tokens
    /// of before into forged ones.
    pub secret: [u8; 16],
    /// The share of errors that is accepted where a search says nothing. May be changed later.
    pub max_error: Option<Share>,
}

/// A share above 0 and below 1, in billionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share(u32);

const BILLION: u32 = 1_000_000_000;

impl Share {
    /// None if it is not between 0 and 1. Below a billionth it is rounded up.
    pub fn new(share: f64) -> Option<Self> {
        let billionths = ((share * f64::from(BILLION)).round() as u32).clamp(1, BILLION - 1);
        (share > 0.0 && share < 1.0).then_some(Self(billionths))
    }

    /// None for 0, and for what is no share.
    pub fn from_billionths(billionths: u64) -> Option<Self> {
        u32::try_from(billionths).ok().filter(|n| (1..BILLION).contains(n)).map(Self)
    }

    /// As a whole number.
    pub fn billionths(self) -> u32 {
        self.0
    }

    /// As a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(BILLION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_zero_and_one() {
        let refused = [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY];
        assert!(refused.iter().all(|&share| Share::new(share).is_none()));
        assert_eq!(Share::new(0.005).map(Share::get), Some(0.005));
        assert_eq!(Share::new(1e-30).map(Share::billionths), Some(1));
        assert!(Share::new(1.0 - 1e-15).is_some_and(|share| share.get() < 1.0));
        assert_eq!(Share::from_billionths(0), None);
        assert_eq!(Share::from_billionths(u64::MAX), None);
    }
}
