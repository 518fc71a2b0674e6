//! Commands about the bits of strings: bit 0 is the highest bit of the first byte.
//!
//! They use the keyspace's strings, and refuse other types.

pub(super) mod bitcount;
pub(super) mod bitfield;
mod bitfield_overlay;
pub(super) mod bitop;
mod bitop_rules;
pub(super) mod bitpos;
pub(super) mod getbit;
mod range;
pub(super) mod setbit;
#[cfg(test)]
mod tests;

use super::strings::{LONG_TEXT_LEN, glance, len_of};
use super::{Context, Spec};
use crate::keyspace::StringRef;
use crate::resp::{Error, parse_integer};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &bitcount::SPEC,
    &bitfield::BITFIELD,
    &bitfield::BITFIELD_RO,
    &bitop::SPEC,
    &bitpos::SPEC,
    &getbit::SPEC,
    &setbit::SPEC,
];

/// The highest bit of a byte, which has the lowest number.
const FIRST_BIT: u8 = 0x80;

/// `proto-max-bulk-len` cannot be set below this, so bits before this byte need no check.
const ALWAYS_ALLOWED_BYTE: u64 = 1024 * 1024;

/// The highest value of `proto-max-bulk-len`: the limit for a log, which may have been written
/// under another value than the present one.
const MAX_BYTE: u64 = i32::MAX as u64;

const BAD_OFFSET: Error = Error::new("ERR bit offset is not an integer or out of range");

/// Longer texts are not read under the lock of their key if all of their bytes are read.
const MAX_LOCKED_LEN: usize = 64 * 1024;

/// The number of a bit, as a client sends it.
fn bit_number(word: &[u8], cx: &Context) -> Result<u64, Error> {
    checked_bit(parse_integer(word), cx)
}

/// A number of a bit that a string may have.
fn checked_bit(number: Option<i64>, cx: &Context) -> Result<u64, Error> {
    let number = number.and_then(|number| u64::try_from(number).ok()).ok_or(BAD_OFFSET)?;
    let byte = number / 8;
    let limit = || match cx.client.replays {
        true => MAX_BYTE,
        false => cx.server.config.settings().proto_max_bulk_len,
    };
    if byte < ALWAYS_ALLOWED_BYTE || byte < limit() { Ok(number) } else { Err(BAD_OFFSET) }
}

/// The byte that has this bit.
fn byte_of(bit: u64) -> usize {
    // A string has less than 2^31 bytes.
    usize::try_from(bit / 8).unwrap_or(usize::MAX)
}

/// The bit within its byte.
fn mask_of(bit: u64) -> u8 {
    FIRST_BIT >> (bit % 8)
}

/// The result of `look` for the text of a key. It is read in place, unless it is longer than
/// `locked_len` or has to be decompressed: then it is read when no key is locked.
fn look_at_text<R>(
    cx: &Context,
    key: &[u8],
    locked_len: usize,
    look: impl Fn(&[u8]) -> R,
) -> Result<Option<R>, Error> {
    let seen = cx.db().read_string(key, |string| {
        let is_cheap = string.len() <= locked_len && !string.is_compressed();
        if is_cheap { Ok(look(&string.text())) } else { Err(string.to_value()) }
    })?;
    Ok(seen.map(|seen| seen.unwrap_or_else(|value| look(&value.text()))))
}

/// True if many zeros have to be written before a byte of the string of a key.
fn is_far_behind(byte: u64, key: &[u8], cx: &Context) -> bool {
    let limit = || (len_of(key, cx) + LONG_TEXT_LEN) as u64;
    byte >= LONG_TEXT_LEN as u64 && byte >= limit()
}

/// True if a read of a few bytes of the string of a key takes long, since it has to be
/// decompressed.
fn is_slow_to_look_into(key: &[u8], cx: &Context) -> bool {
    let is_slow = |string: StringRef<'_>| string.is_compressed() && string.len() >= LONG_TEXT_LEN;
    glance(key, cx, is_slow).unwrap_or(false)
}
