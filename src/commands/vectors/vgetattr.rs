//! `VGETATTR key element [element …]`: the attributes of elements.
//!
//! Several elements are an extension: the reply is then an array, with null for elements without
//! attributes.

use super::elements::{BY_ELEMENTS, Elements, one_or_several};
use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VGETATTR",
    arity: Arity::AtLeast(3),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "The JSON attribute of an element, or those of several; null if there is none",
    syntax: "key element...",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Read(vgetattr),
};

fn vgetattr(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements: Elements = args.iter().collect();
    let attributes = look_at_set(cx, key, |set| set.attributes(&elements))?;
    let attributes = attributes.unwrap_or_else(|| vec![None; elements.len()]);
    let read = attributes.iter().flatten().count();
    cx.server.keyspace.element_figures().note_reads(attributes.len(), read);
    Ok(one_or_several(attributes.into_iter().map(|attribute| attribute.map_or(Reply::Null, Reply::bulk))))
}
