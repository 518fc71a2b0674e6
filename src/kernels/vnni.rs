//! The i8 dot product with AVX-512 VNNI: four products and three additions in each lane, in one
//! instruction.

use std::arch::x86_64::*;

use super::avx512::{Avx512, load_bytes, load_bytes_rest};
use super::{Kernels, assert_paired, planes};

/// How many sums run side by side, each with its bias; adding takes four cycles and these are four
/// chains.
const SUMS: usize = 2;

/// The proof that this CPU has AVX-512 VNNI, and all that [`Avx512`] proves.
#[derive(Clone, Copy)]
pub(super) struct Vnni(Avx512);

impl Vnni {
    pub(super) fn detect() -> Option<Self> {
        Avx512::detect().filter(|_| is_x86_feature_detected!("avx512vnni")).map(Self)
    }

    pub(super) fn kernels(self) -> Kernels {
        Kernels {
            isa: "avx512-vnni",
            dot_i8: proven!(dot_i8),
            dots_i8: |query, codes, results| {
                // SAFETY: as in `proven`.
                unsafe { dots_i8(query, codes, results) }
            },
            dots_planes: planes::vnni::dots(self),
            dot_planes: planes::vnni::dot(self),
            ..self.0.kernels()
        }
    }
}

/// The sum of (x + 128) · y and that of 128 · y, lane by lane; the dot product is their difference.
///
/// The instruction multiplies u8 by i8. Flipping the top bit of an i8 gives it plus 128, as a u8.
#[derive(Clone, Copy)]
struct Sum {
    raised: __m512i,
    bias: __m512i,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn zero() -> Self {
        Self { raised: _mm512_setzero_si512(), bias: _mm512_setzero_si512() }
    }

    /// Where a lane of `y` is 0, it adds nothing, whatever `x` is there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn add(self, x: __m512i, y: __m512i) -> Self {
        let top_bits = _mm512_set1_epi8(i8::MIN);
        Self {
            raised: _mm512_dpbusd_epi32(self.raised, _mm512_xor_si512(x, top_bits), y),
            bias: _mm512_dpbusd_epi32(self.bias, top_bits, y),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn lanes(self) -> __m512i {
        _mm512_sub_epi32(self.raised, self.bias)
    }
}

/// Adds all blocks of the two up, in sums that run side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn sums<S: Copy>(x: &[u8], y: &[u8], zero: S, add: impl Fn(S, __m512i, __m512i) -> S) -> [S; SUMS] {
    assert_paired(x, 1, y, 1);
    let (x_blocks, x_rest) = x.as_chunks();
    let (y_blocks, y_rest) = y.as_chunks();
    let (x_groups, x_blocks) = x_blocks.as_chunks::<SUMS>();
    let (y_groups, y_blocks) = y_blocks.as_chunks::<SUMS>();
    let mut sums = [zero; SUMS];
    for (xs, ys) in x_groups.iter().zip(y_groups) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum = add(*sum, load_bytes(x), load_bytes(y));
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_blocks).zip(y_blocks) {
        *sum = add(*sum, load_bytes(x), load_bytes(y));
    }
    if !x_rest.is_empty() {
        // At most one block was left, so the last sum is fresh.
        sums[SUMS - 1] = add(sums[SUMS - 1], load_bytes_rest(x_rest), load_bytes_rest(y_rest));
    }
    sums
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn dot_i8(a: &[u8], b: &[u8]) -> i32 {
    let [first, second] = sums(a, b, Sum::zero(), |sum, x, y| sum.add(x, y));
    _mm512_reduce_add_epi32(_mm512_add_epi32(first.lanes(), second.lanes()))
}

/// One query and many codes: the bias is that of the query alone, 128 · Σ query, so it is computed
/// once, and each block of a code costs one instruction of arithmetic.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn dots_i8(query: &[u8], codes: &[&[u8]], results: &mut [i32]) {
    assert_eq!(codes.len(), results.len());
    let bias = bias(query);
    for (code, result) in codes.iter().zip(results) {
        *result = raised_dot(code, query).wrapping_sub(bias);
    }
}

/// 128 · Σ `y`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn bias(y: &[u8]) -> i32 {
    let (blocks, rest) = y.as_chunks();
    let top_bits = _mm512_set1_epi8(i8::MIN);
    let sum = |sum, block| _mm512_dpbusd_epi32(sum, top_bits, block);
    let whole = blocks.iter().fold(_mm512_setzero_si512(), |lanes, block| sum(lanes, load_bytes(block)));
    _mm512_reduce_add_epi32(sum(whole, load_bytes_rest(rest)))
}

/// Σ (x + 128) · y.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn raised_dot(x: &[u8], y: &[u8]) -> i32 {
    let top_bits = _mm512_set1_epi8(i8::MIN);
    let add = |sum, x, y| _mm512_dpbusd_epi32(sum, _mm512_xor_si512(x, top_bits), y);
    let [first, second] = sums(x, y, _mm512_setzero_si512(), add);
    _mm512_reduce_add_epi32(_mm512_add_epi32(first, second))
}
