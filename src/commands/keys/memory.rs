//! `MEMORY USAGE key [SAMPLES count]`, `MEMORY HELP`: how many bytes a key and its value take.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Spec, Weight, help};
use crate::keyspace::{Attention, Entry};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "memory",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    keys: &[],
    group: Group::Server,
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for memory diagnostics commands.",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(SUBCOMMANDS),
};

const SUBCOMMANDS: &[&Spec] = &[&HELP, &USAGE];

const HELP: Spec = Spec {
    name: "memory|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    keys: &[],
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(1)",
    summary: "Returns helpful text about the different subcommands.",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::of("MEMORY", SUBCOMMANDS))),
};

const USAGE: Spec = Spec {
    name: "memory|usage",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    group: Group::Server,
    since: "4.0.0",
    complexity: "O(N) where N is the number of samples.",
    summary: "Estimates the memory usage of a key.",
    syntax: "key [SAMPLES count:integer]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(usage),
};

/// Values know their size, so that SAMPLES is only checked.
fn usage(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    while !args.is_empty() {
        if !args.keyword("SAMPLES") || args.is_empty() || args.integer::<i64>()? < 0 {
            return Err(Error::syntax());
        }
    }
    let bytes = cx.db().lookup(key, Attention::None, Entry::memory_bytes);
    Ok(bytes.map_or(Reply::Null, Reply::count))
}
