"""Rules for what operators look at: figures that depend on time and process are compared by their
shape.

Knows no server. `differences.md` says why fields are lacking.
"""

import re

INFO_LACKING = {
    b"Server": b"""redis_git_sha1 redis_git_dirty redis_build_id atomicvar_api gcc_version""",
    b"Stats": b"""dump_payload_sanitizations io_threaded_total_prefetch_batches io_threaded_total_prefetch_entries
        reply_buffer_shrinks reply_buffer_expands""",
}
"""Fields of the peer that have no meaning here, by section."""

INFO_OWN = {
    b"Server": b"nearhit_version io_threads compute_threads",
    b"Persistence": b"rdb_last_cut_usec rdb_last_load_keys_skipped",
    b"Stats": b"""acl_access_denied_db evicted_elements evicted_by_pressure evicted_by_set_limit blessed_keys commands_on_compute_pool panics
        expired_elements elements_hits elements_misses keyspace_hit_rate_1m elements_hit_rate_1m vector_searches
        vector_elements_returned vector_best_scores filtered_searches filtered_short tls_handshake_failures
        rate_limited_reads vcache_searches vcache_hits vcache_dry_hits vcache_near vcache_explored vcache_misses vcache_right
        vcache_wrong vcache_hits_right vcache_hits_wrong vcache_error_perc vcache_error_perc_low vcache_error_perc_high
        vcache_cost_saved""",
    b"Memory": b"""maxmemory_source mem_threshold mem_counted_beyond_use memory_pressure_some_avg10 mem_swap_process
        mem_swap_system major_page_faults used_memory_rss_peak used_memory_rss_files tier_vector_sets tier_bytes tier_bytes_peak
        tier_refused_bytes tier_hot_elements tier_warm_elements tier_hot_hits tier_warm_hits tier_warm_faults
        tier_demoted_elements tier_promoted_elements tier_disk_full tier_unreadable_pages tier_cold_vector_sets tier_cold_bytes
        tier_cold_stored tier_cold_opened tier_cold_not_stored tier_cold_unreadable tier_sealed_vector_sets tier_sealed_bytes
        tier_sealed_written tier_sealed_reused tier_sealed_not_written tier_sealed_mapped tier_sealed_exchanged tier_sealed_merged
        tier_sealed_demoted tier_sealed_raised tier_sealed_outrun tier_sealed_verified_blocks tier_sealed_wrong_blocks compressed_values compression_saved_bytes mem_vectors
        mem_graph mem_names mem_attributes mem_payloads mem_attribute_indexes mem_retired mem_expiry mem_keys mem_strings mem_hashes mem_clients mem_log
        mem_snapshot mem_search_marks mem_training mem_reusable mem_unattributed""",
}
"""Fields that the peer does not have."""

INFO_SECTIONS_LACKING = {b"Threads", b"Keysizes"}
"""Sections of the peer that are not here, or only if they are asked for by name."""
INFO_LISTS = re.compile(rb"(listener|cmdstat_|errorstat_|latency_percentiles_usec_|db)")
"""Names that depend on what was done before; the shape of their values is compared where both have them."""


def same_info(args, peer, ours, witness, newer=None):
    """INFO: the same sections with the same fields in the same order, but for those that are named
    above.

    `newer` are further fields of the peer, as in `INFO_LACKING`.
    """
    if peer.kind != ours.kind or peer.value is None or ours.value is None:
        return False
    theirs, mine = _sections(peer.value), _sections(ours.value)
    if args[1:] == [b"keysizes"]:
        return False
    names, our_names = ([name for name in found if name not in INFO_SECTIONS_LACKING] for found in (theirs, mine))
    newer = newer or {}
    return names == our_names and all(_same_section(name, theirs[name], mine[name], newer.get(name, b"")) for name in names)


def _sections(text):
    found, fields = {}, {}
    for line in text.removeprefix(b"txt:").split(b"\r\n"):
        if line.startswith(b"# "):
            fields = found.setdefault(line[2:], {})
        elif line:
            name, _, value = line.partition(b":")
            fields[name] = value
    return found


def _same_section(name, peer, ours, newer):
    lacking, own = (table.get(name, b"").split() for table in (INFO_LACKING, INFO_OWN))
    lacking += newer.split()
    listed = [field for field in peer if INFO_LISTS.match(field) and field in ours]
    compared, mine = (
        [field for field in fields if field not in lacking + own and not INFO_LISTS.match(field)] for fields in (peer, ours)
    )
    return compared == mine and all(_shape(peer[field]) == _shape(ours[field]) for field in listed)


def _shape(value):
    """`calls=1,usec=2` without its numbers. Whether a command was ever slow is a matter of chance.
    """
    names = (pair.partition(b"=")[0] for pair in value.split(b","))
    return [name for name in names if not name.startswith(b"slowlog_")]


def same_slow_log(args, peer, ours, witness):
    """SLOWLOG GET: the same commands; ids, times and addresses by type. SLOWLOG LEN: equal."""
    if not (peer.is_aggregate and ours.is_aggregate and len(peer.value) == len(ours.value)):
        return False
    return all(_same_entry(a, b) for a, b in zip(peer.value, ours.value))


def _same_entry(peer, ours):
    """Since 8.10 the seventh field says how many arguments there were."""
    if not (peer.is_aggregate and ours.is_aggregate and len(peer.value) == len(ours.value) >= 6):
        return False
    kinds = all(a.kind == b.kind for a, b in zip(peer.value, ours.value))
    pairs = list(zip(peer.value, ours.value))
    return kinds and all(a.raw == b.raw for a, b in [pairs[3], *pairs[5:]])


def same_latency(args, peer, ours, witness):
    """LATENCY HISTOGRAM: the same commands, each with as many calls; LATEST and HISTORY: the same
    events and types.
    """
    word = args[1].upper() if len(args) > 1 else b""
    if word == b"DOCTOR":
        return peer.kind == ours.kind and not ours.is_error
    if not (peer.is_aggregate and ours.is_aggregate and peer.kind == ours.kind):
        return False
    if word == b"HISTOGRAM":
        return _histograms(peer) == _histograms(ours)
    return [_kinds(item) for item in peer.value] == [_kinds(item) for item in ours.value]


def _histograms(reply):
    """The order of commands is free."""
    names, tables = reply.value[::2], reply.value[1::2]
    return sorted((name.value, *(item.raw for item in table.value[:3]), table.value[3].kind) for name, table in zip(names, tables))


def _kinds(item):
    return [part.kind if part.kind == b":" else part.raw for part in item.value] if item.is_aggregate else item.kind
