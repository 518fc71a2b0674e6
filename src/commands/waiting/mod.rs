//! `WAIT` and `WAITAOF`: commands that wait until the client's last change is on other disks.
//!
//! There are no replicas, so none ever has it; what is on the disk here is asked from the log. A
//! client that waits uses no thread: its request is held back (see [`Hold`]), and tried again when
//! it may be over.

#[cfg(test)]
mod tests;
mod wait;
mod waitaof;

use std::time::Instant;

use super::client::{Client, Unblock};
use super::spec::Waiting;
use super::{Context, Hold, Spec, timeout};
use crate::resp::{Args, Error};

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[&wait::SPEC, &waitaof::SPEC];

/// How many replicas have the client's last change.
const REPLICAS: i64 = 0;

/// The deadline of a time in milliseconds from now on; none for 0, or beyond what a clock can show.
fn deadline(args: &mut Args) -> Result<Option<Instant>, Error> {
    let time = timeout::milliseconds(args.bytes()?)?;
    Ok(if time.is_zero() { None } else { Instant::now().checked_add(time) })
}

/// Holds the request of a client back until `change`, unless its time is over or another client has
/// ended the wait. The deadline is that of the first try.
fn hold(
    client: &Client,
    deadline: Option<Instant>,
    change: impl FnOnce() -> Option<Waiting>,
) -> Option<Hold> {
    let deadline = client.wait_until(deadline);
    let is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
    if is_over || !client.info.is_waiting() { None } else { Some(Hold::Event { deadline, event: change() }) }
}

/// The error for a client that another one has told to go on with an error.
fn check_unblocked(cx: &Context) -> Result<(), Error> {
    match cx.client.info.unblocked() {
        Some(Unblock::Error) => Err(Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
        Some(Unblock::Timeout) | None => Ok(()),
    }
}
