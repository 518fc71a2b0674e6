//! Changing keys: the write locks of all their shards, held at one moment.

use parking_lot::RwLockWriteGuard;
use smallvec::SmallVec;

use super::View;
use super::blessing::Taken;
use super::entry::Entry;
use super::events::event;
use super::expiry::Deadline;
use super::hash::{Hash, HashView, PackedLimits};
use super::observers::Change;
use super::policy::Policy;
use super::reaper::Garbage;
use super::shard::{SHARDS, Shard, shard_of};
use super::snapshot::{BeforeImage, KeyAtCut};
use super::string::{StringRef, TextEdit};
use super::table::Table;
use super::usage::KnownUse;
use super::value::{Value, ValueRef, WrongType};
use crate::journal::{Passage, Record};

/// The most expired fields that a lookup removes from a table; more of them are treated as absent,
/// and left to the expiry cycle.
const MAX_DUE_FIELDS: usize = if cfg!(test) { 1 } else { 1024 };

/// Exclusive access to some keys of a database.
///
/// A key that has expired is removed by its first lookup, and is absent for all of them.
///
/// # Panics
/// All methods panic if the key is not one of those that were named to
/// [`View::exclusive`](super::View::exclusive).
#[derive(Debug)]
pub struct Exclusive<'k> {
    pub(super) db: View<'k>,
    /// The moment by which keys and fields have expired or not.
    now_ms: i64,
    /// The time of use that keys get.
    used_ms: i64,
    /// The key that was last counted as used. A command that looks at a key and then changes it
    /// uses it once.
    counted: Option<(usize, u32)>,
    /// If only one key was named: its hash, so that it is computed once.
    only_hash: Option<u64>,
    /// By shard number.
    held: SmallVec<[Held<'k>; 1]>,
    /// Declared after the locks, since fields are dropped in this order: memory is freed outside of
    /// the locks.
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

/// A key that was removed to free memory.
pub(super) struct EvictedKey {
    /// An estimate of the bytes that it took.
    pub(super) bytes: u64,
    /// It would have been removed anyway.
    pub(super) has_expired: bool,
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

    /// `shards` must ascend: that is the lock order.
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
        // The time after all locks were taken: with one that was read before a long wait, expired
        // keys could reappear.
        let used_ms = db.now_ms();
        Self {
            db,
            now_ms: db.expiry_ms(used_ms),
            used_ms,
            counted: None,
            only_hash: None,
            held,
            garbage: db.db.common.reaper.garbage(),
            cut,
            passage,
        }
    }

    /// The moment at which all shards were locked, by which keys and fields have expired or not.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The time of use that keys get: that of the clock, also where expired keys are shown.
    pub fn used_ms(&self) -> i64 {
        self.used_ms
    }

    /// The eviction policy.
    pub(super) fn policy(&self) -> Policy {
        self.db.common.settings.policy()
    }

    /// True if changes are written to a log. Does not change while this is held.
    pub fn is_logged(&self) -> bool {
        self.passage.journal().is_streaming()
    }

    /// Spends the record and unlocks: the change is in the log before another thread sees it.
    pub fn commit(self, record: Record<'_>) {
        record.commit();
    }

    /// The entry of a key, which counts as used.
    pub fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        let found = self.find(key)?;
        self.mark_used(found);
        Some(self.held[found.held].table.entry(found.id))
    }

    /// The same, without counting a use.
    pub(super) fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let found = self.find(key)?;
        Some(self.held[found.held].table.entry(found.id))
    }

    /// Counts a lookup of a key as a hit or a miss: for commands that read what they change.
    pub fn count_lookup(&mut self, key: &[u8]) {
        let found = self.find(key).is_some();
        self.db.shards[shard_of(self.hash_of(key))].lookups.count(found);
        if !found {
            self.db.notify_miss(key);
        }
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

    /// Changes the hash of a key, a new one if there is none, and removes the key if no field is
    /// left. Counts as a change of the key whatever `edit` does: a caller that may change nothing
    /// has to check first. Expired fields are absent for `edit`.
    pub fn edit_hash<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut Hash) -> R) -> Result<R, WrongType> {
        let limits = self.db.common.hash_limits.get();
        let now_ms = self.now_ms;
        let Some(found @ Found { held, id, .. }) = self.find(key) else {
            return Ok(self.create_hash(key, limits, edit));
        };
        self.mark_used(found);
        self.held[held].table.entry(id).value().as_hash()?;
        self.mark_changed(found);
        self.keep_before_image(found);
        let table = self.change(held, key, Change::Written);
        let (outcome, replaced) =
            table.edit_hash(id, limits, now_ms, |hash| (edit(hash), hash.take_replaced()))?;
        self.log_expired_fields(key, &replaced);
        if self.held[held].table.entry(id).is_empty_hash(now_ms) {
            self.remove(key);
        }
        Ok(outcome)
    }

    /// Logs the removal of expired fields. To be called before the command's own change is logged.
    fn log_expired_fields<F: AsRef<[u8]>>(&self, key: &[u8], fields: &[F]) {
        if fields.is_empty() {
            return;
        }
        self.passage.journal().note(self.db.number, |effects| {
            effects.begin(2 + fields.len());
            [b"HDEL", key].iter().for_each(|word| effects.word(word));
            fields.iter().for_each(|field| effects.word(field.as_ref()));
        });
    }

    /// Changes the text of a key in place: long texts are not copied. None if there is no such key.
    /// The result has the encoding of a text that APPEND or SETRANGE made, also if `edit` does
    /// nothing.
    pub fn edit_string<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut TextEdit<'_>) -> R,
    ) -> Result<Option<R>, WrongType> {
        let Some(found @ Found { held, id, .. }) = self.find(key) else { return Ok(None) };
        self.mark_used(found);
        self.held[held].table.entry(id).value().as_string()?;
        self.mark_changed(found);
        self.keep_before_image(found);
        self.change(held, key, Change::Written).edit_string(id, edit).map(Some)
    }

    /// True if there is such a key.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The deadline of the key; `NEVER` for a key that does not exist.
    pub fn deadline(&mut self, key: &[u8]) -> Deadline {
        let found = self.find(key);
        found.map_or(Deadline::NEVER, |found| self.held[found.held].table.entry(found.id).deadline())
    }

    /// Gives the key this value and this deadline, whatever it had before.
    pub fn put(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        let Some(found) = self.find(key) else {
            return self.insert(key, value, deadline);
        };
        self.replace(found, key, value, Some(deadline));
    }

    /// Gives the key this value in place of what it had, and this deadline if there is one here.
    /// Events say that a value was replaced.
    pub fn overwrite(&mut self, key: &[u8], value: Value, deadline: Option<Deadline>) {
        let before = self.type_to_replace(key);
        self.notify_replaced(key, before, value.view().type_name());
        match deadline {
            Some(deadline) => self.put(key, value, deadline),
            None => self.put_keeping_deadline(key, value),
        }
    }

    /// As [`put`](Self::put), with a value that no key had before: a running snapshot does not
    /// contain it.
    pub fn put_new(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        if self.cut != 0 {
            value.exclude(self.cut);
        }
        self.put(key, value, deadline);
    }

    /// Gives the key another form of the value that it has, if that is the one that is meant. This
    /// is no change: no event, and no call of observers. Flags of watches are raised, since a watch
    /// of a vector set in memory would not see later changes of another one. False if it is another
    /// value.
    pub(super) fn exchange(
        &mut self,
        key: &[u8],
        value: Value,
        is_meant: impl FnOnce(ValueRef<'_>) -> bool,
    ) -> bool {
        let Some(found) = self.find(key) else { return false };
        let Held { table, shard, .. } = &self.held[found.held];
        if !is_meant(table.entry(found.id).value()) {
            return false;
        }
        shard.watched.note(key, Change::Written);
        if self.cut != 0 {
            value.exclude(self.cut);
        }
        self.keep_before_image(found);
        if let Some(old) = self.held[found.held].table.replace(found.id, value) {
            self.garbage.add_value(old);
        }
        true
    }

    /// Gives the key this value; it keeps its deadline.
    pub fn put_keeping_deadline(&mut self, key: &[u8], value: Value) {
        let Some(found) = self.find(key) else {
            return self.insert(key, value, Deadline::NEVER);
        };
        self.replace(found, key, value, None);
    }

    /// Adds an entry whose key has this hash; false if the key exists, expired or not.
    pub(super) fn add(&mut self, hash: u64, entry: Entry) -> bool {
        let held = self.held_of(hash);
        let is_new = self.held[held].table.find(hash, entry.key()).is_none();
        if is_new {
            self.change(held, entry.key(), Change::Written).insert(hash, entry);
        }
        is_new
    }

    /// Sets the deadline of a key; false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        let found = self.find(key);
        if let Some(found) = found {
            self.mark_changed(found);
            self.keep_before_image(found);
            self.change(found.held, key, Change::Rescheduled).set_deadline(found.id, deadline);
        }
        found.is_some()
    }

    /// Blesses a key, or ends its blessing. Returns whether that changed it; none if there is no
    /// such key.
    pub fn set_blessed(&mut self, key: &[u8], is_blessed: bool) -> Option<bool> {
        let found = self.find(key)?;
        self.mark_used(found);
        let is_change = self.held[found.held].table.entry(found.id).is_blessed() != is_blessed;
        if is_change {
            self.mark_changed(found);
            self.keep_before_image(found);
            self.change(found.held, key, Change::Rescheduled).set_blessed(found.id, is_blessed);
        }
        Some(is_change)
    }

    /// Makes the use of a key that of one that is loaded.
    pub fn restore_use(&mut self, key: &[u8], known: KnownUse) {
        if let Some(found) = self.find(key) {
            let policy = self.policy();
            self.held[found.held].table.entry(found.id).restore_use(known, policy, self.used_ms);
        }
    }

    /// Makes the use of a key that of a new one.
    pub fn renew_usage(&mut self, key: &[u8]) {
        if let Some(found) = self.find(key) {
            self.held[found.held].table.entry(found.id).renew_usage(self.used_ms);
        }
    }

    /// Removes a key; false if there was none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.find(key);
        if let Some(found) = found {
            self.discard(found, Change::Removed);
        }
        found.is_some()
    }

    /// Counts a key that was set with a deadline in the past as expired, as Redis does.
    pub fn count_expired(&self) {
        self.db.common.expiry.keys.add(1);
    }

    /// Counts fields that were given a deadline in the past as expired, as Redis does.
    pub fn count_expired_fields(&self, count: usize) {
        self.db.common.expiry.fields.add(count as u64);
    }

    /// Removes a key and returns what it had; a set is returned unbound, ready for another key.
    pub fn take(&mut self, key: &[u8]) -> Option<Taken> {
        let found = self.find(key)?;
        self.keep_before_image(found);
        let entry = self.take_out(found, Change::Removed);
        let (deadline, is_blessed) = (entry.deadline(), entry.is_blessed());
        Some(Taken { value: entry.into_value(), deadline, is_blessed })
    }

    /// Removes all keys of the shards that are locked.
    pub(super) fn clear(&mut self) {
        for Held { table, shard, .. } in &mut self.held {
            shard.watched.touch_all(|_| false);
            table.unbind_all();
            let cleared = table.clear(self.cut);
            let is_pending = self.cut != 0 && cleared.has_pending(self.cut);
            if is_pending {
                self.db.common.keep_before_image(self.cut, BeforeImage::Table(Box::new(cleared)));
            } else {
                self.garbage.add_table(cleared);
            }
        }
        self.db.common.observers.call(|observer| observer.flushed(self.db.number));
    }

    /// Exchanges all keys with another database, of which the same shards are locked.
    pub(super) fn swap(&mut self, other: &mut Self) {
        let hasher = &self.db.common;
        let now_ms = self.now_ms;
        let has = |table: &Table, key: &[u8]| table.find_live(hasher.hash(key), key, now_ms).is_some();
        for (mine, theirs) in self.held.iter_mut().zip(&mut other.held) {
            mine.shard.watched.touch_all(|key| has(&theirs.table, key));
            theirs.shard.watched.touch_all(|key| has(&mine.table, key));
            mine.table.unbind_all();
            theirs.table.unbind_all();
            std::mem::swap(&mut *mine.table, &mut *theirs.table);
        }
    }

    /// Removes expired keys of a locked shard, the ones with the oldest deadlines first, and then
    /// expired fields of hashes, about `limit` of all; returns how many.
    pub(super) fn remove_due(&mut self, held: usize, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit
            && let Some(id) = self.held[held].table.deadlines().first_due(self.now_ms)
        {
            self.expire(self.found(held, id));
            removed += 1;
        }
        let keys = removed;
        let mut fields = 0;
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

    /// Removes the entry at a position of a locked shard to free memory, if there is one that is a
    /// victim. One that has expired counts as expired. Returns what was removed.
    pub(super) fn evict(
        &mut self,
        held: usize,
        id: u32,
        is_victim: impl FnOnce(&Entry) -> bool,
    ) -> Option<EvictedKey> {
        let entry = self.held[held].table.slab().at(id)?;
        // Its writers do not hold the shard: what is judged is what is removed.
        entry.value().unbind();
        if !is_victim(entry) {
            return None;
        }
        let bytes = entry.memory_bytes() as u64;
        let found = self.found(held, id);
        let has_expired = entry.deadline().is_past(self.now_ms);
        if has_expired {
            self.expire(found);
        } else {
            self.notify(event::EVICTED, self.held[held].table.entry(id).key());
            self.discard_unasked(found, Change::Evicted);
        }
        Some(EvictedKey { bytes, has_expired })
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

    /// Counts a lookup as a use of the key.
    fn mark_used(&mut self, found: Found) {
        if self.db.access.touches {
            self.count_use(found);
        }
    }

    /// Counts a change as a use of the key.
    fn mark_changed(&mut self, found: Found) {
        if self.db.changes_touch() {
            self.count_use(found);
        }
    }

    fn count_use(&mut self, found: Found) {
        if self.counted != Some((found.held, found.id)) {
            self.counted = Some((found.held, found.id));
            let entry = self.held[found.held].table.entry(found.id);
            entry.mark_used(self.used_ms, self.db.common.settings.lfu());
        }
    }

    fn hash_of(&self, key: &[u8]) -> u64 {
        debug_assert!(
            self.only_hash.is_none_or(|hash| hash == self.db.common.hash(key)),
            "the shards were locked for another key"
        );
        self.only_hash.unwrap_or_else(|| self.db.common.hash(key))
    }

    fn insert(&mut self, key: &[u8], value: Value, deadline: Deadline) {
        let hash = self.hash_of(key);
        let held = self.held_of(hash);
        let entry = Entry::new(key, value, deadline, self.used_ms);
        self.change(held, key, Change::Written).insert(hash, entry);
        self.notify(event::NEW, key);
    }

    /// Where the key is, unless it has expired; then it is removed here.
    fn find(&mut self, key: &[u8]) -> Option<Found> {
        let hash = self.hash_of(key);
        let held = self.held_of(hash);
        let table = &self.held[held].table;
        let id = table.find(hash, key)?;
        let found = Found { held, hash, id };
        if self.has_expired(table.entry(id)) {
            self.expire(found);
            return None;
        }
        if table.entry(id).next_field_deadline().is_past(self.now_ms) {
            return self.expire_fields(found, MAX_DUE_FIELDS).0.then_some(found);
        }
        Some(found)
    }

    /// Removes up to `limit` expired fields of a hash, and the key if all have expired. Returns
    /// whether the key still exists, and how many fields were removed.
    fn expire_fields(&mut self, found: Found, limit: usize) -> (bool, usize) {
        let limits = self.db.common.hash_limits.get();
        let now_ms = self.now_ms;
        let needs_names =
            self.passage.journal().is_streaming() || self.db.common.events.want_parts(event::HEXPIRED);
        let held = &self.held[found.held];
        let is_live = held.table.entry(found.id).is_live(now_ms);
        let removed = if is_live {
            self.note(found.held, held.table.entry(found.id).key(), Change::FieldsExpired);
            self.keep_before_image(found);
            let mut names: Vec<Box<[u8]>> = Vec::new();
            let on_removed = |name: &[u8]| names.extend(needs_names.then(|| name.into()));
            let remove = |hash: &mut Hash| hash.remove_some_due(now_ms, limit, on_removed);
            let removed = self.held[found.held].table.edit_hash(found.id, limits, now_ms, remove);
            let key = self.held[found.held].table.entry(found.id).key();
            self.log_expired_fields(key, &names);
            self.notify_parts(event::HEXPIRED, key, names.iter().map(|name| &**name));
            removed.expect("only hashes have fields with deadlines")
        } else {
            let entry = held.table.entry(found.id);
            let hash = entry.value().as_hash().ok().map(|hash| hash.view(i64::MIN));
            let names = hash.into_iter().flat_map(|hash| hash.iter().map(|(name, ..)| name));
            self.notify_parts(event::HEXPIRED, entry.key(), names);
            self.notify(event::DEL, entry.key());
            let fields = hash.map_or(0, HashView::len);
            self.discard_unasked(found, Change::Expired);
            fields
        };
        self.db.common.expiry.fields.add(removed as u64);
        (is_live, removed)
    }

    /// True if the key has expired, or all elements of its set have. That set is unbound when this
    /// is decided, so that no element is added to it any more.
    fn has_expired(&self, entry: &Entry) -> bool {
        if entry.deadline().is_past(self.now_ms) {
            return true;
        }
        let seems_spent = entry.is_spent_set(self.now_ms);
        seems_spent && {
            entry.value().unbind();
            entry.is_spent_set(self.now_ms)
        }
    }

    fn expire(&mut self, found: Found) {
        let entry = self.held[found.held].table.entry(found.id);
        if entry.deadline().is_past(self.now_ms) {
            self.notify(event::EXPIRED, entry.key());
        } else if let Some(cold) = entry.value().as_cold_set() {
            // All its elements have expired. Their names are in the file: not read for this.
            self.db.common.expiry.elements.add(cold.len() as u64);
            self.notify(event::DEL, entry.key());
        } else if let Ok(set) = entry.value().as_vector_set() {
            // All elements of the set have expired.
            self.db.common.expiry.elements.add(set.len() as u64);
            if self.db.wants(event::VEXPIRED) {
                let names = set.all_names();
                self.notify_parts(event::VEXPIRED, entry.key(), names.iter().map(|name| &**name));
            }
            self.notify(event::DEL, entry.key());
        }
        self.discard_unasked(found, Change::Expired);
        self.db.common.expiry.keys.add(1);
    }

    /// Gives a key another value, and another deadline if there is one here.
    fn replace(&mut self, found: Found, key: &[u8], value: Value, deadline: Option<Deadline>) {
        self.keep_before_image(found);
        self.mark_changed(found);
        let table = self.change(found.held, key, Change::Written);
        if let Some(deadline) = deadline {
            table.set_deadline(found.id, deadline);
        }
        if let Some(old) = table.replace(found.id, value) {
            self.garbage.add_value(old);
        }
    }

    /// Removes an entry that no request names, and writes that down. A set is unbound before: its
    /// writers do not hold the shard, and what they write down is before the removal or is about
    /// another set.
    fn discard_unasked(&mut self, found: Found, change: Change) {
        let entry = self.held[found.held].table.entry(found.id);
        entry.value().unbind();
        let key = entry.key();
        self.passage.journal().note(self.db.number, |effects| effects.command(&[b"DEL", key]));
        self.discard(found, change);
    }

    /// Removes an entry, to be freed.
    fn discard(&mut self, found: Found, change: Change) {
        self.keep_before_image(found);
        let entry = self.take_out(found, change);
        self.garbage.add(entry);
    }

    /// Removes an entry. The writers of a vector set do not hold the shard: their changes come
    /// before the set is unbound, and so before observers are called with the key's removal.
    fn take_out(&mut self, found: Found, change: Change) -> Entry {
        let entry = self.held[found.held].table.take(found.hash, found.id);
        self.note(found.held, entry.key(), change);
        entry
    }

    /// Reports a change of a key that is not removed, and returns the table for it. All such
    /// changes go through here.
    fn change(&mut self, held: usize, key: &[u8], change: Change) -> &mut Table {
        self.note(held, key, change);
        &mut self.held[held].table
    }

    /// Reports a change of a key: the flags of its watches are raised, and observers are called.
    fn note(&self, held: usize, key: &[u8], change: Change) {
        self.held[held].shard.watched.note(key, change);
        self.db.common.observers.changed(self.db.number, key, change);
    }

    /// Called before an entry is changed or removed: the snapshot gets a copy if the entry is
    /// pending. Large parts of it are not copied.
    fn keep_before_image(&mut self, found: Found) {
        if self.needs_before_image(found) {
            let table = &self.held[found.held].table;
            let key = KeyAtCut::new(table.snapshot_db(), table.entry(found.id), &self.db.common.journal);
            self.db.common.keep_before_image(self.cut, BeforeImage::Key(key));
        }
    }

    fn needs_before_image(&mut self, found: Found) -> bool {
        self.cut != 0 && self.held[found.held].table.settle_pending(self.cut, found.id)
    }

    fn held_of(&self, hash: u64) -> usize {
        let shard = shard_of(hash);
        let held = self.held.binary_search_by_key(&shard, |held| held.number);
        held.expect("the key was named when the shards were locked")
    }
}
