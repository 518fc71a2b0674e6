//! The parts of a set in the making, which several threads fill.
//!
//! | thread | step |
//! |---|---|
//! | the thread that reads | takes slots, one after the other, with their deadlines and pins ([`Parts::reserve`], [`Parts::begin`]) |
//! | one worker for each slot | writes its code, name, attribute and labels ([`Parts::put_all`]) |
//! | when all workers are done, any number of threads | turn labels into links ([`Parts::resolve`]) |

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::batch::{Batch, Packed};
use super::labels::Slots;
use super::{Fault, Invalid};
use crate::epoch::pin;
use crate::vector_index::Builder;
use crate::vector_set::Now;
use crate::vector_set::attributes::Attributes;
use crate::vector_set::deadlines::Deadlines;
use crate::vector_set::elements::Names;
use crate::vector_set::entries::Entries;
use crate::vector_set::uses::Uses;

/// Slots whose lists a thread resolves before it takes the next ones.
const SHARE: u32 = 1024;
/// A set of fewer elements is resolved by the thread that reads.
const PARALLEL_FROM: u32 = 4 * SHARE;

/// A list that is longer than its layer's lists may be.
pub(super) struct LongList {
    pub(super) slot: u32,
    pub(super) layer: usize,
    pub(super) labels: Vec<u32>,
}

pub(super) struct Parts {
    pub(super) vectors: Builder,
    pub(super) names: Names,
    pub(super) attributes: Attributes,
    pub(super) deadlines: Deadlines,
    pub(super) uses: Uses,
    /// Of a cache only.
    pub(super) entries: Option<Box<Entries>>,
    /// When this was begun: the time of use that elements get.
    now: Now,
}

impl Parts {
    pub(super) fn new(vectors: Builder, entries: Option<Box<Entries>>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            vectors,
            names: Names::default(),
            attributes: Attributes::default(),
            deadlines: Deadlines::default(),
            uses: Uses::default(),
            entries,
            now: Now { used_ms: since.as_millis() as i64, ..Now::UNTIMED },
        }
    }

    /// Takes the next slot. One caller at a time.
    pub(super) fn reserve(&self, level: usize) -> u32 {
        self.vectors.reserve(level, |len| {
            self.names.grow_to(len);
            self.attributes.grow_to(len);
            self.uses.grow_to(len);
            self.entries.iter().for_each(|entries| entries.grow_to(len));
        })
    }

    /// Gives the element in a slot its deadline, its pin and its first use. One caller at a time.
    pub(super) fn begin(&self, slot: u32, deadline_ms: Option<i64>, is_pinned: bool) {
        self.uses.begin(slot, None, &self.now);
        if is_pinned {
            self.uses.set_pinned(slot, true);
        }
        self.deadlines.load(slot, deadline_ms, self.vectors.end());
    }

    /// Writes the elements of a batch, whose slots no other thread writes.
    pub(super) fn put_all(&self, batch: &Batch) -> Result<(), Invalid> {
        batch
            .try_for_each(|element| self.put(&element).map_err(|fault| Invalid::element(element.name, fault)))
    }

    fn put(&self, element: &Packed) -> Result<(), Fault> {
        let [best, coarse] = element.codes;
        let coarse = (!coarse.body.is_empty()).then_some(coarse);
        self.vectors.write_codes(element.slot, best, coarse)?;
        self.names.set(element.slot, element.name);
        self.attributes.load(element.slot, element.attribute);
        if self.entries.as_ref().is_some_and(|entries| !entries.load(element.slot, element.entry)) {
            return Err(Fault::Entry);
        }
        for (layer, labels) in element.lists().take(self.vectors.layers(element.slot)).enumerate() {
            self.vectors.note_links(element.slot, layer, labels);
        }
        Ok(())
    }

    /// Turns the labels of all lists into links. All elements have been put.
    pub(super) fn resolve(&mut self, slots: &Slots, long: &[LongList]) -> Result<(), Invalid> {
        let end = self.vectors.end();
        let threads = if end < PARALLEL_FROM { 1 } else { super::cores() };
        let next = AtomicU32::new(0);
        let first_fault = Mutex::new(None);
        let share = || {
            while first_fault.lock().is_none() {
                let start = next.fetch_add(SHARE, Ordering::Relaxed);
                if start >= end {
                    break;
                }
                if let Err(fault) = self.resolve_share(start..end.min(start + SHARE), slots) {
                    first_fault.lock().get_or_insert(fault);
                }
            }
        };
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| _ = scope.spawn(share));
            share();
        });
        first_fault.into_inner().map_or(Ok(()), Err)?;
        long.iter().try_for_each(|list| self.resolve_long(list, slots))
    }

    fn resolve_share(&self, share: std::ops::Range<u32>, slots: &Slots) -> Result<(), Invalid> {
        let slot_of = |label| slots.get(label);
        for slot in share {
            let resolved = self.vectors.resolve(slot, &slot_of);
            resolved.map_err(|bad| self.invalid(slot, Fault::Link(bad)))?;
        }
        Ok(())
    }

    fn resolve_long(&mut self, list: &LongList, slots: &Slots) -> Result<(), Invalid> {
        let slot_of = |label| slots.get(label);
        let resolved = self.vectors.resolve_nearest((list.slot, list.layer), &list.labels, &slot_of);
        resolved.map_err(|bad| self.invalid(list.slot, Fault::Link(bad)))
    }

    pub(super) fn invalid(&self, slot: u32, fault: Fault) -> Invalid {
        Invalid::element(self.names.get(slot, &pin()), fault)
    }
}
