//! Items that were written are read; what is cut off or changed is an error, never more.

use proptest::prelude::*;

use crate::persistence::rdb::format::{MAX_STRING_LEN, opcode};
use crate::persistence::rdb::{Checksum, Fault, Reader, Writer};

fn written(compress: bool, write: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compress, true);
    write(&mut writer);
    writer.finish().expect("memory does not fail")
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::with_total(bytes, bytes.len() as u64)
}

/// The first bytes of what one call writes.
fn bytes_of(write: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    let mut bytes = written(true, write);
    bytes.truncate(bytes.len() - 9);
    bytes
}

#[test]
fn lengths_have_the_shortest_of_their_forms() {
    let cases: &[(u64, &[u8])] = &[
        (0, &[0]),
        (63, &[63]),
        (64, &[0x40, 64]),
        (16_383, &[0x7f, 0xff]),
        (16_384, &[0x80, 0, 0, 0x40, 0]),
        (u32::MAX.into(), &[0x80, 255, 255, 255, 255]),
        (1 << 32, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        (u64::MAX, &[0x81, 255, 255, 255, 255, 255, 255, 255, 255]),
    ];
    for (len, bytes) in cases {
        assert_eq!(bytes_of(|out| out.length(*len).expect("memory")), *bytes);
        assert_eq!(reader(bytes).length().expect("a length"), *len);
    }
}

#[test]
fn texts_of_integers_of_32_bits_are_integers() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"0", &[0xc0, 0]),
        (b"-128", &[0xc0, 0x80]),
        (b"128", &[0xc1, 0x80, 0]),
        (b"-32769", &[0xc2, 0xff, 0x7f, 0xff, 0xff]),
        (b"2147483647", &[0xc2, 0xff, 0xff, 0xff, 0x7f]),
        (b"-2147483648", &[0xc2, 0, 0, 0, 0x80]),
        (b"2147483648", b"\x0a2147483648"),
        (b"-0", b"\x02-0"),
        (b"01", b"\x0201"),
        (b"+1", b"\x02+1"),
        (b"-", b"\x01-"),
        (b"", b"\x00"),
    ];
    for (text, bytes) in cases {
        assert_eq!(bytes_of(|out| out.string(text).expect("memory")), *bytes);
        assert_eq!(reader(bytes).string(20).expect("a string"), *text);
    }
}

#[test]
fn texts_are_compressed_if_that_saves_four_bytes() {
    assert_eq!(bytes_of(|out| out.string(&[b'x'; 20]).expect("memory")).len(), 21);
    let compressed = bytes_of(|out| out.string(&[b'x'; 21]).expect("memory"));
    assert_eq!(compressed, [0xc3, 5, 21, 0, b'x', 0xe0, 11, 0]);
    let random: Vec<u8> = (0..100_u32).map(|n| ((n * n * 7) >> 2) as u8).collect();
    assert_eq!(bytes_of(|out| out.string(&random).expect("memory")).len(), 2 + 100);
}

#[test]
fn a_module_field_of_another_kind_is_an_error() {
    let bytes = bytes_of(|out| out.module_float(1.5).expect("memory"));
    assert_eq!(reader(&bytes).module_float().expect("a float"), 1.5);
    let error = reader(&bytes).uint().expect_err("no integer");
    assert_eq!(error.to_string(), "at offset 0: module field 3 where field 2 is expected");
}

#[test]
fn lengths_beyond_limits_and_input_are_errors_with_their_offset() {
    let at_one = |bytes: &[u8]| {
        let mut reader = reader(bytes);
        reader.u8().expect("a byte");
        reader.string(100).expect_err("no such string").to_string()
    };
    assert_eq!(at_one(b"x\x40\x65"), "at offset 1: a length of 101 where at most 100 is accepted");
    assert_eq!(at_one(b"x\x05abcd"), "at offset 1: the bytes end in the middle of an item");
    assert_eq!(at_one(b"x"), "at offset 1: the bytes end in the middle of an item");
    assert_eq!(at_one(b"x\xc3\x02\x40\x60\x00x"), "at offset 1: a string that cannot be decompressed");
    assert_eq!(at_one(b"x\x82"), "at offset 1: no length begins with 0x82");
    assert_eq!(at_one(b"x\xc4"), "at offset 1: no string begins with 0xc4");
    let huge = [b"x\x81".as_slice(), &[255; 8]].concat();
    assert_eq!(at_one(&huge), format!("at offset 1: a length of {} where at most 100 is accepted", u64::MAX));
    assert_eq!(reader(b"\x05aaaaaa").count(100, 3).expect_err("six bytes").offset, 0);
    assert_eq!(reader(b"\x02aaaaaa").count(100, 3).expect("two of three"), 2);
}

/// However long it says that it is, what is not there takes no memory.
#[test]
fn memory_comes_with_the_bytes() {
    let mut text = Vec::new();
    let claim = [0x80, 0x1f, 0xff, 0xff, 0xff, b'a', b'b'];
    for mut reader in [Reader::new(&claim[..]), reader(&claim)] {
        let error = reader.string_into(MAX_STRING_LEN, &mut text).expect_err("two bytes");
        assert!(error.is_truncation());
        assert!(text.capacity() <= 64 * 1024);
    }
    let mut compressed = reader(&[0xc3, 2, 0x80, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff]);
    compressed.string_into(MAX_STRING_LEN, &mut text).expect_err("two bytes cannot be as much");
    assert!(text.capacity() <= 64 * 1024);
}

#[test]
fn a_file_ends_with_the_checksum_of_its_bytes() {
    let file = written(true, |out| {
        out.header().expect("memory");
        out.aux(b"redis-bits", b"64").expect("memory");
    });
    let mut good = reader(&file);
    assert_eq!(good.header().expect("a header"), 13);
    good.skip(file.len() as u64 - 9 - 8).expect("as many bytes");
    assert_eq!(good.checksum().expect("its own"), Checksum::Verified);
    assert_eq!(good.remaining(), Some(0));

    for at in 9..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 1;
        let mut bad = reader(&bad);
        bad.skip(file.len() as u64 - 8).expect("as many bytes");
        assert!(matches!(bad.checksum().expect_err("another byte").fault, Fault::Checksum { .. }));
    }

    let mut unsummed = Writer::new(Vec::new(), true, false);
    unsummed.header().expect("memory");
    let unsummed = unsummed.finish().expect("memory");
    let mut unsummed = reader(&unsummed);
    unsummed.skip(10).expect("header and end");
    assert_eq!(unsummed.checksum().expect("none"), Checksum::Unchecked);
}

#[test]
fn versions_from_the_future_and_other_files_are_refused() {
    let error = |bytes: &[u8]| reader(bytes).header().expect_err("no header").to_string();
    assert_eq!(error(b"REDIS0017"), "at offset 5: RDB version 17, where at most 16 can be read");
    assert_eq!(error(b"REDIS0000"), "at offset 5: RDB version 0, where at most 16 can be read");
    assert_eq!(error(b"VALKEY081"), "at offset 5: RDB version 81 of Valkey, where 80 can be read");
    assert_eq!(error(b"VALKEY013"), "at offset 5: RDB version 13 of Valkey, where 80 can be read");
    assert_eq!(error(b"VALKE0080"), "at offset 5: the RDB version is no number");
    assert_eq!(error(b"REDIS0080"), "at offset 5: RDB version 80, where at most 16 can be read");
    assert_eq!(error(b"REDISabcd"), "at offset 5: the RDB version is no number");
    assert_eq!(
        error(b"*1\r\n$4\r\nPING\r\n"),
        "at offset 0: no RDB file: it begins neither with REDIS nor with VALKEY"
    );
    assert_eq!(error(b"REDIS"), "at offset 5: the bytes end in the middle of an item");
    assert_eq!(reader(b"REDIS0001").header().expect("an old one"), 1);
}

#[test]
fn what_follows_a_file_is_left() {
    let mut reader = Reader::new(&b"\x01a*1\r\n"[..]);
    reader.skip_string().expect("a string");
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut reader.into_rest(), &mut rest).expect("memory");
    assert_eq!(rest, b"*1\r\n");
}

/// A source that gives a few bytes at a time.
struct Dripping<'b>(&'b [u8], usize);

impl std::io::Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(out.len()).min(self.0.len());
        let (now, later) = self.0.split_at(len);
        out[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        any::<i16>().prop_map(|number| number.to_string().into_bytes()),
        ("[ab]{1,9}", 1..2000_usize).prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

proptest! {
    #[test]
    fn all_strings_come_back(texts in proptest::collection::vec(texts(), 0..20), compress: bool, drop in 1..9_usize) {
        let bytes = written(compress, |out| {
            for text in &texts {
                out.string(text).expect("memory");
                out.blob(text).expect("memory");
            }
        });
        let mut reader = Reader::new(Dripping(&bytes, drop));
        for text in &texts {
            prop_assert_eq!(&reader.string(MAX_STRING_LEN).expect("a string"), text);
            prop_assert_eq!(&reader.string(MAX_STRING_LEN).expect("a string"), text);
        }
        prop_assert_eq!(reader.u8().expect("the end"), opcode::EOF);
        prop_assert_eq!(reader.checksum().expect("its own"), Checksum::Verified);
        let mut skipping = Reader::new(Dripping(&bytes, drop));
        for _ in 0..2 * texts.len() {
            skipping.skip_string().expect("a string");
        }
        prop_assert_eq!(skipping.offset(), bytes.len() as u64 - 9);
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = reader(&bytes);
        while reader.string(1000).is_ok() {}
    }
}
