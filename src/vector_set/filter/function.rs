//! The functions of nearhit's language: conditions on texts and on places.

use std::fmt;

use memchr::memmem::Finder;

use super::value::{Array, Value};
use crate::field_index::geo::Place;
use crate::field_index::tokens::{Language, Tokenizer, WordQuery};

/// A function of one field that is true for some texts. For an array it is true if it is for one of
/// the texts in it; for other values it is false.
#[derive(Debug)]
pub(super) enum Function {
    Prefix(Box<[u8]>),
    Contains(Box<Finder<'static>>),
    /// The words may be spread over the texts of an array.
    Match(Box<Words>),
}

impl Function {
    pub(super) fn contains(part: &[u8]) -> Self {
        Self::Contains(Box::new(Finder::new(part).into_owned()))
    }

    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Match(words), Value::Array(items)) => words.are_in_texts(items),
            (_, Value::Array(items)) => items.into_iter().any(|item| self.holds_for_text(item)),
            _ => self.holds_for_text(value),
        }
    }

    /// Whether the value is a text for which it is true.
    pub(super) fn holds_for_text(&self, value: Value<'_>) -> bool {
        let Value::Text(text) = value else { return false };
        let text = text.bytes();
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Contains(part) => part.find(&text).is_some(),
            Self::Match(words) => words.are_in(&text),
        }
    }
}

/// Words that all have to occur in a text.
pub struct Words {
    query: WordQuery,
    tokenizer: Tokenizer,
}

impl Words {
    pub(super) fn new(text: &[u8], language: Option<Language>) -> Self {
        let tokenizer = Tokenizer::new(language);
        Self { query: WordQuery::new(&tokenizer, text), tokenizer }
    }

    /// The words, as the tokenizer of [`language`](Self::language) gives them. Without a word
    /// nothing is found.
    pub fn query(&self) -> &WordQuery {
        &self.query
    }

    /// The language in which words are stemmed, if they are.
    pub fn language(&self) -> Option<Language> {
        self.tokenizer.language()
    }

    /// Whether all of them occur in a text.
    pub fn are_in(&self, text: &[u8]) -> bool {
        self.query.matches(&self.tokenizer, text)
    }

    /// Whether all of them occur in the texts of an array, taken together.
    fn are_in_texts(&self, items: Array<'_>) -> bool {
        let mut texts = Vec::new();
        for item in items {
            if let Value::Text(text) = item {
                texts.extend_from_slice(&text.bytes());
                // A boundary between words.
                texts.push(b'\n');
            }
        }
        self.are_in(&texts)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {:?}", self.query.words(), self.language().map(Language::name))
    }
}

/// The places that are no farther than a radius from a centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    centre: Place,
    radius_km: f64,
}

impl Circle {
    /// `None` if the radius in kilometres is negative or NaN.
    pub fn new(centre: Place, radius_km: f64) -> Option<Self> {
        (radius_km >= 0.0).then_some(Self { centre, radius_km })
    }

    /// The place in the middle.
    pub fn centre(&self) -> Place {
        self.centre
    }

    /// Kilometres on the surface of the earth.
    pub fn radius_km(&self) -> f64 {
        self.radius_km
    }

    /// Whether a place is in it.
    pub fn contains(&self, place: Place) -> bool {
        self.centre.distance_km(place) <= self.radius_km
    }

    /// Whether two fields are numbers that are the degrees of a place in it.
    pub(super) fn contains_values(&self, lat: Option<Value<'_>>, lon: Option<Value<'_>>) -> bool {
        let (Some(Value::Number(lat)), Some(Value::Number(lon))) = (lat, lon) else { return false };
        Place::new(lat, lon).is_some_and(|place| self.contains(place))
    }
}
