//! How far apart should the levels of a code lie? Where the direction of the code is nearest to
//! that of the vector.
//!
//! Levels lie at ±½, ±1½, … steps, evenly around 0. With one bit the step does not matter; with
//! more there is one that is best on average for Gaussian components, as those of a turned vector
//! are, and one nearby that is best for this vector. The paper of the extended RaBitQ walks through
//! all steps that change the code; trying a few, and then a few around the best of those, ends with
//! an error at most a fifth larger, which was met with 64 numbers of many bits, in a fraction of
//! the time.

/// The steps that lose least for components of variance 1, by the count of bits (Max, 1960).
const GAUSSIAN: [f32; 8] = [1.0, 0.9957, 0.5860, 0.3352, 0.1881, 0.1041, 0.0569, 0.0308];

/// Steps to try first, as parts of the Gaussian one. With few components none is far out, and
/// smaller steps win.
const COARSE: [f32; 8] = [0.58, 0.66, 0.74, 0.82, 0.9, 0.98, 1.06, 1.14];
/// Steps to try around the best of them.
const FINE: [f32; 6] = [-0.06, -0.04, -0.02, 0.02, 0.04, 0.06];

/// Sums that run side by side, for the compiler to keep in registers.
const LANES: usize = 16;

/// Adding and taking away 1½ · 2²³ leaves a whole number, without the call that rounding is on
/// older machines.
const WHOLE: f32 = 12_582_912.0;

/// The level of an absolute value, in steps: ½, 1½, … up to `highest`.
#[inline(always)]
pub(super) fn level(steps: f32, highest: f32) -> f32 {
    let below = if steps < highest { steps } else { highest } - 0.5;
    (below + WHOLE) - WHOLE + 0.5
}

/// The highest level of so many bits.
pub(super) fn highest(bits: usize) -> f32 {
    (1 << (bits - 1)) as f32 - 0.5
}

/// The step for a vector with components of variance 1.
pub(super) fn best_step(vector: &[f32], bits: usize) -> f32 {
    let gaussian = GAUSSIAN[bits - 1];
    if bits == 1 {
        return gaussian;
    }
    let closeness = |part: f32| (part, closeness(vector, part * gaussian, highest(bits)));
    let better = |a: (f32, f32), b: (f32, f32)| if b.1 > a.1 { b } else { a };
    let coarse = COARSE.map(closeness).into_iter().fold((1.0, 0.0), better);
    let fine = FINE.map(|away| closeness(coarse.0 + away)).into_iter().fold(coarse, better);
    fine.0 * gaussian
}

/// The square of the cosine between the vector and its code, times what is the same for all steps.
fn closeness(vector: &[f32], step: f32, highest: f32) -> f32 {
    let mut dots = [0.0f32; LANES];
    let mut squares = [0.0f32; LANES];
    let inverse = 1.0 / step;
    for lanes in vector.as_chunks::<LANES>().0 {
        for i in 0..LANES {
            let x = lanes[i].abs();
            let level = level(x * inverse, highest);
            dots[i] += level * x;
            squares[i] += level * level;
        }
    }
    let dot = dots.iter().sum::<f32>();
    let square = squares.iter().sum::<f32>();
    dot / square * dot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantization::rabitq::tests::gaussian;

    #[test]
    fn levels_are_the_nearest() {
        let levels = [0.0, 0.2, 0.9, 1.1, 1.9, 2.1, 3.3, 900.0].map(|steps| level(steps, 3.5));
        assert_eq!(levels, [0.5, 0.5, 0.5, 1.5, 1.5, 2.5, 3.5, 3.5]);
        assert_eq!(level(7.0, highest(1)), 0.5);
    }

    /// The best of all directions that levels can have: every step at which a component changes its
    /// level.
    fn best_of_all(vector: &[f32], bits: usize) -> f32 {
        let changes =
            vector.iter().flat_map(|x| (1..1 << (bits - 1)).map(move |level| x.abs() / level as f32));
        changes.map(|step| closeness(vector, step * 1.000_01, highest(bits))).fold(0.0, f32::max)
    }

    #[test]
    fn the_step_is_nearly_the_best_of_all() {
        for bits in 2..=8 {
            for (seed, len) in [(1, 64), (2, 128), (3, 384)] {
                let vector = gaussian(len, seed);
                let square: f32 = vector.iter().map(|x| x * x).sum();
                let error = |closeness: f32| 1.0 - closeness / square;
                let best = error(best_of_all(&vector, bits));
                let found = error(closeness(&vector, best_step(&vector, bits), highest(bits)));
                assert!(found <= 1.2 * best, "{bits} bits, {len} numbers: {found} {best}");
            }
        }
    }
}
