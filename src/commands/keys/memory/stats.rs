//! `MEMORY STATS`: the bytes in use, by purpose.

use super::SUBCOMMAND;
use crate::commands::memory_uses::{self, MemoryUses};
use crate::commands::{Context, Run, Server, Spec};
use crate::keyspace::Census;
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
    let parts =
        [figures.uses(), figures.tables(), figures.data(), figures.allocator(), tracked(figures.uses)];
    let named = |(name, value): (String, Reply)| (Reply::bulk(name), value);
    Ok(Reply::Map(parts.into_iter().flatten().map(named).collect()))
}

type Fields = Vec<(String, Reply)>;

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
    /// The databases that have keys, by number.
    tables: Vec<(usize, Census)>,
    resident: u64,
    allocator: memory::Allocator,
}

impl Figures {
    fn of(server: &Server) -> Self {
        let all = server.keyspace.databases().iter().map(|db| db.direct().census()).enumerate();
        let tables: Vec<_> = all.filter(|(_, census)| census.keys > 0).collect();
        Self {
            uses: MemoryUses::of(server, memory::used_bytes()),
            peak: memory::peak_bytes(),
            keys: tables.iter().map(|(_, census)| census.keys as u64).sum(),
            tables,
            resident: system::resident_bytes().unwrap_or(0),
            allocator: memory::allocator(),
        }
    }

    fn uses(&self) -> Fields {
        let mut fields = named([
            ("peak.allocated", bytes(self.peak)),
            ("total.allocated", bytes(self.uses.used)),
            ("startup.allocated", bytes(self.uses.startup)),
            ("clients.slaves", bytes(0)),
            ("clients.normal", bytes(self.uses.clients)),
            ("aof.buffer", bytes(self.uses.log_buffer)),
        ]);
        fields.extend(named(NOTHING.map(|name| (name, bytes(0)))));
        fields
    }

    /// What finding keys, and those that expire, takes in each database.
    fn tables(&self) -> Fields {
        let table = |(number, census): &(usize, Census)| {
            let main = ("overhead.hashtable.main", census.table_bytes);
            let expires = ("overhead.hashtable.expires", census.deadline_bytes);
            let pair = |(name, count)| (Reply::bulk(name), Reply::count(count));
            (format!("db.{number}"), Reply::Map([main, expires].map(pair).into()))
        };
        let all: usize =
            self.tables.iter().map(|(_, census)| census.table_bytes + census.deadline_bytes).sum();
        let sums = [("overhead.db.hashtable.lut", all), ("overhead.db.hashtable.rehashing", 0)];
        let sums = named(sums.map(|(name, count)| (name, Reply::count(count))));
        self.tables.iter().map(table).chain(sums).collect()
    }

    fn data(&self) -> Fields {
        let uses = self.uses;
        let since_start = self.uses.since_start();
        named([
            ("overhead.total", bytes(uses.overhead())),
            ("db.dict.rehashing.count", bytes(0)),
            ("keys.count", bytes(self.keys)),
            ("keys.bytes-per-key", bytes(since_start.checked_div(self.keys).unwrap_or(0))),
            ("dataset.bytes", bytes(uses.data())),
            ("dataset.percentage", Reply::Double(uses.share_of_data() * 100.0)),
            ("peak.percentage", percentage(uses.used, self.peak)),
        ])
    }

    fn allocator(&self) -> Fields {
        let memory::Allocator { allocated, active, resident, .. } = self.allocator;
        named([
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
        ])
    }
}

/// Our own fields, behind those of Redis: bytes by category, and what is in none.
fn tracked(uses: MemoryUses) -> Fields {
    let held =
        |category: Category| (format!("tracked.{}", category.name()), bytes(memory::held_bytes(category)));
    let unattributed = ("untracked".to_owned(), bytes(uses.unattributed));
    Category::ALL.into_iter().map(held).chain([unattributed]).collect()
}

fn named<const N: usize>(fields: [(&str, Reply); N]) -> Fields {
    fields.map(|(name, value)| (name.to_owned(), value)).into()
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
