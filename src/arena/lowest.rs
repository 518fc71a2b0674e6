//! A set of numbers from which the lowest is taken first.

/// log2 of the bits in a word.
const WORD_BITS: u32 = u64::BITS.ilog2();
/// So many layers reach every `u32`.
const LAYERS: usize = u32::BITS.div_ceil(WORD_BITS) as usize;

/// Numbers, as bitmaps over bitmaps: layer 0 has a bit for each number, and each layer above one
/// for each word below it that is not 0. To find the lowest reads a word of each layer; the whole
/// takes 65/64 bits for each number up to the highest.
#[derive(Default)]
pub(crate) struct Lowest {
    layers: [Vec<u64>; LAYERS],
    len: usize,
}

/// The word of a number in a layer, and its bit there.
fn locate(number: u32, layer: usize) -> (usize, u64) {
    let place = u64::from(number) >> (WORD_BITS * layer as u32);
    ((place >> WORD_BITS) as usize, 1 << (place % u64::from(u64::BITS)))
}

impl Lowest {
    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a number that is not there.
    pub(crate) fn insert(&mut self, number: u32) {
        debug_assert!(!self.contains(number));
        for (layer, words) in self.layers.iter_mut().enumerate() {
            let (word, bit) = locate(number, layer);
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words[word] |= bit;
        }
        self.len += 1;
    }

    /// True if the number is there.
    pub(crate) fn contains(&self, number: u32) -> bool {
        let (word, bit) = locate(number, 0);
        self.layers[0].get(word).is_some_and(|word| word & bit != 0)
    }

    /// The lowest number.
    pub(crate) fn lowest(&self) -> Option<u32> {
        let below = |place: usize, words: &Vec<u64>| {
            let word = *words.get(place)?;
            (word != 0).then(|| place << WORD_BITS | word.trailing_zeros() as usize)
        };
        let lowest = self.layers.iter().rev().try_fold(0, below)?;
        Some(lowest as u32)
    }

    /// Removes the lowest number, if it is below `end`.
    pub(crate) fn take_below(&mut self, end: u32) -> Option<u32> {
        let number = self.lowest().filter(|&number| number < end)?;
        self.remove(number);
        Some(number)
    }

    /// Removes a number that is there.
    pub(crate) fn remove(&mut self, number: u32) {
        debug_assert!(self.contains(number));
        for (layer, words) in self.layers.iter_mut().enumerate() {
            let (word, bit) = locate(number, layer);
            words[word] &= !bit;
            if words[word] != 0 {
                break;
            }
        }
        self.len -= 1;
    }

    /// Removes numbers just below `end`, as long as one follows the other and at most `most`.
    /// Returns the end of what is left. All numbers are below `end`.
    pub(crate) fn remove_tail(&mut self, end: u32, most: usize) -> u32 {
        let mut left = end;
        while left > 0 && (end - left) as usize != most && self.contains(left - 1) {
            left -= 1;
            self.remove(left);
        }
        self.end_at(left);
        left
    }

    /// Gives back what was for numbers from `end` on, of which none is there.
    pub(crate) fn end_at(&mut self, end: u32) {
        for (layer, words) in self.layers.iter_mut().enumerate() {
            words.truncate(locate(end, layer).0 + 1);
            if words.capacity() > 4 * words.len() {
                words.shrink_to(2 * words.len());
            }
        }
    }

    /// Bytes held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.layers.iter().map(|words| words.capacity() * size_of::<u64>()).sum()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_that_it_replaces(changes in prop::collection::vec((0u32..400, 0u32..4), 1..2000), factor in 1u32..90_000) {
            let mut set = Lowest::default();
            let mut model = BTreeSet::new();
            for (number, change) in changes {
                let number = number * factor;
                match change {
                    0 | 1 if model.insert(number) => set.insert(number),
                    2 if model.remove(&number) => set.remove(number),
                    3 => {
                        let lowest = model.first().copied().filter(|&lowest| lowest < number);
                        prop_assert_eq!(set.take_below(number), lowest);
                        if let Some(lowest) = lowest {
                            model.remove(&lowest);
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(set.lowest(), model.first().copied());
                prop_assert_eq!((set.len(), set.contains(number)), (model.len(), model.contains(&number)));
            }
        }

        #[test]
        fn the_tail_is_what_follows_one_another(numbers in prop::collection::btree_set(0u32..300, 0..300), most in 0usize..100) {
            let mut set = Lowest::default();
            numbers.iter().for_each(|&number| set.insert(number));
            let tail = (0..300u32).rev().take_while(|number| numbers.contains(number)).take(most).count();
            let end = set.remove_tail(300, most);
            prop_assert_eq!((end, set.len()), (300 - tail as u32, numbers.len() - tail));
            prop_assert!((0..300).all(|number| set.contains(number) == (number < end && numbers.contains(&number))));
            set.insert(299 * 90_000);
            prop_assert!(set.contains(299 * 90_000));
        }
    }

    #[test]
    fn the_highest_number_has_a_place() {
        let mut set = Lowest::default();
        // Not u32::MAX: its words alone would take 512 MiB.
        set.insert(1 << 24);
        assert_eq!(set.lowest(), Some(1 << 24));
        set.insert(7);
        assert_eq!((set.lowest(), set.len()), (Some(7), 2));
        assert_eq!(locate(u32::MAX, LAYERS - 1).0, 0);
    }
}
