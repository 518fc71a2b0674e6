//! Bit planes with AVX-512 VNNI: a word of a plane is a mask of 64 lanes, so a number is put
//! together with one instruction per bit, and one more multiplies and adds 64 of them.

use std::arch::x86_64::*;

use super::{PlaneDot, PlaneDots, assert_bodies, assert_count, assert_pair};
use crate::kernels::avx512::load_bytes;
use crate::kernels::vnni::Vnni;

/// How many bodies go side by side: they share the loads of the query and the adding up of lanes.
const SIDE_BY_SIDE: usize = 4;

/// For each count of planes code of its own, without a loop over planes.
macro_rules! for_each_count {
    ($planes:expr, $kernel:ident, $($argument:expr),*) => {
        match $planes {
            1 => $kernel::<1>($($argument),*),
            2 => $kernel::<2>($($argument),*),
            3 => $kernel::<3>($($argument),*),
            4 => $kernel::<4>($($argument),*),
            5 => $kernel::<5>($($argument),*),
            6 => $kernel::<6>($($argument),*),
            7 => $kernel::<7>($($argument),*),
            _ => $kernel::<8>($($argument),*),
        }
    };
}

pub(in crate::kernels) fn dots(_: Vnni) -> PlaneDots {
    |query, planes, bodies, out| {
        assert_bodies(query, planes, bodies, out);
        // SAFETY: the argument of the function around this one proves the features.
        unsafe { for_each_count!(planes, dots_of, query, bodies, out) }
    }
}

pub(in crate::kernels) fn dot(_: Vnni) -> PlaneDot {
    |a, b, planes| {
        assert_count(planes, a.len());
        // SAFETY: the argument of the function around this one proves the features.
        unsafe { for_each_count!(planes, dot_of, a, b) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn dots_of<const PLANES: usize>(query: &[u8], bodies: &[&[u8]], out: &mut [i32]) {
    let query = query.as_chunks().0;
    let (fours, rest) = bodies.as_chunks::<SIDE_BY_SIDE>();
    let (out_fours, out_rest) = out.as_chunks_mut();
    for (four, out) in fours.iter().zip(out_fours) {
        *out = totals(sums::<PLANES, SIDE_BY_SIDE>(query, four));
    }
    for (body, out) in rest.iter().zip(out_rest) {
        let [sum] = sums::<PLANES, 1>(query, &[body]);
        *out = _mm512_reduce_add_epi32(sum);
    }
}

/// The products of the query and each body, lane by lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn sums<const PLANES: usize, const BODIES: usize>(
    query: &[[u8; 64]],
    bodies: &[&[u8]; BODIES],
) -> [__m512i; BODIES] {
    let planes = bodies.map(|body| in_planes::<PLANES>(body, query.len()));
    let mut sums = [_mm512_setzero_si512(); BODIES];
    for (at, block) in query.iter().enumerate() {
        let block = load_bytes(block);
        for (sum, planes) in sums.iter_mut().zip(&planes) {
            *sum = _mm512_dpbusd_epi32(*sum, numbers(planes, at), block);
        }
    }
    sums
}

/// The planes at the head of a body, each of so many words.
#[inline]
fn in_planes<const PLANES: usize>(body: &[u8], words: usize) -> [&[[u8; 8]]; PLANES] {
    let all = body.as_chunks().0;
    std::array::from_fn(|plane| &all[plane * words..][..words])
}

/// 64 numbers, put together from their bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn numbers<const PLANES: usize>(planes: &[&[[u8; 8]]; PLANES], at: usize) -> __m512i {
    let mut numbers = _mm512_setzero_si512();
    for (plane, words) in planes.iter().enumerate() {
        let weight = _mm512_set1_epi8((1u8 << (PLANES - 1 - plane)) as i8);
        // A bit that is not there yet is added.
        numbers = _mm512_mask_add_epi8(numbers, u64::from_le_bytes(words[at]), numbers, weight);
    }
    numbers
}

/// The sum of all lanes of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn totals([a, b, c, d]: [__m512i; SIDE_BY_SIDE]) -> [i32; SIDE_BY_SIDE] {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    // In each quarter of the register: a, b, c, d.
    let quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let halves = _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti64x4_epi64::<1>(quarters));
    let sums = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
    [
        _mm_extract_epi32::<0>(sums),
        _mm_extract_epi32::<1>(sums),
        _mm_extract_epi32::<2>(sums),
        _mm_extract_epi32::<3>(sums),
    ]
}

/// With `m` the greatest number and `h` the upper half's least, `z = y − h` fits an i8, `2y − m` is
/// `2z + 1`, and a pair's product is `4xz + 2x − 2mz − m`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn dot_of<const PLANES: usize>(a: &[u8], b: &[u8]) -> i64 {
    // Here the count of planes is a constant, by which a division costs little.
    let words = assert_pair(a, b, PLANES) / 8;
    let a = in_planes::<PLANES>(a, words);
    let b = in_planes::<PLANES>(b, words);
    let half = _mm512_set1_epi8((1u8 << (PLANES - 1)) as i8);
    let ones = _mm512_set1_epi8(1);
    let [mut products, mut xs, mut zs] = [_mm512_setzero_si512(); 3];
    for at in 0..words {
        let x = numbers(&a, at);
        let z = _mm512_sub_epi8(numbers(&b, at), half);
        products = _mm512_dpbusd_epi32(products, x, z);
        xs = _mm512_dpbusd_epi32(xs, x, ones);
        zs = _mm512_dpbusd_epi32(zs, ones, z);
    }
    let [products, xs, zs] = [products, xs, zs].map(|sum| i64::from(_mm512_reduce_add_epi32(sum)));
    let most = (1i64 << PLANES) - 1;
    4 * products + 2 * xs - 2 * most * zs - most * 64 * words as i64
}
