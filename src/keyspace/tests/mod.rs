//! The keyspace as a whole: against a plain map, and under threads.

mod databases;
mod model;
mod threads;

use super::*;

/// A keyspace whose time stands still.
fn keyspace() -> Keyspace {
    Keyspace::new(Clock::manual(1_000_000))
}

fn text(text: &str) -> Value {
    Value::String(StringValue::new(text.as_bytes()))
}

fn set(db: &Database, key: &str, value: &str) {
    db.exclusive(&[key]).put(key.as_bytes(), text(value), Deadline::NEVER);
}

fn get(db: &Database, key: &str) -> Option<String> {
    let string = db.string(key.as_bytes()).unwrap()?;
    Some(String::from_utf8(string.text().into_owned()).unwrap())
}
