//! `BITPOS key bit [start [end [BYTE|BIT]]]`: the number of the first bit of a string that is 0, or
//! 1; -1 if there is none. A string without an end goes on with zeros.

use super::range::{Unit, bits_between, first_one, first_zero};
use super::{MAX_LOCKED_LEN, look_at_text};
use crate::commands::strings::BY_LENGTH;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "bitpos",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "2.8.7",
    complexity: "O(N) for N bytes",
    summary: "Position of the first bit that is 1, or 0, in a string or a part of it",
    syntax: "key bit:integer [range(start:integer [end-unit-block(end:integer [unit(BYTE|BIT)@7.0.0])])]",
    tips: &[],
    weight: BY_LENGTH,
    run: Run::Read(|args, cx| BitPos::parse(args)?.execute(cx)),
};

struct BitPos<'r> {
    key: &'r [u8],
    /// The bit that is searched.
    bit: bool,
    start: i64,
    end: Option<i64>,
    unit: Unit,
}

impl<'r> BitPos<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let bit = match args.integer::<i64>()? {
            0 => false,
            1 => true,
            _ => return Err(Error::new("ERR The bit argument must be 1 or 0.")),
        };
        if args.remaining() > 3 {
            return Err(Error::syntax());
        }
        let start = if args.is_empty() { 0 } else { args.integer()? };
        let mut unit = Unit::Byte;
        if let mut last = args
            && last.remaining() == 2
        {
            last.skip(1);
            unit = Unit::parse(&mut last)?;
        }
        let end = if args.is_empty() { None } else { Some(args.integer()?) };
        Ok(Self { key, bit, start, end, unit })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let found = look_at_text(cx, self.key, MAX_LOCKED_LEN, |text| self.find(text))?;
        let without_key = if self.bit { -1 } else { 0 };
        Ok(Reply::Integer(found.unwrap_or(without_key)))
    }

    fn find(&self, text: &[u8]) -> i64 {
        let bits = bits_between(self.start, self.end.unwrap_or(-1), self.unit, text.len());
        let goes_on = !self.bit && self.end.is_none() && !bits.is_empty();
        let found = if self.bit { first_one(text, bits) } else { first_zero(text, bits) };
        let found = found.or(goes_on.then_some(text.len() * 8));
        found.and_then(|bit| i64::try_from(bit).ok()).unwrap_or(-1)
    }
}
