//! The uses of memory, as `INFO` and `MEMORY` show them.

use super::Server;
use crate::memory::{Category, held_bytes};

/// Bytes in use, by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUses {
    /// All bytes in use.
    pub used: u64,
    /// Bytes that were in use before there were data.
    pub startup: u64,
    /// Buffers of clients.
    pub clients: u64,
    /// Changes that wait to be written to the log.
    pub log_buffer: u64,
    /// What finding keys, and those that expire, takes.
    pub tables: u64,
    /// Bytes that no category explains: what the allocator was asked for and is not counted.
    pub unattributed: u64,
}

/// Bytes that the categories explain.
pub fn attributed_bytes() -> u64 {
    Category::ALL.into_iter().filter(|category| !category.is_overlay()).map(held_bytes).sum()
}

impl MemoryUses {
    /// Now, when `used` bytes are in use.
    pub fn of(server: &Server, used: u64) -> Self {
        let clients = server.clients.list();
        let explained = attributed_bytes() + server.startup_bytes;
        Self {
            used,
            startup: server.startup_bytes,
            clients: clients.iter().map(|client| client.buffer_bytes() as u64).sum(),
            log_buffer: server.keyspace.journal().buffered_bytes() as u64,
            tables: held_bytes(Category::Keys) + held_bytes(Category::Expiry),
            unattributed: used.saturating_sub(explained),
        }
    }

    /// Bytes that are not data.
    pub fn overhead(&self) -> u64 {
        self.startup + self.clients + self.log_buffer + self.tables
    }

    /// All other bytes.
    pub fn data(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// The data's share of the growth since the start.
    pub fn share_of_data(&self) -> f64 {
        ratio(self.data(), self.since_start())
    }

    /// The growth since the start.
    pub fn since_start(&self) -> u64 {
        self.used.saturating_sub(self.startup)
    }
}

/// `part` divided by `whole`; 0 if `whole` is 0.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
