//! A set of slots that one search may return, made when it begins.

/// Slots, as a sorted list if they are few, else as bits.
#[derive(Clone, Debug)]
pub enum SlotSet {
    /// Rising.
    Few(Vec<u32>),
    /// A bit for each slot, the lowest first, and how many are set.
    Many {
        /// 64 slots a word.
        words: Vec<u64>,
        /// Bits that are set.
        len: usize,
    },
}

/// A list takes 32 bits for each slot that is in it, a set of bits one for each slot that there is.
const BITS_LISTED: usize = 32;

/// How far the places that are looked at first move on from one run of words to the next: prime.
const TURN: usize = 37;

impl SlotSet {
    /// True if so many slots, all below `end`, are better kept as a list.
    pub fn are_few(len: usize, end: u32) -> bool {
        len * BITS_LISTED < end as usize
    }

    /// A set of these slots, which rise.
    pub fn of(slots: impl ExactSizeIterator<Item = u32>, end: u32) -> Self {
        let len = slots.len();
        if Self::are_few(len, end) {
            return Self::Few(slots.collect());
        }
        let mut words = vec![0; (end as usize).div_ceil(64)];
        slots.for_each(|slot| words[slot as usize / 64] |= 1 << (slot % 64));
        Self::Many { words, len }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Few(slots) => slots.len(),
            Self::Many { len, .. } => *len,
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the slot is one of them.
    #[inline]
    pub fn contains(&self, slot: u32) -> bool {
        match self {
            Self::Few(slots) => slots.binary_search(&slot).is_ok(),
            Self::Many { words, .. } => {
                words.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
            }
        }
    }

    /// All of them, rising.
    pub fn iter(&self) -> Iter<'_> {
        match self {
            Self::Few(slots) => Iter::Few(slots.iter()),
            Self::Many { words, .. } => Iter::Many { words: words.iter(), word: 0, base: 0 },
        }
    }

    /// Those from `first` on, rising.
    pub fn iter_from(&self, first: u32) -> Iter<'_> {
        match self {
            Self::Few(slots) => Iter::Few(slots[slots.partition_point(|&slot| slot < first)..].iter()),
            Self::Many { words, .. } => {
                let number = (first as usize / 64).min(words.len());
                let mut rest = words[number..].iter();
                // Those of the first word that are not before it.
                let word = rest.next().map_or(0, |word| word & u64::MAX << (first % 64));
                Iter::Many { words: rest, word, base: number as u32 * 64 + u64::BITS }
            }
        }
    }

    /// About so many of them, spread evenly.
    pub fn sample(&self, count: usize) -> Vec<u32> {
        let parts_of = |len: usize| len.div_ceil(count.max(1)).max(1);
        match self {
            Self::Few(slots) => slots.iter().copied().step_by(parts_of(slots.len())).collect(),
            Self::Many { words, .. } => {
                // One of each run of words, so that a sample does not read every bit; each time
                // from another place on, since slots that follow each other regularly may be alike.
                let run = parts_of(words.len());
                let some = |(number, words): (usize, &[u64])| {
                    let turn = number * TURN;
                    let mut places = (0..words.len()).map(|at| (at + turn) % words.len());
                    let at = places.find(|&at| words[at] != 0)?;
                    let first = (turn % 64) as u32;
                    let bit = (words[at].rotate_right(first).trailing_zeros() + first) % 64;
                    Some((number * run + at) as u32 * 64 + bit)
                };
                words.chunks(run).enumerate().filter_map(some).collect()
            }
        }
    }
}

/// The slots of a [`SlotSet`], rising.
#[derive(Debug)]
pub enum Iter<'a> {
    /// Of a list.
    Few(std::slice::Iter<'a, u32>),
    /// Of bits.
    Many {
        /// Those that are not begun.
        words: std::slice::Iter<'a, u64>,
        /// What is left of the word in hand.
        word: u64,
        /// The first slot behind the word in hand.
        base: u32,
    },
}

impl Iterator for Iter<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Few(slots) => slots.next().copied(),
            Self::Many { words, word, base } => {
                while *word == 0 {
                    *word = *words.next()?;
                    *base += u64::BITS;
                }
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                Some(*base - u64::BITS + bit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_bits_hold_the_same() {
        for stride in [1, 3, 31, 40, 1000] {
            let slots: Vec<u32> = (5..5000).step_by(stride).collect();
            let set = SlotSet::of(slots.iter().copied(), 5000);
            assert_eq!(matches!(set, SlotSet::Few(_)), stride > 32, "{stride}");
            assert_eq!((set.len(), set.is_empty()), (slots.len(), false));
            assert_eq!(set.iter().collect::<Vec<_>>(), slots);
            assert!((0..6000).all(|slot| set.contains(slot) == slots.binary_search(&slot).is_ok()));
            for first in [0, 5, 63, 64, 100, 4999, 5000, 9000] {
                assert!(
                    set.iter_from(first).eq(slots.iter().copied().filter(|&slot| slot >= first)),
                    "{first}"
                );
            }
            let sample = set.sample(16);
            assert!((1..=16).contains(&sample.len()) && sample.iter().all(|&slot| set.contains(slot)));
        }
        let none = SlotSet::of([].into_iter(), 100);
        assert!(none.is_empty() && none.sample(5).is_empty());
    }
}
