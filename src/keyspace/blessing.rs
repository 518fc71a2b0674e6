//! Blessed keys: those that `BLESS` keeps from being evicted.
//!
//! A blessing is a bit of the key's block. It stays while the key gets other values and deadlines,
//! goes with the key to another name or database, and ends with the key. Each table has the
//! positions of its blessed keys, so that they are found without a walk over all keys.

use super::entry::Entry;
use super::events::event;
use super::exclusive::Exclusive;
use super::expiry::Deadline;
use super::scan::Cursor;
use super::value::Value;
use super::{Keyspace, View};

/// What a key had, to be given to another one.
#[derive(Debug)]
pub struct Taken {
    /// Its value.
    pub value: Value,
    /// Its deadline.
    pub deadline: Deadline,
    /// True if it was blessed.
    pub is_blessed: bool,
}

impl Exclusive<'_> {
    /// Gives a key what another one had, in place of all that it has. It is as new to eviction.
    /// Returns the type of the value that it had, for [`notify_taken`](Self::notify_taken).
    pub fn put_taken(&mut self, key: &[u8], taken: Taken) -> Option<&'static str> {
        let before = self.type_to_replace(key);
        self.put(key, taken.value, taken.deadline);
        self.set_blessed(key, taken.is_blessed);
        self.renew_usage(key);
        if before.is_some() {
            self.notify(event::NEW, key);
        }
        before
    }
}

impl View<'_> {
    /// As [`scan`](Self::scan), over the blessed keys only, with the same promises for keys that
    /// are blessed from the first call to the last.
    pub fn scan_blessed(&self, from: Cursor, count: usize, mut visit: impl FnMut(&Entry)) -> Cursor {
        let mut at = Some(from);
        let mut left = count.max(1);
        while let Some(cursor) = at.filter(|_| left > 0) {
            at = self.scan_blessed_shard(cursor, &mut left, &mut visit);
        }
        at.unwrap_or(Cursor::START)
    }

    /// Where to go on; none at the end of the last shard.
    fn scan_blessed_shard(
        &self,
        from: Cursor,
        left: &mut usize,
        visit: &mut impl FnMut(&Entry),
    ) -> Option<Cursor> {
        let table = self.shards[from.shard].read();
        let now_ms = self.expiry_ms(self.now_ms());
        for id in table.blessed().range(from.position..) {
            if *left == 0 {
                return Some(Cursor { position: *id, ..from });
            }
            *left -= 1;
            let entry = table.entry(*id);
            if entry.is_live(now_ms) {
                visit(entry);
            } else {
                self.note_expired(entry.key());
            }
        }
        Some(from.next_shard()).filter(|next| !next.is_start())
    }
}

impl Keyspace {
    /// Blessed keys of all databases.
    pub fn blessed_keys(&self) -> usize {
        let shards = self.databases.iter().flat_map(|db| &*db.shards);
        shards.map(|shard| shard.read().blessed().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keyspace::{Clock, StringValue};

    fn keyspace() -> Keyspace {
        Keyspace::new(Clock::manual(1_000))
    }

    fn put(db: View<'_>, key: &str, deadline: Deadline) {
        let value = Value::String(StringValue::new(b"v"));
        db.exclusive(&[key]).put(key.as_bytes(), value, deadline);
    }

    fn bless(db: View<'_>, key: &str, is_blessed: bool) -> Option<bool> {
        db.exclusive(&[key]).set_blessed(key.as_bytes(), is_blessed)
    }

    /// All blessed keys, by calls for `count` each; each call returns no more.
    fn scanned(db: View<'_>, count: usize) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let mut cursor = Cursor::START;
        loop {
            let before = keys.len();
            cursor = db.scan_blessed(cursor, count, |entry| keys.push(entry.key().to_vec()));
            assert!(keys.len() <= before + count);
            if cursor.is_start() {
                return keys;
            }
        }
    }

    #[test]
    fn a_blessing_is_set_and_cleared_once() {
        let keyspace = keyspace();
        let db = keyspace.db(0);
        put(db, "k", Deadline::NEVER);
        let steps = [(true, true), (true, false), (false, true), (false, false)];
        for (is_blessed, is_change) in steps {
            assert_eq!(bless(db, "k", is_blessed), Some(is_change));
            assert_eq!(scanned(db, 1).len(), usize::from(is_blessed));
            assert_eq!(keyspace.blessed_keys(), usize::from(is_blessed));
        }
        assert_eq!(bless(db, "none", true), None);
    }

    #[test]
    fn a_scan_returns_each_key_once_that_stays_blessed_while_others_come_and_go() {
        let keyspace = keyspace();
        let db = keyspace.db(0);
        let names: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
        names.iter().for_each(|name| put(db, name, Deadline::NEVER));
        names.iter().step_by(3).for_each(|name| assert_eq!(bless(db, name, true), Some(true)));
        let expected: BTreeSet<Vec<u8>> = names.iter().step_by(3).map(|name| name.clone().into()).collect();
        for count in [1, 7, 1_000, usize::MAX] {
            let keys = scanned(db, count);
            assert_eq!(keys.len(), expected.len(), "none twice");
            assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), expected);
        }
        let mut seen = BTreeSet::new();
        let mut cursor = Cursor::START;
        let mut turn = 1;
        loop {
            cursor = db.scan_blessed(cursor, 10, |entry| _ = seen.insert(entry.key().to_vec()));
            if cursor.is_start() {
                break;
            }
            let name = &names[turn];
            bless(db, name, turn % 2 == 0);
            db.exclusive(&[name]).remove(names[turn].as_bytes());
            put(db, name, Deadline::NEVER);
            turn += 3;
        }
        assert!(expected.is_subset(&seen));
    }

    #[test]
    fn few_blessed_keys_among_many_are_found_in_one_call() {
        let keyspace = keyspace();
        let db = keyspace.db(0);
        let names: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
        names.iter().for_each(|name| put(db, name, Deadline::NEVER));
        bless(db, "77", true);
        let mut found = 0;
        assert!(db.scan_blessed(Cursor::START, 10, |_| found += 1).is_start());
        assert_eq!(found, 1);
    }

    #[test]
    fn expired_and_removed_keys_are_blessed_no_longer() {
        let keyspace = keyspace();
        let db = keyspace.db(0);
        put(db, "k", Deadline::at(1_500));
        bless(db, "k", true);
        put(db, "l", Deadline::NEVER);
        bless(db, "l", true);
        keyspace.clock().advance(1_000);
        assert_eq!(scanned(db, 9), [b"l"]);
        assert_eq!(db.expire_cycle(10), 1);
        assert_eq!(keyspace.blessed_keys(), 1);
        db.exclusive(&["l"]).remove(b"l");
        put(db, "l", Deadline::NEVER);
        assert_eq!((scanned(db, 9).len(), keyspace.blessed_keys()), (0, 0));
    }

    #[test]
    fn a_blessing_goes_with_what_was_taken() {
        let keyspace = keyspace();
        let db = keyspace.db(0);
        for (of_source, of_target) in [(true, false), (false, true), (true, true), (false, false)] {
            put(db, "from", Deadline::at(5_000));
            put(db, "to", Deadline::NEVER);
            bless(db, "from", of_source);
            bless(db, "to", of_target);
            let mut keys = db.exclusive(&["from", "to"]);
            let taken = keys.take(b"from").expect("it exists");
            keys.put_taken(b"to", taken);
            let entry = keys.get(b"to").expect("just put");
            assert_eq!((entry.is_blessed(), entry.deadline()), (of_source, Deadline::at(5_000)));
            drop(keys);
            assert_eq!(keyspace.blessed_keys(), usize::from(of_source));
        }
    }
}
