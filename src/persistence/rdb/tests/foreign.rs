//! Values of types that are not known here are passed over, in all forms that a Redis has written.

use proptest::prelude::*;

use super::{bytes_of, mutated, read_all};
use crate::persistence::rdb::Making;
use crate::persistence::rdb::dump::{DumpError, restore};

/// A form, what TYPE says of it, and a dump. Those of forms that are still written are Redis 8.6's;
/// it restores all of them.
#[rustfmt::skip]
const DUMPS: &[(&str, &str, &str)] = &[
    ("list, one node", "list",
     "1201021717000000030081610201018978797a78797a78797a0aff0d00323d30cfea826c7c"),
    ("list, several nodes", "list",
     "1203020c0c00000002008161020101ff020c0c00000002008162020201ff020a0a0000000100816302ff0d004f\
      ea476fe4d733be"),
    ("set of integers", "set",
     "0b1404000000030000000100000002000000e09304000d00d686bafb4fd91df9"),
    ("small set", "set",
     "02020161c0010d006c91f7b19b5449b2"),
    ("set", "set",
     "02030162c00301610d00f7e7c661e71efdb0"),
    ("small sorted set", "zset",
     "0502016200000000000000400161000000000000f83f0d0045d582a098fb10de"),
    ("sorted set", "zset",
     "05030162000000000000f07f0161000000000000f83f0163000000000000f0ff0d00a4c49052bf38db69"),
    ("stream with a group", "stream",
     "1a011000000000000000010000000000000001c32c330633000000130001600007816602000102010020010381\
      760204601340102017200f088167028177020801ff010201010102010202016701010101000000000000000100\
      00000000000001a1fa9005a20100000101026d65a1fa9005a2010000a1fa9005a2010000010000000000000001\
      00000000000000010168020181ffffffffffffffff0000406440640000000d0055ae7fa9136e3245"),
    ("stream with producers", "stream",
     "1a0110000001a20590faa100000000000000001d1d0000000a0001010001010181660200010201000100018176\
      020401ff0181000001a20590faa10081000001a20590faa1000000010040644064010270310102693181000001\
      a20590faa10001000d00a65904a2fd0f179a"),
    ("list, old", "list",
     "01020161c0050d00e50afe3af77acc57"),
    ("zset, old", "zset",
     "0303016103312e350162fe0163ff0d00a47f3c621c657f8f"),
    ("list, ziplist", "list",
     "0a10100000000d000000020000016103f3ff0d000de2a4a13b665978"),
    ("zset, ziplist", "zset",
     "0c181800000012000000040000016103f30201620303312e35ff0d0054153ef1a981e568"),
    ("list, quicklist", "list",
     "0e020e0e0000000a0000000100000161ff0d0d0000000a000000010000f3ff0d009a63b817ad9b66bd"),
    ("set, listpack", "set",
     "140c0c00000002000101816102ff0d006f39307cb6b992c7"),
    ("stream 1", "stream",
     "0f011000000000000000010000000000000001c32c330633000000130001600007816602000102010020010381\
      760204601340102017200f088167028177020801ff010201010167010101000000000000000100000000000000\
      01e8030000000000000101026d65e80300000000000001000000000000000100000000000000010d003b8a940d\
      080d0ceb"),
    ("stream 2", "stream",
     "13011000000000000000010000000000000001c32c330633000000130001600007816602000102010020010381\
      760204601340102017200f088167028177020801ff010201010102010201016701010101000000000000000100\
      00000000000001e8030000000000000101026d65e8030000000000000100000000000000010000000000000001\
      0d0019132d00310483b6"),
    ("stream 3", "stream",
     "15011000000000000000010000000000000001c32c330633000000130001600007816602000102010020010381\
      760204601340102017200f088167028177020801ff010201010102010201016701010101000000000000000100\
      00000000000001e8030000000000000101026d65e803000000000000e803000000000000010000000000000001\
      00000000000000010d0052e73f631dde21d3"),
    ("stream 5, with entries given back", "stream",
     "1b0110000000000000000100000000000000 01c32a331133000000140003010001010181610200010220 0a05000181\
      6202 04200a0001e0010a401740150101ff0303010101000003010167030103030000000000000001000000000000\
      00010000000000000000010000000000000002000000000000000100000000000000000100000000000000030000\
      0000000000010000000000000000000101 63ff154c24a2010000ff154c24a2010000000300000000000000010000\
      000000000001000000000000000200000000000000010000000000000003000000000000000140644064000000 0f00\
      7db61da1ca0bb716"),
    ("array with a cursor", "array",
     "1c030108000301780103017902030 17a0f000000000000000000"),
    ("array of each kind", "array",
     "1c04000702000000000000f83f0801fdffffffffffffff090008616263646566676880000186a00303 7a7a7a0f000000\
      000000000000"),
];

#[test]
fn all_forms_are_passed_over() {
    for (form, family, dump) in DUMPS {
        let outcome = restore(&bytes_of(dump), Making::default());
        let Err(DumpError::Unknown(name)) = outcome else { panic!("{form}: {outcome:?}") };
        assert_eq!(name, *family, "{form}");
    }
}

/// To its last byte: one fewer, and it is not whole.
#[test]
fn a_value_ends_where_it_ends() {
    for (form, _, dump) in DUMPS {
        let dump = bytes_of(dump);
        let body = &dump[..dump.len() - 10];
        assert_eq!(read_all(body).unwrap_or_else(|error| panic!("{form}: {error}")), body.len(), "{form}");
        for len in 0..body.len() {
            let error = read_all(&body[..len]).expect_err("a part of a value");
            assert!(error.is_truncation(), "{form}: {error}");
        }
    }
}

#[test]
fn a_module_value_is_passed_over_by_its_fields() {
    // ReJSON's type with one field of each kind.
    let body = bytes_of(
        "07 81 a8 4c 96 08 0d 34 03 00  01 05  02 06  03 00 00 80 3f  04 00 00 00 00 00 00 f0 3f  05 01 61  00",
    );
    assert_eq!(read_all(&body).expect("a value"), body.len());
    let error = read_all(&bytes_of("07 00 06")).expect_err("no such field");
    assert_eq!(error.to_string(), "at offset 2: no module field begins with 6");
    let error = read_all(&bytes_of("06 00")).expect_err("not released");
    assert_eq!(error.to_string(), "at offset 1: a module's value in a form before its release");
}

proptest! {
    #[test]
    fn no_changed_value_breaks_it(which in 0..DUMPS.len(), changes: Vec<(usize, u8)>, len: usize) {
        let dump = bytes_of(DUMPS[which].2);
        _ = read_all(&mutated(&dump[..dump.len() - 10], &changes, len));
    }
}
