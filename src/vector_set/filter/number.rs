//! Text → number as C's `strtod` does it in the "C" locale, where it has to consume the whole text.

use super::until_nul;

/// A string of this many bytes or more counts as 0 when a number is wanted, as in Redis.
const MAX_TEXT_BYTES: usize = 256;

/// White space of C's `isspace`: space, `\t`, `\n`, `\v`, `\f`, `\r`.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The number that a string stands for; 0 if it stands for none. A C string ends at its first NUL.
pub(super) fn of_text(text: &[u8]) -> f64 {
    if text.len() >= MAX_TEXT_BYTES {
        return 0.0;
    }
    let text = until_nul(text);
    let start = text.iter().position(|&byte| !is_blank(byte)).unwrap_or(text.len());
    let text = &text[start..];
    decimal(text).or_else(|| unusual(text)).unwrap_or(0.0)
}

/// A complete decimal number, `inf`, `infinity` or `nan`, with a sign or without.
pub(super) fn decimal(text: &[u8]) -> Option<f64> {
    small_integer(text).or_else(|| std::str::from_utf8(text).ok()?.parse().ok())
}

/// Most numbers in attributes are short and whole.
fn small_integer(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(f64::from(text.iter().fold(0, |value: u32, digit| value * 10 + u32::from(digit - b'0'))))
}

/// What `strtod` reads and Rust does not: hexadecimal numbers and `nan(…)`.
fn unusual(text: &[u8]) -> Option<f64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let magnitude = match text {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'n' | b'N', b'a' | b'A', b'n' | b'N', b'(', tag @ .., b')'] if tag.iter().all(is_nan_tag) => {
            f64::NAN
        }
        _ => return None,
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn is_nan_tag(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// `digits[.digits][p[sign]decimal]`, with at least one hexadecimal digit.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'p')).unwrap_or(text.len());
    let (digits, exponent) = text.split_at(end);
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => binary_exponent(exponent)?,
    };
    let (mantissa, scale) = hexadecimal_mantissa(digits)?;
    Some(scaled(mantissa, exponent + scale))
}

/// Decimal digits with an optional sign. Clamped: beyond some thousand every result is 0 or infinity.
fn binary_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value =
        digits.iter().fold(0, |value: i64, digit| (value * 10 + i64::from(digit - b'0')).min(1 << 32));
    Some(sign * value)
}

/// The leading digits as an integer and the power of two to multiply it by. Non-zero digits beyond 60 bits leave a one in the
/// lowest bit, which is enough to round correctly.
fn hexadecimal_mantissa(digits: &[u8]) -> Option<(u64, i64)> {
    let (mut mantissa, mut scale) = (0_u64, 0);
    let (mut seen_digit, mut seen_point) = (false, false);
    for &byte in digits {
        if byte == b'.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = u64::from(char::from(byte).to_digit(16)?);
        seen_digit = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            scale -= if seen_point { 4 } else { 0 };
        } else {
            mantissa |= u64::from(digit != 0);
            scale += if seen_point { 0 } else { 4 };
        }
    }
    seen_digit.then_some((mantissa, scale))
}

/// `mantissa · 2^exponent`, rounded once, to even.
fn scaled(mantissa: u64, exponent: i64) -> f64 {
    const PRECISION: i64 = f64::MANTISSA_DIGITS as i64;
    /// Exponent of the smallest positive double.
    const LOWEST: i64 = f64::MIN_EXP as i64 - PRECISION;
    let bits = i64::from(u64::BITS - mantissa.leading_zeros());
    let drop = (bits - PRECISION).max(LOWEST - exponent).max(0);
    let exponent = exponent + drop;
    if bits == 0 || drop > bits {
        return 0.0;
    }
    let kept = round_to_even(u128::from(mantissa), drop as u32);
    if exponent > i64::from(f64::MAX_EXP) {
        return f64::INFINITY;
    }
    // Both steps are exact or overflow: the bits that do not fit are gone, and half the exponent is always in range.
    let half = exponent / 2;
    kept as f64 * 2_f64.powi(half as i32) * 2_f64.powi((exponent - half) as i32)
}

/// `value / 2^drop` to the nearest integer, ties to even; `drop` is at most 64.
fn round_to_even(value: u128, drop: u32) -> u64 {
    let kept = value >> drop;
    let rest = value - (kept << drop);
    let half = 1_u128 << drop >> 1;
    let up = drop > 0 && (rest > half || (rest == half && kept & 1 == 1));
    (kept + u128::from(up)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_strtod_reads() {
        let cases: &[(&[u8], f64)] = &[
            (b" \t\n\x0b\x0c\r42", 42.0),
            (b"-1.5e+3", -1500.0),
            (b".5", 0.5),
            (b"1.", 1.0),
            (b"+InFiNiTy", f64::INFINITY),
            (b"1e400", f64::INFINITY),
            (b"7\0anything", 7.0),
            (b"0x1.8p1", 3.0),
            (b"-0X.8", -0.5),
            (b"0x1p-1074", 5e-324),
            (b"0x1p-1075", 0.0),
            (b"0x1.8p-1075", 5e-324),
            (b"0x1.fffffffffffff8p1022", 2_f64.powi(1023)),
            (b"0x1.fffffffffffff8p1023", f64::INFINITY),
            (b"0x1.fffffffffffffp1023", f64::MAX),
            (b"0x20000000000001", 9_007_199_254_740_992.0),
            (b"0x200000000000010000000000000001", 0x0020_0000_0000_0001_0000_0000_0000_0001_u128 as f64),
            (b"0x0p99999999999999999999", 0.0),
            (b"0x1p99999999999999999999", f64::INFINITY),
        ];
        for (text, expected) in cases {
            assert_eq!(of_text(text), *expected, "{}", String::from_utf8_lossy(text));
        }
        assert!(of_text(b"nan").is_nan() && of_text(b"-NaN(x_1)").is_nan() && of_text(b"nan()").is_nan());
    }

    #[test]
    fn what_is_not_wholly_a_number_is_zero() {
        for text in [
            "", " ", "7 ", "1e", "0x", "0x.", "0x1p", "0x1.1.1", "1_0", "--1", "infinit", "nan(", "nan(-)",
            "1,5", "é",
        ] {
            assert_eq!(of_text(text.as_bytes()), 0.0, "{text}");
        }
    }

    #[test]
    fn long_texts_are_zero() {
        assert_eq!(of_text(&[b'0'; 254].iter().copied().chain([b'7']).collect::<Vec<_>>()), 7.0);
        assert_eq!(of_text(&[b'0'; 255].iter().copied().chain([b'7']).collect::<Vec<_>>()), 0.0);
    }
}
