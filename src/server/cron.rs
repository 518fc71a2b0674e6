//! Background maintenance: active expiry, compaction of vector sets, idle time-outs, samples of
//! figures. It has a thread of its own, so that none of it delays a request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::join_deadline::JoinDeadline;
use super::thread_table::Balancer;
use crate::commands::observers::Event;
use crate::commands::{ROUNDS_PER_SECOND, Server};
use crate::keyspace::TierDir;
use crate::memory;
use crate::thread_signal::ThreadSignal;

/// Time between two rounds.
const ROUND: Duration = Duration::from_millis(1000 / ROUNDS_PER_SECOND as u64);
/// Keys that expire in one database in one round at most: bounds how long writers wait for its
/// locks.
const KEYS_PER_ROUND: usize = 10_000;
/// Time for the compaction of vector sets in one round at most: a tenth of a core.
const COMPACTION_PER_ROUND: Duration = Duration::from_millis(10);
/// Rounds between two samples of figures.
const ROUNDS_PER_SAMPLE: u32 = 10;
/// Rounds between two samples of the figures that the page of the HTTP port shows: ten seconds.
const ROUNDS_PER_HISTORY: u32 = 100;
/// Rounds between two looks at idle clients: they are closed at most so much after their time.
const ROUNDS_PER_IDLE_CHECK: u32 = 5;

/// The thread.
pub(super) struct Cron {
    signal: Arc<ThreadSignal>,
    thread: JoinHandle<()>,
}

impl Cron {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(server: Arc<Server>, balancer: Balancer) -> io::Result<Self> {
        let signal = Arc::new(ThreadSignal::default());
        let own = Arc::clone(&signal);
        let thread =
            std::thread::Builder::new().name("cron".into()).spawn(move || run(&server, balancer, &own))?;
        Ok(Self { signal, thread })
    }

    pub(super) fn stop(self, deadline: JoinDeadline) {
        self.signal.stop();
        deadline.join("the cron", self.thread, || ());
    }
}

fn run(server: &Server, mut balancer: Balancer, signal: &ThreadSignal) {
    let mut sample = Sample { at: Instant::now(), commands: 0, bytes_in: 0, bytes_out: 0 };
    let mut noted = Noted::default();
    let keeps_history = server.config.settings().http_port > 0;
    if keeps_history {
        server.history.sample(server);
    }
    for round in 1.. {
        if signal.wait_for(ROUND) {
            break;
        }
        balancer.round(heavy_commands(server), !server.config.settings().busy_poll().is_zero());
        server.keyspace.journal().release_writers();
        expire_keys(server);
        server.limit_clients();
        server.follow_save_rules();
        give_memory_back(server);
        server.keyspace.compact(Instant::now() + COMPACTION_PER_ROUND);
        if round % ROUNDS_PER_IDLE_CHECK == 0 {
            close_idle_clients(server);
        }
        if keeps_history && round % ROUNDS_PER_HISTORY == 0 {
            server.history.sample(server);
        }
        if round % ROUNDS_PER_SAMPLE == 0 {
            server.follow_log_rules();
            noted.look_at_tier(server);
            sample = sample.next(server);
            server.event_loops.sample();
            server.key_hit_rate.sample(server.keyspace.hits_and_misses());
            server.element_hit_rate.sample(server.keyspace.element_figures().hits_and_misses());
        }
    }
}

/// What the log has of the tier's directory.
#[derive(Default)]
struct Noted {
    refusals: u64,
    /// Room was refused between the last two looks, so the log has it.
    is_full: bool,
    unreadable_pages: u64,
}

impl Noted {
    fn look_at_tier(&mut self, server: &Server) {
        let Some(tier) = server.keyspace.tier() else { return };
        let (refusals, pages) = (tier.refusals(), TierDir::unreadable_pages());
        let is_full = refusals > self.refusals;
        if is_full && !self.is_full {
            tracing::warn!(
                "{} in tier-dir: parts of vector sets that should lie there take memory, {} MB by now",
                if tier.is_disk_full() { "no room is left" } else { "tier-max-bytes are used up" },
                tier.refused_bytes() >> 20,
            );
        }
        if pages > self.unreadable_pages {
            tracing::error!(
                "{} pages in tier-dir could not be read: their sets are damaged",
                pages - self.unreadable_pages
            );
        }
        *self = Self { refusals, is_full, unreadable_pages: pages };
    }
}

fn expire_keys(server: &Server) {
    if !server.may_remove_expired() || !server.expires_actively.load(Ordering::Relaxed) {
        return;
    }
    let began = Instant::now();
    for db in server.keyspace.databases() {
        db.expire_cycle(KEYS_PER_ROUND);
    }
    server.observers.event(Event::ExpireCycle, began.elapsed());
}

/// Returns the memory of a client that closed with many replies unread. The allocator would keep
/// the pages for some seconds, in case that they are needed again: for a client like this they are
/// mostly not.
fn give_memory_back(server: &Server) {
    if server.purge_requested.swap(false, Ordering::Relaxed) && !memory::purge() {
        tracing::debug!("the allocator gives no pages back");
    }
}

fn heavy_commands(server: &Server) -> u64 {
    server.traffic.iter().map(|traffic| traffic.commands_on_compute_pool.get()).sum()
}

/// Closes clients without a request for longer than `timeout`; not those that wait for a reply, and
/// no monitors and subscribers.
fn close_idle_clients(server: &Server) {
    let Some(timeout) = server.config.settings().idle_timeout() else { return };
    let idle = |client: &Arc<_>| is_idle(client, timeout);
    server.clients.list().into_iter().filter(idle).for_each(|client| client.kill());
}

fn is_idle(client: &crate::commands::client::ClientInfo, limit: Duration) -> bool {
    let waits = [&client.is_monitor, &client.is_held].into_iter().any(|flag| flag.load(Ordering::Relaxed));
    !waits && !client.is_subscribed() && !client.is_busy() && u128::from(client.idle_ms()) > limit.as_millis()
}

/// Commands counted at some time.
struct Sample {
    at: Instant,
    commands: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl Sample {
    fn next(self, server: &Server) -> Self {
        let next = Self::now(server);
        let seconds = next.at.saturating_duration_since(self.at).as_secs_f64().max(f64::EPSILON);
        let rate = |before: u64, after: u64| (after.saturating_sub(before) as f64 / seconds) as u64;
        let commands = rate(self.commands, next.commands);
        server.ops_per_second.store(commands, Ordering::Relaxed);
        server.net_input_per_second.store(rate(self.bytes_in, next.bytes_in), Ordering::Relaxed);
        server.net_output_per_second.store(rate(self.bytes_out, next.bytes_out), Ordering::Relaxed);
        next
    }

    fn now(server: &Server) -> Self {
        Self {
            at: Instant::now(),
            commands: server.statistics.commands_processed(),
            bytes_in: server.traffic.iter().map(|traffic| traffic.net_input_bytes.get()).sum(),
            bytes_out: server.traffic.iter().map(|traffic| traffic.net_output_bytes.get()).sum(),
        }
    }
}
