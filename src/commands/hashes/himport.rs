//! `HIMPORT PREPARE fieldset field [field …]`, `HIMPORT SET key fieldset value [value …]`, `HIMPORT
//! DISCARD fieldset`, `HIMPORT DISCARDALL`: makes hashes with the same fields, whose names the
//! client sends once.
//!
//! An existing hash is replaced, its deadline included; a value of another type is an error. The
//! fields of the new hash are ordered by length and then by their bytes, as in Redis.

use crate::commands::client::{Duplicate, Fieldset};
use crate::commands::keys::{BY_ARGUMENTS, Names};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::keyspace::{Deadline, Exclusive, Hash, Value, event};
use crate::persistence::rdb::dump::dump;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    flags: Flags::HASH,
    complexity: "That of the subcommand",
    summary: "Commands that write many hashes with the same fields",
    run: Run::Container(&[&DISCARD, &DISCARDALL, &PREPARE, &SET]),
    ..SUBCOMMAND
};

/// Shared fields of the subcommands.
const SUBCOMMAND: Spec = Spec {
    name: "himport",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Hash,
    since: "8.10.0",
    complexity: "O(N) for N lists",
    summary: "",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[]),
};

/// Fieldsets belong to one connection to one node.
const TIPS: &[&str] = &["request_policy:all_shards"];

const PREPARE: Spec = Spec {
    name: "himport|prepare",
    arity: Arity::AtLeast(4),
    flags: Flags::DENYOOM,
    complexity: "O(N*log(N)) for N fields",
    summary: "Give a list of fields a name that this connection can use",
    syntax: "fieldset-name field...",
    tips: TIPS,
    weight: BY_ARGUMENTS,
    run: Run::Read(prepare),
    ..SUBCOMMAND
};

const SET: Spec = Spec {
    name: "himport|set",
    arity: Arity::AtLeast(5),
    flags: Flags::WRITE.and(Flags::DENYOOM),
    keys: &[Keys::at(2, &["OW", "update"])],
    scope: Scope::NamedKeys,
    complexity: "O(N) for N fields",
    summary: "Write a hash from values for a named list of fields",
    syntax: "key fieldset-name value...",
    weight: BY_ARGUMENTS,
    run: Run::Write(set),
    ..SUBCOMMAND
};

const DISCARD: Spec = Spec {
    name: "himport|discard",
    arity: Arity::Exactly(3),
    summary: "Drop one named list of fields of this connection",
    syntax: "fieldset-name",
    tips: TIPS,
    run: Run::Read(discard),
    ..SUBCOMMAND
};

const DISCARDALL: Spec = Spec {
    name: "himport|discardall",
    arity: Arity::Exactly(2),
    summary: "Drop every named list of fields of this connection",
    tips: TIPS,
    run: Run::Read(|_, cx| Ok(Reply::count(cx.client.fieldsets.discard_all()))),
    ..SUBCOMMAND
};

fn prepare(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = args.bytes()?;
    let fields: Names = args.iter().collect();
    let set = Fieldset::new(&fields);
    let set = set.map_err(|Duplicate| Error::new("ERR duplicate field name in fieldset"))?;
    let max_bytes = cx.server.config.settings().client_query_buffer_limit;
    cx.client.fieldsets.keep(name, set, max_bytes)?;
    Ok(Reply::OK)
}

fn discard(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let name = args.bytes()?;
    Ok(Reply::Integer(cx.client.fieldsets.discard(name).into()))
}

fn set(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let name = args.bytes()?;
    let values: Names = args.iter().collect();
    let mut keys = cx.db().exclusive(&[key]);
    keys.hash(key)?;
    let fieldset = cx.client.fieldsets.get(name).ok_or(Error::new("ERR no such fieldset"))?;
    if fieldset.len() != values.len() {
        return Err(Error::new("ERR value count does not match fieldset field count"));
    }
    let mut hash = Hash::within(cx.server.keyspace.packed_limits());
    fieldset.pairs(&values).for_each(|(field, value)| hash.add(field, value, Deadline::NEVER));
    install(key, hash, fieldset.pairs(&values).map(|(field, _)| field), keys, record)?;
    Ok(Reply::OK)
}

fn install<'f>(
    key: &[u8],
    hash: Hash,
    fields: impl Iterator<Item = &'f [u8]>,
    mut keys: Exclusive,
    record: Record,
) -> Result<(), Error> {
    let value = Value::Hash(Box::new(hash));
    let mut refused = None;
    // One command, so that a truncated log has either the old hash or the new one.
    let record = record.instead(|effects| match dump(value.view()) {
        Ok(dump) => effects.command(&[b"RESTORE", key, b"0", &dump, b"REPLACE"]),
        Err(error) => refused = Some(Error::from(format!("ERR cannot log the hash: {error}"))),
    });
    if let Some(refused) = refused {
        return Err(refused);
    }
    keys.overwrite(key, value, Some(Deadline::NEVER));
    keys.notify_parts(event::HSET, key, fields);
    keys.commit(record);
    Ok(())
}
