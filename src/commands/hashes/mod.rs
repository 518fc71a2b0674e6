//! Commands about hashes.
//!
//! They use the keyspace's hashes, and refuse other types.

mod fields;
pub(super) mod hdel;
pub(super) mod hexpire;
pub(super) mod hget;
pub(super) mod hgetall;
pub(super) mod hgetdel;
pub(super) mod hgetex;
pub(super) mod himport;
pub(super) mod hincrby;
pub(super) mod hlen;
pub(super) mod hmget;
pub(super) mod hpersist;
pub(super) mod hrandfield;
pub(super) mod hscan;
pub(super) mod hset;
pub(super) mod hsetex;
pub(super) mod hsetnx;
pub(super) mod httl;
mod lifetime;
mod options;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;

use super::{Context, Spec, Weight};
use crate::compressed::Stored;
use crate::keyspace::Accounting;
use crate::resp::{Args, Reply};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &hdel::SPEC,
    &hget::HEXISTS,
    &hexpire::HEXPIRE,
    &hexpire::HEXPIREAT,
    &httl::HEXPIRETIME,
    &hget::HGET,
    &hgetall::HGETALL,
    &hgetdel::SPEC,
    &hgetex::SPEC,
    &himport::SPEC,
    &hincrby::HINCRBY,
    &hincrby::HINCRBYFLOAT,
    &hgetall::HKEYS,
    &hlen::SPEC,
    &hmget::SPEC,
    &hset::HMSET,
    &hpersist::SPEC,
    &hexpire::HPEXPIRE,
    &hexpire::HPEXPIREAT,
    &httl::HPEXPIRETIME,
    &httl::HPTTL,
    &hrandfield::SPEC,
    &hscan::SPEC,
    &hset::HSET,
    &hsetex::SPEC,
    &hsetnx::SPEC,
    &hget::HSTRLEN,
    &httl::HTTL,
    &hgetall::HVALS,
];

/// A reply of more fields is made outside of the network threads.
const MANY_FIELDS: usize = 1000;

/// For commands that reply all fields of their first argument.
const BY_LENGTH: Weight = Weight::HeavyIf(|args: Args, cx: &Context| {
    args.peek().is_some_and(|key| has_more_than(MANY_FIELDS, key, cx))
});

/// True if a key is a hash with more fields.
fn has_more_than(fields: usize, key: &[u8], cx: &Context) -> bool {
    let now_ms = cx.now_ms();
    let len = cx.db().lookup(key, Accounting::None, |entry| {
        entry.value().as_hash().map_or(0, |hash| hash.view(now_ms).len())
    });
    len.is_some_and(|len| len > fields)
}

/// A copy of bytes that are under a lock, for a reply.
fn bulk(bytes: &[u8]) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(bytes))
}

/// The value of a field, for a reply.
fn value_bulk(value: Stored) -> Reply {
    match value.text() {
        Cow::Borrowed(bytes) => bulk(bytes),
        Cow::Owned(bytes) => Reply::bulk(bytes),
    }
}

fn value_or_null(value: Option<Stored>) -> Reply {
    value.map_or(Reply::Null, value_bulk)
}
