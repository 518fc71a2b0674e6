//! The description of one command for `COMMAND INFO`.

use super::field;
use crate::commands::key_spec::{Begin, Find};
use crate::commands::registry::Command;
use crate::commands::{Keys, Spec, categories};
use crate::config::Compat;
use crate::resp::Reply;

/// Ten fields: name, arity, flags, first key, last key, step, ACL categories, tips, key specs,
/// subcommands.
pub(super) fn command(command: &Command, release: Compat) -> Reply {
    let spec = command.spec;
    let (first, last, step) = key_range(spec.keys);
    Reply::Array(vec![
        Reply::bulk(spec.name),
        Reply::Integer(spec.arity.as_redis()),
        Reply::Set(flags(spec, release).map(Reply::Simple).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(categories::of(spec).into_iter().map(Reply::Simple).collect()),
        Reply::Set(spec.tips.iter().copied().map(Reply::bulk).collect()),
        Reply::Set(spec.keys.iter().map(key_spec).collect()),
        subcommands(command, release),
    ])
}

/// The subcommands. As in Redis, no subcommands are an empty set, others an array.
fn subcommands(command: &Command, release: Compat) -> Reply {
    let subcommands = command.subcommands_in(release).into_iter();
    let subcommands: Vec<_> = subcommands.map(|command| self::command(command, release)).collect();
    if subcommands.is_empty() { Reply::Set(subcommands) } else { Reply::Array(subcommands) }
}

/// The flags. One more flag shows keys that are not at fixed positions.
fn flags(spec: &Spec, release: Compat) -> impl Iterator<Item = &'static str> {
    let movable = spec.keys.iter().any(|keys| keys.fixed().is_none());
    spec.flags.in_release(release).names().chain(movable.then_some("movablekeys"))
}

/// The three numbers for old clients: they span all key specs at fixed positions.
fn key_range(keys: &[Keys]) -> (i64, i64, i64) {
    let fixed = || keys.iter().filter_map(Keys::fixed);
    let (Some((first, _, step)), Some((begin, last, _))) = (fixed().next(), fixed().next_back()) else {
        return (0, 0, 0);
    };
    let end = if last < 0 { 0 } else { i64::from(begin) };
    (i64::from(first), end + i64::from(last), i64::from(step))
}

fn key_spec(keys: &Keys) -> Reply {
    let note = Some(keys.note).filter(|note| !note.is_empty());
    let mut fields: Vec<_> = note.map(|note| field("notes", Reply::bulk(note))).into_iter().collect();
    fields.push(field("flags", Reply::Set(keys.access.iter().copied().map(Reply::Simple).collect())));
    fields.push(field("begin_search", begin_search(keys.begin)));
    fields.push(field("find_keys", find_keys(keys.find)));
    Reply::Map(fields)
}

fn begin_search(begin: Begin) -> Reply {
    match begin {
        Begin::At(index) => step_of("index", vec![number("index", index)]),
        Begin::Behind(keyword, from) => {
            step_of("keyword", vec![field("keyword", Reply::bulk(keyword)), number("startfrom", from)])
        }
    }
}

fn find_keys(find: Find) -> Reply {
    match find {
        Find::Range { last, step } => {
            step_of("range", vec![number("lastkey", last), number("keystep", step), number("limit", 0)])
        }
        Find::Counted { step } => {
            step_of("keynum", vec![number("keynumidx", 0), number("firstkey", 1), number("keystep", step)])
        }
    }
}

fn step_of(kind: &'static str, spec: Vec<(Reply, Reply)>) -> Reply {
    Reply::Map(vec![field("type", Reply::bulk(kind)), field("spec", Reply::Map(spec))])
}

fn number(name: &'static str, value: impl Into<i64>) -> (Reply, Reply) {
    field(name, Reply::Integer(value.into()))
}
