//! `VOBJECT key element`: the life of an element of a vector set (an extension), as `OBJECT` has it
//! of a key. A map, or null if there is no such element; it is no use of the element.
//!
//! | field | value |
//! |---|---|
//! | `age` | seconds since its vector was set, to a minute |
//! | `idle`, `idle-ms` | seconds and milliseconds since its last use, to 32 ms |
//! | `frequency` | how often it is used: the counter of `OBJECT FREQ`, whatever the policy is |
//! | `ttl-ms` | milliseconds until it expires; -1: it does not |
//! | `pinned` | 1 if it is never evicted: see `VBLESS` |
//! | `bytes` | memory that it takes: its slot with the mean of the links, name, attribute, and its places in tables |

use super::{KEY, READ_FAST, look_at_set};
use crate::commands::keys::lifetime::{expiry_number, remaining_ms};
use crate::commands::{Arity, Context, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::ElementUse;

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VOBJECT",
    arity: Arity::Exactly(3),
    flags: READ_FAST,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1)",
    summary: "Age, use, remaining life, pin and memory of an element of a vector set (an extension to Redis)",
    syntax: "key element",
    tips: &["nondeterministic_output"],
    weight: Weight::Light,
    run: Run::Read(vobject),
};

fn vobject(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let element = args.bytes()?;
    let usage = look_at_set(cx, key, |set| set.usage(element))?.flatten();
    Ok(usage.map_or(Reply::Null, |usage| fields(&usage, cx.now_ms())))
}

fn fields(usage: &ElementUse, now_ms: i64) -> Reply {
    let number = |number: u64| Reply::Integer(number as i64);
    let ttl_ms = expiry_number(Some(usage.deadline_ms), |at_ms| remaining_ms(at_ms, now_ms));
    let fields = [
        ("age", number(usage.age_ms / 1000)),
        ("idle", number(usage.idle_ms / 1000)),
        ("idle-ms", number(usage.idle_ms)),
        ("frequency", number(usage.frequency.into())),
        ("ttl-ms", Reply::Integer(ttl_ms)),
        ("pinned", Reply::Integer(usage.is_pinned.into())),
        ("bytes", Reply::count(usage.bytes)),
    ];
    Reply::Map(fields.map(|(name, value)| (Reply::Simple(name), value)).into())
}
