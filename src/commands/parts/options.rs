//! The arguments of commands that set deadlines of parts: a condition, and names.

use super::{Condition, Words, counted, unknown_argument};
use crate::commands::keys::Names;
use crate::resp::{Args, Error};

/// The error for two different conditions.
pub(in crate::commands) const SEVERAL_CONDITIONS: Error =
    Error::new("ERR Multiple condition flags specified");

/// `[NX|XX|GT|LT]`, and the names of parts, in any order.
#[derive(Debug, Default)]
pub(in crate::commands) struct Options<'r> {
    pub(in crate::commands) condition: Option<Condition>,
    /// There were two different conditions. Some commands refuse them at once, others after all
    /// other checks.
    pub(in crate::commands) has_several: bool,
    pub(in crate::commands) names: Option<Names<'r>>,
}

impl<'r> Options<'r> {
    /// Takes one of them.
    ///
    /// # Errors
    /// The next argument is none of them, or the names are repeated or malformed.
    pub(in crate::commands) fn take(&mut self, words: &Words, args: &mut Args<'r>) -> Result<(), Error> {
        if words.take(args) {
            return self.take_names(words, args);
        }
        let Some(condition) = args.keyword_of(&Condition::ALL) else {
            return Err(unknown_argument(args.bytes()?));
        };
        self.has_several |= self.condition.replace(condition).is_some_and(|before| before != condition);
        Ok(())
    }

    fn take_names(&mut self, words: &Words, args: &mut Args<'r>) -> Result<(), Error> {
        if self.names.is_some() {
            return Err(Error::new(words.repeated));
        }
        if args.remaining() < 2 {
            return Err(Error::new(words.no_name));
        }
        self.names = Some(counted(args, 1, words.no_count_among_options)?);
        Ok(())
    }
}
