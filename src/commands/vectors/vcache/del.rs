//! `VCACHE.DEL key element [element …]`: removes entries, as one change, and replies how many there
//! were.

use super::cache;
use crate::commands::vectors::elements::{BY_ELEMENTS, Elements};
use crate::commands::vectors::{KEY, change_set, look_at_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(super) const SPEC: Spec = Spec {
    name: "VCACHE.DEL",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N entries",
    summary: "Remove entries of a semantic cache (an extension to Redis)",
    syntax: "key element...",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Write(del),
};

fn del(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements: Elements = args.iter().collect();
    look_at_set(cx, key, |set| cache(set).map(|_| ()))?.transpose()?;
    let removed = change_set(cx, key, record, |set, hold, record| set.remove(hold, &elements, record))?;
    Ok(Reply::count(removed.unwrap_or_default().into_iter().filter(|&was_there| was_there).count()))
}
