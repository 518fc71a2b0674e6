//! Plain sums, in the same order on every CPU: two servers that train on the same vectors must get
//! the same codebook.

use crate::splitmix::SplitMix64;

/// Sums side by side: enough for the compiler to keep any machine's registers busy.
const LANES: usize = 16;

/// The dot product of as many numbers as both hold.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (xs, ys) in a_blocks.iter().zip(b_blocks) {
        for ((lane, x), y) in lanes.iter_mut().zip(xs).zip(ys) {
            *lane += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

/// `sum += factor · vector`.
pub(super) fn add_scaled(sum: &mut [f32], factor: f32, vector: &[f32]) {
    for (s, x) in sum.iter_mut().zip(vector) {
        *s += factor * x;
    }
}

/// The length of a vector.
pub(super) fn length(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// Where the least of the numbers is, and which it is; of equals, the first. Without NaN.
pub(super) fn least(numbers: &[f32]) -> (usize, f32) {
    let (least, _) = extremes(numbers);
    (numbers.iter().position(|&x| x == least).unwrap_or(0), least)
}

/// The least and the greatest of the numbers, without NaN.
pub(super) fn extremes(numbers: &[f32]) -> (f32, f32) {
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    let mut least = [f32::INFINITY; LANES];
    let mut most = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for ((least, most), &x) in least.iter_mut().zip(&mut most).zip(block) {
            // Unlike `f32::min`, a comparison that leaves NaN open is one instruction for several
            // lanes.
            *least = if x < *least { x } else { *least };
            *most = if x > *most { x } else { *most };
        }
    }
    (
        least.iter().chain(rest).copied().fold(f32::INFINITY, f32::min),
        most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max),
    )
}

/// A sequence of numbers that looks random and is the same for the same seed.
pub(super) struct Draws(SplitMix64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `n`, which is at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    /// −1 or 1.
    pub(super) fn sign(&mut self) -> f32 {
        if self.next() >> 63 == 0 { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_count_every_number() {
        for len in 0..40 {
            let ones = vec![1.0; len];
            assert_eq!(dot(&ones, &ones), len as f32);
            let mut sum = ones.clone();
            add_scaled(&mut sum, 2.0, &ones);
            assert!(sum.iter().all(|&x| x == 3.0));
        }
    }

    #[test]
    fn the_first_of_the_least_is_found() {
        for len in 1..40 {
            for at in 0..len {
                let mut numbers = vec![5.0; len];
                numbers[at] = -1.0;
                assert_eq!(least(&numbers), (at, -1.0));
            }
            assert_eq!(least(&vec![2.0; len]), (0, 2.0));
            assert_eq!(extremes(&(0..len).map(|x| x as f32).collect::<Vec<_>>()), (0.0, len as f32 - 1.0));
        }
    }
}
