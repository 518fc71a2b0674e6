//! Observers of commands: monitors, the slow log, the latency monitor and `HOTKEYS`.
//!
//! They depend on no command: `Observers::note` is called with each command that has run. While
//! there is no monitor and nothing is slow, a command costs one read of a word that seldom changes.

pub mod hot_keys;
mod latency;
mod monitors;
mod redaction;
mod slow_log;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::client::{Client, ClientInfo};
use super::context::Server;
use super::registry::Command;
use super::spec::Flags;
use crate::config::Settings;
use crate::resp::{Error, Reply, Request};
use hot_keys::HotKeys;
pub use latency::{Event, Latency, Sample, Series};
use monitors::Monitors;
pub use slow_log::{Entry as SlowEntry, SlowLog, SlowTotals};

/// All observers of commands.
pub struct Observers {
    /// No observer notes a command that took fewer nanoseconds. Follows from `enabled`.
    floor_nanos: AtomicU64,
    enabled: Mutex<Enabled>,
    /// Commands that were slow.
    pub slow_log: SlowLog,
    /// Times at which the server was slow.
    pub latency: Latency,
    /// Keys by time and traffic, while a session runs.
    pub hot_keys: HotKeys,
}

/// Which observers are on, and from which duration.
#[derive(Default)]
struct Enabled {
    monitors: Monitors,
    /// The threshold of the slow log, if it is on.
    slow_nanos: Option<u64>,
    /// The threshold of the latency monitor, if it is on.
    latency_nanos: Option<u64>,
}

/// A command that has run.
#[derive(Clone, Copy)]
pub(super) struct Observed<'a> {
    pub(super) command: &'a Command,
    pub(super) request: &'a Request,
    pub(super) took: Duration,
}

impl Observed<'_> {
    /// What the client sent, without its secrets.
    fn arguments(&self) -> Vec<&[u8]> {
        redaction::arguments(self.command, self.request)
    }

    fn nanos(&self) -> u64 {
        nanos(self.took)
    }
}

impl Default for Observers {
    fn default() -> Self {
        Self {
            floor_nanos: AtomicU64::new(u64::MAX),
            enabled: Mutex::default(),
            slow_log: SlowLog::default(),
            latency: Latency::default(),
            hot_keys: HotKeys::default(),
        }
    }
}

impl Observers {
    /// Applies the options.
    pub fn configure(&self, settings: &Settings) {
        let mut enabled = self.enabled.lock();
        enabled.slow_nanos = settings.slow_log_threshold().map(nanos);
        enabled.latency_nanos = settings.latency_threshold().map(nanos);
        self.refresh(&enabled);
    }

    /// From now on the client sees every command.
    pub fn join(&self, info: &Arc<ClientInfo>) {
        let mut enabled = self.enabled.lock();
        enabled.monitors.join(info);
        self.refresh(&enabled);
    }

    /// The client sees no commands any more.
    pub fn leave(&self, id: u64) {
        let mut enabled = self.enabled.lock();
        enabled.monitors.leave(id);
        self.refresh(&enabled);
    }

    /// Puts the lines so far into the queues of the monitors, which take them from there.
    pub fn queue_lines(&self) {
        self.enabled.lock().monitors.queue_lines();
    }

    fn refresh(&self, enabled: &Enabled) {
        self.floor_nanos.store(enabled.floor(), Ordering::Relaxed);
    }

    /// True if a command that took so long may have to be noted somewhere.
    pub(super) fn may_note(&self, took: Duration) -> bool {
        self.hot_keys.is_active() || self.is_above_floor(took)
    }

    fn is_above_floor(&self, took: Duration) -> bool {
        // Relaxed: a command that runs while a monitor joins is shown to it or not.
        took.as_nanos() >= u128::from(self.floor_nanos.load(Ordering::Relaxed))
    }

    /// Notes what made the server slow, if it took long enough.
    pub fn event(&self, event: Event, took: Duration) {
        let floor = self.enabled.lock().latency_nanos;
        if floor.is_some_and(|floor| nanos(took) >= floor) {
            self.latency.note(event, took);
        }
    }

    /// Passes a command that has run to all observers that are on.
    #[cold]
    pub(super) fn note(
        &self,
        server: &Server,
        client: &Client,
        observed: Observed,
        reply: &Result<Reply, Error>,
    ) {
        if self.hot_keys.is_active() {
            self.hot_keys.note(client, observed, reply);
        }
        if !self.is_above_floor(observed.took) {
            return;
        }
        let mut enabled = self.enabled.lock();
        let is_slow = enabled.slow_nanos.is_some_and(|floor| observed.nanos() >= floor);
        let spoils_latency = enabled.latency_nanos.is_some_and(|floor| observed.nanos() >= floor);
        if !enabled.monitors.is_empty() && monitors::is_visible(observed.command.spec.flags) {
            let too_slow = enabled.feed(server, client, observed);
            self.refresh(&enabled);
            server.traffic.mine().output_buffer_closed.add(too_slow as u64);
        }
        drop(enabled);
        if is_slow && !observed.command.spec.flags.has(Flags::SKIP_SLOWLOG) {
            self.slow_log.note(client, observed, &server.config.settings());
        }
        if spoils_latency {
            self.latency.note(Event::of(observed.command.spec.flags), observed.took);
        }
    }
}

impl Enabled {
    fn floor(&self) -> u64 {
        if !self.monitors.is_empty() {
            return 0;
        }
        let unless_off = |floor: Option<u64>| floor.unwrap_or(u64::MAX);
        unless_off(self.slow_nanos).min(unless_off(self.latency_nanos))
    }

    fn feed(&mut self, server: &Server, client: &Client, observed: Observed) -> usize {
        let limits = server.config.settings().client_output_buffer_limit;
        self.monitors.feed(&monitors::line(client, &observed), &limits)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
