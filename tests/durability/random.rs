//! Random numbers from a seed.

use nearhit::splitmix::SplitMix64;

#[derive(Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// The same numbers for the same seed and stream.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(SplitMix64::new(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03)));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// Less than `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0.below(n)
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// From -1 to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
