//! Which of several things should be evicted first? Rules, scores, and a pool of candidates.
//!
//! Keys and elements of vector sets are scored alike, so that the coldest thing goes first,
//! whatever it is. Knows nothing of either.

mod pool;

pub use self::pool::{Candidate, Pool};

/// What is evicted first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Nothing is evicted: writes are refused at the limit.
    #[default]
    None,
    /// What was not used for the longest time.
    Lru,
    /// What is used least frequently.
    Lfu,
    /// What was not modified for the longest time: reads do not count.
    Lrm,
    /// What is worth least: the cost of making it again, by how often it is used, for each byte
    /// that it takes (GreedyDual-Size-Frequency; the counter of uses decays instead of an offset
    /// that rises).
    Cost,
    /// What something else stands in for; then, as among those, what was not used for the longest
    /// time.
    Coverage,
    /// Any.
    Random,
    /// What has the nearest deadline.
    Ttl,
}

/// How urgently something should be evicted: more for higher ones.
///
/// | rule | score |
/// |---|---|
/// | `lru`, `lrm` | the earlier the last use, the higher |
/// | `lfu` | the rarer the use, the higher; among equals, the earlier the last use |
/// | `cost` | the less it is worth, the higher |
/// | `coverage` | higher for what is covered; among equals, the earlier the last use, the higher |
/// | `ttl` | the earlier the deadline, the higher |
/// | `random` | the same for all |
///
/// The score of what is not used never falls: the times of the last use and of the deadline stay,
/// and the counter of uses only decays. So what scores less than before was used meanwhile, or, by
/// `coverage`, has lost what stood in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u64);

/// Bits for a time in milliseconds, below those of a frequency.
const TIME_BITS: u32 = 56;
const LATEST_MS: u64 = (1 << TIME_BITS) - 1;

impl Score {
    /// By the time of the last use, in milliseconds since 1970.
    fn of_last_use(used_ms: i64) -> Self {
        Self(earliness(used_ms))
    }

    /// By the worth of a byte. What is no number is worth nothing.
    fn of_worth(worth: f32) -> Self {
        // The bits of positive numbers are in their order.
        Self(u64::from(u32::MAX - worth.max(0.0).to_bits()))
    }

    /// By whether something stands in for it, and by the last use among equals.
    fn of_coverage(is_covered: bool, used_ms: i64) -> Self {
        Self(u64::from(is_covered) << TIME_BITS | earliness(used_ms))
    }

    /// By the counter of uses, and by the last use among equals.
    fn of_frequency(frequency: u8, used_ms: i64) -> Self {
        Self(u64::from(u8::MAX - frequency) << TIME_BITS | earliness(used_ms))
    }
}

fn earliness(at_ms: i64) -> u64 {
    LATEST_MS - u64::try_from(at_ms).unwrap_or(0).min(LATEST_MS)
}

/// What rules look at. Each is computed only if it is needed.
pub trait Life {
    /// When it was last used, in milliseconds since 1970. The same number at any time, until it is
    /// used again.
    fn used_ms(&self) -> i64;

    /// Its counter of uses: see [`Lfu`](crate::frequency::Lfu).
    fn frequency(&self) -> u8;

    /// When it expires, in milliseconds since 1970, if it does.
    fn deadline_ms(&self) -> Option<i64>;

    /// What making it again costs, for each byte that it takes.
    fn cost_of_a_byte(&self) -> f32 {
        1.0
    }

    /// Something else stands in for it.
    fn is_covered(&self) -> bool {
        false
    }
}

impl Rule {
    /// The score by this rule; none if it is not to be evicted.
    pub fn score(self, life: &impl Life) -> Option<Score> {
        match self {
            Self::None => None,
            Self::Lru | Self::Lrm => Some(Score::of_last_use(life.used_ms())),
            Self::Lfu => Some(Score::of_frequency(life.frequency(), life.used_ms())),
            Self::Ttl => life.deadline_ms().map(|at_ms| Score(earliness(at_ms))),
            Self::Cost => {
                // The counter grows with the logarithm of uses: its square is nearer to their
                // number.
                let uses = 1.0 + f32::from(life.frequency()).powi(2);
                Some(Score::of_worth(life.cost_of_a_byte() * uses))
            }
            Self::Coverage => Some(Score::of_coverage(life.is_covered(), life.used_ms())),
            Self::Random => Some(Score(0)),
        }
    }

    /// How many samples are worth drawing for a victim: one is as good as another if all score the
    /// same.
    pub fn samples(self, configured: usize) -> usize {
        if self == Self::Random { 1 } else { configured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_least_goes_first() {
        struct Made(u8, f32);
        impl Life for Made {
            fn used_ms(&self) -> i64 {
                0
            }

            fn frequency(&self) -> u8 {
                self.0
            }

            fn deadline_ms(&self) -> Option<i64> {
                None
            }

            fn cost_of_a_byte(&self) -> f32 {
                self.1
            }
        }
        let score = |frequency, cost| Rule::Cost.score(&Made(frequency, cost));
        assert!(score(1, 2.0) < score(1, 1.0) && score(3, 1.0) < score(1, 1.0));
        assert!(score(0, 20.0) < score(2, 1.0) && score(5, 1.0) < score(0, 20.0));
        assert_eq!(score(9, f32::NAN), score(0, 0.0));
    }

    struct Fake(i64, u8, Option<i64>);

    impl Life for Fake {
        fn used_ms(&self) -> i64 {
            self.0
        }

        fn frequency(&self) -> u8 {
            self.1
        }

        fn deadline_ms(&self) -> Option<i64> {
            self.2
        }
    }

    #[test]
    fn each_rule_has_its_order() {
        const AT_MS: i64 = 1_795_000_000_000;
        let cold_and_frequent = Fake(AT_MS, 9, None);
        let warm_and_rare = Fake(AT_MS + 1, 8, Some(7));
        let colder_and_rare = Fake(AT_MS, 8, Some(6));
        let order = |rule: Rule, one: &Fake, other: &Fake| rule.score(one).cmp(&rule.score(other));
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (rule, expected) in [
            (Rule::Lru, [Greater, Less]),
            (Rule::Lrm, [Greater, Less]),
            (Rule::Lfu, [Less, Less]),
            (Rule::Random, [Equal, Equal]),
            (Rule::Ttl, [Less, Less]),
            (Rule::None, [Equal, Equal]),
        ] {
            let orders = [
                order(rule, &cold_and_frequent, &warm_and_rare),
                order(rule, &warm_and_rare, &colder_and_rare),
            ];
            assert_eq!(orders, expected, "{rule:?}");
        }
        let unscored = |rule: Rule| rule.score(&cold_and_frequent).is_none();
        assert!(unscored(Rule::None) && unscored(Rule::Ttl) && !unscored(Rule::Random));
    }

    #[test]
    fn times_out_of_range_are_the_ends_of_it() {
        let score = |used_ms| Rule::Lfu.score(&Fake(used_ms, 255, None)).map(|Score(score)| score);
        assert_eq!([i64::MIN, -1, 0, i64::MAX].map(score), [LATEST_MS, LATEST_MS, LATEST_MS, 0].map(Some));
    }
}
