//! `REDUCE`: vectors of one dimension made into vectors of another by a fixed matrix of signs.
//!
//! The matrix is Redis': row `i`, column `j` is `± 1/√input`, with + where `popcount(i AND j)` is even, a Hadamard matrix
//! in Sylvester's construction. It is computed, not kept: 1536 → 512 would take 3 MiB per set.

/// From `input` components to `output`.
#[derive(Clone, Copy)]
pub(super) struct Projection {
    input: usize,
    output: usize,
}

impl Projection {
    pub(super) fn new(input: usize, output: usize) -> Self {
        Self { input, output }
    }

    /// Sums in float32 and in the order of the components, which gives Redis' bytes.
    pub(super) fn project(self, vector: &[f32]) -> Vec<f32> {
        debug_assert_eq!(vector.len(), self.input);
        let scale = (1.0 / (self.input as f64).sqrt()) as f32;
        let row = |i: usize| {
            vector.iter().enumerate().fold(0.0f32, |sum, (j, &x)| {
                let sign = if (i & j).count_ones().is_multiple_of(2) { scale } else { -scale };
                sum + sign * x
            })
        };
        (0..self.output).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_redis_stores() {
        // VADD k REDUCE 2 VALUES 3 1 2 3 e NOQUANT; VEMB k e
        assert_eq!(Projection::new(3, 2).project(&[1.0, 2.0, 3.0]), [3.464_101_6, 1.154_700_5]);
    }
}
