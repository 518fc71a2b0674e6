//! What codes tell: a dot product with a query, how sure that is, and the dot product of two codes.

use super::NUMBERS;
use crate::kernels::Kernels;
use crate::quantization::{BATCH, Code, Format, Metric, Query, get_f32};

/// How many standard deviations a bound allows for. In a scan of MiniLM vectors as codes of one
/// bit, for 300 queries, the bound of a vector among the ten nearest was beyond the fiftieth's
/// distance 7 times in 3000 with 1, and never with this or with 1.5. Walks that look closer at what
/// bounds let pass find as much with either, and with this are a tenth faster.
const DEVIATIONS: f64 = 1.25;

/// What is known of a dot product: the estimate, its standard deviation for vectors of length 1 at
/// a right angle, and the norms of the two vectors.
pub(super) struct Estimate {
    pub(super) dot: f64,
    pub(super) deviation: f64,
    pub(super) norms: [f64; 2],
}

impl Estimate {
    fn new(sum: i32, code_numbers: &[u8], [step, centre, norm, _]: [f32; 4]) -> Self {
        let [factor, error, own_norm] = [0, 4, 8].map(|at| f64::from(get_f32(code_numbers, at)));
        let step = f64::from(step);
        let norms = [own_norm, f64::from(norm)];
        let dot = factor * step * (f64::from(sum) - f64::from(centre));
        Self { dot, deviation: error, norms }
    }

    /// The highest that the dot product will be, but for what is rare: where the estimate lies as
    /// many deviations below. The deviation depends on the angle, so it is that of an angle which
    /// is itself known up to the bound.
    pub(super) fn at_most(&self, step: f32) -> f64 {
        let lengths = self.norms[0] * self.norms[1];
        let allowed = DEVIATIONS * self.deviation;
        let across = ((1.0 + allowed * allowed) * lengths * lengths - self.dot * self.dot).max(0.0);
        // The deviation of a number that was rounded to a multiple of the step.
        let rounding = DEVIATIONS * self.norms[0] * f64::from(step);
        self.dot + (allowed * allowed * across + rounding * rounding / 12.0).sqrt()
    }
}

/// From a dot product to a distance.
pub(super) fn distance(metric: Metric, dot: f64, [a, b]: [f64; 2]) -> f32 {
    match metric {
        Metric::Cosine => (1.0 - dot).clamp(0.0, 2.0) as f32,
        Metric::L2 => (a * a + b * b - 2.0 * dot).max(0.0) as f32,
        Metric::InnerProduct => (1.0 - dot) as f32,
    }
}

/// What each code says of a query.
#[inline(always)]
pub(super) fn estimates(
    kernels: &Kernels,
    bits: usize,
    query: &Query,
    codes: &[&[u8]],
    mut each: impl FnMut(usize, Estimate),
) {
    let numbers_at = bits * query.body.len() / 8;
    let mut sums = [0; BATCH];
    let sums = &mut sums[..codes.len()];
    (kernels.dots_planes)(&query.body, bits, codes, sums);
    for (i, (&sum, code)) in sums.iter().zip(codes).enumerate() {
        each(i, Estimate::new(sum, &code[numbers_at..], query.numbers));
    }
}

/// The dot product of what two codes stand for.
///
/// The product of both estimates is right for vectors that are not close. The closer they are, the
/// more their errors are the same, up to codes of one bit, whose share of equal bits gives the
/// angle itself.
pub(super) fn dot_between(kernels: &Kernels, bits: usize, a: &[u8], b: &[u8]) -> (f64, [f64; 2]) {
    let (a_planes, a_numbers) = a.split_at(a.len() - NUMBERS);
    let (b_planes, b_numbers) = b.split_at(b.len() - NUMBERS);
    let norms = [a_numbers, b_numbers].map(|numbers| f64::from(get_f32(numbers, 8)));
    let lengths = norms[0] * norms[1];
    if bits == 1 {
        let share = f64::from((kernels.hamming)(a_planes, b_planes)) / (8 * a_planes.len()) as f64;
        return (lengths * sine_of_right_angles(1.0 - 2.0 * share), norms);
    }
    let product = (kernels.dot_planes)(a_planes, b_planes, bits) as f64;
    let factors = f64::from(get_f32(a_numbers, 0)) * f64::from(get_f32(b_numbers, 0));
    ((factors * product / 4.0).clamp(-lengths, lengths), norms)
}

/// The sine of so many right angles, from −1 to 1, to a millionth: the call of the exact one takes
/// as long as all the rest.
pub(super) fn sine_of_right_angles(x: f64) -> f64 {
    let square = x * x;
    let sine = x * (1.570_791_3 + square * (-0.645_889_2 + square * (0.079_420_3 - square * 0.004_322_4)));
    sine.clamp(-1.0, 1.0)
}

pub(super) fn between(format: &Format, bits: usize, a: Code, b: Code) -> f32 {
    let (dot, norms) = dot_between(format.kernels, bits, a.body, b.body);
    distance(format.metric, dot, norms)
}
