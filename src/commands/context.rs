//! What a running command can access: the server's shared state, and the client that sent it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::acl::Acl;
use super::client::{Client, Clients};
use super::client_limit::ClientLimit;
use super::event_loops::EventLoops;
use super::history::History;
use super::hit_rate::HitRate;
use super::memory_limit::MemoryLimit;
use super::observers::Observers;
use super::pause::Pause;
use super::pubsub::{KeyspaceEvents, PubSub};
use super::spec::Flags;
use super::statistics::Statistics;
use super::stop::Stop;
use super::tracking::Tracking;
use crate::compressed;
use crate::config::{Compat, Config, NotApplied};
use crate::counters;
use crate::counters::Sharded;
use crate::keyspace::{Access, EventFlags, Keyspace, Lfu, PackedLimits, Policy, Unit, View};
use crate::memory;
use crate::persistence::aof::{Aof, Choices, Names, SyncPolicy};
use crate::persistence::loading::Loading;
use crate::persistence::saving::Saving;
use crate::vector_set::{Now, TierPolicy};

/// Length of the random names in `INFO`, in hexadecimal digits.
const RUN_ID_LEN: usize = 40;

/// The state all clients share.
pub struct Server {
    /// The data.
    pub keyspace: Keyspace,
    /// The options.
    pub config: Config,
    /// The release of Redis whose behaviour the server has; [`Compat`] says how commands use it.
    pub compat: Compat,
    /// Users, and what was refused to them.
    pub acl: Arc<Acl>,
    /// Counts of commands.
    pub statistics: Statistics,
    /// Counts of connections.
    pub traffic: Arc<Sharded<Traffic>>,
    /// How busy the network threads are.
    pub event_loops: EventLoops,
    /// The connected clients.
    pub clients: Arc<Clients>,
    /// `maxmemory-clients`.
    pub client_limit: ClientLimit,
    /// Monitors, slow log, latency monitor and hot keys.
    pub observers: Observers,
    /// The limit of memory.
    pub memory: MemoryLimit,
    /// What `CLIENT PAUSE` holds back.
    pub pause: Pause,
    /// The subscriptions of all clients.
    pub pubsub: Arc<PubSub>,
    /// The clients that cache what they read.
    pub tracking: Arc<Tracking>,
    /// How much of the data has been loaded.
    pub loading: Loading,
    /// Time of the server's start.
    pub started: Instant,
    /// The same on the clock, in Unix seconds.
    pub started_unix_s: u64,
    /// Bytes in use when this was made.
    pub startup_bytes: u64,
    /// A random name of this run.
    pub run_id: String,
    /// A random name of the history of the data, for replicas to compare.
    pub replication_id: ReplicationId,
    /// True while checksums of values and files are not checked: for tests.
    pub skips_checksums: AtomicBool,
    /// The TCP port on which the server listens now, or 0.
    pub tcp_port: AtomicU16,
    /// Commands in the last second, measured by the cron.
    pub ops_per_second: AtomicU64,
    /// Lookups of keys that found one.
    pub key_hit_rate: HitRate,
    /// Lookups of elements of vector sets that found some.
    pub element_hit_rate: HitRate,
    /// Figures of the last hour, if there is an `http-port`.
    pub history: History,
    /// True if commands on vector sets run on the network thread that reads them:
    /// `vset-force-single-threaded-execution`.
    pub vector_sets_single_threaded: AtomicBool,
    /// `search-timeout-ms`; 0 is no limit.
    pub search_timeout_ms: AtomicU64,
    /// False if expired keys are removed only when a command looks them up: `DEBUG
    /// SET-ACTIVE-EXPIRE`.
    pub expires_actively: AtomicBool,
    /// Set when a client with large buffers has disconnected: the allocator is to return its free
    /// pages.
    pub purge_requested: AtomicBool,
    /// Bytes received per second, measured by the cron.
    pub net_input_per_second: AtomicU64,
    /// See `net_input_per_second`.
    pub net_output_per_second: AtomicU64,
    /// Snapshots of the data in a file.
    pub saving: Saving,
    /// The log of changes.
    pub aof: Arc<Aof>,
    /// The request to stop the server, and how far the stop has come.
    pub stop: Stop,
}

counters! {
    /// Counts of one thread's connections.
    pub struct Traffic {
        /// Connections accepted.
        connections_received,
        /// Connections refused for `maxclients`.
        rejected_connections,
        /// Bytes read.
        net_input_bytes,
        /// Bytes written.
        net_output_bytes,
        /// Reads that returned bytes.
        reads_processed,
        /// Reads that completed at least one request, up to the read before the last of each
        /// connection.
        pipelines,
        /// The requests that they completed.
        pipelined,
        /// Writes.
        writes_processed,
        /// Clients closed because their request outgrew its limit.
        query_buffer_closed,
        /// Clients closed because they did not read their replies.
        output_buffer_closed,
        /// Clients closed for `maxmemory-clients`.
        evicted_clients,
        /// How often a connection waited for `max-commands-per-second-per-client`.
        rate_limited,
        /// Handshakes of TLS that failed.
        tls_handshake_failures,
        /// Logins that failed: the password was wrong, or there is no such user, or it is off.
        wrong_passwords,
        /// Certificates that name no user who may log in.
        denied_certificates,
        /// Commands that their user may not run.
        denied_commands,
        /// Commands with a key that their user may not use.
        denied_keys,
        /// Commands with a channel that their user may not use.
        denied_channels,
        /// Commands for a database that their user may not use.
        denied_databases,
        /// Commands that ran on the compute pool.
        commands_on_compute_pool,
    }
}

impl Server {
    /// A server with these options over these data.
    pub fn new(config: Config, keyspace: Keyspace) -> Self {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let settings = config.settings();
        let names = Names::new(&settings.appenddirname, &settings.appendfilename);
        let backups = Path::new(&settings.backupdirname);
        let aof = Arc::new(Aof::new(Arc::clone(keyspace.journal()), names, backups));
        let switched = Arc::clone(&aof);
        config.when_changed(move |before, after| match before.appendonly == after.appendonly {
            true => Ok(()),
            false => switched
                .switch(after.appendonly)
                .map_err(|why| NotApplied { option: "appendonly", reason: why.to_string() }),
        });
        let clients = Arc::new(Clients::default());
        let traffic = Arc::new(Sharded::new(Traffic::default));
        let tracking = Tracking::new(Arc::clone(&clients), Arc::clone(&traffic), keyspace.tracking_switch());
        let acl = Arc::new(Acl::new(&settings));
        let followed = Arc::clone(&acl);
        config.when_changed(move |before, after| {
            followed.follow_password(before, after);
            Ok(())
        });
        let server = Self {
            acl,
            saving: Saving::new(Arc::clone(keyspace.journal())),
            aof,
            keyspace,
            compat: settings.compat(),
            config,
            statistics: Statistics::default(),
            traffic,
            clients,
            tracking: Arc::new(tracking),
            client_limit: ClientLimit::default(),
            event_loops: EventLoops::default(),
            observers: Observers::default(),
            memory: MemoryLimit::default(),
            pause: Pause::default(),
            pubsub: Arc::default(),
            loading: Loading::default(),
            started: Instant::now(),
            started_unix_s: now_s,
            startup_bytes: memory::used_bytes(),
            run_id: random_hex(),
            replication_id: ReplicationId::default(),
            skips_checksums: AtomicBool::new(false),
            tcp_port: AtomicU16::new(0),
            ops_per_second: AtomicU64::new(0),
            key_hit_rate: HitRate::default(),
            element_hit_rate: HitRate::default(),
            history: History::default(),
            vector_sets_single_threaded: AtomicBool::default(),
            search_timeout_ms: AtomicU64::new(0),
            expires_actively: AtomicBool::new(true),
            purge_requested: AtomicBool::new(false),
            net_input_per_second: AtomicU64::new(0),
            net_output_per_second: AtomicU64::new(0),
            stop: Stop::default(),
        };
        server.keyspace.set_opener(crate::persistence::rdb::vector_set::cold::open);
        let events = KeyspaceEvents::new(Arc::clone(&server.pubsub), Arc::clone(&server.traffic));
        server.keyspace.set_event_sink(Arc::new(events));
        server.keyspace.set_tracker(Arc::clone(&server.tracking) as _);
        server.follow_settings();
        server
    }

    /// Copies the options that every command reads; to be called when they change.
    pub fn follow_settings(&self) {
        let settings = self.config.settings();
        self.observers.configure(&settings);
        self.acl.follow_settings(&settings);
        self.statistics.track_latency(settings.latency_tracking);
        self.vector_sets_single_threaded
            .store(settings.vset_force_single_threaded_execution, Ordering::Relaxed);
        self.search_timeout_ms.store(settings.search_timeout_ms, Ordering::Relaxed);
        self.aof.configure(Choices {
            policy: SyncPolicy::named(settings.appendfsync),
            spares_snapshots: settings.no_appendfsync_on_rewrite,
            is_dated: settings.aof_timestamp_enabled,
            buffer_limit: usize::try_from(settings.aof_buffer_limit).unwrap_or(usize::MAX),
        });
        let [fields, len] = [settings.hash_max_listpack_entries, settings.hash_max_listpack_value]
            .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        self.keyspace.set_packed_limits(PackedLimits { fields, len });
        if let Some(tier) = self.keyspace.tier() {
            tier.set_max_bytes(settings.tier_max_bytes);
            tier.set_io_limit(settings.tier_io_limit);
            tier.balance().set_policy(TierPolicy::named(settings.tier_policy).unwrap_or_default());
        }
        let samples = usize::try_from(settings.maxmemory_samples).unwrap_or(usize::MAX);
        self.keyspace.configure_eviction(
            Policy::named(settings.maxmemory_policy).unwrap_or_default(),
            samples,
            Unit::named(settings.maxmemory_eviction_unit).unwrap_or_default(),
        );
        let [log_factor, decay_minutes] = [settings.lfu_log_factor, settings.lfu_decay_time]
            .map(|setting| u32::try_from(setting).unwrap_or(u32::MAX));
        self.keyspace.set_lfu(Lfu { log_factor, decay_minutes });
        compressed::set_threshold(usize::try_from(settings.compression_threshold).unwrap_or(usize::MAX));
        let limits = settings.client_output_buffer_limit;
        self.pubsub.set_limits(limits);
        self.tracking.configure(settings.tracking_table_max_keys, limits);
        self.keyspace.set_event_flags(EventFlags::of_letters(&settings.notify_keyspace_events));
        self.update_write_refusal();
        self.follow_memory_limit();
    }

    /// True while expired keys may be removed. Each removal is a change, so none is made while the
    /// journal is full. None is made during a `CLIENT PAUSE`, since the data must not change then,
    /// and none while data are loaded, since the log may name such keys.
    pub fn may_remove_expired(&self) -> bool {
        !self.loading.is_on() && !self.keyspace.journal().is_full() && self.pause.in_force().is_none()
    }

    /// Removes the keys that the command that has just run found expired.
    pub fn remove_expired(&self, client: &mut Client) {
        if !client.expired_keys.is_empty() {
            self.keyspace.remove_expired(&mut client.expired_keys, self.may_remove_expired());
        }
    }

    /// `CONFIG RESETSTAT`.
    pub fn reset_statistics(&self) {
        self.statistics.reset();
        self.observers.slow_log.reset_totals();
        self.traffic.iter().for_each(Traffic::reset);
        self.event_loops.reset();
        self.keyspace.reset_statistics();
        self.key_hit_rate.reset();
        self.element_hit_rate.reset();
        memory::reset_peak();
    }
}

/// `master_replid`.
pub struct ReplicationId(Mutex<String>);

impl Default for ReplicationId {
    fn default() -> Self {
        Self(Mutex::new(random_hex()))
    }
}

impl ReplicationId {
    /// The digits.
    pub fn digits(&self) -> String {
        self.0.lock().clone()
    }

    /// Chooses new digits.
    pub fn change(&self) {
        *self.0.lock() = random_hex();
    }
}

/// Forty random digits; unpredictable enough for a name, not for a secret.
fn random_hex() -> String {
    let random = ahash::RandomState::new();
    let words = (0..3u8).map(|word| format!("{:016x}", random.hash_one(word)));
    let mut digits: String = words.collect();
    digits.truncate(RUN_ID_LEN);
    digits
}

/// The data that a running command can use.
pub struct Context<'a> {
    /// Shared state.
    pub server: &'a Server,
    /// The client that sent the command.
    pub client: &'a mut Client,
    /// The time of the `EXEC` that runs the command, if one does.
    pub moment_ms: Option<i64>,
    /// Lookups count as uses of their keys.
    pub touches: bool,
}

impl<'a> Context<'a> {
    /// The context of a command of this client, outside of a transaction.
    pub fn new(server: &'a Server, client: &'a mut Client) -> Self {
        let touches = Self::touches(server, client, Flags::NONE);
        Self { server, client, moment_ms: None, touches }
    }

    /// True if lookups of a command with these flags count as uses of their keys.
    pub(super) fn touches(server: &Server, client: &Client, flags: Flags) -> bool {
        (!client.no_touch || flags.has(Flags::ALWAYS_TOUCHES)) && server.keyspace.reads_touch()
    }

    /// True while an `EXEC` runs the command.
    pub fn is_in_exec(&self) -> bool {
        self.moment_ms.is_some()
    }

    /// The time, in milliseconds since 1970: for the commands of a transaction, its own.
    pub fn now_ms(&self) -> i64 {
        self.moment_ms.unwrap_or_else(|| self.server.keyspace.clock().now_ms())
    }

    /// The time at which the command looks at vector sets that have no key yet.
    pub fn now(&self) -> Now {
        let used_ms = self.now_ms();
        let expiry_ms = if self.client.replays { 0 } else { used_ms };
        Now { expiry_ms, used_ms, touches: self.touches, lfu: self.server.keyspace.lfu() }
    }

    /// How the command accesses keys.
    pub fn access(&self) -> Access<'_> {
        Access {
            moment_ms: self.moment_ms,
            recent_ms: self.client.recent_ms,
            touches: self.touches,
            shows_expired: self.client.replays,
            expired: Some(&self.client.expired_keys),
        }
    }

    /// True if what changed with this release applies to the command. It does not apply to a
    /// replay: commands of a log were valid when they were logged, whichever release was chosen
    /// then.
    pub fn is_like(&self, release: Compat) -> bool {
        self.server.compat >= release && !self.client.replays
    }

    /// The database that the client selected.
    pub fn db(&self) -> View<'_> {
        self.server.keyspace.view(self.client.db, self.access())
    }
}
