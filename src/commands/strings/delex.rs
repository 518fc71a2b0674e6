//! `DELEX key [IFEQ text|IFNE text|IFDEQ digest|IFDNE digest]`, and Valkey's `DELIFEQ key text`:
//! removes the key if its string is (not) this one.

use super::comparison::Comparison;
use super::has_long_text;
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Entry, event};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "delex",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RW", "delete", "variable_flags"])
        .varying(|words| if words.len() > 3 { &["RW", "delete"] } else { &["RM", "delete"] })],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "8.4.0",
    complexity: "O(1) with IFEQ or IFNE; with IFDEQ or IFDNE O(N) for a string of N bytes",
    summary: "Remove a key if its string, or the digest of it, meets the condition",
    syntax: "key [condition(IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest:digest|\
        IFDNE ifdne-digest:digest)]",
    tips: &[],
    weight: Weight::HeavyIf(compares_digests),
    run: Run::Write(delex),
};

/// The same as `DELEX … IFEQ` but for its error on other types. Redis does not have it, so it
/// exists with every release of `compat`.
pub(in crate::commands) const DELIFEQ: Spec = Spec {
    name: "delifeq",
    arity: Arity::Exactly(3),
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[Keys::at(1, &["RM", "delete"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::String,
    since: "9.0.0",
    complexity: "O(1)",
    summary: "Remove a key if it holds exactly this string",
    syntax: "key value",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(delifeq),
};

/// True if the digest of a long string has to be computed.
fn compares_digests(mut args: Args, cx: &Context) -> bool {
    let Some(key) = args.take() else { return false };
    Comparison::take(&mut args).is_some_and(Comparison::needs_digest) && has_long_text(key, cx)
}

/// The condition is parsed only if the key exists: without the key, any two words are accepted.
fn delex(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    if !matches!(args.remaining(), 0 | 2) {
        return Err(Error::wrong_arity(SPEC.name));
    }
    let mut keys = cx.db().exclusive(&[key]);
    if !args.is_empty() {
        keys.count_lookup(key);
    }
    let Some(entry) = keys.get(key) else { return Ok(Reply::Integer(0)) };
    if !args.is_empty() && !holds(args, entry)? {
        return Ok(Reply::Integer(0));
    }
    keys.remove(key);
    keys.notify(event::DEL, key);
    keys.commit(record.instead(|effects| effects.command(&[b"DEL", key])));
    Ok(Reply::Integer(1))
}

fn delifeq(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let expected = args.bytes()?;
    let mut keys = cx.db().exclusive(&[key]);
    let is_equal = keys.string(key)?.is_some_and(|string| *string.text() == *expected);
    if is_equal {
        keys.remove(key);
        keys.notify(event::DEL, key);
        keys.commit(record.instead(|effects| effects.command(&[b"DEL", key])));
    }
    Ok(Reply::Integer(is_equal.into()))
}

fn holds(mut condition: Args, entry: &Entry) -> Result<bool, Error> {
    let not_a_string = Error::new("ERR Key should be of string type if conditions are specified");
    let string = entry.value().as_string().map_err(|_| not_a_string)?;
    let unknown = Error::new("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    Comparison::take(&mut condition).ok_or(unknown)?.holds(string)
}
