//! Indexes of fields, against reading every attribute.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;

const DIM: usize = 8;

fn filter(expression: &str) -> Filter {
    Filter::compile(expression.as_bytes(), Dialect::Redis, &filter::Params::default()).expect("valid")
}

fn put_with(set: &VectorSet, element: &[u8], n: usize, attribute: &[u8]) {
    let put = Put { attribute: Some(attribute), ..put(element, &direction(n, DIM)) };
    assert!(set.untimed().upsert(Hold::Exclusive, &[put], 30, Record::unlogged()).is_ok());
}

fn index(set: &VectorSet, field: &str, kind: FieldKind) {
    let spec = FieldSpec::new(field.as_bytes(), kind, None).expect("valid");
    let added = set.untimed().add_field(Hold::Exclusive, spec, Record::unlogged());
    assert_eq!(added.ok(), Some(Ok(())));
    while set.build_fields() {}
}

/// Names of all that match, by the indexes and by reading each attribute.
fn matching(set: &VectorSet, filter: &Filter) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let indexed = set.untimed().scan(Bound::Unbounded, Some(filter), usize::MAX, usize::MAX).elements;
    let names = set.untimed().range(Bound::Unbounded, Bound::Unbounded, usize::MAX);
    let read = names.into_iter().filter(|name| {
        set.untimed().attributes(&[name])[0].as_deref().is_some_and(|attribute| filter.matches(attribute))
    });
    (indexed, read.collect())
}

const EXPRESSIONS: [&str; 17] = [
    ".k == \"b\"",
    ".k in [\"a\", \"c\"]",
    ".k == 3",
    ".n > 4",
    ".n >= 2 and .n < 7",
    ".k == \"b\" and .n > 3",
    ".k == \"b\" or .n > 8",
    "not (.k == \"b\")",
    "not (.n < 4)",
    "\"a\" in .k",
    ".n == 3 and .u == 1",
    ".u > 1",
    ".n % 2 == 0",
    ".n == null",
    ".k != \"a\"",
    ".n + .u > 5",
    ".missing == 1 or .n > 0",
];

const ATTRIBUTES: [&str; 14] = [
    r#"{"k":"a","n":1,"u":1}"#,
    r#"{"k":"b","n":4.5,"u":2}"#,
    r#"{"k":"c","n":-3}"#,
    r#"{"k":["a","b"],"n":3,"u":1}"#,
    r#"{"k":["c",3],"n":9,"u":3}"#,
    r#"{"k":3,"n":"5","u":0}"#,
    r#"{"k":null,"n":null,"u":null}"#,
    r#"{"k":{"x":1},"n":{"x":1}}"#,
    r#"{"n":8,"u":2}"#,
    r#"{"k":"\u0062","n":2}"#,
    r#"{"k":[["a"]],"n":[1]}"#,
    r#"{"k":"b","n":7,"u":5"#,
    "no json",
    "",
];

fn is_same_for_all(set: &VectorSet, what: &str) {
    for expression in EXPRESSIONS {
        let filter = filter(expression);
        let (indexed, read) = matching(set, &filter);
        assert_eq!(indexed, read, "{expression} {what}");
        assert_eq!(set.untimed().count_matching(&filter), read.len(), "{expression} {what}");
        let query = set.query(&direction(5, DIM)).expect("right dimension");
        for plan in [None, Some(Plan::Scan), Some(Plan::Walk), Some(Plan::Bridges)] {
            let search =
                Search { filter: Some(&filter), count: 1000, ef: 1000, filter_ef: None, plan, ..PLAIN };
            let hits = set.untimed().search(&query, &search);
            let mut found: Vec<_> = hits.iter().map(|hit| hit.element.to_vec()).collect();
            found.sort();
            assert_eq!(found, read, "{expression} {what} {plan:?} {:?}", hits.explanation());
        }
    }
}

#[test]
fn indexes_change_no_answer_whenever_they_are_made() {
    let fill = |set: &VectorSet| {
        for n in 0..600 {
            put_with(set, format!("e{n}").as_bytes(), n, ATTRIBUTES[n * 7 % ATTRIBUTES.len()].as_bytes());
        }
    };
    let (early, late) = (set(DIM), set(DIM));
    for set in [&early, &late] {
        if std::ptr::eq(set, &late) {
            fill(set);
        }
        index(set, "k", FieldKind::Keyword);
        index(set, "n", FieldKind::Numeric);
        if std::ptr::eq(set, &early) {
            fill(set);
        }
        is_same_for_all(set, "after both");
    }
    let states = |set: &VectorSet| {
        let states = set.field_states();
        states.into_iter().map(|state| (state.cardinality, state.entries, state.others)).collect::<Vec<_>>()
    };
    assert_eq!(states(&early), states(&late));
    assert!(states(&early).iter().all(|state| state.1 > 100));
}

#[test]
fn they_are_empty_when_all_elements_have_gone() {
    let set = set(DIM);
    index(&set, "k", FieldKind::Keyword);
    index(&set, "n", FieldKind::Numeric);
    let name = |n: usize| format!("e{n}").into_bytes();
    (0..500).for_each(|n| put_with(&set, &name(n), n, ATTRIBUTES[n % ATTRIBUTES.len()].as_bytes()));
    let full = set.memory().fields;
    (0..500).for_each(|n| assert!(remove(&set, &name(n))));
    assert!(
        set.field_states().iter().all(|state| (state.cardinality, state.entries, state.others) == (0, 0, 0))
    );
    assert!(set.memory().fields * 2 < full, "{} of {full}", set.memory().fields);
    let dropped = set.untimed().drop_field(Hold::Exclusive, b"k", Record::unlogged());
    assert_eq!(dropped.ok(), Some(true));
    assert_eq!(set.field_specs().len(), 1);
}

/// While one thread gives all elements other slots, over and over.
#[test]
fn elements_are_counted_once_while_they_are_updated() {
    let set = set(DIM);
    let put = |n: usize| put_with(&set, format!("e{}", n % 50).as_bytes(), n, br#"{"k":"a"}"#);
    (0..50).for_each(put);
    let path = filter::Path::parse(b"k").expect("valid");
    let filter = filter(".k == \"a\"");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..1500).for_each(put);
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                assert_eq!(set.untimed().count_matching(&filter), 50);
                let facets = set.untimed().facets(&path, Some(&filter), 10).expect("few values");
                assert_eq!(facets, [(FacetValue::Text(b"a".to_vec()), 50)]);
            }
        });
    });
}

#[test]
fn facets_are_counted_with_and_without_an_index() {
    let set = set(DIM);
    for n in 0..600 {
        put_with(&set, format!("e{n}").as_bytes(), n, ATTRIBUTES[n % 5].as_bytes());
    }
    let path = filter::Path::parse(b"k").expect("valid");
    let facets = |expression: Option<&str>| {
        let filter = expression.map(filter);
        set.untimed().facets(&path, filter.as_ref(), 100).expect("few values")
    };
    let expressions = [None, Some(".n > 0"), Some(".k == \"a\""), Some(".n > 100")];
    let read = expressions.map(facets);
    assert_eq!(read[0][0], (FacetValue::Text(b"a".to_vec()), 240));
    index(&set, "k", FieldKind::Keyword);
    index(&set, "n", FieldKind::Numeric);
    assert_eq!(expressions.map(facets), read);
}

#[test]
fn what_matches_is_removed_in_steps() {
    let set = set(DIM);
    for n in 0..1000 {
        put_with(&set, format!("e{n}").as_bytes(), n, format!("{{\"n\":{n}}}").as_bytes());
    }
    let filter = filter(".n % 2 == 0");
    let mut from = Some(0);
    let mut names = Vec::new();
    while let Some(slot) = from {
        let log = |removed: &[&[u8]], _: &mut crate::journal::Effects<'_>| {
            names.extend(removed.iter().map(|name| name.to_vec()));
        };
        let step = set.untimed().remove_matching(Hold::Exclusive, &filter, slot, 64, Record::unlogged(), log);
        let step = step.ok().expect("not refused");
        assert!(step.count <= 64);
        from = step.next;
    }
    // What is written down nowhere is not asked for.
    assert!(names.is_empty());
    assert_eq!((set.len(), set.untimed().count_matching(&filter)), (500, 0));
}

#[derive(Clone, Debug)]
enum Change {
    Put(u8, u8),
    Describe(u8, u8),
    Remove(u8),
    Compact,
    Build,
    Index(bool),
    Drop(bool),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<u8>(), any::<u8>()).prop_map(|(e, a)| Change::Put(e, a)),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(e, a)| Change::Describe(e, a)),
        4 => any::<u8>().prop_map(Change::Remove),
        1 => Just(Change::Compact),
        2 => Just(Change::Build),
        1 => any::<bool>().prop_map(Change::Index),
        1 => any::<bool>().prop_map(Change::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Also while an index is being built.
    #[test]
    fn indexes_follow_every_change(changes in prop::collection::vec(change(), 1..300)) {
        let set = set(DIM);
        let fields = [("n", FieldKind::Numeric), ("k", FieldKind::Keyword)];
        for change in changes {
            match change {
                Change::Put(e, a) => {
                    let attribute = ATTRIBUTES[usize::from(a) % ATTRIBUTES.len()];
                    put_with(&set, &[b'e', e % 64], usize::from(a), attribute.as_bytes());
                }
                Change::Describe(e, a) => {
                    let attribute = ATTRIBUTES[usize::from(a) % ATTRIBUTES.len()];
                    set_attribute(&set, &[b'e', e % 64], attribute.as_bytes());
                }
                Change::Remove(e) => _ = remove(&set, &[b'e', e % 64]),
                Change::Compact => _ = set.compact_step(16, Urgency::MemoryIsShort),
                Change::Build => _ = set.build_fields(),
                Change::Index(which) => {
                    let (field, kind) = fields[usize::from(which)];
                    let spec = FieldSpec::new(field.as_bytes(), kind, None).expect("valid");
                    let _ = set.untimed().add_field(Hold::Exclusive, spec, Record::unlogged());
                }
                Change::Drop(which) => {
                    let name = fields[usize::from(which)].0.as_bytes();
                    let _ = set.untimed().drop_field(Hold::Exclusive, name, Record::unlogged());
                }
            }
        }
        for expression in EXPRESSIONS {
            let (indexed, read) = matching(&set, &filter(expression));
            prop_assert_eq!(indexed, read, "{}", expression);
        }
    }
}

/// Elements that always match are always found, and none that never matches is, while others come,
/// go, change and move.
#[test]
fn searches_agree_with_indexes_while_they_change() {
    const STAY: usize = 100;
    const ALL: usize = 600;
    let set = set(DIM);
    index(&set, "k", FieldKind::Keyword);
    let name = |n: usize| format!("e{n}").into_bytes();
    for n in 0..ALL {
        let attribute = if n < STAY { r#"{"k":"stay","v":0}"# } else { r#"{"k":"other"}"# };
        put_with(&set, &name(n), n, attribute.as_bytes());
    }
    let done = AtomicBool::new(false);
    let rounds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (set, done, rounds) = (&set, &done, &rounds);
        scope.spawn(move || {
            for round in 1..6 {
                for n in 0..ALL {
                    match n % 4 {
                        // Moves to another slot, and is described anew.
                        0 => {
                            let k = if n < STAY { "stay" } else { "other" };
                            let attribute = format!("{{\"k\":\"{k}\",\"v\":{round}}}");
                            put_with(set, &name(n), n + round * 1000, attribute.as_bytes());
                        }
                        1 if n < STAY => {
                            set_attribute(
                                set,
                                &name(n),
                                format!("{{\"k\":\"stay\",\"v\":{round}}}").as_bytes(),
                            );
                        }
                        2 if n >= STAY => {
                            remove(set, &name(n));
                            set.compact_step(4, Urgency::MemoryIsShort);
                        }
                        3 if n >= STAY => put_with(set, &name(n), n * 7, br#"{"k":"third"}"#),
                        _ => {}
                    }
                }
            }
            done.store(true, Ordering::Release);
        });
        for plan in [Some(Plan::Scan), None] {
            scope.spawn(move || {
                let filter = filter(".k == \"stay\"");
                let search =
                    Search { filter: Some(&filter), count: ALL, ef: 2 * ALL, filter_ef: None, plan, ..PLAIN };
                while !done.load(Ordering::Acquire) || rounds.fetch_add(1, Ordering::Relaxed) < 10 {
                    let query = set.query(&direction(3, DIM)).expect("right dimension");
                    let hits = set.untimed().search(&query, &search);
                    let mut found = BTreeMap::new();
                    for hit in hits.iter() {
                        assert!(hit.attribute().is_some_and(|text| text.starts_with(br#"{"k":"stay""#)));
                        assert!(found.insert(hit.element.to_vec(), ()).is_none());
                    }
                    assert_eq!(found.len(), STAY, "{:?}", hits.explanation());
                }
            });
        }
    });
    is_same_for_all(&set, "at the end");
}

#[test]
fn a_search_that_indexes_answer_reads_no_attribute() {
    let set = set(DIM);
    index(&set, "k", FieldKind::Keyword);
    for n in 0..50 {
        let attribute = format!("{{\"k\":\"{}\",\"n\":{n},\"text\":\"{}\"}}", n % 2, "long ".repeat(200));
        put_with(&set, format!("e{n}").as_bytes(), n, attribute.as_bytes());
    }
    let search = |expression: &str| {
        let filter = filter(expression);
        let query = set.query(&direction(5, DIM)).expect("right dimension");
        let hits = set.untimed().search(&query, &Search { filter: Some(&filter), ..PLAIN });
        assert_eq!(hits.len(), 10);
        hits.explanation().map(|explanation| explanation.tested)
    };
    assert_eq!((search(".k == \"1\""), set.savings().values), (Some(0), 50));
    assert_eq!((set.untimed().count_matching(&filter(".k == \"1\"")), set.savings().values), (25, 50));
    assert!(search(".k == \"1\" and .n > 0") > Some(0));
    assert!(set.savings().values < 50, "what was tested is kept as it is");
}

/// Conditions beyond a limit are tested on attributes.
#[test]
fn long_filters_are_answered_too() {
    let set = set(DIM);
    index(&set, "k", FieldKind::Keyword);
    for n in 0..200 {
        put_with(&set, format!("e{n}").as_bytes(), n, format!("{{\"k\":\"v{n}\",\"n\":{n}}}").as_bytes());
    }
    let any: Vec<String> = (0..400).map(|n| format!("(.k == \"v{n}\" and .n >= 0)")).collect();
    let filter = filter(&any.join(" or "));
    let (indexed, read) = matching(&set, &filter);
    assert_eq!((indexed.len(), indexed), (200, read));
}
