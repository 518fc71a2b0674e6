//! Sets that are bounded: what is evicted for new elements, and when they are refused.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::splitmix::SplitMix64;

const NOW: Now = Now { used_ms: 1_795_000_000_000, touches: true, ..Now::UNTIMED };

fn after(ms: i64) -> Now {
    Now { used_ms: NOW.used_ms + ms, expiry_ms: NOW.used_ms + ms, ..NOW }
}

fn bounded(max_elements: u64, policy: SetPolicy) -> VectorSet {
    let limits = Limits { max_elements: Some(max_elements), policy, ..Limits::default() };
    set(2).with_limits(limits)
}

/// How many were evicted for an element.
fn add_at(set: &VectorSet, now: Now, element: &[u8], attribute: Option<&[u8]>) -> Result<usize, Full> {
    let number = element.iter().fold(0, |number, &byte| number * 31 % 10_007 + usize::from(byte));
    let put = Put { attribute, ..put(element, &direction(number, 2)) };
    match set.at(now).upsert_within_limits(Hold::Exclusive, &[put], 1, Record::unlogged()) {
        Ok(Bounded::Done { evicted, .. }) => Ok(evicted),
        Ok(Bounded::Full(full)) => Err(full),
        Err(_) => panic!("not refused"),
    }
}

fn has(set: &VectorSet, element: &str) -> bool {
    set.untimed().contains(element.as_bytes())
}

/// Requests for elements; one that is not there is added. The share of those that were.
fn hit_rate(requests: &[u32], mut is_hit: impl FnMut(usize, u32) -> bool) -> f64 {
    let hits = requests.iter().enumerate().filter(|(at, request)| is_hit(*at, **request)).count();
    hits as f64 / requests.len() as f64
}

/// Zipf's law with the exponent 1.
fn zipf(names: u32, count: usize) -> Vec<u32> {
    let mut random = SplitMix64::new(7);
    let mut unit = || random.next() as f64 / u64::MAX as f64;
    (0..count).map(|_| f64::from(names).powf(unit()) as u32).collect()
}

#[test]
fn the_hit_rate_is_that_of_an_exact_order_of_use() {
    const CAPACITY: usize = 200;
    let requests = zipf(2_000, 12_000);
    let set = bounded(CAPACITY as u64, SetPolicy::Lru);
    let sampled = hit_rate(&requests, |at, request| {
        // Uses are told apart from 32 ms on.
        let now = after(at as i64 * 64);
        let name = request.to_string().into_bytes();
        // A read is a use.
        let is_hit = set.at(now).usage(&name).is_some() && !set.at(now).attributes(&[&name]).is_empty();
        if !is_hit {
            let is_full = set.len() == CAPACITY;
            assert_eq!(add_at(&set, now, &name, None), Ok(usize::from(is_full)));
        }
        is_hit
    });
    let (mut used, mut order) = (HashMap::<u32, usize>::new(), BTreeMap::new());
    let exact = hit_rate(&requests, |at, request| {
        let before = used.insert(request, at);
        order.insert(at, request);
        before.map(|before| order.remove(&before));
        if used.len() > CAPACITY {
            let (_, oldest) = order.pop_first().expect("it is full");
            used.remove(&oldest);
        }
        before.is_some()
    });
    assert!((sampled - exact).abs() < 0.02, "{sampled:.3}, exactly {exact:.3}");
    assert!((0.4..0.9).contains(&exact), "{exact:.3}: a stream that says nothing");
    assert_eq!(set.len(), CAPACITY);
}

#[test]
fn each_policy_has_its_victims() {
    for (policy, victim) in [(SetPolicy::Lru, "b"), (SetPolicy::Lfu, "c"), (SetPolicy::Ttl, "a")] {
        let set = bounded(3, policy);
        for (element, at_ms) in [("a", 0), ("b", 100), ("c", 200)] {
            assert_eq!(add_at(&set, after(at_ms), element.as_bytes(), None), Ok(0));
        }
        let reschedule = |_| Reschedule::To(Lifetime::Until(NOW.used_ms + 1_000_000));
        let only_a: &[&[u8]] = &[b"a"];
        let done = set.at(NOW).reschedule(Hold::Exclusive, only_a, reschedule, Record::unlogged(), |_, _| ());
        assert!(done.is_ok());
        // In the order of last use b, a, c; the one that is used least is c.
        for (element, at_ms) in [("b", 300), ("b", 350), ("a", 400), ("a", 450), ("a", 500), ("c", 600)] {
            if element != "c" || policy == SetPolicy::Lru {
                assert_eq!(set.at(after(at_ms)).attributes(&[element.as_bytes()]).len(), 1);
            }
        }
        assert_eq!(add_at(&set, after(700), b"d", None), Ok(1));
        let left: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|element| !has(&set, element)).collect();
        assert_eq!(left, [victim], "{policy:?}");
        assert_eq!(set.figures().evicted_for_limit.get(), 1);
    }
}

#[test]
fn what_may_not_be_evicted_refuses_others() {
    for policy in SetPolicy::ALL.map(|(_, policy)| policy) {
        let set = bounded(2, policy);
        assert_eq!([b"a", b"b"].map(|element| add_at(&set, NOW, element, None)), [Ok(0), Ok(0)]);
        let both: &[&[u8]] = &[b"a", b"b"];
        assert!(set.at(NOW).pin(Hold::Exclusive, both, true, Record::unlogged()).is_ok());
        let changes = set.changes();
        assert_eq!(add_at(&set, NOW, b"c", None), Err(Full::Elements), "{policy:?}");
        assert_eq!((set.changes(), set.len(), set.figures().evicted_for_limit.get()), (changes, 2, 0));
        assert_eq!(add_at(&set, NOW, b"a", Some(b"{}")), Ok(0), "an update takes no room");
        assert!(set.at(NOW).pin(Hold::Exclusive, &[b"b"], false, Record::unlogged()).is_ok());
        let may_go = !matches!(policy, SetPolicy::None | SetPolicy::Ttl);
        assert_eq!(add_at(&set, NOW, b"c", None).is_ok(), may_go, "{policy:?}");
        assert_eq!([has(&set, "a"), has(&set, "b"), has(&set, "c")], [true, !may_go, may_go]);
    }
}

#[test]
fn bytes_are_bounded_with_attributes() {
    let attribute = crate::compressed::random(1_000);
    let set = set(2);
    for n in 0..200 {
        assert_eq!(add_at(&set, after(n * 64), format!("e{n}").as_bytes(), Some(&attribute)), Ok(0));
    }
    let each = set.element_bytes_in_all() / 200;
    let expected = bytes_per_element(set.params()) + 1_000;
    assert!(each.abs_diff(expected) < 64, "{each}, expected {expected}");
    let most = 100 * each as u64;
    let change = LimitsChange { max_bytes: Some(Some(most)), ..LimitsChange::default() };
    assert!(set.at(after(20_000)).configure(Hold::Exclusive, &change, true, Record::unlogged()).is_ok());
    assert!(set.len().abs_diff(100) <= 1 && !has(&set, "e0") && has(&set, "e199"), "{}", set.len());
    for n in 0..300 {
        let attribute = &attribute[..if n % 2 == 0 { 1_000 } else { 200 }];
        assert!(add_at(&set, after(30_000 + n * 64), format!("f{n}").as_bytes(), Some(attribute)).is_ok());
        assert!(!set.exceeds_limits() || set.element_bytes_in_all() as u64 * 20 < most * 21);
    }
    assert!(set.len() > 110, "more of them fit in: {}", set.len());
    let large = vec![b'x'; most as usize];
    let large = crate::compressed::random(large.len());
    assert_eq!(add_at(&set, after(90_000), b"large", Some(&large)), Err(Full::Bytes));
}

#[test]
fn a_lower_limit_is_reached_in_steps_and_never_empties() {
    let set = bounded(1_000, SetPolicy::Random);
    (0..400).for_each(|n| assert_eq!(add_at(&set, NOW, format!("e{n}").as_bytes(), None), Ok(0)));
    let change = LimitsChange { max_bytes: Some(Some(1)), ..LimitsChange::default() };
    let configured = set.at(NOW).configure(Hold::Exclusive, &change, false, Record::unlogged());
    assert_eq!((configured.ok(), set.len()), (Some(0), 400));
    let mut steps = 0;
    while set.exceeds_limits() {
        let before = set.len();
        let evicted = set.at(NOW).shrink(Hold::Lookup(set.binding()), Record::unlogged()).ok();
        assert!(evicted.is_some_and(|evicted| (1..=130).contains(&evicted) && before - evicted == set.len()));
        steps += 1;
    }
    assert!(set.len() == 1 && steps > 3, "{steps}");
    assert_eq!(add_at(&set, NOW, b"a", None), Err(Full::Bytes));
}
