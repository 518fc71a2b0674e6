//! The words of an entry, and the bytes in which it is stored.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::certainty::{Fit, KEPT, Learner, Observation, Prior};
use crate::compressed::Stored;

/// What an entry cost, and when it may be served: one word of 8 bytes.
///
/// ```text
/// bits  0 … 31   its cost, float32: finite, and not negative
/// bits 32 … 39   confirmations that it needs before it is a hit
/// bits 40 … 47   confirmations so far; what is beyond 255 is not counted
/// bit  48        it is an entry: it has a payload, perhaps an empty one
/// bits 49 … 56   aliases that it was given so far
/// bit  57        it is an alias of another entry, and has nothing of its own
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(in crate::vector_set) struct State(pub(super) u64);

const COOL_SHIFT: u32 = 32;
const CONFIRMED_SHIFT: u32 = 40;
const ENTRY: u64 = 1 << 48;
const ALIASES_SHIFT: u32 = 49;
const ALIAS: u64 = 1 << 57;
const KNOWN: u64 = (1 << 58) - 1;

impl State {
    pub(super) fn new(cost: f32, cool: u8) -> Self {
        Self(u64::from(cost.to_bits()) | u64::from(cool) << COOL_SHIFT | ENTRY)
    }

    /// That of an alias.
    pub(super) fn of_alias() -> Self {
        Self(ALIAS)
    }

    pub(super) fn is_alias(self) -> bool {
        self.0 & ALIAS != 0
    }

    /// Aliases that it was given so far.
    pub(super) fn aliases(self) -> u8 {
        (self.0 >> ALIASES_SHIFT) as u8
    }

    pub(super) fn with_aliases(self, count: u8) -> Self {
        Self(self.0 & !(0xff << ALIASES_SHIFT) | u64::from(count) << ALIASES_SHIFT)
    }

    pub(super) fn cost(self) -> f32 {
        f32::from_bits(self.0 as u32)
    }

    pub(super) fn is_entry(self) -> bool {
        self.0 & ENTRY != 0
    }

    /// Confirmations that are missing.
    pub(super) fn missing(self) -> u8 {
        ((self.0 >> COOL_SHIFT) as u8).saturating_sub((self.0 >> CONFIRMED_SHIFT) as u8)
    }

    /// With one more confirmation.
    pub(super) fn confirmed(self) -> Self {
        let is_full = (self.0 >> CONFIRMED_SHIFT) as u8 == u8::MAX;
        Self(if is_full { self.0 } else { self.0 + (1 << CONFIRMED_SHIFT) })
    }

    pub(super) fn is_valid(self) -> bool {
        self.0 & !KNOWN == 0 && self.cost().is_finite() && self.cost() >= 0.0
    }
}

/// How the answers of an entry did.
///
/// ```text
/// bits  0 … 31   how often it was served
/// bits 32 … 47   observations that were right      bits 48 … 63   that were wrong
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(in crate::vector_set) struct Tally(pub(super) u64);

impl Tally {
    pub(super) fn hits(self) -> u64 {
        u64::from(self.0 as u32)
    }

    pub(super) fn right(self) -> u64 {
        self.0 >> 32 & 0xffff
    }

    pub(super) fn wrong(self) -> u64 {
        self.0 >> 48
    }

    /// With one more observation.
    pub(super) fn noted(self, is_right: bool) -> Self {
        let (shift, count) = if is_right { (32, self.right()) } else { (48, self.wrong()) };
        Self(if count == 0xffff { self.0 } else { self.0 + (1 << shift) })
    }

    pub(super) fn store(self, word: &AtomicU64) {
        word.store(self.0, Ordering::Relaxed);
    }
}

/// An entry was served.
pub(super) fn count_hit(word: &AtomicU64) {
    if word.load(Ordering::Relaxed) as u32 != u32::MAX {
        word.fetch_add(1, Ordering::Relaxed);
    }
}

/// An entry as it is stored; no bytes at all if there is nothing to say of it:
///
/// ```text
/// [state: u64][tally: u64][observations: u8][observation: 5 bytes …][payload …]
/// ```
#[derive(Clone, Copy)]
pub(in crate::vector_set) struct Saved<'e> {
    pub(super) state: State,
    pub(super) tally: Tally,
    pub(super) observations: &'e [u8],
    pub(super) payload: Option<Stored<'e>>,
}

const WORD: usize = Observation::BYTES;

impl<'e> Saved<'e> {
    /// Of an element of which there is nothing to say.
    pub(super) const NOTHING: Self =
        Self { state: State(0), tally: Tally(0), observations: &[], payload: None };

    pub(in crate::vector_set) fn bytes(&self) -> Vec<u8> {
        let payload = self.payload.map_or(Cow::Borrowed(&[][..]), Stored::text);
        if self.state == State::default() && self.tally == Tally::default() && self.observations.is_empty() {
            return Vec::new();
        }
        let count = (self.observations.len() / WORD) as u8;
        let head = [self.state.0.to_le_bytes(), self.tally.0.to_le_bytes()].concat();
        [&head[..], &[count], self.observations, &payload].concat()
    }

    /// None if the bytes are no entry.
    pub(super) fn read(bytes: &'e [u8]) -> Option<Self> {
        let (state, rest) = bytes.split_first_chunk()?;
        let (tally, rest) = rest.split_first_chunk()?;
        let (&count, rest) = rest.split_first()?;
        let (observations, payload) = rest.split_at_checked(usize::from(count) * WORD)?;
        let state = State(u64::from_le_bytes(*state));
        let payload = (!payload.is_empty()).then_some(Stored::Plain(payload));
        let is_valid =
            state.is_valid() && usize::from(count) <= KEPT && (payload.is_none() || state.is_entry());
        is_valid.then_some(Self { state, tally: Tally(u64::from_le_bytes(*tally)), observations, payload })
    }
}

/// What a set has learnt, as it is stored:
///
/// ```text
/// [number of the fit: u64, 0: none][prior: 144 bytes][learner …]
/// ```
pub(super) fn write_learning(learner: &Learner, fit: Option<Fit>) -> Vec<u8> {
    let Fit { number, prior } = fit.unwrap_or(Fit { number: 0, prior: Prior::plain(1.0, 0.0, 1.0) });
    [&number.to_le_bytes()[..], &prior.to_bytes(), &learner.to_bytes()].concat()
}

/// The most bytes of that.
pub const MOST_LEARNING_BYTES: usize = size_of::<u64>() + Prior::BYTES + Learner::MOST_BYTES;

/// None if the bytes are none of that. No bytes at all: nothing was learnt.
pub(super) fn read_learning(bytes: &[u8]) -> Option<(Learner, Option<Fit>)> {
    if bytes.is_empty() {
        return Some((Learner::default(), None));
    }
    let (number, rest) = bytes.split_first_chunk()?;
    let (prior, rest) = rest.split_first_chunk()?;
    let number = u64::from_le_bytes(*number);
    let prior = Prior::from_bytes(prior)?;
    let learner = Learner::from_bytes(rest)?;
    Some((learner, (number > 0).then_some(Fit { number, prior })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_it_was_stored_and_anything_else_is_refused() {
        let state = State::new(2.5, 3).confirmed();
        let tally = Tally(7).noted(true).noted(false);
        let payload = Some(Stored::Plain(b"answer"));
        let bytes = Saved { state, tally, observations: &[1, 2, 3, 4, 5], payload }.bytes();
        let seen = Saved::read(&bytes).expect("whole");
        assert_eq!((seen.state, seen.tally, seen.observations), (state, tally, &[1, 2, 3, 4, 5][..]));
        assert_eq!(seen.payload.map(|payload| payload.text().into_owned()), Some(b"answer".to_vec()));
        assert_eq!((seen.state.cost(), seen.state.missing()), (2.5, 2));
        assert_eq!((seen.tally.hits(), seen.tally.right(), seen.tally.wrong()), (7, 1, 1));
        assert!((0..22).all(|len| Saved::read(&bytes[..len]).is_none()));
        let cost = |cost: f32| [&u64::from(cost.to_bits()).to_le_bytes()[..], &[0; 9]].concat();
        assert!(Saved::read(&cost(1.0)).is_some());
        assert!([f32::NAN, f32::INFINITY, -1.0].iter().all(|&c| Saved::read(&cost(c)).is_none()));
        assert!(Saved::NOTHING.bytes().is_empty());
    }

    #[test]
    fn counts_end_where_their_bits_end() {
        let state = (0..1000).fold(State::new(1.0, 255), |state, _| state.confirmed());
        assert!(state.is_valid() && state.missing() == 0 && state.cost() == 1.0);
        let tally = (0..70_000).fold(Tally(u64::from(u32::MAX)), |tally, _| tally.noted(true).noted(false));
        assert_eq!((tally.right(), tally.wrong()), (0xffff, 0xffff));
        let word = AtomicU64::new(tally.0);
        count_hit(&word);
        assert_eq!(word.into_inner(), tally.0);
    }

    #[test]
    fn what_was_learnt_reads_as_it_was_stored() {
        let fit = Fit { number: 16, prior: Prior::plain(40.0, 0.8, 0.1) };
        for fit in [None, Some(fit)] {
            let bytes = write_learning(&Learner::default(), fit);
            assert!(bytes.len() <= MOST_LEARNING_BYTES);
            assert_eq!(read_learning(&bytes).expect("whole").1, fit);
            assert!((1..bytes.len()).all(|len| read_learning(&bytes[..len]).is_none()));
        }
        let wrong = Fit { prior: Prior { slope: f64::NAN, ..fit.prior }, ..fit };
        assert!(read_learning(&write_learning(&Learner::default(), Some(wrong))).is_none());
    }
}
