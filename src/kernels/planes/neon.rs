//! Bit planes with NEON: each of 16 lanes tests its own bit of the byte that it shares with seven
//! others.

use std::arch::aarch64::*;

use super::{MAX_PLANES, PlaneDot, PlaneDots, assert_bodies, by_hamming};
use crate::kernels::neon::{Neon, hamming, load_bytes};

/// Numbers in a register.
const LANES: usize = 16;

pub(in crate::kernels) fn dots(_: Neon) -> PlaneDots {
    |query, planes, bodies, out| {
        assert_bodies(query, planes, bodies, out);
        for (out, body) in out.iter_mut().zip(bodies) {
            // SAFETY: the argument of the function around this one proves the feature.
            *out = unsafe { dot_query(query, planes, body) };
        }
    }
}

pub(in crate::kernels) fn dot(_: Neon) -> PlaneDot {
    |a, b, planes| {
        // SAFETY: the argument of the function around this one proves the feature.
        by_hamming(|a, b| unsafe { hamming(a, b) }, a, b, planes)
    }
}

#[target_feature(enable = "neon")]
fn dot_query(query: &[u8], planes: usize, body: &[u8]) -> i32 {
    let query = query.as_chunks::<LANES>().0;
    let words = body.as_chunks::<2>().0;
    let mut sum = vdupq_n_s32(0);
    for (at, block) in query.iter().enumerate() {
        let mut numbers = vdupq_n_u8(0);
        for plane in 0..planes.min(MAX_PLANES) {
            // What was found so far counts twice; a set bit is −1.
            numbers = vsubq_u8(vaddq_u8(numbers, numbers), spread(words[plane * query.len() + at]));
        }
        sum = add_products(sum, numbers, vreinterpretq_s8_u8(load_bytes(block)));
    }
    vaddvq_s32(sum)
}

/// All ones in the lanes whose bit is set.
#[inline]
#[target_feature(enable = "neon")]
fn spread([low, high]: [u8; 2]) -> uint8x16_t {
    let bit_of_lane = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    vtstq_u8(vcombine_u8(vdup_n_u8(low), vdup_n_u8(high)), bit_of_lane)
}

/// There is no product of a u8 and an i8 here, so both are widened first.
#[inline]
#[target_feature(enable = "neon")]
fn add_products(sum: int32x4_t, numbers: uint8x16_t, query: int8x16_t) -> int32x4_t {
    let low = vget_low_u8(numbers);
    let high = vget_high_u8(numbers);
    let low = vreinterpretq_s16_u16(vmovl_u8(low));
    let high = vreinterpretq_s16_u16(vmovl_u8(high));
    let query_low = vmovl_s8(vget_low_s8(query));
    let query_high = vmovl_high_s8(query);
    let sum = vmlal_s16(sum, vget_low_s16(low), vget_low_s16(query_low));
    let sum = vmlal_high_s16(sum, low, query_low);
    let sum = vmlal_s16(sum, vget_low_s16(high), vget_low_s16(query_high));
    vmlal_high_s16(sum, high, query_high)
}
