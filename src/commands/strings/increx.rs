//! `INCREX key [BYINT number|BYFLOAT number] [SATURATE] [LBOUND number] [UBOUND number] [EX
//! seconds|PX milliseconds| EXAT time|PXAT time|PERSIST] [ENX]`: changes the number of a key within
//! bounds, and may set its time to live. Replies the number and the change.
//!
//! Without `SATURATE` a sum outside of the bounds changes nothing, the time to live included, and
//! replies a change of 0. It is logged as the resulting `SET`, as in Redis.

use super::expiry::{Expiry, ExpiryOptions, set_or_remove};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, EventKind, StringRef, StringValue, Value, event};
use crate::long_double::LongDouble;
use crate::resp::{Args, Error, Reply, parse_integer};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "increx",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "access", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "8.8.0",
    complexity: "O(1)",
    summary: "Add to the number under a key within bounds, and set its expiry; a missing key counts as 0",
    syntax: "key [increment(BYFLOAT float:double|BYINT integer:integer)] [SATURATE] \
        [LBOUND lowerbound:string] [UBOUND upperbound:string] \
        [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|PERSIST)] [ENX]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(increx),
};

fn increx(args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let words = Words::parse(args)?;
    match words.increment {
        Some(Increment::Float(increment)) => execute(&words, increment, cx, record),
        Some(Increment::Integer(increment)) => execute(&words, increment, cx, record),
        None => execute(&words, 1, cx, record),
    }
}

fn execute<N: Number>(words: &Words, increment: N, cx: &Context, record: Record) -> Result<Reply, Error> {
    let step = Step { increment, bounds: words.bounds()?, saturate: words.saturate };
    let deadline_ms = words.deadline_ms(cx)?;
    let mut keys = cx.db().exclusive(&[words.key]);
    let before = keys.string(words.key)?.map_or(Ok(N::ZERO), N::of)?;
    let Some((after, change)) = step.taken(before)? else {
        return Ok(Reply::Array(vec![before.reply(), N::ZERO.reply()]));
    };
    let deadline = keys.deadline(words.key);
    let expiry = words.expiry(deadline_ms, deadline);
    let text = after.text();
    let now_ms = keys.now_ms();
    let value = Value::String(StringValue::written(text.as_bytes()));
    if expiry.has_passed(now_ms) {
        keys.count_expired();
        if keys.remove(words.key) {
            keys.notify(event::DEL, words.key);
        }
    } else {
        expiry.change(&mut keys, words.key, value, |keys| {
            keys.notify(N::EVENT, words.key);
            match expiry {
                Expiry::At { .. } => keys.notify(event::EXPIRE, words.key),
                Expiry::Never if deadline != Deadline::NEVER => keys.notify(event::PERSIST, words.key),
                Expiry::Never | Expiry::Keep => {}
            }
        });
    }
    keys.commit(recorded(record, words.key, text.as_bytes(), expiry, now_ms));
    Ok(Reply::Array(vec![after.reply(), change.reply()]))
}

fn recorded<'a>(record: Record<'a>, key: &[u8], text: &[u8], expiry: Expiry, now_ms: i64) -> Record<'a> {
    match expiry {
        Expiry::At { deadline_ms } => set_or_remove(record, key, text, deadline_ms, now_ms),
        Expiry::Keep => record.instead(|effects| effects.command(&[b"SET", key, text, b"KEEPTTL"])),
        Expiry::Never => record.instead(|effects| effects.command(&[b"SET", key, text])),
    }
}

/// The arguments. Those whose meaning depends on others are not parsed yet.
#[derive(Default)]
struct Words<'r> {
    key: &'r [u8],
    increment: Option<Increment>,
    saturate: bool,
    lower: Option<&'r [u8]>,
    upper: Option<&'r [u8]>,
    expiry: ExpiryOptions<'r>,
    only_without_ttl: bool,
}

#[derive(Clone, Copy)]
enum Increment {
    Integer(i64),
    Float(LongDouble),
}

#[derive(Clone, Copy)]
enum Word {
    ByInt,
    ByFloat,
    Saturate,
    Lower,
    Upper,
    Enx,
}

const WORDS: [(&str, Word); 6] = [
    ("BYINT", Word::ByInt),
    ("BYFLOAT", Word::ByFloat),
    ("SATURATE", Word::Saturate),
    ("LBOUND", Word::Lower),
    ("UBOUND", Word::Upper),
    ("ENX", Word::Enx),
];

impl<'r> Words<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut words = Self { key: args.bytes()?, ..Self::default() };
        while !args.is_empty() {
            match args.keyword_of(&WORDS) {
                Some(word) => words.take(word, &mut args)?,
                None => words.take_expiry(&mut args)?,
            }
        }
        if words.only_without_ttl && words.expiry.instead {
            return Err(Error::syntax());
        }
        Ok(words)
    }

    /// Takes a word, which may occur once.
    fn take(&mut self, word: Word, args: &mut Args<'r>) -> Result<(), Error> {
        match word {
            Word::ByInt => once(&mut self.increment, Increment::Integer(i64::increment(args.bytes()?)?)),
            Word::ByFloat => {
                once(&mut self.increment, Increment::Float(LongDouble::increment(args.bytes()?)?))
            }
            Word::Lower => once(&mut self.lower, args.bytes()?),
            Word::Upper => once(&mut self.upper, args.bytes()?),
            Word::Saturate => raise(&mut self.saturate),
            Word::Enx => raise(&mut self.only_without_ttl),
        }
    }

    /// Unlike SET, the same word may not be repeated.
    fn take_expiry(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        let is_first = !self.expiry.is_given();
        if is_first && self.expiry.take(args, "PERSIST") { Ok(()) } else { Err(Error::syntax()) }
    }

    fn bounds<N: Number>(&self) -> Result<(N, N), Error> {
        let bound = |text: Option<&[u8]>, otherwise, name| {
            text.map_or(Ok(otherwise), |text| N::parse(text).ok_or_else(|| N::is_none(name)))
        };
        let lower = bound(self.lower, N::MIN, "LBOUND")?;
        let upper = bound(self.upper, N::MAX, "UBOUND")?;
        if lower > upper {
            return Err(Error::new("ERR LBOUND can't be greater than UBOUND"));
        }
        Ok((lower, upper))
    }

    fn deadline_ms(&self, cx: &Context) -> Result<Option<i64>, Error> {
        if self.only_without_ttl && !self.expiry.is_given() {
            return Err(Error::new("ERR ENX flag requires an expiration"));
        }
        self.expiry.deadline_ms(SPEC.name, || cx.now_ms())
    }

    fn expiry(&self, deadline_ms: Option<i64>, present: Deadline) -> Expiry {
        match deadline_ms {
            _ if self.expiry.instead => Expiry::Never,
            Some(deadline_ms) if !self.only_without_ttl || present == Deadline::NEVER => {
                Expiry::At { deadline_ms }
            }
            _ => Expiry::Keep,
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    place.replace(value).map_or(Ok(()), |_| Err(Error::syntax()))
}

fn raise(flag: &mut bool) -> Result<(), Error> {
    if std::mem::replace(flag, true) { Err(Error::syntax()) } else { Ok(()) }
}

/// A change of a number, with its bounds.
struct Step<N> {
    increment: N,
    bounds: (N, N),
    saturate: bool,
}

impl<N: Number> Step<N> {
    /// The number after the step, and the change. None if the step would leave the bounds.
    fn taken(&self, before: N) -> Result<Option<(N, N)>, Error> {
        let (lower, upper) = self.bounds;
        let after = match before.sum(self.increment) {
            Some(sum) if lower <= sum && sum <= upper => sum,
            _ if !self.saturate => return Ok(None),
            Some(sum) if sum < lower => lower,
            None if self.increment < N::ZERO => lower,
            Some(_) | None => upper,
        };
        let change = after.difference(before).ok_or(Error::new(N::CHANGE_OVERFLOWS))?;
        Ok(Some((after, change)))
    }
}

/// The operations of both kinds of numbers.
trait Number: Copy + PartialOrd {
    const ZERO: Self;
    const MIN: Self;
    const MAX: Self;
    /// The event of a change.
    const EVENT: EventKind;
    /// The error if a saturated change overflows.
    const CHANGE_OVERFLOWS: &'static str;

    fn parse(text: &[u8]) -> Option<Self>;
    /// The error if an argument is not such a number.
    fn is_none(argument: &str) -> Error;
    /// The number in a string.
    fn of(string: StringRef) -> Result<Self, Error>;
    /// None if it is out of range.
    fn sum(self, other: Self) -> Option<Self>;
    fn difference(self, other: Self) -> Option<Self>;
    fn text(self) -> String;
    fn reply(self) -> Reply;

    fn increment(text: &[u8]) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| Self::is_none("Increment"))
    }
}

impl Number for i64 {
    const EVENT: EventKind = event::INCRBY;
    const ZERO: Self = 0;
    const MIN: Self = i64::MIN;
    const MAX: Self = i64::MAX;
    const CHANGE_OVERFLOWS: &'static str = "ERR applied increment would overflow";

    fn parse(text: &[u8]) -> Option<Self> {
        parse_integer(text)
    }

    fn is_none(argument: &str) -> Error {
        Error::from(format!("ERR {argument} is not an integer or out of range"))
    }

    fn of(string: StringRef) -> Result<Self, Error> {
        string.as_integer().ok_or(Error::not_an_integer())
    }

    fn sum(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn difference(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }

    fn text(self) -> String {
        self.to_string()
    }

    fn reply(self) -> Reply {
        Reply::Integer(self)
    }
}

impl Number for LongDouble {
    const EVENT: EventKind = event::INCRBYFLOAT;
    const ZERO: Self = LongDouble::ZERO;
    const MIN: Self = LongDouble::MIN;
    const MAX: Self = LongDouble::MAX;
    const CHANGE_OVERFLOWS: &'static str = "ERR applied increment would be Infinity";

    fn parse(text: &[u8]) -> Option<Self> {
        LongDouble::parse(text)
    }

    fn is_none(argument: &str) -> Error {
        Error::from(format!("ERR {argument} is not a valid float"))
    }

    fn of(string: StringRef) -> Result<Self, Error> {
        let number = LongDouble::parse(&string.text()).ok_or(Error::not_a_float())?;
        if number.is_infinite() {
            return Err(Error::new("ERR value cannot be Infinity"));
        }
        Ok(number)
    }

    fn sum(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn difference(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }

    fn text(self) -> String {
        LongDouble::text(self)
    }

    fn reply(self) -> Reply {
        Reply::Digits(LongDouble::text(self))
    }

    fn increment(text: &[u8]) -> Result<Self, Error> {
        let number = LongDouble::parse(text).ok_or_else(|| Self::is_none("Increment"))?;
        if number.is_infinite() {
            return Err(Error::new("ERR BYFLOAT increment cannot be Infinity"));
        }
        Ok(number)
    }
}
