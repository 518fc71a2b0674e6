//! `VBLESS SET|CLEAR key NO-EVICT MEMBERS n element …`, `VBLESS GET key MEMBERS n element …`,
//! `VBLESS SCAN key cursor NO-EVICT [COUNT count]`: elements that are never evicted (an extension).
//!
//! Syntax follows `BLESS` for keys and `VEXPIRE` for elements. A pinned element still expires. An
//! update keeps the pin; it ends with the element, by `VREM`, by expiry, or with the set. `COPY`
//! and files keep pins. Redis cannot read a log with `VBLESS`, as with the extensions of `VADD`.
//!
//! `SET` and `CLEAR` reply for each element 1 if that was a change, 0 if not, -2 if there is no
//! such element; `GET` an array of its flags, or null. `SCAN` replies the next cursor and an array
//! of elements.
//!
//! # The cursor
//!
//! Compaction and updates move elements to other slots, in front of and behind any slot that a scan
//! has come to. So a scan follows the byte order of names, which never changes: its cursor is `0`
//! at the beginning and at the end, else `(` and the name that it goes on behind, as for `VRANGE`.
//! An element that is pinned during the whole scan is returned exactly once. `COUNT` is the number
//! of pinned elements of a step; a step looks at [`LOOKED_AT`](crate::vector_set::LOOKED_AT)
//! elements at most, and may return none.

use super::elements::{BY_ELEMENTS, are_many, names};
use super::members::{refusal, to_the_end};
use super::{KEY, change_set, look_at_set};
use crate::commands::keys::bless::{NO_EVICT, flag_and_count, take_flag};
use crate::commands::{Arity, Context, Flags, Group, Keys, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VBLESS",
    arity: Arity::AtLeast(2),
    flags: Flags::NONE,
    keys: &[],
    scope: Scope::AllKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "That of the subcommand",
    summary: "Commands for elements that are never evicted (an extension to Redis)",
    syntax: "",
    tips: &[],
    weight: Weight::Light,
    run: Run::Container(&[&CLEAR, &GET, &SCAN, &SET]),
};

const SET: Spec = Spec {
    name: "VBLESS|set",
    arity: Arity::AtLeast(7),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE).and(Flags::FAST),
    keys: &[Keys::at(2, KEY[0].access)],
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(N) for N elements",
    summary: "Keep elements of a vector set from being evicted",
    syntax: "key NO-EVICT MEMBERS members(nummembers:integer member...)",
    tips: &[],
    weight: BY_ELEMENTS,
    run: Run::Write(|args, cx, record| change(args, cx, record, true)),
};

/// Allowed when there is no memory: afterwards the elements may be evicted.
const CLEAR: Spec = Spec {
    name: "VBLESS|clear",
    flags: Flags::WRITE.and(Flags::MODULE).and(Flags::FAST),
    summary: "Let elements of a vector set be evicted again",
    run: Run::Write(|args, cx, record| change(args, cx, record, false)),
    ..SET
};

const GET: Spec = Spec {
    name: "VBLESS|get",
    arity: Arity::AtLeast(6),
    flags: Flags::READONLY.and(Flags::MODULE).and(Flags::FAST),
    summary: "From what elements of a vector set are protected: the flags that are set for each",
    syntax: "key MEMBERS members(nummembers:integer member...)",
    run: Run::Read(get),
    ..SET
};

const SCAN: Spec = Spec {
    name: "VBLESS|scan",
    arity: Arity::AtLeast(5),
    flags: Flags::READONLY.and(Flags::MODULE),
    complexity: "O(1) for a step, O(N) for all steps over N elements",
    summary: "Visit all pinned elements of a vector set in steps, each of which returns the next cursor",
    syntax: "key cursor NO-EVICT [COUNT count:integer]",
    weight: Weight::HeavyIf(|args, _| Scan::parse(args).is_ok_and(|scan| are_many(scan.count))),
    run: Run::Read(|args, cx| Scan::parse(args)?.execute(cx)),
    ..SET
};

/// Pinned elements for a call without COUNT.
const DEFAULT_COUNT: usize = 256;
/// The cursor of the beginning and of the end.
const ENDS: &[u8] = b"0";
/// Before the name in any other cursor.
const BEHIND: u8 = b'(';

fn change(mut args: Args, cx: &mut Context, record: Record, is_pinned: bool) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements = take_flag(&mut args).and_then(|()| to_the_end(args));
    let elements = elements.map_err(|error| refusal(error, key, cx))?;
    let changed =
        change_set(cx, key, record, |set, hold, record| set.pin(hold, &elements, is_pinned, record))?;
    let changed = changed.unwrap_or_else(|| vec![None; elements.len()]);
    let number = |changed: Option<bool>| Reply::Integer(changed.map_or(-2, i64::from));
    Ok(Reply::Array(changed.into_iter().map(number).collect()))
}

fn get(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    let key = args.bytes()?;
    let elements = to_the_end(args).map_err(|error| refusal(error, key, cx))?;
    let pinned = look_at_set(cx, key, |set| set.are_pinned(&elements))?;
    let pinned = pinned.unwrap_or_else(|| vec![None; elements.len()]);
    let flags = |is_pinned: bool| is_pinned.then(|| Reply::bulk(NO_EVICT)).into_iter().collect();
    let flags = |is_pinned: Option<bool>| is_pinned.map_or(Reply::Null, |is| Reply::Array(flags(is)));
    Ok(Reply::Array(pinned.into_iter().map(flags).collect()))
}

struct Scan<'r> {
    key: &'r [u8],
    after: Option<&'r [u8]>,
    count: usize,
}

impl<'r> Scan<'r> {
    fn parse(mut args: Args<'r>) -> Result<Self, Error> {
        let key = args.bytes()?;
        let after = match args.bytes()? {
            ENDS => None,
            [BEHIND, name @ ..] => Some(name),
            _ => return Err(Error::new("ERR invalid cursor")),
        };
        Ok(Self { key, after, count: flag_and_count(args, DEFAULT_COUNT)? })
    }

    fn execute(self, cx: &Context) -> Result<Reply, Error> {
        let found = look_at_set(cx, self.key, |set| set.pinned(self.after, self.count))?;
        let (elements, next) = found.unwrap_or_default();
        let next = next.map_or(ENDS.to_vec(), |name| [&[BEHIND], &*name].concat());
        Ok(Reply::Array(vec![Reply::bulk(next), names(elements)]))
    }
}
