//! Transactions: `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.
//!
//! This folder queues commands and computes which keys they touch; the reservation of their shards
//! is in `keyspace/reservation.rs`.

mod exec;
mod multi;
mod queue;
mod reach;
#[cfg(test)]
mod tests;
mod watch;
mod watches;

pub(super) use self::exec::SPEC as EXEC;
pub(super) use self::multi::MULTI;
pub(super) use self::queue::{Queue, queue, queues, refuse};
pub(super) use self::reach::{named as named_keys, reach_of};
pub(super) use self::watches::Watches;
use super::{Flags, Spec};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] =
    &[&multi::DISCARD, &exec::SPEC, &multi::MULTI, &watch::UNWATCH, &watch::WATCH];

/// The flags of all but EXEC.
const FLAGS: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::ALLOW_BUSY);
