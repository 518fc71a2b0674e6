//! `VEXPIRE key seconds [NX|XX|GT|LT] MEMBERS n element …`, and `VPEXPIRE`, `VEXPIREAT`,
//! `VPEXPIREAT`: sets when elements expire (an extension).
//!
//! Syntax and replies are those of `SEXPIRE` and its family in Redis 8.12: for each element -2 if
//! there is none of this name, 0 if the condition is not met, 1 if the deadline was set, 2 if it
//! has passed already, and the element was removed. `ELEMENTS` may stand for `MEMBERS`.

use super::elements::{BY_ELEMENTS, Elements};
use super::members::{MEMBERS, refusal};
use super::{KEY, change_set};
use crate::commands::keys::lifetime::Lifetime as Unit;
use crate::commands::parts::{Condition, Options, SEVERAL_CONDITIONS, deadline_ms};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec};
use crate::journal::{Effects, Record};
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{Lifetime, Reschedule};

const FLAGS: Flags = Flags::WRITE.and(Flags::MODULE).and(Flags::FAST);

pub(in crate::commands) const VEXPIRE: Spec = Spec {
    name: "VEXPIRE",
    arity: Arity::AtLeast(6),
    flags: FLAGS,
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "Let elements of a vector set expire after some seconds (an extension to Redis)",
    syntax: "key seconds:integer [condition(NX|XX|GT|LT)] MEMBERS members(nummembers:integer member...)",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Write(|args, cx, record| expire("VEXPIRE", Unit::EX, args, cx, record)),
};

pub(in crate::commands) const VPEXPIRE: Spec = Spec {
    name: "VPEXPIRE",
    summary: "Let elements of a vector set expire after some milliseconds (an extension to Redis)",
    syntax: "key milliseconds:integer [condition(NX|XX|GT|LT)] \
        MEMBERS members(nummembers:integer member...)",
    run: Run::Write(|args, cx, record| expire("VPEXPIRE", Unit::PX, args, cx, record)),
    ..VEXPIRE
};

pub(in crate::commands) const VEXPIREAT: Spec = Spec {
    name: "VEXPIREAT",
    summary: "Let elements of a vector set expire at a time given in seconds since 1970 (an extension to Redis)",
    syntax: "key unix-time-seconds:unix-time [condition(NX|XX|GT|LT)] \
        MEMBERS members(nummembers:integer member...)",
    run: Run::Write(|args, cx, record| expire("VEXPIREAT", Unit::EXAT, args, cx, record)),
    ..VEXPIRE
};

pub(in crate::commands) const VPEXPIREAT: Spec = Spec {
    name: "VPEXPIREAT",
    summary: "Let elements of a vector set expire at a time given in milliseconds since 1970 (an extension to Redis)",
    syntax: "key unix-time-milliseconds:unix-time [condition(NX|XX|GT|LT)] \
        MEMBERS members(nummembers:integer member...)",
    run: Run::Write(|args, cx, record| expire("VPEXPIREAT", Unit::PXAT, args, cx, record)),
    ..VEXPIRE
};

struct Expire<'r> {
    deadline_ms: i64,
    condition: Option<Condition>,
    elements: Elements<'r>,
}

fn expire(name: &str, unit: Unit, mut args: Args, cx: &Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let expire = Expire::parse(name, unit, args, cx).map_err(|error| refusal(error, key, cx))?;
    expire.execute(key, cx, record)
}

impl<'r> Expire<'r> {
    fn parse(name: &str, unit: Unit, mut args: Args<'r>, cx: &Context) -> Result<Self, Error> {
        let deadline_ms = deadline_ms(name, unit, args.integer()?, cx)?;
        let mut options = Options::default();
        while !args.is_empty() {
            options.take(&MEMBERS, &mut args)?;
            if options.has_several {
                return Err(SEVERAL_CONDITIONS);
            }
        }
        let elements = options.names.ok_or(Error::new(MEMBERS.missing))?;
        Ok(Self { deadline_ms, condition: options.condition, elements })
    }

    fn execute(self, key: &[u8], cx: &Context, record: Record) -> Result<Reply, Error> {
        let has_passed = self.deadline_ms <= cx.now_ms() && !cx.client.replays;
        let decide = |before: Option<i64>| match self.condition {
            Some(condition) if !condition.allows(before, self.deadline_ms) => Reschedule::Leave,
            _ if has_passed => Reschedule::Remove,
            _ => Reschedule::To(Lifetime::Until(self.deadline_ms)),
        };
        let log = |done: &[Option<Reschedule>], effects: &mut Effects<'_>| self.log(key, done, effects);
        let done = change_set(cx, key, record, |set, hold, record| {
            set.reschedule(hold, &self.elements, decide, record, log)
        })?;
        let done = done.unwrap_or_else(|| vec![None; self.elements.len()]);
        cx.server.keyspace.count_expired_elements(done.iter().filter(|done| is_removal(**done)).count());
        Ok(Reply::Array(done.into_iter().map(number).collect()))
    }

    /// The elements with another deadline now have the same; those that were removed are logged as
    /// such, one by one, so that Redis can read it.
    fn log(&self, key: &[u8], done: &[Option<Reschedule>], effects: &mut Effects<'_>) {
        let with = |wanted: fn(Option<Reschedule>) -> bool| -> Elements {
            let elements = self.elements.iter().zip(done).filter(|(_, done)| wanted(**done));
            elements.map(|(element, _)| *element).collect()
        };
        let set = with(|done| matches!(done, Some(Reschedule::To(_))));
        if !set.is_empty() {
            let deadline_ms = self.deadline_ms.to_string();
            let count = set.len().to_string();
            let words: [&[u8]; 5] =
                [b"VPEXPIREAT", key, deadline_ms.as_bytes(), b"MEMBERS", count.as_bytes()];
            effects.command_with(&words, &set);
        }
        with(is_removal).iter().for_each(|element| effects.command(&[b"VREM", key, element]));
    }
}

fn is_removal(done: Option<Reschedule>) -> bool {
    done == Some(Reschedule::Remove)
}

fn number(done: Option<Reschedule>) -> Reply {
    Reply::Integer(match done {
        None => -2,
        Some(Reschedule::Leave) => 0,
        Some(Reschedule::To(_)) => 1,
        Some(Reschedule::Remove) => 2,
    })
}
