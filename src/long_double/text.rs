//! The text of long doubles: read as `strtold` reads it, printed as `%.17Lf` without the zeros at
//! its end.

use super::natural::Natural;
use super::{LongDouble, Magnitude, rounded};

/// The longest text that Redis reads (`MAX_LONG_DOUBLE_CHARS`, with the NUL).
const MAX_TEXT_LEN: usize = 5 * 1024 - 1;

/// Above it, a decimal exponent of the first digit means infinity; below its negative, zero. Exact
/// bounds are checked later; this one keeps the powers of ten small.
const MAX_DECIMAL_EXPONENT: i64 = 5_000;

/// Likewise, of the first hexadecimal digit in bits.
const MAX_BINARY_EXPONENT: i64 = 20_000;

/// Digits after the point.
const FRACTION_DIGITS: usize = 17;

/// `10^FRACTION_DIGITS`. Times a mantissa it still fits 128 bits.
const ONE: u128 = 10_u128.pow(FRACTION_DIGITS as u32);

impl LongDouble {
    /// A number as `strtold` reads it: decimal, hexadecimal (`0x1.8p-2`) or infinite. Refuses NaN,
    /// blanks, and numbers too large for a long double or so small that they round to zero.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let magnitude = match unsigned {
            _ if text.len() > MAX_TEXT_LEN => return None,
            [b'0', b'x' | b'X', digits @ ..] => Scientific::parse(digits, 16, b'p')?.binary()?,
            [b'0'..=b'9' | b'.', ..] => Scientific::parse(unsigned, 10, b'e')?.decimal()?,
            word => infinity(word)?,
        };
        Some(Self { negative, magnitude })
    }

    /// The number with up to 17 digits after the point, and never an exponent.
    pub(crate) fn text(self) -> String {
        let digits = match self.magnitude {
            Magnitude::Infinite => "inf".to_owned(),
            Magnitude::Finite { mantissa, exponent: exponent @ 1.. } => {
                Natural::from(mantissa).shifted(exponent.unsigned_abs()).text()
            }
            Magnitude::Finite { mantissa, exponent } => fixed_point(mantissa, exponent.unsigned_abs()),
        };
        if self.negative && digits != "0" { format!("-{digits}") } else { digits }
    }
}

fn infinity(word: &[u8]) -> Option<Magnitude> {
    let infinite = word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity");
    infinite.then_some(Magnitude::Infinite)
}

/// `mantissa / 2^bits`, rounded to nearest, ties to even.
fn fixed_point(mantissa: u64, bits: u32) -> String {
    let scaled = u128::from(mantissa) * ONE;
    let whole = scaled.checked_shr(bits).unwrap_or(0);
    let cut = scaled - whole.checked_shl(bits).unwrap_or(0);
    // Beyond 127 bits the middle is out of reach.
    let middle = 1_u128.checked_shl(bits).map_or(u128::MAX, |unit| unit / 2);
    let up = bits > 0 && (cut > middle || cut == middle && whole & 1 == 1);
    let rounded = whole + u128::from(up);
    let text = format!("{}.{:0FRACTION_DIGITS$}", rounded / ONE, rounded % ONE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The digits of a number as they stand, and where the point is.
struct Scientific {
    /// Values, not characters; without zeros in front.
    digits: Vec<u8>,
    radix: u8,
    after_point: i64,
    exponent: i64,
}

impl Scientific {
    /// `digits[.digits][mark[sign]decimal]`, with at least one digit before the mark.
    fn parse(text: &[u8], radix: u8, mark: u8) -> Option<Self> {
        let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)).unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(end);
        let exponent = exponent.get(1..).map_or(Some(0), parse_exponent)?;
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
            None => (mantissa, &[][..]),
        };
        let characters = whole.iter().chain(fraction);
        let values: Option<Vec<u8>> = characters.map(|byte| digit(*byte, radix)).collect();
        let values = values.filter(|values| !values.is_empty())?;
        let digits = values.into_iter().skip_while(|digit| *digit == 0).collect();
        Some(Self { digits, radix, after_point: fraction.len() as i64, exponent })
    }

    /// `digits · 10^exponent`. None if that is too large, or would be zero though a digit is not.
    fn decimal(self) -> Option<Magnitude> {
        if self.digits.is_empty() {
            return Some(LongDouble::ZERO.magnitude);
        }
        self.check_first_digit(self.exponent - self.after_point, 1, MAX_DECIMAL_EXPONENT)?;
        let exponent = i32::try_from(self.exponent - self.after_point).ok()?;
        let digits = self.natural();
        let (mantissa, exponent) = match exponent {
            0.. => digits.scaled_by_ten(exponent.unsigned_abs()).leading_bits(),
            _ => digits.divided_by(Natural::from(1).scaled_by_ten(exponent.unsigned_abs())),
        };
        in_range(rounded(mantissa, exponent))
    }

    /// `digits · 2^exponent`; likewise.
    fn binary(self) -> Option<Magnitude> {
        if self.digits.is_empty() {
            return Some(LongDouble::ZERO.magnitude);
        }
        let exponent = self.exponent - 4 * self.after_point;
        self.check_first_digit(exponent, 4, MAX_BINARY_EXPONENT)?;
        let (mantissa, shift) = self.natural().leading_bits();
        in_range(rounded(mantissa, i32::try_from(exponent).ok()? + shift))
    }

    /// None if the first of the digits stands so far from the point that the number is infinite, or
    /// zero.
    fn check_first_digit(&self, exponent: i64, per_digit: i64, most: i64) -> Option<()> {
        let first = exponent + per_digit * self.digits.len() as i64;
        (-most..=most).contains(&first).then_some(())
    }

    fn natural(&self) -> Natural {
        Natural::from_digits(&self.digits, u64::from(self.radix))
    }
}

fn in_range(magnitude: Magnitude) -> Option<Magnitude> {
    match magnitude {
        Magnitude::Infinite | Magnitude::Finite { mantissa: 0, .. } => None,
        number => Some(number),
    }
}

fn digit(byte: u8, radix: u8) -> Option<u8> {
    char::from(byte).to_digit(u32::from(radix)).map(|digit| digit as u8)
}

/// Decimal digits with an optional sign. Clamped, far beyond what makes a difference.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    let push = |value: i64, byte: &u8| Some((value * 10 + i64::from(digit(*byte, 10)?)).min(1 << 32));
    let magnitude = digits.iter().try_fold(0, push).filter(|_| !digits.is_empty())?;
    Some(sign * magnitude)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        LongDouble::parse(text.as_bytes()).map(LongDouble::text)
    }

    /// The texts are accepted or refused as increments by Redis 8.6.2.
    #[test]
    fn text_is_read_as_strtold_reads_it() {
        let taken = [
            ("1", "1"),
            ("+1", "1"),
            ("-1.5", "-1.5"),
            (".5", "0.5"),
            ("1.", "1"),
            ("1.e5", "100000"),
            ("-.5E-2", "-0.005"),
            ("007", "7"),
            ("0x10", "16"),
            ("-0X1P-2", "-0.25"),
            ("0x.8p1", "1"),
            ("0x1.", "1"),
            ("0xabcdefABCDEF0123456", "50707720076840141991936"),
            ("0e99999999999999999999", "0"),
            ("0x0p-99999", "0"),
            ("4e-4951", "0"),
            ("inf", "inf"),
            ("-INFINITY", "-inf"),
            ("123456789012345678901234567890", "123456789012345678899921813504"),
        ];
        for (text, expected) in taken {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        let refused = [
            "",
            "+",
            "-",
            ".",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "nan",
            "-nan",
            "nan(1)",
            " 1",
            "1 ",
            "1,5",
            "+-1",
            "--1",
            "0x",
            "0x.",
            "0x1p",
            "0xg",
            "infi",
            "1f",
            "1\0",
            "1.2.3",
            "1e5000",
            "1e99999999999999999999",
            "1e-5000",
            "1.2e4932",
            "1e-4951",
            "0x1p16384",
            "0x1p-16446",
            "0x1p-99999999999999999999",
            "1e1.5",
            "0x1p0x1",
        ];
        for text in refused {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn text_has_a_longest_length() {
        assert_eq!(read(&"0".repeat(MAX_TEXT_LEN)).as_deref(), Some("0"));
        assert_eq!(read(&"0".repeat(MAX_TEXT_LEN + 1)), None);
        assert_eq!(read(&format!("1e-{}1", "0".repeat(MAX_TEXT_LEN - 4))).as_deref(), Some("0.1"));
        assert_eq!(read(&format!("0.{}1", "0".repeat(4900))).as_deref(), Some("0"));
    }

    #[test]
    fn fractions_are_rounded_to_even() {
        // The first digit after the seventeenth is an exact 5 in both: 2^-18 has eighteen digits.
        assert_eq!(read("0x1p-18").as_deref(), Some("0.00000381469726562"));
        assert_eq!(read("0x3p-18").as_deref(), Some("0.00001144409179688"));
        assert_eq!(read("0x1p-200").as_deref(), Some("0"));
        assert_eq!(read("-0x1p-200").as_deref(), Some("0"));
    }

    proptest! {
        #[test]
        fn decimals_of_seventeen_digits_pass_unchanged(whole in 0..100_u64, fraction in 1..10_u64.pow(15)) {
            let text = format!("{whole}.{fraction:015}");
            prop_assert_eq!(read(&text), Some(text.trim_end_matches('0').to_owned()));
        }

        #[test]
        fn no_text_panics(text in "[-+]?(0x)?[0-9a-f.]{0,30}([ep][-+]?[0-9]{0,6})?") {
            read(&text);
        }
    }
}
