//! `BITOP operation destkey key [key …]`: stores what an operation makes of the bits of strings.
//! The reply is the length of the result; the key is removed if that is 0.

use smallvec::SmallVec;

use super::MAX_LOCKED_LEN;
use super::bitop_rules::Rule;
use crate::commands::keys::{MANY_ARGUMENTS, Names};
use crate::commands::strings::{LONG_TEXT_LEN, len_of};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, StringRef, StringValue, Value, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "bitop",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(2, &["OW", "update"]), Keys::from(3, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Bitmap,
    since: "2.6.0",
    complexity: "O(N) for N bytes in all strings",
    summary: "Store what a bitwise operation makes of several strings",
    syntax: "operation(AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE) destkey:key key...",
    tips: &[],
    weight: Weight::HeavyIf(is_long),
    run: Run::Write(|args, cx, record| BitOp::parse(args)?.execute(cx, record)),
};

/// How often a result is computed while the keys are not locked; if the strings have changed each
/// time, it is computed under the locks.
const ATTEMPTS: usize = 3;

/// True if many bytes are to be combined.
fn is_long(mut args: Args, cx: &Context) -> bool {
    args.skip(2);
    let len = || args.iter().map(|key| len_of(key, cx)).sum::<usize>();
    args.remaining() > MANY_ARGUMENTS || len() >= LONG_TEXT_LEN
}

/// The strings of the keys, none where there is no key.
type Texts = SmallVec<[Option<StringValue>; 2]>;

struct BitOp<'r> {
    rule: Rule,
    destination: &'r [u8],
    sources: Names<'r>,
}

impl<'r> BitOp<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let word = args.bytes()?;
        let rule = Rule::WORDS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        let (name, rule) = rule.ok_or(Error::syntax())?;
        let destination = args.bytes()?;
        let sources: Names = args.iter().collect();
        if rule == Rule::Not && sources.len() != 1 {
            return Err(Error::new("ERR BITOP NOT must be called with a single source key."));
        }
        if rule.needs_two() && sources.len() < 2 {
            let text = format!("ERR BITOP {name} must be called with at least two source keys.");
            return Err(Error::from(text));
        }
        Ok(Self { rule, destination, sources })
    }

    /// A long result is computed while no key is locked, and stored if the strings are still the
    /// same then.
    fn execute(self, cx: &Context, record: Record) -> Result<Reply, Error> {
        let names: Names = self.sources.iter().copied().chain([self.destination]).collect();
        let mut attempts = 0;
        let mut computed: Option<(Texts, Vec<u8>)> = None;
        loop {
            let mut keys = cx.db().exclusive(&names);
            let texts = self.read(&mut keys, attempts == 0)?;
            let len: usize = texts.iter().flatten().map(StringValue::len).sum();
            let result = match computed.take() {
                Some((of, result)) if are_same(&of, &texts) => result,
                _ if len <= MAX_LOCKED_LEN || attempts == ATTEMPTS => self.combine(&texts),
                _ => {
                    drop(keys);
                    let result = self.combine(&texts);
                    computed = Some((texts, result));
                    attempts += 1;
                    continue;
                }
            };
            drop(texts);
            return Ok(self.store(keys, result, record));
        }
    }

    /// `counts`: whether these lookups are hits or misses of the command.
    fn read(&self, keys: &mut Exclusive<'_>, counts: bool) -> Result<Texts, Error> {
        let mut texts = Texts::new();
        for source in &self.sources {
            if counts {
                keys.count_lookup(source);
            }
            texts.push(keys.string(source)?.map(StringRef::to_value));
        }
        Ok(texts)
    }

    fn combine(&self, texts: &Texts) -> Vec<u8> {
        let texts: Vec<_> =
            texts.iter().map(|text| text.as_ref().map(StringValue::text).unwrap_or_default()).collect();
        let texts: SmallVec<[&[u8]; 8]> = texts.iter().map(|text| &**text).collect();
        self.rule.combine(&texts)
    }

    fn store(&self, mut keys: Exclusive<'_>, result: Vec<u8>, record: Record) -> Reply {
        let len = result.len();
        if len > 0 {
            let value = Value::String(StringValue::of_edit(result));
            keys.overwrite(self.destination, value, Some(Deadline::NEVER));
            keys.notify(event::SET, self.destination);
            keys.commit(record);
        } else if keys.remove(self.destination) {
            keys.notify(event::DEL, self.destination);
            keys.commit(record);
        }
        Reply::count(len)
    }
}

fn are_same(before: &Texts, now: &Texts) -> bool {
    let is_same = |pair: (&Option<StringValue>, &Option<StringValue>)| match pair {
        (Some(before), Some(now)) => before.is_same(now),
        (before, now) => before.is_none() == now.is_none(),
    };
    before.iter().zip(now).all(is_same)
}
