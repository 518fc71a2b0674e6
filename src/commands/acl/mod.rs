//! `ACL <subcommand>`: users, what they may do, and what was refused to them.
//!
//! The rules themselves are in [`crate::acl`]; `permissions.rs` applies them to each request.
//!
//! Whose connections end: those of a user that is deleted, by `DELUSER` or because a file that is
//! loaded does not have it, and those with subscriptions that their user may no longer have. Other
//! changes hold from the next command on; a connection whose user is switched off stays.

mod change;
mod dryrun;
mod files;
mod genpass;
mod help;
mod log;
mod show;
mod startup;
mod state;
#[cfg(test)]
mod tests;

use super::{Arity, Flags, Group, REDACTED, Run, Scope, Spec, Weight};
pub use startup::load_users;
pub use state::Acl;

/// The family, in the order of `COMMAND`.
pub(super) const COMMANDS: &[&Spec] = &[&SPEC];

const SPEC: Spec = Spec {
    flags: Flags::NONE,
    complexity: "That of the subcommand",
    summary: "Commands about users and what they may do",
    run: Run::Container(SUBCOMMANDS),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "acl",
    arity: Arity::AtLeast(2),
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "6.0.0",
    complexity: "O(N) for N users",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

/// Shared fields of the subcommands that see or change users.
const ADMIN: Spec = Spec { flags: SUBCOMMAND.flags.and(Flags::ADMIN), ..SUBCOMMAND };

const SUBCOMMANDS: &[&Spec] = &[
    &show::CAT,
    &change::DELUSER,
    &dryrun::DRYRUN,
    &genpass::GENPASS,
    &show::GETUSER,
    &help::HELP,
    &show::LIST,
    &files::LOAD,
    &log::LOG,
    &files::SAVE,
    &change::SETUSER,
    &show::USERS,
    &show::WHOAMI,
];

/// Rules may be passwords, and Redis takes names of users for secrets too.
fn redact(words: &mut [&[u8]]) {
    words[2..].fill(REDACTED);
}
