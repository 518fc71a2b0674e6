//! The keys with most command time or traffic, as `HOTKEYS` measures them on demand.
//!
//! A session counts, for each key, the time of the commands that name it and the bytes of their
//! requests and replies; a command with several keys is shared out evenly among them. Counting is
//! by *Space-Saving* (Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent and Top-k
//! Elements in Data Streams", ICDT 2005) in a table of bounded size: a new key takes the place of
//! the smallest count and inherits it as its possible error. The figures shown are counts less that
//! error: lower bounds of the true sums.
//!
//! *Cost.* While no session runs, a command reads one flag. While one runs, each key of a command
//! locks the part of the tables that its hash chooses. Memory: `PARTS` · `ROOM` · (`COUNT` +
//! 16) entries of each metric, of keys of at most `MAX_KEY_LEN` bytes; longer keys are counted in
//! the sums only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ahash::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::Observed;
use crate::commands::client::Client;
use crate::commands::random::below;
use crate::counters::Counter;
use crate::resp::{Encoded, Error, Reply};
use crate::system::{CpuTime, cpu_time};

/// Tables over which keys are distributed, so that threads seldom wait for the same lock.
const PARTS: usize = 16;
/// Entries of a table for each key that is shown in the end. More of them make the counts more
/// exact.
const ROOM: usize = 2;
/// Longer keys are counted in the sums only.
const MAX_KEY_LEN: usize = 4096;

/// The options of `HOTKEYS START`.
#[derive(Clone, Copy, Debug)]
pub struct HotKeyOptions {
    /// Measure the time of commands.
    pub cpu: bool,
    /// Measure the bytes of requests and replies.
    pub net: bool,
    /// How many keys are shown, at most.
    pub count: usize,
    /// One key in so many is counted, chosen at random.
    pub sample_ratio: u64,
    /// Time after which the session stops by itself.
    pub duration: Option<Duration>,
}

/// The session that runs, or the last one until it is reset.
#[derive(Default)]
pub struct HotKeys {
    is_active: AtomicBool,
    session: Mutex<Option<Arc<Session>>>,
}

/// A session is running: stop it first.
#[derive(Debug, PartialEq, Eq)]
pub struct IsActive;

impl HotKeys {
    /// True while commands are to be noted.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        // Relaxed: a command that runs while a session begins or ends is counted or not.
        self.is_active.load(Ordering::Relaxed)
    }

    /// Begins a session, and drops the results of the one before.
    pub fn start(&self, options: HotKeyOptions) -> Result<(), IsActive> {
        let mut session = self.session.lock();
        self.stop_if_over(session.as_deref());
        if self.is_active() {
            return Err(IsActive);
        }
        *session = Some(Arc::new(Session::new(options)));
        self.is_active.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the session, whose results stay. False if none is running.
    pub fn stop(&self) -> bool {
        let session = self.session.lock();
        self.stop_if_over(session.as_deref());
        let was_active = self.is_active.swap(false, Ordering::Relaxed);
        if let Some(session) = session.as_ref().filter(|_| was_active) {
            session.end();
        }
        was_active
    }

    /// Drops the results of a session that has ended.
    pub fn reset(&self) -> Result<(), IsActive> {
        let mut session = self.session.lock();
        self.stop_if_over(session.as_deref());
        if self.is_active() {
            return Err(IsActive);
        }
        *session = None;
        Ok(())
    }

    /// The session, and whether it is running.
    pub fn get(&self) -> Option<(Arc<Session>, bool)> {
        let session = self.session.lock();
        self.stop_if_over(session.as_deref());
        session.clone().map(|session| (session, self.is_active()))
    }

    /// Ends a session whose duration has passed. The caller holds the lock.
    fn stop_if_over(&self, session: Option<&Session>) {
        if let Some(session) = session.filter(|session| self.is_active() && session.is_over()) {
            self.is_active.store(false, Ordering::Relaxed);
            session.end();
        }
    }

    /// Counts a command that has run.
    #[cold]
    pub(super) fn note(&self, client: &Client, observed: Observed, reply: &Result<Reply, Error>) {
        let session = {
            let session = self.session.lock();
            self.stop_if_over(session.as_deref());
            session.clone().filter(|_| self.is_active())
        };
        if let Some(session) = session {
            session.note(client, observed, reply);
        }
    }
}

/// The counts since a `START`.
pub struct Session {
    /// The options of `START`.
    pub options: HotKeyOptions,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    started: Instant,
    started_cpu: CpuTime,
    /// Set when the session has ended.
    final_time: Mutex<Option<SessionTime>>,
    hasher: RandomState,
    cpu_nanos: Counter,
    net_bytes: Counter,
    net_bytes_of_sampled: Counter,
    /// Tables of time and of bytes, each used only if it is among the options.
    parts: Vec<Mutex<[Table; 2]>>,
    room: usize,
}

/// The length of a session, and the CPU time of the process in it.
#[derive(Clone, Copy, Debug)]
pub struct SessionTime {
    /// Wall-clock time.
    pub time: Duration,
    /// User CPU time of the process.
    pub user: Duration,
    /// System CPU time of the process.
    pub system: Duration,
}

const CPU: usize = 0;
const NET: usize = 1;

impl Session {
    fn new(options: HotKeyOptions) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            options,
            started_unix_ms: since_1970.as_millis() as u64,
            started: Instant::now(),
            started_cpu: cpu_time(),
            final_time: Mutex::new(None),
            hasher: RandomState::new(),
            cpu_nanos: Counter::new(),
            net_bytes: Counter::new(),
            net_bytes_of_sampled: Counter::new(),
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            room: ROOM * (options.count + 16),
        }
    }

    fn is_over(&self) -> bool {
        self.options.duration.is_some_and(|duration| self.started.elapsed() >= duration)
    }

    fn end(&self) {
        *self.final_time.lock() = Some(self.so_far());
    }

    fn so_far(&self) -> SessionTime {
        let now = cpu_time();
        let elapsed = self.started.elapsed();
        SessionTime {
            time: self.options.duration.map_or(elapsed, |duration| elapsed.min(duration)),
            user: now.user.saturating_sub(self.started_cpu.user),
            system: now.system.saturating_sub(self.started_cpu.system),
        }
    }

    /// The length of the session; so far, if it is running.
    pub fn session_time(&self) -> SessionTime {
        (*self.final_time.lock()).unwrap_or_else(|| self.so_far())
    }

    /// Time of all commands that name keys.
    pub fn micros_of_all(&self) -> u64 {
        self.cpu_nanos.get() / 1000
    }

    /// The same in milliseconds.
    pub fn millis_of_all(&self) -> u64 {
        self.cpu_nanos.get() / 1_000_000
    }

    /// Bytes of all commands that name keys.
    pub fn net_bytes_of_all(&self) -> u64 {
        self.net_bytes.get()
    }

    /// Bytes of the keys that were sampled.
    pub fn net_bytes_of_sampled(&self) -> u64 {
        self.net_bytes_of_sampled.get()
    }

    /// The keys with most time, and their microseconds.
    pub fn by_micros(&self) -> Vec<(Box<[u8]>, u64)> {
        let mut keys = self.largest(CPU);
        keys.iter_mut().for_each(|(_, nanos)| *nanos /= 1000);
        keys.retain(|(_, micros)| *micros > 0);
        keys
    }

    /// The keys with most bytes, and how many.
    pub fn by_net_bytes(&self) -> Vec<(Box<[u8]>, u64)> {
        self.largest(NET)
    }

    fn largest(&self, metric: usize) -> Vec<(Box<[u8]>, u64)> {
        let mut keys: Vec<_> = self.parts.iter().flat_map(|part| part.lock()[metric].certain()).collect();
        keys.sort_unstable_by(|(a_key, a), (b_key, b)| b.cmp(a).then_with(|| a_key.cmp(b_key)));
        keys.truncate(self.options.count);
        keys
    }

    fn note(&self, client: &Client, observed: Observed, reply: &Result<Reply, Error>) {
        let keys = keys_of(observed);
        if keys.is_empty() {
            return;
        }
        let nanos = observed.nanos();
        let bytes = self.bytes(client, observed, reply);
        self.cpu_nanos.add(nanos);
        self.net_bytes.add(bytes);
        let share = |sum: u64| sum / keys.len() as u64;
        for key in keys.iter().filter(|_| self.is_sampled()) {
            self.net_bytes_of_sampled.add(share(bytes));
            self.count(key, share(nanos), share(bytes));
        }
    }

    /// Bytes of the request and of its reply.
    fn bytes(&self, client: &Client, observed: Observed, reply: &Result<Reply, Error>) -> u64 {
        let mut encoded = Encoded::default();
        match reply {
            Ok(reply) => reply.clone().encode(client.protocol, &mut encoded),
            Err(error) => Reply::Error(error.clone()).encode(client.protocol, &mut encoded),
        }
        (observed.request.wire().len() + encoded.len()) as u64
    }

    fn is_sampled(&self) -> bool {
        self.options.sample_ratio <= 1 || below(self.options.sample_ratio as usize) == 0
    }

    fn count(&self, key: &[u8], nanos: u64, bytes: u64) {
        if key.len() > MAX_KEY_LEN {
            return;
        }
        let mut part = self.parts[self.hasher.hash_one(key) as usize % PARTS].lock();
        if self.options.cpu {
            part[CPU].add(key, nanos, self.room);
        }
        if self.options.net {
            part[NET].add(key, bytes, self.room);
        }
    }
}

/// The keys that a request names.
fn keys_of<'r>(observed: Observed<'r>) -> Vec<&'r [u8]> {
    let words: Vec<&[u8]> = (0..observed.request.len()).map(|i| observed.request.arg(i)).collect();
    let keys = observed.command.spec.keys.iter().filter(|keys| keys.are_keys());
    let positions = keys.filter_map(|keys| keys.positions(&words).ok());
    positions.flatten().map(|position| words[position]).collect()
}

/// Space-Saving: the keys with the largest sums, as far as there is room.
#[derive(Default)]
struct Table {
    entries: HashMap<Box<[u8]>, Count, RandomState>,
}

#[derive(Clone, Copy)]
struct Count {
    /// An upper bound of the key's sum.
    most: u64,
    /// How much of it may belong to other keys.
    error: u64,
}

impl Table {
    fn add(&mut self, key: &[u8], amount: u64, room: usize) {
        if let Some(count) = self.entries.get_mut(key) {
            count.most += amount;
            return;
        }
        let error = if self.entries.len() < room { 0 } else { self.take_smallest() };
        self.entries.insert(key.into(), Count { most: error + amount, error });
    }

    fn take_smallest(&mut self) -> u64 {
        let smallest = self.entries.iter().min_by_key(|(_, count)| count.most);
        let Some((key, count)) = smallest.map(|(key, count)| (key.clone(), *count)) else { return 0 };
        self.entries.remove(&key);
        count.most
    }

    /// A lower bound of each key's sum.
    fn certain(&self) -> Vec<(Box<[u8]>, u64)> {
        let certain = self.entries.iter().map(|(key, count)| (key.clone(), count.most - count.error));
        certain.filter(|(_, amount)| *amount > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(stream: impl IntoIterator<Item = u32>, room: usize) -> Vec<(u32, u64)> {
        let mut table = Table::default();
        stream.into_iter().for_each(|key| table.add(&key.to_be_bytes(), 1, room));
        let number = |key: Box<[u8]>| u32::from_be_bytes((*key).try_into().expect("four bytes"));
        let mut counts: Vec<_> = table.certain().into_iter().map(|(key, n)| (number(key), n)).collect();
        counts.sort_unstable_by_key(|&(key, n)| (std::cmp::Reverse(n), key));
        counts
    }

    #[test]
    fn counts_are_exact_while_there_is_room() {
        assert_eq!(counted([1, 2, 1, 3, 1, 2], 3), [(1, 3), (2, 2), (3, 1)]);
    }

    /// A key with more than the sum divided by the room is never lost, and no count is larger than
    /// it was.
    #[test]
    fn frequent_keys_stay_however_many_rare_ones_pass() {
        let stream = (0..100_000_u32).map(|i| if i % 10 < 3 { i % 10 } else { 1000 + i });
        let counts = counted(stream, 32);
        assert_eq!(counts[..3].iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(counts[..3].iter().all(|(_, n)| (8_000..=10_000).contains(n)), "{counts:?}");
        assert!(counts[3..].iter().all(|(_, n)| *n <= 1), "{counts:?}");
    }

    #[test]
    fn a_session_stops_after_its_time() {
        let hot = HotKeys::default();
        let options = HotKeyOptions {
            cpu: true,
            net: false,
            count: 1,
            sample_ratio: 1,
            duration: Some(Duration::from_nanos(1)),
        };
        assert_eq!(hot.start(options), Ok(()));
        while hot.is_active() {
            assert!(hot.get().is_some());
        }
        assert!(!hot.stop(), "it has stopped by itself");
        assert!(hot.get().is_some_and(|(_, active)| !active), "results stay");
        assert_eq!(hot.reset(), Ok(()));
        assert!(hot.get().is_none());
    }
}
