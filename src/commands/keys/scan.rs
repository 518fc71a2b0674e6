//! `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: some keys, and the cursor for the next
//! call.

use bytes::Bytes;

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight, glob};
use crate::keyspace::{Cursor, Entry};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "scan",
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "2.8.0",
    complexity: "O(1) for a step, O(N) for all steps over N keys",
    summary: "Visit all keys in steps, each of which returns the next cursor",
    syntax: "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type@6.0.0]",
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    weight: Weight::HeavyIf(|args, _| Scan::parse(args).is_ok_and(|scan| scan.count > MANY_KEYS)),
    run: Run::Read(|args, cx| Scan::parse(args)?.execute(cx)),
};

/// Number of keys for a call without COUNT.
const DEFAULT_COUNT: usize = 10;

/// A call for more leaves the network thread.
pub(super) const MANY_KEYS: usize = 1000;

struct Scan<'r> {
    cursor: Cursor,
    count: usize,
    pattern: Option<&'r [u8]>,
    type_name: Option<&'r [u8]>,
}

impl<'r> Scan<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let cursor = cursor(args.bytes()?)?;
        let mut scan = Self { cursor, count: DEFAULT_COUNT, pattern: None, type_name: None };
        while let Some(option) = args.take() {
            scan.option(option, &mut args)?;
        }
        Ok(scan)
    }

    fn option(&mut self, option: &[u8], args: &mut Args<'r>) -> Result<(), Error> {
        let is = |word: &[u8]| option.eq_ignore_ascii_case(word);
        if is(b"NOVALUES") {
            return Err(Error::new("ERR NOVALUES option can only be used in HSCAN"));
        }
        if args.is_empty() {
            return Err(Error::syntax());
        }
        if is(b"MATCH") {
            self.pattern = args.take();
        } else if is(b"TYPE") {
            self.type_name = args.take();
        } else if is(b"COUNT") {
            self.count = count(args.integer()?)?;
        } else {
            return Err(Error::syntax());
        }
        Ok(())
    }

    fn matches(&self, entry: &Entry) -> bool {
        let fits_type = |name: &[u8]| name.eq_ignore_ascii_case(entry.value().type_name().as_bytes());
        self.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && self.type_name.is_none_or(fits_type)
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let mut keys = Vec::new();
        let next = cx.db().scan(self.cursor, self.count, |entry| {
            if self.matches(entry) {
                keys.push(Reply::Bulk(Bytes::copy_from_slice(entry.key())));
            }
        });
        Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(keys)]))
    }
}

/// Any unsigned number of 64 bits, after optional blanks.
pub(super) fn cursor(text: &[u8]) -> Result<Cursor, Error> {
    let number = std::str::from_utf8(text.trim_ascii_start()).ok().and_then(|text| text.parse().ok());
    number.map(Cursor::from_number).ok_or(Error::new("ERR invalid cursor"))
}

pub(super) fn count(number: i64) -> Result<usize, Error> {
    usize::try_from(number).ok().filter(|count| *count > 0).ok_or(Error::syntax())
}
