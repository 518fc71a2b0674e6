//! Who is connected?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Shown;

/// Where a connection comes from and arrives.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The client's address.
    pub address: String,
    /// The server's.
    pub local_address: String,
    /// Connected through a Unix socket.
    pub is_unix: bool,
    /// Number of the socket, -1 without one.
    pub fd: i32,
}

/// All connected clients. Its lock is taken when one connects or leaves, and by `CLIENT LIST` and the like; never
/// by the commands in between.
#[derive(Default)]
pub struct Clients {
    next_id: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Shown>>>,
}

impl Clients {
    /// Registers a client, unless there are `max` already.
    pub fn connect(&self, endpoints: Endpoints, max: usize) -> Option<Arc<Shown>> {
        let mut connected = self.connected.lock();
        if connected.len() >= max {
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let shown = Arc::new(Shown::new(id, endpoints));
        connected.insert(id, Arc::clone(&shown));
        Some(shown)
    }

    /// Forgets a client.
    pub fn leave(&self, id: u64) {
        self.connected.lock().remove(&id);
    }

    /// All clients by id.
    pub fn list(&self) -> Vec<Arc<Shown>> {
        self.connected.lock().values().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.connected.lock().len()
    }

    /// True if nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_refuses_clients_beyond_the_limit_and_never_reuses_ids() {
        let clients = Clients::default();
        let first = clients.connect(Endpoints::default(), 1).expect("there is room for one");
        assert!(clients.connect(Endpoints::default(), 1).is_none());
        clients.leave(first.id);
        let second = clients.connect(Endpoints::default(), 1).expect("the first one left");
        assert!(second.id > first.id);
    }
}
