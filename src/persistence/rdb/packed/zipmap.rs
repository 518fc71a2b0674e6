//! *Zipmap*: the packed hashes of Redis 2.4 and before.
//!
//! ```text
//! zipmap   fields: 1 (254 and more: not counted)   field …   ff
//! field    length, name, length, unused: 1, value, as many unused bytes
//! length   1 (below 254), or fe + 4
//! ```

use super::{Corrupt, take, take_slice};

const END: u8 = 0xff;
/// The first byte of a length with four more; and the first count that counts nothing.
const LONG: u8 = 0xfe;

/// The fields of a zipmap.
#[derive(Debug)]
pub(in super::super) struct Zipmap<'p> {
    /// From the next field up to the end, which is left out.
    rest: &'p [u8],
    /// Fields still to come, if they were counted.
    counted: Option<u8>,
}

/// A name and a value.
type Field<'p> = (&'p [u8], &'p [u8]);

impl<'p> Zipmap<'p> {
    pub(in super::super) fn new(bytes: &'p [u8]) -> Result<Self, Corrupt> {
        let [count, rest @ .., END] = bytes else { return Err(Corrupt("a zipmap without an end")) };
        Ok(Self { rest, counted: (*count < LONG).then_some(*count) })
    }

    fn field(&mut self) -> Result<Field<'p>, Corrupt> {
        let field = field(&mut self.rest).ok_or(Corrupt("a field of a zipmap that is none"))?;
        if let Some(counted) = &mut self.counted {
            *counted = counted.checked_sub(1).ok_or(Corrupt("a zipmap with more fields than it says"))?;
        }
        Ok(field)
    }
}

impl<'p> Iterator for Zipmap<'p> {
    type Item = Result<Field<'p>, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.rest.is_empty() {
            return Some(self.field().inspect_err(|_| (self.rest, self.counted) = (&[], None)));
        }
        let missing = self.counted.take().is_some_and(|counted| counted > 0);
        missing.then_some(Err(Corrupt("a zipmap with fewer fields than it says")))
    }
}

fn field<'p>(bytes: &mut &'p [u8]) -> Option<Field<'p>> {
    let len = length(bytes)?;
    let name = take_slice(bytes, len)?;
    let len = length(bytes)?;
    let [unused] = take(bytes)?;
    let value = take_slice(bytes, len)?;
    take_slice(bytes, unused.into())?;
    Some((name, value))
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    let [first] = take(bytes)?;
    match first {
        LONG => Some(u32::from_le_bytes(take(bytes)?) as usize),
        END => None,
        short => Some(short.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(bytes: &[u8]) -> Result<Vec<Field<'_>>, &'static str> {
        let fields = Zipmap::new(bytes).map_err(|corrupt| corrupt.0)?;
        fields.map(|field| field.map_err(|corrupt| corrupt.0)).collect()
    }

    #[test]
    fn fields_are_read_with_and_without_unused_bytes() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world??\xff";
        let fields: [Field<'_>; 2] = [(b"foo", b"bar"), (b"hello", b"world")];
        assert_eq!(unpacked(bytes).expect("a zipmap"), fields);
        let long = [b"\xfe\xfe\x2c\x01\x00\x00", &[b'x'; 300][..], b"\x00\x00\xff"].concat();
        assert_eq!(unpacked(&long), Ok(vec![(&[b'x'; 300][..], &b""[..])]));
        assert_eq!(unpacked(b"\x00\xff"), Ok(vec![]));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(unpacked(b"\xff"), Err("a zipmap without an end"));
        assert_eq!(unpacked(b"\x00\x00"), Err("a zipmap without an end"));
        assert_eq!(unpacked(b"\x00\x01a\x01\x00b\xff"), Err("a zipmap with more fields than it says"));
        assert_eq!(unpacked(b"\x02\x01a\x01\x00b\xff"), Err("a zipmap with fewer fields than it says"));
        for field in [&b"\x02a"[..], b"\x01a\x02\x00b", b"\x01a\x01\x01b", b"\xfe\xff\xff\xff\xff", b"\xff"] {
            let bytes = [b"\x01", field, b"\xff"].concat();
            assert_eq!(unpacked(&bytes), Err("a field of a zipmap that is none"), "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(mut bytes in proptest::collection::vec(any::<u8>(), 2..100)) {
            bytes.push(END);
            _ = unpacked(&bytes);
        }
    }
}
