//! A set of small numbers.

/// Numbers below a bound that is chosen when the set is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    words: Box<[u64]>,
    len: usize,
}

impl Bits {
    /// None of the numbers below `len`.
    pub(super) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)].into_boxed_slice(), len }
    }

    /// All of them.
    pub(super) fn all(len: usize) -> Self {
        let mut all = Self::none(len);
        (0..len).for_each(|number| all.set(number, true));
        all
    }

    /// True if the number is in the set. Numbers beyond the bound never are.
    pub(super) fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Puts the number in, or takes it out.
    pub(super) fn set(&mut self, number: usize, is_in: bool) {
        if number < self.len {
            let bit = 1 << (number % 64);
            let word = &mut self.words[number / 64];
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// The bound.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// True if all numbers below the bound are in it.
    pub(super) fn are_all(&self) -> bool {
        self.words.iter().map(|word| word.count_ones() as usize).sum::<usize>() == self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_and_go() {
        let mut bits = Bits::all(70);
        assert!(bits.are_all() && bits.has(69) && !bits.has(70));
        bits.set(64, false);
        assert!(!bits.are_all() && !bits.has(64) && bits.has(65));
        bits.set(700, true);
        assert!(!bits.has(700), "beyond the bound");
        let mut none = Bits::none(70);
        none.set(3, true);
        assert!(none.has(3) && !none.has(4));
    }
}
