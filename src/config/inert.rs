//! Options of Redis and Valkey that have no effect here.
//!
//! They tune what nearhit has no part for (replicas, a cluster, lists, the main loop) or does by
//! itself, so that any value keeps every promise. A configuration file may name them, so that those
//! of packages start: values are checked and stored, `CONFIG GET` shows them, and `CONFIG REWRITE`
//! writes them. While the server runs they are constants: `CONFIG SET` of another value is an
//! error, since an effect is expected of it; but for [`KEPT_WHATEVER`].
//!
//! An option whose promise cannot be kept is not in this table: it is in `OPTIONS` with the one
//! value that is true, or in [`REFUSED`](super::names::REFUSED). At start one warning lists those
//! that were named.

use super::kind::{Kind, Shape};
use super::options::OptionSpec;
use super::settings::Settings;

/// As far as a `c_int` goes.
const MIN_INT: i64 = i32::MIN as i64;
const MAX_INT: i64 = i32::MAX as i64;
const MAX_LONG: i64 = i64::MAX;

const fn inert(name: &'static str, default: &'static str, shape: Shape) -> OptionSpec {
    let kind = Kind::Inert { name, default, shape };
    OptionSpec { name, kind, default, mutable: true, help: "" }
}

/// May not change while the server runs, as in Redis.
const fn fixed(option: OptionSpec) -> OptionSpec {
    OptionSpec { mutable: false, ..option }
}

const fn switch(name: &'static str, default: &'static str) -> OptionSpec {
    inert(name, default, Shape::Choice(&["yes", "no"]))
}

const fn choice(name: &'static str, default: &'static str, choices: &'static [&'static str]) -> OptionSpec {
    inert(name, default, Shape::Choice(choices))
}

const fn number(name: &'static str, default: &'static str, min: i64, max: i64) -> OptionSpec {
    inert(name, default, Shape::Integer(min, max))
}

const fn memory(name: &'static str, default: &'static str) -> OptionSpec {
    inert(name, default, Shape::Memory)
}

const fn text(name: &'static str, default: &'static str) -> OptionSpec {
    inert(name, default, Shape::Text)
}

const fn secret(name: &'static str, default: &'static str) -> OptionSpec {
    inert(name, default, Shape::Secret)
}

const fn words(name: &'static str, default: &'static str) -> OptionSpec {
    inert(name, default, Shape::Words)
}

/// Defaults and bounds are those of the newest Redis, or of Valkey where only it has the option.
pub(super) static INERT: &[OptionSpec] = &[
    number("active-defrag-cycle-max", "25", 1, 99),
    number("active-defrag-cycle-min", "1", 1, 99),
    number("active-defrag-cycle-us", "500", 0, 100000),
    memory("active-defrag-ignore-bytes", "104857600"),
    number("active-defrag-max-scan-fields", "1000", 1, MAX_LONG),
    number("active-defrag-threshold-lower", "10", 0, 1000),
    number("active-defrag-threshold-upper", "100", 0, 1000),
    number("active-expire-effort", "1", 1, 10),
    switch("activedefrag", "no"),
    switch("activerehashing", "yes"),
    fixed(switch("always-show-logo", "no")),
    fixed(text("aof-rewrite-cpulist", "")),
    switch("aof-rewrite-incremental-fsync", "yes"),
    number("array-slice-size", "4096", 256, 65536),
    number("array-sparse-kmax", "10", 0, 256),
    number("array-sparse-kmin", "5", 0, 256),
    text("availability-zone", ""),
    fixed(text("bgsave-cpulist", "")),
    words("bind-source-addr", ""),
    fixed(text("bio-cpulist", "")),
    number("busy-reply-threshold", "5000", 0, MAX_LONG),
    switch("cluster-allow-pubsubshard-when-down", "yes"),
    switch("cluster-allow-reads-when-down", "no"),
    switch("cluster-allow-replica-migration", "yes"),
    number("cluster-announce-bus-port", "0", 0, 65535),
    text("cluster-announce-client-ipv4", ""),
    text("cluster-announce-client-ipv6", ""),
    number("cluster-announce-client-port", "0", 0, 65535),
    number("cluster-announce-client-tls-port", "0", 0, 65535),
    text("cluster-announce-hostname", ""),
    text("cluster-announce-human-nodename", ""),
    text("cluster-announce-ip", ""),
    number("cluster-announce-port", "0", 0, 65535),
    number("cluster-announce-tls-port", "0", 0, 65535),
    number("cluster-blacklist-ttl", "60", 0, MAX_INT),
    switch("cluster-bus-port-protected-mode", "no"),
    number("cluster-compatibility-sample-ratio", "0", 0, 100),
    fixed(text("cluster-config-file", "nodes.conf")),
    choice("cluster-config-save-behavior", "sync", &["sync", "best-effort"]),
    fixed(number("cluster-databases", "1", MIN_INT, MAX_INT)),
    memory("cluster-link-sendbuf-limit", "0"),
    number("cluster-manual-failover-timeout", "5000", 1, MAX_INT),
    number("cluster-migration-barrier", "1", 0, MAX_INT),
    number("cluster-node-timeout", "15000", 0, MAX_LONG),
    fixed(number("cluster-port", "0", MIN_INT, MAX_INT)),
    choice("cluster-preferred-endpoint-type", "ip", &["ip", "hostname", "unknown-endpoint"]),
    switch("cluster-replica-no-failover", "no"),
    number("cluster-replica-validity-factor", "10", 0, MAX_INT),
    switch("cluster-require-full-coverage", "yes"),
    memory("cluster-slot-migration-handoff-max-lag-bytes", "1048576"),
    number("cluster-slot-migration-log-max-len", "1000", 0, MAX_LONG),
    number("cluster-slot-migration-write-pause-timeout", "10000", 0, MAX_LONG),
    choice("cluster-slot-stats-enabled", "no", &["no", "yes", "cpu", "net", "mem"]),
    number("commandlog-large-reply-max-len", "128", 0, MAX_LONG),
    number("commandlog-large-request-max-len", "128", 0, MAX_LONG),
    number("commandlog-reply-larger-than", "1048576", -1, MAX_LONG),
    number("commandlog-request-larger-than", "1048576", -1, MAX_LONG),
    switch("crash-log-enabled", "yes"),
    switch("crash-memcheck-enabled", "yes"),
    fixed(switch("disable-thp", "yes")),
    switch("dual-channel-replication-enabled", "no"),
    switch("dynamic-hz", "yes"),
    fixed(choice("enable-module-command", "no", &["no", "yes", "local"])),
    switch("extended-redis-compatibility", "no"),
    fixed(text("hash-seed", "")),
    switch("hide-user-data-from-log", "no"),
    memory("hll-sparse-max-bytes", "3000"),
    number("hz", "10", 0, MAX_INT),
    words("ignore-warnings", ""),
    fixed(switch("io-threads-do-reads", "no")),
    switch("jemalloc-bg-thread", "yes"),
    switch("lazyfree-lazy-eviction", "no"),
    switch("lazyfree-lazy-expire", "no"),
    switch("lazyfree-lazy-server-del", "no"),
    switch("lazyfree-lazy-user-del", "no"),
    switch("lazyfree-lazy-user-flush", "no"),
    number("list-compress-depth", "0", 0, MAX_INT),
    number("list-max-listpack-size", "-2", MIN_INT, MAX_INT),
    text("locale-collate", ""),
    number("lookahead", "16", 1, MAX_INT),
    secret("masterauth", ""),
    text("masteruser", ""),
    number("max-new-connections-per-cycle", "10", 1, 1000),
    number("max-new-tls-connections-per-cycle", "1", 1, 1000),
    number("min-replicas-max-lag", "10", 0, MAX_INT),
    fixed(switch("mptcp", "no")),
    choice("oom-score-adj", "no", &["no", "yes", "relative", "absolute"]),
    words("oom-score-adj-values", "0 200 800"),
    number("prefetch-batch-max-size", "16", 0, 128),
    text("proc-title-template", "{title} {listen-addr} {server-mode}"),
    choice("propagation-error-behavior", "ignore", &["ignore", "panic", "panic-on-replicas"]),
    switch("rdb-del-sync-files", "no"),
    switch("rdb-save-incremental-fsync", "yes"),
    fixed(number("rdma-completion-vector", "-1", MIN_INT, MAX_INT)),
    fixed(number("rdma-rx-size", "1048576", MIN_INT, MAX_INT)),
    memory("repl-backlog-size", "1048576"),
    number("repl-backlog-ttl", "3600", 0, MAX_LONG),
    switch("repl-disable-tcp-nodelay", "no"),
    choice(
        "repl-diskless-load",
        "disabled",
        &["disabled", "on-empty-db", "swapdb", "flushdb", "flush-before-load"],
    ),
    switch("repl-diskless-sync", "yes"),
    number("repl-diskless-sync-delay", "5", 0, MAX_INT),
    number("repl-diskless-sync-max-replicas", "0", 0, MAX_INT),
    fixed(switch("repl-mptcp", "no")),
    number("repl-ping-replica-period", "10", 1, MAX_INT),
    number("repl-timeout", "60", 1, MAX_INT),
    text("replica-announce-ip", ""),
    number("replica-announce-port", "0", 0, 65535),
    switch("replica-announced", "yes"),
    memory("replica-full-sync-buffer-limit", "0"),
    switch("replica-ignore-disk-write-errors", "no"),
    switch("replica-ignore-maxmemory", "yes"),
    switch("replica-lazy-flush", "no"),
    number("replica-priority", "100", 0, MAX_INT),
    switch("replica-serve-stale-data", "yes"),
    choice("sanitize-dump-payload", "no", &["no", "yes", "clients"]),
    fixed(text("server-cpulist", "")),
    number("set-max-intset-entries", "512", 0, MAX_LONG),
    number("set-max-listpack-entries", "128", 0, MAX_LONG),
    number("set-max-listpack-value", "64", 0, MAX_LONG),
    fixed(switch("set-proc-title", "yes")),
    text("slot-migration-max-failover-repl-bytes", "0"),
    number("stream-idmp-duration", "100", 1, 86400),
    number("stream-idmp-maxsize", "100", 1, 10000),
    memory("stream-node-max-bytes", "4096"),
    number("stream-node-max-entries", "100", 0, MAX_LONG),
    fixed(text("syslog-facility", "local0")),
    fixed(text("syslog-ident", "redis")),
    text("tls-client-cert-file", ""),
    text("tls-client-key-file", ""),
    secret("tls-client-key-file-pass", ""),
    switch("tls-cluster", "no"),
    text("tls-expected-peer-name", ""),
    switch("tls-replication", "no"),
    number("zset-max-listpack-entries", "128", 0, MAX_LONG),
    memory("zset-max-listpack-value", "64"),
];

/// Options that may be set to any value, since what each value stands for is always done.
const KEPT_WHATEVER: &[&str] = &[
    // Every payload of RESTORE is checked.
    "sanitize-dump-payload",
    // Large values are freed by a thread of their own.
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
];

/// The value that the option keeps while the server runs, if it is one that has no effect.
pub(super) fn constant(option: &OptionSpec, settings: &Settings) -> Option<String> {
    let is_constant = matches!(option.kind, Kind::Inert { .. }) && !KEPT_WHATEVER.contains(&option.name);
    is_constant.then(|| option.kind.show(settings.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::{OPTIONS, find};

    #[test]
    fn an_option_is_in_one_table_only_and_its_default_is_valid() {
        for option in INERT {
            assert!(OPTIONS.iter().all(|other| other.name != option.name), "{}", option.name);
            let mut settings = Settings::default();
            option
                .kind
                .set(&mut settings, option.default)
                .unwrap_or_else(|why| panic!("{}: {why}", option.name));
            assert_eq!(settings, Settings::default(), "{}: a default needs no place", option.name);
        }
    }

    #[test]
    fn values_are_checked_and_kept() {
        let mut settings = Settings::default();
        let option = |name| find(name).expect("it is one");
        for (name, value, shown) in [
            ("hz", "100", "100"),
            ("repl-backlog-size", "2mb", "2097152"),
            ("activedefrag", "YES", "yes"),
            ("slave-priority", "7", "7"),
            ("proc-title-template", "a b", "a b"),
        ] {
            option(name).kind.set(&mut settings, value).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(option(name).kind.show(settings.clone()), shown);
        }
        for (name, value) in [("hz", "x"), ("hz", "-1"), ("activedefrag", "1"), ("repl-backlog-size", "x")] {
            assert!(option(name).kind.set(&mut settings, value).is_err(), "{name} {value}");
        }
        option("hz").kind.set(&mut settings, "10").expect("it is the default");
        assert_eq!(settings.inert.get("hz"), None);
    }
}
