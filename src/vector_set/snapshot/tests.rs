//! Snapshots of sets that change meanwhile, against what the sets were.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::journal::Record;
use crate::quantization::SAMPLE;
use crate::vector_set::{Bits, Bound, Hold, Kind, Lifetime, Metric, Params, Put};

const DIM: usize = 8;
const EF: usize = 20;

fn set(kind: Kind, rerank: Option<Kind>) -> Arc<VectorSet> {
    let params = Params::new(DIM).and_then(|params| params.with_m(4)?.with_format(kind, Metric::Cosine));
    let params = params.and_then(|params| match rerank {
        Some(kind) => params.with_rerank(kind),
        None => Ok(params),
    });
    Arc::new(VectorSet::new(params.expect("valid"), 1))
}

fn vector(n: usize) -> Vec<f32> {
    let noise = |i: usize| {
        let mut x = (n as u64 * 1009 + i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..DIM).map(noise).collect()
}

fn name(n: usize) -> Vec<u8> {
    format!("e{n}").into_bytes()
}

fn add(set: &VectorSet, n: usize, number: usize, attribute: Option<&[u8]>, record: Record) {
    let put = Put { element: &name(n), vector: vector(number), attribute, lifetime: Lifetime::Endless };
    assert!(set.untimed().upsert(Hold::Exclusive, &[put], EF, record).is_ok());
}

fn remove(set: &VectorSet, n: usize, record: Record) {
    assert!(set.untimed().remove(Hold::Exclusive, &[&name(n)], record).is_ok());
}

fn set_attribute(set: &VectorSet, n: usize, attribute: &[u8], record: Record) {
    assert!(set.untimed().set_attribute(Hold::Exclusive, &name(n), attribute, record).is_ok());
}

/// With elements `0 .. count`.
fn filled(set: Arc<VectorSet>, count: usize) -> Arc<VectorSet> {
    (0..count).for_each(|n| add(&set, n, n, None, Record::unlogged()));
    set
}

/// What is compared of an element.
#[derive(Clone, PartialEq, Debug)]
struct Kept {
    attribute: Vec<u8>,
    is_pinned: bool,
    best: (Vec<u8>, Vec<u8>),
}

type Contents = BTreeMap<Vec<u8>, Kept>;

/// The set as it is, by its other methods.
fn contents(set: &VectorSet) -> Contents {
    let names = set.untimed().range(Bound::Unbounded, Bound::Unbounded, usize::MAX);
    let kept = |name: &Vec<u8>| Kept {
        attribute: set.untimed().attributes(&[name])[0].clone().unwrap_or_default(),
        is_pinned: set.untimed().are_pinned(&[name])[0].expect("an element"),
        best: set
            .untimed()
            .with_code(name, |_, code| (code.head.to_vec(), code.body.to_vec()))
            .expect("an element"),
    };
    names.iter().map(|name| (name.clone(), kept(name))).collect()
}

/// What a snapshot gave.
#[derive(Default)]
pub(super) struct Given {
    contents: Contents,
    coarse: usize,
    pub(super) links: BTreeMap<u32, Vec<Links>>,
}

impl Given {
    fn take(&mut self, element: &Element) {
        let best = (element.best.head.to_vec(), element.best.body.to_vec());
        let kept = Kept { attribute: element.attribute.to_vec(), is_pinned: element.is_pinned, best };
        assert!(self.contents.insert(element.name.to_vec(), kept).is_none(), "{element:?} came twice");
        self.links.insert(element.slot, element.links.to_vec());
        self.coarse += usize::from(element.coarse.is_some());
    }

    fn has(&self, slot: u32, layer: usize) -> bool {
        self.links.get(&slot).is_some_and(|lists| lists.len() > layer)
    }

    /// Links lead to members that reach their layer, to none twice, and lists are no longer than
    /// they may be.
    pub(super) fn check_links(&self, m: usize) {
        for (slot, lists) in &self.links {
            for (layer, links) in lists.iter().enumerate() {
                assert!(
                    links.len() <= if layer == 0 { 2 * m } else { m },
                    "{slot}, layer {layer}: {links:?}"
                );
                assert!(links.is_sorted_by(|a, b| a < b));
                assert!(links.iter().all(|link| link != slot && self.has(*link, layer)));
            }
        }
    }

    /// Each link has its counterpart, and each layer is connected.
    pub(super) fn check_reciprocal(&self, m: usize) {
        self.check_links(m);
        for (slot, lists) in &self.links {
            for (layer, links) in lists.iter().enumerate() {
                assert!(links.iter().all(|link| self.links[link][layer].contains(slot)));
            }
        }
        for layer in 0.. {
            let nodes: Vec<u32> = self.links.keys().copied().filter(|&slot| self.has(slot, layer)).collect();
            let Some(&first) = nodes.first() else { break };
            let mut seen = HashSet::from([first]);
            let mut next = vec![first];
            while let Some(slot) = next.pop() {
                next.extend(self.links[&slot][layer].iter().filter(|&&link| seen.insert(link)));
            }
            assert_eq!(seen.len(), nodes.len(), "layer {layer}");
        }
    }
}

fn give(frozen: &mut Frozen, spill: &mut dyn Spill, given: &mut Given) -> bool {
    let visit = &mut |element: Element<'_>| {
        given.take(&element);
        Ok(())
    };
    frozen.next_block(spill, visit).expect("no fault")
}

fn give_all(mut frozen: Frozen) -> Given {
    let mut spill = Vec::new();
    let mut given = Given::default();
    while give(&mut frozen, &mut spill, &mut given) {}
    given
}

#[test]
fn a_set_that_stays_as_it_is() {
    for (kind, rerank) in [(Kind::Int8, None), (Kind::RaBitQ(Bits::One), Some(Kind::Float16))] {
        let set = filled(set(kind, rerank), 700);
        set_attribute(&set, 5, b"{}", Record::unlogged());
        for linked in [Linked::AsTheyAre, Linked::Reciprocal] {
            let frozen = set.freeze_now(linked);
            assert_eq!((frozen.len(), frozen.best()), (700, rerank.unwrap_or(kind)));
            assert_eq!((frozen.has_coarse(), frozen.codebook().is_some()), (rerank.is_some(), false));
            let given = give_all(frozen);
            assert_eq!(given.contents, contents(&set));
            assert_eq!(given.coarse, if rerank.is_some() { 700 } else { 0 });
            match linked {
                Linked::AsTheyAre => given.check_links(4),
                Linked::Reciprocal => given.check_reciprocal(4),
            }
        }
        assert!(!set.snapshots.any());
    }
}

#[test]
fn an_empty_set_gives_nothing() {
    let set = set(Kind::Int8, None);
    let given = give_all(set.freeze_now(Linked::Reciprocal));
    assert!(given.contents.is_empty());
    let one = filled(set, 1);
    remove(&one, 0, Record::unlogged());
    assert!(give_all(one.freeze_now(Linked::Reciprocal)).contents.is_empty());
    add(&one, 3, 3, None, Record::unlogged());
    assert_eq!(give_all(one.freeze_now(Linked::Reciprocal)).links.into_values().collect::<Vec<_>>().len(), 1);
}

/// One change of a set.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Of an element that may be there, to a vector that it may have.
    Put(usize, usize),
    PutWith(usize, usize),
    Remove(usize),
    Attribute(usize, bool),
    Pin(usize, bool),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0usize..900, 0usize..1800).prop_map(|(n, number)| Change::Put(n, number)),
        (0usize..900, 0usize..2).prop_map(|(n, times)| Change::PutWith(n, n + 900 * times)),
        (0usize..900).prop_map(Change::Remove),
        (0usize..900, any::<bool>()).prop_map(|(n, some)| Change::Attribute(n, some)),
        (0usize..900, any::<bool>()).prop_map(|(n, is_pinned)| Change::Pin(n, is_pinned)),
    ]
}

impl Change {
    fn make(self, set: &VectorSet, record: Record) {
        match self {
            Change::Put(n, number) => add(set, n, number, None, record),
            Change::PutWith(n, number) => add(set, n, number, Some(b"{\"with\":1}"), record),
            Change::Remove(n) => remove(set, n, record),
            Change::Attribute(n, some) => set_attribute(set, n, if some { b"{}" } else { b"" }, record),
            Change::Pin(n, is_pinned) => {
                assert!(set.untimed().pin(Hold::Exclusive, &[&name(n)], is_pinned, record).is_ok());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    /// Whatever is changed between the cut, the beginning of the snapshot and its end.
    #[test]
    fn a_set_is_given_as_it_was_at_the_cut(
        before in prop::collection::vec(change(), 0..300),
        between in prop::collection::vec(change(), 0..300),
        during in prop::collection::vec((change(), 0u8..80), 0..900),
        linked in prop_oneof![Just(Linked::AsTheyAre), Just(Linked::Reciprocal)],
        relieved in any::<bool>(),
    ) {
        let set = filled(set(Kind::RaBitQ(Bits::One), Some(Kind::Int8)), 700);
        let journal = Arc::new(Journal::new());
        let request = Bytes::new();
        let record = || Record::new(&journal, 0, &request);
        before.iter().for_each(|change| change.make(&set, record()));
        let (cut, expected) = journal.cut(|cut| (cut, contents(&set)));
        between.iter().for_each(|change| change.make(&set, record()));
        let mut spill = Vec::new();
        let mut given = Given::default();
        if relieved {
            set.relieve(cut, &journal, &mut spill).expect("memory");
            prop_assert_eq!(journal.before_image_bytes(), 0);
        }
        let mut frozen = set.freeze(cut, &journal, linked);
        prop_assert_eq!(frozen.len(), expected.len());
        let mut more = true;
        for (change, step) in during {
            if step == 0 && more {
                more = give(&mut frozen, &mut spill, &mut given);
            }
            change.make(&set, record());
        }
        while more {
            more = give(&mut frozen, &mut spill, &mut given);
        }
        prop_assert_eq!(journal.before_image_bytes(), 0);
        prop_assert_eq!(&given.contents, &expected);
        match linked {
            Linked::AsTheyAre => given.check_links(4),
            Linked::Reciprocal => given.check_reciprocal(4),
        }
    }
}

#[test]
fn a_set_is_given_whole_while_others_change_it() {
    const WRITERS: usize = 3;
    let set = filled(set(Kind::Int8, None), 1500);
    let journal = Arc::new(Journal::new());
    let request = Bytes::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = Ends(&done);
        for writer in 0..WRITERS {
            let set = &set;
            let journal = &journal;
            let request = &request;
            let done = &done;
            scope.spawn(move || {
                for n in (0usize..).take_while(|_| !done.load(Ordering::Acquire)) {
                    let (element, record) =
                        (n * 7 % 500 * WRITERS + writer, Record::new(journal, 0, request));
                    // Attributes most of all: the faster a change is made, the more of them meet
                    // the snapshot thread.
                    match n % 32 {
                        0 => remove(set, element, record),
                        1 => add(set, element, n, None, record),
                        _ => set_attribute(set, element, format!("{{\"n\":{n}}}").as_bytes(), record),
                    }
                }
            });
        }
        for round in 0..20 {
            let (cut, expected) = journal.cut(|cut| (cut, contents(&set)));
            let linked = if round % 2 == 0 { Linked::AsTheyAre } else { Linked::Reciprocal };
            let alone = set.freeze_now(linked);
            let given = give_all(set.freeze(cut, &journal, linked));
            let len = alone.len();
            let given_alone = give_all(alone);
            journal.end_cut();
            assert!(given.contents == expected, "round {round}");
            assert_eq!(given_alone.contents.len(), len);
            if linked == Linked::Reciprocal {
                given.check_reciprocal(4);
                given_alone.check_reciprocal(4);
            }
        }
    });
}

/// Stops the writers, also if the test fails.
struct Ends<'d>(&'d AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The set would begin to walk on other codes in the middle of it.
#[test]
fn a_set_that_learns_meanwhile_is_given_as_it_began() {
    for rerank in [None, Some(Kind::Float16)] {
        let set = filled(set(Kind::Product, rerank), SAMPLE - 10);
        let expected = contents(&set);
        let (mut frozen, mut spill, mut given) =
            (set.freeze_now(Linked::AsTheyAre), Vec::new(), Given::default());
        let plain = rerank.unwrap_or(Kind::DEFAULT);
        assert_eq!((frozen.best(), frozen.has_coarse()), (plain, false));
        (SAMPLE - 10..SAMPLE + 50).for_each(|n| add(&set, n, n, None, Record::unlogged()));
        while give(&mut frozen, &mut spill, &mut given) {
            add(&set, 3, given.contents.len(), None, Record::unlogged());
        }
        assert!(set.vectors.is_training());
        assert_eq!((frozen.best(), frozen.codebook().is_some(), given.coarse), (plain, false, 0));
        assert!(given.contents == expected);
        drop(frozen);
        while set.vectors.is_training() {
            add(&set, 0, 0, None, Record::unlogged());
        }
        let frozen = set.freeze_now(Linked::AsTheyAre);
        assert_eq!((frozen.best(), frozen.has_coarse()), (rerank.unwrap_or(Kind::Product), rerank.is_some()));
        assert!(frozen.codebook().is_some());
        assert!(give_all(frozen).contents == contents(&set));
    }
}

#[test]
fn what_was_made_after_the_cut_keeps_nothing_for_it() {
    let journal = Arc::new(Journal::new());
    let request = Bytes::new();
    let made = set(Kind::Int8, None);
    let loaded = filled(set(Kind::Int8, None), 20);
    let cut = journal.cut(|cut| cut);
    loaded.exclude(cut);
    for set in [&made, &loaded] {
        (0..20).for_each(|n| add(set, n, n + 5, None, Record::new(&journal, 0, &request)));
        assert!(!set.snapshots.any() && journal.before_image_bytes() == 0);
    }
    assert_eq!(made.freeze(cut, &journal, Linked::AsTheyAre).len(), 0);
}

#[test]
fn what_is_given_up_keeps_nothing_and_gives_nothing() {
    let journal = Arc::new(Journal::new());
    let request = Bytes::new();
    let set = filled(set(Kind::Int8, None), 600);
    let cut = journal.cut(|cut| cut);
    let mut frozen = set.freeze(cut, &journal, Linked::AsTheyAre);
    let mut spill = Vec::new();
    let mut given = Given::default();
    assert!(give(&mut frozen, &mut spill, &mut given));
    remove(&set, 599, Record::new(&journal, 0, &request));
    assert!(journal.before_image_bytes() > 0);
    journal.end_cut();
    remove(&set, 598, Record::new(&journal, 0, &request));
    assert!(!set.snapshots.any());
    assert_eq!(journal.before_image_bytes(), 0);
    assert!(frozen.next_block(&mut spill, &mut |_| Ok(())).is_err());
}
