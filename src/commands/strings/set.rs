//! `SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT time|PXAT time|KEEPTTL]`: the key means this text.

use super::value_of;
use crate::commands::keys::lifetime::{Lifetime, invalid_expire_time};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec, Weight};
use crate::keyspace::{Deadline, Exclusive, StringRef};
use crate::record::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "set",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(1, &["RW", "access", "update", "variable_flags"])
        .noted("RW and ACCESS due to the optional `GET` argument")],
    group: Group::String,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
    syntax: "key value [condition(NX|XX|IFEQ ifeq-value@8.4.0|IFNE ifne-value@8.4.0|\
        IFDEQ ifdeq-digest:integer@8.4.0|IFDNE ifdne-digest:integer@8.4.0)@2.6.12] [GET@6.2.0] \
        [expiration(EX seconds:integer@2.6.12|PX milliseconds:integer@2.6.12|\
        EXAT unix-time-seconds:unix-time@6.2.0|PXAT unix-time-milliseconds:unix-time@6.2.0|KEEPTTL@6.0.0)]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| Set::parse(args, cx)?.execute(cx, record)),
};

struct Set<'r> {
    key: &'r [u8],
    text: &'r [u8],
    condition: Condition,
    ending: Ending,
    get: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Condition {
    Always,
    Absent,
    Present,
}

#[derive(Clone, Copy)]
enum Ending {
    Never,
    AsBefore,
    At { end_ms: i64 },
}

/// The words as they stand; numbers are looked at after the syntax is.
struct Options<'r> {
    condition: Condition,
    keep_ending: bool,
    ending: Option<(Lifetime, Args<'r>)>,
    get: bool,
}

impl<'r> Options<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut options = Self { condition: Condition::Always, keep_ending: false, ending: None, get: false };
        while !args.is_empty() {
            options.take(&mut args)?;
        }
        Ok(options)
    }

    fn take(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        use Condition::{Absent, Always, Present};
        if self.condition != Present && args.keyword("NX") {
            self.condition = Absent;
        } else if matches!(self.condition, Always | Present) && args.keyword("XX") {
            self.condition = Present;
        } else if args.keyword("GET") {
            self.get = true;
        } else if self.ending.is_none() && args.keyword("KEEPTTL") {
            self.keep_ending = true;
        } else if let Some(lifetime) =
            lifetime(args).filter(|&lifetime| self.may_end(lifetime) && !args.is_empty())
        {
            self.ending = Some((lifetime, *args));
            args.bytes()?;
        } else {
            return Err(Error::syntax());
        }
        Ok(())
    }

    /// A way to end may be said again, but no two of them.
    fn may_end(&self, lifetime: Lifetime) -> bool {
        !self.keep_ending && self.ending.is_none_or(|(said, _)| said == lifetime)
    }

    fn ending(&self, now_ms: i64) -> Result<Ending, Error> {
        let Some((lifetime, mut at)) = self.ending else {
            return Ok(if self.keep_ending { Ending::AsBefore } else { Ending::Never });
        };
        let number: i64 = at.integer()?;
        let end_ms = lifetime.end_ms(number, now_ms).filter(|_| number > 0);
        end_ms.map(|end_ms| Ending::At { end_ms }).ok_or_else(|| invalid_expire_time("set"))
    }
}

fn lifetime(args: &mut Args) -> Option<Lifetime> {
    let words =
        [("EX", Lifetime::EX), ("PX", Lifetime::PX), ("EXAT", Lifetime::EXAT), ("PXAT", Lifetime::PXAT)];
    args.keyword_of(&words)
}

impl<'r> Set<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let (key, text) = (args.bytes()?, args.bytes()?);
        let options = Options::parse(args)?;
        let ending = options.ending(cx.server.keyspace.clock().now_ms())?;
        Ok(Self { key, text, condition: options.condition, ending, get: options.get })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let value = value_of(self.text);
        let mut keys = cx.db().exclusive(&[self.key]);
        let before = self.before(&mut keys)?;
        if !self.is_allowed(&mut keys) {
            return Ok(before.unwrap_or(Reply::Null));
        }
        match self.ending {
            Ending::Never => keys.put(self.key, value, Deadline::NEVER),
            Ending::AsBefore => {
                let deadline = keys.deadline(self.key);
                keys.put(self.key, value, deadline);
            }
            Ending::At { end_ms } if end_ms <= keys.now_ms() => {
                keys.remove(self.key);
            }
            Ending::At { end_ms } => keys.put(self.key, value, Deadline::at(end_ms)),
        }
        keys.commit(record);
        Ok(before.unwrap_or(Reply::OK))
    }

    /// The reply to GET: the text before.
    fn before(&self, keys: &mut Exclusive) -> Result<Option<Reply>, Error> {
        if !self.get {
            return Ok(None);
        }
        let text = keys.string(self.key)?.map(StringRef::to_bytes);
        Ok(Some(text.map_or(Reply::Null, Reply::Bulk)))
    }

    fn is_allowed(&self, keys: &mut Exclusive) -> bool {
        match self.condition {
            Condition::Always => true,
            Condition::Absent => !keys.contains(self.key),
            Condition::Present => keys.contains(self.key),
        }
    }
}
