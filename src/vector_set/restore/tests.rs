//! Sets that were taken apart and put together again, and what must not be put together.

use super::*;
use crate::epoch::pin;
use crate::index::BadLink;
use crate::journal::Record;
use crate::quantization::{Bits, Kind, Metric, SAMPLE};
use crate::vector_set::{Hold, Lifetime, Put, Search};

/// An element taken out of a set.
struct Taken {
    id: u64,
    name: Vec<u8>,
    attribute: Vec<u8>,
    best: [Vec<u8>; 2],
    coarse: Option<[Vec<u8>; 2]>,
    links: Lists,
}

fn code(parts: &[Vec<u8>; 2]) -> Code<'_> {
    Code { head: &parts[0], body: &parts[1] }
}

fn parts(code: Code) -> [Vec<u8>; 2] {
    [code.head.to_vec(), code.body.to_vec()]
}

impl Taken {
    fn kept(&self) -> Kept<'_> {
        let Self { id, name, attribute, links, .. } = self;
        let best = code(&self.best);
        let coarse = self.coarse.as_ref().map(code);
        Kept {
            id: *id,
            name,
            attribute,
            deadline_ms: None,
            is_pinned: false,
            entry: b"",
            best,
            coarse,
            links,
        }
    }
}

/// All elements, with ids that `id` makes of slots.
fn taken(set: &VectorSet, id: impl Fn(u32) -> u64) -> Vec<Taken> {
    let pin = pin();
    let view = set.vectors.codes(&pin);
    let slots = set.elements.read().slots().collect::<Vec<_>>();
    let best = view.best();
    let live: std::collections::HashSet<u32> = slots.iter().copied().collect();
    let take = |&slot: &u32| {
        let mut links = Lists::default();
        for list in set.vectors.graph().links(slot) {
            links.begin();
            list.iter().filter(|link| live.contains(link)).for_each(|&link| links.push(id(link)));
        }
        let coarse = view.coarse();
        Taken {
            id: id(slot),
            name: set.names.get(slot, &pin).to_vec(),
            attribute: set
                .attributes
                .get(slot, &pin)
                .map(|stored| stored.text().into_owned())
                .unwrap_or_default(),
            best: parts(best.code(slot)),
            coarse: coarse.map(|store| parts(store.code(slot))),
            links,
        }
    };
    slots.iter().map(take).collect()
}

fn outline(set: &VectorSet) -> Outline<'static> {
    let bytes = set.vectors.codebook().map(Codebook::to_bytes);
    let codebook =
        bytes.map(|bytes| Codebook::from_bytes(set.params().dim(), &bytes).expect("its own bytes"));
    Outline {
        params: set.params().clone(),
        options: set.options(),
        seed: 1,
        codebook: codebook.map(Arc::new),
        matrix: None,
        residence: Residence::Memory,
        tier: Tier::Hot,
        cache: None,
    }
}

fn restored(outline: Outline, elements: &[Taken]) -> Result<VectorSet, Invalid> {
    let mut restored = Restored::new(outline)?;
    elements.iter().try_for_each(|element| restored.add(&element.kept()))?;
    restored.finish(elements.len() as u64)
}

fn vector(n: usize, dim: usize) -> Vec<f32> {
    let component = |i: usize| {
        let x = ((n * 65_537 + i) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..dim).map(component).collect()
}

/// Some elements with attributes, some updated and some removed.
fn filled(params: Params, count: usize) -> VectorSet {
    let dim = params.dim();
    let set = VectorSet::new(params, 1);
    for n in 0..count {
        let name = format!("element:{n}");
        let attribute = format!(r#"{{"n":{n}}}"#);
        let attribute = (n % 3 == 0).then_some(attribute.as_bytes());
        let put =
            Put { element: name.as_bytes(), vector: vector(n, dim), attribute, lifetime: Lifetime::Endless };
        assert!(set.untimed().upsert(Hold::Exclusive, &[put], 50, Record::unlogged()).is_ok());
        let old = format!("element:{}", n / 2);
        if n % 10 == 5 {
            assert!(set.untimed().remove(Hold::Exclusive, &[old.as_bytes()], Record::unlogged()).is_ok());
        }
    }
    set
}

fn params(dim: usize, kind: Kind, metric: Metric) -> Params {
    Params::new(dim).and_then(|params| params.with_format(kind, metric)).expect("valid")
}

const SEARCH: Search<'static> = Search {
    count: 10,
    ef: 2000,
    filter: None,
    filter_ef: Some(1000),
    truth: false,
    plan: None,
    deadline: None,
};

fn near(set: &VectorSet, vector: &[f32]) -> Vec<(Vec<u8>, u64)> {
    let query = set.query(vector).expect("of this dimension");
    set.untimed()
        .search(&query, &SEARCH)
        .iter()
        .map(|hit| (hit.element.to_vec(), u64::from(hit.distance.to_bits())))
        .collect()
}

/// The neighbours of an element in each layer, by name.
fn neighbours(set: &VectorSet, name: &[u8]) -> Vec<Vec<(Vec<u8>, u32)>> {
    let lists = set.untimed().neighbours(name).expect("it is an element");
    let by_name = |list: Vec<(Vec<u8>, f32)>| {
        let mut list: Vec<_> = list.into_iter().map(|(name, x)| (name, x.to_bits())).collect();
        list.sort_unstable();
        list
    };
    lists.into_iter().map(by_name).collect()
}

/// What both have must be the same: elements, attributes, links, and what is found.
fn assert_same(restored: &VectorSet, original: &VectorSet) {
    assert_eq!((restored.len(), restored.untimed().digest()), (original.len(), original.untimed().digest()));
    assert_eq!(restored.untimed().describe().attributes, original.untimed().describe().attributes);
    assert_eq!(restored.untimed().describe().subspaces, original.untimed().describe().subspaces);
    let all = |set: &VectorSet| {
        set.untimed().range(
            crate::vector_set::Bound::Unbounded,
            crate::vector_set::Bound::Unbounded,
            usize::MAX,
        )
    };
    assert_eq!(all(restored), all(original));
    for name in all(original).iter().step_by(7) {
        assert_eq!(neighbours(restored, name), neighbours(original, name));
        assert_eq!(restored.untimed().attributes(&[name]), original.untimed().attributes(&[name]));
    }
    let found = (0..50).filter(|&n| {
        let query = vector(3 * n + 1, original.params().dim());
        // Of equally near ones, which come first depends on slots.
        let distances = |set| near(set, &query).into_iter().map(|(_, distance)| distance);
        distances(restored).eq(distances(original))
    });
    // Dead slots are gone, and where the highest level is shared, another slot may be the entry
    // point.
    assert!(found.count() >= 45);
}

#[test]
fn a_set_of_any_kind_comes_back() {
    let pq = params(24, Kind::Product, Metric::L2);
    let rq = params(70, Kind::RaBitQ(Bits::Two), Metric::Cosine);
    for (params, count) in [
        (params(24, Kind::Int8, Metric::Cosine), 3000),
        (params(24, Kind::Float32, Metric::InnerProduct).with_m(4).expect("valid"), 500),
        (params(24, Kind::Float16, Metric::L2), 500),
        (params(70, Kind::Binary, Metric::Cosine), 500),
        (rq.clone(), 500),
        (rq.with_rerank(Kind::Float16).expect("valid"), 500),
        (pq.clone(), 500),
        (pq.clone(), SAMPLE * 3 / 2),
        (pq.with_rerank(Kind::Int8).expect("valid"), SAMPLE * 3 / 2),
    ] {
        let original = filled(params, count);
        let elements = taken(&original, |slot| u64::from(slot) + 1);
        let restored = restored(outline(&original), &elements).expect("it was a set");
        assert_same(&restored, &original);
        assert_eq!(restored.vectors.is_training(), original.vectors.is_training());
    }
}

#[test]
fn order_and_ids_do_not_matter_and_the_set_goes_on() {
    let original = filled(params(300, Kind::Int8, Metric::Cosine), 3000);
    for id in [
        (|slot| u64::from(slot) * 1000) as fn(u32) -> u64,
        |slot| u64::MAX / (u64::from(slot) + 2),
        |slot| u64::from(u32::MAX - slot),
    ] {
        let mut elements = taken(&original, id);
        elements.reverse();
        let restored = restored(outline(&original), &elements).expect("it was a set");
        assert_same(&restored, &original);
        let put = Put {
            element: b"new",
            vector: vector(77_777, 300),
            attribute: None,
            lifetime: Lifetime::Endless,
        };
        assert!(restored.untimed().upsert(Hold::Exclusive, &[put], 50, Record::unlogged()).is_ok());
        assert_eq!(near(&restored, &vector(77_777, 300))[0].0, b"new");
        let removed = restored.untimed().remove(Hold::Exclusive, &[b"new", b"element:8"], Record::unlogged());
        assert_eq!(removed.ok(), Some(vec![true, true]));
    }
}

#[test]
fn a_coarse_code_that_was_not_kept_is_made() {
    let rq = params(70, Kind::RaBitQ(Bits::Four), Metric::Cosine).with_rerank(Kind::Float16).expect("valid");
    let original = filled(rq, 300);
    let mut elements = taken(&original, u64::from);
    elements.iter_mut().for_each(|element| element.coarse = None);
    assert_same(&restored(outline(&original), &elements).expect("it was a set"), &original);
}

/// A circle of three, of which one is changed; why it is refused.
fn refused(change: impl Fn(&mut Taken)) -> Option<Fault> {
    let set = VectorSet::new(params(2, Kind::Int8, Metric::Cosine), 1);
    let format = set.params().format();
    let element = |n: u64| Taken {
        id: n,
        name: format!("e{n}").into_bytes(),
        attribute: Vec::new(),
        best: parts(format.encode(&[1.0, n as f32]).as_code()),
        coarse: None,
        links: Lists::from([&[n % 3 + 1][..]]),
    };
    let mut elements: Vec<_> = (1..4).map(element).collect();
    assert!(restored(outline(&set), &elements).is_ok());
    change(&mut elements[1]);
    restored(outline(&set), &elements).err().map(|invalid| invalid.why())
}

#[test]
fn what_is_no_set_is_refused() {
    let linked = |lists: Lists| refused(|element| element.links = lists.clone());
    assert_eq!(linked(Lists::from([&[2][..]])), Some(Fault::Link(BadLink::ToItself)));
    assert_eq!(linked(Lists::from([&[4][..]])), Some(Fault::Link(BadLink::Unknown)));
    assert_eq!(linked(Lists::from([&[u64::MAX][..]])), Some(Fault::Link(BadLink::Unknown)));
    assert_eq!(linked(Lists::from([&[1, 3, 1][..]])), Some(Fault::Link(BadLink::Repeated)));
    assert_eq!(linked(Lists::from([&[1][..], &[3]])), Some(Fault::Link(BadLink::Layer)));
    assert_eq!(linked(Lists::default()), Some(Fault::Lists));
    assert_eq!(refused(|element| element.name = b"e1".to_vec()), Some(Fault::Name));
    assert_eq!(refused(|element| element.id = 3), Some(Fault::Id));
    assert_eq!(refused(|element| element.best[1].push(0)), Some(Fault::Code));
    assert_eq!(refused(|element| element.best[0].truncate(4)), Some(Fault::Code));
    let nan = f32::NAN.to_le_bytes();
    assert_eq!(refused(|element| element.best[0][..4].copy_from_slice(&nan)), Some(Fault::Code));
    assert_eq!(refused(|element| element.coarse = Some(element.best.clone())), Some(Fault::Codes));
}

#[test]
fn a_refusal_names_the_element_also_when_a_worker_finds_it() {
    let dim = 1000;
    let set = VectorSet::new(params(dim, Kind::Float32, Metric::Cosine), 1);
    let best = parts(set.params().format().encode(&vector(1, dim)).as_code());
    let links = Lists::from([&[][..]]);
    let mut restored = Restored::new(outline(&set)).expect("valid");
    let mut add = |n: u64| {
        let mut best = best.clone();
        let name = format!("e{n}\n");
        if n == 300 {
            best[1][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        }
        let attribute = &b""[..];
        let name = name.as_bytes();
        restored.add(&Kept {
            id: n,
            name,
            attribute,
            deadline_ms: None,
            is_pinned: false,
            entry: b"",
            best: code(&best),
            coarse: None,
            links: &links,
        })
    };
    let refusal = (0..100_000).find_map(|n| add(n).err()).expect("said before all are added");
    let words = "its vector has another size than the set's, or a number that is not finite";
    assert_eq!(refusal.to_string(), format!(r#"vector set, element "e300\n": {words}"#));
}

/// Redis' lists may be longer than M asks for.
#[test]
fn long_lists_and_high_levels_are_cut() {
    let set = VectorSet::new(params(2, Kind::Float32, Metric::L2).with_m(4).expect("valid"), 1);
    let format = set.params().format();
    let ids: Vec<u64> = (1..40).rev().collect();
    let mut restored = Restored::new(outline(&set)).expect("valid");
    for n in 0..40u64 {
        let best = parts(format.encode(&[n as f32, 0.0]).as_code());
        let mut lists = Lists::default();
        for layer in 0..if n == 0 { 20 } else { 1 } {
            lists.begin();
            // Layers 16 and above would lead to elements that do not reach them.
            let links = if n > 0 {
                &[0]
            } else if (1..16).contains(&layer) {
                &[]
            } else {
                &ids[..]
            };
            links.iter().for_each(|&id| lists.push(id));
        }
        let name = n.to_string().into_bytes();
        let kept = Kept {
            id: n,
            name: &name,
            attribute: b"",
            deadline_ms: None,
            is_pinned: false,
            entry: b"",
            best: code(&best),
            coarse: None,
            links: &lists,
        };
        restored.add(&kept).expect("valid");
    }
    let set = restored.finish(40).expect("valid");
    let lists = set.untimed().neighbours(b"0").expect("it is there");
    assert_eq!(lists.len(), 16);
    let nearest: Vec<_> =
        lists[0].iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(nearest, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn memory_is_that_of_a_set_that_grew() {
    let original = filled(params(24, Kind::Int8, Metric::Cosine), 5000);
    let elements = taken(&original, u64::from);
    let restored = restored(outline(&original), &elements).expect("it was a set");
    assert!(
        restored.heap_bytes() <= original.heap_bytes(),
        "{} {}",
        restored.heap_bytes(),
        original.heap_bytes()
    );
}

#[test]
fn a_set_that_may_be_empty_comes_back_empty() {
    let options = SetOptions { may_be_empty: true, ..SetOptions::default() };
    let original = VectorSet::new(params(3, Kind::Float16, Metric::L2), 1).with_options(options);
    let restored = restored(outline(&original), &[]).expect("it was a set");
    assert!(restored.is_empty() && near(&restored, &[1.0, 2.0, 3.0]).is_empty());
    let put =
        Put { element: b"new", vector: vec![1.0, 2.0, 3.0], attribute: None, lifetime: Lifetime::Endless };
    assert!(restored.untimed().upsert(Hold::Exclusive, &[put], 50, Record::unlogged()).is_ok());
    assert_eq!(near(&restored, &[1.0, 2.0, 3.0]).len(), 1);
}

#[test]
fn a_duplicate_is_like_its_original_and_knows_when_that_has_changed() {
    let rq = params(70, Kind::RaBitQ(Bits::Two), Metric::Cosine);
    for params in [
        params(24, Kind::Int8, Metric::Cosine),
        params(24, Kind::Float32, Metric::InnerProduct).with_m(4).expect("valid"),
        params(70, Kind::Binary, Metric::Cosine),
        rq.clone(),
        rq.with_rerank(Kind::Float16).expect("valid"),
        params(24, Kind::Product, Metric::L2),
    ] {
        let original = Arc::new(filled(params, 300));
        let copy = original.duplicate().expect("the set is whole");
        assert_same(&copy.set, &original);
        assert_eq!(copy.set.params(), original.params());
        assert_eq!(copy.set.untimed().describe().last_node, original.untimed().describe().last_node);
        assert!(original.unchanged_since(copy.changes).is_some());
        assert!(
            original
                .untimed()
                .set_attribute(Hold::Exclusive, b"element:299", b"1", Record::unlogged())
                .is_ok()
        );
        assert!(original.unchanged_since(copy.changes).is_none());
    }
}

#[test]
fn a_duplicate_has_the_matrix_of_its_original() {
    let params = params(2, Kind::Float32, Metric::Cosine).with_projection(3).expect("valid");
    let matrix: Vec<u8> = [0.5_f32, 0.5, 0.0, 0.0, 1.0, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let options = SetOptions::default();
    let outline = Outline {
        params,
        options,
        seed: 1,
        codebook: None,
        matrix: Some(&matrix),
        residence: Residence::Memory,
        tier: Tier::Hot,
        cache: None,
    };
    let original = Arc::new(Restored::new(outline).and_then(|set| set.finish(0)).expect("an empty set"));
    let copy = original.duplicate().expect("the set is whole").set;
    assert!(copy.has_matrix());
    assert_eq!(copy.projection_row(1), original.projection_row(1));
}
