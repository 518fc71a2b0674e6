//! `VRANGE key start end [count]`: elements in byte order, from one name to another.

use super::elements::{finds_many, names};
use super::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::Bound;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VRANGE",
    arity: Arity::AtLeast(4),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.4.0",
    complexity: "O(log(K)+M) for M elements out of K",
    summary: "Elements between two names, in the order of their bytes",
    syntax: "key start end [count:integer]",
    tips: &[],
    weight: Weight::HeavyIf(|args, cx| {
        VRange::parse(args).is_ok_and(|range| finds_many(cx, range.key, range.count))
    }),
    run: Run::Read(|args, cx| VRange::parse(args)?.execute(cx)),
};

/// Limit of the arguments, without the name of the command.
const MAX_ARGUMENTS: usize = 4;

const INVALID_COUNT: &str = "ERR invalid COUNT value";
const INVALID_START: &str = "ERR invalid start range format";
const INVALID_END: &str = "ERR invalid end range format";
const MISPLACED: &str = "ERR '-' can only be used as first argument, '+' only as second";

const FIRST: &[u8] = b"-";
const LAST: &[u8] = b"+";

struct VRange<'r> {
    key: &'r [u8],
    start: Bound<'r>,
    end: Bound<'r>,
    count: usize,
}

impl<'r> VRange<'r> {
    /// Parses in the order in which Redis checks.
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        if args.remaining() > MAX_ARGUMENTS {
            return Err(Error::wrong_arity(SPEC.name));
        }
        let key = args.bytes()?;
        let start = args.bytes()?;
        let end = args.bytes()?;
        let count = if args.is_empty() { usize::MAX } else { count(&mut args)? };
        let bounds =
            (bound(start).ok_or(Error::new(INVALID_START))?, bound(end).ok_or(Error::new(INVALID_END))?);
        if start == LAST || end == FIRST {
            return Err(Error::new(MISPLACED));
        }
        Ok(Self { key, start: bounds.0, end: bounds.1, count })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let found = look_at_set(cx, self.key, |set| set.range(self.start, self.end, self.count))?;
        Ok(names(found.unwrap_or_default()))
    }
}

/// A negative count means all.
fn count(args: &mut Args) -> Result<usize, Error> {
    let count: i64 = args.integer_or(INVALID_COUNT)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn bound(text: &[u8]) -> Option<Bound<'_>> {
    match text {
        FIRST | LAST => Some(Bound::Unbounded),
        [b'[', name @ ..] if !name.is_empty() => Some(Bound::Included(name)),
        [b'(', name @ ..] if !name.is_empty() => Some(Bound::Excluded(name)),
        _ => None,
    }
}
