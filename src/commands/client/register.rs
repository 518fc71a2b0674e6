//! The register of connected clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::ClientInfo;

/// The two addresses of a connection.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The client's address.
    pub address: String,
    /// The server's.
    pub local_address: String,
    /// Connected through a Unix socket.
    pub is_unix: bool,
    /// Connected with TLS, so that a handshake comes first.
    pub is_tls: bool,
    /// Number of the socket, -1 without one.
    pub fd: i32,
}

/// How many clients may exceed the limit while those that they replace are still disconnecting.
const MAX_LEAVING: usize = 16;

/// All connected clients. The lock is taken when one connects or disconnects, and by `CLIENT LIST`
/// and the like; not by other commands.
#[derive(Default)]
pub struct Clients {
    next_id: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<ClientInfo>>>,
}

impl Clients {
    /// Registers a client, unless there are `max` already. With `needs_password`, the client
    /// replaces the oldest one that has never given the password, so that clients without the
    /// password cannot use up all places; and any client replaces one whose handshake of TLS is not
    /// complete.
    pub fn connect(&self, endpoints: Endpoints, max: usize, needs_password: bool) -> Option<Arc<ClientInfo>> {
        let mut connected = self.connected.lock();
        if connected.len() >= max {
            let has_place = connected.len() < max.saturating_add(MAX_LEAVING);
            has_place.then(|| oldest_replaceable(&connected, needs_password)).flatten()?.kill();
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let info = Arc::new(ClientInfo::new(id, endpoints));
        connected.insert(id, Arc::clone(&info));
        Some(info)
    }

    /// Removes a client.
    pub fn leave(&self, id: u64) {
        self.connected.lock().remove(&id);
    }

    /// All clients by id.
    pub fn list(&self) -> Vec<Arc<ClientInfo>> {
        self.connected.lock().values().cloned().collect()
    }

    /// The client with this id.
    pub fn get(&self, id: u64) -> Option<Arc<ClientInfo>> {
        self.connected.lock().get(&id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.connected.lock().len()
    }

    /// True if no client is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The oldest client that is in a handshake, or has never given the password that it needs, and is
/// not disconnecting already.
fn oldest_replaceable(
    connected: &BTreeMap<u64, Arc<ClientInfo>>,
    needs_password: bool,
) -> Option<&ClientInfo> {
    let is_replaceable = |info: &&ClientInfo| {
        let never_authenticated = || needs_password && !info.was_authenticated.load(Ordering::Relaxed);
        !info.is_killed() && (info.in_handshake.load(Ordering::Relaxed) || never_authenticated())
    };
    connected.values().map(Arc::as_ref).find(is_replaceable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_refuses_clients_beyond_the_limit_and_never_reuses_ids() {
        let clients = Clients::default();
        let first = clients.connect(Endpoints::default(), 1, false).expect("there is room for one");
        assert!(clients.connect(Endpoints::default(), 1, false).is_none());
        clients.leave(first.id);
        let second = clients.connect(Endpoints::default(), 1, false).expect("the first one left");
        assert!(second.id > first.id);
    }

    #[test]
    fn a_full_server_disconnects_a_client_in_a_handshake() {
        let clients = Clients::default();
        let connect = |is_tls| clients.connect(Endpoints { is_tls, ..Endpoints::default() }, 2, false);
        let [plain, first] = [false, true].map(|is_tls| connect(is_tls).expect("there is room"));
        let second = connect(true).expect("the first makes room");
        assert!(first.is_killed() && !plain.is_killed() && !second.is_killed());
        second.in_handshake.store(false, Ordering::Relaxed);
        assert!(connect(true).is_none(), "all others are served");
    }

    #[test]
    fn a_full_server_disconnects_the_oldest_unauthenticated_client() {
        let clients = Clients::default();
        let connect = |needs_password| clients.connect(Endpoints::default(), 3, needs_password);
        let connected = [(); 3].map(|()| connect(true).expect("there is room"));
        connected[0].was_authenticated.store(true, Ordering::Relaxed);
        assert!(connect(false).is_none(), "without a password all are alike");
        let fourth = connect(true).expect("the second makes room");
        let killed = || connected.iter().map(|info| info.is_killed()).collect::<Vec<_>>();
        assert_eq!(killed(), [false, true, false]);
        clients.leave(connected[1].id);
        fourth.was_authenticated.store(true, Ordering::Relaxed);
        assert!(connect(true).is_some());
        assert_eq!(killed(), [false, true, true]);
        assert!(
            connect(true).is_some_and(|fifth| !fifth.is_killed()),
            "the one before has not authenticated either"
        );
    }
}
