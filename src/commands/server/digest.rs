//! `DEBUG DIGEST`, `DEBUG DIGEST-VALUE key [key …]`: digests of contents, equal to those of Redis.
//!
//! Two servers with the same keys and values, of which the same keys have a deadline, have the same
//! digest, whatever their history. Each key is read under the lock of its shard and hashed outside,
//! so with concurrent writes the digest is not that of one moment.

use std::sync::Arc;

use crate::hex;
use crate::keyspace::{
    Accounting, ColdSet, Entry, HashRef, HashView, Keyspace, StringRef, Value, ValueRef, View, by_type,
};
use crate::persistence::rdb::vector_set::cold;
use crate::resp::{Args, Reply};
use crate::vector_set::{Now, VectorSet, add_digest, mix_digest};

type Digest = [u8; 20];

const NOTHING: Digest = [0; 20];

/// Added for a key with a deadline; the deadline itself is not part of the digest.
const ENDS: &[u8] = b"!!expire!!";

/// Added for a field with a deadline.
const FIELD_ENDS: &[u8] = b"!!hexpire!!";

/// A value of one type, as part of a digest.
trait Digested: Copy {
    /// The digest with the contents of the value at this time added.
    fn added_to(self, digest: Digest, now_ms: i64) -> Digest;
}

impl Digested for StringRef<'_> {
    fn added_to(self, digest: Digest, _now_ms: i64) -> Digest {
        mix_digest(digest, &self.text())
    }
}

impl Digested for HashRef<'_> {
    fn added_to(self, digest: Digest, now_ms: i64) -> Digest {
        add_fields(digest, self.view(now_ms))
    }
}

impl Digested for &Arc<VectorSet> {
    fn added_to(self, digest: Digest, now_ms: i64) -> Digest {
        add_digest(digest, &self.at(Now { expiry_ms: now_ms, ..Now::UNTIMED }).digest())
    }
}

/// Of a set that cannot be read nothing is added.
impl Digested for &Arc<ColdSet> {
    fn added_to(self, digest: Digest, now_ms: i64) -> Digest {
        match cold::open(self.file(), self.file().dir()) {
            Ok(set) => (&Arc::new(set)).added_to(digest, now_ms),
            Err(why) => {
                tracing::error!("DEBUG DIGEST leaves a vector set out: {why}");
                digest
            }
        }
    }
}

/// The contents of which a digest is made.
struct Content {
    value: Value,
    ends: bool,
    now_ms: i64,
}

impl Content {
    fn of(entry: &Entry, now_ms: i64) -> Self {
        Self { value: entry.value().to_value(), ends: entry.deadline().unix_ms().is_some(), now_ms }
    }

    fn mixed_into(&self, digest: Digest) -> Digest {
        let value = self.value.view();
        let digest = mix_number(digest, value.type_number());
        let digest = by_type!(ValueRef, value, part => part.added_to(digest, self.now_ms));
        if self.ends { add_digest(digest, ENDS) } else { digest }
    }
}

/// The order of the fields does not matter.
fn add_fields(digest: Digest, hash: HashView) -> Digest {
    hash.iter().fold(digest, |digest, (field, value, deadline)| {
        let content = mix_digest(mix_digest(NOTHING, field), &value.text());
        let ends = deadline.unix_ms().is_some();
        let content = if ends { add_digest(content, FIELD_ENDS) } else { content };
        add_digest(digest, &content)
    })
}

/// `DEBUG DIGEST`.
pub(super) fn of_all(keyspace: &Keyspace) -> Reply {
    let now_ms = keyspace.clock().now_ms();
    let databases = keyspace.databases().iter().zip(0..);
    reply(databases.fold(NOTHING, |digest, (db, number)| add_database(digest, db.direct(), number, now_ms)))
}

/// `DEBUG DIGEST-VALUE`: a digest for each key, all zeros if there is no such key.
pub(super) fn of_values(keys: Args, db: View<'_>, now_ms: i64) -> Reply {
    let value = |key| {
        let content = db.lookup(key, Accounting::None, |entry| Content::of(entry, now_ms));
        reply(content.map_or(NOTHING, |content| content.mixed_into(NOTHING)))
    };
    Reply::Array(keys.iter().map(value).collect())
}

/// Adds a database; an empty one changes nothing.
fn add_database(digest: Digest, db: View<'_>, number: u32, now_ms: i64) -> Digest {
    let mut contents = Vec::new();
    db.for_each(|entry| contents.push((entry.key().to_vec(), Content::of(entry, now_ms))));
    if contents.is_empty() {
        return digest;
    }
    let keys = contents.iter().map(|(key, content)| content.mixed_into(mix_digest(NOTHING, key)));
    keys.fold(mix_number(digest, number), |digest, key| add_digest(digest, &key))
}

fn mix_number(digest: Digest, number: u32) -> Digest {
    mix_digest(digest, &number.to_be_bytes())
}

/// Forty hexadecimal digits.
fn reply(digest: Digest) -> Reply {
    Reply::SimpleOwned(hex::encode(&digest))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Session;

    /// The replies of Redis 8.6.2 after the same commands.
    #[test]
    fn digests_are_those_of_redis() {
        Session::debugging(1_790_000_000_000).hold_to(&[
            ("debug digest", "+0000000000000000000000000000000000000000"),
            ("debug digest-value", "*0"),
            ("set a 1", "+OK"),
            ("debug digest", "+943d800368fb9c0e951138f1bc0e313ac769d91f"),
            (
                "debug digest-value a nope",
                "*2 +b4fc66738120fba0b5aa500ab5c2bf89cea1c5da +0000000000000000000000000000000000000000",
            ),
            ("set b hello", "+OK"),
            ("append b world", ":10"),
            ("debug digest-value b", "*1 +d87c56bb0bf36f8a07d2106a71a21b5567ac06f9"),
            ("debug digest", "+31f1f41ea0668a44fce7a00f4356fdccc71e8a67"),
            ("pexpireat b 9999999999999", ":1"),
            ("debug digest-value b", "*1 +3ef9a844d7ca85dec6c4fb9234c8d4ce7d02477a"),
            ("debug digest", "+15de8aefeb2cc1754bae49df2fed5513963cde83"),
            ("select 3", "+OK"),
            ("set c x", "+OK"),
            ("debug digest", "+b32c1d6e9283e51a6c588d016644d491ee791361"),
            (
                "debug digest x",
                "-ERR unknown subcommand or wrong number of arguments for 'digest'. Try DEBUG HELP.",
            ),
            ("vadd v VALUES 2 1 2 e SETATTR hi", ":1"),
            ("vadd v VALUES 2 -1 2 f", ":1"),
            ("debug digest-value v", "*1 +429962d46116adf4a6bee7529fb14adb7975f74a"),
            ("debug digest", "+c4877672235367899967ae3039e859eda5446a1d"),
            ("pexpireat v 9999999999999", ":1"),
            ("debug digest-value v", "*1 +a41c9c2bbd2f47a067a80caadadb854063dbb6c9"),
            ("debug digest", "+d1494dce9bcaac95079808b579dba94a33fe0507"),
            ("flushall", "+OK"),
            ("debug digest", "+0000000000000000000000000000000000000000"),
        ]);
    }

    #[test]
    fn every_kind_of_code_has_the_digest_of_redis() {
        Session::debugging(0).hold_to(&[
            ("vadd f VALUES 3 3 0 4 a NOQUANT", ":1"),
            ("vadd b VALUES 3 1 -2 3 a BIN", ":1"),
            ("vadd r REDUCE 2 VALUES 3 1 2 3 a SETATTR x", ":1"),
            ("debug digest-value f b r", "*3 +89a0ec73e106c6937ad13a512aca8d81df1e3422 +26d748a6397982f6c7a2cd1a4d3791308a41a3a2 +e7a438742b5302023d9501480110ba1f08808785"),
        ]);
    }
}
