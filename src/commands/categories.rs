//! The ACL categories of each command: they follow from its flags and its family.

use super::Flags;
use super::spec::{Group, Spec};
use crate::config::Compat;

/// The categories, in Redis' order, and our own last. Those of types that are not here have no
/// commands, but rules may name them.
const CATEGORIES: [&str; 22] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    VECTORS,
];
/// All commands on vector sets.
const VECTORS: &str = "vectorset";
/// Since 8.10, between `string` and `bitmap`.
const ARRAY: &str = "array";

/// The names of the categories in a release.
pub(super) fn names(release: Compat) -> Vec<&'static str> {
    let mut names = CATEGORIES.to_vec();
    if release >= Compat::V8_10 {
        names.insert(8, ARRAY);
    }
    names
}

/// The categories of a command, with `@`. Redis has none for commands on vector sets, so that
/// `-@write` leaves VADD, and `+@read` does not bring VSIM; here they have those of other commands,
/// and one of their own.
pub(super) fn of(spec: &Spec) -> Vec<&'static str> {
    let has = |flag| spec.flags.has(flag);
    let is_container = spec.last_name() == spec.name && !spec.subcommands().is_empty();
    let is_of_family = !is_container && !has(Flags::NO_FAMILY_CATEGORY);
    let dangerous = has(Flags::ADMIN) || has(Flags::DANGEROUS);
    let by_flag = [
        ("@write", has(Flags::WRITE)),
        ("@read", has(Flags::READONLY)),
        ("@admin", has(Flags::ADMIN) || has(Flags::ADMIN_CATEGORY)),
        (if has(Flags::FAST) { "@fast" } else { "@slow" }, true),
        ("@blocking", has(Flags::BLOCKING)),
        ("@dangerous", dangerous),
        ("@connection", has(Flags::CONNECTION)),
        ("@keyspace", has(Flags::KEYSPACE)),
        ("@hash", has(Flags::HASH)),
        ("@vectorset", has(Flags::MODULE) || spec.group == Group::Module),
    ];
    let set = by_flag.into_iter().filter(|(_, set)| *set).map(|(name, _)| name);
    set.chain(spec.group.category().filter(|_| is_of_family)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::registry;

    #[test]
    fn every_category_of_a_command_has_a_name() {
        let names = names(Compat::default());
        let all =
            registry::all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat());
        for command in all {
            for category in of(command.spec) {
                assert!(names.contains(&&category[1..]), "{category} of {}", command.spec.name);
            }
        }
    }
}
