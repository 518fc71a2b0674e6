//! `VCACHE.ALIAS key element (FP32 b | FP16 b | VALUES n …)`: another vector by which an entry is
//! found. Payload, life, cost and statistics are those of the entry, and they are removed together.
//!
//! Replies how many aliases the entry was given, 0 if there is no such entry. To other commands an
//! alias is an element of its own, named like the entry with NUL and a number behind it, and with
//! the entry's attribute: it is in the same scope.

use super::cache;
use crate::commands::vectors::errors::{INVALID_VECTOR, dimension_mismatch, projection_mismatch};
use crate::commands::vectors::vector::{ALL_FORMS, vector};
use crate::commands::vectors::{KEY, be_whole, change_set, limits, look_at_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Aliased, MAX_ALIASES};

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.ALIAS",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(log(N)) in a cache of N entries",
    summary: "Another vector by which an entry of a semantic cache is found (an extension to Redis)",
    syntax: "key element format(FP32|FP16|VALUES) vector",
    tips: &[],
    weight: Weight::HeavyIf(|mut args, cx| {
        let set = args.take().and_then(|key| cx.db().vector_set(key).ok().flatten());
        set.is_some_and(|handle| handle.set.may_train() || handle.set.may_wait_for_disk())
    }),
    run: Run::Write(alias),
};

fn alias(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let element = args.bytes()?;
    let form = args.keyword_of(ALL_FORMS).ok_or(Error::new(INVALID_VECTOR))?;
    let vector = vector(&mut args, form)?;
    args.finish()?;
    let fits = look_at_set(cx, key, |set| {
        be_whole(&set)?;
        cache(set)?;
        let (dim, got) = (set.params().dim(), vector.len());
        match set.params().input_dim() {
            None if got != dim => Err(dimension_mismatch(got, dim)),
            Some(expects) if got != expects => Err(projection_mismatch(got, expects)),
            _ => Ok(()),
        }
    })?;
    fits.unwrap_or(Ok(()))?;
    let record = record.instead(|effects| {
        effects.begin(5);
        [SPEC.name.as_bytes(), key, element, b"FP32"].iter().for_each(|word| effects.word(word));
        effects.floats(&vector);
    });
    let evicts = !cx.client.replays;
    let aliased = change_set(cx, key, record, |set, hold, record| match set.cache() {
        Some(cache) => cache.alias(hold, element, &vector, evicts, record),
        None => Ok(Aliased::NoEntry),
    })?;
    match aliased.unwrap_or(Aliased::NoEntry) {
        Aliased::Added(count) => Ok(Reply::Integer(count.into())),
        Aliased::NoEntry => Ok(Reply::Integer(0)),
        Aliased::TooMany => Err(Error::from(format!("ERR an entry has {MAX_ALIASES} aliases at most"))),
        Aliased::Full(full) => Err(limits::refusal(full)),
    }
}
