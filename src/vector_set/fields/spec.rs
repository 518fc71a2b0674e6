//! What an index of a field is made as.

use std::fmt;

use smallvec::{SmallVec, smallvec};

use crate::field_index::Kind;
use crate::field_index::tokens::Language;
use crate::vector_set::filter::{Path, PathError};

/// Most indexes of one set: each write reads all their fields.
pub const MAX_FIELDS: usize = 64;

/// What an index of a field is made as.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpec {
    /// Its name: the path, without a leading dot; of places, also two paths with a comma between.
    pub name: Box<[u8]>,
    /// Its kind.
    pub kind: Kind,
    /// In which its words are stemmed, if they are.
    pub language: Option<Language>,
    /// What it reads: one path; for places those of latitude and longitude.
    pub(super) paths: SmallVec<[Path; 2]>,
}

/// Why a name is not that of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidField {
    /// It is no path.
    Path(PathError),
    /// Only a field of places has two paths.
    Paths,
    /// Only words have a language.
    Language,
}

impl FieldSpec {
    /// `field`: a path. Of places: the path of an object with the members `lat` and `lon`, or the
    /// paths of latitude and longitude, with a comma between.
    ///
    /// # Errors
    /// When there can be no such field, or no language for it.
    pub fn new(field: &[u8], kind: Kind, language: Option<Language>) -> Result<Self, InvalidField> {
        if language.is_some() && kind != Kind::Text {
            return Err(InvalidField::Language);
        }
        let path = |text: &[u8]| Path::parse(text).map_err(InvalidField::Path);
        let parts: SmallVec<[&[u8]; 2]> = field.split(|byte| *byte == b',').collect();
        let paths = match (kind, parts.as_slice()) {
            (Kind::Geo, [lat, lon]) => smallvec![path(lat)?, path(lon)?],
            (Kind::Geo, [object]) => {
                smallvec![path(&[object, &b".lat"[..]].concat())?, path(&[object, &b".lon"[..]].concat())?]
            }
            (_, [field]) => smallvec![path(field)?],
            _ => return Err(InvalidField::Paths),
        };
        Ok(Self { name: Self::normal_name(field), kind, language, paths })
    }

    /// The name by which a field is found, however it was written.
    pub fn normal_name(field: &[u8]) -> Box<[u8]> {
        let parts = field.split(|byte| *byte == b',');
        let parts: Vec<&[u8]> = parts.map(|part| part.strip_prefix(b".").unwrap_or(part)).collect();
        parts.join(&b","[..]).into()
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Path(PathError::Name) => "a field is a name, or names with dots between, as in a.b",
            Self::Path(PathError::Long) => "the name of the field is too long",
            Self::Path(PathError::Deep) => "the field has too many names",
            Self::Paths => "only a field of kind GEO has two paths with a comma between",
            Self::Language => "only a field of kind TEXT has a language",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_two_paths_and_others_one() {
        let paths = |field: &str, kind| -> Result<String, InvalidField> {
            let spec = FieldSpec::new(field.as_bytes(), kind, None)?;
            Ok(spec.paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(paths(".a.b", Kind::Keyword), Ok(".a.b".into()));
        assert_eq!(paths("home", Kind::Geo), Ok(".home.lat .home.lon".into()));
        assert_eq!(paths(".lat,.lng", Kind::Geo), Ok(".lat .lng".into()));
        assert_eq!(paths("a,b", Kind::Numeric), Err(InvalidField::Paths));
        assert_eq!(paths("a..b", Kind::Text), Err(InvalidField::Path(PathError::Name)));
        let stemmed = FieldSpec::new(b"a", Kind::Keyword, Language::parse(b"english"));
        assert_eq!(stemmed, Err(InvalidField::Language));
    }

    #[test]
    fn a_name_has_no_leading_dots() {
        assert_eq!(*FieldSpec::normal_name(b".lat,.lon"), *b"lat,lon");
        assert_eq!(*FieldSpec::normal_name(b"a.b"), *b"a.b");
    }
}
