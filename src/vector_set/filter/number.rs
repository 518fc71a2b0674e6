//! Text → number as C's `strtod` does it in the "C" locale, where it has to consume the whole text.

use super::until_nul;
use crate::hex_float;

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
        [b'0', b'x' | b'X', digits @ ..] => hex_float::parse(digits)?,
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
