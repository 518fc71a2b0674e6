//! Section Stats: counts since the start, or since `CONFIG RESETSTAT`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::calls;
use super::row::{Rows, Value};
use crate::certainty::{CONFIDENCE, clopper_pearson};
use crate::commands::memory_uses::ratio;
use crate::commands::{Server, Traffic};
use crate::config::Compat;
use crate::counters::Counter;
use crate::keyspace::Database;

pub(super) fn stats(server: &Server, rows: &mut Rows) {
    let sum = |counter: fn(&Traffic) -> &Counter| -> u64 {
        server.traffic.iter().map(|traffic| counter(traffic).get()).sum()
    };
    rows.field("total_connections_received", sum(|traffic| &traffic.connections_received));
    rows.field("total_commands_processed", server.statistics.commands_processed());
    rows.field("instantaneous_ops_per_sec", server.ops_per_second.load(Ordering::Relaxed));
    rows.bytes("total_net_input_bytes", sum(|traffic| &traffic.net_input_bytes));
    rows.bytes("total_net_output_bytes", sum(|traffic| &traffic.net_output_bytes));
    rows.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    let kilobytes = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) as f64 / 1024.0;
    rows.field("instantaneous_input_kbps", Value::Decimal(kilobytes(&server.net_input_per_second), 2));
    rows.field("instantaneous_output_kbps", Value::Decimal(kilobytes(&server.net_output_per_second), 2));
    rows.field("instantaneous_input_repl_kbps", Value::Decimal(0.0, 2));
    rows.field("instantaneous_output_repl_kbps", Value::Decimal(0.0, 2));
    rows.field("rejected_connections", sum(|traffic| &traffic.rejected_connections));
    rows.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    expiry(server, rows);
    lookups(server, rows);
    // Those to a log or a master: an error in a log ends the start.
    rows.zeros(&["unexpected_error_replies"]);
    rows.field("total_error_replies", server.statistics.error_replies());
    rows.field("total_reads_processed", sum(|traffic| &traffic.reads_processed));
    rows.field("total_writes_processed", sum(|traffic| &traffic.writes_processed));
    // All connections are on threads of their own.
    rows.field("io_threaded_reads_processed", sum(|traffic| &traffic.reads_processed));
    rows.field("io_threaded_writes_processed", sum(|traffic| &traffic.writes_processed));
    rows.field("client_query_buffer_limit_disconnections", sum(|traffic| &traffic.query_buffer_closed));
    rows.field("client_output_buffer_limit_disconnections", sum(|traffic| &traffic.output_buffer_closed));
    event_loops(server, rows);
    pipelines(server, rows);
    calls::slow_stats(server, rows);
    if server.compat >= Compat::V8_10 {
        // Hashes do not share names.
        rows.zeros(&["hash_templates", "hash_template_keys"]);
    }
    rows.field("blessed_keys", server.keyspace.blessed_keys());
    rows.field("acl_access_denied_auth", sum(|traffic| &traffic.wrong_passwords));
    rows.field("acl_access_denied_cmd", sum(|traffic| &traffic.denied_commands));
    rows.field("acl_access_denied_key", sum(|traffic| &traffic.denied_keys));
    rows.field("acl_access_denied_channel", sum(|traffic| &traffic.denied_channels));
    rows.field("acl_access_denied_tls_cert", sum(|traffic| &traffic.denied_certificates));
    rows.field("acl_access_denied_db", sum(|traffic| &traffic.denied_databases));
    rows.field("rate_limited_reads", sum(|traffic| &traffic.rate_limited));
    rows.field("tls_handshake_failures", sum(|traffic| &traffic.tls_handshake_failures));
    rows.field("expired_elements", server.keyspace.expiry().elements.get());
    rows.field("evicted_elements", server.keyspace.evictions().elements.get());
    rows.field("evicted_by_pressure", server.keyspace.evictions().by_pressure.get());
    rows.field("evicted_by_set_limit", server.keyspace.evictions().by_set_limit.get());
    elements(server, rows);
    caches(server, rows);
    rows.field("commands_on_compute_pool", sum(|traffic| &traffic.commands_on_compute_pool));
    rows.field("panics", server.statistics.panics());
}

/// Expiry of keys, and of their parts: fields of hashes and elements of vector sets.
/// `expired_stale_perc` is the present share of expired keys that are still in memory; Redis shows
/// an estimate. One field a line, in Redis' order, so that both can be compared.
fn expiry(server: &Server, rows: &mut Rows) {
    let expiry = server.keyspace.expiry();
    let mut expired = 0;
    let mut expiring = 0;
    for census in server.keyspace.databases().iter().map(Database::census) {
        expired += census.expired as u64;
        expiring += (census.expires + census.expired) as u64;
    }
    rows.field("expired_subkeys", expiry.fields.get() + expiry.elements.get());
    let actively = expiry.fields_actively.get() + expiry.elements_actively.get();
    rows.field("expired_subkeys_active", actively);
    rows.field("expired_keys", expiry.keys.get());
    rows.field("expired_keys_active", expiry.keys_actively.get());
    rows.field("expired_stale_perc", Value::Decimal(ratio(expired, expiring) * 100.0, 2));
    rows.field("expired_time_cap_reached_count", expiry.cycles_cut_short.get());
    rows.field("expire_cycle_cpu_milliseconds", expiry.cycle_nanos.get() / 1_000_000);
}

/// Evictions and lookups. Counts of features that this server lacks are always 0.
fn lookups(server: &Server, rows: &mut Rows) {
    let (hits, misses) = server.keyspace.hits_and_misses();
    rows.field("evicted_keys", server.keyspace.evictions().keys.get());
    let evicted_clients = server.traffic.iter().map(|traffic| traffic.evicted_clients.get());
    rows.field("evicted_clients", evicted_clients.sum::<u64>());
    rows.zeros(&["evicted_scripts"]);
    let (total_ms, current_ms) = server.keyspace.limit_exceeded_ms();
    rows.field("total_eviction_exceeded_time", total_ms);
    rows.field("current_eviction_exceeded_time", current_ms);
    rows.field("keyspace_hits", hits);
    rows.field("keyspace_misses", misses);
    rows.field("pubsub_channels", server.pubsub.channels());
    rows.field("pubsub_patterns", server.pubsub.patterns());
    rows.field("pubsubshard_channels", server.pubsub.shard_channels());
    rows.zeros(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ]);
    rows.field("tracking_total_keys", server.tracking.keys());
    rows.field("tracking_total_items", server.tracking.items());
    rows.field("tracking_total_prefixes", server.tracking.prefixes());
}

/// Searches of vector sets, and shares of lookups that found something, in percent, over the last
/// minute. See [`ElementFigures`](crate::keyspace::ElementFigures) for what is a hit.
fn elements(server: &Server, rows: &mut Rows) {
    let figures = server.keyspace.element_figures();
    let (hits, misses) = figures.hits_and_misses();
    rows.field("vector_searches", figures.searches());
    rows.field("vector_elements_returned", figures.returned());
    rows.field("filtered_searches", figures.filtered());
    rows.field("filtered_short", figures.short());
    // Searches by their best score, in steps of 0.05 from 0 to 1.
    rows.field("vector_best_scores", figures.best_scores().map(|count| count.to_string()).join(","));
    rows.field("elements_hits", hits);
    rows.field("elements_misses", misses);
    rows.field("keyspace_hit_rate_1m", Value::Decimal(server.key_hit_rate.percent(), 2));
    rows.field("elements_hit_rate_1m", Value::Decimal(server.element_hit_rate.percent(), 2));
}

/// Searches of all semantic caches by what they were answered, and what was said of answers, as
/// VCACHE.STATS has it of one.
fn caches(server: &Server, rows: &mut Rows) {
    let figures = server.keyspace.element_figures().all_caches();
    rows.field("vcache_searches", figures.searches());
    rows.field("vcache_hits", figures.hits.get());
    rows.field("vcache_dry_hits", figures.dry_hits.get());
    rows.field("vcache_near", figures.near.get());
    rows.field("vcache_explored", figures.explored.get());
    rows.field("vcache_misses", figures.misses.get());
    rows.field("vcache_right", figures.right.get());
    rows.field("vcache_wrong", figures.wrong.get());
    let (right, wrong) = (figures.hits_right.get(), figures.hits_wrong.get());
    rows.field("vcache_hits_right", right);
    rows.field("vcache_hits_wrong", wrong);
    // Wrong ones in percent, with 95 % bounds.
    let (low, high) = clopper_pearson(wrong, right + wrong, CONFIDENCE);
    rows.field("vcache_error_perc", Value::Decimal(ratio(wrong, right + wrong) * 100.0, 2));
    rows.field("vcache_error_perc_low", Value::Decimal(low * 100.0, 2));
    rows.field("vcache_error_perc_high", Value::Decimal(high * 100.0, 2));
    rows.field("vcache_cost_saved", Value::Decimal(figures.cost_saved(), 2));
}

/// Rounds of the network threads.
fn event_loops(server: &Server, rows: &mut Rows) {
    let cycles = server.event_loops.cycles();
    let recent = server.event_loops.recent();
    rows.field("eventloop_cycles", cycles.count);
    rows.field("eventloop_duration_sum", cycles.busy.as_micros() as u64);
    rows.field("eventloop_duration_cmd_sum", server.statistics.usec_of_all());
    rows.field("instantaneous_eventloop_cycles_per_sec", recent.per_second);
    rows.field("instantaneous_eventloop_duration_usec", recent.mean_us);
}

/// Requests that arrived with one read; since 8.10.
fn pipelines(server: &Server, rows: &mut Rows) {
    if server.compat >= Compat::V8_10 {
        let sum =
            |counter: fn(&Traffic) -> &Counter| server.traffic.iter().map(counter).map(Counter::get).sum();
        let (requests, count): (u64, u64) =
            (sum(|traffic| &traffic.pipelined), sum(|traffic| &traffic.pipelines));
        rows.field("avg_pipeline_length_sum", requests);
        rows.field("avg_pipeline_length_cnt", count);
        rows.field("avg_pipeline_length", Value::Decimal(requests as f64 / count.max(1) as f64, 2));
    }
}
