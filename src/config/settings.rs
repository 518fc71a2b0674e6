//! The values of the options, typed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::NotApplied;
use super::client_memory::ClientMemory;
use super::compat::Compat;
use super::max_memory::MaxMemory;
use super::options::OPTIONS;
use super::tls::Tls;

/// One value for each option of the table that has more than one, under the option's name.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is documented by its line in OPTIONS")]
pub struct Settings {
    /// The `user` lines, which are no option: each name once.
    pub users: Vec<UserLine>,
    /// Values other than the default of options that have no effect here.
    pub inert: BTreeMap<&'static str, String>,
    pub bind: Vec<String>,
    pub protected_mode: bool,
    pub port: u64,
    pub tls: Tls,
    pub http_port: u64,
    pub http_bind: Vec<String>,
    pub metrics_max_sets: u64,
    pub unixsocket: String,
    pub unixsocketperm: u64,
    pub tcp_backlog: u64,
    pub tcp_keepalive: u64,
    pub timeout: u64,
    pub shutdown_timeout: u64,
    pub maxclients: u64,
    pub proto_max_bulk_len: u64,
    pub client_query_buffer_limit: u64,
    pub client_output_buffer_limit: OutputLimits,
    pub maxmemory_clients: ClientMemory,
    pub max_commands_per_second_per_client: u64,
    pub max_commands_per_second_per_user: u64,
    pub search_timeout_ms: u64,
    pub requirepass: String,
    pub aclfile: String,
    pub acl_pubsub_default: &'static str,
    pub acllog_max_len: u64,
    pub enable_debug_command: &'static str,
    pub compat: &'static str,
    pub io_threads: u64,
    pub compute_threads: u64,
    pub busy_poll_us: u64,
    pub supervised: &'static str,
    pub pidfile: String,
    pub loglevel: &'static str,
    pub logfile: String,
    pub log_format: &'static str,
    pub dir: String,
    pub dbfilename: String,
    pub save: Vec<SaveRule>,
    pub rdbcompression: bool,
    pub rdbchecksum: bool,
    pub stop_writes_on_bgsave_error: bool,
    pub rdb_skip_unknown_types: bool,
    pub appendonly: bool,
    pub appendfilename: String,
    pub appenddirname: String,
    pub backupdirname: String,
    pub backup_sealed_ttl: u64,
    pub appendfsync: &'static str,
    pub no_appendfsync_on_rewrite: bool,
    pub aof_buffer_limit: u64,
    pub auto_aof_rewrite_percentage: u64,
    pub auto_aof_rewrite_min_size: u64,
    pub aof_load_truncated: bool,
    pub aof_load_corrupt_tail_max_size: u64,
    pub aof_use_rdb_preamble: bool,
    pub aof_timestamp_enabled: bool,
    pub ignore_unknown_config: Vec<String>,
    pub index_seed: u64,
    pub tier_dir: String,
    pub tier_max_bytes: u64,
    pub tier_policy: &'static str,
    pub tier_cold_after: u64,
    pub tier_io_limit: u64,
    pub vset_force_single_threaded_execution: bool,
    pub hash_max_listpack_entries: u64,
    pub hash_max_listpack_value: u64,
    pub maxmemory: MaxMemory,
    pub maxmemory_ratio: f64,
    pub mem_threshold_warn: u64,
    pub mem_threshold_high: u64,
    pub mem_threshold_critical: u64,
    pub mem_pressure_some_avg10: f64,
    pub maxmemory_policy: &'static str,
    pub maxmemory_samples: u64,
    pub maxmemory_eviction_unit: &'static str,
    pub maxmemory_eviction_tenacity: u64,
    pub lfu_log_factor: u64,
    pub lfu_decay_time: u64,
    pub compression_threshold: u64,
    pub slowlog_log_slower_than: i64,
    pub slowlog_max_len: u64,
    pub slowlog_entry_max_argc: u64,
    pub slowlog_entry_max_string_len: u64,
    pub latency_monitor_threshold: u64,
    pub notify_keyspace_events: String,
    pub tracking_table_max_keys: u64,
    pub latency_tracking: bool,
    pub latency_tracking_info_percentiles: Vec<f64>,
}

/// A `user` line. What its rules mean is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// The user's name.
    pub name: String,
    /// The words after it.
    pub rules: Vec<String>,
}

/// A rule for automatic snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveRule {
    /// Seconds since the last time.
    pub seconds: u64,
    /// Changes since then, at least.
    pub changes: u64,
}

/// The classes of clients in `client-output-buffer-limit`. Here all clients are of the class
/// `normal`: the limits of the others are stored for `CONFIG GET` and `CONFIG REWRITE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// All other clients.
    Normal,
    /// Replicas, which this server does not have.
    Replica,
    /// Clients with subscriptions.
    PubSub,
}

/// When clients that do not read their replies are closed, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Of the class `normal`.
    pub normal: OutputLimit,
    /// Of the class `replica`.
    pub replica: OutputLimit,
    /// Of the class `pubsub`.
    pub pubsub: OutputLimit,
}

/// When a client that does not read its replies is closed. Zero means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes waiting that close it at once.
    pub hard_bytes: u64,
    /// Bytes that close it if they wait for longer than `soft_seconds`.
    pub soft_bytes: u64,
    /// How long `soft_bytes` may wait.
    pub soft_seconds: u64,
}

impl ClientClass {
    /// All, in the order in which Redis shows them.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Replica, Self::PubSub];

    /// The class of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "normal" => Some(Self::Normal),
            "replica" | "slave" => Some(Self::Replica),
            "pubsub" => Some(Self::PubSub),
            _ => None,
        }
    }

    /// The name that CONFIG REWRITE writes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Replica => "replica",
            Self::PubSub => "pubsub",
        }
    }

    /// The name that CONFIG GET shows: for replicas still the old one.
    pub fn shown_name(self) -> &'static str {
        if self == Self::Replica { "slave" } else { self.name() }
    }
}

impl OutputLimits {
    /// The limit of a class.
    pub fn of(&self, class: ClientClass) -> OutputLimit {
        match class {
            ClientClass::Normal => self.normal,
            ClientClass::Replica => self.replica,
            ClientClass::PubSub => self.pubsub,
        }
    }

    pub(super) fn of_mut(&mut self, class: ClientClass) -> &mut OutputLimit {
        match class {
            ClientClass::Normal => &mut self.normal,
            ClientClass::Replica => &mut self.replica,
            ClientClass::PubSub => &mut self.pubsub,
        }
    }
}

/// The three numbers, as CONFIG GET shows them.
impl std::fmt::Display for OutputLimit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}", self.hard_bytes, self.soft_bytes, self.soft_seconds)
    }
}

/// The clients that may use `DEBUG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugAccess {
    /// None.
    No,
    /// Those on this machine.
    Local,
    /// All.
    Yes,
}

impl Settings {
    /// The defaults of the table.
    pub fn defaults() -> Self {
        let mut settings = Self::default();
        for option in OPTIONS {
            let set = option.kind.set(&mut settings, option.default);
            debug_assert!(set.is_ok(), "the default of {} is not valid", option.name);
        }
        settings
    }

    /// Whether the values are possible together.
    ///
    /// # Errors
    /// An option that contradicts others, and how.
    pub(super) fn check(&self) -> Result<(), NotApplied> {
        self.tls.check()?;
        let ascending = [
            ("mem-threshold-warn", self.mem_threshold_warn),
            ("mem-threshold-high", self.mem_threshold_high),
            ("mem-threshold-critical", self.mem_threshold_critical),
        ];
        for [(below, lower), (option, value)] in ascending.array_windows() {
            if value < lower {
                let reason = format!("argument {value} must not be below '{below}', which is {lower}");
                return Err(NotApplied { option, reason });
            }
        }
        let in_files = [
            ("tier-policy", self.tier_policy.to_owned(), matches!(self.tier_policy, "demote" | "lazy")),
            ("tier-cold-after", self.tier_cold_after.to_string(), self.tier_cold_after > 0),
        ];
        if let Some((option, value, _)) =
            in_files.into_iter().find(|(.., needs_folder)| *needs_folder && self.tier_dir.is_empty())
        {
            let reason = format!("argument {value} needs a folder for the files: 'tier-dir'");
            return Err(NotApplied { option, reason });
        }
        Ok(())
    }

    /// True if there is an address to listen on.
    pub fn has_listener(&self) -> bool {
        self.port > 0 || self.tls.port > 0 || !self.unixsocket.is_empty()
    }

    /// The clients that may use `DEBUG`.
    pub fn debug_access(&self) -> DebugAccess {
        match self.enable_debug_command {
            "yes" => DebugAccess::Yes,
            "local" => DebugAccess::Local,
            _ => DebugAccess::No,
        }
    }

    /// The release of Redis that the server behaves like.
    pub fn compat(&self) -> Compat {
        Compat::named(self.compat)
    }

    /// Threads that serve the network.
    pub fn network_threads(&self) -> usize {
        or_cores(self.io_threads)
    }

    /// Threads that run heavy commands.
    pub fn heavy_threads(&self) -> usize {
        or_cores(self.compute_threads)
    }

    /// For how long a network thread polls for the next request; zero if it never does.
    pub fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll_us)
    }

    /// Duration from which a command is recorded in the slow log, if any is.
    pub fn slow_log_threshold(&self) -> Option<Duration> {
        u64::try_from(self.slowlog_log_slower_than).ok().map(Duration::from_micros)
    }

    /// How many slow commands are stored.
    pub fn slow_log_len(&self) -> usize {
        usize::try_from(self.slowlog_max_len).unwrap_or(usize::MAX)
    }

    /// Duration from which an event is recorded for `LATENCY`, if any is.
    pub fn latency_threshold(&self) -> Option<Duration> {
        let millis = self.latency_monitor_threshold;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// How long the shutdown may take without progress.
    pub fn shutdown_patience(&self) -> Option<Duration> {
        (self.shutdown_timeout > 0).then(|| Duration::from_secs(self.shutdown_timeout))
    }

    /// Idle time after which a client is disconnected, if any is.
    pub fn idle_timeout(&self) -> Option<Duration> {
        (self.timeout > 0).then(|| Duration::from_secs(self.timeout))
    }
}

/// Zero stands for the number of cores.
fn or_cores(asked: u64) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
        Ok(count) => count,
    }
}
