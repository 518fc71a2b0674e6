//! One value with a footer: what DUMP gives and RESTORE takes.
//!
//! ```text
//! dump   [KEY_META metadata]   type: 1   value   version: 2   CRC64 of all before: 8 (0: not computed)
//! ```

use std::fmt;
use std::io::{self, Write};

use bytes::Bytes;

use super::fault::ReadError;
use super::format::{
    CHECKSUM_LEN, LAST_REDIS_DUMP_VERSION, MAX_STRING_LEN, VALKEY_VERSION, VERSION, ValueType, opcode,
};
use super::reader::Reader;
use super::skip::skip_key_metadata;
use super::templates::Templates;
use super::value::{Decoded, Making, Written, read_value, type_of};
use super::writer::Writer;
use crate::keyspace::{Value, ValueRef, by_type};

const VERSION_LEN: usize = 2;

/// No dump is longer than this many times the memory of its value: links take four bytes in memory,
/// and up to ten in Redis' form.
const MAX_GROWTH: usize = 4;

/// Why a dump does not become a value.
#[derive(Debug)]
pub enum DumpError {
    /// It has no footer, or one of a later version, or one with the checksum of other bytes.
    Footer,
    /// The bytes are no value.
    Value(ReadError),
    /// It is a value of a type that is not known here.
    Unknown(String),
    /// It is a collection of nothing.
    Empty,
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Footer => f.write_str("its version or its checksum is wrong"),
            Self::Value(error) => error.fmt(f),
            Self::Unknown(name) => write!(f, "a value of type {name}"),
            Self::Empty => f.write_str("a collection of nothing"),
        }
    }
}

impl std::error::Error for DumpError {}

/// The bytes of a value, in the form that Redis 8.6 would give it.
///
/// # Errors
/// They are more than a string can have, so that no RESTORE could take them.
pub fn dump(value: ValueRef<'_>) -> io::Result<Vec<u8>> {
    by_type!(ValueRef, value, part => dump_part(part))
}

/// As [`dump`], of a value whose type is known.
pub(super) fn dump_part(value: impl Written) -> io::Result<Vec<u8>> {
    write(value, Vec::new(), MAX_STRING_LEN, true)
}

/// The same bytes in pieces, of which none is moved when more come: they take as much memory as
/// they are long. `memory_bytes` is what the value takes, as far as that is known.
///
/// # Errors
/// They are more than `limit`. If that can be, it is found before anything is kept of them.
pub fn pieces(value: ValueRef<'_>, memory_bytes: usize, limit: usize) -> io::Result<Vec<Bytes>> {
    if memory_bytes.saturating_mul(MAX_GROWTH) > limit {
        len(value, limit)?;
    }
    by_type!(ValueRef, value, part => write(part, Pieces(Vec::new()), limit, true)).map(|pieces| pieces.0)
}

/// How many bytes a dump has. Nothing is kept of it.
fn len(value: ValueRef<'_>, limit: usize) -> io::Result<usize> {
    by_type!(ValueRef, value, part => write(part, Length(0), limit, false)).map(|length| length.0)
}

fn write<W: Write>(value: impl Written, to: W, limit: usize, is_summed: bool) -> io::Result<W> {
    let mut out = Writer::new(Bounded { to, room: limit, limit }, true, is_summed);
    out.u8(value.value_type() as u8)?;
    value.write(&mut out)?;
    out.raw(&VERSION.to_le_bytes())?;
    out.seal().map(|bounded| bounded.to)
}

/// Refuses what would be too long.
struct Bounded<W> {
    to: W,
    room: usize,
    limit: usize,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(room) = self.room.checked_sub(bytes.len()) else {
            let words = format!("it would be longer than {} bytes", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        };
        self.room = room;
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As they come: the writer gathers up to 64 KiB of them.
struct Pieces(Vec<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(Bytes::copy_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts bytes.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The value of a dump. What is between it and the footer is passed over, as in Redis.
pub fn restore(dump: &[u8], making: Making<'_>) -> Result<Value, DumpError> {
    let body = checked_body(dump).ok_or(DumpError::Footer)?;
    value_of(body, making)
}

/// The same, whatever the checksum: for tests.
pub fn restore_unsummed(dump: &[u8], making: Making<'_>) -> Result<Value, DumpError> {
    let (body, version, _) = body_and_sum(dump).ok_or(DumpError::Footer)?;
    value_of((body, version), making)
}

fn value_of((body, version): (&[u8], u16), making: Making<'_>) -> Result<Value, DumpError> {
    match read(body, version, making).map_err(DumpError::Value)? {
        Decoded::Value(value) => Ok(value),
        Decoded::Empty => Err(DumpError::Empty),
        Decoded::Unknown(name) => Err(DumpError::Unknown(name)),
    }
}

/// What is before the footer, and the version in it, if that is in order.
fn checked_body(dump: &[u8]) -> Option<(&[u8], u16)> {
    let (body, version, summed_len) = body_and_sum(dump)?;
    let mut footer = Reader::with_total(dump, dump.len() as u64);
    let is_whole = footer.skip(summed_len as u64).and_then(|()| footer.checksum()).is_ok();
    is_whole.then_some((body, version))
}

/// What is before the footer, its version, if that can be read, and how many bytes the checksum is
/// of.
fn body_and_sum(dump: &[u8]) -> Option<(&[u8], u16, usize)> {
    let (summed, _) = dump.split_last_chunk::<CHECKSUM_LEN>()?;
    let (body, version) = summed.split_last_chunk::<VERSION_LEN>()?;
    let version = u16::from_le_bytes(*version);
    let is_known = version <= LAST_REDIS_DUMP_VERSION || version == VALKEY_VERSION;
    is_known.then_some((body, version, summed.len()))
}

/// The bytes that a value takes in a file, as Redis counts them: without its type, and without the
/// earliest expiry of a hash's fields.
///
/// # Errors
/// As [`dump`].
pub fn serialized_len(value: ValueRef<'_>) -> io::Result<usize> {
    const EARLIEST_END_LEN: usize = size_of::<u64>();
    let bytes = len(value, MAX_STRING_LEN)? - CHECKSUM_LEN - VERSION_LEN - size_of::<u8>();
    let has_earliest_end = matches!(type_of(value), ValueType::HashMetadata | ValueType::HashListpackEx);
    Ok(if has_earliest_end { bytes - EARLIEST_END_LEN } else { bytes })
}

fn read(body: &[u8], version: u16, making: Making<'_>) -> Result<Decoded, ReadError> {
    let mut input = Reader::with_total(body, body.len() as u64).without_checksum();
    let mut offset = input.offset();
    let mut kind = input.u8()?;
    if kind == opcode::KEY_META {
        skip_key_metadata(&mut input)?;
        offset = input.offset();
        kind = input.u8()?;
    }
    let Some(kind) = ValueType::from_byte(kind, version) else {
        return Err(ReadError::invalid(offset, format!("no type of values is {kind}")));
    };
    // References to templates are of files alone.
    read_value(&mut input, kind, making, &Templates::default())
}
