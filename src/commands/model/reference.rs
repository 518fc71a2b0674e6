//! The model: two databases as plain maps, values with deadlines, and the time.

use std::collections::BTreeMap;

/// The value of a key.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Vec<u8>),
    Hash(BTreeMap<String, Vec<u8>>),
}

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Hash(_) => "hash",
        }
    }
}

/// A key's value and its deadline.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) deadline_ms: Option<i64>,
    pub(super) is_blessed: bool,
}

pub(super) struct Model {
    databases: [BTreeMap<String, Entry>; 2],
    now_ms: i64,
}

impl Model {
    pub(super) fn at(now_ms: i64) -> Self {
        Self { databases: Default::default(), now_ms }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    pub(super) fn advance(&mut self, by_ms: i64) {
        self.now_ms += by_ms;
        let now_ms = self.now_ms;
        self.retain(|deadline_ms| deadline_ms >= now_ms);
    }

    /// Removes keys whose deadline is not in the future.
    pub(super) fn remove_expired(&mut self) {
        let now_ms = self.now_ms;
        self.retain(|deadline_ms| deadline_ms >= now_ms);
    }

    fn retain(&mut self, lives: impl Fn(i64) -> bool) {
        for database in &mut self.databases {
            database.retain(|_, entry| entry.deadline_ms.is_none_or(&lives));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.databases[0].get(key)
    }

    /// The text of a key; none if the value has another type.
    pub(super) fn text(&self, key: &str) -> Option<&[u8]> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            Value::Hash(_) => None,
        }
    }

    /// The fields of a key, empty if it is missing; none if the value has another type.
    pub(super) fn hash(&self, key: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        match self.get(key).map(|entry| &entry.value) {
            None => Some(BTreeMap::new()),
            Some(Value::Hash(fields)) => Some(fields.clone()),
            Some(Value::Text(_)) => None,
        }
    }

    /// Replaces the fields of a key and keeps its deadline; no fields remove it.
    pub(super) fn edit_hash(&mut self, key: &str, fields: BTreeMap<String, Vec<u8>>) {
        let is_blessed = self.is_blessed(key);
        let entry = Entry { deadline_ms: self.deadline_ms(key), value: Value::Hash(fields), is_blessed };
        self.remove(key);
        if !matches!(&entry.value, Value::Hash(fields) if fields.is_empty()) {
            self.put(0, key, entry);
        }
    }

    pub(super) fn is_no_text(&self, key: &str) -> bool {
        self.has(key) && self.text(key).is_none()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn deadline_ms(&self, key: &str) -> Option<i64> {
        self.get(key)?.deadline_ms
    }

    pub(super) fn is_blessed(&self, key: &str) -> bool {
        self.get(key).is_some_and(|entry| entry.is_blessed)
    }

    /// Returns whether that changed the key; none if there is no such key.
    pub(super) fn bless(&mut self, key: &str, is_blessed: bool) -> Option<bool> {
        let entry = self.databases[0].get_mut(key)?;
        Some(std::mem::replace(&mut entry.is_blessed, is_blessed) != is_blessed)
    }

    /// Sets a text with a deadline, if there is one. A deadline that is not in the future removes
    /// the key.
    pub(super) fn put_text(&mut self, key: &str, text: impl Into<Vec<u8>>, deadline_ms: Option<i64>) {
        let is_blessed = self.is_blessed(key);
        self.put(0, key, Entry { value: Value::Text(text.into()), deadline_ms: None, is_blessed });
        self.set_end(key, deadline_ms);
    }

    /// Replaces the text and keeps the deadline.
    pub(super) fn edit_text(&mut self, key: &str, text: impl Into<Vec<u8>>) {
        let is_blessed = self.is_blessed(key);
        let entry = Entry { value: Value::Text(text.into()), deadline_ms: self.deadline_ms(key), is_blessed };
        self.put(0, key, entry);
    }

    pub(super) fn set_end(&mut self, key: &str, deadline_ms: Option<i64>) {
        if deadline_ms.is_some_and(|deadline_ms| deadline_ms <= self.now_ms) {
            self.remove(key);
        } else if let Some(entry) = self.databases[0].get_mut(key) {
            entry.deadline_ms = deadline_ms;
        }
    }

    pub(super) fn put(&mut self, database: usize, key: &str, entry: Entry) {
        self.databases[database].insert(key.to_owned(), entry);
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Entry> {
        self.databases[0].remove(key)
    }

    pub(super) fn all(&self, database: usize) -> BTreeMap<String, Entry> {
        self.databases[database].clone()
    }

    pub(super) fn swap(&mut self) {
        self.databases.swap(0, 1);
    }

    pub(super) fn clear(&mut self) {
        self.databases[0].clear();
    }
}

/// A reply in RESP2.
pub(super) enum Answer {
    Ok,
    Null,
    Simple(&'static str),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Answer>),
    Error(&'static str),
}

impl Answer {
    pub(super) const WRONG_TYPE: Self =
        Self::Error("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(super) const NO_SUCH_KEY: Self = Self::Error("ERR no such key");
    pub(super) const NOT_AN_INTEGER: Self = Self::Error("ERR value is not an integer or out of range");

    pub(super) fn count(count: usize) -> Self {
        Self::Integer(count as i64)
    }

    pub(super) fn flag(flag: bool) -> Self {
        Self::Integer(flag.into())
    }

    pub(super) fn text(text: Option<&[u8]>) -> Self {
        text.map_or(Self::Null, |text| Self::Bulk(text.to_vec()))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ok => b"+OK\r\n".to_vec(),
            Self::Null => b"$-1\r\n".to_vec(),
            Self::Simple(text) => format!("+{text}\r\n").into_bytes(),
            Self::Integer(number) => format!(":{number}\r\n").into_bytes(),
            Self::Error(text) => format!("-{text}\r\n").into_bytes(),
            Self::Bulk(text) => [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat(),
            Self::Array(items) => {
                let header = format!("*{}\r\n", items.len()).into_bytes();
                std::iter::once(header).chain(items.iter().map(Self::encode)).flatten().collect()
            }
        }
    }
}
