//! The part of a client's state that other threads read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Endpoints;
use super::push_queue::PushQueue;
use crate::acl::{self, Account};
use crate::commands::registry::{self, Command};
use crate::commands::tracking::Modes;
use crate::counters::Counter;

/// What `CLIENT SETNAME` and `CLIENT SETINFO` set.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// The client's own name, or empty.
    pub name: String,
    /// The name of its library, or empty.
    pub library: String,
    /// The version of its library, or empty.
    pub library_version: String,
}

/// How `CLIENT UNBLOCK` ends the wait of another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unblock {
    /// As if its time were over.
    Timeout = 2,
    /// With an error.
    Error = 3,
}

/// The client's command does not wait; see `wait` of [`ClientInfo`].
const NO_WAIT: u8 = 0;
/// It waits, and no other client has ended that.
const WAITS: u8 = 1;

/// The part of a client's state that other threads read. Only its connection writes it, but for
/// `wait`: while its command waits, another client may make that an [`Unblock`].
pub struct ClientInfo {
    /// Unique within one run of the server.
    pub id: u64,
    /// `127.0.0.1:40000`, or the socket's path and `:0`.
    pub address: String,
    /// The server's address of the connection.
    pub local_address: String,
    /// Connected through a Unix socket.
    pub is_unix: bool,
    /// Number of the socket.
    pub fd: i32,
    /// When it connected.
    pub since: Instant,
    /// Names that the client has set.
    pub labels: Mutex<Labels>,
    /// Its user, once its connection is served.
    pub(super) account: Mutex<Option<Arc<Account>>>,
    /// Number of the selected database.
    pub db: AtomicUsize,
    /// 2 or 3.
    pub protocol: AtomicU8,
    /// `CLIENT NO-EVICT`.
    pub no_evict: AtomicBool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: AtomicBool,
    /// `MONITOR`.
    pub is_monitor: AtomicBool,
    /// Its next command is held back: see [`Hold`](crate::commands::Hold).
    pub is_held: AtomicBool,
    /// `CLIENT REPLY` suppresses its replies.
    pub is_silent: AtomicBool,
    /// Its handshake of TLS is not complete.
    pub in_handshake: AtomicBool,
    /// It has given the password, or connected while none was required.
    pub was_authenticated: AtomicBool,
    /// Commands queued since `MULTI`; -1 without.
    pub multi: AtomicI64,
    /// Bytes of their words.
    pub multi_bytes: AtomicUsize,
    /// Bytes of its fieldsets.
    pub fieldset_bytes: AtomicUsize,
    /// Keys watched.
    pub watch: AtomicUsize,
    /// Set when one of them changes.
    pub touched: Arc<AtomicBool>,
    /// One more than its number in the registry; 0 before the first.
    last_command: AtomicUsize,
    last_active_ms: AtomicU64,
    /// Commands it sent.
    pub commands: Counter,
    /// Reads from its connection.
    pub reads: Counter,
    /// Reads that completed at least one request, without the last read.
    pub pipelines: Counter,
    /// The requests that they completed.
    pub pipelined: Counter,
    /// Bytes it sent.
    pub bytes_in: Counter,
    /// Bytes sent to it.
    pub bytes_out: Counter,
    /// Bytes in its read buffer, and the room left there.
    pub query_buffer: AtomicUsize,
    /// Room left in its read buffer.
    pub query_buffer_free: AtomicUsize,
    /// Bytes of replies that wait to be sent, including texts that are shared.
    pub output_buffer: AtomicUsize,
    /// Bytes of memory that only these replies use.
    pub output_own: AtomicUsize,
    /// Output that it did not request.
    pub(super) pushes: PushQueue,
    /// Channels, patterns and shard channels that it has subscribed to.
    pub subscriptions: [AtomicUsize; 3],
    /// Bytes that the subscriptions take.
    pub subscription_bytes: AtomicUsize,
    /// `CLIENT TRACKING`: its [`Modes`], and the client that gets its messages, or 0.
    tracking: (AtomicU8, AtomicU64),
    wait: AtomicU8,
    busy: AtomicBool,
    pub(super) evicted: AtomicBool,
    killed: AtomicBool,
    wake: Notify,
}

impl ClientInfo {
    pub(super) fn new(id: u64, endpoints: Endpoints) -> Self {
        Self {
            id,
            address: endpoints.address,
            local_address: endpoints.local_address,
            is_unix: endpoints.is_unix,
            fd: endpoints.fd,
            since: Instant::now(),
            labels: Mutex::default(),
            account: Mutex::default(),
            db: AtomicUsize::new(0),
            protocol: AtomicU8::new(2),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            is_monitor: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            in_handshake: AtomicBool::new(endpoints.is_tls),
            was_authenticated: AtomicBool::new(false),
            multi: AtomicI64::new(-1),
            multi_bytes: AtomicUsize::new(0),
            fieldset_bytes: AtomicUsize::new(0),
            watch: AtomicUsize::new(0),
            touched: Arc::default(),
            last_command: AtomicUsize::new(0),
            last_active_ms: AtomicU64::new(0),
            commands: Counter::new(),
            reads: Counter::new(),
            pipelines: Counter::new(),
            pipelined: Counter::new(),
            bytes_in: Counter::new(),
            bytes_out: Counter::new(),
            query_buffer: AtomicUsize::new(0),
            query_buffer_free: AtomicUsize::new(0),
            output_buffer: AtomicUsize::new(0),
            output_own: AtomicUsize::new(0),
            pushes: PushQueue::default(),
            subscriptions: Default::default(),
            subscription_bytes: AtomicUsize::new(0),
            tracking: Default::default(),
            wait: AtomicU8::new(NO_WAIT),
            busy: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    pub(super) fn reset(&self) {
        self.labels.lock().name.clear();
        self.db.store(0, Ordering::Relaxed);
        self.protocol.store(2, Ordering::Relaxed);
        for flag in [&self.no_evict, &self.no_touch, &self.is_monitor] {
            flag.store(false, Ordering::Relaxed);
        }
    }

    /// How it tracks keys.
    pub(in crate::commands) fn tracking_modes(&self) -> Modes {
        Modes::of_bits(self.tracking.0.load(Ordering::Relaxed))
    }

    /// The client that gets its messages about keys; 0 if that is itself.
    pub(in crate::commands) fn redirection(&self) -> u64 {
        self.tracking.1.load(Ordering::Relaxed)
    }

    /// Sets how it tracks keys.
    pub(in crate::commands) fn set_tracking(&self, modes: Modes, redirection: u64) {
        self.tracking.1.store(redirection, Ordering::Relaxed);
        self.tracking.0.store(modes.bits(), Ordering::Relaxed);
    }

    /// Adds a mode, by whatever thread.
    pub(in crate::commands) fn add_tracking_mode(&self, mode: Modes) {
        self.tracking.0.fetch_or(mode.bits(), Ordering::Relaxed);
    }

    /// True if it uses RESP3.
    pub(in crate::commands) fn is_resp3(&self) -> bool {
        self.protocol.load(Ordering::Relaxed) == 3
    }

    /// Sets its user, and returns the one before.
    pub(super) fn set_account(&self, account: &Arc<Account>) -> Option<Arc<Account>> {
        self.account.lock().replace(Arc::clone(account))
    }

    /// True if this is its user.
    pub fn is_user(&self, account: &Arc<Account>) -> bool {
        self.account.lock().as_ref().is_some_and(|own| Arc::ptr_eq(own, account))
    }

    /// The name of its user.
    pub fn user_name(&self) -> String {
        let account = self.account.lock();
        let name = account.as_ref().map_or(acl::DEFAULT, |account| account.name());
        String::from_utf8_lossy(name).into_owned()
    }

    /// Notes that a command begins.
    pub fn begin(&self, command: &Command, now: Instant) {
        self.touch(now);
        self.set_last_command(command);
    }

    /// Sets the command that `CLIENT LIST` shows.
    pub fn set_last_command(&self, command: &Command) {
        self.last_command.store(command.id + 1, Ordering::Relaxed);
    }

    fn touch(&self, now: Instant) {
        let since = now.saturating_duration_since(self.since);
        self.last_active_ms.store(since.as_millis() as u64, Ordering::Relaxed);
    }

    /// The registered name of its last command; none before the first.
    pub fn last_command(&self) -> Option<&'static str> {
        let id = self.last_command.load(Ordering::Relaxed).checked_sub(1)?;
        registry::by_id(id).map(|command| command.spec.name)
    }

    /// Seconds without a request.
    pub fn idle_seconds(&self) -> u64 {
        self.idle_ms() / 1000
    }

    /// Milliseconds without a request.
    pub fn idle_ms(&self) -> u64 {
        let now_ms = self.since.elapsed().as_millis() as u64;
        now_ms.saturating_sub(self.last_active_ms.load(Ordering::Relaxed))
    }

    /// True if it has sent a request within the last second.
    pub fn is_active(&self) -> bool {
        self.last_command.load(Ordering::Relaxed) > 0 && self.idle_ms() < 1000
    }

    /// Notes that a command runs elsewhere while the connection waits, so that it does not count as
    /// idle; or that it is done.
    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
        self.touch(Instant::now());
    }

    /// True while a command of this client runs elsewhere.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Notes that its command waits; true if it did not wait before.
    pub(in crate::commands) fn begin_wait(&self) -> bool {
        self.wait.compare_exchange(NO_WAIT, WAITS, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// True while its command waits, and no other client has ended that.
    pub(in crate::commands) fn is_waiting(&self) -> bool {
        self.wait.load(Ordering::Acquire) == WAITS
    }

    /// How another client has ended its wait, if one has.
    pub(in crate::commands) fn unblocked(&self) -> Option<Unblock> {
        let wait = self.wait.load(Ordering::Acquire);
        [Unblock::Timeout, Unblock::Error].into_iter().find(|unblock| *unblock as u8 == wait)
    }

    /// The command that waited has ended, if one did.
    pub(in crate::commands) fn end_wait(&self) {
        // Commands that do not wait, which are nearly all, must not write what others read.
        if self.wait.load(Ordering::Relaxed) != NO_WAIT {
            self.wait.store(NO_WAIT, Ordering::Release);
        }
    }

    /// Ends its wait, if its command waits; false if it does not.
    pub fn unblock(&self, how: Unblock) -> bool {
        let ended = self.wait.compare_exchange(WAITS, how as u8, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_ok() {
            self.wake();
        }
        ended.is_ok()
    }

    /// Makes the connection close.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// True once the connection is to close.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// True if it is being disconnected because all clients take too much memory.
    pub fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Wakes the connection, so that it checks what has changed for it.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// True if it has subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Ready when the connection is woken: it is to close, output is pushed, or a pause is over.
    /// May be ready without a reason.
    pub fn woken(&self) -> Notified<'_> {
        self.wake.notified()
    }

    /// Bytes that wait to be sent to it, those that it shares with others included: what
    /// `client-output-buffer-limit` limits.
    pub fn waiting_bytes(&self) -> usize {
        self.output_buffer.load(Ordering::Relaxed) + self.pushed_bytes()
    }

    /// Bytes that its buffers take, in both directions. Values that replies only refer to are not
    /// counted, as in Redis since 8.6; output that is pushed is counted for each client, although
    /// it is in memory once.
    pub fn buffer_bytes(&self) -> usize {
        self.own_buffer_bytes() + self.pushed_bytes()
    }

    fn own_buffer_bytes(&self) -> usize {
        let buffers = [&self.query_buffer, &self.query_buffer_free, &self.output_own];
        buffers.map(|bytes| bytes.load(Ordering::Relaxed)).iter().sum()
    }

    /// Bytes that the connection uses, as far as they are counted.
    pub fn memory_bytes(&self) -> usize {
        self.own_bytes() + self.pushed_bytes()
    }

    /// The same without output that is pushed, which is in memory once for all clients, and counted
    /// there.
    pub fn own_bytes(&self) -> usize {
        let others = [&self.multi_bytes, &self.fieldset_bytes, &self.subscription_bytes];
        let others = others.map(|bytes| bytes.load(Ordering::Relaxed));
        self.own_buffer_bytes() + others.iter().sum::<usize>() + size_of::<Self>()
    }

    /// The address as monitors and the slow log show it.
    pub fn shown_address(&self) -> String {
        match self.address.strip_suffix(":0") {
            Some(path) if self.is_unix => format!("unix:{path}"),
            _ => self.address.clone(),
        }
    }
}
