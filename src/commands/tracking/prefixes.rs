//! The clients of BCAST, by the prefixes of the keys that they track.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::commands::client::ClientInfo;

type ClientsById = BTreeMap<u64, Arc<ClientInfo>>;

/// A key that has changed, and whether the client whose command runs has done that.
type Changed = (Box<[u8]>, bool);

/// Prefixes with their clients.
#[derive(Default)]
pub(super) struct Prefixes {
    all: RwLock<All>,
    /// How many prefixes there are.
    len: AtomicUsize,
}

#[derive(Default)]
struct All {
    clients: BTreeMap<Bytes, ClientsById>,
    /// How many prefixes there are of each length: a key is looked up once for each.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a client, which does not have this prefix yet. Returns the prefix, which all clients
    /// share.
    pub(super) fn add(&self, prefix: &[u8], client: &Arc<ClientInfo>) -> Bytes {
        let mut all = self.all.write();
        let known = all.clients.get_key_value(prefix).map(|(known, _)| known.clone());
        let prefix = known.unwrap_or_else(|| Bytes::copy_from_slice(prefix));
        let clients = all.clients.entry(prefix.clone()).or_default();
        let is_first = clients.is_empty();
        clients.insert(client.id, Arc::clone(client));
        if is_first {
            *all.lengths.entry(prefix.len()).or_default() += 1;
            self.len.store(all.clients.len(), Ordering::Relaxed);
        }
        prefix
    }

    /// Removes a client from a prefix.
    pub(super) fn remove(&self, prefix: &Bytes, id: u64) {
        let mut all = self.all.write();
        let Some(clients) = all.clients.get_mut(prefix) else { return };
        clients.remove(&id);
        if !clients.is_empty() {
            return;
        }
        all.clients.remove(prefix);
        let of_length = all.lengths.entry(prefix.len()).or_default();
        *of_length -= 1;
        if *of_length == 0 {
            all.lengths.remove(&prefix.len());
        }
        self.len.store(all.clients.len(), Ordering::Relaxed);
    }

    /// The changed keys of each prefix, in order and each once, with the clients of the prefix. Of
    /// a key that was changed more than once, the last change counts.
    pub(super) fn matching(&self, changed: Vec<Changed>) -> Vec<(Vec<Changed>, Vec<Arc<ClientInfo>>)> {
        let changed: BTreeMap<Box<[u8]>, bool> = changed.into_iter().collect();
        let all = self.all.read();
        let mut found: BTreeMap<&Bytes, Vec<Changed>> = BTreeMap::new();
        for (key, is_own) in changed {
            let prefixes = all.lengths.range(..=key.len()).map(|(length, _)| &key[..*length]);
            for (prefix, _) in prefixes.filter_map(|prefix| all.clients.get_key_value(prefix)) {
                found.entry(prefix).or_default().push((key.clone(), is_own));
            }
        }
        let clients = |prefix: &Bytes| {
            all.clients.get(prefix).into_iter().flat_map(ClientsById::values).cloned().collect()
        };
        found.into_iter().map(|(prefix, keys)| (keys, clients(prefix))).collect()
    }
}
