//! Events of keys, which are published as messages: keyspace notifications.
//!
//! An event is passed to the [`EventSink`] by the thread that changes the key, behind the change
//! and under the lock under which that is made. So the events of a key have the order of its
//! changes, and a client that looks at the key when it has received one waits for the lock, and
//! sees the change. The exception is a lookup that finds no key: see [`super::ExpiredKeys`].
//!
//! Events of elements of vector sets are published under the lock of their set.
//!
//! Which events are wanted is one word. While none of its class is, an event costs one read of that
//! word, and its parts are not collected.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::exclusive::Exclusive;
use super::{Database, Keyspace, View};

/// A set of letters of `notify-keyspace-events`: classes of events, and channels for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFlags(u32);

/// The letters, each with its flag.
const LETTERS: [(char, EventFlags); 21] = [
    ('g', EventFlags::GENERIC),
    ('$', EventFlags::STRING),
    ('l', EventFlags(1 << 2)),
    ('s', EventFlags(1 << 3)),
    ('h', EventFlags::HASH),
    ('z', EventFlags(1 << 5)),
    ('x', EventFlags::EXPIRED),
    ('e', EventFlags::EVICTED),
    ('t', EventFlags(1 << 8)),
    ('d', EventFlags::MODULE),
    ('n', EventFlags::NEW),
    ('o', EventFlags::OVERWRITTEN),
    ('c', EventFlags::TYPE_CHANGED),
    ('K', EventFlags::KEYSPACE),
    ('E', EventFlags::KEYEVENT),
    ('m', EventFlags::KEY_MISS),
    ('S', EventFlags::SUBKEYSPACE),
    ('T', EventFlags::SUBKEYEVENT),
    ('I', EventFlags::SUBKEYSPACE_ITEM),
    ('V', EventFlags::SUBKEYSPACE_EVENT),
    ('v', EventFlags::ELEMENT),
];

impl EventFlags {
    /// None.
    pub const NONE: Self = Self(0);
    /// `g`: of keys of any type.
    pub const GENERIC: Self = Self(1);
    /// `$`: of strings.
    pub const STRING: Self = Self(1 << 1);
    /// `h`: of hashes.
    pub const HASH: Self = Self(1 << 4);
    /// `x`: keys that expire.
    pub const EXPIRED: Self = Self(1 << 6);
    /// `e`: keys that are evicted.
    pub const EVICTED: Self = Self(1 << 7);
    /// `d`: of the types of modules. Here: elements of vector sets that expire or are evicted.
    pub const MODULE: Self = Self(1 << 9);
    /// `n`: new keys.
    pub const NEW: Self = Self(1 << 10);
    /// `o`: keys whose value is replaced.
    pub const OVERWRITTEN: Self = Self(1 << 11);
    /// `c`: keys whose value is replaced by one of another type.
    pub const TYPE_CHANGED: Self = Self(1 << 12);
    /// `m`: lookups that find no key.
    pub const KEY_MISS: Self = Self(1 << 13);
    /// `v`: elements of vector sets that commands change.
    pub const ELEMENT: Self = Self(1 << 14);
    /// `K`: a channel for each key.
    pub const KEYSPACE: Self = Self(1 << 16);
    /// `E`: a channel for each event.
    pub const KEYEVENT: Self = Self(1 << 17);
    /// `S`: a channel for each key, with the parts of the value.
    pub const SUBKEYSPACE: Self = Self(1 << 18);
    /// `T`: a channel for each event, with the key and the parts of its value.
    pub const SUBKEYEVENT: Self = Self(1 << 19);
    /// `I`: a channel for each part of each key.
    pub const SUBKEYSPACE_ITEM: Self = Self(1 << 20);
    /// `V`: a channel for each event of each key, with the parts of the value.
    pub const SUBKEYSPACE_EVENT: Self = Self(1 << 21);

    const CHANNELS_OF_PARTS: Self = Self(0b1111 << 18);

    /// The flags of these letters, of which `A` stands for those from `g` to `d`. Others are left
    /// out: the option has been checked.
    pub fn of_letters(letters: &str) -> Self {
        let flag = |letter: char| match letter {
            'A' => LETTERS[..10].iter().fold(0, |all, (_, flag)| all | flag.0),
            _ => LETTERS.iter().find(|(name, _)| *name == letter).map_or(0, |(_, flag)| flag.0),
        };
        Self(letters.chars().fold(0, |all, letter| all | flag(letter)))
    }

    /// True if all flags of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The name of an event, and the class that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The name.
    pub name: &'static str,
    class: EventFlags,
}

/// Every kind of event.
#[expect(missing_docs, reason = "the names say it")]
pub mod event {
    use super::{EventFlags, EventKind};

    const fn of(class: EventFlags, name: &'static str) -> EventKind {
        EventKind { name, class }
    }

    pub const NEW: EventKind = of(EventFlags::NEW, "new");
    pub const OVERWRITTEN: EventKind = of(EventFlags::OVERWRITTEN, "overwritten");
    pub const TYPE_CHANGED: EventKind = of(EventFlags::TYPE_CHANGED, "type_changed");
    pub const KEYMISS: EventKind = of(EventFlags::KEY_MISS, "keymiss");
    pub const EXPIRED: EventKind = of(EventFlags::EXPIRED, "expired");
    pub const EVICTED: EventKind = of(EventFlags::EVICTED, "evicted");
    pub const DEL: EventKind = of(EventFlags::GENERIC, "del");
    pub const EXPIRE: EventKind = of(EventFlags::GENERIC, "expire");
    pub const PERSIST: EventKind = of(EventFlags::GENERIC, "persist");
    pub const RESTORE: EventKind = of(EventFlags::GENERIC, "restore");
    pub const COPY_TO: EventKind = of(EventFlags::GENERIC, "copy_to");
    pub const RENAME_FROM: EventKind = of(EventFlags::GENERIC, "rename_from");
    pub const RENAME_TO: EventKind = of(EventFlags::GENERIC, "rename_to");
    pub const MOVE_FROM: EventKind = of(EventFlags::GENERIC, "move_from");
    pub const MOVE_TO: EventKind = of(EventFlags::GENERIC, "move_to");
    pub const SET: EventKind = of(EventFlags::STRING, "set");
    pub const APPEND: EventKind = of(EventFlags::STRING, "append");
    pub const SETRANGE: EventKind = of(EventFlags::STRING, "setrange");
    pub const SETBIT: EventKind = of(EventFlags::STRING, "setbit");
    pub const INCRBY: EventKind = of(EventFlags::STRING, "incrby");
    pub const INCRBYFLOAT: EventKind = of(EventFlags::STRING, "incrbyfloat");
    pub const HSET: EventKind = of(EventFlags::HASH, "hset");
    pub const HDEL: EventKind = of(EventFlags::HASH, "hdel");
    pub const HINCRBY: EventKind = of(EventFlags::HASH, "hincrby");
    pub const HINCRBYFLOAT: EventKind = of(EventFlags::HASH, "hincrbyfloat");
    pub const HEXPIRE: EventKind = of(EventFlags::HASH, "hexpire");
    pub const HPERSIST: EventKind = of(EventFlags::HASH, "hpersist");
    pub const HEXPIRED: EventKind = of(EventFlags::HASH, "hexpired");
    pub const VEXPIRED: EventKind = of(EventFlags::MODULE, "vexpired");
    pub const VEVICTED: EventKind = of(EventFlags::MODULE, "vevicted");
    pub const VADD: EventKind = of(EventFlags::ELEMENT, "vadd");
    pub const VREM: EventKind = of(EventFlags::ELEMENT, "vrem");
    pub const VSETATTR: EventKind = of(EventFlags::ELEMENT, "vsetattr");
    pub const VEXPIRE: EventKind = of(EventFlags::ELEMENT, "vexpire");
    pub const VPERSIST: EventKind = of(EventFlags::ELEMENT, "vpersist");
    pub const VHIT: EventKind = of(EventFlags::ELEMENT, "vhit");
    pub const VMISS: EventKind = of(EventFlags::ELEMENT, "vmiss");
    pub const VNEARMISS: EventKind = of(EventFlags::ELEMENT, "vnearmiss");
    /// A key loses its last element. Redis says nothing of that.
    pub const EMPTIED: EventKind = of(EventFlags::ELEMENT, "del");
}

/// What has happened to a key.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// The number of its database.
    pub db: usize,
    /// The name of the event.
    pub name: &'static str,
    /// The key.
    pub key: &'e [u8],
    /// The parts of its value that the event is about, such as the fields of a hash; none if it is
    /// about all of it.
    pub parts: &'e [&'e [u8]],
}

/// Where events go.
pub trait EventSink: fmt::Debug + Send + Sync {
    /// Publishes an event in the channels among these flags. Called by many threads, under locks of
    /// the keyspace: it must be short, and must not look at keys.
    fn publish(&self, event: &Event<'_>, channels: EventFlags);
}

/// Which events are wanted, and where they go.
#[derive(Debug, Default)]
pub(super) struct Events {
    flags: AtomicU32,
    sink: OnceLock<Arc<dyn EventSink>>,
}

impl Events {
    /// True if events of this kind are published.
    pub(super) fn want(&self, kind: EventKind) -> bool {
        self.flags.load(Ordering::Relaxed) & kind.class.0 != 0
    }

    /// True if the parts of values are published with events of this kind.
    pub(super) fn want_parts(&self, kind: EventKind) -> bool {
        self.want(kind) && self.flags.load(Ordering::Relaxed) & EventFlags::CHANNELS_OF_PARTS.0 != 0
    }

    #[cold]
    fn publish(&self, event: &Event<'_>) {
        if let Some(sink) = self.sink.get() {
            sink.publish(event, EventFlags(self.flags.load(Ordering::Relaxed)));
        }
    }
}

impl Keyspace {
    /// Sets where events go, once.
    ///
    /// # Panics
    /// If that was set before.
    pub fn set_event_sink(&self, sink: Arc<dyn EventSink>) {
        assert!(self.common.events.sink.set(sink).is_ok(), "there is none");
    }

    /// Sets which events are wanted, and in which channels, from now on.
    pub fn set_event_flags(&self, flags: EventFlags) {
        self.common.events.flags.store(flags.0, Ordering::Relaxed);
    }
}

impl Database {
    /// Publishes an event about a key, or about parts of its value, if it is wanted.
    pub(super) fn notify<'e>(&self, kind: EventKind, key: &[u8], parts: impl IntoIterator<Item = &'e [u8]>) {
        let events = &self.common.events;
        if events.want(kind) {
            let parts: SmallVec<[&[u8]; 8]> =
                if events.want_parts(kind) { parts.into_iter().collect() } else { SmallVec::new() };
            events.publish(&Event { db: self.number, name: kind.name, key, parts: &parts });
        }
    }
}

impl View<'_> {
    /// True if events of this kind are published for the command that has this view: not for those
    /// of a log.
    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.common.events.want(kind) && !self.access.shows_expired
    }

    /// Publishes what a semantic cache was asked for and found: `VHIT` with the entry that it
    /// served, `VNEARMISS` with one that was near, `VMISS` without any. For readers, without a
    /// lock.
    pub fn notify_lookup(&self, kind: EventKind, key: &[u8], entry: Option<&[u8]>) {
        if self.wants(kind) {
            self.db.notify(kind, key, entry);
        }
    }

    /// Publishes that a lookup has found no key.
    pub(super) fn notify_miss(&self, key: &[u8]) {
        if self.wants(event::KEYMISS) {
            self.db.notify(event::KEYMISS, key, []);
        }
    }
}

impl Exclusive<'_> {
    /// Publishes an event about a key, if it is wanted. To be called behind the change.
    pub fn notify(&self, kind: EventKind, key: &[u8]) {
        self.notify_parts(kind, key, []);
    }

    /// The same about parts of the key's value.
    pub fn notify_parts<'e>(&self, kind: EventKind, key: &[u8], parts: impl IntoIterator<Item = &'e [u8]>) {
        if self.db.wants(kind) {
            self.db.db.notify(kind, key, parts);
        }
    }

    /// Publishes that fields of a hash were removed, and the key too if it is gone.
    pub fn notify_removed<'e>(&mut self, key: &[u8], fields: impl IntoIterator<Item = &'e [u8]>) {
        self.notify_parts(event::HDEL, key, fields);
        if self.db.wants(event::DEL) && !self.contains(key) {
            self.notify(event::DEL, key);
        }
    }

    /// The type of a key's value, for [`notify_replaced`](Self::notify_replaced); none if there is
    /// no such key, or if no event depends on it.
    pub fn type_to_replace(&mut self, key: &[u8]) -> Option<&'static str> {
        let depends = [event::OVERWRITTEN, event::TYPE_CHANGED, event::NEW].into_iter();
        if !depends.into_iter().any(|kind| self.db.wants(kind)) {
            return None;
        }
        self.peek(key).map(|entry| entry.value().type_name())
    }

    /// The same for a key that has got the value of another one: as in Redis behind the events of
    /// the command, where the key counts as removed before.
    pub fn notify_taken(&mut self, key: &[u8], before: Option<&'static str>) {
        if before.is_some()
            && let Some(after) = self.type_to_replace(key)
        {
            self.notify_replaced(key, before, after);
        }
    }

    /// Publishes that a key with a value of the type `before` has one of the type `after` instead.
    pub fn notify_replaced(&self, key: &[u8], before: Option<&'static str>, after: &'static str) {
        if let Some(before) = before {
            self.notify(event::OVERWRITTEN, key);
            if before != after {
                self.notify(event::TYPE_CHANGED, key);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use parking_lot::Mutex;

    use super::*;

    /// Collects events as text: `0 hset k f,g`.
    #[derive(Debug, Default)]
    pub(in crate::keyspace) struct Collected(Mutex<Vec<String>>);

    impl Collected {
        pub(in crate::keyspace) fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock())
        }
    }

    impl EventSink for Collected {
        fn publish(&self, event: &Event<'_>, _: EventFlags) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let parts: Vec<String> = event.parts.iter().map(|part| text(part)).collect();
            let line = format!("{} {} {} {}", event.db, event.name, text(event.key), parts.join(","));
            self.0.lock().push(line.trim_end().to_owned());
        }
    }

    /// Collects the events of a keyspace that these letters stand for.
    pub(in crate::keyspace) fn collect(keyspace: &Keyspace, letters: &str) -> Arc<Collected> {
        let collected = Arc::new(Collected::default());
        keyspace.set_event_sink(Arc::clone(&collected) as Arc<dyn EventSink>);
        keyspace.set_event_flags(EventFlags::of_letters(letters));
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::testing::collect;
    use super::*;
    use crate::keyspace::{Accounting, Clock, Deadline, Hash, StringValue, Value};

    fn keyspace() -> Keyspace {
        Keyspace::new(Clock::manual(1_000))
    }

    fn string() -> Value {
        Value::String(StringValue::new(b"v"))
    }

    #[test]
    fn each_letter_has_a_flag_of_its_own() {
        let all: String = LETTERS.iter().map(|(letter, _)| *letter).collect();
        let bits: u32 = LETTERS.iter().map(|(_, flag)| flag.0.count_ones()).sum();
        assert_eq!(EventFlags::of_letters(&all).0.count_ones(), bits);
        assert_eq!(bits as usize, LETTERS.len());
        assert_eq!(EventFlags::of_letters("A"), EventFlags::of_letters("g$lshzxetd"));
        assert!(!EventFlags::of_letters("A").has(EventFlags::ELEMENT));
    }

    #[test]
    fn what_is_not_wanted_is_not_published() {
        let keyspace = keyspace();
        let collected = collect(&keyspace, "Kg");
        let mut keys = keyspace.db(0).exclusive(&["k"]);
        keys.put(b"k", string(), Deadline::NEVER);
        keys.notify(event::SET, b"k");
        keys.notify(event::DEL, b"k");
        drop(keys);
        keyspace.set_event_flags(EventFlags::NONE);
        keyspace.db(0).exclusive(&["k"]).notify(event::DEL, b"k");
        assert_eq!(collected.take(), ["0 del k"]);
    }

    #[test]
    fn keys_that_expire_or_are_new_are_published_without_a_command() {
        let keyspace = keyspace();
        let collected = collect(&keyspace, "EAnm");
        let db = keyspace.db(3);
        db.exclusive(&["k"]).put(b"k", string(), Deadline::at(1_500));
        assert_eq!(collected.take(), ["3 new k"]);
        keyspace.clock().advance(1_000);
        assert_eq!(db.expire_cycle(10), 1);
        assert_eq!(collected.take(), ["3 expired k"]);
        db.exclusive(&["k"]).count_lookup(b"k");
        assert_eq!(collected.take(), ["3 keymiss k"]);
    }

    #[test]
    fn a_reader_that_misses_a_key_says_so_when_it_has_ended() {
        let keyspace = keyspace();
        let collected = collect(&keyspace, "EAm");
        keyspace.db(0).exclusive(&["old"]).put(b"old", string(), Deadline::at(1_500));
        keyspace.clock().advance(1_000);
        let mut found = crate::keyspace::ExpiredKeys::default();
        let access = crate::keyspace::Access { expired: Some(&found), ..crate::keyspace::Access::DIRECT };
        let view = keyspace.view(0, access);
        for key in [&b"none"[..], b"old", b"last"] {
            view.lookup(key, Accounting::Used, |_| ());
        }
        view.lookup(b"other", Accounting::None, |_| ());
        assert_eq!(collected.take(), Vec::<String>::new());
        keyspace.remove_expired(&mut found, true);
        assert_eq!(collected.take(), ["0 keymiss none", "0 expired old", "0 keymiss old", "0 keymiss last"]);
    }

    #[test]
    fn fields_that_expire_are_published_with_their_names() {
        let keyspace = keyspace();
        let collected = collect(&keyspace, "EAS");
        let db = keyspace.db(0);
        let set = |fields: &[(&str, Deadline)]| {
            let edit = |hash: &mut Hash| {
                fields.iter().for_each(|(field, deadline)| _ = hash.set(field.as_bytes(), b"v", *deadline));
            };
            db.exclusive(&["h"]).edit_hash(b"h", edit).expect("it is a hash");
        };
        set(&[("f", Deadline::at(1_500)), ("g", Deadline::NEVER)]);
        keyspace.clock().advance(1_000);
        db.expire_cycle(10);
        assert_eq!(collected.take(), ["0 hexpired h f"]);
        set(&[("g", Deadline::at(2_500))]);
        keyspace.clock().advance(1_000);
        db.exclusive(&["h"]).contains(b"h");
        assert_eq!(collected.take(), ["0 hexpired h g", "0 del h"]);
    }

    #[test]
    fn a_replaced_value_is_published_with_its_type() {
        let keyspace = keyspace();
        let collected = collect(&keyspace, "EAnoc");
        let mut keys = keyspace.db(0).exclusive(&["k"]);
        keys.overwrite(b"k", string(), Some(Deadline::NEVER));
        keys.overwrite(b"k", string(), None);
        keys.overwrite(b"k", Value::Hash(Box::default()), Some(Deadline::NEVER));
        drop(keys);
        let expected = ["0 new k", "0 overwritten k", "0 overwritten k", "0 type_changed k"];
        assert_eq!(collected.take(), expected);
    }
}
