//! Natural numbers of any size, as large as a number's text makes them: some thousand digits.

use std::cmp::Ordering;

/// The most decimal digits that are sure to fit a limb.
const DIGITS_PER_LIMB: usize = 19;

/// Bits of a quotient: the mantissa of a long double, and enough to round it.
const QUOTIENT_BITS: i32 = 70;

/// A natural number: 64 bits at a time, the lowest first, the last of them not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural {
    limbs: Vec<u64>,
}

impl From<u64> for Natural {
    fn from(number: u64) -> Self {
        let mut this = Self { limbs: vec![number] };
        this.trim();
        this
    }
}

impl Natural {
    /// The number that these digits are, each below `radix`, which is 16 at most.
    pub(super) fn from_digits(digits: &[u8], radix: u64) -> Self {
        let mut this = Self::from(0);
        // Sixteen hexadecimal digits fill a limb.
        for chunk in digits.chunks(DIGITS_PER_LIMB.min(16)) {
            let value = chunk.iter().fold(0, |value, digit| value * radix + u64::from(*digit));
            this.multiply(radix.wrapping_pow(chunk.len() as u32 - 1), 0);
            this.multiply(radix, value);
        }
        this
    }

    /// `self · 10^exponent`.
    pub(super) fn scaled_by_ten(mut self, exponent: u32) -> Self {
        const STEP: u32 = DIGITS_PER_LIMB as u32;
        (0..exponent / STEP).for_each(|_| self.multiply(10_u64.pow(STEP), 0));
        self.multiply(10_u64.pow(exponent % STEP), 0);
        self
    }

    /// `self · 2^bits`.
    pub(super) fn shifted(mut self, bits: u32) -> Self {
        self.multiply(1 << (bits % u64::BITS), 0);
        if !self.is_zero() {
            self.limbs.splice(0..0, std::iter::repeat_n(0, (bits / u64::BITS) as usize));
        }
        self
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// `(m, e)` such that `self` is `m · 2^e`, or a little more: then `m` is odd, and has all its
    /// bits.
    pub(super) fn leading_bits(self) -> (u128, i32) {
        let unused = self.unused_bits();
        let aligned = self.shifted(unused);
        let below = aligned.limbs.len().saturating_sub(2);
        let (rest, highest) = aligned.limbs.split_at(below);
        let leading = highest.iter().rev().fold(0, |sum, limb| sum << u64::BITS | u128::from(*limb));
        let jam = rest.iter().any(|limb| *limb != 0);
        (leading | u128::from(jam), below as i32 * u64::BITS as i32 - unused as i32)
    }

    /// `(m, e)` such that `self / divisor` is `m · 2^e`, or a little more: then `m` is odd. The
    /// divisor is not 0.
    pub(super) fn divided_by(self, divisor: Self) -> (u128, i32) {
        let shift = self.bits() - divisor.bits();
        let by = shift.unsigned_abs();
        let (mut rest, divisor) =
            if shift < 0 { (self.shifted(by), divisor) } else { (self, divisor.shifted(by)) };
        let mut quotient = 0;
        for _ in 0..QUOTIENT_BITS {
            let fits = rest.at_least(&divisor);
            if fits {
                rest.subtract(&divisor);
            }
            quotient = quotient << 1 | u128::from(fits);
            rest.multiply(2, 0);
        }
        (quotient | u128::from(!rest.is_zero()), shift - (QUOTIENT_BITS - 1))
    }

    /// Its decimal digits.
    pub(super) fn text(mut self) -> String {
        let mut chunks = Vec::new();
        while !self.is_zero() {
            chunks.push(self.divide(10_u64.pow(DIGITS_PER_LIMB as u32)));
        }
        let highest = chunks.pop().unwrap_or(0).to_string();
        chunks.iter().rev().fold(highest, |text, chunk| text + &format!("{chunk:0DIGITS_PER_LIMB$}"))
    }

    fn bits(&self) -> i32 {
        (self.limbs.len() as u32 * u64::BITS - self.unused_bits()) as i32
    }

    /// Zeros above the highest bit, in its limb.
    fn unused_bits(&self) -> u32 {
        self.limbs.last().map_or(0, |limb| limb.leading_zeros())
    }

    /// Becomes `self · factor + addend`.
    fn multiply(&mut self, factor: u64, addend: u64) {
        let mut carry = u128::from(addend);
        for limb in &mut self.limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= u64::BITS;
        }
        self.limbs.push(carry as u64);
        self.trim();
    }

    /// Becomes `self / divisor`; returns what remains.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.limbs.iter_mut().rev() {
            let dividend = u128::from(rest) << u64::BITS | u128::from(*limb);
            *limb = (dividend / u128::from(divisor)) as u64;
            rest = (dividend % u128::from(divisor)) as u64;
        }
        self.trim();
        rest
    }

    fn at_least(&self, other: &Self) -> bool {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev())) != Ordering::Less
    }

    /// Becomes `self - other`, which is not below 0.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        let others = other.limbs.iter().copied().chain(std::iter::repeat(0));
        for (limb, other) in self.limbs.iter_mut().zip(others) {
            let (difference, one) = limb.overflowing_sub(other);
            let (difference, two) = difference.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (difference, one || two);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(text: &str) -> Natural {
        let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
        Natural::from_digits(&digits, 10)
    }

    #[test]
    fn scaling_appends_zeros() {
        assert_eq!(natural("123").scaled_by_ten(40).text(), format!("123{}", "0".repeat(40)));
        assert_eq!(natural("0").scaled_by_ten(40).text(), "0");
        assert_eq!(natural("1").shifted(100).text(), (1_u128 << 100).to_string());
        assert_eq!(Natural::from_digits(&[15; 20], 16).text(), ((1_u128 << 80) - 1).to_string());
    }

    #[test]
    fn bits_that_are_cut_off_leave_an_odd_number() {
        assert_eq!(natural("6").leading_bits(), (6 << 61, -61));
        assert_eq!(natural("1").shifted(200).leading_bits(), (1 << 127, 73));
        let mut more = natural("1").shifted(200);
        more.multiply(1, 1);
        assert_eq!(more.leading_bits(), (1 << 127 | 1, 73));
    }

    #[test]
    fn quotients_have_their_first_bits() {
        assert_eq!(natural("12").divided_by(natural("3")), (1 << 69, 2 - 69));
        let (third, exponent) = natural("1").divided_by(natural("3"));
        assert_eq!((third & 1, exponent), (1, -70));
        assert_eq!(third, ((1 << 70) / 3) | 1);
    }

    proptest! {
        #[test]
        fn text_reads_back(text in "[1-9][0-9]{0,200}") {
            prop_assert_eq!(natural(&text).text(), text);
        }

        #[test]
        fn small_quotients_are_exact(quotient in 1_u64.., divisor in 1_u64..) {
            let mut product = Natural::from(quotient);
            product.multiply(divisor, 0);
            let (found, exponent) = product.divided_by(Natural::from(divisor));
            prop_assert_eq!(found >> -exponent, u128::from(quotient));
            prop_assert_eq!(found & ((1 << -exponent) - 1), 0);
        }
    }
}
