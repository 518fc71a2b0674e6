//! When each element was last used, how often, and what protects it: one word of 8 bytes a slot.
//!
//! ```text
//! bits  0 … 33   last use, in units of 32 ms, modulo 2^34 (17 years)
//! bits 34 … 54   when the vector was set, in units of 65.5 s, modulo 2^21 (4 years)
//! bits 55 … 62   how often, see `crate::frequency`
//! bit  63        pinned: not to be evicted
//! ```
//!
//! That is enough for every policy of eviction, which samples. A use is a relaxed load and, if
//! something changed, one attempt to exchange the word: no list, no lock, no write into pages of
//! the graph or of vectors. Of two uses at the same time one may be lost, but never a pin.
//!
//! Differences are taken modulo, so neither number ends; a time that lies ahead, after a clock was
//! set back, counts as just now.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::Now;
use crate::arena::Longs;
use crate::frequency::{FIRST, Lfu};
use crate::memory::Category;

const TICK_SHIFT: u32 = 5;
const TICK_BITS: u32 = 34;
const BORN_TICK_SHIFT: u32 = 16;
const BORN_SHIFT: u32 = TICK_BITS;
const BORN_BITS: u32 = 21;
const COUNTER_SHIFT: u32 = BORN_SHIFT + BORN_BITS;
const PINNED: u64 = 1 << 63;

/// The words of a set's slots.
pub(super) struct Uses {
    words: Longs,
    /// An element is, or ever was, pinned.
    had_pins: AtomicBool,
    /// The word of elements whose own is 0: they have not been used since the set was opened.
    unused: u64,
}

impl Default for Uses {
    fn default() -> Self {
        Self { words: Longs::new(Category::Expiry), had_pins: AtomicBool::new(false), unused: 0 }
    }
}

/// The word of an element.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    fn new(now_ms: i64, counter: u8, is_pinned: bool) -> Self {
        let born = field(now_ms, BORN_TICK_SHIFT, BORN_BITS) << BORN_SHIFT;
        Self(born | if is_pinned { PINNED } else { 0 }).used(now_ms, counter)
    }

    fn used(self, now_ms: i64, counter: u8) -> Self {
        let others = self.0 & !(mask(TICK_BITS) | 0xff << COUNTER_SHIFT);
        Self(others | field(now_ms, TICK_SHIFT, TICK_BITS) | u64::from(counter) << COUNTER_SHIFT)
    }

    fn idle_ms(self, now_ms: i64) -> u64 {
        since(self.0, now_ms, TICK_SHIFT, TICK_BITS)
    }

    fn age_ms(self, now_ms: i64) -> u64 {
        since(self.0 >> BORN_SHIFT, now_ms, BORN_TICK_SHIFT, BORN_BITS)
    }

    fn counter(self, now_ms: i64, lfu: Lfu) -> u8 {
        let used_ms = now_ms - self.idle_ms(now_ms) as i64;
        lfu.decayed((self.0 >> COUNTER_SHIFT) as u8, used_ms.div_euclid(1000), now_ms.div_euclid(1000))
    }
}

fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

fn field(now_ms: i64, tick_shift: u32, bits: u32) -> u64 {
    now_ms as u64 >> tick_shift & mask(bits)
}

/// Milliseconds between the time that the lowest bits of a word have and now.
fn since(word: u64, now_ms: i64, tick_shift: u32, bits: u32) -> u64 {
    let ticks = field(now_ms, tick_shift, bits).wrapping_sub(word) & mask(bits);
    let lies_ahead = ticks >> (bits - 1) == 1;
    if lies_ahead { 0 } else { ticks << tick_shift }
}

impl Uses {
    /// Of `len` elements that are used now for the first time, without a word for each.
    pub(super) fn of_unused(len: u32, now: &Now) -> Self {
        let uses = Self { unused: Word::new(now.used_ms, FIRST, false).0, ..Self::default() };
        uses.grow_to(len);
        uses
    }

    fn filled(&self, word: u64) -> u64 {
        if word == 0 { self.unused } else { word }
    }

    /// A new element is in this slot; used as often as, and pinned like, that in the slot `old`.
    pub(super) fn begin(&self, slot: u32, old: Option<u32>, now: &Now) {
        let word = match old {
            None => Word::new(now.used_ms, FIRST, false),
            Some(old) => Word::new(now.used_ms, self.frequency(old, now), self.is_pinned(old)),
        };
        self.words.get(slot).store(word.0, Relaxed);
    }

    /// The element in a slot was used as that in a slot of another set was. Its pin stays.
    pub(super) fn copy_from(&self, to: u32, other: &Self, from: u32) {
        let pin = self.words.get(to).load(Relaxed) & PINNED;
        self.words.get(to).store(other.word(from).0 & !PINNED | pin, Relaxed);
    }

    /// The element in the slot `from` is moved to the slot `to`.
    pub(super) fn relocate(&self, from: u32, to: u32) {
        self.words.get(to).store(self.word(from).0, Relaxed);
    }

    /// The element in this slot was used.
    #[inline]
    pub(super) fn mark(&self, slot: u32, now: &Now) {
        let word = self.words.get(slot);
        let before = word.load(Relaxed);
        let filled = Word(self.filled(before));
        let counter = now.lfu.incremented(filled.counter(now.used_ms, now.lfu));
        let after = filled.used(now.used_ms, counter).0;
        if after != before {
            let _failed_if_used_meanwhile = word.compare_exchange_weak(before, after, Relaxed, Relaxed);
        }
    }

    /// Milliseconds since the last use.
    pub(super) fn idle_ms(&self, slot: u32, now_ms: i64) -> u64 {
        self.word(slot).idle_ms(now_ms)
    }

    /// When it was last used, to 32 ms: the same number until the next use, whatever the time is.
    pub(super) fn used_ms(&self, slot: u32, now_ms: i64) -> i64 {
        (now_ms >> TICK_SHIFT << TICK_SHIFT) - self.idle_ms(slot, now_ms) as i64
    }

    /// Milliseconds since the vector was set, to a minute.
    pub(super) fn age_ms(&self, slot: u32, now_ms: i64) -> u64 {
        self.word(slot).age_ms(now_ms)
    }

    /// How often it is used: see [`crate::frequency`].
    pub(super) fn frequency(&self, slot: u32, now: &Now) -> u8 {
        self.word(slot).counter(now.used_ms, now.lfu)
    }

    /// True if it is not to be evicted.
    #[inline]
    pub(super) fn is_pinned(&self, slot: u32) -> bool {
        self.word(slot).0 & PINNED != 0
    }

    /// Pins it, or takes the pin away. True if that is a change.
    pub(super) fn set_pinned(&self, slot: u32, is_pinned: bool) -> bool {
        if is_pinned {
            self.had_pins.store(true, Relaxed);
        }
        let word = self.words.get(slot);
        let _filled_already = word.compare_exchange(0, self.unused, Relaxed, Relaxed);
        let before =
            if is_pinned { word.fetch_or(PINNED, Relaxed) } else { word.fetch_and(!PINNED, Relaxed) };
        (before & PINNED != 0) != is_pinned
    }

    /// True if an element is, or ever was, pinned.
    pub(super) fn has_had_pins(&self) -> bool {
        self.had_pins.load(Relaxed)
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.words.grow_to(len);
    }

    /// Takes the slots from `len` on back. None of them is an element, nor was while a reader that
    /// is still pinned looked.
    pub(super) fn shrink_to(&self, len: u32) {
        self.words.shrink_to(len);
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.words.heap_bytes()
    }

    fn word(&self, slot: u32) -> Word {
        Word(self.filled(self.words.get(slot).load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In 2026.
    const NOW_MS: i64 = 1_795_000_000_000;
    const DAY_MS: i64 = 86_400_000;

    fn at(used_ms: i64) -> Now {
        Now { used_ms, ..Now::UNTIMED }
    }

    fn uses() -> Uses {
        let uses = Uses::default();
        uses.grow_to(4);
        uses.begin(1, None, &at(NOW_MS));
        uses
    }

    #[test]
    fn a_use_ends_the_idle_time_and_leaves_age_and_pin() {
        let uses = uses();
        assert!(uses.set_pinned(1, true) && !uses.set_pinned(1, true));
        let later = NOW_MS + 10 * DAY_MS;
        assert!(uses.idle_ms(1, later).abs_diff(10 * DAY_MS as u64) <= 32);
        assert_eq!(uses.frequency(1, &at(later)), 0);
        uses.mark(1, &at(later));
        assert!(uses.idle_ms(1, later) == 0 && uses.is_pinned(1));
        assert!(uses.age_ms(1, later).abs_diff(10 * DAY_MS as u64) <= 1 << BORN_TICK_SHIFT);
        assert_eq!(uses.frequency(1, &at(later)), 1);
        assert!(uses.set_pinned(1, false) && !uses.is_pinned(1));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_idle() {
        let uses = uses();
        assert_eq!((uses.idle_ms(1, NOW_MS - DAY_MS), uses.age_ms(1, NOW_MS - DAY_MS)), (0, 0));
    }

    #[test]
    fn times_go_on_where_their_bits_end() {
        let uses = Uses::default();
        uses.grow_to(1);
        let end = (1 << (TICK_BITS + TICK_SHIFT)) - 64;
        uses.begin(0, None, &at(end));
        assert!(uses.idle_ms(0, end + 1_000).abs_diff(1_000) <= 64);
    }

    #[test]
    fn an_update_keeps_how_often_and_the_pin() {
        let uses = uses();
        uses.set_pinned(1, true);
        (0..50).for_each(|_| uses.mark(1, &at(NOW_MS)));
        uses.begin(2, Some(1), &at(NOW_MS + DAY_MS / 24 / 60));
        assert_eq!(uses.frequency(2, &at(NOW_MS)), uses.frequency(1, &at(NOW_MS)) - 1);
        assert!(uses.is_pinned(2) && uses.age_ms(2, NOW_MS + DAY_MS) < uses.age_ms(1, NOW_MS + DAY_MS));
    }
}
