//! What a search keeps: the candidates that may be results, and those that it only walks through.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pool::Pool;
use crate::index::{Candidate, Nearest};

/// Up to so many candidates a [`Pool`] keeps; more are kept in heaps, since a merge moves half of
/// the pool.
const POOLED: usize = 4096;

/// The best `ef` admitted candidates, and all that are to be walked on from.
#[derive(Default)]
pub(super) struct Results {
    ef: usize,
    /// Admitted, if they are few.
    pool: Pool,
    /// Admitted, if they are many.
    wide: Nearest,
    /// To be walked on from: if admitted are few, only those that are not.
    aside: BinaryHeap<Reverse<Candidate>>,
}

impl Results {
    /// Empties it.
    pub(super) fn begin(&mut self, ef: usize) {
        self.ef = ef;
        self.pool.begin(ef.min(POOLED));
        self.wide = Nearest::new(ef);
        self.aside.clear();
    }

    fn is_pooled(&self) -> bool {
        self.ef <= POOLED
    }

    /// How far a candidate may be to be of use.
    #[inline(always)]
    pub(super) fn limit(&self) -> f32 {
        if self.is_pooled() { self.pool.limit() } else { self.wide.limit() }
    }

    /// Takes a batch of candidates within the limit, as places to walk on from, and as results
    /// those that are admitted.
    #[inline]
    pub(super) fn take(&mut self, batch: &mut Vec<Candidate>, mut admit: impl FnMut(u32) -> bool) {
        if !self.is_pooled() {
            return batch.iter().for_each(|&candidate| self.take_wide(candidate, admit(candidate.slot())));
        }
        batch.retain(|&candidate| {
            let admitted = admit(candidate.slot());
            if !admitted {
                self.aside.push(Reverse(candidate));
            }
            admitted
        });
        self.pool.merge(batch);
    }

    fn take_wide(&mut self, candidate: Candidate, admitted: bool) {
        self.aside.push(Reverse(candidate));
        if admitted {
            self.wide.offer(candidate);
        }
    }

    /// The nearest place to walk on from, which is not given again; none if no better result can
    /// lie behind any.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Candidate> {
        let Some(&Reverse(aside)) = self.aside.peek() else { return self.pool.pop() };
        if self.pool.peek().is_some_and(|pooled| pooled < aside) {
            return self.pool.pop();
        }
        self.aside.pop();
        (aside.distance() <= self.limit()).then_some(aside)
    }

    /// What [`Results::next`] will likely give.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<Candidate> {
        self.pool.peek().or_else(|| self.aside.peek().map(|&Reverse(aside)| aside))
    }

    /// Some of those that [`Results::next`] will likely give soon.
    pub(super) fn upcoming(&self, most: usize) -> impl Iterator<Item = u32> + '_ {
        self.pool.upcoming(most).chain(self.aside.peek().map(|Reverse(aside)| aside.slot()))
    }

    /// The admitted, nearest first.
    pub(super) fn found(&mut self) -> Vec<Candidate> {
        if self.is_pooled() {
            return self.pool.candidates();
        }
        std::mem::take(&mut self.wide).into_sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(
        results: &mut Results,
        ef: usize,
        distances: &[f32],
        admit: impl Fn(u32) -> bool + Copy,
    ) -> Vec<u32> {
        results.begin(ef);
        for (slot, batch) in distances.chunks(3).enumerate() {
            let candidates = batch.iter().enumerate().map(|(i, &d)| Candidate::new(d, (3 * slot + i) as u32));
            let limit = results.limit();
            results.take(&mut candidates.filter(|c| c.distance() <= limit).collect(), admit);
        }
        std::iter::from_fn(|| results.next()).map(|candidate| candidate.slot()).collect()
    }

    #[test]
    fn all_that_may_lead_on_is_walked_once_and_in_order() {
        let distances = [5.0, 1.0, 4.0, 2.0, 3.0, 6.0];
        let mut results = Results::default();
        assert_eq!(walk(&mut results, 10, &distances, |_| true), [1, 3, 4, 2, 0, 5]);
        assert_eq!(walk(&mut results, 10, &distances, |slot| slot % 2 == 0), [1, 3, 4, 2, 0, 5]);
        let found: Vec<_> = results.found().iter().map(|candidate| candidate.slot()).collect();
        assert_eq!(found, [4, 2, 0]);
        assert_eq!(
            walk(&mut results, 2, &distances, |_| true),
            [1, 3],
            "no better result lies behind the others"
        );
    }

    #[test]
    fn wide_ones_answer_alike() {
        let distances: Vec<f32> =
            (0..3 * POOLED as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 12) as f32).collect();
        let admit = |slot: u32| !slot.is_multiple_of(3);
        let mut narrow = Results::default();
        let mut wide = Results::default();
        walk(&mut narrow, POOLED, &distances, admit);
        walk(&mut wide, POOLED + 1, &distances, admit);
        assert_eq!(wide.found()[..POOLED], narrow.found());
    }
}
