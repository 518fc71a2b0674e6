//! `ACL LOG`: what was refused lately. Equal refusals within a minute are one entry.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// How long equal refusals are counted in one entry.
const GROUPING_MS: i64 = 60_000;
/// Entries that are compared with a new refusal.
const COMPARED: usize = 10;
/// Bytes that are stored of a key, a channel or a name: any client can send long ones.
const MAX_TEXT: usize = 1024;

/// What a user lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The right password, or to be switched on.
    Auth,
    /// A user of the name in a certificate.
    Certificate,
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// A database.
    Database,
}

impl Reason {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Certificate => "tls-cert",
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
            Self::Database => "database",
        }
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What the user lacked.
    pub reason: Reason,
    /// It belonged to a transaction.
    pub is_in_transaction: bool,
    /// The command, key or channel.
    pub object: Vec<u8>,
    /// The name of the user.
    pub user: Vec<u8>,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was refused.
    pub denial: Denial,
    /// How often.
    pub count: u64,
    /// The client of the last time, as `CLIENT LIST` shows it.
    pub client: String,
    /// Its number: they grow.
    pub id: u64,
    /// Time of the first refusal.
    pub created_ms: i64,
    /// Time of the last one.
    pub updated_ms: i64,
}

/// The log, the last refusal first.
#[derive(Debug)]
pub struct Log {
    entries: Mutex<(VecDeque<Entry>, u64)>,
    max_len: AtomicUsize,
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: Mutex::default(), max_len: AtomicUsize::new(128) }
    }
}

impl Log {
    /// Sets how many entries there are at most, as of the next refusal.
    pub fn set_max_len(&self, len: usize) {
        self.max_len.store(len, Ordering::Relaxed);
    }

    /// Notes a refusal.
    pub fn note(&self, mut denial: Denial, client: String, now_ms: i64) {
        denial.object.truncate(MAX_TEXT);
        denial.user.truncate(MAX_TEXT);
        let mut guard = self.entries.lock();
        let (entries, next_id) = &mut *guard;
        let is_same = |entry: &Entry| entry.denial == denial && now_ms - entry.created_ms <= GROUPING_MS;
        if let Some(at) = entries.iter().take(COMPARED).position(is_same) {
            if let Some(mut entry) = entries.remove(at) {
                entry.count += 1;
                entry.client = client;
                entry.updated_ms = now_ms;
                entries.push_front(entry);
            }
        } else {
            let id = *next_id;
            *next_id += 1;
            entries.push_front(Entry {
                denial,
                count: 1,
                client,
                id,
                created_ms: now_ms,
                updated_ms: now_ms,
            });
        }
        entries.truncate(self.max_len.load(Ordering::Relaxed));
    }

    /// The last `count` entries, the last refusal first.
    pub fn last(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().0.iter().take(count).cloned().collect()
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.entries.lock().0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(object: &str) -> Denial {
        Denial { reason: Reason::Key, is_in_transaction: false, object: object.into(), user: b"u".to_vec() }
    }

    fn shown(log: &Log) -> Vec<(String, u64, u64)> {
        let show = |entry: Entry| {
            (String::from_utf8_lossy(&entry.denial.object).into_owned(), entry.count, entry.id)
        };
        log.last(usize::MAX).into_iter().map(show).collect()
    }

    #[test]
    fn equal_refusals_are_one_entry_for_a_minute() {
        let log = Log::default();
        for (object, now_ms) in [("a", 0), ("b", 1), ("a", 2), ("a", 60_000), ("b", 60_002)] {
            log.note(denial(object), format!("at {now_ms}"), now_ms);
        }
        assert_eq!(shown(&log), [("b".into(), 1, 2), ("a".into(), 3, 0), ("b".into(), 1, 1)]);
        assert_eq!(log.last(2)[1].client, "at 60000");
    }

    #[test]
    fn the_log_is_bounded_in_both_directions() {
        let log = Log::default();
        log.set_max_len(2);
        for number in 0..5 {
            log.note(denial(&format!("{number}").repeat(5000)), String::new(), number);
        }
        assert_eq!(
            log.last(10).iter().map(|entry| entry.denial.object.len()).collect::<Vec<_>>(),
            [1024, 1024]
        );
        log.set_max_len(0);
        log.note(denial("x"), String::new(), 9);
        assert!(log.last(10).is_empty());
    }
}
