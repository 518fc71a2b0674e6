//! The keys that one client watches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::commands::client::ClientInfo;
use crate::keyspace::{Keyspace, Watch};
use crate::resp::Error;

/// Limit of the keys that one client watches.
const MAX_KEYS: usize = 1 << 20;

/// The keys of `WATCH`, until EXEC, DISCARD, UNWATCH, RESET, or until the client disconnects.
pub(in crate::commands) struct Watches {
    watches: Vec<Watch>,
    bytes: usize,
    info: Arc<ClientInfo>,
}

impl Watches {
    /// None.
    pub(in crate::commands) fn new(info: &Arc<ClientInfo>) -> Self {
        Self { watches: Vec::new(), bytes: 0, info: Arc::clone(info) }
    }

    /// Watches one more key; one that is watched already stays so.
    pub(super) fn add(
        &mut self,
        keyspace: &Keyspace,
        db: usize,
        key: &[u8],
        max_bytes: u64,
    ) -> Result<(), Error> {
        let bytes = self.bytes + size_of::<Watch>() + 2 * key.len();
        if self.watches.len() == MAX_KEYS || bytes as u64 > max_bytes {
            return Err(Error::new(
                "ERR too many watched keys: they exceed client-query-buffer-limit, or their number its bound",
            ));
        }
        if let Some(watch) = keyspace.watch(db, key, &self.info.touched) {
            self.watches.push(watch);
            self.bytes = bytes;
            self.info.watch.store(self.watches.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Removes all of them.
    pub(in crate::commands) fn clear(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        self.watches = Vec::new();
        self.bytes = 0;
        // No other thread refers to the flag any more.
        self.info.touched.store(false, Ordering::Release);
        self.info.watch.store(0, Ordering::Relaxed);
    }

    /// Database and key of each.
    pub(super) fn keys(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.watches.iter().map(|watch| (watch.db(), watch.key()))
    }

    /// True if EXEC will certainly fail.
    pub(super) fn are_touched(&self) -> bool {
        self.info.touched.load(Ordering::Acquire)
    }

    /// True if one of the keys has changed.
    pub(super) fn have_changed(&self, now_ms: i64) -> bool {
        self.are_touched() || self.watches.iter().any(|watch| watch.has_changed(now_ms))
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.clear();
    }
}
