//! `VISMEMBER key element [element …]`: whether these are elements of a vector set.
//!
//! Several elements are an extension: the reply is then an array.

use super::elements::{BY_ELEMENTS, Elements, one_or_several};
use super::{KEY, READ, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VISMEMBER",
    arity: Arity::AtLeast(3),
    flags: READ,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.2.0",
    complexity: "O(N) for N elements",
    summary: "1 for an element that is in the set, else 0",
    syntax: "key element...",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Read(vismember),
};

fn vismember(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements: Elements = args.iter().collect();
    let found = look_at_set(cx, key, |set| set.contains_each(&elements))?;
    let found = found.unwrap_or_else(|| vec![false; elements.len()]);
    Ok(one_or_several(found.into_iter().map(Reply::Bool)))
}
