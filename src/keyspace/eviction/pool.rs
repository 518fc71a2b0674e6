//! The best candidates of all samples so far.

use super::criteria::Score;

/// Candidates that are kept (as in Redis). More would keep older samples, and make steps slower.
const MAX_CANDIDATES: usize = 16;

/// Where a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) db: usize,
    pub(super) shard: usize,
    /// The position of the key in the table of the shard.
    pub(super) position: u32,
}

/// A place with what its unit has scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) score: Score,
    pub(super) place: Place,
}

/// Candidates, the best one last, each place once.
#[derive(Debug, Default)]
pub(super) struct Pool(Vec<Candidate>);

impl Pool {
    /// Adds a candidate if there is room, or if it is better than another, which is dropped.
    pub(super) fn offer(&mut self, candidate: Candidate) {
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
    pub(super) fn take_best(&mut self) -> Option<Candidate> {
        self.0.pop()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(position: u32, score: u64) -> Candidate {
        Candidate { score: Score::of(score), place: Place { db: 0, shard: 0, position } }
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
