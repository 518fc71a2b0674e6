//! What else than searches needs the elements that match: counting, scanning, facets, removal.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use super::Field;
use super::select::Selected;
use crate::epoch::{Pin, pin};
use crate::field_index::{FieldIndex, Key};
use crate::index::{Moment, State};
use crate::journal::{Effects, PartChange, Record};
use crate::vector_set::commit::Commit;
use crate::vector_set::filter::{FieldReader, Filter, Path, Value};
use crate::vector_set::write::{Hold, Refused};
use crate::vector_set::{Bound, Present};

/// Different values that are counted without an index at most.
const MOST_VALUES: usize = 1 << 16;

/// A part of a scan.
#[derive(Debug, PartialEq)]
pub struct Scanned {
    /// Elements that match.
    pub elements: Vec<Vec<u8>>,
    /// The last that was looked at; none: there are no more.
    pub last: Option<Vec<u8>>,
}

/// A value that elements have. Numbers come before strings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FacetValue {
    /// A number.
    Number(FacetNumber),
    /// A string.
    Text(Vec<u8>),
}

/// A number that is a value, by which values are told apart. It is not NaN, and -0 is 0.
#[derive(Clone, Copy, Debug)]
pub struct FacetNumber(f64);

impl FacetNumber {
    fn new(number: f64) -> Self {
        Self(number + 0.0)
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Ord for FacetNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for FacetNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FacetNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FacetNumber {}

impl Hash for FacetNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// More different values than are counted without an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyValues;

/// What a step of [`Present::remove_matching`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Elements removed.
    pub count: usize,
    /// Where to go on; none: all slots were looked at.
    pub next: Option<u32>,
}

impl Present<'_> {
    /// How many elements match.
    pub fn count_matching(&self, filter: &Filter) -> usize {
        let pin = pin();
        match self.look_up(filter, &pin) {
            Some(Selected::Exactly(slots)) if !self.may_be_due() => slots.len(),
            _ => self.matching_elements(Some(filter), &pin).len(),
        }
    }

    /// Elements that match, in the order of their bytes from `start` on: at most `count`, among at
    /// most so many that are looked at.
    pub fn scan(&self, start: Bound, filter: Option<&Filter>, count: usize, looked_at: usize) -> Scanned {
        let pin = pin();
        let elements = self.elements.read();
        // At the same moment, so that no element is in neither.
        let selected = filter.and_then(|filter| self.look_up(filter, &pin));
        let slots = elements.range(start, Bound::Unbounded, looked_at, &self.names);
        drop(elements);
        let mut is_more = slots.len() == looked_at;
        let mut found = Vec::new();
        let mut last = None;
        for (number, &slot) in slots.iter().enumerate() {
            last = Some(slot);
            if self.is_live(slot) && self.is_selected(slot, selected.as_ref(), filter, &pin) {
                found.push(slot);
            }
            if found.len() == count {
                is_more |= number + 1 < slots.len();
                break;
            }
        }
        let name = |slot: u32| self.names.get(slot, &pin).to_vec();
        Scanned { elements: found.into_iter().map(name).collect(), last: last.filter(|_| is_more).map(name) }
    }

    /// The values of a field among the elements that match, and how many have each: the most
    /// frequent first.
    pub fn facets(
        &self,
        field: &Path,
        filter: Option<&Filter>,
        limit: usize,
    ) -> Result<Vec<(FacetValue, u64)>, TooManyValues> {
        let mut facets = match self.indexed_facets(field, filter) {
            Some(facets) => facets,
            None => self.read_facets(field, filter)?,
        };
        let order = |a: &(FacetValue, u64), b: &(FacetValue, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        if limit < facets.len() {
            facets.select_nth_unstable_by(limit, order);
            facets.truncate(limit);
        }
        facets.sort_unstable_by(order);
        Ok(facets)
    }

    /// By an index, if there is one that knows all.
    fn indexed_facets(&self, field: &Path, filter: Option<&Filter>) -> Option<Vec<(FacetValue, u64)>> {
        if self.may_be_due() || !self.fields.exist() {
            return None;
        }
        let indexes = self.fields.read();
        let index = match &indexes.complete(field)?.index {
            FieldIndex::Keyword(index) if index.presence().others().is_empty() => index,
            _ => return None,
        };
        let asked = indexes.asked();
        let bounds = filter.map(|filter| filter.bounds(&asked));
        if bounds.as_ref().is_some_and(|bounds| !bounds.is_exact()) {
            return None;
        }
        let facets = index.facets(bounds.as_ref().map(|bounds| bounds.sure()));
        Some(facets.into_iter().map(|(key, count)| (facet_of(key), count)).collect())
    }

    fn read_facets(
        &self,
        field: &Path,
        filter: Option<&Filter>,
    ) -> Result<Vec<(FacetValue, u64)>, TooManyValues> {
        let pin = pin();
        let reader = FieldReader::new([field.clone()]);
        let mut counts = HashMap::new();
        let mut of_element = Vec::new();
        for slot in self.matching_elements(filter, &pin) {
            let Some(attribute) = self.attributes.get(slot, &pin) else { continue };
            let text = attribute.text();
            let Some(value) = reader.read(&text)[0] else { continue };
            values_of(value, &mut of_element);
            of_element.drain(..).for_each(|value| *counts.entry(value).or_default() += 1);
            if counts.len() > MOST_VALUES {
                return Err(TooManyValues);
            }
        }
        Ok(counts.into_iter().collect())
    }

    /// Removes at most so many elements that match, of those in slots from `from` on, as one
    /// change. `log` writes down the names of those that were removed; if none was, nothing is
    /// written.
    pub fn remove_matching<'r>(
        &self,
        hold: Hold,
        filter: &Filter,
        from: u32,
        most: usize,
        record: Record<'r>,
        log: impl FnOnce(&[&[u8]], &mut Effects<'_>),
    ) -> Result<Removed, Refused<'r>> {
        let pin = pin();
        let start = self.vectors.moment();
        let selected = self.look_up(filter, &pin);
        let mut slots = self.matching_slots(selected.as_ref(), Some(filter), from, start, &pin);
        let found: Vec<u32> = slots.by_ref().take(most).collect();
        let next = found.last().filter(|_| found.len() == most).map(|last| last + 1);
        let Some(mut commit) = Commit::begin(*self, hold, &record) else {
            return Err(Refused::Unbound(record));
        };
        // What they have now counts.
        let still = |&slot: &u32| {
            let name = self.names.get(slot, &pin);
            (commit.slot(name) == Some(slot) && self.matches(slot, filter, &pin)).then_some(name)
        };
        let names: Vec<&[u8]> = found.iter().filter_map(still).collect();
        if !self.may_be_emptied(hold) && !names.is_empty() && commit.would_empty(&names) {
            return Err(Refused::WouldEmpty(record));
        }
        let count = names.iter().filter(|name| commit.remove(name)).count();
        if count > 0 {
            commit.unbind_if_spent();
            let parts = [(PartChange::Removed, &*names)];
            commit.finish_parts(record.instead(|effects| log(&names, effects)), parts);
        } else {
            drop(commit);
        }
        self.tidy(count);
        Ok(Removed { count, next })
    }

    /// A slot of each element that matches, in no order. An element that gets another slot
    /// meanwhile has one of the two, which stays readable as long as the pin.
    fn matching_elements(&self, filter: Option<&Filter>, pin: &Pin) -> Vec<u32> {
        let updates = self.updates.seen();
        let start = self.vectors.moment();
        let selected = filter.and_then(|filter| self.look_up(filter, pin));
        let slots: Vec<u32> = self.matching_slots(selected.as_ref(), filter, 0, start, pin).collect();
        let is_current = |&slot: &u32| self.vectors.graph().slots().state(slot) == State::Live;
        if slots.iter().all(is_current) && !self.updates.overlapped(updates) {
            return slots;
        }
        // No change is made meanwhile.
        let elements = self.elements.read();
        let (mut found, left): (Vec<u32>, Vec<u32>) = slots.into_iter().partition(is_current);
        let mut moved = HashSet::new();
        let mut is_missing = |&slot: &u32| {
            let name = self.names.get(slot, pin);
            let current = elements.slot(name, &self.names);
            // Slots were looked at in their order.
            current.is_some_and(|current| found.binary_search(&current).is_err()) && moved.insert(name)
        };
        let missing: Vec<u32> = left.into_iter().filter(|slot| is_missing(slot)).collect();
        found.extend(missing);
        found
    }

    /// Slots from `from` on, in their order, of elements that match, and of those that have left
    /// them since `start`.
    fn matching_slots<'i>(
        &'i self,
        selected: Option<&'i Selected>,
        filter: Option<&'i Filter>,
        from: u32,
        start: Moment,
        pin: &'i Pin,
    ) -> impl Iterator<Item = u32> + 'i {
        let end = self.vectors.end();
        let known = selected.and_then(Selected::slots);
        let all = known.is_none().then_some(from..end);
        let candidates = known.into_iter().flat_map(move |slots| slots.iter_from(from));
        candidates.chain(all.into_iter().flatten()).filter(move |&slot| {
            self.is_met(slot, start) && self.is_live(slot) && self.is_selected(slot, selected, filter, pin)
        })
    }

    /// True if a look at slots that began at `start` may meet an element in this one.
    fn is_met(&self, slot: u32, start: Moment) -> bool {
        let slots = self.vectors.graph().slots();
        // A slot that is being linked is not an element yet.
        slots.state(slot) != State::Linking && slots.admits(slot, start)
    }

    fn is_selected(
        &self,
        slot: u32,
        selected: Option<&Selected>,
        filter: Option<&Filter>,
        pin: &Pin,
    ) -> bool {
        let Some(filter) = filter else { return true };
        match selected {
            None => self.matches(slot, filter, pin),
            Some(selected) => {
                selected.slots().is_none_or(|slots| slots.contains(slot))
                    && (selected.is_sure(slot) || self.matches(slot, filter, pin))
            }
        }
    }

    fn may_be_due(&self) -> bool {
        self.deadlines.may_be_due(self.now.expiry_ms)
    }
}

impl Field {
    /// True if it is the index of this path alone.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        matches!(self.spec.paths.as_slice(), [own] if own == path)
    }
}

/// What elements have at a path, one value, or the items of an array.
pub fn values_of(value: Value<'_>, into: &mut Vec<FacetValue>) {
    let mut add = |value| match value {
        Value::Number(number) => into.push(FacetValue::Number(FacetNumber::new(number))),
        Value::Text(text) => into.push(FacetValue::Text(text.bytes().into_owned())),
        Value::Null | Value::Array(_) => {}
    };
    match value {
        Value::Array(array) => {
            array.into_iter().for_each(add);
            into.sort_unstable();
            into.dedup();
        }
        scalar => add(scalar),
    }
}

fn facet_of(key: Key<'_>) -> FacetValue {
    match key {
        Key::Number(number) => FacetValue::Number(FacetNumber::new(number)),
        Key::Text(text) => FacetValue::Text(text.to_vec()),
    }
}
