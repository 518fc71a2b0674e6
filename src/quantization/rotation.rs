//! A turn of space that looks random: it spreads whatever lies in few components over all, as
//! Gaussian noise is spread, and leaves lengths and angles as they are.
//!
//! A matrix would need a multiplication per pair of components. Instead four rounds each flip
//! signs, which chance once picked, and apply a Walsh–Hadamard transform, which needs an addition
//! for each component and doubling. That is made for powers of two: the rounds take the first and
//! the last such part of the vector by turns, and where they leave components out, a step of Kac's
//! walk (each component of one half with one of the other) carries what is in them across. This is
//! the rotation of RaBitQ's authors.
//!
//! The signs follow from the length of the vector alone, so every server and every file turns the
//! same way.

use crate::splitmix;

/// The length of a vector is a multiple of this: as many signs are drawn at once.
const GROUP: usize = 32;

const ROUNDS: u64 = 4;

/// Strides below this stay inside of an array, which the compiler keeps in registers.
const LANES: usize = 16;

/// Turns a vector, whose length is a multiple of 32.
pub(super) fn rotate(vector: &mut [f32]) {
    for round in 0..ROUNDS {
        flip(vector, round);
        transform(part(vector, round));
        walk(vector);
    }
    rescale(vector);
}

/// Turns it back: each step is its own inverse.
pub(super) fn rotate_back(vector: &mut [f32]) {
    for round in (0..ROUNDS).rev() {
        walk(vector);
        transform(part(vector, round));
        flip(vector, round);
    }
    rescale(vector);
}

/// The greatest power of two that is not above `len`.
fn part_len(len: usize) -> usize {
    1 << len.ilog2()
}

/// What a round transforms: the first or the last part.
fn part(vector: &mut [f32], round: u64) -> &mut [f32] {
    let part = part_len(vector.len());
    let start = if round.is_multiple_of(2) { 0 } else { vector.len() - part };
    &mut vector[start..][..part]
}

/// Flips signs by the bits of a sequence of random words.
fn flip(vector: &mut [f32], round: u64) {
    const BITS: [u32; GROUP] = {
        let mut bits = [1; GROUP];
        let mut i = 1;
        while i < GROUP {
            bits[i] = bits[i - 1] << 1;
            i += 1;
        }
        bits
    };
    let random = |state: u64| splitmix::scramble(state.wrapping_add(1).wrapping_mul(splitmix::STEP));
    let seed = random(vector.len() as u64 * ROUNDS + round);
    for (at, group) in vector.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        let word = random(seed ^ at as u64) as u32;
        for (x, bit) in group.iter_mut().zip(BITS) {
            let sign = if word & bit == 0 { 0 } else { 1 << 31 };
            *x = f32::from_bits(x.to_bits() ^ sign);
        }
    }
}

/// The Walsh–Hadamard transform: sums and differences of what lies 1, 2, 4, … components apart,
/// which would lengthen a vector by the root of their number.
fn transform(vector: &mut [f32]) {
    let mut stride = vector.len() / 2;
    while stride >= LANES {
        for pair in vector.chunks_exact_mut(2 * stride) {
            sums_and_differences(pair);
        }
        stride /= 2;
    }
    let scale = 1.0 / (vector.len() as f32).sqrt();
    for lanes in vector.as_chunks_mut::<LANES>().0 {
        *lanes = within::<1>(within::<2>(within::<4>(within::<8>(*lanes)))).map(|x| x * scale);
    }
}

/// The sum and the difference of the two halves.
fn sums_and_differences(vector: &mut [f32]) {
    let (low, high) = vector.split_at_mut(vector.len() / 2);
    for (x, y) in low.iter_mut().zip(high) {
        (*x, *y) = (*x + *y, *x - *y);
    }
}

/// The same of all pairs that are so far apart.
#[inline(always)]
fn within<const STRIDE: usize>(lanes: [f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|i| {
        let x = lanes[i];
        let other = lanes[i ^ STRIDE];
        if i & STRIDE == 0 { x + other } else { other - x }
    })
}

/// Nothing to do where the part is the whole.
fn walk(vector: &mut [f32]) {
    if !vector.len().is_power_of_two() {
        sums_and_differences(vector);
    }
}

/// Takes out what the walk has lengthened: in each round by the root of two.
fn rescale(vector: &mut [f32]) {
    if !vector.len().is_power_of_two() {
        vector.iter_mut().for_each(|x| *x *= 0.25);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 9] = [64, 128, 192, 320, 384, 768, 1600, 4096, 65_536];

    fn norm(vector: &[f32]) -> f64 {
        vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn lengths_and_angles_stay_and_all_can_be_turned_back() {
        for len in LENGTHS {
            let mut x = vec![0.0; len];
            let mut y = vec![0.0; len];
            (x[len / 3], y[len - 1], y[0]) = (2.0, 3.0, -4.0);
            let mut turned = x.clone();
            let mut other = y.clone();
            rotate(&mut turned);
            rotate(&mut other);
            let dot: f64 = turned.iter().zip(&other).map(|(x, y)| f64::from(x * y)).sum();
            assert!((norm(&turned) - 2.0).abs() < 1e-5 && (norm(&other) - 5.0).abs() < 1e-5, "{len}");
            assert!(dot.abs() < 1e-5, "{len}: {dot}");
            rotate_back(&mut turned);
            assert!(turned.iter().zip(&x).all(|(turned, x)| (turned - x).abs() < 1e-5), "{len}");
        }
    }

    #[test]
    fn whatever_lies_in_one_component_is_spread_as_noise_is() {
        for len in LENGTHS {
            for at in [0, 1, len / 2, len - 1] {
                let mut x = vec![0.0; len];
                x[at] = (len as f32).sqrt();
                rotate(&mut x);
                // Of noise, a component is above 6 once in 500 million, and the mean fourth power
                // is 3.
                let most = x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                let fourth = x.iter().map(|&x| f64::from(x).powi(4)).sum::<f64>() / len as f64;
                assert!(most < 6.0, "{len} {at}: {most}");
                assert!((1.5..4.5).contains(&fourth), "{len} {at}: {fourth}");
            }
        }
    }

    /// Stored codes depend on it.
    #[test]
    fn the_turn_is_the_same_for_ever() {
        let mut x: Vec<f32> = (0..192).map(|i| i as f32).collect();
        rotate(&mut x);
        assert_eq!(x[..4], [37.37826, 171.4206, -67.41823, 107.77761]);
    }

    #[test]
    fn the_largest_vector_that_can_be_stored_stays_finite() {
        let mut x = vec![0.0; 65_472];
        x[7] = f32::MAX.sqrt();
        rotate(&mut x);
        assert!(x.iter().all(|x| x.is_finite()));
    }
}
