//! `BLESS SET|CLEAR key NO-EVICT`, `BLESS GET key`, `BLESS SCAN cursor NO-EVICT [COUNT count]`:
//! keys that are never evicted.
//!
//! A blessing belongs to the key and not to its value: it stays when the value is replaced, also by
//! `RESTORE … REPLACE`, whose payload has none.

use bytes::Bytes;

use super::scan;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::{Effects, Record};
use crate::keyspace::{Accounting, Cursor, Entry};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "bless",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "8.12.0",
    complexity: "That of the subcommand",
    summary: "Commands for keys that are never evicted",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[&CLEAR, &GET, &SCAN, &SET]),
};

/// In `@dangerous`, not in `@keyspace`.
const CATEGORIES: Flags = Flags::DANGEROUS.and(Flags::NO_FAMILY_CATEGORY);

const SET: Spec = Spec {
    name: "bless|set",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST).and(CATEGORIES),
    keys: &[Keys::at(2, &["RW", "update"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "8.12.0",
    complexity: "O(1)",
    summary: "Keep a key from being evicted",
    syntax: "key NO-EVICT",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(|args, cx, record| change(args, cx, record, true)),
};

/// Allowed when there is no memory: afterwards the key may be evicted.
const CLEAR: Spec = Spec {
    name: "bless|clear",
    flags: Flags::WRITE.and(Flags::FAST).and(CATEGORIES),
    summary: "Let a key be evicted again",
    run: Run::Write(|args, cx, record| change(args, cx, record, false)),
    ..SET
};

const GET: Spec = Spec {
    name: "bless|get",
    arity: Arity::Exactly(3),
    flags: Flags::FAST,
    keys: &[Keys::at(2, &["RO"])],
    summary: "From what a key is protected: the flags that are set",
    syntax: "key",
    run: Run::Read(get),
    ..SET
};

const SCAN: Spec = Spec {
    name: "bless|scan",
    arity: Arity::AtLeast(4),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::AllKeys,
    complexity: "O(1) for a step, O(N) for all steps over N blessed keys",
    summary: "Visit all blessed keys in steps, each of which returns the next cursor",
    syntax: "cursor:integer NO-EVICT [COUNT count:integer]",
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    weight: Weight::HeavyIf(|args, _| Scan::parse(args).is_ok_and(|scan| scan.count > scan::MANY_KEYS)),
    run: Run::Read(|args, cx| Scan::parse(args)?.execute(cx)),
    ..SET
};

/// The only flag.
pub(in crate::commands) const NO_EVICT: &str = "NO-EVICT";

/// Number of keys for a call without COUNT.
const DEFAULT_COUNT: usize = 1024;

/// Takes the flag.
pub(in crate::commands) fn take_flag(args: &mut Args) -> Result<(), Error> {
    if args.keyword(NO_EVICT) { Ok(()) } else { Err(Error::syntax()) }
}

/// The end of a SCAN: the flag, and perhaps COUNT, else `default`.
pub(in crate::commands) fn flag_and_count(mut args: Args, default: usize) -> Result<usize, Error> {
    take_flag(&mut args)?;
    if args.is_empty() {
        return Ok(default);
    }
    if args.remaining() != 2 || !args.keyword("COUNT") {
        return Err(Error::syntax());
    }
    scan::count(args.integer()?)
}

fn change(mut args: Args, cx: &mut Context, record: Record, is_blessed: bool) -> Result<Reply, Error> {
    let key = args.bytes()?;
    take_flag(&mut args)?;
    let mut keys = cx.db().exclusive(&[key]);
    let is_change = keys.set_blessed(key, is_blessed).ok_or(Error::no_such_key())?;
    if is_change {
        keys.commit(record);
    }
    Ok(Reply::Integer(is_change.into()))
}

/// Adds the command that gives a key this blessing.
pub(super) fn log(effects: &mut Effects<'_>, key: &[u8], is_blessed: bool) {
    let subcommand: &[u8] = if is_blessed { b"SET" } else { b"CLEAR" };
    effects.command(&[b"BLESS", subcommand, key, NO_EVICT.as_bytes()]);
}

fn get(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let is_blessed = cx.db().lookup(args.bytes()?, Accounting::Counted, Entry::is_blessed);
    let flags = is_blessed.ok_or(Error::no_such_key())?.then(|| Reply::bulk(NO_EVICT));
    Ok(Reply::Array(flags.into_iter().collect()))
}

struct Scan {
    cursor: Cursor,
    count: usize,
}

impl Scan {
    fn parse(mut args: Args) -> Result<Self, Error> {
        let cursor = scan::cursor(args.bytes()?)?;
        Ok(Self { cursor, count: flag_and_count(args, DEFAULT_COUNT)? })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let mut keys = Vec::new();
        let next = cx.db().scan_blessed(self.cursor, self.count, |entry| {
            keys.push(Reply::Bulk(Bytes::copy_from_slice(entry.key())));
        });
        Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(keys)]))
    }
}
