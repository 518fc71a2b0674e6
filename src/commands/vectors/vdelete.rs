//! `VDELETE key FILTER expression [PARAMS n value …] [LIMIT n]`: removes the elements that match
//! (an extension); the reply is how many.
//!
//! It works in steps of 128 elements, between which other commands run; each step is one change,
//! which is logged as a `VREM` of what it removed. An element that matches all the time is removed.
//! In a transaction, all steps are part of it.

use super::filters::{FilterWords, limit};
use super::{KEY, change_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::{Effects, Record};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::Removed;
use crate::vector_set::filter::Filter;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VDELETE",
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(M) for M elements removed, and O(N) for N others that may match",
    summary: "Remove the elements that match a filter (an extension to Redis)",
    syntax: "key FILTER expression [PARAMS params(count:integer value...)] [LIMIT limit:integer]",
    tips: &[],
    weight: Weight::Heavy,
    run: Run::Write(vdelete),
};

/// Elements removed by one change.
const STEP: usize = 128;
/// Passes over the set: the first finds all but what moves meanwhile.
const MOST_PASSES: usize = 8;

fn vdelete(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let mut most = usize::MAX;
    let filter = FilterWords::parse(args, |args| limit(args, &mut most))?.ok_or(Error::syntax())?;
    let mut deletion = Deletion { key, filter, record: Some(record), left: most };
    for _ in 0..MOST_PASSES {
        if deletion.pass(cx)? == 0 || deletion.left == 0 {
            break;
        }
    }
    Ok(Reply::count(most - deletion.left))
}

struct Deletion<'r, 'k> {
    key: &'k [u8],
    filter: Filter,
    /// For the first change.
    record: Option<Record<'r>>,
    left: usize,
}

impl Deletion<'_, '_> {
    /// Removes what matches in all slots, from the first to the last; how many. An element that was
    /// moved behind it meanwhile is left to the next pass.
    fn pass(&mut self, cx: &Context) -> Result<usize, Error> {
        let mut removed = 0;
        let mut from = Some(0);
        while let Some(slot) = from.filter(|_| self.left > 0) {
            let record = self.record.take().unwrap_or_else(|| next_record(cx));
            let step = self.step(slot, cx, record)?;
            removed += step.count;
            self.left -= step.count;
            from = step.next;
        }
        Ok(removed)
    }

    fn step(&self, from: u32, cx: &Context, record: Record) -> Result<Removed, Error> {
        let Self { key, filter, left, .. } = self;
        let removed = change_set(cx, key, record, |set, hold, record| {
            let log =
                |names: &[&[u8]], effects: &mut Effects<'_>| effects.command_with(&[b"VREM", key], names);
            set.remove_matching(hold, filter, from, STEP.min(*left), record, log)
        })?;
        Ok(removed.unwrap_or(Removed { count: 0, next: None }))
    }
}

/// For another change than the first.
fn next_record<'c>(cx: &'c Context) -> Record<'c> {
    match cx.client.replays {
        true => Record::unlogged(),
        false => Record::without_request(cx.server.keyspace.journal(), cx.client.db),
    }
}
