//! The subscribers of each channel, by the channel's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use ahash::RandomState;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{MANY_RECEIVERS, Subscribers};
use crate::commands::client::ClientInfo;

/// Shards, each with a lock of its own. A power of two.
const SHARDS: usize = 64;
/// Counters of the filter: with fewer channels than this, most channels without subscribers are
/// known by it. A power of two.
const FILTER: usize = 4096;

/// Channels with subscribers.
pub(super) struct Channels {
    /// With random keys, so that no client can choose names that collide.
    hasher: RandomState,
    /// By a part of the hash: how many channels with subscribers have it. Written under the lock of
    /// the channel's shard only.
    filter: Box<[AtomicU32]>,
    shards: Box<[Shard]>,
    len: AtomicUsize,
    /// Channels with more than [`MANY_RECEIVERS`].
    wide: AtomicUsize,
}

/// On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<HashMap<Bytes, Subscribers, RandomState>>);

impl Default for Channels {
    fn default() -> Self {
        let hasher = RandomState::new();
        let shard = || Shard(Mutex::new(HashMap::with_hasher(hasher.clone())));
        Self {
            filter: (0..FILTER).map(|_| AtomicU32::new(0)).collect(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher,
            len: AtomicUsize::new(0),
            wide: AtomicUsize::new(0),
        }
    }
}

impl Channels {
    /// The filter's counter and the shard of a channel, by different bits of the hash.
    fn place(&self, name: &[u8]) -> (&AtomicU32, &Shard) {
        let hash = self.hasher.hash_one(name) as usize;
        (&self.filter[hash % FILTER], &self.shards[hash / FILTER % SHARDS])
    }

    /// False if the channel has no subscribers. Only reads memory that publishing never changes.
    pub(super) fn may_have(&self, name: &[u8]) -> bool {
        // Acquire, with the Release of `add`: a thread that runs after a subscription was confirmed
        // reads it here.
        self.place(name).0.load(Ordering::Acquire) > 0
    }

    /// False if no channel has subscribers.
    pub(super) fn may_have_any(&self) -> bool {
        self.len.load(Ordering::Acquire) > 0
    }

    /// Runs `send` with the subscribers of the channel, while no other message is sent to it.
    pub(super) fn with_subscribers<R>(&self, name: &[u8], send: impl FnOnce(Option<&Subscribers>) -> R) -> R {
        send(self.place(name).1.0.lock().get(name))
    }

    /// True if a message to the channel has many receivers.
    pub(super) fn has_many(&self, name: &[u8]) -> bool {
        self.wide.load(Ordering::Relaxed) > 0 && self.subscribers(name) > MANY_RECEIVERS
    }

    /// Adds a subscriber, which has not subscribed yet. Returns the name, which all of them share.
    pub(super) fn add(&self, name: &[u8], client: &Arc<ClientInfo>) -> Bytes {
        let (in_filter, shard) = self.place(name);
        let mut channels = shard.0.lock();
        let known = channels.get_key_value(name).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| Bytes::copy_from_slice(name));
        let len = match channels.get_mut(&name) {
            Some(subscribers) => {
                subscribers.insert(client.id, Arc::clone(client));
                subscribers.len()
            }
            None => {
                channels.insert(name.clone(), Subscribers::from([(client.id, Arc::clone(client))]));
                self.len.fetch_add(1, Ordering::Release);
                in_filter.fetch_add(1, Ordering::Release);
                1
            }
        };
        if len == MANY_RECEIVERS + 1 {
            self.wide.fetch_add(1, Ordering::Relaxed);
        }
        name
    }

    /// Removes a subscriber, which has subscribed.
    pub(super) fn remove(&self, name: &[u8], id: u64) {
        let (in_filter, shard) = self.place(name);
        let mut channels = shard.0.lock();
        let Some(subscribers) = channels.get_mut(name) else { return };
        let was_wide = subscribers.len() == MANY_RECEIVERS + 1;
        if subscribers.remove(&id).is_none() {
            return;
        }
        if was_wide {
            self.wide.fetch_sub(1, Ordering::Relaxed);
        }
        if subscribers.is_empty() {
            channels.remove(name);
            give_room_back(&mut channels);
            self.len.fetch_sub(1, Ordering::Relaxed);
            in_filter.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many clients have subscribed to the channel.
    pub(super) fn subscribers(&self, name: &[u8]) -> usize {
        self.with_subscribers(name, |subscribers| subscribers.map_or(0, Subscribers::len))
    }

    /// Visits all subscriptions; each shard is locked meanwhile.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&[u8], &Arc<ClientInfo>)) {
        for shard in &self.shards {
            for (name, subscribers) in shard.0.lock().iter() {
                subscribers.values().for_each(|client| visit(name, client));
            }
        }
    }

    /// How many channels have subscribers.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The names of the channels with subscribers that match a pattern, or of all.
    pub(super) fn names(&self, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let is_asked = |name: &&Bytes| pattern.is_none_or(|pattern| super::matches(pattern, name));
        let mut names = Vec::new();
        for shard in &self.shards {
            names.extend(shard.0.lock().keys().filter(is_asked).cloned());
        }
        names
    }
}

/// A shard that has become much emptier becomes smaller.
fn give_room_back(channels: &mut HashMap<Bytes, Subscribers, RandomState>) {
    if channels.capacity() > 64 && channels.len() < channels.capacity() / 8 {
        let room = 2 * channels.len();
        channels.shrink_to(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client::{Clients, Endpoints};

    fn clients(count: usize) -> Vec<Arc<ClientInfo>> {
        let clients = Clients::default();
        let connect = || clients.connect(Endpoints::default(), usize::MAX, false).expect("there is room");
        (0..count).map(|_| connect()).collect()
    }

    #[test]
    fn subscribers_share_the_name_of_their_channel() {
        let channels = Channels::default();
        let clients = clients(2);
        let names: Vec<_> = clients.iter().map(|client| channels.add(b"a", client)).collect();
        assert_eq!(names[0].as_ptr(), names[1].as_ptr());
        assert_eq!((channels.len(), channels.subscribers(b"a")), (1, 2));
    }

    #[test]
    fn what_nobody_subscribed_to_is_mostly_known_without_a_lock() {
        let channels = Channels::default();
        let client = &clients(1)[0];
        for number in 0..100 {
            channels.add(format!("c{number}").as_bytes(), client);
        }
        let may_have = |name: String| channels.may_have(name.as_bytes());
        assert!((0..100).all(|number| may_have(format!("c{number}"))));
        let unsure = (0..1000).filter(|number| may_have(format!("other{number}"))).count();
        assert!(unsure < 100, "{unsure} of 1000");
        for number in 0..100 {
            channels.remove(format!("c{number}").as_bytes(), client.id);
        }
        assert_eq!(channels.len(), 0);
        assert!(channels.filter.iter().all(|count| count.load(Ordering::Relaxed) == 0));
        assert!(channels.shards.iter().all(|shard| shard.0.lock().is_empty()));
    }

    #[test]
    fn channels_with_many_subscribers_are_known() {
        let channels = Channels::default();
        let clients = clients(MANY_RECEIVERS + 2);
        clients[1..].iter().for_each(|client| drop(channels.add(b"a", client)));
        assert!(channels.has_many(b"a") && !channels.has_many(b"b"));
        channels.add(b"a", &clients[0]);
        channels.remove(b"a", clients[0].id);
        channels.remove(b"a", clients[0].id);
        assert!(channels.has_many(b"a"));
        channels.remove(b"a", clients[1].id);
        assert!(!channels.has_many(b"a"));
        assert_eq!(channels.wide.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn names_are_chosen_by_a_pattern() {
        let channels = Channels::default();
        let client = &clients(1)[0];
        ["news.a", "news.b", "x"].into_iter().for_each(|name| drop(channels.add(name.as_bytes(), client)));
        let mut names = channels.names(Some(b"news.*"));
        names.sort_unstable();
        assert_eq!(names, ["news.a", "news.b"]);
        assert_eq!(channels.names(None).len(), 3);
    }

    #[test]
    fn a_shard_gives_room_back() {
        let mut shard = HashMap::with_hasher(RandomState::new());
        shard.extend((0..10_000).map(|number| (Bytes::from(number.to_string()), Subscribers::new())));
        let before = shard.capacity();
        shard.retain(|name, _| name == "7");
        give_room_back(&mut shard);
        assert!(shard.capacity() < before / 8 && shard.contains_key(&b"7"[..]));
    }
}
