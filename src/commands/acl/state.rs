//! The users of a server and its log of refusals, as options have them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::acl::{Denial, Log, Reason, Users};
use crate::commands::client::Client;
use crate::commands::connection::described;
use crate::commands::{Server, permissions};
use crate::config::Settings;

/// Failed logins are written to the server's log once in this time, all in one line: whoever can
/// connect must not be able to fill it.
const FAILURES_EVERY_MS: i64 = 10_000;

/// Users, and what was refused to them.
#[derive(Debug)]
pub struct Acl {
    /// The users.
    pub users: Users,
    /// What was refused.
    pub log: Log,
    failed_logins: AtomicU64,
    /// When they are written to the log again.
    next_line_ms: AtomicI64,
}

impl Acl {
    /// The user `default`, with the password that the options have.
    pub(in crate::commands) fn new(settings: &Settings) -> Self {
        let users = Users::new(permissions::vocabulary(settings.compat()));
        users.set_default_password(settings.requirepass.as_bytes());
        let (failed_logins, next_line_ms) = (AtomicU64::new(0), AtomicI64::new(0));
        Self { users, log: Log::default(), failed_logins, next_line_ms }
    }

    /// `CONFIG SET requirepass`: as in Redis the password stays if the option does not change,
    /// whatever `ACL SETUSER` has made of it.
    pub(in crate::commands) fn follow_password(&self, before: &Settings, after: &Settings) {
        if before.requirepass != after.requirepass {
            self.users.set_default_password(after.requirepass.as_bytes());
        }
    }

    /// Copies the options that are looked up often.
    pub(in crate::commands) fn follow_settings(&self, settings: &Settings) {
        self.users.allow_channels(settings.acl_pubsub_default == "allchannels");
        self.log.set_max_len(usize::try_from(settings.acllog_max_len).unwrap_or(usize::MAX));
    }

    /// How many logins have failed since the last line about them, if it is time for another.
    fn failed_logins(&self, now_ms: i64) -> Option<u64> {
        self.failed_logins.fetch_add(1, Ordering::Relaxed);
        let due = self.next_line_ms.load(Ordering::Relaxed);
        let next = now_ms + FAILURES_EVERY_MS;
        let is_mine = now_ms >= due
            && self.next_line_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_mine.then(|| self.failed_logins.swap(0, Ordering::Relaxed))
    }
}

impl Server {
    /// Notes that something was refused to a client.
    pub(in crate::commands) fn note_denial(&self, denial: Denial, client: &Client) {
        let now_ms = self.keyspace.clock().now_ms();
        if denial.reason == Reason::Auth
            && let Some(count) = self.acl.failed_logins(now_ms)
        {
            tracing::warn!(count, client = client.info.address, "logins failed; the last was of this client");
        }
        self.acl.log.note(denial, described(&client.info, self.compat), now_ms);
    }
}
