//! Numbers as clients write them, by the rules of Redis' `string2ll` and `string2d`.

use crate::hex_float;

/// `-9223372036854775808`.
const LONGEST_INTEGER: usize = 20;

/// A decimal integer in its one spelling: no `+`, no leading zero, no blanks, no `-0`.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        b"0" => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if text.len() > LONGEST_INTEGER || !matches!(digits.first(), Some(b'1'..=b'9')) {
        return None;
    }
    let mut magnitude = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// A floating point number: decimal, hexadecimal (`0x1.8p-2`) or infinite. Refuses NaN, blanks, and
/// numbers too large for a double, or so small that it would be zero.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let value = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => parse_hex(digits)?,
        [b'0'..=b'9' | b'.', ..] => parse_decimal(magnitude)?,
        _ => return parse_infinity(magnitude, negative),
    };
    (value.is_finite()).then_some(if negative { -value } else { value })
}

fn parse_infinity(word: &[u8], negative: bool) -> Option<f64> {
    let infinite = word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity");
    infinite.then_some(if negative { f64::NEG_INFINITY } else { f64::INFINITY })
}

/// std reads the same decimal forms as `strtod`, but calls an underflow zero where Redis sees
/// ERANGE.
fn parse_decimal(text: &[u8]) -> Option<f64> {
    let value: f64 = str::from_utf8(text).ok()?.parse().ok()?;
    let underflow = value == 0.0 && has_nonzero_digit(text);
    (!underflow).then_some(value)
}

fn has_nonzero_digit(text: &[u8]) -> bool {
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// As [`parse_decimal`]: an underflow is refused.
fn parse_hex(digits: &[u8]) -> Option<f64> {
    hex_float::parse(digits).filter(|&value| value != 0.0 || !hex_float::has_nonzero_digit(digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        let taken = [
            ("0", 0),
            ("7", 7),
            ("-7", -7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ];
        for (text, value) in taken {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        let refused = [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "00",
            " 1",
            "1 ",
            "1.0",
            "0x1",
            "a",
            "1a",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000",
        ];
        for text in refused {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    /// What Redis 8.6.2 takes as a component of a vector.
    #[test]
    fn floats_are_strtod_and_more_strict() {
        let inf = f64::INFINITY;
        let taken = [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5", -1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1e3),
            ("1.e5", 1e5),
            ("-.5E-2", -0.005),
            ("007", 7.0),
            ("0x10", 16.0),
            ("-0X1P-2", -0.25),
            ("0x.8p1", 1.0),
            ("0x1.", 1.0),
            ("inf", inf),
            ("-INF", -inf),
            ("+Infinity", inf),
            ("1e39", 1e39),
            ("5e-324", 5e-324),
            ("0e-999", 0.0),
        ];
        for (text, value) in taken {
            assert_eq!(parse_float(text.as_bytes()), Some(value), "{text}");
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
            "NaN",
            "1e400",
            "-1e400",
            "1e-400",
            " 1",
            "1 ",
            "1,5",
            "1_0",
            "+-1",
            "--1",
            "0x",
            "0x.",
            "0x1p",
            "0x1p+",
            "0xg",
            "0x1p99999",
            "0x1p-99999",
            "infi",
            "1f",
            "1\0",
        ];
        for text in refused {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn long_hexadecimal_mantissas_round_once() {
        assert_eq!(parse_float(b"0x1.00000000000008"), Some(1.0));
        assert_eq!(parse_float(b"0x1.000000000000080000000000001"), Some(1.0 + f64::EPSILON));
        assert_eq!(parse_float(b"0x10000000000000000000000000p-100"), Some(1.0));
    }

    proptest! {
        #[test]
        fn every_integer_reads_back(value: i64) {
            prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn every_float_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = format!("{value:e}");
            prop_assert_eq!(parse_float(text.as_bytes()), Some(value));
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            parse_integer(&text);
            parse_float(&text);
            let hex: Vec<u8> = b"0x".iter().copied().chain(text).collect();
            parse_float(&hex);
        }
    }
}
