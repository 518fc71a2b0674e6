//! `VCOUNT key [FILTER expression] [PARAMS n value …]`: how many elements match (an extension). A
//! missing key has none.

use super::filters::FilterWords;
use super::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VCOUNT",
    arity: Arity::AtLeast(2),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1) if indexes know what matches, else O(N) for N elements that may match",
    summary: "Count the elements that match a filter (an extension to Redis)",
    syntax: "key [FILTER expression] [PARAMS params(count:integer value...)]",
    tips: &[],
    weight: Weight::HeavyIf(super::filters::reads_many),
    run: Run::Read(vcount),
};

fn vcount(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let filter = FilterWords::parse(args, |_| Ok(false))?;
    let count = look_at_set(cx, key, |set| match &filter {
        Some(filter) => set.count_matching(filter),
        None => set.len(),
    })?;
    Ok(Reply::count(count.unwrap_or(0)))
}
