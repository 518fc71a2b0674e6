//! `MEMORY PURGE`, `MEMORY MALLOC-STATS`: returns free pages of the allocator to the system, and
//! shows its statistics.

use super::{SUBCOMMAND, report};
use crate::commands::{Run, Spec};
use crate::memory;
use crate::resp::{Error, Reply};

pub(super) const PURGE: Spec = Spec {
    name: "memory|purge",
    complexity: "Grows with the memory that is allocated",
    summary: "Give memory that jemalloc keeps but does not use back to the system",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    run: Run::Read(|_, _| purge()),
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

fn purge() -> Result<Reply, Error> {
    if memory::purge() { Ok(Reply::OK) } else { Err(Error::new("ERR Error purging dirty pages")) }
}

fn malloc_stats() -> Reply {
    memory::allocator_report().map_or(Reply::bulk("Stats not supported for the current allocator"), report)
}
