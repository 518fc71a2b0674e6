//! `ACL HELP`. Grammar lines are those of Redis.

use super::SUBCOMMAND;
use crate::commands::{Arity, Flags, Run, Spec, help};

pub(super) const HELP: Spec = Spec {
    name: "acl|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
    run: Run::Read(|_, _| Ok(help::lines("ACL", LINES))),
    ..SUBCOMMAND
};

const LINES: &[&str] = &[
    "CAT [<category>]",
    "    Show the categories, or the commands in <category>.",
    "DELUSER <username> [<username> ...]",
    "    Remove these users; their connections are closed.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Show OK if the user could run this command, else what it lacks. Nothing is run.",
    "GETUSER <username>",
    "    Show the rules of one user, or null.",
    "GENPASS [<bits>]",
    "    Show a password made of random bits, 256 of them unless <bits> says otherwise.",
    "LIST",
    "    Show all users, each as a line of a configuration file.",
    "LOAD",
    "    Read the users from 'aclfile'. If anything in it is wrong, nothing changes.",
    "LOG [<count> | RESET]",
    "    Show the last refusals (10 or <count>), or forget them.",
    "SAVE",
    "    Write the users into 'aclfile'.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Apply rules to a user, which is added if there is none of this name.",
    "USERS",
    "    Show the names of all users.",
    "WHOAMI",
    "    Show the user of this connection.",
];
