//! What is in the file is what was there at the cut, whatever happens while it is written.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::*;
use crate::journal::Record;
use crate::keyspace::{Clock, Deadline, Hash, Keyspace, Policy, StringValue, Value, ValueRef};
use crate::persistence::aof::reader::Requests;
use crate::persistence::loading::Loading;
use crate::persistence::rdb::Making;
use crate::persistence::rdb::Reader;
use crate::persistence::rdb::dump::restore;
use crate::persistence::rdb::load::{How, load};
use crate::vector_set::{Haste, Hold, Lifetime, Params, Put};

const DIM: usize = 32;
const STRINGS: usize = 3000;
const ELEMENTS: usize = 1500;
const FORMS: [Form; 2] = [Form::Snapshot, Form::Commands { is_dated: true }];

/// Takes what is written, and does something each time.
struct Disturbed<F> {
    bytes: Vec<u8>,
    disturb: F,
}

impl<F: FnMut()> Write for Disturbed<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.disturb)();
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn keyspace() -> Keyspace {
    Keyspace::new(Clock::manual(1_000_000))
}

fn set(keyspace: &Keyspace, db: usize, key: &str, text: &str, deadline: Deadline) {
    let value = Value::String(StringValue::new(text.as_bytes()));
    keyspace.db(db).exclusive(&[key]).put(key.as_bytes(), value, deadline);
}

/// False if that changes nothing.
fn bless(keyspace: &Keyspace, db: usize, key: &[u8], is_blessed: bool) -> bool {
    keyspace.db(db).exclusive(&[key]).set_blessed(key, is_blessed).is_some_and(|changed| changed)
}

/// Gives elements of a set these vectors, and makes the set if it is not there.
fn add(keyspace: &Keyspace, key: &str, elements: std::ops::Range<usize>, shift: f32) {
    let db = keyspace.db(0);
    let request = bytes::Bytes::new();
    for number in elements {
        let vector: Vec<f32> = (0..DIM).map(|i| ((number * 31 + i * i * 7) % 97) as f32 + shift).collect();
        let name = number.to_string();
        let put = Put {
            element: name.as_bytes(),
            vector,
            attribute: Some(name.as_bytes()),
            lifetime: Lifetime::Kept,
        };
        match db.vector_set(key.as_bytes()).expect("it is a set") {
            Some(handle) => {
                let record = Record::new(keyspace.journal(), 0, &request);
                assert!(
                    handle.set.untimed().upsert(Hold::Lookup(handle.binding), &[put], 20, record).is_ok()
                );
            }
            None => {
                let new = VectorSet::new(Params::new(DIM).expect("a small dimension"), 1);
                assert!(new.untimed().upsert(Hold::Exclusive, &[put], 20, Record::unlogged()).is_ok());
                let record = Record::new(keyspace.journal(), 0, &request);
                assert!(db.create_vector_set(key.as_bytes(), Arc::new(new), record).is_ok());
            }
        }
    }
}

/// The keys whose digests differ.
fn differences(one: &Digests, other: &Digests) -> Vec<(usize, String)> {
    let keys = one.keys().chain(other.keys()).filter(|key| one.get(key) != other.get(key));
    keys.map(|(db, key)| (*db, key.escape_ascii().to_string())).collect()
}

type Digests = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Deadline, bool)>;

/// A digest of each key, with its deadline and whether it is blessed, by database.
fn digests(keyspace: &Keyspace) -> Digests {
    let mut digests = BTreeMap::new();
    for (number, db) in keyspace.databases().iter().enumerate() {
        db.direct().for_each(|entry| {
            let digest = match entry.value() {
                ValueRef::VectorSet(set) => set.untimed().digest().to_vec(),
                ValueRef::ColdSet(_) => unreachable!("there is no folder for files"),
                ValueRef::String(string) => string.text().into_owned(),
                ValueRef::Hash(hash) => {
                    let mut fields: Vec<_> = hash.view(i64::MIN).iter().collect();
                    fields.sort_by_key(|field| field.0);
                    format!("{fields:?}").into_bytes()
                }
            };
            digests.insert((number, entry.key().to_vec()), (digest, entry.deadline(), entry.is_blessed()));
        });
    }
    digests
}

fn saved(keyspace: &Keyspace, form: Form, disturb: impl FnMut()) -> (Vec<u8>, Progress) {
    let (snapshot, ()) = keyspace.snapshot(|_| ());
    let sizes: Vec<Census> = keyspace.databases().iter().map(|db| db.census()).collect();
    let out = Writer::new(Disturbed { bytes: Vec::new(), disturb }, true, true);
    let progress = Progress::default();
    let mut spill = Vec::new();
    progress.begin(0);
    let info = FileInfo { version: "8.6.2", form, ..FileInfo::default() };
    let (out, _) = save(snapshot, out, &info, &sizes, &mut spill, (&progress, Haste::Now))
        .expect("memory can be written");
    (out.bytes, progress)
}

fn loaded(bytes: &[u8]) -> Keyspace {
    let keyspace = keyspace();
    let how = How { skip_unknown: false, keep_ended: true };
    let input = Reader::with_total(bytes, bytes.len() as u64);
    assert!(load(input, &keyspace, how, &Loading::default()).is_ok());
    keyspace
}

/// What these commands make, those of a base.
fn played(bytes: &[u8]) -> Keyspace {
    let keyspace = keyspace();
    let mut db = 0;
    let mut requests = Requests::new(bytes, 0);
    while let Some(logged) = requests.next().expect("only requests") {
        let words: Vec<&[u8]> = logged.request.words().iter().collect();
        match words[0] {
            b"SELECT" => db = number(words[1]) as usize,
            b"BLESS" => {
                assert_eq!((words[1], words[3]), (&b"SET"[..], &b"NO-EVICT"[..]));
                assert!(bless(&keyspace, db, words[2], true));
            }
            _ => play(&keyspace, db, &words),
        }
    }
    keyspace
}

fn play(keyspace: &Keyspace, db: usize, words: &[&[u8]]) {
    let mut keys = keyspace.db(db).exclusive(&[words[1]]);
    let key = words[1];
    match words[0] {
        b"SET" => keys.put(key, Value::String(StringValue::new(words[2])), Deadline::NEVER),
        b"PEXPIREAT" => assert!(keys.set_deadline(key, Deadline::at(number(words[2])))),
        b"HMSET" => {
            let pairs = words[2..].as_chunks::<2>().0;
            assert!(pairs.len() <= 64);
            let set = |hash: &mut Hash| {
                pairs.iter().for_each(|[name, value]| assert!(hash.set(name, value, Deadline::NEVER)));
            };
            keys.edit_hash(key, set).expect("it is a hash");
        }
        b"HPEXPIREAT" => {
            assert_eq!(words[3..5], [b"FIELDS".as_slice(), b"1"]);
            let set = |hash: &mut Hash| assert!(hash.set_deadline(words[5], Deadline::at(number(words[2]))));
            keys.edit_hash(key, set).expect("it is a hash");
        }
        b"RESTORE" => {
            let end = if words.get(4).is_some() { Deadline::at(number(words[2])) } else { Deadline::NEVER };
            keys.put(key, restore(words[3], Making::of(keyspace)).expect("a dump"), end);
        }
        other => panic!("{}", other.escape_ascii()),
    }
}

fn number(text: &[u8]) -> i64 {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("a number")
}

/// The keys of a file in this form.
fn read_back(bytes: &[u8], form: Form) -> Digests {
    digests(&if form == Form::Snapshot { loaded(bytes) } else { played(bytes) })
}

fn filled() -> Keyspace {
    let keyspace = keyspace();
    for number in 0..STRINGS {
        let deadline = if number % 3 == 0 { Deadline::at(2_000_000) } else { Deadline::NEVER };
        set(&keyspace, number % 4, &number.to_string(), &"text".repeat(number % 50), deadline);
        if number % 5 == 0 {
            bless(&keyspace, number % 4, number.to_string().as_bytes(), true);
        }
    }
    for (key, fields) in [("small", 3), ("large", 2000)] {
        let fill = |hash: &mut Hash| {
            (0..fields).for_each(|n: i32| _ = hash.set(&n.to_be_bytes(), b"value", Deadline::NEVER));
        };
        keyspace.db(1).exclusive(&[key]).edit_hash(key.as_bytes(), fill).expect("it is none yet");
    }
    add(&keyspace, "set:a", 0..ELEMENTS, 1.0);
    add(&keyspace, "set:b", 0..ELEMENTS, 2.0);
    [(1, "large"), (0, "set:a")].iter().for_each(|(db, key)| _ = bless(&keyspace, *db, key.as_bytes(), true));
    keyspace
}

#[test]
fn a_file_gives_the_same_keys_back() {
    for form in FORMS {
        let keyspace = filled();
        let (bytes, progress) = saved(&keyspace, form, || ());
        assert_eq!(differences(&read_back(&bytes, form), &digests(&keyspace)), []);
        assert_eq!(progress.keys().0, STRINGS as u64 + 4);
        let (nothing, _) = saved(&self::keyspace(), form, || ());
        assert!(read_back(&nothing, form).is_empty());
    }
}

#[test]
fn commands_are_those_of_redis() {
    let keyspace = keyspace();
    set(&keyspace, 0, "a", "x", Deadline::at(2_000_000));
    let fill = |hash: &mut Hash| {
        hash.set(b"f", b"v", Deadline::at(3_000_000));
        hash.set(b"", b"7", Deadline::NEVER);
    };
    keyspace.db(2).exclusive(&["h"]).edit_hash(b"h", fill).expect("it is none yet");
    let (bytes, _) = saved(&keyspace, Form::Commands { is_dated: false }, || ());
    let text = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n\
        *3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nx\r\n\
        *3\r\n$9\r\nPEXPIREAT\r\n$1\r\na\r\n$7\r\n2000000\r\n\
        *2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n\
        *6\r\n$5\r\nHMSET\r\n$1\r\nh\r\n$1\r\nf\r\n$1\r\nv\r\n$0\r\n\r\n$1\r\n7\r\n\
        *6\r\n$10\r\nHPEXPIREAT\r\n$1\r\nh\r\n$7\r\n3000000\r\n$6\r\nFIELDS\r\n$1\r\n1\r\n$1\r\nf\r\n";
    assert_eq!(String::from_utf8_lossy(&bytes), text);
    bless(&keyspace, 0, b"a", true);
    keyspace.db(2).flush(Record::unlogged());
    let (bytes, _) = saved(&keyspace, Form::Commands { is_dated: false }, || ());
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.ends_with("2000000\r\n*4\r\n$5\r\nBLESS\r\n$3\r\nSET\r\n$1\r\na\r\n$8\r\nNO-EVICT\r\n"),
        "{text}"
    );
    let (dated, _) = saved(&self::keyspace(), Form::Commands { is_dated: true }, || ());
    assert_eq!(dated, b"#TS:0\r\n");
}

#[test]
fn what_changes_while_a_file_is_written_is_in_it_as_it_was() {
    FORMS.into_iter().for_each(check_under_changes);
}

fn check_under_changes(form: Form) {
    let keyspace = filled();
    let at_cut = digests(&keyspace);
    let mut round = 0;
    // More than a file has buffers, so that changes come within sets too.
    let (bytes, _) = saved(&keyspace, form, || {
        round += 1;
        for number in (round * 97..STRINGS).step_by(5).take(300) {
            set(&keyspace, number % 4, &number.to_string(), "changed", Deadline::NEVER);
        }
        for number in (round * 89..STRINGS).step_by(7).take(300) {
            bless(&keyspace, number % 4, number.to_string().as_bytes(), number % 5 != 0);
        }
        bless(&keyspace, 0, b"set:a", round % 2 == 0);
        let first = round * 50 % ELEMENTS;
        add(&keyspace, "set:b", first..first + 50, 9.0);
        add(&keyspace, "set:a", first..first + 50, 9.0);
        add(&keyspace, "set:new", round..round + 1, 9.0);
        set(&keyspace, 9, &format!("new {round}"), "new", Deadline::NEVER);
        match round {
            4 => drop(keyspace.db(0).exclusive(&["set:b"]).remove(b"set:b")),
            5 => keyspace.swap(0, 3, Record::unlogged()),
            7 => keyspace.db(1).flush(Record::unlogged()),
            _ => {}
        }
    });
    assert!(round > 7, "only {round} writes");
    assert_eq!(differences(&read_back(&bytes, form), &at_cut), []);
    assert_eq!(keyspace.journal().before_image_bytes(), 0);
}

fn set_fields(keyspace: &Keyspace, key: &str, numbers: std::ops::Range<i32>, value: &[u8]) {
    let set = |hash: &mut Hash| {
        for number in numbers {
            let deadline = if number % 7 == 3 { Deadline::at(2_000_000) } else { Deadline::NEVER };
            hash.set(&number.to_be_bytes(), value, deadline);
        }
    };
    keyspace.db(0).exclusive(&[key]).edit_hash(key.as_bytes(), set).expect("it is a hash");
}

#[test]
fn large_hashes_are_in_the_file_as_they_were_though_all_of_them_change_while_one_is_written() {
    FORMS.into_iter().for_each(check_large_hashes);
}

fn check_large_hashes(form: Form) {
    const FIELDS: i32 = 20_000;
    let keyspace = keyspace();
    let keys = ["one", "two", "three"];
    keys.iter().for_each(|key| set_fields(&keyspace, key, 0..FIELDS, &[b'v'; 100]));
    assert!(bless(&keyspace, 0, b"one", true));
    let at_cut = digests(&keyspace);
    let mut round = 0;
    let mut most = 0;
    let disturb = || {
        let from = round * 2000;
        round += 1;
        keys.iter().for_each(|key| set_fields(&keyspace, key, from..from + 2000, b"changed"));
        most = most.max(keyspace.journal().before_image_bytes());
        if round == 8 {
            keyspace.db(0).exclusive(&["two"]).remove(b"two");
        }
    };
    let (snapshot, ()) = keyspace.snapshot(|_| ());
    let out = Writer::new(Disturbed { bytes: Vec::new(), disturb }, true, true);
    let mut spill = Vec::new();
    let info = FileInfo { form, ..FileInfo::default() };
    let out = save(snapshot, out, &info, &[], &mut spill, (&Progress::default(), Haste::Now));
    let bytes = out.expect("memory can be written").0.bytes;
    // Commands are not compressed: more is written, and changed, between two looks at what waits.
    let bound = if form == Form::Snapshot { 2 * RELIEF } else { crate::journal::MAX_BEFORE_IMAGE_BYTES };
    assert!(round > 10 && spill.len() > RELIEF / 2 && most < bound, "{round} {} {most}", spill.len());
    assert_eq!(differences(&read_back(&bytes, form), &at_cut), []);
    assert_eq!(keyspace.journal().before_image_bytes(), 0);
}

#[test]
fn the_use_of_keys_is_in_the_file_where_the_policy_needs_it() {
    let keyspace = keyspace();
    set(&keyspace, 0, "k", "v", Deadline::NEVER);
    let head = |use_said: &[u8]| [b"\xfe\x00\xfb\x01\x00", use_said, b"\x00\x01k\x01v\xff"].concat();
    keyspace.clock().advance(77_000);
    keyspace.db(0).lookup(b"k", crate::keyspace::Accounting::None, |entry| entry.set_frequency(9, 1_077_000));
    keyspace.clock().advance(60_000);
    for (name, said) in [
        ("allkeys-lru", &b"\xf8\x3c"[..]),
        ("volatile-lru", b"\xf8\x3c"),
        ("allkeys-lfu", b"\xf9\x08"),
        ("volatile-lfu", b"\xf9\x08"),
        ("allkeys-lrm", b""),
        ("volatile-ttl", b""),
        ("noeviction", b""),
    ] {
        keyspace.set_policy(Policy::named(name).expect("it is one"));
        let (bytes, _) = saved(&keyspace, Form::Snapshot, || ());
        let expected = head(said);
        assert!(
            bytes.windows(expected.len()).any(|part| part == expected),
            "{name}: {}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn a_save_that_is_cancelled_ends() {
    let keyspace = filled();
    let (snapshot, ()) = keyspace.snapshot(|_| ());
    let progress = Progress::default();
    progress.begin(0);
    progress.cancel();
    let out = Writer::new(Vec::new(), true, true);
    let outcome = save(snapshot, out, &FileInfo::default(), &[], &mut Vec::new(), (&progress, Haste::Now));
    assert_eq!(outcome.err().map(|error| error.kind()), Some(io::ErrorKind::Interrupted));
    assert!(!keyspace.journal().is_cut());
}
