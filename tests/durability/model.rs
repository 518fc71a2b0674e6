//! The expected data of a server: keys with their values and deadlines, elements of vector sets.
//!
//! Each client has a model of the keys and elements that only it writes.

use std::collections::{BTreeMap, HashMap};

use crate::operations::{Operation, Ttl};
use crate::random::Random;

/// A moment that is known to lie between these, in ms since 1970.
pub(crate) type Window = (u64, u64);

/// The value of a field, and its deadline.
pub(crate) type Field = (Vec<u8>, Option<Window>);

/// How far the server's time may differ from the test's: the server may read the clock once for
/// many commands.
const SLACK_MS: u64 = 250;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    String(Vec<u8>),
    Hash(BTreeMap<String, Field>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) value: Value,
    pub(crate) deadline: Option<Window>,
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// The seed of its vector.
    pub(crate) vector: u64,
    pub(crate) attribute: Option<Vec<u8>>,
}

/// An element as the server returns it.
#[derive(Clone, Debug)]
pub(crate) struct SeenElement {
    pub(crate) vector: Vec<f32>,
    pub(crate) attribute: Option<Vec<u8>>,
}

/// A part of the state that is compared on its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cell {
    Key(String),
    Element(String, String),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    keys: HashMap<String, Key>,
    /// By set and name.
    elements: HashMap<(String, String), Element>,
}

/// The data that were found in the server.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) keys: HashMap<String, Key>,
    pub(crate) elements: HashMap<(String, String), SeenElement>,
    /// The time when the last value was read, in ms since 1970.
    pub(crate) until_ms: u64,
}

impl Model {
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.get(name)
    }

    pub(crate) fn element(&self, set: &str, name: &str) -> Option<&Element> {
        self.elements.get(&(set.to_owned(), name.to_owned()))
    }

    pub(crate) fn has_element(&self, set: &str, name: &str) -> bool {
        self.element(set, name).is_some()
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> {
        let elements = self.elements.keys().map(|(set, name)| Cell::Element(set.clone(), name.clone()));
        self.keys.keys().cloned().map(Cell::Key).chain(elements)
    }

    fn elements_of(&self, set: &str) -> Vec<String> {
        self.elements.keys().filter(|(of, _)| of == set).map(|(_, name)| name.clone()).collect()
    }

    /// Applies a command that was executed within the window, and returns the cells that it may
    /// have changed.
    pub(crate) fn apply(&mut self, operation: &Operation, at: Window) -> Vec<Cell> {
        match operation {
            Operation::Set { key, value, ttl } => {
                self.keys.insert(key.clone(), string(value, ttl.map(|ttl| ttl.deadline(at))));
            }
            Operation::Append { key, value } => self.edit_string(key, |text| text.extend_from_slice(value)),
            Operation::Incr { key } => self.edit_string(key, |text| add(text, 1.0)),
            Operation::IncrByFloat { key } => self.edit_string(key, |text| add(text, 0.5)),
            Operation::Delete { key } => drop(self.keys.remove(key)),
            Operation::Expire { key, ttl } => self.set_deadline(key, Some(ttl.deadline(at))),
            Operation::Persist { key } => self.set_deadline(key, None),
            Operation::Rename { from, to } => {
                if let Some(moved) = self.keys.remove(from) {
                    self.keys.insert(to.clone(), moved);
                }
            }
            Operation::HSet { key, fields } => self.edit_hash(key, |hash| {
                hash.extend(fields.iter().map(|(field, value)| (field.clone(), (value.clone(), None))));
            }),
            Operation::HDel { key, field } => self.edit_hash(key, |hash| drop(hash.remove(field))),
            Operation::HExpire { key, field, ttl } => self.edit_hash(key, |hash| {
                hash.entry(field.clone()).and_modify(|(_, deadline)| *deadline = Some(ttl.deadline(at)));
            }),
            Operation::VAdd { set, name, vector, attribute } => {
                let cell = (set.clone(), name.clone());
                let old_attribute = self.elements.get(&cell).and_then(|old| old.attribute.clone());
                let attribute = attribute.clone().or(old_attribute);
                self.elements.insert(cell, Element { vector: *vector, attribute });
            }
            Operation::VRem { set, name } => drop(self.elements.remove(&(set.clone(), name.clone()))),
            Operation::VSetAttr { set, name, attribute } => {
                let found = self.elements.get_mut(&(set.clone(), name.clone()));
                found.into_iter().for_each(|element| element.attribute = Some(attribute.clone()));
            }
            Operation::Flush => {
                let removed = self.cells().collect();
                *self = Self::default();
                return removed;
            }
            Operation::VDel { .. } | Operation::VRename { .. } => return self.change_set(operation),
            Operation::Transfer { parts, .. } => {
                return parts.iter().flat_map(|part| self.apply(part, at)).collect();
            }
            // Accounts belong to no single client: see `verdict`.
            Operation::IncrBy { .. } => {}
        }
        operation.cells()
    }

    fn change_set(&mut self, operation: &Operation) -> Vec<Cell> {
        let mut changed = Vec::new();
        let mut change = |elements: &mut HashMap<_, _>, set: &str, name: String, to: Option<&str>| {
            changed.push(Cell::Element(set.to_owned(), name.clone()));
            let old = elements.remove(&(set.to_owned(), name.clone()));
            if let (Some(to), Some(element)) = (to, old) {
                changed.push(Cell::Element(to.to_owned(), name.clone()));
                elements.insert((to.to_owned(), name), element);
            }
        };
        if let Operation::VRename { from, to } = operation {
            let replaced = self.elements_of(to);
            let moved = self.elements_of(from);
            replaced.into_iter().for_each(|name| change(&mut self.elements, to, name, None));
            moved.into_iter().for_each(|name| change(&mut self.elements, from, name, Some(to)));
        }
        if let Operation::VDel { set } = operation {
            self.elements_of(set).into_iter().for_each(|name| change(&mut self.elements, set, name, None));
        }
        changed
    }

    fn edit_string(&mut self, key: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let entry = self.keys.entry(key.to_owned()).or_insert_with(|| string(b"", None));
        let Value::String(text) = &mut entry.value else { panic!("{key} is a string") };
        edit(text);
    }

    /// A hash without fields does not exist as a key.
    fn edit_hash(&mut self, key: &str, edit: impl FnOnce(&mut BTreeMap<String, Field>)) {
        let empty = || Key { value: Value::Hash(BTreeMap::new()), deadline: None };
        let entry = self.keys.entry(key.to_owned()).or_insert_with(empty);
        let Value::Hash(hash) = &mut entry.value else { panic!("{key} is a hash") };
        edit(hash);
        if hash.is_empty() {
            self.keys.remove(key);
        }
    }

    fn set_deadline(&mut self, key: &str, deadline: Option<Window>) {
        self.keys.entry(key.to_owned()).and_modify(|key| key.deadline = deadline);
    }

    /// True if this cell is the same in the server.
    pub(crate) fn agrees(&self, seen: &Seen, cell: &Cell) -> bool {
        match cell {
            Cell::Key(name) => same_key(self.keys.get(name), seen.keys.get(name), seen.until_ms),
            Cell::Element(set, name) => {
                let at = (set.clone(), name.clone());
                same_element(set, self.elements.get(&at), seen.elements.get(&at))
            }
        }
    }

    /// Both sides of a cell, for a message.
    pub(crate) fn describe(&self, seen: &Seen, cell: &Cell) -> String {
        match cell {
            Cell::Key(name) => {
                format!("{name}: expected {:?}, found {:?}", self.keys.get(name), seen.keys.get(name))
            }
            Cell::Element(set, name) => {
                let at = (set.clone(), name.clone());
                let found = seen.elements.get(&at).map(|found| (found.vector.first(), &found.attribute));
                let expected = self.elements.get(&at).map(|element| (element, vector(element.vector, 1)));
                format!("{set} {name}: expected {expected:?}, found {found:?}")
            }
        }
    }
}

fn string(value: &[u8], deadline: Option<Window>) -> Key {
    Key { value: Value::String(value.to_vec()), deadline }
}

fn add(text: &mut Vec<u8>, step: f64) {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    *text = (number + step).to_string().into_bytes();
}

fn same_key(expected: Option<&Key>, found: Option<&Key>, until_ms: u64) -> bool {
    match (expected, found) {
        (None, found) => found.is_none(),
        // It may have expired before it was read.
        (Some(key), None) => key.deadline.is_some_and(|(earliest, _)| earliest <= until_ms + SLACK_MS),
        (Some(key), Some(found)) => {
            same_deadline(key.deadline, found.deadline) && same_value(&key.value, &found.value)
        }
    }
}

fn same_deadline(expected: Option<Window>, found: Option<Window>) -> bool {
    match (expected, found) {
        (Some((earliest, latest)), Some((at, _))) => {
            earliest <= at + SLACK_MS && at <= latest.saturating_add(SLACK_MS)
        }
        (expected, found) => expected.is_none() && found.is_none(),
    }
}

fn same_value(expected: &Value, found: &Value) -> bool {
    let (Value::Hash(expected), Value::Hash(found)) = (expected, found) else { return expected == found };
    let same = |((field, one), (found, other)): ((&String, &Field), (&String, &Field))| {
        field == found && one.0 == other.0 && same_deadline(one.1, other.1)
    };
    expected.len() == found.len() && expected.iter().zip(found).all(same)
}

fn same_element(set: &str, expected: Option<&Element>, found: Option<&SeenElement>) -> bool {
    let (Some(expected), Some(found)) = (expected, found) else {
        return expected.is_none() && found.is_none();
    };
    let vector = vector(expected.vector, shape(set).dim);
    let largest = vector.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
    // Q8 stores each component with an error of up to half of a 127th of the largest.
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= largest / 100.0;
    vector.len() == found.vector.len()
        && vector.iter().zip(&found.vector).all(close)
        && expected.attribute == found.attribute
}

/// How a set of that name is created.
pub(crate) struct Shape {
    pub(crate) dim: usize,
    pub(crate) options: &'static str,
}

pub(crate) const SHARED: &str = "shared";
pub(crate) const LEDGER: &str = "ledger";

pub(crate) fn shape(set: &str) -> Shape {
    match set {
        SHARED => Shape { dim: 384, options: "Q8" },
        LEDGER => Shape { dim: 16, options: "NOQUANT M 4" },
        _ => Shape { dim: 96, options: "NOQUANT M 8" },
    }
}

/// The vector of a seed.
pub(crate) fn vector(seed: u64, dim: usize) -> Vec<f32> {
    let mut random = Random::new(seed, 0);
    (0..dim).map(|_| random.unit()).collect()
}

impl Ttl {
    /// The deadline of something that got this time to live within the window.
    fn deadline(self, (earliest, latest): Window) -> Window {
        (earliest + self.ms(), latest.saturating_add(self.ms()))
    }
}
