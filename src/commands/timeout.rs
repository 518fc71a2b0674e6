//! A time in milliseconds from now on, as commands that hold something back take it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::resp::{Error, parse_integer};

/// The time that a word says.
///
/// # Errors
/// It is no number, negative, or beyond the end of the clock.
pub(super) fn milliseconds(word: &[u8]) -> Result<Duration, Error> {
    const NOT_AN_INTEGER: Error = Error::new("ERR timeout is not an integer or out of range");
    let millis = parse_integer(word).ok_or(NOT_AN_INTEGER)?;
    let millis = u64::try_from(millis).map_err(|_| Error::new("ERR timeout is negative"))?;
    let time = Duration::from_millis(millis);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + time;
    // Redis stores the end as signed milliseconds.
    match i64::try_from(since_epoch.as_millis()) {
        Ok(_) => Ok(time),
        Err(_) => Err(Error::new("ERR timeout is out of range")),
    }
}
