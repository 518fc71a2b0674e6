//! How far are these slots from the query, and from each other? All that the graph knows of vectors.

/// Distances, for one query. Smaller is nearer; any finite or infinite number, NaN counts as infinitely far.
pub trait Scorer {
    /// From the query to a slot.
    fn distance(&self, slot: u32) -> f32;

    /// From one slot to another.
    fn between(&self, a: u32, b: u32) -> f32;

    /// Hints that [`Scorer::distance`] of this slot will be asked soon.
    fn prefetch(&self, slot: u32);
}
