//! The sums of HINCRBYFLOAT and INCRBYFLOAT: 80-bit floating point, as the `long double` that Redis
//! computes in on x86.
//!
//! Text is read and printed as in Redis, so 10.5 and 0.1 make 10.6, and 0.1 added
//! to 10^18 makes 1000000000000000000.125. The arithmetic uses integers, since only x86 has these
//! floats.

mod natural;
mod text;

use std::cmp::Ordering;

/// Bits of a mantissa.
const PRECISION: i32 = 64;

/// The exponent of the smallest number above zero.
const LOWEST_EXPONENT: i32 = -16_445;

/// The first power of two that is too large.
const BEYOND: i32 = 16_384;

/// Bits below the mantissa that decide how it is rounded. The lowest of them is set if any bit
/// below them is (jamming).
const GUARD_BITS: i32 = 2;

/// A number, or one of the infinities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    /// `mantissa · 2^exponent`.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

impl LongDouble {
    /// The value of what is missing.
    pub(crate) const ZERO: Self =
        Self { negative: false, magnitude: Magnitude::Finite { mantissa: 0, exponent: 0 } };

    /// The largest number that is finite.
    pub(crate) const MAX: Self = Self {
        negative: false,
        magnitude: Magnitude::Finite { mantissa: u64::MAX, exponent: BEYOND - PRECISION },
    };

    /// The smallest number that is finite.
    pub(crate) const MIN: Self = Self { negative: true, ..Self::MAX };

    /// True for both infinities.
    pub(crate) fn is_infinite(self) -> bool {
        self.magnitude == Magnitude::Infinite
    }

    /// The sum, rounded to nearest, ties to even. None if it is infinite, or not a number.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let one = Aligned::of(self)?;
        let other = Aligned::of(other)?;
        let sum = one.add(other).rounded();
        (!sum.is_infinite()).then_some(sum)
    }

    /// The difference, likewise.
    pub(crate) fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negated())
    }

    fn negated(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    /// Its magnitude in the order of numbers: exponent and mantissa with the highest bit set,
    /// infinity above all.
    fn rank(self) -> (i32, u128) {
        Aligned::of(self).map_or((i32::MAX, 0), Aligned::magnitude)
    }

    fn is_zero(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { mantissa: 0, .. })
    }
}

/// The order of numbers: both zeros are equal.
impl PartialOrd for LongDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let below_zero = |number: &Self| number.negative && !number.is_zero();
        Some(match (below_zero(self), below_zero(other)) {
            (false, false) => self.rank().cmp(&other.rank()),
            (true, true) => other.rank().cmp(&self.rank()),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        })
    }
}

impl PartialEq for LongDouble {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// A finite number with its highest bit at [`TOP_BIT`], to be added to another. Its lowest bit also
/// stands for all bits below it.
#[derive(Clone, Copy)]
struct Aligned {
    negative: bool,
    mantissa: u128,
    exponent: i32,
}

/// One below the highest bit there is, so that a sum has room.
const TOP_BIT: u32 = u128::BITS - 2;

impl Aligned {
    fn of(number: LongDouble) -> Option<Self> {
        let Magnitude::Finite { mantissa, exponent } = number.magnitude else { return None };
        let mantissa = u128::from(mantissa);
        let negative = number.negative;
        let Some(top) = mantissa.checked_ilog2() else {
            return Some(Self { negative, mantissa: 0, exponent: i32::MIN / 2 });
        };
        let shift = TOP_BIT - top;
        Some(Self { negative, mantissa: mantissa << shift, exponent: exponent - shift as i32 })
    }

    fn add(self, other: Self) -> Self {
        let (large, small) =
            if self.magnitude() >= other.magnitude() { (self, other) } else { (other, self) };
        let distance = large.exponent.abs_diff(small.exponent);
        let addend = jammed(small.mantissa, distance);
        let Self { negative, mantissa, exponent } = large;
        if negative == small.negative {
            return Self { negative, mantissa: mantissa + addend, exponent };
        }
        let mantissa = mantissa - addend;
        // Numbers that cancel out leave zero, not minus zero.
        Self { negative: negative && mantissa != 0, mantissa, exponent }
    }

    fn magnitude(self) -> (i32, u128) {
        (self.exponent, self.mantissa)
    }

    fn rounded(self) -> LongDouble {
        LongDouble { negative: self.negative, magnitude: rounded(self.mantissa, self.exponent) }
    }
}

/// The nearest magnitude to `mantissa · 2^exponent`, ties to even.
fn rounded(mantissa: u128, exponent: i32) -> Magnitude {
    let Some(top) = mantissa.checked_ilog2() else {
        return Magnitude::Finite { mantissa: 0, exponent: 0 };
    };
    let excess = (top as i32 + 1 - PRECISION).max(LOWEST_EXPONENT.saturating_sub(exponent));
    let (mantissa, exponent) = round_off(mantissa, exponent, excess);
    match mantissa.checked_ilog2() {
        Some(top) if top as i32 + exponent >= BEYOND => Magnitude::Infinite,
        _ => Magnitude::Finite { mantissa, exponent },
    }
}

/// Takes off `excess` bits, which leaves 64 or fewer.
fn round_off(mantissa: u128, exponent: i32, excess: i32) -> (u64, i32) {
    if excess <= 0 {
        return (mantissa as u64, exponent);
    }
    let exponent = exponent + excess;
    // The two guard bits that are left show whether the rest is above, at or below the middle.
    let (mantissa, guard) = match excess - GUARD_BITS {
        more @ 0.. => (jammed(mantissa, more.unsigned_abs()), GUARD_BITS),
        _ => (mantissa, excess),
    };
    let middle = 1 << (guard - 1);
    let high = mantissa >> guard;
    let rest = mantissa & (2 * middle - 1);
    let up = rest > middle || rest == middle && high & 1 == 1;
    match u64::try_from(high + u128::from(up)) {
        Ok(mantissa) => (mantissa, exponent),
        Err(_) => (1 << (PRECISION - 1), exponent + 1),
    }
}

/// `number / 2^bits`, odd if anything was cut off.
fn jammed(number: u128, bits: u32) -> u128 {
    let whole = number.checked_shr(bits).unwrap_or(0);
    let cut = whole.checked_shl(bits).unwrap_or(0) != number;
    whole | u128::from(cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(one: &str, other: &str) -> String {
        let [one, other] = [one, other].map(|text| LongDouble::parse(text.as_bytes()).expect("a number"));
        one.checked_add(other).map_or("none".to_owned(), LongDouble::text)
    }

    /// The expected sums are those of Redis 8.6.2.
    #[test]
    fn sums_are_those_of_redis() {
        let cases = [
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3.0", "1.1", "4.1"),
            ("0.1", "0.2", "0.3"),
            ("1e18", "0.1", "1000000000000000000.125"),
            ("-0.0", "0", "0"),
            ("-0.0", "-0", "0"),
            ("-1e-30", "0", "0"),
            ("1", "-1", "0"),
            ("0x1p-3", "0x.8", "0.625"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551615", "2", "18446744073709551616"),
            ("18446744073709551615", "3", "18446744073709551618"),
            ("9223372036854775807", "0.5", "9223372036854775807.5"),
            ("9223372036854775807", "0.25", "9223372036854775807"),
            ("9223372036854775807", "0.75", "9223372036854775808"),
            ("1e30", "0", "1000000000000000000024696061952"),
            ("3.6e-4951", "0", "0"),
            ("0.00000000000000001", "0", "0.00000000000000001"),
            ("1.000000000000000005", "0", "1"),
            ("-1.99999999999999999", "0", "-1.99999999999999999"),
            ("0x141ec38d62408b3399486.e08375f624e7p2", "665.2475395", "6080948672412329972334592"),
        ];
        for (one, other, expected) in cases {
            assert_eq!(sum(one, other), expected, "{one} + {other}");
            assert_eq!(sum(other, one), expected, "{other} + {one}");
        }
    }

    #[test]
    fn numbers_are_ordered_as_numbers_are() {
        let ascending = [
            "-inf",
            "-1.1e4932",
            "-3",
            "-0.5",
            "-1e-4000",
            "0",
            "1e-4000",
            "0.25",
            "0x.5",
            "1",
            "1.5",
            "1e4932",
            "inf",
        ]
        .map(|text| LongDouble::parse(text.as_bytes()).expect("a number"));
        for (i, one) in ascending.iter().enumerate() {
            for (j, other) in ascending.iter().enumerate() {
                assert_eq!(one.partial_cmp(other), Some(i.cmp(&j)), "{one:?} {other:?}");
            }
        }
        let equal =
            |a: &str, b: &str| assert_eq!(LongDouble::parse(a.as_bytes()), LongDouble::parse(b.as_bytes()));
        equal("-0.0", "0");
        equal("100", "1e2");
        assert!(
            LongDouble::MAX > ascending[11]
                && LongDouble::MAX < ascending[12]
                && LongDouble::MIN < ascending[1]
        );
    }

    #[test]
    fn sums_beyond_the_largest_number_are_none() {
        let largest = "1.18973149535723176502e4932";
        assert_eq!(sum(largest, "0").len(), 4933);
        assert_eq!(sum(largest, largest), "none");
        assert_eq!(sum(largest, &format!("-{largest}")), "0");
        assert_eq!(sum("inf", "1"), "none");
        assert_eq!(sum("inf", "-inf"), "none");
        assert_eq!(sum("1", "-Infinity"), "none");
    }

    #[test]
    fn a_tie_goes_to_the_even_mantissa_and_may_carry() {
        let half = |mantissa: u128| rounded((mantissa << 1) | 1, 0);
        let finite = |mantissa, exponent| Magnitude::Finite { mantissa, exponent };
        assert_eq!(half((1 << 63) | 2), finite((1 << 63) | 2, 1));
        assert_eq!(half((1 << 63) | 3), finite((1 << 63) | 4, 1));
        assert_eq!(half(u128::from(u64::MAX)), finite(1 << 63, 2));
        assert_eq!(rounded(1, LOWEST_EXPONENT - 1), finite(0, LOWEST_EXPONENT));
        assert_eq!(rounded(3, LOWEST_EXPONENT - 2), finite(1, LOWEST_EXPONENT));
        assert_eq!(rounded(u128::MAX, BEYOND - 128), Magnitude::Infinite);
    }

    proptest! {
        /// They fit a mantissa of 64 bits.
        #[test]
        fn integers_are_added_exactly(one: i64, other in -i64::MAX / 2..i64::MAX / 2) {
            let one = one / 2;
            prop_assert_eq!(sum(&one.to_string(), &other.to_string()), (one + other).to_string());
        }

        /// As for any correctly rounded sum.
        #[test]
        fn a_sum_does_not_depend_on_the_order(one: f64, other: f64) {
            prop_assume!(one.is_finite() && other.is_finite());
            let [one, other] = [one, other].map(|number| format!("{number:e}"));
            prop_assert_eq!(sum(&one, &other), sum(&other, &one));
        }

        /// 53 bits added to nothing are printed as Rust prints them.
        #[test]
        fn doubles_pass_unchanged(number in -1e15..1e15) {
            let expected = format!("{number:.17}");
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(sum(&format!("{number:.1080}"), "0"), if expected == "-0" { "0" } else { expected });
        }
    }
}
