//! `VSETATTR key element attribute`: sets the attribute of an element, or removes it if the
//! attribute is empty.

use super::{KEY, change_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VSETATTR",
    arity: Arity::Exactly(4),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Set the JSON attribute of an element; an empty text removes it",
    syntax: "key element json",
    tips: &[],
    weight: Weight::Light,
    run: Run::Write(vsetattr),
};

fn vsetattr(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let element = args.bytes()?;
    let attribute = args.bytes()?;
    let found =
        change_set(cx, key, record, |set, hold, record| set.set_attribute(hold, element, attribute, record))?;
    Ok(Reply::Bool(found.unwrap_or(false)))
}
