//! Digits of integers as text, many at once.

use super::grisu::MOST_DIGITS;

/// Eight digits, of a number that has no more.
#[inline]
fn eight(number: u64) -> [u8; 8] {
    // Each step divides all parts at once: the quotients stay where they are, the remainders go
    // behind them. The factors are 1/100 and 1/10, near enough for numbers below 10,000 and 100.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

/// Writes the digits of a number that has [`MOST_DIGITS`], or fewer with zeros before them.
#[inline]
pub(super) fn write_padded(number: u64, out: &mut [u8; MOST_DIGITS as usize]) {
    const EIGHT: u64 = 100_000_000;
    let above = number / EIGHT;
    let low = number % EIGHT;
    out[0] = b'0' + (above / EIGHT) as u8;
    out[1..9].copy_from_slice(&eight(above % EIGHT));
    out[9..].copy_from_slice(&eight(low));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_are_told_apart() {
        for number in 0..10_000 {
            let both = 10_000 * number + number;
            assert_eq!(eight(both), *format!("{both:08}").as_bytes());
            let long = 1_000_000_000_003 * number + number;
            let mut out = [0; MOST_DIGITS as usize];
            write_padded(long, &mut out);
            assert_eq!(out, *format!("{long:017}").as_bytes());
        }
    }
}
