//! `MSETEX numkeys key value [key value …] [NX|XX] [EX seconds|PX milliseconds|EXAT time|PXAT
//! time|KEEPTTL]`: sets several keys atomically, with one deadline. With NX or XX it sets all of
//! them or none.

use super::expiry::{Expiry, ExpiryOptions};
use super::value_of;
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec};
use crate::journal::Record;
use crate::keyspace::{Value, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "msetex",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::counted(1, &["OW", "update"]).every(2)],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "8.4.0",
    complexity: "O(N) for N keys",
    summary: "Store several strings with one expiry, if the condition holds for all keys",
    syntax: "numkeys:integer data(key value)... [condition(NX|XX)] \
        [expiration(EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
        PXAT unix-time-milliseconds:unix-time|KEEPTTL)]",
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    weight: BY_ARGUMENTS,
    run: Run::Write(|args, cx, record| MSetEx::parse(args, cx)?.execute(cx, record)),
};

struct MSetEx<'r> {
    /// Alternating names and strings.
    pairs: Args<'r>,
    names: Names<'r>,
    values: Vec<Value>,
    /// True if all of the keys must exist, false if none may exist.
    present: Option<bool>,
    expiry: Expiry,
}

impl<'r> MSetEx<'r> {
    fn parse(mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let count = count(&mut args)?;
        let pairs = args.split_off(2 * count);
        let mut present = None;
        let mut words = ExpiryOptions::default();
        while !args.is_empty() {
            let condition = args.keyword_of(&[("NX", false), ("XX", true)]);
            let contradicted = condition.is_some() && present.is_some() && condition != present;
            if contradicted || condition.is_none() && !words.take(&mut args, "KEEPTTL") {
                return Err(Error::syntax());
            }
            present = present.or(condition);
        }
        let expiry = words.resolve(SPEC.name, || cx.now_ms())?;
        let names = pairs.iter().step_by(2).collect();
        let values = pairs.iter().skip(1).step_by(2).map(value_of).collect();
        Ok(Self { pairs, names, values, present, expiry })
    }

    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let mut keys = cx.db().exclusive(&self.names);
        let mut fits = |name: &&[u8]| self.present.is_none_or(|present| keys.get(name).is_some() == present);
        if !self.names.iter().all(&mut fits) {
            return Ok(Reply::Integer(0));
        }
        let record = self.recorded(record, keys.now_ms());
        for (name, value) in self.names.iter().zip(self.values) {
            self.expiry.put(&mut keys, name, value, |keys| {
                if self.expiry.is_time() {
                    keys.notify(event::EXPIRE, name);
                }
                keys.notify(event::SET, name);
            });
        }
        keys.commit(record);
        Ok(Reply::Integer(1))
    }

    /// Logged as SET logs it.
    fn recorded<'a>(&self, record: Record<'a>, now_ms: i64) -> Record<'a> {
        match self.expiry {
            Expiry::Never | Expiry::Keep => record,
            Expiry::At { deadline_ms } if deadline_ms <= now_ms => {
                record.instead(|effects| effects.command_with(&[b"DEL"], &self.names))
            }
            Expiry::At { deadline_ms } => record.instead(|effects| {
                let words: Names = self.pairs.iter().collect();
                effects.begin(words.len() + 4);
                [b"MSETEX", self.names.len().to_string().as_bytes()]
                    .iter()
                    .for_each(|word| effects.word(word));
                words.iter().for_each(|word| effects.word(word));
                [b"PXAT", deadline_ms.to_string().as_bytes()].iter().for_each(|word| effects.word(word));
            }),
        }
    }
}

/// Takes the number of keys, which is at most the number of pairs.
fn count(args: &mut Args) -> Result<usize, Error> {
    const INVALID: Error = Error::new("ERR invalid numkeys value");
    let count = args.integer_or::<i32>(INVALID)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(INVALID)?;
    if count > args.remaining() / 2 {
        return Err(Error::new("ERR wrong number of key-value pairs"));
    }
    Ok(count)
}
