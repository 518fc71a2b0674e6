//! `BITFIELD key [GET encoding offset | [OVERFLOW WRAP|SAT|FAIL] SET encoding offset value | …
//! INCRBY encoding offset increment …]`, `BITFIELD_RO key [GET encoding offset …]`: integers of 1
//! to 64 bits at any place of a string.

use std::collections::BTreeMap;

use super::bitfield_overlay::{Field, Overlay};
use super::{bit_number, byte_of, checked_bit, is_far_behind, is_slow_to_look_into, look_at_text};
use crate::commands::keys::MANY_ARGUMENTS;
use crate::commands::{Arity, Context, Flags, Group, KeyAccess, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, StringValue, Value, event};
use crate::resp::{Args, Error, Reply, parse_integer};

pub(in crate::commands) const BITFIELD: Spec = Spec {
    name: "bitfield",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "access", "update", "variable_flags"])
        .varying(access)
        .noted("With `GET` alone the string is only read")],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "3.2.0",
    complexity: "O(1) for each operation, and O(N) for a string that gets N bytes longer",
    summary: "Read, store and count integers of any width in the bits of a string",
    syntax: "key [operation(GET get-block(encoding offset:integer)|write([OVERFLOW overflow-block(WRAP|SAT|FAIL)] \
             write-operation(SET set-block(encoding offset:integer value:integer)|INCRBY \
             incrby-block(encoding offset:integer increment:integer))))...]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Write(|args, cx, record| BitField::parse(args, cx)?.execute(cx, record)),
};

pub(in crate::commands) const BITFIELD_RO: Spec = Spec {
    name: "bitfield_ro",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "6.0.0",
    complexity: "O(1) for each operation",
    summary: "Read integers of any width in the bits of a string",
    syntax: "key [GET... get-block(encoding offset:integer)]",
    tips: &[],
    weight: Weight::HeavyIf(is_heavy),
    run: Run::Read(|args, cx| BitField::parse(args, cx)?.read_only(cx)),
};

const BAD_TYPE: Error = Error::new(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

/// The widest integer, by which an offset may be multiplied.
const MAX_WIDTH: i64 = 64;

/// What BITFIELD does with its key: with GET alone it is only read.
fn access(words: &[&[u8]]) -> KeyAccess {
    let mut operations = words.get(2..).unwrap_or_default();
    loop {
        operations = match operations {
            [] => return &["RO", "access"],
            [word, _, _, rest @ ..] if word.eq_ignore_ascii_case(b"GET") => rest,
            [word, _, rest @ ..] if word.eq_ignore_ascii_case(b"OVERFLOW") => rest,
            _ => return &["RW", "access", "update"],
        }
    }
}

/// True if there are many operations, or many zeros have to be written, or many bytes to be
/// decompressed. Any number is taken for an offset.
fn is_heavy(mut args: Args, cx: &Context) -> bool {
    let Some(key) = args.take() else { return false };
    if args.remaining() > MANY_ARGUMENTS {
        return true;
    }
    let bit_of = |word: &[u8]| match word.strip_prefix(b"#") {
        Some(number) => parse_integer(number).map(|number| number.saturating_mul(MAX_WIDTH)),
        None => parse_integer(word),
    };
    let last = args.iter().filter_map(bit_of).max().and_then(|bit| u64::try_from(bit).ok());
    is_far_behind(last.unwrap_or(0) / 8, key, cx) || is_slow_to_look_into(key, cx)
}

/// What happens to a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

struct Operation {
    field: Field,
    action: Action,
    overflow: Overflow,
}

struct BitField<'r> {
    key: &'r [u8],
    operations: Vec<Operation>,
}

/// What operations did to a text.
struct Outcome {
    replies: Vec<Reply>,
    changed: BTreeMap<usize, u8>,
    /// A field got another number.
    is_change: bool,
}

impl<'r> BitField<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let key = args.bytes()?;
        let mut operations = Vec::new();
        let mut overflow = Overflow::Wrap;
        while !args.is_empty() {
            let left = args.remaining() - 1;
            if left >= 1 && args.keyword("OVERFLOW") {
                overflow = Overflow::parse(&mut args)?;
            } else {
                let action = Action::parse(&mut args, left)?;
                operations.push(Operation::parse(action, overflow, &mut args, cx)?);
            }
        }
        Ok(Self { key, operations })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        match self.last_written_bit() {
            None => self.read(cx),
            Some(last) => self.write(byte_of(last) + 1, cx, record),
        }
    }

    fn read_only(self, cx: &Context) -> Result<Reply, Error> {
        match self.last_written_bit() {
            None => self.read(cx),
            Some(_) => Err(Error::new("ERR BITFIELD_RO only supports the GET subcommand")),
        }
    }

    /// None if no operation writes.
    fn last_written_bit(&self) -> Option<u64> {
        let writes = self.operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
        writes.map(|operation| operation.field.last_bit()).max()
    }

    fn read(&self, cx: &Context) -> Result<Reply, Error> {
        let replies = look_at_text(cx, self.key, usize::MAX, |text| self.run(text).replies)?;
        Ok(Reply::Array(replies.unwrap_or_else(|| self.run(b"").replies)))
    }

    /// The string gets `len` bytes at least, also if no number fits.
    fn write(&self, len: usize, cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&[self.key]);
        let (outcome, present) = match keys.string(self.key)? {
            None => (self.run(b""), None),
            Some(string) => (self.run(&string.text()), Some(string.len())),
        };
        if outcome.is_change || present.unwrap_or(0) < len {
            self.store(&mut keys, present, len, &outcome.changed)?;
            keys.notify(event::SETBIT, self.key);
            keys.commit(record);
        }
        Ok(Reply::Array(outcome.replies))
    }

    fn store(
        &self,
        keys: &mut Exclusive<'_>,
        present: Option<usize>,
        len: usize,
        changed: &BTreeMap<usize, u8>,
    ) -> Result<(), Error> {
        let Some(present) = present else {
            let mut text = vec![0; len];
            changed.iter().for_each(|(at, byte)| text[*at] = *byte);
            keys.put(self.key, Value::String(StringValue::of_edit(text)), Deadline::NEVER);
            return Ok(());
        };
        keys.edit_string(self.key, |text| {
            if present < len {
                text.overwrite(len - 1, &[0]);
            }
            changed.iter().for_each(|(at, byte)| text.overwrite(*at, &[*byte]));
        })?;
        Ok(())
    }

    fn run(&self, text: &[u8]) -> Outcome {
        let mut overlay = Overlay::new(text);
        let mut is_change = false;
        let mut replies = Vec::with_capacity(self.operations.len());
        for operation in &self.operations {
            let before = overlay.get(&operation.field);
            let Some(after) = operation.result(before) else {
                replies.push(Reply::Null);
                continue;
            };
            if !matches!(operation.action, Action::Get) {
                overlay.set(&operation.field, after);
                is_change |= before != after;
            }
            let shown = if matches!(operation.action, Action::Add(_)) { after } else { before };
            // Every number of a field fits 64 bits.
            replies.push(Reply::Integer(shown as i64));
        }
        Outcome { replies, changed: overlay.into_changed(), is_change }
    }
}

impl Overflow {
    fn parse(args: &mut Args) -> Result<Self, Error> {
        let words = [("WRAP", Self::Wrap), ("SAT", Self::Saturate), ("FAIL", Self::Fail)];
        args.keyword_of(&words).ok_or(Error::new("ERR Invalid OVERFLOW type specified"))
    }
}

impl Action {
    /// Takes its word, if it has as many arguments as it needs. Its number is taken later.
    fn parse(args: &mut Args, left: usize) -> Result<Self, Error> {
        let words = [("GET", 2, Self::Get), ("SET", 3, Self::Set(0)), ("INCRBY", 3, Self::Add(0))];
        let found = words.into_iter().find(|(word, needs, _)| left >= *needs && args.keyword(word));
        found.map(|(.., action)| action).ok_or(Error::syntax())
    }
}

impl Operation {
    fn parse(action: Action, overflow: Overflow, args: &mut Args, cx: &Context) -> Result<Self, Error> {
        let (is_signed, width) = encoding(args.bytes()?)?;
        let bit = offset(args.bytes()?, width, cx)?;
        let action = match action {
            Action::Get => Action::Get,
            Action::Set(_) => Action::Set(args.integer()?),
            Action::Add(_) => Action::Add(args.integer()?),
        };
        Ok(Self { field: Field { bit, width, is_signed }, action, overflow })
    }

    /// The number that the field has after the operation; none if it fails.
    fn result(&self, before: i128) -> Option<i128> {
        let field = &self.field;
        let number = match self.action {
            Action::Get => return Some(before),
            // As in Redis a negative number is a great one for a field without a sign.
            Action::Set(number) if !field.is_signed => i128::from(number as u64),
            Action::Set(number) => number.into(),
            Action::Add(number) => before + i128::from(number),
        };
        if (field.min()..=field.max()).contains(&number) {
            return Some(number);
        }
        match self.overflow {
            Overflow::Wrap => Some(field.wrapped(number)),
            Overflow::Saturate if self.seems_too_great() => Some(field.max()),
            Overflow::Saturate => Some(number.clamp(field.min(), field.max())),
            Overflow::Fail => None,
        }
    }

    /// True for a number so far below the field's range that the difference, which Redis computes
    /// in 64 bits, overflows: there it becomes the greatest one.
    fn seems_too_great(&self) -> bool {
        let max = self.field.max() as i64;
        matches!(self.action, Action::Set(number) if self.field.is_signed && max.checked_sub(number).is_none())
    }
}

/// `i16`, `u8`: whether it has a sign, and its width. As in Redis a NUL ends the word.
fn encoding(word: &[u8]) -> Result<(bool, u32), Error> {
    let (is_signed, width) = match word {
        [b'i', width @ ..] => (true, width),
        [b'u', width @ ..] => (false, width),
        _ => return Err(BAD_TYPE),
    };
    let width = width.split(|byte| *byte == 0).next().and_then(parse_integer);
    let most = MAX_WIDTH - i64::from(!is_signed);
    let width = width.filter(|width| (1..=most).contains(width)).ok_or(BAD_TYPE)?;
    Ok((is_signed, width as u32))
}

/// `12`, or `#3`: the number of a bit, or of an integer of this width.
fn offset(word: &[u8], width: u32, cx: &Context) -> Result<u64, Error> {
    match word.strip_prefix(b"#") {
        None => bit_number(word, cx),
        Some(number) => {
            checked_bit(parse_integer(number).and_then(|number| number.checked_mul(width.into())), cx)
        }
    }
}
