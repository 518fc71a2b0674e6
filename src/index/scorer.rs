//! How far are these slots from the query, and from each other? All that the graph uses of vectors.

use super::Candidate;

/// Distances, for one query. Smaller is nearer; any finite or infinite number, NaN counts as
/// infinitely far.
pub trait Scorer {
    /// From the query to a slot.
    fn distance(&self, slot: u32) -> f32;

    /// From one slot to another.
    fn between(&self, a: u32, b: u32) -> f32;

    /// Makes candidates, nearest first, ready to be chosen from as neighbours: gives them distances
    /// as good as there are, and drops those behind the first `most` if that takes long.
    fn refine(&self, _candidates: &mut Vec<Candidate>, _most: usize) {}

    /// From one slot to another, both of which were made ready to be chosen from.
    fn between_refined(&self, a: u32, b: u32) -> f32 {
        self.between(a, b)
    }

    /// Asks the disk for what it has of these slots, all at once, before they are scored. `waits`:
    /// the walk has waited for the disk, so that what it reads is likely not in memory.
    #[inline(always)]
    fn fetch(&self, _slots: &[u32], _waits: bool) {}

    /// Asks the disk for what [`Scorer::between`] reads of these slots, all at once.
    fn fetch_between(&self, _slots: &[u32]) {}

    /// Hints that this slot will soon be among those of [`Scorer::nearer`].
    fn prefetch(&self, slot: u32);

    /// Adds to `found` those of `slots` that are at most `limit` away from the query. One call for
    /// all neighbours of a node, since scoring many at once is faster; and a scorer that can decide
    /// cheaply that a slot is farther need not compute how far.
    fn nearer(&self, slots: &[u32], limit: f32, found: &mut Vec<Candidate>) {
        let candidates = slots.iter().map(|&slot| Candidate::new(self.distance(slot), slot));
        found.extend(candidates.filter(|candidate| candidate.distance() <= limit));
    }
}
