//! Section Clients: the connected clients, and what they wait for.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::row::Rows;
use crate::commands::Server;
use crate::commands::client::ClientInfo;
use crate::config::Compat;

pub(super) fn clients(server: &Server, rows: &mut Rows) {
    let clients = server.clients.list();
    let most = |bytes: fn(&ClientInfo) -> &AtomicUsize| {
        clients.iter().map(|client| bytes(client).load(Ordering::Relaxed)).max().unwrap_or(0)
    };
    rows.field("connected_clients", clients.len());
    rows.zeros(&["cluster_connections"]);
    rows.field("maxclients", server.config.settings().maxclients);
    rows.field("client_recent_max_input_buffer", most(|client| &client.query_buffer));
    rows.field("client_recent_max_output_buffer", most(|client| &client.output_buffer));
    let held = clients.iter().filter(|client| client.is_held.load(Ordering::Relaxed)).count();
    rows.field("blocked_clients", held);
    rows.field("tracking_clients", server.tracking.clients());
    rows.field("pubsub_clients", clients.iter().filter(|client| client.is_subscribed()).count());
    let watching = clients.iter().filter(|client| client.watch.load(Ordering::Relaxed) > 0).count();
    rows.field("watching_clients", watching);
    rows.zeros(&["clients_in_timeout_table"]);
    if server.compat >= Compat::V8_10 {
        rows.field("active_clients", clients.iter().filter(|client| client.is_active()).count());
    }
    rows.field("total_watched_keys", server.keyspace.watched_keys());
    rows.zeros(&["total_blocking_keys", "total_blocking_keys_on_nokey"]);
}
