//! `REDUCE`: vectors of one dimension made into vectors of another by a fixed matrix of signs.
//!
//! The matrix is Redis': row `i`, column `j` is `± 1/√input`, with + where `popcount(i AND j)` is
//! even, a Hadamard matrix in Sylvester's construction. It is computed, not kept: 1536 → 512 would
//! take 3 MiB per set. A file says which matrix a set has; if it should be another, that is kept.

use std::borrow::Cow;

use super::Params;

/// From `input` components to `output`.
pub(super) struct Projection {
    input: usize,
    output: usize,
    /// Row by row, if it is not the matrix of signs.
    other: Option<Box<[f32]>>,
}

impl Projection {
    pub(super) fn new(input: usize, output: usize) -> Self {
        Self { input, output, other: None }
    }

    /// That of an index that is loaded, with the bytes of its matrix if they were stored. The outer
    /// `None`: they are of another size, there should be none, or a number is not finite or greater
    /// than 1, which no row of length 1 has.
    pub(super) fn restored(params: &Params, matrix: Option<&[u8]>) -> Option<Option<Self>> {
        let (Some(input), output) = (params.input_dim(), params.dim()) else {
            return matrix.is_none().then_some(None);
        };
        let plain = Self::new(input, output);
        let Some(matrix) = matrix else { return Some(Some(plain)) };
        let (numbers, rest) = matrix.as_chunks::<4>();
        if numbers.len() != input * output || !rest.is_empty() {
            return None;
        }
        let numbers = || numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
        if numbers().eq((0..output).flat_map(|i| plain.signs(i))) {
            return Some(Some(plain));
        }
        let valid = numbers().all(|number| number.abs() <= 1.0);
        valid.then(|| Some(Self { other: Some(numbers().collect()), ..plain }))
    }

    /// Sums in float32 and in the order of the components, which gives Redis' bytes.
    pub(super) fn project(&self, vector: &[f32]) -> Vec<f32> {
        debug_assert_eq!(vector.len(), self.input);
        fn sum(vector: &[f32], row: impl Iterator<Item = f32>) -> f32 {
            vector.iter().zip(row).fold(0.0, |sum, (x, weight)| sum + weight * x)
        }
        let row = |i: usize| match self.kept(i) {
            Some(row) => sum(vector, row.iter().copied()),
            None => sum(vector, self.signs(i)),
        };
        (0..self.output).map(row).collect()
    }

    /// A row of the matrix.
    pub(super) fn row(&self, i: usize) -> Cow<'_, [f32]> {
        self.kept(i).map_or_else(|| self.signs(i).collect(), Cow::Borrowed)
    }

    fn kept(&self, i: usize) -> Option<&[f32]> {
        self.other.as_ref().map(|matrix| &matrix[i * self.input..][..self.input])
    }

    fn signs(&self, i: usize) -> impl Iterator<Item = f32> + use<> {
        let scale = (1.0 / (self.input as f64).sqrt()) as f32;
        (0..self.input).map(move |j| if (i & j).count_ones().is_multiple_of(2) { scale } else { -scale })
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.other.as_ref().map_or(0, |matrix| size_of_val(&**matrix))
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

    fn restored(matrix: &[f32]) -> Option<Projection> {
        let params = Params::new(2).and_then(|params| params.with_projection(3)).expect("valid");
        let bytes: Vec<u8> = matrix.iter().flat_map(|x| x.to_le_bytes()).collect();
        Projection::restored(&params, Some(&bytes)).flatten()
    }

    #[test]
    fn the_usual_matrix_is_known_again_and_another_is_kept() {
        let usual = Projection::new(3, 2);
        let matrix = [usual.row(0), usual.row(1)].concat();
        assert!(restored(&matrix).is_some_and(|projection| projection.heap_bytes() == 0));
        let other = [1.0, 0.0, 0.0, 0.0, 0.5, -1.0];
        let projection = restored(&other).expect("a matrix as good as any");
        assert_eq!(projection.project(&[1.0, 2.0, 3.0]), [1.0, -2.0]);
        assert_eq!((&*projection.row(1), projection.heap_bytes()), (&other[3..], 24));
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        assert!(restored(&[0.5; 5]).is_none() && restored(&[0.5; 7]).is_none());
        assert!(restored(&[f32::NAN; 6]).is_none() && restored(&[2.0; 6]).is_none());
        let plain = Params::new(2).expect("valid");
        assert!(Projection::restored(&plain, Some(&[])).is_none());
        assert!(Projection::restored(&plain, None).is_some_and(|none| none.is_none()));
    }
}
