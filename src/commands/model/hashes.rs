//! Requests about hashes, and their effect on the model. It has no deadlines of fields.

use std::fmt;

use proptest::prelude::*;

use super::reference::{Answer, Model};
use super::{COMPRESSIBLE, INCOMPRESSIBLE, key};

type Key = &'static str;
type Field = &'static str;
type Text = &'static str;

#[derive(Clone, Debug)]
#[expect(clippy::enum_variant_names, reason = "they are the names of the commands")]
pub(super) enum Request {
    HSet(Key, Field, Text),
    HGet(Key, Field),
    HDel(Key, Field),
    HLen(Key),
}

fn field() -> impl Strategy<Value = Field> {
    prop::sample::select(&["f", "g"][..])
}

fn value() -> impl Strategy<Value = Text> {
    prop::sample::select(&["0", "1", "2", COMPRESSIBLE, INCOMPRESSIBLE][..])
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => (key(), field(), value()).prop_map(|(key, field, value)| Request::HSet(key, field, value)),
        2 => (key(), field()).prop_map(|(key, field)| Request::HGet(key, field)),
        2 => (key(), field()).prop_map(|(key, field)| Request::HDel(key, field)),
        1 => key().prop_map(Request::HLen),
    ]
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HSet(key, field, value) => write!(f, "HSET {key} {field} {value}"),
            Self::HGet(key, field) => write!(f, "HGET {key} {field}"),
            Self::HDel(key, field) => write!(f, "HDEL {key} {field}"),
            Self::HLen(key) => write!(f, "HLEN {key}"),
        }
    }
}

impl Request {
    fn key(&self) -> Key {
        match self {
            Self::HSet(key, ..) | Self::HGet(key, _) | Self::HDel(key, _) | Self::HLen(key) => key,
        }
    }

    pub(super) fn answer(&self, model: &mut Model) -> Answer {
        let Some(mut fields) = model.hash(self.key()) else { return Answer::WRONG_TYPE };
        match self {
            Self::HSet(key, field, value) => {
                let added = fields.insert((*field).to_owned(), value.as_bytes().to_vec()).is_none();
                model.edit_hash(key, fields);
                Answer::flag(added)
            }
            Self::HGet(_, field) => Answer::text(fields.get(*field).map(Vec::as_slice)),
            Self::HDel(key, field) => {
                let removed = fields.remove(*field).is_some();
                model.edit_hash(key, fields);
                Answer::flag(removed)
            }
            Self::HLen(_) => Answer::count(fields.len()),
        }
    }
}
