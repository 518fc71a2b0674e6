//! An index of any kind.

use super::tokens::Language;
use super::{GeoIndex, KeywordIndex, Kind, NumericIndex, Presence, TextIndex, Value};

/// An index of one field.
#[expect(clippy::large_enum_variant, reason = "there is one for each field of a set, not for each slot")]
pub enum FieldIndex {
    /// Of strings and numbers, by equality.
    Keyword(KeywordIndex),
    /// Of numbers, by ranges.
    Numeric(NumericIndex),
    /// Of strings, by words.
    Text(TextIndex),
    /// Of places, by distance.
    Geo(GeoIndex),
}

/// The same call of whichever kind it is.
macro_rules! each {
    ($self:expr, $index:ident => $call:expr) => {
        match $self {
            FieldIndex::Keyword($index) => $call,
            FieldIndex::Numeric($index) => $call,
            FieldIndex::Text($index) => $call,
            FieldIndex::Geo($index) => $call,
        }
    };
}

impl FieldIndex {
    /// An empty one. The language is that of an index of words, which are stemmed in it; other
    /// kinds need none.
    pub fn new(kind: Kind, language: Option<Language>) -> Self {
        match kind {
            Kind::Keyword => Self::Keyword(KeywordIndex::new()),
            Kind::Numeric => Self::Numeric(NumericIndex::new()),
            Kind::Text => Self::Text(TextIndex::new(language)),
            Kind::Geo => Self::Geo(GeoIndex::new()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Keyword(_) => Kind::Keyword,
            Self::Numeric(_) => Kind::Numeric,
            Self::Text(_) => Kind::Text,
            Self::Geo(_) => Kind::Geo,
        }
    }

    /// The language in which its words are stemmed, if they are.
    pub fn language(&self) -> Option<Language> {
        match self {
            Self::Text(index) => index.tokenizer().language(),
            _ => None,
        }
    }

    /// Stores what a slot has; what it had before is removed. Slots are below 2³¹ and should be
    /// dense: memory is taken in proportion to the highest one.
    pub fn insert(&mut self, slot: u32, value: Value) {
        each!(self, index => index.insert(slot, value));
    }

    /// Forgets what a slot has, if anything.
    pub fn remove(&mut self, slot: u32) {
        each!(self, index => index.remove(slot));
    }

    /// Which slots have a value, and which of them one of a type that this kind of index does not
    /// hold: about those the index knows nothing else.
    pub fn presence(&self) -> &Presence {
        each!(self, index => index.presence())
    }

    /// How many different keys, numbers, words, or cells of places.
    pub fn cardinality(&self) -> usize {
        each!(self, index => index.cardinality())
    }

    /// How many pairs of such and a slot.
    pub fn entries(&self) -> usize {
        each!(self, index => index.entries())
    }

    /// Bytes that it takes on the heap: exact but for a few per cent of what bitmaps take.
    pub fn heap_bytes(&self) -> usize {
        each!(self, index => index.heap_bytes())
    }
}
