//! What the bytes in use are for, as `INFO` and `MEMORY` show it.

use super::Server;

/// What the bytes in use are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUses {
    /// All of them.
    pub used: u64,
    /// Those that were in use before there were data.
    pub startup: u64,
    /// Buffers of clients.
    pub clients: u64,
    /// What waits to be written to the log.
    pub log_buffer: u64,
}

impl MemoryUses {
    /// Now, when `used` bytes are in use.
    pub fn of(server: &Server, used: u64) -> Self {
        let clients = server.clients.list();
        Self {
            used,
            startup: server.startup_bytes,
            clients: clients.iter().map(|client| client.buffer_bytes() as u64).sum(),
            log_buffer: server.keyspace.journal().buffered_bytes() as u64,
        }
    }

    /// What is not data.
    pub fn overhead(&self) -> u64 {
        self.startup + self.clients + self.log_buffer
    }

    /// All else counts as data, the index of keys included.
    pub fn data(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// The data's share of what came since the start.
    pub fn share_of_data(&self) -> f64 {
        ratio(self.data(), self.since_start())
    }

    /// What came since the start.
    pub fn since_start(&self) -> u64 {
        self.used.saturating_sub(self.startup)
    }
}

/// How often `part` holds `whole`; 0 of nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
