//! `VSCAN key cursor [FILTER expression] [PARAMS n value …] [COUNT n]`: all elements that match,
//! some at a time (an extension).
//!
//! The reply is an array of the next cursor and of elements, in the order of their bytes. A scan
//! begins with the cursor `0` and is over when it is returned; other cursors are strings of any
//! bytes, and stay valid whatever happens. An element that matches from the beginning of a scan to
//! its end is returned exactly once. `COUNT` (10) is how many elements are wanted; fewer come, or
//! none, where thousands had to be looked at for them.

use super::errors::INVALID_COUNT;
use super::filters::FilterWords;
use super::vadd::bounded;
use super::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::Bound;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VSCAN",
    arity: Arity::AtLeast(3),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1) for each call, O(N) for a whole scan of N elements",
    summary: "Iterate over the elements that match a filter (an extension to Redis)",
    syntax: "key cursor [FILTER expression] [PARAMS params(count:integer value...)] [COUNT count:integer]",
    tips: &[],
    weight: Weight::HeavyIf(super::filters::reads_many),
    run: Run::Read(vscan),
};

/// Before the first element and behind the last.
const END: &[u8] = b"0";
/// What a cursor begins with, before the name of the last element that was looked at.
const BEHIND: u8 = b'(';
const DEFAULT_COUNT: usize = 10;
/// Elements looked at in one call, if not as many are wanted.
const LOOKED_AT: usize = 4096;
/// The most elements that can be wanted.
const MAX_COUNT: usize = 1 << 16;

fn vscan(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let start = match args.bytes()? {
        END => Bound::Unbounded,
        [BEHIND, name @ ..] => Bound::Excluded(name),
        _ => return Err(Error::new("ERR invalid cursor")),
    };
    let mut count = DEFAULT_COUNT;
    let filter = FilterWords::parse(args, |args| {
        let is_count = args.keyword("COUNT");
        if is_count {
            count = bounded(args, 1, usize::MAX, INVALID_COUNT)?.min(MAX_COUNT);
        }
        Ok(is_count)
    })?;
    let looked_at = LOOKED_AT.max(count);
    let scanned = look_at_set(cx, key, |set| set.scan(start, filter.as_ref(), count, looked_at))?;
    let (elements, last) = scanned.map_or((Vec::new(), None), |scanned| (scanned.elements, scanned.last));
    let cursor = last.map_or(END.to_vec(), |last| [&[BEHIND], &*last].concat());
    Ok(Reply::Array(vec![Reply::bulk(cursor), super::elements::names(elements)]))
}
