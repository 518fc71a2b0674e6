//! Kernels for AVX-512 (F, BW, VL, DQ): 512 bits at a time, and what does not fill a register is
//! loaded under a mask.

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Each, Kernels, assert_paired};

/// How many sums run side by side, to hide that adding takes four cycles.
const SUMS: usize = 4;

/// The proof that this CPU has AVX-512 F, BW, VL and DQ, and all that [`Avx2`] proves.
#[derive(Clone, Copy)]
pub(super) struct Avx512(Avx2);

/// The proof that this CPU counts the bits of a register itself.
struct Vpopcntdq(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq");
        Avx2::detect().filter(|_| found).map(Self)
    }

    pub(super) fn kernels(self) -> Kernels {
        let avx2 = self.0.kernels();
        Kernels {
            isa: "avx512",
            dot_f32: proven!(sum::<Product, F32, F32>),
            l2_f32: proven!(sum::<SquaredDifference, F32, F32>),
            dot_f32_f16: proven!(sum::<Product, F32, F16>),
            l2_f32_f16: proven!(sum::<SquaredDifference, F32, F16>),
            dot_f16: proven!(sum::<Product, F16, F16>),
            l2_f16: proven!(sum::<SquaredDifference, F16, F16>),
            dot_i8: proven!(dot_i8),
            hamming: Vpopcntdq::detect().map_or(avx2.hamming, Vpopcntdq::hamming),
            dots_f32: proven_each!("avx512f,avx512bw,avx512vl,avx512dq", sum::<Product, F32, F32> => f32),
            l2s_f32: proven_each!("avx512f,avx512bw,avx512vl,avx512dq", sum::<SquaredDifference, F32, F32> => f32),
            dots_f32_f16: proven_each!("avx512f,avx512bw,avx512vl,avx512dq", sum::<Product, F32, F16> => f32),
            l2s_f32_f16: proven_each!("avx512f,avx512bw,avx512vl,avx512dq", sum::<SquaredDifference, F32, F16> => f32),
            dots_i8: proven_each!("avx512f,avx512bw,avx512vl,avx512dq", dot_i8 => i32),
            hammings: Vpopcntdq::detect().map_or(avx2.hammings, Vpopcntdq::hammings),
            ..avx2
        }
    }
}

impl Vpopcntdq {
    fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512vpopcntdq").then_some(Self(()))
    }

    fn hamming(self) -> fn(&[u8], &[u8]) -> u32 {
        proven!(hamming)
    }

    fn hammings(self) -> Each<u32> {
        proven_each!("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq", hamming => u32)
    }
}

/// A kind of number, and how sixteen of them come into a register. Its functions need the features
/// of [`Avx512`].
trait Number {
    /// The bytes of sixteen numbers.
    type Block;
    const BYTES: usize;
    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]);
    unsafe fn load(block: &Self::Block) -> __m512;
    /// Up to sixteen numbers; the lanes after them are 0.
    unsafe fn load_rest(rest: &[u8]) -> __m512;
}

struct F32;

impl Number for F32 {
    type Block = [u8; 64];
    const BYTES: usize = 4;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn load(block: &Self::Block) -> __m512 {
        // SAFETY: reads the 64 bytes of the block, at any address.
        unsafe { _mm512_loadu_ps(block.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn load_rest(rest: &[u8]) -> __m512 {
        // SAFETY: the mask has a bit for each whole number of the slice, and no other number is
        // touched.
        unsafe { _mm512_maskz_loadu_ps(first(rest.len() / 4) as __mmask16, rest.as_ptr().cast()) }
    }
}

struct F16;

impl Number for F16 {
    type Block = [u8; 32];
    const BYTES: usize = 2;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn load(block: &Self::Block) -> __m512 {
        // SAFETY: reads the 32 bytes of the block, at any address.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(block.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn load_rest(rest: &[u8]) -> __m512 {
        // SAFETY: the mask has a bit for each whole number of the slice, and no other number is
        // touched.
        let halves =
            unsafe { _mm256_maskz_loadu_epi16(first(rest.len() / 2) as __mmask16, rest.as_ptr().cast()) };
        _mm512_cvtph_ps(halves)
    }
}

/// A mask of the first `count` lanes, up to 64.
#[inline]
pub(super) fn first(count: usize) -> __mmask64 {
    1u64.checked_shl(count as u32).unwrap_or(0).wrapping_sub(1)
}

/// What a pair of numbers adds to the sum; nothing, if both are 0. `add` needs the features of
/// [`Avx512`].
trait Term {
    unsafe fn add(sum: __m512, x: __m512, y: __m512) -> __m512;
}

struct Product;

impl Term for Product {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn add(sum: __m512, x: __m512, y: __m512) -> __m512 {
        _mm512_fmadd_ps(x, y, sum)
    }
}

struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn add(sum: __m512, x: __m512, y: __m512) -> __m512 {
        let difference = _mm512_sub_ps(x, y);
        _mm512_fmadd_ps(difference, difference, sum)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn sum<T: Term, A: Number, B: Number>(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, A::BYTES, b, B::BYTES);
    let (a_blocks, a_rest) = A::blocks(a);
    let (b_blocks, b_rest) = B::blocks(b);
    let (a_groups, a_blocks) = a_blocks.as_chunks::<SUMS>();
    let (b_groups, b_blocks) = b_blocks.as_chunks::<SUMS>();
    let mut sums = [_mm512_setzero_ps(); SUMS];
    for (xs, ys) in a_groups.iter().zip(b_groups) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            // SAFETY: the features are those of this function.
            *sum = unsafe { T::add(*sum, A::load(x), B::load(y)) };
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_blocks).zip(b_blocks) {
        // SAFETY: the features are those of this function.
        *sum = unsafe { T::add(*sum, A::load(x), B::load(y)) };
    }
    if !a_rest.is_empty() {
        // SAFETY: the features are those of this function. At most three blocks were left, so the
        // last sum is fresh.
        sums[SUMS - 1] = unsafe { T::add(sums[SUMS - 1], A::load_rest(a_rest), B::load_rest(b_rest)) };
    }
    let [first, second, third, fourth] = sums;
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(first, second), _mm512_add_ps(third, fourth)))
}

/// Thirty-two at a time, widened to i16: a sum of two products fits i32 and no instruction
/// saturates.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn dot_i8(a: &[u8], b: &[u8]) -> i32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut sum = _mm512_setzero_si512();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(load_i8(x), load_i8(y)));
    }
    if !a_rest.is_empty() {
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(load_i8_rest(a_rest), load_i8_rest(b_rest)));
    }
    _mm512_reduce_add_epi32(sum)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn load_i8(block: &[u8; 32]) -> __m512i {
    // SAFETY: reads the 32 bytes of the block, at any address.
    _mm512_cvtepi8_epi16(unsafe { _mm256_loadu_si256(block.as_ptr().cast()) })
}

/// Up to 32 numbers; the lanes after them are 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn load_i8_rest(rest: &[u8]) -> __m512i {
    // SAFETY: the mask has a bit for each byte of the slice, and no other byte is touched.
    _mm512_cvtepi8_epi16(unsafe {
        _mm256_maskz_loadu_epi8(first(rest.len()) as __mmask32, rest.as_ptr().cast())
    })
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq")]
fn hamming(a: &[u8], b: &[u8]) -> u32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut sum = _mm512_setzero_si512();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(load_bytes(x), load_bytes(y))));
    }
    if !a_rest.is_empty() {
        let different = _mm512_xor_si512(load_bytes_rest(a_rest), load_bytes_rest(b_rest));
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(different));
    }
    _mm512_reduce_add_epi64(sum) as u32
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn load_bytes(block: &[u8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the block, at any address.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// Up to 64 bytes; the lanes after them are 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn load_bytes_rest(rest: &[u8]) -> __m512i {
    // SAFETY: the mask has a bit for each byte of the slice, and no other byte is touched.
    unsafe { _mm512_maskz_loadu_epi8(first(rest.len()), rest.as_ptr().cast()) }
}
