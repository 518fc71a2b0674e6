//! Digits of a double by Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers", PLDI 2010), which Redis prints with: one in a thousand is not the
//! shortest, or not the nearest of the shortest, so no other way gives the same bytes.
//!
//! The paper takes one digit after the other from the upper boundary, until what is left is less
//! than the distance of the boundaries. Here all 17 that a double can have are taken by one
//! multiplication, and those that are not needed are left out again, which is exactly the same.

use super::powers::power_for;

/// `mantissa · 2^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) mantissa: u64,
    pub(super) exponent: i32,
}

/// `digits · 10^exponent`, where the digits are the first `len` of a number of [`MOST_DIGITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) padded: u64,
    pub(super) len: u32,
    pub(super) exponent: i32,
}

/// No double has more.
pub(super) const MOST_DIGITS: u32 = 17;

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const HIDDEN_BIT: u64 = 1 << MANTISSA_BITS;
/// The exponent of the smallest normal double, and of all below it, when their mantissas are whole
/// numbers.
const SMALLEST_EXPONENT: i32 = f64::MIN_EXP - f64::MANTISSA_DIGITS as i32;

/// The digits of a number above zero that is finite.
pub(super) fn digits_of(value: f64) -> Decimal {
    let number = whole_mantissa(value);
    let shift = number.mantissa.leading_zeros();
    let mantissa = number.mantissa << shift;
    let half = 1 << (shift - 1);
    // The next one below a power of two is nearer than the one above.
    let below = if number.mantissa == HIDDEN_BIT { half / 2 } else { half };
    let (power, power_of_ten) = power_for(number.exponent - shift as i32);
    let scaled = |mantissa: u64| product(mantissa, power.mantissa);
    // A product is wrong by up to one unit, so the boundaries are drawn in by one.
    let upper = scaled(mantissa + half) - 1;
    let interval = Interval {
        upper,
        width: upper - (scaled(mantissa - below) + 1),
        distance: upper - scaled(mantissa),
        whole_bits: (number.exponent - shift as i32 + power.exponent + 2 * u64::BITS as i32) as u32,
    };
    interval.digits(power_of_ten)
}

fn whole_mantissa(value: f64) -> Binary {
    let mantissa = value.to_bits() & (HIDDEN_BIT - 1);
    let biased = (value.to_bits() >> MANTISSA_BITS) as i32;
    match biased {
        0 => Binary { mantissa, exponent: SMALLEST_EXPONENT },
        _ => Binary { mantissa: mantissa | HIDDEN_BIT, exponent: SMALLEST_EXPONENT + biased - 1 },
    }
}

/// The upper half of the product, rounded.
fn product(one: u64, other: u64) -> u64 {
    ((u128::from(one) * u128::from(other) + (1 << 63)) >> u64::BITS) as u64
}

/// What may be printed for a number. Of each length, `whole_bits` are before the point.
struct Interval {
    upper: u64,
    /// From `upper` down to the other end.
    width: u64,
    /// From `upper` down to the number.
    distance: u64,
    /// 4 to 32.
    whole_bits: u32,
}

impl Interval {
    /// The digits of the number in the interval, divided by a power of ten.
    #[inline]
    fn digits(&self, power_of_ten: i32) -> Decimal {
        let whole = self.upper >> (u64::BITS - self.whole_bits);
        let behind_point = MOST_DIGITS - 1 - whole.ilog10();
        let tens = TENS[behind_point as usize];
        // Lengths with the point after the 17th digit, which is after the upper half.
        let scaled = |length: u64| u128::from(length) * u128::from(tens << self.whole_bits);
        let upper = scaled(self.upper);
        let width = scaled(self.width);
        let digits = (upper >> u64::BITS) as u64;
        let mut cut = Cut { kept: digits, rest: upper & u128::from(u64::MAX), left_out: 0 };
        let at_point = Cut {
            kept: whole,
            rest: upper - (u128::from(whole * tens) << u64::BITS),
            left_out: behind_point,
        };
        // The paper's loop over the whole part takes the very end of the interval in, that over
        // the fraction does not.
        let limit = if at_point.rest <= width {
            cut = at_point;
            width + 1
        } else {
            width
        };
        let cut = cut.shortest(limit);
        let unit = TENS[cut.left_out as usize];
        Decimal {
            padded: (cut.kept - cut.steps_towards(scaled(self.distance), width)) * unit,
            len: MOST_DIGITS - cut.left_out,
            exponent: cut.left_out as i32 - behind_point as i32 - power_of_ten,
        }
    }
}

/// The digits of the upper end, without some at their end.
#[derive(Clone, Copy)]
struct Cut {
    kept: u64,
    /// What the digits left out are worth.
    rest: u128,
    left_out: u32,
}

impl Cut {
    /// With as few digits as there can be if what is left out stays below `limit`.
    #[inline]
    fn shortest(self, limit: u128) -> Self {
        let mut cut = self;
        // Mostly all but one or two are needed. Numbers with at least three less are those that
        // were typed in.
        for _ in 0..3 {
            let Some(shorter) = cut.shorter::<1>(limit) else { return cut };
            cut = shorter;
        }
        cut = cut.shorter::<8>(limit).unwrap_or(cut);
        cut = cut.shorter::<4>(limit).unwrap_or(cut);
        while let Some(shorter) = cut.shorter::<1>(limit) {
            cut = shorter;
        }
        cut
    }

    /// With that many digits less, if what is left out stays below `limit`.
    #[inline]
    fn shorter<const DIGITS: u32>(&self, limit: u128) -> Option<Self> {
        let kept = self.kept / const { 10u64.pow(DIGITS) };
        let digits = self.kept % const { 10u64.pow(DIGITS) };
        let rest = self.rest + (u128::from(digits * TENS[self.left_out as usize]) << u64::BITS);
        let is_near = rest < limit && kept > 0;
        is_near.then_some(Self { kept, rest, left_out: self.left_out + DIGITS })
    }

    /// By how much the last digit is too high: lowered so often, the number is the nearest
    /// to the one meant, which is `distance` below the upper end, and the higher one of two. It
    /// stays in the interval.
    #[inline]
    fn steps_towards(&self, distance: u128, width: u128) -> u64 {
        let tens = TENS[self.left_out as usize];
        let unit = |count: u64| u128::from(count * tens) << u64::BITS;
        let half_up = ((distance.saturating_sub(self.rest) + unit(1) / 2 - 1) >> u64::BITS) as u64;
        let steps = match self.left_out {
            0 => half_up,
            1 => half_up / 10,
            _ => half_up / tens,
        };
        steps - u64::from(self.rest + unit(steps) > width)
    }
}

/// 10^0 to 10^17.
const TENS: [u64; MOST_DIGITS as usize + 1] = {
    let mut tens = [1; MOST_DIGITS as usize + 1];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = 10 * tens[at - 1];
        at += 1;
    }
    tens
};
