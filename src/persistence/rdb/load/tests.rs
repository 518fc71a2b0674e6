use proptest::prelude::*;

use super::*;
use crate::keyspace::{Accounting, Clock, Entry, Lfu, Policy, StringValue};
use crate::persistence::rdb::Writer;
use crate::persistence::rdb::format::opcode;

const NOW_MS: i64 = 1_790_000_000_000;
const DROP: How = How { skip_unknown: false, keep_ended: false };

/// What stands between the header and the end of a file.
type Body<'b> = &'b dyn Fn(&mut Writer<Vec<u8>>) -> std::io::Result<()>;

fn file(body: Body) -> Vec<u8> {
    let mut out = Writer::new(Vec::new(), true, true);
    let written = out.header().and_then(|()| body(&mut out));
    written.and_then(|()| out.finish()).expect("memory does not fail")
}

fn string(out: &mut Writer<Vec<u8>>, key: &str, value: &str) -> std::io::Result<()> {
    out.u8(0)?;
    out.string(key.as_bytes())?;
    out.string(value.as_bytes())
}

fn ends(out: &mut Writer<Vec<u8>>, unix_ms: i64) -> std::io::Result<()> {
    out.u8(opcode::EXPIRETIME_MS)?;
    out.raw(&unix_ms.to_le_bytes())
}

/// A list of one member.
fn list(out: &mut Writer<Vec<u8>>, key: &str) -> std::io::Result<()> {
    out.u8(1)?;
    out.string(key.as_bytes())?;
    out.length(1)?;
    out.string(b"member")
}

fn keyspace() -> Keyspace {
    Keyspace::new(Clock::manual(NOW_MS))
}

fn load_into(keyspace: &Keyspace, bytes: &[u8], how: How) -> Result<Tally, LoadError> {
    let input = Reader::with_total(bytes, bytes.len() as u64);
    load(input, keyspace, how, &Loading::default()).map(|loaded| loaded.tally)
}

fn text(keyspace: &Keyspace, db: usize, key: &str) -> Option<String> {
    let text = |string: StringValue| String::from_utf8_lossy(&string.text()).into_owned();
    keyspace.db(db).string(key.as_bytes()).expect("it is a string").map(text)
}

fn refusal(bytes: &[u8], how: How) -> String {
    load_into(&keyspace(), bytes, how).expect_err("it is refused").to_string()
}

#[test]
fn keys_come_to_their_databases_with_their_deadlines_and_idle_times() {
    let bytes = file(&|out| {
        out.aux(b"redis-ver", b"8.6.2")?;
        out.aux(b"used-mem", b"12345")?;
        for db in [0, 15] {
            out.u8(opcode::SELECTDB)?;
            out.length(db)?;
            out.u8(opcode::RESIZEDB)?;
            out.length(2)?;
            out.length(1)?;
            (0..3000).try_for_each(|number| string(out, &format!("key:{number}"), &number.to_string()))?;
        }
        out.u8(opcode::IDLE)?;
        out.length(77)?;
        ends(out, NOW_MS + 5)?;
        string(out, "ends", "x")
    });
    let keyspace = keyspace();
    let loading = Loading::default();
    loading.begin(bytes.len() as u64);
    let input = Reader::with_total(loading.watch(&bytes[..]), bytes.len() as u64);
    let loaded = load(input, &keyspace, DROP, &loading).expect("it is whole");
    assert_eq!((loaded.tally.loaded, loaded.checksum), (6001, Checksum::Verified));
    assert_eq!((keyspace.db(0).census().keys, keyspace.db(15).census().keys), (3000, 3001));
    assert_eq!(text(&keyspace, 15, "key:2999").as_deref(), Some("2999"));
    let known = |entry: &crate::keyspace::Entry| (entry.deadline().unix_ms(), entry.idle_s(NOW_MS));
    let known = keyspace.db(15).lookup(b"ends", Accounting::None, known);
    assert_eq!(known, Some((Some(NOW_MS + 5), 77)));
    let progress = loading.progress().expect("it is on");
    assert_eq!((progress.loaded_bytes, progress.memory_then), (bytes.len() as u64, 12345));
}

#[test]
fn frequencies_and_blessings_are_those_of_the_next_key() {
    let bytes = file(&|out| {
        out.aux(b"nearhit-next-key", b"no-evict")?;
        out.u8(opcode::FREQ)?;
        out.u8(200)?;
        string(out, "both", "x")?;
        out.aux(b"nearhit-next-key", b"something new")?;
        string(out, "neither", "x")?;
        ends(out, NOW_MS + 5)?;
        out.aux(b"nearhit-next-key", b"no-evict")?;
        string(out, "blessed", "x")
    });
    let keyspace = keyspace();
    keyspace.set_policy(Policy::named("allkeys-lfu").expect("it is one"));
    load_into(&keyspace, &bytes, DROP).expect("it is whole");
    let known = |key: &str| {
        let known = |entry: &Entry| (entry.is_blessed(), entry.frequency(NOW_MS, Lfu::default()));
        keyspace.db(0).lookup(key.as_bytes(), Accounting::None, known).expect("it was in the file")
    };
    assert_eq!(["both", "neither", "blessed"].map(known), [(true, 200), (false, 5), (true, 5)]);
    let ends = keyspace.db(0).lookup(b"blessed", Accounting::None, Entry::deadline);
    assert_eq!(ends, Some(Deadline::at(NOW_MS + 5)));
    assert_eq!(keyspace.blessed_keys(), 2);
}

#[test]
fn keys_that_have_ended_are_dropped_unless_a_log_follows() {
    let bytes = file(&|out| {
        ends(out, NOW_MS - 1)?;
        string(out, "ended", "x")?;
        ends(out, NOW_MS)?;
        string(out, "ends", "x")
    });
    for (keep_ended, loaded, ended) in [(false, 1, 1), (true, 2, 0)] {
        let keyspace = keyspace();
        let tally = load_into(&keyspace, &bytes, How { keep_ended, ..DROP }).expect("it is whole");
        assert_eq!((tally.loaded, tally.ended), (loaded, ended));
        assert_eq!(keyspace.db(0).expire_cycle(9), usize::from(keep_ended));
        assert_eq!(keyspace.db(0).census().keys, 1);
    }
}

#[test]
fn a_key_that_comes_twice_is_told() {
    let bytes = file(&|out| {
        string(out, "a", "1")?;
        (0..5000).try_for_each(|number| string(out, &format!("key:{number}"), "x"))?;
        string(out, "a", "2")
    });
    let refusal = refusal(&bytes, DROP);
    assert!(refusal.contains("the same key again") && refusal.ends_with("of the key 'a'"), "{refusal}");
}

#[test]
fn what_is_not_known_stops_the_loading_or_is_counted() {
    let bytes = file(&|out| {
        out.u8(opcode::FUNCTION2)?;
        out.string(b"#!lua name=lib")?;
        list(out, "l1")?;
        string(out, "a", "1")?;
        list(out, "l2")
    });
    assert_eq!(
        refusal(&bytes, DROP),
        "at offset 9: function: nearhit has no such thing; rdb-skip-unknown-types passes over it"
    );
    let only_list = file(&|out| list(out, "l1"));
    let said = refusal(&only_list, DROP);
    assert!(said.contains("at offset 9: list: ") && said.contains("the key 'l1'"), "{said}");
    let keyspace = keyspace();
    let tally = load_into(&keyspace, &bytes, How { skip_unknown: true, ..DROP }).expect("it is whole");
    assert_eq!((tally.loaded, tally.skipped_words().as_deref()), (1, Some("1 function, 2 list")));
    assert_eq!(text(&keyspace, 0, "a").as_deref(), Some("1"));
}

#[test]
fn damage_is_told_with_its_place() {
    let whole = file(&|out| string(out, "key", "value"));
    for (change, said) in [
        (&|bytes: &mut Vec<u8>| bytes[0] = b'X' as _, "at offset 0: no RDB file"),
        (&|bytes: &mut Vec<u8>| bytes[8] = b'9', "at offset 5: RDB version 19"),
        (&|bytes: &mut Vec<u8>| bytes[9] = 200, "at offset 9: neither a type nor an opcode: 200"),
        (&|bytes: &mut Vec<u8>| bytes[17] ^= 1, "wrong checksum"),
        (&|bytes: &mut Vec<u8>| bytes.truncate(16), "in the value of the key 'key'"),
        (&|bytes: &mut Vec<u8>| bytes.truncate(20), "end in the middle"),
    ] as [(&dyn Fn(&mut Vec<u8>), &str); 6]
    {
        let mut bytes = whole.clone();
        change(&mut bytes);
        let refusal = refusal(&bytes, DROP);
        assert!(refusal.contains(said), "{refusal}");
    }
    let db = file(&|out| {
        out.u8(opcode::SELECTDB)?;
        out.length(16)
    });
    assert!(refusal(&db, DROP).contains("database 16, where there are 16"));
}

#[test]
fn a_loader_that_is_to_give_up_does() {
    let bytes = file(&|out| (0..100).try_for_each(|number| string(out, &format!("key:{number}"), "x")));
    let loading = Loading::default();
    loading.cancel();
    let outcome = load(Reader::new(loading.watch(&bytes[..])), &keyspace(), DROP, &loading);
    assert!(outcome.expect_err("it gives up").to_string().contains("the server is to end"));
}

/// A file with some of everything.
fn rich() -> Vec<u8> {
    file(&|out| {
        out.aux(b"redis-ver", b"8.6.2")?;
        out.u8(opcode::FUNCTION2)?;
        out.string(b"#!lua")?;
        out.u8(opcode::SELECTDB)?;
        out.length(1)?;
        string(out, "text", &"ab".repeat(40))?;
        ends(out, NOW_MS + 1)?;
        string(out, "number", "1234567")?;
        list(out, "list")?;
        out.u8(4)?;
        out.string(b"hash")?;
        out.length(2)?;
        ["f1", "v1", "f2", "v2"].into_iter().try_for_each(|word| out.string(word.as_bytes()))
    })
}

proptest! {
    #[test]
    fn no_changed_file_is_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
        unsummed: bool,
    ) {
        let mut bytes = rich();
        if unsummed {
            let end = bytes.len() - 8;
            bytes[end..].fill(0);
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let keyspace = keyspace();
        if let Ok(tally) = load_into(&keyspace, &bytes, How { skip_unknown: true, keep_ended: true }) {
            let keys: usize = keyspace.databases().iter().map(|db| db.census().keys).sum();
            prop_assert!(keys as u64 <= tally.loaded);
        }
    }
}
