//! Commands about strings.
//!
//! Know the keyspace's strings, and that other types are refused.

pub(super) mod append;
pub(super) mod get;
pub(super) mod incr;
pub(super) mod mget;
pub(super) mod mset;
pub(super) mod set;
pub(super) mod setex;
pub(super) mod strlen;
#[cfg(test)]
mod tests;

use crate::keyspace::{StringValue, Value};

use super::Spec;

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[
    &append::SPEC,
    &incr::DECR,
    &incr::DECRBY,
    &get::GET,
    &get::GETDEL,
    &incr::INCR,
    &incr::INCRBY,
    &mget::SPEC,
    &mset::MSET,
    &mset::MSETNX,
    &setex::PSETEX,
    &set::SPEC,
    &setex::SETEX,
    &setex::SETNX,
    &strlen::SPEC,
];

/// The value that SET stores for a text. To be made before the key is locked.
fn value_of(text: &[u8]) -> Value {
    Value::String(StringValue::new(text))
}
