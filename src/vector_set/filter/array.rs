//! Arrays of an attribute: checked once, then read in place, item by item, wherever an expression
//! looks into them.

use super::json::Cursor;
use super::value::{Array, Items, Value};

/// An array that was found readable, brackets included.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonArray<'a> {
    raw: &'a [u8],
}

impl<'a> JsonArray<'a> {
    /// Checks an array of readable values, arrays among them, and passes over it. Needs no stack
    /// whatever the depth, since only arrays nest: an object makes all of it unreadable.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let whole = cursor.rest;
        let mut depth = 0;
        loop {
            cursor.skip_blanks();
            let mut value_due = true;
            while value_due && cursor.peek()? == b'[' {
                cursor.take(b'[')?;
                depth += 1;
                cursor.skip_blanks();
                value_due = cursor.peek()? != b']';
            }
            if value_due {
                cursor.scalar()?;
            }
            if close(cursor, &mut depth)? {
                return Some(Self { raw: &whole[..whole.len() - cursor.rest.len()] });
            }
        }
    }
}

/// After a value: passes over closing brackets, and the comma before the next value; true when the
/// outermost is closed.
fn close(cursor: &mut Cursor<'_>, depth: &mut usize) -> Option<bool> {
    loop {
        cursor.skip_blanks();
        if cursor.peek()? == b',' {
            return cursor.take(b',').map(|()| false);
        }
        cursor.take(b']')?;
        *depth = depth.checked_sub(1)?;
        if *depth == 0 {
            return Some(true);
        }
    }
}

impl<'a> IntoIterator for JsonArray<'a> {
    type Item = Value<'a>;
    type IntoIter = JsonItems<'a>;

    fn into_iter(self) -> JsonItems<'a> {
        JsonItems { cursor: Cursor { rest: &self.raw[1..] } }
    }
}

/// The items of an array, in order.
#[derive(Debug)]
pub(super) struct JsonItems<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for JsonItems<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.cursor.skip_blanks();
        if self.cursor.peek()? == b',' {
            self.cursor.take(b',')?;
            self.cursor.skip_blanks();
        }
        // At the closing bracket there is no value: the end.
        if self.cursor.peek()? != b'[' {
            return self.cursor.scalar();
        }
        let raw = self.cursor.rest;
        self.cursor.skip_bracketed(b'[', b']')?;
        let array = JsonArray { raw: &raw[..raw.len() - self.cursor.rest.len()] };
        Some(Value::Array(Array(Items::Json(array))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &[u8]) -> bool {
        JsonArray::read(&mut Cursor { rest: text }).is_some()
    }

    #[test]
    fn only_arrays_of_readable_values_are_read() {
        assert!(reads(b"[]") && reads(b"[ [ ] , [[1]] ]") && reads(b"[true,false,null,\"\",+05]x"));
        for text in [
            "", "1", "1]", "1,2", "]", "[", "[,]", "[1,]", "[1 2]", "[[1]", "[{}]", "[truex]", "[.5]", "[\"]",
        ] {
            assert!(!reads(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn items_come_in_order_and_nested_arrays_whole() {
        let mut cursor = Cursor { rest: br#"[1 ,[["]"],2], "x",null ,[] ]rest"# };
        let array = JsonArray::read(&mut cursor).unwrap();
        assert_eq!(cursor.rest, b"rest");
        let items: Vec<_> = array.into_iter().map(|item| format!("{item:?}")).collect();
        assert_eq!(items.len(), 5, "{items:?}");
        assert!(items[1].contains("Json") && items[2].contains("Text") && items[3] == "Null", "{items:?}");
    }
}
