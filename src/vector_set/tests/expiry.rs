//! Elements with deadlines, as callers see them at different times.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn at(now_ms: i64) -> Now {
    Now { expiry_ms: now_ms, used_ms: now_ms, ..Now::UNTIMED }
}

fn put_until(set: &VectorSet, now_ms: i64, name: &[u8], n: usize, lifetime: Lifetime) -> Upserted {
    let put = Put { lifetime, ..put(name, &direction(n, 4)) };
    let done = set.at(at(now_ms)).upsert(Hold::Exclusive, &[put], 20, Record::unlogged());
    done.ok().expect("not refused")[0]
}

#[test]
fn an_expired_element_is_in_no_answer() {
    let set = set(4);
    put_until(&set, 0, b"a", 1, Lifetime::Until(10));
    put_until(&set, 0, b"b", 2, Lifetime::Endless);
    set_attribute(&set, b"a", b"{}");
    for (now_ms, there) in [(10, true), (11, false)] {
        let now = set.at(at(now_ms));
        assert_eq!(now.len(), 1 + usize::from(there));
        assert_eq!(now.contains_each(&[b"a", b"b"]), [there, true]);
        assert_eq!(now.attributes(&[b"a"])[0].is_some(), there);
        assert_eq!(now.with_code(b"a", |_, _| ()).is_some(), there);
        assert_eq!(now.query_of(b"a").is_some(), there);
        assert_eq!(now.neighbours(b"a").is_some(), there);
        assert_eq!(now.neighbours(b"b").is_some_and(|lists| lists[0].len() == 1), there);
        assert_eq!(now.range(Bound::Unbounded, Bound::Unbounded, 1)[0] == b"a", there);
        assert_eq!(now.random_distinct(9, |n| n - 1).len(), 1 + usize::from(there));
        assert_eq!(now.random(3, |n| n - 1).len(), 3);
        assert_eq!(now.usage(b"a").is_some(), there);
        let query = now.query(&direction(1, 4)).expect("right dimension");
        let found: Vec<_> = now.search(&query, &PLAIN).iter().map(|hit| hit.element.to_vec()).collect();
        assert_eq!(found.contains(&b"a".to_vec()), there);
    }
    assert_ne!(set.at(at(10)).digest(), set.at(at(11)).digest());
    assert!(!set.is_spent(11));
}

#[test]
fn an_element_that_comes_back_is_new() {
    let set = set(4);
    put_until(&set, 0, b"a", 1, Lifetime::Until(10));
    set_attribute(&set, b"a", b"old");
    assert_eq!(put_until(&set, 10, b"a", 1, Lifetime::Kept), Upserted::Updated);
    assert_eq!(set.at(at(10)).deadlines(&[b"a"]), [Some(Some(10))]);
    assert_eq!(put_until(&set, 11, b"a", 1, Lifetime::Kept), Upserted::Added);
    let now = set.at(at(1_000));
    assert_eq!((now.attributes(&[b"a"]), now.deadlines(&[b"a", b"b"])), (vec![None], vec![Some(None), None]));
}

#[test]
fn an_update_ends_the_lifetime_unless_it_keeps_it() {
    let set = set(4);
    for (vector, lifetime, expected) in [
        (1, Lifetime::Until(10), Some(10)),
        (2, Lifetime::Kept, Some(10)),
        (2, Lifetime::Kept, Some(10)),
        (2, Lifetime::Until(20), Some(20)),
        (2, Lifetime::Endless, None),
        (3, Lifetime::Until(5), Some(5)),
        (4, Lifetime::Endless, None),
    ] {
        put_until(&set, 0, b"a", vector, lifetime);
        assert_eq!(set.at(at(1)).deadlines(&[b"a"]), [Some(expected)]);
    }
    assert!(set.at(at(1)).remove(Hold::Exclusive, &[b"a"], Record::unlogged()).is_ok());
    assert_eq!(set.elements_with_deadlines(), 0);
}

/// With so many that the first try finds none that is left.
#[test]
fn a_search_sees_through_a_crowd_of_expired_elements() {
    let set = set(4);
    for n in 0..2_000 {
        let lifetime = if n % 100 == 0 { Lifetime::Endless } else { Lifetime::Until(10) };
        put_until(&set, 0, format!("e{n}").as_bytes(), n, lifetime);
    }
    let now = set.at(at(11));
    let query = now.query(&direction(7, 4)).expect("right dimension");
    let hits = now.search(&query, &Search { ef: 10, ..PLAIN });
    assert_eq!(hits.len(), 10);
    let is_left = |name: &[u8]| name.ends_with(b"00") || name == b"e0";
    assert!(hits.iter().all(|hit| is_left(hit.element)));
    drop(hits);
    let expired = now.expire(Hold::Exclusive, 5_000, Record::unlogged());
    assert!(expired.is_ok_and(|expired| expired == 1_980));
    assert_eq!((set.len(), set.next_deadline_ms()), (20, None));
}

#[test]
fn the_last_element_expires_under_the_lock_of_its_key() {
    let set = set(4);
    put_until(&set, 0, b"a", 1, Lifetime::Until(10));
    let hold = Hold::Lookup(set.binding());
    assert!(!set.is_spent(10) && set.is_spent(11));
    let now = set.at(at(11));
    assert!(matches!(now.expire(hold, 10, Record::unlogged()), Err(Refused::WouldEmpty(_))));
    assert!(now.expire(Hold::Exclusive, 10, Record::unlogged()).is_ok_and(|expired| expired == 1));
    assert!(!set.is_spent(11) && set.is_empty());
    assert!(matches!(now.expire(hold, 10, Record::unlogged()), Ok(0)));
}

#[test]
fn a_copy_has_the_deadlines() {
    let set = Arc::new(set(4));
    (0..300).for_each(|n| {
        let lifetime = if n % 3 == 0 { Lifetime::Until(10 + n as i64) } else { Lifetime::Endless };
        put_until(&set, 0, format!("e{n}").as_bytes(), n, lifetime);
    });
    let copy = set.duplicate().expect("undamaged").set;
    let names: Vec<Vec<u8>> = (0..300).map(|n| format!("e{n}").into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    assert_eq!(copy.at(at(0)).deadlines(&names), set.at(at(0)).deadlines(&names));
    assert_eq!(copy.at(at(200)).digest(), set.at(at(200)).digest());
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, Lifetime),
    Remove(u8),
    Reschedule(u8, Reschedule),
    Wait(u8),
    Expire(u8),
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![Just(Lifetime::Endless), Just(Lifetime::Kept), (1..60_i64).prop_map(Lifetime::Until)]
}

fn step() -> impl Strategy<Value = Step> {
    let reschedule =
        prop_oneof![Just(Reschedule::Leave), Just(Reschedule::Remove), lifetime().prop_map(Reschedule::To),];
    prop_oneof![
        4 => (any::<u8>(), lifetime()).prop_map(|(name, lifetime)| Step::Put(name % 30, lifetime)),
        1 => any::<u8>().prop_map(|name| Step::Remove(name % 30)),
        2 => (any::<u8>(), reschedule).prop_map(|(name, what)| Step::Reschedule(name % 30, what)),
        1 => (0..9_u8).prop_map(Step::Wait),
        1 => any::<u8>().prop_map(|limit| Step::Expire(limit % 8)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_set_is_the_map_that_a_clock_empties(steps in prop::collection::vec(step(), 1..120)) {
        let set = set(4).with_options(SetOptions { may_be_empty: true, ..SetOptions::default() });
        let mut model: BTreeMap<u8, Option<i64>> = BTreeMap::new();
        let mut now_ms = 1;
        for (number, step) in steps.into_iter().enumerate() {
            let present = set.at(at(now_ms));
            let hold = Hold::Lookup(set.binding());
            // Times to come, as commands give them.
            let ahead = |lifetime| match lifetime {
                Lifetime::Until(after) => Lifetime::Until(now_ms + after),
                other => other,
            };
            match step {
                Step::Put(name, lifetime) => {
                    let lifetime = ahead(lifetime);
                    let upserted = put_until(&set, now_ms, &[name], number, lifetime);
                    let before = model.get(&name).copied();
                    prop_assert_eq!(upserted == Upserted::Updated, before.is_some());
                    model.insert(name, lifetime.deadline(before.flatten()));
                }
                Step::Remove(name) => {
                    let removed = present.remove(hold, &[&[name]], Record::unlogged()).ok();
                    prop_assert_eq!(removed, Some(vec![model.remove(&name).is_some()]));
                }
                Step::Reschedule(name, what) => {
                    let what = if let Reschedule::To(to) = what { Reschedule::To(ahead(to)) } else { what };
                    let done = present.reschedule(hold, &[&[name]], |_| what, Record::unlogged(), |_, _| ());
                    prop_assert_eq!(done.ok(), Some(vec![model.contains_key(&name).then_some(what)]));
                    match what {
                        Reschedule::Leave => {}
                        Reschedule::Remove => _ = model.remove(&name),
                        Reschedule::To(to) => {
                            model.entry(name).and_modify(|deadline| *deadline = to.deadline(*deadline));
                        }
                    }
                }
                Step::Wait(by_ms) => {
                    now_ms += i64::from(by_ms);
                    model.retain(|_, deadline| deadline.is_none_or(|at_ms| at_ms >= now_ms));
                }
                Step::Expire(limit) => {
                    let gone = set.len() - model.len();
                    let expired = present.expire(hold, limit.into(), Record::unlogged()).ok();
                    prop_assert_eq!(expired, Some(gone.min(limit.into())));
                }
            }
            let present = set.at(at(now_ms));
            prop_assert_eq!(present.len(), model.len());
            let names: Vec<Vec<u8>> = model.keys().map(|&name| vec![name]).collect();
            prop_assert_eq!(&present.range(Bound::Unbounded, Bound::Unbounded, 99), &names);
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            let deadlines: Vec<_> = model.values().map(|&deadline| Some(deadline)).collect();
            prop_assert_eq!(present.deadlines(&names), deadlines);
            let query = present.query(&direction(number, 4)).expect("right dimension");
            let truth = present.search(&query, &Search { count: 99, truth: true, ..PLAIN });
            prop_assert_eq!(truth.len(), model.len());
        }
    }
}
