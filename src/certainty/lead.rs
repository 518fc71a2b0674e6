//! How much nearer an answer is than the next other one.

/// `1 − d / e`, for an answer at distance `d` and the next other entry at distance `e`: 1 if
/// nothing else is near, 0 if another entry is at least as near. In 254ths, or not known.
///
/// It says what the score alone cannot: whether the question lies in a crowd of entries, which are
/// easily mistaken for each other, or beside a single one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lead(u8);

const UNKNOWN: u8 = u8::MAX;
const STEPS: f64 = 254.0;

impl Lead {
    /// Not known: of an observation that was reported by score alone.
    pub const UNKNOWN: Self = Self(UNKNOWN);
    /// Nothing else is near.
    pub const MOST: Self = Self(UNKNOWN - 1);

    /// That of an answer at a distance, before another one at the distance `next`. Distances of
    /// inner products may be negative: there is no lead before one of those.
    pub fn between(distance: f64, next: f64) -> Self {
        if next > 0.0 { Self::new(1.0 - distance / next) } else { Self(0) }
    }

    /// What is beyond 0 and 1 counts as the nearest. Rounded down, so that none is larger than it
    /// was.
    pub fn new(lead: f64) -> Self {
        // A little more, so that a number of 254ths stays one. The cast takes what is no number
        // as 0.
        Self((lead.clamp(0.0, 1.0) * STEPS + 1e-6) as u8)
    }

    /// From 0 to 1, if it is known.
    pub fn get(self) -> Option<f64> {
        (self != Self::UNKNOWN).then(|| f64::from(self.0) / STEPS)
    }

    /// As it is stored.
    pub fn to_byte(self) -> u8 {
        self.0
    }

    /// As it was stored. Any byte is one.
    pub fn from_byte(byte: u8) -> Self {
        Self(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_between_zero_and_one() {
        let lead = |distance, next| Lead::between(distance, next).get();
        assert_eq!(lead(0.0, 0.5), Some(1.0));
        assert_eq!(lead(0.25, 0.5), Some(0.5));
        assert_eq!([lead(0.5, 0.5), lead(0.6, 0.5), lead(0.0, 0.0), lead(-0.2, -0.1)], [Some(0.0); 4]);
        assert_eq!(lead(-0.1, 0.5), Some(1.0));
        assert_eq!(lead(0.1, f64::INFINITY), Some(1.0));
        assert_eq!(Lead::new(f64::NAN).get(), Some(0.0));
        assert_eq!((Lead::UNKNOWN.get(), Lead::MOST.get()), (None, Some(1.0)));
    }

    #[test]
    fn it_reads_as_it_was_stored_and_is_never_rounded_up() {
        for byte in 0..=u8::MAX {
            let lead = Lead::from_byte(byte);
            assert_eq!(lead.to_byte(), byte);
            assert!(lead.get().is_none_or(|number| Lead::new(number) == lead));
            let logged = lead.get().map(|number| number.to_string().parse().expect("a number"));
            assert!(logged.is_none_or(|number| Lead::new(number) == lead));
            assert!(lead.get().is_none_or(|number| Lead::new(number + 0.003).get() <= Some(number)));
        }
    }
}
