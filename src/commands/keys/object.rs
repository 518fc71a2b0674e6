//! `OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT key`, `OBJECT HELP`: facts about a key besides its
//! value.

use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight, help};
use crate::keyspace::{Accounting, Entry, Lfu, Policy, Rule};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "object",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "2.2.3",
    complexity: "That of the subcommand",
    summary: "Commands about how a value is stored",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(SUBCOMMANDS),
};

const SUBCOMMANDS: &[&Spec] = &[&ENCODING, &FREQ, &HELP, &IDLETIME, &REFCOUNT];

const ENCODING: Spec = Spec {
    name: "object|encoding",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.2.3",
    complexity: "O(1)",
    summary: "Name of the form in which a value is in memory",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, encoding)),
};

const FREQ: Spec = Spec {
    name: "object|freq",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "4.0.0",
    complexity: "O(1)",
    summary: "The logarithmic counter of a key's uses, under a policy that evicts by it",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, frequency)),
};

const HELP: Spec = Spec {
    name: "object|help",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.and(Flags::STALE),
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Generic,
    since: "6.2.0",
    complexity: "O(1)",
    summary: "List the subcommands, one or more lines for each",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(|_, _| Ok(help::lines("OBJECT", HELP_LINES))),
};

const IDLETIME: Spec = Spec {
    name: "object|idletime",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.2.3",
    complexity: "O(1)",
    summary: "Seconds since the key was last used",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, idle_time)),
};

const REFCOUNT: Spec = Spec {
    name: "object|refcount",
    arity: Arity::Exactly(3),
    flags: Flags::READONLY,
    keys: &[Keys::at(2, &["RO"])],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Generic,
    since: "2.2.3",
    complexity: "O(1)",
    summary: "Always 1: keys do not share values",
    syntax: "key",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(|args, cx| reply(args, cx, |_, _| Ok(Reply::Integer(1)))),
};

const HELP_LINES: &[&str] = &[
    "ENCODING <key>",
    "    Name the form in which a value is in memory, such as int, raw, listpack or hashtable.",
    "FREQ <key>",
    "    Show the counter of uses of <key>: an error unless the eviction policy is an LFU one.",
    "IDLETIME <key>",
    "    Show for how many seconds <key> was not used: an error if the policy is an LFU one.",
    "REFCOUNT <key>",
    "    Always 1, as keys do not share values.",
];

const NOT_TRACKED: Error = Error::new(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);

const IDLE_NOT_TRACKED: Error = Error::new(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies \
     at runtime LRU and LFU data will take some time to adjust.",
);

/// Besides the entry, on what a reply depends.
struct Situation {
    now_ms: i64,
    policy: Policy,
    lfu: Lfu,
}

type Look = fn(&Entry, &Situation) -> Result<Reply, Error>;

fn reply(mut args: Args, cx: &mut Context, look: Look) -> Result<Reply, Error> {
    let keyspace = &cx.server.keyspace;
    let situation = Situation { now_ms: cx.now_ms(), policy: keyspace.policy(), lfu: keyspace.lfu() };
    let seen = cx.db().lookup(args.bytes()?, Accounting::CountedSilently, |entry| look(entry, &situation));
    seen.unwrap_or(Ok(Reply::Null))
}

fn encoding(entry: &Entry, _: &Situation) -> Result<Reply, Error> {
    Ok(Reply::bulk(entry.value().encoding(entry.key().len())))
}

fn idle_time(entry: &Entry, situation: &Situation) -> Result<Reply, Error> {
    match situation.policy.rule {
        Rule::Lfu => Err(IDLE_NOT_TRACKED),
        _ => Ok(Reply::Integer(entry.idle_s(situation.now_ms).into())),
    }
}

fn frequency(entry: &Entry, situation: &Situation) -> Result<Reply, Error> {
    match situation.policy.rule {
        Rule::Lfu => Ok(Reply::Integer(entry.frequency(situation.now_ms, situation.lfu).into())),
        _ => Err(NOT_TRACKED),
    }
}
