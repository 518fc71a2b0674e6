//! One key with its value, its deadline, and when it was last used.

use std::sync::atomic::{AtomicU32, Ordering};

use super::attending::is_attending;
use super::table::Place;
use super::{Deadline, Value};

/// A key and all that is known of it.
#[derive(Debug)]
pub struct Entry {
    key: Box<[u8]>,
    pub(super) value: Value,
    pub(super) deadline: Deadline,
    /// Seconds since 1970 of the last use; readers set it under the read lock, and any of them may win.
    used_s: AtomicU32,
}

impl Entry {
    pub(super) fn new(key: &[u8], value: Value, deadline: Deadline, now_ms: i64) -> Self {
        Self { key: key.into(), value, deadline, used_s: AtomicU32::new(seconds(now_ms)) }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What the key means.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// When the key ends.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Seconds since a command last used the key.
    pub fn idle_s(&self, now_ms: i64) -> u32 {
        seconds(now_ms).saturating_sub(self.used_s.load(Ordering::Relaxed))
    }

    /// An estimate of the bytes that the key costs: its slot, its place in the index, its bytes and its value.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + INDEX_BYTES + self.key.len() + self.value.heap_bytes()
    }

    pub(super) fn mark_used(&self, now_ms: i64) {
        if is_attending() {
            self.used_s.store(seconds(now_ms), Ordering::Relaxed);
        }
    }
}

/// A place and a tag in the hash index, at a load of about a half.
const INDEX_BYTES: usize = 2 * (size_of::<Place>() + 1);

/// Good until 2106; later, all keys look as if just used.
fn seconds(unix_ms: i64) -> u32 {
    (unix_ms / 1000).clamp(0, i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::StringValue;

    #[test]
    fn an_entry_takes_seven_words() {
        assert!(size_of::<Entry>() <= 56);
    }

    #[test]
    fn idle_time_counts_from_the_last_use() {
        let entry = Entry::new(b"k", Value::String(StringValue::new(b"v")), Deadline::NEVER, 5_000);
        assert_eq!(entry.idle_s(15_000), 10);
        entry.mark_used(14_000);
        assert_eq!(entry.idle_s(15_000), 1);
        assert_eq!(entry.idle_s(0), 0);
    }

    #[test]
    fn memory_grows_with_key_and_value() {
        let bytes = |key: &[u8], value: &[u8]| {
            Entry::new(key, Value::String(StringValue::new(value)), Deadline::NEVER, 0).memory_bytes()
        };
        assert_eq!(bytes(b"key", b"x") - bytes(b"k", b"x"), 2);
        assert!(bytes(b"k", &[b'x'; 100]) >= bytes(b"k", b"x") + 100);
    }
}
