//! `MEMORY STATS`: the bytes in use, by purpose.

use super::SUBCOMMAND;
use crate::commands::memory_uses::{self, MemoryUses};
use crate::commands::{Context, Run, Server, Spec};
use crate::keyspace::Database;
use crate::memory::{self, Category};
use crate::resp::{Args, Error, Reply};
use crate::system;

pub(super) const SPEC: Spec = Spec {
    name: "memory|stats",
    summary: "Bytes in use, by purpose",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Read(stats),
    ..SUBCOMMAND
};

fn stats(_: Args, cx: &mut Context) -> Result<Reply, Error> {
    let figures = Figures::of(cx.server);
    let fields = [figures.uses(), figures.data(), figures.allocator(), tracked()].concat();
    Ok(Reply::Map(fields.into_iter().map(|(name, value)| (Reply::bulk(name), value)).collect()))
}

type Fields = Vec<(&'static str, Reply)>;

/// Fields of features that this server lacks: their bytes are 0.
const NOTHING: [&str; 6] = [
    "replication.backlog",
    "replica.fullsync.buffer",
    "cluster.links",
    "lua.caches",
    "functions.caches",
    "script.VMs",
];

struct Figures {
    uses: MemoryUses,
    peak: u64,
    keys: u64,
    resident: u64,
    allocator: memory::Allocator,
}

impl Figures {
    fn of(server: &Server) -> Self {
        let keys = |db: &Database| db.census().keys as u64;
        Self {
            uses: MemoryUses::of(server, memory::used_bytes()),
            peak: memory::peak_bytes(),
            keys: server.keyspace.databases().iter().map(keys).sum(),
            resident: system::resident_bytes().unwrap_or(0),
            allocator: memory::allocator(),
        }
    }

    fn uses(&self) -> Fields {
        let mut fields = vec![
            ("peak.allocated", bytes(self.peak)),
            ("total.allocated", bytes(self.uses.used)),
            ("startup.allocated", bytes(self.uses.startup)),
            ("clients.slaves", bytes(0)),
            ("clients.normal", bytes(self.uses.clients)),
            ("aof.buffer", bytes(self.uses.log_buffer)),
        ];
        fields.extend(NOTHING.map(|name| (name, bytes(0))));
        fields
    }

    fn data(&self) -> Fields {
        let uses = self.uses;
        let since_start = self.uses.since_start();
        vec![
            ("overhead.total", bytes(uses.overhead())),
            ("keys.count", bytes(self.keys)),
            ("keys.bytes-per-key", bytes(since_start.checked_div(self.keys).unwrap_or(0))),
            ("dataset.bytes", bytes(uses.data())),
            ("dataset.percentage", Reply::Double(uses.share_of_data() * 100.0)),
            ("peak.percentage", percentage(uses.used, self.peak)),
        ]
    }

    fn allocator(&self) -> Fields {
        let memory::Allocator { allocated, active, resident, .. } = self.allocator;
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
            ("fragmentation", ratio(self.resident, self.uses.used)),
            ("fragmentation.bytes", excess(self.resident, self.uses.used)),
        ]
    }
}

/// Our own fields, behind those of Redis.
fn tracked() -> Fields {
    Category::ALL.map(|category| (tracked_name(category), bytes(memory::held_bytes(category)))).into()
}

fn tracked_name(category: Category) -> &'static str {
    match category {
        Category::Vectors => "tracked.vectors",
        Category::Graph => "tracked.graph",
        Category::Names => "tracked.names",
        Category::Attributes => "tracked.attributes",
        Category::Retired => "tracked.retired",
        Category::Expiry => "tracked.expiry",
        Category::Keys => "tracked.keys",
        Category::Strings => "tracked.strings",
        Category::Hashes => "tracked.hashes",
        Category::Clients => "tracked.clients",
        Category::Log => "tracked.log",
        Category::Snapshot => "tracked.snapshot",
        Category::SearchMarks => "tracked.search-marks",
        Category::Training => "tracked.training",
        Category::Mappings => "tracked.mappings",
        Category::Reusable => "tracked.reusable",
    }
}

fn bytes(count: u64) -> Reply {
    Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn excess(of: u64, over: u64) -> Reply {
    Reply::Integer(of as i64 - over as i64)
}

fn ratio(part: u64, whole: u64) -> Reply {
    Reply::Double(memory_uses::ratio(part, whole))
}

fn percentage(part: u64, whole: u64) -> Reply {
    Reply::Double(memory_uses::ratio(part, whole) * 100.0)
}
