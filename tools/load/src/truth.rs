//! The exact nearest neighbours under cosine similarity, by looking at every row.

use crate::rows::{COUNT, Rows};

const THREADS: usize = 2;
/// How many are kept beyond those asked for: float32 finds them, float64 ranks them.
const SPARE: usize = 10;
const LANES: usize = 16;

/// For each query the numbers of its nearest rows, nearest first, equals by number. There must be
/// `COUNT` rows at least.
pub(crate) fn nearest(base: &Rows, queries: &Rows) -> Vec<[u32; COUNT]> {
    let scales: Vec<f32> = base.iter().map(|row| 1.0 / dot(row, row).sqrt().max(f32::MIN_POSITIVE)).collect();
    let queries: Vec<&[f32]> = queries.iter().collect();
    let part = queries.len().div_ceil(THREADS).max(1);
    let mut found = vec![[0; COUNT]; queries.len()];
    std::thread::scope(|scope| {
        for (queries, found) in queries.chunks(part).zip(found.chunks_mut(part)) {
            let scales = &scales;
            scope.spawn(move || {
                for (query, found) in queries.iter().zip(found) {
                    *found = of_one(base, scales, query);
                }
            });
        }
    });
    found
}

fn of_one(base: &Rows, scales: &[f32], query: &[f32]) -> [u32; COUNT] {
    let mut best: Vec<(f32, u32)> = base
        .iter()
        .zip(scales)
        .zip(0..)
        .map(|((row, scale), number)| (dot(row, query) * scale, number))
        .collect();
    let kept = (COUNT + SPARE).min(best.len());
    best.select_nth_unstable_by(kept - 1, |a, b| b.0.total_cmp(&a.0));
    let mut ranked: Vec<(f64, u32)> =
        best[..kept].iter().map(|&(_, number)| (cosine(base.get(number as usize), query), number)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    std::array::from_fn(|i| ranked[i].1)
}

/// In lanes, so that the compiler may use wide registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, the same each time.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn agrees_with_sorting_everything() {
        let base = Rows::new(19, noise(19 * 300)).unwrap();
        let queries = Rows::new(19, noise(19 * 7)).unwrap();
        for (query, found) in queries.iter().zip(nearest(&base, &queries)) {
            let mut all: Vec<u32> = (0..300).collect();
            all.sort_by(|&a, &b| {
                let score = |row: u32| cosine(base.get(row as usize), query);
                score(b).total_cmp(&score(a))
            });
            assert_eq!(found, all[..COUNT]);
        }
    }

    #[test]
    fn ranks_equals_by_number() {
        let base = Rows::new(2, [1.0, 1.0].repeat(12)).unwrap();
        let queries = Rows::new(2, vec![1.0, 0.5]).unwrap();
        assert_eq!(nearest(&base, &queries), [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    }
}
