//! Deadlines of fields in the log.

use crate::journal::Effects;

/// Logs the deadline of fields.
pub(super) fn expire_at(effects: &mut Effects, key: &[u8], deadline_ms: i64, fields: &[&[u8]]) {
    let deadline_ms = deadline_ms.to_string();
    let count = fields.len().to_string();
    let words = [b"HPEXPIREAT", key, deadline_ms.as_bytes(), b"FIELDS", count.as_bytes()];
    effects.command_with(&words, fields);
}
