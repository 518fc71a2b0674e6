//! Dot products of small whole numbers that are kept as *bit planes*: first the highest bit of
//! every number, then the next lower one of every number, down to the lowest. A number costs no
//! more bits than it has.
//!
//! Bit `i % 8` of byte `i / 8` of a plane belongs to number `i`. A plane has a multiple of 64
//! numbers, so that it can be read in words.

#[cfg(test)]
mod agreement;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "x86_64")]
pub(super) mod vnni;

/// Numbers in a plane come in groups of so many.
pub const PLANE_NUMBERS: usize = 64;
/// Numbers have up to so many bits.
pub const MAX_PLANES: usize = 8;

/// Of a query and many bodies: [`Kernels::dots_planes`](super::Kernels::dots_planes).
pub type PlaneDots = fn(&[u8], usize, &[&[u8]], &mut [i32]);
/// Of a pair: [`Kernels::dot_planes`](super::Kernels::dot_planes).
pub type PlaneDot = fn(&[u8], &[u8], usize) -> i64;

/// The specification: plane by plane, each counting twice what the one after it counts.
pub(super) fn dots(query: &[u8], planes: usize, bodies: &[&[u8]], out: &mut [i32]) {
    assert_bodies(query, planes, bodies, out);
    for (out, body) in out.iter_mut().zip(bodies) {
        let planes = body.chunks(query.len() / 8).take(planes);
        *out = planes.fold(0i32, |sum, plane| sum.wrapping_mul(2).wrapping_add(sum_where(query, plane)));
    }
}

/// The sum of those numbers whose bit is set.
fn sum_where(query: &[u8], plane: &[u8]) -> i32 {
    let eights = query.as_chunks::<8>().0.iter().zip(plane);
    let ones = eights.flat_map(|(eight, bits)| {
        eight.iter().enumerate().map(move |(i, &q)| i32::from(bits >> i & 1) * i32::from(q as i8))
    });
    ones.fold(0, i32::wrapping_add)
}

/// The specification of the other product.
pub(super) fn dot(a: &[u8], b: &[u8], planes: usize) -> i64 {
    by_hamming(super::scalar::hamming, a, b, planes)
}

/// With 1 for a set bit and −1 for one that is not, a number's odd form is the sum of its bits,
/// each times its weight. The product of two planes of such bits is what agrees minus what differs.
#[inline(always)]
fn by_hamming(hamming: impl Fn(&[u8], &[u8]) -> u32, a: &[u8], b: &[u8], planes: usize) -> i64 {
    let plane_bytes = assert_pair(a, b, planes);
    let numbers = 8 * plane_bytes as i64;
    let row = |x: &[u8]| {
        let planes = b.chunks_exact(plane_bytes);
        planes.fold(0, |sum, y| 2 * sum + numbers - 2 * i64::from(hamming(x, y)))
    };
    a.chunks_exact(plane_bytes).fold(0, |sum, x| 2 * sum + row(x))
}

/// Panics unless every body is long enough for its planes, and there is a place for each answer.
#[inline]
fn assert_bodies(query: &[u8], planes: usize, bodies: &[&[u8]], out: &[i32]) {
    let bytes = planes * (query.len() / 8);
    let fits = !query.is_empty()
        && query.len().is_multiple_of(PLANE_NUMBERS)
        && (1..=MAX_PLANES).contains(&planes)
        && bodies.len() == out.len()
        && bodies.iter().all(|body| body.len() >= bytes);
    if !fits {
        no_planes(query.len(), planes);
    }
}

/// Panics unless there can be so many planes.
#[inline]
fn assert_count(planes: usize, len: usize) {
    if !(1..=MAX_PLANES).contains(&planes) {
        no_planes(len, planes);
    }
}

/// Panics unless both are as long, and whole planes. How many bytes a plane has.
#[inline]
fn assert_pair(a: &[u8], b: &[u8], planes: usize) -> usize {
    assert_count(planes, a.len());
    if a.is_empty() || a.len() != b.len() || !a.len().is_multiple_of(planes * PLANE_NUMBERS / 8) {
        no_planes(a.len(), planes);
    }
    a.len() / planes
}

/// Apart, so that a kernel carries one jump and not the making of the message.
#[cold]
#[inline(never)]
fn no_planes(len: usize, planes: usize) -> ! {
    panic!("{len} numbers or bytes and {planes} planes do not fit together");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of two bits: 3, 2, 1 and then 0.
    fn three_two_one() -> [u8; 16] {
        let mut planes = [0; 16];
        (planes[0], planes[8]) = (0b011, 0b101);
        planes
    }

    #[test]
    fn planes_by_hand() {
        let mut query = [0u8; 64];
        (query[0], query[1], query[2], query[3]) = (10, -3i8 as u8, 5, 100);
        let mut out = [0; 2];
        dots(&query, 2, &[&three_two_one(), &[0xff; 20]], &mut out);
        assert_eq!(out, [30 - 6 + 5, 3 * (10 - 3 + 5 + 100)]);
        // The odd forms are 3, 1, −1 and 61 times −3.
        let planes = three_two_one();
        assert_eq!(dot(&planes, &planes, 2), 9 + 1 + 1 + 61 * 9);
        assert_eq!(dot(&planes, &[0xff; 16], 2), 3 * (3 + 1 - 1 - 61 * 3));
    }

    #[test]
    fn no_planes_are_refused() {
        fn refuses(call: impl Fn() + std::panic::UnwindSafe) -> bool {
            std::panic::catch_unwind(call).is_err()
        }
        for table in crate::kernels::all() {
            for (numbers, planes, bytes, outs) in
                [(64, 2, 15, 1), (64, 0, 16, 1), (64, 9, 72, 1), (60, 1, 8, 1), (0, 1, 8, 1), (64, 1, 8, 2)]
            {
                let query = vec![0; numbers];
                let body = vec![0; bytes];
                assert!(refuses(|| (table.dots_planes)(&query, planes, &[&body], &mut vec![0; outs])));
            }
            for (a, b, planes) in [(8, 16, 1), (8, 8, 2), (12, 12, 1), (72, 72, 9), (8, 8, 0), (0, 0, 1)] {
                let a = vec![0; a];
                let b = vec![0; b];
                assert!(refuses(|| _ = (table.dot_planes)(&a, &b, planes)));
            }
        }
    }
}
