//! What one client has chosen, and the register in which others see it.

mod mailbox;
mod register;
mod shown;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::registry::Command;
use super::transactions::{Queue, Watches};
use crate::resp::Protocol;
pub(super) use mailbox::MAX_MAIL;
pub use register::{Clients, Endpoints};
pub use shown::{Labels, Shown};

/// The state of a client that only its own connection touches. It travels with a heavy command to the compute pool.
pub struct Client {
    /// What others see of it.
    pub shown: Arc<Shown>,
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
    pub turn: Instant,
    /// The command that ran last: probably also the next.
    pub(super) last_command: Option<&'static Command>,
    /// Its `EXEC` runs now.
    pub in_exec: bool,
    /// What `MULTI` began.
    pub(super) queue: Option<Box<Queue>>,
    /// The keys of `WATCH`.
    pub(super) watches: Watches,
    /// Set by commands after whose reply the connection ends.
    pub closing: bool,
    /// What it asks for has been done before: see [`super::replay`].
    pub(super) replays: bool,
    /// Set with `closing` if replies that still wait are not to be sent.
    pub abandoned: bool,
}

impl Client {
    /// A client as it is after connecting.
    pub fn new(shown: Arc<Shown>, authenticated: bool) -> Self {
        Self {
            in_exec: false,
            queue: None,
            watches: Watches::new(&shown),
            shown,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            is_monitor: false,
            no_touch: false,
            replies: Replies::On,
            turn: Instant::now(),
            last_command: None,
            closing: false,
            replays: false,
            abandoned: false,
        }
    }

    /// One that is not connected: the author of what a log tells. The limits of this run are not for it.
    pub(super) fn of_replay() -> Self {
        Self { replays: true, ..Self::new(Arc::new(Shown::new(0, Endpoints::default())), true) }
    }

    /// `RESET`: as it was after connecting.
    pub fn reset(&mut self, authenticated: bool) {
        self.shown.reset();
        *self = Self::new(Arc::clone(&self.shown), authenticated);
    }

    /// Chooses a database. The caller checked that there is one of this number.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.shown.db.store(db, Ordering::Relaxed);
    }

    /// Chooses the form of replies.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        let number = if matches!(protocol, Protocol::Resp3) { 3 } else { 2 };
        self.shown.protocol.store(number, Ordering::Relaxed);
    }
}

/// Which replies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// All.
    On,
    /// None.
    Off,
    /// None for the next command.
    SkipNext,
}
