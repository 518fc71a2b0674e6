//! Values as they are indexed, and the kinds of indexes.

use super::geo::Place;

/// What a field has in one slot. Scalars are made without allocation; nothing is copied that the
/// index does not keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'v> {
    /// JSON's null.
    Null,
    /// A number. Truth values are numbers where the owner's language has them so.
    Number(f64),
    /// A string, with its escapes decoded.
    Text(&'v [u8]),
    /// An array.
    Array(&'v [Value<'v>]),
    /// A place.
    Place(Place),
    /// Anything else that can be read, such as an object.
    Other,
}

/// Which index a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Equality of strings and numbers, and of the items of arrays.
    Keyword,
    /// Ranges of numbers.
    Numeric,
    /// Words of strings.
    Text,
    /// Distances between places.
    Geo,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keyword, Self::Numeric, Self::Text, Self::Geo];

    /// Its name in commands and replies, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "KEYWORD",
            Self::Numeric => "NUMERIC",
            Self::Text => "TEXT",
            Self::Geo => "GEO",
        }
    }

    /// The kind with this name, in upper or lower case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        assert!(Kind::ALL.into_iter().all(|kind| Kind::parse(kind.name().as_bytes()) == Some(kind)));
        assert_eq!((Kind::parse(b"numeric"), Kind::parse(b"TAG")), (Some(Kind::Numeric), None));
    }
}
