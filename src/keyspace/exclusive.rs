//! Changing keys: the write locks of all their shards, held at one moment.

use parking_lot::RwLockWriteGuard;
use smallvec::SmallVec;

use super::View;
use super::entry::Entry;
use super::expiry::Deadline;
use super::hash::{Hash, HashView, PackedLimits};
use super::observers::Change;
use super::reaper::Garbage;
use super::shard::{SHARDS, Shard, shard_of};
use super::snapshot::{Handed, Old};
use super::string::{StringRef, TextEdit};
use super::table::Table;
use super::value::{Value, WrongType};
use crate::journal::{Passage, Record};

/// Fields of a table that a lookup removes when they have ended; the rest is absent, and left to the expiry cycle.
const MAX_DUE_FIELDS: usize = if cfg!(test) { 1 } else { 1024 };

/// The right to look at some keys of a database and to change them, while nobody else sees them.
///
/// A key that has ended is removed by the first look at it, and is absent to all of them.
///
/// # Panics
/// All methods panic if the key is not one of those that were named to [`Database::exclusive`].
#[derive(Debug)]
pub struct Exclusive<'k> {
    db: View<'k>,
    /// By which keys and fields have ended.
    now_ms: i64,
    /// At which keys are used.
    used_ms: i64,
    /// If only one key was named: its hash, which the methods need again and again.
    only_hash: Option<u64>,
    /// By shard number.
    held: SmallVec<[Held<'k>; 1]>,
    /// After the locks, as fields are dropped in this order: freeing happens outside of them.
    garbage: Garbage<'k>,
    /// The cut whose snapshot is running; 0 if there is none.
    cut: u64,
    /// Entered before the locks and left after them: no cut falls between the changes.
    passage: Passage<'k>,
}

#[derive(Debug)]
struct Held<'k> {
    number: usize,
    shard: &'k Shard,
    table: RwLockWriteGuard<'k, Table>,
}

/// Where a live key was found.
#[derive(Clone, Copy)]
struct Found {
    held: usize,
    hash: u64,
    id: u32,
}

impl<'k> Exclusive<'k> {
    pub(super) fn over_keys<K: AsRef<[u8]>>(db: View<'k>, keys: &[K]) -> Self {
        if let [key] = keys {
            let hash = db.common.hash(key.as_ref());
            return Self { only_hash: Some(hash), ..Self::over_shards(db, [shard_of(hash)]) };
        }
        db.prefetch(keys);
        let mut shards: SmallVec<[usize; 4]> =
            keys.iter().map(|key| shard_of(db.common.hash(key.as_ref()))).collect();
        shards.sort_unstable();
        shards.dedup();
        Self::over_shards(db, shards)
    }

    pub(super) fn over_all(db: View<'k>) -> Self {
        Self::over_shards(db, 0..SHARDS)
    }

    /// `shards` ascend: this is where the lock order is kept.
    pub(super) fn over_shards(db: View<'k>, shards: impl IntoIterator<Item = usize>) -> Self {
        let passage = db.db.common.journal.enter();
        let cut = passage.cut();
        let lock = |number: usize| {
            let shard = &db.db.shards[number];
            let mut table = shard.write();
            if cut != 0 {
                table.begin_snapshot(cut, db.number);
            }
            Held { number, shard, table }
        };
        let held = shards.into_iter().map(lock).collect();
        // The time of the locked moment: one that was read before a long wait could bring ended keys back.
        let used_ms = db.now_ms();
        Self {
            db,
            now_ms: db.expiry_ms(used_ms),
            used_ms,
            only_hash: None,
            held,
            garbage: db.db.common.reaper.garbage(),
            cut,
            passage,
        }
    }

    /// The moment at which all shards were locked, by which keys and fields have ended.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The moment at which keys are used now: that of the clock, also where nothing has ended.
    pub fn used_ms(&self) -> i64 {
        self.used_ms
    }

    /// True if changes are written to a log. Stays so while this lives.
    pub fn is_logged(&self) -> bool {
        self.passage.journal().is_streaming()
    }

    /// Spends the record and unlocks: the change is written down before anybody sees it.
    pub fn commit(self, record: Record<'_>) {
        record.commit();
    }

    /// The entry of a key, which counts as used.
    pub fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        let found = self.find(key)?;
        self.mark_used(found);
        Some(self.held[found.held].table.entry(found.id))
    }

    /// Counts a lookup of a key as a hit or a miss: for commands that read what they change.
    pub fn count_lookup(&mut self, key: &[u8]) {
        let found = self.find(key).is_some();
        self.db.shards[shard_of(self.hash_of(key))].lookups.count(found);
    }

    /// The string of a key.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, WrongType> {
        self.get(key).map(|entry| entry.value().as_string()).transpose()
    }

    /// The hash of a key.
    pub fn hash(&mut self, key: &[u8]) -> Result<Option<HashView<'_>>, WrongType> {
        let now_ms = self.now_ms;
        let Some(entry) = self.get(key) else { return Ok(None) };
        Ok(Some(entry.value().as_hash()?.view(now_ms)))
    }

    /// Changes the hash of a key, a new one if there is none, and removes the key if no field is left. Counts as a
    /// change of the key whatever `edit` does: who may change nothing looks first. Fields that have ended are absent to
    /// `edit`.
    pub fn edit_hash<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut Hash) -> R) -> Result<R, WrongType> {
        let (limits, now_ms) = (self.db.common.hash_limits.get(), self.now_ms);
        let Some(found @ Found { held, id, .. }) = self.find(key) else {
            return Ok(self.create_hash(key, limits, edit));
        };
        self.mark_used(found);
        self.held[held].table.entry(id).value().as_hash()?;
        self.hand_over_copy(found);
        let table = self.change(held, key, Change::Written);
        let (outcome, replaced) =
            table.edit_hash(id, limits, now_ms, |hash| (edit(hash), hash.take_replaced()))?;
        self.note_ended_fields(key, &replaced);
        if self.held[held].table.entry(id).is_empty_hash(now_ms) {
            self.remove(key);
        }
        Ok(outcome)
    }

    /// To be called before the change that comes with their end is written down.
    fn note_ended_fields<F: AsRef<[u8]>>(&self, key: &[u8], fields: &[F]) {
        if fields.is_empty() {
            return;
        }
        self.passage.journal().note(self.db.number, |effects| {
            effects.begin(2 + fields.len());
            [b"HDEL", key].iter().for_each(|word| effects.word(word));
            fields.iter().for_each(|field| effects.word(field.as_ref()));
        });
    }

    /// Changes the text of a key where it is: long texts are not copied. None if there is no such key. What comes out
    /// is a text like any that APPEND or SETRANGE made, also if `edit` does nothing.
    pub fn edit_string<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut TextEdit<'_>) -> R,
    ) -> Result<Option<R>, WrongType> {
        let Some(found @ Found { held, id, .. }) = self.find(key) else { return Ok(None) };
        self.mark_used(found);
        self.held[held].table.entry(id).value().as_string()?;
        self.hand_over_copy(found);
        self.change(held, key, Change::Written).edit_string(id, edit).map(Some)
    }

    /// True if there is such a key.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// When the key ends; `NEVER` for a key that is not there.
    pub fn deadline(&mut self, key: &[u8]) -> Deadline {
        let found = self.find(key);
        found.map_or(Deadline::NEVER, |found| self.held[found.held].table.entry(found.id).deadline())
    }

    /// Makes the key mean this value until the deadline, whatever it meant before.
    pub fn put(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        let Some(found) = self.find(key) else {
            return self.insert(key, value, deadline);
        };
        self.replace(found, key, value, Some(deadline));
    }

    /// As [`put`](Self::put), with a value that no key had before: a snapshot that is being taken
    /// does not have it.
    pub fn put_new(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        if self.cut != 0 {
            value.exclude(self.cut);
        }
        self.put(key, value, deadline);
    }

    /// Makes the key mean this value; it ends when it would have ended before.
    pub fn put_keeping(&mut self, key: &[u8], value: Value) {
        let Some(found) = self.find(key) else {
            return self.insert(key, value, Deadline::NEVER);
        };
        self.replace(found, key, value, None);
    }

    /// Adds an entry whose key has this hash; false if the key is there, be it one that has ended.
    pub(super) fn add(&mut self, hash: u64, entry: Entry) -> bool {
        let held = self.held_of(hash);
        let is_new = self.held[held].table.find(hash, entry.key()).is_none();
        if is_new {
            self.change(held, entry.key(), Change::Written).insert(hash, entry);
        }
        is_new
    }

    /// Sets when a key ends; false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let found = self.find(key);
        if let Some(found) = found {
            self.hand_over_copy(found);
            self.change(found.held, key, Change::Rescheduled).set_deadline(found.id, deadline);
        }
        found.is_some()
    }

    /// Removes a key; false if there was none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.find(key);
        if let Some(found) = found {
            self.bury(found, Change::Removed);
        }
        found.is_some()
    }

    /// Counts a key that ended before it was made, as Redis does for what is set with a time that
    /// has passed.
    pub fn count_ended(&self) {
        self.db.common.expiry.keys.add(1);
    }

    /// Counts fields that end at once, as Redis does for those that are given a time that has
    /// passed.
    pub fn count_ended_fields(&self, count: usize) {
        self.db.common.expiry.fields.add(count as u64);
    }

    /// Takes a key away and gives its value and deadline; a set comes unbound, ready for another key.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Deadline)> {
        let found = self.find(key)?;
        self.hand_over_copy(found);
        let entry = self.take_out(found, Change::Removed);
        let deadline = entry.deadline();
        Some((entry.into_value(), deadline))
    }

    /// Removes all keys of the shards that are locked.
    pub(super) fn clear(&mut self) {
        for Held { table, shard, .. } in &mut self.held {
            shard.watched.touch_all(|_| false);
            table.unbind_all();
            let cleared = table.clear(self.cut);
            let wanted = self.cut != 0 && cleared.has_wanted(self.cut);
            if wanted {
                self.db.common.hand_over(self.cut, Handed::Table(Box::new(cleared)));
            } else {
                self.garbage.add_table(cleared);
            }
        }
        self.db.common.observers.call(|observer| observer.flushed(self.db.number));
    }

    /// Exchanges all keys with another database, of which the same shards are locked.
    pub(super) fn swap(&mut self, other: &mut Self) {
        let (hasher, now_ms) = (&self.db.common, self.now_ms);
        let has = |table: &Table, key: &[u8]| table.find_live(hasher.hash(key), key, now_ms).is_some();
        for (mine, theirs) in self.held.iter_mut().zip(&mut other.held) {
            mine.shard.watched.touch_all(|key| has(&theirs.table, key));
            theirs.shard.watched.touch_all(|key| has(&mine.table, key));
            mine.table.unbind_all();
            theirs.table.unbind_all();
            std::mem::swap(&mut *mine.table, &mut *theirs.table);
        }
    }

    /// Removes the keys of a locked shard that have ended, the oldest first, and then the fields of hashes, about `limit`
    /// of them; returns how many.
    pub(super) fn remove_due(&mut self, held: usize, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit
            && let Some(id) = self.held[held].table.deadlines().first_due(self.now_ms)
        {
            self.expire(self.found(held, id));
            removed += 1;
        }
        let (keys, mut fields) = (removed, 0);
        while removed < limit
            && let Some(id) = self.held[held].table.field_deadlines().first_due(self.now_ms)
        {
            fields += self.expire_fields(self.found(held, id), limit - removed).1;
            removed = keys + fields;
        }
        self.db.common.expiry.keys_actively.add(keys as u64);
        self.db.common.expiry.fields_actively.add(fields as u64);
        removed
    }

    fn found(&self, held: usize, id: u32) -> Found {
        let hash = self.db.common.hash(self.held[held].table.entry(id).key());
        Found { held, hash, id }
    }

    fn create_hash<R>(&mut self, key: &[u8], limits: PackedLimits, edit: impl FnOnce(&mut Hash) -> R) -> R {
        let mut hash = Hash::empty(limits, self.now_ms);
        let outcome = edit(&mut hash);
        if !hash.is_empty() {
            self.insert(key, Value::Hash(Box::new(hash)), Deadline::NEVER);
        }
        outcome
    }

    fn mark_used(&self, found: Found) {
        if self.db.access.touches {
            self.held[found.held].table.entry(found.id).mark_used(self.used_ms);
        }
    }

    fn hash_of(&self, key: &[u8]) -> u64 {
        debug_assert!(
            self.only_hash.is_none_or(|hash| hash == self.db.common.hash(key)),
            "another key was named"
        );
        self.only_hash.unwrap_or_else(|| self.db.common.hash(key))
    }

    fn insert(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        let hash = self.hash_of(key);
        let held = self.held_of(hash);
        let entry = Entry::new(key, value, deadline, self.used_ms);
        self.change(held, key, Change::Written).insert(hash, entry);
    }

    /// Where the key is, if it has not ended. If it has, it is removed here.
    fn find(&mut self, key: &[u8]) -> Option<Found> {
        let hash = self.hash_of(key);
        let held = self.held_of(hash);
        let table = &self.held[held].table;
        let id = table.find(hash, key)?;
        let found = Found { held, hash, id };
        if table.entry(id).deadline().is_past(self.now_ms) {
            self.expire(found);
            return None;
        }
        if table.entry(id).next_field_deadline().is_past(self.now_ms) {
            return self.expire_fields(found, MAX_DUE_FIELDS).0.then_some(found);
        }
        Some(found)
    }

    /// Removes up to `limit` fields of a hash that have ended, and the key if all have. Says whether it is still there,
    /// and how many fields were removed.
    fn expire_fields(&mut self, found: Found, limit: usize) -> (bool, usize) {
        let (limits, now_ms) = (self.db.common.hash_limits.get(), self.now_ms);
        let is_logged = self.passage.journal().is_streaming();
        let held = &self.held[found.held];
        let is_live = held.table.entry(found.id).is_live(now_ms);
        let removed = if is_live {
            self.note(found.held, held.table.entry(found.id).key(), Change::FieldsExpired);
            self.hand_over_copy(found);
            let mut gone: Vec<Box<[u8]>> = Vec::new();
            let tell = |name: &[u8]| gone.extend(is_logged.then(|| name.into()));
            let remove = |hash: &mut Hash| hash.remove_some_due(now_ms, limit, tell);
            let removed = self.held[found.held].table.edit_hash(found.id, limits, now_ms, remove);
            self.note_ended_fields(self.held[found.held].table.entry(found.id).key(), &gone);
            removed.expect("only hashes have fields that end")
        } else {
            let entry = held.table.entry(found.id);
            let fields = entry.value().as_hash().map_or(0, |hash| hash.view(i64::MIN).len());
            self.note_end(entry.key());
            self.bury(found, Change::Expired);
            fields
        };
        self.db.common.expiry.fields.add(removed as u64);
        (is_live, removed)
    }

    fn note_end(&self, key: &[u8]) {
        self.passage.journal().note(self.db.number, |effects| effects.command(&[b"DEL", key]));
    }

    fn expire(&mut self, found: Found) {
        self.note_end(self.held[found.held].table.entry(found.id).key());
        self.bury(found, Change::Expired);
        self.db.common.expiry.keys.add(1);
    }

    /// Gives a key another value, and another deadline if there is one.
    fn replace(&mut self, found: Found, key: &[u8], value: Value, deadline: Option<Deadline>) {
        self.hand_over_copy(found);
        self.mark_used(found);
        let table = self.change(found.held, key, Change::Written);
        if let Some(deadline) = deadline {
            table.set_deadline(found.id, deadline);
        }
        if let Some(old) = table.replace(found.id, value) {
            self.garbage.add_value(old);
        }
    }

    /// Takes an entry away, to be freed.
    fn bury(&mut self, found: Found, change: Change) {
        self.hand_over_copy(found);
        let entry = self.take_out(found, change);
        self.garbage.add(entry);
    }

    /// Takes an entry away. The writers of a vector set do not hold the shard: their changes come
    /// before the set is unbound, and so before observers are called with the key's removal.
    fn take_out(&mut self, found: Found, change: Change) -> Entry {
        let entry = self.held[found.held].table.take(found.hash, found.id);
        self.note(found.held, entry.key(), change);
        entry
    }

    /// The one way to a table in which this key is to be changed and to stay.
    fn change(&mut self, held: usize, key: &[u8], change: Change) -> &mut Table {
        self.note(held, key, change);
        &mut self.held[held].table
    }

    /// A key changes: clients that watch it will find that, and observers are called.
    fn note(&self, held: usize, key: &[u8], change: Change) {
        self.held[held].shard.watched.note(key, change);
        self.db.common.observers.call(|observer| observer.changed(self.db.number, key, change));
    }

    /// Before an entry is changed or goes: the snapshot gets a copy if it wants one. What is large
    /// of it is not copied.
    fn hand_over_copy(&mut self, found: Found) {
        if self.is_wanted(found) {
            let table = &self.held[found.held].table;
            let old = Old::new(table.snapshot_db(), table.entry(found.id), &self.db.common.journal);
            self.db.common.hand_over(self.cut, Handed::Key(old));
        }
    }

    fn is_wanted(&mut self, found: Found) -> bool {
        self.cut != 0 && self.held[found.held].table.is_wanted(self.cut, found.id)
    }

    fn held_of(&self, hash: u64) -> usize {
        let shard = shard_of(hash);
        let held = self.held.binary_search_by_key(&shard, |held| held.number);
        held.expect("the key was named when the shards were locked")
    }
}
