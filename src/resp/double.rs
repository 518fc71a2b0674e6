//! A double as Redis prints it (`d2string` and fpconv): the digits of `zmij`, in Redis' layout.

use std::ops::Range;

use bytes::BufMut;

/// Integral values strictly within ±this are printed as integers (`double2ll`).
const INTEGER_BOUND: f64 = (i64::MAX / 2) as f64;
/// Where zmij's layout and Redis' are the same for a number that is not integral: nearly all scores.
const PLAIN: Range<f64> = 1e-3..1e4;
/// A double has at most 17 significant digits, so the longest text is `-0.` with zeros and digits, or `-d.…e-308`.
const LONGEST: usize = 32;

/// The text of one double, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; LONGEST],
    len: usize,
}

impl DoubleText {
    fn new() -> Self {
        Self { bytes: [0; LONGEST], len: 0 }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.bytes[self.len..self.len + count].fill(b'0');
        self.len += count;
    }

    fn push_integer(&mut self, mut magnitude: u64) {
        let (mut digits, mut at) = ([0u8; 20], 20);
        loop {
            at -= 1;
            digits[at] = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            if magnitude == 0 {
                return self.push(&digits[at..]);
            }
        }
    }
}

/// Appends the text of `value` to `out`.
pub fn format_double(value: f64, out: &mut impl BufMut) {
    out.put_slice(double_text(value).as_bytes());
}

/// The text of `value`: `nan`, `inf`, `-0`, integers plainly, all else with the fewest digits that read back alike.
pub fn double_text(value: f64) -> DoubleText {
    let mut text = DoubleText::new();
    if value.is_nan() {
        text.push(b"nan");
        return text;
    }
    if value.is_sign_negative() {
        text.push(b"-");
    }
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        text.push(b"inf");
    } else if magnitude < INTEGER_BOUND && magnitude == magnitude as u64 as f64 {
        text.push_integer(magnitude as u64);
    } else {
        push_shortest(magnitude, &mut text);
    }
    text
}

fn push_shortest(magnitude: f64, text: &mut DoubleText) {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(magnitude).as_bytes();
    if PLAIN.contains(&magnitude) {
        text.push(shortest);
    } else {
        Digits::of(shortest).lay_out(text);
    }
}

/// `digits × 10^exponent`, without zeros at either end.
struct Digits {
    digits: [u8; 24],
    len: usize,
    exponent: i32,
}

impl Digits {
    /// The digits of a finite positive number as zmij prints it.
    fn of(shortest: &[u8]) -> Self {
        let mut this = Self { digits: [0; 24], len: 0, exponent: 0 };
        let (mut point, mut rest) = (false, shortest);
        while let [byte, tail @ ..] = rest {
            match byte {
                b'.' => point = true,
                b'e' => {
                    this.exponent += exponent(tail);
                    break;
                }
                digit => this.push(*digit, point),
            }
            rest = tail;
        }
        this.trim()
    }

    fn push(&mut self, digit: u8, after_point: bool) {
        self.exponent -= i32::from(after_point);
        if self.len > 0 || digit != b'0' {
            self.digits[self.len] = digit;
            self.len += 1;
        }
    }

    fn trim(mut self) -> Self {
        while self.len > 1 && self.digits[self.len - 1] == b'0' {
            self.len -= 1;
            self.exponent += 1;
        }
        self
    }

    /// fpconv's `emit_digits`.
    fn lay_out(&self, text: &mut DoubleText) {
        let digits = &self.digits[..self.len];
        let scientific = self.exponent + self.len as i32 - 1;
        if self.exponent >= 0 && scientific < self.len as i32 + 7 {
            text.push(digits);
            text.push_zeros(self.exponent as usize);
        } else if self.exponent < 0 && (self.exponent > -7 || scientific.abs() < 4) {
            lay_out_fraction(digits, self.len as i32 + self.exponent, text);
        } else {
            lay_out_scientific(digits, scientific, text);
        }
    }
}

/// `digits` with the point before the one at `point`; zeros are put in front if that is negative.
fn lay_out_fraction(digits: &[u8], point: i32, text: &mut DoubleText) {
    if point <= 0 {
        text.push(b"0.");
        text.push_zeros(point.unsigned_abs() as usize);
        text.push(digits);
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        text.push(whole);
        text.push(b".");
        text.push(fraction);
    }
}

/// `d.ddde±x`.
fn lay_out_scientific(digits: &[u8], exponent: i32, text: &mut DoubleText) {
    text.push(&digits[..1]);
    if digits.len() > 1 {
        text.push(b".");
        text.push(&digits[1..]);
    }
    text.push(if exponent < 0 { b"e-" } else { b"e+" });
    text.push_integer(u64::from(exponent.unsigned_abs()));
}

/// The number after `e`.
fn exponent(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: f64) -> String {
        String::from_utf8(double_text(value).as_bytes().to_vec()).unwrap()
    }

    /// As printed by Redis 8.6.2.
    #[test]
    fn the_layout_is_that_of_redis() {
        let cases = [
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-123_456_792.0, "-123456792"),
            (999_999_984_306_749_440.0, "999999984306749440"),
            (f64::from(0.1f32), "0.10000000149011612"),
            (f64::from(1e-5f32), "9.999999747378752e-6"),
            (f64::from(1e-7f32), "1.0000000116860974e-7"),
            (1e-10, "1e-10"),
            (1e22, "1e+22"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (1234.567890123, "1234.567890123"),
            (12345.678901234, "1.2345678901234e+4"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let read: f64 = text(value).parse().unwrap();
            prop_assert_eq!(read.to_bits(), value.to_bits());
        }

        /// Both ways to a layout agree where the shorter one is taken.
        #[test]
        fn plain_numbers_have_the_layout_of_all(exponent in -3.0f64..4.0) {
            let value = 10f64.powf(exponent);
            prop_assume!(PLAIN.contains(&value) && value.fract() != 0.0);
            let mut laid_out = DoubleText::new();
            Digits::of(zmij::Buffer::new().format_finite(value).as_bytes()).lay_out(&mut laid_out);
            let short = double_text(value);
            prop_assert_eq!(short.as_bytes(), laid_out.as_bytes());
        }

        #[test]
        fn every_float32_reads_back(bits: u32) {
            let value = f64::from(f32::from_bits(bits));
            prop_assume!(!value.is_nan());
            let read: f64 = text(value).parse().unwrap();
            prop_assert_eq!(read.to_bits(), value.to_bits());
        }
    }
}
