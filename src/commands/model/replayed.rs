//! Checks that the stream of changes is complete: after any commands, a server that has replayed
//! only the stream has the same data, to the last deadline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{NOW_MS, Step, deadline_ms, key, step};
use crate::commands::replay::Replay;
use crate::commands::testing::Session;
use crate::commands::{Client, Server, dispatch};
use crate::config::Settings;
use crate::keyspace::{Deadline, Entry, EvictReason, Keyspace, Policy, TierDir, Unit, Value};
use crate::persistence::files::testing::Folder;
use crate::persistence::loading::Loading;
use crate::persistence::rdb::load::{How, load};
use crate::persistence::rdb::save::{FileInfo, Progress, save};
use crate::persistence::rdb::vector_set::cold::{cool, open};
use crate::persistence::rdb::{Reader, Writer};

use crate::resp::Request;
use crate::vector_set::{Haste, NamedBy, VectorSet};

/// Requests beyond those of the model: deadlines of fields, sums of floats, vectors. Letters in
/// braces are replaced at random for each request.
const REQUESTS: [&str; 65] = [
    "HSET {k} {f} {n} {g} {n}",
    "HSET {k} f 1 g 2 h 3 i 4",
    "HMSET {k} {f} {n}",
    "HSETNX {k} {f} {n}",
    "HDEL {k} {f}",
    "HDEL {k} {f} {g}",
    "HINCRBY {k} {f} {n}",
    "HINCRBYFLOAT {k} {f} 0.{n}",
    "HGETDEL {k} FIELDS 2 {f} {g}",
    "HEXPIRE {k} {n} {c} FIELDS 2 {f} {g}",
    "HPEXPIRE {k} {n} FIELDS 3 {f} {g} {f}",
    "HPEXPIRE {k} {n} {c} FIELDS 2 {f} {f}",
    "HPEXPIRE {k} 3 FIELDS 4 f g h i",
    "HPEXPIREAT {k} {t} {c} FIELDS 1 {f}",
    "HPEXPIREAT {k} {t} FIELDS 2 {f} {g}",
    "HEXPIREAT {k} 1790000001 FIELDS 1 {f}",
    "HPERSIST {k} FIELDS 2 {f} {g}",
    "HSETEX {k} FIELDS 1 {f} {n}",
    "HSETEX {k} PX {n} FIELDS 2 {f} 1 {g} 2",
    "HSETEX {k} EX {n} FIELDS 1 {f} 1",
    "HSETEX {k} FNX PXAT {t} FIELDS 2 {f} 1 {g} 2",
    "HSETEX {k} FXX PXAT {t} FIELDS 1 {f} 1",
    "HSETEX {k} FXX KEEPTTL FIELDS 1 {f} {n}",
    "HGETEX {k} FIELDS 1 {f}",
    "HGETEX {k} PX {n} FIELDS 2 {f} {g}",
    "HGETEX {k} PXAT {t} FIELDS 1 {f}",
    "HGETEX {k} PERSIST FIELDS 2 {f} {g}",
    "HIMPORT PREPARE s {f} z",
    "HIMPORT SET {k} s {n} 1",
    "INCRBYFLOAT {k} 0.{n}",
    "BITFIELD {k} OVERFLOW FAIL INCRBY u4 #{n} 9 SET i7 3{n} -{n}",
    "BITOP DIFF {k} {k} {l}",
    "BITOP NOT {k} {l}",
    "INCRBYFLOAT {k} -3",
    "SETEX {k} {n} text",
    "SET {k} text EX {n} XX GET",
    "SET {k} text IFEQ text PX {n}",
    "VADD {k} VALUES 2 0.{n} 1 {f}",
    "VADD {k} VALUES 2 1 -0.{n} {f} CAS SETATTR {n}",
    "VADD {k} VALUES 2 1 0.{n} {f} NOQUANT",
    "VADD {k} VALUES 2 3 -0.{n} {f} QUANT NOQUANT M 5 EF 7",
    "VADD {k} VALUES 2 3 0.{n} {f} SETATTR {n} Q8 VALUES 2 7 {n} {g} SETATTR x VALUES 2 1 1 {f}",
    "VADD {k} REDUCE 2 VALUES 3 1 2 {n} {f} BIN",
    "VADD {k} VALUES 2 0.{n} 3 {f} METRIC L2 QUANT RQ2 RERANK F16",
    "VADD {k} FP32 ====>>>{n} {f} SETATTR y EF 3",
    "VREM {k} {f}",
    "VREM {k} {f} {g} h i",
    "VSETATTR {k} {f} {n}",
    "VBLESS SET {k} NO-EVICT MEMBERS 2 {f} {g}",
    "VBLESS SET {k} NO-EVICT MEMBERS 1 {f}",
    "VBLESS CLEAR {k} NO-EVICT MEMBERS 1 {f}",
    "VCREATE {k} DIM 2 METRIC L2 QUANT RQ4 M 8",
    "VCREATE {k} DIM 2 QUANT AUTO EXPECT 1000",
    "VCREATE {k} DIM 2 MAXELEMENTS 2 POLICY random TTL {n}",
    "VCONFIG {k} MAXELEMENTS {n} TTL {n} POLICY lfu",
    "VCONFIG {k} MAXBYTES {n}00 POLICY lru",
    "VADD {k} FP32 ====>>>{n} {f} FP32 {n}===>>>> {g}",
    "EXPIREAT {k} 1790000001",
    "BLESS SET {k} NO-EVICT",
    "SELECT 0",
    "SELECT 1",
    "SELECT 2",
    "COPY {k} {l} DB 2 REPLACE",
    "FLUSHALL",
    "SWAPDB 1 2",
];

#[derive(Clone, Debug)]
pub(super) enum Event {
    OfModel(Step),
    Request(String),
    Transaction(Vec<String>),
    /// Active expiry of up to so many keys and fields.
    ExpiryCycle(usize),
    /// Eviction of so many bytes: of keys only, or of elements too.
    Eviction {
        policy: usize,
        unit: Unit,
        bytes: u64,
    },
}

fn request() -> impl Strategy<Value = String> {
    let field = || prop::sample::select(&["f", "g", "h", "i"][..]);
    let condition = prop::sample::select(&["NX", "XX", "GT", "LT"][..]);
    let template = prop::sample::select(&REQUESTS[..]);
    (template, key(), key(), field(), field(), 0..5_u8, deadline_ms(), condition).prop_map(
        |(template, key, other, field, other_field, number, deadline_ms, condition)| {
            let template = template.replace("{k}", key).replace("{l}", other);
            let template = template.replace("{f}", field).replace("{g}", other_field);
            let template = template.replace("{n}", &number.to_string()).replace("{c}", condition);
            template.replace("{t}", &deadline_ms.to_string())
        },
    )
}

fn eviction() -> impl Strategy<Value = Event> {
    let unit = prop::sample::select(&[Unit::Element, Unit::Key][..]);
    (0..10_usize, unit, 1..3_000_u64).prop_map(|(policy, unit, bytes)| Event::Eviction {
        policy,
        unit,
        bytes,
    })
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => step().prop_map(Event::OfModel),
        8 => request().prop_map(Event::Request),
        1 => prop::collection::vec(request(), 0..6).prop_map(Event::Transaction),
        1 => (1..5_usize).prop_map(Event::ExpiryCycle),
        1 => eviction(),
    ]
}

pub(super) fn carry_out(server: &Server, client: &mut Client, event: &Event) {
    let mut run = |line: &str| _ = dispatch(server, client, &Request::from_args(&super::words(line)));
    match event {
        Event::OfModel(Step::Advance(by_ms)) => server.keyspace.clock().advance(*by_ms),
        Event::OfModel(Step::Strings(request)) => run(&request.to_string()),
        Event::OfModel(Step::Bitmaps(request)) => run(&request.to_string()),
        Event::OfModel(Step::Keys(request)) => run(&request.to_string()),
        Event::OfModel(Step::Hashes(request)) => run(&request.to_string()),
        Event::Request(line) => run(line),
        Event::Transaction(lines) => {
            run("MULTI");
            lines.iter().for_each(|line| run(line));
            run("EXEC");
        }
        Event::ExpiryCycle(budget) => {
            server.keyspace.databases().iter().for_each(|db| _ = db.expire_cycle(*budget));
        }
        Event::Eviction { policy, unit, bytes } => {
            let policy = Policy::all().nth(*policy).expect("there are ten");
            server.keyspace.configure_eviction(policy, 3, *unit);
            let until = Instant::now() + Duration::from_secs(60);
            server.keyspace.evict(*bytes, until, EvictReason::Limit);
        }
    }
}

/// A server that has replayed the stream of another, with the same clock.
fn replica(original: &Session, settings: Settings) -> Session {
    let replica = Session::with(settings, original.server.keyspace.clock().now_ms());
    let mut replay = Replay::begin(&replica.server);
    for request in original.stream() {
        assert_eq!(replay.play(&request), Ok(()), "{:?}", request.wire());
    }
    assert!(!replay.is_in_transaction());
    drop(replay);
    replica
}

/// The observable contents of a value, without the graph of a set.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Deadline)>),
    Set(String),
}

/// Contents, deadlines, and whether keys are blessed.
pub(super) type Image = BTreeMap<(usize, Vec<u8>), (Seen, Deadline, bool)>;

fn image(server: &Server) -> Image {
    image_at(server, server.keyspace.clock().now_ms())
}

/// With the fields that have not expired at this moment.
pub(super) fn image_at(server: &Server, now_ms: i64) -> Image {
    let mut image = Image::new();
    for (number, db) in server.keyspace.databases().iter().enumerate() {
        db.direct().for_each(|entry| {
            let content = (seen(entry, now_ms), entry.deadline(), entry.is_blessed());
            image.insert((number, entry.key().to_vec()), content);
        });
    }
    image
}

fn seen(entry: &Entry, now_ms: i64) -> Seen {
    match entry.value().to_value() {
        Value::String(string) => Seen::Text(string.text().to_vec()),
        Value::Hash(hash) => {
            let fields = hash.view(now_ms);
            let fields =
                fields.iter().map(|(name, value, end)| (name.to_vec(), (value.text().into_owned(), end)));
            Seen::Hash(fields.collect())
        }
        Value::VectorSet(set) => seen_set(&set),
        Value::ColdSet(cold) => seen_set(&open(cold.file(), cold.file().dir()).expect("it is whole")),
    }
}

fn seen_set(set: &VectorSet) -> Seen {
    let set = set.untimed();
    let (pinned, _) = set.pinned(None, usize::MAX);
    Seen::Set(format!("{:?} {:?} {} {pinned:?}", set.digest(), set.params(), set.len()))
}

/// Hashes of up to `packed` fields are packed.
fn check(events: &[Event], packed: u64) -> Result<(), TestCaseError> {
    let settings = || Settings { hash_max_listpack_entries: packed, compat: "8.10", ..Settings::defaults() };
    let mut original = Session::with(settings(), NOW_MS).streaming();
    events.iter().for_each(|event| carry_out(&original.server, &mut original.client, event));
    let replica = replica(&original, settings());
    prop_assert_eq!(image(&original.server), image(&replica.server));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_stream_has_all_changes(events in prop::collection::vec(event(), 1..60), packed in 0..9_u64) {
        check(&events, packed)?;
    }
}

/// Sets go into files between the changes, and come back for some of them.
fn check_with_cold_sets(events: &[(Event, bool)]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let mut original = Session::at(NOW_MS).streaming();
    let keyspace = &original.server.keyspace;
    keyspace.set_tier(TierDir::open(folder.path()).expect("it can be used"));
    let mut stored = 0;
    for (event, cools) in events {
        carry_out(&original.server, &mut original.client, event);
        for number in 0..3 {
            for (key, set) in keyspace.idle_sets(number, 0, 0).into_iter().filter(|_| *cools) {
                let tier = keyspace.tier().expect("it was set");
                prop_assert!(cool(keyspace.db(number), &key, &set, tier, Haste::Now).is_ok());
                stored += 1;
            }
        }
    }
    let counters = &keyspace.tier().expect("it was set").cold().counters;
    prop_assert_eq!((counters.cooled.get(), counters.unreadable.get()), (stored, 0));
    let before = image(&original.server);
    let replica = replica(&original, Settings { compat: "8.10", ..Settings::defaults() });
    prop_assert_eq!(&before, &image(&replica.server));
    // What was saved is the same, whether another server has the files or not.
    for tier in [None, keyspace.tier()] {
        let other = Session::at(keyspace.clock().now_ms());
        tier.into_iter().for_each(|tier| other.server.keyspace.set_tier(Arc::clone(tier)));
        reload(keyspace, &other.server.keyspace);
        prop_assert_eq!(&before, &image(&other.server));
    }
    Ok(())
}

/// Saves one keyspace and loads another from that.
fn reload(from: &Keyspace, into: &Keyspace) {
    let (snapshot, ()) = from.snapshot(|_| ());
    let progress = Progress::default();
    progress.begin(0);
    let out = Writer::new(Vec::new(), true, true);
    let saved = save(snapshot, out, &FileInfo::default(), &[], &mut Vec::new(), (&progress, Haste::Now));
    let (bytes, adoptions) = saved.expect("memory");
    adoptions.into_iter().for_each(|mut adoption| adoption.adopt(NamedBy::Snapshot));
    let how = How { skip_unknown: false, keep_ended: true };
    let input = Reader::with_total(&bytes[..], bytes.len() as u64);
    load(input, into, how, &Loading::default()).expect("it was just saved");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sets_in_files_are_the_sets_that_they_were(
        events in prop::collection::vec((event(), prop::bool::weighted(0.3)), 1..40),
    ) {
        check_with_cold_sets(&events)?;
    }
}

/// So many concurrent clients, on few keys.
const CLIENTS: usize = 3;
const ROUNDS: usize = 40;
const EVENTS_EACH: usize = 200;

/// Sets that grow while they expire or are evicted, as a whole or by elements.
fn event_of_dying_set() -> impl Strategy<Value = Event> {
    const REQUESTS: [&str; 5] = [
        "VADD k VALUES 2 1 0 f PX 2",
        "VADD k VALUES 2 1 0 g QUANT NOQUANT",
        "HSET k f 1",
        "PEXPIRE k 3",
        "VEXPIRE k 0 MEMBERS 1 g",
    ];
    prop_oneof![
        4 => prop::sample::select(&REQUESTS[..]).prop_map(|line| Event::Request(line.to_owned())),
        1 => Just(Event::OfModel(Step::Advance(1))),
        1 => Just(Event::ExpiryCycle(2)),
        3 => eviction(),
    ]
}

#[test]
fn the_stream_has_the_order_in_which_clients_changed_the_data() {
    check_order(event());
}

#[test]
fn the_stream_has_the_order_in_which_sets_grow_and_die() {
    check_order(event_of_dying_set());
}

fn check_order(event: impl Strategy<Value = Event>) {
    let mut runner = TestRunner::deterministic();
    let script = prop::collection::vec(event, EVENTS_EACH);
    let scripts = prop::collection::vec(script, CLIENTS);
    for round in 0..ROUNDS {
        let scripts = scripts.new_tree(&mut runner).expect("always possible").current();
        let original = Session::at(NOW_MS).streaming();
        std::thread::scope(|scope| {
            for script in &scripts {
                let mut client = original.connect();
                let server = &original.server;
                scope.spawn(move || script.iter().for_each(|event| carry_out(server, &mut client, event)));
            }
        });
        let replica = replica(&original, Settings { compat: "8.10", ..Settings::defaults() });
        assert_eq!(image(&original.server), image(&replica.server), "round {round}");
    }
}
