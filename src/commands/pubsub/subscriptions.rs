//! What one client has subscribed to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Kind, MANY_RECEIVERS, PubSub};
use crate::commands::client::ClientInfo;
use crate::resp::Error;

/// Bytes counted for a subscription, besides its name: its places here and in the table of all.
const SUBSCRIPTION_BYTES: usize = 320;

/// The subscriptions of one client, until UNSUBSCRIBE and its like, RESET, or until it disconnects.
pub(in crate::commands) struct Subscriptions {
    all: Arc<PubSub>,
    info: Arc<ClientInfo>,
    names: [BTreeSet<Bytes>; 3],
    bytes: usize,
}

impl Subscriptions {
    /// None yet.
    pub(super) fn new(all: &Arc<PubSub>, info: &Arc<ClientInfo>) -> Self {
        Self { all: Arc::clone(all), info: Arc::clone(info), names: Default::default(), bytes: 0 }
    }

    /// An error if the subscriptions would exceed their limit with these.
    pub(super) fn check_room<'n>(
        &self,
        names: impl Iterator<Item = &'n [u8]>,
        max_bytes: u64,
    ) -> Result<(), Error> {
        let more: usize = names.map(|name| SUBSCRIPTION_BYTES + name.len()).sum();
        if (self.bytes + more) as u64 > max_bytes {
            return Err(Error::new("ERR too many subscriptions: they exceed client-query-buffer-limit"));
        }
        Ok(())
    }

    /// Subscribes, unless the client has already.
    pub(super) fn add(&mut self, kind: Kind, name: &[u8]) {
        let names = &mut self.names[kind as usize];
        if !names.contains(name) {
            // Counted first: the class of the client decides how much may wait for it.
            self.info.subscriptions[kind as usize].store(names.len() + 1, Ordering::Relaxed);
            names.insert(self.all.add(kind, name, &self.info));
            self.show(self.bytes + SUBSCRIPTION_BYTES + name.len());
        }
    }

    /// Ends a subscription, if the client has it. No message to it is queued after this.
    pub(super) fn remove(&mut self, kind: Kind, name: &[u8]) {
        let names = &mut self.names[kind as usize];
        if names.remove(name) {
            self.info.subscriptions[kind as usize].store(names.len(), Ordering::Relaxed);
            self.all.remove(kind, name, &self.info);
            self.show(self.bytes - SUBSCRIPTION_BYTES - name.len());
        }
    }

    /// The names of a kind.
    pub(super) fn names(&self, kind: Kind) -> Vec<Bytes> {
        self.names[kind as usize].iter().cloned().collect()
    }

    /// How many there are of a kind.
    pub(super) fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// The number in confirmations: channels and patterns are counted together, shard channels for
    /// themselves.
    pub(super) fn shown_count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.len(Kind::Shard),
            Kind::Channel | Kind::Pattern => self.len(Kind::Channel) + self.len(Kind::Pattern),
        }
    }

    /// True if it takes long to end them.
    pub(in crate::commands) fn are_many(&self) -> bool {
        self.names.iter().map(BTreeSet::len).sum::<usize>() > MANY_RECEIVERS
    }

    /// True if there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    fn show(&mut self, bytes: usize) {
        self.bytes = bytes;
        self.info.subscription_bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in &self.names[kind as usize] {
                self.all.remove(kind, name, &self.info);
            }
            self.info.subscriptions[kind as usize].store(0, Ordering::Relaxed);
        }
        self.show(0);
    }
}
