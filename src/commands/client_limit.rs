//! `maxmemory-clients`: clients are disconnected while all of them together take too much memory.
//!
//! What counts is `tot-mem` of `CLIENT LIST`, as in Redis: buffers, transactions, subscriptions,
//! and output that is pushed, for each client that it waits for. Clients with `CLIENT NO-EVICT`
//! count too, and stay.
//!
//! The cron looks ten times a second, and a connection that has grown looks too, so that no client
//! can take much more than the limit in between.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::ClientInfo;
use super::context::Server;
use crate::memory::{self, Category};

/// Growth of a connection after which it looks whether all are above the limit.
pub const GROWTH: usize = 64 * 1024;
/// Least time between two looks at all clients for this reason.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// When connections that grew last made the server look at all clients.
#[derive(Default)]
pub struct ClientLimit(Mutex<Option<Instant>>);

impl ClientLimit {
    /// True if it is time to look again. Never waits.
    fn is_due(&self, now: Instant) -> bool {
        let Some(mut last) = self.0.try_lock() else { return false };
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN_LOOKS);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl Server {
    /// As [`limit_clients`](Self::limit_clients), for a connection that has grown by [`GROWTH`].
    pub fn limit_clients_soon(&self) {
        let Some(limit) = self.client_memory_limit() else { return };
        if memory::held_bytes(Category::Clients) > limit && self.client_limit.is_due(Instant::now()) {
            self.limit_clients();
        }
    }

    /// Disconnects clients until the others take no more than `maxmemory-clients`, those that take
    /// most first.
    pub fn limit_clients(&self) {
        let Some(limit) = self.client_memory_limit() else { return };
        let clients: Vec<(Arc<ClientInfo>, u64)> = (self.clients.list().into_iter())
            .filter(|info| !info.is_killed())
            .map(|info| (Arc::clone(&info), info.memory_bytes() as u64))
            .collect();
        for info in to_evict(clients, limit) {
            tracing::warn!(
                client = info.id,
                bytes = info.memory_bytes(),
                "disconnected: all clients take more than maxmemory-clients"
            );
            info.evict();
            self.traffic.mine().evicted_clients.add(1);
        }
    }

    fn client_memory_limit(&self) -> Option<u64> {
        self.config.settings().maxmemory_clients.limit(self.memory.bytes())
    }
}

/// Those of the clients, with what they take, that have to go.
fn to_evict(mut clients: Vec<(Arc<ClientInfo>, u64)>, limit: u64) -> Vec<Arc<ClientInfo>> {
    let mut total: u64 = clients.iter().map(|(_, bytes)| bytes).sum();
    if total <= limit {
        return Vec::new();
    }
    clients.retain(|(info, _)| !info.no_evict.load(Ordering::Relaxed));
    clients.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let mut evicted = Vec::new();
    for (info, bytes) in clients {
        if total <= limit {
            break;
        }
        total -= bytes;
        evicted.push(info);
    }
    evicted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client::Endpoints;

    #[test]
    fn those_that_take_most_go_until_the_rest_fits() {
        let clients = crate::commands::client::Clients::default();
        let sizes = [10, 50, 30, 40];
        let all: Vec<_> = sizes
            .iter()
            .map(|bytes| (clients.connect(Endpoints::default(), 9, false).expect("there is room"), *bytes))
            .collect();
        let ids = |limit| to_evict(all.clone(), limit).iter().map(|info| info.id).collect::<Vec<_>>();
        assert_eq!((ids(130), ids(129), ids(80), ids(79)), (vec![], vec![2], vec![2], vec![2, 4]));
        all[1].0.no_evict.store(true, Ordering::Relaxed);
        assert_eq!((ids(129), ids(90)), (vec![4], vec![4]));
        assert_eq!(ids(0), [4, 3, 1], "one that may stay counts, and stays");
    }

    #[test]
    fn looks_of_connections_that_grow_are_rare() {
        let limit = ClientLimit::default();
        let now = Instant::now();
        assert_eq!(
            [0, 4, 5, 6].map(|ms| limit.is_due(now + Duration::from_millis(ms))),
            [true, false, true, false]
        );
    }
}
