//! Changing a set: every change is prepared outside the lock and made inside it, once, with its record.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::scorer::PairScorer;
use super::{Binding, VectorSet};
use crate::arena::Blob;
use crate::epoch::pin;
use crate::journal::{Passage, Record};
use crate::vector_set::elements::Elements;

/// One element to be added or updated.
pub struct Put<'a> {
    /// Its name.
    pub element: &'a [u8],
    /// Finite, and of the set's dimension, or of the one that it projects from.
    pub vector: Vec<f32>,
    /// Its new attribute: empty removes it, none keeps what is there.
    pub attribute: Option<&'a [u8]>,
}

/// What happened to one element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upserted {
    /// It is new.
    Added,
    /// It was there.
    Updated,
}

/// By what right a writer may commit.
#[derive(Clone, Copy)]
pub enum Hold {
    /// The key meant this set when it was looked up; the commit checks that it still does.
    Lookup(Binding),
    /// The caller holds the key's shard for writing, or the set is not in the keyspace yet.
    Exclusive,
}

/// Nothing was changed; the record is given back for another try.
pub enum Refused<'r> {
    /// The key no longer means this set: look it up again.
    Unbound(Record<'r>),
    /// The set would be empty, which only the holder of its key may do.
    WouldEmpty(Record<'r>),
}

/// A slot that is connected and waits to become an element, or the existing slot whose code is the same already.
enum Prepared {
    New(u32),
    Same(u32),
}

/// True for each put whose element an earlier one has named.
fn repeated(puts: &[Put]) -> Vec<bool> {
    let mut seen = HashSet::new();
    puts.iter().map(|put| puts.len() > 1 && !seen.insert(put.element)).collect()
}

impl VectorSet {
    /// Adds or updates elements, in order, as one change. `ef`: candidates explored for each.
    pub fn upsert<'r>(
        &self,
        hold: Hold,
        puts: &[Put],
        ef: usize,
        record: Record<'r>,
    ) -> Result<Vec<Upserted>, Refused<'r>> {
        let repeated = repeated(puts);
        loop {
            let prepared: Vec<_> =
                puts.iter().zip(&repeated).map(|(put, &repeated)| self.prepare(put, repeated, ef)).collect();
            let passage = record.enter();
            let mut elements = self.elements.write();
            if !self.may_commit(hold) {
                self.abandon(&prepared);
                return Err(Refused::Unbound(record));
            }
            if puts.iter().zip(&prepared).any(|(put, prepared)| self.is_stale(put, prepared, &elements)) {
                self.abandon(&prepared);
                continue;
            }
            self.notice_cut(passage.as_ref(), elements.len());
            let upserted: Vec<_> = puts
                .iter()
                .zip(prepared)
                .map(|(put, prepared)| self.commit(put, prepared, &mut elements))
                .collect();
            self.note(record, passage.as_ref());
            drop(elements);
            drop(passage);
            self.tidy(upserted.iter().filter(|&&u| u == Upserted::Updated).count());
            self.train();
            return Ok(upserted);
        }
    }

    /// `repeated`: an earlier put of the same change may give the element another slot, so it gets one of its own.
    fn prepare(&self, put: &Put, repeated: bool, ef: usize) -> Prepared {
        let vector = self.projected(&put.vector);
        let pin = pin();
        let view = self.stores.view(&pin);
        let code = self.stores.encode(view.best(), &vector);
        let existing = self.elements.read().slot(put.element, &self.names);
        if let Some(slot) = existing.filter(|&slot| !repeated && view.best().code(slot) == code.as_code()) {
            return Prepared::Same(slot);
        }
        let slot = self.index.reserve(|len| {
            self.stores.grow_to(len, &view);
            self.names.grow_to(len);
            self.attributes.grow_to(len);
        });
        for store in view.written() {
            let best = std::ptr::eq(store, view.best());
            let code =
                if best { Cow::Borrowed(&code) } else { Cow::Owned(self.stores.encode(store, &vector)) };
            // SAFETY: the slot was just reserved: it has been out of reach for a grace period, and is in no list.
            unsafe { store.write(slot, code.as_code()) };
        }
        self.names.set(slot, put.element);
        // By the best codes: a graph made by estimates would stay as blurred as they are.
        self.index.link(slot, ef, &view.best_scorer(&view.probe(&vector, false)));
        Prepared::New(slot)
    }

    fn may_commit(&self, hold: Hold) -> bool {
        match hold {
            Hold::Lookup(binding) => binding == self.binding(),
            Hold::Exclusive => true,
        }
    }

    /// True if the element that was found to have this very vector has been changed since.
    fn is_stale(&self, put: &Put, prepared: &Prepared, elements: &Elements) -> bool {
        matches!(prepared, Prepared::Same(slot) if elements.slot(put.element, &self.names) != Some(*slot))
    }

    fn abandon(&self, prepared: &[Prepared]) {
        for prepared in prepared {
            if let Prepared::New(slot) = prepared {
                self.index.kill(*slot);
            }
        }
    }

    fn commit(&self, put: &Put, prepared: Prepared, elements: &mut Elements) -> Upserted {
        let slot = match prepared {
            Prepared::Same(slot) => {
                if put.attribute.is_some() {
                    self.hand_over(slot);
                }
                self.change_attribute(slot, put.attribute);
                return Upserted::Updated;
            }
            Prepared::New(slot) => slot,
        };
        let old = elements.insert(put.element, slot, &self.names);
        self.note_young(slot);
        if let Some(old) = old {
            self.hand_over(old);
        }
        let pin = pin();
        let kept = old.and_then(|old| self.attributes.get(old, &pin));
        self.change_attribute(slot, put.attribute.or(kept));
        let Some(old) = old else {
            self.index.slots().publish(slot);
            return Upserted::Added;
        };
        self.updates.fetch_add(1, Ordering::Relaxed);
        self.index.slots().publish(slot);
        self.index.kill(old);
        self.updates.fetch_add(1, Ordering::Release);
        self.drop_attribute(old);
        Upserted::Updated
    }

    /// Removes elements, as one change. Tells for each name whether it was there.
    pub fn remove<'r>(
        &self,
        hold: Hold,
        names: &[&[u8]],
        record: Record<'r>,
    ) -> Result<Vec<bool>, Refused<'r>> {
        let passage = record.enter();
        let mut elements = self.elements.write();
        if !self.may_commit(hold) {
            return Err(Refused::Unbound(record));
        }
        if matches!(hold, Hold::Lookup(_)) && !self.params.kept && self.would_empty(names, &elements) {
            return Err(Refused::WouldEmpty(record));
        }
        self.notice_cut(passage.as_ref(), elements.len());
        let removed: Vec<bool> = names.iter().map(|name| self.remove_one(name, &mut elements)).collect();
        let count = removed.iter().filter(|&&removed| removed).count();
        if count > 0 {
            self.note(record, passage.as_ref());
        }
        if elements.len() == 0 && !self.params.kept {
            // The key goes with this change: what comes next, here and where the record is read, is another set.
            self.unbound.fetch_add(1, Ordering::Release);
        }
        drop(elements);
        drop(passage);
        self.tidy(count);
        Ok(removed)
    }

    fn would_empty(&self, names: &[&[u8]], elements: &Elements) -> bool {
        if names.len() < elements.len() {
            return false;
        }
        let mut slots: Vec<_> = names.iter().filter_map(|name| elements.slot(name, &self.names)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.len() == elements.len()
    }

    fn remove_one(&self, name: &[u8], elements: &mut Elements) -> bool {
        let slot = elements.remove(name, &self.names);
        if let Some(slot) = slot {
            self.hand_over(slot);
            self.drop_attribute(slot);
            self.index.kill(slot);
        }
        slot.is_some()
    }

    /// Sets the attribute of an element; empty removes it. False if there is no such element.
    pub fn set_attribute<'r>(
        &self,
        hold: Hold,
        name: &[u8],
        attribute: &[u8],
        record: Record<'r>,
    ) -> Result<bool, Refused<'r>> {
        let passage = record.enter();
        let elements = self.elements.write();
        if !self.may_commit(hold) {
            return Err(Refused::Unbound(record));
        }
        let slot = elements.slot(name, &self.names);
        if let Some(slot) = slot {
            self.notice_cut(passage.as_ref(), elements.len());
            self.hand_over(slot);
            self.change_attribute(slot, Some(attribute));
            self.note(record, passage.as_ref());
        }
        drop(elements);
        drop(passage);
        self.tidy(0);
        Ok(slot.is_some())
    }

    /// Under the lock: something was changed.
    fn note(&self, record: Record, passage: Option<&Passage>) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.tell_handed(passage);
        record.commit();
    }

    /// Under the lock. None keeps what is there.
    fn change_attribute(&self, slot: u32, attribute: Option<&[u8]>) {
        if let Some(attribute) = attribute {
            let new = (!attribute.is_empty()).then(|| Blob::new(attribute));
            self.attributes.replace(slot, new);
        }
    }

    /// Under the lock. A reader that met the slot before goes on reading the attribute, or finds none.
    fn drop_attribute(&self, slot: u32) {
        self.attributes.replace(slot, None);
    }

    /// After a change: does the sweeping that so many removals owe, and frees what nobody can be reading any more.
    fn tidy(&self, removals: usize) {
        // A change that removes nothing still helps a little, so that a round that has begun comes to its end.
        if removals > 0 || self.index.dead() > 0 {
            self.index.sweep(removals.max(1), &PairScorer(&self.stores), |slot| self.names.forget(slot));
        }
        self.names.reclaim();
        self.attributes.reclaim();
    }
}
