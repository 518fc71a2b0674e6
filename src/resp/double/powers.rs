//! The powers of ten that [`super::grisu`] scales with, worked out by the compiler from whole
//! numbers.

use super::grisu::Binary;

/// The exponents of two neighbours in the table differ by this.
const STEP: i32 = 8;
const FIRST: i32 = -348;
const COUNT: usize = 87;
/// Entries below 10^0: 10^-348 to 10^-4. The others are 10^4 to 10^340.
const BELOW_ONE: usize = 44;

/// The exponent of a scaled number is at least this and at most `LOWEST + 28`, since neighbours are
/// 26 or 27 bits apart: its whole part fits 32 bits, and ten times its fraction 64.
const LOWEST: i32 = -60;

static POWERS: [Binary; COUNT] = powers();

/// The smallest power in the table that brings a mantissa of 64 bits with this exponent into the
/// range, and which power of ten it is.
#[inline]
pub(super) fn power_for(exponent: i32) -> (Binary, i32) {
    let wanted = LOWEST - i64::BITS as i32 - exponent;
    // log10(2) is 0.30103 = 1233/4096 and a little; 63 bits of the mantissa stand before its
    // exponent.
    let estimate = (((wanted + 63) * 1233) >> 12) - STEP - FIRST;
    let mut index = (estimate / STEP).max(0) as usize;
    while POWERS[index].exponent < wanted {
        index += 1;
    }
    (POWERS[index], FIRST + STEP * index as i32)
}

/// 10^4, 10^12 … and their reciprocals, each the nearest that 64 bits can be.
const fn powers() -> [Binary; COUNT] {
    let mut powers = [Binary { mantissa: 0, exponent: 0 }; COUNT];
    let mut power = Whole::new(10_000);
    let mut above = 0;
    while above < BELOW_ONE {
        powers[BELOW_ONE - 1 - above] = power.reciprocal();
        if above + BELOW_ONE < COUNT {
            powers[BELOW_ONE + above] = power.nearest();
        }
        power = power.times(100_000_000);
        above += 1;
    }
    powers
}

/// Limbs for 10^356.
const LIMBS: usize = 19;

/// A large whole number, the lowest limb first.
#[derive(Clone, Copy)]
struct Whole {
    limbs: [u64; LIMBS],
    /// Limbs up to the highest that is not 0.
    len: usize,
}

impl Whole {
    const fn new(value: u64) -> Self {
        let mut limbs = [0; LIMBS];
        limbs[0] = value;
        Self { limbs, len: 1 }
    }

    const fn times(mut self, factor: u64) -> Self {
        let mut at = 0;
        let mut carry = 0;
        while at < self.len {
            let product = self.limbs[at] as u128 * factor as u128 + carry;
            self.limbs[at] = product as u64;
            carry = product >> u64::BITS;
            at += 1;
        }
        if carry > 0 {
            self.limbs[at] = carry as u64;
            self.len += 1;
        }
        self
    }

    const fn bits(&self) -> u32 {
        self.len as u32 * u64::BITS - self.limbs[self.len - 1].leading_zeros()
    }

    const fn bit(&self, at: u32) -> bool {
        self.limbs[(at / u64::BITS) as usize] >> (at % u64::BITS) & 1 == 1
    }

    /// The highest 64 bits, rounded by the one below.
    const fn nearest(&self) -> Binary {
        let bits = self.bits();
        let mut mantissa = 0;
        let mut taken = 0;
        while taken < u64::BITS {
            mantissa = mantissa << 1 | (taken < bits && self.bit(bits - 1 - taken)) as u64;
            taken += 1;
        }
        let rounds_up = bits > u64::BITS && self.bit(bits - 1 - u64::BITS);
        Binary { mantissa: mantissa + rounds_up as u64, exponent: bits as i32 - u64::BITS as i32 }
    }

    /// 1 divided by this, bit by bit. The first bit is that of 2^bits, which is less than twice
    /// this.
    const fn reciprocal(&self) -> Binary {
        let bits = self.bits();
        let mut mantissa = 0;
        let mut remainder = Self { len: self.len, ..Self::new(0) };
        // One bit below 2^bits, so that the first doubling reaches it.
        remainder.limbs[((bits - 1) / u64::BITS) as usize] = 1 << ((bits - 1) % u64::BITS);
        let mut taken = 0;
        while taken < u64::BITS {
            mantissa = mantissa << 1 | remainder.double_modulo(self) as u64;
            taken += 1;
        }
        let rounds_up = remainder.double_modulo(self);
        Binary { mantissa: mantissa + rounds_up as u64, exponent: -(bits as i32) - 63 }
    }

    /// Doubles this, which is less than `modulus`, and takes `modulus` off if it can. True if it
    /// could.
    const fn double_modulo(&mut self, modulus: &Self) -> bool {
        let mut at = 0;
        let mut carry = 0;
        while at < self.len {
            let limb = self.limbs[at];
            self.limbs[at] = limb << 1 | carry;
            carry = limb >> (u64::BITS - 1);
            at += 1;
        }
        let reaches = carry == 1 || self.reaches(modulus);
        if reaches {
            self.subtract(modulus);
        }
        reaches
    }

    const fn reaches(&self, other: &Self) -> bool {
        let mut at = self.len;
        while at > 0 {
            at -= 1;
            if self.limbs[at] != other.limbs[at] {
                return self.limbs[at] > other.limbs[at];
            }
        }
        true
    }

    const fn subtract(&mut self, other: &Self) {
        let mut at = 0;
        let mut borrow = false;
        while at < self.len {
            let (difference, first) = self.limbs[at].overflowing_sub(other.limbs[at]);
            let (difference, second) = difference.overflowing_sub(borrow as u64);
            self.limbs[at] = difference;
            borrow = first || second;
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that fit 64 bits are exact; the ends as Loitsch's table has them.
    #[test]
    fn powers_are_the_nearest() {
        let of = |power: i32| POWERS[((power - FIRST) / STEP) as usize];
        for (power, whole) in [(4, 10_000u64), (12, 1_000_000_000_000)] {
            let shift = whole.leading_zeros();
            assert_eq!(of(power), Binary { mantissa: whole << shift, exponent: -(shift as i32) });
        }
        assert_eq!(of(-348), Binary { mantissa: 0xfa8f_d5a0_081c_0288, exponent: -1220 });
        assert_eq!(of(-4), Binary { mantissa: 0xd1b7_1758_e219_652c, exponent: -77 });
        assert_eq!(of(340), Binary { mantissa: 0xaf87_023b_9bf0_ee6b, exponent: 1066 });
    }

    /// Each of the powers from 10^-308 on is within half a unit of what std reads.
    #[test]
    fn powers_are_those_that_std_reads() {
        for (index, power) in POWERS.iter().enumerate() {
            let exponent = FIRST + STEP * index as i32;
            if !(-307..=308).contains(&exponent) {
                continue;
            }
            let read: f64 = format!("1e{exponent}").parse().unwrap();
            let mantissa = read.to_bits() << 11 | 1 << 63;
            let ours = power.mantissa.abs_diff(mantissa);
            assert!(ours <= 1 << 10, "1e{exponent}: {:x} and {mantissa:x}", power.mantissa);
        }
    }

    #[test]
    fn every_exponent_of_a_double_is_brought_into_the_range() {
        for exponent in -1137..=960 {
            let (power, _) = power_for(exponent);
            let scaled = exponent + power.exponent + 64;
            assert!((LOWEST..=LOWEST + 28).contains(&scaled), "{exponent}: {scaled}");
        }
    }
}
