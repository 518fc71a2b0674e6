//! What one client has chosen, and the register in which others see it.

mod fieldsets;
mod info;
mod register;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::registry::Command;
use super::transactions::{Queue, Watches};
#[cfg(doc)]
use crate::keyspace::Access;
use crate::keyspace::ExpiredKeys;
use crate::resp::Protocol;
pub(super) use fieldsets::{Duplicate, Fieldset, Fieldsets};
pub use info::{ClientInfo, Labels};
pub use register::{Clients, Endpoints};

/// The state of a client that only its own connection touches. It travels with a heavy command to the compute pool.
pub struct Client {
    /// What others see of it.
    pub info: Arc<ClientInfo>,
    /// The selected database.
    pub db: usize,
    /// The form of its replies.
    pub protocol: Protocol,
    /// False until `AUTH`, if a password was set when it connected.
    pub authenticated: bool,
    /// `MONITOR`.
    pub is_monitor: bool,
    /// `CLIENT NO-TOUCH`: its reads leave no trace on when keys were last used.
    pub no_touch: bool,
    /// `CLIENT REPLY`.
    pub replies: Replies,
    /// When the turn of its present request began: mostly the moment at which the one before was done, so that the clock
    /// is read once for each.
    pub request_began: Instant,
    /// The command that ran last: probably also the next.
    pub(super) last_command: Option<&'static Command>,
    /// A moment since which none of its requests has arrived: see [`Access::recent_ms`].
    pub recent_ms: Option<i64>,
    /// Keys that the present command found expired.
    pub(super) expired_keys: ExpiredKeys,
    /// A command of the transaction has switched the log on: the replies are to wait for that.
    pub awaits_log: bool,
    /// What `MULTI` began.
    pub(super) queue: Option<Box<Queue>>,
    /// The keys of `WATCH`.
    pub(super) watches: Watches,
    /// What `HIMPORT PREPARE` named.
    pub(super) fieldsets: Fieldsets,
    /// Set by commands after whose reply the connection ends.
    pub closing: bool,
    /// What it asks for has been done before: see [`super::replay`].
    pub(super) replays: bool,
    /// Set with `closing` if replies that still wait are not to be sent.
    pub abandoned: bool,
}

impl Client {
    /// A client as it is after connecting.
    pub fn new(info: Arc<ClientInfo>, authenticated: bool) -> Self {
        if authenticated {
            info.was_authenticated.store(true, Ordering::Relaxed);
        }
        Self {
            recent_ms: None,
            expired_keys: ExpiredKeys::default(),
            awaits_log: false,
            queue: None,
            watches: Watches::new(&info),
            fieldsets: Fieldsets::new(&info),
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
            replays: false,
            abandoned: false,
        }
    }

    /// One that is not connected: the author of what a log tells. The limits of this run are not for it.
    pub(super) fn of_replay() -> Self {
        Self { replays: true, ..Self::new(Arc::new(ClientInfo::new(0, Endpoints::default())), true) }
    }

    /// `RESET`: as it was after connecting; but if its own reply is skipped, it still is.
    pub fn reset(&mut self, authenticated: bool) {
        self.info.reset();
        let replies = Replies { skips: self.replies.skips, ..Replies::default() };
        *self = Self { replies, ..Self::new(Arc::clone(&self.info), authenticated) };
    }

    /// Notes that the client has given the password, or needs none.
    pub fn authenticate(&mut self) {
        self.authenticated = true;
        self.info.was_authenticated.store(true, Ordering::Relaxed);
    }

    /// `CLIENT REPLY`: changes which replies are written, also for what monitors get.
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
    /// None, since `CLIENT REPLY OFF`.
    pub(super) off: bool,
    /// Not that of the next command, since `CLIENT REPLY SKIP`.
    pub(super) skips_next: bool,
    /// Not that of the present command.
    pub(super) skips: bool,
}

impl Replies {
    /// True if nothing is written now: neither replies nor what a monitor sees.
    pub fn are_silent(self) -> bool {
        self.off || self.skips
    }

    /// As they are when the present command is done.
    pub(super) fn after_command(self) -> Self {
        Self { skips: self.skips_next, skips_next: false, ..self }
    }
}
