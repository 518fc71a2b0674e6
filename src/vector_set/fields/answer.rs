//! What indexes answer to the conditions of a filter.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Bound;

use roaring::RoaringBitmap;
use smallvec::SmallVec;

use super::{Field, Indexes};
use crate::field_index::{FieldIndex, Key, KeywordIndex, MAX_KEY_BYTES, NumericIndex, Postings, TextIndex};
use crate::vector_set::filter::{
    ArrayShape, Bounds, Circle, Condition, Fields, Path, Range, Ranges, TextShape, Value,
};

/// A condition that has to be tried on each key is answered if there are no more keys: it takes
/// about a millisecond, while writers wait.
const MOST_KEYS_TRIED: usize = 1 << 14;
/// Conditions of one filter that are answered at most: those behind are tested on attributes.
const MOST_CONDITIONS: usize = 256;

/// The indexes as one filter asks them.
pub(super) struct Asked<'i> {
    indexes: &'i Indexes,
    conditions: Cell<usize>,
}

impl Indexes {
    /// For one filter.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { indexes: self, conditions: Cell::new(0) }
    }
}

impl Asked<'_> {
    /// Counts a condition. None if there were too many.
    fn count(&self) -> Option<()> {
        self.conditions.set(self.conditions.get() + 1);
        (self.conditions.get() <= MOST_CONDITIONS).then_some(())
    }
}

impl Fields for Asked<'_> {
    fn all(&self) -> &RoaringBitmap {
        &self.indexes.attributed
    }

    fn readable<'a>(&'a self, path: &Path) -> Option<Cow<'a, RoaringBitmap>> {
        self.indexes.complete(path).map(|field| Cow::Borrowed(field.index.presence().present()))
    }

    fn slots_where<'a>(&'a self, condition: &Condition<'_>) -> Option<Bounds<'a>> {
        self.count()?;
        let index = &self.indexes.complete(condition.path())?.index;
        let mut answer = Answer::default();
        match index {
            FieldIndex::Keyword(index) => answer.add_keywords(index, condition)?,
            FieldIndex::Numeric(index) => answer.add_numbers(index, condition)?,
            FieldIndex::Text(index) => answer.add_texts(index, condition)?,
            FieldIndex::Geo(_) => return None,
        }
        if condition.holds(&Value::Null) {
            answer.add(index.presence().nulls());
        }
        answer.add_maybe(index.presence().others());
        Some(answer.bounds())
    }

    fn slots_within<'a>(&'a self, lat: &Path, lon: &Path, circle: &Circle) -> Option<Bounds<'a>> {
        let of_both = |field: &&Field| matches!(field.spec.paths.as_slice(), [a, b] if (a, b) == (lat, lon));
        self.count()?;
        let mut fields = self.indexes.fields.iter().filter(|field| field.is_complete());
        match &fields.find(of_both)?.index {
            // What is no place is in no circle.
            FieldIndex::Geo(index) => {
                Some(Bounds::exact(Cow::Owned(index.within(circle.centre(), circle.radius_km()))))
            }
            _ => None,
        }
    }
}

impl Indexes {
    /// The index of one path, if it has all that there is.
    pub(super) fn complete(&self, path: &Path) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_complete() && field.is_of(path))
    }
}

/// Slots that were found to match, or may do so.
#[derive(Default)]
struct Answer<'a> {
    sure: SmallVec<[Cow<'a, RoaringBitmap>; 2]>,
    maybe: SmallVec<[&'a RoaringBitmap; 2]>,
}

impl<'a> Answer<'a> {
    fn add(&mut self, slots: &'a RoaringBitmap) {
        if !slots.is_empty() {
            self.sure.push(Cow::Borrowed(slots));
        }
    }

    fn add_postings(&mut self, postings: &'a Postings) {
        match (postings.as_bitmap(), self.sure.last_mut()) {
            (Some(bitmap), _) => self.add(bitmap),
            // Many short lists become one bitmap.
            (None, Some(Cow::Owned(last))) => postings.union_into(last),
            (None, _) => self.sure.push(Cow::Owned(postings.to_bitmap())),
        }
    }

    fn add_maybe(&mut self, slots: &'a RoaringBitmap) {
        if !slots.is_empty() {
            self.maybe.push(slots);
        }
    }

    fn bounds(mut self) -> Bounds<'a> {
        let sure = if self.sure.len() <= 1 {
            self.sure.pop().unwrap_or_else(|| Cow::Owned(RoaringBitmap::new()))
        } else {
            let mut union = RoaringBitmap::new();
            self.sure.iter().for_each(|slots| union |= &**slots);
            Cow::Owned(union)
        };
        if self.maybe.is_empty() {
            return Bounds::exact(sure);
        }
        let mut possible = sure.clone().into_owned();
        self.maybe.iter().for_each(|slots| possible |= *slots);
        Bounds::between(sure, Cow::Owned(possible))
    }

    /// None if it would take too long.
    fn add_keywords(&mut self, index: &'a KeywordIndex, condition: &Condition<'_>) -> Option<()> {
        self.add_keys(Keys::Scalars(index), condition)?;
        if index.arrays().is_empty() {
            return Some(());
        }
        match condition.arrays() {
            ArrayShape::Each(true) => self.add(index.arrays()),
            ArrayShape::Each(false) => {}
            ArrayShape::Any(of_item) => {
                self.add_keys(Keys::Items(index), &of_item)?;
            }
            ArrayShape::Match(_) | ArrayShape::Other => self.add_maybe(index.arrays()),
        }
        Some(())
    }

    /// None unless words are looked for, in the language of the index.
    fn add_texts(&mut self, index: &'a TextIndex, condition: &Condition<'_>) -> Option<()> {
        match condition.texts()? {
            TextShape::Match(words) if words.language() == index.tokenizer().language() => {
                self.sure.push(Cow::Owned(index.matching(words.query())));
                Some(())
            }
            _ => None,
        }
    }

    /// The slots of the keys that satisfy a condition.
    fn add_keys(&mut self, keys: Keys<'a>, condition: &Condition<'_>) -> Option<()> {
        let texts = match condition.texts() {
            Some(TextShape::OneOf(texts)) => Some(texts),
            _ => None,
        };
        let numbers = condition.numbers().and_then(|numbers| points(&numbers));
        if let (Some(texts), Some(numbers)) = (&texts, &numbers) {
            let texts = texts.iter().filter(|text| text.len() <= MAX_KEY_BYTES).map(|text| Key::Text(text));
            let numbers = numbers.iter().map(|number| Key::Number(*number));
            texts
                .chain(numbers)
                .filter_map(|key| keys.get(key))
                .for_each(|postings| self.add_postings(postings));
            return Some(());
        }
        if keys.index().cardinality() > MOST_KEYS_TRIED {
            return None;
        }
        keys.for_each(|key, postings| {
            let value = match key {
                Key::Number(number) => Value::Number(number),
                Key::Text(text) => Value::Text(text.into()),
            };
            if condition.holds(&value) {
                self.add_postings(postings);
            }
        });
        Some(())
    }

    fn add_numbers(&mut self, index: &'a NumericIndex, condition: &Condition<'_>) -> Option<()> {
        for range in condition.numbers()?.iter() {
            self.sure.push(Cow::Owned(slots_in(index, range)));
        }
        Some(())
    }
}

/// The slots whose number is in a range. Of a wide range, those that are not in it are fewer.
fn slots_in(index: &NumericIndex, (low, high): Range) -> RoaringBitmap {
    if index.count(low, high) * 2 <= index.entries() {
        return index.range(low, high);
    }
    let mut slots = index.presence().present() - index.presence().nulls();
    slots -= index.presence().others();
    let outside = [(Bound::Unbounded, beyond(low)), (beyond(high), Bound::Unbounded)];
    for (low, high) in outside.into_iter().filter(|range| *range != (Bound::Unbounded, Bound::Unbounded)) {
        slots -= index.range(low, high);
    }
    slots
}

/// The end of what is on the other side of an end.
fn beyond(end: Bound<f64>) -> Bound<f64> {
    match end {
        Bound::Included(number) => Bound::Excluded(number),
        Bound::Excluded(number) => Bound::Included(number),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The keys of one of the dictionaries of an index.
#[derive(Clone, Copy)]
enum Keys<'a> {
    Scalars(&'a KeywordIndex),
    Items(&'a KeywordIndex),
}

impl<'a> Keys<'a> {
    fn index(self) -> &'a KeywordIndex {
        let (Self::Scalars(index) | Self::Items(index)) = self;
        index
    }

    fn get(self, key: Key<'_>) -> Option<&'a Postings> {
        match self {
            Self::Scalars(index) => index.scalar(key),
            Self::Items(index) => index.item(key),
        }
    }

    fn for_each(self, mut take: impl FnMut(Key<'a>, &'a Postings)) {
        match self {
            Self::Scalars(index) => index.scalars().for_each(|(key, postings)| take(key, postings)),
            Self::Items(index) => index.items().for_each(|(key, postings)| take(key, postings)),
        }
    }
}

/// The numbers of ranges that have one each; none if a range has more.
fn points(ranges: &Ranges) -> Option<Vec<f64>> {
    let point = |range| match range {
        (Bound::Included(low), Bound::Included(high)) if low == high => Some(low),
        _ => None,
    };
    ranges.iter().map(point).collect()
}
