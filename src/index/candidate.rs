//! A slot and its distance, packed into one integer that sorts by distance.

/// A slot and its distance. Orders by distance, then by slot, as one integer comparison.
///
/// ```text
/// distance, as an integer that sorts alike: 32 bits | slot: 31 | mark: 1
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate(u64);

const SIGN: u32 = 1 << 31;

impl Candidate {
    /// NaN counts as infinitely far. `slot` is below 2³¹.
    #[inline(always)]
    pub fn new(distance: f32, slot: u32) -> Self {
        let distance = if distance.is_nan() { f32::INFINITY } else { distance };
        let bits = distance.to_bits();
        // IEEE floats sort like sign-magnitude integers: flip all bits of the negative ones, the
        // sign of the others.
        let ordered = if bits & SIGN != 0 { !bits } else { bits | SIGN };
        debug_assert!(slot < 1 << 31);
        Self((ordered as u64) << 32 | (slot as u64) << 1)
    }

    /// Its slot.
    #[inline(always)]
    pub fn slot(self) -> u32 {
        self.0 as u32 >> 1
    }

    /// Its distance.
    #[inline(always)]
    pub fn distance(self) -> f32 {
        let ordered = (self.0 >> 32) as u32;
        f32::from_bits(if ordered & SIGN != 0 { ordered & !SIGN } else { !ordered })
    }

    /// The same with its mark set: it sorts where it did, but is not equal any more.
    #[inline(always)]
    pub(super) fn marked(self) -> Self {
        Self(self.0 | 1)
    }

    #[inline(always)]
    pub(super) fn unmarked(self) -> Self {
        Self(self.0 & !1)
    }

    #[inline(always)]
    pub(super) fn is_marked(self) -> bool {
        self.0 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_orders_as_its_distance_and_gives_it_back() {
        let distances = [f32::NEG_INFINITY, -1e30, -1.5, -1e-40, 0.0, 1e-40, 0.5, 2.0, f32::INFINITY];
        for (i, &a) in distances.iter().enumerate() {
            let candidate = Candidate::new(a, 7);
            assert_eq!((candidate.distance(), candidate.slot()), (a, 7));
            assert_eq!((candidate.marked().distance(), candidate.marked().slot()), (a, 7));
            assert!(candidate.marked() < Candidate::new(a, 8) && candidate.marked().unmarked() == candidate);
            for &b in &distances[i + 1..] {
                assert!(candidate < Candidate::new(b, 0), "{a} < {b}");
            }
        }
        assert!(Candidate::new(1.0, 3) < Candidate::new(1.0, 4));
        assert_eq!(Candidate::new(-f32::NAN, 1).distance(), f32::INFINITY);
        assert_eq!(Candidate::new(0.0, (1 << 31) - 1).slot(), (1 << 31) - 1);
    }
}
