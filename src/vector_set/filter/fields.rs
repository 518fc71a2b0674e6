//! Resolves the selectors of an expression: one scan over the top-level fields of an attribute.

use smallvec::SmallVec;

use super::json::Cursor;
use super::value::Value;

/// Expressions with no more selectors than this are evaluated without an allocation.
const USUAL_NAMES: usize = 4;

/// The values of an expression's selectors, numbered as in its [`Names`]; none is missing when
/// [`Names::resolve`] returns them.
pub(super) type Fields<'a> = SmallVec<[Option<Value<'a>>; USUAL_NAMES]>;

/// The distinct names that an expression selects, sorted.
#[derive(Debug)]
pub(super) struct Names {
    names: Box<[Box<[u8]>]>,
    /// Whether one of them is empty (a `.` at the end of the expression). That one never resolves,
    /// not even to a field `""`.
    has_empty: bool,
}

impl Names {
    pub(super) fn new(mut names: Vec<&[u8]>) -> Self {
        names.sort_unstable_by(|left, right| order(left, right));
        names.dedup();
        let has_empty = names.first().is_some_and(|name| name.is_empty());
        Self { names: names.into_iter().map(Box::from).collect(), has_empty }
    }

    /// The number of a name.
    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        self.names.binary_search_by(|known| order(known, name)).ok()
    }

    /// Reads the named fields from an attribute; `None` if one of them is missing or unreadable.
    /// The first of several fields with the same name counts. Nothing after the last field wanted
    /// is looked at.
    pub(super) fn resolve<'a>(&self, attribute: &'a [u8]) -> Option<Fields<'a>> {
        let mut missing = self.names.len();
        if missing == 0 {
            return Some(Fields::new());
        }
        if self.has_empty {
            return None;
        }
        let mut found = Fields::from_elem(None, missing);
        let mut cursor = Cursor { rest: attribute };
        cursor.skip_blanks();
        cursor.take(b'{')?;
        loop {
            let name = field_name(&mut cursor)?;
            match self.position(name).map(|number| &mut found[number]) {
                Some(field @ None) => {
                    *field = Some(cursor.value()?);
                    missing -= 1;
                    if missing == 0 {
                        return Some(found);
                    }
                }
                _ => cursor.skip_value()?,
            }
            cursor.skip_blanks();
            cursor.take(b',')?;
        }
    }
}

/// Shorter names first: mostly the length alone tells names apart.
fn order(left: &[u8], right: &[u8]) -> std::cmp::Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// The raw text between the quotes (escapes in names are not decoded); leaves the cursor at the
/// value.
fn field_name<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    cursor.skip_blanks();
    let name = cursor.string()?.raw;
    cursor.skip_blanks();
    cursor.take(b':')?;
    cursor.skip_blanks();
    Some(name)
}
