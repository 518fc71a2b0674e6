//! `FIELDS numfields field [field …]`: how the newer commands name fields.

use crate::commands::Context;
use crate::commands::keys::Names;
use crate::resp::{Args, Error};

const WRONG_COUNT: Error = Error::new("ERR The `numfields` parameter must match the number of arguments");
const NO_COUNT: &str = "ERR Number of fields must be a positive integer";
const NO_FIELDS: &str = "ERR Mandatory argument FIELDS is missing or not at the right position";

/// FIELDS and all that follows it, where nothing else may stand.
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

/// The words after FIELDS, where options may follow: for each field its name, or `words_each` words. Without a count,
/// `no_count` is answered.
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

/// FIELDS is there already.
pub(super) const REPEATED: Error = Error::new("ERR FIELDS keyword specified multiple times");

/// There are options, but no FIELDS.
pub(super) const MISSING: Error = Error::new("ERR missing FIELDS argument");

/// A word that is none of the options. Of one with a NUL, Redis repeats what is in front of that.
pub(super) fn unknown_argument(word: &[u8]) -> Error {
    let shown = word.split(|byte| *byte == 0).next().unwrap_or_default();
    Error::from([b"ERR unknown argument: ", shown].concat())
}

/// What to answer to a malformed request: that the key has another type, if so, since Redis looks at that first.
pub(super) fn refusal(error: Error, key: &[u8], cx: &Context) -> Error {
    cx.db().hash(key, |_| ()).map_or_else(Error::from, |_| error)
}
