//! What is wrong with a stored set.

use std::fmt;

use crate::index::BadLink;
use crate::vector_index::InvalidPart;

/// Bytes of an element's name that a message shows.
const SHOWN: usize = 64;

/// An element that cannot be taken, or the set as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// The beginning of its name; none if it is the set.
    element: Option<Vec<u8>>,
    why: Fault,
}

/// Why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A code of another size, or with a number that is not finite.
    Code,
    /// One of the two codes of its set is missing, or there is one too many.
    Codes,
    /// An earlier element has its name.
    Name,
    /// An earlier element has its id.
    Id,
    /// Not even the list of layer 0.
    Lists,
    /// A link.
    Link(BadLink),
    /// There are more elements, or more ids, than a set can have.
    TooMany,
    /// A projection of another size, or with a number that is not finite or greater than 1.
    Projection,
    /// What was learnt, in a set that does not learn.
    Codebook,
    /// What an element has as an entry.
    Entry,
    /// What a cache has learnt.
    Learning,
}

impl From<InvalidPart> for Fault {
    fn from(part: InvalidPart) -> Self {
        match part {
            InvalidPart::Code => Self::Code,
            InvalidPart::Projection => Self::Projection,
            InvalidPart::Codebook => Self::Codebook,
        }
    }
}

impl Invalid {
    pub(super) fn element(name: &[u8], why: Fault) -> Self {
        Self { element: Some(name[..name.len().min(SHOWN)].to_vec()), why }
    }

    pub(super) fn set(why: Fault) -> Self {
        Self { element: None, why }
    }

    /// What is wrong.
    pub fn why(&self) -> Fault {
        self.why
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "its vector has another size than the set's, or a number that is not finite",
            Self::Codes => "it has more or fewer vectors than the set keeps",
            Self::Name => "an earlier element has the same name",
            Self::Id => "an earlier element has the same id",
            Self::Lists => "it has no list of links",
            Self::Link(BadLink::Unknown) => "a link to an unknown id",
            Self::Link(BadLink::ToItself) => "a link to itself",
            Self::Link(BadLink::Repeated) => "the same link twice",
            Self::Link(BadLink::Layer) => "a link to an element that does not reach the layer",
            Self::TooMany => "more elements than a set can have",
            Self::Projection => "the matrix of its projection has another size, or a number greater than 1",
            Self::Codebook => "a codebook where nothing is learnt",
            Self::Entry => "what it has as an entry of a cache is none",
            Self::Learning => "what it has learnt as a cache is none",
        })
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.element {
            Some(name) => write!(f, "vector set, element \"{}\": {}", name.escape_ascii(), self.why),
            None => write!(f, "vector set: {}", self.why),
        }
    }
}

impl std::error::Error for Invalid {}
