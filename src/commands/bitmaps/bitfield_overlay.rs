//! What BITFIELD makes of a text: the integers in its bits, and the bytes that become others.

use std::collections::BTreeMap;

use super::byte_of;

/// An integer in the bits of a text, the highest bit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// The number of its first bit.
    pub(super) bit: u64,
    /// 1 to 64; at most 63 if it has no sign.
    pub(super) width: u32,
    pub(super) is_signed: bool,
}

impl Field {
    /// The number of its last bit.
    pub(super) fn last_bit(&self) -> u64 {
        self.bit + u64::from(self.width) - 1
    }

    /// The least number that fits.
    pub(super) fn min(&self) -> i128 {
        if self.is_signed { -(1 << (self.width - 1)) } else { 0 }
    }

    /// The greatest number that fits.
    pub(super) fn max(&self) -> i128 {
        (1 << (self.width - u32::from(self.is_signed))) - 1
    }

    /// The number that the lowest bits of `number` mean.
    pub(super) fn wrapped(&self, number: i128) -> i128 {
        let unsigned = number & ((1 << self.width) - 1);
        if self.is_signed && unsigned > self.max() { unsigned - (1 << self.width) } else { unsigned }
    }

    /// Bits behind it in the bytes that have some of its bits.
    fn bits_behind(&self) -> u32 {
        7 - (self.last_bit() % 8) as u32
    }

    fn bytes(&self) -> std::ops::RangeInclusive<usize> {
        byte_of(self.bit)..=byte_of(self.last_bit())
    }
}

/// A text with some bytes that are others; behind its end are zeros.
pub(super) struct Overlay<'t> {
    text: &'t [u8],
    changed: BTreeMap<usize, u8>,
}

impl<'t> Overlay<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, changed: BTreeMap::new() }
    }

    fn byte(&self, at: usize) -> u8 {
        self.changed.get(&at).or(self.text.get(at)).copied().unwrap_or(0)
    }

    /// The number in a field.
    pub(super) fn get(&self, field: &Field) -> i128 {
        // At most nine bytes have bits of a field.
        let bits = field.bytes().fold(0, |bits: i128, at| bits << 8 | i128::from(self.byte(at)));
        field.wrapped(bits >> field.bits_behind())
    }

    /// Puts a number into a field, which it fits.
    pub(super) fn set(&mut self, field: &Field, number: i128) {
        let mask = ((1_i128 << field.width) - 1) << field.bits_behind();
        let bits = number << field.bits_behind() & mask;
        for (place, at) in field.bytes().rev().enumerate() {
            let part = |bits: i128| (bits >> (8 * place)) as u8;
            let byte = self.byte(at) & !part(mask) | part(bits);
            self.changed.insert(at, byte);
        }
    }

    /// The bytes that were written, by their positions.
    pub(super) fn into_changed(self) -> BTreeMap<usize, u8> {
        self.changed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_set(text: &[u8], bit: u64) -> bool {
        text.get(bit as usize / 8).is_some_and(|byte| byte & 0x80 >> (bit % 8) != 0)
    }

    proptest! {
        #[test]
        fn a_field_has_its_own_bits_and_no_others(
            text in prop::collection::vec(any::<u8>(), 0..20),
            (bit, width, is_signed) in (0..100_u64, 1..65_u32, any::<bool>()),
            number in any::<i64>(),
        ) {
            let field = Field { bit, width: width.min(63 + u32::from(is_signed)), is_signed };
            let of_bits = |value: i128, bit| value << 1 | i128::from(is_set(&text, bit));
            let mut overlay = Overlay::new(&text);
            prop_assert_eq!(overlay.get(&field), field.wrapped((bit..=field.last_bit()).fold(0, of_bits)));
            let number = field.wrapped(number.into());
            prop_assert!((field.min()..=field.max()).contains(&number));
            overlay.set(&field, number);
            prop_assert_eq!(overlay.get(&field), number);
            let mut after = text.clone();
            after.resize(text.len().max(21), 0);
            for (at, byte) in overlay.into_changed() {
                after[at] = byte;
            }
            for other in (0..8 * after.len() as u64).filter(|other| !(bit..=field.last_bit()).contains(other)) {
                prop_assert_eq!(is_set(&after, other), is_set(&text, other));
            }
        }
    }
}
