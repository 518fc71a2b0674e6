//! The keyspace as a whole: against a plain map, and under threads.

mod databases;
mod evictions;
mod model;
mod snapshot;
mod threads;
mod transactions;

use super::*;
use crate::vector_set::{Hold, Lifetime, Params, Put, VectorSet};

/// A keyspace with a clock that stands still.
fn keyspace() -> Keyspace {
    Keyspace::new(Clock::manual(1_000_000))
}

fn text(text: &str) -> Value {
    Value::String(StringValue::new(text.as_bytes()))
}

fn set(db: View<'_>, key: &str, value: &str) {
    db.exclusive(&[key]).put(key.as_bytes(), text(value), Deadline::NEVER);
}

fn get(db: View<'_>, key: &str) -> Option<String> {
    let string = db.string(key.as_bytes()).unwrap()?;
    Some(String::from_utf8(string.text().into_owned()).unwrap())
}

const ELEMENTS: [&[u8]; 3] = [b"a", b"b", b"c"];

fn new_set() -> Arc<VectorSet> {
    let set = VectorSet::new(Params::new(2).expect("a small dimension"), 1);
    let puts = ELEMENTS.map(|element| Put {
        element,
        vector: vec![1.0, 2.0],
        attribute: None,
        lifetime: Lifetime::Endless,
    });
    assert!(set.untimed().upsert(Hold::Exclusive, &puts, 10, Record::unlogged()).is_ok());
    Arc::new(set)
}

fn create(db: View<'_>, key: &str) -> bool {
    db.create_vector_set(key.as_bytes(), new_set(), Record::unlogged()).is_ok()
}
