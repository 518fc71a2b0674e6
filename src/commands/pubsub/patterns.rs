//! The subscribers of patterns.
//!
//! Every `PUBLISH` compares its channel with all patterns. Each thread does so in its own list of
//! them, so that publishers on many cores do not contend for one. All lists have the same patterns
//! at the same positions, since all are changed in the same way under the lock of `known`.
//!
//! Lock order: `known`, then one list at a time; or the subscribers of a pattern, after which no
//! other lock of this file is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Subscribers;
use crate::commands::client::ClientInfo;
use crate::counters::Sharded;

/// Patterns with subscribers.
pub(super) struct Patterns {
    /// Each pattern with its position in the lists.
    known: Mutex<HashMap<Bytes, (Arc<Pattern>, usize), RandomState>>,
    lists: Sharded<Mutex<Vec<Arc<Pattern>>>>,
    len: AtomicUsize,
    /// Subscribers of all patterns.
    subscriptions: AtomicUsize,
}

/// One pattern.
pub(super) struct Pattern {
    pub(super) text: Bytes,
    pub(super) subscribers: Mutex<Subscribers>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self {
            known: Mutex::new(HashMap::with_hasher(RandomState::new())),
            lists: Sharded::new(Mutex::default),
            len: AtomicUsize::new(0),
            subscriptions: AtomicUsize::new(0),
        }
    }
}

impl Patterns {
    /// The patterns that a channel's name matches.
    pub(super) fn matching(&self, channel: &[u8]) -> SmallVec<[Arc<Pattern>; 4]> {
        // Acquire, with the Release of `add`: a thread that runs after a subscription was confirmed
        // reads it here.
        if self.len.load(Ordering::Acquire) == 0 {
            return SmallVec::new();
        }
        let list = self.lists.mine().lock();
        list.iter().filter(|pattern| super::matches(&pattern.text, channel)).cloned().collect()
    }

    /// Adds a subscriber, which has not subscribed yet. Returns the pattern, which all of them
    /// share.
    pub(super) fn add(&self, text: &[u8], client: &Arc<ClientInfo>) -> Bytes {
        let mut known = self.known.lock();
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
        if let Some((pattern, _)) = known.get(text) {
            pattern.subscribers.lock().insert(client.id, Arc::clone(client));
            return pattern.text.clone();
        }
        let subscribers = Subscribers::from([(client.id, Arc::clone(client))]);
        let text = Bytes::copy_from_slice(text);
        let pattern = Arc::new(Pattern { text: text.clone(), subscribers: Mutex::new(subscribers) });
        self.lists.iter().for_each(|list| list.lock().push(Arc::clone(&pattern)));
        let position = known.len();
        known.insert(text.clone(), (pattern, position));
        self.len.store(known.len(), Ordering::Release);
        text
    }

    /// Removes a subscriber, which has subscribed.
    pub(super) fn remove(&self, text: &[u8], id: u64) {
        let mut known = self.known.lock();
        let Some((pattern, position)) = known.get(text) else { return };
        let position = *position;
        let is_last = {
            let mut subscribers = pattern.subscribers.lock();
            if subscribers.remove(&id).is_none() {
                return;
            }
            subscribers.is_empty()
        };
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
        if !is_last {
            return;
        }
        known.remove(text);
        let mut moved = None;
        for list in self.lists.iter() {
            let mut list = list.lock();
            list.swap_remove(position);
            moved = list.get(position).map(|pattern| pattern.text.clone());
        }
        if let Some((_, place)) = moved.and_then(|text| known.get_mut(&text)) {
            *place = position;
        }
        self.len.store(known.len(), Ordering::Release);
    }

    /// Visits all subscriptions.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&[u8], &Arc<ClientInfo>)) {
        for (text, (pattern, _)) in self.known.lock().iter() {
            pattern.subscribers.lock().values().for_each(|client| visit(text, client));
        }
    }

    /// How many patterns there are.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// How many subscribers they have together.
    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client::{Clients, Endpoints};

    fn matching(patterns: &Patterns, channel: &str) -> Vec<String> {
        let matching = patterns.matching(channel.as_bytes());
        let mut texts: Vec<_> =
            matching.iter().map(|pattern| String::from_utf8_lossy(&pattern.text).into_owned()).collect();
        texts.sort_unstable();
        texts
    }

    #[test]
    fn patterns_are_compared_until_their_last_subscriber_leaves() {
        let clients = Clients::default();
        let connect = || clients.connect(Endpoints::default(), usize::MAX, false).expect("there is room");
        let (one, other) = (connect(), connect());
        let patterns = Patterns::default();
        for text in ["a*", "b*", "*c"] {
            patterns.add(text.as_bytes(), &one);
        }
        patterns.add(b"a*", &other);
        assert_eq!((patterns.len(), patterns.subscriptions()), (3, 4));
        assert_eq!(matching(&patterns, "ac"), ["*c", "a*"]);
        patterns.remove(b"a*", one.id);
        patterns.remove(b"a*", one.id);
        assert_eq!(matching(&patterns, "ac"), ["*c", "a*"]);
        patterns.remove(b"a*", other.id);
        assert_eq!(matching(&patterns, "ac"), ["*c"]);
        // "*c" has moved to the place of "a*".
        patterns.remove(b"*c", one.id);
        assert_eq!((matching(&patterns, "ac"), matching(&patterns, "b")), (vec![], vec!["b*".to_owned()]));
        patterns.remove(b"b*", one.id);
        assert_eq!((patterns.len(), patterns.subscriptions()), (0, 0));
        assert!(patterns.lists.iter().all(|list| list.lock().is_empty()));
    }

    #[test]
    fn all_threads_compare_the_same_patterns() {
        let clients = Clients::default();
        let client = clients.connect(Endpoints::default(), 1, false).expect("there is room");
        let patterns = Patterns::default();
        patterns.add(b"a*", &client);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(matching(&patterns, "ab"), ["a*"]));
            }
        });
    }
}
