//! `MEMBERS n element …`, with `ELEMENTS` as another word for it: the elements of the commands that
//! Redis 8.12 has for members of its sets.

use super::elements::Elements;
use crate::commands::Context;
use crate::commands::parts::Words;
use crate::resp::{Args, Error};

/// The first word is that of Redis, the second ours.
pub(super) const MEMBERS: Words = Words {
    words: &["MEMBERS", "ELEMENTS"],
    misplaced: "ERR Mandatory argument MEMBERS is missing or not at the right position",
    no_count: "ERR Number of members must be a positive integer",
    wrong_count: "ERR The `nummembers` parameter must match the number of arguments",
    no_count_among_options: "ERR Parameter `numMembers` should be greater than 0",
    no_name: "ERR MEMBERS requires at least nummembers and one member argument",
    repeated: "ERR MEMBERS keyword specified multiple times",
    missing: "ERR missing MEMBERS argument",
};

/// The word, the number, and elements up to the end.
pub(super) fn to_the_end<'r>(args: Args<'r>) -> Result<Elements<'r>, Error> {
    MEMBERS.to_the_end(args).map(|elements| elements.iter().collect())
}

/// The error for a malformed request. If the key has another type, that is the error.
pub(super) fn refusal(error: Error, key: &[u8], cx: &Context) -> Error {
    cx.db().vector_set(key).map_or_else(Error::from, |_| error)
}
