//! Kernels for AVX2 with FMA and F16C: x86-64 since 2013 (Haswell) and 2015 (Excavator), 256 bits
//! at a time.
//!
//! What does not fill a register at the end goes to the plain loop, which runs beside the vector
//! part.

use std::arch::x86_64::*;

use super::{Kernels, assert_paired, planes, scalar};

/// How many sums run side by side, to hide that adding takes four cycles.
const SUMS: usize = 4;

/// The proof that this CPU has AVX2, FMA, F16C and POPCNT.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("popcnt");
        found.then_some(Self(()))
    }

    pub(super) fn kernels(self) -> Kernels {
        Kernels {
            isa: "avx2",
            dot_f32: proven!(sum::<Product, F32, F32>),
            l2_f32: proven!(sum::<SquaredDifference, F32, F32>),
            dot_f32_f16: proven!(sum::<Product, F32, F16>),
            l2_f32_f16: proven!(sum::<SquaredDifference, F32, F16>),
            dot_f16: proven!(sum::<Product, F16, F16>),
            l2_f16: proven!(sum::<SquaredDifference, F16, F16>),
            dot_i8: proven!(dot_i8),
            hamming: proven!(hamming),
            dots_f32: proven_each!("avx2,fma,f16c,popcnt", sum::<Product, F32, F32> => f32),
            l2s_f32: proven_each!("avx2,fma,f16c,popcnt", sum::<SquaredDifference, F32, F32> => f32),
            dots_f32_f16: proven_each!("avx2,fma,f16c,popcnt", sum::<Product, F32, F16> => f32),
            l2s_f32_f16: proven_each!("avx2,fma,f16c,popcnt", sum::<SquaredDifference, F32, F16> => f32),
            dots_i8: proven_each!("avx2,fma,f16c,popcnt", dot_i8 => i32),
            hammings: proven_each!("avx2,fma,f16c,popcnt", hamming => u32),
            dots_planes: planes::avx2::dots(self),
            dot_planes: planes::avx2::dot(self),
        }
    }
}

/// A kind of number, and how eight of them come into a register. Its functions need the features of
/// [`Avx2`].
trait Number {
    /// The bytes of eight numbers.
    type Block;
    const BYTES: usize;
    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]);
    /// One by one, for what is left over.
    unsafe fn widened(bytes: &[u8]) -> impl Iterator<Item = f32>;
    unsafe fn load(block: &Self::Block) -> __m256;
}

struct F32;

impl Number for F32 {
    type Block = [u8; 32];
    const BYTES: usize = 4;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    unsafe fn widened(bytes: &[u8]) -> impl Iterator<Item = f32> {
        scalar::f32s(bytes)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,popcnt")]
    unsafe fn load(block: &Self::Block) -> __m256 {
        // SAFETY: reads the 32 bytes of the block, at any address.
        unsafe { _mm256_loadu_ps(block.as_ptr().cast()) }
    }
}

struct F16;

impl Number for F16 {
    type Block = [u8; 16];
    const BYTES: usize = 2;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    unsafe fn widened(bytes: &[u8]) -> impl Iterator<Item = f32> {
        // SAFETY: the caller has the features.
        bytes.as_chunks().0.iter().map(|&number| unsafe { widened_f16(number) })
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,popcnt")]
    unsafe fn load(block: &Self::Block) -> __m256 {
        // SAFETY: reads the 16 bytes of the block, at any address.
        _mm256_cvtph_ps(unsafe { _mm_loadu_si128(block.as_ptr().cast()) })
    }
}

/// One number. With the arithmetic of the plain loop instead, 100 numbers of f16 took twice as
/// long.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,popcnt")]
fn widened_f16(number: [u8; 2]) -> f32 {
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(u16::from_le_bytes(number).into())))
}

/// What a pair of numbers adds to the sum. `add` needs the features of [`Avx2`].
trait Term {
    unsafe fn add(sum: __m256, x: __m256, y: __m256) -> __m256;
    fn add_one(sum: f32, x: f32, y: f32) -> f32;
}

struct Product;

impl Term for Product {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,popcnt")]
    unsafe fn add(sum: __m256, x: __m256, y: __m256) -> __m256 {
        _mm256_fmadd_ps(x, y, sum)
    }

    fn add_one(sum: f32, x: f32, y: f32) -> f32 {
        sum + x * y
    }
}

struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,popcnt")]
    unsafe fn add(sum: __m256, x: __m256, y: __m256) -> __m256 {
        let difference = _mm256_sub_ps(x, y);
        _mm256_fmadd_ps(difference, difference, sum)
    }

    fn add_one(sum: f32, x: f32, y: f32) -> f32 {
        sum + (x - y) * (x - y)
    }
}

#[target_feature(enable = "avx2,fma,f16c,popcnt")]
fn sum<T: Term, A: Number, B: Number>(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, A::BYTES, b, B::BYTES);
    let (a_blocks, a_rest) = A::blocks(a);
    let (b_blocks, b_rest) = B::blocks(b);
    let (a_groups, a_blocks) = a_blocks.as_chunks::<SUMS>();
    let (b_groups, b_blocks) = b_blocks.as_chunks::<SUMS>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
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
    // SAFETY: the features are those of this function.
    let rest = unsafe { A::widened(a_rest).zip(B::widened(b_rest)) };
    let rest = rest.fold(0.0, |sum, (x, y)| T::add_one(sum, x, y));
    total(sums) + rest
}

/// The sum of all lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn total(sums: [__m256; SUMS]) -> f32 {
    let eight = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// Sixteen at a time, widened to i16: a sum of two products fits i32 and no instruction saturates.
#[target_feature(enable = "avx2,popcnt")]
fn dot_i8(a: &[u8], b: &[u8]) -> i32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut sum = _mm256_setzero_si256();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load_i8(x), load_i8(y)));
    }
    total_i32(sum).wrapping_add(scalar::dot_i8(a_rest, b_rest))
}

/// The sum of all lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn total_i32(sum: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two));
    _mm_cvtsi128_si32(one)
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load_i8(block: &[u8; 16]) -> __m256i {
    // SAFETY: reads the 16 bytes of the block, at any address.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(block.as_ptr().cast()) })
}

/// Counts bits by half bytes, which a shuffle looks up (Muła's method).
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn hamming(a: &[u8], b: &[u8]) -> u32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut sum = _mm256_setzero_si256();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let ones = ones_of_bytes(_mm256_xor_si256(load_bits(x), load_bits(y)));
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(ones, _mm256_setzero_si256()));
    }
    let two = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let one = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    _mm_cvtsi128_si64(one) as u32 + scalar::hamming(a_rest, b_rest)
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load_bits(block: &[u8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes of the block, at any address.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// How many bits are set in each byte.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn ones_of_bytes(bytes: __m256i) -> __m256i {
    let ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let half = _mm256_set1_epi8(0x0f);
    let low = _mm256_and_si256(bytes, half);
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half);
    _mm256_add_epi8(_mm256_shuffle_epi8(ones, low), _mm256_shuffle_epi8(ones, high))
}
