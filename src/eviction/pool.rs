//! The best candidates of all samples so far.

use super::Score;

/// Candidates that are kept (as in Redis). More would keep older samples, and make steps slower.
const MAX_CANDIDATES: usize = 16;

/// Where something is, with what it has scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<P> {
    /// More for what should be evicted sooner.
    pub score: Score,
    /// Where it is.
    pub place: P,
}

/// Candidates, the best one last, each place once.
#[derive(Debug)]
pub struct Pool<P>(Vec<Candidate<P>>);

impl<P> Default for Pool<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<P: PartialEq> Pool<P> {
    /// Adds a candidate if there is room, or if it is better than another, which is dropped.
    pub fn offer(&mut self, candidate: Candidate<P>) {
        self.0.retain(|other| other.place != candidate.place);
        if self.0.len() == MAX_CANDIDATES {
            if self.0[0].score >= candidate.score {
                return;
            }
            self.0.remove(0);
        }
        let at = self.0.partition_point(|other| other.score < candidate.score);
        self.0.insert(at, candidate);
    }

    /// Takes the best candidate out.
    pub fn take_best(&mut self) -> Option<Candidate<P>> {
        self.0.pop()
    }

    /// True if it has no candidate.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops all candidates.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(place: u32, score: u64) -> Candidate<u32> {
        Candidate { score: Score(score), place }
    }

    #[test]
    fn the_best_of_many_are_kept_and_come_best_first() {
        let mut pool = Pool::default();
        let scores = (0..100).map(|n| n * 37 % 100);
        scores.for_each(|score| pool.offer(candidate(score as u32, score)));
        let taken: Vec<_> = std::iter::from_fn(|| pool.take_best()).collect();
        let best: Vec<_> = (100 - MAX_CANDIDATES as u64..100).rev().map(|n| candidate(n as u32, n)).collect();
        assert_eq!(taken, best);
    }

    #[test]
    fn a_place_that_is_drawn_again_has_its_last_score() {
        let mut pool = Pool::default();
        for score in [7, 3, 5] {
            pool.offer(candidate(1, score));
        }
        assert_eq!((pool.take_best(), pool.take_best()), (Some(candidate(1, 5)), None));
    }
}
