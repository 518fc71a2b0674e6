//! How many of each query's nearest were found.

use crate::rows::COUNT;

/// A query's recall is the share of its nearest that were found.
pub(crate) struct Recall {
    /// Over all queries.
    pub(crate) mean: f64,
    /// The worst query's.
    pub(crate) worst: f64,
    /// The mean of the worst hundredth.
    pub(crate) low: f64,
}

/// Compares what was found with what is nearest, query by query. There must be one at least.
pub(crate) fn of(found: &[Vec<u32>], nearest: &[[u32; COUNT]]) -> Recall {
    let mut hits: Vec<usize> = found
        .iter()
        .zip(nearest)
        .map(|(found, nearest)| nearest.iter().filter(|row| found.contains(row)).count())
        .collect();
    hits.sort_unstable();
    let share = |hits: &[usize]| hits.iter().sum::<usize>() as f64 / (hits.len() * COUNT) as f64;
    Recall { mean: share(&hits), worst: share(&hits[..1]), low: share(&hits[..hits.len().div_ceil(100)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_mean_and_the_worst() {
        let nearest = vec![std::array::from_fn(|i| i as u32); 101];
        let mut found = vec![(0..10).rev().collect::<Vec<u32>>(); 101];
        found[7] = vec![3, 99, 98];
        found[8] = vec![3, 4, 5];
        let recall = of(&found, &nearest);
        assert!((recall.mean - (99.0 + 0.4) / 101.0).abs() < 1e-9);
        assert_eq!((recall.worst, recall.low), (0.1, 0.2));
    }
}
