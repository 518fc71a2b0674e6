//! What each section says.

use super::calls;
use super::text::{Text, human};
use crate::commands::client::ClientInfo;
use crate::commands::memory_uses::{MemoryUses, ratio};
use crate::commands::{Server, Traffic};
use crate::config::Compat;
use crate::counters::Counter;
use crate::keyspace::Database;
use crate::persistence::aof::Figures;
use crate::persistence::loading::{Progress, Tally};
use crate::persistence::saving::Saver;
use crate::{memory as figures, system};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Redis keeps seconds in 24 bits.
const LRU_CLOCK_MASK: u64 = (1 << 24) - 1;

pub(super) fn server(server: &Server, out: &mut Text) {
    let uptime = server.started.elapsed().as_secs();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    out.field("redis_version", server.compat.redis_version());
    out.field("nearhit_version", env!("CARGO_PKG_VERSION"));
    out.field("redis_mode", "standalone");
    out.field("os", system::kernel());
    out.field("arch_bits", usize::BITS);
    out.field("multiplexing_api", system::MULTIPLEXING_API);
    out.field("process_id", std::process::id());
    out.field("run_id", &server.run_id);
    out.field("tcp_port", server.tcp_port.load(Ordering::Relaxed));
    out.field("server_time_usec", now.as_micros());
    out.field("uptime_in_seconds", uptime);
    out.field("uptime_in_days", uptime / 86_400);
    out.field("lru_clock", now.as_secs() & LRU_CLOCK_MASK);
    out.field("executable", system::executable());
    let settings = server.config.settings();
    out.field("io_threads_active", u8::from(settings.network_threads() > 1));
    out.field("io_threads", settings.network_threads());
    out.field("compute_threads", settings.heavy_threads());
}

pub(super) fn clients(server: &Server, out: &mut Text) {
    let clients = server.clients.list();
    let most = |bytes: fn(&ClientInfo) -> &AtomicUsize| {
        clients.iter().map(|client| bytes(client).load(Ordering::Relaxed)).max().unwrap_or(0)
    };
    out.field("connected_clients", clients.len());
    out.field("cluster_connections", 0);
    out.field("maxclients", server.config.settings().maxclients);
    out.field("client_recent_max_input_buffer", most(|client| &client.query_buffer));
    out.field("client_recent_max_output_buffer", most(|client| &client.output_buffer));
    let held = clients.iter().filter(|client| client.is_held.load(Ordering::Relaxed)).count();
    out.field("blocked_clients", held);
    out.field("tracking_clients", 0);
    out.field("pubsub_clients", 0);
    let watching = clients.iter().filter(|client| client.watch.load(Ordering::Relaxed) > 0).count();
    out.field("watching_clients", watching);
    out.field("clients_in_timeout_table", 0);
    if server.compat >= Compat::V8_10 {
        out.field("active_clients", clients.iter().filter(|client| client.is_active()).count());
    }
    out.field("total_watched_keys", server.keyspace.watched_keys());
    out.field("total_blocking_keys", 0);
    out.field("total_blocking_keys_on_nokey", 0);
}

pub(super) fn memory(server: &Server, out: &mut Text) {
    let (used, resident, peak) =
        (figures::used_bytes(), system::resident_bytes().unwrap_or(0), figures::peak_bytes());
    let allocator = figures::allocator();
    out.size("used_memory", used);
    out.size("used_memory_rss", resident);
    out.size("used_memory_peak", peak);
    out.field("used_memory_peak_time", figures::peak_unix_s());
    out.field("used_memory_peak_perc", format_args!("{:.2}%", ratio(used, peak) * 100.0));
    let uses = MemoryUses::of(server, used);
    out.field("used_memory_overhead", uses.overhead());
    out.field("used_memory_startup", uses.startup);
    out.field("used_memory_dataset", uses.data());
    out.field("used_memory_dataset_perc", format_args!("{:.2}%", uses.share_of_data() * 100.0));
    out.field("allocator_allocated", allocator.allocated);
    out.field("allocator_active", allocator.active);
    out.field("allocator_resident", allocator.resident);
    out.field("allocator_muzzy", allocator.muzzy);
    out.size("total_system_memory", system::machine_memory().unwrap_or(0));
    scripts(server, out);
    out.field("maxmemory", 0);
    out.field("maxmemory_human", human(0));
    out.field("maxmemory_policy", "noeviction");
    out.field("allocator_frag_ratio", format_args!("{:.2}", ratio(allocator.active, allocator.allocated)));
    out.field("allocator_frag_bytes", allocator.active.saturating_sub(allocator.allocated));
    out.field("allocator_rss_ratio", format_args!("{:.2}", ratio(allocator.resident, allocator.active)));
    out.field("allocator_rss_bytes", allocator.resident as i64 - allocator.active as i64);
    out.field("rss_overhead_ratio", format_args!("{:.2}", ratio(resident, allocator.resident)));
    out.field("rss_overhead_bytes", resident as i64 - allocator.resident as i64);
    out.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(resident, used)));
    out.field("mem_fragmentation_bytes", resident as i64 - used as i64);
    let clients = server.clients.list();
    let log_buffer = server.keyspace.journal().buffered_bytes();
    out.field("mem_not_counted_for_evict", log_buffer);
    zeros(&["mem_replication_backlog", "mem_total_replication_buffers", "mem_replica_full_sync_buffer"], out);
    out.field("mem_clients_slaves", 0);
    out.field("mem_clients_normal", clients.iter().map(|client| client.memory_bytes()).sum::<usize>());
    zeros(&CLUSTER_MEMORY, out);
    out.field("mem_aof_buffer", log_buffer);
    out.field("mem_allocator", figures::ALLOCATOR);
    out.field("active_defrag_running", 0);
    out.field("lazyfree_pending_objects", server.keyspace.reaper().pending());
    out.field("lazyfreed_objects", server.keyspace.reaper().freed());
}

/// Memory that only a cluster needs.
const CLUSTER_MEMORY: [&str; 4] = [
    "mem_cluster_slot_migration_output_buffer",
    "mem_cluster_slot_migration_input_buffer",
    "mem_cluster_slot_migration_input_buffer_peak",
    "mem_cluster_links",
];

/// There are no scripts and no functions, so they take nothing.
fn scripts(server: &Server, out: &mut Text) {
    zeros(&["used_memory_lua", "used_memory_vm_eval"], out);
    out.field("used_memory_lua_human", human(0));
    zeros(&["used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions"], out);
    zeros(&["number_of_libraries", "used_memory_vm_functions"], out);
    out.size("used_memory_vm_total", 0);
    out.field("used_memory_functions", 0);
    if server.compat >= Compat::V8_10 {
        out.field("used_memory_hash_templates", 0);
    }
    out.size("used_memory_scripts", 0);
}

/// Fields that say what is the case: there is none of it.
fn zeros(names: &[&str], out: &mut Text) {
    names.iter().for_each(|name| out.field(name, 0));
}

pub(super) fn persistence(server: &Server, out: &mut Text) {
    let loading = server.loading.progress();
    out.field("loading", u8::from(loading.is_some()));
    out.field("async_loading", 0);
    rdb(server, out);
    last_load(&server.loading.tally(), out);
    let is_waiting = server.saving.status().running.is_some_and(|(saver, _)| saver != Saver::Log);
    let figures = server.aof.figures();
    aof(&figures, is_waiting, out);
    if server.compat >= Compat::V8_10 {
        out.field("backup_in_progress", u8::from(server.aof.backup_status().phase.is_active()));
    }
    zeros(&["module_fork_in_progress", "module_fork_last_cow_size"], out);
    if figures.is_on {
        aof_sizes(&figures, is_waiting, out);
    }
    if let Some(progress) = loading {
        loading_progress(&progress, out);
    }
}

fn last_load(tally: &Tally, out: &mut Text) {
    out.field("rdb_last_load_keys_expired", tally.ended);
    out.field("rdb_last_load_keys_loaded", tally.loaded);
    out.field("rdb_last_load_keys_skipped", tally.skipped.values().sum::<u64>());
    for (kind, count) in &tally.skipped {
        out.field(&format!("rdb_last_load_skipped_{}", kind.replace([':', ' '], "_")), count);
    }
}

fn loading_progress(progress: &Progress, out: &mut Text) {
    out.field("loading_start_time", progress.began_unix_s);
    out.field("loading_total_bytes", progress.total_bytes);
    out.field("loading_rdb_used_mem", progress.memory_then);
    out.field("loading_loaded_bytes", progress.loaded_bytes);
    out.field("loading_loaded_perc", format_args!("{:.2}", progress.percent()));
    out.field("loading_eta_seconds", progress.left_s());
}

/// Copies on write are, here, old states that were handed to a snapshot and wait for it.
fn rdb(server: &Server, out: &mut Text) {
    let status = server.saving.status();
    let (progress, history) = (server.saving.progress(), &status.history);
    let (done, total) = if status.running.is_some() { progress.keys() } else { (0, 0) };
    let in_background = status.running.filter(|(saver, _)| *saver == Saver::Background);
    let seconds = |time: Option<Duration>| time.map_or(-1, |time| time.as_secs() as i64);
    out.field("current_cow_peak", if status.running.is_some() { progress.peak_bytes() } else { 0 });
    out.field("current_cow_size", server.keyspace.journal().handed_bytes());
    out.field("current_cow_size_age", 0);
    out.field("current_fork_perc", format_args!("{:.2}", ratio(done, total) * 100.0));
    out.field("current_save_keys_processed", done);
    out.field("current_save_keys_total", total);
    out.field("rdb_changes_since_last_save", server.keyspace.journal().changes());
    out.field("rdb_bgsave_in_progress", u8::from(in_background.is_some()));
    out.field("rdb_last_save_time", history.last_save_s);
    out.field("rdb_last_bgsave_status", if history.is_ok { "ok" } else { "err" });
    out.field("rdb_last_bgsave_time_sec", seconds(history.last_took));
    out.field("rdb_current_bgsave_time_sec", seconds(in_background.map(|(_, since)| since.elapsed())));
    out.field("rdb_saves", history.saves);
    out.field("rdb_saves_consecutive_failures", history.failures_in_a_row);
    out.field("rdb_last_cow_size", history.last_peak_bytes);
    out.field("rdb_last_cut_usec", history.last_cut.as_micros());
}

/// `is_waiting`: another snapshot is being taken, so that a rewrite has to wait.
fn aof(aof: &Figures, is_waiting: bool, out: &mut Text) {
    let status = |failed: bool| if failed { "err" } else { "ok" };
    let seconds = |time: Option<Duration>| time.map_or(-1, |time| time.as_secs() as i64);
    out.field("aof_enabled", u8::from(aof.is_on));
    out.field("aof_rewrite_in_progress", u8::from(aof.is_rewriting && !is_waiting));
    out.field("aof_rewrite_scheduled", is_scheduled(aof, is_waiting));
    out.field("aof_last_rewrite_time_sec", seconds(aof.last_rewrite));
    out.field("aof_current_rewrite_time_sec", seconds(aof.current_rewrite));
    out.field("aof_last_bgrewrite_status", status(aof.last_rewrite_failed));
    out.field("aof_rewrites", aof.rewrites);
    out.field("aof_rewrites_consecutive_failures", aof.failures_in_a_row);
    out.field("aof_last_write_status", status(aof.last_write_failed));
    out.field("aof_last_cow_size", aof.last_peak_bytes);
}

fn is_scheduled(aof: &Figures, is_waiting: bool) -> u8 {
    u8::from(aof.is_scheduled || aof.is_rewriting && is_waiting)
}

/// Of a log that is on.
fn aof_sizes(aof: &Figures, is_waiting: bool, out: &mut Text) {
    out.field("aof_current_size", aof.size);
    out.field("aof_base_size", aof.size_of_base);
    out.field("aof_pending_rewrite", is_scheduled(aof, is_waiting));
    out.field("aof_buffer_length", aof.buffered);
    out.field("aof_pending_bio_fsync", aof.syncing);
    out.field("aof_delayed_fsync", aof.delayed);
}

pub(super) fn stats(server: &Server, out: &mut Text) {
    let sum = |counter: fn(&Traffic) -> &Counter| -> u64 {
        server.traffic.iter().map(|traffic| counter(traffic).get()).sum()
    };
    out.field("total_connections_received", sum(|traffic| &traffic.connections_received));
    out.field("total_commands_processed", server.statistics.commands_processed());
    out.field("instantaneous_ops_per_sec", server.ops_per_second.load(Ordering::Relaxed));
    out.field("total_net_input_bytes", sum(|traffic| &traffic.net_input_bytes));
    out.field("total_net_output_bytes", sum(|traffic| &traffic.net_output_bytes));
    zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], out);
    let kilobytes = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) as f64 / 1024.0;
    out.field("instantaneous_input_kbps", format_args!("{:.2}", kilobytes(&server.net_input_per_second)));
    out.field("instantaneous_output_kbps", format_args!("{:.2}", kilobytes(&server.net_output_per_second)));
    out.field("instantaneous_input_repl_kbps", "0.00");
    out.field("instantaneous_output_repl_kbps", "0.00");
    out.field("rejected_connections", sum(|traffic| &traffic.rejected_connections));
    zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"], out);
    expiry(server, out);
    lookups(server, out);
    out.field("total_error_replies", server.statistics.error_replies());
    out.field("total_reads_processed", sum(|traffic| &traffic.reads_processed));
    out.field("total_writes_processed", sum(|traffic| &traffic.writes_processed));
    out.field("client_query_buffer_limit_disconnections", sum(|traffic| &traffic.query_buffer_closed));
    out.field("client_output_buffer_limit_disconnections", sum(|traffic| &traffic.output_buffer_closed));
    pipelines(server, out);
    calls::slow_stats(server, out);
    if server.compat >= Compat::V8_10 {
        // Hashes do not share names.
        zeros(&["hash_templates", "hash_template_keys"], out);
    }
    out.field("acl_access_denied_auth", sum(|traffic| &traffic.wrong_passwords));
    zeros(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"], out);
    out.field("commands_on_compute_pool", sum(|traffic| &traffic.commands_on_compute_pool));
    out.field("panics", server.statistics.panics());
}

/// The share of keys that have ended and are still there is that of now; Redis shows an estimate.
/// A field per line of the peer's table, so that either can be read beside the other.
fn expiry(server: &Server, out: &mut Text) {
    let (expiry, mut ended, mut ending) = (server.keyspace.expiry(), 0, 0);
    for census in server.keyspace.databases().iter().map(Database::census) {
        ended += census.ended as u64;
        ending += (census.expires + census.ended) as u64;
    }
    out.field("expired_subkeys", expiry.fields.get());
    out.field("expired_subkeys_active", expiry.fields_actively.get());
    out.field("expired_keys", expiry.keys.get());
    out.field("expired_keys_active", expiry.keys_actively.get());
    out.field("expired_stale_perc", format_args!("{:.2}", ratio(ended, ending) * 100.0));
    out.field("expired_time_cap_reached_count", expiry.cycles_cut_short.get());
    out.field("expire_cycle_cpu_milliseconds", expiry.cycle_nanos.get() / 1_000_000);
}

/// What is not here at all is counted too: nothing of it ever happens.
fn lookups(server: &Server, out: &mut Text) {
    let (hits, misses) = server.keyspace.hits_and_misses();
    zeros(&["evicted_keys", "evicted_clients", "evicted_scripts"], out);
    zeros(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"], out);
    out.field("keyspace_hits", hits);
    out.field("keyspace_misses", misses);
    zeros(&["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"], out);
    zeros(&["latest_fork_usec", "total_forks"], out);
    zeros(&["migrate_cached_sockets", "slave_expires_tracked_keys"], out);
    zeros(&["active_defrag_hits", "active_defrag_misses"], out);
    zeros(&["active_defrag_key_hits", "active_defrag_key_misses"], out);
    zeros(&["total_active_defrag_time", "current_active_defrag_time"], out);
    zeros(&["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"], out);
}

/// Requests that came with one read; since 8.10.
fn pipelines(server: &Server, out: &mut Text) {
    if server.compat >= Compat::V8_10 {
        let sum =
            |counter: fn(&Traffic) -> &Counter| server.traffic.iter().map(counter).map(Counter::get).sum();
        let (requests, count): (u64, u64) =
            (sum(|traffic| &traffic.pipelined), sum(|traffic| &traffic.pipelines));
        out.field("avg_pipeline_length_sum", requests);
        out.field("avg_pipeline_length_cnt", count);
        out.field("avg_pipeline_length", format_args!("{:.2}", requests as f64 / count.max(1) as f64));
    }
}

pub(super) fn replication(server: &Server, out: &mut Text) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    out.field("master_replid", server.replication_id.digits());
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", 0);
    out.field("second_repl_offset", -1);
    out.field("repl_backlog_active", 0);
    out.field("repl_backlog_first_byte_offset", 0);
    out.field("repl_backlog_histlen", 0);
}

pub(super) fn cpu(_: &Server, out: &mut Text) {
    let used = system::cpu_time();
    out.field("used_cpu_sys", format_args!("{:.6}", used.system.as_secs_f64()));
    out.field("used_cpu_user", format_args!("{:.6}", used.user.as_secs_f64()));
    let children = system::cpu_time_of_children();
    out.field("used_cpu_sys_children", format_args!("{:.6}", children.system.as_secs_f64()));
    out.field("used_cpu_user_children", format_args!("{:.6}", children.user.as_secs_f64()));
}

pub(super) fn modules(_: &Server, out: &mut Text) {
    out.field("module", "name=vectorset,ver=1,api=1,filters=0,usedby=[],using=[],options=[handle-io-errors|handle-repl-async-load]");
}

pub(super) fn cluster(_: &Server, out: &mut Text) {
    out.field("cluster_enabled", 0);
}

/// Empty unless there is a session of `HOTKEYS`, or the results of one.
pub(super) fn hot_keys(server: &Server, out: &mut Text) {
    if let Some((session, is_active)) = server.observers.hot_keys.get() {
        out.field("hotkeys-tracking-active", u8::from(is_active));
        out.field("hotkeys-cmd-cpu-time", session.millis_of_all());
    }
}

pub(super) fn keyspace(server: &Server, out: &mut Text) {
    for (number, db) in server.keyspace.databases().iter().enumerate() {
        let census = db.census();
        if census.keys > 0 {
            out.field(
                &format!("db{number}"),
                format_args!(
                    "keys={},expires={},avg_ttl={},subexpiry={}",
                    census.keys, census.expires, census.mean_ttl_ms, census.subexpiry
                ),
            );
        }
    }
}
