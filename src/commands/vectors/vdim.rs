//! `VDIM key`: the number of components of a set's stored vectors.

use super::{KEY, READ_FAST, look_at_set};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VDIM",
    arity: Arity::Exactly(2),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "How many components the vectors of the set have",
    syntax: "key",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(vdim),
};

fn vdim(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let dim = look_at_set(cx, args.bytes()?, |set| set.params().dim())?;
    dim.map(Reply::count).ok_or(Error::new("ERR key does not exist"))
}
