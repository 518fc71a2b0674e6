//! The specification: what every kernel answers, in plain loops. Also what a machine without known
//! SIMD runs.
//!
//! The integer kernels of every table give these very numbers. The float kernels may round
//! differently, for two reasons: they add in another order (one sum per lane, added up at the end),
//! and they do not round a product before adding it (fused multiply-add). Where no partial sum
//! needs rounding, they are equal too. f16 is widened to f32, which is exact, and all sums are f32.

use half::f16;

use super::{Kernels, assert_paired, planes};

/// The kernels of no instruction set in particular.
pub(super) const KERNELS: Kernels = Kernels {
    isa: "scalar",
    dot_f32,
    l2_f32,
    dot_f32_f16,
    l2_f32_f16,
    dot_f16,
    l2_f16,
    dot_i8,
    hamming,
    dots_f32: |query, codes, results| each(dot_f32, query, codes, results),
    l2s_f32: |query, codes, results| each(l2_f32, query, codes, results),
    dots_f32_f16: |query, codes, results| each(dot_f32_f16, query, codes, results),
    l2s_f32_f16: |query, codes, results| each(l2_f32_f16, query, codes, results),
    dots_i8: |query, codes, results| each(dot_i8, query, codes, results),
    hammings: |query, codes, results| each(hamming, query, codes, results),
    dots_planes: planes::dots,
    dot_planes: planes::dot,
};

fn each<R>(kernel: impl Fn(&[u8], &[u8]) -> R, query: &[u8], codes: &[&[u8]], results: &mut [R]) {
    assert_eq!(codes.len(), results.len());
    codes.iter().zip(results).for_each(|(code, result)| *result = kernel(query, code));
}

fn dot_f32(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 4, b, 4);
    dot(f32s(a), f32s(b))
}

fn l2_f32(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 4, b, 4);
    l2(f32s(a), f32s(b))
}

fn dot_f32_f16(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 4, b, 2);
    dot(f32s(a), f16s(b))
}

fn l2_f32_f16(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 4, b, 2);
    l2(f32s(a), f16s(b))
}

fn dot_f16(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 2, b, 2);
    dot(f16s(a), f16s(b))
}

fn l2_f16(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, 2, b, 2);
    l2(f16s(a), f16s(b))
}

/// Wraps where the sum leaves i32, as vector instructions do.
pub(super) fn dot_i8(a: &[u8], b: &[u8]) -> i32 {
    assert_paired(a, 1, b, 1);
    a.iter().zip(b).fold(0, |sum, (&x, &y)| sum.wrapping_add(i32::from(x as i8) * i32::from(y as i8)))
}

/// Counts words of 8 bytes, then what is left of them byte by byte.
pub(super) fn hamming(a: &[u8], b: &[u8]) -> u32 {
    assert_paired(a, 1, b, 1);
    let (a_words, a_rest) = a.as_chunks();
    let (b_words, b_rest) = b.as_chunks();
    let words = a_words
        .iter()
        .zip(b_words)
        .map(|(&x, &y)| (u64::from_le_bytes(x) ^ u64::from_le_bytes(y)).count_ones());
    let rest = a_rest.iter().zip(b_rest).map(|(x, y)| (x ^ y).count_ones());
    words.chain(rest).sum()
}

fn dot(a: impl Iterator<Item = f32>, b: impl Iterator<Item = f32>) -> f32 {
    a.zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

fn l2(a: impl Iterator<Item = f32>, b: impl Iterator<Item = f32>) -> f32 {
    a.zip(b).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y))
}

/// The f32 numbers of `bytes`, in order.
pub(super) fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number))
}

/// The f16 numbers of `bytes`, in order, widened by arithmetic alone: asking the CPU at each number
/// costs more.
pub(super) fn f16s(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|&number| f16::from_le_bytes(number).to_f32_const())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::as_bytes;

    /// 1, 2, −0.5 and −1, 0.25, 4 as f16.
    const A_F16: [u8; 6] = [0x00, 0x3c, 0x00, 0x40, 0x00, 0xb8];
    const B_F16: [u8; 6] = [0x00, 0xbc, 0x00, 0x34, 0x00, 0x44];

    #[test]
    fn floats_by_hand() {
        let a = as_bytes(&[1.0, 2.0, -0.5]);
        let b = as_bytes(&[-1.0, 0.25, 4.0]);
        assert_eq!([dot_f32(a, b), dot_f32_f16(a, &B_F16), dot_f16(&A_F16, &B_F16)], [-2.5; 3]);
        assert_eq!([l2_f32(a, b), l2_f32_f16(a, &B_F16), l2_f16(&A_F16, &B_F16)], [27.3125; 3]);
    }

    #[test]
    fn integers_by_hand() {
        assert_eq!(dot_i8(&[0x80, 0x7f, 0xff], &[0x80, 0x7f, 2]), 16_384 + 16_129 - 2);
        assert_eq!(hamming(&[0b1010, 0xff], &[0b0110, 0x00]), 2 + 8);
        assert_eq!(hamming(&[0xff; 24], &[0x0f; 24]), 24 * 4);
    }

    #[test]
    fn nothing_is_at_no_distance() {
        for kernel in [dot_f32, l2_f32, dot_f32_f16, l2_f32_f16, dot_f16, l2_f16] {
            assert_eq!(kernel(&[], &[]), 0.0);
        }
        assert_eq!((dot_i8(&[], &[]), hamming(&[], &[])), (0, 0));
    }
}
