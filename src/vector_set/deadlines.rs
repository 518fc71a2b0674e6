//! When elements expire: a deadline for each slot, and which of them have passed.
//!
//! A set has none of this before its first element with a deadline. From then on it is one word of
//! 8 bytes a slot, and nothing else:
//!
//! ```text
//! bits  0 … 46   the deadline in milliseconds since 1970; 0: none
//! bit  47        the element was removed: the deadline is there for searches that are under way
//! bits 48 … 63   a third of a lower bound, see below
//! ```
//!
//! # Which have passed
//!
//! A timing wheel has a list for each span of time, and each element is in one: 8 bytes more for
//! the list alone, and work whenever the clock is changed. Here a tree of lower bounds lies over
//! the slots instead. Its nodes have 16 children; the leaves are the words. The bound of a node,
//! 48 bits, is not above the earliest deadline below it. So what has passed is found by walking
//! down, and nothing is looked at where no bound has passed; no list is kept in order, and a clock
//! that jumps changes nothing but the number that bounds are compared with.
//!
//! A deadline that is set lowers the bounds above it. One that is taken away leaves them: they are
//! raised when a walk comes by and finds nothing. So each change pays for one such walk at most.
//!
//! The bounds are stored in the upper 16 bits of the words, three words for each: the node of level
//! `l` covers `16^(l + 1)` slots, and its bound is in words `3l … 3l + 2` of the first 16 that it
//! covers; from level 5 on in words `3(l - 4) …` of the second 16. There are always whole pairs of
//! 16 words, so the words of every bound exist.
//!
//! # Who reads and writes
//!
//! Words change under the set's lock. Searches read deadlines without it, at any time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::commit::Exclusive;
use crate::arena::Longs;
use crate::memory::Category;

/// The latest deadline, in milliseconds since 1970: in the year 6429.
pub const MAX_DEADLINE_MS: i64 = (1 << DEADLINE_BITS) - 1;

const DEADLINE_BITS: u32 = 47;
const DEADLINE: u64 = (1 << DEADLINE_BITS) - 1;
const REMOVED: u64 = 1 << DEADLINE_BITS;
const SHARE_SHIFT: u32 = 48;
const SHARE_BITS: u32 = 16;
/// Words that hold one bound.
const SHARES: u32 = 3;
/// The bound of a node without deadlines. It is stored as 0, which new words have.
const NONE: u64 = (1 << (SHARES * SHARE_BITS)) - 1;

/// Children of a node, as a power of two.
const FAN_BITS: u32 = 4;
const FAN: u32 = 1 << FAN_BITS;
/// The level whose one node covers all slots, of which there are fewer than 2^31.
const TOP: u32 = 7;
/// Levels whose bounds fit into the first words that a node covers.
const LEVELS_IN_FIRST: u32 = FAN / SHARES;

/// The deadlines of a set.
#[derive(Default)]
pub(super) struct Deadlines {
    /// From the first deadline on.
    words: OnceLock<Box<Longs>>,
    /// The bound over all slots, plus 1: 0 is "none".
    next: AtomicU64,
    /// How many elements have one.
    len: AtomicUsize,
}

impl Deadlines {
    /// When the element in a slot expires, in milliseconds since 1970, if it does. Also of one that
    /// was removed while the caller was pinned.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<i64> {
        let words = self.words.get().filter(|words| slot < words.len())?;
        let at_ms = (words.get(slot).load(Ordering::Relaxed) & DEADLINE) as i64;
        (at_ms != 0).then_some(at_ms)
    }

    /// True from the millisecond after the deadline on, as for keys.
    #[inline]
    pub(super) fn is_past(&self, slot: u32, now_ms: i64) -> bool {
        self.get(slot).is_some_and(|at_ms| at_ms < now_ms)
    }

    /// False if it is certain that no element has expired. Costs one read.
    #[inline]
    pub(super) fn may_be_due(&self, now_ms: i64) -> bool {
        self.next_ms().is_some_and(|at_ms| at_ms < now_ms)
    }

    /// A time before which none expires; none if no element has a deadline.
    #[inline]
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.next.load(Ordering::Relaxed).checked_sub(1).map(|at_ms| at_ms as i64)
    }

    /// How many elements have a deadline.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Gives the element in a slot a deadline, at most [`MAX_DEADLINE_MS`], or takes it away.
    /// `end`: slots that there are. What is not positive has passed as 1 has.
    pub(super) fn set(&self, slot: u32, at_ms: Option<i64>, end: u32, _: &Exclusive) {
        self.replace(slot, at_ms, end);
    }

    /// The same in a set that is being loaded, by one thread at a time.
    pub(super) fn load(&self, slot: u32, at_ms: Option<i64>, end: u32) {
        self.replace(slot, at_ms, end);
    }

    /// The element in a slot is removed. Searches that met it before go on reading its deadline.
    pub(super) fn remove(&self, slot: u32, _: &Exclusive) {
        let Some(words) = self.words.get().filter(|words| slot < words.len()) else { return };
        let word = words.get(slot).load(Ordering::Relaxed);
        if counted(word).is_some() {
            words.get(slot).store(word | REMOVED, Ordering::Relaxed);
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A slot whose element has expired at a time, if there is one. Raises bounds on its way.
    pub(super) fn first_due(&self, now_ms: i64, _: &Exclusive) -> Option<u32> {
        if !self.may_be_due(now_ms) {
            return None;
        }
        match Tree(self.words.get()?).seek(TOP, 0, now_ms as u64) {
            Ok(slot) => Some(slot),
            Err(bound) => {
                self.next.store(if bound == NONE { 0 } else { bound + 1 }, Ordering::Relaxed);
                None
            }
        }
    }

    /// How many elements have expired at a time and were not removed yet. To be called under the
    /// set's lock.
    pub(super) fn count_due(&self, now_ms: i64) -> usize {
        match self.words.get() {
            Some(words) if self.may_be_due(now_ms) => Tree(words).count(TOP, 0, now_ms as u64),
            _ => 0,
        }
    }

    /// Takes the slots from `len` on back: as [`Uses::shrink_to`](super::uses::Uses::shrink_to).
    /// Whole pairs of 16 words stay, with the bounds that are in them; the first pair always, since
    /// it has the bound over all slots.
    pub(super) fn shrink_to(&self, len: u32) {
        if let Some(words) = self.words.get() {
            words.shrink_to(len.max(1).next_multiple_of(2 * FAN));
        }
    }

    /// True from the first deadline on, also when none is left.
    #[inline]
    pub(super) fn have_existed(&self) -> bool {
        self.words.get().is_some()
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.words.get().map_or(0, |words| size_of::<Longs>() + words.heap_bytes())
    }

    fn replace(&self, slot: u32, at_ms: Option<i64>, end: u32) {
        let at_ms = at_ms.map(|at_ms| at_ms.clamp(1, MAX_DEADLINE_MS) as u64);
        let words = match (self.words.get(), at_ms) {
            (None, None) => return,
            (Some(words), None) if slot >= words.len() => return,
            (words, _) => {
                words.unwrap_or_else(|| self.words.get_or_init(|| Box::new(Longs::new(Category::Expiry))))
            }
        };
        if slot >= words.len() {
            words.grow_to(end.max(slot + 1).next_multiple_of(2 * FAN));
        }
        let word = words.get(slot).load(Ordering::Relaxed);
        words.get(slot).store(word & !(DEADLINE | REMOVED) | at_ms.unwrap_or(0), Ordering::Relaxed);
        match (counted(word), at_ms) {
            (None, Some(_)) => _ = self.len.fetch_add(1, Ordering::Relaxed),
            (Some(_), None) => _ = self.len.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        if let Some(at_ms) = at_ms {
            Tree(words).lower(slot, at_ms);
            if self.next_ms().is_none_or(|next| (at_ms as i64) < next) {
                self.next.store(at_ms + 1, Ordering::Relaxed);
            }
        }
    }
}

/// The deadline of a word that counts.
fn counted(word: u64) -> Option<u64> {
    (word & DEADLINE != 0 && word & REMOVED == 0).then_some(word & DEADLINE)
}

/// The words, with the bounds in them.
struct Tree<'w>(&'w Longs);

impl Tree<'_> {
    /// The first word with the bound of the node of a level that begins at a slot.
    fn place(level: u32, base: u32) -> u32 {
        match level.checked_sub(LEVELS_IN_FIRST) {
            None => base + SHARES * level,
            // Behind the bound of the second 16 themselves.
            Some(above) => base + FAN + SHARES * (1 + above),
        }
    }

    fn covered(level: u32) -> u64 {
        1 << (FAN_BITS * (level + 1))
    }

    /// The slot at which the node of a level that covers this one begins.
    fn base(level: u32, slot: u32) -> u32 {
        slot & !((Self::covered(level) - 1) as u32)
    }

    fn bound(&self, level: u32, base: u32) -> u64 {
        let first = Self::place(level, base);
        let share = |i: u32| self.0.get(first + i).load(Ordering::Relaxed) >> SHARE_SHIFT;
        NONE - (share(0) | share(1) << SHARE_BITS | share(2) << (2 * SHARE_BITS))
    }

    fn set_bound(&self, level: u32, base: u32, bound: u64) {
        let first = Self::place(level, base);
        for i in 0..SHARES {
            let word = self.0.get(first + i);
            let share = (NONE - bound) >> (i * SHARE_BITS) << SHARE_SHIFT;
            let rest = word.load(Ordering::Relaxed) & ((1 << SHARE_SHIFT) - 1);
            word.store(rest | share, Ordering::Relaxed);
        }
    }

    /// Lowers the bounds above a slot.
    fn lower(&self, slot: u32, at_ms: u64) {
        for level in 0..=TOP {
            let base = Self::base(level, slot);
            if at_ms < self.bound(level, base) {
                self.set_bound(level, base, at_ms);
            }
        }
    }

    /// The slots at which the children of a node begin, as far as there are such slots.
    fn children(&self, level: u32, base: u32) -> impl Iterator<Item = u32> + use<> {
        let step = Self::covered(level) >> FAN_BITS;
        let len = u64::from(self.0.len());
        (0..u64::from(FAN))
            .map(move |i| u64::from(base) + i * step)
            .take_while(move |&at| at < len)
            .map(|at| at as u32)
    }

    /// A slot below a node whose deadline has passed, or the node's new bound.
    fn seek(&self, level: u32, base: u32, now_ms: u64) -> Result<u32, u64> {
        let bound = self.bound(level, base);
        if bound >= now_ms {
            return Err(bound);
        }
        let mut least = NONE;
        for child in self.children(level, base) {
            let found = match level {
                0 => self.look(child, now_ms),
                _ => self.seek(level - 1, child, now_ms),
            };
            least = least.min(found.err().unwrap_or(NONE));
            if found.is_ok() {
                return found;
            }
        }
        self.set_bound(level, base, least);
        Err(least)
    }

    /// The slot if its deadline has passed, or its deadline.
    fn look(&self, slot: u32, now_ms: u64) -> Result<u32, u64> {
        let at_ms = counted(self.0.get(slot).load(Ordering::Relaxed)).unwrap_or(NONE);
        if at_ms < now_ms { Ok(slot) } else { Err(at_ms) }
    }

    fn count(&self, level: u32, base: u32, now_ms: u64) -> usize {
        if self.bound(level, base) >= now_ms {
            return 0;
        }
        let below = |child| match level {
            0 => usize::from(self.look(child, now_ms).is_ok()),
            _ => self.count(level - 1, child, now_ms),
        };
        self.children(level, base).map(below).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::vector_set::commit::exclusive_for_tests as exclusive;

    #[test]
    fn nothing_is_held_before_the_first_deadline_and_eight_bytes_a_slot_after_it() {
        let deadlines = Deadlines::default();
        deadlines.set(5, None, 100_000, &exclusive());
        assert_eq!((deadlines.heap_bytes(), deadlines.next_ms(), deadlines.get(5)), (0, None, None));
        deadlines.set(5, Some(70), 1 << 20, &exclusive());
        assert_eq!((deadlines.next_ms(), deadlines.get(5), deadlines.get(6)), (Some(70), Some(70), None));
        // But for the pointers to segments.
        assert!(deadlines.heap_bytes() <= (8 << 20) + 4096, "{}", deadlines.heap_bytes());
    }

    #[test]
    fn a_set_without_slots_goes_on_with_the_bounds_that_it_had() {
        let deadlines = Deadlines::default();
        deadlines.set(40, Some(10), 64, &exclusive());
        deadlines.remove(40, &exclusive());
        deadlines.shrink_to(0);
        assert_eq!((deadlines.count_due(11), deadlines.first_due(11, &exclusive())), (0, None));
        deadlines.set(40, Some(12), 64, &exclusive());
        assert_eq!(deadlines.first_due(13, &exclusive()), Some(40));
    }

    #[test]
    fn an_element_lives_through_its_last_millisecond() {
        let deadlines = Deadlines::default();
        deadlines.set(0, Some(10), 1, &exclusive());
        assert!(!deadlines.is_past(0, 10) && deadlines.is_past(0, 11));
        assert_eq!((deadlines.count_due(10), deadlines.count_due(11)), (0, 1));
        assert_eq!(deadlines.first_due(10, &exclusive()), None);
        assert_eq!(deadlines.first_due(11, &exclusive()), Some(0));
    }

    #[test]
    fn a_search_reads_the_deadline_of_a_removed_element_and_walks_do_not() {
        let deadlines = Deadlines::default();
        deadlines.set(3, Some(10), 4, &exclusive());
        deadlines.remove(3, &exclusive());
        assert!(deadlines.is_past(3, 11));
        assert_eq!((deadlines.len(), deadlines.count_due(11)), (0, 0));
        assert_eq!(deadlines.first_due(11, &exclusive()), None);
        assert_eq!(deadlines.next_ms(), None);
    }

    /// Slots of all levels of the tree.
    const ENDS: [u32; 6] = [1, 17, 300, 5_000, 70_000, 1_100_000];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn they_agree_with_a_map(
            end in prop::sample::select(&ENDS[..]),
            changes in prop::collection::vec((any::<u32>(), 0..200_i64, 0..10_u8), 1..400),
        ) {
            let deadlines = Deadlines::default();
            let mut model = BTreeMap::new();
            for (slot, at_ms, what) in changes {
                let slot = slot % end;
                match what {
                    0..6 => {
                        deadlines.set(slot, Some(at_ms + 1), end, &exclusive());
                        model.insert(slot, at_ms + 1);
                    }
                    6 => {
                        deadlines.set(slot, None, end, &exclusive());
                        model.remove(&slot);
                    }
                    7 => {
                        deadlines.remove(slot, &exclusive());
                        model.remove(&slot);
                    }
                    _ => {
                        let due = |model: &BTreeMap<u32, i64>| model.values().filter(|&&at| at < at_ms).count();
                        prop_assert_eq!(deadlines.count_due(at_ms), due(&model));
                        while let Some(slot) = deadlines.first_due(at_ms, &exclusive()) {
                            prop_assert!(model.remove(&slot).is_some_and(|at| at < at_ms));
                            deadlines.remove(slot, &exclusive());
                        }
                        prop_assert_eq!(due(&model), 0);
                    }
                }
                prop_assert_eq!(deadlines.len(), model.len());
                let first = model.values().min();
                prop_assert!(first.is_none_or(|&first| deadlines.next_ms().is_some_and(|next| next <= first)));
            }
        }
    }
}
