//! One answer that was right or wrong.

/// An answer at a score, with the weight that its observer has: in 32 bits.
///
/// ```text
/// bit  0        1: it was right
/// bits 1 …  7   its weight, in 128ths, less one
/// bits 8 … 31   the score: the upper 24 bits of a float32, exact to 1 in 65,000
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation(u32);

const WEIGHTS: f64 = 128.0;
const WEIGHT_SHIFT: u32 = 1;
const SCORE: u32 = !0xff;

impl Observation {
    /// `weight`: above 0, and 1 at most; what is beyond counts as the nearest.
    pub fn new(score: f32, is_right: bool, weight: f64) -> Self {
        let weight = if weight.is_nan() { 0.0 } else { weight };
        let steps = (weight * WEIGHTS).round().clamp(1.0, WEIGHTS) as u32 - 1;
        let score = if score.is_finite() { score } else { 0.0 };
        Self(score.to_bits() & SCORE | steps << WEIGHT_SHIFT | u32::from(is_right))
    }

    /// The score of the answer.
    pub fn score(self) -> f64 {
        f32::from_bits(self.0 & SCORE).into()
    }

    /// True if it was right.
    pub fn is_right(self) -> bool {
        self.0 & 1 != 0
    }

    /// How much it counts, at most 1.
    pub fn weight(self) -> f64 {
        f64::from((self.0 & !SCORE) >> WEIGHT_SHIFT) / WEIGHTS + 1.0 / WEIGHTS
    }

    /// As it is stored.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// As it was stored. Any number is one.
    pub fn from_bits(bits: u32) -> Self {
        let is_number = f32::from_bits(bits & SCORE).is_finite();
        Self(if is_number { bits } else { bits & !SCORE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_it_was_made_of() {
        for (score, weight) in [(0.875, 1.0), (-3.0, 0.5), (0.999_97, 1.0 / 128.0), (0.0, 0.25)] {
            for is_right in [true, false] {
                let seen = Observation::from_bits(Observation::new(score, is_right, weight).to_bits());
                assert!((seen.score() - f64::from(score)).abs() <= f64::from(score.abs()) / 32_000.0);
                assert_eq!((seen.is_right(), seen.weight()), (is_right, weight));
            }
        }
    }

    #[test]
    fn weights_are_bounded_and_scores_finite() {
        assert_eq!(Observation::new(0.5, true, 1e9).weight(), 1.0);
        assert_eq!(Observation::new(0.5, true, -1.0).weight(), 1.0 / 128.0);
        assert_eq!(Observation::new(f32::NAN, true, f64::NAN).score(), 0.0);
        assert!(Observation::from_bits(u32::MAX).score().is_finite());
    }
}
