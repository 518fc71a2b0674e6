//! Deadlines of fields, and their bounds.

use crate::commands::Context;
use crate::commands::keys::lifetime::{Lifetime, invalid_expire_time};
use crate::journal::Effects;
use crate::resp::Error;

/// The latest deadline of a field, in the year 4199 (Redis' `HFE_MAX_ABS_TIME_MSEC`).
const LAST_MS: i64 = (1 << 46) - 1;

/// The deadline in milliseconds since 1970. If it has passed, the field is removed.
pub(super) fn deadline_ms(
    command: &str,
    lifetime: Lifetime,
    number: i64,
    cx: &Context,
) -> Result<i64, Error> {
    if number < 0 {
        return Err(Error::new("ERR invalid expire time, must be >= 0"));
    }
    let deadline_ms = lifetime.deadline_ms(number, cx.now_ms());
    deadline_ms.filter(|deadline_ms| *deadline_ms <= LAST_MS).ok_or_else(|| invalid_expire_time(command))
}

/// Logs the deadline of fields.
pub(super) fn expire_at(effects: &mut Effects, key: &[u8], deadline_ms: i64, fields: &[&[u8]]) {
    let deadline_ms = deadline_ms.to_string();
    let count = fields.len().to_string();
    let words = [b"HPEXPIREAT", key, deadline_ms.as_bytes(), b"FIELDS", count.as_bytes()];
    effects.command_with(&words, fields);
}
