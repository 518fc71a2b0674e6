//! Every option, one entry each.

use super::compat::Compat;
use super::inert::INERT;
use super::kind::Kind;
use super::names::ALIASES;

/// What is known of an option.
pub struct OptionSpec {
    /// As in redis.conf; the flag is `--name`, the variable `NEARHIT_NAME`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default.
    pub default: &'static str,
    /// True if `CONFIG SET` may change it.
    pub mutable: bool,
    /// What it does; empty for an option without effect.
    pub help: &'static str,
}

impl OptionSpec {
    /// The environment variable of this option.
    pub fn variable(&self) -> String {
        format!("NEARHIT_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }
}

/// The option of this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static OptionSpec> {
    let alias = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, of)| of);
    all().find(|option| option.name.eq_ignore_ascii_case(name))
}

/// Every spelling under which an option is shown.
pub fn names() -> impl Iterator<Item = (&'static str, &'static OptionSpec)> {
    let aliases = ALIASES.iter().filter_map(|(alias, _)| Some((*alias, find(alias)?)));
    all().map(|option| (option.name, option)).chain(aliases)
}

/// Every option, also those without effect.
pub(super) fn all() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().chain(INERT)
}

/// Most threads of one kind; no machine gains from more.
const MAX_THREADS: u64 = 1024;
/// Longest time for which a thread polls. A sleep of this length costs nothing that is measurable.
const MAX_BUSY_POLL_US: u64 = 10_000;
/// The values of `maxmemory-policy`, in the order in which Redis lists them.
const EVICTION_POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "volatile-lrm",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "allkeys-lrm",
    "noeviction",
];
/// As far as a `c_int` goes.
const MAX_INT: u64 = i32::MAX as u64;
/// Why the options on replicas have one value.
const NO_REPLICAS: &str = "nearhit has no replicas";
/// Why the options on cached sessions have one value.
const NO_SESSION_CACHE: &str = "nothing is cached: clients keep tickets, see tls-session-caching";
/// Why ciphers cannot be chosen.
const OWN_CIPHERS: &str = "the ciphers are those of rustls, all of them strong";
/// Most commands a second of one connection: more than any can send.
const MAX_RATE: u64 = 1_000_000_000;
/// Longest limit of a search.
const MAX_SEARCH_TIMEOUT_MS: u64 = 3_600_000;
/// Longest time for a handshake.
const MAX_HANDSHAKE_TIMEOUT_MS: u64 = 3_600_000;
/// As far as a `long` goes.
const MAX_LONG: u64 = i64::MAX as u64;

/// Every option. To add one, add its entry, its field in `Settings` and its paragraph in
/// `configs/nearhit.conf`.
pub static OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "bind",
        kind: Kind::Words(|settings| &mut settings.bind),
        default: "127.0.0.1 -::1",
        mutable: true,
        help: "Addresses to listen on; one with a leading '-' may be missing on this machine, '*' is all of IPv4",
    },
    OptionSpec {
        name: "protected-mode",
        kind: Kind::Switch(|settings| &mut settings.protected_mode),
        default: "yes",
        mutable: true,
        help: "Whether clients of other machines are refused while the user 'default' needs no password",
    },
    OptionSpec {
        name: "port",
        kind: Kind::Number { field: |settings| &mut settings.port, min: 0, max: 65535 },
        default: "6379",
        mutable: true,
        help: "TCP port; 0 is none, for TLS or a Unix socket alone",
    },
    OptionSpec {
        name: "tls-port",
        kind: Kind::Number { field: |settings| &mut settings.tls.port, min: 0, max: 65535 },
        default: "0",
        mutable: true,
        help: "TCP port for connections with TLS; 0 is none",
    },
    OptionSpec {
        name: "tls-cert-file",
        kind: Kind::File(|settings| &mut settings.tls.cert_file),
        default: "",
        mutable: true,
        help: "Certificate of the server, and the chain up to its authority (PEM)",
    },
    OptionSpec {
        name: "tls-key-file",
        kind: Kind::File(|settings| &mut settings.tls.key_file),
        default: "",
        mutable: true,
        help: "Private key of the certificate (PEM, without a passphrase)",
    },
    OptionSpec {
        name: "tls-key-file-pass",
        kind: Kind::Secret(|settings| &mut settings.tls.key_file_pass),
        default: "",
        mutable: true,
        help: "Must be empty: keys with a passphrase are not read",
    },
    OptionSpec {
        name: "tls-ca-cert-file",
        kind: Kind::File(|settings| &mut settings.tls.ca_cert_file),
        default: "",
        mutable: true,
        help: "Authorities that sign the certificates of clients (PEM)",
    },
    OptionSpec {
        name: "tls-ca-cert-dir",
        kind: Kind::File(|settings| &mut settings.tls.ca_cert_dir),
        default: "",
        mutable: true,
        help: "Folder with such authorities",
    },
    OptionSpec {
        name: "tls-auth-clients",
        kind: Kind::Choice {
            field: |settings| &mut settings.tls.auth_clients,
            choices: &["no", "yes", "optional"],
        },
        default: "yes",
        mutable: true,
        help: "Whether clients must have a certificate; with 'optional' they may have none",
    },
    OptionSpec {
        name: "tls-auth-clients-user",
        kind: Kind::Choice { field: |settings| &mut settings.tls.auth_clients_user, choices: &["CN", "off"] },
        default: "off",
        mutable: true,
        help: "With 'CN', a client is the user whose name is the common name of its certificate, without a password",
    },
    OptionSpec {
        name: "tls-protocols",
        kind: Kind::Words(|settings| &mut settings.tls.protocols),
        default: "",
        mutable: true,
        help: "Versions of TLS: 'TLSv1.2', 'TLSv1.3'; empty for both",
    },
    OptionSpec {
        name: "tls-prefer-server-ciphers",
        kind: Kind::Switch(|settings| &mut settings.tls.prefer_server_ciphers),
        default: "no",
        mutable: true,
        help: "Whether the order of ciphers is that of the server",
    },
    OptionSpec {
        name: "tls-session-caching",
        kind: Kind::Switch(|settings| &mut settings.tls.session_caching),
        default: "yes",
        mutable: true,
        help: "Whether clients get tickets that make their next handshake short",
    },
    OptionSpec {
        name: "tls-session-cache-size",
        kind: Kind::Only { value: "20480", reason: NO_SESSION_CACHE },
        default: "20480",
        mutable: true,
        help: "Sessions that are kept",
    },
    OptionSpec {
        name: "tls-session-cache-timeout",
        kind: Kind::Only { value: "300", reason: NO_SESSION_CACHE },
        default: "300",
        mutable: true,
        help: "Seconds for which they are kept",
    },
    OptionSpec {
        name: "tls-handshake-timeout-ms",
        kind: Kind::Number {
            field: |settings| &mut settings.tls.handshake_timeout_ms,
            min: 1,
            max: MAX_HANDSHAKE_TIMEOUT_MS,
        },
        default: "10000",
        mutable: true,
        help: "Milliseconds that the server waits for a client in a handshake, in all",
    },
    OptionSpec {
        name: "tls-ciphers",
        kind: Kind::Only { value: "", reason: OWN_CIPHERS },
        default: "",
        mutable: true,
        help: "Ciphers of TLS 1.2",
    },
    OptionSpec {
        name: "tls-ciphersuites",
        kind: Kind::Only { value: "", reason: OWN_CIPHERS },
        default: "",
        mutable: true,
        help: "Ciphers of TLS 1.3",
    },
    OptionSpec {
        name: "tls-dh-params-file",
        kind: Kind::Only { value: "", reason: "keys are agreed on elliptic curves only" },
        default: "",
        mutable: true,
        help: "Parameters of Diffie and Hellman",
    },
    OptionSpec {
        name: "tls-auto-reload-interval",
        kind: Kind::Only { value: "0", reason: "files are read again by SIGHUP and CONFIG SET" },
        default: "0",
        mutable: true,
        help: "Seconds after which the files are read again",
    },
    OptionSpec {
        name: "http-port",
        kind: Kind::Number { field: |settings| &mut settings.http_port, min: 0, max: 65535 },
        default: "0",
        mutable: false,
        help: "Port for HTTP: /metrics, probes, and a page for people; 0 is none",
    },
    OptionSpec {
        name: "http-bind",
        kind: Kind::Words(|settings| &mut settings.http_bind),
        default: "127.0.0.1 -::1",
        mutable: false,
        help: "Addresses for HTTP, as in 'bind'",
    },
    OptionSpec {
        name: "metrics-max-sets",
        kind: Kind::Number { field: |settings| &mut settings.metrics_max_sets, min: 0, max: 1000 },
        default: "100",
        mutable: true,
        help: "Vector sets that /metrics shows each for itself: those with the most elements",
    },
    OptionSpec {
        name: "unixsocket",
        kind: Kind::Text(|settings| &mut settings.unixsocket),
        default: "",
        mutable: false,
        help: "Path of a Unix socket to listen on; empty for none",
    },
    OptionSpec {
        name: "unixsocketperm",
        kind: Kind::Octal { field: |settings| &mut settings.unixsocketperm, max: 0o777 },
        default: "0",
        mutable: false,
        help: "Permissions of the Unix socket, octal; 0 leaves them to the umask",
    },
    OptionSpec {
        name: "tcp-backlog",
        kind: Kind::Number { field: |settings| &mut settings.tcp_backlog, min: 0, max: MAX_INT },
        default: "511",
        mutable: false,
        help: "Connections that may wait to be accepted",
    },
    OptionSpec {
        name: "tcp-keepalive",
        kind: Kind::Number { field: |settings| &mut settings.tcp_keepalive, min: 0, max: MAX_INT },
        default: "300",
        mutable: true,
        help: "Seconds without traffic after which the system probes the client; 0 never",
    },
    OptionSpec {
        name: "timeout",
        kind: Kind::Number { field: |settings| &mut settings.timeout, min: 0, max: MAX_INT },
        default: "0",
        mutable: true,
        help: "Seconds without a request after which a client is disconnected; 0 never",
    },
    OptionSpec {
        name: "shutdown-timeout",
        kind: Kind::Number { field: |settings| &mut settings.shutdown_timeout, min: 0, max: MAX_INT },
        default: "10",
        mutable: true,
        help: "Seconds that SIGTERM and SHUTDOWN may take, not counting those in which the final snapshot makes progress: \
               then the process ends without what hangs; 0 means no limit",
    },
    OptionSpec {
        name: "maxclients",
        kind: Kind::Number { field: |settings| &mut settings.maxclients, min: 1, max: u32::MAX as u64 },
        default: "10000",
        mutable: true,
        help: "Clients that may be connected at once",
    },
    OptionSpec {
        name: "proto-max-bulk-len",
        kind: Kind::Memory { field: |settings| &mut settings.proto_max_bulk_len, min: 1 << 20, max: MAX_INT },
        default: "512mb",
        mutable: true,
        help: "Longest argument of a request",
    },
    OptionSpec {
        name: "client-query-buffer-limit",
        kind: Kind::Memory {
            field: |settings| &mut settings.client_query_buffer_limit,
            min: 1 << 20,
            max: MAX_INT,
        },
        default: "1gb",
        mutable: true,
        help: "Longest request; a client that sends a longer one is disconnected",
    },
    OptionSpec {
        name: "client-output-buffer-limit",
        kind: Kind::OutputLimits(|settings| &mut settings.client_output_buffer_limit),
        default: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        mutable: true,
        help: "'normal <hard> <soft> <seconds>': when to disconnect clients that do not read; 0 never. \
               'pubsub' is the class of clients with subscriptions; 'replica' has no clients here",
    },
    OptionSpec {
        name: "maxmemory-clients",
        kind: Kind::ClientMemory(|settings| &mut settings.maxmemory_clients),
        default: "0",
        mutable: true,
        help: "Memory of all clients beyond which those that take most are disconnected: bytes, or a percentage of maxmemory; 0 is none",
    },
    OptionSpec {
        name: "max-commands-per-second-per-client",
        kind: Kind::Number {
            field: |settings| &mut settings.max_commands_per_second_per_client,
            min: 0,
            max: MAX_RATE,
        },
        default: "0",
        mutable: true,
        help: "Commands a second beyond which those of one connection wait; 0 is no limit",
    },
    OptionSpec {
        name: "max-commands-per-second-per-user",
        kind: Kind::Number {
            field: |settings| &mut settings.max_commands_per_second_per_user,
            min: 0,
            max: MAX_RATE,
        },
        default: "0",
        mutable: true,
        help: "Commands a second beyond which those of all connections of one user wait; 0 is no limit",
    },
    OptionSpec {
        name: "search-timeout-ms",
        kind: Kind::Number {
            field: |settings| &mut settings.search_timeout_ms,
            min: 0,
            max: MAX_SEARCH_TIMEOUT_MS,
        },
        default: "0",
        mutable: true,
        help: "Milliseconds after which the searches of a request are given up with an error; 0 is no limit",
    },
    OptionSpec {
        name: "requirepass",
        kind: Kind::Secret(|settings| &mut settings.requirepass),
        default: "",
        mutable: true,
        help: "Password of the user 'default', which clients must give with AUTH; empty for none",
    },
    OptionSpec {
        name: "aclfile",
        kind: Kind::Text(|settings| &mut settings.aclfile),
        default: "",
        mutable: false,
        help: "File with a line 'user <name> <rules>' for each user, for ACL LOAD and ACL SAVE; empty for none",
    },
    OptionSpec {
        name: "acl-pubsub-default",
        kind: Kind::Choice {
            field: |settings| &mut settings.acl_pubsub_default,
            choices: &["allchannels", "resetchannels"],
        },
        default: "resetchannels",
        mutable: true,
        help: "Channels of new users: all, or none",
    },
    OptionSpec {
        name: "acllog-max-len",
        kind: Kind::Number { field: |settings| &mut settings.acllog_max_len, min: 0, max: MAX_LONG },
        default: "128",
        mutable: true,
        help: "How many refusals ACL LOG keeps",
    },
    OptionSpec {
        name: "enable-debug-command",
        kind: Kind::Choice {
            field: |settings| &mut settings.enable_debug_command,
            choices: &["no", "yes", "local"],
        },
        default: "no",
        mutable: false,
        help: "Clients that may use DEBUG; 'local' are those on this machine",
    },
    OptionSpec {
        name: "compat",
        kind: Kind::Choice { field: |settings| &mut settings.compat, choices: Compat::NAMES },
        default: "8.10",
        mutable: false,
        help: "Release of Redis whose commands, replies and errors are given where releases differ",
    },
    OptionSpec {
        name: "io-threads",
        kind: Kind::Number { field: |settings| &mut settings.io_threads, min: 0, max: MAX_THREADS },
        default: "0",
        mutable: false,
        help: "Threads that serve the network and run light commands; 0 is one for each core",
    },
    OptionSpec {
        name: "compute-threads",
        kind: Kind::Number { field: |settings| &mut settings.compute_threads, min: 0, max: MAX_THREADS },
        default: "0",
        mutable: false,
        help: "Threads that run heavy commands; 0 is one for each core",
    },
    OptionSpec {
        name: "busy-poll-us",
        kind: Kind::Number { field: |settings| &mut settings.busy_poll_us, min: 0, max: MAX_BUSY_POLL_US },
        default: "100",
        mutable: true,
        help: "Microseconds for which a network thread polls for the next request before it sleeps; 0: it sleeps",
    },
    OptionSpec {
        name: "daemonize",
        kind: Kind::Only {
            value: "no",
            reason: "nearhit stays in the foreground: use a service manager, or '&' of a shell",
        },
        default: "no",
        mutable: false,
        help: "Whether the server goes to the background",
    },
    OptionSpec {
        name: "supervised",
        kind: Kind::Choice {
            field: |settings| &mut settings.supervised,
            choices: &["upstart", "systemd", "auto", "no"],
        },
        default: "no",
        mutable: false,
        help: "'systemd' or 'auto': notify the service manager of start, progress and stop, if NOTIFY_SOCKET is set",
    },
    OptionSpec {
        name: "pidfile",
        kind: Kind::Text(|settings| &mut settings.pidfile),
        default: "",
        mutable: false,
        help: "File that holds the number of the process while it runs; empty for none",
    },
    OptionSpec {
        name: "loglevel",
        kind: Kind::Choice {
            field: |settings| &mut settings.loglevel,
            choices: &["debug", "verbose", "notice", "warning", "nothing"],
        },
        default: "notice",
        mutable: true,
        help: "What is logged",
    },
    OptionSpec {
        name: "logfile",
        kind: Kind::Text(|settings| &mut settings.logfile),
        default: "",
        mutable: false,
        help: "File to log to; empty for standard output",
    },
    OptionSpec {
        name: "log-format",
        kind: Kind::Choice {
            field: |settings| &mut settings.log_format,
            // The last is Valkey's name of the first.
            choices: &["text", "json", "legacy"],
        },
        default: "text",
        mutable: true,
        help: "How the log is written: as in Redis, or each line as a JSON object",
    },
    OptionSpec {
        name: "slowlog-log-slower-than",
        kind: Kind::Integer {
            field: |settings| &mut settings.slowlog_log_slower_than,
            min: -1,
            max: i64::MAX,
        },
        default: "10000",
        mutable: true,
        help: "Microseconds from which a command is recorded in the slow log; -1 never",
    },
    OptionSpec {
        name: "slowlog-max-len",
        kind: Kind::Number { field: |settings| &mut settings.slowlog_max_len, min: 0, max: MAX_LONG },
        default: "128",
        mutable: true,
        help: "Commands that the slow log keeps",
    },
    OptionSpec {
        name: "slowlog-entry-max-argc",
        kind: Kind::Number { field: |settings| &mut settings.slowlog_entry_max_argc, min: 2, max: MAX_INT },
        default: "32",
        mutable: true,
        help: "Arguments that an entry of the slow log keeps",
    },
    OptionSpec {
        name: "slowlog-entry-max-string-len",
        kind: Kind::Number {
            field: |settings| &mut settings.slowlog_entry_max_string_len,
            min: 1,
            max: MAX_LONG,
        },
        default: "128",
        mutable: true,
        help: "Bytes of each argument that an entry of the slow log keeps",
    },
    OptionSpec {
        name: "latency-monitor-threshold",
        kind: Kind::Number {
            field: |settings| &mut settings.latency_monitor_threshold,
            min: 0,
            max: MAX_LONG,
        },
        default: "0",
        mutable: true,
        help: "Milliseconds from which an event is recorded for LATENCY; 0 never",
    },
    OptionSpec {
        name: "latency-tracking",
        kind: Kind::Switch(|settings| &mut settings.latency_tracking),
        default: "yes",
        mutable: true,
        help: "Whether to count how long the calls of each command took, for LATENCY HISTOGRAM",
    },
    OptionSpec {
        name: "latency-tracking-info-percentiles",
        kind: Kind::Percentiles(|settings| &mut settings.latency_tracking_info_percentiles),
        default: "50 99 99.9",
        mutable: true,
        help: "Percentiles of these times that INFO LATENCYSTATS shows",
    },
    OptionSpec {
        name: "hash-max-listpack-entries",
        kind: Kind::Number {
            field: |settings| &mut settings.hash_max_listpack_entries,
            min: 0,
            max: MAX_LONG,
        },
        default: "512",
        mutable: true,
        help: "Fields up to which a hash is packed",
    },
    OptionSpec {
        name: "hash-max-listpack-value",
        kind: Kind::Memory { field: |settings| &mut settings.hash_max_listpack_value, min: 0, max: MAX_LONG },
        default: "64",
        mutable: true,
        help: "Bytes of a name or value up to which a hash is packed",
    },
    OptionSpec {
        name: "compression-threshold",
        kind: Kind::Memory { field: |settings| &mut settings.compression_threshold, min: 0, max: MAX_LONG },
        default: "256",
        mutable: true,
        help: "Bytes above which strings, values of hashes and attributes are compressed (0: none is)",
    },
    OptionSpec {
        name: "dir",
        kind: Kind::Text(|settings| &mut settings.dir),
        default: ".",
        mutable: true,
        help: "Folder that relative paths begin in",
    },
    OptionSpec {
        name: "dbfilename",
        kind: Kind::FileName(|settings| &mut settings.dbfilename),
        default: "dump.rdb",
        mutable: true,
        help: "File that the data are saved to, in 'dir'",
    },
    OptionSpec {
        name: "save",
        kind: Kind::SaveRules(|settings| &mut settings.save),
        default: "3600 1 300 100 60 10000",
        mutable: true,
        help: "'<seconds> <changes> …': save when so many seconds have passed and so much has changed; empty for never",
    },
    OptionSpec {
        name: "rdbcompression",
        kind: Kind::Switch(|settings| &mut settings.rdbcompression),
        default: "yes",
        mutable: true,
        help: "Whether strings are compressed in saved files",
    },
    OptionSpec {
        name: "rdbchecksum",
        kind: Kind::Switch(|settings| &mut settings.rdbchecksum),
        default: "yes",
        mutable: false,
        help: "Whether saved files end with a checksum",
    },
    OptionSpec {
        name: "stop-writes-on-bgsave-error",
        kind: Kind::Switch(|settings| &mut settings.stop_writes_on_bgsave_error),
        default: "yes",
        mutable: true,
        help: "Whether writes are refused after a save has failed, if there are save rules",
    },
    OptionSpec {
        name: "rdb-skip-unknown-types",
        kind: Kind::Switch(|settings| &mut settings.rdb_skip_unknown_types),
        default: "no",
        mutable: true,
        help: "Whether keys of types that nearhit does not have are skipped when a file is loaded",
    },
    OptionSpec {
        name: "appendonly",
        kind: Kind::Switch(|settings| &mut settings.appendonly),
        default: "no",
        mutable: true,
        help: "Whether every change is logged to a file, which is replayed at the next start",
    },
    OptionSpec {
        name: "appendfilename",
        kind: Kind::FileName(|settings| &mut settings.appendfilename),
        default: "appendonly.aof",
        mutable: false,
        help: "What the names of the log's files begin with",
    },
    OptionSpec {
        name: "appenddirname",
        kind: Kind::FileName(|settings| &mut settings.appenddirname),
        default: "appendonlydir",
        mutable: false,
        help: "Folder of the log, in 'dir'",
    },
    OptionSpec {
        name: "backupdirname",
        kind: Kind::FileName(|settings| &mut settings.backupdirname),
        default: "backupdir",
        mutable: false,
        help: "Folder that BACKUP keeps its files in",
    },
    OptionSpec {
        name: "backup-sealed-ttl",
        kind: Kind::Number {
            field: |settings| &mut settings.backup_sealed_ttl,
            min: 0,
            max: i64::MAX as u64,
        },
        default: "0",
        mutable: true,
        help: "Seconds after which a sealed backup is removed; 0 is never",
    },
    OptionSpec {
        name: "appendfsync",
        kind: Kind::Choice {
            field: |settings| &mut settings.appendfsync,
            choices: &["everysec", "always", "no"],
        },
        default: "everysec",
        mutable: true,
        help: "When changes are on disk: 'always' before the reply, 'everysec' soon after, 'no' when the system does it",
    },
    OptionSpec {
        name: "no-appendfsync-on-rewrite",
        kind: Kind::Switch(|settings| &mut settings.no_appendfsync_on_rewrite),
        default: "no",
        mutable: true,
        help: "Whether 'appendfsync' is as 'no' while a snapshot is written",
    },
    OptionSpec {
        name: "aof-buffer-limit",
        kind: Kind::Memory { field: |settings| &mut settings.aof_buffer_limit, min: 4096, max: MAX_INT },
        default: "256kb",
        mutable: true,
        help: "Bytes of changes that may wait for the disk; while there are more, writes wait",
    },
    OptionSpec {
        name: "auto-aof-rewrite-percentage",
        kind: Kind::Number {
            field: |settings| &mut settings.auto_aof_rewrite_percentage,
            min: 0,
            max: MAX_INT,
        },
        default: "100",
        mutable: true,
        help: "Growth in percent after which the log is rewritten automatically; 0 never",
    },
    OptionSpec {
        name: "auto-aof-rewrite-min-size",
        kind: Kind::Memory {
            field: |settings| &mut settings.auto_aof_rewrite_min_size,
            min: 0,
            max: MAX_LONG,
        },
        default: "64mb",
        mutable: true,
        help: "Size below which the log is not rewritten automatically",
    },
    OptionSpec {
        name: "aof-load-truncated",
        kind: Kind::Switch(|settings| &mut settings.aof_load_truncated),
        default: "yes",
        mutable: true,
        help: "Whether a log that ends in the middle of a change is cut off before it, and loaded",
    },
    OptionSpec {
        name: "aof-load-corrupt-tail-max-size",
        kind: Kind::Memory {
            field: |settings| &mut settings.aof_load_corrupt_tail_max_size,
            min: 0,
            max: MAX_INT,
        },
        default: "0",
        mutable: true,
        help: "Bytes at the end of a log below which damage is cut off, and the rest loaded; 0 never",
    },
    OptionSpec {
        name: "ignore-unknown-config",
        kind: Kind::Words(|settings| &mut settings.ignore_unknown_config),
        default: "",
        mutable: false,
        help: "Unknown options that are ignored: 'yes' for all, or their names, which may be patterns",
    },
    OptionSpec {
        name: "index-seed",
        kind: Kind::Number { field: |settings| &mut settings.index_seed, min: 0, max: u64::MAX },
        default: "0",
        mutable: false,
        help: "Seed of the random levels in the graphs: equal seeds and requests without removals build equal graphs",
    },
    OptionSpec {
        name: "vset-force-single-threaded-execution",
        kind: Kind::Switch(|settings| &mut settings.vset_force_single_threaded_execution),
        default: "no",
        mutable: true,
        help: "Whether commands on vector sets run on the network thread that read them, however heavy",
    },
    // Options of Redis that have one value here, for configurations and clients that name them.
    OptionSpec {
        name: "enable-protected-configs",
        kind: Kind::Only { value: "no", reason: "where files are written is chosen at start" },
        default: "no",
        mutable: false,
        help: "Whether 'dir' and 'dbfilename' may be changed",
    },
    OptionSpec {
        name: "databases",
        kind: Kind::Only { value: "16", reason: "their number is fixed" },
        default: "16",
        mutable: false,
        help: "Number of databases",
    },
    OptionSpec {
        name: "aof-use-rdb-preamble",
        kind: Kind::Switch(|settings| &mut settings.aof_use_rdb_preamble),
        default: "yes",
        mutable: true,
        help: "Whether the next base of the log is a snapshot, which is smaller and faster, or commands",
    },
    OptionSpec {
        name: "aof-timestamp-enabled",
        kind: Kind::Switch(|settings| &mut settings.aof_timestamp_enabled),
        default: "no",
        mutable: true,
        help: "Whether the log has the times of changes",
    },
    OptionSpec {
        name: "tier-dir",
        kind: Kind::Text(|settings| &mut settings.tier_dir),
        default: "",
        mutable: false,
        help: "Folder for the files of vector sets made with TIER warm, of one server; empty: there are no such sets",
    },
    OptionSpec {
        name: "tier-max-bytes",
        kind: Kind::Memory { field: |settings| &mut settings.tier_max_bytes, min: 0, max: MAX_LONG },
        default: "0",
        mutable: true,
        help: "Most bytes of the disk that these files take; what is beyond stays in memory; 0 is no limit",
    },
    OptionSpec {
        name: "tier-policy",
        kind: Kind::Choice {
            field: |settings| &mut settings.tier_policy,
            choices: &["off", "demote", "lazy"],
        },
        default: "off",
        mutable: true,
        help: "With tier-dir: 'demote' puts the finer codes of the coldest elements into files before anything is \
               evicted; with 'lazy' new elements begin there as well",
    },
    OptionSpec {
        name: "tier-cold-after",
        kind: Kind::Number { field: |settings| &mut settings.tier_cold_after, min: 0, max: u32::MAX as u64 },
        default: "0",
        mutable: true,
        help: "With tier-dir: seconds without use after which a vector set goes into a compressed file, from which \
               the next command that needs it takes it; 0: none does",
    },
    OptionSpec {
        name: "tier-io-limit",
        kind: Kind::Memory { field: |settings| &mut settings.tier_io_limit, min: 0, max: MAX_LONG },
        default: "64mb",
        mutable: true,
        help: "Bytes a second that work of the background writes to such files and to those of warm sets, and reads to \
               verify them or to bring sets back; 0 is no limit",
    },
    OptionSpec {
        name: "maxmemory",
        kind: Kind::MaxMemory(|settings| &mut settings.maxmemory),
        default: "auto",
        mutable: true,
        help: "Limit of memory: bytes, '80%' of the memory that there is, or 'auto', which is \
               maxmemory-ratio of it; 0 is none",
    },
    OptionSpec {
        name: "maxmemory-ratio",
        kind: Kind::Decimal { field: |settings| &mut settings.maxmemory_ratio, min: 0.01, max: 1.0 },
        default: "0.8",
        mutable: true,
        help: "What 'maxmemory auto' takes of the memory that there is",
    },
    OptionSpec {
        name: "mem-threshold-warn",
        kind: Kind::Number { field: |settings| &mut settings.mem_threshold_warn, min: 1, max: 100 },
        default: "75",
        mutable: true,
        help: "Percent of maxmemory above which the log has a warning",
    },
    OptionSpec {
        name: "mem-threshold-high",
        kind: Kind::Number { field: |settings| &mut settings.mem_threshold_high, min: 1, max: 100 },
        default: "90",
        mutable: true,
        help: "Percent of maxmemory above which free memory is given back to the system, and no vector \
               sets are made if nothing may be evicted",
    },
    OptionSpec {
        name: "mem-threshold-critical",
        kind: Kind::Number { field: |settings| &mut settings.mem_threshold_critical, min: 1, max: 100 },
        default: "95",
        mutable: true,
        help: "Percent of maxmemory above which eviction begins, in the background",
    },
    OptionSpec {
        name: "mem-pressure-some-avg10",
        kind: Kind::Decimal { field: |settings| &mut settings.mem_pressure_some_avg10, min: 0.0, max: 100.0 },
        default: "20",
        mutable: true,
        help: "Percent of time that tasks waited for memory (memory.pressure, some avg10) above which memory \
               is given back and evicted; 0 never",
    },
    OptionSpec {
        name: "maxmemory-policy",
        kind: Kind::Choice { field: |settings| &mut settings.maxmemory_policy, choices: EVICTION_POLICIES },
        default: "noeviction",
        mutable: true,
        help: "What is evicted at the limit of memory: of all keys or of those with a deadline, the least recently used, \
               least frequently used, or least recently modified, any, or the next to expire; 'noeviction': nothing",
    },
    OptionSpec {
        name: "maxmemory-samples",
        kind: Kind::Number { field: |settings| &mut settings.maxmemory_samples, min: 1, max: 64 },
        default: "5",
        mutable: true,
        help: "Keys that are compared for each eviction: more are more exact, and slower",
    },
    OptionSpec {
        name: "maxmemory-eviction-unit",
        kind: Kind::Choice {
            field: |settings| &mut settings.maxmemory_eviction_unit,
            choices: &["element", "key"],
        },
        default: "element",
        mutable: true,
        help: "What is evicted of a vector set: one element at a time, or the key with all elements, as in Redis",
    },
    OptionSpec {
        name: "maxmemory-eviction-tenacity",
        kind: Kind::Number { field: |settings| &mut settings.maxmemory_eviction_tenacity, min: 0, max: 100 },
        default: "10",
        mutable: true,
        help: "How long one command may evict before it is run: 0 for the least delay, 32 to 100 for 10 ms",
    },
    OptionSpec {
        name: "lfu-log-factor",
        kind: Kind::Number { field: |settings| &mut settings.lfu_log_factor, min: 0, max: MAX_INT },
        default: "10",
        mutable: true,
        help: "How rarely a high counter of uses grows: with 10 it is full after about a million uses",
    },
    OptionSpec {
        name: "lfu-decay-time",
        kind: Kind::Number { field: |settings| &mut settings.lfu_decay_time, min: 0, max: MAX_INT },
        default: "1",
        mutable: true,
        help: "Minutes without a use after which the counter of uses loses 1; 0: it never does",
    },
    OptionSpec {
        name: "notify-keyspace-events",
        kind: Kind::Events(|settings| &mut settings.notify_keyspace_events),
        default: "",
        mutable: true,
        help: "Events of keys that are published: letters for their classes (g$hxedmnoc, A for most) and for channels",
    },
    OptionSpec {
        name: "tracking-table-max-keys",
        kind: Kind::Number { field: |settings| &mut settings.tracking_table_max_keys, min: 0, max: MAX_LONG },
        default: "1000000",
        mutable: true,
        help: "Keys that are noted for CLIENT TRACKING, and 16 readers for each on average; 0: any number",
    },
    OptionSpec {
        name: "cluster-enabled",
        kind: Kind::Only { value: "no", reason: "nearhit is no cluster" },
        default: "no",
        mutable: false,
        help: "Whether the server is part of a cluster",
    },
    OptionSpec {
        name: "replicaof",
        kind: Kind::Only { value: "", reason: NO_REPLICAS },
        default: "",
        mutable: false,
        help: "Server whose data is copied",
    },
    OptionSpec {
        name: "replica-read-only",
        kind: Kind::Only { value: "yes", reason: NO_REPLICAS },
        default: "yes",
        mutable: true,
        help: "Whether a replica refuses writes",
    },
    OptionSpec {
        name: "syslog-enabled",
        kind: Kind::Only { value: "no", reason: "log to standard output or 'logfile'" },
        default: "no",
        mutable: false,
        help: "Whether to log to syslog",
    },
    OptionSpec {
        name: "min-replicas-to-write",
        kind: Kind::Only { value: "0", reason: NO_REPLICAS },
        default: "0",
        mutable: true,
        help: "Replicas below which writes are refused",
    },
    OptionSpec {
        name: "unixsocketgroup",
        kind: Kind::Only { value: "", reason: "give the folder of the socket to the group" },
        default: "",
        mutable: false,
        help: "Group of the Unix socket",
    },
    OptionSpec {
        name: "socket-mark-id",
        kind: Kind::Only { value: "0", reason: "sockets are not marked" },
        default: "0",
        mutable: false,
        help: "Mark of all sockets; 0 is none",
    },
    OptionSpec {
        name: "preload-file",
        kind: Kind::Only { value: "", reason: "data are loaded from dbfilename or the log" },
        default: "",
        mutable: false,
        help: "File to load at start",
    },
    OptionSpec {
        name: "rdb-version-check",
        kind: Kind::Only { value: "strict", reason: "a file of a later version cannot be read" },
        default: "strict",
        mutable: true,
        help: "What to do with files of later versions",
    },
    OptionSpec {
        name: "shutdown-on-sigint",
        kind: Kind::Only { value: "default", reason: "the arguments of SHUTDOWN choose that" },
        default: "default",
        mutable: true,
        help: "How SIGINT stops the server",
    },
    OptionSpec {
        name: "shutdown-on-sigterm",
        kind: Kind::Only { value: "default", reason: "the arguments of SHUTDOWN choose that" },
        default: "default",
        mutable: true,
        help: "How SIGTERM stops the server",
    },
    OptionSpec {
        name: "import-mode",
        kind: Kind::Only { value: "no", reason: "keys expire at their time" },
        default: "no",
        mutable: true,
        help: "Whether keys outlive their time",
    },
    OptionSpec {
        name: "key-memory-histograms",
        kind: Kind::Only { value: "no", reason: "INFO has no such histograms" },
        default: "no",
        mutable: false,
        help: "Whether sizes of keys are counted",
    },
    OptionSpec {
        name: "log-timestamp-format",
        kind: Kind::Only { value: "legacy", reason: "times have the form of log-format" },
        default: "legacy",
        mutable: true,
        help: "How the log shows times",
    },
    OptionSpec {
        name: "rdma-port",
        kind: Kind::Only { value: "0", reason: "nearhit has no RDMA" },
        default: "0",
        mutable: true,
        help: "Port for RDMA; 0 is none",
    },
    OptionSpec {
        name: "rdma-bind",
        kind: Kind::Only { value: "", reason: "nearhit has no RDMA" },
        default: "",
        mutable: true,
        help: "Addresses for RDMA",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::words;

    const SAMPLE: &str = include_str!("../../configs/nearhit.conf");

    #[test]
    fn every_default_is_valid_and_shown_back_as_a_valid_value() {
        for option in OPTIONS {
            let mut settings = Settings::default();
            option
                .kind
                .set(&mut settings, option.default)
                .unwrap_or_else(|why| panic!("{}: {why}", option.name));
            let shown = option.kind.show(settings.clone());
            let before = settings.clone();
            option.kind.set(&mut settings, &shown).expect("what is shown can be set");
            settings.tls.readings = before.tls.readings;
            assert_eq!(settings, before, "{}", option.name);
        }
    }

    /// Options that are named like secrets and are none.
    const NO_SECRETS: &[&str] = &[
        "key-memory-histograms",
        "notify-keyspace-events",
        "tls-auth-clients",
        "tls-auth-clients-user",
        "tls-client-key-file",
        "tls-key-file",
        "tracking-table-max-keys",
    ];

    #[test]
    fn options_with_names_of_secrets_are_secret() {
        let is_named_so = |option: &&OptionSpec| {
            ["pass", "auth", "key", "secret", "token"].iter().any(|word| option.name.contains(word))
        };
        let shown: Vec<_> = all().filter(is_named_so).filter(|option| !option.kind.is_secret()).collect();
        let unlisted: Vec<_> =
            shown.iter().map(|option| option.name).filter(|name| !NO_SECRETS.contains(name)).collect();
        assert!(unlisted.is_empty(), "to be of the kind Secret, or in the list above: {unlisted:?}");
        assert_eq!(shown.len(), NO_SECRETS.len(), "the list has no other names");
        assert_eq!(all().filter(|option| option.kind.is_secret()).count(), 4);
    }

    #[test]
    fn aliases_and_names_in_any_case_are_found() {
        let name = |text| find(text).map(|option| option.name);
        assert_eq!((name("PORT"), name("Slave-Read-Only")), (Some("port"), Some("replica-read-only")));
        assert_eq!(name("nonsense"), None);
        for (alias, of) in ALIASES {
            assert_eq!(name(alias), Some(*of));
        }
        assert!(names().any(|(name, option)| (name, option.name) == ("slaveof", "replicaof")));
    }

    #[test]
    fn the_sample_configuration_documents_every_option_with_its_default() {
        for option in OPTIONS {
            let shown = if option.default.is_empty() { "\"\"" } else { option.default };
            let line = format!("# {} {shown}", option.name);
            assert!(SAMPLE.lines().any(|found| found == line), "missing: {line}");
        }
    }

    #[test]
    fn the_bounds_in_the_sample_configuration_are_true_and_complete() {
        for option in OPTIONS {
            let (min, max) = match option.kind {
                Kind::Number { min, max, .. } => (min.to_string(), max.to_string()),
                Kind::Integer { min, max, .. } => (min.to_string(), max.to_string()),
                Kind::Memory { min, max, .. } if min % (1 << 20) == 0 => {
                    (format!("{}mb", min >> 20), max.to_string())
                }
                Kind::Memory { min, max, .. } => (format!("{}kb", min >> 10), max.to_string()),
                Kind::Octal { max, .. } => ("0".into(), format!("{max:o}")),
                Kind::Decimal { min, max, .. } => (min.to_string(), max.to_string()),
                _ => continue,
            };
            let lines = format!("# Bounds: {min} to {max}.\n# {} {}\n", option.name, option.default);
            assert!(SAMPLE.contains(&lines), "missing: {lines}");
        }
    }

    #[test]
    fn a_commented_out_default_may_be_uncommented() {
        for line in SAMPLE.lines().filter_map(|line| line.strip_prefix("# ")) {
            let mut words = words::split(line).unwrap_or_default().into_iter();
            let Some(option) = words.next().and_then(|name| find(&name)) else { continue };
            let value = words.collect::<Vec<_>>().join(" ");
            option.kind.set(&mut Settings::default(), &value).unwrap_or_else(|why| panic!("{line}: {why}"));
        }
    }
}
