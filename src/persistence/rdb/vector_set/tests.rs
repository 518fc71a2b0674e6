//! Payloads of Redis 8.6, sets of every kind there and back, and bytes that are no set.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::journal::Record;
use crate::vector_set::{
    Bits, Bound, FieldKind, FieldSpec, Hold, Language, Lifetime, Put, SAMPLE, Search, SetPolicy, Tier,
};

/// `VADD k VALUES 2 3 4 a <kind> M 4`, `VADD k VALUES 2 1 0 b <kind> M 4 SETATTR {"y":1}`, `VADD k
/// VALUES 2 0 -2 7 <kind> M 4`: what Redis 8.6.2 dumps from the id of the module type to its end.
const NOQUANT: &str = "81bde72da2bb1eb400 0202 0203 024400 0202
    05c007 0500 050800000000000080bf 0208 0203 02800100 0000 0202 0208 0202 0201
    02813fe6666600000001 02813e6d96bc40000000
    050162 05077b2279223a317d 05080000803f00000000 0208 0202 028001000000 0202 0208 0201 0203
    02813f80000000000001 02813ea77bad3f800000
    050161 0500 05089a99193fcdcc4c3f 0208 0201 028001000000 0202 0208 0202 0203
    02813fe6666600000001 02813e82314140a00000 00";
const Q8: &str = "81bde72da2bb1eb400 0202 0203 024401 0202
    05c007 0500 05020081 0208 0203 028001000000 0202 0208 0202 0201
    02813fe6666600000001 02813f80000040000000
    050162 05077b2279223a317d 05027f00 020b 0202 028001000001 0202 0208 0201 0203
    02813f80000000000001 0200 0204 0200 02813f8000003f800000
    050161 0500 05025f7f 0208 0201 028001000000 0202 0208 0202 0203
    02813fe6666600000001 02813f4ccccd40a00000 00";
const BIN: &str = "81bde72da2bb1eb400 0202 0203 024402 0202
    05c007 0500 05080000000000000000 0208 0203 028001000000 0202 0208 0202 0201
    0281400000000000 0001 02813ed5100340000000
    050162 05077b2279223a317d 05080100000000000000 0208 0202 028001000000 0202 0208 0201 0203
    02813f80000000000000 02813e817e443f800000
    050161 0500 05080300000000000000 0208 0201 028001000000 0202 0208 0202 0203
    0281400000000000 0001 02813e8ccc7b40a00000 00";
/// `VADD k REDUCE 2 VALUES 3 1 2 3 a NOQUANT`: with a compressed matrix.
const REDUCED: &str = "81bde72da2bb1eb400 0202 0201 025000 0201 0203
    05c30f18043acd133f3ae0050300bf200f003f
    050161 0508e8dc723f9be8a13e 0209 0201 028001000001 0200 0220 0200 0200 0210 0200
    02813ea1762a4069b1e9 00";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hex digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// What is read of these bytes from the id on, which must be all of them.
fn read(bytes: &[u8]) -> Result<VectorSet, ReadError> {
    let mut input = Reader::with_total(bytes, bytes.len() as u64);
    let id = input.length()?;
    let set =
        super::read(&mut input, id, None)?.ok_or_else(|| ReadError::invalid(0, "another module type"))?;
    assert_eq!(input.remaining(), Some(0));
    Ok(set)
}

fn written(set: &Arc<VectorSet>) -> Vec<u8> {
    let mut out = Writer::new(Vec::new(), true, false);
    write(&mut out, &mut set.freeze_now(linked(set)), &mut Vec::new(), &mut |_| Ok(())).expect("memory");
    out.flush().expect("memory");
    out.get_ref().clone()
}

fn linked_to(set: &VectorSet, element: &[u8]) -> Vec<Vec<String>> {
    let names = |list: &Vec<(Vec<u8>, f32)>| {
        list.iter().map(|(name, _)| String::from_utf8_lossy(name).into()).collect()
    };
    set.untimed().neighbours(element).expect("it is there").iter().map(names).collect()
}

#[test]
fn what_redis_dumps_is_read_as_it_is() {
    for (hex, kind, tall) in
        [(NOQUANT, Kind::Float32, false), (Q8, Kind::Int8, true), (BIN, Kind::Binary, false)]
    {
        let set = read(&bytes(hex)).expect("a dump of Redis");
        let params = Params::new(2).and_then(|params| params.with_format(kind, Metric::Cosine)?.with_m(4));
        assert_eq!(set.params(), &params.expect("valid"));
        assert_eq!(set.untimed().range(Bound::Unbounded, Bound::Unbounded, 9), [b"7", b"a", b"b"]);
        assert_eq!(set.untimed().attributes(&[b"a", b"b"]), [None, Some(br#"{"y":1}"#.to_vec())]);
        assert_eq!(linked_to(&set, b"7"), [["b", "a"]]);
        let b = linked_to(&set, b"b");
        assert_eq!((b[0].clone(), b.len()), (vec!["a".to_string(), "7".into()], if tall { 2 } else { 1 }));
        let norms =
            [b"7", b"a", b"b"].map(|name| set.untimed().with_code(name, |format, code| format.norm(code)));
        assert_eq!(norms, [Some(2.0), Some(5.0), Some(1.0)]);
        assert_eq!(set.untimed().describe().last_node, 3);
    }
    let range = read(&bytes(Q8))
        .expect("a dump of Redis")
        .untimed()
        .with_code(b"a", |format, code| format.range(code));
    assert_eq!(range, Some(Some(0.8)));
}

/// Numbers that the graph does not need are not written, and slots are in another order: else all
/// is the same.
#[test]
fn a_set_of_redis_goes_back_to_redis() {
    for hex in [NOQUANT, Q8, BIN, REDUCED] {
        let set = Arc::new(read(&bytes(hex)).expect("a dump of Redis"));
        let again = read(&written(&set)).expect("as written");
        assert_eq!(again.untimed().digest(), set.untimed().digest());
        let sorted = |set| linked_to(set, b"a").into_iter().map(BTreeSet::from_iter);
        assert!(again.params() == set.params() && sorted(&again).eq(sorted(&set)));
    }
}

#[test]
fn a_projection_is_that_of_the_matrix() {
    let set = read(&bytes(REDUCED)).expect("a dump of Redis");
    assert_eq!((set.params().input_dim(), set.has_matrix()), (Some(3), false));
    let found = set.query(&[1.0, 2.0, 3.0]).expect("of the dimension before projection");
    let search =
        Search { count: 1, ef: 1, filter: None, filter_ef: None, truth: false, plan: None, deadline: None };
    assert!(
        set.untimed().search(&found, &search).iter().all(|hit| hit.element == b"a" && hit.distance < 1e-6)
    );
}

fn vector(n: usize, dim: usize) -> Vec<f32> {
    (0..dim).map(|i| ((n * 65_537 + i * i * 17) as f32 * 0.731).sin()).collect()
}

fn filled(params: Params, count: usize) -> Arc<VectorSet> {
    filled_with(params, SetOptions::default(), count)
}

fn filled_with(params: Params, options: SetOptions, count: usize) -> Arc<VectorSet> {
    let dim = params.input_dim().unwrap_or(params.dim());
    let set = VectorSet::new(params, 1).with_options(options);
    for n in 0..count {
        let name = format!("element {n}");
        let attribute = n.is_multiple_of(3).then_some(&br#"{"n":1}"#[..]);
        let put =
            Put { element: name.as_bytes(), vector: vector(n, dim), attribute, lifetime: Lifetime::Endless };
        assert!(set.untimed().upsert(Hold::Exclusive, &[put], 30, Record::unlogged()).is_ok());
    }
    assert!(set.untimed().remove(Hold::Exclusive, &[b"element 1"], Record::unlogged()).is_ok());
    Arc::new(set)
}

fn params(dim: usize, kind: Kind, metric: Metric) -> Params {
    Params::new(dim).and_then(|params| params.with_format(kind, metric)).expect("valid")
}

#[test]
fn every_kind_comes_back() {
    let cosine = Metric::Cosine;
    let rq = params(20, Kind::RaBitQ(Bits::One), Metric::L2);
    let reduced = |params: Params| params.with_projection(30).expect("valid");
    for (params, count, is_redis) in [
        (params(20, Kind::Int8, cosine), 300, true),
        (reduced(params(20, Kind::Binary, cosine)), 300, true),
        (params(20, Kind::Float32, cosine), 300, true),
        (params(20, Kind::Int8, Metric::L2), 300, false),
        (params(20, Kind::Float16, cosine), 300, false),
        (params(20, Kind::Int8, cosine).with_ef(77).expect("valid"), 2, false),
        (reduced(rq.clone()), 300, false),
        (rq.with_rerank(Kind::Float16).expect("valid"), 300, false),
        (params(20, Kind::Product, cosine), 300, false),
        (params(20, Kind::Product, cosine), SAMPLE + 50, false),
        (params(20, Kind::Product, cosine).with_rerank(Kind::Int8).expect("valid"), SAMPLE + 50, false),
    ] {
        comes_back(&filled(params, count), is_redis);
    }
}

#[test]
fn options_come_back() {
    for (may_be_empty, has_chosen_kind) in [(true, false), (false, true), (true, true)] {
        let is_demoted = may_be_empty && has_chosen_kind;
        let options = SetOptions { may_be_empty, has_chosen_kind, is_warm: may_be_empty, is_demoted };
        comes_back(&filled_with(params(20, Kind::Int8, Metric::Cosine), options, 30), false);
    }
}

#[test]
fn pins_come_back_in_our_own_form_for_good() {
    let set = filled(params(20, Kind::Int8, Metric::Cosine), 30);
    let names: [&[u8]; 3] = [b"element 3", b"element 29", b"element 4"];
    let pin = |names: &[&[u8]], is_pinned| {
        assert!(set.untimed().pin(Hold::Exclusive, names, is_pinned, Record::unlogged()).is_ok());
    };
    pin(&names[..2], true);
    comes_back(&set, false);
    let again = read(&written(&set)).expect("as written");
    assert_eq!(again.untimed().are_pinned(&names), [Some(true), Some(true), Some(false)]);
    assert!(again.has_had_pins());
    pin(&names, false);
    comes_back(&set, false);
    assert_eq!(read(&written(&set)).expect("as written").untimed().are_pinned(&names), [Some(false); 3]);
}

#[test]
fn limits_come_back() {
    for (n, (_, policy)) in SetPolicy::ALL.into_iter().enumerate() {
        let number = |bit: usize| Some(1 << 40 | n as u64).filter(|_| n & bit != 0);
        let tier = if n % 2 == 0 { Tier::Hot } else { Tier::Warm };
        let limits =
            Limits { ttl_ms: number(1), max_elements: number(2), max_bytes: number(4), policy, tier };
        let set = Arc::into_inner(filled(params(20, Kind::Int8, Metric::Cosine), 30)).expect("the only one");
        let set = Arc::new(set.with_limits(limits));
        comes_back(&set, limits == Limits::default());
        let copy = set.duplicate().map(|copy| copy.set.limits());
        assert_eq!(copy.ok(), Some(limits));
    }
}

fn fields() -> Vec<FieldSpec> {
    let spec = |(name, kind, language): (&str, FieldKind, &str)| {
        FieldSpec::new(name.as_bytes(), kind, Language::parse(language.as_bytes())).expect("valid")
    };
    let fields = [
        ("n", FieldKind::Numeric, ""),
        ("a.b", FieldKind::Keyword, ""),
        ("text", FieldKind::Text, "english"),
        ("lat,lon", FieldKind::Geo, ""),
    ];
    fields.map(spec).into()
}

#[test]
fn indexes_of_fields_come_back_with_what_they_had() {
    let set = Arc::into_inner(filled(params(20, Kind::Int8, Metric::Cosine), 300)).expect("the only one");
    let set = Arc::new(set.with_fields(fields()));
    comes_back(&set, false);
    let again = read(&written(&set)).expect("as written");
    let copy = set.duplicate().expect("it is whole").set;
    for other in [&again, &copy] {
        assert_eq!(other.field_specs(), set.field_specs());
        assert_eq!(other.field_states(), set.field_states());
    }
    assert!(set.field_states().iter().any(|state| state.entries > 0));
}

#[test]
fn indexes_that_cannot_be_had_are_refused() {
    let set = Arc::into_inner(filled(params(2, Kind::Int8, Metric::Cosine), 3)).expect("the only one");
    let file = written(&Arc::new(set.with_fields(fields())));
    for (words, wrong) in [("NUMERIC", b'R'), ("english", b'X'), ("a.b", b' '), ("lat,lon", b',')] {
        let at = file.windows(words.len()).position(|bytes| bytes == words.as_bytes());
        let mut changed = file.clone();
        changed[at.expect("it is in the file")] = wrong;
        let told = read(&changed).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("an index of a field that cannot be had"), "{words}: {told}");
    }
}

#[test]
fn limits_that_are_none_are_refused() {
    let limits = Limits { max_elements: Some(9), policy: SetPolicy::Random, ..Limits::default() };
    let set = Arc::into_inner(filled(params(2, Kind::Int8, Metric::Cosine), 3)).expect("the only one");
    let file = written(&Arc::new(set.with_limits(limits)));
    let at = file.windows(6).position(|bytes| bytes == b"random").expect("it is in the file");
    let mut changed = file.clone();
    changed[at] = b'R';
    let told = read(&changed).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("its limits are none"), "{told}");
}

fn comes_back(set: &Arc<VectorSet>, is_redis: bool) {
    assert_eq!(is_redis_form(set), is_redis, "{:?}", set.params());
    let file = written(set);
    let again = read(&file).expect("as written");
    assert_eq!((again.untimed().digest(), again.len()), (set.untimed().digest(), set.len()));
    assert_eq!((again.params(), again.options()), (set.params(), set.options()));
    assert_eq!(again.limits(), set.limits());
    assert_eq!(again.untimed().describe().subspaces, set.untimed().describe().subspaces);
    if !is_redis {
        assert_eq!(
            (again.seed(), again.untimed().describe().last_node),
            (set.seed(), set.untimed().describe().last_node)
        );
        assert_eq!(written(&Arc::new(again)), renumbered(&file, set), "{:?}", set.params());
    }
}

/// Where no slot was empty, a set in our own form is written again as the same bytes; else there is
/// nothing to compare.
fn renumbered(file: &[u8], set: &Arc<VectorSet>) -> Vec<u8> {
    let dense = read(file).expect("as written");
    let gap = set.len() as u64 != set.untimed().describe().last_node;
    if gap { written(&Arc::new(dense)) } else { file.to_vec() }
}

#[test]
fn an_empty_set_comes_back_if_it_may_be_empty() {
    let options = SetOptions { may_be_empty: true, ..SetOptions::default() };
    let set = VectorSet::new(params(3, Kind::Int8, Metric::Cosine), 5).with_options(options);
    let again = read(&written(&Arc::new(set)));
    assert!(again.is_ok_and(|set| set.is_empty() && set.options() == options));
}

/// The Q8 payload with some bytes replaced.
fn changed(at: usize, new: &[u8]) -> Result<VectorSet, ReadError> {
    let mut bytes = bytes(Q8);
    bytes[at..at + new.len()].copy_from_slice(new);
    read(&bytes)
}

#[test]
fn what_redis_would_not_write_is_refused() {
    let place = |needle: &str| {
        let all = bytes(Q8);
        let needle = bytes(needle);
        all.windows(needle.len()).position(|window| window == needle).expect("it is in the payload")
    };
    let told =
        |at: usize, new: &[u8]| changed(at, new).err().map(|error| error.to_string()).unwrap_or_default();
    let dim = place("0202 0203 024401");
    assert!(told(dim + 1, &[0]).contains("its dimension is 0"));
    assert!(told(dim + 1, &[3]).contains("element \"7\": its vector has another size"));
    assert!(told(dim + 3, &[0]).contains("its number of elements is 0"));
    assert!(told(dim + 3, &[4]).contains("module field 0"), "an element that is not there");
    assert!(told(dim + 3, &[2]).contains("a link to an unknown id"), "an element too many");
    assert!(told(dim + 6, &[3]).contains("an unknown quantisation"));
    assert!(told(dim + 5, &[0x41, 0x01]).contains("M is 1"), "less than Redis' commands take");
    assert!(changed(dim + 5, &[0x40, 0x01]).is_ok(), "0 is 16");
    let first = place("0208 0203 028001000000");
    assert!(told(first + 1, &[7]).contains("too few numbers"));
    assert!(told(first + 6, &[2]).contains("element \"7\": a layout that is not known"));
    assert!(told(first + 11, &[9]).contains("element \"7\": a list of more links than it may have"));
    assert!(told(first + 15, &[3]).contains("element \"7\": a link to itself"));
    assert!(told(first + 15, &[1]).contains("element \"7\": the same link twice"));
    assert!(told(first + 15, &[9]).contains("element \"7\": a link to an unknown id"));
    assert!(told(first + 27, &[2]).contains("the worst of its links is none of them"));
    assert!(told(first + 3, &[0]).contains("element \"7\": an id of 0"));
    assert!(told(first + 9, &[16]).contains("element \"7\": a level that no element has"));
    assert!(told(first + 3, &[2]).contains("element \"b\": an earlier element has the same id"));
    let norm = place("02813f80000040000000");
    assert!(told(norm + 6, &f32::NAN.to_be_bytes()).contains("element \"7\": its vector"));
    let names = place("050161");
    assert!(told(names + 2, b"b").contains("element \"b\": an earlier element has the same name"));
}

/// Redis refuses them, and writes none.
#[test]
fn links_that_go_one_way_are_links() {
    let all = bytes(Q8);
    let last = all.windows(4).rposition(|window| window == [2, 2, 2, 3]).expect("the links of a");
    let mut one_way = all.clone();
    // Not 2, 3 any more, but 3 alone: the place of the worst link is 0 then.
    one_way.splice(last - 4..last + 4, [2, 1, 2, 8, 2, 3]);
    let count = one_way.windows(2).rposition(|window| window == [2, 8]).expect("the maximum");
    let numbers = one_way[..count].windows(4).rposition(|w| w == [2, 8, 2, 1]).expect("numbers and id");
    one_way[numbers + 1] = 7;
    let worst = one_way.len() - 12;
    one_way[worst] = 0;
    let set = read(&one_way).expect("a directed graph");
    assert_eq!(
        (linked_to(&set, b"a"), linked_to(&set, b"7")),
        (vec![vec!["7".to_string()]], vec![vec!["b".into(), "a".into()]])
    );
}

#[test]
fn another_module_type_is_left_alone() {
    let mut input = Reader::new(&b"\x02\x01"[..]);
    assert!(super::read(&mut input, module_id(b"ReJSON-RL"), None).is_ok_and(|set| set.is_none()));
    assert_eq!(input.offset(), 0);
}

fn module_id(name: &[u8; 9]) -> u64 {
    crate::persistence::rdb::format::module::id(name, 0)
}

/// Payloads of both forms.
fn payloads() -> Vec<Vec<u8>> {
    let rq = params(20, Kind::RaBitQ(Bits::Two), Metric::L2).with_rerank(Kind::Int8).expect("valid");
    let own = [rq, params(20, Kind::Product, Metric::Cosine), params(5, Kind::Float16, Metric::L2)];
    let own = own.map(|params| written(&filled(params, 40)));
    [NOQUANT, Q8, BIN, REDUCED].map(bytes).into_iter().chain(own).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_bytes_make_it_panic(
        which in 0usize..7,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local!(static PAYLOADS: Vec<Vec<u8>> = payloads());
        let mut bytes = PAYLOADS.with(|all| all[which].clone());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        let mut input = Reader::with_total(&bytes[..], bytes.len() as u64);
        let set = input.length().and_then(|id| super::read(&mut input, id, None));
        // What is accepted can be used, and written again.
        if let Ok(Some(set)) = set {
            let set = Arc::new(set);
            let query = set.query(&vector(1, set.params().dim()));
            prop_assert!(query.is_ok() || set.params().input_dim().is_some());
            prop_assert!(read(&written(&set)).is_ok_and(|again| again.untimed().digest() == set.untimed().digest()));
        }
    }
}
