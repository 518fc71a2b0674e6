//! The last observations of a set, and what is fitted to them.

use super::interval::{CONFIDENCE, clopper_pearson};
use super::{Observation, Prior};

/// Observations that are kept. With those of the last ones, what is known of the set follows what
/// its questions are.
const KEPT: usize = 2048;
/// Observations before the first fit, and between the first ones.
const FIRST: u64 = 16;
/// Between two fits at most: a fit takes some milliseconds.
const LAST: u64 = 512;
/// Bytes of an observation with the number of its entry, as they are stored.
const PAIR: usize = size_of::<u32>() + Observation::BYTES;

/// What the observations of a set were fitted to, the number of the fit being the number of
/// observations by then.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fit {
    /// How many observations there were. No two fits of a set have the same number.
    pub number: u64,
    /// The result.
    pub prior: Prior,
}

impl Fit {
    /// A short number by which fits that follow one another differ; never 0.
    pub fn tag(&self) -> u16 {
        (self.number % u64::from(u16::MAX)) as u16 + 1
    }
}

/// The last observations of all entries of a set. Bounded: some kilobytes.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    /// A ring once it is full.
    seen: Vec<(u32, Observation)>,
    /// Observations so far.
    count: u64,
    /// The number of observations at which they are fitted next.
    due: u64,
}

/// What past observations say of a static threshold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Advice {
    /// The lowest score above which no more errors are to be expected than accepted; none if no
    /// score is supported.
    pub score: Option<f64>,
    /// Observations at that score and above, and how many of them were wrong.
    pub above: u64,
    /// See `above`.
    pub wrong: u64,
    /// All observations.
    pub of: u64,
}

impl Learner {
    /// Adds an observation of an entry. True if the observations are to be fitted now.
    pub fn add(&mut self, entry: u32, observation: Observation) -> bool {
        let place = (self.count % KEPT as u64) as usize;
        match self.seen.get_mut(place) {
            Some(oldest) => *oldest = (entry, observation),
            None => self.seen.push((entry, observation)),
        }
        self.count += 1;
        let is_due = self.count >= self.due.max(FIRST);
        if is_due {
            self.due = self.count + (self.count / 8).clamp(FIRST, LAST);
        }
        is_due
    }

    /// True if the next observation but few may lead to a fit.
    pub fn is_due_soon(&self) -> bool {
        self.count + 1 >= self.due.max(FIRST)
    }

    /// Fits all that is there.
    pub fn fit(&self) -> Option<Fit> {
        let (newer, older) = self.seen.split_at((self.count % KEPT as u64) as usize % self.seen.len().max(1));
        let in_order = [older, newer].concat();
        Prior::fit(&in_order).map(|prior| Fit { number: self.count, prior })
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The lowest static threshold for an accepted share of errors, of which the upper bound of
    /// the errors above it is not higher.
    pub fn advise(&self, accepted: f64) -> Advice {
        let mut seen: Vec<(f64, bool)> =
            self.seen.iter().map(|(_, one)| (one.score(), one.is_right())).collect();
        seen.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut advice = Advice { score: None, above: 0, wrong: 0, of: seen.len() as u64 };
        let mut wrong = 0;
        for (place, &(score, is_right)) in seen.iter().enumerate() {
            wrong += u64::from(!is_right);
            let is_last_of_score = seen.get(place + 1).is_none_or(|next| next.0 < score);
            let above = place as u64 + 1;
            // Bounds are costly, and none is below the share itself.
            if is_last_of_score
                && wrong as f64 <= accepted * above as f64
                && clopper_pearson(wrong, above, CONFIDENCE).1 <= accepted
            {
                advice = Advice { score: Some(score), above, wrong, ..advice };
            }
        }
        advice
    }

    /// As it is stored: `[count: u64][due: u64][entry: u32][observation: 5 bytes] …`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + PAIR * self.seen.len());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.due.to_le_bytes());
        for (entry, one) in &self.seen {
            bytes.extend_from_slice(&entry.to_le_bytes());
            bytes.extend_from_slice(&one.to_bytes());
        }
        bytes
    }

    /// The most bytes of [`to_bytes`](Self::to_bytes).
    pub const MOST_BYTES: usize = 16 + PAIR * KEPT;

    /// As it was stored; none if the bytes are none of that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (due, rest) = rest.split_first_chunk()?;
        let (pairs, rest) = rest.as_chunks::<PAIR>();
        let count = u64::from_le_bytes(*count);
        let is_whole = rest.is_empty() && pairs.len() as u64 == count.min(KEPT as u64);
        let read = |&[a, b, c, d, ref observation @ ..]: &[u8; PAIR]| {
            (u32::from_le_bytes([a, b, c, d]), Observation::from_bytes(*observation))
        };
        let seen = pairs.iter().map(read).collect();
        is_whole.then_some(Self { seen, count, due: u64::from_le_bytes(*due) })
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.seen.capacity() * size_of::<(u32, Observation)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certainty::Lead;

    fn observation(n: u32) -> Observation {
        Observation::new(
            0.5 + (n % 100) as f32 / 200.0,
            Lead::new(f64::from(n % 7) / 7.0),
            n % 100 >= 60,
            1.0,
        )
    }

    #[test]
    fn it_is_bounded_and_fitted_less_and_less_often() {
        let mut learner = Learner::default();
        let fits: Vec<u32> = (1..=20_000).filter(|&n| learner.add(n % 50, observation(n))).collect();
        assert_eq!(fits[..3], [16, 32, 48]);
        assert!(fits.windows(2).all(|pair| (16..=512).contains(&(pair[1] - pair[0]))));
        assert!(learner.heap_bytes() <= 2 * 12 * KEPT);
        assert_eq!((learner.count(), learner.seen.len()), (20_000, KEPT));
    }

    #[test]
    fn what_is_stored_goes_on_in_the_same_way() {
        let mut learner = Learner::default();
        for n in 0..3000 {
            let stored = Learner::from_bytes(&learner.to_bytes()).expect("whole");
            assert!(learner.to_bytes().len() <= Learner::MOST_BYTES);
            if n % 250 == 0 {
                assert_eq!(stored.fit(), learner.fit());
            }
            let mut other = stored;
            assert_eq!(other.add(n, observation(n)), learner.add(n, observation(n)));
        }
        let bytes = learner.to_bytes();
        assert!(Learner::from_bytes(&bytes[..bytes.len() - PAIR]).is_none());
        assert!(Learner::from_bytes(&[0; 7]).is_none() && Learner::from_bytes(&[1; 24]).is_none());
    }

    #[test]
    fn advice_is_the_lowest_score_that_the_observations_support() {
        let mut learner = Learner::default();
        assert_eq!(learner.advise(0.05), Advice { score: None, above: 0, wrong: 0, of: 0 });
        (0..2000).for_each(|n| _ = learner.add(n, observation(n)));
        // From 0.8 on all are right.
        let advice = learner.advise(0.01);
        assert!((advice.score.expect("supported") - 0.8).abs() < 0.01, "{advice:?}");
        assert!(advice.above >= 800 && advice.of == 2000);
        assert!(clopper_pearson(advice.wrong, advice.above, CONFIDENCE).1 <= 0.01);
        assert!(learner.advise(0.2).score < advice.score);
        assert_eq!(learner.advise(0.0001).score, None, "too few for that");
    }

    #[test]
    fn tags_differ_from_fit_to_fit_and_are_never_zero() {
        let prior = Prior::plain(1.0, 0.0, 1.0);
        let tag = |number| Fit { number, prior }.tag();
        assert!((0..200_000).all(|number| tag(number) != 0 && tag(number) != tag(number + 16)));
    }
}
