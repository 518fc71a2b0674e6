//! Section Memory: bytes in use and what for, the allocator, the limit.

use super::row::{Rows, Value};
use crate::commands::Server;
use crate::commands::memory_uses::{MemoryUses, ratio};
use crate::config::Compat;
use crate::memory::{self as figures, Allocator, Category};
use crate::system;
use crate::vector_set::{Balance, ColdFiles, SealedSets, TierDir};

pub(super) fn memory(server: &Server, rows: &mut Rows) {
    let used = figures::used_bytes();
    let allocator = figures::allocator();
    let in_memory = system::resident().unwrap_or_default();
    let resident = in_memory.all;
    let uses = MemoryUses::of(server, used);
    in_use(&uses, resident, rows);
    rows.bytes("allocator_allocated", allocator.allocated);
    rows.bytes("allocator_active", allocator.active);
    rows.bytes("allocator_resident", allocator.resident);
    rows.bytes("allocator_muzzy", allocator.muzzy);
    rows.size("total_system_memory", system::machine_memory().unwrap_or(0));
    scripts(server, rows);
    rows.size("maxmemory", server.memory.bytes());
    rows.field("maxmemory_policy", server.keyspace.policy().name());
    overhead(&allocator, used, resident, rows);
    buffers(server, rows);
    by_purpose(&uses, rows);
    let savings = server.keyspace.savings();
    rows.bytes("compression_saved_bytes", savings.bytes);
    rows.field("compressed_values", savings.values);
    rows.field("mem_allocator", figures::ALLOCATOR);
    // A table that grows is moved within the command that makes it grow.
    rows.zeros(&["mem_overhead_db_hashtable_rehashing"]);
    rows.field("active_defrag_running", false);
    rows.field("lazyfree_pending_objects", server.keyspace.reaper().pending());
    rows.field("lazyfreed_objects", server.keyspace.reaper().freed());
    limit(server, rows);
    rows.bytes("used_memory_rss_files", in_memory.of_files);
    tier(server, rows);
}

/// Our own fields, behind those of Redis: the limit, how near it is, and how short memory is
/// outside of the process.
fn limit(server: &Server, rows: &mut Rows) {
    rows.field("maxmemory_source", server.memory.source());
    rows.field("mem_threshold", server.memory.level().name());
    rows.bytes("mem_counted_beyond_use", server.memory.hidden_bytes());
    rows.field("memory_pressure_some_avg10", Value::Decimal(server.memory.pressure().some_avg10(), 2));
    rows.bytes("mem_swap_process", system::process_swap_bytes().unwrap_or(0));
    rows.bytes("mem_swap_system", system::system_swap_bytes().unwrap_or(0));
    rows.field("major_page_faults", system::major_page_faults());
    rows.bytes("used_memory_rss_peak", system::peak_resident_bytes().unwrap_or(0));
}

/// What lies in files.
fn tier(server: &Server, rows: &mut Rows) {
    let tier = server.keyspace.tier();
    rows.field("tier_vector_sets", tier.map_or(0, |tier| tier.spaces()));
    rows.bytes("tier_bytes", tier.map_or(0, |tier| tier.bytes()));
    rows.bytes("tier_bytes_peak", tier.map_or(0, |tier| tier.peak_bytes()));
    rows.bytes("tier_refused_bytes", tier.map_or(0, |tier| tier.refused_bytes()));
    rows.field("tier_disk_full", tier.is_some_and(|tier| tier.is_disk_full()));
    let balance = tier.map(|tier| tier.balance());
    let pair = |of: fn(&Balance) -> (u64, u64)| balance.map_or((0, 0), of);
    let (hot, warm) = pair(Balance::blocks);
    let (hot_hits, warm_hits) = pair(Balance::hits);
    let (demoted, promoted) = pair(Balance::moved);
    rows.field("tier_hot_elements", hot);
    rows.field("tier_warm_elements", warm);
    rows.field("tier_hot_hits", hot_hits);
    rows.field("tier_warm_hits", warm_hits);
    rows.field("tier_warm_faults", balance.map_or(0, Balance::faults));
    rows.field("tier_demoted_elements", demoted);
    rows.field("tier_promoted_elements", promoted);
    rows.field("tier_unreadable_pages", TierDir::unreadable_pages());
    let cold = tier.map(|tier| tier.cold());
    let count = |of: fn(&ColdFiles) -> u64| cold.map_or(0, of);
    rows.field("tier_cold_vector_sets", count(ColdFiles::files));
    rows.bytes("tier_cold_bytes", count(ColdFiles::bytes));
    rows.field("tier_cold_stored", count(|cold| cold.counters.cooled.get()));
    rows.field("tier_cold_opened", count(|cold| cold.counters.opened.get()));
    rows.field("tier_cold_not_stored", count(|cold| cold.counters.not_cooled.get()));
    rows.field("tier_cold_unreadable", count(|cold| cold.counters.unreadable.get()));
    let sealed = tier.map(|tier| tier.sealed());
    let count = |of: fn(&SealedSets) -> u64| sealed.map_or(0, of);
    rows.field("tier_sealed_vector_sets", count(SealedSets::count));
    rows.bytes("tier_sealed_bytes", count(SealedSets::bytes));
    rows.field("tier_sealed_written", count(|sealed| sealed.counters.sealed.get()));
    rows.field("tier_sealed_reused", count(|sealed| sealed.counters.reused.get()));
    rows.field("tier_sealed_not_written", count(|sealed| sealed.counters.not_sealed.get()));
    rows.field("tier_sealed_mapped", count(|sealed| sealed.counters.mapped.get()));
    rows.field("tier_sealed_exchanged", count(|sealed| sealed.counters.exchanged.get()));
    rows.field("tier_sealed_merged", count(|sealed| sealed.counters.merged.get()));
    rows.field("tier_sealed_demoted", count(|sealed| sealed.counters.demoted.get()));
    rows.field("tier_sealed_raised", count(|sealed| sealed.counters.raised.get()));
    rows.field("tier_sealed_outrun", count(|sealed| sealed.counters.outrun.get()));
    rows.field("tier_sealed_verified_blocks", count(|sealed| sealed.counters.verified_blocks.get()));
    rows.field("tier_sealed_wrong_blocks", count(|sealed| sealed.counters.wrong_blocks.get()));
}

fn in_use(uses: &MemoryUses, resident: u64, rows: &mut Rows) {
    let used = uses.used;
    let peak = figures::peak_bytes();
    rows.size("used_memory", used);
    rows.size("used_memory_rss", resident);
    rows.size("used_memory_peak", peak);
    rows.field("used_memory_peak_time", figures::peak_unix_s());
    rows.field("used_memory_peak_perc", Value::Percent(ratio(used, peak) * 100.0));
    rows.bytes("used_memory_overhead", uses.overhead());
    rows.bytes("used_memory_startup", uses.startup);
    rows.bytes("used_memory_dataset", uses.data());
    rows.field("used_memory_dataset_perc", Value::Percent(uses.share_of_data() * 100.0));
}

/// The overhead of each layer over the one before it: live bytes, their pages, all pages of the
/// allocator, those of the process.
fn overhead(allocator: &Allocator, used: u64, resident: u64, rows: &mut Rows) {
    let excess = |part: u64, whole: u64| part as i64 - whole as i64;
    let ratio = |part, whole| Value::Decimal(ratio(part, whole), 2);
    rows.field("allocator_frag_ratio", ratio(allocator.active, allocator.allocated));
    rows.bytes("allocator_frag_bytes", allocator.active.saturating_sub(allocator.allocated));
    rows.field("allocator_rss_ratio", ratio(allocator.resident, allocator.active));
    rows.field("allocator_rss_bytes", excess(allocator.resident, allocator.active));
    rows.field("rss_overhead_ratio", ratio(resident, allocator.resident));
    rows.field("rss_overhead_bytes", excess(resident, allocator.resident));
    rows.field("mem_fragmentation_ratio", ratio(resident, used));
    rows.field("mem_fragmentation_bytes", excess(resident, used));
}

fn buffers(server: &Server, rows: &mut Rows) {
    let clients: usize = server.clients.list().iter().map(|client| client.memory_bytes()).sum();
    let log_buffer = server.keyspace.journal().buffered_bytes();
    rows.bytes("mem_not_counted_for_evict", log_buffer);
    rows.zeros(&["mem_replication_backlog", "mem_total_replication_buffers", "mem_replica_full_sync_buffer"]);
    rows.zeros(&["mem_clients_slaves"]);
    rows.bytes("mem_clients_normal", clients);
    rows.zeros(&CLUSTER_MEMORY);
    rows.bytes("mem_aof_buffer", log_buffer);
}

/// Our own fields: bytes by category, and those that are in none. Those of free slots are in others
/// too.
fn by_purpose(uses: &MemoryUses, rows: &mut Rows) {
    for (name, category) in CATEGORIES {
        rows.bytes(name, figures::held_bytes(category));
    }
    rows.bytes("mem_unattributed", uses.unattributed);
}

const CATEGORIES: [(&str, Category); 17] = [
    ("mem_vectors", Category::Vectors),
    ("mem_graph", Category::Graph),
    ("mem_names", Category::Names),
    ("mem_attributes", Category::Attributes),
    ("mem_payloads", Category::Payloads),
    ("mem_attribute_indexes", Category::AttributeIndexes),
    ("mem_retired", Category::Retired),
    ("mem_expiry", Category::Expiry),
    ("mem_keys", Category::Keys),
    ("mem_strings", Category::Strings),
    ("mem_hashes", Category::Hashes),
    ("mem_clients", Category::Clients),
    ("mem_log", Category::Log),
    ("mem_snapshot", Category::Snapshot),
    ("mem_search_marks", Category::SearchMarks),
    ("mem_training", Category::Training),
    ("mem_reusable", Category::Reusable),
];

/// Fields of memory that only a cluster needs.
const CLUSTER_MEMORY: [&str; 4] = [
    "mem_cluster_slot_migration_output_buffer",
    "mem_cluster_slot_migration_input_buffer",
    "mem_cluster_slot_migration_input_buffer_peak",
    "mem_cluster_links",
];

/// Scripts and functions, which this server lacks: 0.
fn scripts(server: &Server, rows: &mut Rows) {
    rows.zeros(&["used_memory_lua", "used_memory_vm_eval"]);
    rows.field("used_memory_lua_human", Value::BytesWithUnit(0));
    rows.zeros(&[
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "used_memory_vm_functions",
    ]);
    rows.size("used_memory_vm_total", 0);
    rows.zeros(&["used_memory_functions"]);
    if server.compat >= Compat::V8_10 {
        rows.zeros(&["used_memory_hash_templates"]);
    }
    rows.size("used_memory_scripts", 0);
}
