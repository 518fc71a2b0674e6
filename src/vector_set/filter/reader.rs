//! Reads fields from an attribute: all that are wanted in one scan of it.

use std::collections::HashSet;

use smallvec::{SmallVec, smallvec};

use super::json::Cursor;
use super::path::Path;
use super::value::Value;

/// Readers of no more paths than this need no allocation to read.
const USUAL_PATHS: usize = 4;

/// What a reader found: a value for each of its [paths](FieldReader::paths), or none where the
/// field is missing or cannot be read.
pub type Values<'a> = SmallVec<[Option<Value<'a>>; USUAL_PATHS]>;

/// Reads the fields at several paths from one attribute. Each value is that which a reader of this
/// path alone finds: an unreadable value at one path does not hide the others.
#[derive(Debug)]
pub struct FieldReader {
    paths: Box<[Path]>,
    root: Object,
}

impl FieldReader {
    /// A reader of these paths, in this order; of equal ones it has the first.
    pub fn new(paths: impl IntoIterator<Item = Path>) -> Self {
        let mut known = HashSet::new();
        let paths: Box<[Path]> = paths.into_iter().filter(|path| known.insert(path.clone())).collect();
        let names: Vec<Vec<&[u8]>> = paths.iter().map(|path| path.names().collect()).collect();
        // A path that is empty has a value in no attribute, not even in one with a field `""`.
        let wanted = names.iter().enumerate().filter(|(number, _)| !paths[*number].is_empty());
        let root = Object::new(wanted.map(|(number, names)| (names.as_slice(), number)).collect());
        Self { paths, root }
    }

    /// The distinct paths, in the order of the values.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Reads an attribute. Nothing after the last field wanted is looked at; of several fields
    /// with the same name the first counts.
    pub fn read<'a>(&self, attribute: &'a [u8]) -> Values<'a> {
        let mut values = self.no_values();
        // Where the scan ends early, the values not found by then stay missing.
        self.fill(attribute, &mut values).unwrap_or_default();
        values
    }

    /// What [`Self::fill`] begins with.
    #[inline]
    pub(super) fn no_values<'a>(&self) -> Values<'a> {
        smallvec![None; self.paths.len()]
    }

    /// [`Self::read`] in place; `None` if the scan ended before all names were met.
    #[inline]
    pub(super) fn fill<'a>(&self, attribute: &'a [u8], values: &mut [Option<Value<'a>>]) -> Option<()> {
        let mut cursor = Cursor { rest: attribute };
        cursor.skip_blanks();
        self.root.read(cursor, values)
    }
}

/// The names wanted of one JSON object.
#[derive(Debug)]
struct Object {
    /// Sorted by [`order`].
    names: Box<[Name]>,
}

#[derive(Debug)]
struct Name {
    name: Box<[u8]>,
    /// The number of the path that ends here.
    value: Option<usize>,
    /// Names wanted of the object that is the value. As deep as paths are: `MAX_PATH_DEPTH`.
    inside: Object,
}

impl Object {
    /// An object of which the values at these paths (distinct, none without a name) are wanted,
    /// each with the number of its value. Calls itself no deeper than paths are.
    fn new(mut wanted: Vec<(&[&[u8]], usize)>) -> Self {
        wanted.sort_unstable_by(|(left, _), (right, _)| order(left[0], right[0]));
        let same_name = wanted.chunk_by(|(left, _), (right, _)| left[0] == right[0]);
        Self { names: same_name.map(Name::new).collect() }
    }

    /// Reads the object at the cursor; `None` where its text ends or cannot be read.
    fn read<'a>(&self, mut cursor: Cursor<'a>, values: &mut [Option<Value<'a>>]) -> Option<()> {
        let mut unseen = self.names.len();
        if unseen == 0 {
            return Some(());
        }
        let mut seen = Seen::new(unseen);
        cursor.take(b'{')?;
        loop {
            let name = field_name(&mut cursor)?;
            match self.position(name) {
                Some(number) if seen.insert(number) => {
                    unseen -= 1;
                    let passed = self.names[number].read(&mut cursor, values);
                    if unseen == 0 {
                        return Some(());
                    }
                    passed?;
                }
                _ => cursor.skip_value()?,
            }
            cursor.skip_blanks();
            cursor.take(b',')?;
        }
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.names.binary_search_by(|known| order(&known.name, name)).ok()
    }
}

impl Name {
    /// What is wanted at paths that all begin with the same name.
    fn new(wanted: &[(&[&[u8]], usize)]) -> Self {
        let value = wanted.iter().find(|(names, _)| names.len() == 1).map(|(_, number)| *number);
        let longer = wanted.iter().filter(|(names, _)| names.len() > 1);
        let inside = longer.map(|(names, number)| (&names[1..], *number)).collect();
        Self { name: wanted[0].0[0].into(), value, inside: Object::new(inside) }
    }

    /// Reads what is wanted of the value at the cursor, and passes over it.
    #[inline]
    fn read<'a>(&self, cursor: &mut Cursor<'a>, values: &mut [Option<Value<'a>>]) -> Option<()> {
        if let Some(number) = self.value {
            let mut reading = *cursor;
            if let Some(value) = reading.value() {
                values[number] = Some(value);
                *cursor = reading;
                return Some(());
            }
        }
        self.read_inside(cursor, values)
    }

    /// A value that is of no use here is skipped as any other: then it does not hide the fields
    /// after it.
    #[cold]
    #[inline(never)]
    fn read_inside<'a>(&self, cursor: &mut Cursor<'a>, values: &mut [Option<Value<'a>>]) -> Option<()> {
        self.inside.read(*cursor, values).unwrap_or_default();
        cursor.skip_value()
    }
}

/// Which of an object's names have been met.
struct Seen {
    /// A bit for each of the first 64.
    few: u64,
    /// Those of the others.
    more: Vec<u64>,
}

impl Seen {
    fn new(names: usize) -> Self {
        let more = if names > 64 { vec![0; names.div_ceil(64) - 1] } else { Vec::new() };
        Self { few: 0, more }
    }

    /// True the first time.
    fn insert(&mut self, number: usize) -> bool {
        let word = if number < 64 { &mut self.few } else { &mut self.more[number / 64 - 1] };
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Shorter names first: in most cases the lengths differ, and no byte is compared.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(paths: &[&str]) -> FieldReader {
        FieldReader::new(paths.iter().map(|path| Path::parse(path.as_bytes()).unwrap()))
    }

    /// The numbers found, with `-` for a value that is none.
    fn read(paths: &[&str], attribute: &str) -> String {
        let shown = |value: &Option<Value>| value.map_or("-".into(), |value| value.number().to_string());
        let values: Vec<String> = reader(paths).read(attribute.as_bytes()).iter().map(shown).collect();
        values.join(" ")
    }

    #[test]
    fn values_come_in_the_order_of_the_paths() {
        let reader = reader(&["b", ".a", "b", "aa"]);
        assert_eq!(reader.paths().iter().map(Path::to_string).collect::<Vec<_>>(), [".b", ".a", ".aa"]);
        assert_eq!(read(&["b", "a", "aa"], r#"{"a":1,"x":[2],"aa":3,"b":4}"#), "4 1 3");
    }

    #[test]
    fn fields_of_objects_are_read_and_objects_are_not() {
        let attribute = r#"{"a":{"x":{"b":9},"b":{"c":1,"d":2}},"b":3}"#;
        assert_eq!(read(&["a.b.c", "a.b", "a", "b", "a.b.d", "a.x.b"], attribute), "1 - - 3 2 9");
        assert_eq!(read(&["a", "a.b"], r#"{"a":5}"#), "5 -");
    }

    #[test]
    fn an_unreadable_value_does_not_hide_the_others() {
        assert_eq!(read(&["a", "b"], r#"{"a":[{}],"b":1}"#), "- 1");
        assert_eq!(read(&["a", "b"], r#"{"a":nul,"b":1}"#), "- -");
        assert_eq!(read(&["a.x", "b"], r#"{"a":{x],"b":1}"#), "- -");
        assert_eq!(read(&["a.x", "b"], r#"{"a":{x]},"b":1}"#), "- 1");
    }

    #[test]
    fn the_first_of_equal_names_counts() {
        assert_eq!(read(&["a.b"], r#"{"a":{"c":1},"a":{"b":2}}"#), "-");
        assert_eq!(read(&["a", "b"], r#"{"a":{},"a":2,"b":3}"#), "- 3");
    }

    #[test]
    fn many_paths_are_read() {
        let names: Vec<String> = (0..200).map(|number| format!("n{number}.x")).collect();
        let fields: Vec<String> =
            (0..200).rev().map(|number| format!("\"n{number}\":{{\"x\":{number}}}")).collect();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(read(&paths, &format!("{{{}}}", fields.join(","))), expected.join(" "));
    }

    fn json() -> impl Strategy<Value = String> {
        let pieces = vec![
            "{", "{", "}", "}", "[", "]", ",", ",", ":", "\"a\":", "\"b\":", "\"c\":", "\"a\":{", "\"b\":{",
            "1", "true", "tru", "null", "\"s\"", "\"", " ", "2",
        ];
        prop::collection::vec(prop::sample::select(pieces), 0..24)
            .prop_map(|pieces| format!("{{{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn each_value_is_what_a_reader_of_its_path_alone_finds(attribute in json()) {
            let paths = ["a", "b", "a.b", "a.a", "b.a.c", "c"];
            let together = reader(&paths).read(attribute.as_bytes());
            for (number, path) in paths.iter().enumerate() {
                let alone = reader(&[path]).read(attribute.as_bytes());
                prop_assert_eq!(format!("{:?}", alone[0]), format!("{:?}", together[number]), "{}", path);
            }
        }
    }
}
