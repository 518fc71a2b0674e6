//! RaBitQ: a few bits per component, 1 to 8, from which dot products are estimated without bias,
//! each with a bound that it keeps with known probability (Gao & Long, SIGMOD 2024; for more than
//! one bit Gao et al., SIGMOD 2025).
//!
//! ```text
//! [plane: P/8 bytes] … one per bit, most significant first    P: the dimension, up to the next multiple of 64
//! [factor: f32][error: f32][norm: f32]
//! ```
//!
//! The vector is turned ([`super::rotation`]), and each component becomes a whole number `u` from 0
//! to `m = 2^bits − 1`, whose level is `v = u − m/2`. As the turn is as if by chance, the part of
//! the code that is not along the vector points nowhere in particular, and `⟨x, q⟩` is estimated by
//! `factor · ⟨v, q⟩`, with the *factor* that makes it right for `q = x`: `‖x‖² / ⟨v, x⟩`. The
//! *error* is the standard deviation of that estimate, for `x` and `q` of length 1 at a right
//! angle; it grows with the sine of the angle between them. It is `√(1/α² − 1) / √(P − 1)`, `α`
//! being the cosine of the angle between `x` and `v`.
//!
//! A query is turned too, and its components rounded to i8: that is exact enough for up to six
//! bits, and of no more weight than the error of the code for eight. Its numbers are the *step* of
//! the rounding, the *centre* `m/2 · Σ q` by which `Σ u · q` and `Σ v · q` differ, and its *norm*.

mod estimate;
mod scale;

use self::estimate::{between, distance, estimates};
use super::rotation::{rotate, rotate_back};
use super::{ALL_METRICS, Codec, Kind, NORM, Query, all_finite, get_f32, put_f32};
use crate::kernels::PLANE_NUMBERS;

/// Factor, error and norm.
const NUMBERS: usize = 12;

/// How many bits a component has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "numbers say what they are")]
pub enum Bits {
    One = 1,
    Two,
    Three,
    Four,
    Five,
    Six,
    Seven,
    Eight,
}

pub(super) static CODECS: [Codec; 8] = [
    row::<1>(Bits::One, "RQ1", "rabitq1"),
    row::<2>(Bits::Two, "RQ2", "rabitq2"),
    row::<3>(Bits::Three, "RQ3", "rabitq3"),
    row::<4>(Bits::Four, "RQ4", "rabitq4"),
    row::<5>(Bits::Five, "RQ5", "rabitq5"),
    row::<6>(Bits::Six, "RQ6", "rabitq6"),
    row::<7>(Bits::Seven, "RQ7", "rabitq7"),
    row::<8>(Bits::Eight, "RQ8", "rabitq8"),
];

const fn row<const BITS: usize>(bits: Bits, keyword: &'static str, name: &'static str) -> Codec {
    Codec {
        kind: Kind::RaBitQ(bits),
        keyword,
        name,
        metrics: ALL_METRICS,
        head: NORM.end,
        body: |dim| code_bytes(BITS, dim),
        encode: |_, vector, _, body| encode(BITS, vector, body),
        decode: |format, code, vector| decode(BITS, format.dim, code.body, vector),
        query: |_, vector| query(BITS, vector),
        reads_heads: false,
        distances: |format, query, _, bodies, results| {
            estimates(format.kernels, BITS, query, bodies, |i, estimate| {
                results[i] = distance(format.metric, estimate.dot, estimate.norms);
            });
        },
        bounds: Some(|format, query, _, bodies, results| {
            estimates(format.kernels, BITS, query, bodies, |i, estimate| {
                results[i] = distance(format.metric, estimate.at_most(query.numbers[0]), estimate.norms);
            });
        }),
        between: |format, a, b| between(format, BITS, a, b),
        valid: |format, code| all_finite(&code.body[plane_bytes(BITS, format.dim)..]),
    }
}

/// Bytes of the planes.
fn plane_bytes(bits: usize, dim: usize) -> usize {
    bits * turned_dim(dim) / 8
}

/// Components of a turned vector. Those that make up the last word cost nothing, and make codes
/// more exact.
fn turned_dim(dim: usize) -> usize {
    dim.next_multiple_of(PLANE_NUMBERS)
}

/// Bytes of a code.
fn code_bytes(bits: usize, dim: usize) -> usize {
    plane_bytes(bits, dim) + NUMBERS
}

/// A turned vector: its components, scaled to a mean square of 1, and its length. All 0 for one
/// without length.
struct Turned {
    components: Vec<f32>,
    norm: f64,
}

impl Turned {
    fn new(vector: &[f32]) -> Self {
        let mut components = Vec::with_capacity(turned_dim(vector.len()));
        components.extend_from_slice(vector);
        components.resize(turned_dim(vector.len()), 0.0);
        rotate(&mut components);
        let square: f64 = components.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let scale = if square == 0.0 { 0.0 } else { (components.len() as f64 / square).sqrt() };
        // In f64, for the scale of a very short vector is beyond f32.
        components.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        Self { components, norm: square.sqrt() }
    }
}

fn encode(bits: usize, vector: &[f32], code: &mut [u8]) {
    let Turned { components, norm } = Turned::new(vector);
    let (planes, numbers) = code.split_at_mut(plane_bytes(bits, vector.len()));
    let inverse = 1.0 / scale::best_step(&components, bits);
    let (highest, half) = (scale::highest(bits), (1u32 << (bits - 1)) as f32);
    let mut along = 0.0;
    let mut square = 0.0;
    for (at, eight) in components.as_chunks::<8>().0.iter().enumerate() {
        let levels = eight.map(|x| scale::level(x.abs() * inverse, highest).copysign(x));
        along += eight.iter().zip(&levels).map(|(x, level)| f64::from(x * level)).sum::<f64>();
        square += levels.iter().map(|level| f64::from(level * level)).sum::<f64>();
        put_eight(planes, bits, at, levels.map(|level| (level + half - 0.5) as u8));
    }
    let count = components.len() as f64;
    let (factor, error) = if norm == 0.0 {
        (0.0, 0.0)
    } else {
        let cosine_squared = along * along / (square * count);
        (norm * count.sqrt() / along, ((1.0 / cosine_squared - 1.0).max(0.0) / (count - 1.0)).sqrt())
    };
    put_f32(numbers, 0, factor as f32);
    put_f32(numbers, 4, error as f32);
    put_f32(numbers, 8, norm as f32);
}

/// Puts bit by bit eight numbers into the byte of each plane that is theirs.
fn put_eight(planes: &mut [u8], bits: usize, at: usize, eight: [u8; 8]) {
    /// The lowest bit of each byte; and what moves them all, by a multiplication, into the highest
    /// byte.
    const LOWEST: u64 = 0x0101_0101_0101_0101;
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let eight = u64::from_le_bytes(eight);
    let stride = planes.len() / bits;
    for plane in 0..bits {
        let lowest = eight >> (bits - 1 - plane) & LOWEST;
        planes[plane * stride + at] = (lowest.wrapping_mul(GATHER) >> 56) as u8;
    }
}

/// The vector of the same length in the direction of the code.
fn decode(bits: usize, dim: usize, code: &[u8], vector: &mut Vec<f32>) {
    let (planes, numbers) = code.split_at(plane_bytes(bits, dim));
    let mut levels = levels(bits, planes);
    rotate_back(&mut levels);
    // What the turn brings to components that the vector has not, is an error that is known.
    levels.truncate(dim);
    let square: f64 = levels.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let scale = if square == 0.0 { 0.0 } else { f64::from(get_f32(numbers, 8)) / square.sqrt() };
    // Adding 0 makes −0, which has no place in a vector of zeros, 0.
    vector.extend(levels.iter().map(|&x| (f64::from(x) * scale) as f32 + 0.0));
}

fn levels(bits: usize, planes: &[u8]) -> Vec<f32> {
    let stride = planes.len() / bits;
    let bit = |i: usize, plane: usize| u32::from(planes[plane * stride + i / 8] >> (i % 8) & 1);
    let number = |i| (0..bits).fold(0, |number, plane| 2 * number + bit(i, plane));
    let middle = ((1 << bits) - 1) as f32 / 2.0;
    (0..8 * stride).map(|i| number(i) as f32 - middle).collect()
}

/// A query's components as i8, and its numbers: step, centre and norm.
fn query(bits: usize, vector: &[f32]) -> Query {
    /// Added to a small number, leaves it rounded in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let Turned { components, norm } = Turned::new(vector);
    let range = components.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let inverse = if range == 0.0 { 0.0 } else { 127.0 / range };
    let body: Box<[u8]> = components.iter().map(|x| (x * inverse + ROUND).to_bits() as u8).collect();
    let sum: i32 = body.iter().map(|&q| i32::from(q as i8)).sum();
    let step = f64::from(range) / 127.0 * norm / (components.len() as f64).sqrt();
    let centre = f64::from(sum) * ((1 << bits) - 1) as f64 / 2.0;
    Query { body, numbers: [step as f32, centre as f32, norm as f32, 0.0] }
}

#[cfg(test)]
mod tests;
