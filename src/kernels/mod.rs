//! How alike are two runs of bytes?  Arithmetic over slices: safe outside, and the only SIMD of the
//! crate. Knows neither codecs nor graphs: only numbers, as they lie little-endian and at any
//! address.
//!
//! A [`Kernels`] is a table of functions for one instruction set. [`kernels`] is the fastest that
//! this machine can run, chosen once; [`all`] are those it can run, which tests and benchmarks
//! compare. `scalar.rs` is the specification of every one of them. To add a faster kernel, write it
//! in the file of its instruction set and put it into that table.

#[cfg(target_endian = "big")]
compile_error!("numbers are kept little-endian and are read where they lie");

use std::sync::LazyLock;

/// Makes the safe function of a table from a `#[target_feature]` function, inside a method of the
/// value that proves the features.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! proven {
    ($kernel:expr) => {
        |a, b| {
            // SAFETY: the kernel needs CPU features and nothing else. This closure leaves the
            // module only in a table that a method of the feature's value made, and only `detect`
            // makes that value.
            unsafe { $kernel(a, b) }
        }
    };
}

/// Makes the batch form of a pair kernel for a table, in a `#[target_feature]` function of its own,
/// so that the kernel is compiled into its loop.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! proven_each {
    ($features:literal, $kernel:expr => $result:ty) => {{
        #[target_feature(enable = $features)]
        fn each(query: &[u8], codes: &[&[u8]], results: &mut [$result]) {
            assert_eq!(codes.len(), results.len());
            for (code, result) in codes.iter().zip(results) {
                *result = $kernel(query, code);
            }
        }
        |query, codes, results| {
            // SAFETY: as in `proven`.
            unsafe { each(query, codes, results) }
        }
    }};
}

#[cfg(test)]
mod agreement;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod planes;
mod prefetch;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use planes::{MAX_PLANES, PLANE_NUMBERS, PlaneDot, PlaneDots};
pub use prefetch::{prefetch, prefetch_at};

/// A kernel over one query and many codes, with a result for each: one call for all neighbours of a
/// node, and what depends on the query alone is computed once.
pub type Each<R> = fn(&[u8], &[&[u8]], &mut [R]);

/// The kernels of one instruction set: of pairs, and (in the plural) of a query and many codes.
///
/// Both arguments of a kernel hold the same count of numbers, which may be 0; they may begin at any
/// address. A kernel panics when the lengths do not fit together, for then the answer would be
/// about other vectors than those asked for.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// The instruction set: `scalar`, `avx2`, `avx512`, `avx512-vnni` or `neon`.
    pub isa: &'static str,
    /// The dot product of f32 and f32.
    pub dot_f32: fn(&[u8], &[u8]) -> f32,
    /// The squared Euclidean distance of f32 and f32.
    pub l2_f32: fn(&[u8], &[u8]) -> f32,
    /// The dot product of f32 (first) and f16 (second).
    pub dot_f32_f16: fn(&[u8], &[u8]) -> f32,
    /// The squared Euclidean distance of f32 (first) and f16 (second).
    pub l2_f32_f16: fn(&[u8], &[u8]) -> f32,
    /// The dot product of f16 and f16.
    pub dot_f16: fn(&[u8], &[u8]) -> f32,
    /// The squared Euclidean distance of f16 and f16.
    pub l2_f16: fn(&[u8], &[u8]) -> f32,
    /// The dot product of i8 and i8. Exact up to [`EXACT_I8_LEN`] numbers; beyond, exact modulo
    /// 2³².
    pub dot_i8: fn(&[u8], &[u8]) -> i32,
    /// How many bits differ. Any count of bytes; a multiple of 8 is fastest.
    pub hamming: fn(&[u8], &[u8]) -> u32,
    /// [`Kernels::dot_f32`] of each.
    pub dots_f32: Each<f32>,
    /// [`Kernels::l2_f32`] of each.
    pub l2s_f32: Each<f32>,
    /// [`Kernels::dot_f32_f16`] of each.
    pub dots_f32_f16: Each<f32>,
    /// [`Kernels::l2_f32_f16`] of each.
    pub l2s_f32_f16: Each<f32>,
    /// [`Kernels::dot_i8`] of each.
    pub dots_i8: Each<i32>,
    /// [`Kernels::hamming`] of each.
    pub hammings: Each<u32>,
    /// The dot products of i8 (first) and the numbers that each of many bodies begins with, which
    /// lie in so many bit planes ([`MAX_PLANES`] at most), most significant first. The count of
    /// numbers is a multiple of [`PLANE_NUMBERS`] and not 0. Exact up to 65,536 numbers, none of
    /// which is −128 in the first; beyond, exact modulo 2³².
    pub dots_planes: PlaneDots,
    /// The sum of `(2x − m)(2y − m)` over the numbers in bit planes of both, with `m` the greatest
    /// of so many bits: the dot product of their odd forms, which lie evenly around 0. The slices
    /// hold the planes and nothing else.
    pub dot_planes: PlaneDot,
}

/// The most numbers whose i8 dot product surely fits its i32: each product is at most 128 · 128.
pub const EXACT_I8_LEN: usize = i32::MAX as usize / (128 * 128);

/// The fastest kernels that this machine can run, chosen at the first call.
///
/// A caller that scores many vectors keeps the reference: a call costs a look at whether the choice
/// is made.
pub fn kernels() -> &'static Kernels {
    static CHOSEN: LazyLock<Kernels> = LazyLock::new(|| native().pop().unwrap_or(scalar::KERNELS));
    &CHOSEN
}

/// Every table that this machine can run, the specification first and the fastest last.
pub fn all() -> Vec<Kernels> {
    let mut tables = vec![scalar::KERNELS];
    tables.extend(native());
    tables
}

/// The tables with SIMD in them that this machine can run, the fastest last.
#[cfg(target_arch = "x86_64")]
fn native() -> Vec<Kernels> {
    let avx2 = avx2::Avx2::detect().map(avx2::Avx2::kernels);
    let avx512 = avx512::Avx512::detect().map(avx512::Avx512::kernels);
    let vnni = vnni::Vnni::detect().map(vnni::Vnni::kernels);
    [avx2, avx512, vnni].into_iter().flatten().collect()
}

/// The tables with SIMD in them that this machine can run, the fastest last.
#[cfg(target_arch = "aarch64")]
fn native() -> Vec<Kernels> {
    neon::Neon::detect().map(neon::Neon::kernels).into_iter().collect()
}

/// This architecture has no SIMD kernels yet.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn native() -> Vec<Kernels> {
    Vec::new()
}

/// The bytes of `numbers`, as the kernels read them.
pub fn as_bytes(numbers: &[f32]) -> &[u8] {
    // SAFETY: the same memory, of the same size, for the same lifetime; a byte has no alignment to
    // keep and no value that is not allowed.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Panics unless `a`, in numbers of `a_size` bytes, and `b`, in numbers of `b_size` bytes, hold the
/// same count of them.
#[inline]
fn assert_paired(a: &[u8], a_size: usize, b: &[u8], b_size: usize) {
    let len = a.len() / a_size;
    if a.len() != len * a_size || b.len() != len * b_size {
        not_paired(a.len(), b.len());
    }
}

/// Apart, so that a kernel carries one jump and not the making of the message.
#[cold]
#[inline(never)]
fn not_paired(a_len: usize, b_len: usize) -> ! {
    panic!("{a_len} and {b_len} bytes do not hold as many numbers");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_table_is_the_last_of_all() {
        assert_eq!(kernels().isa, all().last().unwrap().isa);
        assert_eq!(all()[0].isa, "scalar");
    }

    #[test]
    fn bytes_of_floats_are_little_endian() {
        assert_eq!(as_bytes(&[1.0, -2.0]), [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
        assert!(as_bytes(&[]).is_empty());
    }

    #[test]
    fn the_longest_exact_i8_product_is_exact() {
        let lowest = vec![0x80; EXACT_I8_LEN];
        for table in all() {
            assert_eq!((table.dot_i8)(&lowest, &lowest), EXACT_I8_LEN as i32 * 16_384, "{}", table.isa);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_together_are_refused() {
        fn refuses<R>(kernel: fn(&[u8], &[u8]) -> R, a_len: usize, b_len: usize) -> bool {
            std::panic::catch_unwind(|| kernel(&vec![0; a_len], &vec![0; b_len])).is_err()
        }
        for table in all() {
            for kernel in [table.dot_f32, table.l2_f32] {
                assert!(
                    refuses(kernel, 8, 12) && refuses(kernel, 12, 8) && refuses(kernel, 7, 7),
                    "{}",
                    table.isa
                );
            }
            for kernel in [table.dot_f32_f16, table.l2_f32_f16] {
                assert!(
                    refuses(kernel, 8, 8) && refuses(kernel, 8, 5) && refuses(kernel, 6, 3),
                    "{}",
                    table.isa
                );
            }
            for kernel in [table.dot_f16, table.l2_f16] {
                assert!(
                    refuses(kernel, 8, 10) && refuses(kernel, 10, 8) && refuses(kernel, 3, 3),
                    "{}",
                    table.isa
                );
            }
            assert!(refuses(table.dot_i8, 8, 9) && refuses(table.dot_i8, 9, 8), "{}", table.isa);
            assert!(refuses(table.hamming, 8, 16) && refuses(table.hamming, 16, 8), "{}", table.isa);
        }
    }
}
