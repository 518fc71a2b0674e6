//! `MEMBERS n element …`, with `ELEMENTS` as another word for it: the elements of the commands that
//! Redis 8.12 has for members of its sets.

use super::elements::Elements;
use crate::commands::Context;
use crate::resp::{Args, Error};

/// The word in Redis, and ours.
pub(super) const MEMBERS: [&str; 2] = ["MEMBERS", "ELEMENTS"];

const MISPLACED: Error = Error::new("ERR Mandatory argument MEMBERS is missing or not at the right position");
const NO_COUNT: &str = "ERR Number of members must be a positive integer";
const WRONG_COUNT: Error = Error::new("ERR The `nummembers` parameter must match the number of arguments");

/// Takes the word.
pub(super) fn word(args: &mut Args) -> bool {
    MEMBERS.into_iter().any(|word| args.keyword(word))
}

/// The word, the number, and elements up to the end.
pub(super) fn to_the_end<'r>(mut args: Args<'r>) -> Result<Elements<'r>, Error> {
    if !word(&mut args) {
        return Err(MISPLACED);
    }
    let count = args.integer_or(NO_COUNT)?;
    match count {
        ..=0_i64 => Err(Error::new(NO_COUNT)),
        count if usize::try_from(count) == Ok(args.remaining()) => Ok(args.iter().collect()),
        _ => Err(WRONG_COUNT),
    }
}

/// The number and so many elements, where options may follow.
pub(super) fn counted<'r>(args: &mut Args<'r>, no_count: &'static str) -> Result<Elements<'r>, Error> {
    let count: i32 = args.integer_or(no_count)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::new(no_count))?;
    if count > args.remaining() {
        return Err(Error::new("ERR wrong number of arguments"));
    }
    Ok((0..count).map_while(|_| args.take()).collect())
}

/// The error for a malformed request. If the key has another type, that is the error.
pub(super) fn refusal(error: Error, key: &[u8], cx: &Context) -> Error {
    cx.db().vector_set(key).map_or_else(Error::from, |_| error)
}
