//! Requests about keys of any type, and their effect on the model.

use std::fmt;

use proptest::prelude::*;

use super::reference::{Answer, Entry, Model};
use super::{deadline_ms, key};

type Key = &'static str;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Del(Vec<Key>),
    Unlink(Vec<Key>),
    Exists(Vec<Key>),
    Touch(Vec<Key>),
    Type(Key),
    /// Seconds or milliseconds from now, and conditions.
    Expire(Key, i64, &'static str),
    PExpire(Key, i64, &'static str),
    PExpireAt(Key, i64, &'static str),
    Persist(Key),
    Ttl(Key),
    PTtl(Key),
    PExpireTime(Key),
    Bless(Key),
    Unbless(Key),
    Blessing(Key),
    Rename(Key, Key),
    RenameNx(Key, Key),
    Copy {
        from: Key,
        to: Key,
        database: usize,
        replace: bool,
    },
    Move(Key),
    SwapDb,
    DbSize,
    FlushDb,
}

const CONDITIONS: [&str; 7] = ["", " NX", " XX", " GT", " LT", " XX GT", " XX LT"];

pub(super) fn request() -> impl Strategy<Value = Request> {
    let keys = || prop::collection::vec(key(), 1..4);
    let condition = || prop::sample::select(&CONDITIONS[..]);
    let copy = (key(), key(), 0..2_usize, any::<bool>());
    prop_oneof![
        2 => keys().prop_map(Request::Del),
        1 => keys().prop_map(Request::Unlink),
        2 => keys().prop_map(Request::Exists),
        1 => keys().prop_map(Request::Touch),
        1 => key().prop_map(Request::Type),
        3 => (key(), -1..3_i64, condition()).prop_map(|(key, s, word)| Request::Expire(key, s, word)),
        3 => (key(), -2..5_i64, condition()).prop_map(|(key, ms, word)| Request::PExpire(key, ms, word)),
        3 => (key(), deadline_ms(), condition()).prop_map(|(key, at, word)| Request::PExpireAt(key, at, word)),
        1 => key().prop_map(Request::Persist),
        1 => key().prop_map(Request::Ttl),
        1 => key().prop_map(Request::PTtl),
        1 => key().prop_map(Request::PExpireTime),
        2 => key().prop_map(Request::Bless),
        1 => key().prop_map(Request::Unbless),
        1 => key().prop_map(Request::Blessing),
        2 => (key(), key()).prop_map(|(from, to)| Request::Rename(from, to)),
        2 => (key(), key()).prop_map(|(from, to)| Request::RenameNx(from, to)),
        4 => copy.prop_map(|(from, to, database, replace)| Request::Copy { from, to, database, replace }),
        2 => key().prop_map(Request::Move),
        1 => Just(Request::SwapDb),
        1 => Just(Request::DbSize),
        1 => Just(Request::FlushDb),
    ]
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Del(keys) => write!(f, "DEL {}", keys.join(" ")),
            Self::Unlink(keys) => write!(f, "UNLINK {}", keys.join(" ")),
            Self::Exists(keys) => write!(f, "EXISTS {}", keys.join(" ")),
            Self::Touch(keys) => write!(f, "TOUCH {}", keys.join(" ")),
            Self::Type(key) => write!(f, "TYPE {key}"),
            Self::Expire(key, seconds, condition) => write!(f, "EXPIRE {key} {seconds}{condition}"),
            Self::PExpire(key, ms, condition) => write!(f, "PEXPIRE {key} {ms}{condition}"),
            Self::PExpireAt(key, at, condition) => write!(f, "PEXPIREAT {key} {at}{condition}"),
            Self::Persist(key) => write!(f, "PERSIST {key}"),
            Self::Ttl(key) => write!(f, "TTL {key}"),
            Self::PTtl(key) => write!(f, "PTTL {key}"),
            Self::PExpireTime(key) => write!(f, "PEXPIRETIME {key}"),
            Self::Bless(key) => write!(f, "BLESS SET {key} NO-EVICT"),
            Self::Unbless(key) => write!(f, "BLESS CLEAR {key} NO-EVICT"),
            Self::Blessing(key) => write!(f, "BLESS GET {key}"),
            Self::Rename(from, to) => write!(f, "RENAME {from} {to}"),
            Self::RenameNx(from, to) => write!(f, "RENAMENX {from} {to}"),
            Self::Copy { from, to, database, replace } => {
                write!(f, "COPY {from} {to} DB {database}{}", if *replace { " REPLACE" } else { "" })
            }
            Self::Move(key) => write!(f, "MOVE {key} 1"),
            Self::SwapDb => write!(f, "SWAPDB 0 1"),
            Self::DbSize => write!(f, "DBSIZE"),
            Self::FlushDb => write!(f, "FLUSHDB"),
        }
    }
}

impl Request {
    pub(super) fn answer(&self, model: &mut Model) -> Answer {
        let now_ms = model.now_ms();
        match self {
            Self::Del(keys) | Self::Unlink(keys) => {
                Answer::count(keys.iter().filter(|key| model.remove(key).is_some()).count())
            }
            Self::Exists(keys) | Self::Touch(keys) => {
                Answer::count(keys.iter().filter(|key| model.has(key)).count())
            }
            Self::Type(key) => Answer::Simple(model.get(key).map_or("none", |entry| entry.value.type_name())),
            Self::Expire(key, seconds, condition) => expire(model, key, now_ms + seconds * 1000, condition),
            Self::PExpire(key, ms, condition) => expire(model, key, now_ms + ms, condition),
            Self::PExpireAt(key, at_ms, condition) => expire(model, key, *at_ms, condition),
            Self::Persist(key) => {
                let expires = model.deadline_ms(key).is_some();
                model.set_end(key, None);
                Answer::flag(expires)
            }
            Self::Ttl(key) => left(model, key, |deadline_ms| (deadline_ms - now_ms + 500) / 1000),
            Self::PTtl(key) => left(model, key, |deadline_ms| deadline_ms - now_ms),
            Self::PExpireTime(key) => left(model, key, |deadline_ms| deadline_ms),
            Self::Bless(key) => bless(model, key, true),
            Self::Unbless(key) => bless(model, key, false),
            Self::Blessing(key) => blessing(model.get(key)),
            Self::Rename(from, to) => rename(model, from, to, true),
            Self::RenameNx(from, to) => rename(model, from, to, false),
            Self::Copy { from, to, database, replace } => copy(model, from, to, *database, *replace),
            Self::Move(key) => {
                let moves = model.has(key) && !model.all(1).contains_key(*key);
                if let Some(entry) = moves.then(|| model.remove(key)).flatten() {
                    model.put(1, key, entry);
                }
                Answer::flag(moves)
            }
            Self::SwapDb => {
                model.swap();
                Answer::Ok
            }
            Self::DbSize => Answer::count(model.all(0).len()),
            Self::FlushDb => {
                model.clear();
                Answer::Ok
            }
        }
    }
}

fn expire(model: &mut Model, key: &str, deadline_ms: i64, condition: &str) -> Answer {
    // No deadline counts as later than any deadline.
    let present = model.deadline_ms(key);
    let allowed = match condition.trim_start() {
        "" => true,
        "NX" => present.is_none(),
        "XX" => present.is_some(),
        "GT" | "XX GT" => present.is_some_and(|present| deadline_ms > present),
        "LT" => present.is_none_or(|present| deadline_ms < present),
        "XX LT" => present.is_some_and(|present| deadline_ms < present),
        other => unreachable!("no such condition: {other}"),
    };
    let changes = model.has(key) && allowed;
    if changes {
        model.set_end(key, Some(deadline_ms));
    }
    Answer::flag(changes)
}

fn left(model: &Model, key: &str, to_number: impl Fn(i64) -> i64) -> Answer {
    Answer::Integer(model.get(key).map_or(-2, |entry| entry.deadline_ms.map_or(-1, to_number)))
}

fn bless(model: &mut Model, key: &str, is_blessed: bool) -> Answer {
    model.bless(key, is_blessed).map_or(Answer::NO_SUCH_KEY, Answer::flag)
}

pub(super) fn blessing(entry: Option<&Entry>) -> Answer {
    let Some(entry) = entry else { return Answer::NO_SUCH_KEY };
    let flag = entry.is_blessed.then(|| Answer::Bulk(b"NO-EVICT".to_vec()));
    Answer::Array(flag.into_iter().collect())
}

fn rename(model: &mut Model, from: &str, to: &str, replace: bool) -> Answer {
    if !model.has(from) {
        return Answer::NO_SUCH_KEY;
    }
    let renames = replace || !model.has(to);
    if let Some(entry) = renames.then(|| model.remove(from)).flatten() {
        model.put(0, to, entry);
    }
    if replace { Answer::Ok } else { Answer::flag(renames) }
}

fn copy(model: &mut Model, from: &str, to: &str, database: usize, replace: bool) -> Answer {
    if from == to && database == 0 {
        return Answer::Error("ERR source and destination objects are the same");
    }
    let free = replace || !model.all(database).contains_key(to);
    let Some(entry) = model.get(from).cloned().filter(|_| free) else { return Answer::Integer(0) };
    model.put(database, to, entry);
    Answer::Integer(1)
}
