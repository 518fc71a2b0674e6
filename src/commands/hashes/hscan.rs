//! `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`: some fields, and the cursor for the
//! next call.

use super::{bulk, value_bulk};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight, glob};
use crate::keyspace::HashView;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "hscan",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(1, &["RO", "access"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Hash,
    since: "2.8.0",
    complexity: "O(1) for a step, O(N) for all steps over N fields",
    summary: "Visit all fields of a hash in steps, each of which returns the next cursor",
    syntax: "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [NOVALUES]",
    tips: &["nondeterministic_output"],
    weight: Weight::HeavyIf(requests_many),
    run: Run::Read(scan),
};

/// Number of fields for a call without COUNT.
const DEFAULT_COUNT: usize = 10;

/// A call for more leaves the network thread.
const MANY_FIELDS: usize = 1000;

struct Options<'r> {
    count: usize,
    pattern: Option<&'r [u8]>,
    values: bool,
}

fn requests_many(mut args: Args, _: &Context) -> bool {
    args.skip(2);
    Options::parse(args).is_ok_and(|options| options.count > MANY_FIELDS)
}

/// The options are parsed only if the hash exists.
fn scan(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let cursor = cursor(args.bytes()?)?;
    let page = cx.db().hash(key, |hash| Options::parse(args).map(|options| options.scan(hash, cursor)))?;
    let (next, items) = page.transpose()?.unwrap_or_default();
    Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(items)]))
}

impl<'r> Options<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let mut options = Self { count: DEFAULT_COUNT, pattern: None, values: true };
        while !args.is_empty() {
            options.take(&mut args)?;
        }
        Ok(options)
    }

    fn take(&mut self, args: &mut Args<'r>) -> Result<(), Error> {
        if args.keyword("NOVALUES") {
            self.values = false;
        } else if args.remaining() > 1 && args.keyword("MATCH") {
            self.pattern = args.take();
        } else if args.remaining() > 1 && args.keyword("COUNT") {
            self.count = count(args.integer()?)?;
        } else {
            return Err(Error::syntax());
        }
        Ok(())
    }

    fn scan(&self, hash: HashView, cursor: u64) -> (u64, Vec<Reply>) {
        let mut items = Vec::new();
        let next = hash.scan(cursor, self.count, |field, value| {
            if self.pattern.is_none_or(|pattern| glob::matches(pattern, field)) {
                items.push(bulk(field));
                items.extend(self.values.then(|| value_bulk(value)));
            }
        });
        (next, items)
    }
}

/// Any unsigned number of 64 bits.
fn cursor(text: &[u8]) -> Result<u64, Error> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or(Error::new("ERR invalid cursor"))
}

fn count(number: i64) -> Result<usize, Error> {
    usize::try_from(number).ok().filter(|count| *count > 0).ok_or(Error::syntax())
}
