//! `FIELDS numfields field [field …]`: the names of fields in the newer commands.

use crate::commands::Context;
use crate::commands::keys::Names;
use crate::resp::{Args, Error};

const WRONG_COUNT: Error = Error::new("ERR The `numfields` parameter must match the number of arguments");
const NO_COUNT: &str = "ERR Number of fields must be a positive integer";
const NO_FIELDS: &str = "ERR Mandatory argument FIELDS is missing or not at the right position";

/// FIELDS and all words after it, where no other argument may follow.
pub(super) fn to_the_end(mut args: Args) -> Result<Args, Error> {
    if !args.keyword("FIELDS") {
        return Err(Error::new(NO_FIELDS));
    }
    match args.integer_or(NO_COUNT)? {
        ..=0_i64 => Err(Error::new(NO_COUNT)),
        count if usize::try_from(count) == Ok(args.remaining()) => Ok(args),
        _ => Err(WRONG_COUNT),
    }
}

/// The words after FIELDS, where options may follow: `words_each` words for each field. Without a
/// count, the error is `no_count`.
pub(super) fn counted<'r>(
    args: &mut Args<'r>,
    words_each: usize,
    no_count: &'static str,
) -> Result<Names<'r>, Error> {
    let count: i32 = args.integer_or(no_count)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::new(no_count))?;
    let words = count.saturating_mul(words_each);
    if words > args.remaining() {
        return Err(Error::new("ERR wrong number of arguments"));
    }
    Ok((0..words).map_while(|_| args.take()).collect())
}

/// FIELDS was given already.
pub(super) const REPEATED: Error = Error::new("ERR FIELDS keyword specified multiple times");

/// There are options, but no FIELDS.
pub(super) const MISSING: Error = Error::new("ERR missing FIELDS argument");

/// A word that is not an option. If it contains a NUL, Redis shows only the part before that.
pub(super) fn unknown_argument(word: &[u8]) -> Error {
    let shown = word.split(|byte| *byte == 0).next().unwrap_or_default();
    Error::from([b"ERR unknown argument: ", shown].concat())
}

/// The error for a malformed request. If the key has another type, that is the error, since Redis
/// checks this first.
pub(super) fn refusal(error: Error, key: &[u8], cx: &Context) -> Error {
    cx.db().hash(key, |_| ()).map_or_else(Error::from, |_| error)
}
