//! Compares sequences of commands with a model of plain maps, which is simple enough to be correct
//! by inspection.
//!
//! Time moves only between commands. To add a family: its variant in [`Value`], if it has one, a
//! file like `strings.rs` with its requests and their effect on a [`Model`], and its line in
//! [`Step`].

mod bitmaps;
mod hashes;
mod keys;
mod observed;
mod reference;
mod replayed;
mod strings;

use proptest::prelude::*;

use self::reference::{Answer, Entry, Model, Value};
use super::testing::Session;

/// Few keys, so that commands often use the same one.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// A text that is stored compressed.
const COMPRESSIBLE: &str = "{title:one,year:1990,genre:drama,tags:[one,two]}\
    {title:one,year:1990,genre:drama,tags:[one,two]}\
    {title:one,year:1990,genre:drama,tags:[one,two]}\
    {title:one,year:1990,genre:drama,tags:[one,two]}\
    {title:one,year:1990,genre:drama,tags:[one,two]}";

/// A text of such a length that is stored as it is.
const INCOMPRESSIBLE: &str = "NqVwYS81VP7Hb1DX8pPd5khxE3pyIgKpaUnArl63XykWZeiNNCiia3anXn9k3ksu9mI4ROnl89S\
    m995ytbxAk7jqevt0MLaMRTvetw0tESulEETldq8b8Vw2zbJYAxyL1aCcTlN99mhWp708DwGw5H\
    qXDgLVXZx3scB8fnvGNx6jvr7SIftRutlZfOjUStEkUdfMI7zcpVMw0qDPAjd6OcZFv1niUK8iO\
    5YAgkBxjd2AsjD7N2kHD9FSUuErsEz5jhy0I9lO7F3vlfFrGYJ3GxeYYXwSLQcWtxJTQr1FqXST";

/// A time in 2026.
const NOW_MS: i64 = 1_790_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    Advance(i64),
    Strings(strings::Request),
    Bitmaps(bitmaps::Request),
    Keys(keys::Request),
    Hashes(hashes::Request),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop_oneof![4 => 0..4_i64, 1 => 900..1100_i64].prop_map(Step::Advance),
        4 => strings::request().prop_map(Step::Strings),
        1 => bitmaps::request().prop_map(Step::Bitmaps),
        4 => keys::request().prop_map(Step::Keys),
        2 => hashes::request().prop_map(Step::Hashes),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&KEYS[..])
}

/// Deadlines around now: some have passed, some will be reached, and one never is.
fn deadline_ms() -> impl Strategy<Value = i64> {
    prop_oneof![8 => NOW_MS - 2..NOW_MS + 6, 1 => Just(NOW_MS + 1_000_000_000)]
}

/// The words of a request, empty ones included.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

struct Pair {
    session: Session,
    model: Model,
}

impl Pair {
    fn new() -> Self {
        Self { session: Session::at(NOW_MS), model: Model::at(NOW_MS) }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (line, answer) = match step {
            Step::Advance(by_ms) => {
                self.session.server.keyspace.clock().advance(*by_ms);
                self.model.advance(*by_ms);
                return Ok(());
            }
            Step::Strings(request) => (request.to_string(), request.answer(&mut self.model)),
            Step::Bitmaps(request) => (request.to_string(), request.answer(&mut self.model)),
            Step::Keys(request) => (request.to_string(), request.answer(&mut self.model)),
            Step::Hashes(request) => (request.to_string(), request.answer(&mut self.model)),
        };
        self.model.remove_expired();
        self.expect(&line, &answer)
    }

    fn expect(&mut self, line: &str, answer: &Answer) -> Result<(), TestCaseError> {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let reply = shown(&self.session.reply_to(&words(line)));
        prop_assert_eq!(reply, shown(&answer.encode()), "{} at {}", line, self.model.now_ms());
        Ok(())
    }

    /// Compares all keys of both databases.
    fn compare_all(&mut self) -> Result<(), TestCaseError> {
        for database in 0..2 {
            self.expect(&format!("SELECT {database}"), &Answer::Ok)?;
            let entry = self.model.all(database);
            self.expect("DBSIZE", &Answer::count(entry.len()))?;
            for (key, entry) in entry {
                self.compare(&key, entry)?;
            }
        }
        Ok(())
    }

    fn compare(&mut self, key: &str, entry: Entry) -> Result<(), TestCaseError> {
        self.expect(&format!("TYPE {key}"), &Answer::Simple(entry.value.type_name()))?;
        self.expect(&format!("PEXPIRETIME {key}"), &Answer::Integer(entry.deadline_ms.unwrap_or(-1)))?;
        self.expect(&format!("BLESS GET {key}"), &keys::blessing(Some(&entry)))?;
        match entry.value {
            Value::Text(text) => self.expect(&format!("GET {key}"), &Answer::Bulk(text)),
            Value::Hash(fields) => {
                self.expect(&format!("HLEN {key}"), &Answer::count(fields.len()))?;
                let mut each = fields.into_iter();
                each.try_for_each(|(field, value)| {
                    self.expect(&format!("HGET {key} {field}"), &Answer::Bulk(value))
                })
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn commands_do_what_a_plain_map_would(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.take(step)?;
        }
        pair.compare_all()?;
    }
}
