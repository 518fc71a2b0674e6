//! `MEMORY USAGE key [SAMPLES count]`: the bytes that a key and its value take.

use super::SUBCOMMAND;
use crate::commands::{Arity, Context, Flags, Keys, Run, Scope, Spec, Weight};
use crate::keyspace::{Accounting, Entry};
use crate::resp::{Args, Error, Reply};

pub(super) const SPEC: Spec = Spec {
    name: "memory|usage",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    scope: Scope::NamedKeys,
    complexity: "O(1)",
    summary: "Bytes of a key with its value; SAMPLES changes nothing, as values know their size",
    syntax: "key [SAMPLES count:integer]",
    weight: Weight::Light,
    run: Run::Read(usage),
    ..SUBCOMMAND
};

/// The size of a value is stored, so SAMPLES is only checked.
fn usage(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    while !args.is_empty() {
        if !args.keyword("SAMPLES") || args.is_empty() || args.integer::<i64>()? < 0 {
            return Err(Error::syntax());
        }
    }
    let bytes = cx.db().lookup(key, Accounting::None, Entry::memory_bytes);
    Ok(bytes.map_or(Reply::Null, Reply::count))
}
