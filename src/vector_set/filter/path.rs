//! Paths: which field of an attribute a selector names.

use std::fmt;

/// Most names in a path.
pub const MAX_PATH_DEPTH: usize = 8;

/// Longest path in bytes, without its leading dot.
pub const MAX_PATH_BYTES: usize = 256;

/// What a selector names: `.a`, a field of the attribute, or `.a.b`, a field of an object in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Names, joined by dots.
    text: Box<[u8]>,
}

/// Why a text is no [`Path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// A name is empty or has a byte other than letters, digits, `_`, `-` and those of UTF-8 beyond
    /// ASCII.
    Name,
    /// More than [`MAX_PATH_BYTES`].
    Long,
    /// More than [`MAX_PATH_DEPTH`] names.
    Deep,
}

impl Path {
    /// Reads `.a.b` or `a.b`.
    ///
    /// # Errors
    /// When a name could not stand in an expression, or a limit is passed.
    pub fn parse(text: &[u8]) -> Result<Self, PathError> {
        let text = text.strip_prefix(b".").unwrap_or(text);
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::Long);
        }
        let names = || text.split(|byte| *byte == b'.');
        if !names().all(|name| !name.is_empty() && name.iter().all(|byte| is_name(*byte))) {
            return Err(PathError::Name);
        }
        if names().count() > MAX_PATH_DEPTH {
            return Err(PathError::Deep);
        }
        Ok(Self { text: text.into() })
    }

    /// The field of this name at the top of an attribute. Redis limits neither its length nor what
    /// an empty name means: that one has no value in any attribute.
    pub(super) fn top_level(name: &[u8]) -> Self {
        Self { text: name.into() }
    }

    /// The names joined by dots, without a leading one.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Whether no attribute has a value here: the selector `.` at the end of an expression.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// From the outermost inwards.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|byte| *byte == b'.')
    }
}

impl fmt::Display for Path {
    /// With its leading dot, as in expressions.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, ".{}", String::from_utf8_lossy(&self.text))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Whether names may have this byte.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_dot_changes_nothing() {
        for (text, shown) in [("a", ".a"), (".a", ".a"), ("a.b-1._", ".a.b-1._"), (".é", ".é")] {
            assert_eq!(Path::parse(text.as_bytes()).unwrap().to_string(), shown);
        }
        assert_eq!(Path::parse(b"a.b"), Path::parse(b".a.b"));
    }

    #[test]
    fn what_no_expression_could_name_is_refused() {
        for text in ["", ".", "..a", "a.", "a..b", "a b", "a[0]", "a\0"] {
            assert_eq!(Path::parse(text.as_bytes()), Err(PathError::Name), "{text}");
        }
    }

    #[test]
    fn paths_have_limits() {
        assert!(Path::parse(&[b'a'; MAX_PATH_BYTES]).is_ok());
        assert_eq!(Path::parse(&[b'a'; MAX_PATH_BYTES + 1]), Err(PathError::Long));
        assert!(Path::parse(&b".a".repeat(MAX_PATH_DEPTH)).is_ok());
        assert_eq!(Path::parse(&b".a".repeat(MAX_PATH_DEPTH + 1)), Err(PathError::Deep));
    }
}
