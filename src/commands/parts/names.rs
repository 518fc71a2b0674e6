//! A word, a count and so many names: `FIELDS numfields field …`, `MEMBERS nummembers member …`.

use crate::commands::keys::Names;
use crate::resp::{Args, Error};

/// The word before the count, and the errors about it.
#[derive(Debug)]
pub(in crate::commands) struct Words {
    /// One of them has to be there.
    pub(in crate::commands) words: &'static [&'static str],
    /// It is not where it must be.
    pub(in crate::commands) misplaced: &'static str,
    /// Where no other argument may follow: there is no count above 0.
    pub(in crate::commands) no_count: &'static str,
    /// And: the count is not the number of names.
    pub(in crate::commands) wrong_count: &'static str,
    /// Where options may follow: there is no count above 0.
    pub(in crate::commands) no_count_among_options: &'static str,
    /// And: there are not even two arguments behind the word.
    pub(in crate::commands) no_name: &'static str,
    /// And: the word is there twice.
    pub(in crate::commands) repeated: &'static str,
    /// And: the word is not there.
    pub(in crate::commands) missing: &'static str,
}

impl Words {
    /// Takes the word, if it is the next argument.
    pub(super) fn take(&self, args: &mut Args) -> bool {
        self.words.iter().any(|word| args.keyword(word))
    }

    /// The names, where the word must be the next argument and no other may follow them.
    pub(in crate::commands) fn to_the_end<'r>(&self, mut args: Args<'r>) -> Result<Args<'r>, Error> {
        if !self.take(&mut args) {
            return Err(Error::new(self.misplaced));
        }
        match args.integer_or(self.no_count)? {
            ..=0_i64 => Err(Error::new(self.no_count)),
            count if usize::try_from(count) == Ok(args.remaining()) => Ok(args),
            _ => Err(Error::new(self.wrong_count)),
        }
    }
}

/// The count and the words after it, where options may follow: `words_each` words for each name.
/// Without a count above 0, the error is `no_count`.
pub(in crate::commands) fn counted<'r>(
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

/// The error for a word that is not an option. If it contains a NUL, Redis shows only the part
/// before that.
pub(in crate::commands) fn unknown_argument(word: &[u8]) -> Error {
    let shown = word.split(|byte| *byte == 0).next().unwrap_or_default();
    Error::from([b"ERR unknown argument: ", shown].concat())
}
