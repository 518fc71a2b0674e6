//! Bounds against the filters themselves, over toy indexes of random attributes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::super::*;
use crate::field_index::geo::Place;

/// Attributes by slot, and which paths have an index.
struct Toy {
    attributes: BTreeMap<u32, String>,
    indexed: Vec<&'static str>,
    all: RoaringBitmap,
}

impl Toy {
    fn new(attributes: Vec<String>, indexed: Vec<&'static str>) -> Self {
        let attributes: BTreeMap<u32, String> =
            attributes.into_iter().enumerate().map(|(number, text)| (number as u32 * 3, text)).collect();
        let all = attributes.keys().copied().collect();
        Self { attributes, indexed, all }
    }

    fn is_indexed(&self, path: &Path) -> bool {
        self.indexed.iter().any(|indexed| indexed.as_bytes() == path.as_bytes())
    }

    /// The slots whose value at a path is accepted.
    fn slots(&self, path: &Path, accepts: impl Fn(Value<'_>) -> bool) -> RoaringBitmap {
        let reader = FieldReader::new([path.clone()]);
        let value = |text: &String| reader.read(text.as_bytes())[0].is_some_and(&accepts);
        self.attributes.iter().filter(|(_, text)| value(text)).map(|(slot, _)| *slot).collect()
    }

    fn matching(&self, filter: &Filter) -> RoaringBitmap {
        let matching = self.attributes.iter().filter(|(_, text)| filter.matches(text.as_bytes()));
        matching.map(|(slot, _)| *slot).collect()
    }
}

/// Whether a value satisfies a condition, by its shape for values of this type if it has one.
fn satisfies(condition: &Condition<'_>, value: Value<'_>) -> bool {
    match value {
        Value::Text(text) => condition.texts().map_or_else(
            || condition.holds(&value),
            |shape| match shape {
                TextShape::OneOf(texts) => texts.contains(&&*text.bytes()),
                TextShape::Contains(part) => memchr::memmem::find(&text.bytes(), part).is_some(),
                TextShape::Prefix(prefix) => text.bytes().starts_with(prefix),
                TextShape::Match(words) => words.are_in(&text.bytes()),
            },
        ),
        Value::Number(number) => {
            condition.numbers().map_or_else(|| condition.holds(&value), |ranges| ranges.contains(number))
        }
        Value::Array(items) => match condition.arrays() {
            ArrayShape::Each(answer) => answer,
            ArrayShape::Any(condition) => items.into_iter().any(|item| satisfies(&condition, item)),
            ArrayShape::Match(words) => {
                let texts = items.into_iter().filter_map(|item| match item {
                    Value::Text(text) => Some(text.bytes()),
                    _ => None,
                });
                words.are_in(&texts.collect::<Vec<_>>().join(&b' '))
            }
            ArrayShape::Other => condition.holds(&value),
        },
        Value::Null => condition.holds(&value),
    }
}

impl Fields for Toy {
    fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    fn readable<'a>(&'a self, path: &Path) -> Option<Cow<'a, RoaringBitmap>> {
        self.is_indexed(path).then(|| Cow::Owned(self.slots(path, |_| true)))
    }

    fn slots_where<'a>(&'a self, condition: &Condition<'_>) -> Option<Bounds<'a>> {
        let path = condition.path();
        self.is_indexed(path).then(|| {
            let slots = self.slots(path, |value| condition.holds(&value));
            assert_eq!(slots, self.slots(path, |value| satisfies(condition, value)), "{condition:?}");
            Bounds::exact(Cow::Owned(slots))
        })
    }

    fn slots_within<'a>(&'a self, lat: &Path, lon: &Path, circle: &Circle) -> Option<Bounds<'a>> {
        let reader = FieldReader::new([lat.clone(), lon.clone()]);
        let is_inside = |text: &String| match reader.read(text.as_bytes()).as_slice() {
            [Some(Value::Number(lat)), Some(Value::Number(lon))] => {
                Place::new(*lat, *lon).is_some_and(|place| circle.contains(place))
            }
            [Some(Value::Number(both))] => {
                Place::new(*both, *both).is_some_and(|place| circle.contains(place))
            }
            _ => false,
        };
        let inside = self.attributes.iter().filter(|(_, text)| is_inside(text)).map(|(slot, _)| *slot);
        (self.is_indexed(lat) && self.is_indexed(lon)).then(|| Bounds::exact(Cow::Owned(inside.collect())))
    }
}

const TEXTS: [&str; 7] = ["x", "", "xy", "0", "1", "2.5", "X y"];

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(TEXTS.to_vec()).prop_map(|text| format!("\"{text}\"")),
        prop::sample::select(vec!["0", "1", "2", "-1", "2.5", "1e400"]).prop_map(str::to_string),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let item = prop_oneof![4 => scalar(), 1 => Just("null".into()), 1 => Just("[1]".into()), 1 => Just("true".into())];
    prop_oneof![
        4 => scalar(),
        2 => prop::collection::vec(item, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
        1 => prop::sample::select(vec!["null", "true", "{}", "[{}]", "x", r#"{"d":"x"}"#, r#"{"d":1,"d":2}"#]).prop_map(str::to_string),
    ]
}

fn attribute() -> impl Strategy<Value = String> {
    let field = (prop::sample::select(vec!["a", "b", "c"]), value());
    let fields = prop::collection::vec(field.prop_map(|(name, value)| format!("\"{name}\":{value}")), 0..4);
    prop_oneof![9 => fields.prop_map(|fields| format!("{{{}}}", fields.join(","))), 1 => Just("no JSON".into())]
}

fn selector() -> impl Strategy<Value = String> {
    prop::sample::select(vec![".a", ".b", ".c"]).prop_map(str::to_string)
}

fn constant() -> impl Strategy<Value = String> {
    let tuple = prop::collection::vec(scalar_constant(), 0..3);
    prop_oneof![4 => scalar_constant(), 1 => tuple.prop_map(|items| format!("[{}]", items.join(","))), 1 => Just("null ".into())]
}

fn scalar_constant() -> impl Strategy<Value = String> {
    scalar().prop_filter("literals have no such sign", |text| !text.contains('+'))
}

/// An expression of one field and constants.
fn condition() -> impl Strategy<Value = String> {
    let operator = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "in", "+", "%"]);
    (selector(), constant(), operator(), constant(), operator(), 0..7).prop_map(
        |(field, one, operator, two, other, form)| match form {
            0 => field,
            1 | 2 => format!("({field} {operator} {one})"),
            3 | 4 => format!("({one} {operator} {field})"),
            5 => format!("(({field} {operator} {one}) {other} {two})"),
            _ => format!("({field} {operator} {field})"),
        },
    )
}

/// What only nearhit's language has.
fn extra() -> impl Strategy<Value = String> {
    let path = || prop::sample::select(vec![".a", ".b", ".c", ".a.d", ".b.d"]);
    let text = || prop::sample::select(vec!["'x'", "''", "'x y'", "$1"]);
    let operator = prop::sample::select(vec!["==", "!=", "<", ">=", "in", "not in", "-", "*"]);
    prop_oneof![
        path().prop_map(|path| format!("exists({path})")),
        (path(), text()).prop_map(|(path, text)| format!("prefix({path}, {text})")),
        (path(), text()).prop_map(|(path, text)| format!("contains({path}, {text})")),
        (path(), text()).prop_map(|(path, text)| format!("match({path}, {text}, 'english')")),
        (path(), path()).prop_map(|(lat, lon)| format!("geo({lat}, {lon}, 1, -1.5, 400)")),
        (path(), operator, constant())
            .prop_map(|(path, operator, constant)| format!("({path} {operator} {constant})")),
        (path(), constant()).prop_map(|(path, constant)| format!("(-{path} == {constant})")),
        path().prop_map(|path| format!("(({path} - 1) in [true, null, $2])")),
    ]
}

/// Conditions joined so that indexes can answer all of it.
fn answerable(dialect: Dialect) -> impl Strategy<Value = String> {
    let extra = if dialect == Dialect::Nearhit { extra().boxed() } else { condition().boxed() };
    let leaf = prop_oneof![9 => condition(), 6 => extra, 1 => constant()];
    leaf.prop_recursive(4, 12, 2, |part| {
        prop_oneof![
            (part.clone(), part.clone()).prop_map(|(left, right)| format!("({left} and {right})")),
            (part.clone(), part.clone()).prop_map(|(left, right)| format!("({left} or {right})")),
            part.prop_map(|part| format!("(not {part})")),
        ]
    })
}

/// Anything.
fn expression(dialect: Dialect) -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["and", "or", "==", "<", "in", "+", "!="]);
    answerable(dialect).prop_recursive(3, 6, 2, move |part| {
        (part.clone(), operator.clone(), part)
            .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"))
    })
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::Redis, Dialect::Nearhit])
}

fn attributes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(attribute(), 1..40)
}

fn compile(expression: &str, dialect: Dialect) -> Filter {
    let params = Params::new([&b"xy"[..], b"1"]);
    Filter::compile(expression.as_bytes(), dialect, &params).expect(expression)
}

proptest! {
    #[test]
    fn the_answer_lies_between_the_bounds((dialect, expression) in dialect().prop_flat_map(|dialect| (Just(dialect), expression(dialect))), attributes in attributes(), indexed in prop::sample::subsequence(vec!["a", "b", "c", "a.d"], 0..=4)) {
        let toy = Toy::new(attributes, indexed);
        let filter = compile(&expression, dialect);
        let answer = toy.matching(&filter);
        let bounds = filter.bounds(&toy);
        prop_assert!(bounds.sure().is_subset(&answer), "{:?} of {:?}", bounds, answer);
        prop_assert!(answer.is_subset(bounds.possible()), "{:?} of {:?}", bounds, answer);
        prop_assert_eq!(bounds.is_exact(), bounds.sure() == bounds.possible());
    }

    #[test]
    fn with_all_paths_indexed_the_answer_is_exact((dialect, expression) in dialect().prop_flat_map(|dialect| (Just(dialect), answerable(dialect))), attributes in attributes()) {
        let toy = Toy::new(attributes, vec!["a", "b", "c", "a.d", "b.d"]);
        let filter = compile(&expression, dialect);
        let bounds = filter.bounds(&toy);
        prop_assert!(bounds.is_exact());
        prop_assert_eq!(bounds.sure(), &toy.matching(&filter));
    }

    /// But for null, for which Redis has a number.
    #[test]
    fn the_dialects_agree_where_every_field_has_a_value(expression in expression(Dialect::Redis), attributes in attributes()) {
        let redis = compile(&expression, Dialect::Redis);
        let nearhit = compile(&expression, Dialect::Nearhit);
        let reader = FieldReader::new(redis.paths().to_vec());
        prop_assert_eq!(redis.paths(), nearhit.paths());
        for attribute in attributes.iter().map(String::as_bytes) {
            let values = reader.read(attribute);
            let has_all = values.iter().all(|value| value.is_some_and(|value| !matches!(value, Value::Null)));
            if has_all && !expression.contains("null") {
                prop_assert_eq!(redis.matches(attribute), nearhit.matches(attribute));
            }
        }
    }
}

/// The conditions that a filter asks for.
struct Asked(RoaringBitmap, std::cell::RefCell<Vec<String>>);

impl Fields for Asked {
    fn all(&self) -> &RoaringBitmap {
        &self.0
    }

    fn readable<'a>(&'a self, _: &Path) -> Option<Cow<'a, RoaringBitmap>> {
        None
    }

    fn slots_where<'a>(&'a self, condition: &Condition<'_>) -> Option<Bounds<'a>> {
        let ranges = condition
            .numbers()
            .map(|ranges| ranges.iter().map(|range| format!("{range:?}")).collect::<Vec<_>>());
        self.1.borrow_mut().push(match (condition.texts(), ranges) {
            (Some(texts), _) => format!("{} {texts:?}", condition.path()),
            (None, Some(ranges)) => format!("{} {}", condition.path(), ranges.join(" ")),
            (None, None) => format!("{} other", condition.path()),
        });
        None
    }
}

fn asked(expression: &str) -> Vec<String> {
    let asked = Asked(RoaringBitmap::new(), Default::default());
    compile(expression, Dialect::Nearhit).bounds(&asked);
    let in_redis = Asked(RoaringBitmap::new(), Default::default());
    compile(expression, Dialect::Redis).bounds(&in_redis);
    assert_eq!(asked.1, in_redis.1);
    asked.1.into_inner()
}

#[test]
fn ranges_of_one_field_are_asked_for_at_once() {
    for expression in
        [".n >= 1 and .n < 5", "1 <= .n and not (5 <= .n)", "not (.n < 1 or .n >= 2 + 3) and .n < 9"]
    {
        assert_eq!(asked(expression), [".n (Included(1.0), Excluded(5.0))"], "{expression}");
    }
}

#[test]
fn conditions_on_texts_are_asked_for_one_by_one() {
    let of = |texts: &[&str]| {
        format!(".s {:?}", TextShape::OneOf(texts.iter().map(|text| text.as_bytes()).collect()))
    };
    assert_eq!(asked(".s == 'a' or 'b' == .s"), [of(&["a"]), of(&["b"])]);
    assert_eq!(asked("not (.s in ['a','b'])"), [of(&["a", "b"])]);
    assert_eq!(asked(".s != 'a'"), [of(&["a"])]);
    assert_eq!(asked("'a' in .s"), [format!(".s {:?}", TextShape::Contains(b"a"))]);
    assert_eq!(asked(".s + 1 == .s"), [".s other"]);
    assert_eq!(asked(".s + 1 == .n"), [""; 0]);
}
