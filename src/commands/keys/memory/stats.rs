//! `MEMORY STATS`: what the bytes in use are for.

use super::{SUBCOMMAND, client_bytes};
use crate::commands::{Context, Run, Server, Spec};
use crate::info::memory;
use crate::keyspace::Database;
use crate::resp::{Args, Error, Reply};

pub(super) const SPEC: Spec = Spec {
    name: "memory|stats",
    summary: "Returns details about memory usage.",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Read(stats),
    ..SUBCOMMAND
};

fn stats(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let figures = Figures::of(cx.server);
    let fields = [figures.uses(), figures.data(), figures.allocator()].concat();
    Ok(Reply::Map(fields.into_iter().map(|(name, value)| (Reply::bulk(name), value)).collect()))
}

type Fields = Vec<(&'static str, Reply)>;

/// What this server has none of: its bytes are 0.
const NOTHING: [&str; 7] = [
    "replication.backlog",
    "replica.fullsync.buffer",
    "cluster.links",
    "aof.buffer",
    "lua.caches",
    "functions.caches",
    "script.VMs",
];

struct Figures {
    used: u64,
    peak: u64,
    startup: u64,
    clients: u64,
    keys: u64,
    resident: u64,
    allocator: memory::Allocator,
}

impl Figures {
    fn of(server: &Server) -> Self {
        let keys = |db: &Database| db.census().keys as u64;
        Self {
            used: memory::used_bytes(),
            peak: memory::peak_bytes(),
            startup: server.startup_bytes,
            clients: client_bytes(server),
            keys: server.keyspace.databases().iter().map(keys).sum(),
            resident: memory::resident_bytes(),
            allocator: memory::allocator(),
        }
    }

    fn uses(&self) -> Fields {
        let mut fields = vec![
            ("peak.allocated", bytes(self.peak)),
            ("total.allocated", bytes(self.used)),
            ("startup.allocated", bytes(self.startup)),
            ("clients.slaves", bytes(0)),
            ("clients.normal", bytes(self.clients)),
        ];
        fields.extend(NOTHING.map(|name| (name, bytes(0))));
        fields
    }

    /// Whatever is neither there from the start nor in the buffers of clients counts as data, the index of keys included.
    fn data(&self) -> Fields {
        let overhead = self.startup + self.clients;
        let data = self.used.saturating_sub(overhead);
        let since_start = self.used.saturating_sub(self.startup);
        vec![
            ("overhead.total", bytes(overhead)),
            ("keys.count", bytes(self.keys)),
            ("keys.bytes-per-key", bytes(since_start.checked_div(self.keys).unwrap_or(0))),
            ("dataset.bytes", bytes(data)),
            ("dataset.percentage", percentage(data, since_start)),
            ("peak.percentage", percentage(self.used, self.peak)),
        ]
    }

    fn allocator(&self) -> Fields {
        let memory::Allocator { allocated, active, resident } = self.allocator;
        vec![
            ("allocator.allocated", bytes(allocated)),
            ("allocator.active", bytes(active)),
            ("allocator.resident", bytes(resident)),
            ("allocator-fragmentation.ratio", ratio(active, allocated)),
            ("allocator-fragmentation.bytes", excess(active, allocated)),
            ("allocator-rss.ratio", ratio(resident, active)),
            ("allocator-rss.bytes", excess(resident, active)),
            ("rss-overhead.ratio", ratio(self.resident, resident)),
            ("rss-overhead.bytes", excess(self.resident, resident)),
            ("fragmentation", ratio(self.resident, self.used)),
            ("fragmentation.bytes", excess(self.resident, self.used)),
        ]
    }
}

fn bytes(count: u64) -> Reply {
    Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn excess(of: u64, over: u64) -> Reply {
    Reply::Integer(of as i64 - over as i64)
}

fn ratio(part: u64, whole: u64) -> Reply {
    Reply::Double(memory::ratio(part, whole))
}

fn percentage(part: u64, whole: u64) -> Reply {
    Reply::Double(memory::ratio(part, whole) * 100.0)
}
