//! `MEMORY PURGE`, `MEMORY MALLOC-STATS`: returns free pages of the allocator to the system, and
//! shows its statistics.

use std::time::{Duration, Instant};

use super::{SUBCOMMAND, report};
use crate::commands::{Run, Server, Spec};
use crate::memory;
use crate::resp::{Error, Reply};

/// Time that a command spends on compacting vector sets at most.
const COMPACTION: Duration = Duration::from_millis(100);

pub(super) const PURGE: Spec = Spec {
    name: "memory|purge",
    complexity: "Grows with the memory that is allocated",
    summary: "Give memory back to the system that jemalloc keeps, and that removed elements took",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    run: Run::Read(|_, cx| purge(cx.server)),
    ..SUBCOMMAND
};

pub(super) const MALLOC_STATS: Spec = Spec {
    name: "memory|malloc-stats",
    complexity: "Grows with the memory that is allocated",
    summary: "Report of jemalloc on itself",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Run::Read(|_, _| Ok(malloc_stats())),
    ..SUBCOMMAND
};

/// Vector sets that have become small are compacted first, for as long as a command may take; the
/// rest is left to the background.
fn purge(server: &Server) -> Result<Reply, Error> {
    server.keyspace.compact(Instant::now() + COMPACTION);
    if memory::purge() { Ok(Reply::OK) } else { Err(Error::new("ERR Error purging dirty pages")) }
}

fn malloc_stats() -> Reply {
    memory::allocator_report().map_or(Reply::bulk("Stats not supported for the current allocator"), report)
}
