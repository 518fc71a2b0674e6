//! `BITCOUNT key [start end [BYTE|BIT]]`: how many bits of a string, or of a part of it, are 1.

use super::range::{Unit, bits_between, count_ones};
use super::{MAX_LOCKED_LEN, look_at_text};
use crate::commands::strings::BY_LENGTH;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "bitcount",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "2.6.0",
    complexity: "O(N) for N bytes",
    summary: "How many bits are 1 in a string, or from one position to another",
    syntax: "key [range(start:integer end:integer [unit(BYTE|BIT)@7.0.0])]",
    tips: &[],
    weight: BY_LENGTH,
    run: Run::Read(|args, cx| BitCount::parse(args)?.execute(cx)),
};

struct BitCount<'r> {
    key: &'r [u8],
    range: Option<(i64, i64, Unit)>,
}

impl<'r> BitCount<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(Self { key, range: None });
        }
        if !matches!(args.remaining(), 2 | 3) {
            return Err(Error::syntax());
        }
        let (start, end) = (args.integer()?, args.integer()?);
        let unit = if args.is_empty() { Unit::Byte } else { Unit::parse(&mut args)? };
        Ok(Self { key, range: Some((start, end, unit)) })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let (start, end, unit) = self.range.unwrap_or((0, -1, Unit::Byte));
        // Without this, two positions before the text would both become its first unit.
        let is_reversed = start < 0 && end < 0 && start > end;
        let count = |text: &[u8]| match is_reversed {
            true => 0,
            false => count_ones(text, bits_between(start, end, unit, text.len())),
        };
        Ok(Reply::count(look_at_text(cx, self.key, MAX_LOCKED_LEN, count)?.unwrap_or(0)))
    }
}
