//! The arguments of `HGETEX` and `HSETEX` after the key: FIELDS and options, in any order.
//!
//! With the behaviour of Redis 8.6 each command parses the options of the other, and refuses them
//! after all other checks. With that of 8.10 they are unknown.

use super::fields::FIELDS;
use crate::commands::Context;
use crate::commands::keys::Names;
use crate::commands::keys::lifetime::Lifetime;
use crate::commands::parts::{counted, deadline_ms, unknown_argument};
use crate::config::Compat;
use crate::resp::{Args, Error};

/// The differences of the two commands.
pub(super) struct Dialect {
    pub(super) command: &'static str,
    /// Words for each field after FIELDS.
    pub(super) words_each: usize,
    pub(super) several_expiries: &'static str,
    /// Options of the other command.
    pub(super) foreign: &'static [&'static str],
}

impl Dialect {
    fn is_foreign(&self, word: &[u8]) -> bool {
        self.foreign.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    }
}

/// The parsed options.
#[derive(Default)]
pub(super) struct Options<'r> {
    /// The new deadline of the fields.
    pub(super) deadline_ms: Option<i64>,
    /// KEEPTTL: the deadlines stay.
    pub(super) keeps: bool,
    /// PERSIST: the deadlines are removed.
    pub(super) persists: bool,
    pub(super) condition: Option<Condition>,
    fields: Option<Names<'r>>,
}

/// A condition on all fields.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Condition {
    Absent,
    Present,
}

const CONDITIONS: [(&str, Condition); 2] = [("FXX", Condition::Present), ("FNX", Condition::Absent)];
const LIFETIMES: [(&str, Lifetime); 4] =
    [("EX", Lifetime::EX), ("PX", Lifetime::PX), ("EXAT", Lifetime::EXAT), ("PXAT", Lifetime::PXAT)];

/// An option of the other command.
pub(super) const FOREIGN: Error = Error::new("ERR unknown argument");

const NO_COUNT: &str = "ERR invalid number of fields";

impl<'r> Options<'r> {
    /// The options, and the words after FIELDS.
    pub(super) fn parse(
        dialect: &Dialect,
        mut args: Args<'r>,
        cx: &Context,
    ) -> Result<(Self, Names<'r>), Error> {
        let mut options = Self::default();
        while let Some(word) = args.peek() {
            if cx.is_like(Compat::V8_10) && dialect.is_foreign(word) {
                return Err(unknown_argument(word));
            }
            options.take(dialect, &mut args, cx)?;
        }
        let fields = options.fields.take().ok_or(Error::new(FIELDS.missing))?;
        Ok((options, fields))
    }

    fn take(&mut self, dialect: &Dialect, args: &mut Args<'r>, cx: &Context) -> Result<(), Error> {
        if args.keyword("FIELDS") {
            self.take_fields(dialect, args)
        } else if let Some(condition) = args.keyword_of(&CONDITIONS) {
            let before = self.condition.replace(condition);
            once(before.is_some(), "ERR Only one of FXX or FNX arguments can be specified")
        } else if args.keyword("KEEPTTL") {
            // Not refused beside PERSIST, as one of the two is refused in any case.
            once(
                std::mem::replace(&mut self.keeps, true) || self.deadline_ms.is_some(),
                dialect.several_expiries,
            )
        } else if args.keyword("PERSIST") {
            once(
                std::mem::replace(&mut self.persists, true) || self.deadline_ms.is_some(),
                dialect.several_expiries,
            )
        } else if let Some(lifetime) = args.keyword_of(&LIFETIMES) {
            self.take_end(lifetime, dialect, args, cx)
        } else {
            Err(unknown_argument(args.bytes()?))
        }
    }

    fn take_fields(&mut self, dialect: &Dialect, args: &mut Args<'r>) -> Result<(), Error> {
        once(self.fields.is_some(), FIELDS.repeated)?;
        if args.is_empty() {
            return Err(Error::wrong_arity(dialect.command));
        }
        self.fields = Some(counted(args, dialect.words_each, NO_COUNT)?);
        Ok(())
    }

    fn take_end(
        &mut self,
        lifetime: Lifetime,
        dialect: &Dialect,
        args: &mut Args,
        cx: &Context,
    ) -> Result<(), Error> {
        once(self.keeps || self.persists || self.deadline_ms.is_some(), dialect.several_expiries)?;
        if args.is_empty() {
            return Err(Error::new("ERR missing expire time"));
        }
        self.deadline_ms = Some(deadline_ms(dialect.command, lifetime, args.integer()?, cx)?);
        Ok(())
    }
}

fn once(again: bool, error: impl Into<Error>) -> Result<(), Error> {
    if again { Err(error.into()) } else { Ok(()) }
}
