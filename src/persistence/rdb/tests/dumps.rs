//! Strings and hashes are what Redis makes of them, byte for byte where no order is left to chance.

use proptest::prelude::*;

use super::{bytes_of, mutated, read_all};
use crate::keyspace::{Deadline, Hash, PackedLimits, StringValue, Value};
use crate::persistence::rdb::Making;
use crate::persistence::rdb::dump::{DumpError, dump, pieces, restore};
use crate::persistence::rdb::format::ValueType;

/// Texts, and what Redis 8.6 makes of them.
const STRINGS: &[(&str, &str)] = &[
    ("hello", "000568656c6c6f0d00c1db56c5628157ca"),
    ("12", "00c00c0d009e8371e25bb1cb15"),
    ("12345678901", "000b31323334353637383930310d0092e7db6420a212d0"),
    ("", "00000d00ff32d5f308cad51a"),
    ("-70000", "00c290eefeff0d008adc57c8145e5fc0"),
];

/// Name, value and deadline of each field.
type Fields = &'static [(&'static str, &'static str, Deadline)];

/// Hashes that Redis 8.6 has packed.
const PACKED: &[(Fields, &str)] = &[
    (
        &[("a", "1", Deadline::NEVER), ("b", "xyz", Deadline::NEVER)],
        "101414000000040081610201018162028378797a04ff0d008c85abdd62886804",
    ),
    (
        &[
            ("f1", "-5", Deadline::NEVER),
            ("f2", "300", Deadline::NEVER),
            ("f3", "-40000", Deadline::NEVER),
            ("f4", "8000000", Deadline::NEVER),
            ("f5", "2147483647", Deadline::NEVER),
            ("f6", "-9223372036854775808", Deadline::NEVER),
            ("f7", "0", Deadline::NEVER),
        ],
        "104045450000000e0082663103dffb0282663203c12c0282663303f2c063ff0482663403f200127a\
         0482663503f3ffffff7f0582663603f4000000000000008009826637030001ff0d00ab64b1ebd4982d1a",
    ),
    (
        &[("a", "1", SOON), ("b", "xyz", Deadline::NEVER)],
        "1900409452a3030000202000000006008161020101f400409452a3030000098162028378797a0400\
         01ff0d003abcf120cf419c07",
    ),
    (
        &[("b", "xyz", Deadline::NEVER), ("a", "1", Deadline::NEVER)],
        "1900409452a3030000181800000006008162028378797a04000181610201010001ff0d00a42a2f3b9a0b623c",
    ),
];

/// Hashes that Redis 8.6 has in a table.
const TABLES: &[(Fields, &str)] = &[
    (&[("a", "long value", Deadline::NEVER)], "040101610a6c6f6e672076616c75650d006e77cd19095c20b6"),
    (&[("a", "long value", SOON)], "1800409452a3030000010101610a6c6f6e672076616c75650d00812d840bcb8d2676"),
    (
        &[
            ("a", "long value", SOON),
            ("b", "other value", Deadline::at(4_000_000_000_500)),
            ("c", "third value", Deadline::NEVER),
        ],
        "1800409452a3030000030001630b74686972642076616c756541f501620b6f746865722076616c7565\
         0101610a6c6f6e672076616c75650d0044d8ecbf3906dd7a",
    ),
];

const SOON: Deadline = Deadline::at(4_000_000_000_000);

/// No field of the tables' is packed.
const TABLES_ONLY: PackedLimits = PackedLimits { fields: 512, len: 3 };

/// Old forms, and those of pre-releases, of one hash: `a` is 2, `b` is -32768.
const OLD_FORMS: &[(&str, &str, Deadline)] = &[
    ("zipmap", "09 11 02 01 61 01 00 32 01 62 06 00 2d 33 32 37 36 38 ff", Deadline::NEVER),
    ("ziplist", "0d 17 17000000 12000000 0400 00 01 61 03 f3 02 01 62 03 c0 00 80 ff", Deadline::NEVER),
    ("table", "04 02 01 61 c0 02 01 62 c1 00 80", Deadline::NEVER),
    ("pre-release table", "16 02 81 000003a352944000 01 61 c0 02  81 000003a352944000 01 62 c1 00 80", SOON),
    (
        "pre-release listpack",
        "17 28 28000000 0600 81 61 02 02 01 f4 00409452a3030000 09 81 62 02 f2 00 80 ff 04 f4 00409452a3030000 09 ff",
        SOON,
    ),
];

/// Redis 8.10's hashes that share their names, and what they are; then with names or values that
/// are not packed.
const TEMPLATES: &[(Fields, &str)] = &[
    (
        &[("age", "1", Deadline::NEVER), ("name", "v", Deadline::NEVER), ("email", "w", Deadline::NEVER)],
        "1d001919000000030083616765 04846e616d6505 85656d61696c06ff 11110000000400000101 0181760281 7702ff\
         0f00 0000000000000000",
    ),
    (
        &[("b", "2", Deadline::NEVER), ("names", "1", Deadline::NEVER)],
        "1d010201 62056e616d6573 0d0d000000030001010201 0101ff 0f00 0000000000000000",
    ),
    (
        &[("age", "2", Deadline::NEVER), ("name", "v", Deadline::NEVER), ("email", "wwwww", Deadline::NEVER)],
        "1f001919000000030083616765 04846e616d6505 85656d61696c06ff c002 0176 057777777777 0f00 0000000000000000",
    ),
    (
        &[("b", "2", Deadline::NEVER), ("names", "x", Deadline::NEVER)],
        "1f010201 62056e616d6573 c002 0178 0f00 0000000000000000",
    ),
];

/// Valkey 9's hash, of which a field expires.
const OF_VALKEY: &str = "16 02 0161 c001 00409452a3030000 0162 c002 ffffffffffffffff 5000 0000000000000000";

fn string(text: &str) -> Value {
    Value::String(StringValue::new(text.as_bytes()))
}

fn dump_of(value: &Value) -> Vec<u8> {
    dump(value.view()).expect("memory does not fail")
}

fn restored(bytes: &[u8], limits: PackedLimits) -> Value {
    restore(bytes, Making { limits, ..Making::default() }).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Footers are not looked at: the checksum is 0.
fn restored_body(digits: &str) -> Result<Value, DumpError> {
    let bytes = [&bytes_of(digits)[..], &[13, 0], &[0; 8]].concat();
    restore(&bytes, Making::default())
}

fn fields_of(value: &Value) -> Vec<(String, String, Deadline)> {
    let Value::Hash(hash) = value else { panic!("no hash: {value:?}") };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    hash.view(i64::MIN)
        .iter()
        .map(|(name, value, deadline)| (text(name), text(&value.text()), deadline))
        .collect()
}

#[track_caller]
fn assert_fields(value: &Value, expected: &[(&str, &str, Deadline)]) {
    let mut found = fields_of(value);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let mut expected: Vec<_> =
        expected.iter().map(|(name, value, at)| (name.to_string(), value.to_string(), *at)).collect();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, expected);
}

#[test]
fn strings_are_those_of_redis() {
    for (text, bytes) in STRINGS {
        let bytes = bytes_of(bytes);
        assert_eq!(dump_of(&string(text)), bytes, "{text}");
        let Value::String(string) = restored(&bytes, PackedLimits::default()) else { panic!("no string") };
        assert_eq!(string.text(), text.as_bytes());
    }
    let compressed = bytes_of("00c30b3c0361626361e02d020162630d00cdc9a057a862136c");
    let Value::String(string) = restored(&compressed, PackedLimits::default()) else { panic!("no string") };
    assert_eq!(string.text(), "abc".repeat(20).as_bytes());
    assert!(dump_of(&Value::String(string)).len() <= compressed.len());
}

#[test]
fn packed_hashes_are_those_of_redis() {
    for (fields, bytes) in PACKED {
        let bytes = bytes_of(bytes);
        let hash = restored(&bytes, PackedLimits::default());
        assert_fields(&hash, fields);
        let written = dump_of(&hash);
        // The soonest deadline is a hint, and Redis may leave one that no field has any more.
        let is_stale = bytes[0] == ValueType::HashListpackEx as u8 && bytes[1..9] != written[1..9];
        let (hint, checksum) = if is_stale { (1..9, written.len() - 8) } else { (0..0, written.len()) };
        assert_eq!(written[hint.end..checksum], bytes[hint.end..checksum]);
        assert_fields(&restored(&written, PackedLimits::default()), fields);
    }
}

#[test]
fn tables_are_those_of_redis() {
    for (fields, bytes) in TABLES {
        let bytes = bytes_of(bytes);
        let hash = restored(&bytes, TABLES_ONLY);
        assert_fields(&hash, fields);
        let written = dump_of(&hash);
        assert_eq!(written[..10], bytes[..10]);
        assert_eq!(written.len(), bytes.len(), "only the order of the fields may differ");
        assert_fields(&restored(&written, TABLES_ONLY), fields);
    }
}

#[test]
fn hashes_in_old_forms_are_read() {
    for (form, bytes, deadline) in OLD_FORMS {
        let hash = restored_body(bytes).unwrap_or_else(|error| panic!("{form}: {error:?}"));
        assert_fields(&hash, &[("a", "2", *deadline), ("b", "-32768", *deadline)]);
        let body = bytes_of(bytes);
        assert_eq!(read_all(&body).expect("a value"), body.len(), "{form}");
    }
}

#[test]
fn hashes_that_are_none_are_refused() {
    let cases = [
        ("04 02 01 61 01 61 01 61 01 62", "a hash with the same field twice"),
        ("10 0a 0a000000 0100 81 61 02 ff", "a hash with a field that is not whole"),
        (
            "19 0000000000000000 0d 0d000000 0200 81 61 02 81 62 02 ff",
            "a hash with a field that is not whole",
        ),
        (
            "19 0000000000000000 10 10000000 0300 81 61 02 81 62 02 81 78 02 ff",
            "a field that ends at no possible time",
        ),
        (
            "19 0000000000000000 10 10000000 0300 81 61 02 81 62 02 df ff 02 ff",
            "a field that ends at no possible time",
        ),
        ("18 ffffffffffffffff 01 02 01 61 01 62", "a field that ends at no possible time"),
        ("18 ffffffffffff0000 01 02 01 61 01 62", "a field that ends at no possible time"),
        ("09 02 07 ff", "a zipmap with fewer fields than it says"),
    ];
    for (bytes, words) in cases {
        let outcome = restored_body(bytes);
        let Err(DumpError::Value(error)) = outcome else { panic!("{bytes}: {outcome:?}") };
        assert_eq!(error.to_string(), format!("at offset 1: {words}"), "{bytes}");
    }
}

#[test]
fn collections_of_nothing_are_no_values() {
    for bytes in ["04 00", "18 0000000000000000 00", "16 00", "10 07 07000000 0000 ff", "09 02 00 ff"] {
        let outcome = restored_body(bytes);
        assert!(matches!(outcome, Err(DumpError::Empty)), "{bytes}: {outcome:?}");
    }
}

/// As Redis has them: the soonest first, and those that never end last.
#[test]
fn a_packed_hash_whose_fields_are_not_in_the_order_of_their_ends_is_refused() {
    const SOON: &str = "f4 00409452a3030000 09";
    const LATER: &str = "f4 05409452a3030000 09";
    const NEVER: &str = "00 01";
    let body = |kind: &str, first: &str, second: &str| {
        let items = bytes_of(&format!("8161 02 01 01 {first} 8162 02 02 01 {second}"));
        let len = items.len() as u8 + 7;
        let packed = [&[len, len, 0, 0, 0, 6, 0][..], &items, &[0xff]].concat();
        let digits: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{kind} {digits}")
    };
    for kind in ["17", "19 00409452a3030000"] {
        for (first, second) in [(SOON, LATER), (SOON, SOON), (SOON, NEVER), (NEVER, NEVER)] {
            assert!(restored_body(&body(kind, first, second)).is_ok(), "{kind} {first} {second}");
        }
        for (first, second) in [(LATER, SOON), (NEVER, SOON)] {
            let outcome = restored_body(&body(kind, first, second));
            assert!(matches!(outcome, Err(DumpError::Value(_))), "{kind} {first} {second}: {outcome:?}");
        }
    }
}

/// As in Redis, whose writer never makes such a one: it wraps around.
#[test]
fn the_end_of_a_field_may_be_told_from_a_later_one() {
    let value = restored_body("18 0000000000000100 01 81 ffff03a352944001 0161 0162").expect("it is one");
    assert_fields(&value, &[("a", "b", SOON)]);
}

#[test]
fn hashes_that_share_their_names_are_hashes() {
    for (fields, dump) in TEMPLATES {
        assert_fields(&restored(&bytes_of(dump), PackedLimits::default()), fields);
        assert_fields(&restored(&bytes_of(dump), TABLES_ONLY), fields);
    }
}

/// To its last byte: one fewer, and it is not whole.
#[test]
fn a_part_of_a_hash_that_shares_its_names_is_none() {
    for (_, dump) in TEMPLATES {
        let dump = bytes_of(dump);
        let body = &dump[..dump.len() - 10];
        assert_eq!(read_all(body).expect("a value"), body.len());
        for len in 0..body.len() {
            let error = read_all(&body[..len]).expect_err("a part of a value");
            assert!(error.is_truncation(), "{error}");
        }
    }
}

#[test]
fn a_hash_whose_template_is_none_is_refused() {
    let names = "07 07000000 0000 ff";
    let of_two = "0d 0d000000 0200 8161 02 8162 02 ff";
    let values = "0d 0d000000 0300 00 01 01 01 02 01 ff";
    let refused = |digits: &str, words: &str| match restored_body(digits) {
        Err(DumpError::Value(error)) => assert!(error.to_string().ends_with(words), "{digits}: {error}"),
        other => panic!("{digits}: {other:?}"),
    };
    refused(&format!("1d 00 {names} {values}"), "a hash template without fields");
    refused("1f 01 00", "a hash template without fields");
    refused(&format!("1d 02 {of_two} {values}"), "a hash template of form 2");
    let order = "a hash template whose fields are not in order";
    refused(&format!("1d 00 0d 0d000000 0200 8162 02 8161 02 ff {values}"), order);
    refused(&format!("1d 00 0d 0d000000 0200 8161 02 8161 02 ff {values}"), order);
    refused(&format!("1d 01 02 026161 0162 {values}"), order);
    refused(
        &format!("1d 00 {of_two} 0b 0b000000 0200 00 01 01 01 ff"),
        "a hash with a field that is not whole",
    );
    refused(
        &format!("1d 00 {of_two} 0f 0f000000 0400 00 01 01 01 02 01 03 01 ff"),
        "a hash with more values than its template has fields",
    );
    refused(
        &format!("1d 00 {of_two} 0e 0e000000 0300 8178 02 01 01 02 01 ff"),
        "a hash template whose number is none",
    );
    let unknown = "a hash of a template that is not in the file";
    refused(&format!("1e {values}"), unknown);
    refused("20 00 0161 0162", unknown);
}

#[test]
fn a_hash_of_valkey_keeps_the_ends_of_its_fields() {
    let dump = bytes_of(OF_VALKEY);
    let expected = [("a", "1", SOON), ("b", "2", Deadline::NEVER)];
    assert_fields(&restored(&dump, PackedLimits::default()), &expected);
    assert_fields(&restored(&dump, PackedLimits { fields: 1, len: 64 }), &expected);
    // The same type is another one in Redis.
    let of_redis = [&dump[..dump.len() - 10], &[13, 0], &[0; 8]].concat();
    assert!(matches!(restore(&of_redis, Making::default()), Err(DumpError::Value(_))));
}

#[test]
fn footers_tell_version_and_checksum() {
    let good = dump_of(&string("hello"));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(matches!(restore(&bad, Making::default()), Err(DumpError::Footer)), "byte {at}");
    }
    let of_version = |version: u8| [b"\x00\x01a", &[version, 0][..], &[0; 8]].concat();
    assert!(restore(&of_version(13), Making::default()).is_ok());
    assert!(restore(&of_version(1), Making::default()).is_ok());
    for version in [15, 80] {
        assert!(restore(&of_version(version), Making::default()).is_ok(), "{version}");
    }
    for version in [16, 79, 81, 255] {
        let outcome = restore(&of_version(version), Making::default());
        assert!(matches!(outcome, Err(DumpError::Footer)), "{version}");
    }
    for len in 0..10 {
        assert!(matches!(restore(&vec![0; len], Making::default()), Err(DumpError::Footer)));
    }
}

#[test]
fn metadata_of_modules_are_passed_over() {
    let value = restored_body("f3 01 61626364 02 05 05 01 78 00  00 01 61").expect("a string");
    assert!(matches!(value, Value::String(string) if string.text() == &b"a"[..]));
    let outcome = restored_body("fe 00");
    let Err(DumpError::Value(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.to_string(), "at offset 0: no type of values is 254");
}

fn hashes() -> impl Strategy<Value = Value> {
    let deadline = prop_oneof![Just(Deadline::NEVER), (1..1_i64 << 48).prop_map(Deadline::at)];
    let text = prop_oneof![any::<i64>().prop_map(|number| number.to_string()), "[a-z]{0,6}", "[a-z]{60,70}"];
    let field = (text.clone(), text, deadline);
    (proptest::collection::vec(field, 1..40), 0..20_usize).prop_map(|(fields, max_fields)| {
        let mut hash = Hash::within(PackedLimits { fields: max_fields, len: 64 });
        for (name, value, deadline) in fields {
            hash.set(name.as_bytes(), value.as_bytes(), deadline);
        }
        Value::Hash(Box::new(hash))
    })
}

proptest! {
    #[test]
    fn hashes_come_back(hash in hashes(), max_fields in 0..40_usize) {
        let limits = PackedLimits { fields: max_fields, len: 64 };
        let back = restored(&dump_of(&hash), limits);
        let mut found = fields_of(&back);
        let mut expected = fields_of(&hash);
        found.sort_by(|one, other| one.0.cmp(&other.0));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_changed_hash_breaks_it(hash in hashes(), changes: Vec<(usize, u8)>, len: usize) {
        let dump = dump_of(&hash);
        _ = read_all(&mutated(&dump[..dump.len() - 10], &changes, len));
    }
}

#[test]
fn pieces_are_the_dump_and_one_that_is_too_long_is_refused() {
    let text: String = (0..100_000).map(|n: u32| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
    for value in [string("x"), string(&text)] {
        let whole = dump_of(&value);
        for memory_bytes in [0, whole.len()] {
            let pieces = pieces(value.view(), memory_bytes, whole.len()).expect("it is as long as it may be");
            assert_eq!(pieces.concat(), whole);
            let refused = super::super::dump::pieces(value.view(), memory_bytes, whole.len() - 1);
            let expected = format!("it would be longer than {} bytes", whole.len() - 1);
            assert_eq!(refused.map_err(|error| error.to_string()), Err(expected));
        }
    }
}
