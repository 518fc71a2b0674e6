//! Languages whose words can be stemmed.

use rust_stemmers::{Algorithm, Stemmer};

/// A language with a Snowball stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(u8);

/// Names and stemmers, in alphabetical order.
const LANGUAGES: [(&str, Algorithm); 18] = [
    ("arabic", Algorithm::Arabic),
    ("danish", Algorithm::Danish),
    ("dutch", Algorithm::Dutch),
    ("english", Algorithm::English),
    ("finnish", Algorithm::Finnish),
    ("french", Algorithm::French),
    ("german", Algorithm::German),
    ("greek", Algorithm::Greek),
    ("hungarian", Algorithm::Hungarian),
    ("italian", Algorithm::Italian),
    ("norwegian", Algorithm::Norwegian),
    ("portuguese", Algorithm::Portuguese),
    ("romanian", Algorithm::Romanian),
    ("russian", Algorithm::Russian),
    ("spanish", Algorithm::Spanish),
    ("swedish", Algorithm::Swedish),
    ("tamil", Algorithm::Tamil),
    ("turkish", Algorithm::Turkish),
];

impl Language {
    /// English.
    pub const ENGLISH: Self = Self(3);

    /// The language with this English name, in upper or lower case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let same = |(known, _): &(&str, _)| name.eq_ignore_ascii_case(known.as_bytes());
        LANGUAGES.iter().position(same).map(|place| Self(place as u8))
    }

    /// Its English name in lower case.
    pub fn name(self) -> &'static str {
        LANGUAGES[usize::from(self.0)].0
    }

    /// All of them, in alphabetical order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..LANGUAGES.len()).map(|place| Self(place as u8))
    }

    pub(super) fn stemmer(self) -> Stemmer {
        Stemmer::create(LANGUAGES[usize::from(self.0)].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_their_names() {
        assert_eq!(Language::parse(b"ENGlish"), Some(Language::ENGLISH));
        assert!(
            Language::all().all(|language| Language::parse(language.name().as_bytes()) == Some(language))
        );
        assert_eq!((Language::parse(b""), Language::parse(b"klingon")), (None, None));
        assert!(LANGUAGES.is_sorted_by_key(|(name, _)| *name));
    }
}
