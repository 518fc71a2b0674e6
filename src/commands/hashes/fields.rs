//! `FIELDS numfields field [field …]`: the names of fields in the newer commands.

use crate::commands::Context;
use crate::commands::parts::Words;
use crate::resp::Error;

pub(super) const FIELDS: Words = Words {
    words: &["FIELDS"],
    misplaced: "ERR Mandatory argument FIELDS is missing or not at the right position",
    no_count: "ERR Number of fields must be a positive integer",
    wrong_count: "ERR The `numfields` parameter must match the number of arguments",
    no_count_among_options: "ERR Parameter `numFields` should be greater than 0",
    no_name: "ERR FIELDS requires at least numfields and one field argument",
    repeated: "ERR FIELDS keyword specified multiple times",
    missing: "ERR missing FIELDS argument",
};

/// The error for a malformed request. If the key has another type, that is the error, since Redis
/// checks this first.
pub(super) fn refusal(error: Error, key: &[u8], cx: &Context) -> Error {
    cx.db().hash(key, |_| ()).map_or_else(Error::from, |_| error)
}
