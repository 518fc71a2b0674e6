//! Names of options that are not in the tables: other spellings of theirs, and what is refused.

/// Options that say where files are written. They cannot be changed while the server runs, or any
/// client could write to any path (Redis: unless `enable-protected-configs` allows it).
pub(super) const PROTECTED: &[&str] = &["dbfilename", "dir"];

/// Other spellings of options, which Redis keeps for old files and clients: the spelling, the
/// option.
pub const ALIASES: &[(&str, &str)] = &[
    ("cluster-slave-no-failover", "cluster-replica-no-failover"),
    ("cluster-slave-validity-factor", "cluster-replica-validity-factor"),
    ("commandlog-execution-slower-than", "slowlog-log-slower-than"),
    ("commandlog-slow-execution-max-len", "slowlog-max-len"),
    ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ("hash-max-ziplist-value", "hash-max-listpack-value"),
    ("list-max-ziplist-size", "list-max-listpack-size"),
    ("lua-time-limit", "busy-reply-threshold"),
    ("min-slaves-max-lag", "min-replicas-max-lag"),
    ("min-slaves-to-write", "min-replicas-to-write"),
    ("primaryauth", "masterauth"),
    ("primaryuser", "masteruser"),
    ("repl-ping-slave-period", "repl-ping-replica-period"),
    ("slave-announce-ip", "replica-announce-ip"),
    ("slave-announce-port", "replica-announce-port"),
    ("slave-ignore-maxmemory", "replica-ignore-maxmemory"),
    ("slave-lazy-flush", "replica-lazy-flush"),
    ("slave-priority", "replica-priority"),
    ("slave-read-only", "replica-read-only"),
    ("slave-serve-stale-data", "replica-serve-stale-data"),
    ("slaveof", "replicaof"),
    ("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ("zset-max-ziplist-value", "zset-max-listpack-value"),
    ("aof_rewrite_cpulist", "aof-rewrite-cpulist"),
    ("bgsave_cpulist", "bgsave-cpulist"),
    ("bio_cpulist", "bio-cpulist"),
    ("server_cpulist", "server-cpulist"),
];

/// Directives of Redis whose promise cannot be kept, and why. `ignore-unknown-config` does not
/// cover them: a configuration that names them relies on them.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("loadmodule", "it has no modules; vector sets need none"),
    ("loadmodule-ex", "it has no modules; vector sets need none"),
    ("rename-command", "commands keep their names, and none can be hidden"),
    ("sentinel", "it is no Sentinel"),
];

/// Why an option of Redis of this name (in lower case) is refused, if it is.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, why)| *why)
}
