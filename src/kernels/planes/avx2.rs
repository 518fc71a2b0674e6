//! Bit planes with AVX2: a shuffle gives each of 32 lanes the byte that its bit is in.

use std::arch::x86_64::*;

use super::{MAX_PLANES, PlaneDot, PlaneDots, assert_bodies, by_hamming};
use crate::kernels::avx2::{Avx2, hamming, total_i32};

/// Numbers in a register.
const LANES: usize = 32;

pub(in crate::kernels) fn dots(_: Avx2) -> PlaneDots {
    |query, planes, bodies, out| {
        assert_bodies(query, planes, bodies, out);
        for (out, body) in out.iter_mut().zip(bodies) {
            // SAFETY: the argument of the function around this one proves the features.
            *out = unsafe { dot_query(query, planes, body) };
        }
    }
}

pub(in crate::kernels) fn dot(_: Avx2) -> PlaneDot {
    |a, b, planes| {
        // SAFETY: the argument of the function around this one proves the features.
        by_hamming(|a, b| unsafe { hamming(a, b) }, a, b, planes)
    }
}

/// A product of a u8 and an i8 fits i16, and pairs of them are added as i32: no instruction
/// saturates.
#[target_feature(enable = "avx2,popcnt")]
fn dot_query(query: &[u8], planes: usize, body: &[u8]) -> i32 {
    let query = query.as_chunks::<LANES>().0;
    let words = body.as_chunks::<4>().0;
    let mut sum = _mm256_setzero_si256();
    for (at, block) in query.iter().enumerate() {
        let mut numbers = _mm256_setzero_si256();
        for plane in 0..planes.min(MAX_PLANES) {
            let bits = spread(i32::from_le_bytes(words[plane * query.len() + at]));
            // What was found so far counts twice; a set bit is −1.
            numbers = _mm256_sub_epi8(_mm256_add_epi8(numbers, numbers), bits);
        }
        sum = _mm256_add_epi32(sum, products(numbers, block));
    }
    total_i32(sum)
}

/// All ones in the lanes whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn spread(word: i32) -> __m256i {
    let byte_of_lane =
        _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let bit_of_lane = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(word), byte_of_lane);
    _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of_lane), bit_of_lane)
}

#[inline]
#[target_feature(enable = "avx2")]
fn products(numbers: __m256i, query: &[u8; LANES]) -> __m256i {
    // SAFETY: reads the 32 bytes of the block, at any address.
    let query = unsafe { _mm256_loadu_si256(query.as_ptr().cast()) };
    let low = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_castsi256_si128(numbers)),
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(query)),
    );
    let high = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(numbers)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(query)),
    );
    _mm256_add_epi32(low, high)
}
