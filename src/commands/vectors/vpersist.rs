//! `VPERSIST key MEMBERS n element …`: removes the deadlines of elements (an extension). Replies 1
//! for each, -1 if it had none, -2 if there is no such element, as `SPERSIST` in Redis 8.12.

use super::elements::BY_ELEMENTS;
use super::members::{refusal, to_the_end};
use super::{KEY, change_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec};
use crate::journal::{Effects, Record};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Lifetime, Reschedule};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VPERSIST",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::MODULE).and(Flags::FAST),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "Cancel the expiry of elements of a vector set (an extension to Redis)",
    syntax: "key MEMBERS members(nummembers:integer member...)",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Write(persist),
};

fn persist(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let words = args;
    let key = args.bytes()?;
    let elements = to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let decide = |deadline: Option<i64>| match deadline {
        None => Reschedule::Leave,
        Some(_) => Reschedule::To(Lifetime::Endless),
    };
    let log = |_: &[Option<Reschedule>], effects: &mut Effects<'_>| {
        let words: Vec<&[u8]> = words.iter().collect();
        effects.command_with(&[SPEC.name.as_bytes()], &words);
    };
    let done = change_set(cx, key, record, |set, hold, record| {
        set.reschedule(hold, &elements, decide, record, log)
    })?;
    let number = |done| match done {
        None => -2,
        Some(Reschedule::Leave) => -1,
        Some(Reschedule::To(_) | Reschedule::Remove) => 1,
    };
    let done = done.unwrap_or_else(|| vec![None; elements.len()]);
    Ok(Reply::Array(done.into_iter().map(|done| Reply::Integer(number(done))).collect()))
}
