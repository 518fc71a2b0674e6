//! Requests about the bits of strings, and their effect on the model.

use std::fmt;

use proptest::prelude::*;

use super::key;
use super::reference::{Answer, Model};

type Key = &'static str;

#[derive(Clone, Debug)]
pub(super) enum Request {
    SetBit(Key, usize, bool),
    GetBit(Key, usize),
    BitCount(Key),
    BitPos(Key, bool),
    BitOp(Rule, Key, Vec<Key>),
    /// `INCRBY u8 #n`
    Count(Key, usize, u8),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    And,
    Or,
    Xor,
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let bit = || prop_oneof![4 => 0..40_usize, 1 => 2400..2440_usize];
    let rule = prop_oneof![Just(Rule::And), Just(Rule::Or), Just(Rule::Xor)];
    prop_oneof![
        3 => (key(), bit(), any::<bool>()).prop_map(|(key, bit, value)| Request::SetBit(key, bit, value)),
        1 => (key(), bit()).prop_map(|(key, bit)| Request::GetBit(key, bit)),
        1 => key().prop_map(Request::BitCount),
        1 => (key(), any::<bool>()).prop_map(|(key, bit)| Request::BitPos(key, bit)),
        2 => (rule, key(), prop::collection::vec(key(), 1..4))
            .prop_map(|(rule, key, sources)| Request::BitOp(rule, key, sources)),
        2 => (key(), 0..5_usize, any::<u8>()).prop_map(|(key, at, by)| Request::Count(key, at, by)),
    ]
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetBit(key, bit, value) => write!(f, "SETBIT {key} {bit} {}", u8::from(*value)),
            Self::GetBit(key, bit) => write!(f, "GETBIT {key} {bit}"),
            Self::BitCount(key) => write!(f, "BITCOUNT {key}"),
            Self::BitPos(key, bit) => write!(f, "BITPOS {key} {}", u8::from(*bit)),
            Self::BitOp(rule, key, sources) => write!(f, "BITOP {rule:?} {key} {}", sources.join(" ")),
            Self::Count(key, at, by) => write!(f, "BITFIELD {key} INCRBY u8 #{at} {by}"),
        }
    }
}

impl Request {
    /// The keys that must hold texts, if they exist.
    fn text_keys(&self) -> &[Key] {
        match self {
            Self::SetBit(key, ..)
            | Self::GetBit(key, _)
            | Self::BitCount(key)
            | Self::BitPos(key, _)
            | Self::Count(key, ..) => std::slice::from_ref(key),
            Self::BitOp(_, _, sources) => sources,
        }
    }

    pub(super) fn answer(&self, model: &mut Model) -> Answer {
        if self.text_keys().iter().any(|key| model.is_no_text(key)) {
            return Answer::WRONG_TYPE;
        }
        match self {
            Self::SetBit(key, bit, value) => {
                let mut bits = bits_of(model, key);
                bits.resize(bits.len().max((bit / 8 + 1) * 8), false);
                let before = std::mem::replace(&mut bits[*bit], *value);
                model.edit_text(key, bytes_of(&bits));
                Answer::flag(before)
            }
            Self::GetBit(key, bit) => Answer::flag(bits_of(model, key).get(*bit) == Some(&true)),
            Self::BitCount(key) => Answer::count(bits_of(model, key).iter().filter(|bit| **bit).count()),
            Self::BitPos(key, bit) => Answer::Integer(position(model, key, *bit)),
            Self::BitOp(rule, key, sources) => {
                let texts: Vec<Vec<u8>> =
                    sources.iter().map(|key| model.text(key).unwrap_or_default().to_vec()).collect();
                let result = rule.combine(&texts);
                let len = result.len();
                match len {
                    0 => _ = model.remove(key),
                    _ => model.put_text(key, result, None),
                }
                Answer::count(len)
            }
            Self::Count(key, at, by) => {
                let mut text = model.text(key).unwrap_or_default().to_vec();
                text.resize(text.len().max(at + 1), 0);
                text[*at] = text[*at].wrapping_add(*by);
                let after = text[*at];
                model.edit_text(key, text);
                Answer::Array(vec![Answer::Integer(after.into())])
            }
        }
    }
}

impl Rule {
    fn combine(self, texts: &[Vec<u8>]) -> Vec<u8> {
        let len = texts.iter().map(Vec::len).max().unwrap_or(0);
        let at = |at: usize| texts.iter().map(move |text| text.get(at).copied().unwrap_or(0));
        let combined = |bytes| match self {
            Self::And => at(bytes).fold(0xff, |one, other| one & other),
            Self::Or => at(bytes).fold(0, |one, other| one | other),
            Self::Xor => at(bytes).fold(0, |one, other| one ^ other),
        };
        (0..len).map(combined).collect()
    }
}

/// Behind a text are zeros, but not behind an empty one.
fn position(model: &Model, key: &str, bit: bool) -> i64 {
    if !model.has(key) {
        return if bit { -1 } else { 0 };
    }
    let bits = bits_of(model, key);
    let behind = if bit || bits.is_empty() { -1 } else { bits.len() as i64 };
    bits.iter().position(|it| *it == bit).map_or(behind, |at| at as i64)
}

fn bits_of(model: &Model, key: &str) -> Vec<bool> {
    let text = model.text(key).unwrap_or_default();
    text.iter().flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1)).collect()
}

fn bytes_of(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}
