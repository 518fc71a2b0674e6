//! `VCONFIG key [TTL s] [MAXELEMENTS n] [MAXBYTES n] [POLICY lru|lfu|ttl|cost|coverage|random|none]
//! [MAXERROR share]`: what bounds a vector set, shown or changed (an extension). 0 ends a limit.
//! `MAXERROR` is for caches: the share of errors that they accept where a search says nothing.
//!
//! Without options the reply is a map of what is in force. With some it is `+OK`, and what was not
//! named stays. `TTL` is for elements that are added or updated from then on without a lifetime of
//! their own. Of what exceeds a lower limit, some hundred elements are evicted at once, and the
//! rest by the next writers and in the background.

use super::elements::are_many;
use super::{KEY, change_set, limits, look_at_set, vcache};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{LimitsChange, Present};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VCONFIG",
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Show or change the limits of a vector set and the lifetime of its elements (an extension to Redis)",
    syntax: "key [TTL seconds:integer] [MAXELEMENTS elements:integer] [MAXBYTES bytes:integer] \
        [POLICY policy(LRU|LFU|TTL|COST|COVERAGE|RANDOM|NONE)] [MAXERROR share:double]",
    tips: &[],
    // Removals of some elements take as long as a VREM of them.
    weight: Weight::HeavyIf(evicts),
    run: Run::Write(execute),
};

/// True if limits are changed of a set that may have many elements to lose.
fn evicts(mut args: Args, cx: &Context) -> bool {
    let key = args.bytes().unwrap_or_default();
    !args.is_empty()
        && matches!(cx.db().vector_set(key), Ok(Some(handle)) if are_many(handle.set.approximate_len()))
}

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut change = LimitsChange::default();
    while !args.is_empty() {
        if !limits::take(&mut args, &mut change)? {
            return Err(Error::syntax());
        }
    }
    if change.is_none() {
        return look_at_set(cx, key, show)?.ok_or(Error::no_such_key());
    }
    if let Some(is_cache) = look_at_set(cx, key, |set| set.is_cache())? {
        if change.max_error.is_some() && !is_cache {
            return Err(Error::new(vcache::NOT_A_CACHE));
        }
        limits::check_policy(&change, is_cache)?;
    }
    let evicts = !cx.client.replays;
    let evicted =
        change_set(cx, key, record, |set, hold, record| set.configure(hold, &change, evicts, record))?;
    cx.server.keyspace.evictions().count_at_set_limit(evicted.ok_or(Error::no_such_key())?);
    Ok(Reply::OK)
}

fn show(set: Present<'_>) -> Reply {
    let named = |(name, value)| (Reply::Simple(name), value);
    let mut fields: Vec<_> = limits::fields(&set.limits()).map(named).into();
    fields.extend(set.cache().map(|cache| named(vcache::max_error(&cache))));
    Reply::Map(fields)
}
