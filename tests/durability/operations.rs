//! The writes of clients: drawn at random, and encoded as requests.

use crate::connection::{Request, words};
use crate::model::{Cell, LEDGER, Model, SHARED, Value, shape, vector};
use crate::random::Random;

/// The number of keys of each kind that a client has.
const POOL: u64 = 40;
const FIELDS: u64 = 12;
const ELEMENTS: u64 = 120;
/// Accounts that all clients of a database move money between.
pub(crate) const ACCOUNTS: u64 = 8;
/// Databases over which the clients are spread; the last belongs to one client, which empties it
/// from time to time.
pub(crate) const DATABASES: usize = 3;

/// Seconds, or milliseconds for short times.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ttl {
    Seconds(u64),
    Ms(u64),
}

impl Ttl {
    pub(crate) fn ms(self) -> u64 {
        match self {
            Ttl::Seconds(seconds) => seconds * 1000,
            Ttl::Ms(ms) => ms,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Set {
        key: String,
        value: Vec<u8>,
        ttl: Option<Ttl>,
    },
    Append {
        key: String,
        value: Vec<u8>,
    },
    Incr {
        key: String,
    },
    IncrByFloat {
        key: String,
    },
    IncrBy {
        account: String,
        sum: i64,
    },
    Delete {
        key: String,
    },
    Expire {
        key: String,
        ttl: Ttl,
    },
    Persist {
        key: String,
    },
    Rename {
        from: String,
        to: String,
    },
    HSet {
        key: String,
        fields: Vec<(String, Vec<u8>)>,
    },
    HDel {
        key: String,
        field: String,
    },
    HExpire {
        key: String,
        field: String,
        ttl: Ttl,
    },
    VAdd {
        set: String,
        name: String,
        vector: u64,
        attribute: Option<Vec<u8>>,
    },
    VRem {
        set: String,
        name: String,
    },
    VSetAttr {
        set: String,
        name: String,
        attribute: Vec<u8>,
    },
    VDel {
        set: String,
    },
    VRename {
        from: String,
        to: String,
    },
    Flush,
    /// A transaction of these operations.
    Transfer {
        parts: Vec<Operation>,
    },
}

impl Operation {
    /// The cells that a command on one key or element changes.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        use Operation::*;
        match self {
            Set { key, .. } | Append { key, .. } | Incr { key } | IncrByFloat { key } | Delete { key } => {
                vec![Cell::Key(key.clone())]
            }
            Expire { key, .. }
            | Persist { key }
            | HSet { key, .. }
            | HDel { key, .. }
            | HExpire { key, .. } => {
                vec![Cell::Key(key.clone())]
            }
            Rename { from, to } => vec![Cell::Key(from.clone()), Cell::Key(to.clone())],
            VAdd { set, name, .. } | VRem { set, name } | VSetAttr { set, name, .. } => {
                vec![Cell::Element(set.clone(), name.clone())]
            }
            VDel { .. } | VRename { .. } | Flush | Transfer { .. } | IncrBy { .. } => Vec::new(),
        }
    }

    /// The requests to send; each of them gets a reply.
    pub(crate) fn requests(&self) -> Vec<Request> {
        match self {
            Operation::Transfer { parts } => {
                let body = parts.iter().map(Operation::request);
                [words("MULTI")].into_iter().chain(body).chain([words("EXEC")]).collect()
            }
            single => vec![single.request()],
        }
    }

    fn request(&self) -> Request {
        use Operation::*;
        let with = |line: String, last: &[u8]| {
            let mut request = words(&line);
            request.push(last.to_vec());
            request
        };
        match self {
            Set { key, value, ttl } => {
                let mut request = with(format!("SET {key}"), value);
                request.extend(ttl.iter().flat_map(|ttl| match ttl {
                    Ttl::Seconds(seconds) => words(&format!("EX {seconds}")),
                    Ttl::Ms(ms) => words(&format!("PX {ms}")),
                }));
                request
            }
            Append { key, value } => with(format!("APPEND {key}"), value),
            Incr { key } => words(&format!("INCR {key}")),
            IncrByFloat { key } => words(&format!("INCRBYFLOAT {key} 0.5")),
            IncrBy { account, sum } => words(&format!("INCRBY {account} {sum}")),
            Delete { key } | VDel { set: key } => words(&format!("DEL {key}")),
            Expire { key, ttl } => words(&format!("PEXPIRE {key} {}", ttl.ms())),
            Persist { key } => words(&format!("PERSIST {key}")),
            Rename { from, to } | VRename { from, to } => words(&format!("RENAME {from} {to}")),
            HSet { key, fields } => {
                let mut request = words(&format!("HSET {key}"));
                let pairs =
                    fields.iter().flat_map(|(field, value)| [field.as_bytes().to_vec(), value.clone()]);
                request.extend(pairs);
                request
            }
            HDel { key, field } => words(&format!("HDEL {key} {field}")),
            HExpire { key, field, ttl } => words(&format!("HPEXPIRE {key} {} FIELDS 1 {field}", ttl.ms())),
            VAdd { set, name, vector: seed, attribute } => {
                let shape = shape(set);
                let blob: Vec<u8> = vector(*seed, shape.dim).iter().flat_map(|x| x.to_le_bytes()).collect();
                let mut request = with(format!("VADD {set} FP32"), &blob);
                request.extend(words(&format!("{name} {}", shape.options)));
                request.extend(attribute.iter().flat_map(|text| [b"SETATTR".to_vec(), text.clone()]));
                request
            }
            VRem { set, name } => words(&format!("VREM {set} {name}")),
            VSetAttr { set, name, attribute } => with(format!("VSETATTR {set} {name}"), attribute),
            Flush => words("FLUSHDB"),
            Transfer { .. } => unreachable!("transactions have several requests"),
        }
    }
}

/// Draws the operations of one client.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) client: usize,
    pub(crate) random: Random,
    /// Whether the server's log has updates of vectors.
    pub(crate) updates: bool,
    /// Whether only this client uses the database.
    pub(crate) alone: bool,
}

impl Writer {
    fn pool_key(&mut self, kind: &str) -> String {
        format!("{kind}:{}:{}", self.client, self.random.below(POOL))
    }

    /// Mostly short; some long, some numbers, some that can be compressed.
    fn value(&mut self) -> Vec<u8> {
        let most = if self.random.once_in(20) { 20_000 } else { 100 };
        let len = self.random.below(most);
        match self.random.below(4) {
            0 => self.random.next().to_string().into_bytes(),
            1 => vec![b'x'; len as usize],
            _ => (0..len).map(|_| self.random.next() as u8).collect(),
        }
    }

    fn ttl(&mut self) -> Ttl {
        Ttl::Seconds(1000 + self.random.below(1000))
    }

    fn attribute(&mut self) -> Vec<u8> {
        format!("{{\"year\":{},\"of\":{}}}", self.random.below(3000), self.client).into_bytes()
    }

    fn set(&mut self) -> (String, String) {
        let element = self.random.below(ELEMENTS);
        if self.random.once_in(2) {
            (SHARED.to_owned(), format!("{}:{element}", self.client))
        } else {
            (self.own_set(), format!("e{element}"))
        }
    }

    fn own_set(&mut self) -> String {
        format!("v:{}:{}", self.client, self.random.below(2))
    }

    /// The next operation, given the data after all operations before it.
    pub(crate) fn draw(&mut self, model: &Model) -> Operation {
        match self.random.below(20) {
            _ if self.alone && self.random.once_in(300) => Operation::Flush,
            0..3 => self.draw_string(),
            3 => Operation::Incr { key: self.pool_key("n") },
            4 => Operation::IncrByFloat { key: format!("f:{}", self.client) },
            5 => self.draw_brief(),
            6..9 => self.draw_hash(model),
            9..11 => self.draw_key(model),
            11..13 => self.transfer(model),
            13 => self.draw_set(model),
            _ => self.draw_element(model),
        }
    }

    fn draw_string(&mut self) -> Operation {
        let key = self.pool_key("s");
        let value = self.value();
        match self.random.below(4) {
            0 => Operation::Append { key, value },
            1 => Operation::Set { key, value, ttl: Some(self.ttl()) },
            _ => Operation::Set { key, value, ttl: None },
        }
    }

    /// A key that may expire before it is read: no other operation uses it.
    fn draw_brief(&mut self) -> Operation {
        let ms = 100 + self.random.below(3000);
        Operation::Set { key: self.pool_key("b"), value: self.value(), ttl: Some(Ttl::Ms(ms)) }
    }

    fn draw_hash(&mut self, model: &Model) -> Operation {
        let key = self.pool_key("h");
        let field = format!("f{}", self.random.below(FIELDS));
        let has = |field: &str| match model.key(&key).map(|key| &key.value) {
            Some(Value::Hash(hash)) => hash.contains_key(field),
            _ => false,
        };
        match self.random.below(6) {
            0 if has(&field) => Operation::HDel { key, field },
            1 if has(&field) => Operation::HExpire { key, field, ttl: self.ttl() },
            _ => {
                let other = format!("f{}", FIELDS + self.random.below(FIELDS));
                Operation::HSet { key, fields: vec![(field, self.value()), (other, b"12".to_vec())] }
            }
        }
    }

    fn draw_key(&mut self, model: &Model) -> Operation {
        let kind = ["s", "h"][self.random.below(2) as usize];
        let key = self.pool_key(kind);
        match self.random.below(4) {
            0 => Operation::Delete { key },
            1 => Operation::Expire { key, ttl: self.ttl() },
            2 if model.key(&key).is_some() => Operation::Rename { from: key, to: self.pool_key(kind) },
            _ => Operation::Persist { key },
        }
    }

    fn draw_element(&mut self, model: &Model) -> Operation {
        let (set, name) = self.set();
        let is_there = model.has_element(&set, &name);
        match self.random.below(6) {
            0 | 1 if is_there => Operation::VRem { set, name },
            2 if is_there => Operation::VSetAttr { set, name, attribute: self.attribute() },
            _ if is_there && !self.updates => Operation::VRem { set, name },
            drawn => {
                let attribute = (drawn == 3).then(|| self.attribute());
                Operation::VAdd { set, name, vector: self.random.next(), attribute }
            }
        }
    }

    fn draw_set(&mut self, model: &Model) -> Operation {
        let from = format!("v:{}:0", self.client);
        let to = format!("v:{}:1", self.client);
        let has_any = |set: &str| (0..ELEMENTS).any(|n| model.has_element(set, &format!("e{n}")));
        match self.random.below(4) {
            0 => Operation::VDel { set: self.own_set() },
            1 if has_any(&from) => Operation::VRename { from, to },
            2 if has_any(&to) => Operation::VRename { from: to, to: from },
            _ => self.draw_element(model),
        }
    }

    /// Moves money from one account to another, counts the transfer, and adds an element with the
    /// number of the last transfer.
    fn transfer(&mut self, model: &Model) -> Operation {
        let from = self.random.below(ACCOUNTS);
        let to = self.random.below(ACCOUNTS);
        let sum = 1 + self.random.below(50) as i64;
        let counter = format!("t:{}", self.client);
        let done = match model.key(&counter).map(|key| &key.value) {
            Some(Value::String(text)) => String::from_utf8_lossy(text).parse().expect("a counter"),
            _ => 0_u64,
        };
        let entry = |number: u64| format!("{}:{number}", self.client);
        let ledger = || LEDGER.to_owned();
        let mut parts = vec![
            Operation::IncrBy { account: account(from), sum: -sum },
            Operation::Incr { key: counter },
            Operation::VAdd { set: ledger(), name: entry(done + 1), vector: done + 1, attribute: None },
            Operation::IncrBy { account: account(to), sum },
        ];
        if done > 0 {
            parts.push(Operation::VRem { set: ledger(), name: entry(done) });
        }
        Operation::Transfer { parts }
    }
}

pub(crate) fn account(number: u64) -> String {
    format!("account:{number}")
}
