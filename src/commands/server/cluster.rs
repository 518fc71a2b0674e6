//! `CLUSTER <subcommand>`, `READONLY`, `READWRITE`, `ASKING`: refused, since the server is never
//! part of a cluster.
//!
//! Clients send these commands to find out whether it is. They get the replies of a Redis without a
//! cluster, the errors for wrong requests included.

use crate::commands::Arity::{AtLeast, Exactly};
use crate::commands::{Arity, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::Error;

const DISABLED: Error = Error::new("ERR This instance has cluster support disabled");

pub(in crate::commands) const CLUSTER: Spec = Spec {
    arity: AtLeast(2),
    complexity: "That of the subcommand",
    summary: "Commands about clusters, all of which are refused",
    run: Run::Container(SUBCOMMANDS),
    ..REFUSED
};

pub(in crate::commands) const READONLY: Spec = Spec { name: "readonly", ..MODE };
pub(in crate::commands) const READWRITE: Spec = Spec { name: "readwrite", ..MODE };
pub(in crate::commands) const ASKING: Spec = Spec { name: "asking", flags: MODE_FLAGS, ..MODE };

/// Shared fields of all of them.
const REFUSED: Spec = Spec {
    name: "cluster",
    arity: Exactly(1),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Cluster,
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Refused: this server is not part of a cluster",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|_, _| Err(DISABLED)),
};

/// Commands that set the mode of a connection to a cluster.
const MODE: Spec = Spec { flags: MODE_FLAGS.and(Flags::LOADING).and(Flags::STALE), ..REFUSED };
const MODE_FLAGS: Flags = Flags::FAST.and(Flags::CONNECTION);

const READ: Flags = Flags::STALE;
const READ_EARLY: Flags = Flags::STALE.and(Flags::LOADING);
const ADMIN_READ: Flags = Flags::STALE.and(Flags::ADMIN);
const ADMIN: Flags = ADMIN_READ.and(Flags::NO_ASYNC_LOADING);

const fn refused(name: &'static str, arity: Arity, flags: Flags, since: &'static str) -> Spec {
    Spec { name, arity, flags, since, ..REFUSED }
}

const SUBCOMMANDS: &[&Spec] = &[
    &refused("cluster|addslots", AtLeast(3), ADMIN, "3.0.0"),
    &refused("cluster|addslotsrange", AtLeast(4), ADMIN, "7.0.0"),
    &refused("cluster|bumpepoch", Exactly(2), ADMIN, "3.0.0"),
    &refused("cluster|count-failure-reports", Exactly(3), ADMIN_READ, "3.0.0"),
    &refused("cluster|countkeysinslot", Exactly(3), READ, "3.0.0"),
    &refused("cluster|delslots", AtLeast(3), ADMIN, "3.0.0"),
    &refused("cluster|delslotsrange", AtLeast(4), ADMIN, "7.0.0"),
    &refused("cluster|failover", AtLeast(2), ADMIN, "3.0.0"),
    &refused("cluster|flushslots", Exactly(2), ADMIN, "3.0.0"),
    &refused("cluster|forget", Exactly(3), ADMIN, "3.0.0"),
    &refused("cluster|getkeysinslot", Exactly(4), READ, "3.0.0"),
    &refused("cluster|help", Exactly(2), READ_EARLY, "5.0.0"),
    &refused("cluster|info", Exactly(2), READ, "3.0.0"),
    &refused("cluster|keyslot", Exactly(3), READ, "3.0.0"),
    &refused("cluster|links", Exactly(2), READ, "7.0.0"),
    &refused("cluster|meet", AtLeast(4), ADMIN, "3.0.0"),
    &refused("cluster|migration", AtLeast(4), ADMIN, "8.4.0"),
    &refused("cluster|myid", Exactly(2), READ, "3.0.0"),
    &refused("cluster|myshardid", Exactly(2), READ, "7.2.0"),
    &refused("cluster|nodes", Exactly(2), READ, "3.0.0"),
    &refused("cluster|replicas", Exactly(3), ADMIN_READ, "5.0.0"),
    &refused("cluster|replicate", Exactly(3), ADMIN, "3.0.0"),
    &refused("cluster|reset", AtLeast(2), ADMIN_READ.and(Flags::NOSCRIPT), "3.0.0"),
    &refused("cluster|saveconfig", Exactly(2), ADMIN, "3.0.0"),
    &refused("cluster|set-config-epoch", Exactly(3), ADMIN, "3.0.0"),
    &refused("cluster|setslot", AtLeast(4), ADMIN, "3.0.0"),
    &refused("cluster|shards", Exactly(2), READ_EARLY, "7.0.0"),
    &refused("cluster|slaves", Exactly(3), ADMIN_READ, "3.0.0"),
    &refused("cluster|slot-stats", AtLeast(4), READ_EARLY, "8.2.0"),
    &refused("cluster|slots", Exactly(2), READ_EARLY, "3.0.0"),
    &refused("cluster|syncslots", AtLeast(3), ADMIN, "8.4.0"),
];
