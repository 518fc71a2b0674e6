//! The checksum of files and dumped values: CRC64 with Jones' polynomial, reflected, starting at 0.

use std::fmt;
use std::sync::LazyLock;

use crc_fast::{CrcParams, Digest, checksum_combine_with_params};

/// The polynomial in plain order, and the checksum of "123456789", by which the crate checks its
/// parameters.
const POLYNOMIAL: u64 = 0xad93_d235_94c9_35a9;
const CHECK: u64 = 0xe9c6_d914_c4b8_d9ca;

/// With constants that the crate derives from the polynomial.
static PARAMS: LazyLock<CrcParams> =
    LazyLock::new(|| CrcParams::new("CRC-64/REDIS", 64, POLYNOMIAL, 0, true, 0, CHECK));

/// A checksum on its way through the bytes.
#[derive(Clone)]
pub(super) struct Crc64 {
    /// Of bytes before those of `digest`.
    before: u64,
    digest: Digest,
}

impl Crc64 {
    /// The checksum of no bytes.
    pub(super) fn new() -> Self {
        Self { before: 0, digest: Digest::new_with_params(*PARAMS) }
    }

    /// Takes in more bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Takes in so many more bytes that are known by their own checksum.
    pub(super) fn append(&mut self, bytes: u64, sum: u64) {
        *self = Self { before: combined(self.value(), sum, bytes), ..Self::new() };
    }

    /// The checksum of all bytes so far.
    pub(super) fn value(&self) -> u64 {
        combined(self.before, self.digest.finalize(), self.digest.get_amount())
    }
}

/// The checksum of bytes, of which the last `len` have the checksum `last`, and those before them
/// `first`.
fn combined(first: u64, last: u64, len: u64) -> u64 {
    if first == 0 { last } else { checksum_combine_with_params(*PARAMS, first, last, len) }
}

/// The checksum of the last `len` bytes alone, of bytes with the checksum `all`; those before them
/// have `first`. (What is before only adds to what comes behind it, bit by bit.)
pub(super) fn of_last(first: u64, all: u64, len: u64) -> u64 {
    combined(first, 0, len) ^ all
}

impl fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc64({:016x})", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, as the polynomial is defined.
    fn slow(bytes: &[u8]) -> u64 {
        let polynomial = POLYNOMIAL.reverse_bits();
        let step = |crc: u64| crc >> 1 ^ if crc & 1 == 1 { polynomial } else { 0 };
        bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), |crc, _| step(crc)))
    }

    #[test]
    fn the_checksum_is_that_of_redis() {
        assert_eq!(slow(b"123456789"), CHECK);
        assert_eq!(Crc64::new().value(), 0);
    }

    #[test]
    fn it_is_the_same_wherever_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..1200_u32).map(|n| ((n * n) >> 3) as u8).collect();
        let whole = slow(&bytes);
        for cut in 0..bytes.len() {
            let mut crc = Crc64::new();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            assert_eq!(crc.value(), whole);
        }
    }

    #[test]
    fn bytes_can_be_known_by_their_checksum_alone() {
        let bytes: Vec<u8> = (0..1200_u32).map(|n| ((n * n) >> 3) as u8).collect();
        for (start, end) in [(0, 0), (0, 7), (3, 3), (5, 900), (900, 1200), (0, 1200)] {
            let sum = of_last(slow(&bytes[..start]), slow(&bytes[..end]), (end - start) as u64);
            assert_eq!(sum, slow(&bytes[start..end]));
            let mut crc = Crc64::new();
            crc.update(&bytes[..start]);
            crc.append((end - start) as u64, sum);
            crc.update(&bytes[end..]);
            assert_eq!(crc.value(), slow(&bytes));
        }
    }
}
