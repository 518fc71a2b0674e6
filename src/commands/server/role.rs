//! `ROLE`: what the server is to others. It has no replicas and is none.

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

/// A master, the offset of its replication, its replicas.
fn role() -> Reply {
    Reply::Array(vec![Reply::bulk("master"), Reply::Integer(0), Reply::Array(Vec::new())])
}
