//! Changing a set: every change is prepared outside the lock and made inside it, once, with its
//! record.

use std::collections::HashSet;
use std::convert::Infallible;

use smallvec::SmallVec;

use super::commit::Commit;
use super::limits::Full;
use super::{Binding, Present, VectorSet};
use crate::compressed::{Ready, Stored};
use crate::epoch::pin;
use crate::journal::{PartChange, Record};
use crate::vector_index::Prepared;

/// One element to be added or updated.
pub struct Put<'a> {
    /// Its name.
    pub element: &'a [u8],
    /// Finite, and of the set's dimension, or of the one that it projects from.
    pub vector: Vec<f32>,
    /// Its new attribute: empty removes it, none leaves what is there.
    pub attribute: Option<&'a [u8]>,
    /// How long it will live.
    pub lifetime: Lifetime,
}

/// How long an element lives from a change on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    /// Until it is removed.
    Endless,
    /// Up to and including this time, in milliseconds since 1970. At most
    /// [`MAX_DEADLINE_MS`](super::MAX_DEADLINE_MS).
    Until(i64),
    /// As long as before the change.
    Kept,
}

impl Lifetime {
    /// The deadline, of an element that has had the deadline `before`.
    pub(super) fn deadline(self, before: Option<i64>) -> Option<i64> {
        match self {
            Self::Endless => None,
            Self::Until(at_ms) => Some(at_ms),
            Self::Kept => before,
        }
    }
}

/// What happened to one element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upserted {
    /// It is new.
    Added,
    /// It was there.
    Updated,
}

/// What became of elements for a set with limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bounded {
    /// All were added or updated.
    Done {
        /// Each of them.
        upserted: Vec<Upserted>,
        /// How many others were evicted for them.
        evicted: usize,
    },
    /// Nothing was changed: they would exceed a limit, and not enough may be evicted.
    Full(Full),
}

/// What happened to each element, and how many others were evicted; or why that was declined, with
/// the record, as nothing was changed.
pub(super) type Admitted<'r, D> = Result<(Vec<Upserted>, usize), (D, Record<'r>)>;

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

/// True for each put whose element an earlier one has named.
fn repeated(puts: &[Put]) -> Vec<bool> {
    let mut seen = HashSet::new();
    puts.iter().map(|put| puts.len() > 1 && !seen.insert(put.element)).collect()
}

impl Present<'_> {
    /// Adds or updates elements, in order, as one change. `ef`: candidates explored for each. The
    /// set's limits are not looked at: for replays, which read from the log what was evicted.
    pub fn upsert<'r>(
        &self,
        hold: Hold,
        puts: &[Put],
        ef: usize,
        record: Record<'r>,
    ) -> Result<Vec<Upserted>, Refused<'r>> {
        let admit = |_: &mut Commit<'_>, _: &[Option<Ready<'_>>], _: &[Prepared]| Ok::<_, Infallible>(0);
        let Ok((upserted, _)) = self.upsert_if(hold, puts, ef, admit, |_, _| (), record)?;
        Ok(upserted)
    }

    /// The same within the set's limits: other elements are evicted for these, in the same change.
    pub fn upsert_within_limits<'r>(
        &self,
        hold: Hold,
        puts: &[Put],
        ef: usize,
        record: Record<'r>,
    ) -> Result<Bounded, Refused<'r>> {
        let admit = |commit: &mut Commit<'_>, attributes: &[Option<Ready<'_>>], _: &[Prepared]| {
            self.make_room(commit, puts, attributes, 0)
        };
        Ok(match self.upsert_if(hold, puts, ef, admit, |_, _| (), record)? {
            Ok((upserted, evicted)) => Bounded::Done { upserted, evicted },
            Err((full, _)) => Bounded::Full(full),
        })
    }

    /// Adds or updates elements, if `admit` does not decline it. That is called inside the change,
    /// before anything is visible of it, and says how many others were evicted; `complete` at its
    /// end.
    pub(super) fn upsert_if<'r, D>(
        &self,
        hold: Hold,
        puts: &[Put],
        ef: usize,
        admit: impl Fn(&mut Commit<'_>, &[Option<Ready<'_>>], &[Prepared]) -> Result<usize, D>,
        complete: impl Fn(&mut Commit<'_>, &[Prepared]),
        record: Record<'r>,
    ) -> Result<Admitted<'r, D>, Refused<'r>> {
        let repeated = repeated(puts);
        let attributes: Vec<_> =
            puts.iter().map(|put| put.attribute.map(|text| self.attributes.ready(text))).collect();
        loop {
            let prepared: Vec<_> =
                puts.iter().zip(&repeated).map(|(put, &repeated)| self.prepare(put, repeated, ef)).collect();
            let Some(mut commit) = Commit::begin(*self, hold, &record) else {
                self.abandon(&prepared);
                return Err(Refused::Unbound(record));
            };
            // The last elements that had not expired may have been removed since the lookup.
            if matches!(hold, Hold::Lookup(_)) && commit.is_spent() {
                self.abandon(&prepared);
                return Err(Refused::Unbound(record));
            }
            if puts.iter().zip(&prepared).any(|(put, &prepared)| is_stale(put, prepared, &commit)) {
                self.abandon(&prepared);
                continue;
            }
            let evicted = match admit(&mut commit, &attributes, &prepared) {
                Ok(evicted) => evicted,
                Err(declined) => {
                    self.abandon(&prepared);
                    return Ok(Err((declined, record)));
                }
            };
            let attributes = attributes.iter().map(|ready| ready.as_ref().map(Ready::stored));
            let upserted: Vec<_> = (puts.iter().zip(attributes).zip(&prepared))
                .map(|((put, attribute), &prepared)| apply(put, attribute, prepared, &mut commit))
                .collect();
            complete(&mut commit, &prepared);
            let names: SmallVec<[&[u8]; 1]> = puts.iter().map(|put| put.element).collect();
            commit.finish_parts(record, [(PartChange::Put, &names)]);
            let updated = upserted.iter().filter(|&&upserted| upserted == Upserted::Updated).count();
            self.tidy(updated + evicted);
            self.vectors.train();
            return Ok(Ok((upserted, evicted)));
        }
    }

    /// `repeated`: an earlier put of the same change may give the element another slot, so it gets
    /// one of its own.
    fn prepare(&self, put: &Put, repeated: bool, ef: usize) -> Prepared {
        // The slot that is found keeps its code until it is compared.
        let _pin = pin();
        let old = if repeated { None } else { self.slot(put.element) };
        let describe = |slot| self.names.set(slot, put.element);
        self.vectors.prepare(&put.vector, old, ef, |len| self.grow_to(len), describe)
    }

    fn abandon(&self, prepared: &[Prepared]) {
        for prepared in prepared {
            if let Prepared::New(slot) = prepared {
                self.vectors.kill(*slot);
            }
        }
    }

    /// Removes elements, as one change. True for each name that was there.
    pub fn remove<'r>(
        &self,
        hold: Hold,
        names: &[&[u8]],
        record: Record<'r>,
    ) -> Result<Vec<bool>, Refused<'r>> {
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        if !self.may_be_emptied(hold) && commit.would_empty(names) {
            return Err(Refused::WouldEmpty(record));
        }
        let removed: Vec<bool> = names.iter().map(|name| commit.remove(name)).collect();
        commit.unbind_if_spent();
        let count = removed.iter().filter(|&&removed| removed).count();
        if count > 0 {
            let was_there = names.iter().zip(&removed).filter(|(_, removed)| **removed);
            let removed: SmallVec<[&[u8]; 1]> = was_there.map(|(name, _)| *name).collect();
            commit.finish_parts(record, [(PartChange::Removed, &removed)]);
        } else {
            drop(commit);
        }
        self.tidy(count);
        Ok(removed)
    }

    /// Sets the attribute of an element; empty removes it. False if there is no such element.
    pub fn set_attribute<'r>(
        &self,
        hold: Hold,
        name: &[u8],
        attribute: &[u8],
        record: Record<'r>,
    ) -> Result<bool, Refused<'r>> {
        let attribute = self.attributes.ready(attribute);
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        let Some(slot) = commit.slot(name) else { return Ok(false) };
        commit.set_attribute(slot, attribute.stored());
        commit.mark_used(slot);
        commit.finish_parts(record, [(PartChange::Described, &[name])]);
        self.tidy(0);
        Ok(true)
    }
}

impl VectorSet {
    /// Makes slots `0 .. len` available in what is beside the vectors. One caller at a time.
    pub(super) fn grow_to(&self, len: u32) {
        self.names.grow_to(len);
        self.attributes.grow_to(len);
        self.uses.grow_to(len);
        self.entries.iter().for_each(|entries| entries.grow_to(len));
    }

    /// After a change: brings a set that is to take the place of this one a step further, sweeps
    /// what so many removals owe, and frees what no reader can be reading
    /// any more. False if there was nothing to sweep, or something to wait for.
    pub(super) fn tidy(&self, removals: usize) -> bool {
        self.notes.help(self);
        let has_swept = self.vectors.sweep(removals, |slot| {
            self.names.forget(slot);
            self.attributes.forget(slot);
            self.entries.iter().for_each(|entries| entries.forget(slot));
        });
        self.names.reclaim();
        self.attributes.reclaim();
        self.entries.iter().for_each(|entries| entries.reclaim());
        has_swept
    }
}

/// True if the element that was found to have this very vector has been changed since.
fn is_stale(put: &Put, prepared: Prepared, commit: &Commit) -> bool {
    matches!(prepared, Prepared::Same(slot) if commit.slot(put.element) != Some(slot))
}

fn apply(put: &Put, attribute: Option<Stored<'_>>, prepared: Prepared, commit: &mut Commit) -> Upserted {
    match prepared {
        Prepared::New(slot) if commit.put(put.element, slot, attribute, put.lifetime) => Upserted::Added,
        Prepared::New(_) => Upserted::Updated,
        Prepared::Same(slot) => {
            if let Some(attribute) = attribute {
                commit.set_attribute(slot, attribute);
            }
            commit.set_lifetime(slot, put.lifetime);
            commit.mark_used(slot);
            Upserted::Updated
        }
    }
}
