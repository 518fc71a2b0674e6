//! `ROLE`: the role in replication. The server has no replicas and is not one.

use crate::commands::{Arity, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::Reply;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "role",
    arity: Arity::Exactly(1),
    flags: Flags::NOSCRIPT
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::FAST)
        .and(Flags::ADMIN_CATEGORY)
        .and(Flags::DANGEROUS),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Server,
    since: "2.8.12",
    complexity: "O(1)",
    summary: "Place in a replication: here always a master without replicas",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(role())),
};

/// The reply of a master: the offset of its replication, and its replicas.
fn role() -> Reply {
    Reply::Array(vec![Reply::bulk("master"), Reply::Integer(0), Reply::Array(Vec::new())])
}
