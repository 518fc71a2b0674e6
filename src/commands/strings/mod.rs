//! Commands about strings.
//!
//! They use the keyspace's strings, and refuse other types.

pub(super) mod append;
mod common_subsequence;
mod comparison;
pub(super) mod delex;
pub(super) mod digest;
mod expiry;
pub(super) mod get;
pub(super) mod getex;
pub(super) mod getrange;
pub(super) mod incr;
pub(super) mod incrbyfloat;
mod increx;
pub(super) mod lcs;
pub(super) mod mget;
pub(super) mod mset;
pub(super) mod msetex;
pub(super) mod set;
pub(super) mod setex;
pub(super) mod setrange;
pub(super) mod strlen;
#[cfg(test)]
mod tests;

use super::{Context, Spec, Weight};
use crate::keyspace::{Accounting, Entry, ReplyText, StringRef, StringValue, Value};
use crate::resp::{Args, Error, Reply};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &append::SPEC,
    &incr::DECR,
    &incr::DECRBY,
    &delex::SPEC,
    &delex::DELIFEQ,
    &digest::SPEC,
    &get::GET,
    &get::GETDEL,
    &getex::SPEC,
    &getrange::GETRANGE,
    &get::GETSET,
    &incr::INCR,
    &incr::INCRBY,
    &incrbyfloat::SPEC,
    &increx::SPEC,
    &lcs::SPEC,
    &mget::SPEC,
    &mset::MSET,
    &msetex::SPEC,
    &mset::MSETNX,
    &setex::PSETEX,
    &set::SPEC,
    &setex::SETEX,
    &setex::SETNX,
    &setrange::SPEC,
    &strlen::SPEC,
    &getrange::SUBSTR,
];

/// The value that SET stores for a text. To be made before the key is locked.
fn value_of(text: &[u8]) -> Value {
    Value::String(StringValue::new(text))
}

/// The reply of a text, or of its absence. To be called when no key is locked.
fn text_or_null(text: Option<ReplyText>) -> Reply {
    text.map_or(Reply::Null, |text| Reply::Bulk(text.into_bytes()))
}

/// Filling or hashing a string of so many bytes is not done on a network thread.
pub(super) const LONG_TEXT_LEN: usize = 256 * 1024;

/// For commands whose work grows with the length of the string of their first key.
pub(super) const BY_LENGTH: Weight =
    Weight::HeavyIf(|args: Args, cx: &Context| args.peek().is_some_and(|key| has_long_text(key, cx)));

fn has_long_text(key: &[u8], cx: &Context) -> bool {
    len_of(key, cx) >= LONG_TEXT_LEN
}

/// The length of the string of a key, 0 without one; for decisions about where a command runs.
pub(super) fn len_of(key: &[u8], cx: &Context) -> usize {
    glance(key, cx, |string| string.len()).unwrap_or(0)
}

/// The result of `look` for the string of a key, which does not count as a use.
pub(super) fn glance<R>(key: &[u8], cx: &Context, look: impl FnOnce(StringRef<'_>) -> R) -> Option<R> {
    let of_entry = |entry: &Entry| entry.value().as_string().ok().map(look);
    cx.db().lookup(key, Accounting::None, of_entry).flatten()
}

/// `proto-max-bulk-len` cannot be set below this, so shorter strings need no check.
const ALWAYS_ALLOWED_LEN: usize = 1024 * 1024;

/// Refuses a string that is longer than an argument may be.
fn check_len(len: usize, cx: &Context) -> Result<(), Error> {
    let fits = || len as u64 <= cx.server.config.settings().proto_max_bulk_len;
    if len <= ALWAYS_ALLOWED_LEN || cx.client.replays || fits() {
        return Ok(());
    }
    Err(Error::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
}
