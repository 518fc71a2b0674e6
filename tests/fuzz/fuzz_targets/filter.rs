//! `FILTER`: any expression on any attribute gives an answer in each dialect, and indexes lead to
//! the same answer.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use nearhit::vector_set::filter::{
    Bounds, Circle, Condition, Dialect, FieldReader, Fields, Filter, Params, Path, Values,
};
use roaring::RoaringBitmap;

/// A single slot, whose attribute is indexed at each path of the filter.
struct Indexed<'a> {
    all: RoaringBitmap,
    reader: FieldReader,
    values: Values<'a>,
}

impl<'a> Indexed<'a> {
    fn new(filter: &Filter, attribute: &'a [u8]) -> Self {
        let reader = FieldReader::new(filter.paths().to_vec());
        let values = reader.read(attribute);
        Self { all: RoaringBitmap::from([0]), reader, values }
    }

    fn value(&self, path: &Path) -> Option<nearhit::vector_set::filter::Value<'a>> {
        let number = self.reader.paths().iter().position(|known| known == path)?;
        self.values[number]
    }

    fn slots(&self, has: bool) -> RoaringBitmap {
        if has { self.all.clone() } else { RoaringBitmap::new() }
    }
}

impl Fields for Indexed<'_> {
    fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    fn readable<'a>(&'a self, path: &Path) -> Option<Cow<'a, RoaringBitmap>> {
        Some(Cow::Owned(self.slots(self.value(path).is_some())))
    }

    fn slots_where<'a>(&'a self, condition: &Condition<'_>) -> Option<Bounds<'a>> {
        let holds = self.value(condition.path()).is_some_and(|value| condition.holds(&value));
        let _ = (condition.texts(), condition.numbers(), condition.arrays());
        Some(Bounds::exact(Cow::Owned(self.slots(holds))))
    }

    fn slots_within<'a>(&'a self, _: &Path, _: &Path, _: &Circle) -> Option<Bounds<'a>> {
        None
    }
}

// The expression, a line end, and the attribute, which is the first parameter too.
fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (expression, attribute) = data.split_at(end);
    let attribute = attribute.strip_prefix(b"\n").unwrap_or(attribute);
    for dialect in [Dialect::Redis, Dialect::Redis8_12, Dialect::Nearhit] {
        match Filter::compile(expression, dialect, &Params::new([attribute, b"2.5"])) {
            Ok(filter) => {
                let matches = filter.matches(attribute);
                assert_eq!(matches, filter.matches(attribute));
                let indexed = Indexed::new(&filter, attribute);
                let bounds = filter.bounds(&indexed);
                assert!(matches || bounds.sure().is_empty());
                assert!(!matches || bounds.possible().contains(0));
            }
            Err(error) => {
                assert!(error.near().len() <= expression.len().max(64));
                assert!(error.position() <= expression.len());
            }
        }
    }
});
