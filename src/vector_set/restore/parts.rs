//! The parts of a set in the making, which several threads fill.
//!
//! | who | does |
//! |---|---|
//! | the thread that reads | takes slots, one after the other ([`Parts::reserve`]) |
//! | one worker for each slot | writes its code, name, attribute and labels ([`Parts::put`]) |
//! | when all workers are done, any number of threads | turn labels into links ([`Parts::resolve`]) |

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::batch::{Batch, Packed};
use super::labels::Slots;
use super::{Fault, Invalid};
use crate::arena::{Blob, Blobs};
use crate::epoch::pin;
use crate::index::Assembly;
use crate::vector_set::elements::Names;
use crate::vector_set::scorer::PairScorer;
use crate::vector_set::stores::Stores;

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
    pub(super) assembly: Assembly,
    pub(super) stores: Stores,
    pub(super) names: Names,
    pub(super) attributes: Blobs,
}

impl Parts {
    /// Takes the next slot. One caller at a time.
    pub(super) fn reserve(&self, level: usize) -> u32 {
        let pin = pin();
        let view = self.stores.view(&pin);
        self.assembly.reserve(level, |len| {
            self.stores.grow_to(len, &view);
            self.names.grow_to(len);
            self.attributes.grow_to(len);
        })
    }

    /// Writes the elements of a batch, whose slots nobody else writes.
    pub(super) fn put_all(&self, batch: &Batch) -> Result<(), Invalid> {
        batch
            .try_for_each(|element| self.put(&element).map_err(|fault| Invalid::element(element.name, fault)))
    }

    fn put(&self, element: &Packed) -> Result<(), Fault> {
        self.put_codes(element)?;
        self.names.set(element.slot, element.name);
        if !element.attribute.is_empty() {
            let had_one = self.attributes.replace(element.slot, Some(Blob::new(element.attribute)));
            debug_assert!(!had_one, "each slot is written once");
        }
        for (layer, labels) in element.lists().take(self.assembly.layers(element.slot)).enumerate() {
            self.assembly.note(element.slot, layer, labels);
        }
        Ok(())
    }

    fn put_codes(&self, element: &Packed) -> Result<(), Fault> {
        let pin = pin();
        let view = self.stores.view(&pin);
        let [best, coarse] = element.codes;
        for store in view.written() {
            let made;
            let code = if std::ptr::eq(store, view.best()) {
                best
            } else if coarse.body.is_empty() {
                made = store.format().encode(&view.best().format().decode(best));
                made.as_code()
            } else {
                coarse
            };
            if !store.format().admits(code) {
                return Err(Fault::Code);
            }
            // SAFETY: the slot is in one batch, which one thread has, and nobody reads codes before all threads are done.
            unsafe { store.write(element.slot, code) };
        }
        Ok(())
    }

    /// Turns the labels of all lists into links. All elements have been put.
    pub(super) fn resolve(&self, slots: &Slots, long: &[LongList]) -> Result<(), Invalid> {
        let end = self.assembly.end();
        let threads = if end < PARALLEL_FROM { 1 } else { super::cores() };
        let (next, first_fault) = (AtomicU32::new(0), Mutex::new(None));
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
            let resolved = self.assembly.resolve(slot, &slot_of);
            resolved.map_err(|bad| self.invalid(slot, Fault::Link(bad)))?;
        }
        Ok(())
    }

    fn resolve_long(&self, list: &LongList, slots: &Slots) -> Result<(), Invalid> {
        let (place, scorer) = ((list.slot, list.layer), PairScorer(&self.stores));
        let resolved = self.assembly.resolve_nearest(place, &list.labels, &|label| slots.get(label), &scorer);
        resolved.map_err(|bad| self.invalid(list.slot, Fault::Link(bad)))
    }

    pub(super) fn invalid(&self, slot: u32, fault: Fault) -> Invalid {
        Invalid::element(self.names.get(slot, &pin()), fault)
    }
}
