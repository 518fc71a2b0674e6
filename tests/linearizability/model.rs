//! Commands on few keys and elements, and what each does to them if it is alone.

use std::collections::BTreeMap;

use crate::checker::Model;

/// Keys of a history.
pub(crate) const KEYS: u8 = 3;
/// Elements of a set.
pub(crate) const ELEMENTS: u8 = 3;
/// Different vectors, attributes and strings.
pub(crate) const VALUES: u8 = 4;

/// An element: the vector `(vector, 0)`, and perhaps an attribute.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Element {
    vector: u8,
    attribute: Option<u8>,
}

/// What a key may hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Value {
    Number(i64),
    Set(BTreeMap<u8, Element>),
}

/// All keys.
pub(crate) type State = BTreeMap<u8, Value>;

/// A command. Elements and values are small numbers; vectors are never 0.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    Set(u8, u8),
    Get(u8),
    Incr(u8),
    Del(u8),
    Exists(u8),
    Rename(u8, u8),
    RenameNx(u8, u8),
    VAdd(u8, u8, u8),
    /// All elements at once, with the same vector.
    VAddAll(u8, u8),
    VRem(u8, u8),
    VRemAll(u8),
    VIsMember(u8, u8),
    VCard(u8),
    VEmb(u8, u8),
    VSetAttr(u8, u8, u8),
    VGetAttr(u8, u8),
}

use Command::*;

/// Commands that happen at one moment, and the bytes that answered each.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// What was read behind WATCH, if the commands are a transaction that depends on it.
    pub(crate) guard: Option<(Command, String)>,
    pub(crate) commands: Vec<Command>,
    /// None if EXEC refused, since a watched key had changed.
    pub(crate) replies: Option<Vec<String>>,
}

impl Answered {
    /// A command by itself.
    pub(crate) fn single(command: Command, reply: String) -> Self {
        Self { guard: None, commands: vec![command], replies: Some(vec![reply]) }
    }

    /// The keys of all commands.
    pub(crate) fn keys(&self) -> Vec<u8> {
        let guard = self.guard.iter().map(|(command, _)| command);
        guard.chain(&self.commands).flat_map(|command| command.keys()).collect()
    }
}

impl Command {
    /// One of all that are possible. `draw(n)`: below `n`.
    pub(crate) fn random(draw: &mut impl FnMut(u8) -> u8) -> Self {
        let kind = draw(24);
        let key = draw(KEYS);
        let element = draw(ELEMENTS);
        let other = draw(KEYS);
        let value = 1 + draw(VALUES);
        match kind {
            0 => Set(key, value),
            1 => Get(key),
            2 => Incr(key),
            3 => Del(key),
            4 => Exists(key),
            5 => Rename(key, other),
            6 => RenameNx(key, other),
            7..=10 => VAdd(key, element, value),
            11 => VAddAll(key, value),
            12..=14 => VRem(key, element),
            15 => VRemAll(key),
            16..=17 => VIsMember(key, element),
            18..=19 => VCard(key),
            20 => VEmb(key, element),
            21..=22 => VSetAttr(key, element, value),
            _ => VGetAttr(key, element),
        }
    }

    /// The keys it names.
    pub(crate) fn keys(self) -> Vec<u8> {
        match self {
            Rename(from, to) | RenameNx(from, to) => vec![from, to],
            Set(key, _) | Get(key) | Incr(key) | Del(key) | Exists(key) => vec![key],
            VAdd(key, ..) | VAddAll(key, _) | VRem(key, _) | VRemAll(key) => vec![key],
            VIsMember(key, _) | VCard(key) | VEmb(key, _) => vec![key],
            VSetAttr(key, ..) | VGetAttr(key, _) => vec![key],
        }
    }

    /// Its words; `round` keeps the keys of histories apart.
    pub(crate) fn words(self, round: usize) -> String {
        let key = |key| format!("{round}:{key}");
        let vector = |vector, element| format!("VALUES 2 {vector} 0 e{element}");
        let all = (0..ELEMENTS).map(|element| format!("e{element}")).collect::<Vec<_>>().join(" ");
        match self {
            Set(k, value) => format!("SET {} {value}", key(k)),
            Get(k) => format!("GET {}", key(k)),
            Incr(k) => format!("INCR {}", key(k)),
            Del(k) => format!("DEL {}", key(k)),
            Exists(k) => format!("EXISTS {}", key(k)),
            Rename(from, to) => format!("RENAME {} {}", key(from), key(to)),
            RenameNx(from, to) => format!("RENAMENX {} {}", key(from), key(to)),
            VAdd(k, element, v) => format!("VADD {} {} NOQUANT", key(k), vector(v, element)),
            VAddAll(k, v) => {
                let puts: Vec<_> = (0..ELEMENTS).map(|element| vector(v, element)).collect();
                format!("VADD {} {} NOQUANT", key(k), puts.join(" "))
            }
            VRem(k, element) => format!("VREM {} e{element}", key(k)),
            VRemAll(k) => format!("VREM {} {all}", key(k)),
            VIsMember(k, element) => format!("VISMEMBER {} e{element}", key(k)),
            VCard(k) => format!("VCARD {}", key(k)),
            VEmb(k, element) => format!("VEMB {} e{element}", key(k)),
            VSetAttr(k, element, value) => format!("VSETATTR {} e{element} {value}", key(k)),
            VGetAttr(k, element) => format!("VGETATTR {} e{element}", key(k)),
        }
    }

    /// What it answers in a state, and what it leaves.
    fn run(self, state: &mut State) -> Reply {
        match self {
            Set(key, value) => {
                state.insert(key, Value::Number(value.into()));
                Reply::Ok
            }
            Get(key) => match state.get(&key) {
                Some(Value::Set(_)) => Reply::Error("WRONGTYPE"),
                Some(Value::Number(number)) => Reply::Bulk(number.to_string()),
                None => Reply::Nil,
            },
            Incr(key) => match state.entry(key).or_insert(Value::Number(0)) {
                Value::Set(_) => Reply::Error("WRONGTYPE"),
                Value::Number(number) => {
                    *number += 1;
                    Reply::Integer(*number)
                }
            },
            Del(key) => Reply::Integer(state.remove(&key).is_some().into()),
            Exists(key) => Reply::Integer(state.contains_key(&key).into()),
            Rename(from, to) => match state.remove(&from) {
                Some(value) => {
                    state.insert(to, value);
                    Reply::Ok
                }
                None => Reply::Error("ERR"),
            },
            RenameNx(from, to) => {
                if !state.contains_key(&from) {
                    return Reply::Error("ERR");
                }
                if state.contains_key(&to) {
                    return Reply::Integer(0);
                }
                Rename(from, to).run(state);
                Reply::Integer(1)
            }
            VAdd(key, element, vector) => add(state, key, &[element], vector),
            VAddAll(key, vector) => add(state, key, &(0..ELEMENTS).collect::<Vec<_>>(), vector),
            VRem(key, element) => remove(state, key, &[element]),
            VRemAll(key) => remove(state, key, &(0..ELEMENTS).collect::<Vec<_>>()),
            VIsMember(key, element) => {
                look(state, key, |set| Reply::Integer(set.contains_key(&element).into()))
            }
            VCard(key) => look(state, key, |set| Reply::Integer(set.len() as i64)),
            VEmb(key, element) => look(state, key, |set| {
                set.get(&element).map_or(Reply::Nil, |element| Reply::Vector(element.vector))
            }),
            VGetAttr(key, element) => look(state, key, |set| {
                let attribute = set.get(&element).and_then(|element| element.attribute);
                attribute.map_or(Reply::Nil, |attribute| Reply::Bulk(attribute.to_string()))
            }),
            VSetAttr(key, element, attribute) => change(state, key, |set| match set.get_mut(&element) {
                Some(element) => {
                    element.attribute = Some(attribute);
                    Reply::Integer(1)
                }
                None => Reply::Integer(0),
            }),
        }
    }
}

fn look(state: &State, key: u8, look: impl FnOnce(&BTreeMap<u8, Element>) -> Reply) -> Reply {
    match state.get(&key) {
        Some(Value::Number(_)) => Reply::Error("WRONGTYPE"),
        Some(Value::Set(set)) => look(set),
        None => look(&BTreeMap::new()),
    }
}

/// A set that is empty afterwards goes with its key.
fn change(state: &mut State, key: u8, change: impl FnOnce(&mut BTreeMap<u8, Element>) -> Reply) -> Reply {
    let Value::Set(set) = state.entry(key).or_insert_with(|| Value::Set(BTreeMap::new())) else {
        return Reply::Error("WRONGTYPE");
    };
    let reply = change(set);
    if set.is_empty() {
        state.remove(&key);
    }
    reply
}

fn add(state: &mut State, key: u8, elements: &[u8], vector: u8) -> Reply {
    change(state, key, |set| {
        let before = set.len();
        for &element in elements {
            set.entry(element).or_insert(Element { vector, attribute: None }).vector = vector;
        }
        Reply::Integer((set.len() - before) as i64)
    })
}

fn remove(state: &mut State, key: u8, elements: &[u8]) -> Reply {
    change(state, key, |set| {
        Reply::Integer(elements.iter().filter(|&element| set.remove(element).is_some()).count() as i64)
    })
}

/// What a command answers.
enum Reply {
    Ok,
    Nil,
    Integer(i64),
    Bulk(String),
    Vector(u8),
    /// Its first word.
    Error(&'static str),
}

impl Reply {
    fn is(&self, bytes: &str) -> bool {
        match self {
            Reply::Ok => bytes == "+OK\r\n",
            Reply::Nil => matches!(bytes, "$-1\r\n" | "*-1\r\n"),
            Reply::Integer(number) => bytes == format!(":{number}\r\n"),
            Reply::Bulk(text) => bytes == format!("${}\r\n{text}\r\n", text.len()),
            Reply::Vector(x) => bytes == format!("*2\r\n$1\r\n{x}\r\n$1\r\n0\r\n"),
            Reply::Error(word) => bytes.starts_with(&format!("-{word} ")),
        }
    }
}

impl Model for Answered {
    type State = State;

    fn apply(&self, state: &State) -> Option<State> {
        let mut next = state.clone();
        // A refused transaction changes nothing, and says nothing of the present.
        let Some(replies) = &self.replies else { return Some(next) };
        let mut is_right = |(command, reply): (&Command, &String)| command.run(&mut next).is(reply);
        let as_it_was = self.guard.iter().all(|(command, reply)| is_right((command, reply)));
        let all_right = as_it_was && self.commands.iter().zip(replies).all(is_right);
        all_right.then_some(next)
    }
}
