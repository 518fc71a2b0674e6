//! What each section says.

use super::memory::{self as figures, ratio};
use super::text::{Text, human};
use super::{REDIS_VERSION, process};
use crate::commands::registry::{self, Command};
use crate::commands::{Server, Traffic};
use crate::counters::Counter;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn server(server: &Server, out: &mut Text) {
    let uptime = server.started.elapsed().as_secs();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    out.field("redis_version", REDIS_VERSION);
    out.field("nearhit_version", env!("CARGO_PKG_VERSION"));
    out.field("redis_mode", "standalone");
    out.field("os", process::system());
    out.field("arch_bits", usize::BITS);
    out.field("process_id", std::process::id());
    out.field("run_id", &server.run_id);
    out.field("tcp_port", server.tcp_port.load(Ordering::Relaxed));
    out.field("server_time_usec", now.as_micros());
    out.field("uptime_in_seconds", uptime);
    out.field("uptime_in_days", uptime / 86_400);
    let settings = server.config.settings();
    out.field("io_threads", settings.network_threads());
    out.field("compute_threads", settings.heavy_threads());
}

pub(super) fn clients(server: &Server, out: &mut Text) {
    out.field("connected_clients", server.clients.len());
    out.field("maxclients", server.config.settings().maxclients);
    out.field("blocked_clients", 0);
}

pub(super) fn memory(_: &Server, out: &mut Text) {
    let (used, resident, peak) = (figures::used_bytes(), figures::resident_bytes(), figures::peak_bytes());
    let allocator = figures::allocator();
    out.size("used_memory", used);
    out.size("used_memory_rss", resident);
    out.size("used_memory_peak", peak);
    out.field("used_memory_peak_perc", format_args!("{:.2}%", ratio(used, peak) * 100.0));
    out.field("allocator_allocated", allocator.allocated);
    out.field("allocator_active", allocator.active);
    out.field("allocator_resident", allocator.resident);
    out.size("total_system_memory", figures::system_bytes());
    out.field("maxmemory", 0);
    out.field("maxmemory_human", human(0));
    out.field("maxmemory_policy", "noeviction");
    out.field("allocator_frag_ratio", format_args!("{:.2}", ratio(allocator.active, allocator.allocated)));
    out.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(resident, used)));
    out.field("mem_fragmentation_bytes", resident as i64 - used as i64);
    out.field("mem_allocator", figures::ALLOCATOR);
}

pub(super) fn persistence(server: &Server, out: &mut Text) {
    out.field("loading", 0);
    out.field("rdb_changes_since_last_save", server.journal.changes());
    out.field("rdb_bgsave_in_progress", 0);
    out.field("aof_enabled", 0);
    out.field("aof_rewrite_in_progress", 0);
}

pub(super) fn stats(server: &Server, out: &mut Text) {
    let sum = |counter: fn(&Traffic) -> &Counter| -> u64 {
        server.traffic.iter().map(|traffic| counter(traffic).get()).sum()
    };
    let (hits, misses) = server.keyspace.hits_and_misses();
    out.field("total_connections_received", sum(|traffic| &traffic.connections_received));
    out.field("total_commands_processed", server.statistics.commands_processed());
    out.field("instantaneous_ops_per_sec", server.ops_per_second.load(Ordering::Relaxed));
    out.field("total_net_input_bytes", sum(|traffic| &traffic.net_input_bytes));
    out.field("total_net_output_bytes", sum(|traffic| &traffic.net_output_bytes));
    out.field("rejected_connections", sum(|traffic| &traffic.rejected_connections));
    out.field("expired_keys", server.keyspace.expired_keys());
    out.field("evicted_keys", 0);
    out.field("keyspace_hits", hits);
    out.field("keyspace_misses", misses);
    out.field("total_error_replies", server.statistics.error_replies());
    out.field("total_reads_processed", sum(|traffic| &traffic.reads_processed));
    out.field("total_writes_processed", sum(|traffic| &traffic.writes_processed));
    out.field("client_query_buffer_limit_disconnections", sum(|traffic| &traffic.query_buffer_closed));
    out.field("client_output_buffer_limit_disconnections", sum(|traffic| &traffic.output_buffer_closed));
    out.field("commands_on_compute_pool", sum(|traffic| &traffic.commands_on_compute_pool));
    out.field("panics", server.statistics.panics());
}

pub(super) fn replication(server: &Server, out: &mut Text) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    out.field("master_replid", &server.run_id);
    out.field("master_repl_offset", 0);
}

pub(super) fn cpu(_: &Server, out: &mut Text) {
    let used = process::cpu_time();
    out.field("used_cpu_sys", format_args!("{:.6}", used.system.as_secs_f64()));
    out.field("used_cpu_user", format_args!("{:.6}", used.user.as_secs_f64()));
}

pub(super) fn modules(_: &Server, out: &mut Text) {
    out.field("module", "name=vectorset,ver=1,api=1,filters=0,usedby=[],using=[],options=[]");
}

pub(super) fn command_stats(server: &Server, out: &mut Text) {
    for command in registry::all() {
        command_line(server, command, out);
        command.subcommands().into_iter().for_each(|command| command_line(server, command, out));
    }
}

/// Commands that nobody has used are left out, as in Redis.
fn command_line(server: &Server, command: &Command, out: &mut Text) {
    let totals = server.statistics.of(command);
    if totals.calls + totals.rejected == 0 {
        return;
    }
    let each = if totals.calls == 0 { 0.0 } else { totals.usec as f64 / totals.calls as f64 };
    out.field(
        &format!("cmdstat_{}", command.spec.name),
        format_args!(
            "calls={},usec={},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
            totals.calls, totals.usec, totals.rejected, totals.failed
        ),
    );
}

pub(super) fn error_stats(server: &Server, out: &mut Text) {
    for (code, count) in server.statistics.errors() {
        out.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn cluster(_: &Server, out: &mut Text) {
    out.field("cluster_enabled", 0);
}

pub(super) fn keyspace(server: &Server, out: &mut Text) {
    for (number, db) in server.keyspace.databases().iter().enumerate() {
        let census = db.census();
        if census.keys > 0 {
            out.field(
                &format!("db{number}"),
                format_args!(
                    "keys={},expires={},avg_ttl={},subexpiry=0",
                    census.keys, census.expires, census.mean_ttl_ms
                ),
            );
        }
    }
}
