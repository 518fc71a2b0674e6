//! One answer that was right or wrong.

use super::Lead;

/// An answer at a score and with a lead, and the weight that its observer has: in 5 bytes.
///
/// ```text
/// bit   0         1: it was right
/// bits  1 …  7    its weight, in 128ths, less one
/// bits  8 … 31    the score: the upper 24 bits of a float32, exact to 1 in 65,000
/// bits 32 … 39    the lead
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    bits: u32,
    lead: Lead,
}

const WEIGHTS: f64 = 128.0;
const WEIGHT_SHIFT: u32 = 1;
const SCORE: u32 = !0xff;

impl Observation {
    /// Bytes that it is stored in.
    pub const BYTES: usize = 5;

    /// `weight`: above 0, and 1 at most; what is beyond counts as the nearest.
    pub fn new(score: f32, lead: Lead, is_right: bool, weight: f64) -> Self {
        let weight = if weight.is_nan() { 0.0 } else { weight };
        let steps = (weight * WEIGHTS).round().clamp(1.0, WEIGHTS) as u32 - 1;
        let score = if score.is_finite() { score } else { 0.0 };
        Self { bits: score.to_bits() & SCORE | steps << WEIGHT_SHIFT | u32::from(is_right), lead }
    }

    /// The score of the answer.
    pub fn score(self) -> f64 {
        f32::from_bits(self.bits & SCORE).into()
    }

    /// How much nearer the answer was than the next other one.
    pub fn lead(self) -> Lead {
        self.lead
    }

    /// True if it was right.
    pub fn is_right(self) -> bool {
        self.bits & 1 != 0
    }

    /// How much it counts, at most 1.
    pub fn weight(self) -> f64 {
        f64::from((self.bits & !SCORE) >> WEIGHT_SHIFT) / WEIGHTS + 1.0 / WEIGHTS
    }

    /// As it is stored.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.bits.to_le_bytes();
        [a, b, c, d, self.lead.to_byte()]
    }

    /// As it was stored. Any bytes are one.
    pub fn from_bytes([a, b, c, d, lead]: [u8; Self::BYTES]) -> Self {
        let bits = u32::from_le_bytes([a, b, c, d]);
        let is_number = f32::from_bits(bits & SCORE).is_finite();
        Self { bits: if is_number { bits } else { bits & !SCORE }, lead: Lead::from_byte(lead) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_what_it_was_made_of() {
        for (score, weight) in [(0.875, 1.0), (-3.0, 0.5), (0.999_97, 1.0 / 128.0), (0.0, 0.25)] {
            for is_right in [true, false] {
                let lead = Lead::new(0.25);
                let seen =
                    Observation::from_bytes(Observation::new(score, lead, is_right, weight).to_bytes());
                assert!((seen.score() - f64::from(score)).abs() <= f64::from(score.abs()) / 32_000.0);
                assert_eq!((seen.is_right(), seen.weight(), seen.lead()), (is_right, weight, lead));
            }
        }
    }

    #[test]
    fn weights_are_bounded_and_scores_finite() {
        let weighing = |weight| Observation::new(0.5, Lead::UNKNOWN, true, weight).weight();
        assert_eq!((weighing(1e9), weighing(-1.0)), (1.0, 1.0 / 128.0));
        assert_eq!(Observation::new(f32::NAN, Lead::MOST, true, f64::NAN).score(), 0.0);
        assert!(Observation::from_bytes([u8::MAX; 5]).score().is_finite());
    }
}
