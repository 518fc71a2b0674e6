//! The state of one client, and the register of all clients.

mod fieldsets;
mod info;
mod push_queue;
mod register;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::memory_limit;
use super::pubsub::Subscriptions;
use super::registry::Command;
use super::tracking::Tracked;
use super::transactions::{Queue, Watches};
use crate::acl::{Account, Login, Users};
#[cfg(doc)]
use crate::keyspace::Access;
use crate::keyspace::ExpiredKeys;
use crate::resp::Protocol;
pub(super) use fieldsets::{Duplicate, Fieldset, Fieldsets};
pub use info::{ClientInfo, Labels, Unblock};
pub(super) use push_queue::{Push, PushForm, Pushed, counted_block};
pub use register::{Clients, Endpoints};

/// How long the reply to a failed login is held back.
const FAILED_LOGIN_PENALTY: Duration = Duration::from_millis(15);

/// The state of a client that only its own connection uses. It moves to the compute pool with a
/// heavy command.
pub struct Client {
    /// The part of its state that other threads read.
    pub info: Arc<ClientInfo>,
    /// The selected database.
    pub db: usize,
    /// The form of its replies.
    pub protocol: Protocol,
    /// False until `AUTH`, if a password was required when it connected.
    pub authenticated: bool,
    /// Its user: `default` until it logs in.
    pub login: Login,
    /// How long its next reply is held back, because logins have failed.
    pub penalty: Duration,
    /// `MONITOR`.
    pub is_monitor: bool,
    /// `CLIENT NO-TOUCH`: its reads do not count as uses of keys.
    pub no_touch: bool,
    /// `CLIENT REPLY`.
    pub replies: Replies,
    /// When its present request began: mostly the time at which the one before ended, so that the
    /// clock is read once for each.
    pub request_began: Instant,
    /// The command that ran last: the first guess for the next one.
    pub(super) last_command: Option<&'static Command>,
    /// A time after which none of its requests has arrived: see [`Access::recent_ms`].
    pub recent_ms: Option<i64>,
    /// Keys that the present command found expired.
    pub(super) expired_keys: ExpiredKeys,
    /// A command of the transaction has switched the log on: the replies are sent when it is on.
    pub awaits_log: bool,
    /// The transaction since `MULTI`.
    pub(super) queue: Option<Box<Queue>>,
    /// The keys of `WATCH`.
    pub(super) watches: Watches,
    /// The fieldsets of `HIMPORT PREPARE`.
    pub(super) fieldsets: Fieldsets,
    /// The channels and patterns of `SUBSCRIBE` and its like, if there are any.
    pub(super) subscriptions: Option<Box<Subscriptions>>,
    /// What it tracks since `CLIENT TRACKING ON`, if it does.
    pub(super) tracked: Option<Box<Tracked>>,
    /// Set by commands after whose reply the connection closes.
    pub closing: bool,
    /// Deadline until which its present request waits for room in memory, if it does.
    room_deadline: Cell<Option<Instant>>,
    /// Deadline of the command that waits, if there is one; none if it has none.
    wait_deadline: Cell<Option<Instant>>,
    /// Place of the stream of changes where its last change ends; 0 before the first.
    pub(super) last_write: u64,
    /// Its requests come from a log: see [`super::replay`].
    pub(super) replays: bool,
    /// Set with `closing` if replies that are not yet sent are dropped.
    pub abandoned: bool,
}

impl Client {
    /// A client as it is after connecting.
    pub fn new(info: Arc<ClientInfo>, users: &Users) -> Self {
        Self::with(info, Arc::clone(users.default_account()), !users.require_login())
    }

    /// A client of the user `default`, which has given the password elsewhere.
    pub fn admitted(info: Arc<ClientInfo>, users: &Users) -> Self {
        Self::with(info, Arc::clone(users.default_account()), true)
    }

    fn with(info: Arc<ClientInfo>, account: Arc<Account>, authenticated: bool) -> Self {
        if authenticated {
            info.was_authenticated.store(true, Ordering::Relaxed);
        }
        info.set_account(&account);
        Self {
            login: Login::new(account),
            penalty: Duration::ZERO,
            recent_ms: None,
            expired_keys: ExpiredKeys::default(),
            awaits_log: false,
            queue: None,
            watches: Watches::new(&info),
            fieldsets: Fieldsets::new(&info),
            subscriptions: None,
            tracked: None,
            info,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            is_monitor: false,
            no_touch: false,
            replies: Replies::default(),
            request_began: Instant::now(),
            last_command: None,
            closing: false,
            room_deadline: Cell::default(),
            wait_deadline: Cell::default(),
            last_write: 0,
            replays: false,
            abandoned: false,
        }
    }

    /// A client without a connection, for the requests of a log. The limits of this run do not
    /// apply to it.
    pub(super) fn of_replay() -> Self {
        let info = Arc::new(ClientInfo::new(0, Endpoints::default()));
        Self { replays: true, ..Self::with(info, Account::unlimited(), true) }
    }

    /// `RESET`: as it was after connecting; but if its own reply is skipped, it still is.
    pub fn reset(&mut self, users: &Users) {
        self.info.reset();
        let replies = Replies { skips: self.replies.skips, ..Replies::default() };
        let last_write = self.last_write;
        let penalty = self.penalty;
        *self = Self { replies, last_write, penalty, ..Self::new(Arc::clone(&self.info), users) };
    }

    /// True if it has subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// True if messages about other commands have their place between its replies.
    pub fn awaits_messages(&self) -> bool {
        self.is_subscribed() || self.tracked.is_some()
    }

    /// True if it takes long to end its subscriptions.
    pub fn has_many_subscriptions(&self) -> bool {
        self.subscriptions.as_ref().is_some_and(|subscriptions| subscriptions.are_many())
    }

    /// True if only some commands are allowed: the client has subscriptions, and in RESP2 a message
    /// looks like a reply.
    pub(super) fn takes_messages_only(&self) -> bool {
        self.is_subscribed() && self.protocol == Protocol::Resp2
    }

    /// Makes this its user. False, and nothing is changed, if the user was deleted meanwhile: the
    /// connection shows its user first and looks second, so that either this finds the user
    /// deleted, or the walk that closes the connections of a deleted user finds this one.
    pub(super) fn log_in(&mut self, account: Arc<Account>) -> bool {
        let before = self.info.set_account(&account);
        if account.is_deleted() {
            *self.info.account.lock() = before;
            return false;
        }
        self.authenticated = true;
        self.info.was_authenticated.store(true, Ordering::Relaxed);
        self.login = Login::new(account);
        true
    }

    /// Notes a login that failed: its reply is held back, which slows down attempts to guess
    /// passwords, and nothing else.
    pub(super) fn note_failed_login(&mut self) {
        self.penalty += FAILED_LOGIN_PENALTY;
    }

    /// When the present request, which finds no room in memory at `now`, is to look again; None if
    /// it has waited for long enough.
    pub(super) fn wait_for_room(&self, now: Instant) -> Option<Instant> {
        let mut deadline = self.room_deadline.get();
        let next = memory_limit::next_look(&mut deadline, now);
        self.room_deadline.set(deadline);
        next
    }

    /// The deadline of the command that waits: `deadline` if it begins to wait now.
    pub(super) fn wait_until(&self, deadline: Option<Instant>) -> Option<Instant> {
        if self.info.begin_wait() {
            self.wait_deadline.set(deadline);
        }
        self.wait_deadline.get()
    }

    /// The present request has waited long enough, or need not.
    pub(super) fn end_wait(&self) {
        self.room_deadline.set(None);
        self.info.end_wait();
    }

    /// Notes that a change was made which ends at this place of the stream; 0 if none was.
    pub fn note_write(&mut self, place: u64) {
        self.last_write = self.last_write.max(place);
    }

    /// `CLIENT REPLY`: changes which replies are written. It applies to the lines of monitors too,
    /// not to messages.
    pub(super) fn set_replies(&mut self, replies: Replies) {
        if replies.are_silent() != self.replies.are_silent() {
            self.info.is_silent.store(replies.are_silent(), Ordering::Relaxed);
        }
        self.replies = replies;
    }

    /// Chooses a database. The caller checked that there is one of this number.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.info.db.store(db, Ordering::Relaxed);
    }

    /// Chooses the form of replies.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        let number = if matches!(protocol, Protocol::Resp3) { 3 } else { 2 };
        self.info.protocol.store(number, Ordering::Relaxed);
    }
}

/// Which replies are written: the three flags of Redis, since `ON` clears two of them and `EXEC` is
/// one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// No replies, since `CLIENT REPLY OFF`.
    pub(super) off: bool,
    /// No reply to the next command, since `CLIENT REPLY SKIP`.
    pub(super) skips_next: bool,
    /// No reply to the present command.
    pub(super) skips: bool,
}

impl Replies {
    /// True if nothing is written now: neither replies nor the lines of a monitor.
    pub fn are_silent(self) -> bool {
        self.off || self.skips
    }

    /// The flags after the present command.
    pub(super) fn after_command(self) -> Self {
        Self { skips: self.skips_next, skips_next: false, ..self }
    }
}
