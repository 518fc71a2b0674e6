//! A double as Redis prints it (`d2string` and fpconv): the digits of [`grisu`], in Redis' layout.

mod digits;
mod grisu;
mod powers;

use bytes::BufMut;
use grisu::Decimal;

/// Integral values up to ±this are printed as integers (`double2ll`).
const INTEGER_BOUND: f64 = (i64::MAX / 2) as f64;
/// A double has at most 17 significant digits, so the longest text is `-0.` with five zeros and
/// digits, or `-d.…e-308`. The rest is room for copies of fixed length, of which only the beginning
/// counts.
const ROOM: usize = 40;

/// The text of one double, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; ROOM],
    len: usize,
}

impl DoubleText {
    fn new() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
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
        let mut digits = [0u8; 20];
        let mut at = 20;
        loop {
            at -= 1;
            digits[at] = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            if magnitude == 0 {
                return self.push(&digits[at..]);
            }
        }
    }

    /// Appends the first `len` digits of a number that has `MOST_DIGITS`. All are written, which
    /// takes less time than to write as many as count.
    #[inline]
    fn push_digits(&mut self, padded: u64, len: usize) {
        let room = self.bytes[self.len..].first_chunk_mut().expect("a text is shorter than its room");
        digits::write_padded(padded, room);
        self.len += len;
    }

    /// The same, with a point behind the first `whole` of them.
    #[inline]
    fn push_digits_and_point(&mut self, padded: u64, len: usize, whole: usize) {
        let start = self.len;
        self.len += 1;
        self.push_digits(padded, len);
        self.bytes.copy_within(start + 1..start + 1 + whole, start);
        self.bytes[start + whole] = b'.';
    }
}

/// Appends the text of `value` to `out`.
pub fn format_double(value: f64, out: &mut impl BufMut) {
    out.put_slice(double_text(value).as_bytes());
}

/// The text of `value`: `nan`, `inf`, `-0`, integers plainly, all else with digits that read back
/// alike.
pub fn double_text(value: f64) -> DoubleText {
    let mut text = DoubleText::new();
    if value.is_nan() {
        text.push(b"nan");
        return text;
    }
    // Without a branch: signs of components are as good as random.
    text.bytes[0] = b'-';
    text.len = usize::from(value.is_sign_negative());
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        text.push(b"inf");
    } else if magnitude <= INTEGER_BOUND && magnitude == magnitude as u64 as f64 {
        text.push_integer(magnitude as u64);
    } else {
        lay_out(grisu::digits_of(magnitude), &mut text);
    }
    text
}

/// fpconv's `emit_digits`.
#[inline]
fn lay_out(decimal: Decimal, text: &mut DoubleText) {
    let Decimal { padded, len, exponent } = decimal;
    let point = len as i32 + exponent;
    if (0..=7).contains(&exponent) {
        text.push_digits(padded, len as usize);
        text.push_zeros(exponent as usize);
    } else if exponent < 0 && (exponent > -7 || (-2..=4).contains(&point)) {
        lay_out_fraction(padded, len as usize, point, text);
    } else {
        lay_out_scientific(padded, len as usize, point - 1, text);
    }
}

/// With the point before the digit at `point`; zeros are put in front if that is negative.
#[inline]
fn lay_out_fraction(padded: u64, len: usize, point: i32, text: &mut DoubleText) {
    if point > 0 {
        return text.push_digits_and_point(padded, len, point as usize);
    }
    let start = text.len;
    text.push(b"0.000000");
    text.len = start + 2 + point.unsigned_abs() as usize;
    text.push_digits(padded, len);
}

/// `d.ddde±x`.
fn lay_out_scientific(padded: u64, len: usize, exponent: i32, text: &mut DoubleText) {
    if len > 1 {
        text.push_digits_and_point(padded, len, 1);
    } else {
        text.push_digits(padded, 1);
    }
    text.push(if exponent < 0 { b"e-" } else { b"e+" });
    text.push_integer(u64::from(exponent.unsigned_abs()));
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

    /// `bits text` in each line, recorded from ZMSCORE of Redis 8.6.2: what is halfway between two
    /// texts, not the shortest, not the nearest; ends of the range; powers of two and of ten with
    /// their neighbours.
    #[test]
    fn digits_are_those_of_the_peer() {
        for line in include_str!("double/recorded.txt").lines() {
            let (bits, expected) = line.split_once(' ').unwrap();
            let value = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
            assert_eq!(text(value), expected, "{bits}");
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

        #[test]
        fn every_float32_reads_back(bits: u32) {
            let value = f64::from(f32::from_bits(bits));
            prop_assume!(!value.is_nan());
            let read: f64 = text(value).parse().unwrap();
            prop_assert_eq!(read.to_bits(), value.to_bits());
        }
    }
}
