//! Filling a database: many new keys at once.

use super::entry::Entry;
use super::exclusive::Exclusive;
use super::shard::{SHARD_BITS, shard_of};
use super::{Database, Deadline, KnownUse, Value};

/// A key to be added.
#[derive(Debug)]
pub struct Arrival {
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Value,
    /// Its deadline, which may be past.
    pub deadline: Deadline,
    /// What is known of its use.
    pub known_use: KnownUse,
    /// True if it is never evicted.
    pub is_blessed: bool,
}

/// A key that exists already.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The key.
    pub key: Vec<u8>,
}

impl Database {
    /// Adds these keys, shard by shard. Expired keys are added like all others, and expire at their
    /// first lookup.
    ///
    /// # Errors
    /// A key exists already. Some of the others may have been added.
    pub fn fill(&self, arrivals: Vec<Arrival>) -> Result<(), Duplicate> {
        let hashed = |arrival: Arrival| (self.common.hash(&arrival.key), arrival);
        let mut arrivals: Vec<(u64, Arrival)> = arrivals.into_iter().map(hashed).collect();
        const { assert!(SHARD_BITS <= u8::BITS) };
        arrivals.sort_by_cached_key(|(hash, _)| shard_of(*hash) as u8);
        let mut arrivals = arrivals.into_iter().peekable();
        while let Some((hash, _)) = arrivals.peek() {
            let shard = shard_of(*hash);
            let mut keys = Exclusive::over_shards(self.direct(), [shard]);
            while let Some((hash, arrival)) = arrivals.next_if(|(hash, _)| shard_of(*hash) == shard) {
                add(&mut keys, hash, arrival)?;
            }
        }
        Ok(())
    }
}

fn add(keys: &mut Exclusive<'_>, hash: u64, arrival: Arrival) -> Result<(), Duplicate> {
    let Arrival { key, value, deadline, known_use, is_blessed } = arrival;
    let mut entry = Entry::new(&key, value, deadline, keys.used_ms());
    entry.restore_use(known_use, keys.policy(), keys.used_ms());
    if is_blessed {
        entry.set_blessed(true);
    }
    if keys.add(hash, entry) { Ok(()) } else { Err(Duplicate { key }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Accounting, Clock, Keyspace, StringValue};

    fn arrival(key: &str, deadline: Deadline) -> Arrival {
        let value = Value::String(StringValue::new(key.as_bytes()));
        let known_use = KnownUse { idle_s: Some(7), frequency: None };
        Arrival { key: key.into(), value, deadline, known_use, is_blessed: key.ends_with('7') }
    }

    #[test]
    fn keys_are_added_with_all_that_they_have() {
        let keyspace = Keyspace::new(Clock::manual(1_000_000));
        let db = keyspace.db(3);
        let names: Vec<String> = (0..1000).map(|number| format!("key:{number}")).collect();
        let deadline =
            |number: usize| if number.is_multiple_of(2) { Deadline::at(999_999) } else { Deadline::NEVER };
        let arrivals = names.iter().enumerate().map(|(number, name)| arrival(name, deadline(number)));
        db.fill(arrivals.collect()).expect("all are new");
        assert_eq!(db.census().keys, 500);
        let text = |name: &str| db.string(name.as_bytes()).unwrap().map(|string| string.text().into_owned());
        assert_eq!(text("key:1"), Some(b"key:1".to_vec()));
        assert_eq!(text("key:0"), None, "it has expired");
        let idle_s = db.lookup(b"key:3", Accounting::None, |entry| entry.idle_s(1_000_000));
        assert_eq!(idle_s, Some(7));
        let is_blessed = |key: &[u8]| db.lookup(key, Accounting::None, Entry::is_blessed);
        assert_eq!((is_blessed(b"key:3"), is_blessed(b"key:7")), (Some(false), Some(true)));
        assert_eq!(keyspace.blessed_keys(), 100);
        assert_eq!(db.expire_cycle(1000), 500, "expired keys were added too");
    }

    #[test]
    fn an_existing_key_is_refused_also_if_it_has_expired() {
        let keyspace = Keyspace::new(Clock::manual(1_000_000));
        let db = keyspace.db(0);
        db.fill(vec![arrival("a", Deadline::at(5)), arrival("b", Deadline::NEVER)]).expect("both are new");
        for key in ["a", "b"] {
            let refused = db.fill(vec![arrival("c", Deadline::NEVER), arrival(key, Deadline::NEVER)]);
            assert_eq!(refused, Err(Duplicate { key: key.into() }));
            db.exclusive(&["c"]).remove(b"c");
        }
    }
}
