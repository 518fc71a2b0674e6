//! `VREM key element [element …]`: removes elements atomically, and the key with the last of them.
//!
//! Several elements are an extension: the reply is then the number of removed elements, an integer
//! in both protocols.

use super::elements::{BY_ELEMENTS, Elements};
use super::{KEY, change_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VREM",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "Remove elements; with its last element a set is removed too",
    syntax: "key element...",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Write(vrem),
};

fn vrem(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements: Elements = args.iter().collect();
    let removed = change_set(cx, key, record, |set, hold, record| set.remove(hold, &elements, record))?;
    let count = removed.unwrap_or_default().into_iter().filter(|&was_there| was_there).count();
    Ok(if elements.len() == 1 { Reply::Bool(count == 1) } else { Reply::count(count) })
}
