//! Requests about strings, and their effect on the model.

use std::fmt;

use proptest::prelude::*;

use super::reference::{Answer, Model};
use super::{COMPRESSIBLE, INCOMPRESSIBLE, deadline_ms, key};

type Key = &'static str;
type Text = &'static str;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Get(Key),
    GetSet(Key, Text),
    GetDel(Key),
    GetEx(Key, End),
    Set { key: Key, text: Text, condition: Condition, get: bool, end: End },
    SetNx(Key, Text),
    PSetEx(Key, i64, Text),
    MGet(Vec<Key>),
    MSet(Vec<(Key, Text)>),
    MSetNx(Vec<(Key, Text)>),
    MSetEx { pairs: Vec<(Key, Text)>, condition: Condition, end: End },
    DelEx(Key, Condition),
    Append(Key, Text),
    StrLen(Key),
    GetRange(Key, i64, i64),
    SetRange(Key, usize, Text),
    IncrBy(Key, i64),
    DecrBy(Key, i64),
}

/// The options on the deadline: none, a time, or the word instead of one.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    None,
    Ex(i64),
    Px(i64),
    PxAt(i64),
    Instead,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    None,
    Absent,
    Present,
    Equal(Text),
    Differs(Text),
}

const TEXTS: [Text; 10] = [
    "",
    "x",
    "hello",
    "5",
    "-1",
    "9223372036854775807",
    "01",
    "a-text-that-is-too-long-to-be-kept-in-place",
    COMPRESSIBLE,
    INCOMPRESSIBLE,
];

fn text() -> impl Strategy<Value = Text> {
    prop::sample::select(&TEXTS[..])
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::None),
        1 => (1..3_i64).prop_map(End::Ex),
        2 => (1..5_i64).prop_map(End::Px),
        2 => deadline_ms().prop_map(End::PxAt),
        2 => Just(End::Instead),
    ]
}

fn presence() -> impl Strategy<Value = Condition> {
    prop_oneof![2 => Just(Condition::None), 1 => Just(Condition::Absent), 1 => Just(Condition::Present)]
}

fn comparison() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Condition::None), text().prop_map(Condition::Equal), text().prop_map(Condition::Differs)]
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let pairs = || prop::collection::vec((key(), text()), 1..4);
    let set = (key(), text(), prop_oneof![presence(), comparison()], any::<bool>(), end());
    prop_oneof![
        2 => key().prop_map(Request::Get),
        1 => (key(), text()).prop_map(|(key, text)| Request::GetSet(key, text)),
        1 => key().prop_map(Request::GetDel),
        3 => (key(), end()).prop_map(|(key, end)| Request::GetEx(key, end)),
        8 => set.prop_map(|(key, text, condition, get, end)| Request::Set { key, text, condition, get, end }),
        1 => (key(), text()).prop_map(|(key, text)| Request::SetNx(key, text)),
        1 => (key(), 1..5_i64, text()).prop_map(|(key, ms, text)| Request::PSetEx(key, ms, text)),
        1 => prop::collection::vec(key(), 1..4).prop_map(Request::MGet),
        1 => pairs().prop_map(Request::MSet),
        1 => pairs().prop_map(Request::MSetNx),
        2 => (pairs(), presence(), end())
            .prop_map(|(pairs, condition, end)| Request::MSetEx { pairs, condition, end }),
        2 => (key(), comparison()).prop_map(|(key, condition)| Request::DelEx(key, condition)),
        2 => (key(), text()).prop_map(|(key, text)| Request::Append(key, text)),
        1 => key().prop_map(Request::StrLen),
        2 => (key(), -8..8_i64, -8..8_i64).prop_map(|(key, start, end)| Request::GetRange(key, start, end)),
        2 => (key(), 0..8_usize, text()).prop_map(|(key, at, text)| Request::SetRange(key, at, text)),
        2 => (key(), -3..3_i64).prop_map(|(key, by)| Request::IncrBy(key, by)),
        1 => (key(), -3..3_i64).prop_map(|(key, by)| Request::DecrBy(key, by)),
    ]
}

/// Each part begins with a blank.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None | Self::Instead => Ok(()),
            Self::Ex(seconds) => write!(f, " EX {seconds}"),
            Self::Px(ms) => write!(f, " PX {ms}"),
            Self::PxAt(ms) => write!(f, " PXAT {ms}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Absent => write!(f, " NX"),
            Self::Present => write!(f, " XX"),
            Self::Equal(text) => write!(f, " IFEQ {text}"),
            Self::Differs(text) => write!(f, " IFNE {text}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |pairs: &[(Key, Text)]| -> String {
            pairs.iter().map(|(key, text)| format!(" {key} {text}")).collect()
        };
        let instead = |end: &End, word| if matches!(end, End::Instead) { word } else { "" };
        match self {
            Self::Get(key) => write!(f, "GET {key}"),
            Self::GetSet(key, text) => write!(f, "GETSET {key} {text}"),
            Self::GetDel(key) => write!(f, "GETDEL {key}"),
            Self::GetEx(key, end) => write!(f, "GETEX {key}{end}{}", instead(end, " PERSIST")),
            Self::Set { key, text, condition, get, end } => {
                let get = if *get { " GET" } else { "" };
                write!(f, "SET {key} {text}{condition}{get}{end}{}", instead(end, " KEEPTTL"))
            }
            Self::SetNx(key, text) => write!(f, "SETNX {key} {text}"),
            Self::PSetEx(key, ms, text) => write!(f, "PSETEX {key} {ms} {text}"),
            Self::MGet(keys) => write!(f, "MGET {}", keys.join(" ")),
            Self::MSet(pairs) => write!(f, "MSET{}", listed(pairs)),
            Self::MSetNx(pairs) => write!(f, "MSETNX{}", listed(pairs)),
            Self::MSetEx { pairs, condition, end } => {
                let count = pairs.len();
                let pairs = listed(pairs);
                write!(f, "MSETEX {count}{pairs}{condition}{end}{}", instead(end, " KEEPTTL"))
            }
            Self::DelEx(key, condition) => write!(f, "DELEX {key}{condition}"),
            Self::Append(key, text) => write!(f, "APPEND {key} {text}"),
            Self::StrLen(key) => write!(f, "STRLEN {key}"),
            Self::GetRange(key, start, end) => write!(f, "GETRANGE {key} {start} {end}"),
            Self::SetRange(key, at, text) => write!(f, "SETRANGE {key} {at} {text}"),
            Self::IncrBy(key, by) => write!(f, "INCRBY {key} {by}"),
            Self::DecrBy(key, by) => write!(f, "DECRBY {key} {by}"),
        }
    }
}

impl Request {
    /// The key that must hold a text, if it exists.
    fn text_key(&self) -> Option<Key> {
        match self {
            Self::Get(key)
            | Self::GetSet(key, _)
            | Self::GetDel(key)
            | Self::GetEx(key, _)
            | Self::Set { key, get: true, .. }
            | Self::Set { key, condition: Condition::Equal(_) | Condition::Differs(_), .. }
            | Self::Append(key, _)
            | Self::StrLen(key)
            | Self::GetRange(key, ..)
            | Self::SetRange(key, ..)
            | Self::IncrBy(key, _)
            | Self::DecrBy(key, _) => Some(key),
            _ => None,
        }
    }

    pub(super) fn answer(&self, model: &mut Model) -> Answer {
        if self.text_key().is_some_and(|key| model.is_no_text(key)) {
            return Answer::WRONG_TYPE;
        }
        match self {
            Self::Get(key) => Answer::text(model.text(key)),
            Self::GetSet(key, text) => {
                let before = Answer::text(model.text(key));
                model.put_text(key, *text, None);
                before
            }
            Self::GetDel(key) => {
                let before = Answer::text(model.text(key));
                model.remove(key);
                before
            }
            Self::GetEx(key, end) => get_ex(model, key, *end),
            Self::Set { key, text, condition, get, end } => {
                let before = get.then(|| Answer::text(model.text(key)));
                if !condition.holds(model, key) {
                    return before.unwrap_or(Answer::Null);
                }
                put(model, key, text, *end);
                before.unwrap_or(Answer::Ok)
            }
            Self::SetNx(key, text) => put_all(model, &[(*key, *text)], Condition::Absent, End::None),
            Self::PSetEx(key, ms, text) => {
                put(model, key, text, End::Px(*ms));
                Answer::Ok
            }
            Self::MGet(keys) => Answer::Array(keys.iter().map(|key| Answer::text(model.text(key))).collect()),
            Self::MSet(pairs) => {
                put_all(model, pairs, Condition::None, End::None);
                Answer::Ok
            }
            Self::MSetNx(pairs) => put_all(model, pairs, Condition::Absent, End::None),
            Self::MSetEx { pairs, condition, end } => put_all(model, pairs, *condition, *end),
            Self::DelEx(key, Condition::Equal(_) | Condition::Differs(_)) if model.is_no_text(key) => {
                Answer::Error("ERR Key should be of string type if conditions are specified")
            }
            Self::DelEx(key, condition) => {
                let removes = model.has(key) && condition.holds(model, key);
                Answer::flag(removes && model.remove(key).is_some())
            }
            Self::Append(key, text) => edit(model, key, |before| [before, text.as_bytes()].concat()),
            Self::StrLen(key) => Answer::count(model.text(key).map_or(0, <[u8]>::len)),
            Self::GetRange(key, start, end) => {
                Answer::Bulk(part(model.text(key).unwrap_or_default(), *start, *end))
            }
            Self::SetRange(key, _, "") => Answer::count(model.text(key).map_or(0, <[u8]>::len)),
            Self::SetRange(key, at, text) => edit(model, key, |before| overwritten(before, *at, text)),
            Self::IncrBy(key, by) => add(model, key, *by),
            Self::DecrBy(key, by) => add(model, key, -by),
        }
    }
}

impl Condition {
    fn holds(self, model: &Model, key: &str) -> bool {
        match self {
            Self::None => true,
            Self::Absent => !model.has(key),
            Self::Present => model.has(key),
            Self::Equal(text) => model.text(key) == Some(text.as_bytes()),
            Self::Differs(text) => model.text(key) != Some(text.as_bytes()),
        }
    }
}

impl End {
    fn deadline_ms(self, now_ms: i64) -> Option<i64> {
        match self {
            Self::None | Self::Instead => None,
            Self::Ex(seconds) => Some(now_ms + seconds * 1000),
            Self::Px(ms) => Some(now_ms + ms),
            Self::PxAt(ms) => Some(ms),
        }
    }
}

fn put(model: &mut Model, key: &str, text: &str, end: End) {
    match end {
        End::Instead => model.edit_text(key, text),
        end => model.put_text(key, text, end.deadline_ms(model.now_ms())),
    }
}

/// Sets all of them or none.
fn put_all(model: &mut Model, pairs: &[(Key, Text)], condition: Condition, end: End) -> Answer {
    let allowed = pairs.iter().all(|(key, _)| condition.holds(model, key));
    for (key, text) in pairs.iter().filter(|_| allowed) {
        put(model, key, text, end);
    }
    Answer::flag(allowed)
}

fn get_ex(model: &mut Model, key: &str, end: End) -> Answer {
    let text = Answer::text(model.text(key));
    if !matches!(end, End::None) {
        model.set_end(key, end.deadline_ms(model.now_ms()));
    }
    text
}

fn edit(model: &mut Model, key: &str, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Answer {
    let text = change(model.text(key).unwrap_or_default());
    let len = text.len();
    model.edit_text(key, text);
    Answer::count(len)
}

fn overwritten(before: &[u8], at: usize, text: &str) -> Vec<u8> {
    let end = at + text.len();
    (0..end.max(before.len()))
        .map(|i| {
            let fresh = i.checked_sub(at).and_then(|i| text.as_bytes().get(i));
            *fresh.or(before.get(i)).unwrap_or(&0)
        })
        .collect()
}

/// The part between two positions, both included. Negative ones count from the end; none is before
/// the first byte.
fn part(text: &[u8], start: i64, end: i64) -> Vec<u8> {
    let from_front = |at: i64| if at < 0 { (at + text.len() as i64).max(0) } else { at };
    let first = from_front(start);
    let last = from_front(end);
    if start < 0 && end < 0 && start > end {
        return Vec::new();
    }
    (first..=last).filter_map(|at| text.get(at as usize).copied()).collect()
}

fn add(model: &mut Model, key: &str, by: i64) -> Answer {
    let text = std::str::from_utf8(model.text(key).unwrap_or(b"0")).unwrap_or_default();
    // An integer must have the form in which it would be printed.
    let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == text) else {
        return Answer::NOT_AN_INTEGER;
    };
    let Some(sum) = number.checked_add(by) else {
        return Answer::Error("ERR increment or decrement would overflow");
    };
    model.edit_text(key, sum.to_string());
    Answer::Integer(sum)
}
