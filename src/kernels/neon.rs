//! Kernels for NEON, which every 64-bit ARM has: 128 bits at a time.
//!
//! What does not fill a register at the end goes to the plain loop, which runs beside the vector
//! part.

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use super::{Kernels, assert_paired, planes, scalar};

/// How many sums run side by side, to hide that adding takes four cycles.
const SUMS: usize = 4;

/// The proof that this CPU has NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    pub(super) fn kernels(self) -> Kernels {
        Kernels {
            isa: "neon",
            dot_f32: proven!(sum::<Product, F32, F32>),
            l2_f32: proven!(sum::<SquaredDifference, F32, F32>),
            dot_f32_f16: proven!(sum::<Product, F32, F16>),
            l2_f32_f16: proven!(sum::<SquaredDifference, F32, F16>),
            dot_f16: proven!(sum::<Product, F16, F16>),
            l2_f16: proven!(sum::<SquaredDifference, F16, F16>),
            dot_i8: proven!(dot_i8),
            hamming: proven!(hamming),
            dots_f32: proven_each!("neon", sum::<Product, F32, F32> => f32),
            l2s_f32: proven_each!("neon", sum::<SquaredDifference, F32, F32> => f32),
            dots_f32_f16: proven_each!("neon", sum::<Product, F32, F16> => f32),
            l2s_f32_f16: proven_each!("neon", sum::<SquaredDifference, F32, F16> => f32),
            dots_i8: proven_each!("neon", dot_i8 => i32),
            hammings: proven_each!("neon", hamming => u32),
            dots_planes: planes::neon::dots(self),
            dot_planes: planes::neon::dot(self),
        }
    }
}

/// A kind of number, and how four of them come into a register. `load` needs [`Neon`].
trait Number {
    /// The bytes of four numbers.
    type Block;
    const BYTES: usize;
    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]);
    fn widened(bytes: &[u8]) -> impl Iterator<Item = f32>;
    unsafe fn load(block: &Self::Block) -> float32x4_t;
}

struct F32;

impl Number for F32 {
    type Block = [u8; 16];
    const BYTES: usize = 4;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    fn widened(bytes: &[u8]) -> impl Iterator<Item = f32> {
        scalar::f32s(bytes)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(block: &Self::Block) -> float32x4_t {
        vreinterpretq_f32_u8(load_bytes(block))
    }
}

struct F16;

impl Number for F16 {
    type Block = [u8; 8];
    const BYTES: usize = 2;

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    fn widened(bytes: &[u8]) -> impl Iterator<Item = f32> {
        scalar::f16s(bytes)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(block: &Self::Block) -> float32x4_t {
        // SAFETY: reads the 8 bytes of the block, at any address.
        let halves = unsafe { vld1_u8(block.as_ptr()) };
        vcvt_f32_f16(vreinterpret_f16_u8(halves))
    }
}

/// What a pair of numbers adds to the sum. `add` needs [`Neon`].
trait Term {
    unsafe fn add(sum: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t;
    fn add_one(sum: f32, x: f32, y: f32) -> f32;
}

struct Product;

impl Term for Product {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add(sum: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t {
        vfmaq_f32(sum, x, y)
    }

    fn add_one(sum: f32, x: f32, y: f32) -> f32 {
        sum + x * y
    }
}

struct SquaredDifference;

impl Term for SquaredDifference {
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add(sum: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t {
        let difference = vsubq_f32(x, y);
        vfmaq_f32(sum, difference, difference)
    }

    fn add_one(sum: f32, x: f32, y: f32) -> f32 {
        sum + (x - y) * (x - y)
    }
}

#[target_feature(enable = "neon")]
fn sum<T: Term, A: Number, B: Number>(a: &[u8], b: &[u8]) -> f32 {
    assert_paired(a, A::BYTES, b, B::BYTES);
    let (a_blocks, a_rest) = A::blocks(a);
    let (b_blocks, b_rest) = B::blocks(b);
    let (a_groups, a_blocks) = a_blocks.as_chunks::<SUMS>();
    let (b_groups, b_blocks) = b_blocks.as_chunks::<SUMS>();
    let mut sums = [vdupq_n_f32(0.0); SUMS];
    for (xs, ys) in a_groups.iter().zip(b_groups) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            // SAFETY: the feature is that of this function.
            *sum = unsafe { T::add(*sum, A::load(x), B::load(y)) };
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_blocks).zip(b_blocks) {
        // SAFETY: the feature is that of this function.
        *sum = unsafe { T::add(*sum, A::load(x), B::load(y)) };
    }
    let rest = A::widened(a_rest).zip(B::widened(b_rest)).fold(0.0, |sum, (x, y)| T::add_one(sum, x, y));
    let [first, second, third, fourth] = sums;
    vaddvq_f32(vaddq_f32(vaddq_f32(first, second), vaddq_f32(third, fourth))) + rest
}

/// Sixteen at a time; a product fits i16 and pairs of them are added as i32. (The one instruction
/// for all of this, `sdot`, is not stable in Rust.)
#[target_feature(enable = "neon")]
fn dot_i8(a: &[u8], b: &[u8]) -> i32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut low = vdupq_n_s32(0);
    let mut high = vdupq_n_s32(0);
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let x = vreinterpretq_s8_u8(load_bytes(x));
        let y = vreinterpretq_s8_u8(load_bytes(y));
        low = vpadalq_s16(low, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        high = vpadalq_s16(high, vmull_high_s8(x, y));
    }
    vaddvq_s32(vaddq_s32(low, high)).wrapping_add(scalar::dot_i8(a_rest, b_rest))
}

#[target_feature(enable = "neon")]
pub(super) fn hamming(a: &[u8], b: &[u8]) -> u32 {
    assert_paired(a, 1, b, 1);
    let (a_blocks, a_rest) = a.as_chunks();
    let (b_blocks, b_rest) = b.as_chunks();
    let mut sum = vdupq_n_u32(0);
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let ones = vcntq_u8(veorq_u8(load_bytes(x), load_bytes(y)));
        sum = vpadalq_u16(sum, vpaddlq_u8(ones));
    }
    vaddvq_u32(sum) + scalar::hamming(a_rest, b_rest)
}

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load_bytes(block: &[u8; 16]) -> uint8x16_t {
    // SAFETY: reads the 16 bytes of the block, at any address.
    unsafe { vld1q_u8(block.as_ptr()) }
}
