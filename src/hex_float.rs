//! Hexadecimal floating point numbers, which C's `strtod` reads and Rust does not.

/// `digits[.digits][p[sign]decimal]`, with at least one hexadecimal digit: what follows `0x`.
/// Infinite or 0 if it is out of range.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'p')).unwrap_or(text.len());
    let (digits, exponent) = text.split_at(end);
    let exponent = match exponent {
        [] => 0,
        [_, exponent @ ..] => binary_exponent(exponent)?,
    };
    let (mantissa, scale) = hexadecimal_mantissa(digits)?;
    Some(scaled(mantissa, exponent + scale))
}

/// Decimal digits with an optional sign. Clamped: beyond some thousand every result is 0 or
/// infinity.
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

/// The leading digits as an integer and the power of two to multiply it by. Non-zero digits beyond
/// 60 bits leave a one in the lowest bit, which is enough to round correctly.
fn hexadecimal_mantissa(digits: &[u8]) -> Option<(u64, i64)> {
    let mut mantissa = 0_u64;
    let mut scale = 0;
    let mut seen_digit = false;
    let mut seen_point = false;
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
    // Both steps are exact or overflow: the bits that do not fit are gone, and half the exponent is
    // always in range.
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

/// True if the digits are not all 0: then a result of 0 is an underflow.
pub(crate) fn has_nonzero_digit(text: &[u8]) -> bool {
    let digits = text.split(|byte| byte.eq_ignore_ascii_case(&b'p')).next().unwrap_or_default();
    digits.iter().any(|byte| !matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_once() {
        let cases: &[(&[u8], f64)] = &[
            (b"1.8p1", 3.0),
            (b"1p-1074", 5e-324),
            (b"1p-1075", 0.0),
            (b"1.8p-1075", 5e-324),
            (b"1.fffffffffffff8p1023", f64::INFINITY),
            (b"20000000000001", 9_007_199_254_740_992.0),
            (b"1.000000000000080000000000001", 1.0 + f64::EPSILON),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(*expected), "{}", String::from_utf8_lossy(text));
        }
        assert!([&b""[..], b".", b"1p", b"1.1.1", b"g"].iter().all(|text| parse(text).is_none()));
        assert!(has_nonzero_digit(b"0.1p-9") && !has_nonzero_digit(b"0.0p1"));
    }
}
