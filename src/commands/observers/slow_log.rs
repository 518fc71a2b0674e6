//! The last slow commands: `SLOWLOG`.

use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::Observed;
use crate::commands::client::Client;
use crate::commands::registry::Command;
use crate::config::Settings;

/// How much of a command an entry stores.
#[derive(Clone, Copy)]
struct Bounds {
    /// Arguments; in place of the last one stands how many more there were.
    arguments: usize,
    /// Bytes of an argument; a remark states how many more there were.
    argument_len: usize,
}

impl Bounds {
    fn of(settings: &Settings) -> Self {
        let bound = |option: u64| usize::try_from(option).unwrap_or(usize::MAX);
        Self {
            arguments: bound(settings.slowlog_entry_max_argc),
            argument_len: bound(settings.slowlog_entry_max_string_len),
        }
    }
}

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique within one run of the server.
    pub id: u64,
    /// When it ended, in Unix seconds.
    pub unix_s: u64,
    /// How long it ran.
    pub micros: u64,
    /// What the client sent, trimmed and without secrets.
    pub arguments: Vec<Vec<u8>>,
    /// How many arguments the client sent.
    pub argument_count: usize,
    /// Address of the client.
    pub address: String,
    /// Name of the client, or empty.
    pub client_name: String,
}

/// The entries, newest first. Only slow commands and `SLOWLOG` take its lock.
#[derive(Debug, Default)]
pub struct SlowLog(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    next_id: u64,
    entries: VecDeque<Entry>,
    /// Totals since the last `CONFIG RESETSTAT`, by the number of the command.
    totals: HashMap<usize, SlowTotals>,
}

/// The slow calls of one command, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowTotals {
    /// How many were added to the log.
    pub calls: u64,
    /// How long they took together.
    pub nanos: u64,
    /// How long the longest one took.
    pub longest_nanos: u64,
}

impl SlowTotals {
    fn add(&mut self, other: SlowTotals) {
        self.calls += other.calls;
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.longest_nanos = self.longest_nanos.max(other.longest_nanos);
    }
}

impl SlowLog {
    pub(super) fn note(&self, client: &Client, observed: Observed, settings: &Settings) {
        let max_len = settings.slow_log_len();
        if max_len == 0 {
            return;
        }
        let arguments = observed.arguments();
        let entry = Entry {
            id: 0,
            unix_s: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            micros: observed.nanos() / 1000,
            arguments: trimmed(&arguments, Bounds::of(settings)),
            argument_count: arguments.len(),
            address: client.info.shown_address(),
            client_name: client.info.labels.lock().name.clone(),
        };
        let nanos = observed.nanos();
        let call = SlowTotals { calls: 1, nanos, longest_nanos: nanos };
        self.0.lock().totals.entry(observed.command.id).or_default().add(call);
        self.add(entry, max_len);
    }

    /// A smaller `max_len` takes effect with the next entry. 0 adds no entries, and removes none:
    /// as in Redis.
    fn add(&self, entry: Entry, max_len: usize) {
        if max_len == 0 {
            return;
        }
        let mut ring = self.0.lock();
        let id = ring.next_id;
        ring.next_id += 1;
        ring.entries.truncate(max_len - 1);
        ring.entries.push_front(Entry { id, ..entry });
    }

    /// The slow calls of a command.
    pub fn totals_of(&self, command: &Command) -> SlowTotals {
        self.0.lock().totals.get(&command.id).copied().unwrap_or_default()
    }

    /// The slow calls of all commands.
    pub fn totals(&self) -> SlowTotals {
        let mut sum = SlowTotals::default();
        self.0.lock().totals.values().for_each(|totals| sum.add(*totals));
        sum
    }

    /// `CONFIG RESETSTAT`. Entries stay.
    pub fn reset_totals(&self) {
        self.0.lock().totals.clear();
    }

    /// The newest entries.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.0.lock().entries.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// True if nothing was slow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all entries. Ids continue.
    pub fn reset(&self) {
        self.0.lock().entries.clear();
    }
}

fn trimmed(arguments: &[&[u8]], bounds: Bounds) -> Vec<Vec<u8>> {
    let shortened = |argument: &&[u8]| shortened(argument, bounds.argument_len);
    if arguments.len() <= bounds.arguments {
        return arguments.iter().map(shortened).collect();
    }
    let (first, left) = arguments.split_at(bounds.arguments - 1);
    let remark = format!("... ({} more arguments)", left.len()).into_bytes();
    first.iter().map(shortened).chain([remark]).collect()
}

fn shortened(argument: &[u8], max_len: usize) -> Vec<u8> {
    match argument.split_at_checked(max_len) {
        Some((first, left)) if !left.is_empty() => {
            let remark = format!("... ({} more bytes)", left.len());
            [first, remark.as_bytes()].concat()
        }
        _ => argument.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(micros: u64) -> Entry {
        let address = String::new();
        let client_name = String::new();
        Entry { id: 0, unix_s: 0, micros, arguments: Vec::new(), argument_count: 0, address, client_name }
    }

    #[test]
    fn the_oldest_entries_go_and_ids_stay_unique() {
        let log = SlowLog::default();
        (1..=3).for_each(|micros| log.add(entry(micros), 2));
        let entries: Vec<_> = log.newest(9).iter().map(|entry| (entry.id, entry.micros)).collect();
        assert_eq!((entries.as_slice(), log.len()), (&[(2, 3), (1, 2)][..], 2));
        log.reset();
        log.add(entry(4), 2);
        assert_eq!(log.newest(1)[0].id, 3);
        log.add(entry(5), 0);
        assert_eq!(log.len(), 1);
    }

    #[test]
    fn many_and_long_arguments_are_trimmed_as_redis_does() {
        let bounds = Bounds::of(&Settings::defaults());
        let words = vec![&b"w"[..]; 33];
        let shown = trimmed(&words, bounds);
        assert_eq!((shown.len(), shown[31].as_slice()), (32, &b"... (2 more arguments)"[..]));
        assert_eq!(trimmed(&words[..32], bounds).last().map(Vec::as_slice), Some(&b"w"[..]));
        let long = [b'x'; 130];
        let shortened = String::from_utf8(shortened(&long, 128)).expect("it is plain text");
        assert_eq!(shortened, "x".repeat(128) + "... (2 more bytes)");
        assert_eq!(super::shortened(&long[..128], 128), long[..128]);
        let narrow = trimmed(&[b"get", b"abcdef", b"x"], Bounds { arguments: 2, argument_len: 4 });
        assert_eq!(narrow, [&b"get"[..], b"... (2 more arguments)"]);
        let narrow = trimmed(&[b"get", b"abcdef"], Bounds { arguments: 2, argument_len: 4 });
        assert_eq!(narrow, [&b"get"[..], b"abcd... (2 more bytes)"]);
    }
}
