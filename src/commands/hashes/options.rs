//! What `HGETEX` and `HSETEX` take beside the key: FIELDS and options, in any order.
//!
//! As in Redis each of them knows the options of the other, and refuses them after all else.

use super::fields::{self, unknown_argument};
use super::lifetime::end_ms;
use crate::commands::Context;
use crate::commands::keys::Names;
use crate::commands::keys::lifetime::Lifetime;
use crate::resp::{Args, Error};

/// What differs between the two commands.
pub(super) struct Dialect {
    pub(super) command: &'static str,
    /// Words for each field after FIELDS.
    pub(super) words_each: usize,
    pub(super) several_endings: &'static str,
}

/// The words as they are understood.
#[derive(Default)]
pub(super) struct Options<'r> {
    pub(super) ending: Option<Ending>,
    pub(super) condition: Option<Condition>,
    fields: Option<Names<'r>>,
}

/// When the fields end from now on.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ending {
    At { end_ms: i64 },
    AsBefore,
    Never,
}

/// What must be true of all fields.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Condition {
    Absent,
    Present,
}

const CONDITIONS: [(&str, Condition); 2] = [("FXX", Condition::Present), ("FNX", Condition::Absent)];
const ENDINGS: [(&str, Ending); 2] = [("KEEPTTL", Ending::AsBefore), ("PERSIST", Ending::Never)];
const LIFETIMES: [(&str, Lifetime); 4] =
    [("EX", Lifetime::EX), ("PX", Lifetime::PX), ("EXAT", Lifetime::EXAT), ("PXAT", Lifetime::PXAT)];

const NO_COUNT: &str = "ERR invalid number of fields";

impl<'r> Options<'r> {
    /// The options, and the words after FIELDS.
    pub(super) fn parse(
        dialect: &Dialect,
        mut args: Args<'r>,
        cx: &Context,
    ) -> Result<(Self, Names<'r>), Error> {
        let mut options = Self::default();
        while !args.is_empty() {
            options.take(dialect, &mut args, cx)?;
        }
        let fields = options.fields.take().ok_or(fields::MISSING)?;
        Ok((options, fields))
    }

    fn take(&mut self, dialect: &Dialect, args: &mut Args<'r>, cx: &Context) -> Result<(), Error> {
        if args.keyword("FIELDS") {
            self.take_fields(dialect, args)
        } else if let Some(condition) = args.keyword_of(&CONDITIONS) {
            once(&mut self.condition, "ERR Only one of FXX or FNX arguments can be specified", || {
                Ok(condition)
            })
        } else if let Some(ending) = args.keyword_of(&ENDINGS) {
            once(&mut self.ending, dialect.several_endings, || Ok(ending))
        } else if let Some(lifetime) = args.keyword_of(&LIFETIMES) {
            once(&mut self.ending, dialect.several_endings, || ending(dialect, lifetime, args, cx))
        } else {
            Err(unknown_argument(args.bytes()?))
        }
    }

    fn take_fields(&mut self, dialect: &Dialect, args: &mut Args<'r>) -> Result<(), Error> {
        if args.is_empty() {
            return Err(Error::wrong_arity(dialect.command));
        }
        once(&mut self.fields, fields::REPEATED, || fields::counted(args, dialect.words_each, NO_COUNT))
    }
}

fn ending(dialect: &Dialect, lifetime: Lifetime, args: &mut Args, cx: &Context) -> Result<Ending, Error> {
    if args.is_empty() {
        return Err(Error::new("ERR missing expire time"));
    }
    Ok(Ending::At { end_ms: end_ms(dialect.command, lifetime, args.integer()?, cx)? })
}

/// Sets what may be set but once.
fn once<T>(
    place: &mut Option<T>,
    again: impl Into<Error>,
    value: impl FnOnce() -> Result<T, Error>,
) -> Result<(), Error> {
    if place.is_some() {
        return Err(again.into());
    }
    *place = Some(value()?);
    Ok(())
}
