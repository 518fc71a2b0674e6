//! Which field of `INFO` has which name.

use super::families::Kind;

/// How a field is shown.
pub(super) struct Export {
    field: &'static str,
    pub(super) metric: &'static str,
    pub(super) kind: Kind,
    label: Option<(&'static str, &'static str)>,
    /// What its unit is multiplied with.
    pub(super) scale: f64,
}

impl Export {
    pub(super) fn labels(&self) -> &[(&'static str, &'static str)] {
        self.label.as_slice()
    }

    /// The part of memory whose bytes it is.
    pub(super) fn memory_part(&self) -> Option<&'static str> {
        self.label.filter(|_| self.metric == MEMORY_PARTS).map(|(_, part)| part)
    }
}

const fn gauge(field: &'static str, metric: &'static str) -> Export {
    Export { field, metric, kind: Kind::Gauge, label: None, scale: 1.0 }
}

const fn counter(field: &'static str, metric: &'static str) -> Export {
    Export { field, metric, kind: Kind::Counter, label: None, scale: 1.0 }
}

/// In another unit.
const fn scaled(scale: f64, export: Export) -> Export {
    Export { scale, ..export }
}

/// One of several fields with one name.
const fn labelled(name: &'static str, value: &'static str, export: Export) -> Export {
    Export { label: Some((name, value)), ..export }
}

/// Bytes in use, with a label for what.
const MEMORY_PARTS: &str = "nearhit_memory_part_bytes";

/// Bytes in use for a purpose.
const fn part(field: &'static str, part: &'static str) -> Export {
    labelled("part", part, gauge(field, MEMORY_PARTS))
}

/// How this field is shown, if it is.
pub(super) fn of(field: &str) -> Option<&'static Export> {
    EXPORTS.iter().find(|export| export.field == field)
}

/// Names as redis_exporter has them; `nearhit_…` for fields that Redis does not have.
static EXPORTS: &[Export] = &[
    gauge("total_system_memory", "redis_total_system_memory_bytes"),
    gauge("hz", "redis_hz"),
    gauge("configured_hz", "redis_configured_hz"),
    gauge("uptime_in_seconds", "redis_uptime_in_seconds"),
    gauge("process_id", "redis_process_id"),
    gauge("io_threads_active", "redis_io_threads_active"),
    gauge("connected_clients", "redis_connected_clients"),
    gauge("blocked_clients", "redis_blocked_clients"),
    gauge("maxclients", "redis_max_clients"),
    gauge("tracking_clients", "redis_tracking_clients"),
    gauge("clients_in_timeout_table", "redis_clients_in_timeout_table"),
    gauge("pubsub_clients", "redis_pubsub_clients"),
    gauge("watching_clients", "redis_watching_clients"),
    gauge("total_watched_keys", "redis_total_watched_keys"),
    gauge("total_blocking_keys", "redis_total_blocking_keys"),
    gauge("total_blocking_keys_on_nokey", "redis_total_blocking_keys_on_nokey"),
    gauge("client_recent_max_output_buffer", "redis_client_recent_max_output_buffer_bytes"),
    gauge("client_recent_max_input_buffer", "redis_client_recent_max_input_buffer_bytes"),
    gauge("allocator_active", "redis_allocator_active_bytes"),
    gauge("allocator_allocated", "redis_allocator_allocated_bytes"),
    gauge("allocator_resident", "redis_allocator_resident_bytes"),
    gauge("allocator_frag_ratio", "redis_allocator_frag_ratio"),
    gauge("allocator_frag_bytes", "redis_allocator_frag_bytes"),
    gauge("allocator_muzzy", "redis_allocator_muzzy_bytes"),
    gauge("allocator_rss_ratio", "redis_allocator_rss_ratio"),
    gauge("allocator_rss_bytes", "redis_allocator_rss_bytes"),
    gauge("used_memory", "redis_memory_used_bytes"),
    gauge("used_memory_rss", "redis_memory_used_rss_bytes"),
    gauge("used_memory_peak", "redis_memory_used_peak_bytes"),
    gauge("used_memory_lua", "redis_memory_used_lua_bytes"),
    gauge("used_memory_vm_eval", "redis_memory_used_vm_eval_bytes"),
    gauge("used_memory_scripts_eval", "redis_memory_used_scripts_eval_bytes"),
    gauge("used_memory_overhead", "redis_memory_used_overhead_bytes"),
    gauge("used_memory_startup", "redis_memory_used_startup_bytes"),
    gauge("used_memory_dataset", "redis_memory_used_dataset_bytes"),
    gauge("number_of_cached_scripts", "redis_number_of_cached_scripts"),
    gauge("number_of_functions", "redis_number_of_functions"),
    gauge("number_of_libraries", "redis_number_of_libraries"),
    gauge("used_memory_vm_functions", "redis_memory_used_vm_functions_bytes"),
    gauge("used_memory_scripts", "redis_memory_used_scripts_bytes"),
    gauge("used_memory_functions", "redis_memory_used_functions_bytes"),
    gauge("used_memory_vm_total", "redis_memory_used_vm_total"),
    gauge("maxmemory", "redis_memory_max_bytes"),
    gauge("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio"),
    gauge("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes"),
    gauge("mem_clients_slaves", "redis_mem_clients_slaves"),
    gauge("mem_clients_normal", "redis_mem_clients_normal"),
    gauge("mem_cluster_links", "redis_mem_cluster_links_bytes"),
    gauge("mem_aof_buffer", "redis_mem_aof_buffer_bytes"),
    gauge("mem_replication_backlog", "redis_mem_replication_backlog_bytes"),
    gauge("expired_stale_perc", "redis_expired_stale_percentage"),
    gauge("mem_not_counted_for_evict", "redis_mem_not_counted_for_eviction_bytes"),
    gauge("mem_total_replication_buffers", "redis_mem_total_replication_buffers_bytes"),
    gauge("mem_overhead_db_hashtable_rehashing", "redis_mem_overhead_db_hashtable_rehashing_bytes"),
    gauge("lazyfree_pending_objects", "redis_lazyfree_pending_objects"),
    gauge("lazyfreed_objects", "redis_lazyfreed_objects"),
    gauge("active_defrag_running", "redis_active_defrag_running"),
    gauge("migrate_cached_sockets", "redis_migrate_cached_sockets_total"),
    gauge("active_defrag_hits", "redis_defrag_hits"),
    gauge("active_defrag_misses", "redis_defrag_misses"),
    gauge("active_defrag_key_hits", "redis_defrag_key_hits"),
    gauge("active_defrag_key_misses", "redis_defrag_key_misses"),
    gauge("loading", "redis_loading_dump_file"),
    gauge("async_loading", "redis_async_loading"),
    gauge("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save"),
    gauge("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress"),
    gauge("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds"),
    gauge("rdb_last_bgsave_status", "redis_rdb_last_bgsave_status"),
    gauge("rdb_last_bgsave_time_sec", "redis_rdb_last_bgsave_duration_sec"),
    gauge("rdb_current_bgsave_time_sec", "redis_rdb_current_bgsave_duration_sec"),
    gauge("rdb_saves", "redis_rdb_saves_total"),
    gauge("rdb_last_cow_size", "redis_rdb_last_cow_size_bytes"),
    gauge("rdb_last_load_keys_expired", "redis_rdb_last_load_expired_keys"),
    gauge("rdb_last_load_keys_loaded", "redis_rdb_last_load_loaded_keys"),
    gauge("aof_enabled", "redis_aof_enabled"),
    gauge("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress"),
    gauge("aof_rewrite_scheduled", "redis_aof_rewrite_scheduled"),
    gauge("aof_last_rewrite_time_sec", "redis_aof_last_rewrite_duration_sec"),
    gauge("aof_current_rewrite_time_sec", "redis_aof_current_rewrite_duration_sec"),
    gauge("aof_last_cow_size", "redis_aof_last_cow_size_bytes"),
    gauge("aof_last_bgrewrite_status", "redis_aof_last_bgrewrite_status"),
    gauge("aof_last_write_status", "redis_aof_last_write_status"),
    gauge("module_fork_in_progress", "redis_module_fork_in_progress"),
    gauge("module_fork_last_cow_size", "redis_module_fork_last_cow_size"),
    gauge("current_eviction_exceeded_time", "redis_current_eviction_exceeded_time_ms"),
    gauge("pubsub_channels", "redis_pubsub_channels"),
    gauge("pubsub_patterns", "redis_pubsub_patterns"),
    gauge("pubsubshard_channels", "redis_pubsubshard_channels"),
    scaled(1e-6, gauge("latest_fork_usec", "redis_latest_fork_seconds")),
    gauge("tracking_total_keys", "redis_tracking_total_keys"),
    gauge("tracking_total_items", "redis_tracking_total_items"),
    gauge("tracking_total_prefixes", "redis_tracking_total_prefixes"),
    gauge("instantaneous_eventloop_cycles_per_sec", "redis_instantaneous_eventloop_cycles_per_sec"),
    gauge("instantaneous_eventloop_duration_usec", "redis_instantaneous_eventloop_duration_usec"),
    gauge("connected_slaves", "redis_connected_slaves"),
    gauge("repl_backlog_size", "redis_replication_backlog_bytes"),
    gauge("repl_backlog_active", "redis_repl_backlog_is_active"),
    gauge("repl_backlog_first_byte_offset", "redis_repl_backlog_first_byte_offset"),
    gauge("repl_backlog_histlen", "redis_repl_backlog_history_bytes"),
    gauge("master_repl_offset", "redis_master_repl_offset"),
    gauge("second_repl_offset", "redis_second_repl_offset"),
    gauge("slave_expires_tracked_keys", "redis_slave_expires_tracked_keys"),
    gauge("sync_full", "redis_replica_resyncs_full"),
    gauge("sync_partial_ok", "redis_replica_partial_resync_accepted"),
    gauge("sync_partial_err", "redis_replica_partial_resync_denied"),
    counter("total_connections_received", "redis_connections_received_total"),
    counter("total_commands_processed", "redis_commands_processed_total"),
    counter("rejected_connections", "redis_rejected_connections_total"),
    counter("total_net_input_bytes", "redis_net_input_bytes_total"),
    counter("total_net_output_bytes", "redis_net_output_bytes_total"),
    counter("total_net_repl_input_bytes", "redis_net_repl_input_bytes_total"),
    counter("total_net_repl_output_bytes", "redis_net_repl_output_bytes_total"),
    counter("expired_subkeys", "redis_expired_subkeys_total"),
    counter("expired_keys", "redis_expired_keys_total"),
    counter("expired_time_cap_reached_count", "redis_expired_time_cap_reached_total"),
    counter("expire_cycle_cpu_milliseconds", "redis_expire_cycle_cpu_time_ms_total"),
    counter("evicted_keys", "redis_evicted_keys_total"),
    counter("evicted_clients", "redis_evicted_clients_total"),
    counter("evicted_scripts", "redis_evicted_scripts_total"),
    counter("total_eviction_exceeded_time", "redis_eviction_exceeded_time_ms_total"),
    counter("keyspace_hits", "redis_keyspace_hits_total"),
    counter("keyspace_misses", "redis_keyspace_misses_total"),
    counter("eventloop_cycles", "redis_eventloop_cycles_total"),
    counter("eventloop_duration_sum", "redis_eventloop_duration_sum_usec_total"),
    counter("eventloop_duration_cmd_sum", "redis_eventloop_duration_cmd_sum_usec_total"),
    counter("used_cpu_sys", "redis_cpu_sys_seconds_total"),
    counter("used_cpu_user", "redis_cpu_user_seconds_total"),
    counter("used_cpu_sys_children", "redis_cpu_sys_children_seconds_total"),
    counter("used_cpu_user_children", "redis_cpu_user_children_seconds_total"),
    counter("used_cpu_sys_main_thread", "redis_cpu_sys_main_thread_seconds_total"),
    counter("used_cpu_user_main_thread", "redis_cpu_user_main_thread_seconds_total"),
    counter("unexpected_error_replies", "redis_unexpected_error_replies"),
    counter("total_error_replies", "redis_total_error_replies"),
    counter("dump_payload_sanitizations", "redis_dump_payload_sanitizations"),
    counter("total_reads_processed", "redis_total_reads_processed"),
    counter("total_writes_processed", "redis_total_writes_processed"),
    counter("io_threaded_reads_processed", "redis_io_threaded_reads_processed"),
    counter("io_threaded_writes_processed", "redis_io_threaded_writes_processed"),
    counter(
        "client_query_buffer_limit_disconnections",
        "redis_client_query_buffer_limit_disconnections_total",
    ),
    counter(
        "client_output_buffer_limit_disconnections",
        "redis_client_output_buffer_limit_disconnections_total",
    ),
    counter("reply_buffer_shrinks", "redis_reply_buffer_shrinks_total"),
    counter("reply_buffer_expands", "redis_reply_buffer_expands_total"),
    counter("acl_access_denied_auth", "redis_acl_access_denied_auth_total"),
    counter("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total"),
    counter("acl_access_denied_key", "redis_acl_access_denied_key_total"),
    counter("acl_access_denied_channel", "redis_acl_access_denied_channel_total"),
    gauge("io_threads", "nearhit_network_threads"),
    gauge("compute_threads", "nearhit_compute_threads"),
    part("mem_vectors", "vectors"),
    part("mem_graph", "graph"),
    part("mem_names", "names"),
    part("mem_attributes", "attributes"),
    part("mem_attribute_indexes", "attribute_indexes"),
    part("mem_retired", "retired"),
    part("mem_expiry", "expiry"),
    part("mem_keys", "keys"),
    part("mem_strings", "strings"),
    part("mem_hashes", "hashes"),
    part("mem_clients", "clients"),
    part("mem_log", "log"),
    part("mem_snapshot", "snapshot"),
    part("mem_search_marks", "search_marks"),
    part("mem_training", "training"),
    part("mem_unattributed", "unattributed"),
    // Not a part beside the others: these bytes are in other parts too.
    gauge("mem_reusable", "nearhit_memory_reusable_bytes"),
    gauge("compression_saved_bytes", "nearhit_compression_saved_bytes"),
    gauge("compressed_values", "nearhit_compressed_values"),
    gauge("mem_counted_beyond_use", "nearhit_memory_counted_beyond_use_bytes"),
    gauge("memory_pressure_some_avg10", "nearhit_memory_pressure_some_avg10_percent"),
    labelled("of", "process", gauge("mem_swap_process", "nearhit_swap_bytes")),
    labelled("of", "system", gauge("mem_swap_system", "nearhit_swap_bytes")),
    counter("major_page_faults", "nearhit_major_page_faults_total"),
    gauge("used_memory_rss_peak", "nearhit_memory_rss_peak_bytes"),
    gauge("used_memory_rss_files", "nearhit_memory_rss_files_bytes"),
    gauge("tier_vector_sets", "nearhit_tier_vector_sets"),
    gauge("tier_bytes", "nearhit_tier_bytes"),
    gauge("tier_bytes_peak", "nearhit_tier_peak_bytes"),
    gauge("tier_refused_bytes", "nearhit_tier_refused_bytes"),
    gauge("tier_disk_full", "nearhit_tier_disk_full"),
    counter("tier_unreadable_pages", "nearhit_tier_unreadable_pages_total"),
    scaled(1e-6, gauge("rdb_last_cut_usec", "nearhit_rdb_last_cut_seconds")),
    gauge("rdb_last_load_keys_skipped", "nearhit_rdb_last_load_skipped_keys"),
    gauge("rdb_saves_consecutive_failures", "nearhit_rdb_saves_consecutive_failures"),
    counter("aof_rewrites", "nearhit_aof_rewrites_total"),
    gauge("aof_rewrites_consecutive_failures", "nearhit_aof_rewrites_consecutive_failures"),
    gauge("blessed_keys", "nearhit_blessed_keys"),
    counter("expired_elements", "nearhit_expired_elements_total"),
    counter("evicted_elements", "nearhit_evicted_elements_total"),
    counter("evicted_by_set_limit", "nearhit_evicted_elements_by_set_limit_total"),
    counter("evicted_by_pressure", "nearhit_evicted_by_pressure_total"),
    counter("vector_searches", "nearhit_searches_total"),
    counter("vector_elements_returned", "nearhit_elements_returned_total"),
    counter("filtered_searches", "nearhit_filtered_searches_total"),
    counter("filtered_short", "nearhit_filtered_searches_short_total"),
    counter("elements_hits", "nearhit_element_hits_total"),
    counter("elements_misses", "nearhit_element_misses_total"),
    gauge("keyspace_hit_rate_1m", "nearhit_keyspace_hit_rate_1m_percent"),
    gauge("elements_hit_rate_1m", "nearhit_element_hit_rate_1m_percent"),
    counter("commands_on_compute_pool", "nearhit_commands_on_compute_pool_total"),
    counter("panics", "nearhit_panics_total"),
];

/// Numbers that are not shown: they can be computed from others, or belong to features that this
/// server lacks, and redis_exporter does not show them either.
#[cfg(test)]
pub(super) const LEFT_OUT: &[&str] = &[
    "arch_bits",
    "tcp_port",
    "server_time_usec",
    "uptime_in_days",
    "lru_clock",
    "cluster_connections",
    "active_clients",
    "used_memory_peak_time",
    "used_memory_peak_perc",
    "used_memory_dataset_perc",
    "used_memory_hash_templates",
    "rss_overhead_ratio",
    "rss_overhead_bytes",
    "mem_replica_full_sync_buffer",
    "mem_cluster_slot_migration_output_buffer",
    "mem_cluster_slot_migration_input_buffer",
    "mem_cluster_slot_migration_input_buffer_peak",
    "current_cow_peak",
    "current_cow_size",
    "current_cow_size_age",
    "current_fork_perc",
    "current_save_keys_processed",
    "current_save_keys_total",
    "backup_in_progress",
    "instantaneous_ops_per_sec",
    "instantaneous_input_kbps",
    "instantaneous_output_kbps",
    "instantaneous_input_repl_kbps",
    "instantaneous_output_repl_kbps",
    "expired_subkeys_active",
    "expired_keys_active",
    "total_forks",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "avg_pipeline_length_sum",
    "avg_pipeline_length_cnt",
    "avg_pipeline_length",
    "slowlog_commands_count",
    "slowlog_commands_time_ms_max",
    "slowlog_commands_time_ms_sum",
    "hash_templates",
    "hash_template_keys",
    "cluster_enabled",
];
