//! Entries in the files of a warm set.
//!
//! Payloads and observations lie there as they do in memory, payloads compressed. States and
//! tallies, 16 bytes each, are read when the set is opened: each hit changes them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::common::Common;
use super::state::{Saved, State, Tally};
use super::{CacheOutline, Entries, STALE};
use crate::arena::Blobs;
use crate::compressed::Stored;
use crate::memory::Category;
use crate::tier::{Part, Space};
use crate::vector_set::VectorSet;
use crate::vector_set::attributes::Attributes;
use crate::vector_set::snapshot::Ranks;

/// Bytes of the words of an entry.
const WORDS: usize = 16;

impl<'e> Saved<'e> {
    /// What is stored of any element. None if the bytes are no entry.
    pub(in crate::vector_set) fn read_any(bytes: &'e [u8]) -> Option<Self> {
        if bytes.is_empty() { Some(Self::NOTHING) } else { Self::read(bytes) }
    }

    /// State and tally, as they lie in files.
    pub(in crate::vector_set) fn words(&self) -> [u8; WORDS] {
        let mut words = [0; WORDS];
        let (state, tally) = words.split_at_mut(WORDS / 2);
        state.copy_from_slice(&self.state.0.to_ne_bytes());
        tally.copy_from_slice(&self.tally.0.to_ne_bytes());
        words
    }

    /// The payload, if it has one.
    pub(in crate::vector_set) fn payload(&self) -> Option<Stored<'e>> {
        self.payload
    }

    /// The observations, the oldest first, if there are any.
    pub(in crate::vector_set) fn observations(&self) -> Option<&'e [u8]> {
        Some(self.observations).filter(|observations| !observations.is_empty())
    }
}

impl Entries {
    /// Those of a sealed set of so many elements.
    ///
    /// # Errors
    /// Its parts are not what they should be.
    pub(in crate::vector_set) fn over(
        space: &Arc<Space>,
        outline: CacheOutline,
        len: u32,
    ) -> io::Result<Box<Self>> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it has entries that are none");
        let sealed = space.sealed().ok_or(io::ErrorKind::NotFound)?;
        let common = Common::restored(outline).ok_or_else(invalid)?;
        let payloads = (Part::PayloadCells, Part::Payloads);
        let payloads = Attributes::over(Category::Payloads, space, payloads, len)?;
        let observations = (Part::ObservationCells, Part::Observations);
        let observations = Blobs::over(Category::Payloads, space, observations, len)?;
        let entries = Self::of(common, payloads, observations);
        [&entries.states, &entries.tallies, &entries.fits].into_iter().for_each(|words| words.grow_to(len));
        let words = sealed.map(Part::Entries)?;
        let (words, rest) = words.all().as_chunks::<8>();
        let (words, _) = words.as_chunks::<2>();
        if words.len() != len as usize || !rest.is_empty() {
            return Err(invalid());
        }
        for (slot, words) in (0..len).zip(words) {
            let [state, tally] = words.map(u64::from_ne_bytes);
            let (state, tally) = (State(state), Tally(tally));
            if !state.is_valid() {
                return Err(invalid());
            }
            // What is 0 already is not written: that would make pages of it.
            if state != State::default() {
                entries.states.get(slot).store(state.0, Ordering::Relaxed);
            }
            if tally != Tally::default() {
                tally.store(entries.tallies.get(slot));
            }
            if tally.right() + tally.wrong() > 0 {
                // It may have observations.
                entries.fits.get(slot).store(STALE, Ordering::Relaxed);
            }
        }
        Ok(Box::new(entries))
    }

    /// In which slot the element is that was in this one before this set took the place of another.
    pub(in crate::vector_set) fn since_moved(&self, slot: u32) -> Option<u32> {
        self.former.as_ref().filter(|ranks| ranks.has(slot)).map(|ranks| ranks.of(slot))
    }

    /// The entry in the slot `to` was served as often as that in a slot of another set, and its
    /// answers did as well.
    pub(in crate::vector_set) fn count_from(&self, to: u32, other: &Self, from: u32) {
        other.tally(from).store(self.tallies.get(to));
    }
}

impl VectorSet {
    /// Shares with `leader`, whose place this set is to take, what a cache keeps beside its
    /// entries. `ranks`: the slots that elements had there, if they are known.
    pub fn succeed(&mut self, leader: &Self, ranks: Option<&Arc<Ranks>>) {
        if let (Some(entries), Some(leader)) = (&mut self.entries, &leader.entries) {
            entries.common = Arc::clone(&leader.common);
            entries.former = ranks.map(Arc::clone);
        }
    }
}
