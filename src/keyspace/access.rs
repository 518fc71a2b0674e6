//! How a command accesses keys: its time, and the effects of its lookups.

use std::ops::Deref;

use super::clock::BEFORE_ALL_DEADLINES_MS;
use super::{Database, ExpiredKeys};
use crate::vector_set::Now;

/// What differs between a command of a client, one of a log that is replayed, and the server
/// itself.
#[derive(Clone, Copy, Debug)]
pub struct Access<'k> {
    /// The moment of the transaction that the command belongs to: all its commands have the same
    /// time, as in Redis.
    pub moment_ms: Option<i64>,
    /// A moment since which no request has arrived, for commands that only read: the commands of a
    /// pipeline need not all read the clock.
    ///
    /// A reader whose time is a moment within its own request sees what it could have seen then. A
    /// writer must not use an old time: it could keep a key that another client has seen expired.
    pub recent_ms: Option<i64>,
    /// Lookups count as uses of their keys. Not for clients with `CLIENT NO-TOUCH`, and not if the
    /// eviction policy counts modifications only; these are counted then in any case.
    pub touches: bool,
    /// Expired keys and fields are treated as present: a replay repeats what the log contains about
    /// them as it was done then.
    pub shows_expired: bool,
    /// The list for keys that are found expired.
    pub expired: Option<&'k ExpiredKeys>,
}

impl Access<'_> {
    /// As the server itself accesses keys.
    pub const DIRECT: Self =
        Self { moment_ms: None, recent_ms: None, touches: true, shows_expired: false, expired: None };
}

/// A database as one command accesses it.
#[derive(Clone, Copy, Debug)]
pub struct View<'k> {
    pub(super) db: &'k Database,
    pub(super) access: Access<'k>,
}

impl Deref for View<'_> {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.db
    }
}

impl View<'_> {
    /// The time for commands that may change keys.
    pub(super) fn now_ms(&self) -> i64 {
        self.access.moment_ms.unwrap_or_else(|| self.common.clock.now_ms())
    }

    /// The time for commands that only read.
    pub(super) fn recent_ms(&self) -> i64 {
        let recent_ms = self.access.moment_ms.or(self.access.recent_ms);
        recent_ms.unwrap_or_else(|| self.common.clock.now_ms())
    }

    /// The time at which elements of a vector set are looked at, if the time is `now_ms`.
    pub(super) fn now_of_set(&self, now_ms: i64) -> Now {
        Now {
            expiry_ms: self.expiry_ms(now_ms),
            used_ms: now_ms,
            touches: self.access.touches,
            lfu: self.common.settings.lfu(),
        }
    }

    /// The moment by which it is decided what has expired, if the time is `now_ms`.
    pub(super) fn expiry_ms(&self, now_ms: i64) -> i64 {
        if self.access.shows_expired { BEFORE_ALL_DEADLINES_MS } else { self.common.expiry_ms(now_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Accounting, Clock, Deadline, Keyspace, StringValue, Value};

    /// A keyspace with a key that expires at 1010, in which the time is 1011.
    fn expired() -> Keyspace {
        let keyspace = Keyspace::new(Clock::manual(1_000));
        let value = Value::String(StringValue::new(b"v"));
        keyspace.db(0).exclusive(&["k"]).put(b"k", value, Deadline::at(1_010));
        keyspace.clock().advance(11);
        keyspace
    }

    fn reads(keyspace: &Keyspace, access: Access<'_>) -> bool {
        keyspace.view(0, access).lookup(b"k", Accounting::Used, |_| ()).is_some()
    }

    fn writes(keyspace: &Keyspace, access: Access<'_>) -> bool {
        keyspace.view(0, access).exclusive(&["k"]).contains(b"k")
    }

    #[test]
    fn a_transaction_sees_its_own_moment() {
        let keyspace = expired();
        let access = Access { moment_ms: Some(1_009), recent_ms: Some(1_011), ..Access::DIRECT };
        assert!(reads(&keyspace, access) && writes(&keyspace, access));
        assert!(!reads(&keyspace, Access::DIRECT) && !writes(&keyspace, Access::DIRECT));
    }

    #[test]
    fn a_recent_moment_is_for_readers() {
        let keyspace = expired();
        let access = Access { recent_ms: Some(1_009), ..Access::DIRECT };
        assert!(reads(&keyspace, access));
        assert!(!writes(&keyspace, access));
    }

    #[test]
    fn a_replay_sees_what_has_expired() {
        let keyspace = expired();
        let access = Access { shows_expired: true, ..Access::DIRECT };
        assert!(reads(&keyspace, access) && writes(&keyspace, access));
        assert!(!reads(&keyspace, Access::DIRECT));
    }

    #[test]
    fn lookups_that_do_not_touch_leave_the_key_idle() {
        let keyspace = expired();
        let value = Value::String(StringValue::new(b"v"));
        keyspace.db(0).exclusive(&["k"]).put(b"k", value, Deadline::NEVER);
        let now_ms = || keyspace.clock().now_ms();
        let idle_s = || keyspace.db(0).lookup(b"k", Accounting::None, |entry| entry.idle_s(now_ms()));
        keyspace.clock().advance(5_000);
        let access = Access { touches: false, ..Access::DIRECT };
        reads(&keyspace, access);
        keyspace.view(0, access).exclusive(&["k"]).get(b"k");
        assert_eq!(idle_s(), Some(5));
        reads(&keyspace, Access::DIRECT);
        assert_eq!(idle_s(), Some(0));
    }

    #[test]
    fn keys_found_expired_are_removed_later() {
        let keyspace = expired();
        let mut found = ExpiredKeys::default();
        let access = Access { expired: Some(&found), ..Access::DIRECT };
        assert!(!reads(&keyspace, access));
        assert_eq!((found.is_empty(), keyspace.db(0).census().expired), (false, 1));
        keyspace.remove_expired(&mut found, true);
        assert_eq!((found.is_empty(), keyspace.db(0).census().expired), (true, 0));
    }
}
