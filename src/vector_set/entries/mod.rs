//! Elements as entries of a cache: what each answers, what it cost, and how its answers did.
//!
//! A set has this if it was made as a cache. By slot, beside the set's other data of elements:
//!
//! | what | bytes | |
//! |---|--:|---|
//! | payload | 8, and the text | the answer: any bytes, compressed like other values |
//! | state | 8 | cost, and how many confirmations it needs: see [`State`] |
//! | tally | 8 | hits, right and wrong ones |
//! | fit | 8 | what is known of its threshold: see [`Threshold`] |
//! | observations | 8, and 5 each | the last ones, only where there was feedback |
//!
//! The set as a whole has the last observations of all entries and what they were fitted to
//! ([`Learner`]), and counts of searches: see [`Common`]. All of this changes under the set's lock,
//! but for the tally of hits and the fit, which is derived and may be made again at any time.
//! Searches read it without a lock.
//!
//! An update with another vector keeps payload, state and tally, like an attribute, and forgets the
//! observations, which were made with the old one.
//!
//! ```text
//! mod.rs       what is kept, by slot
//! common.rs    what is kept of all entries
//! sealed.rs    entries in the files of a warm set
//! state.rs     the words of an entry, and the bytes in which it is stored
//! rules.rs     what is fixed of a cache when it is made
//! figures.rs   what is counted of its searches
//! hits.rs      what a search has found, as an entry
//! store.rs     adding entries, unless one is near
//! alias.rs     further vectors by which entries are found
//! feedback.rs  what is said of answers
//! forecast/    how many hits there would be with more or less memory
//! serving.rs   what would be served, and what is covered by that
//! ```

mod alias;
mod common;
mod feedback;
mod figures;
mod forecast;
mod hits;
mod rules;
mod sealed;
mod serving;
mod state;
mod store;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) use self::alias::alias_names;
pub use self::alias::{Aliased, MAX_ALIASES};
use self::common::Common;
pub use self::feedback::{About, EntryFigures};
pub use self::figures::{CacheFigures, Verdict};
pub use self::forecast::{Asked, Curve};
pub use self::hits::EntryHit;
pub use self::rules::{CacheRules, MAX_SCOPE, Share};
pub use self::serving::Served;
pub use self::state::MOST_LEARNING_BYTES;
pub(super) use self::state::Saved;
use self::state::{State, Tally};
pub use self::store::{NewEntry, StoreOptions, StoredEntry, Unless};
use super::attributes::Attributes;
use super::commit::Exclusive;
use super::snapshot::Ranks;
use super::{Present, VectorSet};
use crate::arena::{Blobs, Longs};
use crate::certainty::{Account, Fit, KEPT, Lead, Learner, Observation, Prior, Threshold};
use crate::compressed::{Savings, Stored};
use crate::epoch::{Pin, pin};
use crate::memory::{Category, Held, allocated_bytes};

/// Bytes of a slot of a cache beside those of any set.
pub(super) const BESIDE: usize = 5 * size_of::<u64>();

/// The entries of a cache.
pub(super) struct Entries {
    common: Arc<Common>,
    payloads: Attributes,
    states: Longs,
    tallies: Longs,
    fits: Longs,
    observations: Blobs,
    /// The slots of elements in the set whose place this one has taken: tokens may have them.
    former: Option<Arc<Ranks>>,
    _fixed: Held,
}

/// What is known of a cache before its entries.
pub struct CacheOutline {
    /// What was fixed when it was made.
    pub rules: CacheRules,
    /// See [`Frozen::learning`](super::Frozen::learning).
    pub learning: Vec<u8>,
}

/// What a set keeps as a cache, at a time.
#[derive(Clone, Copy)]
pub struct Cache<'s> {
    set: Present<'s>,
    entries: &'s Entries,
}

impl VectorSet {
    /// The same set, as a cache with these rules. Before its first element.
    pub fn with_cache(self, rules: CacheRules) -> Self {
        self.with_entries(Some(Box::new(Entries::new(Common::new(rules)))))
    }

    /// The same set, a cache if it has entries.
    pub(super) fn with_entries(mut self, entries: Option<Box<Entries>>) -> Self {
        if entries.is_some() {
            self.vectors.weigh_slots(super::footprint::BESIDE + BESIDE);
        }
        self.entries = entries;
        self
    }

    /// True if it was made as a cache.
    pub fn is_cache(&self) -> bool {
        self.entries.is_some()
    }

    /// What was fixed of it as a cache.
    pub fn cache_rules(&self) -> Option<CacheRules> {
        self.entries.as_ref().map(|entries| entries.rules())
    }
}

impl<'s> Present<'s> {
    /// The set as a cache, if it was made as one.
    pub fn cache(self) -> Option<Cache<'s>> {
        self.set.entries.as_deref().map(|entries| Cache { set: self, entries })
    }
}

impl<'s> Cache<'s> {
    /// What was fixed when it was made.
    pub fn rules(&self) -> &'s CacheRules {
        &self.entries.common.rules
    }

    /// The share of errors that is accepted where a search says nothing.
    pub fn max_error(&self) -> Option<Share> {
        self.entries.common.max_error()
    }

    /// A search is answered by this rule.
    pub fn note_rule(&self, served: Served) {
        self.entries.common.last_served.set(served);
    }

    /// What was counted of its searches.
    pub fn figures(&self) -> &'s CacheFigures {
        &self.entries.common.figures
    }

    /// The errors expected among the answers served.
    pub fn account(&self) -> &'s Account {
        &self.entries.common.account
    }

    /// What its observations were fitted to.
    pub fn fit(&self) -> Option<Fit> {
        *self.entries.common.fit.read()
    }

    /// Looks at the last observations.
    pub fn with_learner<R>(&self, look: impl FnOnce(&Learner) -> R) -> R {
        self.entries.common.with_learner(look)
    }

    /// Bytes of the payloads as they are stored.
    pub fn payload_bytes(&self) -> usize {
        self.entries.payloads.text_bytes()
    }
}

impl Entries {
    fn new(common: Common) -> Self {
        Self::of(common, Attributes::of(Category::Payloads), Blobs::new(Category::Payloads))
    }

    fn of(common: Common, payloads: Attributes, observations: Blobs) -> Self {
        let longs = || Longs::new(Category::Payloads);
        Self {
            common: Arc::new(common),
            payloads,
            states: longs(),
            tallies: longs(),
            fits: longs(),
            observations,
            former: None,
            _fixed: Held::new(Category::Payloads, allocated_bytes(size_of::<Self>())),
        }
    }

    /// Those of a set that is being loaded. None if what was learnt is none.
    pub(super) fn restored(outline: CacheOutline) -> Option<Box<Self>> {
        Some(Box::new(Self::new(Common::restored(outline)?)))
    }

    /// What is fixed of the cache, as it is now.
    fn rules(&self) -> CacheRules {
        self.common.rules()
    }

    pub(super) fn set_max_error(&self, share: Option<Share>, _: &Exclusive) {
        self.common.set_max_error(share);
    }

    /// What was learnt, as it is stored.
    pub(super) fn learning(&self) -> Vec<u8> {
        self.common.learning()
    }

    /// Gives a slot its entry. It has no observations by then, unless it keeps its vector.
    fn set(&self, slot: u32, payload: Stored<'_>, state: State, exclusive: &Exclusive) {
        self.payloads.set(slot, payload, exclusive);
        let state = state.with_aliases(self.state(slot).aliases());
        self.states.get(slot).store(state.0, Ordering::Relaxed);
    }

    fn set_state(&self, slot: u32, state: State, _: &Exclusive) {
        self.states.get(slot).store(state.0, Ordering::Relaxed);
    }

    /// The element in the slot `old` has got the slot `new` with another vector: what it answers
    /// goes with it, unless there is something new.
    pub(super) fn carry(&self, old: u32, new: u32, pin: &Pin, exclusive: &Exclusive) {
        if self.state(new).is_entry() {
            let state = self.state(new).with_aliases(self.state(old).aliases());
            self.states.get(new).store(state.0, Ordering::Relaxed);
            self.tallies.get(new).store(0, Ordering::Relaxed);
            return;
        }
        if let Some(payload) = self.payloads.get(old, pin) {
            self.payloads.set(new, payload, exclusive);
        }
        for words in [&self.states, &self.tallies] {
            words.get(new).store(words.get(old).load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The element in the slot `from` is moved to the slot `to`, with its vector.
    pub(super) fn relocate(&self, from: u32, to: u32, pin: &Pin, exclusive: &Exclusive) {
        self.carry(from, to, pin, exclusive);
        self.observations.replace(to, self.observations.get(from, pin));
        let fit = self.fits.get(from).load(Ordering::Relaxed);
        self.fits.get(to).store(fit, Ordering::Relaxed);
    }

    /// The element has left its slot.
    pub(super) fn leave(&self, slot: u32, exclusive: &Exclusive) {
        self.payloads.leave(slot, exclusive);
    }

    /// Removes what an element has left in a slot that no reader can see any more.
    pub(super) fn forget(&self, slot: u32) {
        self.payloads.forget(slot);
        if !self.observations.is_lent(slot) {
            self.observations.replace(slot, None);
        }
        [&self.states, &self.tallies, &self.fits]
            .into_iter()
            .for_each(|words| words.get(slot).store(0, Ordering::Relaxed));
    }

    /// What making the element in a slot cost; 1 if no client has given it.
    pub(super) fn cost(&self, slot: u32) -> f32 {
        let state = self.state(slot);
        if state.is_entry() { state.cost() } else { 1.0 }
    }

    /// How many aliases the element in a slot was given so far.
    pub(super) fn aliases(&self, slot: u32) -> u8 {
        self.state(slot).aliases()
    }

    /// Adds an observation of the element in a slot. True if all are to be fitted now.
    fn observe(&self, slot: u32, entry: u32, observation: Observation, pin: &Pin, _: &Exclusive) -> bool {
        let before = self.observations.get(slot, pin).unwrap_or_default();
        let kept = before.len().min((KEPT - 1) * Observation::BYTES);
        let after = [&before[before.len() - kept..], &observation.to_bytes()].concat();
        self.observations.replace(slot, Some(&after));
        // Of no fit: made when a search needs it.
        self.fits.get(slot).store(STALE, Ordering::Relaxed);
        if observation.is_right() {
            let state = self.state(slot).confirmed();
            self.states.get(slot).store(state.0, Ordering::Relaxed);
        }
        self.tally(slot).noted(observation.is_right()).store(self.tallies.get(slot));
        self.common.add(entry, observation)
    }

    fn state(&self, slot: u32) -> State {
        State(self.states.get(slot).load(Ordering::Relaxed))
    }

    fn tally(&self, slot: u32) -> Tally {
        Tally(self.tallies.get(slot).load(Ordering::Relaxed))
    }

    /// What is known of the threshold of the element in a slot, by this fit.
    fn threshold(&self, slot: u32, fit: &Fit, pin: &Pin) -> Threshold {
        let packed = self.fits.get(slot).load(Ordering::Relaxed);
        if packed == 0 {
            return Threshold::of_prior(&fit.prior);
        }
        Threshold::unpack(packed, fit.tag()).unwrap_or_else(|| self.fit_again(slot, packed, fit, pin))
    }

    #[cold]
    fn fit_again(&self, slot: u32, packed: u64, fit: &Fit, pin: &Pin) -> Threshold {
        let threshold = Threshold::new(&fit.prior, self.observations_of(slot, pin));
        // Not if there is an observation that was not seen here.
        let fits = self.fits.get(slot);
        let _other_one_is_as_good =
            fits.compare_exchange(packed, threshold.pack(fit.tag()), Ordering::Relaxed, Ordering::Relaxed);
        threshold
    }

    /// The oldest first.
    fn observations_of<'p>(
        &'p self,
        slot: u32,
        pin: &'p Pin,
    ) -> impl DoubleEndedIterator<Item = Observation> + 'p {
        let words = self.observations.get(slot, pin).unwrap_or_default().as_chunks().0;
        words.iter().map(|word| Observation::from_bytes(*word))
    }

    /// What is stored of the element in a slot that the reader has met while pinned.
    pub(super) fn saved<'p>(&'p self, slot: u32, pin: &'p Pin) -> Saved<'p> {
        Saved {
            state: self.state(slot),
            tally: self.tally(slot),
            observations: self.observations.get(slot, pin).unwrap_or_default(),
            payload: self.payloads.get(slot, pin),
        }
    }

    /// Gives a slot of a set that is being loaded its entry. False if the bytes are none.
    pub(super) fn load(&self, slot: u32, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Some(saved) = Saved::read(bytes) else { return false };
        self.payloads.load(slot, saved.payload.map_or(&[], |payload| payload.parts().0));
        self.put(slot, &saved);
        true
    }

    /// Makes the entry in a slot what it is in the set that this one follows.
    pub(super) fn follow(&self, slot: u32, saved: &Saved<'_>, exclusive: &Exclusive) {
        self.payloads.set(slot, saved.payload.unwrap_or(Stored::Plain(&[])), exclusive);
        self.put(slot, saved);
    }

    /// All but the payload.
    fn put(&self, slot: u32, saved: &Saved<'_>) {
        self.states.get(slot).store(saved.state.0, Ordering::Relaxed);
        saved.tally.store(self.tallies.get(slot));
        let observations = saved.observations();
        self.observations.replace(slot, observations);
        self.fits.get(slot).store(observations.map_or(0, |_| STALE), Ordering::Relaxed);
    }

    /// Makes slots `0 .. len` available. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.payloads.grow_to(len);
        self.observations.grow_to(len);
        [&self.states, &self.tallies, &self.fits].into_iter().for_each(|words| words.grow_to(len));
    }

    /// Takes the slots from `len` on back, which are free, and returns their memory.
    pub(super) fn shrink_to(&self, len: u32) {
        self.payloads.shrink_to(len);
        self.observations.shrink_to(len);
        [&self.states, &self.tallies, &self.fits].into_iter().for_each(|words| words.shrink_to(len));
    }

    /// Frees what was replaced and no reader can be reading any more.
    pub(super) fn reclaim(&self) {
        self.payloads.reclaim();
        self.observations.reclaim();
    }

    /// What compression of payloads saves.
    pub(super) fn savings(&self) -> Savings {
        self.payloads.savings()
    }

    /// Bytes of payloads and observations, of all slots that are not free.
    pub(super) fn text_bytes(&self) -> usize {
        self.payloads.text_bytes() + self.observations.blob_bytes()
    }

    /// The same of one slot.
    pub(super) fn text_bytes_of(&self, slot: u32, pin: &Pin) -> usize {
        let payload = self.payloads.get(slot, pin).map_or(0, |payload| bytes_of(payload.parts().0));
        payload + self.observations.get(slot, pin).map_or(0, bytes_of)
    }

    /// Bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        let words: usize =
            [&self.states, &self.tallies, &self.fits].into_iter().map(|words| words.heap_bytes()).sum();
        self._fixed.bytes() + self.own_text_bytes() + words + self.common.heap_bytes()
    }

    /// Bytes of memory that payloads and observations take.
    pub(super) fn own_text_bytes(&self) -> usize {
        self.payloads.heap_bytes() + self.observations.heap_bytes()
    }
}

/// A fit that there is none of: the number in its upper bits is never that of one.
const STALE: u64 = 1;

fn bytes_of(text: &[u8]) -> usize {
    if text.is_empty() { 0 } else { super::footprint::text_bytes(text) }
}

/// The number of an entry among the observations of its set, and in tokens: a hash of its name.
fn entry_number(name: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(name) as u32
}

/// How likely an answer of an entry is right.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Certainty {
    /// The chance.
    pub chance: f64,
    /// With 90 % probability it is not below this.
    pub least: f64,
    /// What is known of the entry's threshold.
    pub threshold: Threshold,
}

impl Certainty {
    fn new(prior: &Prior, threshold: Threshold, score: f64, lead: Lead) -> Self {
        let chance = threshold.chance(prior, score, lead);
        Self { chance, least: threshold.least_chance(prior, score, lead), threshold }
    }
}

/// The digest of an entry is that of these bytes: all that a restart keeps, without tallies.
pub(super) fn digested(entries: &Entries, slot: u32) -> Vec<u8> {
    let pin = pin();
    Saved { tally: Tally(0), ..entries.saved(slot, &pin) }.bytes()
}
